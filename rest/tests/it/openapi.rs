//! The description of the API, as programs read it, and the API held to it.

use axum::http::Method;
use serde_json::Value;

use crate::world::open;

/// Nothing in it is secret, and generators of clients sign in nowhere.
#[tokio::test]
async fn anybody_may_read_the_description() {
    let shop = open().await;
    for path in ["/admin/openapi.json", "/auth/admin/openapi.json"] {
        let reply = shop.stage.call(Method::GET, path).send().await.is(200);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        let document = reply.json();
        assert_eq!(document["openapi"], "3.1.0");
        let server = document["servers"][0]["url"].as_str().unwrap();
        assert!(server.starts_with("http"), "{server}");
        let text = reply.text();
        assert!(!text.contains("shop.example"), "nothing of a realm");
    }
}

/// What is in the table of endpoints is in the description: method by method.
#[tokio::test]
async fn every_endpoint_is_in_the_description() {
    let shop = open().await;
    let document = shop.stage.get("/admin/openapi.json").await.is(200).json();
    let mut described = 0;
    for (method, path) in claviger_rest::endpoints() {
        if path == "/admin/realms/{realm}/{extension}" {
            continue;
        }
        let item = &document["paths"][path.replace("{*", "{")];
        let operation = &item[method.as_str().to_ascii_lowercase()];
        assert!(operation["operationId"].is_string(), "{method} {path}");
        assert!(
            operation["responses"]
                .as_object()
                .is_some_and(|all| !all.is_empty())
        );
        described += 1;
    }
    let operations: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|item| {
            item.as_object()
                .unwrap()
                .values()
                .filter(|value| value.is_object())
                .count()
        })
        .sum();
    assert_eq!(operations, described, "and nothing else");
    assert!(matches!(
        document["components"]["schemas"]["UserRepresentation"],
        Value::Object(_)
    ));
}
