//! Mappers of the `claims` parameter (OpenID Connect Core §5.5).

use claviger_wire::document::Json;
use serde_json::Value;

use super::claim::Place;
use super::{Claims, Mapper, Subject, Target, attribute};

/// The note of a client session that holds the parameter.
pub(super) const NOTE: &str = "claims";

/// `oidc-claims-param-token-mapper`: claims of the profile that the client called essential.
pub(super) fn essential(target: Target, subject: &Subject<'_>, claims: &mut Claims) {
    let Some(asked) = asked(target, subject) else {
        return;
    };
    let user = &subject.person.user;
    let mut give = |name: &str, value: Option<&str>| {
        if let (Some(value), true) = (value, is_essential(&asked, name)) {
            claims.insert(name.to_owned(), value);
        }
    };
    give("given_name", user.first_name.as_deref());
    give("family_name", user.last_name.as_deref());
    give("preferred_username", Some(&user.username));
    give("email", user.email.as_deref());
    if is_essential(&asked, "name") {
        attribute::full_name(subject, claims);
    }
}

/// `oidc-claims-param-value-idtoken-mapper`: the very value that the client asked for as essential.
pub(super) fn value(mapper: &Mapper, target: Target, subject: &Subject<'_>, claims: &mut Claims) {
    let (Some(name), Some(spot)) = (mapper.config("claim.name"), &mapper.spot) else {
        return;
    };
    let Some(asked) = asked(target, subject) else {
        return;
    };
    let value = asked
        .get(name)
        .and_then(|claim| claim.get("value"))
        .and_then(Value::as_str);
    if let (Some(value), true) = (value, is_essential(&asked, name)) {
        let place = Place {
            path: &spot.path,
            json: false,
            multivalued: false,
        };
        place.set(target, Value::String(value.to_owned()), claims);
    }
}

/// What the parameter asks of a target.
fn asked(target: Target, subject: &Subject<'_>) -> Option<Json> {
    let member = if target == Target::Id {
        "id_token"
    } else {
        "userinfo"
    };
    let mut parameter: Json = serde_json::from_str(subject.part.notes.get(NOTE)?).ok()?;
    parameter
        .get_mut(member)?
        .as_object_mut()
        .map(std::mem::take)
}

fn is_essential(asked: &Json, name: &str) -> bool {
    let essential = asked.get(name).and_then(|claim| claim.get("essential"));
    essential.and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{World, ready};
    use super::*;

    #[test]
    fn essential_claims_are_given_where_they_were_asked_for() {
        let mut world = World::new();
        let parameter = json!({
            "id_token": {
                "email": {"essential": true},
                "name": {"essential": true},
                "given_name": null,
                "family_name": {"essential": false},
                "locale": {"essential": true, "value": "de"},
            },
            "userinfo": {"preferred_username": {"essential": true}},
        });
        world.part.notes.insert(NOTE.into(), parameter.to_string());
        let of = |target: Target| {
            let mut claims = Claims::default();
            essential(target, &world.subject(), &mut claims);
            Value::Object(claims.into_json())
        };
        let expected = json!({"email": "alice@shop.example", "name": "Alice Liddell"});
        assert_eq!(of(Target::Id), expected);
        assert_eq!(of(Target::UserInfo), json!({"preferred_username": "alice"}));

        let mut claims = Claims::default();
        for name in ["locale", "email", "family_name"] {
            let config = [("claim.name", name)];
            let mapper = ready("oidc-claims-param-value-idtoken-mapper", &config);
            value(&mapper, Target::Id, &world.subject(), &mut claims);
        }
        assert_eq!(Value::Object(claims.into_json()), json!({"locale": "de"}));
    }

    #[test]
    fn a_parameter_that_is_no_json_asks_for_nothing() {
        let mut world = World::new();
        for text in [
            "",
            "{",
            "[]",
            r#"{"id_token":[]}"#,
            r#"{"id_token":{"email":true}}"#,
        ] {
            world.part.notes.insert(NOTE.into(), text.into());
            let mut claims = Claims::default();
            essential(Target::Id, &world.subject(), &mut claims);
            assert_eq!(claims, Claims::default(), "{text}");
        }
    }
}
