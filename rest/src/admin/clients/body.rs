//! What becomes of a client's document when it is made or changed.

use claviger_crypto::random::Random;
use claviger_engine::import::MASK;
use claviger_engine::import::clients::{complete, is_realm_client};
use claviger_model::Millis;
use claviger_wire::client::OPENID_CONNECT;
use claviger_wire::document::Json;
use serde_json::{Value, json};

/// The protocol of clients that ask for assertions.
pub const SAML: &str = "saml";

/// The members that an update replaces if it has them.
const REPLACED: &[&str] = &[
    "clientId",
    "name",
    "description",
    "type",
    "rootUrl",
    "adminUrl",
    "baseUrl",
    "surrogateAuthRequired",
    "enabled",
    "alwaysDisplayInConsole",
    "clientAuthenticatorType",
    "redirectUris",
    "webOrigins",
    "notBefore",
    "bearerOnly",
    "consentRequired",
    "standardFlowEnabled",
    "implicitFlowEnabled",
    "directAccessGrantsEnabled",
    "serviceAccountsEnabled",
    "publicClient",
    "frontchannelLogout",
    "protocol",
    "fullScopeAllowed",
    "nodeReRegistrationTimeout",
];

/// Attributes about an earlier secret: gone as soon as the client is written without rotation.
const ROTATION: &[&str] = &[
    "client.secret.expiration.time",
    "client.secret.remaining.expiration.time",
    "client.secret.rotated",
    "client.secret.rotated.creation.time",
    "client.secret.rotated.expiration.time",
];
/// Attribute that is told, not set.
const REALM_CLIENT: &str = "realm_client";
/// Attribute that names a SAML client in artifacts.
const ARTIFACT: &str = "saml.artifact.binding.identifier";

/// A member's text; empty if it is absent.
pub fn text<'a>(body: &'a Json, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a member is `true`.
pub fn flag(body: &Json, name: &str) -> bool {
    body.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Takes out what is `null`: it stands for what is absent.
pub fn without_nulls(mut body: Json) -> Json {
    body.retain(|_, value| !value.is_null());
    body
}

/// Where a new document comes from, besides its representation.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    /// Source of ids and secrets.
    pub random: &'a Random,
    /// The present.
    pub now: Millis,
    /// The realm's name.
    pub realm: &'a str,
}

impl Maker<'_> {
    /// The document of a new client, by a representation without nulls. It has an id and a
    /// `clientId`, one of which stands for the other if it is missing.
    pub fn create(&self, given: &Json) -> Json {
        let id = Some(text(given, "id")).filter(|id| !id.is_empty());
        let id = id.map_or_else(|| self.random.uuid(), str::to_owned);
        let mut body = Json::from_iter([("id".to_owned(), json!(id))]);
        body.extend(given.clone());
        body.insert("id".to_owned(), json!(id));
        body.entry("clientId").or_insert(json!(id));
        drop_blanks(&mut body, "authenticationFlowBindingOverrides");
        set_attribute(&mut body, REALM_CLIENT, None);
        complete(&mut body, self.random, self.now);
        if text(given, "protocol") == OPENID_CONNECT {
            openid_connect_defaults(given, &mut body);
        }
        if text(given, "protocol") == SAML {
            saml_defaults(given, &mut body);
        }
        self.tell_realm_client(&mut body);
        body
    }

    /// The document of a client after an update by a representation without nulls. What the
    /// representation leaves out stays; its scopes are not looked at.
    pub fn update(&self, old: &Json, given: &Json) -> Json {
        let mut body = old.clone();
        for name in REPLACED {
            if let Some(value) = given.get(*name) {
                body.insert((*name).to_owned(), value.clone());
            }
        }
        // A masked secret was read somewhere; it never is the secret.
        if let Some(secret) = given.get("secret").filter(|secret| **secret != json!(MASK)) {
            body.insert("secret".to_owned(), secret.clone());
        }
        let no_origins = body
            .get("webOrigins")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty);
        if no_origins && !given.contains_key("webOrigins") {
            body.shift_remove("webOrigins");
        }
        merge_attributes(&mut body, given, text(old, "clientId"));
        merge_map(&mut body, given, "authenticationFlowBindingOverrides");
        merge_map(&mut body, given, "registeredNodes");
        merge_mappers(&mut body, given);
        let no_server = flag(given, "bearerOnly") || flag(given, "publicClient");
        if no_server || !flag(given, "authorizationServicesEnabled") {
            body.shift_remove("authorizationServicesEnabled");
            body.shift_remove("authorizationSettings");
        } else {
            body.insert("authorizationServicesEnabled".to_owned(), json!(true));
        }
        complete(&mut body, self.random, self.now);
        if !given.contains_key("clientId") && attribute(old, ARTIFACT).is_none() {
            // Only who sends the client's id has the artifact's made of it.
            set_attribute(&mut body, ARTIFACT, None);
        }
        self.tell_realm_client(&mut body);
        body
    }

    fn tell_realm_client(&self, body: &mut Json) {
        let realm_client = is_realm_client(text(body, "clientId"), self.realm).to_string();
        set_attribute(body, REALM_CLIENT, Some(&realm_client));
    }
}

/// An attribute, if it is there.
pub fn attribute<'a>(body: &'a Json, name: &str) -> Option<&'a str> {
    body.get("attributes")?.get(name)?.as_str()
}

/// Sets an attribute, or takes it away.
pub fn set_attribute(body: &mut Json, name: &str, value: Option<&str>) {
    let Value::Object(attributes) = body.entry("attributes").or_insert(json!({})) else {
        return;
    };
    match value {
        Some(value) => drop(attributes.insert(name.to_owned(), json!(value))),
        None => drop(attributes.shift_remove(name)),
    }
}

/// Forgets an earlier secret.
pub fn forget_rotation(body: &mut Json) {
    for name in ROTATION {
        set_attribute(body, name, None);
    }
}

fn merge_attributes(body: &mut Json, given: &Json, old_client_id: &str) {
    forget_rotation(body);
    let renamed = text(body, "clientId") != old_client_id;
    let given_attributes = given.get("attributes").and_then(Value::as_object);
    let names_artifact = given_attributes.is_some_and(|all| all.contains_key(ARTIFACT));
    for (name, value) in given_attributes.into_iter().flatten() {
        if name != REALM_CLIENT {
            let kept = value.as_str().filter(|text| !text.trim().is_empty());
            set_attribute(body, name, kept);
        }
    }
    let of_saml = text(body, "protocol") == SAML;
    if of_saml && (renamed || (given.contains_key("clientId") && !names_artifact)) {
        // It is made of the client's id again.
        set_attribute(body, ARTIFACT, None);
    }
}

/// Takes names without text out of an object: clients send those they have nothing for.
fn drop_blanks(body: &mut Json, member: &str) {
    if let Some(Value::Object(names)) = body.get_mut(member) {
        names.retain(|_, value| {
            !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())
        });
    }
}

/// Adds to an object of names; blank text takes a name out.
fn merge_map(body: &mut Json, given: &Json, member: &str) {
    let Some(Value::Object(given)) = given.get(member) else {
        return;
    };
    let Value::Object(own) = body.entry(member).or_insert(json!({})) else {
        return;
    };
    for (name, value) in given {
        if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
            own.shift_remove(name);
        } else {
            own.insert(name.clone(), value.clone());
        }
    }
}

/// Replaces the mappers; those of a known name and protocol keep their ids.
fn merge_mappers(body: &mut Json, given: &Json) {
    let Some(Value::Array(given)) = given.get("protocolMappers") else {
        return;
    };
    let known = body
        .get("protocolMappers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut mappers = given.clone();
    for mapper in mappers.iter_mut().filter_map(Value::as_object_mut) {
        let same = known.iter().filter_map(Value::as_object).find(|known| {
            ["name", "protocol"]
                .iter()
                .all(|member| text(known, member) == text(mapper, member))
        });
        match same.and_then(|same| same.get("id")) {
            Some(id) => drop(mapper.insert("id".to_owned(), id.clone())),
            None => mapper.retain(|name, value| name != "id" || !value.is_null()),
        }
    }
    body.insert("protocolMappers".to_owned(), Value::Array(mappers));
}

/// What a client gets whose representation names the protocol: Keycloak takes it for one that the
/// console made.
fn openid_connect_defaults(given: &Json, body: &mut Json) {
    let root = text(given, "rootUrl");
    let redirects = given.get("redirectUris").and_then(Value::as_array);
    if given.contains_key("rootUrl") && redirects.is_none_or(Vec::is_empty) {
        let slash = if root.ends_with('/') { "" } else { "/" };
        body.insert(
            "redirectUris".to_owned(),
            json!([format!("{root}{slash}*")]),
        );
        body.insert("webOrigins".to_owned(), json!([origin(root)]));
    }
    if !given.contains_key("publicClient") {
        body.insert("publicClient".to_owned(), json!(true));
        body.shift_remove("secret");
    }
    if given.contains_key("rootUrl")
        && !given.contains_key("adminUrl")
        && !["${authAdminUrl}", "${authBaseUrl}"].contains(&root)
    {
        body.insert("adminUrl".to_owned(), json!(root));
    }
    let grants = ["directAccessGrantsEnabled", "directGrantsOnly"];
    if grants.iter().all(|name| !given.contains_key(*name)) {
        body.insert("directAccessGrantsEnabled".to_owned(), json!(true));
    }
    let attributes = given.get("attributes").and_then(Value::as_object);
    if attributes.is_none_or(|all| text(all, "backchannel.logout.url").is_empty()) {
        set_attribute(body, "backchannel.logout.session.required", Some("true"));
        set_attribute(
            body,
            "backchannel.logout.revoke.offline.tokens",
            Some("false"),
        );
    }
}

/// The scheme and authority of an address (RFC 6454).
fn origin(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{authority}")
}

fn saml_defaults(given: &Json, body: &mut Json) {
    let attributes = given.get("attributes").and_then(Value::as_object);
    for (name, value) in [
        (
            "saml_signature_canonicalization_method",
            "http://www.w3.org/2001/10/xml-exc-c14n#",
        ),
        ("saml.signature.algorithm", "RSA_SHA256"),
        ("saml_name_id_format", "username"),
        ("saml.authnstatement", "true"),
        ("saml_force_name_id_format", "false"),
        ("saml.allow.ecp.flow", "false"),
        ("saml.server.signature", "true"),
        ("saml.force.post.binding", "true"),
        ("saml.client.signature", "true"),
    ] {
        if attributes.is_none_or(|all| !all.contains_key(name)) {
            set_attribute(body, name, Some(value));
        }
    }
    if !given.contains_key("frontchannelLogout") {
        body.insert("frontchannelLogout".to_owned(), json!(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Json {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    fn create(given: Value) -> Json {
        let random = Random::seeded(1);
        let maker = Maker {
            random: &random,
            now: Millis(5_000),
            realm: "shop",
        };
        maker.create(&without_nulls(object(given)))
    }

    fn update(old: Value, given: Value) -> Json {
        let random = Random::seeded(1);
        let maker = Maker {
            random: &random,
            now: Millis(5_000),
            realm: "shop",
        };
        maker.update(&create(old), &without_nulls(object(given)))
    }

    #[test]
    fn a_client_without_a_protocol_is_confidential_and_quiet() {
        let body = create(json!({"clientId": "fresh"}));
        assert_eq!(body["publicClient"], false);
        assert_eq!(body["directAccessGrantsEnabled"], false);
        assert_eq!(body["protocol"], "openid-connect");
        let expected = json!({"client.secret.creation.time": "5", "realm_client": "false"});
        assert_eq!(body["attributes"], expected);
    }

    #[test]
    fn a_client_with_a_protocol_is_one_of_the_console() {
        let body = create(json!({
            "clientId": "a", "protocol": "openid-connect", "rootUrl": "http://x.example/app",
        }));
        for (name, value) in [
            ("publicClient", json!(true)),
            ("directAccessGrantsEnabled", json!(true)),
            ("adminUrl", json!("http://x.example/app")),
            ("redirectUris", json!(["http://x.example/app/*"])),
            ("webOrigins", json!(["http://x.example"])),
        ] {
            assert_eq!(body[name], value, "{name}");
        }
        assert!(!body.contains_key("secret"));
        assert_eq!(
            body["attributes"]["backchannel.logout.session.required"],
            "true"
        );
        let saml = create(json!({"clientId": "s", "protocol": "saml"}));
        assert_eq!(saml["frontchannelLogout"], true);
        assert_eq!(saml["attributes"]["saml_name_id_format"], "username");
    }

    #[test]
    fn id_and_client_id_stand_for_each_other() {
        let body = create(json!({"id": "x"}));
        assert_eq!((&body["id"], &body["clientId"]), (&json!("x"), &json!("x")));
        let body = create(json!({}));
        assert_eq!(body["id"], body["clientId"]);
    }

    #[test]
    fn updates_keep_what_they_leave_out() {
        let body = update(
            json!({"clientId": "a", "name": "A", "secret": "s", "redirectUris": ["http://a/*"],
                "attributes": {"x": "1", "y": "2", "client.secret.rotated": "old"}}),
            json!({"description": "d", "name": null, "secret": MASK,
                "attributes": {"x": "", "z": "3", "realm_client": "true"}}),
        );
        assert_eq!(
            (&body["name"], &body["description"]),
            (&json!("A"), &json!("d"))
        );
        assert_eq!(body["secret"], "s");
        assert_eq!(
            body["attributes"],
            json!({"y": "2", "z": "3", "realm_client": "false"})
        );
        assert_eq!(body["webOrigins"], json!(["http://a"]));
    }

    #[test]
    fn public_clients_lose_their_secret_and_get_a_new_one_afterwards() {
        let public = update(json!({"clientId": "a"}), json!({"publicClient": true}));
        assert!(!public.contains_key("secret"));
        let again = update(Value::Object(public), json!({"publicClient": false}));
        assert_eq!(again["secret"].as_str().unwrap().len(), 86);
    }

    #[test]
    fn nobody_gets_in_by_a_mask_or_by_nothing() {
        for (sent, drawn) in [("", true), (MASK, false)] {
            let old = json!({"clientId": "a", "secret": "s"});
            let body = update(old, json!({"secret": sent}));
            let secret = body["secret"].as_str().unwrap();
            assert_eq!(secret == "s", !drawn, "{sent}");
            assert_eq!(secret.len() == 86, drawn, "{sent}");
            let made = create(json!({"clientId": "b", "secret": sent}));
            assert_eq!(made["secret"].as_str().unwrap().len(), 86, "{sent}");
        }
    }

    #[test]
    fn mappers_of_the_same_name_keep_their_ids() {
        let old = json!({"clientId": "a", "protocolMappers": [
            {"id": "1", "name": "m", "protocol": "openid-connect", "protocolMapper": "k"},
            {"id": "2", "name": "gone", "protocol": "openid-connect", "protocolMapper": "k"},
        ]});
        let given = json!({"protocolMappers": [
            {"id": "9", "name": "m", "protocol": "openid-connect", "protocolMapper": "l"},
            {"name": "new", "protocol": "openid-connect", "protocolMapper": "k"},
        ]});
        let body = update(old, given);
        let mappers = body["protocolMappers"].as_array().unwrap();
        assert_eq!(mappers.len(), 2);
        assert_eq!(
            (&mappers[0]["id"], &mappers[0]["protocolMapper"]),
            (&json!("1"), &json!("l"))
        );
        assert_eq!(mappers[1]["id"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn authorization_services_end_unless_they_are_asked_for_again() {
        let old = json!({"clientId": "a", "authorizationServicesEnabled": true});
        for (given, left) in [
            (json!({"name": "x"}), false),
            (json!({"authorizationServicesEnabled": true}), true),
            (
                json!({"authorizationServicesEnabled": true, "publicClient": true}),
                false,
            ),
        ] {
            let body = update(old.clone(), given.clone());
            assert_eq!(flag(&body, "authorizationServicesEnabled"), left, "{given}");
        }
    }

    #[test]
    fn flows_and_nodes_are_merged() {
        let old = json!({"clientId": "a", "registeredNodes": {"n": 1},
            "authenticationFlowBindingOverrides": {"browser": "f", "direct_grant": "g"}});
        let given = json!({"registeredNodes": {"m": 2},
            "authenticationFlowBindingOverrides": {"browser": " "}});
        let body = update(old, given);
        assert_eq!(body["registeredNodes"], json!({"n": 1, "m": 2}));
        assert_eq!(
            body["authenticationFlowBindingOverrides"],
            json!({"direct_grant": "g"})
        );
    }
}
