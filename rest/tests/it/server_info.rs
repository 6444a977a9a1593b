//! What the server says of itself, and to whom.

use std::sync::Arc;

use axum::http::Method;
use claviger_engine::App;
use claviger_engine::machine::{Machine, MachineFacts};
use claviger_model::Millis;
use claviger_testkit::{Ground, Stage};
use serde_json::{Value, json};

use crate::world::open;

const PATH: &str = "/admin/serverinfo";

/// A machine that is known.
struct Small;

impl Machine for Small {
    fn facts(&self) -> MachineFacts {
        MachineFacts {
            uptime: Millis(((26 * 60 + 3) * 60 + 4) * 1000 + 5),
            kernel: "6.1".into(),
            processors: 2,
            memory_total: 512 * 1024 * 1024,
            memory_used: 128 * 1024 * 1024,
            themes: vec![("login".into(), "shop".into())],
        }
    }
}

fn small(app: App) -> App {
    app.with_machine(Arc::new(Small)).with_docker()
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|item| item[member].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn who_manages_the_master_realm_learns_on_what_the_server_runs() {
    let router = claviger_rest::router().merge(claviger_oidc::router());
    let stage = Stage::with(Ground::new(), router, small).await;
    let password = claviger_model::Secret::new("x");
    claviger_engine::bootstrap::admin_user(&stage.app, "root", password)
        .await
        .unwrap();
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "root"),
        ("password", "x"),
    ];
    let path = "/realms/master/protocol/openid-connect/token";
    let token = stage.post(path, &form).await.is(200).member("access_token");
    let call = stage.call(Method::GET, PATH).bearer(&token);
    let reply = call.send().await.is(200);
    assert_eq!(reply.header("cache-control"), "no-cache");
    let info = reply.json();
    let system = &info["systemInfo"];
    assert_eq!(system["version"], "26.7.4");
    assert_eq!(system["clavigerVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(system["serverTime"], "Mon Nov 23 00:00:00 UTC 2026");
    assert_eq!(system["uptime"], "1 days, 2 hours, 3 minutes, 4 seconds");
    assert_eq!(info["cpuInfo"], json!({"processorCount": 2}));
    let memory = json!({
        "total": 536_870_912, "totalFormated": "512 MB", "used": 134_217_728,
        "usedFormated": "128 MB", "free": 402_653_184, "freePercentage": 75, "freeFormated": "384 MB",
    });
    assert_eq!(info["memoryInfo"], memory);
    assert!(names(&info["themes"]["login"], "name").contains(&"shop".to_owned()));
    let features = info["features"].as_array().unwrap();
    let on = |name: &str| {
        let feature = features.iter().find(|feature| feature["name"] == name);
        feature.unwrap()["enabled"] == true
    };
    assert!(on("ADMIN_API") && on("DOCKER") && !on("KERBEROS") && !on("SCRIPTS"));
}

#[tokio::test]
async fn consoles_find_what_they_draw_their_forms_from() {
    let shop = open().await;
    let info = shop.get_absolute(PATH).await.is(200).json();
    for member in [
        "profileInfo",
        "features",
        "cryptoInfo",
        "themes",
        "socialProviders",
        "identityProviders",
        "providers",
        "protocolMapperTypes",
        "builtinProtocolMappers",
        "clientInstallations",
        "componentTypes",
        "passwordPolicies",
        "enums",
    ] {
        assert!(!info[member].is_null(), "{member}");
    }
    let keys = &info["componentTypes"]["org.keycloak.keys.KeyProvider"];
    assert!(names(keys, "id").contains(&"rsa-generated".to_owned()));
    let mappers = &info["protocolMapperTypes"]["openid-connect"];
    let mappers = names(mappers, "id");
    assert!(mappers.contains(&"oidc-usermodel-attribute-mapper".to_owned()));
    let protocols = &info["providers"]["login-protocol"]["providers"];
    assert!(!protocols["openid-connect"].is_null() && protocols["saml"].is_null());
}

/// A realm's own administrators learn which release they talk to, if they may change the realm, and
/// nothing of the machine. Who administers nothing learns nothing.
#[tokio::test]
async fn a_realms_administrators_learn_nothing_of_the_machine() {
    let shop = open().await;
    let owner = shop.administered_by("owner").await;
    let info = owner.get_absolute(PATH).await.is(200).json();
    assert_eq!(info["systemInfo"], json!({"version": "26.7.4"}));
    assert!(info.get("memoryInfo").is_none() && info.get("cpuInfo").is_none());
    let viewer = shop.administered_by("viewer").await;
    let info = viewer.get_absolute(PATH).await.is(200).json();
    assert!(info.get("systemInfo").is_none());
    let tokens = shop.sign_in("alice", "wonderland").await.is(200);
    let token = tokens.member("access_token");
    let call = shop.stage.call(Method::GET, PATH);
    call.bearer(&token).send().await.is(403);
}
