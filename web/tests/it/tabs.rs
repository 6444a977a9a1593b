//! Several tabs, the button "back", old pages, other people's pages.

use claviger_engine::login::Asks;
use claviger_model::Seconds;

use crate::world::{Visitor, shop};

const RIGHT: [(&str, &str); 2] = [("username", "alice"), ("password", "wonderland")];

#[tokio::test]
async fn each_tab_proves_for_itself_until_one_has_signed_in() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    let one = alice.begin("app", Asks::default()).await;
    let two = alice.begin("web", Asks::default()).await;
    assert!(
        two.cookies == ["KC_RESTART"],
        "one login: {:?}",
        two.cookies
    );
    let end = alice.post(&one.action(), &RIGHT).await;
    assert!(end.has_code());
    // The other tab's script sees it, and the tab goes on by itself.
    let at = two.html.find("data-restart=\"").expect("an address");
    let address = two.html[at + 14..].split('"').next().unwrap();
    let anew = alice.get(&address.replace("&amp;", "&")).await.is(302);
    let end = alice.get(&anew.location).await.is(302);
    assert!(end.has_code(), "{}", end.location);
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
}

#[tokio::test]
async fn a_form_sent_twice_signs_in_once() {
    let mut alice = Visitor::new(&shop().await);
    let page = alice.begin("app", Asks::default()).await;
    let mut second = alice.clone();
    assert!(alice.post(&page.action(), &RIGHT).await.has_code());
    // The tab is gone: without the cookies of the first answer the login begins anew.
    let again = second.post(&page.action(), &RIGHT).await.is(302);
    assert!(!again.has_code(), "{}", again.location);
    let again = second.get(&again.location).await.is(200);
    again.warns();
    // With them the application is told.
    let told = alice.post(&page.action(), &RIGHT).await.is(302);
    let error = told.parameter("error");
    assert_eq!(
        error.as_deref(),
        Some("temporarily_unavailable"),
        "{}",
        told.location
    );
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
}

#[tokio::test]
async fn the_same_form_by_the_button_back_is_shown_with_its_present_code() {
    let mut alice = Visitor::new(&shop().await);
    let page = alice.begin("app", Asks::default()).await;
    let wrong = [("username", "alice"), ("password", "guess")];
    alice.post(&page.action(), &wrong).await.is(200);
    let back = alice.post(&page.action(), &RIGHT).await.is(302);
    assert!(!back.has_code());
    let shown = alice.get(&back.location).await.is(200);
    let shown = shown.warns();
    assert!(alice.post(&shown.action(), &RIGHT).await.has_code());
}

#[tokio::test]
async fn a_code_of_another_tab_or_browser_is_none() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    let one = alice.begin("app", Asks::default()).await.action();
    let two = alice.begin("app", Asks::default()).await.action();
    let code = |action: &str| crate::world::parameter(action, "session_code").unwrap();
    let mixed = one.replace(&code(&one), &code(&two));
    let got = alice.post(&mixed, &RIGHT).await;
    assert!(!got.has_code(), "{}", got.location);
    // Another browser has nothing of this login.
    let mut mallory = Visitor::new(&stage);
    mallory.begin("app", Asks::default()).await;
    let got = mallory.post(&two, &RIGHT).await;
    assert!(!got.has_code(), "{}", got.location);
    let mut bare = Visitor::new(&stage);
    bare.post(&two, &RIGHT).await.is(400).says("login-error");
    // A login of one client is none of another.
    let other = two.replace("client_id=app", "client_id=web");
    assert!(!alice.post(&other, &RIGHT).await.has_code());
    assert!(alice.sessions_of("alice").await.is_empty());
}

#[tokio::test]
async fn who_takes_too_long_begins_anew_and_may_go_on_then() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    let page = alice.begin("app", Asks::default()).await;
    stage.wait(Seconds(1_801));
    let late = alice.post(&page.action(), &RIGHT).await.is(302);
    assert!(!late.has_code(), "{}", late.location);
    let page = alice.get(&late.location).await.is(200);
    let page = page.warns();
    assert!(alice.post(&page.action(), &RIGHT).await.has_code());
}

#[tokio::test]
async fn beginning_anew_forgets_who_it_was() {
    let mut alice = Visitor::new(&shop().await);
    alice.sign_in("app", "alice", "wonderland").await;
    let asks = Asks {
        prompt: Some("login".into()),
        ..Asks::default()
    };
    let page = alice.begin("app", asks).await;
    assert!(!page.html.contains("name=\"username\""));
    let restart = page.action().replace("/authenticate?", "/restart?");
    let anew = alice.get(&restart).await.is(302);
    let page = alice.get(&anew.location).await.is(200);
    let page = page.says("name=\"username\"");
    // The session of before is over, and somebody else may sign in.
    assert!(alice.sessions_of("alice").await.is_empty());
    let form = [("username", "bob"), ("password", "wonderland")];
    assert!(alice.post(&page.action(), &form).await.has_code());
}

#[tokio::test]
async fn a_page_out_of_turn_is_told_to_be_over() {
    let mut alice = Visitor::new(&shop().await);
    let page = alice.begin("app", Asks::default()).await;
    let action = page.action();
    let execution = crate::world::parameter(&action, "execution").unwrap();
    let other = action.replace(&execution, "00000000-0000-0000-0000-000000000000");
    alice
        .post(&other, &RIGHT)
        .await
        .is(200)
        .says("login-login-page-expired");
    alice
        .get("/realms/shop/login-actions/required-action?client_id=app&tab_id=x&client_data=%25")
        .await
        .is(400);
    alice
        .get("/realms/shop/login-actions/action-token")
        .await
        .is(404)
        .says("not part of this server yet");
    let lost = Visitor::new(&alice.stage)
        .get("/realms/nowhere/login-actions/authenticate")
        .await;
    assert_eq!(
        (lost.status, &*lost.html),
        (404, r#"{"error":"Realm does not exist"}"#)
    );
}

/// Its form names a client that is gone: what the browser remembers is of no use, and so is the tab.
#[tokio::test]
async fn a_client_that_is_deleted_in_the_middle_of_a_login_ends_it() {
    let mut alice = Visitor::new(&shop().await);
    let page = alice.begin("app", Asks::default()).await;
    let action = page.action().replace("client_id=app", "client_id=gone");
    alice.post(&action, &RIGHT).await.is(400);
    let events = alice.events().await;
    let mut told: Vec<_> = events.iter().map(|event| event.error.as_deref()).collect();
    told.sort_unstable();
    assert_eq!(told, [Some("cookie_not_found"), Some("invalid_code")]);
    for event in &events {
        assert_eq!(event.kind, "LOGIN_ERROR");
        assert_eq!(event.client_id, None);
    }
    assert!(alice.sessions_of("alice").await.is_empty());
}

#[tokio::test]
async fn what_only_forms_or_only_links_lead_to_is_nothing_to_the_other() {
    let mut alice = Visitor::new(&shop().await);
    let at = |action: &str| format!("/realms/shop/login-actions/{action}");
    let consent = alice.get(&at("consent")).await.is(404);
    assert_eq!(consent.html, r#"{"error":"HTTP 404 Not Found"}"#);
    alice.post(&at("restart"), &[]).await.is(404);
    alice.post(&at("detached-info"), &[]).await.is(404);
}
