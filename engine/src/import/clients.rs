//! Clients: what a new one gets that its representation does not say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_crypto::digest;
use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_wire::client::{DOCKER, OPENID_CONNECT};
use claviger_wire::document::{Json, Kind, LinkKind};
use serde_json::{Value, json};

use super::MASK;
use super::assembly::{Assembly, Place};
use super::problem::{At, ImportError};
use super::roles::{self, BuiltinRoles};
use super::scopes;
use super::shape::{complete_mappers, each, flag, members, text, texts};
use crate::defaults::{ADMIN_PERMISSIONS, MASTER, REALM_MANAGEMENT, Template};
use crate::docker::ALLOW_ALL;

/// Letters and digits that hold 512 bits: enough for a key of any HMAC (RFC 7518 §3.2).
const SECRET_LENGTH: usize = 86;

/// Members of a client representation that are not part of its document.
const NOT_KEPT: &[&str] = &[
    "access",
    "origin",
    "defaultRoles",
    "defaultClientScopes",
    "optionalClientScopes",
    "directGrantsOnly",
    "clientTemplate",
    "useTemplateConfig",
    "useTemplateMappers",
    "useTemplateScope",
    "registrationAccessToken",
];

/// Makes a new client's document of its representation: defaults, a secret for confidential
/// clients without one, ids for mappers. The scopes are links and are left out. Returns whether a
/// secret was drawn.
pub fn complete(body: &mut Json, random: &Random, now: Millis) -> bool {
    if let Some(only) = body.get("directGrantsOnly").and_then(Value::as_bool) {
        body.insert("standardFlowEnabled".to_owned(), json!(!only));
        body.insert("directAccessGrantsEnabled".to_owned(), json!(only));
    }
    for member in NOT_KEPT {
        body.shift_remove(*member);
    }
    clean_lists(body);
    for (name, value) in [
        ("surrogateAuthRequired", json!(false)),
        ("enabled", json!(true)),
        ("alwaysDisplayInConsole", json!(false)),
        ("clientAuthenticatorType", json!("client-secret")),
        ("redirectUris", json!([])),
        ("notBefore", json!(0)),
        ("bearerOnly", json!(false)),
        ("consentRequired", json!(false)),
        ("standardFlowEnabled", json!(true)),
        ("implicitFlowEnabled", json!(false)),
        ("directAccessGrantsEnabled", json!(false)),
        ("serviceAccountsEnabled", json!(false)),
        ("publicClient", json!(false)),
        ("frontchannelLogout", json!(false)),
        ("protocol", json!(OPENID_CONNECT)),
        ("attributes", json!({})),
        ("authenticationFlowBindingOverrides", json!({})),
        ("nodeReRegistrationTimeout", json!(-1)),
    ] {
        body.entry(name).or_insert(value);
    }
    let full_scope = !flag(body, "consentRequired");
    body.entry("fullScopeAllowed").or_insert(json!(full_scope));
    if !body.contains_key("webOrigins") {
        body.insert("webOrigins".to_owned(), Value::Array(origins(body)));
    }
    if text(body, "protocol") == Some(DOCKER) {
        body.entry("protocolMappers").or_insert(json!([{
            "name": "docker-v2-allow-all-mapper", "protocol": DOCKER,
            "protocolMapper": ALLOW_ALL, "config": {},
        }]));
    }
    complete_mappers(body, random);
    clean_attributes(body);
    draw_secret(body, random, now)
}

/// Blank addresses mean nothing; repeated ones mean the same.
fn clean_lists(body: &mut Json) {
    for name in ["redirectUris", "webOrigins"] {
        if let Some(Value::Array(list)) = body.get_mut(name) {
            let mut seen = std::collections::BTreeSet::new();
            list.retain(|value| match value.as_str() {
                Some(text) => !text.trim().is_empty() && seen.insert(text.to_owned()),
                None => false,
            });
        }
    }
}

/// The origins of absolute redirect URIs (RFC 6454).
fn origins(body: &Json) -> Vec<Value> {
    let mut origins = Vec::new();
    for (_, uri) in texts(body, "redirectUris") {
        let Some(rest) = uri.split_once("://").filter(|_| uri.starts_with("http")) else {
            continue;
        };
        let (scheme, rest) = rest;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let origin = json!(format!("{scheme}://{authority}"));
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins
}

fn clean_attributes(body: &mut Json) {
    let client_id = text(body, "clientId").unwrap_or_default().to_owned();
    let saml = text(body, "protocol") == Some("saml");
    if let Some(Value::Object(attributes)) = body.get_mut("attributes") {
        attributes.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        if saml && !attributes.contains_key("saml.artifact.binding.identifier") {
            let identifier = STANDARD.encode(digest::sha1(client_id.as_bytes()));
            attributes.insert(
                "saml.artifact.binding.identifier".to_owned(),
                json!(identifier),
            );
        }
    }
}

/// Public clients have no secret; confidential ones always have one. A masked secret is none: it
/// must never become the secret itself.
fn draw_secret(body: &mut Json, random: &Random, now: Millis) -> bool {
    if flag(body, "publicClient") {
        body.shift_remove("secret");
        return false;
    }
    if text(body, "secret").is_some_and(|secret| secret != MASK) {
        return false;
    }
    new_secret(body, random, now);
    true
}

/// Gives a client a new secret and writes down when; returns the secret.
pub fn new_secret(body: &mut Json, random: &Random, now: Millis) -> String {
    let secret = random.alphanumeric(SECRET_LENGTH);
    body.insert("secret".to_owned(), json!(secret));
    if let Value::Object(attributes) = body.entry("attributes").or_insert(json!({})) {
        let made = json!(now.seconds().0.to_string());
        attributes.insert("client.secret.creation.time".to_owned(), made);
    }
    secret
}

/// Whether a client is one that holds the roles of a realm's administrators.
pub fn is_realm_client(client_id: &str, realm: &str) -> bool {
    client_id == "broker"
        || if realm == MASTER {
            client_id.ends_with("-realm")
        } else {
            client_id == REALM_MANAGEMENT
        }
}

/// Adds the clients of the file.
pub(crate) fn add_from_file(
    assembly: &mut Assembly<'_>,
    file: &Json,
    realm: &str,
) -> Result<(), ImportError> {
    let list_at = At::Root.key("clients");
    for (index, client) in each(file, "clients") {
        let at = list_at.index(index);
        let id = add_client(assembly, client, realm, &at)?;
        if is_admin_permissions(file, client) {
            keep_to_itself(assembly, &id, client);
        }
        let protocol = text(client, "protocol").unwrap_or(OPENID_CONNECT);
        scopes::assign(assembly, &id, protocol, client, &at);
    }
    Ok(())
}

fn add_client(
    assembly: &mut Assembly<'_>,
    client: &Json,
    realm: &str,
    at: &At<'_>,
) -> Result<String, ImportError> {
    let mut body = client.clone();
    // Keycloak takes the id for a missing clientId.
    let client_id = match body.get("clientId").and_then(Value::as_str) {
        Some("") => return Err(at.key("clientId").invalid("a client needs a clientId")),
        Some(client_id) => client_id.to_owned(),
        None => text(&body, "id").map_or_else(|| assembly.random.uuid(), str::to_owned),
    };
    body.insert("clientId".to_owned(), json!(client_id));
    if text(&body, "secret") == Some(MASK) {
        let at = at.key("secret");
        assembly.warnings.push(format!(
            "{at}: a masked secret is none; a new one was drawn"
        ));
    }
    check_uris(&body, at)?;
    flow_overrides(assembly, &mut body, at)?;
    let (random, now) = (assembly.random, assembly.now);
    complete(&mut body, random, now);
    set_attribute(&mut body, "post.logout.redirect.uris", "+", Given::Keep);
    let realm_client = is_realm_client(&client_id, realm).to_string();
    set_attribute(&mut body, "realm_client", &realm_client, Given::Replace);
    assembly.add(
        &Place {
            kind: Kind::Client,
            parent: "",
            name: &client_id,
        },
        body,
        at,
    )
}

/// Whether a client holds the permissions of administrators: nobody signs in with it, and nobody is
/// it.
pub(crate) fn is_admin_permissions(file: &Json, client: &Json) -> bool {
    flag(file, "adminPermissionsEnabled") && text(client, "clientId") == Some(ADMIN_PERMISSIONS)
}

/// Takes away from a client what every other client gets to sign in with.
fn keep_to_itself(assembly: &mut Assembly<'_>, id: &str, given: &Json) {
    let Some(body) = assembly.body_mut(Kind::Client, id) else {
        return;
    };
    for member in ["secret", "clientAuthenticatorType"] {
        if !given.contains_key(member) {
            body.shift_remove(member);
        }
    }
    let attribute = |name: &str| given.get("attributes").and_then(|all| all.get(name));
    for name in ["client.secret.creation.time", "post.logout.redirect.uris"] {
        if attribute(name).is_none()
            && let Some(Value::Object(attributes)) = body.get_mut("attributes")
        {
            attributes.shift_remove(name);
        }
    }
}

/// Refuses addresses that a browser would run as script (RFC 9700 §4.1).
fn check_uris(body: &Json, at: &At<'_>) -> Result<(), ImportError> {
    let dangerous = |uri: &str| {
        let scheme = uri.split(':').next().unwrap_or_default().trim();
        ["javascript", "data", "vbscript"]
            .iter()
            .any(|bad| scheme.eq_ignore_ascii_case(bad))
            && uri.contains(':')
    };
    for name in ["rootUrl", "baseUrl", "adminUrl"] {
        if text(body, name).is_some_and(dangerous) {
            return Err(at.key(name).invalid("uses an illegal scheme"));
        }
    }
    for (index, uri) in texts(body, "redirectUris") {
        let list_at = at.key("redirectUris");
        if dangerous(uri) {
            return Err(list_at
                .index(index)
                .invalid("A redirect URI uses an illegal scheme"));
        }
        if uri.contains('#') {
            let problem = "A redirect URI must not contain an URI fragment";
            return Err(list_at.index(index).invalid(problem));
        }
    }
    Ok(())
}

/// Flows that replace the realm's: blank ones mean none, the others must exist.
fn flow_overrides(
    assembly: &Assembly<'_>,
    body: &mut Json,
    at: &At<'_>,
) -> Result<(), ImportError> {
    let mut kept = Json::new();
    for (binding, flow) in members(body, "authenticationFlowBindingOverrides") {
        let flow = flow.as_str().unwrap_or_default().trim();
        if flow.is_empty() {
            continue;
        }
        if !assembly.has_id(Kind::Flow, flow) {
            let overrides = at.key("authenticationFlowBindingOverrides");
            return Err(overrides
                .key(binding)
                .invalid(format!("there is no flow of id `{flow}`")));
        }
        kept.insert(binding.to_owned(), json!(flow));
    }
    body.insert(
        "authenticationFlowBindingOverrides".to_owned(),
        Value::Object(kept),
    );
    Ok(())
}

/// What to do with an attribute that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    Keep,
    Replace,
}

pub(crate) fn set_attribute(body: &mut Json, name: &str, value: &str, given: Given) {
    if let Some(Value::Object(attributes)) = body.get_mut("attributes")
        && (given == Given::Replace || !attributes.contains_key(name))
    {
        attributes.insert(name.to_owned(), json!(value));
    }
}

/// Adds a built-in client with its roles; account gets the account console with it. Scopes are
/// linked later.
pub(crate) fn add_builtin(
    assembly: &mut Assembly<'_>,
    template: &Template<'_>,
    client_id: &'static str,
    realm: &str,
) -> Result<String, ImportError> {
    let at = At::Root.key("clients");
    let Some(mut body) = template.named("clients", "clientId", client_id) else {
        return Err(at.invalid(format!("there is no built-in client `{client_id}`")));
    };
    // Nobody signs in with a built-in client's secret; Keycloak gives them none.
    let secret_drawn = complete(&mut body, assembly.random, assembly.now);
    if secret_drawn {
        body.shift_remove("secret");
        if let Some(Value::Object(attributes)) = body.get_mut("attributes") {
            attributes.shift_remove("client.secret.creation.time");
        }
    }
    let realm_client = is_realm_client(client_id, realm).to_string();
    set_attribute(&mut body, "realm_client", &realm_client, Given::Replace);
    let id = assembly.add(
        &Place {
            kind: Kind::Client,
            parent: "",
            name: client_id,
        },
        body,
        &at,
    )?;
    roles::add_missing_client_roles(assembly, &BuiltinRoles::of(client_id), &id)?;
    Ok(id)
}

/// Makes a client's service account scope a default one, as Keycloak does when the service account
/// is made.
pub(crate) fn give_service_account_scope(assembly: &mut Assembly<'_>, client: &str) {
    if let Some(scope) = assembly.find(Kind::ClientScope, "", scopes::SERVICE_ACCOUNT) {
        assembly.unlink(LinkKind::OptionalScope, client, &scope);
        assembly.link(LinkKind::DefaultScope, client, &scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(value: Value) -> Json {
        let Value::Object(mut body) = value else {
            panic!("an object")
        };
        complete(&mut body, &Random::seeded(1), Millis(5_000));
        body
    }

    #[test]
    fn a_new_client_gets_what_keycloak_gives() {
        let body = completed(json!({"clientId": "a"}));
        assert_eq!(body["protocol"], "openid-connect");
        assert_eq!(body["fullScopeAllowed"], true);
        assert_eq!(body["nodeReRegistrationTimeout"], -1);
        assert_eq!(body["secret"].as_str().unwrap().len(), 86);
        assert_eq!(body["attributes"]["client.secret.creation.time"], "5");
    }

    #[test]
    fn public_clients_lose_their_secret_and_consent_limits_the_scope() {
        let body = completed(json!({
            "clientId": "p", "publicClient": true, "secret": "x", "consentRequired": true,
            "redirectUris": ["http://a/b", "https://c:8/*", "/rel", " ", "http://a/b"],
            "attributes": {"empty": "", "null": null, "kept": "1"}, "access": {"view": true},
        }));
        assert!(!body.contains_key("secret") && !body.contains_key("access"));
        assert_eq!(body["fullScopeAllowed"], false);
        assert_eq!(
            body["redirectUris"],
            json!(["http://a/b", "https://c:8/*", "/rel"])
        );
        assert_eq!(body["webOrigins"], json!(["http://a", "https://c:8"]));
        assert_eq!(body["attributes"], json!({"kept": "1"}));
    }

    #[test]
    fn a_mask_is_not_a_secret() {
        let body = completed(json!({"clientId": "a", "secret": MASK}));
        assert_ne!(body["secret"], MASK);
        let body = completed(json!({"clientId": "a", "secret": "given"}));
        assert_eq!(body["secret"], "given");
        assert_eq!(body["attributes"], json!({}));
    }

    #[test]
    fn saml_clients_get_their_artifact_identifier() {
        let body = completed(json!({"clientId": "s", "protocol": "saml"}));
        let identifier = &body["attributes"]["saml.artifact.binding.identifier"];
        assert_eq!(identifier, "oPFJCiDQIRyZe0S8NX4Zct6riuM=");
    }

    #[test]
    fn direct_grants_only_is_understood() {
        let body = completed(json!({"clientId": "d", "directGrantsOnly": true}));
        assert_eq!(body["standardFlowEnabled"], false);
        assert_eq!(body["directAccessGrantsEnabled"], true);
    }
}
