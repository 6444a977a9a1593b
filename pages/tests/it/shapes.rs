//! What scripts of others find on our pages is what they find on Keycloak's: ids, fields, messages.

use std::collections::BTreeMap;

use claviger_engine::page::{Attempted, Message, Page, Severity};
use serde_json::json;

use crate::facts::{Facts, read};
use crate::gallery::{BASE, World, every_page};

/// A page's name, then each form: its id and its fields.
type Row<'a> = (&'a str, Vec<(Option<&'a str>, Vec<(&'a str, &'a str)>)>);

fn facts(page: &str) -> Facts {
    read(page).1
}

fn login() -> Page {
    Page::Login {
        password: true,
        asks_username: true,
        username: "alice".to_owned(),
        remember_me: None,
        registration: None,
        reset: Some("/reset".to_owned()),
        providers: Vec::new(),
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table is as long as its rows")]
async fn every_page_has_the_name_the_forms_and_the_fields_of_keycloaks() {
    let world = World::with(json!({})).await;
    let hidden = "hidden";
    let submit = "submit";
    let choice = || {
        (
            Some("kc-select-credential-form"),
            vec![("authenticationExecution", hidden)],
        )
    };
    let rows: Vec<Row<'_>> = vec![
        (
            "login-login",
            vec![(
                Some("kc-form-login"),
                vec![
                    ("credentialId", hidden),
                    ("login", submit),
                    ("password", "password"),
                    ("rememberMe", "checkbox"),
                    ("username", "text"),
                ],
            )],
        ),
        (
            "login-login-username",
            vec![(
                Some("kc-form-login"),
                vec![("login", submit), ("username", "text")],
            )],
        ),
        (
            "login-login-password",
            vec![(
                Some("kc-form-login"),
                vec![("login", submit), ("password", "password")],
            )],
        ),
        (
            "login-login-otp",
            vec![(
                Some("kc-otp-login-form"),
                vec![
                    ("login", submit),
                    ("otp", "text"),
                    ("selectedCredentialId", hidden),
                ],
            )],
        ),
        ("login-select-authenticator", vec![choice(), choice()]),
        ("login-login-page-expired", vec![]),
        ("login-error", vec![]),
        ("login-info", vec![]),
        (
            "login-login-oauth-grant",
            vec![(
                None,
                vec![("accept", submit), ("cancel", submit), ("code", hidden)],
            )],
        ),
        ("login-code", vec![]),
        ("login-code", vec![]),
        (
            "login-login-oauth2-device-verify-user-code",
            vec![(
                Some("kc-user-verify-device-user-code-form"),
                vec![("device_user_code", "text")],
            )],
        ),
        (
            "login-logout-confirm",
            vec![(
                None,
                vec![("confirmLogout", submit), ("session_code", hidden)],
            )],
        ),
        ("login-frontchannel-logout", vec![]),
        (
            "login-terms",
            vec![(None, vec![("accept", submit), ("cancel", submit)])],
        ),
        (
            "login-login-update-password",
            vec![(
                Some("kc-passwd-update-form"),
                vec![
                    ("login", submit),
                    ("logout-sessions", "checkbox"),
                    ("password-confirm", "password"),
                    ("password-new", "password"),
                ],
            )],
        ),
        (
            "login-register",
            vec![(
                Some("kc-register-form"),
                vec![
                    ("field0", "text"),
                    ("field1", "email"),
                    ("field2", "textarea"),
                    ("field3", "select"),
                    ("field4", "select"),
                    ("field5", "radio"),
                    ("field6", "checkbox"),
                    ("locale", hidden),
                    ("password", "password"),
                    ("password-confirm", "password"),
                    ("termsAccepted", "checkbox"),
                    ("username", "text"),
                ],
            )],
        ),
        (
            "login-login-reset-password",
            vec![(Some("kc-reset-password-form"), vec![("username", "text")])],
        ),
        (
            "login-login-update-profile",
            vec![(
                Some("kc-update-profile-form"),
                vec![
                    ("field0", "text"),
                    ("field1", "email"),
                    ("field2", "textarea"),
                    ("field3", "select"),
                    ("field4", "select"),
                    ("field5", "radio"),
                    ("field6", "checkbox"),
                    ("locale", hidden),
                ],
            )],
        ),
        (
            "login-delete-account-confirm",
            vec![(Some("kc-deleteaccount-form"), vec![("cancel-aia", submit)])],
        ),
        (
            "login-delete-credential",
            vec![(None, vec![("accept", submit), ("cancel-aia", submit)])],
        ),
        (
            "login-login-config-totp",
            vec![(
                Some("kc-totp-settings-form"),
                vec![
                    ("logout-sessions", "checkbox"),
                    ("totp", "text"),
                    ("totpSecret", hidden),
                    ("userLabel", "text"),
                ],
            )],
        ),
        (
            "login-login-config-totp",
            vec![(
                Some("kc-totp-settings-form"),
                vec![
                    ("logout-sessions", "checkbox"),
                    ("mode", hidden),
                    ("totp", "text"),
                    ("totpSecret", hidden),
                    ("userLabel", "text"),
                ],
            )],
        ),
    ];
    let pages = every_page("some");
    assert_eq!(pages.len(), rows.len());
    for (page, (name, forms)) in pages.into_iter().zip(rows) {
        let facts = facts(&claviger_pages::render(&world.view(page)));
        assert_eq!(facts.page.as_deref(), Some(name));
        let found: Vec<_> = facts
            .forms
            .iter()
            .map(|form| {
                assert_eq!(form.method, "post", "{name}");
                let fields: Vec<(&str, &str)> = form
                    .fields
                    .iter()
                    .map(|(name, kind)| (name.as_str(), kind.as_str()))
                    .collect();
                (form.id.as_deref(), fields)
            })
            .collect();
        assert_eq!(found, forms, "{name}");
    }
}

#[tokio::test]
async fn the_login_page_says_what_keycloaks_says() {
    let world = World::with(json!({"localizationTexts": {"en": {
        "loginTitle": "Sign in to {0}",
        "loginAccountTitle": "Sign in to your account",
        "doForgotPassword": "Forgot Password?",
        "invalidUserMessage": "Invalid username or password.",
    }}}))
    .await;
    let first = facts(&claviger_pages::render(&world.view(login())));
    assert_eq!(first.title, "Sign in to Shop");
    assert_eq!(first.heading, "Sign in to your account");
    assert_eq!(first.messages, [""; 0]);
    assert_eq!(
        first.links,
        [(None, "/reset".to_owned(), "Forgot Password?".to_owned())]
    );
    assert_eq!(first.forms[0].action, world.view(login()).action);

    let wrong = world
        .view(login())
        .saying(Severity::Error, Message::new("invalidUserMessage"))
        .saying_at("username", Message::new("invalidUserMessage"));
    let wrong = facts(&claviger_pages::render(&wrong));
    assert_eq!(wrong.messages, ["Invalid username or password."]);
}

#[tokio::test]
async fn who_signs_in_once_more_is_named_and_not_asked() {
    let world = World::with(json!({})).await;
    let page = Page::Login {
        password: true,
        asks_username: false,
        username: String::new(),
        remember_me: Some(false),
        registration: None,
        reset: None,
        providers: Vec::new(),
    };
    let mut view = world.view(page);
    view.attempted = Some(Attempted {
        username: "alice".to_owned(),
        restart: "/restart".to_owned(),
    });
    let page = claviger_pages::render(&view);
    let (html, facts) = read(&page);
    let names: Vec<&String> = facts.forms[0].fields.keys().collect();
    assert_eq!(names, ["credentialId", "login", "password"]);
    let shown = html.with_id("kc-attempted-username").unwrap();
    assert_eq!(shown.get("value"), Some("alice"));
    assert!(page.contains("id=\"reset-login\" xlink:href=\"/restart\""));
    assert_eq!(facts.links, []);
    // Whoever reads a page's title takes the last one there is, in a picture or not.
    assert_eq!(html.named("title").len(), 1);
}

#[tokio::test]
async fn several_messages_at_a_field_follow_each_other() {
    let world =
        World::with(json!({"localizationTexts": {"en": {"one": "First.", "two": "Second {0}."}}}))
            .await;
    let mut fields = crate::gallery::profile("some");
    fields.truncate(1);
    let view = world
        .view(Page::UpdateProfile { fields })
        .saying_at("field0", Message::new("one"))
        .saying_at("field0", Message::with("two", &["${one}"]));
    assert_eq!(
        facts(&claviger_pages::render(&view)).messages,
        ["First. Second First.."]
    );
}

#[tokio::test]
async fn an_answer_that_the_browser_posts_looks_like_keycloaks() {
    use claviger_engine::browser::{ClientAnswer, Delivery};
    let answer = ClientAnswer {
        redirect_uri: "https://app.example/cb?a=\"b\"&c".to_owned(),
        delivery: Delivery::FormPost,
        parameters: vec![
            ("state".to_owned(), "<\"'&>".to_owned()),
            ("code".to_owned(), "x".to_owned()),
        ],
    };
    let page = claviger_pages::form_post(&answer, "/auth");
    let facts = facts(&page);
    assert_eq!(facts.page, None);
    assert_eq!(facts.title, "OIDC Form_Post Response");
    assert_eq!(facts.forms[0].action, answer.redirect_uri);
    let hidden = "HIDDEN".to_owned();
    let expected = BTreeMap::from([
        ("code".to_owned(), hidden.clone()),
        ("state".to_owned(), hidden),
    ]);
    let mut fields = facts.forms[0].fields.clone();
    // A browser with scripts sees nothing of what is for those without.
    fields.remove("continue");
    assert_eq!(fields, expected);
    assert!(page.contains("TYPE=\"SUBMIT\""));
    assert!(page.contains("SRC=\"/auth/resources/"));
    assert!(!page.contains("onload") && !page.contains("Onload"));
}

#[tokio::test]
async fn the_page_of_a_front_channel_logout_has_its_frames_and_may_load_them() {
    let world = World::with(json!({})).await;
    let page = every_page("some")
        .into_iter()
        .find(|page| matches!(page, Page::FrontChannelLogout { .. }))
        .unwrap();
    let view = world.view(page);
    let page = claviger_pages::render(&view);
    assert_eq!(facts(&page).frames, ["https://app.example/logout?x=some"]);
    assert_eq!(
        claviger_pages::frame_sources(&view).as_deref(),
        Some("app.example")
    );
    assert!(page.contains("frame-src app.example\""));
    assert!(!page.contains(BASE) || page.contains(&format!("{BASE}/realms")));
}
