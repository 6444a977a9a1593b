//! The description of the API, as programs read it, and the API held to it.

mod dice;
mod operation;
mod things;

use std::collections::BTreeMap;

use axum::http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use self::dice::Dice;
use self::operation::{Judge, operations};
use self::things::Things;
use crate::world::{Shop, open};

/// Nothing in it is secret, and generators of clients sign in nowhere.
#[tokio::test]
async fn anybody_may_read_the_description() {
    let shop = open().await;
    for path in ["/admin/openapi.json", "/auth/admin/openapi.json"] {
        let reply = shop.stage.call(Method::GET, path).send().await.is(200);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        let document = reply.json();
        assert_eq!(document["openapi"], "3.1.0");
        let server = document["servers"][0]["url"].as_str().unwrap();
        assert!(server.starts_with("http"), "{server}");
        let text = reply.text();
        assert!(!text.contains("shop.example"), "nothing of a realm");
    }
}

/// What is in the table of endpoints is in the description: method by method.
#[tokio::test]
async fn every_endpoint_is_in_the_description() {
    let shop = open().await;
    let document = shop.stage.get("/admin/openapi.json").await.is(200).json();
    let mut described = 0;
    for (method, path) in claviger_rest::endpoints() {
        if path == "/admin/realms/{realm}/{extension}" {
            continue;
        }
        let item = &document["paths"][path.replace("{*", "{")];
        let operation = &item[method.as_str().to_ascii_lowercase()];
        assert!(operation["operationId"].is_string(), "{method} {path}");
        assert!(
            operation["responses"]
                .as_object()
                .is_some_and(|all| !all.is_empty())
        );
        described += 1;
    }
    let operations: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|item| {
            item.as_object()
                .unwrap()
                .values()
                .filter(|value| value.is_object())
                .count()
        })
        .sum();
    assert_eq!(operations, described, "and nothing else");
    assert!(matches!(
        document["components"]["schemas"]["UserRepresentation"],
        Value::Object(_)
    ));
}

/// How many requests each operation gets, unless `CLAVIGER_API_CASES` says otherwise.
const CASES: u64 = 8;
/// How many differences are shown.
const SHOWN: usize = 60;

fn number(variable: &str, usual: u64) -> u64 {
    let said = std::env::var(variable).ok();
    said.map_or(usual, |text| text.parse().expect("a number"))
}

/// The shop once more, if somebody has deleted or renamed it.
async fn restore(shop: &Shop) {
    let found = shop.get("").await;
    if found.status == 200 && found.member("realm") == "shop" {
        return;
    }
    let realms = shop.get_absolute("/admin/realms").await.is(200).json();
    for realm in realms.as_array().unwrap() {
        let name = realm["realm"].as_str().unwrap();
        if !["master", "other"].contains(&name) {
            let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
            shop.at(Method::DELETE, &format!("/admin/realms/{name}"))
                .send()
                .await
                .is(204);
        }
    }
    furnish(shop).await;
}

/// A shop in which each list has something in it, and hashing takes no time.
async fn furnish(shop: &Shop) {
    if shop.get("").await.status != 200 {
        shop.stage.import(crate::world::shop()).await;
    }
    let cheap = json!({"passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)"});
    shop.put("", &cheap).await.is(204);
    shop.sign_in("alice", "wonderland").await.is(200);
}

/// What programs like schemathesis do: requests are made of the description, good ones and bad ones, and
/// whatever is sent, there is an answer that is described.
#[tokio::test]
async fn whatever_is_sent_is_answered_as_described() {
    let seed = number("CLAVIGER_API_SEED", 1);
    let cases = number("CLAVIGER_API_CASES", CASES);
    let shop = open().await;
    shop.stage
        .import(json!({"realm": "other", "enabled": true}))
        .await;
    furnish(&shop).await;
    let shop = shop.of_master("root", "root-password").await;
    let document = shop.stage.get("/admin/openapi.json").await.is(200).json();
    let mut judge = Judge::new(&document);
    let mut things = Things::default();
    let mut faults: BTreeMap<String, String> = BTreeMap::new();
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    for operation in operations(&document) {
        // Each operation has dice of its own: a new one changes nothing about the others.
        let mut dice = Dice::of(seed ^ hash(&operation.name));
        for _ in 0..cases {
            let made = operation
                .make(&shop, &document, &mut things, &mut dice)
                .await;
            let reply = made.send(&shop, &operation.method).await;
            *statuses.entry(reply.status.as_u16()).or_default() += 1;
            if let Some(fault) = judge.fault(&operation, &reply) {
                let fault: String = fault.chars().take(500).collect();
                let key = format!("{} {}", operation.name, reply.status.as_u16());
                let told = format!("{fault}\n    {} {}", operation.method, made.told());
                faults.entry(key).or_insert(told);
            }
            if !operation.reads() {
                things.changed();
                restore(&shop).await;
            }
        }
    }
    println!("answers by status: {statuses:?}");
    let told: Vec<String> = faults
        .iter()
        .map(|(key, told)| format!("{key}: {told}"))
        .collect();
    assert!(
        told.is_empty(),
        "seed {seed}: {} answers are not as described:\n{}",
        told.len(),
        told[..told.len().min(SHOWN)].join("\n")
    );
}

/// Somebody of the shop who may see everything, and nothing else.
async fn viewer(shop: &Shop) -> Shop {
    let made = json!({
        "username": "looks", "enabled": true, "email": "looks@shop.example", "firstName": "L", "lastName": "S",
        "credentials": [{"type": "password", "value": "looks"}],
    });
    let path = shop.make(&made).await;
    let clients = shop
        .get("/clients?clientId=realm-management")
        .await
        .is(200)
        .json();
    let client = clients[0]["id"].as_str().unwrap();
    let roles = shop
        .get(&format!("/clients/{client}/roles"))
        .await
        .is(200)
        .json();
    let views = |role: &&Value| {
        let name = role["name"].as_str().unwrap();
        name.starts_with("view-") || name.starts_with("query-")
    };
    let wanted: Vec<Value> = roles
        .as_array()
        .unwrap()
        .iter()
        .filter(views)
        .cloned()
        .collect();
    assert!(wanted.len() > 8);
    let given = format!("{path}/role-mappings/clients/{client}");
    shop.post(&given, &json!(wanted)).await.is(204);
    shop.administered_by("looks").await
}

/// The same requests by somebody who may only look: nothing that writes succeeds, and nothing is written.
#[tokio::test]
async fn whoever_may_only_look_changes_nothing() {
    let shop = open().await;
    shop.stage
        .import(json!({"realm": "other", "enabled": true}))
        .await;
    furnish(&shop).await;
    let viewer = viewer(&shop).await;
    let shop = shop.of_master("root", "root-password").await;
    let document = shop.stage.get("/admin/openapi.json").await.is(200).json();
    let before = crate::rights::state(&shop).await;
    let mut things = Things::default();
    let mut judge = Judge::new(&document);
    let mut refused = 0;
    for operation in operations(&document)
        .iter()
        .filter(|operation| !operation.reads())
    {
        let mut dice = Dice::of(hash(&operation.name));
        for _ in 0..number("CLAVIGER_API_CASES", CASES).div_ceil(2) {
            let made = operation
                .make(&shop, &document, &mut things, &mut dice)
                .await;
            let reply = made.send(&viewer, &operation.method).await;
            let fault = judge.fault(operation, &reply);
            assert_eq!(fault, None, "{}: {}", operation.name, made.told());
            let status = reply.status.as_u16();
            assert!(
                status >= 400,
                "{}: {status}: {}",
                operation.name,
                made.told()
            );
            refused += u32::from(status == 403);
        }
    }
    assert!(
        refused > 200,
        "most are refused for want of a right: {refused}"
    );
    assert_eq!(crate::rights::state(&shop).await, before);
}

/// FNV-1a: the same in each build.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
