//! Codes at the token endpoint: good once, for one client, with what they were bound to.

use axum::http::Method;
use claviger_model::Seconds;
use claviger_model::session::SessionKind;
use claviger_store::Tx;
use serde_json::json;

use crate::answered::{CB, CHALLENGE, VERIFIER, answered, claims, code, exchange, parameter, shop};
use crate::world::{oidc, refresh, userinfo};

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

/// Parameters, by name.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// OpenID Connect Core §3.1.3.2 and RFC 6749 §4.1.3: what a code has to come with.
#[tokio::test]
async fn a_code_is_refused_to_whoever_it_was_not_issued_to() {
    let stage = shop(|_| {}).await;
    let cases: [(Pairs<'_>, Pairs<'_>, &str); 9] = [
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

/// Whoever has one half of somebody's code signs in as nobody with it, and ends nothing.
#[tokio::test]
async fn cve_2023_0264_parts_of_two_codes_are_no_code() {
    let stage = shop(|_| {}).await;
    let (one, other) = (code(&stage, &[]).await, code(&stage, &[]).await);
    let (own, foreign) = (one.split_once('.').unwrap(), other.split_once('.').unwrap());
    let session = foreign.1.split('.').next().unwrap();
    let client = own.1.split('.').nth(1).unwrap();
    for mixed in [
        format!("{}.{}", own.0, foreign.1),
        format!("{}.{session}.{client}", own.0),
        format!(
            "{}.{}.other-client",
            own.0,
            own.1.split('.').next().unwrap()
        ),
    ] {
        let reply = exchange(&stage, &mixed, &[]).await.is(400);
        reply.says("invalid_grant", "Code not valid");
    }
    for good in [one, other] {
        exchange(&stage, &good, &[]).await.is(200);
    }
}
