//! Flows and required actions as administrators change them, over HTTP.

use claviger_testkit::Reply;
use serde_json::{Value, json};

use crate::world::{Shop, open};

/// The id behind the address of what was made.
fn made(reply: Reply) -> String {
    let reply = reply.is(201);
    let id = reply
        .header("location")
        .rsplit_once('/')
        .map(|(_, id)| id.to_owned());
    id.expect("an id")
}

/// A flow of one's own that asks for name and password at once, and is no realm's yet.
async fn own_flow(shop: &Shop) -> String {
    let flow = json!({"alias": "mine", "providerId": "basic-flow", "topLevel": true});
    let id = made(shop.post("/authentication/flows", &flow).await);
    let step = json!({"provider": "auth-username-password-form"});
    shop.post("/authentication/flows/mine/executions/execution", &step)
        .await
        .is(201);
    id
}

/// The names of a flow's steps, in their order.
async fn names(shop: &Shop, flow: &str) -> Vec<String> {
    let path = format!("/authentication/flows/{flow}/executions");
    let steps = shop.get(&path).await.is(200).json();
    let name = |step: &Value| step["displayName"].as_str().unwrap().to_owned();
    steps.as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn a_flow_in_use_stays_and_keeps_its_users_under_a_new_name() {
    let shop = open().await;
    let id = own_flow(&shop).await;
    shop.put("", &json!({"browserFlow": "mine"})).await.is(204);
    let path = format!("/authentication/flows/{id}");
    let refused = shop.delete(&path).await.is(409);
    assert_eq!(refused.member("errorMessage"), "The flow 'mine' is in use");
    let renamed = json!({"alias": "ours"});
    shop.put(&path, &renamed).await.is(204);
    assert_eq!(shop.get("").await.json()["browserFlow"], "ours");
    let flow = shop.get(&path).await.is(200).json();
    assert_eq!(
        (&flow["topLevel"], &flow["description"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(
        flow["authenticationExecutions"].as_array().unwrap().len(),
        1
    );
    shop.put("", &json!({"browserFlow": "browser"}))
        .await
        .is(204);
    let client = shop.get("/clients?clientId=app").await.json()[0].clone();
    let client = format!("/clients/{}", client["id"].as_str().unwrap());
    let bound = json!({"clientId": "app", "authenticationFlowBindingOverrides": {"browser": id}});
    shop.put(&client, &bound).await.is(204);
    shop.delete(&path).await.is(409);
    // Clients name what they have nothing for, too.
    let partly = json!({"clientId": "partly", "authenticationFlowBindingOverrides": {
        "browser": id, "direct_grant": null, "other": " "}});
    shop.post("/clients", &partly).await.is(201);
    let made = shop.get("/clients?clientId=partly").await.json()[0].clone();
    let kept = &made["authenticationFlowBindingOverrides"];
    assert_eq!(kept, &json!({"browser": id}));
    let made = format!("/clients/{}", made["id"].as_str().unwrap());
    shop.delete(&made).await.is(204);
    let free = json!({"clientId": "app", "authenticationFlowBindingOverrides": {"browser": ""}});
    shop.put(&client, &free).await.is(204);
    shop.delete(&path).await.is(204);
    shop.delete(&path).await.is(404);
}

#[tokio::test]
async fn what_makes_no_sense_of_a_flow_is_refused_and_changes_nothing() {
    let shop = open().await;
    let id = own_flow(&shop).await;
    let steps = "/authentication/flows/mine/executions";
    let (step, flow) = (format!("{steps}/execution"), format!("{steps}/flow"));
    let before = shop.get("/authentication/flows").await.json();
    let circle = json!({
        "parentFlow": id, "flowId": id, "authenticatorFlow": true, "requirement": "REQUIRED",
    });
    let long = "x".repeat(256);
    for (path, body) in [
        ("/authentication/flows", json!({"alias": "x"})),
        (
            "/authentication/flows",
            json!({"alias": "x", "providerId": "odd"}),
        ),
        (
            "/authentication/flows",
            json!({"alias": long, "providerId": "basic-flow"}),
        ),
        (
            "/authentication/flows",
            json!({"alias": "x", "id": long, "providerId": "basic-flow"}),
        ),
        ("/authentication/flows/mine/copy", json!({})),
        ("/authentication/flows/mine/copy", json!([])),
        (
            step.as_str(),
            json!({"provider": "auth-cookie", "priority": "first"}),
        ),
        (
            step.as_str(),
            json!({"provider": "auth-cookie", "priority": 1e30}),
        ),
        (flow.as_str(), json!({"alias": "x"})),
        (flow.as_str(), json!({"alias": "x", "type": "odd"})),
        (flow.as_str(), json!({"type": "basic-flow"})),
        (
            flow.as_str(),
            json!({"alias": "x", "type": "form-flow", "provider": "odd"}),
        ),
        ("/authentication/executions", circle),
        (
            "/authentication/executions",
            json!({"parentFlow": id, "authenticator": "auth-cookie"}),
        ),
    ] {
        let reply = shop.post(path, &body).await;
        assert_eq!(reply.status, 400, "{path} {body}");
    }
    let execution = shop.get(steps).await.json()[0]["id"].clone();
    let odd = json!({"id": execution, "requirement": "PERHAPS"});
    shop.put(steps, &odd).await.is(400);
    assert_eq!(shop.get("/authentication/flows").await.json(), before);
}

/// Each reads the flow, adds its step and writes it: without care the slower one takes the other's away.
#[tokio::test]
async fn steps_that_are_added_at_the_same_time_are_all_there() {
    let shop = open().await;
    own_flow(&shop).await;
    let add = async |provider: &str| {
        let path = "/authentication/flows/mine/executions/execution";
        shop.post(path, &json!({"provider": provider}))
            .await
            .is(201);
    };
    tokio::join!(
        add("auth-cookie"),
        add("auth-otp-form"),
        add("deny-access-authenticator"),
        add("user-session-limits"),
    );
    let mut names = names(&shop, "mine").await;
    names.sort();
    let expected = [
        "Cookie",
        "Deny access",
        "OTP Form",
        "User session count limiter",
        "Username Password Form",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn settings_are_shown_without_secrets_and_keep_what_is_sent_back_masked() {
    let shop = open().await;
    own_flow(&shop).await;
    let step = json!({"provider": "identity-provider-redirector"});
    let add = "/authentication/flows/mine/executions/execution";
    let step = made(shop.post(add, &step).await);
    let settings =
        json!({"alias": "hint", "config": {"defaultProvider": "partner", "own": "s3cret"}});
    let path = format!("/authentication/executions/{step}/config");
    let config = made(shop.post(&path, &settings).await);
    let path = format!("/authentication/config/{config}");
    let shown = shop.get(&path).await.is(200).json();
    let masked = json!({"defaultProvider": "partner", "own": "**********"});
    assert_eq!(shown["config"], masked);
    shop.put(&path, &shown).await.is(204);
    let stage = &shop.stage;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let kind = claviger_wire::document::Kind::AuthenticatorConfig;
    let kept = stage
        .app
        .store
        .document(&realm.id, kind, &config)
        .await
        .unwrap();
    assert_eq!(kept.unwrap().body["config"]["own"], "s3cret");
    let events = shop.get("/admin-events").await.is(200).text();
    assert!(!events.contains("s3cret"));
    let taken = json!({"alias": "review profile config"});
    shop.put(&path, &taken).await.is(409);
}

#[tokio::test]
async fn another_realms_flows_and_actions_are_out_of_reach() {
    let shop = open().await;
    let id = own_flow(&shop).await;
    let path = format!("/admin/realms/master/authentication/flows/{id}");
    shop.get_absolute(&path).await.is(404);
    let owner = shop.administered_by("owner").await;
    let path = "/admin/realms/master/authentication/required-actions";
    owner.get_absolute(path).await.is(403);
}

#[tokio::test]
async fn an_action_keeps_its_name_where_none_is_sent_and_takes_no_other_s() {
    let shop = open().await;
    let path = "/authentication/required-actions/UPDATE_PROFILE";
    shop.put(path, &json!({"enabled": true})).await.is(204);
    assert_eq!(
        shop.get(path).await.is(200).json()["alias"],
        "UPDATE_PROFILE"
    );
    let taken = json!({"alias": "UPDATE_PASSWORD", "enabled": true});
    shop.put(path, &taken).await.is(409);
    let default = json!({"alias": "UPDATE_PROFILE", "enabled": true, "defaultAction": true});
    shop.put(path, &default).await.is(204);
    shop.post("/users", &json!({"username": "newcomer"}))
        .await
        .is(201);
    let users = shop.get("/users?username=newcomer").await.json();
    assert_eq!(users[0]["requiredActions"], json!(["UPDATE_PROFILE"]));
}
