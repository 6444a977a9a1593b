//! The shop: a realm with a public and a confidential client, and alice.

use axum::http::Method;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

/// Path of an endpoint of the shop.
pub fn oidc(path: &str) -> String {
    format!("/realms/shop/protocol/openid-connect/{path}")
}

/// The shop's realm file.
pub fn realm() -> Value {
    json!({
        "realm": "shop",
        "enabled": true,
        "eventsEnabled": true,
        "roles": {"realm": [{"name": "customer"}]},
        "clients": [
            {
                "clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true,
                "redirectUris": ["http://app.example/*"], "webOrigins": ["http://app.example"],
                "attributes": {"post.logout.redirect.uris": "http://app.example/bye"},
            },
            {
                "clientId": "web", "secret": "web-secret", "directAccessGrantsEnabled": true,
                "serviceAccountsEnabled": true,
                "attributes": {"backchannel.logout.url": "http://web.example/logout"},
            },
            {"clientId": "api", "secret": "api-secret", "standardFlowEnabled": false},
        ],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "firstName": "Alice", "lastName": "Liddell", "realmRoles": ["customer"],
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

/// A stage with the shop on it.
pub async fn shop() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    stage.import(realm()).await;
    stage
}

/// Signs alice in through the public client.
pub async fn alice(stage: &Stage) -> Reply {
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid"),
    ];
    stage.post(&oidc("token"), &form).await.is(200)
}

/// Alice's tokens at the confidential client `web`, an ID token among them.
pub async fn alice_at_web(stage: &Stage) -> Reply {
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid"),
    ];
    stage.post(&oidc("token"), &form).await
}

/// Refreshes through the public client.
pub async fn refresh(stage: &Stage, token: &str) -> Reply {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", token),
    ];
    stage.post(&oidc("token"), &form).await
}

/// Asks who it is.
pub async fn userinfo(stage: &Stage, token: &str) -> Reply {
    stage
        .call(Method::GET, &oidc("userinfo"))
        .bearer(token)
        .send()
        .await
}
