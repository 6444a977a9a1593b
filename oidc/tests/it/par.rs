//! Pushed requests: checked when they are pushed, and kept for the client that pushed them.

use axum::http::Method;
use claviger_testkit::{Reply, Stage};
use serde_json::json;

use crate::world::{oidc, realm};

async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    realm["clients"][1]["redirectUris"] = json!(["http://web.example/cb"]);
    let clients = realm["clients"].as_array_mut().unwrap();
    clients.push(json!({"clientId": "strict", "secret": "strict-secret",
        "redirectUris": ["http://strict.example/cb"],
        "attributes": {"pkce.code.challenge.method": "S256",
            "request.object.required": "request only"}}));
    stage.import(realm).await;
    stage
}

async fn push(stage: &Stage, client: (&str, &str), form: &[(&str, &str)]) -> Reply {
    let call = stage.call(Method::POST, &oidc("ext/par/request"));
    call.form(form).basic(client.0, client.1).send().await
}

const WEB: (&str, &str) = ("web", "web-secret");
const GOOD: [(&str, &str); 3] = [
    ("response_type", "code"),
    ("redirect_uri", "http://web.example/cb"),
    ("scope", "openid"),
];

#[tokio::test]
async fn a_pushed_request_gets_an_address_for_a_minute() {
    let stage = shop().await;
    let reply = push(&stage, WEB, &GOOD).await.is(201);
    let body = reply.json();
    assert_eq!(body["expires_in"], 60);
    let uri = body["request_uri"].as_str().unwrap();
    assert!(
        uri.starts_with("urn:ietf:params:oauth:request_uri:"),
        "{uri}"
    );
    let other = push(&stage, WEB, &GOOD).await.is(201);
    assert_ne!(other.member("request_uri"), uri);
}

#[tokio::test]
async fn what_no_browser_could_bring_cannot_be_pushed() {
    let stage = shop().await;
    let with = |name: &'static str, value: &'static str| {
        let mut form: Vec<(&str, &str)> = GOOD.to_vec();
        form.retain(|(known, _)| *known != name || name == "state");
        form.push((name, value));
        form
    };
    let twice = [with("state", "a"), vec![("state", "b")]].concat();
    let cases = [
        (
            with("request_uri", "x"),
            "invalid_request",
            "It is not allowed to include request_uri to PAR.",
        ),
        (
            with("redirect_uri", "http://evil.example/"),
            "invalid_request",
            "Invalid parameter: redirect_uri",
        ),
        (
            with("response_type", "magic"),
            "invalid_request",
            "Unsupported response type",
        ),
        (
            with("response_type", "code id_token"),
            "unauthorized_client",
            "Client is not allowed to initiate browser login with given response_type. \
             Implicit flow is disabled for the client.",
        ),
        (
            with("scope", "nonsense"),
            "invalid_request",
            "Invalid scopes: nonsense",
        ),
        (
            with("code_challenge_method", "S256"),
            "invalid_request",
            "Missing parameter: code_challenge",
        ),
        (
            with("request", "garbage"),
            "invalid_request_object",
            "Failed to parse JWT header",
        ),
        (twice, "invalid_request", "duplicated parameter"),
        (
            with("max_age", "soon"),
            "invalid_request",
            "For input string: \"soon\"",
        ),
    ];
    for (form, error, text) in cases {
        push(&stage, WEB, &form).await.says(error, text);
    }
    let strict = [
        ("response_type", "code"),
        ("redirect_uri", "http://strict.example/cb"),
    ];
    push(&stage, ("strict", "strict-secret"), &strict)
        .await
        .is(400)
        .says(
            "invalid_request",
            "Client is required to use 'request' parameter.",
        );
}

#[tokio::test]
async fn only_the_client_itself_pushes() {
    let stage = shop().await;
    for client in [("web", "guess"), ("nobody", "x"), ("", "")] {
        let reply = push(&stage, client, &GOOD).await.is(401);
        reply.says("invalid_request", "Authentication failed.");
    }
    let call = stage.call(Method::POST, &oidc("ext/par/request"));
    call.form(&GOOD)
        .send()
        .await
        .is(401)
        .says("invalid_request", "Authentication failed.");
    stage.get(&oidc("ext/par/request")).await.is(405);
}
