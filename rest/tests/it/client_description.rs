//! Descriptions of clients, turned into Keycloak's representation.

use axum::http::Method;

use crate::world::open;

const PATH: &str = "/client-description-converter";

#[tokio::test]
async fn descriptions_become_representations_and_nothing_is_made() {
    let shop = open().await;
    let own = r#"{"clientId": "x", "redirectUris": ["http://a/*"], "publicClient": true}"#;
    let read = shop
        .send_bytes(Method::POST, PATH, "application/json", own)
        .await;
    let expected = serde_json::json!({
        "clientId": "x", "redirectUris": ["http://a/*"], "publicClient": true,
    });
    assert_eq!(read.is(200).json(), expected);
    let metadata = r#"{"redirect_uris": ["http://a/cb"], "client_name": "N",
        "grant_types": ["authorization_code", "refresh_token"]}"#;
    let read = shop
        .send_bytes(Method::POST, PATH, "text/plain", metadata)
        .await;
    let client = read.is(200).json();
    assert_eq!(client["name"], "N");
    assert_eq!(client["protocol"], "openid-connect");
    assert_eq!(client["redirectUris"], serde_json::json!(["http://a/cb"]));
    assert_eq!(client["standardFlowEnabled"], true);
    let found = shop.get("/clients?clientId=x").await.is(200).json();
    assert_eq!(found, serde_json::json!([]));
}

#[tokio::test]
async fn what_describes_no_client_is_refused() {
    let shop = open().await;
    for (kind, text, status, error) in [
        ("application/json", "{}", 400, "Unsupported format"),
        ("application/json", "", 400, "Unsupported format"),
        ("application/xml", "<html/>", 400, "Unsupported format"),
        (
            "application/json",
            r#"{"clientId": "x", "y": 1}"#,
            400,
            "unknown_error",
        ),
        (
            "application/xml",
            "<EntityDescriptor/>",
            501,
            "Feature not enabled",
        ),
        (
            "text/html",
            "{}",
            415,
            "The content-type header value did not match the value in @Consumes",
        ),
    ] {
        let refused = shop.send_bytes(Method::POST, PATH, kind, text).await;
        assert_eq!(refused.is(status).member("error"), error, "{text}");
    }
    let viewer = shop.administered_by("viewer").await;
    viewer
        .send_bytes(Method::POST, PATH, "", "{}")
        .await
        .is(403);
}
