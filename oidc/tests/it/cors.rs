//! Which pages may read what, header by header as Keycloak 26.7.4 answers.

use axum::http::Method;
use claviger_testkit::{Reply, Stage};
use serde_json::json;

use crate::world::{oidc, realm};

const EXPOSED: &str = "Access-Control-Allow-Methods";

/// The shop, with clients that let in every page, those of redirect URIs, and none.
async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    let client = |id: &str, origins: serde_json::Value| {
        json!({"clientId": id, "publicClient": true, "directAccessGrantsEnabled": true,
            "rootUrl": "http://root.example/app", "webOrigins": origins,
            "redirectUris": ["/back", "https://plus.example:8443/x/*", "app:/cb"]})
    };
    let clients = realm["clients"].as_array_mut().unwrap();
    clients.push(client("star", json!(["*"])));
    clients.push(client("plus", json!(["+"])));
    clients.push(client("none", json!([])));
    stage.import(realm).await;
    stage
}

/// Allowed origin, credentials and exposed headers of an answer.
fn read(reply: &Reply) -> (String, String, String) {
    let header = |name: &str| reply.header(&format!("access-control-{name}"));
    (
        header("allow-origin"),
        header("allow-credentials"),
        header("expose-headers"),
    )
}

fn readable(origin: &str, exposed: &str) -> (String, String, String) {
    (origin.to_owned(), "true".to_owned(), exposed.to_owned())
}

#[tokio::test]
async fn a_page_reads_the_answers_of_a_client_that_it_belongs_to() {
    let stage = shop().await;
    let cases = [
        ("app", "http://app.example", true),
        ("app", "http://app.example/", false),
        ("app", "HTTP://APP.EXAMPLE", false),
        ("app", "https://app.example", false),
        ("app", "http://app.example:80", false),
        ("app", "http://app.example, http://evil.example", false),
        ("app", "http://evil.example", false),
        ("app", "null", false),
        ("app", "*", false),
        ("star", "http://evil.example", true),
        ("star", "null", true),
        ("plus", "https://plus.example:8443", true),
        ("plus", "http://root.example", true),
        ("plus", "https://plus.example", false),
        ("none", "http://none.example", false),
        ("none", "http://localhost", true),
    ];
    for (client, origin, allowed) in cases {
        let form = [
            ("grant_type", "password"),
            ("client_id", client),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", "openid"),
        ];
        let call = stage
            .call(Method::POST, &oidc("token"))
            .header("origin", origin)
            .form(&form);
        let answer = call.send().await;
        if !allowed {
            assert_eq!(answer.status, 403, "{client} {origin}");
            assert_eq!(answer.json(), json!({"error": "Invalid origin"}));
            assert_eq!(read(&answer), Default::default(), "{client} {origin}");
            continue;
        }
        assert_eq!(answer.status, 200, "{client} {origin}: {}", answer.text());
        let own = origin == "http://localhost";
        let expected = if own {
            Default::default()
        } else {
            readable(origin, EXPOSED)
        };
        assert_eq!(read(&answer), expected, "{client} {origin}");
        let access = answer.member("access_token");
        let call = stage
            .call(Method::GET, &oidc("userinfo"))
            .header("origin", origin);
        assert_eq!(
            read(&call.bearer(&access).send().await.is(200)),
            expected,
            "{client}"
        );
        let refresh = answer.member("refresh_token");
        let call = stage
            .call(Method::POST, &oidc("logout"))
            .header("origin", origin);
        let call = call.form(&[("client_id", client), ("refresh_token", &refresh)]);
        assert_eq!(
            read(&call.send().await.is(204)),
            expected,
            "{client} {origin}"
        );
    }
}

#[tokio::test]
async fn every_page_reads_what_is_public_and_why_it_is_refused() {
    let stage = shop().await;
    let anywhere = "http://evil.example";
    let documents = [
        "/realms/shop",
        "/realms/shop/.well-known/openid-configuration",
        "/realms/shop/protocol/openid-connect/certs",
    ];
    for path in documents {
        let call = stage.call(Method::GET, path).header("origin", anywhere);
        assert_eq!(
            read(&call.send().await.is(200)),
            readable(anywhere, ""),
            "{path}"
        );
    }
    let form = [("grant_type", "password"), ("client_id", "ghost")];
    let call = stage
        .call(Method::POST, &oidc("token"))
        .header("origin", anywhere)
        .form(&form);
    assert_eq!(
        read(&call.send().await.is(401)),
        readable(anywhere, EXPOSED)
    );
    let call = stage
        .call(Method::GET, &oidc("userinfo"))
        .header("origin", anywhere);
    let exposed = "Access-Control-Allow-Methods, WWW-Authenticate";
    assert_eq!(
        read(&call.bearer("x").send().await.is(401)),
        readable(anywhere, exposed)
    );
}

#[tokio::test]
async fn introspection_is_not_for_pages() {
    let stage = shop().await;
    for origin in ["http://evil.example", "http://app.example"] {
        let call = stage
            .call(Method::POST, &oidc("token/introspect"))
            .header("origin", origin);
        let answer = call
            .basic("api", "api-secret")
            .form(&[("token", "x")])
            .send()
            .await;
        let answer = answer.is(200);
        assert_eq!(answer.json(), json!({"active": false}));
        assert_eq!(read(&answer), Default::default());
        let call = stage
            .call(Method::OPTIONS, &oidc("token/introspect"))
            .header("origin", origin);
        assert_eq!(read(&call.send().await.is(200)), Default::default());
    }
}

#[tokio::test]
async fn a_preflight_request_is_answered_to_everybody() {
    let stage = shop().await;
    let cases = [
        ("token", "POST, OPTIONS"),
        ("revoke", "POST, OPTIONS"),
        ("logout", "GET, HEAD, OPTIONS"),
        ("userinfo", "GET, HEAD, OPTIONS"),
        ("certs", "GET"),
    ];
    for (endpoint, methods) in cases {
        for origin in ["http://evil.example", "null"] {
            let call = stage
                .call(Method::OPTIONS, &oidc(endpoint))
                .header("origin", origin);
            let answer = call.send().await.is(200);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(
                answer.header("access-control-allow-methods"),
                methods,
                "{endpoint}"
            );
            assert_eq!(answer.header("access-control-max-age"), "3600");
            assert!(
                answer
                    .header("access-control-allow-headers")
                    .contains("Authorization")
            );
        }
        let answer = stage
            .call(Method::OPTIONS, &oidc(endpoint))
            .send()
            .await
            .is(200);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "",
            "{endpoint}"
        );
    }
}
