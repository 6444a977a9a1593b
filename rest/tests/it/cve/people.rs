//! Attacks on people's accounts.

use claviger_testkit::Reply;
use serde_json::json;

use crate::world::{Shop, open};

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
