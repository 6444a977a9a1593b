//! What every answer of a login says beside its page: who may keep it, frame it, or learn its address; and
//! that nothing that others send stands among it.

use std::fmt::Write as _;

use claviger_engine::login::Asks;
use serde_json::json;

use crate::proofs::{RIGHT, consent_code, prompt};
use crate::world::{Got, Visitor, realm, stage};

/// Headers of each answer, and what has to stand in them.
const NEEDED: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "SAMEORIGIN"),
    ("content-security-policy", "frame-ancestors 'self'"),
    ("x-content-type-options", "nosniff"),
    ("x-robots-tag", "none"),
];

#[track_caller]
fn is_guarded(got: &Got, what: &str) {
    for (name, part) in NEEDED {
        let value = got.headers.get(name).map(|value| value.to_str().unwrap());
        let is_there = value.is_some_and(|value| value.contains(part));
        assert!(is_there, "{what}: {name} is {value:?}");
    }
}

/// An address with a code in it is in no cache and no `Referer`, and nobody lays a transparent frame with
/// the question for a consent over a button of theirs.
#[tokio::test]
async fn no_answer_of_a_login_is_kept_framed_or_told_on() {
    let mut file = realm();
    file["clients"][0]["consentRequired"] = json!(true);
    file["users"][0]["requiredActions"] = json!(["UPDATE_PROFILE"]);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let login = alice.begin("app", Asks::default()).await.is(200);
    is_guarded(&login, "login");
    let wrong = [("username", "alice"), ("password", "guess")];
    let again = alice.post(&login.action(), &wrong).await.is(200);
    is_guarded(&again, "wrong password");
    let back = alice.post(&login.action(), &RIGHT).await.is(302);
    is_guarded(&back, "the button back");
    let again = alice.get(&back.location).await.is(200);
    let sent = alice.post(&again.action(), &RIGHT).await.is(302);
    is_guarded(&sent, "to a required action");
    let expired = alice.post(&again.action(), &RIGHT).await.is(200);
    is_guarded(&expired, "expired");
    let profile = alice.get(&sent.location).await.is(200);
    is_guarded(&profile, "required action");
    let form = [
        ("username", "alice"),
        ("email", "alice@shop.example"),
        ("firstName", "Alice"),
        ("lastName", "Liddell"),
    ];
    let mut question = alice.post(&profile.action(), &form).await;
    is_guarded(&question, "after a required action");
    if question.status == 302 {
        question = alice.get(&question.location).await.is(200);
    }
    is_guarded(&question, "consent");
    let yes = [("code", &*consent_code(&question)), ("accept", "Yes")];
    let end = alice.post(&question.action(), &yes).await.is(302);
    assert!(end.has_code(), "{}", end.location);
    is_guarded(&end, "code");
    let over = alice.post(&question.action(), &yes).await;
    is_guarded(&over, "the same again");
    let posted = [("response_mode", "form_post")];
    let posted = alice.begin_with("web", Asks::default(), &posted).await;
    assert!(posted.html.contains("NAME=\"code\""), "{}", posted.html);
    is_guarded(&posted, "form_post");
    // Applications look in a frame of theirs whether somebody is signed in: there is nothing to see on the way.
    let silent = alice.begin("web", prompt("none")).await.is(302);
    assert!(silent.html.is_empty());
    let kept = silent.headers["cache-control"].to_str().unwrap();
    assert!(kept.contains("no-store"), "{kept}");
    assert_eq!(silent.headers["referrer-policy"], "no-referrer");
    for path in [
        "authenticate",
        "required-action",
        "restart",
        "detached-info",
    ] {
        let path = format!("/realms/shop/login-actions/{path}?client_id=app");
        let error = Visitor::new(&stage).get(&path).await.is(400);
        is_guarded(&error, &path);
    }
}

/// Line ends, quotes and letters beyond ASCII in what a request brings: there is no header of the sender's,
/// and no part of an address that is.
#[tokio::test]
async fn nothing_that_is_sent_becomes_a_header() {
    let mut file = realm();
    file["internationalizationEnabled"] = json!(true);
    file["supportedLocales"] = json!(["en", "de"]);
    file["rememberMe"] = json!(true);
    let stage = stage(file).await;
    let evil = "de\r\nSet-Cookie: x=y\r\n\r\n<script>alert(1)</script>\u{2028}\u{e9}\0\"';,";
    let asks = Asks {
        login_hint: Some(evil.to_owned()),
        ui_locales: Some(evil.to_owned()),
        action: Some(evil.to_owned()),
        provider_hint: Some(evil.to_owned()),
        ..Asks::default()
    };
    let mut seen = Vec::new();
    let mut alice = Visitor::new(&stage);
    let more = [("state", evil), ("nonce", evil), ("scope", evil)];
    let page = alice.begin_with("app", asks, &more).await;
    let mut encoded = String::new();
    for byte in evil.bytes() {
        let _ = write!(encoded, "%{byte:02x}");
    }
    for name in [
        "kc_locale",
        "execution",
        "client_id",
        "tab_id",
        "mode",
        "client_data",
    ] {
        let address = format!("{}&{name}={encoded}", page.action());
        seen.push(alice.clone().get(&address).await);
        seen.push(alice.clone().post(&address, &[("username", evil)]).await);
    }
    for name in ["KEYCLOAK_REMEMBER_ME", "KEYCLOAK_LOCALE", "KC_RESTART"] {
        let mut bent = alice.clone();
        let value = evil.replace(['\r', '\n', '\0', '\u{2028}', '\u{e9}'], "%0d%0a");
        bent.jar
            .insert(name.to_owned(), format!("username:{value}"));
        seen.push(bent.begin("web", Asks::default()).await);
    }
    seen.push(page);
    for got in seen {
        assert!(got.status < 500, "{} {}", got.status, got.html);
        assert!(!got.html.contains("<script>alert"), "{}", got.html);
        assert!(!alice.jar.contains_key("x"));
        assert!(got.cookies.iter().all(|name| name != "x"));
        let language = got.headers.get("content-language");
        let language = language.map(|value| value.to_str().unwrap());
        assert!(matches!(language, None | Some("en" | "de")), "{language:?}");
        for (name, value) in &got.headers {
            let value = value.as_bytes();
            assert!(value.iter().all(|byte| *byte >= b' '), "{name}");
        }
    }
}
