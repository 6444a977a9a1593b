//! What the realm's policies let through.

use std::net::IpAddr;

use axum::http::Method;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use super::{OIDC, OWN, at, minimal};
use crate::world::{Shop, open};

const POLICY: &str = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";

/// Changes the settings of a policy of strangers.
pub async fn set(shop: &Shop, provider: &str, config: &Value) {
    let all = shop
        .get(&format!("/components?type={POLICY}"))
        .await
        .is(200)
        .json();
    let found = all
        .as_array()
        .unwrap()
        .iter()
        .find(|policy| policy["providerId"] == provider && policy["subType"] == "anonymous");
    let mut policy = found.expect("a policy").clone();
    policy["config"] = config.clone();
    let path = format!("/components/{}", policy["id"].as_str().unwrap());
    shop.put(&path, &policy).await.is(204);
}

async fn anonymously(shop: &Shop, path: &str, body: &Value) -> Reply {
    let call = shop.stage.call(Method::POST, path).json(body);
    call.send().await
}

fn rejected(policy: &str, detail: &str) -> String {
    format!("Policy '{policy}' rejected request to client-registration service. Details: {detail}")
}

/// Lets strangers in from this machine, for addresses at `app.example`.
pub async fn let_strangers_in(shop: &Shop) {
    let hosts = json!({"trusted-hosts": ["localhost", "app.example"]});
    set(shop, "trusted-hosts", &hosts).await;
}

#[tokio::test]
async fn strangers_register_nothing_until_they_are_trusted() {
    let shop = open().await;
    let refused = |text: &str| rejected("Trusted Hosts", text);
    anonymously(&shop, OIDC, &minimal())
        .await
        .is(403)
        .says("insufficient_scope", &refused("Host not trusted."));
    let_strangers_in(&shop).await;
    let elsewhere = json!({"redirect_uris": ["https://evilapp.example/cb"]});
    let text = refused("URI doesn't match any trusted host or trusted domain");
    anonymously(&shop, OIDC, &elsewhere)
        .await
        .is(403)
        .says("insufficient_scope", &text);
    let made = anonymously(&shop, OIDC, &minimal()).await.is(201).json();
    let path = format!("/clients?clientId={}", made["client_id"].as_str().unwrap());
    let found = shop.get(&path);
    let client = found.await.is(200).json()[0].clone();
    assert_eq!(client["consentRequired"], true);
    assert_eq!(client["fullScopeAllowed"], false);
    // What the policies made of it, it does not undo.
    let own = made["registration_access_token"].as_str().unwrap();
    let path = format!("{OWN}/{}", made["client_id"].as_str().unwrap());
    for (change, policy, detail) in [
        (
            json!({"consentRequired": false}),
            "Consent Required",
            "Not permitted to update consentRequired to false",
        ),
        (
            json!({"fullScopeAllowed": true}),
            "Full Scope Disabled",
            "Not permitted to enable fullScopeAllowed",
        ),
    ] {
        let mut body = change;
        body["clientId"] = made["client_id"].clone();
        let reply = at(&shop, Method::PUT, &path, own).json(&body).send().await;
        reply
            .is(403)
            .says("insufficient_scope", &rejected(policy, detail));
    }
}

#[tokio::test]
async fn cve_2023_6544_hosts_are_trusted_by_name_and_by_where_they_are() {
    let shop = open().await;
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let network = &shop.stage.network;
    let uris = |hosts: Value| json!({"trusted-hosts": hosts, "client-uris-must-match": ["false"]});
    let may = async |hosts: Value| {
        set(&shop, "trusted-hosts", &uris(hosts)).await;
        let reply = anonymously(&shop, OIDC, &minimal()).await;
        reply.status.as_u16() == 201
    };
    network.host("other.example", "192.0.2.1".parse().unwrap());
    network.host("here.example", here);
    // Whoever owns an address calls it as they please: that alone counts for nothing.
    network.name(here, "trusted.example");
    for (hosts, trusted) in [
        (json!([]), false),
        (json!(["unknown.example"]), false),
        (json!(["other.example"]), false),
        (json!(["*.trusted.example"]), false),
        (json!(["trusted.example"]), false),
        (json!(["*"]), false),
        (json!(["*."]), false),
        (json!(["ocalhost"]), false),
        (json!(["here.example"]), true),
        (json!(["127.0.0.1"]), true),
        (json!(["localhost"]), true),
    ] {
        assert_eq!(may(hosts.clone()).await, trusted, "{hosts}");
    }
}

#[tokio::test]
async fn a_realm_takes_so_many_clients_from_strangers() {
    let shop = open().await;
    let_strangers_in(&shop).await;
    let count = shop.get("/clients").await.json().as_array().unwrap().len();
    set(
        &shop,
        "max-clients",
        &json!({"max-clients": [(count + 1).to_string()]}),
    )
    .await;
    anonymously(&shop, OIDC, &minimal()).await.is(201);
    let text = format!("It's allowed to have max {} clients per realm", count + 1);
    anonymously(&shop, OIDC, &minimal())
        .await
        .is(403)
        .says("insufficient_scope", &rejected("Max Clients Limit", &text));
}

#[tokio::test]
async fn scopes_and_mappers_are_those_that_are_allowed() {
    let shop = open().await;
    let_strangers_in(&shop).await;
    shop.post(
        "/client-scopes",
        &json!({"name": "secret", "protocol": "openid-connect"}),
    )
    .await
    .is(201);
    let mut wished = minimal();
    wished["scope"] = json!("email secret");
    let text = rejected(
        "Allowed Client Scopes",
        "Not permitted to use specified clientScope",
    );
    anonymously(&shop, OIDC, &wished)
        .await
        .is(403)
        .says("insufficient_scope", &text);
    wished["scope"] = json!("email phone");
    anonymously(&shop, OIDC, &wished).await.is(201);
    let mapper = |kind: &str| {
        json!({"redirectUris": ["https://app.example/cb"], "protocolMappers": [{
            "name": "m", "protocol": "openid-connect", "protocolMapper": kind, "config": {}}]})
    };
    let text = rejected(
        "Allowed Protocol Mapper Types",
        "ProtocolMapper type not allowed",
    );
    anonymously(&shop, OWN, &mapper("oidc-hardcoded-role-mapper"))
        .await
        .is(403)
        .says("insufficient_scope", &text);
    anonymously(&shop, OWN, &mapper("oidc-full-name-mapper"))
        .await
        .is(201);
}
