//! What clients get signed and encrypted, if they want it so (OpenID Connect Core §5.3.2, §10.2).

use axum::http::Method;
use claviger_crypto::algorithm::Curve;
use claviger_crypto::jwe::{DecryptionKey, Encrypted, KeyManagement};
use claviger_crypto::jwk::{Naming, public_jwk};
use claviger_crypto::jws::Unverified;
use claviger_crypto::{KeyUse, PrivateKey};
use claviger_model::Seconds;
use claviger_testkit::Stage;
use serde_json::{Value, json};

use crate::world::{alice_at_web, oidc, realm, userinfo};

const KEYS_URL: &str = "https://web.example/jwks";
const BY: KeyManagement = KeyManagement::EcdhEsA256Kw;

fn jwks(key: &PrivateKey, naming: (Option<&str>, Option<&str>)) -> String {
    let public = key.public_key().unwrap();
    let naming = Naming {
        kid: naming.0,
        algorithm: naming.1,
        key_use: Some(KeyUse::Enc),
    };
    json!({"keys": [public_jwk(&public, &naming, None)]}).to_string()
}

/// The shop, where client `web` has these attributes and a token of it may be looked at by `api`,
/// but not by `nosy`; both may ask for JWTs.
async fn shop(attributes: Value) -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    realm["clients"][1]["attributes"] = attributes;
    realm["clients"][1]["protocolMappers"] = json!([{
        "name": "api", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": "api", "access.token.claim": "true"},
    }]);
    let may = json!({"client.introspection.response.allow.jwt.claim.enabled": "true"});
    realm["clients"][2]["attributes"] = may.clone();
    let nosy = json!({"clientId": "nosy", "secret": "nosy-secret", "attributes": may});
    realm["clients"].as_array_mut().unwrap().push(nosy);
    stage.import(realm).await;
    stage
}

fn open(token: &str, key: &PrivateKey) -> (Option<String>, String) {
    let token = Encrypted::parse(token).unwrap();
    let plain = token.decrypt(BY, DecryptionKey::Private(key)).unwrap();
    let cty = token.cty().map(str::to_owned);
    (cty, String::from_utf8(plain).unwrap())
}

/// The claims of a token whose signature is the realm's.
async fn verified(stage: &Stage, token: &str) -> Value {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let ring = realm.keys().await.unwrap();
    let token = Unverified::parse(token).unwrap();
    let header = token.header();
    let key = ring.verifying(header.kid().unwrap(), header.algorithm().unwrap());
    let claims = token.verify(key.unwrap()).unwrap().claims().unwrap();
    Value::Object(claims)
}

async fn introspect(stage: &Stage, client: &str, accept: &str, token: &str) -> Value {
    let call = stage.call(Method::POST, &oidc("token/introspect"));
    let call = call.basic(client, &format!("{client}-secret"));
    let call = call.header("accept", accept).form(&[("token", token)]);
    call.send().await.is(200).json()
}

#[tokio::test]
async fn an_id_token_is_signed_first_and_then_encrypted_to_the_client() {
    let key = PrivateKey::generate_ec(Curve::P384).unwrap();
    let stage = shop(json!({
        "use.jwks.string": "true", "jwks.string": jwks(&key, (Some("k"), Some(BY.name()))),
        "id.token.signed.response.alg": "ES256",
        "id.token.encrypted.response.alg": BY.name(),
    }))
    .await;
    let answer = alice_at_web(&stage).await.is(200);
    let (cty, signed) = open(&answer.member("id_token"), &key);
    assert_eq!(cty.as_deref(), Some("JWT"));
    let claims = verified(&stage, &signed).await;
    assert_eq!(claims["aud"], "web");
    // Somebody else's key opens nothing.
    let other = PrivateKey::generate_ec(Curve::P384).unwrap();
    let token = answer.member("id_token");
    let token = Encrypted::parse(&token).unwrap();
    assert!(token.decrypt(BY, DecryptionKey::Private(&other)).is_err());
}

#[tokio::test]
async fn what_cannot_be_encrypted_is_not_handed_out_in_the_clear() {
    let key = PrivateKey::generate_ec(Curve::P256).unwrap();
    for keys in [
        json!({}),
        json!({"use.jwks.string": "true", "jwks.string": jwks(&key, (Some("k"), Some("ECDH-ES")))}),
        json!({"use.jwks.string": "true", "jwks.string": "{"}),
        json!({"use.jwks.url": "true", "jwks.url": KEYS_URL}),
    ] {
        let with = |name: &str| {
            let mut attributes = keys.clone();
            attributes[name] = json!(BY.name());
            attributes
        };
        let stage = shop(with("id.token.encrypted.response.alg")).await;
        let text = "For more on this error consult the server log.";
        let refused = alice_at_web(&stage).await.is(500);
        refused.says("unknown_error", text);
        let stage = shop(with("user.info.encrypted.response.alg")).await;
        let token = alice_at_web(&stage).await.is(200).member("access_token");
        let refused = userinfo(&stage, &token).await.is(500);
        assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"shop\"");
        assert_eq!(refused.text(), "");
    }
}

#[tokio::test]
async fn userinfo_is_told_as_the_client_wants_it() {
    let key = PrivateKey::generate_ec(Curve::P256).unwrap();
    let keys = jwks(&key, (None, None));
    let (signature, encryption) = (
        "user.info.response.signature.alg",
        "user.info.encrypted.response.alg",
    );
    for (signed, sealed) in [(true, false), (false, true), (true, true)] {
        let mut attributes = json!({"use.jwks.string": "true", "jwks.string": keys});
        if signed {
            attributes[signature] = json!("PS256");
        }
        if sealed {
            attributes[encryption] = json!(BY.name());
        }
        let stage = shop(attributes).await;
        let token = alice_at_web(&stage).await.is(200).member("access_token");
        let answer = userinfo(&stage, &token).await.is(200);
        assert_eq!(answer.header("content-type"), "application/jwt");
        let (cty, content) = if sealed {
            open(&answer.text(), &key)
        } else {
            (Some("JWT".to_owned()), answer.text())
        };
        assert_eq!(cty.is_some(), signed);
        let claims = if signed {
            let claims = verified(&stage, &content).await;
            assert_eq!(claims["iss"], "http://localhost/realms/shop");
            assert_eq!(claims["aud"], "web");
            claims
        } else {
            serde_json::from_str(&content).unwrap()
        };
        assert_eq!(claims["preferred_username"], "alice");
    }
}

#[tokio::test]
async fn a_key_that_says_nothing_of_algorithms_is_used_for_any() {
    let key = PrivateKey::generate_ec(Curve::P256).unwrap();
    let stage = shop(json!({
        "use.jwks.string": "true", "jwks.string": jwks(&key, (Some("k"), None)),
        "id.token.encrypted.response.alg": BY.name(),
    }))
    .await;
    let answer = alice_at_web(&stage).await.is(200);
    open(&answer.member("id_token"), &key);
}

#[tokio::test]
async fn a_client_that_publishes_a_new_key_gets_tokens_for_it() {
    let stage = shop(json!({
        "use.jwks.url": "true", "jwks.url": KEYS_URL,
        "id.token.encrypted.response.alg": BY.name(),
    }))
    .await;
    for wait in [0, 10] {
        stage.wait(Seconds(wait));
        let key = PrivateKey::generate_ec(Curve::P256).unwrap();
        let published = jwks(&key, (Some("k"), Some(BY.name())));
        stage.network.answer(KEYS_URL, published);
        for _ in 0..2 {
            let answer = alice_at_web(&stage).await.is(200);
            open(&answer.member("id_token"), &key);
        }
    }
    assert_eq!(stage.network.asked(), [KEYS_URL, KEYS_URL]);
}

#[tokio::test]
async fn introspection_makes_a_token_of_what_it_tells() {
    let attributes = json!({"client.use.lightweight.access.token.enabled": "true"});
    let stage = shop(attributes).await;
    let token = alice_at_web(&stage).await.is(200).member("access_token");
    let told = introspect(&stage, "api", "application/jwt", &token).await;
    let claims = verified(&stage, told["jwt"].as_str().unwrap()).await;
    assert_eq!(claims["preferred_username"], "alice");
    assert_eq!(claims["jti"], told["jti"]);
    assert!(claims.get("active").is_none());
    let told = introspect(&stage, "api", "application/json", &token).await;
    assert!(told.get("jwt").is_none());
}

/// Keycloak sends the whole token along, although it says that there is none.
#[tokio::test]
async fn no_token_is_made_for_a_client_that_is_told_nothing() {
    let stage = shop(json!({})).await;
    let token = alice_at_web(&stage).await.is(200).member("access_token");
    let told = introspect(&stage, "nosy", "application/jwt", &token).await;
    assert_eq!(told, json!({"active": false}));
}
