//! Signed assertions: `private_key_jwt` and `client_secret_jwt` (RFC 7523 §3, OpenID Connect Core
//! §9). An assertion is good for this server, for a minute or so, and once.

use std::sync::Arc;

use claviger_crypto::algorithm::Algorithm;
use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64url;
use claviger_crypto::jws::{Header, Unverified};
use claviger_crypto::key::VerifyingKey;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::request::RequestContext;
use claviger_engine::{client_keys, client_secrets};
use claviger_model::{Seconds, Secret};
use claviger_store::{StoreError, Tx};
use claviger_wire::client::ClientSettings;

use super::{Failure, Method, Refusal, Verdict};
use crate::Help;
use crate::call::Call;
use crate::form::Form;
use crate::problem::chain;
use claims::Claims;

mod claims;

/// `client_assertion_type` of a JWT (RFC 7523 §2.2).
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good if the client does not say.
const AGE_MAX: Seconds = Seconds(60);

/// With what a client signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A key whose public half the client has made known.
    PrivateKey,
    /// The secret that it shares with this server.
    Secret,
}

impl Signer {
    const fn method(self) -> Method {
        match self {
            Self::PrivateKey => Method::PrivateKeyJwt,
            Self::Secret => Method::SecretJwt,
        }
    }

    /// What is told of an assertion that cannot be read or verified.
    fn failed(self, help: Help, why: &str) -> Refusal {
        match self {
            Self::PrivateKey => Refusal::malformed(
                help,
                "invalid_client",
                format!("Client authentication with signed JWT failed: {why}"),
            ),
            Self::Secret => Refusal::malformed(
                help,
                "unauthorized_client",
                format!("Client authentication with client secret signed JWT failed: {why}"),
            ),
        }
    }
}

/// What of an assertion's rules is broken.
fn broken(help: Help, rule: &str) -> Refusal {
    Refusal::malformed(help, "invalid_client", rule)
}

/// Whether a text is a JWT with claims, and its type is given.
pub fn is_readable(text: &str, given_type: Option<&str>) -> bool {
    given_type == Some(TYPE) && Assertion::read(text).is_some()
}

/// Takes an assertion that a client has issued about itself out of a bearer header (RFC 7523), for an
/// endpoint whose body is no form. Tells whether it is one; what it proves is for [`super::identify`].
pub fn take(call: &mut Call, text: &str) -> bool {
    let claims = Assertion::read(text).map(|assertion| assertion.claims);
    let is_own =
        claims.is_some_and(|claims| claims.issuer.is_some() && claims.issuer == claims.subject);
    if !is_own || call.is_form {
        return false;
    }
    call.form = Form::of(&[("client_assertion_type", TYPE), ("client_assertion", text)]);
    true
}

/// Finds the client that the assertion speaks of, and checks what it says.
pub async fn attempt(
    signer: Signer,
    call: &Call,
    event: &mut EventBuilder,
    known: &mut Option<Arc<Client>>,
) -> Result<Verdict, Failure> {
    match check(signer, call, event, known).await {
        Ok(verdict) => Ok(verdict),
        Err(Failure::Refused(refusal)) => Ok(Verdict::Refused(refusal)),
        Err(failure @ Failure::Store(_)) => Err(failure),
    }
}

async fn check(
    signer: Signer,
    call: &Call,
    event: &mut EventBuilder,
    known: &mut Option<Arc<Client>>,
) -> Result<Verdict, Failure> {
    let text = call.form.get("client_assertion");
    let assertion = match text.map(Assertion::read) {
        None => None,
        Some(Some(assertion)) => Some(assertion),
        Some(None) => {
            let text = "the assertion is not a signed JWT";
            return Err(signer.failed(Help::AssertionMalformed, text).into());
        }
    };
    if let Some(Assertion { claims, .. }) = &assertion {
        claims.tell(event);
        // Somebody else vouches for the client: that is another method's.
        if claims.issuer != claims.subject {
            return Ok(Verdict::NotUsed);
        }
    }
    check_type(call.form.get("client_assertion_type"))?;
    let assertion = assertion.ok_or_else(|| {
        let text = "client_assertion parameter missing";
        broken(Help::AssertionMalformed, text)
    })?;
    let client = assertion.claims.client(call, event, known).await?;
    if client.settings.client_authenticator_type != signer.method().id() {
        return Ok(Verdict::NotUsed);
    }
    let algorithm = algorithm(signer, assertion.jws.header(), &client.settings)?;
    match signer {
        Signer::PrivateKey => {
            assertion
                .verify_by_key(algorithm, call, &client.settings, event)
                .await?;
        }
        Signer::Secret => {
            let secrets = client_secrets::known(&call.app, &call.realm, &client.settings).await;
            assertion.verify_by_secret(algorithm, &secrets)?;
        }
    }
    let claims = assertion.claims;
    claims
        .check_audience(&audiences(&call.context, &call.realm.name))
        .map_err(|rule| broken(Help::AssertionClaims, rule))?;
    let age_max = age_max(&client.settings);
    let end = claims
        .check_times(call.app.now().seconds(), age_max)
        .map_err(|rule| broken(Help::AssertionClaims, rule))?;
    let id = claims
        .id
        .as_deref()
        .ok_or_else(|| broken(Help::AssertionClaims, "Token jti claim is required"))?;
    if !is_first_use(signer, call, id, end).await? {
        tracing::warn!(client = client.client_id, "an assertion came a second time");
        return Err(broken(Help::AssertionReused, "Token reuse detected").into());
    }
    Ok(Verdict::Proven)
}

fn check_type(given: Option<&str>) -> Result<(), Refusal> {
    match given {
        Some(TYPE) => Ok(()),
        Some(other) => {
            let text = format!(
                "Parameter client_assertion_type has value '{other}' but expected is '{TYPE}'"
            );
            Err(broken(Help::AssertionMalformed, &text))
        }
        None => {
            let text = "Parameter client_assertion_type is missing";
            Err(broken(Help::AssertionMalformed, text))
        }
    }
}

/// The algorithm of the header, as far as the client may use it. A client that signs with a private
/// key must not come with HMAC: its public key would be the secret (RFC 8725 §2.1).
fn algorithm(
    signer: Signer,
    header: &Header,
    client: &ClientSettings,
) -> Result<Algorithm, Refusal> {
    let only = client.attribute("token.endpoint.auth.signing.alg");
    header
        .algorithm()
        .filter(|_| only.is_none_or(|only| only == header.alg()))
        .filter(|algorithm| signer == Signer::Secret || !algorithm.is_symmetric())
        .ok_or_else(|| broken(Help::AssertionSignature, "Invalid signature algorithm"))
}

fn age_max(client: &ClientSettings) -> Seconds {
    client
        .lifespan_attribute("token.endpoint.auth.signing.max.exp")
        .unwrap_or(AGE_MAX)
}

/// By which names an assertion may address this server: as issuer and as each endpoint to which
/// clients prove themselves with assertions, at every base path that is served.
fn audiences(context: &RequestContext, realm: &str) -> Vec<String> {
    const ENDPOINTS: [&str; 6] = [
        "",
        "/protocol/openid-connect/token",
        "/protocol/openid-connect/token/introspect",
        "/protocol/openid-connect/ext/par/request",
        "/protocol/openid-connect/ext/ciba/auth",
        "/protocol/openid-connect/global-token-revocation",
    ];
    let issuers = context
        .base_paths
        .iter()
        .map(|path| context.issuer_at(path, realm));
    issuers
        .flat_map(|issuer| ENDPOINTS.map(|endpoint| format!("{issuer}{endpoint}")))
        .collect()
}

/// An assertion of the right form.
struct Assertion<'a> {
    jws: Unverified<'a>,
    claims: Claims,
}

impl<'a> Assertion<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let jws = Unverified::parse(text).ok()?;
        let claims = Claims::of(&jws.unverified_claims().ok()?).ok()?;
        Some(Self { jws, claims })
    }

    async fn verify_by_key(
        &self,
        algorithm: Algorithm,
        call: &Call,
        client: &ClientSettings,
        event: &mut EventBuilder,
    ) -> Result<(), Refusal> {
        let kid = self.jws.header().kid();
        let key = match client_keys::find(&call.app, &call.context.origin, client, kid, algorithm)
            .await
        {
            Ok(Some(key)) => key,
            Ok(None) => {
                return Err(Refusal {
                    event_error: "client_credentials_setup_required",
                    ..broken(Help::AssertionSignature, "Unable to load public key")
                });
            }
            Err(error) => {
                let name = &client.client_id;
                tracing::warn!(client = name, "no keys of a client: {}", chain(&error));
                let text = "Error when loading public keys";
                return Err(Signer::PrivateKey.failed(Help::AssertionSignature, text));
            }
        };
        if let Some(kid) = key.kid.as_deref().filter(|kid| !kid.is_empty()) {
            event.detail("client_jwt_kid", kid);
        }
        let verified = key
            .verifying_key(algorithm)
            .is_ok_and(|key| self.jws.clone().verify(&key).is_ok());
        if verified {
            Ok(())
        } else {
            let text = "Signature on JWT token failed validation";
            Err(Signer::PrivateKey.failed(Help::AssertionSignature, text))
        }
    }

    fn verify_by_secret(&self, algorithm: Algorithm, secrets: &[Secret]) -> Result<(), Refusal> {
        if secrets.is_empty() {
            return Err(Refusal::not_proven(Help::ClientSecretUnusable));
        }
        if !algorithm.is_symmetric() {
            let text = "Signature on JWT token by client secret failed validation";
            return Err(Signer::Secret.failed(Help::AssertionSignature, text));
        }
        let verified = secrets.iter().any(|secret| {
            VerifyingKey::hmac("", algorithm, secret.reveal().as_bytes())
                .is_ok_and(|key| self.jws.clone().verify(&key).is_ok())
        });
        if verified {
            Ok(())
        } else {
            // Two spaces, as clients know it.
            let text = "Signature on JWT token by client secret  failed validation";
            Err(Signer::Secret.failed(Help::AssertionSignature, text))
        }
    }
}

/// Marks an assertion as used, durably and before anything else happens, so that whoever copied it
/// on its way cannot come in with it (RFC 7523 §3, item 7).
async fn is_first_use(
    signer: Signer,
    call: &Call,
    id: &str,
    end: Seconds,
) -> Result<bool, StoreError> {
    // Ids are of any length; keys are not.
    let digest = base64url(&sha256(id.as_bytes()));
    let key = format!("client-assertion:{}:{digest}", signer.method().id());
    let mut tx = Tx::new();
    // One second more, as `exp` counts whole seconds, and as much as clocks of nodes may differ.
    let expires_at = (end + Seconds(1) + claims::SKEW).millis();
    tx.use_once(&call.realm.id, &key, "", expires_at);
    Ok(call.app.commit(tx).await?.is_done())
}

#[cfg(test)]
mod tests {
    use claviger_crypto::jws::sign;
    use claviger_crypto::key::SigningKey;
    use serde_json::json;

    use super::*;

    fn client(body: &serde_json::Value) -> ClientSettings {
        ClientSettings::from_body(body.as_object().unwrap())
    }

    fn header(alg: &str) -> Header {
        let header = base64url(json!({ "alg": alg }).to_string().as_bytes());
        let token = format!("{header}.{}.AAAA", base64url(b"{}"));
        Unverified::parse(&token).unwrap().header().clone()
    }

    fn told(refusal: &Refusal) -> String {
        format!("{}: {:?}", refusal.event_error, refusal.problem)
    }

    #[test]
    fn algorithms_are_those_of_the_method_and_of_the_client() {
        let any = client(&json!({"clientId": "a"}));
        let one = client(&json!({"clientId": "a",
            "attributes": {"token.endpoint.auth.signing.alg": "PS256"}}));
        let cases = [
            (Signer::PrivateKey, "RS256", &any, true),
            (Signer::PrivateKey, "EdDSA", &any, true),
            (Signer::PrivateKey, "HS256", &any, false),
            (Signer::PrivateKey, "none", &any, false),
            (Signer::PrivateKey, "None", &any, false),
            (Signer::PrivateKey, "RS1", &any, false),
            (Signer::PrivateKey, "PS256", &one, true),
            (Signer::PrivateKey, "RS256", &one, false),
            (Signer::Secret, "HS512", &any, true),
            (Signer::Secret, "HS256", &one, false),
            (Signer::Secret, "none", &any, false),
        ];
        for (signer, name, client, fits) in cases {
            let found = algorithm(signer, &header(name), client);
            assert_eq!(found.is_ok(), fits, "{signer:?} {name}");
        }
    }

    #[test]
    fn the_server_has_the_same_names_at_each_base_path() {
        let context = RequestContext {
            base_url: "http://id.example/auth".into(),
            base_path: "/auth".into(),
            origin: "http://id.example".into(),
            base_paths: [String::new(), "/auth".into()].into(),
            ip_address: "127.0.0.1".into(),
            secure: false,
            help_links: true,
            backchannel_url: None,
            admin_url: None,
        };
        let names = audiences(&context, "shop");
        for known in [
            "http://id.example/realms/shop",
            "http://id.example/auth/realms/shop",
            "http://id.example/realms/shop/protocol/openid-connect/token",
            "http://id.example/auth/realms/shop/protocol/openid-connect/ext/par/request",
        ] {
            assert!(names.iter().any(|name| name == known), "{known}");
        }
        for foreign in [
            "http://id.example/realms/shop/protocol/openid-connect/logout",
            "http://id.example/realms/other",
            "http://id.example",
        ] {
            assert!(!names.iter().any(|name| name == foreign), "{foreign}");
        }
    }

    #[test]
    fn a_type_must_be_given_and_known() {
        assert!(check_type(Some(TYPE)).is_ok());
        assert!(told(&check_type(None).unwrap_err()).contains("is missing"));
        assert!(told(&check_type(Some("x")).unwrap_err()).contains("has value 'x'"));
    }

    #[test]
    fn secrets_verify_what_they_signed_and_nothing_else() {
        let key = SigningKey::hmac("", Algorithm::Hs256, b"the secret").unwrap();
        let token = sign(&key, None, br#"{"iss":"a","sub":"a"}"#).unwrap();
        let assertion = Assertion::read(&token).unwrap();
        let verify = |algorithm, secrets: &[&str]| {
            let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
            assertion.verify_by_secret(algorithm, &secrets)
        };
        assert!(verify(Algorithm::Hs256, &["the secret"]).is_ok());
        assert!(verify(Algorithm::Hs256, &["new", "the secret"]).is_ok());
        let refused = told(&verify(Algorithm::Hs256, &["another secret"]).unwrap_err());
        assert!(
            refused.contains("by client secret  failed validation"),
            "{refused}"
        );
        let none = told(&verify(Algorithm::Hs256, &[]).unwrap_err());
        assert!(
            none.contains("Invalid client or Invalid client credentials"),
            "{none}"
        );
        let asymmetric = verify(Algorithm::Rs256, &["the secret"]);
        assert!(told(&asymmetric.unwrap_err()).contains("by client secret failed validation"));
    }

    #[test]
    fn what_is_no_signed_object_is_not_read() {
        let encode = |header: &str, payload: &str| {
            format!(
                "{}.{}.AAAA",
                base64url(header.as_bytes()),
                base64url(payload.as_bytes())
            )
        };
        for text in [
            String::new(),
            "garbage".to_owned(),
            "x.y.z".to_owned(),
            encode("{}", "{}"),
            encode(r#"{"alg":"RS256"}"#, "[]"),
            encode(r#"{"alg":"RS256"}"#, r#"{"sub":"a","sub":"b"}"#),
            encode(r#"{"alg":"RS256"}"#, r#"{"exp":"soon"}"#),
            encode(r#"{"alg":"RS256","crit":["x"]}"#, "{}"),
        ] {
            assert!(Assertion::read(&text).is_none(), "{text}");
        }
    }
}
