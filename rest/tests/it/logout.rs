//! Administrators end what a user has, as far as they say, and see before what that will be.

use serde_json::{Value, json};

use crate::world::{Shop, open};

async fn preview(shop: &Shop, scope: &str) -> Value {
    let alice = shop.user("alice").await;
    let path = format!("{alice}/logout-preview{scope}");
    shop.get(&path).await.is(200).json()
}

async fn offline(shop: &Shop) {
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid offline_access"),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    shop.stage.post(path, &form).await.is(200);
}

fn told(scope: &str, sessions: u32, applications: u32) -> Value {
    json!({"scope": scope, "sessions": sessions, "applications": applications})
}

#[tokio::test]
async fn a_preview_counts_what_the_logout_then_ends() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    for _ in 0..2 {
        shop.sign_in("alice", "wonderland").await.is(200);
    }
    offline(&shop).await;
    assert_eq!(preview(&shop, "").await, told("user", 2, 1));
    assert_eq!(preview(&shop, "?scope=all").await, told("all", 3, 2));
    assert_eq!(
        preview(&shop, "?scope=all").await,
        told("all", 3, 2),
        "nothing ends"
    );
    // As in Keycloak, offline sessions stay unless they are meant.
    let logout = format!("{alice}/logout");
    shop.post(&logout, &json!({})).await.is(204);
    assert_eq!(preview(&shop, "?scope=all").await, told("all", 1, 1));
    let path = format!("{logout}?scope=all");
    shop.post(&path, &json!({})).await.is(204);
    assert_eq!(preview(&shop, "?scope=all").await, told("all", 0, 0));
    for scope in ["session", "client", "everything", ""] {
        let path = format!("{logout}?scope={scope}");
        let refused = shop.post(&path, &json!({})).await.is(400).json();
        assert_eq!(
            refused["errorMessage"], "Parameter scope is one of user, all",
            "{scope}"
        );
    }
}

#[tokio::test]
async fn who_may_not_see_users_sees_no_preview() {
    let shop = open().await;
    let path = format!("{}/logout-preview", shop.user("alice").await);
    let seeker = shop.administered_by("seeker").await;
    seeker.get(&path).await.is(403);
    let viewer = shop.administered_by("viewer").await;
    viewer.get(&path).await.is(200);
    shop.get("/users/nobody/logout-preview").await.is(404);
}
