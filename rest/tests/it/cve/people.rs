//! Attacks on people's accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_model::session::SessionKind;
use claviger_model::{ClientSession, Millis, SessionId, UserSession};
use claviger_store::{FaultPlan, Tx};
use claviger_testkit::{Ground, Reply};
use serde_json::json;

use crate::world::{Shop, open, open_over};

fn told(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let headers = reply.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}")));
    (reply.status.as_u16(), headers.collect(), reply.text())
}

async fn locked() -> Shop {
    let shop = open().await;
    let settings = json!({
        "bruteForceProtected": true, "failureFactor": 1, "quickLoginCheckMilliSeconds": 0,
    });
    shop.put("", &settings).await.is(204);
    shop.sign_in("alice", "wrong").await.is(400);
    shop
}

#[tokio::test]
async fn cve_2021_3513_who_is_locked_out_is_told_nothing_of_the_password() {
    let shop = locked().await;
    let right = told(&shop.sign_in("alice", "wonderland").await);
    let wrong = told(&shop.sign_in("alice", "wrong").await);
    assert_eq!(right, wrong);
    assert_eq!(right.0, 400);
}

#[tokio::test]
async fn cve_2026_4633_a_name_that_is_there_answers_like_one_that_is_not() {
    let shop = open().await;
    let there = told(&shop.sign_in("alice", "wrong").await);
    for name in [
        "nobody",
        "service-account-web",
        "a@b.example",
        "alice%00",
        "ÄLICE",
    ] {
        assert_eq!(told(&shop.sign_in(name, "wrong").await), there, "{name}");
    }
}

/// KC-50483: failures that are over are not held against anybody, nor kept once somebody got in.
#[tokio::test]
async fn kc_50483_failures_do_not_last() {
    let shop = locked().await;
    shop.stage.wait(claviger_model::Seconds(60));
    shop.sign_in("alice", "wonderland").await.is(200);
    let realm = shop.stage.app.realm("shop").await.unwrap().unwrap();
    let rows = shop.stage.app.store.count_rows(&realm.id).await.unwrap();
    let kept = rows
        .iter()
        .find(|(table, _)| *table == "login_failure")
        .unwrap();
    assert_eq!(kept.1, 0);
}

/// Gives alice so many offline sessions at the shop's application.
async fn offline_sessions(shop: &Shop, from: usize, count: usize) {
    let app = &shop.stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("app").await.unwrap().unwrap();
    let alice = app.store.user_by_username(&realm.id, "alice").await;
    let alice = alice.unwrap().unwrap();
    let (kind, now) = (SessionKind::Offline, app.now());
    let mut tx = Tx::new();
    for number in from..from + count {
        let id = SessionId::new(format!("session-{number}"));
        tx.insert_user_session(
            &realm.id,
            &UserSession {
                id: id.clone(),
                kind,
                user: alice.id.clone(),
                started_at: now,
                last_refresh: now,
                expires_at: Millis(now.0 + 1_000_000),
                remember_me: false,
                ip_address: "192.0.2.1".into(),
                auth_method: "openid-connect".into(),
                base_path: String::new(),
                notes: BTreeMap::default(),
            },
        );
        tx.insert_client_session(
            &realm.id,
            &ClientSession {
                session: id,
                kind,
                client: client.uuid.clone(),
                started_at: now,
                last_refresh: now,
                refresh_token_id: None,
                refresh_token_uses: 0,
                notes: BTreeMap::default(),
            },
        );
    }
    assert!(app.commit(tx).await.unwrap().is_done());
}

/// Whoever looks at what somebody allows asks the database as often for two offline sessions as for two
/// thousand.
#[tokio::test]
async fn cve_2023_6563_many_offline_sessions_cost_no_more_than_a_few() {
    let plan = Arc::new(FaultPlan::default());
    let mut ground = Ground::new();
    ground.options.fault = Some(Arc::clone(&plan));
    let shop = open_over(ground).await;
    let path = format!("{}/consents", shop.user("alice").await);
    let mut asked = Vec::new();
    for (from, count) in [(0, 2), (2, 2_000)] {
        offline_sessions(&shop, from, count).await;
        plan.fail_at(0);
        let shown = shop.get(&path).await.is(200).json();
        asked.push(plan.seen());
        assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
        assert_eq!(shown[0]["clientId"], "app");
        assert_eq!(shown[0]["additionalGrants"][0]["key"], "Offline Token");
    }
    assert!(asked[0] > 0 && asked[1] <= asked[0], "{asked:?}");
}

/// Somebody names themselves like another's address: whoever types that address is its owner.
#[tokio::test]
async fn cve_2021_3754_an_address_stands_for_its_owner_whoever_is_named_like_it() {
    let shop = open().await;
    let named = json!({
        "username": "alice@shop.example", "enabled": true, "email": "mallory@shop.example",
        "firstName": "M", "lastName": "M", "credentials": [{"type": "password", "value": "mallory"}],
    });
    let _whether_or_not = shop.post("/users", &named).await;
    shop.sign_in("alice@shop.example", "mallory").await.is(400);
    shop.sign_in("alice@shop.example", "wonderland")
        .await
        .is(200);
}
