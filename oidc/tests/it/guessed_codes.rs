//! Guessing at the short codes of devices: whoever types too many wrong ones has to wait.

use claviger_engine::device::guesses;
use claviger_model::Seconds;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::world::{oidc, realm};

/// A shop with a television set, and a bank.
async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    let enabled = json!({"oauth2.device.authorization.grant.enabled": "true"});
    let client = json!({"clientId": "tv", "publicClient": true, "attributes": enabled});
    realm["clients"].as_array_mut().unwrap().push(client);
    stage.import(realm).await;
    stage
        .import(json!({"realm": "bank", "enabled": true}))
        .await;
    stage
}

/// The code of a new device.
async fn code(stage: &Stage) -> String {
    let form = [("client_id", "tv"), ("scope", "openid")];
    let device: Value = stage.post(&oidc("auth/device"), &form).await.is(200).json();
    device["user_code"].as_str().unwrap().to_owned()
}

async fn typed(stage: &Stage, realm: &str, code: &str) -> Reply {
    let form = [("device_user_code", code)];
    stage.post(&format!("/realms/{realm}/device"), &form).await
}

#[tokio::test]
async fn after_ten_wrong_codes_not_even_the_right_one_is_told() {
    let stage = shop().await;
    let right = code(&stage).await;
    for _ in 0..10 {
        typed(&stage, "shop", "WRON-GONE").await.is(200);
    }
    for guess in ["WRON-GONE", &right, "x"] {
        let reply = typed(&stage, "shop", guess).await.is(429);
        assert!(!reply.headers.contains_key("set-cookie"));
        assert!(reply.text().contains("Too many codes"), "{}", reply.text());
    }
    let by_address = format!("/realms/shop/device?user_code={right}");
    stage.get(&by_address).await.is(429);
    // The page itself is there, and another realm counts by itself.
    stage.get("/realms/shop/device").await.is(200);
    typed(&stage, "bank", "WRON-GONE").await.is(200);
    stage.wait(Seconds(599));
    typed(&stage, "shop", &right).await.is(429);
    stage.wait(Seconds(2));
    let fresh = code(&stage).await;
    typed(&stage, "shop", &fresh).await.is(302);
}

#[tokio::test]
async fn right_codes_are_no_guesses() {
    let stage = shop().await;
    for _ in 0..12 {
        let right = code(&stage).await;
        typed(&stage, "shop", &right).await.is(302);
    }
    for _ in 0..9 {
        typed(&stage, "shop", "WRON-GONE").await.is(200);
        let right = code(&stage).await;
        typed(&stage, "shop", &right).await.is(302);
    }
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_than_ten_are_told() {
    let stage = shop().await;
    let guesses = (0..40).map(|_| {
        let stage = stage.clone();
        tokio::spawn(async move { typed(&stage, "shop", "WRON-GONE").await.status.as_u16() })
    });
    let guesses: Vec<_> = guesses.collect();
    let mut told = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            200 => told += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert!((1..=10).contains(&told), "{told}");
}

/// Whoever has many addresses has one guess for each of them, and shuts nobody else out.
#[tokio::test]
async fn a_crowd_of_guessers_guesses_less_and_shuts_nobody_out() {
    let stage = shop().await;
    let app = &stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let counted = async |from: u32, to: u32| {
        let mut counted = 0;
        for address in from..to {
            let address = format!("198.18.{}.{}", address / 256, address % 256);
            let guess = guesses::count(app, &realm, &address).await.unwrap();
            counted += u32::from(guess.is_some());
        }
        counted
    };
    assert_eq!(counted(0, 100).await, 100);
    // From here on it is a crowd: whoever guessed already is not heard, others once.
    assert_eq!(counted(0, 100).await, 0);
    assert_eq!(counted(100, 150).await, 50);
    assert_eq!(counted(100, 150).await, 0);
    // Somebody who sits in front of a device is let in, as often as they like.
    for _ in 0..3 {
        let right = code(&stage).await;
        typed(&stage, "shop", &right).await.is(302);
    }
    // Who mistypes while a crowd guesses waits until it has gone.
    typed(&stage, "shop", "WRON-GONE").await.is(200);
    typed(&stage, "shop", "WRON-GONE").await.is(429);
    let right = code(&stage).await;
    typed(&stage, "shop", &right).await.is(429);
    stage.wait(Seconds(61));
    typed(&stage, "shop", &right).await.is(302);
}
