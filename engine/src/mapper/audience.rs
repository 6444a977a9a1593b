//! Mappers of the audience (RFC 7519 §4.1.3): who is to accept the token.

use serde_json::Value;

use super::{Claims, Mapper, Subject};

/// `oidc-audience-mapper`: an audience that is in the settings.
pub(super) fn included(mapper: &Mapper, claims: &mut Claims) {
    let client = mapper.config("included.client.audience");
    if let Some(audience) = client.or_else(|| mapper.config("included.custom.audience")) {
        add(claims, audience);
    }
}

/// `oidc-audience-resolve-mapper`: every other client at which the token carries a role.
pub(super) fn resolved(subject: &Subject<'_>, claims: &mut Claims) {
    for (client, names) in &subject.roles.clients {
        if !names.is_empty() && *client != subject.client.client_id {
            add(claims, client);
        }
    }
}

/// Adds an audience, if it is not there yet. One is written as text, several as a list.
fn add(claims: &mut Claims, audience: &str) {
    let new = || Value::String(audience.to_owned());
    match claims.get_mut("aud") {
        Some(Value::String(only)) if only == audience => {}
        Some(Value::Array(list)) => {
            if !list.iter().any(|known| known == audience) {
                list.push(new());
            }
        }
        Some(only @ Value::String(_)) => *only = Value::Array(vec![only.take(), new()]),
        _ => {
            claims.insert("aud", new());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Settings, World, ready};
    use super::*;

    #[test]
    fn audiences_are_text_or_a_list_without_doubles() {
        let mut claims = Claims::default();
        let mut expect = |audience: &str, expected: Value| {
            add(&mut claims, audience);
            assert_eq!(claims.get("aud"), Some(&expected));
        };
        expect("a", json!("a"));
        expect("a", json!("a"));
        expect("b", json!(["a", "b"]));
        expect("a", json!(["a", "b"]));
        expect("c", json!(["a", "b", "c"]));
    }

    #[test]
    fn a_client_goes_before_a_custom_audience() {
        let cases: [(Settings<'_>, Option<Value>); 4] = [
            (&[("included.custom.audience", "x")], Some(json!("x"))),
            (
                &[
                    ("included.custom.audience", "x"),
                    ("included.client.audience", "web"),
                ],
                Some(json!("web")),
            ),
            (
                &[
                    ("included.custom.audience", "x"),
                    ("included.client.audience", ""),
                ],
                Some(json!("x")),
            ),
            (&[], None),
        ];
        for (config, expected) in cases {
            let mut claims = Claims::default();
            included(&ready("oidc-audience-mapper", config), &mut claims);
            assert_eq!(claims.get("aud"), expected.as_ref(), "{config:?}");
        }
    }

    #[test]
    fn clients_with_roles_become_audiences_but_not_the_client_itself() {
        let world = World::new();
        let mut subject = world.subject();
        for (client, role) in [("app", "own"), ("web", "editor"), ("account", "view")] {
            subject
                .roles
                .to_mut()
                .clients
                .entry(client.into())
                .or_default()
                .insert(role.into());
        }
        subject
            .roles
            .to_mut()
            .clients
            .entry("empty".into())
            .or_default();
        let mut claims = Claims::default();
        resolved(&subject, &mut claims);
        assert_eq!(claims.get("aud"), Some(&json!(["account", "web"])));
    }
}
