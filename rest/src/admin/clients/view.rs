//! Clients, mappers and scopes as administrators see them.

use std::sync::Arc;

use claviger_engine::client::Client;
use claviger_engine::import::MASK;
use claviger_engine::import::clients::is_realm_client;
use claviger_engine::realm::{Scope, Scopes};
use claviger_model::ScopeId;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::body::flag;

/// The attribute that holds the id of the token by which a client changes its own registration.
/// Nobody is shown it.
const HIDDEN: &str = claviger_engine::registration_token::ATTRIBUTE;

/// The members of a `ClientRepresentation` that a document holds, in Keycloak's order.
const SHOWN: &[&str] = &[
    "id",
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
    "secret",
    "redirectUris",
    "webOrigins",
    "notBefore",
    "bearerOnly",
    "consentRequired",
    "standardFlowEnabled",
    "implicitFlowEnabled",
    "directAccessGrantsEnabled",
    "serviceAccountsEnabled",
    "authorizationServicesEnabled",
    "publicClient",
    "frontchannelLogout",
    "protocol",
    "attributes",
    "authenticationFlowBindingOverrides",
    "fullScopeAllowed",
    "nodeReRegistrationTimeout",
    "registeredNodes",
    "protocolMappers",
];

/// `ClientRepresentation` without `access`.
pub fn client(client: &Client, scopes: &Scopes, realm: &str) -> Json {
    let mut shown = Json::new();
    for name in SHOWN {
        let value = match *name {
            "id" => Some(json!(client.uuid.as_str())),
            "clientId" => Some(json!(client.client_id)),
            "secret" if flag(&client.body, "publicClient") => None,
            "authorizationServicesEnabled" => flag(&client.body, name).then_some(json!(true)),
            "attributes" => Some(attributes(client, realm)),
            "protocolMappers" => mappers(&client.body),
            "registeredNodes" => {
                let nodes = client.body.get(*name).and_then(Value::as_object);
                nodes
                    .filter(|nodes| !nodes.is_empty())
                    .map(|nodes| json!(nodes))
            }
            other => client
                .body
                .get(other)
                .filter(|value| !value.is_null())
                .cloned(),
        };
        if let Some(value) = value {
            shown.insert((*name).to_owned(), value);
        }
    }
    shown.insert(
        "defaultClientScopes".to_owned(),
        names(client, &client.default_scopes, scopes),
    );
    shown.insert(
        "optionalClientScopes".to_owned(),
        names(client, &client.optional_scopes, scopes),
    );
    shown
}

fn attributes(client: &Client, realm: &str) -> Value {
    let own = client.body.get("attributes").and_then(Value::as_object);
    let mut shown = own.cloned().unwrap_or_default();
    shown.shift_remove(HIDDEN);
    let realm_client = is_realm_client(&client.client_id, realm).to_string();
    shown.insert("realm_client".to_owned(), json!(realm_client));
    Value::Object(shown)
}

fn names(client: &Client, ids: &[ScopeId], scopes: &Scopes) -> Value {
    json!(
        linked(client, ids, scopes)
            .iter()
            .map(|scope| &scope.name)
            .collect::<Vec<_>>()
    )
}

/// Scopes that a client has, by name; those of another protocol than its own mean nothing to it.
pub fn linked(client: &Client, ids: &[ScopeId], scopes: &Scopes) -> Vec<Arc<Scope>> {
    let known = ids.iter().filter_map(|id| scopes.get(id));
    let mut linked: Vec<Arc<Scope>> = known
        .filter(|scope| scope.protocol == client.settings.protocol)
        .cloned()
        .collect();
    linked.sort_by(|one, other| one.name.cmp(&other.name));
    linked
}

/// The mappers of a client or client scope; none if it has none.
pub fn mappers(body: &Json) -> Option<Value> {
    let list = body.get("protocolMappers")?.as_array()?;
    let shown: Vec<Value> = list
        .iter()
        .filter_map(Value::as_object)
        .map(|body| Value::Object(mapper(body)))
        .collect();
    (!shown.is_empty()).then_some(Value::Array(shown))
}

/// `ProtocolMapperRepresentation`.
pub fn mapper(body: &Json) -> Json {
    let mut shown = Json::new();
    for name in ["id", "name", "protocol", "protocolMapper"] {
        if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    shown.insert("consentRequired".to_owned(), json!(false));
    shown.insert(
        "config".to_owned(),
        body.get("config").cloned().unwrap_or(json!({})),
    );
    shown
}

/// What an administrator may do with a client.
pub fn access(manage: bool) -> Value {
    json!({"view": true, "configure": manage, "manage": manage})
}

/// A client's representation as an event may keep it: without secrets.
pub fn stripped(representation: &Json) -> Json {
    let mut shown = representation.clone();
    if let Some(secret) = shown
        .get_mut("secret")
        .filter(|secret| !is_vault_key(secret))
    {
        *secret = json!(MASK);
    }
    if let Some(Value::Object(attributes)) = shown.get_mut("attributes")
        && let Some(secret) = attributes.get_mut("client.secret.rotated")
        && !is_vault_key(secret)
    {
        *secret = json!(MASK);
    }
    shown
}

/// Whether a secret only says where the secret is.
fn is_vault_key(secret: &Value) -> bool {
    secret
        .as_str()
        .is_some_and(|text| text.starts_with("${vault.") && text.ends_with('}'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_wire::document::{Document, Kind};
    use std::collections::HashMap;

    fn document_of(kind: Kind, id: &str, name: &str, body: &Value) -> Document {
        let body = body.as_object().unwrap().clone();
        let (id, unique_name, parent) = (id.into(), name.into(), String::new());
        Document {
            kind,
            id,
            parent,
            unique_name,
            enabled: true,
            body,
        }
    }

    #[test]
    fn a_client_is_shown_without_what_it_must_not_tell() {
        let body = json!({
            "secret": "s", "publicClient": true, "name": "", "unknown": 1, "baseUrl": null,
            "registeredNodes": {}, "protocolMappers": [], "attributes": {"a": "1"},
            "authorizationServicesEnabled": false,
        });
        let document = document_of(Kind::Client, "u", "app", &body);
        let scope = |id: &str, name: &str| document_of(Kind::ClientScope, id, name, &json!({}));
        let scopes = Scopes::new(vec![scope("1", "z"), scope("2", "a")], HashMap::new());
        let made = Client::new(
            document,
            vec!["1".into(), "2".into(), "3".into()],
            vec![],
            vec![],
        );
        let expected = json!({
            "id": "u", "clientId": "app", "name": "", "publicClient": true,
            "attributes": {"a": "1", "realm_client": "false"},
            "defaultClientScopes": ["a", "z"], "optionalClientScopes": [],
        });
        assert_eq!(Value::Object(client(&made, &scopes, "shop")), expected);
    }

    #[test]
    fn secrets_are_masked_unless_they_are_addresses() {
        for (given, expected) in [
            (json!({"secret": "s"}), json!({"secret": MASK})),
            (
                json!({"secret": "${vault.x}"}),
                json!({"secret": "${vault.x}"}),
            ),
            (json!({"name": "n"}), json!({"name": "n"})),
            (
                json!({"attributes": {"client.secret.rotated": "old", "a": "b"}}),
                json!({"attributes": {"client.secret.rotated": MASK, "a": "b"}}),
            ),
        ] {
            assert_eq!(
                Value::Object(stripped(given.as_object().unwrap())),
                expected
            );
        }
    }
}
