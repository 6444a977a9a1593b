//! Terms, the order of actions, and what cannot be done yet.

use claviger_model::User;
use serde_json::{Value, json};

use super::world::World;
use crate::page::{Fault, Page};
use crate::required_action::Answered;

/// A realm with these actions, each with its priority.
fn actions(names: &[(&str, i64)]) -> Value {
    let action = |(name, priority): &(&str, i64)| json!({"alias": name, "name": name, "providerId": name, "enabled": true, "priority": priority});
    let list: Vec<Value> = names.iter().map(action).collect();
    json!({"requiredActions": list})
}

fn agreed(user: &User) -> Option<&str> {
    let values = user.attributes.get("terms_and_conditions")?;
    values.first().map(String::as_str)
}

async fn with_terms() -> World {
    let realm = actions(&[("TERMS_AND_CONDITIONS", 20), ("UPDATE_PASSWORD", 57)]);
    let both = json!({"requiredActions": ["UPDATE_PASSWORD", "TERMS_AND_CONDITIONS"]});
    World::open(realm, both).await
}

#[tokio::test]
async fn whoever_agrees_goes_on_and_it_is_kept_when() {
    let mut world = with_terms().await;
    let due = world.next().await.expect("a page");
    assert_eq!(
        (&*due.action, &due.page),
        ("TERMS_AND_CONDITIONS", &Page::Terms)
    );
    let accepted = world.send("TERMS_AND_CONDITIONS", &[("accept", "")]).await;
    assert_eq!(accepted, Answered::Done);
    let alice = world.alice().await;
    assert_eq!(agreed(&alice), Some("1795392000"));
    assert_eq!(alice.required_actions, ["UPDATE_PASSWORD"]);
    let (kind, details) = world.events().await.remove(0);
    assert_eq!(kind, "CUSTOM_REQUIRED_ACTION");
    assert_eq!(details["custom_required_action"], "TERMS_AND_CONDITIONS");
}

#[tokio::test]
async fn whoever_declines_is_sent_back() {
    let mut world = with_terms().await;
    let declined = world.send("TERMS_AND_CONDITIONS", &[("cancel", "")]).await;
    let description = "termsAndConditionsDeclined".to_owned();
    assert_eq!(declined, Answered::Refused(Some(description)));
    let alice = world.alice().await;
    assert_eq!(agreed(&alice), None);
    assert_eq!(alice.required_actions.len(), 2);
    let (kind, details) = world.events().await.remove(0);
    assert_eq!(kind, "CUSTOM_REQUIRED_ACTION_ERROR");
    assert_eq!(details["error"], "rejected_by_user");
}

/// CVE-2025-3910: the page of a later action does not lead around an earlier one.
#[tokio::test]
async fn cve_2025_3910_no_action_is_left_out_by_the_address_of_another() {
    let mut world = with_terms().await;
    let form = [
        ("password-new", "through the mirror"),
        ("password-confirm", "through the mirror"),
    ];
    let answered = world.send("UPDATE_PASSWORD", &form).await;
    assert_eq!(answered, Answered::Done, "nothing is said of it");
    assert!(world.opens("wonderland").await, "and nothing is done");
    assert_eq!(
        world.pending().await.as_deref(),
        Some("TERMS_AND_CONDITIONS")
    );
    assert_eq!(world.alice().await.required_actions.len(), 2);
    let unknown = world.send("MAGIC", &[("accept", "")]).await;
    assert_eq!(unknown, Answered::Done);
    let kinds = world.kinds().await;
    assert!(
        kinds.iter().all(|kind| !kind.contains("UPDATE")),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn actions_that_the_realm_has_switched_off_are_none() {
    let realm = json!({"requiredActions": [{
        "alias": "TERMS_AND_CONDITIONS", "name": "Terms", "providerId": "TERMS_AND_CONDITIONS",
        "enabled": false, "priority": 20,
    }]});
    let alice = json!({"requiredActions": ["TERMS_AND_CONDITIONS", "NOBODY_KNOWS"]});
    let mut world = World::open(realm, alice).await;
    assert_eq!(world.pending().await, None);
    assert_eq!(world.next().await, None);
}

#[tokio::test]
async fn what_cannot_be_done_yet_is_said_and_lets_nobody_through() {
    for name in [
        "webauthn-register",
        "CONFIGURE_RECOVERY_AUTHN_CODES",
        "magic",
    ] {
        let alice = json!({"requiredActions": [name]});
        let mut world = World::open(actions(&[(name, 50)]), alice).await;
        for _ in 0..2 {
            let due = world.next().await.expect("a page");
            assert!(matches!(
                due.page,
                Page::Error {
                    fault: Fault::BadRequest,
                    ..
                }
            ));
            let (_, message) = due.message.expect("a reason");
            assert!(message.key.contains(name), "{message:?}");
            let answered = world.send(name, &[("cancel-aia", "on")]).await;
            assert!(matches!(answered, Answered::Again(_)), "{answered:?}");
        }
        assert_eq!(world.alice().await.required_actions, [name]);
    }
}

#[tokio::test]
async fn an_address_has_to_be_verified_where_the_realm_wants_it() {
    let mut realm = actions(&[("VERIFY_EMAIL", 50)]);
    realm["verifyEmail"] = json!(true);
    let mut verified = World::open(realm.clone(), json!({})).await;
    assert_eq!(verified.pending().await, None);
    let mut world = World::open(realm.clone(), json!({"emailVerified": false})).await;
    assert_eq!(world.pending().await.as_deref(), Some("VERIFY_EMAIL"));
    assert_eq!(world.alice().await.required_actions, ["VERIFY_EMAIL"]);
}

#[tokio::test]
async fn without_a_mail_server_nobody_gets_past_the_address_that_is_to_be_verified() {
    let alice = json!({"emailVerified": false, "requiredActions": ["VERIFY_EMAIL"]});
    let mut world = World::open(actions(&[("VERIFY_EMAIL", 50)]), alice).await;
    for _ in 0..2 {
        let due = world.next().await.expect("a page");
        assert!(matches!(
            due.page,
            Page::Error {
                fault: Fault::Internal,
                ..
            }
        ));
        let (_, message) = due.message.expect("a reason");
        assert_eq!(message.key, "emailSendErrorMessage");
    }
    assert_eq!(world.alice().await.required_actions, ["VERIFY_EMAIL"]);
    // Where it is verified, there is nothing left to do.
    let alice = json!({"emailVerified": true, "requiredActions": ["VERIFY_EMAIL"]});
    let mut world = World::open(actions(&[("VERIFY_EMAIL", 50)]), alice).await;
    assert_eq!(world.next().await, None);
}

#[tokio::test]
async fn an_application_asks_in_vain_for_what_nobody_may_ask_for() {
    for asked in ["MAGIC", "TERMS_AND_CONDITIONS"] {
        let realm = actions(&[("TERMS_AND_CONDITIONS", 20), ("UPDATE_PASSWORD", 57)]);
        let mut world = World::open(realm, json!({})).await.asked(asked);
        assert_eq!(world.next().await, None, "{asked}");
        assert_eq!(world.status(), Some("error"), "{asked}");
    }
}
