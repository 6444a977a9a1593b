//! What OpenID's conformance suite asks of client registration (`docs/conformance.md`).

use axum::http::Method;
use serde_json::{Value, json};

use super::{OIDC, at, leave, minimal, register};
use crate::world::{Shop, open};

async fn attributes(shop: &Shop, made: &Value) -> Value {
    let id = made["client_id"].as_str().unwrap();
    let found = shop.get(&format!("/clients?clientId={id}")).await.is(200);
    found.json()[0]["attributes"].clone()
}

#[tokio::test]
async fn oidcc_an_address_with_a_fragment_is_not_registered() {
    let shop = open().await;
    let metadata = json!({"redirect_uris": ["https://app.example/cb#here"]});
    let text = "A redirect URI must not contain an URL fragment";
    let refused = register(&shop, &metadata).await.is(400);
    refused.says("invalid_redirect_uri", text);
}

#[tokio::test]
async fn oidcc_addresses_that_pages_show_are_registered() {
    let shop = open().await;
    let mut metadata = minimal();
    for (name, attribute) in [
        ("logo_uri", "logoUri"),
        ("policy_uri", "policyUri"),
        ("tos_uri", "tosUri"),
    ] {
        let address = format!("https://app.example/{name}");
        metadata[name] = json!(address);
        let made = register(&shop, &metadata).await.is(201).json();
        assert_eq!(attributes(&shop, &made).await[attribute], address);
        let mut script = minimal();
        script[name] = json!("javascript:alert(1)");
        register(&shop, &script).await.is(400);
    }
}

#[tokio::test]
async fn oidcc_a_sector_lists_the_addresses_of_its_clients() {
    let shop = open().await;
    let sector = "https://sector.example/list.json";
    let metadata = json!({
        "redirect_uris": ["https://a.example/cb", "https://b.example/cb"],
        "subject_type": "pairwise", "sector_identifier_uri": sector,
    });
    let unreachable = "Failed to get redirect URIs from the Sector Identifier URI.";
    let refused = register(&shop, &metadata).await.is(400);
    refused.says("invalid_client_metadata", unreachable);
    shop.stage
        .network
        .answer(sector, r#"["https://a.example/cb"]"#);
    let differ = "Client redirect URIs does not match redirect URIs fetched from the Sector \
                  Identifier URI.";
    let refused = register(&shop, &metadata).await.is(400);
    refused.says("invalid_client_metadata", differ);
    // Named without need, it is checked all the same.
    let mut public = metadata.clone();
    public["subject_type"] = json!("public");
    register(&shop, &public).await.is(400);
    let all = r#"["https://a.example/cb", "https://b.example/cb"]"#;
    shop.stage.network.answer(sector, all);
    let made = register(&shop, &metadata).await.is(201).json();
    assert_eq!(made["subject_type"], "pairwise");
    assert_eq!(made["sector_identifier_uri"], sector);
    // Who asks for public subjects later has no pseudonyms any more.
    let path = format!("{OIDC}/{}", made["client_id"].as_str().unwrap());
    let own = made["registration_access_token"].as_str().unwrap();
    let change = json!({"client_id": made["client_id"], "redirect_uris": ["https://a.example/cb"]});
    let changed = at(&shop, Method::PUT, &path, own)
        .json(&change)
        .send()
        .await;
    let changed = changed.is(200).json();
    assert_eq!(changed["subject_type"], "public");
    assert_eq!(changed.get("sector_identifier_uri"), None);
}

#[tokio::test]
async fn oidcc_a_public_client_proves_itself_by_its_name() {
    let shop = open().await;
    let mut metadata = minimal();
    metadata["token_endpoint_auth_method"] = json!("none");
    metadata["grant_types"] = json!(["password"]);
    let token = leave(&shop, 1).await;
    let made = at(&shop, Method::POST, OIDC, &token)
        .json(&metadata)
        .send()
        .await;
    let made = made.is(201).json();
    assert_eq!(made.get("client_secret"), None);
    let form = [
        ("grant_type", "password"),
        ("client_id", made["client_id"].as_str().unwrap()),
        ("username", "alice"),
        ("password", "wonderland"),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    shop.stage.post(path, &form).await.is(200);
}
