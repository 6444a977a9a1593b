//! The tokens by which clients are registered, read and changed: what each is good for, and how long.

use axum::http::Method;
use serde_json::json;

use super::{OIDC, OWN, at, leave, minimal};
use crate::world::open;

#[tokio::test]
async fn leave_to_register_is_counted_runs_out_and_is_taken_back() {
    let shop = open().await;
    for (body, error) in [
        (json!({"count": -1}), "Invalid value for count"),
        (json!({"expiration": -1}), "Invalid value for expiration"),
    ] {
        let refused = shop.post("/clients-initial-access", &body).await.is(400);
        assert_eq!(refused.member("error"), error);
    }
    let body = json!({"count": 2, "expiration": 60});
    let made = shop.post("/clients-initial-access", &body).await.is(201);
    let event = shop.event().await;
    assert_eq!(event.kind, "CLIENT_INITIAL_ACCESS_MODEL");
    assert!(!event.representation.to_string().contains("token"));
    assert!(made.header("location").ends_with(&made.member("id")));
    let token = made.member("token");
    let post = || {
        at(&shop, Method::POST, OIDC, &token)
            .json(&minimal())
            .send()
    };
    post().await.is(201);
    let list = shop.get("/clients-initial-access").await.is(200).json();
    let expected = json!([{"id": made.member("id"), "timestamp": 1_795_392_000, "expiration": 60,
        "count": 2, "remainingCount": 1}]);
    assert_eq!(list, expected);
    let endless = leave(&shop, 0).await;
    let used_up = "No remaining count on initial access token";
    at(&shop, Method::POST, OIDC, &endless)
        .json(&minimal())
        .send()
        .await
        .is(401)
        .says("invalid_token", used_up);
    let withdrawn = shop
        .post("/clients-initial-access", &json!({}))
        .await
        .is(201);
    let path = format!("/clients-initial-access/{}", withdrawn.member("id"));
    shop.delete(&path).await.is(204);
    shop.delete(&path).await.is(204);
    at(&shop, Method::POST, OIDC, &withdrawn.member("token"))
        .json(&minimal())
        .send()
        .await
        .is(401)
        .says("invalid_token", "Initial Access Token not found");
    shop.stage.wait(claviger_model::Seconds(60));
    post()
        .await
        .is(401)
        .says("invalid_token", "Failed decode token");
}

#[tokio::test]
async fn of_many_with_the_last_leave_one_is_registered() {
    let shop = open().await;
    let token = leave(&shop, 1).await;
    let mut racers = Vec::new();
    for _ in 0..8 {
        let call = at(&shop, Method::POST, OIDC, &token).json(&minimal());
        racers.push(tokio::spawn(call.send()));
    }
    let mut statuses = Vec::new();
    for racer in racers {
        statuses.push(racer.await.unwrap().status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn tokens_are_good_for_what_they_are_for() {
    let shop = open().await;
    let leave = leave(&shop, 5).await;
    let made = at(&shop, Method::POST, OIDC, &leave)
        .json(&minimal())
        .send()
        .await;
    let made = made.is(201).json();
    let own = made["registration_access_token"].as_str().unwrap();
    let path = format!("{OIDC}/{}", made["client_id"].as_str().unwrap());
    let get = async |path: &str, token: &str| {
        let reply = at(&shop, Method::GET, path, token).send().await;
        reply.status.as_u16()
    };
    assert_eq!(get(&path, &leave).await, 401);
    assert_eq!(get(&format!("{OIDC}/web"), own).await, 401);
    assert_eq!(get(&format!("{OIDC}/nobody"), own).await, 401);
    // Neither is an access token.
    for token in [&leave, own] {
        let userinfo = "/realms/shop/protocol/openid-connect/userinfo";
        assert_eq!(get(userinfo, token).await, 401);
        assert_eq!(get("/admin/realms/shop/clients", token).await, 401);
    }
    // Users need a role, and those of the master realm are strangers here.
    let alice = shop.sign_in("alice", "wonderland").await.is(200);
    let alice = alice.member("access_token");
    let post = async |token: &str| {
        let call = at(&shop, Method::POST, OIDC, token).json(&minimal());
        call.send().await
    };
    post(&alice)
        .await
        .is(403)
        .says("insufficient_scope", "Forbidden");
    assert_eq!(get(&path, &alice).await, 403);
    let root = shop
        .sign_in_at("master", "admin-cli", "root", "root-password")
        .await;
    let root = root.is(200).member("access_token");
    post(&root)
        .await
        .is(401)
        .says("invalid_token", "Failed decode token");
    // A client of the realm with an administrator of the realm.
    let owner = shop
        .sign_in("owner", "owner")
        .await
        .is(200)
        .member("access_token");
    post(&owner).await.is(201);
    assert_eq!(get(&path, &owner).await, 200);
    let missing = at(&shop, Method::GET, &format!("{OIDC}/nobody"), &owner)
        .send()
        .await;
    missing.is(404).says("invalid_request", "Client not found");
    for built_in in ["account", "realm-management"] {
        let path = format!("{OWN}/{built_in}");
        at(&shop, Method::DELETE, &path, &owner)
            .send()
            .await
            .is(403);
    }
    let body = json!({"clientId": "realm-management", "serviceAccountsEnabled": true});
    at(
        &shop,
        Method::PUT,
        &format!("{OWN}/realm-management"),
        &owner,
    )
    .json(&body)
    .send()
    .await
    .is(403);
}

#[tokio::test]
async fn pages_of_other_origins_neither_register_nor_read() {
    let shop = open().await;
    let token = leave(&shop, 2).await;
    let from = |origin: &str| {
        let call = at(&shop, Method::POST, OIDC, &token).json(&minimal());
        call.header("origin", origin).send()
    };
    let refused = from("https://evil.example").await.is(403);
    assert_eq!(refused.json(), json!({"error": "Invalid origin"}));
    assert_eq!(refused.headers.get("access-control-allow-origin"), None);
    let made = from("https://spa.example").await.is(201);
    assert_eq!(
        made.header("access-control-allow-origin"),
        "https://spa.example"
    );
    // The registration's own token carries the origin on.
    let own = made.member("registration_access_token");
    let path = format!("{OIDC}/{}", made.member("client_id"));
    let read = at(&shop, Method::GET, &path, &own).header("origin", "https://spa.example");
    let read = read.send().await.is(200);
    assert_eq!(
        read.header("access-control-allow-origin"),
        "https://spa.example"
    );
    let asked = shop.stage.call(Method::OPTIONS, OIDC);
    let asked = asked
        .header("origin", "https://any.example")
        .send()
        .await
        .is(200);
    assert_eq!(
        asked.header("access-control-allow-origin"),
        "https://any.example"
    );
}
