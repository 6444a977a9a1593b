//! Codes at the token endpoint: good once, for one client, with what they were bound to.

use std::collections::BTreeMap;

use axum::http::Method;
use claviger_engine::authorize::{Finishing, finish, part_notes};
use claviger_engine::request::RequestContext;
use claviger_engine::session::{self, Beginning};
use claviger_model::session::SessionKind;
use claviger_model::{AuthenticationAction, AuthenticationSession, Millis, Seconds};
use claviger_store::Tx;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::world::{oidc, realm, refresh, userinfo};

const CB: &str = "http://app.example/cb";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The shop, whose public client asks for consent where `consent` says so.
async fn shop(change: impl FnOnce(&mut Value)) -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    change(&mut realm);
    stage.import(realm).await;
    stage
}

fn context() -> RequestContext {
    RequestContext {
        base_url: "http://localhost".into(),
        base_path: String::new(),
        origin: "http://localhost".into(),
        base_paths: vec![String::new(), "/auth".into()],
        ip_address: "127.0.0.1".into(),
        secure: false,
        help_links: true,
        backchannel_url: None,
        admin_url: None,
    }
}

fn tab(client: &claviger_model::ClientUuid, request: &[(&str, &str)]) -> AuthenticationSession {
    let mut notes: BTreeMap<String, String> = [
        ("response_type", "code"),
        ("redirect_uri", CB),
        ("scope", "openid"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    for (name, value) in request {
        notes.insert((*name).to_owned(), (*value).to_owned());
    }
    AuthenticationSession {
        root: claviger_model::SessionId::new("root"),
        tab: "tab".into(),
        revision: 1,
        client: client.clone(),
        protocol: "openid-connect".into(),
        redirect_uri: Some(CB.into()),
        base_path: String::new(),
        action: AuthenticationAction::Authenticate,
        user: None,
        executions: BTreeMap::new(),
        required_actions: std::collections::BTreeSet::new(),
        client_notes: notes,
        auth_notes: BTreeMap::new(),
        session_notes: BTreeMap::new(),
        started_at: Millis(0),
        expires_at: Millis(0),
    }
}

/// What alice's browser takes to a client after she signed in.
async fn answered(stage: &Stage, client: &str, request: &[(&str, &str)]) -> Vec<(String, String)> {
    let app = &stage.app;
    let realm = app.realm("shop").await.unwrap().unwrap();
    let client = realm.client(client).await.unwrap().unwrap();
    let user = app
        .store
        .user_by_username(&realm.id, "alice")
        .await
        .unwrap()
        .unwrap();
    let tab = tab(&client.uuid, request);
    let context = context();
    let notes = part_notes(&context, &realm, &tab, true);
    let usable = session::begin(
        app,
        &realm,
        SessionKind::Online,
        &Beginning {
            user: &user,
            client: &client,
            ip_address: "127.0.0.1",
            base_path: "",
            auth_method: "openid-connect",
            notes: vec![("AUTH_TIME", app.now().seconds().0.to_string())],
            part_notes: notes
                .iter()
                .map(|(name, value)| (&**name, value.clone()))
                .collect(),
        },
    );
    let mut tx = Tx::new();
    session::keep(&realm, &mut tx, &usable);
    let finishing = Finishing {
        client: &client,
        tab: &tab,
        usable: &usable,
    };
    let answer = finish(app, &realm, &context, &finishing, &mut tx)
        .await
        .unwrap();
    assert_eq!(answer.redirect_uri, CB);
    assert!(app.commit(tx).await.unwrap().is_done());
    answer.parameters
}

fn parameter(answer: &[(String, String)], name: &str) -> String {
    let found = answer.iter().find(|(known, _)| known == name);
    found
        .unwrap_or_else(|| panic!("{name}: {answer:?}"))
        .1
        .clone()
}

async fn code(stage: &Stage, request: &[(&str, &str)]) -> String {
    parameter(&answered(stage, "app", request).await, "code")
}

async fn exchange(stage: &Stage, code: &str, more: &[(&str, &str)]) -> Reply {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", CB),
    ];
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    stage.post(&oidc("token"), &form).await
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = claviger_crypto::encoding::decode_base64url(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_code_is_changed_for_tokens() {
    let stage = shop(|_| {}).await;
    let code = code(&stage, &[("nonce", "n-1"), ("scope", "openid email")]).await;
    let reply = exchange(&stage, &code, &[]).await.is(200);
    let access = claims(&reply.member("access_token"));
    assert!(
        access["jti"].as_str().unwrap().starts_with("onrtac:"),
        "{access}"
    );
    let mut scope: Vec<&str> = access["scope"].as_str().unwrap().split(' ').collect();
    scope.sort_unstable();
    assert_eq!(scope, ["email", "openid", "profile"]);
    let id = claims(&reply.member("id_token"));
    assert_eq!((&id["nonce"], &id["aud"]), (&json!("n-1"), &json!("app")));
    assert!(id["at_hash"].is_string());
    let token = reply.member("refresh_token");
    refresh(&stage, &token).await.is(200);
    userinfo(&stage, &reply.member("access_token"))
        .await
        .is(200);
}

/// OpenID Connect Core §3.1.3.2 and RFC 6749 §4.1.3: what a code has to come with.
#[tokio::test]
async fn a_code_is_refused_to_whoever_it_was_not_issued_to() {
    let stage = shop(|_| {}).await;
    let cases: [(&[(&str, &str)], &[(&str, &str)], &str); 9] = [
        (
            &[],
            &[("redirect_uri", "http://app.example/other")],
            "Incorrect redirect_uri",
        ),
        (&[], &[("redirect_uri", "")], "Incorrect redirect_uri"),
        (
            &[],
            &[("client_id", "web"), ("client_secret", "web-secret")],
            "Auth error: Found different client_id in clientSession",
        ),
        (
            &[],
            &[("client_id", "api"), ("client_secret", "api-secret")],
            "Auth error: Found different client_id in clientSession",
        ),
        (
            &[("code_challenge", VERIFIER)],
            &[],
            "PKCE code verifier not specified",
        ),
        (
            &[],
            &[("code_verifier", VERIFIER)],
            "PKCE code verifier specified but challenge not present in authorization",
        ),
        (
            &[
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
            &[("code_verifier", CHALLENGE)],
            "PKCE verification failed: Code mismatch",
        ),
        (
            &[
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ],
            &[("code_verifier", "short")],
            "PKCE verification failed: Invalid code verifier",
        ),
        // Without a challenge the method alone binds to nobody.
        (
            &[("code_challenge_method", "S256")],
            &[("code_verifier", VERIFIER)],
            "PKCE verification failed: Code mismatch",
        ),
    ];
    for (request, form, expected) in cases {
        let code = code(&stage, request).await;
        exchange(&stage, &code, form)
            .await
            .is(400)
            .says("invalid_grant", expected);
        // A code that was shown by the wrong one is not good for the right one either.
        exchange(&stage, &code, &[("code_verifier", "")])
            .await
            .is(400)
            .says("invalid_grant", "Code not valid");
    }
    let proof = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let good = code(&stage, &proof).await;
    exchange(&stage, &good, &[("code_verifier", VERIFIER)])
        .await
        .is(200);
    let bound = code(&stage, &[("dpop_jkt", CHALLENGE)]).await;
    let reply = exchange(&stage, &bound, &[]).await.is(400);
    reply.says("invalid_request", "DPoP Proof missing");
}

#[tokio::test]
async fn the_second_use_of_a_code_ends_what_the_first_began() {
    let stage = shop(|_| {}).await;
    let code = code(&stage, &[]).await;
    let reply = exchange(&stage, &code, &[]).await.is(200);
    let (access, token) = (reply.member("access_token"), reply.member("refresh_token"));
    // Long after the code itself is over.
    stage.wait(Seconds(600));
    refresh(&stage, &token).await.is(200);
    exchange(&stage, &code, &[])
        .await
        .is(400)
        .says("invalid_grant", "Code not valid");
    refresh(&stage, &token).await.is(400);
    userinfo(&stage, &access).await.is(401);
}

#[tokio::test]
async fn of_two_who_come_at_once_with_a_code_none_keeps_tokens() {
    let stage = shop(|_| {}).await;
    let code = code(&stage, &[]).await;
    let (one, other) = tokio::join!(exchange(&stage, &code, &[]), exchange(&stage, &code, &[]));
    let good = [&one, &other]
        .into_iter()
        .filter(|reply| reply.status == 200);
    for reply in good {
        refresh(&stage, &reply.member("refresh_token"))
            .await
            .is(400);
    }
    assert!(one.status == 400 || other.status == 400);
}

/// Whoever knows `session_state`, which travels through the browser, makes up a code and ends nothing.
#[tokio::test]
async fn a_code_that_was_made_up_ends_nothing() {
    let stage = shop(|_| {}).await;
    let code = code(&stage, &[]).await;
    let reply = exchange(&stage, &code, &[]).await.is(200);
    let (_, rest) = code.split_once('.').unwrap();
    for made_up in [
        format!("7d0f1f06-6f30-4bd5-9b2c-5b3cf1ed4c0c.{rest}"),
        format!(".{rest}"),
        "a.b.c".to_owned(),
        "garbage".to_owned(),
        format!("{}.{rest}", "x".repeat(1_000)),
    ] {
        exchange(&stage, &made_up, &[])
            .await
            .is(400)
            .says("invalid_grant", "Code not valid");
    }
    refresh(&stage, &reply.member("refresh_token"))
        .await
        .is(200);
}

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_as_long_as_its_session() {
    let stage = shop(|_| {}).await;
    let late = code(&stage, &[]).await;
    stage.wait(Seconds(60));
    exchange(&stage, &late, &[])
        .await
        .is(400)
        .says("invalid_grant", "Code not valid");
    let answer = answered(&stage, "app", &[]).await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let id = claviger_model::SessionId::new(parameter(&answer, "session_state"));
    let session = stage
        .app
        .store
        .user_session(&realm.id, SessionKind::Online, &id)
        .await;
    let mut tx = Tx::new();
    let reason = claviger_model::session::EndReason::Admin;
    let session = session.unwrap().unwrap();
    claviger_engine::logout::end_session(&stage.app, &realm, &mut tx, &session, reason)
        .await
        .unwrap();
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    let code = parameter(&answer, "code");
    exchange(&stage, &code, &[])
        .await
        .is(400)
        .says("invalid_grant", "Code not valid");
}

#[tokio::test]
async fn a_user_who_is_disabled_meanwhile_gets_no_tokens() {
    let stage = shop(|_| {}).await;
    let code = code(&stage, &[]).await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let mut user = stage
        .app
        .store
        .user_by_username(&realm.id, "alice")
        .await
        .unwrap()
        .unwrap();
    user.enabled = false;
    let mut tx = Tx::new();
    tx.update_user(&realm.id, &user);
    assert!(stage.app.commit(tx).await.unwrap().is_done());
    exchange(&stage, &code, &[])
        .await
        .is(400)
        .says("invalid_grant", "User disabled");
}

#[tokio::test]
async fn consent_that_was_taken_back_meanwhile_counts() {
    let stage = shop(|realm| realm["clients"][0]["consentRequired"] = json!(true)).await;
    let code = code(&stage, &[]).await;
    exchange(&stage, &code, &[]).await.is(400).says(
        "invalid_scope",
        "Client no longer has requested consent from user",
    );
}

#[tokio::test]
async fn offline_access_leaves_the_browser_behind() {
    let stage = shop(|realm| {
        realm["users"][0]["realmRoles"] = json!(["customer", "offline_access"]);
    })
    .await;
    let answer = answered(&stage, "app", &[("scope", "openid offline_access")]).await;
    let reply = exchange(&stage, &parameter(&answer, "code"), &[])
        .await
        .is(200);
    let token = reply.member("refresh_token");
    assert_eq!(claims(&token)["typ"], "Offline");
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let id = claviger_model::SessionId::new(parameter(&answer, "session_state"));
    let of = |kind| stage.app.store.user_session(&realm.id, kind, &id);
    assert!(
        of(SessionKind::Online).await.unwrap().is_none(),
        "it began for offline access alone"
    );
    assert!(of(SessionKind::Offline).await.unwrap().is_some());
    stage.wait(Seconds(86_400));
    refresh(&stage, &token).await.is(200);
}

#[tokio::test]
async fn offline_access_without_the_right_to_it_is_refused() {
    let stage = shop(|realm| {
        realm["defaultRoles"] = json!([]);
        realm["users"][0]["realmRoles"] = json!(["customer"]);
        realm["roles"]["realm"] = json!([{"name": "customer"}, {"name": "offline_access"}]);
    })
    .await;
    let code = code(&stage, &[("scope", "openid offline_access")]).await;
    let reply = exchange(&stage, &code, &[]).await.is(400);
    let text = "Offline tokens not allowed for the user or client";
    reply.says("not_allowed", text);
}

#[tokio::test]
async fn tokens_in_the_browser_are_bound_to_what_came_with_them() {
    let stage = shop(|realm| realm["clients"][0]["implicitFlowEnabled"] = json!(true)).await;
    let asked = |kind| [("response_type", kind), ("nonce", "n"), ("state", "s")];
    let cases = [
        ("id_token", [false, false, true]),
        ("id_token token", [true, false, true]),
        ("code id_token", [false, true, true]),
        ("code id_token token", [true, true, true]),
    ];
    for (kind, hashes) in cases {
        let answer = answered(&stage, "app", &asked(kind)).await;
        let id = claims(&parameter(&answer, "id_token"));
        let found = ["at_hash", "c_hash", "s_hash"].map(|name| id[name].is_string());
        assert_eq!(found, hashes, "{kind}");
        assert_eq!(id["nonce"], "n");
        for (name, wanted) in [("access_token", hashes[0]), ("code", hashes[1])] {
            let is_there = answer.iter().any(|(known, _)| known == name);
            assert_eq!(is_there, wanted, "{kind}: {name}");
        }
    }
    let names = |answer: &[(String, String)]| -> Vec<String> {
        answer.iter().map(|(name, _)| name.clone()).collect()
    };
    let token = answered(&stage, "app", &asked("token")).await;
    let expected = [
        "state",
        "session_state",
        "iss",
        "access_token",
        "token_type",
        "expires_in",
    ];
    assert_eq!(names(&token), expected);
    assert_eq!(
        parameter(&token, "expires_in"),
        "900",
        "as the implicit flow has it"
    );
    let access = claims(&parameter(&token, "access_token"));
    assert!(
        access["jti"].as_str().unwrap().starts_with("onrtna:"),
        "{access}"
    );
    let none = answered(&stage, "app", &asked("none")).await;
    assert_eq!(names(&none), ["state", "session_state", "iss"]);
}

/// JARM §2: the answer is one token for the client, of which nothing can be taken away.
#[tokio::test]
async fn an_answer_can_be_one_signed_token() {
    let stage = shop(|_| {}).await;
    let answer = answered(&stage, "app", &[("response_mode", "jwt"), ("state", "s")]).await;
    let [(name, token)] = answer.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!(name, "response");
    let claims = claims(token);
    assert_eq!(claims["aud"], "app");
    assert_eq!(claims["iss"], "http://localhost/realms/shop");
    assert_eq!(claims["state"], "s");
    let code = claims["code"].as_str().unwrap().to_owned();
    exchange(&stage, &code, &[]).await.is(200);
}

#[tokio::test]
async fn codes_need_the_client_to_prove_itself() {
    let stage = shop(|_| {}).await;
    let answer = answered(&stage, "web", &[]).await;
    let code = parameter(&answer, "code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CB),
    ];
    let call = |password: &str| {
        let call = stage.call(Method::POST, &oidc("token")).form(&form);
        call.basic("web", password).send()
    };
    call("guess").await.is(401);
    // A client that was not let in has not used the code up.
    call("web-secret").await.is(200);
}
