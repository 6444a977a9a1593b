//! The second factor, levels of authentication, and the other steps and conditions of flows.

use claviger_crypto::otp::OtpCredential;
use claviger_model::Seconds;
use serde_json::json;

use crate::world::{Visitor, realm, stage};

const SECRET: &str = r#"{"value":"oracle-otp-secret-01"}"#;
/// What kind of generator people have.
pub const DATA: &str = r#"{"subType":"totp","digits":6,"period":30,"algorithm":"HmacSHA1"}"#;

/// The shop where alice has a generator of one-time passwords.
pub fn with_generator() -> serde_json::Value {
    let mut file = realm();
    let credentials = file["users"][0]["credentials"].as_array_mut().unwrap();
    credentials.push(json!({"type": "otp", "secretData": SECRET, "credentialData": DATA}));
    file
}

/// The code that alice's generator shows.
pub fn code(visitor: &Visitor) -> String {
    let generator = OtpCredential::parse(SECRET, DATA).unwrap();
    generator.code(visitor.stage.app.now())
}

#[tokio::test]
async fn who_has_a_generator_is_asked_for_its_code_and_gets_in_with_nothing_less() {
    let stage = stage(with_generator()).await;
    let mut alice = Visitor::new(&stage);
    let page = alice.sign_in("app", "alice", "wonderland").await.is(200);
    let page = page.says("kc-otp-login-form");
    assert!(!alice.jar.contains_key("KEYCLOAK_IDENTITY"));
    // Loading the page anew, or the password's form again, leads to the same question.
    let action = page.action();
    let (path, query) = action.split_once('?').unwrap();
    let query: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("session_code"))
        .collect();
    let again = alice.get(&format!("{path}?{}", query.join("&"))).await;
    let again = again.is(200).says("kc-otp-login-form");
    let wrong = alice.post(&again.action(), &[("otp", "000000")]).await;
    let wrong = wrong.is(200).says("input-error-otp");
    let right = code(&alice);
    let used = wrong.clone();
    let end = alice
        .post(&wrong.action(), &[("otp", &right)])
        .await
        .is(302);
    assert!(end.has_code(), "{}", end.location);
    assert!(
        !alice
            .post(&used.action(), &[("otp", &right)])
            .await
            .has_code()
    );
    // A code is for one use, whoever watched it.
    let mut mallory = Visitor::new(&stage);
    let page = mallory.sign_in("app", "alice", "wonderland").await;
    let refused = mallory.post(&page.action(), &[("otp", &right)]).await;
    refused.is(200).says("input-error-otp");
    stage.wait(Seconds(30));
    let page = mallory.sign_in("app", "bob", "wonderland").await;
    assert!(page.has_code(), "who has none is asked for none");
}

#[tokio::test]
async fn wrong_codes_are_counted_like_wrong_passwords() {
    let mut file = with_generator();
    file["bruteForceProtected"] = json!(true);
    file["failureFactor"] = json!(3);
    file["quickLoginCheckMilliSeconds"] = json!(0);
    let stage = stage(file).await;
    let mut guesser = Visitor::new(&stage);
    let mut page = guesser.sign_in("app", "alice", "wonderland").await;
    for _ in 0..3 {
        page = guesser
            .post(&page.action(), &[("otp", "000000")])
            .await
            .is(200);
    }
    let right = code(&guesser);
    let locked = guesser.post(&page.action(), &[("otp", &right)]).await;
    locked.is(200).says("input-error-otp");
    assert!(guesser.sessions_of("alice").await.is_empty());
}
