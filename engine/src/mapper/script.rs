//! Mappers that are scripts (`script-…`).

use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::claim::{self, Place};
use super::{Claims, Mapper, Subject, Target};
use crate::script::Script;
use crate::script::run::run;

/// Claims that no script changes: they say what the token is and how long it is good.
const FIXED: [&str; 9] = [
    "jti", "typ", "iat", "exp", "nbf", "iss", "azp", "sid", "nonce",
];

/// Runs a script, takes over what it did to the claims, and puts its value where the settings say.
/// One that fails adds nothing.
pub(super) fn evaluate(
    script: &Script,
    mapper: &Mapper,
    target: Target,
    subject: &Subject<'_>,
    claims: &mut Claims,
) {
    let seen = claims.clone().into_json();
    let outcome = match run(&script.code, &sees(target, subject, seen)) {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(mapper = mapper.name, script = script.id, "{error}");
            return;
        }
    };
    take_over(outcome.claims, claims);
    let Some(spot) = &mapper.spot else {
        return;
    };
    let label = spot.label.as_deref();
    let Some(value) = found(outcome.value, label, spot.multivalued) else {
        return;
    };
    let place = Place {
        path: &spot.path,
        json: label == Some("JSON"),
        multivalued: spot.multivalued,
    };
    if !place.set(target, value, claims) {
        tracing::debug!(mapper = mapper.name, "claim cannot be set");
    }
}

/// A list where the settings ask for one, else one value; a list is one only as JSON.
fn found(value: Value, label: Option<&str>, multivalued: bool) -> Option<Value> {
    let Value::Array(values) = value else {
        return convert(label, value);
    };
    if multivalued {
        let converted = values.into_iter().map(|value| convert(label, value));
        let list: Vec<Value> = converted.map(Option::unwrap_or_default).collect();
        return (!list.is_empty()).then_some(Value::Array(list));
    }
    if label == Some("JSON") {
        return Some(Value::Array(values));
    }
    convert(label, values.into_iter().next()?)
}

/// What a script has changed, but for what is fixed.
fn take_over(changed: Json, claims: &mut Claims) {
    let is_free = |name: &str| !FIXED.contains(&name);
    claims.retain(|name| !is_free(name) || changed.contains_key(name));
    for (name, value) in changed.into_iter().filter(|(name, _)| is_free(name)) {
        claims.insert(name, value);
    }
}

fn convert(label: Option<&str>, value: Value) -> Option<Value> {
    match (label, value) {
        (_, Value::Null) => None,
        (_, Value::String(text)) => claim::convert(label, &text),
        (None | Some("JSON"), value) => Some(value),
        (label, value) => claim::convert(label, &value.to_string()),
    }
}

/// The snapshot that a script sees: no secrets, no settings of the client or the realm.
fn sees(target: Target, subject: &Subject<'_>, claims: Json) -> Json {
    let (realm, client) = (subject.realm, subject.client);
    let session = subject.session;
    let kind = if target == Target::TokenResponse {
        "tokenResponse"
    } else {
        "token"
    };
    let sees = [
        ("kind", json!(kind)),
        ("user", user(subject)),
        (
            "realm",
            json!({
                "id": realm.id.as_str(),
                "name": realm.name,
                "displayName": realm.body.get("displayName"),
                "enabled": realm.enabled,
            }),
        ),
        (
            "client",
            json!({
                "id": client.uuid.as_str(),
                "clientId": client.client_id,
                "name": client.body.get("name"),
                "rootUrl": client.body.get("rootUrl"),
                "baseUrl": client.body.get("baseUrl"),
            }),
        ),
        (
            "userSession",
            json!({
                "id": session.id.as_str(),
                "notes": session.notes,
                "ipAddress": session.ip_address,
                "authMethod": session.auth_method,
                "started": session.started_at.seconds().0,
                "lastSessionRefresh": session.last_refresh.seconds().0,
                "rememberMe": session.remember_me,
            }),
        ),
        ("claims", Value::Object(claims)),
    ];
    sees.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn user(subject: &Subject<'_>) -> Value {
    let user = &subject.person.user;
    let groups = super::group::by_name(subject.person).map(|membership| {
        json!({
            "id": membership.group.id.as_str(),
            "name": membership.group.name,
            "path": membership.path,
            "attributes": membership.group.body.get("attributes"),
        })
    });
    let link = user.service_account_of.as_ref();
    json!({
        "id": user.id.as_str(),
        "username": user.username,
        "email": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "enabled": user.enabled,
        "emailVerified": user.email_verified,
        "createdTimestamp": user.created_at.0,
        "federationLink": user.federation_link,
        "serviceAccountClientLink": link.map(claviger_model::ClientUuid::as_str),
        "attributes": user.attributes,
        "groups": groups.collect::<Vec<_>>(),
        "realmRoles": subject.roles.realm,
        "clientRoles": subject.roles.clients,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, everywhere};
    use super::*;
    use crate::script::Scripts;

    fn world(code: &str) -> World {
        let mut world = World::new();
        world.scripts = Scripts::new([Script {
            id: "script-m.js".to_owned(),
            name: "m".to_owned(),
            code: code.to_owned(),
        }]);
        world.roles.realm.insert("customer".to_owned());
        world
    }

    #[test]
    fn a_scripts_value_becomes_a_claim_as_its_settings_say() {
        let many = ("multivalued", "true");
        let cases: [(&str, super::super::testing::Settings<'_>, Value); 8] = [
            (
                "user.username",
                &[("claim.name", "a.b")],
                json!({"a": {"b": "alice"}}),
            ),
            ("[1, 2]", &[("claim.name", "a"), many], json!({"a": [1, 2]})),
            ("[1, 2]", &[("claim.name", "a")], json!({"a": 1})),
            (
                "'7'",
                &[("claim.name", "a"), ("jsonType.label", "int")],
                json!({"a": 7}),
            ),
            (
                "({x: [true]})",
                &[("claim.name", "a"), ("jsonType.label", "JSON")],
                json!({"a": {"x": [true]}}),
            ),
            ("null", &[("claim.name", "a")], json!({})),
            ("throw 'up'", &[("claim.name", "a")], json!({})),
            ("'forged'", &[("claim.name", "iss")], json!({})),
        ];
        for (code, config, expected) in cases {
            let mapper = everywhere("script-m.js", config);
            assert_eq!(
                world(code).claims(Target::Access, &[mapper]),
                expected,
                "{code}"
            );
        }
    }

    #[test]
    fn scripts_run_last_see_roles_and_change_no_fixed_claim() {
        let code = "var o = token.getOtherClaims(); o.put('exp', 1); o.put('seen', token.realmAccess.roles); \
            o.put('iss', 'me'); token.setSubject('s'); null";
        let roles = everywhere(
            "oidc-usermodel-realm-role-mapper",
            &[
                ("claim.name", "realm_access.roles"),
                ("multivalued", "true"),
            ],
        );
        let script = everywhere("script-m.js", &[("claim.name", "x")]);
        let claims = world(code).claims(Target::Access, &[script, roles]);
        let expected =
            json!({"sub": "s", "realm_access": {"roles": ["customer"]}, "seen": ["customer"]});
        assert_eq!(claims, expected);
    }

    #[test]
    fn a_script_that_is_not_there_adds_nothing() {
        let mapper = everywhere("script-other.js", &[("claim.name", "x")]);
        assert_eq!(world("1").claims(Target::Id, &[mapper]), json!({}));
        let off = super::super::testing::mapper("script-m.js", &[("claim.name", "x")]);
        assert_eq!(world("1").claims(Target::Id, &[off]), json!({}));
    }
}
