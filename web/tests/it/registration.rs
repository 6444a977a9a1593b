//! People who have no account make one.

use claviger_engine::login::{Asks, FlowPath};
use claviger_testkit::Stage;
use serde_json::{Value, json};

use crate::world::{Got, Visitor, realm, stage};

/// A form that there is nothing wrong with.
const ZOE: [(&str, &str); 6] = [
    ("username", "zoe"),
    ("password", "wonder-1"),
    ("password-confirm", "wonder-1"),
    ("email", "zoe@shop.example"),
    ("firstName", "Zoe"),
    ("lastName", "Zander"),
];

/// The shop where everybody may have an account.
fn open_shop() -> Value {
    let mut file = realm();
    file["registrationAllowed"] = json!(true);
    file
}

/// The form with some fields of other values.
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form: Vec<(&str, &str)> = ZOE.to_vec();
    form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    form.extend(changes);
    form
}

async fn page(stage: &Stage) -> (Visitor, Got) {
    let mut visitor = Visitor::new(stage);
    let page = visitor.begin_at("app", FlowPath::Registration).await;
    (visitor, page.is(200).says("kc-register-form"))
}

/// A registration flow with these parts.
fn with_parts(parts: &[(&str, &str)]) -> Value {
    let parts: Vec<Value> = parts
        .iter()
        .enumerate()
        .map(|(place, (part, requirement))| {
            json!({"authenticator": part, "requirement": requirement, "priority": place})
        })
        .collect();
    let mut file = open_shop();
    file["registrationFlow"] = json!("joining");
    file["authenticationFlows"] = json!([
        {"alias": "joining", "providerId": "basic-flow", "topLevel": true, "builtIn": false,
         "authenticationExecutions": [
            {"authenticator": "registration-page-form", "requirement": "REQUIRED", "priority": 10,
             "authenticatorFlow": true, "flowAlias": "joining form"}]},
        {"alias": "joining form", "providerId": "form-flow", "topLevel": false, "builtIn": false,
         "authenticationExecutions": parts},
    ]);
    file
}

#[tokio::test]
async fn whoever_has_no_account_makes_one_and_is_signed_in_by_it() {
    let mut file = open_shop();
    file["groups"] = json!([{"name": "newcomers"}]);
    file["defaultGroups"] = json!(["/newcomers"]);
    let stage = stage(file).await;
    let mut zoe = Visitor::new(&stage);
    let login = zoe.begin("app", Asks::default()).await;
    let page = zoe.get(&login.link("/login-actions/registration")).await;
    let page = page.is(200).says("kc-register-form");
    for name in ["username", "password", "password-confirm", "email"] {
        assert!(page.html.contains(&format!("name=\"{name}\"")), "{name}");
    }
    // There and back, and there again: nothing is lost by looking around.
    let back = zoe.get(&page.link("/login-actions/authenticate")).await;
    let back = back.is(200).says("kc-form-login");
    let page = zoe.get(&back.link("/login-actions/registration")).await;
    let end = zoe.post(&page.action(), &ZOE).await.is(302);
    assert!(end.has_code(), "{}", end.location);
    assert!(end.cookies.contains(&"KEYCLOAK_IDENTITY".to_owned()));
    let user = zoe.user("zoe").await.expect("a user");
    assert_eq!(user.email.as_deref(), Some("zoe@shop.example"));
    assert_eq!(
        (
            user.enabled,
            user.email_verified,
            user.required_actions.len()
        ),
        (true, false, 0)
    );
    let shop = stage.app.realm("shop").await.unwrap().unwrap();
    let store = &stage.app.store;
    let roles = store.user_roles(&shop.id, &user.id).await.unwrap();
    assert_eq!(roles, std::slice::from_ref(&shop.settings.default_role));
    let groups = store.user_groups(&shop.id, &user.id).await.unwrap();
    assert_eq!(groups.len(), 1);
    let told = zoe.told().await;
    let told: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(told, ["LOGIN", "REGISTER"]);
    // The form is over: sent once more, it makes and changes nothing.
    let again = zoe
        .post(&page.action(), &with(&[("username", "yve")]))
        .await;
    assert!(!again.has_code());
    assert!(zoe.user("yve").await.is_none());
    let mut elsewhere = Visitor::new(&stage);
    let end = elsewhere
        .sign_in("app", "zoe@shop.example", "wonder-1")
        .await;
    assert!(end.has_code());
}

/// What is changed in a good form, the field that is then marked, and the event's error.
type Case = (
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table is as long as its cases")]
async fn what_is_wrong_with_a_form_is_told_and_makes_nobody() {
    let mut file = open_shop();
    file["passwordPolicy"] = json!("length(6) and notUsername and notEmail");
    let stage = stage(file).await;
    let cases: [Case; 13] = [
        (
            &[("username", "")],
            "input-error-username",
            "invalid_registration",
        ),
        // The first letter is Cyrillic (CVE-2021-3424).
        (
            &[("username", "\u{430}lice")],
            "input-error-username",
            "invalid_registration",
        ),
        (
            &[("username", "Alice")],
            "input-error-username",
            "username_in_use",
        ),
        (
            &[("username", "bob@shop.example")],
            "input-error-username",
            "username_in_use",
        ),
        (
            &[("email", "ALICE@shop.example")],
            "input-error-email",
            "email_in_use",
        ),
        (
            &[("email", "nonsense")],
            "input-error-email",
            "invalid_registration",
        ),
        (
            &[("firstName", "<b>")],
            "input-error-firstName",
            "invalid_registration",
        ),
        (
            &[("password", "")],
            "input-error-password",
            "invalid_registration",
        ),
        (
            &[("password", "       ")],
            "input-error-password",
            "invalid_registration",
        ),
        (
            &[("password-confirm", "other")],
            "input-error-password-confirm",
            "invalid_registration",
        ),
        (
            &[("password", "brief"), ("password-confirm", "brief")],
            "input-error-password",
            "invalid_registration",
        ),
        (
            &[
                ("password", "zoe@shop.example"),
                ("password-confirm", "zoe@shop.example"),
            ],
            "input-error-password",
            "invalid_registration",
        ),
        (
            &[("username", "alice"), ("email", "alice@shop.example")],
            "input-error-email",
            "email_in_use",
        ),
    ];
    for (changes, place, error) in cases {
        let (mut zoe, page) = page(&stage).await;
        let form = with(changes);
        let again = zoe.post(&page.action(), &form).await.is(200).says(place);
        assert!(again.html.contains("kc-register-form"), "{changes:?}");
        assert!(!again.html.contains("wonder-1"), "no password in a page");
        let told = zoe.told().await;
        let first = told
            .first()
            .map(|(kind, error)| (kind.as_str(), error.as_deref()));
        assert_eq!(first, Some(("REGISTER_ERROR", Some(error))), "{changes:?}");
        assert!(zoe.user("zoe").await.is_none(), "{changes:?}");
        assert!(zoe.user("zoe@shop.example").await.is_none(), "{changes:?}");
        if changes.len() == 1 && changes[0].0 == "firstName" {
            // What was typed stands in the page, as text; the second attempt is as good as a first.
            assert!(again.html.contains("value=\"&lt;b&gt;\""), "{}", again.html);
        }
    }
    let (mut zoe, page) = page(&stage).await;
    let again = zoe
        .post(&page.action(), &with(&[("email", "nonsense")]))
        .await;
    assert!(zoe.post(&again.action(), &ZOE).await.has_code());
}

#[tokio::test]
async fn two_who_want_one_name_at_the_same_moment_get_one_account() {
    let stage = stage(open_shop()).await;
    let (mut one, page_of_one) = page(&stage).await;
    let (mut other, page_of_other) = page(&stage).await;
    let (form, other_form) = (with(&[]), with(&[("email", "other@shop.example")]));
    let (first, second) = (page_of_one.action(), page_of_other.action());
    let (first, second) = tokio::join!(one.post(&first, &form), other.post(&second, &other_form));
    let (winner, loser) = if first.has_code() {
        (first, second)
    } else {
        (second, first)
    };
    assert!(winner.has_code(), "{}", winner.html);
    let loser = loser.is(200).says("input-error-username");
    assert!(!loser.has_code());
    let told = one.told().await;
    let made = told.iter().filter(|(kind, _)| kind == "REGISTER").count();
    assert_eq!(made, 1, "{told:?}");
}

#[tokio::test]
async fn nobody_registers_where_the_realm_does_not_let_them() {
    let stage = stage(realm()).await;
    let mut zoe = Visitor::new(&stage);
    let login = zoe.begin("app", Asks::default()).await;
    assert!(!login.html.contains("login-actions/registration"));
    let address = login.action().replace("/authenticate", "/registration");
    for got in [
        zoe.get(&address).await,
        zoe.post(&address, &ZOE).await,
        zoe.begin_at("app", FlowPath::Registration).await,
    ] {
        got.is(400).says("kc-error-message");
    }
    assert!(zoe.user("zoe").await.is_none());
    let told = zoe.told().await;
    assert!(told.contains(&(
        "REGISTER_ERROR".to_owned(),
        Some("registration_disabled".to_owned())
    )));
}

/// Whoever registers with somebody else's address must not choose the password of that account.
#[tokio::test]
async fn an_address_that_is_to_be_verified_comes_before_the_password() {
    let mut file = open_shop();
    file["verifyEmail"] = json!(true);
    let stage = stage(file).await;
    let (mut zoe, page) = page(&stage).await;
    assert!(!page.html.contains("name=\"password\""));
    let sent = zoe.post(&page.action(), &ZOE).await.is(302);
    assert!(!sent.has_code(), "{}", sent.location);
    let mail = zoe
        .get(&sent.location)
        .await
        .is(500)
        .says("kc-error-message");
    assert!(!mail.has_code());
    let user = zoe.user("zoe").await.expect("a user");
    assert_eq!(user.required_actions, ["UPDATE_PASSWORD", "VERIFY_EMAIL"]);
    let store = &stage.app.store;
    let shop = stage.app.realm("shop").await.unwrap().unwrap();
    let held = store.credentials(&shop.id, &user.id).await.unwrap();
    assert!(held.is_empty());
    let told = zoe.told().await;
    let failed = (
        "SEND_VERIFY_EMAIL_ERROR".to_owned(),
        Some("email_send_failed".to_owned()),
    );
    assert!(told.contains(&failed), "{told:?}");
    let end = Visitor::new(&stage).sign_in("app", "zoe", "wonder-1").await;
    assert!(!end.has_code());
}

#[tokio::test]
async fn who_is_signed_in_and_makes_another_account_is_that_one_alone() {
    let stage = stage(open_shop()).await;
    let mut visitor = Visitor::new(&stage);
    assert!(
        visitor
            .sign_in("app", "alice", "wonderland")
            .await
            .has_code()
    );
    let page = visitor
        .begin_at("web", FlowPath::Registration)
        .await
        .is(200);
    assert_eq!(visitor.sessions_of("alice").await.len(), 1);
    let end = visitor.post(&page.action(), &ZOE).await;
    assert!(end.has_code(), "{}", end.html);
    assert_eq!(visitor.sessions_of("zoe").await.len(), 1);
    // Nobody could end it any more: the browser has no cookie for it.
    assert_eq!(visitor.sessions_of("alice").await.len(), 0);
}

/// CVE-2023-4918: a form's passwords kept as attributes, and fields that nobody asked for.
#[tokio::test]
async fn a_form_keeps_nothing_that_is_no_attribute() {
    let stage = stage(open_shop()).await;
    let (mut zoe, page) = page(&stage).await;
    let form = with(&[
        ("hobby", "chess"),
        ("user.attributes.hobby", "chess"),
        ("enabled", "false"),
        ("emailVerified", "true"),
        ("id", "0"),
        ("termsAccepted", "on"),
    ]);
    assert!(zoe.post(&page.action(), &form).await.has_code());
    let user = zoe.user("zoe").await.expect("a user");
    assert!(user.attributes.is_empty(), "{:?}", user.attributes);
    assert!(!user.email_verified);
}

#[tokio::test]
async fn cve_2023_6841_nobody_registers_with_attributes_without_end() {
    let stage = stage(open_shop()).await;
    let (mut zoe, page) = page(&stage).await;
    let names: Vec<String> = (0..10_000)
        .map(|number| format!("attribute{number}"))
        .collect();
    let mut form = ZOE.to_vec();
    form.extend(names.iter().map(|name| (name.as_str(), "x")));
    let got = zoe.post(&page.action(), &form).await.is(400);
    assert!(!got.has_code());
    assert!(zoe.user("zoe").await.is_none());
}

/// Whoever takes another's address for a name locks them out where names are addresses.
#[tokio::test]
async fn cve_2024_1722_nobody_gets_the_name_or_address_of_another_for_a_name() {
    let mut file = open_shop();
    file["registrationEmailAsUsername"] = json!(true);
    let stage = stage(file).await;
    for taken in ["alice@shop.example", "ALICE@SHOP.EXAMPLE", "alice"] {
        let (mut zoe, page) = page(&stage).await;
        let form = with(&[("email", taken), ("username", "zoe")]);
        let again = zoe.post(&page.action(), &form).await.is(200);
        again.says("input-error-email");
    }
    let (mut zoe, page) = page(&stage).await;
    let form = with(&[("username", "bob@shop.example")]);
    assert!(zoe.post(&page.action(), &form).await.has_code());
    let user = zoe.user("zoe@shop.example").await.expect("a user");
    assert_eq!(user.email.as_deref(), Some("zoe@shop.example"));
}

#[tokio::test]
async fn terms_are_agreed_to_before_there_is_an_account() {
    let file = with_parts(&[
        ("registration-user-creation", "REQUIRED"),
        ("registration-password-action", "REQUIRED"),
        ("registration-terms-and-conditions", "REQUIRED"),
    ]);
    let stage = stage(file).await;
    let (mut zoe, page) = page(&stage).await;
    let page = page.says("kc-registration-terms-text");
    let again = zoe.post(&page.action(), &ZOE).await.is(200);
    let again = again.says("input-error-terms-accepted");
    assert!(zoe.user("zoe").await.is_none());
    let form = with(&[("termsAccepted", "on")]);
    assert!(zoe.post(&again.action(), &form).await.has_code());
}

#[tokio::test]
async fn a_page_with_a_part_that_cannot_be_asked_lets_nobody_through() {
    for part in [
        "registration-recaptcha-action",
        "registration-recaptcha-enterprise",
        "own-part",
    ] {
        let file = with_parts(&[
            ("registration-user-creation", "REQUIRED"),
            ("registration-password-action", "REQUIRED"),
            (part, "REQUIRED"),
        ]);
        let stage = stage(file).await;
        let mut zoe = Visitor::new(&stage);
        let page = zoe.begin_at("app", FlowPath::Registration).await;
        if page.status == 200 {
            let form = with(&[("g-recaptcha-response", "x")]);
            let again = zoe.post(&page.action(), &form).await.is(200).warns();
            assert!(again.html.contains("kc-register-form"), "{part}");
        } else {
            page.is(400).says("kc-error-message");
        }
        assert!(zoe.user("zoe").await.is_none(), "{part}");
    }
}

#[tokio::test]
async fn a_page_that_makes_nobody_signs_nobody_in() {
    let file = with_parts(&[("registration-password-action", "REQUIRED")]);
    let stage = stage(file).await;
    let (mut zoe, page) = page(&stage).await;
    let end = zoe.post(&page.action(), &ZOE).await.is(400);
    assert!(!end.has_code());
}

/// A name that was typed on the way in is not who registers, nor the other way round.
#[tokio::test]
async fn a_registration_knows_nobody_of_the_login_before() {
    let stage = stage(open_shop()).await;
    let mut visitor = Visitor::new(&stage);
    let login = visitor.begin("app", Asks::default()).await;
    let wrong = [("username", "alice"), ("password", "guess")];
    let login = visitor.post(&login.action(), &wrong).await.is(200);
    let page = visitor
        .get(&login.link("/login-actions/registration"))
        .await;
    // The form of the one page is none of the other's.
    let crossed = page.action().replace("/registration", "/authenticate");
    assert!(!visitor.post(&crossed, &ZOE).await.has_code());
    let page = visitor
        .get(&login.link("/login-actions/registration"))
        .await;
    let end = visitor.post(&page.action(), &ZOE).await;
    assert!(end.has_code(), "{}", end.html);
    assert_eq!(visitor.sessions_of("alice").await.len(), 0);
    assert_eq!(visitor.sessions_of("zoe").await.len(), 1);
}
