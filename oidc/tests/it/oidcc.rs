//! What the Basic, Implicit, Hybrid and Form Post plans of the OpenID conformance suite ask of the
//! authorization endpoint, each under the name of its module.

use claviger_model::Seconds;
use serde_json::json;

use crate::authorize::{CB, shop};
use crate::browser::{Browser, answer, claims, parameter, request};
use crate::world::{oidc, refresh, userinfo};

#[tokio::test]
async fn oidcc_ensure_post_request_succeeds() {
    let stage = shop(|_| {}).await;
    let reply = Browser::default()
        .post(&stage, &oidc("auth"), &request(&[]))
        .await
        .is(200);
    assert!(reply.text().contains("kc-form-login"), "{}", reply.text());
    let unknown = [
        ("extra", "foobar"),
        ("claims_locales", "se"),
        ("id_token_hint", "x"),
    ];
    let reply = Browser::default().ask(&stage, &unknown).await.is(200);
    assert!(reply.text().contains("kc-form-login"));
}

/// `oidcc-server`, `oidcc-scope-email`, `oidcc-codereuse`: the code flow from end to end.
#[tokio::test]
async fn oidcc_server_signs_in_at_a_second_client_without_a_question() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let reply = browser
        .ask(&stage, &[("nonce", "n1"), ("scope", "openid email")])
        .await;
    let (to, parameters) = answer(&reply);
    let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        (to.as_str(), names),
        (CB, vec!["state", "session_state", "iss", "code"])
    );
    let code = parameter(&reply, "code");
    assert_eq!(
        code.split('.').nth(1),
        Some(&*parameter(&reply, "session_state"))
    );
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", CB),
    ];
    let tokens = stage.post(&oidc("token"), &form).await.is(200);
    let id = claims(&tokens.member("id_token"));
    assert_eq!(
        (&id["nonce"], &id["sid"]),
        (&json!("n1"), &json!(parameter(&reply, "session_state")))
    );
    userinfo(&stage, &tokens.member("access_token"))
        .await
        .is(200);
    stage.wait(Seconds(30));
    stage
        .post(&oidc("token"), &form)
        .await
        .is(400)
        .says("invalid_grant", "Code not valid");
    userinfo(&stage, &tokens.member("access_token"))
        .await
        .is(401);
    refresh(&stage, &tokens.member("refresh_token"))
        .await
        .is(400);
}

#[tokio::test]
async fn oidcc_prompt_none_never_shows_a_page() {
    let stage = shop(|realm| realm["clients"][2]["consentRequired"] = json!(true)).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let good = browser.ask(&stage, &[("prompt", "none")]).await;
    assert!(!parameter(&good, "code").is_empty());
    for (mode, delimiter) in [("query", '?'), ("fragment", '#')] {
        let more = [("prompt", "none"), ("response_mode", mode)];
        let reply = Browser::default().ask(&stage, &more).await;
        assert!(
            reply
                .header("location")
                .contains(&format!("{delimiter}error=login_required"))
        );
    }
    let more = [("prompt", "none"), ("response_mode", "form_post")];
    let page = Browser::default()
        .ask(&stage, &more)
        .await
        .is(200)
        .text()
        .to_ascii_lowercase();
    assert!(page.contains("login_required") && page.contains("action=\"http://app.example/cb\""));
    let more = [("prompt", "none"), ("response_mode", "jwt")];
    let reply = Browser::default().ask(&stage, &more).await;
    let told = claims(&parameter(&reply, "response"));
    assert_eq!(told["error"], "login_required");
}

#[tokio::test]
async fn oidcc_prompt_login_asks_once_more() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    let page = browser
        .ask(&stage, &[("prompt", "login")])
        .await
        .is(200)
        .text();
    assert!(page.contains("kc-form-login"), "{page}");
}

#[tokio::test]
async fn oidcc_max_age_asks_whoever_signed_in_too_long_ago() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    stage.wait(Seconds(100));
    let young = browser.ask(&stage, &[("max_age", "10000")]).await;
    let code = parameter(&young, "code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &code),
        ("redirect_uri", CB),
    ];
    let tokens = stage.post(&oidc("token"), &form).await.is(200);
    let id = claims(&tokens.member("id_token"));
    let ago = id["iat"].as_i64().unwrap() - id["auth_time"].as_i64().unwrap();
    assert_eq!(ago, 100);
    let page = browser
        .ask(&stage, &[("max_age", "1")])
        .await
        .is(200)
        .text();
    assert!(page.contains("kc-form-login"), "{page}");
    let both = [("max_age", "1"), ("prompt", "none")];
    let reply = browser.ask(&stage, &both).await;
    assert_eq!(parameter(&reply, "error"), "login_required");
}

/// The Implicit and Hybrid OP plans: what comes in the fragment, and what binds it together.
#[tokio::test]
async fn oidcc_each_response_type_hands_out_what_it_names() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for kind in [
        "id_token",
        "token",
        "id_token token",
        "code id_token",
        "code token",
        "code id_token token",
        "none",
    ] {
        let more = [
            ("client_id", "hybrid"),
            ("response_type", kind),
            ("nonce", "n"),
        ];
        let reply = browser.ask(&stage, &more).await;
        let (_, parameters) = answer(&reply);
        let has = |name: &str| parameters.iter().any(|(known, _)| known == name);
        let words: Vec<&str> = kind.split(' ').collect();
        for (word, name) in [
            ("code", "code"),
            ("token", "access_token"),
            ("id_token", "id_token"),
        ] {
            assert_eq!(has(name), words.contains(&word), "{kind}: {name}");
        }
        let is_fragment = reply.header("location").contains('#');
        assert_eq!(is_fragment, kind != "none", "{kind}");
        assert!(has("session_state") && has("iss"), "{kind}");
        if has("access_token") {
            userinfo(&stage, &parameter(&reply, "access_token"))
                .await
                .is(200);
        }
    }
}

/// The Form Post OP plans: a page that sends itself, for every response type.
#[tokio::test]
async fn oidcc_form_post_carries_the_same_answer() {
    let stage = shop(|_| {}).await;
    let mut browser = Browser::signed_in(&stage, "alice").await;
    for kind in ["code", "id_token", "code id_token token"] {
        let more = [
            ("client_id", "hybrid"),
            ("response_type", kind),
            ("response_mode", "form_post"),
            ("nonce", "n"),
            ("state", "\"><script>alert(1)</script>"),
        ];
        let page = browser
            .ask(&stage, &more)
            .await
            .is(200)
            .text()
            .to_ascii_lowercase();
        assert!(page.contains("action=\"http://app.example/cb\""), "{page}");
        assert!(!page.contains("<script>alert(1)"), "{page}");
        for word in kind.split(' ') {
            let name = if word == "token" {
                "access_token"
            } else {
                word
            };
            assert!(page.contains(&format!("name=\"{name}\"")), "{kind}: {page}");
        }
    }
}
