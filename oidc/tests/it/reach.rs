//! How far a logout reaches, and logout by nothing but an access token.

use axum::http::Method;
use claviger_testkit::{Reply, Stage};
use serde_json::json;

use crate::leaving::{Browser, asks, between, goes_to, says_goodbye};
use crate::world::{oidc, refresh, userinfo};

const USER_ENABLED: &str = "logout.user.enabled";
const BEARER_ENABLED: &str = "logout.bearer.enabled";

/// The shop, where `app` has these attributes, and `other` is another application of alice's.
async fn shop(attributes: &[&str]) -> Stage {
    let mut realm = crate::world::realm();
    realm["users"][0]["realmRoles"] = json!(["customer", "offline_access"]);
    for name in attributes {
        realm["clients"][0]["attributes"][name] = json!("true");
    }
    let clients = realm["clients"].as_array_mut().unwrap();
    clients.push(json!({
        "clientId": "other", "publicClient": true, "directAccessGrantsEnabled": true,
    }));
    let stage = Stage::open(claviger_oidc::router()).await;
    stage.import(realm).await;
    stage
}

async fn tokens(stage: &Stage, client: &str, scope: &str) -> Reply {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", scope),
    ];
    stage.post(&oidc("token"), &form).await.is(200)
}

async fn lives(stage: &Stage, tokens: &Reply) -> bool {
    userinfo(stage, &tokens.member("access_token")).await.status == 200
}

async fn logout(stage: &Stage, tokens: &Reply, scope: &str) -> Reply {
    let token = tokens.member("refresh_token");
    let form = [
        ("client_id", "app"),
        ("refresh_token", &*token),
        ("logout_scope", scope),
    ];
    stage.post(&oidc("logout"), &form).await
}

#[tokio::test]
async fn a_lost_telephone_ends_all_browsers_and_leaves_the_offline_session() {
    let stage = shop(&[USER_ENABLED]).await;
    let (here, there) = (
        tokens(&stage, "app", "openid").await,
        tokens(&stage, "other", "openid").await,
    );
    let offline = tokens(&stage, "other", "openid offline_access").await;
    logout(&stage, &here, "user").await.is(204);
    assert!(!lives(&stage, &here).await && !lives(&stage, &there).await);
    assert!(lives(&stage, &offline).await);
    let again = tokens(&stage, "app", "openid").await;
    logout(&stage, &again, "all").await.is(204);
    assert!(!lives(&stage, &offline).await);
}

#[tokio::test]
async fn an_application_that_leaves_alone_leaves_the_others_signed_in() {
    let mut browser = Browser::new().await;
    let app = browser.tokens("app").await;
    browser.signed_in_by(&app).await;
    let (token, sid) = (app.member("refresh_token"), app.member("session_state"));
    logout(&browser.stage, &app, "client").await.is(204);
    refresh(&browser.stage, &token).await.is(400);
    assert!(!lives(&browser.stage, &app).await);
    let realm = browser.stage.app.realm("shop").await.unwrap().unwrap();
    let sid = claviger_model::SessionId::new(sid);
    let kind = claviger_model::session::SessionKind::Online;
    let session = browser.stage.app.store.user_session(&realm.id, kind, &sid);
    assert!(
        session.await.unwrap().is_some(),
        "the browser's session lives"
    );
}

#[tokio::test]
async fn a_scope_that_is_none_or_not_allowed_ends_nothing() {
    let stage = shop(&[]).await;
    let here = tokens(&stage, "app", "openid").await;
    for (scope, error) in [
        ("everything", "invalid_request"),
        ("", "invalid_request"),
        ("USER", "invalid_request"),
        ("user", "unauthorized_client"),
        ("all", "unauthorized_client"),
    ] {
        let refused = logout(&stage, &here, scope).await.is(400);
        assert_eq!(refused.member("error"), error, "{scope}");
        assert!(lives(&stage, &here).await, "{scope}");
    }
    logout(&stage, &here, "session").await.is(204);
    assert!(!lives(&stage, &here).await);
}

/// The request that everybody tries first, where an administrator lets it be.
#[tokio::test]
async fn an_access_token_alone_ends_its_session_if_its_client_is_let() {
    for (attributes, with_refresh, status, ends) in [
        (&[BEARER_ENABLED][..], false, 204, true),
        (&[BEARER_ENABLED], true, 204, true),
        // As in Keycloak: a question for a person, and a refusal for a client.
        (&[], false, 200, false),
        (&[], true, 401, false),
    ] {
        let stage = shop(attributes).await;
        let (here, other) = (
            tokens(&stage, "app", "openid").await,
            tokens(&stage, "app", "openid").await,
        );
        let call = stage.call(Method::POST, &oidc("logout"));
        let call = call.bearer(&here.member("access_token"));
        let token = here.member("refresh_token");
        let form = [("refresh_token", &*token)];
        let form: &[(&str, &str)] = if with_refresh { &form } else { &[] };
        let answer = call.form(form).send().await.is(status);
        assert_eq!(lives(&stage, &here).await, !ends, "{attributes:?}");
        assert!(lives(&stage, &other).await, "another session of alice's");
        if status == 200 {
            let help = answer.header("link");
            assert!(help.contains("logout-with-access-token"), "{help}");
        }
    }
}

#[tokio::test]
async fn no_other_token_ends_a_session_by_itself() {
    let stage = shop(&[BEARER_ENABLED]).await;
    let here = tokens(&stage, "app", "openid").await;
    let elsewhere = tokens(&stage, "other", "openid").await;
    let access = here.member("access_token");
    let (head, _) = access.rsplit_once('.').unwrap();
    for token in [
        here.member("id_token"),
        here.member("refresh_token"),
        format!("{head}.AAAA"),
        elsewhere.member("access_token"),
    ] {
        let call = stage.call(Method::POST, &oidc("logout"));
        call.bearer(&token).form(&[]).send().await.is(200);
        assert!(lives(&stage, &here).await && lives(&stage, &elsewhere).await);
    }
    // Another client that is named has to prove itself, whatever token it brings.
    let call = stage.call(Method::POST, &oidc("logout"));
    let form = [("client_id", "web"), ("refresh_token", "x")];
    call.bearer(&access).form(&form).send().await.is(401);
    assert!(lives(&stage, &here).await);
    // A token that was thrown away is no token.
    let form = [("client_id", "app"), ("token", &*access)];
    stage.post(&oidc("revoke"), &form).await.is(200);
    let call = stage.call(Method::POST, &oidc("logout"));
    call.bearer(&access).form(&[]).send().await.is(200);
    refresh(&stage, &here.member("refresh_token")).await.is(200);
}

#[tokio::test]
async fn an_access_token_alone_reaches_no_further_than_its_client_may() {
    let stage = shop(&[BEARER_ENABLED]).await;
    let (here, there) = (
        tokens(&stage, "app", "openid").await,
        tokens(&stage, "other", "openid").await,
    );
    let call = stage.call(Method::POST, &oidc("logout"));
    let call = call.bearer(&here.member("access_token"));
    let refused = call.form(&[("logout_scope", "user")]).send().await.is(400);
    assert_eq!(refused.member("error"), "unauthorized_client");
    assert!(lives(&stage, &here).await && lives(&stage, &there).await);
    // And a page elsewhere cannot use what it has got hold of.
    let call = stage.call(Method::POST, &oidc("logout"));
    let call = call.header("origin", "http://evil.example");
    let call = call.bearer(&here.member("access_token"));
    call.form(&[]).send().await.is(403);
    assert!(lives(&stage, &here).await);
}

fn reach(page: &str) -> Option<String> {
    page.contains("id=\"logout-reach\"")
        .then(|| between(page, "id=\"logout-reach\">", "<").to_owned())
}

#[tokio::test]
async fn the_question_tells_what_a_yes_will_end() {
    let mut browser = Browser::new().await;
    let (here, there) = (browser.tokens("app").await, browser.tokens("one").await);
    browser.signed_in_by(&here).await;
    let hint = here.member("id_token");
    for (scope, told) in [
        ("client", "You stay signed in to your other applications."),
        ("session", "This ends one session at one application."),
        ("user", "This ends 2 sessions at 2 applications."),
    ] {
        let query = [("client_id", "app"), ("logout_scope", scope)];
        let page = browser.logout(&query).await.is(200).text();
        assert_eq!(reach(&page).as_deref(), Some(told), "{scope}");
    }
    // Beyond the session that the hint is of, the person is asked in any case.
    let query = [
        ("id_token_hint", &*hint),
        ("logout_scope", "user"),
        ("post_logout_redirect_uri", "http://app.example/bye"),
    ];
    let question = asks(&browser.logout(&query).await);
    assert!(browser.is_alive(&here).await && browser.is_alive(&there).await);
    goes_to(&browser.confirm(&question).await, "http://app.example/bye");
    assert!(!browser.is_alive(&here).await && !browser.is_alive(&there).await);
    assert!(!browser.has("KEYCLOAK_IDENTITY"));
}

#[tokio::test]
async fn who_leaves_one_application_stays_signed_in_in_the_browser() {
    let mut browser = Browser::new().await;
    let here = browser.tokens("app").await;
    browser.signed_in_by(&here).await;
    let hint = here.member("id_token");
    let query = [("id_token_hint", &*hint), ("logout_scope", "client")];
    says_goodbye(&browser.logout(&query).await);
    assert!(!browser.is_alive(&here).await);
    assert!(browser.has("KEYCLOAK_IDENTITY") && browser.has("KEYCLOAK_SESSION"));
}

/// An old ID token of somebody is not their word for all that they have elsewhere.
#[tokio::test]
async fn nobody_ends_all_that_another_has_by_an_id_token() {
    let mut browser = Browser::new().await;
    let (alices, elsewhere) = (browser.tokens("app").await, browser.tokens("one").await);
    let hint = alices.member("id_token");
    let query = [("id_token_hint", &*hint), ("logout_scope", "all")];
    let refused = browser.logout(&query).await.is(400);
    assert!(refused.header("link").contains("logout-scope"));
    assert!(browser.is_alive(&alices).await && browser.is_alive(&elsewhere).await);
    let refused = browser.logout(&[("logout_scope", "world")]).await.is(400);
    assert!(refused.header("link").contains("logout-scope"));
}
