//! What somebody has to do before going on, page by page: what is refused, what is done, and what it does
//! to others.

use claviger_crypto::otp::OtpCredential;
use claviger_engine::login::Asks;
use claviger_testkit::Stage;
use serde_json::{Value, json};

use crate::second::DATA;
use crate::world::{Got, Visitor, parameter, realm, stage};

const RIGHT: [(&str, &str); 2] = [("username", "alice"), ("password", "wonderland")];

/// The shop, where Alice has these things to do.
fn with(actions: &[&str]) -> Value {
    let mut file = realm();
    file["users"][0]["requiredActions"] = json!(actions);
    file
}

/// Alice at the first page of what she has to do.
async fn at_page(stage: &Stage) -> (Visitor, Got) {
    let mut alice = Visitor::new(stage);
    let sent = alice.sign_in("app", "alice", "wonderland").await.is(302);
    assert!(!sent.has_code(), "{}", sent.location);
    let page = alice.get(&sent.location).await.is(200);
    (alice, page)
}

#[tokio::test]
async fn a_new_password_is_chosen_twice_alike_and_within_the_policy() {
    let mut file = with(&["UPDATE_PASSWORD"]);
    file["passwordPolicy"] = json!("length(8)");
    let stage = stage(file).await;
    let (mut alice, mut page) = at_page(&stage).await;
    page = page.says("kc-passwd-update-form");
    for (new, again, place) in [
        ("", "", "input-error-password"),
        ("   ", "   ", "input-error-password"),
        (
            "looking-glass",
            "looking-class",
            "input-error-password-confirm",
        ),
        ("short", "short", "kc-feedback-text"),
    ] {
        let form = [("password-new", new), ("password-confirm", again)];
        page = alice.post(&page.action(), &form).await.is(200).says(place);
        page = page.says("kc-passwd-update-form");
        assert!(!page.html.contains("looking-"), "no password in a page");
    }
    let form = [
        ("password-new", "looking-glass"),
        ("password-confirm", "looking-glass"),
    ];
    assert!(alice.post(&page.action(), &form).await.has_code());
    let mut later = Visitor::new(&stage);
    assert!(!later.sign_in("app", "alice", "wonderland").await.has_code());
    let mut later = Visitor::new(&stage);
    assert!(
        later
            .sign_in("app", "alice", "looking-glass")
            .await
            .has_code()
    );
}

#[tokio::test]
async fn a_profile_is_kept_once_there_is_nothing_wrong_with_it() {
    let stage = stage(with(&["UPDATE_PROFILE"])).await;
    let (mut alice, mut page) = at_page(&stage).await;
    page = page.says("kc-update-profile-form");
    for (email, first, place) in [
        ("nonsense", "Alice", "input-error-email"),
        ("bob@shop.example", "Alice", "input-error-email"),
        ("alice@shop.example", "<script>", "input-error-firstName"),
    ] {
        let form = [
            ("email", email),
            ("firstName", first),
            ("lastName", "Liddell"),
        ];
        page = alice.post(&page.action(), &form).await.is(200).says(place);
        assert!(!page.html.contains("<script>alice"));
    }
    let form = [
        ("email", "al@shop.example"),
        ("firstName", "Al"),
        ("lastName", "L"),
    ];
    assert!(alice.post(&page.action(), &form).await.has_code());
    let user = alice.user("alice").await.expect("a user");
    assert_eq!(user.email.as_deref(), Some("al@shop.example"));
    assert!(user.required_actions.is_empty());
}

#[tokio::test]
async fn a_profile_that_lacks_something_is_asked_for_until_it_is_whole() {
    let mut file = realm();
    file["users"][0]["lastName"] = json!("");
    let stage = stage(file).await;
    let (mut alice, page) = at_page(&stage).await;
    let page = page
        .says("kc-update-profile-form")
        .says("input-error-lastName");
    let form = [
        ("email", "alice@shop.example"),
        ("firstName", "Alice"),
        ("lastName", " "),
    ];
    let page = alice.post(&page.action(), &form).await.is(200);
    let page = page.says("input-error-lastName");
    let form = [
        ("email", "alice@shop.example"),
        ("firstName", "Alice"),
        ("lastName", "L"),
    ];
    assert!(alice.post(&page.action(), &form).await.has_code());
}

#[tokio::test]
async fn who_declines_the_terms_is_sent_back_and_who_agrees_goes_on() {
    let mut file = with(&["TERMS_AND_CONDITIONS"]);
    file["requiredActions"] = json!([{
        "alias": "TERMS_AND_CONDITIONS", "name": "Terms", "providerId": "TERMS_AND_CONDITIONS",
        "enabled": true, "defaultAction": false, "priority": 20, "config": {},
    }]);
    let stage = stage(file).await;
    let (mut alice, page) = at_page(&stage).await;
    let page = page.says("kc-terms-text");
    let back = alice.post(&page.action(), &[("cancel", "")]).await.is(302);
    assert_eq!(back.parameter("error").as_deref(), Some("access_denied"));
    assert!(!back.has_code());
    let (mut alice, page) = at_page(&stage).await;
    assert!(
        alice
            .post(&page.action(), &[("accept", "")])
            .await
            .has_code()
    );
    let user = alice.user("alice").await.expect("a user");
    assert!(user.attributes.contains_key("terms_and_conditions"));
    let mut later = Visitor::new(&stage);
    assert!(later.sign_in("app", "alice", "wonderland").await.has_code());
}

#[tokio::test]
async fn a_generator_is_set_up_by_a_code_of_its_own() {
    let stage = stage(with(&["CONFIGURE_TOTP"])).await;
    let (mut alice, page) = at_page(&stage).await;
    let page = page.says("kc-totp-settings-form");
    let form = [("totp", ""), ("userLabel", "phone")];
    let page = alice.post(&page.action(), &form).await.is(200).warns();
    let form = [("totp", "000000"), ("userLabel", "phone")];
    let page = alice.post(&page.action(), &form).await.is(200).warns();
    let (_, rest) = page
        .html
        .split_once("name=\"totpSecret\" value=\"")
        .expect("a secret");
    let secret = rest.split('"').next().expect("an end");
    let secret = json!({"value": secret}).to_string();
    let generator = OtpCredential::parse(&secret, DATA).unwrap();
    let code = generator.code(stage.app.now());
    let form = [("totp", code.as_str()), ("userLabel", "phone")];
    assert!(alice.post(&page.action(), &form).await.has_code());
    let mut later = Visitor::new(&stage);
    let asked = later.sign_in("app", "alice", "wonderland").await.is(200);
    assert!(asked.says("name=\"otp\"").location.is_empty());
}

/// Somebody who knows the old password stands half-way in, and the owner chooses a new one.
#[tokio::test]
async fn a_proof_by_a_password_that_is_gone_counts_no_more() {
    let stage = stage(with(&["UPDATE_PROFILE", "UPDATE_PASSWORD"])).await;
    let profile = [
        ("email", "alice@shop.example"),
        ("firstName", "A"),
        ("lastName", "L"),
    ];
    let (mut mallory, page) = at_page(&stage).await;
    let half_way = page.says("kc-update-profile-form").action();
    let (mut alice, page) = at_page(&stage).await;
    let page = alice.post(&page.action(), &profile).await.is(200);
    let form = [
        ("password-new", "looking-glass"),
        ("password-confirm", "looking-glass"),
    ];
    assert!(alice.post(&page.action(), &form).await.has_code());
    for form in [&profile[..], &form[..], &RIGHT[..]] {
        let got = mallory.post(&half_way, form).await;
        assert!(!got.has_code(), "{}", got.location);
        if got.status == 302 {
            let got = mallory.get(&got.location).await.is(200);
            // Signing in begins anew, with the new password.
            assert!(got.html.contains("kc-form-login"), "{}", got.html);
        }
    }
    let user = mallory.user("alice").await.expect("a user");
    assert_eq!(user.first_name.as_deref(), Some("A"));
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
}

/// It ends others, and not the one in which it is chosen.
#[tokio::test]
async fn who_changes_the_password_goes_on_in_that_tab() {
    let stage = stage(with(&["UPDATE_PASSWORD"])).await;
    let mut alice = Visitor::new(&stage);
    alice.begin("web", Asks::default()).await.is(200);
    let page = alice.begin("app", Asks::default()).await;
    let sent = alice.post(&page.action(), &RIGHT).await.is(302);
    let page = alice.get(&sent.location).await.is(200);
    let form = [
        ("password-new", "looking-glass"),
        ("password-confirm", "looking-glass"),
    ];
    assert!(alice.post(&page.action(), &form).await.has_code());
}

fn asking(action: &str) -> Asks {
    Asks {
        action: Some(action.to_owned()),
        ..Asks::default()
    }
}

#[tokio::test]
async fn an_application_that_asks_for_what_nobody_knows_is_told_with_the_last_step() {
    let mut alice = Visitor::new(&stage(realm()).await);
    let page = alice.begin("app", asking("nonsense")).await;
    let step = parameter(&page.action(), "execution");
    assert!(step.is_some());
    let done = alice.post(&page.action(), &RIGHT).await;
    assert!(done.has_code(), "{}", done.location);
    assert_eq!(done.parameter("kc_action"), step);
    assert_eq!(done.parameter("kc_action_status").as_deref(), Some("error"));
    // Without a page there is no step to be told of.
    let silent = alice.begin("app", asking("nonsense")).await;
    assert!(silent.has_code(), "{}", silent.location);
    assert_eq!(silent.parameter("kc_action"), None);
    assert_eq!(
        silent.parameter("kc_action_status").as_deref(),
        Some("error")
    );
}

#[tokio::test]
async fn a_login_tells_that_the_credential_it_was_to_take_away_is_not_there() {
    for (asked, error) in [
        ("delete_credential:nothing", "credential_not_found"),
        ("delete_credential", "missing_credential_id"),
    ] {
        let mut alice = Visitor::new(&stage(realm()).await);
        let page = alice.begin("app", asking(asked)).await;
        let sent = alice.post(&page.action(), &RIGHT).await.is(302);
        let done = alice.get(&sent.location).await;
        assert!(done.has_code(), "{}", done.location);
        assert_eq!(done.parameter("kc_action_status").as_deref(), Some("error"));
        let told = alice.told().await;
        let error = Some(error.to_owned());
        assert_eq!(
            told,
            [
                ("LOGIN".to_owned(), error.clone()),
                ("CUSTOM_REQUIRED_ACTION_ERROR".to_owned(), error),
            ]
        );
    }
}
