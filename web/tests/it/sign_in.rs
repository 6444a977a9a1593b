//! The plain way in, and what stands in it.

use claviger_engine::login::Asks;
use claviger_model::Seconds;
use serde_json::json;

use crate::world::{Visitor, realm, shop, stage};

#[tokio::test]
async fn name_and_password_lead_back_to_the_application_with_a_code_and_a_session() {
    let mut alice = Visitor::new(&shop().await);
    let page = alice.begin("app", Asks::default()).await.is(200);
    assert_eq!(
        page.cookies,
        ["AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH", "KC_RESTART"]
    );
    let page = page.says("kc-form-login");
    let form = [("username", "alice"), ("password", "wonderland")];
    let end = alice.post(&page.action(), &form).await.is(302);
    assert!(end.has_code(), "{}", end.location);
    assert_eq!(end.parameter("state").as_deref(), Some("s-1"));
    assert_eq!(
        end.cookies,
        ["-KC_RESTART", "KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION"]
    );
    let sessions = alice.sessions_of("alice").await;
    let [session] = &*sessions else {
        panic!("one session: {sessions:?}")
    };
    assert_eq!(
        end.parameter("session_state").as_deref(),
        Some(session.id.as_str())
    );
    let events = alice.events().await;
    let [event] = &*events else {
        panic!("one event: {events:?}")
    };
    assert_eq!(
        (event.kind.as_str(), event.error.as_deref()),
        ("LOGIN", None)
    );
    let mut details = event.details.clone();
    details.sort();
    let expected = [
        ("auth_method", "openid-connect"),
        ("auth_type", "code"),
        ("code_id", session.id.as_str()),
        ("consent", "no_consent_required"),
        ("redirect_uri", "http://app.example/cb"),
        ("response_mode", "query"),
        ("response_type", "code"),
        ("username", "alice"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(details, expected);
}

#[tokio::test]
async fn what_is_wrong_is_told_alike_and_lets_nobody_in() {
    let mut file = realm();
    file["users"][1]["enabled"] = json!(false);
    let stage = stage(file).await;
    let cases = [
        ("nobody", "guess", "user_not_found"),
        ("", "", "user_not_found"),
        ("alice", "guess", "invalid_user_credentials"),
        ("alice", "", "invalid_user_credentials"),
        ("bob", "guess", "invalid_user_credentials"),
        ("bob", "wonderland", "user_disabled"),
    ];
    for (name, password, error) in cases {
        let mut visitor = Visitor::new(&stage);
        let got = visitor.sign_in("app", name, password).await.is(200).warns();
        assert!(got.html.contains("kc-form-login"), "{name}");
        assert!(!got.html.contains("guess"), "{name}: no password in a page");
        let events = visitor.events().await;
        let first = events.first().expect("an event");
        assert_eq!(first.error.as_deref(), Some(error), "{name}");
        assert!(
            !got.cookies
                .iter()
                .any(|cookie| cookie.starts_with("KEYCLOAK"))
        );
        // The second attempt is as good as a first.
        let form = [("username", "alice"), ("password", "wonderland")];
        assert!(
            visitor.post(&got.action(), &form).await.has_code(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn who_is_signed_in_is_not_asked_again_unless_the_client_wants_it() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    let first = alice.sign_in("app", "alice", "wonderland").await;
    let session = first.parameter("session_state");
    let prompt = |value: &str| Asks {
        prompt: Some(value.to_owned()),
        ..Asks::default()
    };
    let max_age = |seconds: i64| Asks {
        max_age: Some(Seconds(seconds)),
        ..Asks::default()
    };
    stage.wait(Seconds(3));
    for asks in [Asks::default(), prompt("none"), max_age(10)] {
        let got = alice.clone().begin("web", asks.clone()).await.is(302);
        assert!(got.has_code(), "{asks:?}");
        assert_eq!(got.parameter("session_state"), session, "{asks:?}");
    }
    for asks in [prompt("login"), max_age(1)] {
        stage.wait(Seconds(3));
        let mut alice = alice.clone();
        let page = alice.begin("web", asks.clone()).await.is(200);
        let page = page.warns();
        assert!(!page.html.contains("name=\"username\""), "{asks:?}");
        let end = alice
            .post(&page.action(), &[("password", "guess")])
            .await
            .is(200);
        let end = alice
            .post(&end.action(), &[("password", "wonderland")])
            .await
            .is(302);
        assert_eq!(end.parameter("session_state"), session, "{asks:?}");
    }
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
}

#[tokio::test]
async fn nobody_is_asked_with_prompt_none() {
    let mut nobody = Visitor::new(&shop().await);
    let asks = Asks {
        prompt: Some("none".into()),
        ..Asks::default()
    };
    let got = nobody.begin("app", asks).await.is(302);
    assert_eq!(got.parameter("error").as_deref(), Some("login_required"));
    assert!(!got.cookies.contains(&"KC_RESTART".to_owned()));
}

#[tokio::test]
async fn a_cookie_that_the_realm_did_not_sign_signs_nobody_in() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    alice.sign_in("app", "alice", "wonderland").await;
    let mut other = realm();
    other["realm"] = json!("other");
    stage.import(other).await;
    let good = alice.jar["KEYCLOAK_IDENTITY"].clone();
    let (head, _) = good.rsplit_once('.').unwrap();
    for forged in [format!("{head}.AAAA"), "x".repeat(100_000), head.to_owned()] {
        let mut thief = Visitor::new(&stage);
        thief.jar.insert("KEYCLOAK_IDENTITY".into(), forged);
        thief.begin("app", Asks::default()).await.is(200);
    }
    // The end of the session is the end of the cookie.
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let mut tx = claviger_store::Tx::new();
    for session in alice.sessions_of("alice").await {
        tx.delete_user_session(&realm.id, session.kind, &session.id);
    }
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    alice.begin("app", Asks::default()).await.is(200);
}

#[tokio::test]
async fn a_remembered_browser_keeps_the_name_and_a_longer_session() {
    let mut file = realm();
    file["rememberMe"] = json!(true);
    file["ssoSessionMaxLifespanRememberMe"] = json!(90_000);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let page = alice.begin("app", Asks::default()).await.says("rememberMe");
    let form = [
        ("username", "alice"),
        ("password", "wonderland"),
        ("rememberMe", "on"),
    ];
    let end = alice.post(&page.action(), &form).await;
    assert!(end.cookies.contains(&"KEYCLOAK_REMEMBER_ME".to_owned()));
    assert!(alice.sessions_of("alice").await[0].remember_me);
    alice.jar.retain(|name, _| name == "KEYCLOAK_REMEMBER_ME");
    let page = alice.begin("app", Asks::default()).await;
    let page = page.says("value=\"alice\"").says("checked");
    let form = [("username", "alice"), ("password", "wonderland")];
    let end = alice.post(&page.action(), &form).await;
    assert!(end.cookies.contains(&"-KEYCLOAK_REMEMBER_ME".to_owned()));
}

#[tokio::test]
async fn guessing_locks_the_account_whatever_is_sent_then() {
    let mut file = realm();
    file["bruteForceProtected"] = json!(true);
    file["failureFactor"] = json!(2);
    file["quickLoginCheckMilliSeconds"] = json!(0);
    let stage = stage(file).await;
    let mut guesser = Visitor::new(&stage);
    for _ in 0..2 {
        guesser.sign_in("app", "alice", "guess").await.is(200);
    }
    let mut alice = Visitor::new(&stage);
    alice
        .sign_in("app", "alice", "wonderland")
        .await
        .is(200)
        .warns();
    let events = alice.events().await;
    let told = events.first().and_then(|event| event.error.clone());
    assert_eq!(told.as_deref(), Some("user_temporarily_disabled"));
    stage.wait(Seconds(3_600));
    assert!(alice.sign_in("app", "alice", "wonderland").await.has_code());
}

#[tokio::test]
async fn what_is_due_comes_before_the_answer() {
    let mut file = realm();
    file["users"][0]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
    assert_eq!(
        sent.parameter("execution").as_deref(),
        Some("UPDATE_PASSWORD")
    );
    assert!(!alice.jar.contains_key("KEYCLOAK_IDENTITY"));
    let page = alice
        .get(&sent.location)
        .await
        .is(200)
        .says("kc-passwd-update-form");
    // Neither the page before nor another begin gets around it.
    let around = alice.begin("app", Asks::default()).await.is(200);
    around.says("kc-form-login");
    let form = [
        ("password-new", "looking-glass"),
        ("password-confirm", "looking-glass"),
    ];
    let end = alice.post(&page.action(), &form).await.is(302);
    assert!(end.has_code(), "{}", end.location);
    let mut again = Visitor::new(&stage);
    assert!(
        again
            .sign_in("app", "alice", "looking-glass")
            .await
            .has_code()
    );
}

#[tokio::test]
async fn a_client_that_needs_a_consent_gets_nothing_before() {
    let mut file = realm();
    file["clients"][0]["consentRequired"] = json!(true);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
    assert_eq!(sent.parameter("execution").as_deref(), Some("OAUTH_GRANT"));
    let page = alice.get(&sent.location).await.is(200);
    let code = page.html.split("name=\"code\"").nth(1).expect("a code");
    let code = code
        .split("value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let code = code.expect("a value").to_owned();
    let mut other = alice.clone();
    let no = other
        .post(&page.action(), &[("code", &code), ("cancel", "No")])
        .await
        .is(302);
    assert_eq!(no.parameter("error").as_deref(), Some("access_denied"));
    assert!(alice.sessions_of("alice").await.is_empty());
    let sent = alice.sign_in("app", "alice", "wonderland").await;
    let page = alice.get(&sent.location).await.is(200);
    let code = page.html.split("name=\"code\"").nth(1).expect("a code");
    let code = code
        .split("value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let form = [("code", code.expect("a value")), ("accept", "Yes")];
    let action = page.action();
    let yes = alice.post(&action, &form).await.is(302);
    assert!(yes.has_code(), "{}", yes.location);
    // It is remembered.
    let mut later = Visitor::new(&stage);
    assert!(later.sign_in("app", "alice", "wonderland").await.has_code());
}
