//! How clients prove who they are, as the token endpoint sees it.

use axum::http::Method;
use claviger_crypto::jwk::{Naming, public_jwk};
use claviger_crypto::jws::sign;
use claviger_crypto::{Algorithm, KeyUse, PrivateKey, SigningKey};
use claviger_model::Seconds;
use claviger_store::EventQuery;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::bank::{KEYS_URL, SECRET, realm};
use crate::world::oidc;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "http://localhost/realms/bank";
const INVALID: &str = "Invalid client or Invalid client credentials";

/// A bank with one client for each way, and what they sign with.
struct Bank {
    stage: Stage,
    key: PrivateKey,
}

fn jwks(key: &PrivateKey, kid: &str) -> String {
    let public = key.public_key().unwrap();
    let naming = Naming {
        kid: Some(kid),
        algorithm: None,
        key_use: Some(KeyUse::Sig),
    };
    json!({"keys": [public_jwk(&public, &naming, None)]}).to_string()
}

impl Bank {
    async fn open() -> Self {
        let stage = Stage::open(claviger_oidc::router()).await;
        let key = PrivateKey::generate_ed25519().unwrap();
        stage.import(realm(&jwks(&key, "k1"))).await;
        Self { stage, key }
    }

    /// The claims of a good assertion, unlike every other one's.
    fn claims(&self, client: &str) -> Value {
        let now = self.stage.app.now().seconds().0;
        let id = self.stage.app.random.uuid();
        json!({"iss": client, "sub": client, "aud": ISSUER, "jti": id, "exp": now + 50})
    }

    fn signed(&self, kid: &str, claims: &Value) -> String {
        let key = SigningKey::new(kid, Algorithm::EdDsa, self.key.clone()).unwrap();
        sign(&key, None, claims.to_string().as_bytes()).unwrap()
    }

    async fn ask(&self, form: &[(&str, &str)]) -> Reply {
        let mut all = vec![("grant_type", "client_credentials")];
        all.extend(form);
        self.stage
            .call(Method::POST, &path())
            .header("origin", "http://app.example")
            .form(&all)
            .send()
            .await
    }

    async fn assert(&self, assertion: &str) -> Reply {
        self.ask(&[
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion),
        ])
        .await
    }

    /// The newest event: kind, error, client and its details about the proof.
    async fn event(
        &self,
    ) -> (
        String,
        Option<String>,
        Option<String>,
        Vec<(String, String)>,
    ) {
        let app = &self.stage.app;
        let realm = app.realm("bank").await.unwrap().unwrap();
        let query = EventQuery {
            max: 1,
            ..EventQuery::default()
        };
        let event = app
            .store
            .events(&realm.id, &query)
            .await
            .unwrap()
            .swap_remove(0);
        let mut details = event.details;
        details.retain(|(name, _)| name.starts_with("client_") && name != "client_assertion_id");
        (event.kind, event.error, event.client_id, details)
    }
}

fn path() -> String {
    oidc("token").replace("/shop/", "/bank/")
}

#[tokio::test]
async fn a_secret_comes_in_the_form_or_in_the_header() {
    let bank = Bank::open().await;
    let good = bank
        .ask(&[("client_id", "web"), ("client_secret", "web-secret")])
        .await
        .is(200);
    assert_eq!(
        good.header("access-control-allow-origin"),
        "http://app.example"
    );
    let (kind, error, client, details) = bank.event().await;
    assert_eq!(
        (kind.as_str(), error, client.as_deref()),
        ("CLIENT_LOGIN", None, Some("web"))
    );
    assert_eq!(
        details,
        [("client_auth_method".to_owned(), "client-secret".to_owned())]
    );
    let basic = |id: &'static str, secret: &'static str| {
        let call = bank.stage.call(Method::POST, &path()).basic(id, secret);
        call.form(&[("grant_type", "client_credentials")]).send()
    };
    let _ = basic("web", "web-secret").await.is(200);
    let _ = basic("odd", "100%25+%2Bx").await.is(200);
    basic("web", "wrong")
        .await
        .is(401)
        .says("unauthorized_client", INVALID);
    let text = "Unexpected error when authenticating client";
    basic("odd", "100% +x")
        .await
        .is(400)
        .says("unauthorized_client", text);
}

#[tokio::test]
async fn what_is_wrong_with_a_client_is_told_to_the_event_only() {
    let bank = Bank::open().await;
    let cases = [
        (
            None,
            None,
            401,
            "invalid_client",
            INVALID,
            "client_not_found",
        ),
        (
            Some("ghost"),
            Some("x"),
            401,
            "invalid_client",
            INVALID,
            "client_not_found",
        ),
        (
            Some("off"),
            Some("s"),
            401,
            "invalid_client",
            INVALID,
            "client_disabled",
        ),
        (
            Some("web"),
            Some("x"),
            401,
            "unauthorized_client",
            INVALID,
            "invalid_client_credentials",
        ),
        (
            Some("web"),
            None,
            401,
            "unauthorized_client",
            INVALID,
            "invalid_client_credentials",
        ),
        (
            Some("mtls"),
            None,
            401,
            "invalid_client",
            INVALID,
            "invalid_client_credentials",
        ),
        (
            Some("signer"),
            Some("x"),
            400,
            "invalid_client",
            "Parameter client_assertion_type is missing",
            "invalid_client_credentials",
        ),
        (
            Some("saml"),
            Some("s"),
            400,
            "invalid_client",
            "Wrong client protocol.",
            "invalid_client",
        ),
    ];
    for (id, secret, status, error, text, recorded) in cases {
        let mut form = Vec::new();
        form.extend(id.map(|id| ("client_id", id)));
        form.extend(secret.map(|secret| ("client_secret", secret)));
        let refused = bank.ask(&form).await.is(status);
        refused.says(error, text);
        assert_eq!(
            refused.header("access-control-allow-origin"),
            "http://app.example",
            "{id:?}"
        );
        let (kind, known, client, _) = bank.event().await;
        assert_eq!(kind, "CLIENT_LOGIN_ERROR");
        assert_eq!(known.as_deref(), Some(recorded), "{id:?}");
        assert_eq!(client.as_deref(), id);
        bank.stage.wait(Seconds(1));
    }
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let bank = Bank::open().await;
    let assertion = bank.signed("k1", &bank.claims("signer"));
    let _ = bank.assert(&assertion).await.is(200);
    let (_, _, client, details) = bank.event().await;
    assert_eq!(client.as_deref(), Some("signer"));
    let expected = [
        ("client_assertion_issuer", "signer"),
        ("client_assertion_sub", "signer"),
        ("client_jwt_kid", "k1"),
        ("client_auth_method", "client-jwt"),
    ];
    for (name, value) in expected {
        assert!(
            details.contains(&(name.to_owned(), value.to_owned())),
            "{details:?}"
        );
    }
    bank.assert(&assertion)
        .await
        .is(400)
        .says("invalid_client", "Token reuse detected");
    // As in Keycloak an id is used up for all clients of the realm.
    let mut claims = bank.claims("other");
    claims["jti"] = json!("one");
    let _ = bank.assert(&bank.signed("k1", &claims)).await.is(200);
    claims["iss"] = json!("signer");
    claims["sub"] = json!("signer");
    let same = bank.assert(&bank.signed("k1", &claims)).await.is(400);
    same.says("invalid_client", "Token reuse detected");
}

#[tokio::test]
async fn a_refusal_tells_nothing_of_the_inside() {
    let bank = Bank::open().await;
    let failed = "Client authentication with signed JWT failed";
    let form = [
        ("client_id", "signer"),
        ("client_assertion_type", TYPE),
        ("client_assertion", "garbage"),
    ];
    let text = format!("{failed}: the assertion is not a signed JWT");
    bank.ask(&form).await.is(400).says("invalid_client", &text);
    let text = format!("{failed}: Error when loading public keys");
    for _ in 0..3 {
        let unreachable = bank.assert(&bank.signed("k1", &bank.claims("url"))).await;
        unreachable.is(400).says("invalid_client", &text);
    }
    assert_eq!(
        bank.stage.network.asked().len(),
        1,
        "a failing publisher is left in peace"
    );
}

#[tokio::test]
async fn of_many_who_come_with_one_assertion_one_gets_in() {
    let bank = Bank::open().await;
    let assertion = bank.signed("k1", &bank.claims("signer"));
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (stage, assertion) = (bank.stage.clone(), assertion.clone());
            tokio::spawn(async move {
                let form = [
                    ("grant_type", "client_credentials"),
                    ("client_assertion_type", TYPE),
                    ("client_assertion", &assertion),
                ];
                stage.post(&path(), &form).await.status.as_u16()
            })
        })
        .collect();
    let mut let_in = 0;
    for call in calls {
        let_in += u32::from(call.await.unwrap() == 200);
    }
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn an_assertion_that_breaks_a_rule_is_refused() {
    let bank = Bank::open().await;
    let now = bank.stage.app.now().seconds().0;
    let with = |name: &str, value: Value| {
        let mut claims = bank.claims("signer");
        claims[name] = value;
        bank.signed("k1", &claims)
    };
    let failed = "Client authentication with signed JWT failed";
    let cases = [
        (
            with("aud", json!("http://elsewhere")),
            "Invalid token audience".to_owned(),
        ),
        (
            with("aud", json!([ISSUER, "x"])),
            "Multiple audiences not allowed".to_owned(),
        ),
        (
            with("exp", Value::Null),
            "Token exp claim is required".to_owned(),
        ),
        (
            with("exp", json!(now - 1)),
            "Token is not active".to_owned(),
        ),
        (
            with("iat", json!(now + 100)),
            "Token was issued in the future".to_owned(),
        ),
        (
            with("jti", Value::Null),
            "Token jti claim is required".to_owned(),
        ),
        (
            bank.signed("k2", &bank.claims("signer")),
            "Unable to load public key".to_owned(),
        ),
        (
            bank.signed("k1", &bank.claims("nokeys")),
            "Unable to load public key".to_owned(),
        ),
        (
            Bank {
                key: PrivateKey::generate_ed25519().unwrap(),
                stage: bank.stage.clone(),
            }
            .signed("k1", &bank.claims("signer")),
            format!("{failed}: Signature on JWT token failed validation"),
        ),
        (
            sign(
                &SigningKey::hmac("k1", Algorithm::Hs256, SECRET.as_bytes()).unwrap(),
                None,
                bank.claims("signer").to_string().as_bytes(),
            )
            .unwrap(),
            "Invalid signature algorithm".to_owned(),
        ),
    ];
    for (assertion, text) in cases {
        bank.assert(&assertion)
            .await
            .is(400)
            .says("invalid_client", &text);
    }
    for id in ["ghost", "web", "hmac"] {
        let stranger = bank.assert(&bank.signed("k1", &bank.claims(id))).await;
        assert!(
            stranger.status.is_client_error(),
            "{id}: {}",
            stranger.text()
        );
    }
    let assertion = bank.signed("k1", &bank.claims("signer"));
    let form = [
        ("client_id", "other"),
        ("client_assertion_type", TYPE),
        ("client_assertion", &assertion),
    ];
    let text = "client_id parameter does not match authenticated client";
    bank.ask(&form).await.is(400).says("invalid_client", text);
}

#[tokio::test]
async fn keys_at_a_url_can_change() {
    let bank = Bank::open().await;
    bank.stage.network.answer(KEYS_URL, jwks(&bank.key, "old"));
    let _ = bank
        .assert(&bank.signed("old", &bank.claims("url")))
        .await
        .is(200);
    let _ = bank
        .assert(&bank.signed("old", &bank.claims("url")))
        .await
        .is(200);
    assert_eq!(bank.stage.network.asked().len(), 1);
    bank.stage.network.answer(KEYS_URL, jwks(&bank.key, "new"));
    let text = "Unable to load public key";
    for _ in 0..5 {
        let early = bank.assert(&bank.signed("new", &bank.claims("url"))).await;
        early.is(400).says("invalid_client", text);
    }
    assert_eq!(
        bank.stage.network.asked().len(),
        1,
        "nobody can make the server ask more often"
    );
    bank.stage.wait(Seconds(10));
    let _ = bank
        .assert(&bank.signed("new", &bank.claims("url")))
        .await
        .is(200);
    bank.assert(&bank.signed("old", &bank.claims("url")))
        .await
        .is(400)
        .says("invalid_client", text);
}

#[tokio::test]
async fn a_shared_secret_signs() {
    let bank = Bank::open().await;
    let signed = |secret: &str| {
        let key = SigningKey::hmac("", Algorithm::Hs512, secret.as_bytes()).unwrap();
        sign(&key, None, bank.claims("hmac").to_string().as_bytes()).unwrap()
    };
    let _ = bank.assert(&signed(SECRET)).await.is(200);
    let refused = bank
        .assert(&signed("another-secret-of-at-least-32-bytes-"))
        .await
        .is(400);
    refused.says(
        "unauthorized_client",
        "Client authentication with client secret signed JWT failed: Signature on JWT token by \
         client secret  failed validation",
    );
    let by_key = bank
        .assert(&bank.signed("k1", &bank.claims("hmac")))
        .await
        .is(400);
    by_key.says(
        "unauthorized_client",
        "Client authentication with client secret signed JWT failed: Signature on JWT token by \
         client secret failed validation",
    );
}

#[tokio::test]
async fn a_foreign_origin_is_turned_away_after_the_client_is_known() {
    let bank = Bank::open().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let call = bank.stage.call(Method::POST, &path());
    let refused = call
        .header("origin", "http://evil.example")
        .form(&form)
        .send()
        .await
        .is(403);
    assert_eq!(refused.member("error"), "Invalid origin");
    assert_eq!(refused.header("access-control-allow-origin"), "");
}
