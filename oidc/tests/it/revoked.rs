//! What was given back, or lost its ground, stays lost.

use claviger_store::Tx;
use claviger_testkit::Stage;
use claviger_wire::document::Kind;
use serde_json::{Value, json};

use crate::world::{alice, oidc, refresh, shop, userinfo};

/// Changes members of a client.
async fn change(stage: &Stage, client: &str, members: Value) {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let store = &stage.app.store;
    let found = store
        .document_by_name(&realm.id, Kind::Client, "", client)
        .await
        .unwrap();
    let mut document = found.unwrap();
    for (name, value) in members.as_object().unwrap() {
        document.body.insert(name.clone(), value.clone());
    }
    document.enabled = document
        .body
        .get("enabled")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let mut tx = Tx::new();
    tx.update_document(&realm.id, &document);
    assert!(store.commit(tx).await.unwrap().is_done());
}

/// Enables or disables a user.
async fn enable(stage: &Stage, name: &str, enabled: bool) {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let user = stage
        .app
        .store
        .user_by_username(&realm.id, name)
        .await
        .unwrap();
    let mut user = user.unwrap();
    user.enabled = enabled;
    let mut tx = Tx::new();
    tx.update_user(&realm.id, &user);
    assert!(stage.app.store.commit(tx).await.unwrap().is_done());
}

#[tokio::test]
async fn what_is_given_back_for_a_disabled_user_does_not_come_back_with_the_user() {
    let stage = shop().await;
    let (one, two) = (alice(&stage).await, alice(&stage).await);
    let (access, token) = (one.member("access_token"), two.member("refresh_token"));
    enable(&stage, "alice", false).await;
    let _ = userinfo(&stage, &access).await.is(401);
    refresh(&stage, &token)
        .await
        .is(400)
        .says("invalid_grant", "User disabled");
    for given in [&access, &token] {
        let form = [("client_id", "app"), ("token", given.as_str())];
        let answer = stage.post(&oidc("revoke"), &form).await.is(200);
        assert_eq!(answer.text(), "");
    }
    enable(&stage, "alice", true).await;
    let _ = userinfo(&stage, &access).await.is(401);
    refresh(&stage, &token)
        .await
        .is(400)
        .says("invalid_grant", "Session not active");
    let _ = refresh(&stage, &one.member("refresh_token")).await.is(200);
}

#[tokio::test]
async fn what_is_given_back_during_a_cut_does_not_come_back_after_it() {
    let stage = shop().await;
    let (one, two) = (alice(&stage).await, alice(&stage).await);
    let (access, token) = (one.member("access_token"), two.member("refresh_token"));
    change(&stage, "app", json!({"notBefore": 4_000_000_000_i64})).await;
    for given in [&access, &token] {
        let form = [("client_id", "app"), ("token", given.as_str())];
        let answer = stage.post(&oidc("revoke"), &form).await.is(200);
        assert_eq!(answer.text(), "");
    }
    change(&stage, "app", json!({"notBefore": 0})).await;
    let _ = userinfo(&stage, &access).await.is(401);
    refresh(&stage, &token)
        .await
        .is(400)
        .says("invalid_grant", "Session not active");
}

#[tokio::test]
async fn a_client_that_became_another_one_has_no_use_of_its_tokens() {
    let invalid = "Invalid client or Invalid client credentials";
    let cases = [
        (json!({"enabled": false}), 401, "invalid_client", invalid),
        (
            json!({"publicClient": false, "secret": "s"}),
            401,
            "unauthorized_client",
            invalid,
        ),
        (
            json!({"bearerOnly": true}),
            400,
            "invalid_client",
            "Bearer-only not allowed",
        ),
        (
            json!({"protocol": "saml"}),
            400,
            "invalid_client",
            "Wrong client protocol.",
        ),
        (
            json!({"notBefore": 4_000_000_000_i64}),
            400,
            "invalid_grant",
            "Stale token",
        ),
    ];
    for (members, status, error, text) in cases {
        let stage = shop().await;
        let tokens = alice(&stage).await;
        change(&stage, "app", members.clone()).await;
        let refused = refresh(&stage, &tokens.member("refresh_token")).await;
        assert_eq!(
            refused.status.as_u16(),
            status,
            "{members}: {}",
            refused.text()
        );
        refused.says(error, text);
    }
}

#[tokio::test]
async fn the_tokens_of_a_service_account_end_with_it() {
    let stage = shop().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("scope", "openid"),
    ];
    let access = stage
        .post(&oidc("token"), &form)
        .await
        .is(200)
        .member("access_token");
    let _ = userinfo(&stage, &access).await.is(200);
    enable(&stage, "service-account-web", false).await;
    let refused = userinfo(&stage, &access).await.is(401);
    assert!(
        refused
            .header("www-authenticate")
            .contains("\"user_disabled\"")
    );
    let refused = stage.post(&oidc("token"), &form).await.is(401);
    refused.says("invalid_request", "User 'service-account-web' disabled");
    enable(&stage, "service-account-web", true).await;
    let _ = userinfo(&stage, &access).await.is(200);
    let given = [
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("token", &access),
    ];
    let _ = stage.post(&oidc("revoke"), &given).await.is(200);
    let _ = userinfo(&stage, &access).await.is(401);
}

#[tokio::test]
async fn a_hint_for_a_client_that_is_gone_ends_nothing() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    let hint = format!(
        "{}?id_token_hint={}",
        oidc("logout"),
        tokens.member("id_token")
    );
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let store = &stage.app.store;
    let found = store
        .document_by_name(&realm.id, Kind::Client, "", "app")
        .await
        .unwrap();
    let document = found.unwrap();
    let mut tx = Tx::new();
    tx.delete_document(&realm.id, Kind::Client, &document.id);
    assert!(store.commit(tx).await.unwrap().is_done());
    // It is asked whether that is meant.
    let asked = stage.get(&hint).await.is(200);
    assert!(asked.text().contains("kc-logout"), "{}", asked.text());
    let kind = claviger_model::session::SessionKind::Online;
    assert_eq!(
        store
            .sessions_of_realm(&realm.id, kind, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_disabled_realm_vouches_for_nobody() {
    let stage = shop().await;
    let tokens = alice(&stage).await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let mut row = stage
        .app
        .store
        .realm_by_id(&realm.id)
        .await
        .unwrap()
        .unwrap();
    row.enabled = false;
    row.body.insert("enabled".into(), json!(false));
    let mut tx = Tx::new();
    tx.update_realm(&row);
    assert!(stage.app.store.commit(tx).await.unwrap().is_done());
    let _ = userinfo(&stage, &tokens.member("access_token"))
        .await
        .is(401);
    let told = |endpoint: &'static str, form: Vec<(&'static str, String)>| {
        let stage = stage.clone();
        async move {
            let form: Vec<_> = form
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            stage.post(&oidc(endpoint), &form).await
        }
    };
    let token = ("token", tokens.member("access_token"));
    let client = ("client_id", "app".to_owned());
    for (endpoint, form) in [
        (
            "token",
            vec![("grant_type", "refresh_token".to_owned()), client.clone()],
        ),
        ("revoke", vec![client.clone(), token.clone()]),
        ("token/introspect", vec![client.clone(), token.clone()]),
    ] {
        let refused = told(endpoint, form).await.is(403);
        refused.says("access_denied", "Realm not enabled");
    }
    // To end a session is never too late.
    let refresh_token = ("refresh_token", tokens.member("refresh_token"));
    let _ = told("logout", vec![client, refresh_token]).await.is(204);
    let kind = claviger_model::session::SessionKind::Online;
    let left = stage.app.store.sessions_of_realm(&realm.id, kind, 10).await;
    assert!(left.unwrap().is_empty());
    let query = claviger_store::EventQuery {
        max: 10,
        ..Default::default()
    };
    let events = stage.app.store.events(&realm.id, &query).await.unwrap();
    assert!(
        events.iter().any(|event| event.kind == "LOGOUT"),
        "{events:?}"
    );
}
