//! A new password.

use claviger_model::session::SessionKind;
use claviger_model::{Seconds, SessionId, UserSession};
use claviger_store::Tx;
use serde_json::json;

use super::world::World;
use crate::page::{Page, Severity};
use crate::required_action::{Answered, PASSWORD_VALIDATED};

const GOOD: [(&str, &str); 2] = [
    ("password-new", "through the mirror"),
    ("password-confirm", "through the mirror"),
];

async fn asked_by_admin() -> World {
    World::open(json!({}), json!({"requiredActions": ["UPDATE_PASSWORD"]})).await
}

#[tokio::test]
async fn whoever_is_asked_for_a_new_password_gives_one() {
    let mut world = asked_by_admin().await;
    assert_eq!(world.pending().await.as_deref(), Some("UPDATE_PASSWORD"));
    let due = world.next().await.expect("a page");
    let page = Page::UpdatePassword {
        username: "alice".to_owned(),
        logout_sessions: false,
    };
    assert_eq!(due.page, page);
    assert!(!due.cancellable, "nobody asked for it but the realm");
    let (severity, message) = due.message.expect("a reason");
    assert_eq!(severity, Severity::Warning);
    assert_eq!(message.key, "updatePasswordMessage");
    assert_eq!(world.send("UPDATE_PASSWORD", &GOOD).await, Answered::Done);
    assert_eq!(world.pending().await, None);
    assert!(world.alice().await.required_actions.is_empty());
    let kinds = world.kinds().await;
    assert_eq!(kinds, ["UPDATE_PASSWORD", "UPDATE_CREDENTIAL"]);
    assert!(world.opens("through the mirror").await);
    assert!(!world.opens("wonderland").await);
}

#[tokio::test]
async fn what_is_wrong_with_a_password_is_told_at_its_field() {
    let realm = json!({
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1) and length(10)"
    });
    let alice = json!({"requiredActions": ["UPDATE_PASSWORD"]});
    let mut world = World::open(realm, alice).await;
    let both = |text: &'static str| [("password-new", text), ("password-confirm", text)];
    let differ = [
        ("password-new", "through the mirror"),
        ("password-confirm", "x"),
    ];
    let cases = [
        (
            both(""),
            Some("password"),
            "missingPasswordMessage",
            "password_missing",
        ),
        (
            both("  "),
            Some("password"),
            "missingPasswordMessage",
            "password_missing",
        ),
        (
            differ,
            Some("password-confirm"),
            "notMatchPasswordMessage",
            "password_confirm_error",
        ),
        (
            both("short"),
            None,
            "invalidPasswordMinLengthMessage",
            "password_rejected",
        ),
    ];
    for (form, field, key, error) in cases {
        let answered = world.send("UPDATE_PASSWORD", &form).await;
        let Answered::Again(due) = answered else {
            panic!("{answered:?}")
        };
        let at_field = field.and_then(|field| due.field_messages.get(field));
        let above = due
            .message
            .filter(|(severity, _)| *severity == Severity::Error);
        let told = at_field
            .cloned()
            .unwrap_or_else(|| above.into_iter().map(|(_, it)| it).collect());
        let told: Vec<&str> = told.iter().map(|message| message.key.as_str()).collect();
        assert_eq!(told, [key]);
        let events = world.events().await;
        let kinds: Vec<&str> = events
            .iter()
            .rev()
            .take(2)
            .map(|(kind, _)| &**kind)
            .collect();
        assert_eq!(kinds, ["UPDATE_PASSWORD_ERROR", "UPDATE_CREDENTIAL_ERROR"]);
        let (_, details) = events.last().expect("an event");
        assert_eq!(details["error"], error);
    }
    assert!(world.opens("wonderland").await, "nothing was changed");
    assert_eq!(world.pending().await.as_deref(), Some("UPDATE_PASSWORD"));
}

#[tokio::test]
async fn other_sessions_end_with_the_old_password_if_the_user_wants_it() {
    for wanted in [false, true] {
        let mut world = asked_by_admin().await;
        let (realm, alice) = (world.realm().await, world.alice().await);
        let mut tx = Tx::new();
        let now = world.app.now();
        for (id, kind) in [
            (world.tab.root.as_str(), SessionKind::Online),
            ("elsewhere", SessionKind::Online),
            ("offline", SessionKind::Offline),
        ] {
            let session = UserSession {
                id: SessionId::new(id),
                kind,
                user: alice.id.clone(),
                started_at: now,
                last_refresh: now,
                expires_at: now + Seconds(600),
                remember_me: false,
                ip_address: "127.0.0.1".to_owned(),
                auth_method: "openid-connect".to_owned(),
                base_path: String::new(),
                notes: std::collections::BTreeMap::new(),
            };
            tx.insert_user_session(&realm.id, &session);
        }
        assert!(world.app.commit(tx).await.unwrap().is_done());
        let refused = [("password-new", "a"), ("logout-sessions", "on")];
        let answered = world.send("UPDATE_PASSWORD", &refused).await;
        assert!(matches!(answered, Answered::Again(_)), "{answered:?}");
        let mut form = GOOD.to_vec();
        form.extend(wanted.then_some(("logout-sessions", "on")));
        assert_eq!(world.send("UPDATE_PASSWORD", &form).await, Answered::Done);
        let mut left = Vec::new();
        for kind in SessionKind::ALL {
            let store = &world.app.store;
            let sessions = store.sessions_of_user(&realm.id, kind, &alice.id).await;
            left.extend(sessions.unwrap().into_iter().map(|session| session.id));
        }
        assert_eq!(left.len(), if wanted { 1 } else { 3 }, "{left:?}");
        assert!(left.contains(&world.tab.root), "the login itself goes on");
        let ended = world.events().await.into_iter();
        let ended = ended
            .filter(|(kind, _)| kind == "LOGOUT")
            .inspect(|(_, details)| {
                assert_eq!(
                    details["logout_triggered_by_required_action"],
                    "UPDATE_PASSWORD"
                );
            });
        assert_eq!(ended.count(), if wanted { 2 } else { 0 });
    }
}

#[tokio::test]
async fn a_password_that_is_too_old_is_replaced_by_whoever_has_shown_it() {
    let realm = json!({
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1) and \
                           forceExpiredPasswordChange(3)"
    });
    let mut world = World::open(realm, json!({})).await;
    let shown = world
        .tab
        .auth_notes
        .insert(PASSWORD_VALIDATED.to_owned(), "true".to_owned());
    assert_eq!(shown, None);
    assert_eq!(world.pending().await, None, "it is young");
    world.app.clock.advance(Seconds(3 * 86_400 + 1));
    assert_eq!(world.pending().await.as_deref(), Some("UPDATE_PASSWORD"));
    assert_eq!(world.alice().await.required_actions, ["UPDATE_PASSWORD"]);
    assert_eq!(world.send("UPDATE_PASSWORD", &GOOD).await, Answered::Done);
    assert_eq!(world.pending().await, None);
}

#[tokio::test]
async fn a_session_that_goes_on_by_its_cookie_is_not_asked_for_an_old_password() {
    let realm = json!({
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1) and \
                           forceExpiredPasswordChange(3)"
    });
    let mut world = World::open(realm, json!({})).await;
    world.app.clock.advance(Seconds(4 * 86_400));
    assert_eq!(world.pending().await, None);
}

#[tokio::test]
async fn an_application_may_ask_for_a_new_password_and_the_user_may_leave() {
    let mut world = World::open(json!({}), json!({}))
        .await
        .asked("UPDATE_PASSWORD");
    let due = world.next().await.expect("a page");
    assert!(due.cancellable);
    assert_eq!(due.message, None, "who asked for it needs no reason");
    let left = world.send("UPDATE_PASSWORD", &[("cancel-aia", "")]).await;
    assert_eq!(left, Answered::Done);
    assert_eq!(world.status(), Some("cancelled"));
    assert_eq!(world.pending().await, None);
    let events = world.events().await;
    let (kind, details) = &events[0];
    assert_eq!(kind, "CUSTOM_REQUIRED_ACTION_ERROR");
    assert_eq!(details["error"], "rejected_by_user");
    assert_eq!(details["custom_required_action"], "UPDATE_PASSWORD");
    assert!(world.opens("wonderland").await);
}

#[tokio::test]
async fn what_the_realm_asks_for_cannot_be_left_by_an_application() {
    let mut world = asked_by_admin().await.asked("UPDATE_PASSWORD");
    let due = world.next().await.expect("a page");
    assert!(!due.cancellable);
    let left = world.send("UPDATE_PASSWORD", &[("cancel-aia", "")]).await;
    assert!(matches!(left, Answered::Again(_)), "{left:?}");
    assert_eq!(world.status(), None);
    assert_eq!(world.send("UPDATE_PASSWORD", &GOOD).await, Answered::Done);
    assert_eq!(world.status(), Some("success"));
}

/// CVE-2021-20262: an old session is no right to change the password.
#[tokio::test]
async fn cve_2021_20262_an_old_sign_in_changes_no_password() {
    use crate::required_action::needs_fresh_login;
    let cases = [
        ("", "UPDATE_PASSWORD", 300, false),
        ("", "UPDATE_PASSWORD", 301, true),
        ("", "MAGIC", 100_000, false),
        (" and maxAuthAge(0)", "UPDATE_PASSWORD", 1, true),
        (" and maxAuthAge(3600)", "UPDATE_PASSWORD", 3600, false),
        (" and maxAuthAge(3600)", "UPDATE_PROFILE", 3600, true),
        ("", "delete_account", 1, true),
    ];
    for (policy, action, age, expected) in cases {
        let policy = format!("hashAlgorithm(pbkdf2-sha256) and hashIterations(1){policy}");
        let world = World::open(json!({"passwordPolicy": policy}), json!({})).await;
        let world = world.asked(action);
        let now = world.app.now();
        let signed_in = Seconds(now.seconds().0 - age);
        let realm = world.realm().await;
        let found = needs_fresh_login(&realm, &world.tab.client_notes, signed_in, now).await;
        assert_eq!(
            found.unwrap(),
            expected,
            "{action} after {age} with {policy}"
        );
    }
}
