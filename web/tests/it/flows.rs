//! Flows that administrators made: conditions, levels, limits, overrides.

use claviger_engine::login::Asks;
use claviger_model::Seconds;
use serde_json::{Value, json};

use crate::second::{code, with_generator};
use crate::world::{Visitor, realm, shop, stage};

const PASSWORD: [(&str, &str); 1] = [("password", "wonderland")];

/// A step that asks.
pub fn ask(authenticator: &str, requirement: &str, config: &str) -> Value {
    let mut step = json!({"authenticator": authenticator, "requirement": requirement});
    if !config.is_empty() {
        step["authenticatorConfig"] = json!(config);
    }
    step
}

/// A step that goes through another flow.
pub fn go(alias: &str, requirement: &str) -> Value {
    json!({"authenticatorFlow": true, "flowAlias": alias, "requirement": requirement})
}

/// Adds a flow to a realm file, and its steps in this order.
pub fn add(file: &mut Value, alias: &str, is_top: bool, mut steps: Vec<Value>) {
    for (index, step) in steps.iter_mut().enumerate() {
        step["priority"] = json!(index);
    }
    let flow = json!({
        "id": format!("{alias}-id"), "alias": alias, "providerId": "basic-flow",
        "topLevel": is_top, "builtIn": false, "authenticationExecutions": steps,
    });
    let flows = file.as_object_mut().unwrap();
    let flows = flows
        .entry("authenticationFlows")
        .or_insert_with(|| json!([]));
    flows.as_array_mut().unwrap().push(flow);
}

/// Adds settings of a step.
pub fn configure(file: &mut Value, alias: &str, settings: &Value) {
    let all = file.as_object_mut().unwrap();
    let all = all
        .entry("authenticatorConfig")
        .or_insert_with(|| json!([]));
    let config = json!({"id": format!("{alias}-id"), "alias": alias, "config": settings});
    all.as_array_mut().unwrap().push(config);
}

/// A realm whose browser flow is the cookie, or the password and then `extra` under conditions.
fn guarded(conditions: Vec<Value>, extra: Value) -> Value {
    let mut file = realm();
    add(
        &mut file,
        "mine",
        true,
        vec![
            ask("auth-cookie", "ALTERNATIVE", ""),
            go("mine forms", "ALTERNATIVE"),
        ],
    );
    add(
        &mut file,
        "mine forms",
        false,
        vec![
            ask("auth-username-password-form", "REQUIRED", ""),
            go("mine extra", "CONDITIONAL"),
        ],
    );
    let mut steps = conditions;
    steps.push(extra);
    add(&mut file, "mine extra", false, steps);
    file["browserFlow"] = json!("mine");
    file
}

/// Whether somebody gets through a flow where access is denied to those for whom conditions hold.
async fn gets_in(file: Value, name: &str) -> bool {
    let mut visitor = Visitor::new(&stage(file).await);
    let got = visitor.sign_in("app", name, "wonderland").await;
    assert!(
        got.has_code() || got.status == 401,
        "{} {}",
        got.status,
        got.html
    );
    got.has_code()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table is as long as its cases")]
async fn conditions_decide_whom_a_flow_is_for() {
    let deny = || ask("deny-access-authenticator", "REQUIRED", "");
    let cases = [
        (
            "conditional-user-role",
            json!({"condUserRole": "customer"}),
            false,
        ),
        (
            "conditional-user-role",
            json!({"condUserRole": "customer", "negate": "true"}),
            true,
        ),
        (
            "conditional-user-role",
            json!({"condUserRole": "nobody"}),
            true,
        ),
        (
            "conditional-user-attribute",
            json!({"attribute_name": "shelf", "attribute_expected_value": "a.*", "regex": "true"}),
            false,
        ),
        (
            "conditional-user-attribute",
            json!({"attribute_name": "shelf", "attribute_expected_value": "a"}),
            true,
        ),
        (
            "conditional-user-attribute",
            json!({"attribute_name": "shelf", "attribute_expected_value": "a", "not": "true"}),
            false,
        ),
        (
            "conditional-client-scope",
            json!({"client_scope": "email"}),
            false,
        ),
        (
            "conditional-client-scope",
            json!({"client_scope": "phone"}),
            true,
        ),
        (
            "conditional-credential",
            json!({"credentials": "password##otp", "included": "true"}),
            false,
        ),
        (
            "conditional-credential",
            json!({"credentials": "otp", "included": "true"}),
            true,
        ),
        (
            "conditional-sub-flow-executed",
            json!({"flow_to_check": "mine forms", "check_result": "executed"}),
            true,
        ),
        (
            "conditional-sub-flow-executed",
            json!({"flow_to_check": "mine forms", "check_result": "not-executed"}),
            false,
        ),
    ];
    for (condition, settings, passes) in cases {
        let mut file = guarded(vec![ask(condition, "REQUIRED", "when")], deny());
        configure(&mut file, "when", &settings);
        file["users"][0]["attributes"] = json!({"shelf": ["abc"]});
        file["users"][0]["realmRoles"] = json!(["customer"]);
        assert_eq!(
            gets_in(file, "alice").await,
            passes,
            "{condition} {settings}"
        );
    }
}

#[tokio::test]
async fn a_step_of_another_kind_lets_nobody_through() {
    let file = guarded(
        vec![ask("conditional-user-configured", "REQUIRED", "")],
        ask("kiosk", "REQUIRED", ""),
    );
    let mut alice = Visitor::new(&stage(file).await);
    alice.sign_in("app", "alice", "wonderland").await.is(400);
    assert!(alice.sessions_of("alice").await.is_empty());
}

#[tokio::test]
async fn a_client_may_have_a_flow_of_its_own() {
    let mut file = realm();
    add(
        &mut file,
        "two pages",
        true,
        vec![
            ask("auth-username-form", "REQUIRED", ""),
            ask("auth-password-form", "REQUIRED", ""),
        ],
    );
    file["clients"][1]["authenticationFlowBindingOverrides"] = json!({"browser": "two pages-id"});
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    alice
        .begin("app", Asks::default())
        .await
        .says("name=\"password\"");
    let page = alice.begin("web", Asks::default()).await.is(200);
    assert!(!page.html.contains("name=\"password\""));
    let nobody = alice
        .post(&page.action(), &[("username", "nobody")])
        .await
        .warns();
    let page = alice
        .post(&nobody.action(), &[("username", "alice")])
        .await
        .is(200);
    let page = page.says("name=\"password\"").says("kc-attempted-username");
    let wrong = alice
        .post(&page.action(), &[("password", "guess")])
        .await
        .warns();
    assert!(alice.post(&wrong.action(), &PASSWORD).await.has_code());
}

#[tokio::test]
async fn another_way_may_be_chosen_among_those_that_the_user_has() {
    let mut file = with_generator();
    add(
        &mut file,
        "either",
        true,
        vec![
            ask("auth-username-form", "REQUIRED", ""),
            go("either one", "REQUIRED"),
        ],
    );
    add(
        &mut file,
        "either one",
        false,
        vec![
            ask("auth-password-form", "ALTERNATIVE", ""),
            ask("auth-otp-form", "ALTERNATIVE", ""),
            ask("webauthn-authenticator", "ALTERNATIVE", ""),
        ],
    );
    file["browserFlow"] = json!("either");
    let stage = stage(file).await;
    let mut alice = Visitor::new(&stage);
    let page = alice.begin("app", Asks::default()).await;
    let page = alice.post(&page.action(), &[("username", "alice")]).await;
    let page = page.says("name=\"password\"");
    let choice = alice.post(&page.action(), &[("tryAnotherWay", "on")]).await;
    let choice = choice.is(200).says("kc-select-credential-form");
    let ways: Vec<&str> = choice
        .html
        .split("name=\"authenticationExecution\" value=\"")
        .collect();
    assert_eq!(ways.len(), 3, "two ways: {}", choice.html);
    let otp = ways[2].split('"').next().unwrap();
    let page = alice
        .post(&choice.action(), &[("authenticationExecution", otp)])
        .await
        .is(200)
        .says("kc-otp-login-form");
    let right = code(&alice);
    assert!(
        alice
            .post(&page.action(), &[("otp", &right)])
            .await
            .has_code()
    );
    // A way that is not offered is none.
    let mut bob = Visitor::new(&stage);
    let page = bob.begin("app", Asks::default()).await;
    let page = bob.post(&page.action(), &[("username", "bob")]).await;
    let form = [("authenticationExecution", otp)];
    let got = bob.post(&page.action(), &form).await;
    assert!(!got.html.contains("kc-otp-login-form") && !got.has_code());
}

/// A browser flow of two levels: the password, and the one-time code above it.
fn two_levels() -> Value {
    let mut file = with_generator();
    add(
        &mut file,
        "levels",
        true,
        vec![
            ask("auth-cookie", "ALTERNATIVE", ""),
            go("climb", "ALTERNATIVE"),
        ],
    );
    add(
        &mut file,
        "climb",
        false,
        vec![go("low", "CONDITIONAL"), go("high", "CONDITIONAL")],
    );
    for (alias, level, age, step) in [
        ("low", "1", "36000", "auth-username-password-form"),
        ("high", "2", "60", "auth-otp-form"),
    ] {
        let config = format!("level {level}");
        add(
            &mut file,
            alias,
            false,
            vec![
                ask("conditional-level-of-authentication", "REQUIRED", &config),
                ask(step, "REQUIRED", ""),
            ],
        );
        let settings = json!({"loa-condition-level": level, "loa-max-age": age});
        configure(&mut file, &config, &settings);
    }
    file["browserFlow"] = json!("levels");
    file
}

fn level(wanted: i32) -> Asks {
    Asks {
        level: Some(wanted),
        ..Asks::default()
    }
}

#[tokio::test]
async fn cve_2023_3597_a_higher_level_is_reached_by_its_own_step_and_for_its_time() {
    let stage = stage(two_levels()).await;
    let mut alice = Visitor::new(&stage);
    let page = alice.begin("app", level(1)).await;
    let form = [("username", "alice"), PASSWORD[0]];
    assert!(alice.post(&page.action(), &form).await.has_code());
    assert!(alice.clone().begin("web", level(1)).await.has_code());
    let page = alice
        .begin("web", level(2))
        .await
        .is(200)
        .says("kc-otp-login-form");
    let passive = Asks {
        prompt: Some("none".into()),
        ..level(2)
    };
    let refused = alice.clone().begin("web", passive).await;
    assert_eq!(
        refused.parameter("error").as_deref(),
        Some("login_required")
    );
    let right = code(&alice);
    assert!(
        alice
            .post(&page.action(), &[("otp", &right)])
            .await
            .has_code()
    );
    assert!(alice.clone().begin("app", level(2)).await.has_code());
    stage.wait(Seconds(61));
    alice
        .begin("app", level(2))
        .await
        .is(200)
        .says("kc-otp-login-form");
    assert!(alice.begin("app", level(1)).await.has_code());
    assert_eq!(alice.sessions_of("alice").await.len(), 1);
}

#[tokio::test]
async fn name_and_password_may_come_in_the_header() {
    let mut file = realm();
    add(
        &mut file,
        "header",
        true,
        vec![ask("http-basic-authenticator", "REQUIRED", "")],
    );
    file["clients"][0]["authenticationFlowBindingOverrides"] = json!({"browser": "header-id"});
    let stage = stage(file).await;
    let header = |text: &str| claviger_crypto::encoding::base64(text.as_bytes());
    for (pair, status) in [
        ("alice:guess", 401),
        ("nobody:x", 401),
        ("alice:wonderland", 302),
    ] {
        let mut caller = Visitor::new(&stage);
        caller.authorization = Some(format!("Basic {}", header(pair)));
        let got = caller.begin("app", Asks::default()).await.is(status);
        assert_eq!(got.has_code(), status == 302, "{pair}");
    }
    let mut nobody = Visitor::new(&shop().await);
    nobody.begin("app", Asks::default()).await.is(200);
}
