//! Logging out in a browser: RP-Initiated Logout 1.0, Front-Channel Logout 1.0, and what of Session
//! Management 1.0 shows. The names of OpenID's conformance modules stand at the tests that hold them.

use axum::http::Method;
use claviger_crypto::encoding::base64url;
use claviger_engine::App;
use claviger_model::Seconds;
use claviger_testkit::{Ground, Stage};

use serde_json::json;

use crate::leaving::{Browser, asks, between, goes_to, realm, says_goodbye};

/// oidcc-rp-initiated-logout, …-query-added-to-post-logout-redirect-uri,
/// …-bad-post-logout-redirect-uri.
#[tokio::test]
async fn a_hint_and_a_registered_address_lead_back_with_the_state() {
    let state = "x".repeat(128);
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    browser.signed_in_by(&tokens).await;
    let hint = tokens.member("id_token");
    for bad in [
        "http://app.example/bye?x=1",
        "http://app.example/bye/",
        "http://app.example/other",
        "http://evil.example/bye",
        "javascript:alert(1)",
    ] {
        let query = [("id_token_hint", &*hint), ("post_logout_redirect_uri", bad)];
        let refused = browser.logout(&query).await.is(400);
        assert!(refused.text().contains("kc-error-message"), "{bad}");
        assert!(refused.header("location").is_empty(), "{bad}");
        assert!(refused.header("link").contains("post-logout-redirect-uri"));
        assert!(browser.is_alive(&tokens).await, "{bad}");
    }
    let query = [
        ("id_token_hint", &*hint),
        ("post_logout_redirect_uri", "http://app.example/q?a=1"),
        ("state", &*state),
    ];
    let left = browser.logout(&query).await;
    goes_to(&left, &format!("http://app.example/q?a=1&state={state}"));
    assert!(!browser.is_alive(&tokens).await);
    // The cookies go: what the session iframe of the client compares has changed.
    assert!(!browser.has("KEYCLOAK_IDENTITY") && !browser.has("KEYCLOAK_SESSION"));
}

/// oidcc-rp-initiated-logout-modified-id-token-hint, …-bad-id-token-hint, …-no-id-token-hint.
#[tokio::test]
async fn what_is_no_id_token_of_this_client_leads_nowhere() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    browser.signed_in_by(&tokens).await;
    let hint = tokens.member("id_token");
    let payload = hint.split('.').nth(1).unwrap();
    let unsigned = format!("{}.{payload}.", base64url(br#"{"alg":"none"}"#));
    let (head, signature) = hint.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let modified = format!("{head}.{flipped}{}", &signature[1..]);
    let foreign = browser.tokens("one").await.member("id_token");
    let (access, refresh) = (
        tokens.member("access_token"),
        tokens.member("refresh_token"),
    );
    for bad in ["garbage", &unsigned, &modified, &access, &refresh, &foreign] {
        let query = [
            ("id_token_hint", bad),
            ("client_id", "app"),
            ("post_logout_redirect_uri", "http://app.example/bye"),
        ];
        let refused = browser.logout(&query).await.is(400);
        assert!(
            refused.header("link").contains("id-token-hint-invalid"),
            "{bad}"
        );
    }
    let query = [("post_logout_redirect_uri", "http://app.example/bye")];
    let refused = browser.logout(&query).await.is(400);
    assert!(refused.header("link").contains("id-token-hint-missing"));
    assert!(browser.is_alive(&tokens).await);
    let events = browser.events().await;
    assert_eq!(events.len(), 7, "{events:?}");
    assert!(events.iter().all(|(kind, ..)| kind == "LOGOUT_ERROR"));
}

/// oidcc-rp-initiated-logout-no-params, …-only-state, …-no-post-logout-redirect-uri.
#[tokio::test]
async fn without_anything_that_vouches_for_it_the_person_is_asked() {
    for (query, client) in [
        (&[][..], "account"),
        (&[("state", "s")], "account"),
        (&[("client_id", "app")], "app"),
        (&[("client_id", "app"), ("logout_hint", "alice")], "app"),
        (&[("client_id", "app"), ("state", "s")], "app"),
        (&[("client_id", "nobody")], "account"),
        (&[("redirect_uri", "http://app.example/bye")], "account"),
    ] {
        let mut browser = Browser::new().await;
        let tokens = browser.tokens("app").await;
        browser.signed_in_by(&tokens).await;
        let question = asks(&browser.logout(query).await);
        assert!(browser.is_alive(&tokens).await, "{query:?}");
        assert!(browser.has("KEYCLOAK_IDENTITY"), "{query:?}");
        says_goodbye(&browser.confirm(&question).await);
        assert!(!browser.is_alive(&tokens).await, "{query:?}");
        assert!(!browser.has("KEYCLOAK_IDENTITY"), "{query:?}");
        let told = ("LOGOUT".to_owned(), Some(client.to_owned()), None);
        assert_eq!(browser.events().await, [told], "{query:?}");
    }
}

#[tokio::test]
async fn the_answer_to_the_question_leads_back_where_the_request_said() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    browser.signed_in_by(&tokens).await;
    let query = [
        ("client_id", "app"),
        ("post_logout_redirect_uri", "http://app.example/bye"),
        ("state", "s 1"),
    ];
    let question = asks(&browser.logout(&query).await);
    let left = browser.confirm(&question).await;
    goes_to(&left, "http://app.example/bye?state=s+1");
    assert!(!browser.is_alive(&tokens).await);
    // A second click is told what it is, and nothing happens twice.
    let again = browser.confirm(&question).await.is(400);
    assert!(again.header("link").contains("logout-question-over"));
    assert_eq!(browser.events().await.len(), 2);
}

/// A page of a stranger cannot answer for the person (CVE-2020-10734).
#[tokio::test]
async fn nobody_else_answers_the_question() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    browser.signed_in_by(&tokens).await;
    let mut question = asks(&browser.logout(&[("client_id", "app")]).await);
    let code = std::mem::replace(&mut question.code, "guessed".to_owned());
    // A wrong code: the question stands, with a new code.
    let asked = asks(&browser.confirm(&question).await);
    assert_ne!(asked.code, code);
    assert!(browser.is_alive(&tokens).await);
    // Another browser has not been asked.
    let mut other = Browser {
        stage: browser.stage.clone(),
        cookies: Vec::new(),
    };
    other.confirm(&asked).await.is(400);
    let bound = browser
        .cookies
        .iter()
        .find(|(name, _)| name == "AUTH_SESSION_ID")
        .unwrap()
        .1
        .clone();
    for forged in [
        base64url(b"root.signature"),
        bound[..bound.len() - 3].to_owned(),
    ] {
        other.cookies = vec![("AUTH_SESSION_ID".to_owned(), forged)];
        other.confirm(&asked).await.is(400);
    }
    assert!(browser.is_alive(&tokens).await);
    says_goodbye(&browser.confirm(&asked).await);
}

#[tokio::test]
async fn a_hint_of_another_session_than_the_browsers_is_asked_about_and_both_end() {
    let mut browser = Browser::new().await;
    let here = browser.tokens("app").await;
    let elsewhere = browser.tokens("app").await;
    browser.signed_in_by(&here).await;
    let hint = elsewhere.member("id_token");
    let question = asks(&browser.logout(&[("id_token_hint", &hint)]).await);
    assert!(browser.is_alive(&here).await && browser.is_alive(&elsewhere).await);
    says_goodbye(&browser.confirm(&question).await);
    assert!(!browser.is_alive(&here).await && !browser.is_alive(&elsewhere).await);
}

/// People come back after hours: the token is over, the session is not.
#[tokio::test]
async fn a_hint_may_be_over_and_used_twice() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    let hint = tokens.member("id_token");
    browser.stage.wait(Seconds(1_200));
    let query = [
        ("id_token_hint", &*hint),
        ("post_logout_redirect_uri", "http://app.example/bye"),
    ];
    goes_to(&browser.logout(&query).await, "http://app.example/bye");
    goes_to(&browser.logout(&query).await, "http://app.example/bye");
    let events = browser.events().await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(
        events
            .iter()
            .any(|event| event.2.as_deref() == Some("session_expired"))
    );
    // Where nobody is signed in, there is nothing to ask.
    let query = [
        ("client_id", "app"),
        ("post_logout_redirect_uri", "http://app.example/bye"),
    ];
    goes_to(&browser.logout(&query).await, "http://app.example/bye");
}

/// CVE-2025-12390: a logout without cookies must not leave the ended session's id to whoever signs
/// in next.
#[tokio::test]
async fn the_id_of_an_ended_session_is_not_used_again() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    let session = tokens.member("session_state");
    let hint = tokens.member("id_token");
    says_goodbye(&browser.logout(&[("id_token_hint", &hint)]).await);
    let (_, bound) = &browser.cookies[0];
    let text = claviger_crypto::encoding::decode_base64url(bound).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains(&session), "{text}");
}

/// oidcc-frontchannel-rp-initiated-logout: frames with `iss` and `sid`, then the way back.
#[tokio::test]
async fn clients_are_told_in_frames_before_the_browser_goes_back() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("one").await;
    browser.signed_in_by(&tokens).await;
    let hint = tokens.member("id_token");
    let query = [
        ("id_token_hint", &*hint),
        ("post_logout_redirect_uri", "http://one.example/cb"),
        ("state", "s"),
    ];
    let left = browser.logout(&query).await.is(200);
    let page = left.text().replace("&amp;", "&").replace("&#x2f;", "/");
    let session = tokens.member("session_state");
    let frame =
        format!("http://one.example/out?sid={session}&iss=http%3A%2F%2Flocalhost%2Frealms%2Fshop");
    assert!(page.contains(&format!("src=\"{frame}\"")), "{page}");
    // On its own once all have loaded, after a while without scripts, and by hand.
    let back = "http://one.example/cb?state=s";
    assert!(page.contains(&format!("data-proceed=\"{back}\"")), "{page}");
    assert!(
        page.contains(&format!("content=\"5;url={back}\"")),
        "{page}"
    );
    assert!(page.contains(&format!("href=\"{back}\"")), "{page}");
    // A client's name is text (weakness 48241).
    assert!(!page.contains("<b>One"), "{page}");
    let policy = left.header("content-security-policy");
    assert!(policy.contains("frame-src 'self' one.example"), "{policy}");
    assert!(!browser.has("KEYCLOAK_IDENTITY") && !browser.is_alive(&tokens).await);
}

#[tokio::test]
async fn a_page_with_frames_and_without_a_way_back_is_no_dead_end() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("two").await;
    browser.signed_in_by(&tokens).await;
    let question = asks(&browser.logout(&[("client_id", "two")]).await);
    let left = browser.confirm(&question).await.is(200);
    let page = left.text().replace("&#x2f;", "/");
    assert!(page.contains("src=\"http://two.example/out\""), "{page}");
    let next = between(&page, "data-proceed=\"", "\"").to_owned();
    says_goodbye(&browser.send(Method::GET, &next, None).await);
}

/// Whoever is not at this browser is not told through it.
#[tokio::test]
async fn frames_are_for_the_browser_that_was_signed_in() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("one").await;
    let hint = tokens.member("id_token");
    says_goodbye(&browser.logout(&[("id_token_hint", &hint)]).await);
    assert!(!browser.is_alive(&tokens).await);
}

#[tokio::test]
async fn pages_are_in_the_language_that_was_asked_for_or_chosen() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    browser.signed_in_by(&tokens).await;
    let query = [("client_id", "app"), ("ui_locales", "xx de")];
    let asked = browser.logout(&query).await;
    assert_eq!(asked.header("content-language"), "de");
    let question = asks(&asked);
    let path = format!("{}&kc_locale=ar", question.action);
    let chosen = browser.send(Method::GET, &path, None).await;
    assert_eq!(chosen.header("content-language"), "ar");
    let left = browser.confirm(&asks(&chosen)).await;
    assert_eq!(left.header("content-language"), "ar");
    says_goodbye(&left);
}

#[tokio::test]
async fn a_browser_keeps_few_questions() {
    let mut browser = Browser::new().await;
    let tokens = browser.tokens("app").await;
    browser.signed_in_by(&tokens).await;
    let first = asks(&browser.logout(&[("client_id", "app")]).await);
    for _ in 0..5 {
        browser.stage.wait(Seconds(1));
        asks(&browser.logout(&[("client_id", "app")]).await);
    }
    browser.confirm(&first).await.is(400);
    assert!(browser.is_alive(&tokens).await);
}

/// `redirect_uri` alone, as before release 18: any client's address will do, and the person is asked.
#[tokio::test]
async fn the_old_parameter_is_taken_where_the_operator_says_so() {
    let router = claviger_oidc::router();
    let stage = Stage::with(Ground::new(), router, App::with_legacy_redirect_uri).await;
    stage.import(realm()).await;
    let mut browser = Browser {
        stage,
        cookies: Vec::new(),
    };
    let tokens = browser.tokens("app").await;
    browser.signed_in_by(&tokens).await;
    let query = [("redirect_uri", "http://evil.example/bye")];
    browser.logout(&query).await.is(400);
    let query = [("redirect_uri", "http://two.example/bye"), ("state", "s")];
    let question = asks(&browser.logout(&query).await);
    assert!(browser.is_alive(&tokens).await);
    let left = browser.confirm(&question).await;
    goes_to(&left, "http://two.example/bye?state=s");
    // With a client's own token, the client's addresses alone.
    let tokens = browser.tokens("app").await;
    let hint = tokens.member("id_token");
    let query = [
        ("id_token_hint", &*hint),
        ("redirect_uri", "http://two.example/bye"),
    ];
    browser.logout(&query).await.is(400);
    let query = [
        ("id_token_hint", &*hint),
        ("redirect_uri", "http://app.example/bye"),
    ];
    goes_to(&browser.logout(&query).await, "http://app.example/bye");
}

/// Whoever may configure a client chooses its address: it is a frame of the browser's or nothing, and
/// nothing of it gets out of its place in the page or in the policy.
#[tokio::test]
async fn no_address_of_a_frame_breaks_the_page_or_its_policy() {
    let harmless = "http://frame.example/out";
    for (address, framed) in [
        (harmless, true),
        ("javascript:alert(1)//http://x.example/", false),
        ("JaVaScRiPt:alert(1)", false),
        (" java\nscript:alert(1)", false),
        ("data:text/html,<script>alert(1)</script>", false),
        ("blob:http://one.example/1", false),
        ("file:///etc/passwd", false),
        ("ftp://one.example/", false),
        ("x-app://one.example/", false),
        ("http://", false),
        (
            "http://x.example/\"></iframe><script>alert(1)</script>",
            true,
        ),
        ("http://x.example/'><img src=x onerror=alert(1)>", true),
        ("http://x.example/\r\nSet-Cookie: a=b", true),
        ("http://x.example;script-src 'unsafe-inline'/", false),
        ("http://x.example;script-src/", true),
        ("http://*;script-src/", true),
        ("http://*/out", true),
        ("http://'none'/", true),
        ("http://user:secret@x.example/out", true),
        ("http://a;b:c*@x.example:8080/out", true),
    ] {
        let mut file = realm();
        file["clients"][1]["attributes"]["frontchannel.logout.url"] = json!(address);
        let mut browser = Browser::over(file).await;
        let tokens = browser.tokens("one").await;
        browser.signed_in_by(&tokens).await;
        let hint = tokens.member("id_token");
        let left = browser.logout(&[("id_token_hint", &hint)]).await;
        // Whatever became of the frame, the session is over.
        assert!(!browser.is_alive(&tokens).await, "{address}");
        let mut values = left.headers.values();
        assert!(
            !values.any(|value| value.as_bytes().starts_with(b"a=b")),
            "{address}"
        );
        let page = left.text();
        assert_eq!(page.contains("<iframe"), framed, "{address}: {page}");
        assert!(page.matches("<iframe").count() <= 1, "{address}: {page}");
        for part in ["<script>alert", "<img src=x", "alert(1)</", "\"></iframe><"] {
            assert!(!page.contains(part), "{address}: {page}");
        }
        if framed {
            let source = between(&page, "<iframe src=\"", "\"").replace("&#x2f;", "/");
            assert!(source.starts_with("http://"), "{address}: {source}");
            assert!(!source.contains(['\r', '\n', '<', '>', ' ']), "{source}");
        }
        let policies = left.headers.get_all("content-security-policy");
        let policies: Vec<String> = policies
            .iter()
            .map(|policy| policy.to_str().unwrap().to_owned())
            .chain(
                page.split_once("Content-Security-Policy\" content=\"")
                    .map(|(_, rest)| {
                        rest.split('"')
                            .next()
                            .unwrap_or_default()
                            .replace("&#39;", "'")
                    }),
            )
            .collect();
        assert!(policies.len() >= 2 || !framed, "{policies:?}");
        for policy in policies {
            assert!(!policy.contains("unsafe"), "{address}: {policy}");
            let mut names = std::collections::BTreeSet::new();
            for directive in policy.split(';').map(str::trim) {
                let mut words = directive.split(' ').filter(|word| !word.is_empty());
                let Some(name) = words.next() else { continue };
                assert!(names.insert(name.to_owned()), "{address}: {policy}");
                let known = ["src", "ancestors", "uri", "action"];
                assert!(
                    known.iter().any(|end| name.ends_with(end)),
                    "{address}: {policy}"
                );
                if name != "frame-src" {
                    assert!(!directive.contains("x.example"), "{address}: {policy}");
                    continue;
                }
                for source in words {
                    let plain =
                        |letter: char| letter.is_ascii_alphanumeric() || ".:-[]".contains(letter);
                    let stays = ["'self'", "'none'"].contains(&source) || source.chars().all(plain);
                    assert!(stays && !source.contains("secret"), "{address}: {policy}");
                }
            }
        }
    }
}
