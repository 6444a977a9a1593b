//! Docker clients: a token for a registry, in exchange for a name and a password.

use axum::http::Method;
use claviger_crypto::encoding::{base32, base64url, decode_base64url};
use claviger_crypto::{digest, jws};
use claviger_engine::App;
use claviger_model::Seconds;
use claviger_testkit::{Ground, Reply, Stage};
use serde_json::{Value, json};

use crate::world::realm;

/// The shop with two registries, of which one lets nobody do anything, and whose Docker clients may sign
/// in.
async fn shop() -> Stage {
    docker(with_registries()).await
}

/// A server whose Docker clients may sign in, with a realm.
async fn docker(file: Value) -> Stage {
    let router = claviger_oidc::router();
    let stage = Stage::with(Ground::new(), router, App::with_docker).await;
    stage.import(file).await;
    stage
}

fn with_registries() -> Value {
    let mut realm = realm();
    let clients = realm["clients"].as_array_mut().unwrap();
    clients.push(json!({"clientId": "registry", "protocol": "docker-v2"}));
    clients.push(json!({"clientId": "closed", "protocol": "docker-v2", "protocolMappers": []}));
    clients.push(json!({"clientId": "off", "protocol": "docker-v2", "enabled": false}));
    clients.push(json!({"clientId": "asking", "protocol": "docker-v2", "consentRequired": true}));
    realm
}

async fn ask(stage: &Stage, query: &str, who: Option<(&str, &str)>) -> Reply {
    let path = format!("/realms/shop/protocol/docker-v2/auth?{query}");
    let call = stage.call(Method::GET, &path);
    match who {
        Some((name, password)) => call.basic(name, password).send().await,
        None => call.send().await,
    }
}

const ALICE: Option<(&str, &str)> = Some(("alice", "wonderland"));
const PULL: &str = "service=registry&scope=repository:a/b:pull";

/// The claims of a token whose signature is good, and whose key is known by the id that registries make
/// of it.
async fn verified(stage: &Stage, token: &str) -> Value {
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let keys = realm.keys().await.unwrap();
    let parsed = jws::Unverified::parse(token).unwrap();
    assert_eq!(parsed.header().alg(), "RS256");
    assert_eq!(parsed.header().typ(), Some("JWT"));
    let kid = parsed.header().kid().unwrap().to_owned();
    let named = |key: &&claviger_crypto::RealmKey| {
        let Some(public) = key.public_key() else {
            return false;
        };
        let letters = base32(&digest::sha256(&public.spki())[..30]);
        let groups: Vec<&str> = (0..12).map(|at| &letters[at * 4..at * 4 + 4]).collect();
        groups.join(":") == kid
    };
    let key = keys.iter().find(named).expect("a key of that id");
    let verified = parsed.verify(key.verifying_key().unwrap()).unwrap();
    Value::Object(verified.claims().unwrap())
}

#[tokio::test]
async fn a_docker_client_gets_a_token_for_what_it_asks() {
    let stage = shop().await;
    let query = "account=alice&service=registry&scope=repository:a/b:pull,push\
                 &scope=repository:host:5000/c:pull";
    let reply = ask(&stage, query, ALICE).await.is(200);
    let body: Value = reply.json();
    let claims = verified(&stage, body["token"].as_str().unwrap()).await;
    let now = stage.app.now().seconds().0;
    assert_eq!(body["expires_in"], 300);
    assert_eq!(claims["exp"], now + 300);
    assert_eq!((&claims["iat"], &claims["nbf"]), (&json!(now), &json!(now)));
    assert_eq!(claims["iss"], "http://localhost/realms/shop");
    assert_eq!(
        (&claims["aud"], &claims["azp"]),
        (&json!("registry"), &json!("registry"))
    );
    assert_eq!(claims["sub"], "alice");
    assert_eq!(
        claims["access"],
        json!([
            {"type": "repository", "name": "a/b", "actions": ["pull", "push"]},
            {"type": "repository", "name": "host:5000/c", "actions": ["pull"]},
        ])
    );
    let at = body["issued_at"].as_str().unwrap();
    assert!(at.ends_with('Z') && at.len() == 20, "{at}");
}

#[tokio::test]
async fn a_registry_without_the_mapper_grants_nothing() {
    let stage = shop().await;
    let query = "service=closed&scope=repository:a/b:pull";
    let body: Value = ask(&stage, query, ALICE).await.is(200).json();
    let claims = verified(&stage, body["token"].as_str().unwrap()).await;
    assert_eq!(claims["access"], json!([]));
    let body: Value = ask(&stage, "service=registry", ALICE).await.is(200).json();
    let claims = verified(&stage, body["token"].as_str().unwrap()).await;
    assert_eq!(claims["access"], json!([]), "nothing was asked for");
}

#[tokio::test]
async fn who_does_not_prove_to_be_a_user_gets_no_token() {
    let stage = shop().await;
    for who in [
        None,
        Some(("alice", "guess")),
        Some(("nobody", "guess")),
        // Docker clients sign in by name.
        Some(("alice@shop.example", "wonderland")),
    ] {
        let reply = ask(&stage, PULL, who).await.is(401);
        assert_eq!(reply.header("www-authenticate"), "Basic realm=\"shop\"");
        let body: Value = reply.json();
        let error = &body["errors"][0];
        assert_eq!(error["code"], "UNAUTHORIZED", "{who:?}");
        assert_eq!(error["message"], "Invalid username or password.");
        assert_eq!(
            error["detail"],
            json!([{"type": "repository", "name": "a/b", "actions": ["pull"]}])
        );
    }
}

#[tokio::test]
async fn requests_that_name_no_registry_are_refused() {
    let stage = shop().await;
    for (query, error) in [
        ("scope=repository:a/b:pull", "invalid_request"),
        ("service=nobody", "invalid_client"),
        ("service=off", "invalid_client"),
        ("service=asking", "invalid_client"),
        ("service=app", "invalid_client"),
        ("service=registry&scope=nonsense", "invalid_scope"),
    ] {
        let body: Value = ask(&stage, query, ALICE).await.is(400).json();
        assert_eq!(body["error"], error, "{query}");
        assert!(body.get("token").is_none());
    }
}

#[tokio::test]
async fn guesses_at_a_registry_lock_the_account() {
    let mut file = with_registries();
    file["bruteForceProtected"] = json!(true);
    file["failureFactor"] = json!(2);
    file["quickLoginCheckMilliSeconds"] = json!(0);
    let stage = docker(file).await;
    for _ in 0..2 {
        ask(&stage, PULL, Some(("alice", "guess"))).await.is(401);
    }
    ask(&stage, PULL, ALICE).await.is(401);
    stage.wait(Seconds(61));
    ask(&stage, PULL, ALICE).await.is(200);
}

#[tokio::test]
async fn who_has_something_to_do_first_is_told_so() {
    let mut file = with_registries();
    file["users"][0]["requiredActions"] = json!(["UPDATE_PASSWORD"]);
    let name = file["users"][0]["username"].as_str().unwrap().to_owned();
    let stage = docker(file).await;
    let who = Some((name.as_str(), "wonderland"));
    let body: Value = ask(&stage, PULL, who).await.is(401).json();
    assert_eq!(body["errors"][0]["message"], "Account is not fully set up");
}

#[tokio::test]
async fn without_the_feature_there_is_no_such_protocol() {
    let stage = Stage::open(claviger_oidc::router()).await;
    stage.import(with_registries()).await;
    let body: Value = ask(&stage, PULL, ALICE).await.is(404).json();
    assert_eq!(body["error"], "Protocol not found");
}

#[tokio::test]
async fn a_registrys_token_is_good_for_nothing_else() {
    let stage = shop().await;
    let body: Value = ask(&stage, PULL, ALICE).await.is(200).json();
    let token = body["token"].as_str().unwrap();
    let userinfo = "/realms/shop/protocol/openid-connect/userinfo";
    let call = stage.call(Method::GET, userinfo).bearer(token);
    call.send().await.is(401);
    // Nor with the id by which the realm itself knows the key.
    let (header, rest) = token.split_once('.').unwrap();
    let header = decode_base64url(header).unwrap();
    let mut header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"] = json!("other");
    let forged = format!("{}.{rest}", base64url(header.to_string().as_bytes()));
    let call = stage.call(Method::GET, userinfo).bearer(&forged);
    call.send().await.is(401);
}
