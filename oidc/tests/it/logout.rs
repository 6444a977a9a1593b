//! Logout by refresh token, as applications do it.

use crate::world::{alice, oidc, refresh, shop, userinfo};
use axum::http::Method;

#[tokio::test]
async fn after_logout_the_refresh_token_and_the_access_token_are_refused() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    let (access, token) = (
        tokens.member("access_token"),
        tokens.member("refresh_token"),
    );
    userinfo(&stage, &access).await.is(200);
    let logout = [("client_id", "app"), ("refresh_token", token.as_str())];
    stage.post(&oidc("logout"), &logout).await.is(204);
    refresh(&stage, &token)
        .await
        .is(400)
        .says("invalid_grant", "Session not active");
    let refused = userinfo(&stage, &access).await.is(401);
    assert!(
        refused
            .header("www-authenticate")
            .contains("user_session_not_found")
    );
    stage.post(&oidc("logout"), &logout).await.is(204);
}

#[tokio::test]
async fn a_bearer_token_is_no_client_authentication() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    let token = tokens.member("refresh_token");
    let call = stage.call(Method::POST, &oidc("logout"));
    let refused = call
        .bearer(&tokens.member("access_token"))
        .form(&[("refresh_token", &token)])
        .send()
        .await
        .is(401);
    refused.says(
        "invalid_client",
        "Invalid client or Invalid client credentials",
    );
    refresh(&stage, &token).await.is(200);
}
