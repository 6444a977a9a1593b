//! Components and keys over HTTP.

use serde_json::{Value, json};

use crate::world::{Shop, open};

const KEYS: &str = "org.keycloak.keys.KeyProvider";
const STORAGE: &str = "org.keycloak.storage.UserStorageProvider";

/// Makes a component and returns its path.
async fn make(shop: &Shop, body: &Value) -> String {
    let made = shop.post("/components", body).await.is(201);
    let id = made
        .header("location")
        .rsplit_once('/')
        .map(|(_, id)| id.to_owned());
    format!("/components/{}", id.expect("an id"))
}

#[tokio::test]
async fn a_key_provider_makes_keys_that_nobody_is_shown() {
    let shop = open().await;
    let body = json!({
        "name": "extra", "providerId": "ecdsa-generated", "providerType": KEYS,
        "config": {"priority": ["200"], "ecdsaPrivateKey": ["mine"]},
    });
    let path = make(&shop, &body).await;
    let shown = shop.get(&path).await.is(200).json();
    let config = json!({"priority": ["200"], "ecdsaEllipticCurveKey": ["P-256"]});
    assert_eq!(shown["config"], config);
    let keys = shop.get("/keys").await.is(200).json();
    let kid = keys["active"]["ES256"].as_str().expect("a key").to_owned();
    let rest = json!({"config": {"active": ["false"]}});
    shop.put(&path, &rest).await.is(204);
    let keys = shop.get("/keys").await.is(200).json();
    assert_eq!(keys["active"].get("ES256"), None);
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == kid.as_str());
    assert_eq!(key.expect("the same key")["status"], "PASSIVE");
    shop.delete(&path).await.is(204);
    shop.get(&path).await.is(404);
}

/// `oidcc-server-rotate-keys`: the new key is published beside the old one, and neither side has to stop.
#[tokio::test]
async fn a_new_key_signs_while_the_old_one_still_verifies() {
    let shop = open().await;
    let oidc = |path: &str| format!("/realms/shop/protocol/openid-connect/{path}");
    let names = async || {
        let set = shop.stage.get(&oidc("certs")).await.is(200).json();
        let keys = set["keys"].as_array().unwrap().iter();
        let signing = keys.filter(|key| key["alg"] == "RS256");
        let names: Vec<String> = signing
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect();
        names
    };
    let before = names().await;
    let body = json!({"name": "next", "providerId": "rsa-generated", "providerType": KEYS,
                      "config": {"priority": ["200"]}});
    let old = shop.administered_by("owner").await;
    make(&shop, &body).await;
    let after = names().await;
    assert_eq!((before.len(), after.len()), (1, 2));
    assert!(after.contains(&before[0]), "{after:?}");
    old.get("").await.is(200);
    shop.administered_by("owner").await.get("").await.is(200);
    let keys = shop.get("/keys").await.is(200).json();
    let active = keys["active"]["RS256"].as_str().unwrap();
    assert!(active != before[0] && after.iter().any(|name| name == active));
}

#[tokio::test]
async fn wrong_components_are_refused_in_keycloaks_words() {
    let shop = open().await;
    let body = json!({"providerId": "rsa-generated", "providerType": KEYS,
                      "config": {"keySize": ["7"]}});
    let refused = shop.post("/components", &body).await.is(400);
    let text = "'Key size' should be 1024, 2048, 3072 or 4096";
    assert_eq!(refused.member("errorMessage"), text);
    for body in [
        json!({"providerId": "magic", "providerType": KEYS}),
        json!({"providerId": "ldap", "providerType": KEYS}),
        json!({"name": "x"}),
    ] {
        let refused = shop.post("/components", &body).await.is(400);
        assert_eq!(
            refused.member("error"),
            "Invalid provider type or no such provider"
        );
    }
    let body = json!({"id": "x", "providerId": "hmac-generated", "providerType": KEYS});
    shop.post("/components", &body).await.is(201);
    shop.post("/components", &body).await.is(409);
    let missing = shop.put("/components/nowhere", &json!({})).await.is(404);
    assert_eq!(missing.member("error"), "Could not find component");
}

#[tokio::test]
async fn a_secret_is_kept_but_never_shown_nor_told() {
    let shop = open().await;
    let body = json!({
        "name": "directory", "providerId": "ldap", "providerType": STORAGE,
        "config": {"bindCredential": ["hunter2"], "bindDn": ["cn=x"], "odd": ["y"],
                   "editMode": ["READ_ONLY"], "krbPrincipalAttribute": ["p"]},
    });
    let path = make(&shop, &body).await;
    let event = shop.event().await;
    assert_eq!(
        (event.operation.as_str(), event.kind.as_str()),
        ("CREATE", "COMPONENT")
    );
    let mut config = json!({"bindCredential": ["**********"], "bindDn": ["cn=x"],
                            "editMode": ["READ_ONLY"], "krbPrincipalAttribute": ["p"]});
    assert_eq!(event.representation["config"], config);
    assert_eq!(shop.get(&path).await.is(200).json()["config"], config);
    let change = json!({"config": {"bindCredential": ["**********"], "bindDn": [""]}});
    shop.put(&path, &change).await.is(204);
    let mapper = json!({
        "name": "m", "providerId": "full-name-ldap-mapper",
        "providerType": "org.keycloak.storage.ldap.mappers.LDAPStorageMapper",
        "parentId": path.rsplit_once('/').unwrap().1,
        "config": {"ldap.full.name.attribute": ["cn"]},
    });
    let mapper = make(&shop, &mapper).await;
    let listed = shop
        .get(&format!("/components?type={STORAGE}"))
        .await
        .is(200)
        .json();
    config.as_object_mut().unwrap().remove("bindDn");
    assert_eq!(listed[0]["config"], config);
    let types = "sub-component-types?type=org.keycloak.storage.ldap.mappers.LDAPStorageMapper";
    let types = shop.get(&format!("{path}/{types}")).await.is(200).json();
    assert!(
        types
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == "full-name-ldap-mapper")
    );
    shop.get(&format!("{path}/sub-component-types"))
        .await
        .is(400);
    shop.delete(&path).await.is(204);
    shop.get(&mapper).await.is(404);
}

#[tokio::test]
async fn components_are_the_business_of_those_who_manage_the_realm() {
    let shop = open().await;
    let manager = shop.administered_by("manager").await;
    manager.get("/components").await.is(403);
    manager.get("/keys").await.is(403);
    let body = json!({"providerId": "hmac-generated", "providerType": KEYS});
    manager.post("/components", &body).await.is(403);
}

/// Keys can be moved from one realm to another, whole, and a half never makes a key.
#[tokio::test]
async fn a_new_provider_may_bring_its_key() {
    let shop = open().await;
    let body = json!({
        "name": "moved", "providerId": "hmac-generated", "providerType": KEYS,
        "config": {"priority": ["7"], "algorithm": ["HS384"], "kid": ["mine"],
                   "secret": ["c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ"]},
    });
    let path = make(&shop, &body).await;
    let shown = shop.get(&path).await.is(200).json();
    let config = json!({"priority": ["7"], "algorithm": ["HS384"], "secretSize": ["32"]});
    assert_eq!(shown["config"], config);
    let keys = shop.get("/keys").await.is(200).json();
    assert_eq!(keys["active"]["HS384"], "mine");
    let change = json!({"config": {"kid": ["other"], "secret": ["b3RoZXI"]}});
    shop.put(&path, &change).await.is(204);
    let keys = shop.get("/keys").await.is(200).json();
    assert_eq!(keys["active"]["HS384"], "mine");
    let body = json!({
        "name": "half", "providerId": "rsa-generated", "providerType": KEYS,
        "config": {"privateKey": ["rubbish"], "certificate": ["rubbish"]},
    });
    let refused = shop.post("/components", &body).await.is(400);
    let text = "Failed to decode private key";
    assert_eq!(refused.member("errorMessage"), text);
}
