//! Administrators who sign in as somebody else.

use axum::http::Method;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// What a browser sends back of the cookies of an answer.
fn cookies(reply: &Reply) -> String {
    let set = reply.headers.get_all("set-cookie").iter();
    let pairs = set.filter_map(|value| value.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

/// Who a browser is signed in as at a realm, by asking without a page.
async fn signed_in_as(shop: &Shop, cookies: &str) -> Reply {
    let path = "/realms/shop/protocol/openid-connect/auth?client_id=app&response_type=code&scope=openid\
                &prompt=none&redirect_uri=http%3A%2F%2Fapp.example%2Fcb";
    let call = shop.stage.call(Method::GET, path).header("cookie", cookies);
    call.send().await.is(302)
}

async fn events(shop: &Shop) -> Value {
    shop.get("/events?type=IMPERSONATE").await.is(200).json()
}

#[tokio::test]
async fn the_administrators_browser_is_signed_in_as_the_user() {
    let shop = open().await;
    shop.put("", &json!({"eventsEnabled": true})).await.is(204);
    let alice = shop.user("alice").await;
    let reply = shop
        .post(&format!("{alice}/impersonation"), &json!({}))
        .await
        .is(200);
    let told = json!({"sameRealm": false, "redirect": "http://localhost/realms/shop/account"});
    assert_eq!(reply.json(), told);
    let cookies = cookies(&reply);
    let answered = signed_in_as(&shop, &cookies).await;
    assert!(
        answered.header("location").contains("code="),
        "{answered:?}"
    );
    let sessions = shop.get(&format!("{alice}/sessions")).await.json();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    let event = events(&shop).await[0].clone();
    assert_eq!(event["userId"], alice.trim_start_matches("/users/"));
    assert_eq!(event["sessionId"], sessions[0]["id"]);
    let details = json!({"impersonator": "root", "impersonator_realm": "master"});
    assert_eq!(event["details"], details);
    // The administrator's own session is another realm's, and lives on.
    shop.get(&alice).await.is(200);
}

#[tokio::test]
async fn in_ones_own_realm_ones_own_session_ends() {
    let shop = open().await;
    let owner = shop.administered_by("owner").await;
    let alice = shop.user("alice").await;
    let reply = owner
        .post(&format!("{alice}/impersonation"), &json!({}))
        .await
        .is(200);
    assert_eq!(reply.json()["sameRealm"], true);
    let set = reply.headers.get_all("set-cookie").iter();
    let gone: Vec<&str> = set
        .filter_map(|value| value.to_str().ok())
        .filter(|text| text.ends_with("Max-Age=0"))
        .filter_map(|text| text.split('=').next())
        .collect();
    assert_eq!(gone, ["AUTH_SESSION_ID", "KEYCLOAK_REMEMBER_ME"]);
    let answered = signed_in_as(&shop, &cookies(&reply)).await;
    assert!(
        answered.header("location").contains("code="),
        "{answered:?}"
    );
    owner.get(&alice).await.is(401);
    let own = shop.user("owner").await;
    let sessions = shop.get(&format!("{own}/sessions")).await.json();
    assert_eq!(sessions, json!([]));
}

#[tokio::test]
async fn the_session_ends_as_any_other() {
    let shop = open().await;
    let alice = shop.user("alice").await;
    let path = format!("{alice}/impersonation");
    let cookies = cookies(&shop.post(&path, &json!({})).await.is(200));
    shop.post(&format!("{alice}/logout"), &json!({}))
        .await
        .is(204);
    let answered = signed_in_as(&shop, &cookies).await;
    let address = answered.header("location");
    assert!(address.contains("error=login_required"), "{address}");
}

#[tokio::test]
async fn nobody_becomes_who_may_not_sign_in_or_without_the_right() {
    let shop = open().await;
    shop.put("", &json!({"eventsEnabled": true})).await.is(204);
    let alice = shop.user("alice").await;
    let path = format!("{alice}/impersonation");
    for (name, status) in [("manager", 403), ("viewer", 403), ("alice", 403)] {
        let password = if name == "alice" { "wonderland" } else { name };
        let tokens = shop
            .sign_in_at("shop", "admin-cli", name, password)
            .await
            .is(200);
        let call = shop
            .stage
            .call(Method::POST, &format!("/admin/realms/shop{path}"))
            .bearer(&tokens.member("access_token"));
        let refused = call.send().await.is(status);
        assert_eq!(cookies(&refused), "", "{name}");
    }
    let nobody = shop.post("/users/nobody/impersonation", &json!({})).await;
    assert_eq!(nobody.is(404).member("error"), "User not found");
    let robot = shop.user("service-account-web").await;
    let path_of_robot = format!("{robot}/impersonation");
    let refused = shop.post(&path_of_robot, &json!({})).await.is(400);
    let text = "Service accounts cannot be impersonated";
    assert_eq!(refused.member("errorMessage"), text);
    shop.put(&alice, &json!({"enabled": false})).await.is(204);
    let refused = shop.post(&path, &json!({})).await.is(400);
    assert_eq!(refused.member("errorMessage"), "User is disabled");
    assert_eq!(cookies(&refused), "");
    assert_eq!(events(&shop).await, json!([]));
}

/// A name that is a script stays data: the answer is JSON, which no browser reads as a page.
#[tokio::test]
async fn cve_2022_1438_a_name_that_is_a_script_is_no_page_when_impersonated() {
    let shop = open().await;
    let script = json!({
        "username": "mallory", "enabled": true, "email": "m@shop.example",
        "firstName": "Mal", "lastName": "'-alert-'",
    });
    let mallory = shop.make(&script).await;
    let path = format!("{mallory}/impersonation");
    let reply = shop.post(&path, &json!({})).await.is(200);
    assert_eq!(
        reply.header("content-type"),
        "application/json;charset=UTF-8"
    );
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(!reply.text().contains("alert"), "{}", reply.text());
}
