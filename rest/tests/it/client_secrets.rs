//! What clients prove themselves with, as administrators give it to them.

use serde_json::{Value, json};

use crate::clients::{make, path};
use crate::world::open;

#[tokio::test]
async fn secrets_are_drawn_anew() {
    let shop = open().await;
    let web = path(&shop, "web").await;
    let address = format!("{web}/client-secret");
    let old = shop.get(&address).await.is(200).json();
    assert_eq!(old, json!({"type": "secret", "value": "web-secret"}));
    let new = shop.post(&address, &json!({})).await.is(200).json();
    assert_ne!(new["value"], "web-secret");
    assert_eq!(shop.event().await.representation["value"], "**********");
    assert_eq!(shop.get(&address).await.json(), new);
    let rotated = format!("{address}/rotated");
    let none = shop.get(&rotated).await.is(404);
    assert_eq!(
        none.member("error"),
        "Client does not have a rotated secret"
    );
    shop.delete(&rotated).await.is(204);
    let app = path(&shop, "app").await;
    let public = shop
        .get(&format!("{app}/client-secret"))
        .await
        .is(200)
        .json();
    assert_eq!(public, json!({"type": "secret"}));
}

#[tokio::test]
async fn registration_access_tokens_are_shown_once() {
    let shop = open().await;
    let web = path(&shop, "web").await;
    let address = format!("{web}/registration-access-token");
    let shown = shop.post(&address, &json!({})).await.is(200).json();
    let token = shown["registrationAccessToken"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(shown["secret"], "**********");
    let event = shop.event().await.representation;
    assert_eq!(event["registrationAccessToken"], "**********");
    let attributes = shop.get(&web).await.json()["attributes"].clone();
    assert_eq!(attributes["registration.access.token.id"], Value::Null);
}

#[tokio::test]
async fn clients_get_keys_to_sign_with() {
    let shop = open().await;
    let saml = make(&shop, &json!({"clientId": "urn:sp", "protocol": "saml"})).await;
    let signing = format!("{saml}/certificates/saml.signing");
    let first = shop.get(&signing).await.is(200).json();
    let made = shop
        .post(&format!("{signing}/generate"), &json!({}))
        .await
        .is(200)
        .json();
    assert_ne!(first["certificate"], made["certificate"]);
    assert_eq!(shop.get(&signing).await.json(), made);
    let event = shop.event().await.representation;
    assert_eq!(event["privateKey"], "**********");
    let web = path(&shop, "web").await;
    let credential = format!("{web}/certificates/jwt.credential");
    assert_eq!(shop.get(&credential).await.is(200).json(), json!({}));
    shop.post(&format!("{credential}/download"), &json!({}))
        .await
        .is(501);
}
