//! `GET /.well-known/openid-configuration` and `…/oauth-authorization-server`: what this server can
//! do and where (OpenID Connect Discovery §3, RFC 8414 §2).
//!
//! The document has the members of Keycloak's, in the same order, also those of endpoints that a
//! release does not have yet. Clients keep the document for long and compare it: one that grows
//! with each release would break more than an address that is not served yet. The addresses are
//! those of the request's own base path, as the issuer is.

mod capabilities;
mod levels;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::logout::global::is_on;
use claviger_engine::realm::{Realm, Scopes};
use claviger_store::StoreError;
use claviger_wire::client::OPENID_CONNECT;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::cors::Readers;
use crate::problem::Problem;
use capabilities as can;

/// What the document asks of everybody who passes it on.
const CACHE: &str = "no-cache, must-revalidate, no-transform, no-store";

/// Shows the document.
pub async fn show(mut call: Call) -> Response {
    let outcome = document(&mut call).await;
    call.respond(outcome)
}

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight("GET")
}

async fn document(call: &mut Call) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.readers = Readers::All;
    call.exposed = None;
    let facts = Facts::of(call).await?;
    let cache = HeaderValue::from_static(CACHE);
    Ok(Answer::json(StatusCode::OK, &facts.document()).with(header::CACHE_CONTROL, cache))
}

/// What differs from realm to realm.
#[derive(Debug)]
struct Facts {
    /// The issuer, below which every address is that browsers go to.
    realm_url: String,
    /// Below which those are that clients call themselves.
    backchannel_url: String,
    scopes: Vec<String>,
    acr_values: Vec<String>,
    prompts: Vec<&'static str>,
    /// Whether other servers may have everything ended that a user has.
    revokes_globally: bool,
}

impl Facts {
    async fn of(call: &Call) -> Result<Self, StoreError> {
        let realm = &call.realm;
        Ok(Self {
            realm_url: call.context.issuer(&realm.name),
            backchannel_url: format!("{}/realms/{}", call.context.backchannel(), realm.name),
            scopes: scopes(&*realm.scopes().await?),
            acr_values: levels::acr_values(&call.app.store, realm).await?,
            prompts: prompts(realm),
            revokes_globally: is_on(realm),
        })
    }

    fn document(&self) -> Json {
        let mut document = Json::new();
        self.put_endpoints(&mut document);
        put_front_channel(&mut document, self);
        put_algorithms(&mut document, &self.registration());
        self.put_claims(&mut document);
        self.put_back_channel(&mut document);
        if self.revokes_globally {
            self.put_global_revocation(&mut document);
        }
        document
    }

    /// Where other servers ask (draft-parecki-oauth-global-token-revocation).
    fn put_global_revocation(&self, document: &mut Json) {
        put(
            document,
            [
                (
                    "global_token_revocation_endpoint",
                    json!(self.called("global-token-revocation")),
                ),
                (
                    "global_token_revocation_endpoint_auth_methods_supported",
                    json!(can::REVOCATION_AUTH_METHODS),
                ),
            ],
        );
    }

    fn registration(&self) -> String {
        format!(
            "{}/clients-registrations/openid-connect",
            self.backchannel_url
        )
    }

    /// Where clients call an endpoint themselves.
    fn called(&self, path: &str) -> String {
        format!("{}/protocol/openid-connect/{path}", self.backchannel_url)
    }

    fn oidc(&self, path: &str) -> String {
        format!("{}/protocol/openid-connect/{path}", self.realm_url)
    }

    fn put_endpoints(&self, document: &mut Json) {
        put(
            document,
            [
                ("issuer", json!(self.realm_url)),
                ("authorization_endpoint", json!(self.oidc("auth"))),
                ("token_endpoint", json!(self.called("token"))),
                (
                    "introspection_endpoint",
                    json!(self.called("token/introspect")),
                ),
                ("userinfo_endpoint", json!(self.called("userinfo"))),
                ("end_session_endpoint", json!(self.oidc("logout"))),
                ("frontchannel_logout_session_supported", json!(true)),
                ("frontchannel_logout_supported", json!(true)),
                ("jwks_uri", json!(self.called("certs"))),
                (
                    "check_session_iframe",
                    json!(self.oidc("login-status-iframe.html")),
                ),
            ],
        );
    }

    fn put_claims(&self, document: &mut Json) {
        put(
            document,
            [
                ("claims_supported", json!(can::CLAIMS)),
                ("claim_types_supported", json!(["normal"])),
                ("claims_parameter_supported", json!(true)),
                ("scopes_supported", json!(self.scopes)),
                ("request_parameter_supported", json!(true)),
                ("request_uri_parameter_supported", json!(true)),
                ("require_request_uri_registration", json!(true)),
                ("code_challenge_methods_supported", json!(["plain", "S256"])),
                ("tls_client_certificate_bound_access_tokens", json!(true)),
                ("dpop_signing_alg_values_supported", json!(can::ASYMMETRIC)),
            ],
        );
    }

    fn put_back_channel(&self, document: &mut Json) {
        put(
            document,
            [
                ("revocation_endpoint", json!(self.oidc("revoke"))),
                (
                    "revocation_endpoint_auth_methods_supported",
                    json!(can::CLIENT_AUTH_METHODS),
                ),
                (
                    "revocation_endpoint_auth_signing_alg_values_supported",
                    json!(can::SIGNATURES),
                ),
                ("backchannel_logout_supported", json!(true)),
                ("backchannel_logout_session_supported", json!(true)),
                (
                    "device_authorization_endpoint",
                    json!(self.oidc("auth/device")),
                ),
                (
                    "backchannel_token_delivery_modes_supported",
                    json!(["poll", "ping"]),
                ),
                (
                    "backchannel_authentication_endpoint",
                    json!(self.called("ext/ciba/auth")),
                ),
                (
                    "backchannel_authentication_request_signing_alg_values_supported",
                    json!(can::ASYMMETRIC),
                ),
                ("require_pushed_authorization_requests", json!(false)),
                (
                    "pushed_authorization_request_endpoint",
                    json!(self.called("ext/par/request")),
                ),
                ("mtls_endpoint_aliases", self.aliases()),
                (
                    "authorization_response_iss_parameter_supported",
                    json!(true),
                ),
            ],
        );
    }

    /// The same addresses for clients with a certificate (RFC 8705 §5).
    fn aliases(&self) -> Value {
        json!({
            "token_endpoint": self.called("token"),
            "revocation_endpoint": self.oidc("revoke"),
            "introspection_endpoint": self.called("token/introspect"),
            "device_authorization_endpoint": self.oidc("auth/device"),
            "registration_endpoint": self.registration(),
            "userinfo_endpoint": self.called("userinfo"),
            "pushed_authorization_request_endpoint": self.called("ext/par/request"),
            "backchannel_authentication_endpoint": self.called("ext/ciba/auth"),
        })
    }
}

fn put<const N: usize>(document: &mut Json, members: [(&str, Value); N]) {
    document.extend(members.map(|(name, value)| (name.to_owned(), value)));
}

fn put_front_channel(document: &mut Json, facts: &Facts) {
    put(
        document,
        [
            ("grant_types_supported", json!(can::GRANTS)),
            ("acr_values_supported", json!(facts.acr_values)),
            ("response_types_supported", json!(can::RESPONSE_TYPES)),
            ("subject_types_supported", json!(["public", "pairwise"])),
            ("prompt_values_supported", json!(facts.prompts)),
        ],
    );
}

fn put_algorithms(document: &mut Json, registration: &str) {
    put_object_algorithms(document, "id_token", &json!(can::SIGNATURES));
    put_object_algorithms(document, "userinfo", &json!(can::signatures_or_none()));
    put_object_algorithms(
        document,
        "request_object",
        &json!(can::signatures_or_none()),
    );
    put(
        document,
        [
            ("response_modes_supported", json!(can::RESPONSE_MODES)),
            ("registration_endpoint", json!(registration)),
            (
                "token_endpoint_auth_methods_supported",
                json!(can::CLIENT_AUTH_METHODS),
            ),
            (
                "token_endpoint_auth_signing_alg_values_supported",
                json!(can::SIGNATURES),
            ),
            (
                "introspection_endpoint_auth_methods_supported",
                json!(can::CLIENT_AUTH_METHODS),
            ),
            (
                "introspection_endpoint_auth_signing_alg_values_supported",
                json!(can::SIGNATURES),
            ),
        ],
    );
    put_object_algorithms(document, "authorization", &json!(can::SIGNATURES));
}

/// How one kind of signed and encrypted object may be made.
fn put_object_algorithms(document: &mut Json, object: &str, signatures: &Value) {
    let key_encryption = json!(can::KEY_ENCRYPTION);
    let content_encryption = json!(can::CONTENT_ENCRYPTION);
    for (what, values) in [
        ("signing_alg", signatures),
        ("encryption_alg", &key_encryption),
        ("encryption_enc", &content_encryption),
    ] {
        let name = format!("{object}_{what}_values_supported");
        document.insert(name, values.clone());
    }
}

/// The words that `scope` may have: the client scopes that do not hide themselves.
fn scopes(scopes: &Scopes) -> Vec<String> {
    let is_shown = |name: &&str| {
        scopes.named(name).is_some_and(|scope| {
            let attributes = scope.body.get("attributes");
            let shown = attributes.and_then(|all| all.get("include.in.openid.provider.metadata"));
            let is_hidden = shown.is_some_and(|value| match value {
                Value::String(text) => !text.eq_ignore_ascii_case("true"),
                Value::Bool(flag) => !flag,
                Value::Null => false,
                Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
            });
            scope.protocol == OPENID_CONNECT && !is_hidden
        })
    };
    let mut names: Vec<String> = scopes
        .names()
        .into_iter()
        .filter(is_shown)
        .map(str::to_owned)
        .collect();
    if !names.iter().any(|name| name == "openid") {
        names.insert(0, "openid".to_owned());
    }
    names
}

fn prompts(realm: &Realm) -> Vec<&'static str> {
    let mut prompts = vec!["none", "login", "consent"];
    if realm.settings.login.registration_allowed {
        prompts.push("create");
    }
    prompts
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use claviger_wire::document::{Document, Kind};

    use super::*;

    fn facts() -> Facts {
        Facts {
            realm_url: "http://id.example/auth/realms/shop".into(),
            backchannel_url: "http://id.example/auth/realms/shop".into(),
            scopes: vec!["openid".into()],
            acr_values: vec!["0".into(), "1".into()],
            prompts: vec!["none", "login", "consent"],
            revokes_globally: false,
        }
    }

    #[test]
    fn global_revocation_is_announced_where_it_is_on_behind_all_that_keycloak_has() {
        let on = Facts {
            revokes_globally: true,
            ..facts()
        };
        let document = on.document();
        let (off, names) = (facts().document(), document.keys().collect::<Vec<_>>());
        assert_eq!(names.len(), off.len() + 2);
        assert!(off.keys().eq(names[..off.len()].iter().copied()));
        assert_eq!(
            document["global_token_revocation_endpoint"],
            "http://id.example/auth/realms/shop/protocol/openid-connect/global-token-revocation"
        );
    }

    #[test]
    fn every_address_is_below_the_issuer() {
        let document = facts().document();
        let aliases = document["mtls_endpoint_aliases"].as_object().unwrap();
        let all = document.iter().chain(aliases);
        let addresses: Vec<&str> = all
            .filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri"))
            .map(|(_, value)| value.as_str().unwrap())
            .collect();
        assert_eq!(addresses.len(), 11 + 8);
        let issuer = document["issuer"].as_str().unwrap();
        for address in addresses {
            assert!(address.starts_with(&format!("{issuer}/")), "{address}");
        }
    }

    #[test]
    fn what_clients_call_themselves_may_be_elsewhere() {
        let inside = "http://inside:8080/realms/shop";
        let document = Facts {
            backchannel_url: inside.into(),
            ..facts()
        }
        .document();
        let of = |document: &Json| {
            let mut names: Vec<String> = document
                .iter()
                .filter(|(_, value)| value.as_str().is_some_and(|text| text.starts_with(inside)))
                .map(|(name, _)| name.clone())
                .collect();
            names.sort();
            names
        };
        // As Keycloak 26.7.4 does it: revocation and devices stay where browsers go.
        let expected = [
            "backchannel_authentication_endpoint",
            "introspection_endpoint",
            "jwks_uri",
            "pushed_authorization_request_endpoint",
            "registration_endpoint",
            "token_endpoint",
            "userinfo_endpoint",
        ];
        assert_eq!(of(&document), expected);
        let aliases = document["mtls_endpoint_aliases"].as_object().unwrap();
        let expected: Vec<&str> = expected
            .into_iter()
            .filter(|name| *name != "jwks_uri")
            .collect();
        assert_eq!(of(aliases), expected);
    }

    /// The names as Keycloak 26.7.4 gives them, in its order.
    const MEMBERS: &str = "issuer authorization_endpoint token_endpoint introspection_endpoint \
        userinfo_endpoint end_session_endpoint frontchannel_logout_session_supported \
        frontchannel_logout_supported jwks_uri check_session_iframe grant_types_supported \
        acr_values_supported response_types_supported subject_types_supported \
        prompt_values_supported id_token_signing_alg_values_supported \
        id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported \
        userinfo_signing_alg_values_supported userinfo_encryption_alg_values_supported \
        userinfo_encryption_enc_values_supported request_object_signing_alg_values_supported \
        request_object_encryption_alg_values_supported \
        request_object_encryption_enc_values_supported response_modes_supported \
        registration_endpoint token_endpoint_auth_methods_supported \
        token_endpoint_auth_signing_alg_values_supported \
        introspection_endpoint_auth_methods_supported \
        introspection_endpoint_auth_signing_alg_values_supported \
        authorization_signing_alg_values_supported authorization_encryption_alg_values_supported \
        authorization_encryption_enc_values_supported claims_supported claim_types_supported \
        claims_parameter_supported scopes_supported request_parameter_supported \
        request_uri_parameter_supported require_request_uri_registration \
        code_challenge_methods_supported tls_client_certificate_bound_access_tokens \
        dpop_signing_alg_values_supported revocation_endpoint \
        revocation_endpoint_auth_methods_supported \
        revocation_endpoint_auth_signing_alg_values_supported backchannel_logout_supported \
        backchannel_logout_session_supported device_authorization_endpoint \
        backchannel_token_delivery_modes_supported backchannel_authentication_endpoint \
        backchannel_authentication_request_signing_alg_values_supported \
        require_pushed_authorization_requests pushed_authorization_request_endpoint \
        mtls_endpoint_aliases authorization_response_iss_parameter_supported";

    #[test]
    fn the_members_are_keycloaks() {
        let document = facts().document();
        let names: Vec<&str> = document.keys().map(String::as_str).collect();
        assert_eq!(names, MEMBERS.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn scopes_can_hide_and_those_of_saml_do() {
        let scope = |name: &str, body: Value| Document {
            kind: Kind::ClientScope,
            id: name.to_owned(),
            parent: String::new(),
            unique_name: name.to_owned(),
            enabled: true,
            body: body.as_object().unwrap().clone(),
        };
        let hidden = json!({"attributes": {"include.in.openid.provider.metadata": "false"}});
        let shown = json!({"attributes": {"include.in.openid.provider.metadata": "true"}});
        let all = vec![
            scope(
                "profile",
                json!({"name": "profile", "protocol": "openid-connect"}),
            ),
            scope("email", shown),
            scope("internal", hidden),
            scope(
                "role_list",
                json!({"name": "role_list", "protocol": "saml"}),
            ),
        ];
        assert_eq!(
            scopes(&Scopes::new(all, HashMap::new())),
            ["openid", "email", "profile"]
        );
        let own = vec![scope("openid", json!({})), scope("a", json!({}))];
        assert_eq!(scopes(&Scopes::new(own, HashMap::new())), ["a", "openid"]);
    }
}
