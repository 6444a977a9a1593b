//! Direct grant flows that administrators made.

use claviger_testkit::Stage;
use serde_json::{Value, json};

use crate::world::{alice, realm};

/// The shop with a direct grant flow of these steps, and another that asks for the password below it.
async fn shop(steps: Value) -> Stage {
    limited(steps, json!({})).await
}

/// The same with settings that a step may have.
async fn limited(steps: Value, settings: Value) -> Stage {
    let mut file = realm();
    file["authenticatorConfig"] = json!([{"id": "s", "alias": "settings", "config": settings}]);
    let flow = |alias: &str, is_top: bool, steps: Value| {
        json!({
            "id": format!("{alias}-id"), "alias": alias, "providerId": "basic-flow",
            "topLevel": is_top, "builtIn": false, "authenticationExecutions": steps,
        })
    };
    let password = ask("direct-grant-validate-password", 1);
    file["authenticationFlows"] = json!([
        flow("mine", true, steps),
        flow("secret", false, json!([password])),
    ]);
    file["directGrantFlow"] = json!("mine");
    let stage = Stage::open(claviger_oidc::router()).await;
    stage.import(file).await;
    stage
}

fn ask(authenticator: &str, priority: i64) -> Value {
    json!({"authenticator": authenticator, "requirement": "REQUIRED", "priority": priority})
}

#[tokio::test]
async fn a_flow_that_proves_nothing_lets_nobody_in() {
    let name = || ask("direct-grant-validate-username", 1);
    let cases = [
        (json!([name()]), 400),
        (json!([]), 400),
        (json!([name(), ask("kiosk", 2)]), 400),
        (json!([name(), ask("deny-access-authenticator", 2)]), 401),
        (json!([name(), ask("allow-access-authenticator", 2)]), 400),
        (json!([ask("direct-grant-validate-password", 1)]), 400),
        (json!([name(), ask("direct-grant-validate-otp", 2)]), 400),
        (
            json!([name(), {
                "authenticatorFlow": true, "flowAlias": "secret", "requirement": "REQUIRED",
                "priority": 2,
            }]),
            200,
        ),
    ];
    for (steps, status) in cases {
        let stage = shop(steps.clone()).await;
        let form = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "wonderland"),
        ];
        let path = crate::world::oidc("token");
        let reply = stage.post(&path, &form).await;
        assert_eq!(reply.status.as_u16(), status, "{steps} {}", reply.text());
        if status == 200 {
            alice(&stage).await;
            let guess = [form[0], form[1], form[2], ("password", "guess")];
            stage.post(&path, &guess).await.is(400);
        }
    }
}

#[tokio::test]
async fn sessions_are_limited_without_pages_too() {
    let steps = || {
        let mut limits = ask("user-session-limits", 3);
        limits["authenticatorConfig"] = json!("settings");
        json!([
            ask("direct-grant-validate-username", 1),
            ask("direct-grant-validate-password", 2),
            limits,
        ])
    };
    let form = |client: &'static str, password: &'static str| {
        [
            ("grant_type", "password"),
            ("client_id", client),
            ("username", "alice"),
            ("password", password),
        ]
    };
    let path = crate::world::oidc("token");
    let deny = json!({"behavior": "Deny new session", "userRealmLimit": "1"});
    let stage = limited(steps(), deny).await;
    let first = stage.post(&path, &form("app", "wonderland")).await.is(200);
    let second = stage.post(&path, &form("app", "wonderland")).await.is(403);
    second.says("access_denied", "There are too many sessions");
    // Who guesses learns nothing of sessions.
    let guess = stage.post(&path, &form("app", "guess")).await.is(400);
    guess.says("invalid_grant", "Invalid user credentials");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", &*first.member("refresh_token")),
    ];
    stage.post(&path, &refresh).await.is(200);
    let end = json!({"behavior": "Terminate oldest session", "userRealmLimit": "1"});
    let stage = limited(steps(), end).await;
    let first = stage.post(&path, &form("app", "wonderland")).await.is(200);
    let second = stage.post(&path, &form("app", "wonderland")).await.is(200);
    for (reply, status) in [(first, 400), (second, 200)] {
        let token = reply.member("refresh_token");
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", &*token),
        ];
        stage.post(&path, &form).await.is(status);
    }
    let stage = limited(steps(), json!({"userRealmLimit": "1"})).await;
    stage.post(&path, &form("app", "wonderland")).await.is(200);
    stage.post(&path, &form("app", "wonderland")).await.is(400);
}

/// However the right password came, whoever has something to do first gets no tokens by it.
#[tokio::test]
async fn nobody_gets_tokens_by_a_password_before_everything_asked_is_done() {
    let form = |scope: &'static str| {
        [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", scope),
        ]
    };
    let path = crate::world::oidc("token");
    for action in [
        "CONFIGURE_TOTP",
        "UPDATE_PASSWORD",
        "UPDATE_PROFILE",
        "VERIFY_EMAIL",
        "CONFIGURE_RECOVERY_AUTHN_CODES",
        "webauthn-register",
        "webauthn-register-passwordless",
    ] {
        let mut file = realm();
        file["users"][0]["requiredActions"] = json!([action]);
        let stage = Stage::open(claviger_oidc::router()).await;
        stage.import(file).await;
        for scope in ["openid", "offline_access"] {
            let refused = stage.post(&path, &form(scope)).await.is(400);
            refused.says("invalid_grant", "Account is not fully set up");
        }
        let realm = stage.app.realm("shop").await.unwrap().unwrap();
        let rows = stage.app.store.count_rows(&realm.id).await.unwrap();
        let kept = rows.iter().find(|(table, _)| *table == "user_session");
        assert_eq!(kept.unwrap().1, 0, "{action}");
    }
}
