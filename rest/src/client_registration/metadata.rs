//! A client's metadata in the words of OpenID Connect, read into Keycloak's representation.
//!
//! What metadata leave out is left out of the representation, but for what the standards give a
//! default (OpenID Connect Dynamic Client Registration 1.0 §2). A `null` among the attributes takes
//! one away where a client is changed.

use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

/// Metadata that are texts, and the attributes that hold them. Left out, the attribute stays.
const TEXTS: [(&str, &str); 10] = [
    (
        "userinfo_signed_response_alg",
        "user.info.response.signature.alg",
    ),
    ("request_object_signing_alg", "request.object.signature.alg"),
    (
        "userinfo_encrypted_response_alg",
        "user.info.encrypted.response.alg",
    ),
    (
        "userinfo_encrypted_response_enc",
        "user.info.encrypted.response.enc",
    ),
    (
        "id_token_encrypted_response_alg",
        "id.token.encrypted.response.alg",
    ),
    (
        "id_token_encrypted_response_enc",
        "id.token.encrypted.response.enc",
    ),
    ("logo_uri", "logoUri"),
    ("policy_uri", "policyUri"),
    ("tos_uri", "tosUri"),
    ("sector_identifier_uri", "sectorIdentifierUri"),
];
/// The same, but left out the attribute goes.
const TEXTS_OR_NONE: [(&str, &str); 6] = [
    (
        "id_token_signed_response_alg",
        "id.token.signed.response.alg",
    ),
    (
        "authorization_signed_response_alg",
        "authorization.signed.response.alg",
    ),
    (
        "authorization_encrypted_response_alg",
        "authorization.encrypted.response.alg",
    ),
    (
        "authorization_encrypted_response_enc",
        "authorization.encrypted.response.enc",
    ),
    (
        "token_endpoint_auth_signing_alg",
        "token.endpoint.auth.signing.alg",
    ),
    ("backchannel_logout_uri", "backchannel.logout.url"),
];
/// Metadata that are texts about decoupled authentication.
pub(super) const CIBA: [(&str, &str); 3] = [
    (
        "backchannel_token_delivery_mode",
        "ciba.backchannel.token.delivery.mode",
    ),
    (
        "backchannel_client_notification_endpoint",
        "ciba.backchannel.client.notification.endpoint",
    ),
    (
        "backchannel_authentication_request_signing_alg",
        "ciba.backchannel.auth.request.signing.alg",
    ),
];
/// Metadata that are lists, and the attributes that hold them.
const LISTS: [(&str, &str); 3] = [
    ("request_uris", "request.uris"),
    ("post_logout_redirect_uris", "post.logout.redirect.uris"),
    ("default_acr_values", "default.acr.values"),
];
/// Grants that are attributes, if the metadata name grants.
const GRANTS: [(&str, &str); 5] = [
    (
        "urn:openid:params:grant-type:ciba",
        "oidc.ciba.grant.enabled",
    ),
    (
        "urn:ietf:params:oauth:grant-type:device_code",
        "oauth2.device.authorization.grant.enabled",
    ),
    (TOKEN_EXCHANGE, "standard.token.exchange.enabled"),
    (JWT_BEARER, "oauth2.jwt.authorization.grant.enabled"),
    ("refresh_token", "use.refresh.tokens"),
];
/// The grant that trades tokens (RFC 8693).
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The grant for somebody else's assertion (RFC 7523).
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The grant of User-Managed Access.
pub(super) const UMA: &str = "urn:ietf:params:oauth:grant-type:uma-ticket";
/// What stands between the values of an attribute that is a list.
pub(super) const BETWEEN: &str = "##";

/// What a client is to know its users as (OpenID Connect Core §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// What everybody knows them as.
    Public {
        /// A document of redirect URIs that is named all the same.
        sector: String,
    },
    /// Something of its own, or of its sector's.
    Pairwise {
        /// The document that lists the sector's redirect URIs; may be empty.
        sector: String,
    },
}

impl Subject {
    /// What metadata ask for.
    pub(super) fn of(given: &Json) -> Result<Self, &'static str> {
        let fields = Fields::of(given);
        let sector = fields.text("sector_identifier_uri").unwrap_or_default();
        let asked = fields.text("subject_type").unwrap_or_default();
        match asked.to_ascii_lowercase().as_str() {
            "" | "public" => Ok(Self::Public { sector }),
            "pairwise" => Ok(Self::Pairwise { sector }),
            _ => Err("unknown subject_type"),
        }
    }

    /// The sector whose redirect URIs have to be the client's, if there is anything to check.
    pub(super) fn sector_to_check(&self) -> Option<String> {
        match self {
            Self::Public { sector } => Some(sector.clone()).filter(|sector| !sector.is_empty()),
            Self::Pairwise { sector } => Some(sector.clone()),
        }
    }
}

/// The attributes of a client in the making. What is taken away is noted only if something else is
/// set before, as at Keycloak: metadata about nothing but addresses leave all else alone.
#[derive(Default)]
struct Attributes(Json);

impl Attributes {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), Value::String(value.into()));
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.set(name, value.to_string());
    }

    fn set_or_remove(&mut self, name: &str, value: Option<String>) {
        match value {
            Some(value) => self.set(name, value),
            None if self.0.is_empty() => {}
            None => drop(self.0.insert(name.to_owned(), Value::Null)),
        }
    }
}

/// Keycloak's representation of a client by its metadata.
///
/// # Errors
/// What the metadata ask for and nobody has; for the log.
pub(crate) fn representation(given: &Json) -> Result<Json, &'static str> {
    let fields = Fields::of(given);
    let mut client = Json::new();
    for (member, name) in [
        ("client_id", "clientId"),
        ("client_name", "name"),
        ("redirect_uris", "redirectUris"),
        ("client_uri", "baseUrl"),
    ] {
        if let Some(value) = given.get(member) {
            client.insert(name.to_owned(), value.clone());
        }
    }
    client.insert("protocol".to_owned(), json!("openid-connect"));
    if let Some(scope) = fields.text("scope") {
        let names: Vec<&str> = scope.split(' ').filter(|name| !name.is_empty()).collect();
        client.insert("optionalClientScopes".to_owned(), json!(names));
    }
    let mut attributes = Attributes::default();
    flows(given, &mut client, &mut attributes)?;
    authentication(given, &mut client, &mut attributes)?;
    settings(given, &mut attributes);
    let front = fields.text("frontchannel_logout_uri");
    let has_front = front.as_ref().is_some_and(|uri| !uri.trim().is_empty());
    client.insert("frontchannelLogout".to_owned(), json!(has_front));
    attributes.set_or_remove("frontchannel.logout.url", front);
    let session = fields.flag("frontchannel_logout_session_required", false);
    attributes.flag("frontchannel.logout.session.required", session);
    if fields.maybe_texts("default_acr_values").is_some() {
        list(given, LISTS[2], &mut attributes);
    }
    client.insert("attributes".to_owned(), Value::Object(attributes.0));
    Ok(client)
}

/// Which flows and grants a client may use.
fn flows(given: &Json, client: &mut Json, attributes: &mut Attributes) -> Result<(), &'static str> {
    let fields = Fields::of(given);
    let grants = fields.maybe_texts("grant_types");
    let has = |grant: &str| {
        let grants = grants.as_ref();
        grants.is_some_and(|grants| grants.iter().any(|known| known == grant))
    };
    let mut types = fields.texts("response_types");
    if types.is_empty() {
        if grants.as_ref().is_none_or(Vec::is_empty) {
            types.push("code".to_owned());
        }
        if has("authorization_code") {
            types.push("code".to_owned());
        }
        if has("implicit") {
            types.push("id_token".to_owned());
        }
    }
    let (mut code, mut implicit) = (false, false);
    for answer in &types {
        let words: Vec<&str> = answer.trim().split(' ').collect();
        for word in &words {
            match *word {
                "code" => code = true,
                "none" if words.len() == 1 => code = true,
                "token" | "id_token" => implicit = true,
                _ => return Err("unknown response_types"),
            }
        }
    }
    let mut put = |name: &str, value: bool| drop(client.insert(name.to_owned(), json!(value)));
    put("standardFlowEnabled", code);
    put("implicitFlowEnabled", implicit);
    put("directAccessGrantsEnabled", has("password"));
    if grants.is_some() {
        put("serviceAccountsEnabled", has("client_credentials"));
        put("authorizationServicesEnabled", has(UMA));
        for (grant, name) in GRANTS {
            attributes.flag(name, has(grant));
        }
    }
    if fields.text("token_endpoint_auth_method").as_deref() == Some("none")
        && (has(TOKEN_EXCHANGE) || has(JWT_BEARER))
    {
        return Err("a grant that no public client has");
    }
    Ok(())
}

/// How a client proves itself (OpenID Connect Core §9), and with which keys.
fn authentication(
    given: &Json,
    client: &mut Json,
    attributes: &mut Attributes,
) -> Result<(), &'static str> {
    let fields = Fields::of(given);
    let method = fields.text("token_endpoint_auth_method");
    let authenticator = match method.as_deref() {
        None | Some("client_secret_basic" | "client_secret_post") => "client-secret",
        Some("client_secret_jwt") => "client-secret-jwt",
        Some("private_key_jwt") => "client-jwt",
        Some("tls_client_auth") => "client-x509",
        Some("none") => "none",
        Some(_) => return Err("unknown token_endpoint_auth_method"),
    };
    client.insert("clientAuthenticatorType".to_owned(), json!(authenticator));
    client.insert("publicClient".to_owned(), json!(authenticator == "none"));
    if let Some(method) = method.as_ref().filter(|_| authenticator == "client-secret") {
        attributes.set("client.secret.authentication.allowed.method", method);
    }
    let has_key = keys(given, attributes)?;
    if authenticator == "client-jwt" && !has_key {
        return Err("no key to sign with");
    }
    Ok(())
}

/// The client's keys: by value or by address, not both. Says whether there is one to sign with.
fn keys(given: &Json, attributes: &mut Attributes) -> Result<bool, &'static str> {
    let address = Fields::of(given).text("jwks_uri");
    let Some(set) = given.get("jwks") else {
        let Some(address) = address else {
            return Ok(false);
        };
        attributes.flag("use.jwks.url", true);
        attributes.set("jwks.url", address);
        attributes.flag("use.jwks.string", false);
        return Ok(true);
    };
    if address.is_some() {
        return Err("both jwks and jwks_uri");
    }
    let text = serde_json::to_string_pretty(set).map_err(|_| "jwks cannot be read")?;
    attributes.set("jwks.string", text);
    attributes.flag("use.jwks.string", true);
    attributes.flag("use.jwks.url", false);
    let list = set.get("keys").and_then(Value::as_array);
    let signs = |key: &Value| {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        text("use") == Some("sig") && matches!(text("kty"), Some("RSA" | "EC" | "OKP"))
    };
    Ok(list.is_some_and(|keys| keys.iter().any(signs)))
}

fn list(given: &Json, (member, name): (&str, &str), attributes: &mut Attributes) {
    let values = Fields::of(given).texts(member);
    let joined = (!values.is_empty()).then(|| values.join(BETWEEN));
    attributes.set_or_remove(name, joined);
}

/// Everything else.
fn settings(given: &Json, attributes: &mut Attributes) {
    let fields = Fields::of(given);
    for (member, name) in TEXTS {
        if let Some(value) = fields.text(member) {
            attributes.set(name, value);
        }
    }
    for (member, name) in [
        (
            "tls_client_certificate_bound_access_tokens",
            "tls.client.certificate.bound.access.tokens",
        ),
        ("dpop_bound_access_tokens", "dpop.bound.access.tokens"),
        (
            "require_pushed_authorization_requests",
            "require.pushed.authorization.requests",
        ),
    ] {
        if let Some(value) = fields.maybe_flag(member) {
            attributes.flag(name, value);
        }
    }
    if let Some(subject) = fields.text("tls_client_auth_subject_dn") {
        attributes.set("x509.subjectdn", subject);
        attributes.flag("x509.allow.regex.pattern.comparison", false);
    }
    for (member, name) in TEXTS_OR_NONE {
        attributes.set_or_remove(name, fields.text(member));
    }
    let session = fields.flag("backchannel_logout_session_required", true);
    attributes.flag("backchannel.logout.session.required", session);
    let offline = fields.flag("backchannel_logout_revoke_offline_tokens", false);
    attributes.flag("backchannel.logout.revoke.offline.tokens", offline);
    for (member, name) in [LISTS[0], LISTS[1]] {
        if given.contains_key(member) {
            list(given, (member, name), attributes);
        }
    }
    for (member, name) in CIBA {
        if let Some(value) = fields.text(member) {
            attributes.set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &Value) -> Result<Value, &'static str> {
        representation(given.as_object().unwrap()).map(Value::Object)
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_the_standard() {
        let client = read(&json!({"redirect_uris": ["https://a.example/cb"]})).unwrap();
        let expected = json!({
            "redirectUris": ["https://a.example/cb"], "protocol": "openid-connect",
            "standardFlowEnabled": true, "implicitFlowEnabled": false,
            "directAccessGrantsEnabled": false, "clientAuthenticatorType": "client-secret",
            "publicClient": false, "frontchannelLogout": false,
            "attributes": {
                "backchannel.logout.session.required": "true",
                "backchannel.logout.revoke.offline.tokens": "false",
                "frontchannel.logout.url": null,
                "frontchannel.logout.session.required": "false",
            },
        });
        assert_eq!(client, expected);
    }

    #[test]
    fn grants_and_response_types_switch_flows_on() {
        for (given, standard, implicit) in [
            (json!({"response_types": ["code"]}), true, false),
            (json!({"response_types": ["id_token token"]}), false, true),
            (json!({"response_types": ["code id_token"]}), true, true),
            (json!({"response_types": ["none"]}), true, false),
            (json!({"grant_types": ["implicit"]}), false, true),
            (json!({"grant_types": ["client_credentials"]}), false, false),
            (json!({"grant_types": []}), true, false),
        ] {
            let client = read(&given).unwrap();
            assert_eq!(client["standardFlowEnabled"], standard, "{given}");
            assert_eq!(client["implicitFlowEnabled"], implicit, "{given}");
        }
        let client = read(&json!({"grant_types": ["password", "refresh_token", UMA]})).unwrap();
        assert_eq!(client["directAccessGrantsEnabled"], true);
        assert_eq!(client["serviceAccountsEnabled"], false);
        assert_eq!(client["authorizationServicesEnabled"], true);
        assert_eq!(client["attributes"]["use.refresh.tokens"], "true");
        assert_eq!(client["attributes"]["oidc.ciba.grant.enabled"], "false");
    }

    #[test]
    fn what_nobody_has_is_refused() {
        let key = json!({"keys": [{"kty": "RSA", "use": "sig"}]});
        for (given, reason) in [
            (
                json!({"response_types": ["magic"]}),
                "unknown response_types",
            ),
            (
                json!({"response_types": ["none code"]}),
                "unknown response_types",
            ),
            (
                json!({"token_endpoint_auth_method": "magic"}),
                "unknown token_endpoint_auth_method",
            ),
            (
                json!({"token_endpoint_auth_method": "none", "grant_types": [TOKEN_EXCHANGE]}),
                "a grant that no public client has",
            ),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt"}),
                "no key to sign with",
            ),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}}),
                "no key to sign with",
            ),
            (
                json!({"jwks": key, "jwks_uri": "https://a/b"}),
                "both jwks and jwks_uri",
            ),
        ] {
            assert_eq!(read(&given), Err(reason), "{given}");
        }
        let signed = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key});
        assert_eq!(
            read(&signed).unwrap()["attributes"]["use.jwks.string"],
            "true"
        );
        let unknown = json!({"subject_type": "magic"});
        assert!(Subject::of(unknown.as_object().unwrap()).is_err());
    }
}
