//! Attacks on logins that worked elsewhere, by their numbers: `docs/cve-regressions.md`.

use claviger_engine::login::Asks;
use claviger_model::Seconds;
use serde_json::json;

use crate::second::{code, with_generator};
use crate::world::{Visitor, parameter, realm, shop, stage};

const ALICE: [(&str, &str); 2] = [("username", "alice"), ("password", "wonderland")];
const BOB: [(&str, &str); 2] = [("username", "bob"), ("password", "wonderland")];

fn prompt(value: &str) -> Asks {
    Asks {
        prompt: Some(value.to_owned()),
        ..Asks::default()
    }
}

#[tokio::test]
async fn cve_2017_12159_each_login_has_codes_and_a_checker_of_its_own() {
    let stage = shop().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let mut alice = Visitor::new(&stage);
        let page = alice.begin("app", Asks::default()).await;
        assert!(seen.insert(parameter(&page.action(), "session_code")));
        assert!(alice.post(&page.action(), &ALICE).await.has_code());
        let cookie = alice.jar["KEYCLOAK_IDENTITY"].clone();
        let payload = cookie.split('.').nth(1).unwrap();
        let payload = claviger_crypto::encoding::decode_base64url(payload).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let checker = claims["state_checker"].as_str().map(str::to_owned);
        assert!(checker.is_some() && seen.insert(checker));
    }
}

#[tokio::test]
async fn cve_2019_3868_the_id_of_a_session_is_no_cookie() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    let end = alice.sign_in("app", "alice", "wonderland").await;
    let id = end.parameter("session_state").unwrap();
    for name in ["KEYCLOAK_IDENTITY", "AUTH_SESSION_ID", "KEYCLOAK_SESSION"] {
        for value in [
            id.clone(),
            claviger_crypto::encoding::base64url(id.as_bytes()),
        ] {
            let mut thief = Visitor::new(&stage);
            thief.jar.insert(name.into(), value);
            thief.begin("app", Asks::default()).await.is(200);
        }
    }
}

#[tokio::test]
async fn cve_2021_3637_a_browser_has_300_tabs_at_most() {
    let stage = shop().await;
    let mut glutton = Visitor::new(&stage);
    let first = glutton.begin("app", Asks::default()).await;
    for _ in 0..305 {
        stage.wait(Seconds(1));
        glutton.begin("app", Asks::default()).await.is(200);
    }
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let root = glutton.root();
    let now = stage.app.now();
    let tabs = stage
        .app
        .store
        .count_authentication_sessions(&realm.id, &root, now)
        .await
        .unwrap();
    assert_eq!(tabs, 300);
    assert!(!glutton.post(&first.action(), &ALICE).await.has_code());
}

#[tokio::test]
async fn cve_2023_6787_breaking_a_reauthentication_off_leaves_who_was_signed_in() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    alice.sign_in("app", "alice", "wonderland").await;
    let page = alice.begin("web", prompt("login")).await;
    // Bob's name means nothing where alice proves once more that it is her.
    alice.post(&page.action(), &BOB).await;
    let got = alice.begin("web", prompt("none")).await.is(302);
    assert!(got.has_code());
    assert_eq!(alice.sessions_of("bob").await.len(), 0);
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
}

#[tokio::test]
async fn cve_2025_11429_sessions_end_where_browsers_are_remembered_no_more() {
    let mut file = realm();
    file["rememberMe"] = json!(true);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let page = alice.begin("app", Asks::default()).await;
    let form = [ALICE[0], ALICE[1], ("rememberMe", "on")];
    assert!(alice.post(&page.action(), &form).await.has_code());
    assert!(alice.clone().begin("web", prompt("none")).await.has_code());
    let mut row = stage
        .app
        .store
        .realm_by_name("shop")
        .await
        .unwrap()
        .unwrap();
    row.body.insert("rememberMe".into(), json!(false));
    let mut tx = claviger_store::Tx::new();
    tx.update_realm(&row);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    let got = alice.begin("web", prompt("none")).await;
    assert_eq!(got.parameter("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn cve_2025_12390_who_signs_in_next_at_a_browser_gets_a_session_of_their_own() {
    let stage = shop().await;
    let mut browser = Visitor::new(&stage);
    let first = browser.sign_in("app", "alice", "wonderland").await;
    let alices = first.parameter("session_state");
    // The cookies of the session are gone, those of the login are not.
    browser.jar.retain(|name, _| !name.starts_with("KEYCLOAK"));
    let page = browser.begin("app", Asks::default()).await;
    let second = browser.post(&page.action(), &BOB).await;
    assert!(second.has_code(), "{} {}", second.location, second.html);
    assert_ne!(second.parameter("session_state"), alices);
    assert_eq!(browser.sessions_of("bob").await.len(), 1);
}

#[tokio::test]
async fn cve_2026_7507_the_link_to_begin_anew_binds_nobody_to_anothers_login() {
    let stage = shop().await;
    let mut attacker = Visitor::new(&stage);
    let page = attacker.begin("app", Asks::default()).await;
    let restart = page.action().replace("/authenticate?", "/restart?");
    let mut victim = Visitor::new(&stage);
    let got = victim.get(&restart).await.is(400);
    assert!(got.cookies.is_empty(), "{:?}", got.cookies);
    // Nor with the cookie of the login in the address.
    let cookie = attacker.jar["AUTH_SESSION_ID"].clone();
    let got = victim
        .get(&format!("{restart}&auth_session_id={cookie}"))
        .await;
    assert!(got.cookies.is_empty() && got.status == 400);
    // Whatever the attacker puts into the victim's browser, the victim's session is none of theirs.
    victim.jar = attacker.jar.clone();
    let page = victim.begin("app", Asks::default()).await;
    assert!(victim.post(&page.action(), &BOB).await.has_code());
    let got = attacker.begin("app", prompt("none")).await;
    assert_eq!(got.parameter("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn cve_2024_7341_the_identity_of_a_browser_changes_with_each_sign_in() {
    let mut alice = Visitor::new(&shop().await);
    alice.sign_in("app", "alice", "wonderland").await;
    let before = alice.jar["KEYCLOAK_IDENTITY"].clone();
    let page = alice.begin("web", prompt("login")).await;
    let form = [("password", "wonderland")];
    assert!(alice.post(&page.action(), &form).await.has_code());
    assert_ne!(alice.jar["KEYCLOAK_IDENTITY"], before);
}

#[tokio::test]
async fn cve_2025_64103_no_request_skips_the_second_factor() {
    let stage = stage(with_generator()).await;
    let mut alice = Visitor::new(&stage);
    let page = alice.sign_in("app", "alice", "wonderland").await;
    let action = page.action();
    let execution = parameter(&action, "execution").unwrap();
    let forms: [&[(&str, &str)]; 4] = [
        &[],
        &[("otp", "")],
        &[("authenticationExecution", &execution)],
        &[("tryAnotherWay", "on")],
    ];
    let mut action = action;
    for form in forms {
        let got = alice.post(&action, form).await.is(200);
        assert!(!got.has_code());
        assert!(!alice.jar.contains_key("KEYCLOAK_IDENTITY"), "{form:?}");
        action = got.action();
    }
    for asks in [prompt("none"), Asks::default()] {
        assert!(!alice.clone().begin("web", asks).await.has_code());
    }
    for path in ["required-action", "consent"] {
        let other = action.replace("/authenticate?", &format!("/{path}?"));
        assert!(
            !alice.clone().post(&other, &ALICE).await.has_code(),
            "{path}"
        );
    }
    let page = alice.sign_in("app", "alice", "wonderland").await;
    let right = code(&alice);
    assert!(
        alice
            .post(&page.action(), &[("otp", &right)])
            .await
            .has_code()
    );
}
