//! Attacks with tokens.

use axum::http::Method;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::world::{Shop, open};

const TOKEN: &str = "/realms/shop/protocol/openid-connect/token";
const USERINFO: &str = "/realms/shop/protocol/openid-connect/userinfo";
const INTROSPECT: &str = "/realms/shop/protocol/openid-connect/token/introspect";

async fn userinfo(shop: &Shop, token: &str) -> Reply {
    shop.stage
        .call(Method::GET, USERINFO)
        .bearer(token)
        .send()
        .await
}

async fn is_active(shop: &Shop, token: &str) -> Value {
    let form = [
        ("token", token),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    shop.stage.post(INTROSPECT, &form).await.is(200).json()["active"].clone()
}

/// Lets `web` exchange tokens that are meant for it.
async fn let_web_exchange(shop: &Shop) {
    let found = shop.get("/clients?clientId=web").await.is(200).json();
    let path = format!("/clients/{}", found[0]["id"].as_str().unwrap());
    let attributes = json!({"standard.token.exchange.enabled": "true"});
    let changed = json!({"clientId": "web", "attributes": attributes});
    shop.put(&path, &changed).await.is(204);
}

async fn exchange(shop: &Shop, token: &str) -> Reply {
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("subject_token", token),
        ("scope", "openid"),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
    ];
    shop.stage.post(TOKEN, &form).await
}

#[tokio::test]
async fn cve_2017_12160_an_access_token_buys_no_tokens() {
    let shop = open().await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let grants = [
        ("refresh_token", "refresh_token"),
        ("authorization_code", "code"),
        (
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token",
        ),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion"),
        (
            "urn:ietf:params:oauth:grant-type:device_code",
            "device_code",
        ),
        ("urn:openid:params:grant-type:ciba", "auth_req_id"),
        ("urn:ietf:params:oauth:grant-type:uma-ticket", "ticket"),
    ];
    for kind in ["access_token", "id_token"] {
        let token = tokens.member(kind);
        for (grant, parameter) in grants {
            for client in [
                &[("client_id", "app")][..],
                &[("client_id", "web"), ("client_secret", "web-secret")],
            ] {
                let mut form = vec![("grant_type", grant), (parameter, token.as_str())];
                form.extend_from_slice(client);
                let answer = shop.stage.post(TOKEN, &form).await;
                assert_ne!(answer.status, 200, "{kind} as {parameter}");
                assert!(
                    !answer.text().contains("access_token"),
                    "{kind} as {parameter}"
                );
            }
        }
    }
    userinfo(&shop, &tokens.member("access_token"))
        .await
        .is(200);
}

#[tokio::test]
async fn cve_2020_1725_a_role_that_was_taken_away_is_in_no_new_token() {
    let shop = open().await;
    let user = shop.user("alice").await;
    let role = shop.get("/roles/customer").await.is(200).json();
    let mapping = format!("{user}/role-mappings/realm");
    shop.post(&mapping, &json!([role])).await.is(204);
    let groups = shop.get(&format!("{user}/groups")).await.is(200).json();
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let roles = |tokens: &Reply| claims(&tokens.member("access_token"))["realm_access"].to_string();
    assert!(roles(&tokens).contains("customer") && roles(&tokens).contains("manager"));
    shop.send(Method::DELETE, &mapping, &json!([role]))
        .await
        .is(204);
    for group in groups.as_array().unwrap() {
        let path = format!("{user}/groups/{}", group["id"].as_str().unwrap());
        shop.delete(&path).await.is(204);
    }
    let fresh = shop.refresh(&tokens.member("refresh_token")).await.is(200);
    assert!(!roles(&fresh).contains("customer"), "{}", roles(&fresh));
    assert!(!roles(&fresh).contains("manager"), "{}", roles(&fresh));
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&claviger_crypto::encoding::decode_base64url(part).unwrap()).unwrap()
}

#[tokio::test]
async fn cve_2025_14559_a_disabled_user_gets_and_keeps_nothing() {
    let shop = open().await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let access = tokens.member("access_token");
    assert_eq!(is_active(&shop, &access).await, true);
    let_web_exchange(&shop).await;
    let exchanged = exchange(&shop, &access)
        .await
        .is(200)
        .member("access_token");
    userinfo(&shop, &exchanged).await.is(200);
    let user = shop.user("alice").await;
    shop.put(&user, &json!({"enabled": false})).await.is(204);
    shop.refresh(&tokens.member("refresh_token")).await.is(400);
    shop.sign_in("alice", "wonderland").await.is(400);
    userinfo(&shop, &access).await.is(401);
    assert_eq!(is_active(&shop, &access).await, false);
    exchange(&shop, &access)
        .await
        .is(400)
        .says("invalid_request", "Invalid token");
    userinfo(&shop, &exchanged).await.is(401);
}

#[tokio::test]
async fn cve_2025_12110_offline_access_ends_with_the_scope() {
    let shop = open().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "offline_access"),
    ];
    let offline = shop
        .stage
        .post(TOKEN, &form)
        .await
        .is(200)
        .member("refresh_token");
    shop.refresh(&offline).await.is(200);
    let app = shop.get("/clients?clientId=app").await.json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let scopes = shop.get("/client-scopes").await.is(200).json();
    let scope = scopes
        .as_array()
        .unwrap()
        .iter()
        .find(|scope| scope["name"] == "offline_access");
    let scope = scope.unwrap()["id"].as_str().unwrap();
    shop.delete(&format!("/clients/{app}/optional-client-scopes/{scope}"))
        .await
        .is(204);
    let refused = shop.refresh(&offline).await.is(400);
    assert_eq!(refused.member("error"), "invalid_grant");
}

/// CVE-2025-64521, CVE-2024-47000: a service account that is switched off signs in no more.
#[tokio::test]
async fn cve_2025_64521_a_disabled_service_account_gets_nothing() {
    let shop = open().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let token = shop
        .stage
        .post(TOKEN, &form)
        .await
        .is(200)
        .member("access_token");
    let found = shop
        .get("/users?username=service-account-web&exact=true")
        .await
        .json();
    let path = format!("/users/{}", found[0]["id"].as_str().unwrap());
    shop.put(&path, &json!({"enabled": false})).await.is(204);
    let refused = shop.stage.post(TOKEN, &form).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    let refused = userinfo(&shop, &token).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    assert_eq!(is_active(&shop, &token).await, false);
}

#[tokio::test]
async fn cve_2026_27840_a_token_cut_short_or_made_longer_is_none() {
    let shop = open().await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let access = tokens.member("access_token");
    let refresh = tokens.member("refresh_token");
    for length in 1..12 {
        let cut = &access[..access.len() - length];
        userinfo(&shop, cut).await.is(401);
        let longer = format!("{access}{}", "A".repeat(length));
        userinfo(&shop, &longer).await.is(401);
        shop.refresh(&refresh[..refresh.len() - length])
            .await
            .is(400);
    }
    userinfo(&shop, &access).await.is(200);
}

#[tokio::test]
async fn cve_2026_55672_a_refresh_token_is_its_clients_alone() {
    let shop = open().await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let refresh = tokens.member("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("refresh_token", &refresh),
    ];
    let refused = shop.stage.post(TOKEN, &form).await.is(400);
    assert_eq!(refused.member("error"), "invalid_grant");
    shop.refresh(&refresh).await.is(200);
}

#[tokio::test]
async fn cve_2026_55670_a_realm_of_the_same_name_knows_no_tokens_of_before() {
    let shop = open().await;
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let file = shop.get("").await.is(200).json();
    shop.delete("").await.is(204);
    userinfo(&shop, &tokens.member("access_token"))
        .await
        .is(404);
    let again = json!({
        "realm": "shop", "enabled": true, "id": file["id"],
        "clients": [{"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true}],
        "users": [{"username": "alice", "enabled": true}],
    });
    shop.stage.import(again).await;
    userinfo(&shop, &tokens.member("access_token"))
        .await
        .is(401);
    shop.refresh(&tokens.member("refresh_token")).await.is(400);
}

/// CVE-2026-4874, CVE-2025-67494: nothing that a caller sends chooses whom the server calls.
#[tokio::test]
async fn cve_2026_4874_a_caller_does_not_choose_whom_the_server_calls() {
    let shop = open().await;
    let evil = "http://169.254.169.254/evil";
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("client_session_host", evil),
        ("client_session_state", evil),
        ("request_uri", evil),
        ("jwks_uri", evil),
        ("issuer", evil),
    ];
    let call = shop.stage.call(Method::POST, TOKEN);
    let call = call
        .header("x-forwarded-host", "evil.example")
        .header("x-original-url", evil);
    let tokens = call
        .header("forwarded", "host=evil.example")
        .form(&form)
        .send()
        .await
        .is(200);
    assert!(
        claims(&tokens.member("access_token"))["iss"]
            .as_str()
            .unwrap()
            .starts_with("http://localhost/")
    );
    let refresh = tokens.member("refresh_token");
    let out = [
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("refresh_token", &refresh),
    ];
    let path = "/realms/shop/protocol/openid-connect/logout";
    shop.stage.post(path, &out).await.is(204);
    assert_eq!(shop.stage.network.asked(), Vec::<String>::new());
}

/// CVE-2026-8922, CVE-2026-18218: of the three not-befores the latest counts, for every reader.
#[tokio::test]
async fn cve_2026_8922_the_latest_not_before_counts() {
    let shop = open().await;
    let user = claviger_model::UserId::new(shop.user("alice").await.replace("/users/", ""));
    let app = shop.get("/clients?clientId=app").await.json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let_web_exchange(&shop).await;
    let (old, coming) = (5, shop.stage.app.now().seconds().0 + 10);
    let set = async |[realm, client, person]: [i64; 3]| {
        shop.put("", &json!({"notBefore": realm})).await.is(204);
        let changed = json!({"clientId": "app", "notBefore": client});
        shop.put(&format!("/clients/{app}"), &changed).await.is(204);
        let realm = shop.stage.app.realm("shop").await.unwrap().unwrap();
        let mut tx = claviger_store::Tx::new();
        tx.set_user_not_before(&realm.id, &user, claviger_model::Seconds(person));
        assert!(shop.stage.app.commit(tx).await.unwrap().is_done());
    };
    for bits in 0..8 {
        let at = |bit: u8| if bits & (1 << bit) == 0 { old } else { coming };
        set([0, 0, 0]).await;
        let tokens = shop.sign_in("alice", "wonderland").await.is(200);
        let access = tokens.member("access_token");
        assert_eq!(is_active(&shop, &access).await, true);
        set([at(0), at(1), at(2)]).await;
        let good = bits == 0;
        assert_eq!(
            is_active(&shop, &access).await,
            good,
            "introspection, {bits:b}"
        );
        let exchanged = exchange(&shop, &access).await.status == 200;
        assert_eq!(exchanged, good, "exchange, {bits:b}");
        let seen = userinfo(&shop, &access).await.status != 401;
        assert_eq!(seen, good, "userinfo, {bits:b}");
        let refreshed = shop.refresh(&tokens.member("refresh_token")).await;
        assert_eq!(
            refreshed.status == 200,
            good,
            "refresh, {bits:b}: {}",
            refreshed.text()
        );
    }
}

#[tokio::test]
async fn cve_2026_37979_a_token_is_told_to_its_audience_only() {
    let shop = open().await;
    let api = json!({"clientId": "api", "secret": "api-secret"});
    shop.post("/clients", &api).await.is(201);
    let access = shop
        .sign_in("alice", "wonderland")
        .await
        .is(200)
        .member("access_token");
    assert_eq!(
        is_active(&shop, &access).await,
        true,
        "for one of the audience"
    );
    let form = [
        ("token", access.as_str()),
        ("client_id", "api"),
        ("client_secret", "api-secret"),
    ];
    let told = shop.stage.post(INTROSPECT, &form).await.is(200).json();
    assert_eq!(told, json!({"active": false}));
}

#[tokio::test]
async fn cve_2020_1728_every_answer_forbids_to_be_framed_and_guessed_at() {
    let shop = open().await;
    let answers = [
        shop.sign_in("alice", "wrong").await.is(400),
        userinfo(&shop, "x").await.is(401),
        shop.stage
            .get("/realms/shop/protocol/openid-connect/certs")
            .await
            .is(200),
        shop.stage
            .get("/realms/shop/.well-known/openid-configuration")
            .await
            .is(200),
        shop.stage.get("/realms/nowhere").await.is(404),
        shop.stage.get("/admin/realms").await.is(401),
        shop.get("/users").await.is(200),
        shop.get("/nowhere").await.is(404),
    ];
    for answer in answers {
        let told = answer.text();
        assert_eq!(
            answer.header("x-content-type-options"),
            "nosniff",
            "{told:.200}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            "no-referrer",
            "{told:.200}"
        );
        // Nothing is framed where nothing is shown.
        let framed = answer.header("x-frame-options");
        assert!(
            told.is_empty() || framed == "SAMEORIGIN",
            "{framed:?}: {told:.200}"
        );
    }
}
