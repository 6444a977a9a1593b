//! What an attacker tries while somebody signs in.

use claviger_engine::login::Asks;
use claviger_engine::logout::end_session;
use claviger_model::session::EndReason;
use claviger_model::{Seconds, UserSession};
use claviger_store::Tx;
use claviger_testkit::Stage;
use serde_json::json;

use crate::world::{Got, Visitor, parameter, realm, shop, stage};

/// What alice types.
pub const RIGHT: [(&str, &str); 2] = [("username", "alice"), ("password", "wonderland")];
/// What bob types.
pub const BOB: [(&str, &str); 2] = [("username", "bob"), ("password", "wonderland")];

/// What a client asks of a login.
pub fn prompt(value: &str) -> Asks {
    Asks {
        prompt: Some(value.to_owned()),
        ..Asks::default()
    }
}

/// The shop whose application `app` asks for a consent.
pub async fn asking() -> Stage {
    let mut file = realm();
    file["clients"][0]["consentRequired"] = json!(true);
    stage(file).await
}

/// The code in the form of a page that asks for a consent.
pub fn consent_code(page: &Got) -> String {
    let field = page.html.split("name=\"code\"").nth(1).expect("a code");
    let value = field.split("value=\"").nth(1).expect("a value");
    value.split('"').next().expect("an end").to_owned()
}

/// Ends a session as an administrator does.
pub async fn end(stage: &Stage, session: &UserSession) {
    let realm = stage
        .app
        .realm("shop")
        .await
        .expect("store")
        .expect("realm");
    let mut tx = Tx::new();
    end_session(&stage.app, &realm, &mut tx, session, EndReason::Admin)
        .await
        .expect("store");
    assert!(stage.app.commit(tx).await.expect("store").is_done());
}

/// Changes a user as an administrator does.
async fn disable(stage: &Stage, name: &str) {
    let realm = stage
        .app
        .realm("shop")
        .await
        .expect("store")
        .expect("realm");
    let user = stage.app.store.user_by_username(&realm.id, name).await;
    let mut user = user.expect("store").expect("a user");
    user.enabled = false;
    let mut tx = Tx::new();
    tx.update_user(&realm.id, &user);
    assert!(stage.app.commit(tx).await.expect("store").is_done());
}

/// Whoever finds a browser unattended makes no old sign-in young: not by a consent, and so neither
/// `max_age` nor the rules for changing a password are got around.
#[tokio::test]
async fn a_consent_makes_no_old_sign_in_young() {
    let stage = asking().await;
    let mut alice = Visitor::new(&stage);
    assert!(alice.sign_in("web", "alice", "wonderland").await.has_code());
    let before = alice.sessions_of("alice").await.remove(0);
    stage.wait(Seconds(100));
    let sent = alice.begin("app", Asks::default()).await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    let form = [("code", &*consent_code(&page)), ("accept", "Yes")];
    assert!(alice.post(&page.action(), &form).await.is(302).has_code());
    let sessions = alice.sessions_of("alice").await;
    let [after] = &*sessions else {
        panic!("one session: {sessions:?}")
    };
    assert_eq!(after.id, before.id);
    assert_eq!(after.notes["AUTH_TIME"], before.notes["AUTH_TIME"]);
    let recent = Asks {
        max_age: Some(Seconds(50)),
        ..Asks::default()
    };
    alice
        .begin("web", recent)
        .await
        .is(200)
        .says("kc-form-login");
}

#[tokio::test]
async fn nobody_goes_on_by_a_session_that_has_ended_since() {
    let stage = asking().await;
    let mut alice = Visitor::new(&stage);
    alice.sign_in("web", "alice", "wonderland").await;
    let sent = alice.begin("app", Asks::default()).await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    let form = [("code", consent_code(&page)), ("accept", "Yes".into())];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    let session = alice.sessions_of("alice").await.remove(0);
    end(&stage, &session).await;
    let got = alice.post(&page.action(), &form).await;
    assert!(!got.has_code(), "{}", got.location);
    assert!(alice.sessions_of("alice").await.is_empty());
}

#[tokio::test]
async fn who_is_disabled_between_two_pages_changes_nothing_and_gets_nothing() {
    let mut file = realm();
    file["users"][0]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    disable(&stage, "alice").await;
    let new = [("password-new", "mine"), ("password-confirm", "mine")];
    alice
        .post(&page.action(), &new)
        .await
        .is(400)
        .says("kc-error-message");
    assert!(alice.sessions_of("alice").await.is_empty());
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let user = stage.app.store.user_by_username(&realm.id, "alice").await;
    let mut user = user.unwrap().unwrap();
    assert_eq!(user.required_actions, ["UPDATE_PASSWORD"]);
    user.enabled = true;
    let mut tx = Tx::new();
    tx.update_user(&realm.id, &user);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    let mut again = Visitor::new(&stage);
    let got = again.sign_in("app", "alice", "wonderland").await;
    assert_eq!(
        got.parameter("execution").as_deref(),
        Some("UPDATE_PASSWORD")
    );
}

#[tokio::test]
async fn who_is_deleted_between_two_pages_is_nobody() {
    let stage = asking().await;
    let mut alice = Visitor::new(&stage);
    let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let user = stage.app.store.user_by_username(&realm.id, "alice").await;
    let user = user.unwrap().unwrap();
    let mut tx = Tx::new();
    tx.delete_user(&realm.id, &user.id);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    let form = [("code", &*consent_code(&page)), ("accept", "Yes")];
    let got = alice.post(&page.action(), &form).await;
    assert!(!got.has_code(), "{}", got.location);
    assert!(!got.cookies.iter().any(|name| name.starts_with("KEYCLOAK")));
}

#[tokio::test]
async fn a_session_that_expired_gives_its_id_to_no_other() {
    let stage = shop().await;
    let mut browser = Visitor::new(&stage);
    browser.sign_in("app", "alice", "wonderland").await;
    let first = browser.sessions_of("alice").await.remove(0);
    let page = browser.begin("web", prompt("login")).await;
    // The session is over before the page is, and no job has swept it away yet.
    stage.wait(Seconds(1_790));
    let page = browser.get(&page.action()).await;
    stage.wait(Seconds(20));
    let form = [("password", "wonderland"), ("username", "alice")];
    let got = browser.post(&page.action(), &form).await;
    assert!(got.has_code(), "{} {}", got.location, got.html);
    let id = got.parameter("session_state").expect("a session");
    assert_ne!(id, first.id.as_str());
    let sessions = browser.sessions_of("alice").await;
    let [left] = &*sessions else {
        panic!("one session: {sessions:?}")
    };
    assert_eq!(left.id.as_str(), id);
    // The browser goes on under the new id.
    let still = browser.begin("web", prompt("none")).await;
    assert_eq!(still.parameter("session_state"), Some(id));
}

/// The tab's address may be bent: what was proven for one client, step or tab counts for no other.
#[tokio::test]
async fn no_bent_address_leads_past_a_required_action_or_a_consent() {
    let mut file = realm();
    file["users"][0]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    file["clients"][0]["consentRequired"] = json!(true);
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    let action = page.action();
    let code = parameter(&action, "session_code").unwrap();
    let bent = [
        action.replace("/required-action?", "/authenticate?"),
        action.replace("/required-action?", "/consent?"),
        action.replace("UPDATE_PASSWORD", "OAUTH_GRANT"),
        action.replace("UPDATE_PASSWORD", "TERMS_AND_CONDITIONS"),
        action.replace("execution=UPDATE_PASSWORD&", ""),
        action.replace("client_id=app", "client_id=web"),
        action.replace("/required-action?", "/restart?"),
    ];
    for address in bent {
        let form = [("accept", "Yes"), ("code", &*code)];
        let mut other = alice.clone();
        let got = other.post(&address, &form).await;
        assert!(!got.has_code(), "{address}: {}", got.location);
        let got = other.get(&address).await;
        assert!(!got.has_code(), "{address}: {}", got.location);
        let later = other.begin("web", prompt("none")).await;
        assert_eq!(later.parameter("error").as_deref(), Some("login_required"));
    }
    assert!(alice.sessions_of("alice").await.is_empty());
}

/// A client's own signature algorithm is no way into the browser of its users.
#[tokio::test]
async fn a_token_is_no_cookie_whatever_it_says_of_itself() {
    let stage = shop().await;
    let mut alice = Visitor::new(&stage);
    alice.sign_in("app", "alice", "wonderland").await;
    let session = alice.sessions_of("alice").await.remove(0);
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let ring = realm.keys().await.unwrap();
    let key = ring
        .active(claviger_crypto::Algorithm::Rs256, stage.app.now())
        .expect("a key");
    let now = stage.app.now().seconds().0;
    let claims = json!({
        "exp": now + 60, "iat": now, "jti": "00000000-0000-0000-0000-000000000000",
        "iss": "http://localhost/realms/shop", "sub": session.user.as_str(),
        "typ": "Serialized-ID", "sid": session.id.as_str(), "state_checker": "x",
    });
    let token =
        claviger_crypto::jws::sign(key, Some("JWT"), claims.to_string().as_bytes()).unwrap();
    let mut mallory = Visitor::new(&stage);
    mallory.jar.insert("KEYCLOAK_IDENTITY".into(), token);
    let got = mallory.begin("app", prompt("none")).await.is(302);
    assert_eq!(got.parameter("error").as_deref(), Some("login_required"));
}
