//! What is over is not exchanged, and what was exchanged for it is over too.

use claviger_model::Seconds;
use serde_json::json;

use super::{REFRESH, Shop};
use crate::world::userinfo;

#[tokio::test]
async fn what_is_over_is_not_exchanged_and_takes_along_what_was_exchanged_for_it() {
    let shop = Shop::open().await;
    let tokens = shop.sign_in("front", "openid").await;
    let token = tokens.member("access_token");
    let asked = [("scope", "openid")];
    let alone = shop
        .exchange("middle", &token, &asked)
        .await
        .is(200)
        .member("access_token");
    let asked = [("scope", "openid"), ("requested_token_type", REFRESH)];
    let kept = shop.exchange("keeper", &token, &asked).await.is(200);
    // What was exchanged can be exchanged again, by those for whom it is.
    let asked = [("scope", "openid")];
    let chained = shop
        .exchange("middle", &alone, &asked)
        .await
        .is(200)
        .member("access_token");
    let form = [("refresh_token", &*tokens.member("refresh_token"))];
    shop.post("logout", "front", &form).await.is(204);
    for token in [&alone, &chained, &kept.member("access_token")] {
        userinfo(&shop.stage, token).await.is(401);
        assert_eq!(shop.told("stock", token).await["active"], false);
        let reply = shop.exchange("middle", token, &[]).await.is(400);
        reply.says("invalid_request", "Invalid token");
    }
    shop.refreshed("keeper", &kept.member("refresh_token"))
        .await
        .is(400);
    let reply = shop.exchange("middle", &token, &[]).await.is(400);
    reply.says("invalid_request", "Invalid token");

    let token = shop.handed().await;
    shop.stage.wait(Seconds(301));
    shop.exchange("middle", &token, &[]).await.is(400);
}

#[tokio::test]
async fn a_revoked_token_takes_along_the_clients_that_have_exchanged_it() {
    let shop = Shop::open().await;
    for kind in ["access_token", "refresh_token"] {
        // Somebody else stays in the session.
        let tokens = shop.sign_in("front", "openid").await;
        let token = tokens.member("access_token");
        let asked = [("scope", "openid"), ("requested_token_type", REFRESH)];
        let kept = shop.exchange("keeper", &token, &asked).await.is(200);
        let refresh = kept.member("refresh_token");
        let refresh = shop
            .refreshed("keeper", &refresh)
            .await
            .is(200)
            .member("refresh_token");
        let form = [("token", &*tokens.member(kind))];
        shop.post("revoke", "front", &form).await.is(200);
        shop.refreshed("keeper", &refresh).await.is(400);
        userinfo(&shop.stage, &kept.member("access_token"))
            .await
            .is(401);
        shop.exchange("keeper", &token, &[]).await.is(400);
    }
}

#[tokio::test]
async fn tokens_of_another_realm_are_strangers() {
    let shop = Shop::open().await;
    let mut other = super::shop();
    other["realm"] = json!("other");
    shop.stage.import(other).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "front"),
        ("client_secret", "secret"),
        ("username", "alice"),
        ("password", "wonderland"),
    ];
    let path = "/realms/other/protocol/openid-connect/token";
    let token = shop
        .stage
        .post(path, &form)
        .await
        .is(200)
        .member("access_token");
    let reply = shop.exchange("middle", &token, &[]).await.is(400);
    reply.says("invalid_request", "Invalid token");
}
