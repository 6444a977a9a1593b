//! What everybody may know of a realm.

use axum::http::Method;
use claviger_testkit::Stage;
use serde_json::{Value, json};

use crate::world::{alice, oidc, realm, shop};

#[tokio::test]
async fn discovery_speaks_of_the_base_path_that_it_was_asked_at() {
    let stage = shop().await;
    for base in ["", "/auth"] {
        for name in ["openid-configuration", "oauth-authorization-server"] {
            let path = format!("{base}/realms/shop/.well-known/{name}");
            let call = stage
                .call(Method::GET, &path)
                .header("origin", "http://x.example");
            let answer = call.send().await.is(200);
            let issuer = format!("http://localhost{base}/realms/shop");
            assert_eq!(answer.member("issuer"), issuer);
            let token = format!("{issuer}/protocol/openid-connect/token");
            assert_eq!(answer.member("token_endpoint"), token);
            let document = answer.json();
            assert_eq!(
                document["mtls_endpoint_aliases"]["token_endpoint"],
                json!(token)
            );
            assert_eq!(document["acr_values_supported"], json!(["0", "1"]));
            assert_eq!(
                document["prompt_values_supported"],
                json!(["none", "login", "consent"])
            );
            let scopes = document["scopes_supported"].as_array().unwrap();
            assert!(scopes.contains(&json!("openid")) && scopes.contains(&json!("profile")));
            assert!(!scopes.contains(&json!("role_list")), "{scopes:?}");
            let cache = "no-cache, must-revalidate, no-transform, no-store";
            assert_eq!(answer.header("cache-control"), cache);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                "http://x.example"
            );
        }
    }
}

#[tokio::test]
async fn keys_are_the_public_halves_only() {
    let stage = shop().await;
    let answer = stage.get(&oidc("certs")).await.is(200);
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(answer.header("content-type"), "application/json");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    // Of two providers of equal rank either may come first.
    let mut uses: Vec<_> = keys
        .iter()
        .map(|key| (key["use"].clone(), key["alg"].clone()))
        .collect();
    uses.sort_by_key(|(key_use, _)| key_use.to_string());
    assert_eq!(
        uses,
        [
            (json!("enc"), json!("RSA-OAEP")),
            (json!("sig"), json!("RS256"))
        ]
    );
    for key in &keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    let as_set = stage
        .call(Method::GET, &oidc("certs"))
        .header("accept", "application/jwk-set+json");
    assert_eq!(
        as_set.send().await.is(200).header("content-type"),
        "application/jwk-set+json"
    );
    let asking = stage
        .call(Method::OPTIONS, &oidc("certs"))
        .header("origin", "http://x.example");
    let preflight = asking.send().await.is(200);
    assert_eq!(preflight.header("access-control-allow-methods"), "GET");
}

#[tokio::test]
async fn a_realm_tells_its_key_and_its_addresses() {
    let stage = shop().await;
    let answer = stage.get("/auth/realms/shop").await.is(200);
    assert_eq!(
        answer.header("content-type"),
        "application/json;charset=UTF-8"
    );
    let info = answer.json();
    let names: Vec<&str> = info
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "realm",
        "public_key",
        "token-service",
        "account-service",
        "tokens-not-before",
    ];
    assert_eq!(names, expected);
    assert_eq!(info["realm"], "shop");
    assert_eq!(
        info["token-service"],
        "http://localhost/auth/realms/shop/protocol/openid-connect"
    );
    assert_eq!(
        info["account-service"],
        "http://localhost/auth/realms/shop/account"
    );
    assert_eq!(info["tokens-not-before"], 0);
    let text = info["public_key"].as_str().unwrap();
    let key = claviger_crypto::PublicKey::from_text(text).unwrap();
    let keys = stage.get(&oidc("certs")).await.is(200).json();
    let mut keys = keys["keys"].as_array().unwrap().iter();
    let signing = keys.find(|key| key["use"] == "sig").unwrap();
    assert_eq!(signing["kid"], json!(key.kid()));
    let nowhere = stage.get("/realms/nowhere").await.is(404);
    assert_eq!(nowhere.json(), json!({"error": "Realm does not exist"}));
}

#[tokio::test]
async fn nobody_makes_a_realm_generate_keys_by_looking_at_it() {
    let stage = shop().await;
    let config = json!({"priority": ["100"], "ecdsaEllipticCurveKey": ["P-256"]});
    let provider = json!({"name": "ec", "providerId": "ecdsa-generated", "config": config});
    let components = json!({"org.keycloak.keys.KeyProvider": [provider]});
    stage
        .import(json!({"realm": "curves", "enabled": true, "components": components}))
        .await;
    let certs = "/realms/curves/protocol/openid-connect/certs";
    let before = stage.get(certs).await.is(200).json();
    assert_eq!(before["keys"][0]["alg"], "ES256");
    let info = stage.get("/realms/curves").await.is(200).json();
    assert_eq!(info.get("public_key"), None);
    assert_eq!(stage.get(certs).await.is(200).json(), before);
}

/// Keycloak makes a key for an algorithm that a client asks for, and so do we: one, not one for
/// each token of the answer.
#[tokio::test]
async fn a_missing_key_is_made_once() {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut ground = realm();
    ground["clients"][0]["attributes"] = json!({
        "access.token.signed.response.alg": "ES384", "id.token.signed.response.alg": "ES384",
    });
    stage.import(ground).await;
    let tokens = alice(&stage).await;
    let _ = alice(&stage).await;
    let certs = stage.get(&oidc("certs")).await.is(200).json();
    let keys = certs["keys"].as_array().unwrap().iter();
    let made: Vec<&Value> = keys.filter(|key| key["alg"] == "ES384").collect();
    assert_eq!(made.len(), 1, "{certs}");
    let access = tokens.member("access_token");
    let token = claviger_crypto::jws::Unverified::parse(&access).unwrap();
    assert_eq!(token.header().kid(), made[0]["kid"].as_str());
}
