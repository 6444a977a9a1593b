//! The admin URL of Keycloak's own adapters: who is told what, at once and later.

use axum::http::Method;
use claviger_engine::network::Posted;
use claviger_engine::outbox::Attempt;
use claviger_model::Seconds;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::told::{World, opened};

const CLIENT: &str = "/clients/0a5e2f9c-6a1b-4d53-9c4e-0d6a70a4b001";

/// Refreshes as an adapter does that names its own session.
async fn refreshed(world: &World, tokens: &Reply, host: &str) -> Reply {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("refresh_token", &*tokens.member("refresh_token")),
        ("client_session_state", "adapter-1"),
        ("client_session_host", host),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    world.stage.post(path, &form).await.is(200)
}

/// The orders that came in: address, and what each says.
async fn orders(world: &World) -> Vec<(String, Value)> {
    let keys = world.keys().await;
    let posted = world.stage.network.posted().into_iter();
    let order = |(url, body)| match body {
        Posted::Text(token) => {
            let (header, claims) = opened(&token, &keys);
            assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
            (url, claims)
        }
        Posted::Form(_) | Posted::SecurityEvent { .. } | Posted::Revocation { .. } => {
            panic!("{url} got another thing")
        }
    };
    posted.map(order).collect()
}

#[tokio::test]
async fn an_adapter_is_told_of_the_session_that_it_named() {
    let world = World::new(&json!({"adminUrl": "http://web.example/admin/"})).await;
    let url = "http://web.example/admin/k_logout";
    world.stage.network.take(url, 204);
    let tokens = world.sign_in("openid").await;
    let sid = tokens.member("session_state");
    let tokens = refreshed(&world, &tokens, "web.example").await;
    world.logout(&tokens).await;
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let [(to, order)] = orders(&world).await.try_into().unwrap();
    assert_eq!(to, url);
    let now = world.stage.app.now().seconds().0;
    assert_eq!(
        order,
        json!({
            "id": order["id"], "expiration": now + 30, "resource": "web", "action": "LOGOUT",
            "adapterSessionIds": ["adapter-1"], "notBefore": 0, "keycloakSessionIds": [sid],
        })
    );
}

/// An order without a session of the adapter's is one to log everybody out.
#[tokio::test]
async fn an_adapter_that_named_no_session_is_told_nothing() {
    let world = World::new(&json!({"adminUrl": "http://web.example/admin"})).await;
    let tokens = world.sign_in("openid").await;
    world.logout(&tokens).await;
    assert_eq!(world.waiting().await, []);
}

/// CVE-2026-4874: whoever has a refresh token must not choose whom this server calls.
#[tokio::test]
async fn the_node_of_a_session_must_be_the_clients() {
    let web = json!({
        "adminUrl": "http://${application.session.host}/admin",
        "registeredNodes": {"node-1.example": 1},
    });
    for (host, expected) in [
        (
            "node-1.example:81",
            Some("http://node-1.example:81/admin/k_logout"),
        ),
        ("evil.example", None),
        ("node-1.example@evil.example", None),
        ("evil.example/?node-1.example", None),
    ] {
        let world = World::new(&web).await;
        let tokens = world.sign_in("openid").await;
        let tokens = refreshed(&world, &tokens, host).await;
        world.logout(&tokens).await;
        let waiting = world.waiting().await;
        let urls: Vec<&str> = waiting
            .iter()
            .map(|row| row.payload["url"].as_str().unwrap())
            .collect();
        assert_eq!(urls, Vec::from_iter(expected), "{host}");
    }
}

#[tokio::test]
async fn an_administrator_learns_who_took_an_order_and_the_others_get_it_later() {
    let world = World::new(&json!({"adminUrl": "http://web.example/admin"})).await;
    let not_before = json!({"clientId": "web", "notBefore": 1_700_000_000});
    world
        .admin(Method::PUT, CLIENT, Some(not_before))
        .await
        .is(204);
    let push = format!("{CLIENT}/push-revocation");
    let told = world.admin(Method::POST, &push, None).await.is(200);
    assert_eq!(
        told.json(),
        json!({"failedRequests": ["http://web.example/admin"]})
    );
    let url = "http://web.example/admin/k_push_not_before";
    world.stage.network.take(url, 200);
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let (to, order) = orders(&world).await.pop().unwrap();
    assert_eq!((&*to, &order["notBefore"]), (url, &json!(1_700_000_000)));
    assert_eq!(order["action"], "PUSH_NOT_BEFORE");
    let told = world.admin(Method::POST, &push, None).await.is(200);
    assert_eq!(
        told.json(),
        json!({"successRequests": ["http://web.example/admin"]})
    );
    assert_eq!(world.waiting().await, []);
    // Of a test nothing is left: whether somebody is there is known now.
    let test = format!("{CLIENT}/test-nodes-available");
    let told = world.admin(Method::GET, &test, None).await.is(200);
    assert_eq!(
        told.json(),
        json!({"failedRequests": ["http://web.example/admin"]})
    );
    assert_eq!(world.waiting().await, []);
}

#[tokio::test]
async fn everybody_is_logged_out_at_every_node_that_is_there() {
    let web = json!({
        "adminUrl": "http://web.example/admin", "nodeReRegistrationTimeout": 60,
        "registeredNodes": {"gone.example": 1},
    });
    let world = World::new(&web).await;
    let node = Some(json!({"node": "node-1.example"}));
    let nodes = format!("{CLIENT}/nodes");
    world.admin(Method::POST, &nodes, node).await.is(204);
    world
        .stage
        .network
        .take("http://node-1.example/admin/k_logout", 200);
    let told = world.admin(Method::POST, "/logout-all", None).await.is(200);
    assert_eq!(
        told.json(),
        json!({"successRequests": ["http://node-1.example/admin"]})
    );
    let [(_, order)] = orders(&world).await.try_into().unwrap();
    assert_eq!(order["action"], "LOGOUT");
    assert_eq!(order["adapterSessionIds"], Value::Null);
    assert_eq!(order["notBefore"], json!(world.stage.app.now().seconds().0));
    world.stage.wait(Seconds(61));
    let told = world.admin(Method::POST, "/logout-all", None).await.is(200);
    assert_eq!(told.json(), json!({}), "the node did not come back");
    let off = Some(json!({"clientId": "web", "enabled": false, "registeredNodes": {}}));
    world.admin(Method::PUT, CLIENT, off).await.is(204);
    let told = world.admin(Method::POST, "/logout-all", None).await.is(200);
    assert_eq!(told.json(), json!({}), "who is disabled is told nothing");
}
