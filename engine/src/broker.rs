//! Identity providers as administrators set them up: what may be kept of what they send, which of them a
//! list shows, and what a provider publishes about itself.

pub mod check;
pub mod discovery;
pub mod find;

use claviger_wire::document::{Document, Json};
use claviger_wire::fields::Fields;
use claviger_wire::{MASK, broker};
use serde_json::{Value, json};

/// The setting that nobody is shown.
pub const SECRET: &str = "clientSecret";
/// The member that links an identity provider to an organization.
pub const ORGANIZATION: &str = "organizationId";
/// Where Keycloak kept that link before release 26.
const ORGANIZATION_BEFORE: &str = "kc.org";
/// Where it kept `hideOnLogin`.
const HIDDEN_BEFORE: &str = "hideOnLoginPage";
/// Flags that are kept if they are sent at all.
const FLAGS: [&str; 6] = [
    "trustEmail",
    "storeToken",
    "addReadTokenRoleOnCreate",
    "authenticateByDefault",
    "linkOnly",
    "hideOnLogin",
];

/// A setting of a provider, if it is there.
fn setting<'a>(body: &'a Json, name: &str) -> Option<&'a str> {
    body.get("config")?.get(name)?.as_str()
}

/// The body of an identity provider out of what was sent, with what its kind always has. `before` is
/// what it was: its alias, its kind and its organization stay, and so does a secret that was masked.
pub fn laid_out(sent: &Json, id: &str, before: Option<&Json>) -> Json {
    let fields = Fields::of(sent);
    let mut body = Json::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let kept = |name: &str| before.and_then(|before| before.get(name)).cloned();
    let text = |name: &str| fields.text(name).map(Value::from);
    put("alias", kept("alias").or_else(|| text("alias")));
    put("displayName", text("displayName"));
    put("internalId", Some(json!(id)));
    put(
        "providerId",
        kept("providerId").or_else(|| text("providerId")),
    );
    put("enabled", Some(json!(fields.flag("enabled", true))));
    for name in FLAGS {
        put(name, fields.maybe_flag(name).map(Value::from));
    }
    for name in ["firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias"] {
        let flow = fields.text(name).filter(|flow| !flow.trim().is_empty());
        put(name, flow.map(Value::from));
    }
    put(ORGANIZATION, kept(ORGANIZATION));
    let mut config = fields.object("config").cloned().unwrap_or_default();
    config.retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
    config.shift_remove(ORGANIZATION_BEFORE);
    if let Some(Value::String(hidden)) = config.shift_remove(HIDDEN_BEFORE) {
        put(
            "hideOnLogin",
            Some(json!(hidden.eq_ignore_ascii_case("true"))),
        );
    }
    if let Some(before) = before
        && config.get(SECRET).and_then(Value::as_str) == Some(MASK)
    {
        match setting(before, SECRET) {
            Some(secret) => drop(config.insert(SECRET.to_owned(), json!(secret))),
            None => drop(config.shift_remove(SECRET)),
        }
    }
    put("config", Some(Value::Object(config)));
    check::complete(&mut body);
    body
}

/// `IdentityProviderRepresentation` of one, its secret masked.
pub fn shown(provider: &Document) -> Json {
    let mut body = provider.body.clone();
    mask(&mut body);
    let kind = Fields::of(&body).text("providerId");
    let types = kind.as_deref().and_then(broker::provider);
    let types = types.map_or(&[][..], |provider| &provider.types);
    let types: Vec<&str> = types.iter().map(|usage| usage.name()).collect();
    body.insert("types".to_owned(), json!(types));
    body
}

/// The same in brief: names, kind, and whether it is enabled.
pub fn in_brief(provider: &Document) -> Json {
    let mut body = Json::new();
    for name in [
        "alias",
        "displayName",
        "internalId",
        "providerId",
        "enabled",
    ] {
        if let Some(value) = provider.body.get(name) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    body.insert("config".to_owned(), json!({}));
    body
}

/// Masks the secret of a representation; a reference to the vault is none.
pub fn mask(body: &mut Json) {
    if let Some(Value::Object(config)) = body.get_mut("config")
        && let Some(secret) = config.get_mut(SECRET)
        && !secret
            .as_str()
            .is_some_and(claviger_wire::component::is_vault_reference)
    {
        *secret = json!(MASK);
    }
}

#[cfg(test)]
mod tests {
    use claviger_wire::document::Kind;

    use super::*;

    fn object(value: Value) -> Json {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn a_masked_secret_stays_and_what_is_left_out_goes() {
        let first = object(json!({
            "alias": "partner", "providerId": "oidc", "trustEmail": true, "types": ["X"],
            "organizationId": "acme", "firstBrokerLoginFlowAlias": " ",
            "config": {"clientSecret": "s", "clientId": "c", "empty": "", "hideOnLoginPage": "true",
                       "kc.org": "acme"},
        }));
        let before = laid_out(&first, "1", None);
        let expected = json!({
            "alias": "partner", "internalId": "1", "providerId": "oidc", "enabled": true,
            "trustEmail": true, "hideOnLogin": true,
            "config": {"clientSecret": "s", "clientId": "c"},
        });
        assert_eq!(json!(before), expected);
        let next = object(
            json!({"alias": "other", "providerId": "github", "enabled": false,
                                 "config": {"clientSecret": MASK}}),
        );
        let mut linked = before.clone();
        linked.insert(ORGANIZATION.to_owned(), json!("acme"));
        let expected = json!({
            "alias": "partner", "internalId": "1", "providerId": "oidc", "enabled": false,
            "organizationId": "acme", "config": {"clientSecret": "s"},
        });
        assert_eq!(json!(laid_out(&next, "1", Some(&linked))), expected);
    }

    #[test]
    fn nobody_is_shown_a_secret_but_where_it_is_kept_may_be_seen() {
        for (secret, expected) in [("s", MASK), ("${vault.partner}", "${vault.partner}")] {
            let body = object(json!({
                "alias": "a", "providerId": "kubernetes", "internalId": "1", "enabled": true,
                "trustEmail": true, "config": {"clientSecret": secret},
            }));
            let provider = Document {
                kind: Kind::IdentityProvider,
                id: "1".to_owned(),
                parent: String::new(),
                unique_name: "a".to_owned(),
                enabled: true,
                body,
            };
            let body = shown(&provider);
            assert_eq!(body["config"]["clientSecret"], expected);
            assert_eq!(body["types"], json!(["CLIENT_ASSERTION"]));
            let brief = json!({"alias": "a", "internalId": "1", "providerId": "kubernetes",
                               "enabled": true, "config": {}});
            assert_eq!(json!(in_brief(&provider)), brief);
        }
    }
}
