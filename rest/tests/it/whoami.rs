//! What a console asks first: who has signed in, and with which rights.

use axum::http::Method;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// Makes the console's client take passwords, so that no browser is needed to sign in by it.
async fn console_takes_passwords(shop: &Shop, realm: &str) {
    let path = format!("/admin/realms/{realm}/clients?clientId=security-admin-console");
    let found = shop.get_absolute(&path).await.is(200).json();
    let path = format!(
        "/admin/realms/{realm}/clients/{}",
        found[0]["id"].as_str().unwrap()
    );
    let call = shop.at(Method::PUT, &path);
    let change = json!({"clientId": "security-admin-console", "directAccessGrantsEnabled": true});
    call.json(&change).send().await.is(204);
}

async fn asked(shop: &Shop, path: &str, token: &str) -> Reply {
    let call = shop.stage.call(Method::GET, path).bearer(token);
    call.header("origin", "http://localhost").send().await
}

async fn token(shop: &Shop, realm: &str, name: &str, password: &str) -> String {
    let client = "security-admin-console";
    let tokens = shop.sign_in_at(realm, client, name, password).await;
    tokens.is(200).member("access_token")
}

#[tokio::test]
async fn an_administrator_of_all_is_told_what_they_may_in_the_realm_that_is_shown() {
    let shop = open().await;
    console_takes_passwords(&shop, "master").await;
    let token = token(&shop, "master", "root", "root-password").await;
    let own = "/admin/master/console/whoami";
    let told = asked(&shop, own, &token).await.is(200);
    assert_eq!(
        told.header("access-control-allow-origin"),
        "http://localhost"
    );
    let told = told.json();
    assert_eq!(told["realm"], "master");
    assert_eq!(told["displayName"], "root");
    assert_eq!(told["createRealm"], true);
    assert_eq!(told["locale"], "en");
    assert_eq!(told["temporary"], true, "made at start, and to be replaced");
    let rights = told["realm_access"]["master"].as_array().unwrap();
    assert!(rights.contains(&json!("admin")) && rights.contains(&json!("manage-realm")));
    let other = asked(&shop, &format!("{own}?currentRealm=shop"), &token).await;
    let other = other.is(200).json();
    assert_eq!(other["realm"], "master");
    let rights = other["realm_access"]["shop"].as_array().unwrap();
    assert_eq!(rights.len(), 22, "{rights:?}");
    let nowhere = asked(&shop, &format!("{own}?currentRealm=nowhere"), &token).await;
    assert_eq!(nowhere.is(404).member("error"), "Realm not found");
}

#[tokio::test]
async fn an_administrator_of_a_realm_sees_that_realm_alone() {
    let shop = open().await;
    console_takes_passwords(&shop, "shop").await;
    let viewer = token(&shop, "shop", "viewer", "viewer").await;
    let told = asked(
        &shop,
        "/admin/shop/console/whoami?currentRealm=master",
        &viewer,
    )
    .await;
    let told = told.is(200).json();
    let expected = json!({"shop": ["query-groups", "query-users", "view-users"]});
    assert_eq!(told["realm_access"], expected);
    assert_eq!(told["createRealm"], false);
    assert_eq!(told["displayName"], "viewer Admin");
    assert_eq!(told["temporary"], false);
    asked(&shop, "/admin/master/console/whoami", &viewer)
        .await
        .is(401);
}

#[tokio::test]
async fn who_administers_nothing_or_comes_by_another_client_is_refused() {
    let shop = open().await;
    console_takes_passwords(&shop, "shop").await;
    let path = "/admin/shop/console/whoami";
    let alice = token(&shop, "shop", "alice", "wonderland").await;
    let refused = asked(&shop, path, &alice).await.is(403);
    assert_eq!(refused.member("error"), "No realm access");
    let tokens = shop
        .sign_in_at("shop", "admin-cli", "viewer", "viewer")
        .await;
    let refused = asked(&shop, path, &tokens.member("access_token"))
        .await
        .is(403);
    assert_eq!(
        refused.member("error"),
        "Token issued for an application that is not the admin console: admin-cli"
    );
    asked(&shop, path, "rubbish").await.is(401);
    let nowhere = shop
        .stage
        .get("/admin/nowhere/console/whoami")
        .await
        .is(404);
    let told: Value = nowhere.json();
    assert_eq!(
        told,
        json!({"error": "Realm not found.  Did you type in a bad URL?"})
    );
    let call = shop.stage.call(Method::OPTIONS, path);
    let preflight = call
        .header("origin", "http://x.example")
        .send()
        .await
        .is(200);
    let origin = preflight.header("access-control-allow-origin");
    assert_eq!(origin, "http://x.example");
}
