//! Guessing at passwords, at the door and as administrators see it.

use axum::http::Method;
use claviger_model::Seconds;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// A shop that locks an account with the third wrong password, and records what happens.
async fn guarded(more: Value) -> Shop {
    let shop = open().await;
    let usual = json!({
        "bruteForceProtected": true, "failureFactor": 3, "quickLoginCheckMilliSeconds": 0,
        "eventsEnabled": true,
    });
    for settings in [usual, more] {
        shop.put("", &settings).await.is(204);
    }
    shop
}

async fn fail(shop: &Shop, times: usize) {
    for _ in 0..times {
        let refused = shop.sign_in("alice", "wrong").await.is(400);
        assert_eq!(refused.member("error"), "invalid_grant");
        assert_eq!(
            refused.member("error_description"),
            "Invalid user credentials"
        );
    }
}

async fn status(shop: &Shop) -> Value {
    let user = shop.user("alice").await;
    let path = format!("/attack-detection/brute-force{user}");
    shop.get(&path).await.is(200).json()
}

/// Types and errors of the events of a kind of user, the oldest first.
async fn events(shop: &Shop) -> Vec<(String, Value)> {
    let events = shop.get("/events").await.is(200).json();
    let events = events.as_array().unwrap().iter().rev();
    events
        .map(|event| {
            (
                event["type"].as_str().unwrap().to_owned(),
                event["error"].clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn three_wrong_passwords_lock_an_account_for_a_time() {
    let shop = guarded(json!({"waitIncrementSeconds": 30})).await;
    fail(&shop, 2).await;
    let counted = status(&shop).await;
    assert_eq!(counted["numFailures"], 2);
    assert_eq!(counted["lastIPFailure"], "127.0.0.1");
    assert_eq!(counted["disabled"], false);
    fail(&shop, 1).await;
    let now = shop.stage.app.now();
    assert_eq!(
        status(&shop).await,
        json!({
            "disabled": true, "numFailures": 3, "numSecondaryAuthFailures": 0,
            "numTemporaryLockouts": 1, "lastFailure": now.0, "lastIPFailure": "127.0.0.1",
            "failedLoginNotBefore": now.seconds().0 + 30,
        })
    );
    let refused = shop.sign_in("alice", "wonderland").await.is(400);
    assert_eq!(
        refused.member("error_description"),
        "Invalid user credentials"
    );
    shop.stage.wait(Seconds(29));
    shop.sign_in("alice", "wonderland").await.is(400);
    assert_eq!(
        status(&shop).await["numFailures"],
        3,
        "a lock is no failure"
    );
    shop.stage.wait(Seconds(1));
    shop.sign_in("alice", "wonderland").await.is(200);
    let told = status(&shop).await;
    assert_eq!(
        (&told["numFailures"], &told["lastIPFailure"]),
        (&json!(0), &json!("n/a"))
    );
}

#[tokio::test]
async fn what_happens_is_told_in_events() {
    let shop = guarded(json!({"failureFactor": 2})).await;
    fail(&shop, 2).await;
    shop.sign_in("alice", "wonderland").await.is(400);
    let wrong = || ("LOGIN_ERROR".to_owned(), json!("invalid_user_credentials"));
    assert_eq!(
        events(&shop).await,
        [
            wrong(),
            wrong(),
            ("USER_DISABLED_BY_TEMPORARY_LOCKOUT".to_owned(), Value::Null),
            ("LOGIN_ERROR".to_owned(), json!("user_temporarily_disabled")),
        ]
    );
    let lock = "/events?type=USER_DISABLED_BY_TEMPORARY_LOCKOUT";
    let lock = shop.get(lock).await.is(200).json()[0].clone();
    assert_eq!(
        lock["details"],
        json!({
            "reason": "brute_force_attack detected", "num_failures": "2",
            "not_before": "2026-11-23T00:01",
        })
    );
    assert_eq!(lock.get("clientId"), None);
}

/// CVE-2024-4629: guesses that arrive together are counted one after the other, and those beyond the
/// limit tell nothing, not even that one of them was right.
#[tokio::test]
async fn guesses_at_the_same_time_do_not_get_past_the_limit() {
    let shop = guarded(json!({"failureFactor": 4})).await;
    let mut guesses = tokio::task::JoinSet::new();
    // The right one is hashed last, when the others have long been counted.
    let wrong = (0..29).map(|guess| format!("wrong {guess}"));
    for guess in wrong.chain(["wonderland".to_owned()]) {
        let stage = shop.stage.clone();
        guesses.spawn(async move { guess_at(&stage, &guess).await });
    }
    for reply in guesses.join_all().await {
        assert_eq!(
            reply.is(400).member("error_description"),
            "Invalid user credentials"
        );
    }
    let tried = shop
        .get("/events?type=LOGIN_ERROR&max=100")
        .await
        .is(200)
        .json();
    let told = |error: &str| {
        let all = tried.as_array().unwrap().iter();
        all.filter(|event| event["error"] == error).count()
    };
    assert_eq!(
        told("invalid_user_credentials"),
        4,
        "so many were checked and told"
    );
    assert_eq!(told("user_temporarily_disabled"), 26);
    assert_eq!(status(&shop).await["numFailures"], 4);
    assert_eq!(status(&shop).await["numTemporaryLockouts"], 1);
}

async fn guess_at(stage: &Stage, password: &str) -> Reply {
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", password),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    stage.post(path, &form).await
}

#[tokio::test]
async fn an_account_locked_for_good_is_freed_by_an_administrator_only() {
    let shop = guarded(json!({"permanentLockout": true, "failureFactor": 2})).await;
    let user = shop.user("alice").await;
    fail(&shop, 2).await;
    let locked = status(&shop).await;
    assert_eq!(locked["disabled"], true);
    assert_eq!(locked["failedLoginNotBefore"], i64::MAX);
    let shown = shop.get(&user).await.is(200).json();
    assert_eq!(shown["enabled"], false);
    assert_eq!(
        shown["attributes"],
        json!({"disabledReason": ["permanentLockout"]})
    );
    shop.stage.wait(Seconds(1_000_000));
    let shop = shop.of_master("root", "root-password").await;
    let refused = shop.sign_in("alice", "wonderland").await.is(400);
    assert_eq!(
        refused.member("error_description"),
        "Invalid user credentials"
    );
    assert!(events(&shop).await.ends_with(&[
        ("USER_DISABLED_BY_PERMANENT_LOCKOUT".to_owned(), Value::Null),
        ("LOGIN_ERROR".to_owned(), json!("user_disabled")),
    ]));

    // The counts go, the lock stays.
    shop.delete(&format!("/attack-detection/brute-force{user}"))
        .await
        .is(204);
    assert_eq!(status(&shop).await["numFailures"], 0);
    shop.sign_in("alice", "wonderland").await.is(400);
    // Why is not forgotten by a change of something else.
    shop.put(
        &user,
        &json!({"attributes": {}, "firstName": "Al", "lastName": "L", "email": "a@b.c"}),
    )
    .await
    .is(204);
    let shown = shop.get(&user).await.is(200).json();
    assert_eq!(
        shown["attributes"],
        json!({"disabledReason": ["permanentLockout"]})
    );
    shop.put(&user, &json!({"enabled": true})).await.is(204);
    let shown = shop.get(&user).await.is(200).json();
    assert_eq!(
        (&shown["enabled"], shown.get("attributes")),
        (&json!(true), None)
    );
    shop.sign_in("alice", "wonderland").await.is(200);
}

#[tokio::test]
async fn enabling_a_locked_user_frees_them_and_says_so() {
    let shop = guarded(json!({})).await;
    let user = shop.user("alice").await;
    fail(&shop, 1).await;
    shop.put(&user, &json!({"enabled": true})).await.is(204);
    assert_eq!(
        status(&shop).await["numFailures"],
        1,
        "there was no lock to lift"
    );
    fail(&shop, 2).await;
    shop.put(&user, &json!({"enabled": true})).await.is(204);
    assert_eq!(status(&shop).await["numFailures"], 0);
    let kinds = shop.get("/admin-events?max=2").await.is(200).json();
    assert_eq!(kinds[0]["resourceType"], "USER");
    assert_eq!(kinds[1]["resourceType"], "USER_LOGIN_FAILURE");
    assert_eq!(kinds[1]["operationType"], "DELETE");
    assert_eq!(kinds[1]["resourcePath"], user.trim_start_matches('/'));
    shop.sign_in("alice", "wonderland").await.is(200);
}

#[tokio::test]
async fn administrators_free_one_or_all() {
    let shop = guarded(json!({})).await;
    let user = shop.user("alice").await;
    let one = format!("/attack-detection/brute-force{user}");
    let all = "/attack-detection/brute-force/users";
    fail(&shop, 3).await;
    let viewer = shop.administered_by("viewer").await;
    assert_eq!(viewer.get(&one).await.is(200).json()["disabled"], true);
    viewer.delete(&one).await.is(403);
    viewer.delete(all).await.is(403);
    shop.administered_by("seeker").await.get(&one).await.is(403);
    shop.sign_in("alice", "wonderland").await.is(400);
    shop.delete(&one).await.is(204);
    let event = shop.event().await;
    assert_eq!(
        (&*event.operation, &*event.kind),
        ("DELETE", "USER_LOGIN_FAILURE")
    );
    assert_eq!(event.path, one.trim_start_matches('/'));
    shop.sign_in("alice", "wonderland").await.is(200);
    fail(&shop, 3).await;
    shop.delete(all).await.is(204);
    assert_eq!(shop.event().await.path, all.trim_start_matches('/'));
    shop.sign_in("alice", "wonderland").await.is(200);
    let nobody = "/attack-detection/brute-force/users/nobody";
    shop.delete(nobody).await.is(204);
    assert_eq!(
        shop.event().await.path,
        all.trim_start_matches('/'),
        "nothing was there"
    );
}

/// CVE-2018-14657, CVE-2020-1744: who has the password cannot try all codes.
#[tokio::test]
async fn wrong_codes_lock_as_well() {
    let shop = guarded(json!({})).await;
    let generator = json!({
        "type": "otp", "secretData": "{\"value\":\"abcdefghijkl\"}",
        "credentialData": "{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\
            \"algorithm\":\"HmacSHA1\"}",
    });
    let user = shop.user("alice").await;
    shop.put(&user, &json!({"credentials": [generator]}))
        .await
        .is(204);
    for _ in 0..3 {
        shop.sign_in("alice", "wonderland").await.is(400);
    }
    let locked = status(&shop).await;
    assert_eq!(locked["numFailures"], 3);
    assert_eq!(locked["numSecondaryAuthFailures"], 3);
    assert_eq!(locked["disabled"], true);
}

/// A disabled account may be guessed at too, and the answer to the right password differs.
#[tokio::test]
async fn guesses_at_a_disabled_account_are_counted() {
    let shop = guarded(json!({})).await;
    let user = shop.user("alice").await;
    shop.put(&user, &json!({"enabled": false})).await.is(204);
    let told = shop.sign_in("alice", "wonderland").await.is(400);
    assert_eq!(told.member("error_description"), "Account disabled");
    fail(&shop, 3).await;
    let refused = shop.sign_in("alice", "wonderland").await.is(400);
    assert_eq!(
        refused.member("error_description"),
        "Invalid user credentials"
    );
}

/// One counter a user, by whatever name (CVE-2025-24806), and none for strangers.
#[tokio::test]
async fn names_and_addresses_share_a_counter() {
    let shop = guarded(json!({})).await;
    for name in ["alice", "ALICE", "alice@shop.example"] {
        shop.sign_in(name, "wrong").await.is(400);
    }
    shop.sign_in("alice@shop.example", "wonderland")
        .await
        .is(400);
    shop.sign_in("nobody", "wrong").await.is(400);
    assert_eq!(status(&shop).await["numFailures"], 3);
}

#[tokio::test]
async fn without_protection_nobody_is_locked() {
    let shop = guarded(json!({})).await;
    fail(&shop, 3).await;
    shop.put("", &json!({"bruteForceProtected": false}))
        .await
        .is(204);
    assert_eq!(status(&shop).await["numFailures"], 0, "nothing is told");
    shop.sign_in("alice", "wonderland").await.is(200);
    fail(&shop, 5).await;
    shop.put("", &json!({"bruteForceProtected": true}))
        .await
        .is(204);
    assert_eq!(status(&shop).await["numFailures"], 3);
    let other = shop.at(
        Method::GET,
        "/admin/realms/master/attack-detection/brute-force/users/x",
    );
    assert_eq!(other.send().await.is(200).json()["numFailures"], 0);
}
