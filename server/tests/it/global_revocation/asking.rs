//! Others are asked to end everything that a user has: when, until they have heard it, and not in a circle.

use axum::http::Method;
use claviger_engine::outbox::Attempt;
use claviger_model::Seconds;
use serde_json::json;

use super::{ALICE, HERE, HUB, HUB_UUID, ISSUER, email, world};

#[tokio::test]
async fn others_are_asked_until_they_have_heard_it() {
    let world = world().await;
    world.tokens("alice", "openid").await;
    world.stage.network.take(HUB, 503);
    let logout = format!("/users/{ALICE}/logout");
    world.admin(Method::POST, &logout, None).await.is(204);
    let ledger = world.ledger().await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    assert_eq!(
        (
            &ledger[0]["clientId"],
            &ledger[0]["channel"],
            &ledger[0]["userId"]
        ),
        (
            &json!("hub"),
            &json!("global-token-revocation"),
            &json!(ALICE)
        )
    );
    assert_eq!(
        (&ledger[0]["reason"], &ledger[0]["address"]),
        (&json!("admin"), &json!(HUB))
    );
    for pause in [20, 40] {
        assert_eq!(world.deliver().await, [Attempt::Unreachable]);
        assert_eq!(world.ledger().await[0]["lastError"], "it answered 503");
        world.stage.wait(Seconds(pause));
    }
    world.stage.network.take(HUB, 204);
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let line = &world.ledger().await[0];
    assert_eq!(
        (&line["state"], &line["attempts"]),
        (&json!("confirmed"), &json!(3))
    );
    let asked = world.asked().await;
    assert_eq!(asked.len(), 3);
    let (header, claims, body) = &asked[2];
    assert_eq!(
        header,
        &json!({"alg": "RS256", "typ": "global-token-revocation+jwt"})
    );
    let now = world.stage.app.now().seconds().0;
    assert_eq!(
        claims,
        &json!({
            "iss": ISSUER, "sub": "hub", "aud": HUB, "iat": now, "exp": now + 120,
            "jti": claims["jti"],
        })
    );
    let expected = json!({"format": "iss_sub", "iss": ISSUER, "sub": ALICE});
    assert_eq!(body, &json!({ "sub_id": expected }));
    // Each attempt has a token of its own: a receiver may take each once.
    assert_ne!(asked[0].1["jti"], asked[1].1["jti"]);
}

#[tokio::test]
async fn others_are_asked_whenever_everything_ends_and_only_then() {
    let world = world().await;
    world.stage.network.take(HUB, 204);
    let count = async || world.waiting().await.len();
    // One session is not everything.
    let tokens = world.tokens("alice", "openid").await;
    world.logout(&tokens).await;
    let session = world
        .tokens("alice", "openid")
        .await
        .member("session_state");
    let path = format!("/sessions/{session}");
    world.admin(Method::DELETE, &path, None).await.is(204);
    assert_eq!(count().await, 0);
    world.tokens("alice", "openid").await;
    let user = format!("/users/{ALICE}");
    world
        .admin(Method::PUT, &user, Some(json!({"enabled": false})))
        .await
        .is(204);
    assert_eq!(count().await, 1);
    // Of a user without a session nobody knows under which address the hub knows us.
    world.admin(Method::DELETE, &user, None).await.is(204);
    assert_eq!(count().await, 2);
    let mut became = world.deliver().await;
    became.sort_by_key(|attempt| attempt.as_str());
    assert_eq!(became, [Attempt::Hopeless, Attempt::Told]);
    let lost = world
        .admin(Method::GET, "/logout-deliveries?state=given_up", None)
        .await;
    let lost = lost.is(200).json()[0].clone();
    let why = lost["lastError"].as_str().unwrap();
    assert!(why.contains("global.token.revocation.issuer"), "{why}");
    let body = json!({"clientId": "hub", "attributes": {
        "global.token.revocation.url": HUB,
        "global.token.revocation.issuer": "https://id.example/realms/shop",
    }});
    let hub = format!("/clients/{HUB_UUID}");
    world.admin(Method::PUT, &hub, Some(body)).await.is(204);
    let again = format!("/logout-deliveries/{}/retry", lost["id"].as_str().unwrap());
    world.admin(Method::POST, &again, None).await.is(202);
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let asked = world.asked().await;
    let (_, claims, body) = asked.last().unwrap();
    assert_eq!(claims["iss"], "https://id.example/realms/shop");
    assert_eq!(body["sub_id"]["iss"], "https://id.example/realms/shop");
    assert_eq!(body["sub_id"]["sub"], ALICE);
}

#[tokio::test]
async fn two_servers_that_ask_each_other_come_to_rest() {
    let world = world().await;
    let ask = async |name: &str, secret: &str| {
        let subject = email("alice@shop.example");
        let call = world.stage.call(Method::POST, HERE).json(&subject);
        call.basic(name, secret).send().await.is(204);
        world.waiting().await.len()
    };
    world.tokens("alice", "openid").await;
    // Who asks is not asked.
    assert_eq!(ask("hub", "hub-secret").await, 0);
    world.stage.wait(Seconds(1));
    world.tokens("alice", "openid").await;
    assert_eq!(ask("watch", "watch-secret").await, 1);
    // Nothing is left, and the same was asked a moment ago.
    assert_eq!(ask("watch", "watch-secret").await, 1);
    world.stage.wait(Seconds(3_601));
    assert_eq!(ask("watch", "watch-secret").await, 2);
}
