//! What clients prove themselves with, as administrators give it to them.

use axum::http::Method;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::clients::{make, path};
use crate::world::{Shop, open};

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

/// A form with a file, as consoles send it.
async fn send_key(shop: &Shop, address: &str, format: &str, file: &str) -> Reply {
    let part = |name: &str, content: &str| {
        format!("--Q\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let form = format!(
        "{}{}--Q--\r\n",
        part("keystoreFormat", format),
        part("file", file)
    );
    let kind = "multipart/form-data; boundary=Q";
    shop.send_bytes(Method::POST, address, kind, &form).await
}

#[tokio::test]
async fn clients_get_the_keys_that_are_sent_for_them() {
    const EC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvR\
        VEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==";
    let jwks = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"k1",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let shop = open().await;
    let web = path(&shop, "web").await;
    let credential = format!("{web}/certificates/jwt.credential");
    let upload = format!("{credential}/upload-certificate");
    let made = shop
        .post(&format!("{credential}/generate"), &json!({}))
        .await;
    let certificate = made.is(200).member("certificate");
    for (format, file, expected) in [
        ("Public Key PEM", EC, json!({"publicKey": EC})),
        (
            "JSON Web Key Set",
            jwks,
            json!({"publicKey": EC, "kid": "k1", "jwks": jwks}),
        ),
        (
            "Certificate PEM",
            &certificate,
            json!({"certificate": certificate}),
        ),
    ] {
        let sent = send_key(&shop, &upload, format, file).await.is(200);
        assert_eq!(sent.json(), expected, "{format}");
        // Whatever was there before is gone, the private key above all.
        assert_eq!(shop.get(&credential).await.json(), expected, "{format}");
        assert_eq!(shop.event().await.representation, expected, "{format}");
    }
    for (format, file, error) in [
        ("Certificate PEM", "rubbish", "The file is no certificate"),
        ("Certificate PEM", EC, "The file is no certificate"),
        ("Certificate PEM", "", "file cannot be empty"),
        ("Public Key PEM", "rubbish", "The file is no public key"),
        ("Public Key PEM", &certificate, "The file is no public key"),
        ("JSON Web Key Set", "rubbish", "certificate-not-found"),
        (
            "JSON Web Key Set",
            r#"{"keys":[]}"#,
            "certificate-not-found",
        ),
        ("magic", "x", "error loading keystore"),
        ("", "x", "error loading keystore"),
    ] {
        let refused = send_key(&shop, &upload, format, file).await.is(400);
        assert_eq!(refused.member("error"), error, "{format} {file:.20}");
    }
    send_key(&shop, &upload, "PKCS12", "x").await.is(501);
    let refused = shop.post(&upload, &json!({})).await.is(400);
    assert_eq!(refused.member("error"), "keystoreFormat cannot be null");
    let kept = json!({"certificate": certificate});
    assert_eq!(shop.get(&credential).await.json(), kept);
    let viewer = shop.administered_by("manager").await;
    viewer.post(&upload, &json!({})).await.is(403);
}
