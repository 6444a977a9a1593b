//! Keycloak's representation of a client, told in the words of OpenID Connect.

use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::realm::RealmSettings;
use serde_json::{Value, json};

use super::metadata::{BETWEEN, CIBA, JWT_BEARER, TOKEN_EXCHANGE, UMA};
use crate::admin::clients::body::{attribute, flag, text};
use crate::admin::protocol_mappers::rules;

/// Attributes that are told if they are there.
const TOLD: [(&str, &str); 16] = [
    (
        "userinfo_signed_response_alg",
        "user.info.response.signature.alg",
    ),
    (
        "userinfo_encrypted_response_alg",
        "user.info.encrypted.response.alg",
    ),
    (
        "userinfo_encrypted_response_enc",
        "user.info.encrypted.response.enc",
    ),
    ("request_object_signing_alg", "request.object.signature.alg"),
    (
        "request_object_encryption_alg",
        "request.object.encryption.alg",
    ),
    (
        "request_object_encryption_enc",
        "request.object.encryption.enc",
    ),
    ("tls_client_auth_subject_dn", "x509.subjectdn"),
    (
        "id_token_signed_response_alg",
        "id.token.signed.response.alg",
    ),
    (
        "id_token_encrypted_response_alg",
        "id.token.encrypted.response.alg",
    ),
    (
        "id_token_encrypted_response_enc",
        "id.token.encrypted.response.enc",
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
    ("frontchannel_logout_uri", "frontchannel.logout.url"),
];

/// A client's metadata, by its representation. `address` is where its registration is read and
/// changed.
pub(super) fn metadata(client: &Json, realm: &RealmSettings, address: &str) -> Json {
    let fields = Fields::of(client);
    let mut told = Json::new();
    let mut put = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    let copied = [
        ("redirect_uris", "redirectUris"),
        ("client_id", "clientId"),
        ("client_name", "name"),
        ("client_uri", "baseUrl"),
        ("registration_access_token", "registrationAccessToken"),
    ];
    for (name, member) in copied {
        if let Some(value) = client.get(member) {
            put(name, value.clone());
        }
    }
    put("registration_client_uri", json!(address));
    let (method, has_secret) = authentication(client);
    if let Some(method) = method {
        put("token_endpoint_auth_method", json!(method));
    }
    if has_secret {
        if let Some(secret) = fields.text("secret") {
            put("client_secret", json!(secret));
        }
        let end = attribute(client, "client.secret.expiration.time");
        let end: i64 = end.and_then(|end| end.parse().ok()).unwrap_or(0);
        put("client_secret_expires_at", json!(end));
    }
    put("response_types", json!(response_types(client)));
    put("grant_types", json!(grant_types(client)));
    let scopes = fields.texts("optionalClientScopes");
    put("scope", json!(scopes.join(" ")));
    for (name, known) in TOLD {
        if let Some(value) = attribute(client, known) {
            put(name, json!(value));
        }
    }
    // Told if they are not blank.
    for (name, known) in CIBA {
        if let Some(value) = attribute(client, known).filter(|value| !value.trim().is_empty()) {
            put(name, json!(value));
        }
    }
    keys(client, realm, &mut told);
    let mut put = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    let listed = |name: &str| -> Vec<String> {
        let text = attribute(client, name).unwrap_or_default();
        let parts = text.split(BETWEEN).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    put("request_uris", json!(listed("request.uris")));
    put(
        "post_logout_redirect_uris",
        json!(after_logout(client, listed)),
    );
    let acr = listed("default.acr.values");
    if !acr.is_empty() {
        put("default_acr_values", json!(acr));
    }
    flags(client, &mut told);
    subject(client, &mut told);
    told
}

/// The client's own keys, and how its ID tokens are signed.
fn keys(client: &Json, realm: &RealmSettings, told: &mut Json) {
    let is_on = |name: &str| attribute(client, name) == Some("true");
    let mut put = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    let usual = Some(&realm.default_signature_algorithm).filter(|name| *name != "RS256");
    if let (None, Some(usual)) = (attribute(client, "id.token.signed.response.alg"), usual)
        && !usual.is_empty()
    {
        put("id_token_signed_response_alg", json!(usual));
    }
    if is_on("use.jwks.url")
        && let Some(address) = attribute(client, "jwks.url")
    {
        put("jwks_uri", json!(address));
    }
    if is_on("use.jwks.string")
        && let Some(set) = attribute(client, "jwks.string")
        && let Ok(set) = serde_json::from_str::<Value>(set)
    {
        put("jwks", set);
    }
}

/// What is on or off.
fn flags(client: &Json, told: &mut Json) {
    let is_on = |name: &str| attribute(client, name) == Some("true");
    let mut put = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    for (name, known) in [
        (
            "tls_client_certificate_bound_access_tokens",
            "tls.client.certificate.bound.access.tokens",
        ),
        ("dpop_bound_access_tokens", "dpop.bound.access.tokens"),
        (
            "require_pushed_authorization_requests",
            "require.pushed.authorization.requests",
        ),
        // Keycloak tells the one by the name of the other; clients compare.
        (
            "backchannel_logout_session_required",
            "backchannel.logout.revoke.offline.tokens",
        ),
    ] {
        put(name, json!(is_on(known)));
    }
    let session = attribute(client, "frontchannel.logout.session.required");
    let session = session.is_none_or(|text| text == "true");
    put("frontchannel_logout_session_required", json!(session));
}

/// How a client proves itself, and whether with a secret.
fn authentication(client: &Json) -> (Option<&str>, bool) {
    match text(client, "clientAuthenticatorType") {
        "none" => (Some("none"), false),
        "client-secret" => {
            let only = attribute(client, "client.secret.authentication.allowed.method");
            (only.or(Some("client_secret_basic")), true)
        }
        "client-secret-jwt" => (Some("client_secret_jwt"), true),
        "client-jwt" => (Some("private_key_jwt"), false),
        "client-x509" => (Some("tls_client_auth"), false),
        _ => (None, false),
    }
}

fn response_types(client: &Json) -> Vec<&'static str> {
    let standard = flag(client, "standardFlowEnabled");
    let implicit = flag(client, "implicitFlowEnabled");
    let mut types = Vec::new();
    if standard {
        types.extend(["code", "none"]);
    }
    if implicit {
        types.extend(["id_token", "id_token token"]);
    }
    if standard && implicit {
        types.extend(["code id_token", "code token", "code id_token token"]);
    }
    types
}

fn grant_types(client: &Json) -> Vec<&'static str> {
    let is_on = |name: &str| attribute(client, name) == Some("true");
    let refreshes = attribute(client, "use.refresh.tokens").is_none_or(|text| text == "true");
    let proves_itself = !flag(client, "publicClient");
    [
        ("authorization_code", flag(client, "standardFlowEnabled")),
        ("implicit", flag(client, "implicitFlowEnabled")),
        ("password", flag(client, "directAccessGrantsEnabled")),
        ("client_credentials", flag(client, "serviceAccountsEnabled")),
        (
            "urn:ietf:params:oauth:grant-type:device_code",
            is_on("oauth2.device.authorization.grant.enabled"),
        ),
        (
            "urn:openid:params:grant-type:ciba",
            is_on("oidc.ciba.grant.enabled"),
        ),
        (UMA, flag(client, "authorizationServicesEnabled")),
        ("refresh_token", refreshes),
        (
            TOKEN_EXCHANGE,
            proves_itself && is_on("standard.token.exchange.enabled"),
        ),
        (
            JWT_BEARER,
            proves_itself && is_on("oauth2.jwt.authorization.grant.enabled"),
        ),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect()
}

/// Where a browser may be sent after a logout: `-` stands for nowhere, `+` for the redirect URIs.
fn after_logout(client: &Json, listed: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut own = listed("post.logout.redirect.uris");
    if own.first().is_some_and(|first| first == "-") {
        return Vec::new();
    }
    let with_redirects = own.is_empty() || own.iter().any(|uri| uri == "+");
    own.retain(|uri| uri != "+");
    if with_redirects {
        for uri in Fields::of(client).texts("redirectUris") {
            if !own.contains(&uri) {
                own.push(uri);
            }
        }
    }
    own
}

/// What the client knows its users as.
fn subject(client: &Json, told: &mut Json) {
    let mut mappers = Fields::of(client).objects("protocolMappers");
    let pairwise =
        mappers.find(|mapper| text(mapper, "protocolMapper").ends_with(rules::PAIRWISE_SUFFIX));
    let Some(mapper) = pairwise else {
        told.insert("subject_type".to_owned(), json!("public"));
        return;
    };
    told.insert("subject_type".to_owned(), json!("pairwise"));
    let config = mapper.get("config").and_then(Value::as_object);
    let sector = config.and_then(|config| config.get(rules::SECTOR));
    if let Some(sector) = sector.filter(|sector| sector.as_str() != Some("")) {
        told.insert("sector_identifier_uri".to_owned(), sector.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(client: &Value) -> Json {
        let realm = RealmSettings::from_body(&Json::new());
        metadata(client.as_object().unwrap(), &realm, "https://id.example/x")
    }

    #[test]
    fn flows_are_told_as_types_and_grants() {
        let both = told(&json!({"standardFlowEnabled": true, "implicitFlowEnabled": true}));
        let types = [
            "code",
            "none",
            "id_token",
            "id_token token",
            "code id_token",
            "code token",
            "code id_token token",
        ];
        assert_eq!(both["response_types"], json!(types));
        let grants = ["authorization_code", "implicit", "refresh_token"];
        assert_eq!(both["grant_types"], json!(grants));
        let public = told(&json!({"publicClient": true, "attributes": {
            "standard.token.exchange.enabled": "true", "use.refresh.tokens": "false"}}));
        assert_eq!(public["grant_types"], json!([]));
    }

    #[test]
    fn secrets_are_told_where_they_prove_something() {
        for (kind, method, secret) in [
            ("client-secret", Some("client_secret_basic"), true),
            ("client-secret-jwt", Some("client_secret_jwt"), true),
            ("client-jwt", Some("private_key_jwt"), false),
            ("client-x509", Some("tls_client_auth"), false),
            ("none", Some("none"), false),
            ("federated-jwt", None, false),
        ] {
            let told = told(&json!({"secret": "s", "clientAuthenticatorType": kind}));
            let shown = told
                .get("token_endpoint_auth_method")
                .and_then(Value::as_str);
            assert_eq!(shown, method, "{kind}");
            assert_eq!(told.contains_key("client_secret"), secret, "{kind}");
        }
        let posted = told(
            &json!({"clientAuthenticatorType": "client-secret", "attributes": {
            "client.secret.authentication.allowed.method": "client_secret_post",
            "client.secret.expiration.time": "77"}}),
        );
        assert_eq!(posted["token_endpoint_auth_method"], "client_secret_post");
        assert_eq!(posted["client_secret_expires_at"], 77);
    }

    #[test]
    fn addresses_after_logout_stand_for_themselves_or_for_redirect_uris() {
        for (kept, expected) in [
            (json!({}), json!(["r"])),
            (
                json!({"post.logout.redirect.uris": "a##b"}),
                json!(["a", "b"]),
            ),
            (
                json!({"post.logout.redirect.uris": "+##b"}),
                json!(["b", "r"]),
            ),
            (json!({"post.logout.redirect.uris": "-"}), json!([])),
        ] {
            let told = told(&json!({"redirectUris": ["r"], "attributes": kept}));
            assert_eq!(told["post_logout_redirect_uris"], expected, "{kept}");
        }
    }
}
