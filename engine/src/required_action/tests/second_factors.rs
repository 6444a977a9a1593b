//! Generators of one-time passwords: set up, and taken back.

use claviger_crypto::otp::{OtpCredential, OtpHash, OtpKind};
use claviger_model::Credential;
use claviger_model::user::CredentialType;
use serde_json::json;

use super::world::World;
use crate::page::{Page, TotpSetup};
use crate::required_action::{Answered, Due};

const ACTION: &str = "CONFIGURE_TOTP";

fn setup(due: &Due) -> &TotpSetup {
    let Page::ConfigureTotp(setup) = &due.page else {
        panic!("{due:?}")
    };
    setup
}

/// What the application shows that has read the page.
fn code(world: &World, secret: &str) -> String {
    let kind = OtpKind::Totp { period: 30 };
    let generator = OtpCredential::new(kind, 6, OtpHash::Sha1, secret).unwrap();
    generator.code(world.app.now())
}

async fn generators(world: &World) -> Vec<Credential> {
    let (realm, alice) = (world.realm().await, world.alice().await);
    let held = world.app.store.credentials(&realm.id, &alice.id).await;
    let mut held = held.unwrap();
    held.retain(|known| known.kind == CredentialType::Otp);
    held
}

#[tokio::test]
async fn a_code_proves_that_the_secret_has_arrived() {
    let alice = json!({"requiredActions": [ACTION]});
    let mut world = World::open(json!({"displayName": "The Shop: all"}), alice).await;
    let due = world.next().await.expect("a page");
    let shown = setup(&due).clone();
    let secret = shown.secret.reveal().to_owned();
    assert_eq!(secret.len(), 20);
    assert_eq!(
        shown.address.reveal(),
        format!(
            "otpauth://totp/The%20Shop%20%20all:alice?secret={}&digits=6&algorithm=SHA1\
             &issuer=The%20Shop%20%20all&period=30",
            shown.encoded.reveal().replace(' ', "")
        )
    );
    assert_eq!(shown.applications.len(), 3);
    let again = world.next().await.expect("the page");
    assert_eq!(setup(&again).secret, shown.secret, "it stays the same");

    let wrong = world.send(ACTION, &[("totp", "000000")]).await;
    let Answered::Again(due) = wrong else {
        panic!("{wrong:?}")
    };
    assert_eq!(due.field_messages["totp"][0].key, "invalidTotpMessage");
    // A secret that somebody else has put into the form proves nothing.
    let strange = "somebody-elses-secre";
    let form = [("totp", &*code(&world, strange)), ("totpSecret", strange)];
    assert!(matches!(
        world.send(ACTION, &form).await,
        Answered::Again(_)
    ));
    assert_eq!(generators(&world).await, []);

    let code = code(&world, &secret);
    let form = [("totp", &*code), ("userLabel", "phone")];
    assert_eq!(world.send(ACTION, &form).await, Answered::Done);
    let held = generators(&world).await;
    assert_eq!(held[0].user_label.as_deref(), Some("phone"));
    let stored = OtpCredential::parse(&held[0].secret_data, &held[0].credential_data);
    assert_eq!(stored.unwrap().code(world.app.now()), code);
    assert_eq!(world.kinds().await, ["UPDATE_TOTP", "UPDATE_CREDENTIAL"]);
    assert_eq!(world.pending().await, None);
}

#[tokio::test]
async fn a_second_generator_has_a_name_of_its_own() {
    let otp = json!({
        "type": "otp", "userLabel": "phone", "secretData": "{\"value\":\"TEbeyLgTeAaHLTwSWm9U\"}",
        "credentialData": "{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\
                           \"algorithm\":\"HmacSHA1\"}",
    });
    let password = json!({"type": "password", "value": "wonderland"});
    let alice = json!({"requiredActions": [ACTION], "credentials": [password, otp]});
    let mut world = World::open(json!({}), alice).await;
    let due = world.next().await.expect("a page");
    assert!(setup(&due).needs_label);
    let code = code(&world, setup(&due).secret.reveal());
    for (label, key) in [
        ("", "missingTotpDeviceNameMessage"),
        ("phone", "Device already exists with the same name"),
    ] {
        let answered = world
            .send(ACTION, &[("totp", &*code), ("userLabel", label)])
            .await;
        let Answered::Again(due) = answered else {
            panic!("{answered:?}")
        };
        assert_eq!(due.field_messages["userLabel"][0].key, key);
    }
    let form = [("totp", &*code), ("userLabel", "tablet")];
    assert_eq!(world.send(ACTION, &form).await, Answered::Done);
    assert_eq!(generators(&world).await.len(), 2);
}

/// CVE-2026-3429: a second factor is not taken back with the first alone.
#[tokio::test]
async fn cve_2026_3429_a_second_factor_is_taken_back_by_whoever_has_shown_enough() {
    let otp = json!({
        "type": "otp", "userLabel": "phone", "id": "the-otp",
        "secretData": "{\"value\":\"TEbeyLgTeAaHLTwSWm9U\"}",
        "credentialData": "{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\
                           \"algorithm\":\"HmacSHA1\"}",
    });
    let password = json!({"type": "password", "value": "wonderland", "id": "the-password"});
    let alice = json!({"credentials": [password, otp]});
    let levels = json!({
        "browserFlow": "levels",
        "authenticatorConfig": [
            {"alias": "two", "config": {"loa-condition-level": "2", "loa-max-age": "0"}},
        ],
        "authenticationFlows": [
            {"alias": "levels", "providerId": "basic-flow", "topLevel": true, "builtIn": false,
             "authenticationExecutions": [
                {"authenticator": "auth-username-password-form", "requirement": "REQUIRED",
                 "priority": 10},
                {"authenticatorFlow": true, "flowAlias": "second", "requirement": "CONDITIONAL",
                 "priority": 20},
             ]},
            {"alias": "second", "providerId": "basic-flow", "topLevel": false, "builtIn": false,
             "authenticationExecutions": [
                {"authenticator": "conditional-level-of-authentication",
                 "requirement": "REQUIRED", "priority": 10, "authenticatorConfig": "two"},
                {"authenticator": "auth-otp-form", "requirement": "REQUIRED", "priority": 20},
             ]},
        ],
    });
    for (realm, reached, expected) in [
        (json!({}), None, true),
        (levels.clone(), None, false),
        (levels.clone(), Some("1"), false),
        (levels, Some("2"), true),
    ] {
        let mut world = World::open(realm, alice.clone()).await;
        let id = generators(&world).await[0].id.clone();
        world = world.asked(&format!("delete_credential:{id}"));
        let notes = &mut world.tab.auth_notes;
        notes.extend(reached.map(|level| ("level-of-authentication".to_owned(), level.to_owned())));
        let due = world.next().await.expect("a page");
        assert_eq!(
            due.page,
            Page::DeleteCredential {
                label: "phone".to_owned()
            }
        );
        assert!(due.cancellable);
        let answered = world.send("delete_credential", &[("accept", "")]).await;
        assert_eq!(
            answered == Answered::Done,
            expected,
            "{reached:?}: {answered:?}"
        );
        assert_eq!(generators(&world).await.is_empty(), expected, "{reached:?}");
        assert_eq!(world.status(), expected.then_some("success"));
    }
}

#[tokio::test]
async fn only_what_is_there_and_may_go_is_taken_back() {
    let mut world = World::open(json!({}), json!({}))
        .await
        .asked("delete_credential:nothing");
    assert_eq!(world.next().await, None);
    assert_eq!(world.status(), Some("error"));
    let (_, details) = world.events().await.remove(0);
    assert_eq!(details["error"], "credential_not_found");

    let world = World::open(json!({}), json!({})).await;
    let (realm, alice) = (world.realm().await, world.alice().await);
    let held = world
        .app
        .store
        .credentials(&realm.id, &alice.id)
        .await
        .unwrap();
    let mut world = world.asked(&format!("delete_credential:{}", held[0].id));
    assert!(world.next().await.is_some());
    let answered = world.send("delete_credential", &[("accept", "")]).await;
    assert!(matches!(answered, Answered::Again(_)), "{answered:?}");
    assert!(
        world.opens("wonderland").await,
        "nobody is left without a password"
    );
}
