//! The gate for proxies: who passes, what is told of them, and that nothing of the caller widens it.

use axum::http::Method;
use claviger_model::Seconds;
use claviger_testkit::{Call, Reply, Stage};
use serde_json::json;

use crate::world::{alice_at_web, oidc, realm};

const GATE: &str = "/realms/shop/gate";

async fn opened() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut file = realm();
    file["attributes"] = json!({"gateway.check.enabled": "true"});
    file["clients"][1]["protocolMappers"] = json!([{
        "name": "audience", "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": "api", "access.token.claim": "true"},
    }]);
    file["users"][0]["username"] = json!("älice, x");
    stage.import(file).await;
    stage
}

async fn signed_in(stage: &Stage) -> Reply {
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("username", "älice, x"),
        ("password", "wonderland"),
        ("scope", "openid email"),
    ];
    stage.post(&oidc("token"), &form).await.is(200)
}

fn asked(stage: &Stage, method: Method, path: &str, token: &str) -> Call {
    stage.call(method, path).bearer(token)
}

#[tokio::test]
async fn whoever_passes_is_told_of_in_headers() {
    let stage = opened().await;
    let tokens = signed_in(&stage).await;
    let access = tokens.member("access_token");
    for method in [Method::GET, Method::POST, Method::DELETE, Method::HEAD] {
        for path in [
            GATE,
            "/auth/realms/shop/gate",
            "/realms/shop/gate/orders/7?audience=x",
        ] {
            if path.starts_with("/auth") {
                // Another address is another issuer: see the help of the refusal.
                continue;
            }
            let passed = asked(&stage, method.clone(), path, &access)
                .send()
                .await
                .is(200);
            assert_eq!(passed.header("x-auth-username"), "%C3%A4lice%2C x");
            assert_eq!(passed.header("x-auth-client"), "web");
            assert_eq!(
                passed.header("x-auth-session"),
                tokens.member("session_state")
            );
            assert_eq!(passed.header("x-auth-email"), "alice@shop.example");
            assert!(
                passed
                    .header("x-auth-scope")
                    .split(' ')
                    .any(|word| word == "openid")
            );
            assert!(
                passed
                    .header("x-auth-roles")
                    .split(',')
                    .any(|role| role == "customer")
            );
            assert_eq!(passed.header("x-auth-subject").len(), 36);
            assert_eq!(passed.header("cache-control"), "no-store");
            assert!(passed.body.is_empty());
        }
    }
}

/// A proxy that copies headers must not let one of the caller's own stand.
#[tokio::test]
async fn every_header_is_there_even_if_nothing_is_known() {
    let stage = opened().await;
    let form = [("grant_type", "client_credentials")];
    let call = stage.call(Method::POST, &oidc("token"));
    let token = call
        .basic("web", "web-secret")
        .form(&form)
        .send()
        .await
        .is(200);
    let passed = asked(&stage, Method::GET, GATE, &token.member("access_token"));
    let passed = passed.send().await.is(200);
    for name in [
        "subject", "username", "email", "client", "scope", "session", "roles",
    ] {
        let name = format!("x-auth-{name}");
        assert!(passed.headers.contains_key(&name), "{name}");
    }
    assert_eq!(passed.header("x-auth-session"), "");
    assert_eq!(passed.header("x-auth-email"), "");
}

#[tokio::test]
async fn all_conditions_must_hold_wherever_they_come_from() {
    let stage = opened().await;
    let access = signed_in(&stage).await.member("access_token");
    for (query, headers, status) in [
        ("?audience=api", vec![], 200),
        ("?audience=other", vec![], 401),
        ("?audience=api&audience=other", vec![], 401),
        ("?audience=other", vec![("x-gate-audience", "api")], 401),
        ("?audience=api", vec![("x-gate-audience", "other")], 401),
        ("", vec![("x-gate-audience", "api")], 200),
        (
            "",
            vec![("x-gate-audience", "api"), ("x-gate-audience", "other")],
            401,
        ),
        ("", vec![("x-gate-audience", "api, other")], 401),
        ("?client_id=web", vec![], 200),
        ("?client_id=app", vec![], 401),
        ("?client_id=web", vec![("x-gate-client", "app")], 401),
        ("?scope=email", vec![], 200),
        ("?scope=email%20profile", vec![], 200),
        ("?scope=email%20write", vec![], 403),
        ("?scope=emai", vec![], 403),
        ("?scope=email", vec![("x-gate-scope", "write")], 403),
        // The query of the request in question says nothing here, neither way.
        ("/orders?audience=other&scope=write", vec![], 200),
        (
            "/orders?audience=api",
            vec![("x-gate-audience", "other")],
            401,
        ),
    ] {
        let mut call = asked(&stage, Method::GET, &format!("{GATE}{query}"), &access);
        for (name, value) in &headers {
            call = call.header(name, value);
        }
        let answer = call.send().await;
        assert_eq!(answer.status.as_u16(), status, "{query} {headers:?}");
        let challenge = answer.header("www-authenticate");
        let error = match status {
            401 => "error=\"invalid_token\"",
            403 => "error=\"insufficient_scope\"",
            _ => "",
        };
        assert!(challenge.contains(error), "{query}: {challenge}");
    }
}

#[tokio::test]
async fn what_ended_is_refused_at_the_very_next_request() {
    let stage = opened().await;
    let tokens = signed_in(&stage).await;
    let access = tokens.member("access_token");
    asked(&stage, Method::GET, GATE, &access)
        .send()
        .await
        .is(200);
    let form = [
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("refresh_token", &*tokens.member("refresh_token")),
    ];
    stage.post(&oidc("logout"), &form).await.is(204);
    let refused = asked(&stage, Method::GET, GATE, &access)
        .send()
        .await
        .is(401);
    assert!(refused.header("www-authenticate").contains("invalid_token"));
    assert_eq!(refused.header("x-auth-subject"), "");

    let access = signed_in(&stage).await.member("access_token");
    let call = stage.call(Method::POST, &oidc("revoke"));
    let revoked = call.basic("web", "web-secret").form(&[("token", &access)]);
    revoked.send().await.is(200);
    asked(&stage, Method::GET, GATE, &access)
        .send()
        .await
        .is(401);

    let access = signed_in(&stage).await.member("access_token");
    stage.wait(Seconds(301));
    asked(&stage, Method::GET, GATE, &access)
        .send()
        .await
        .is(401);
}

#[tokio::test]
async fn what_is_no_access_token_of_the_realm_does_not_pass() {
    let stage = opened().await;
    let tokens = signed_in(&stage).await;
    let missing = stage.get(GATE).await.is(401);
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"shop\"");
    for token in [
        tokens.member("refresh_token"),
        tokens.member("id_token"),
        "x.y.z".to_owned(),
        format!("{}x", tokens.member("access_token")),
    ] {
        asked(&stage, Method::GET, GATE, &token)
            .send()
            .await
            .is(401);
    }
    let twice = stage.call(Method::GET, GATE).bearer("a").bearer("b");
    twice.send().await.is(401);
}

#[tokio::test]
async fn the_gate_is_shut_where_it_is_not_switched_on() {
    let stage = crate::world::shop().await;
    let tokens = alice_at_web(&stage).await.is(200);
    let refused = asked(&stage, Method::GET, GATE, &tokens.member("access_token"));
    refused.send().await.is(403);
}

/// Names are what people and administrators choose: none of them ends a header, begins another, or reads
/// like somebody else's.
#[tokio::test]
async fn no_name_reads_like_another_in_the_headers_of_the_gate() {
    let names = [
        "eve\r\nx-auth-roles: admin",
        "%61lice",
        "a,b\"c\\d",
        "\u{202e}ecila",
        "al\u{e9}\u{0}x",
    ];
    let mut file = realm();
    file["attributes"] = json!({"gateway.check.enabled": "true"});
    file["roles"] = json!({
        "realm": [{"name": "api/admin"}, {"name": "a,api/admin"}, {"name": "customer"}],
        "client": {"web": [{"name": "x/y"}, {"name": "editor"}]},
    });
    file["clients"][1]["fullScopeAllowed"] = json!(true);
    file["users"] = json!([]);
    for (number, name) in names.iter().enumerate() {
        // A text that no database takes is refused with the file.
        let name = name.replace('\0', "\u{1}");
        file["users"].as_array_mut().unwrap().push(json!({
            "username": name, "enabled": true, "email": format!("u{number}@shop.example"),
            "firstName": "U", "lastName": "V",
            "realmRoles": ["api/admin", "a,api/admin"], "clientRoles": {"web": ["x/y", "editor"]},
            "credentials": [{"type": "password", "value": "wonderland"}],
        }));
    }
    let stage = Stage::open(claviger_oidc::router()).await;
    stage.import(file).await;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..names.len() {
        let email = format!("u{number}@shop.example");
        let form = [
            ("grant_type", "password"),
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("username", &*email),
            ("password", "wonderland"),
        ];
        let access = stage.post(&oidc("token"), &form).await.is(200);
        let passed = asked(&stage, Method::GET, GATE, &access.member("access_token"));
        let passed = passed.send().await.is(200);
        let raw = passed.headers["x-auth-username"].as_bytes();
        assert!(
            raw.iter().all(|byte| (0x20..0x7f).contains(byte)),
            "{raw:?}"
        );
        assert_ne!(raw, b"alice");
        let back = percent_encoding::percent_decode(raw).decode_utf8().unwrap();
        let user = stage.app.realm("shop").await.unwrap().unwrap();
        let found = stage.app.store.user_by_username(&user.id, &back).await;
        let found = found
            .unwrap()
            .unwrap_or_else(|| panic!("nobody is called {back:?}"));
        assert_eq!(found.email.as_deref(), Some(&*email));
        assert!(seen.insert(raw.to_vec()));
        assert_eq!(passed.headers.get_all("x-auth-roles").iter().count(), 1);
        let mut roles: Vec<String> = passed
            .header("x-auth-roles")
            .split(',')
            .filter(|role| role.contains("admin") || role.contains("web"))
            .map(str::to_owned)
            .collect();
        roles.sort();
        let expected = ["a%2Capi%2Fadmin", "api%2Fadmin", "web/editor", "web/x%2Fy"];
        assert_eq!(roles, expected);
    }
}
