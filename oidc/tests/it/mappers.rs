//! What mappers put where a client can see it, and what they must not.

use claviger_testkit::Stage;
use serde_json::{Value, json};

use crate::world::{alice_at_web, oidc, realm, userinfo};

/// The shop, where client `web` has one mapper more.
async fn shop(kind: &str, config: Value) -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut realm = realm();
    realm["clients"][1]["redirectUris"] = json!(["http://web.example/*"]);
    realm["clients"][1]["protocolMappers"] = json!([{
        "name": "m", "protocol": "openid-connect", "protocolMapper": kind, "config": config,
    }]);
    stage.import(realm).await;
    stage
}

fn claims(token: &str) -> Value {
    let token = claviger_crypto::jws::Unverified::parse(token).unwrap();
    Value::Object(token.unverified_claims().unwrap())
}

#[tokio::test]
async fn the_answer_itself_can_be_added_to_but_not_changed() {
    let kind = "oidc-hardcoded-claim-mapper";
    for (name, expected) in [
        ("tenant.name", true),
        ("access_token", false),
        ("scope", false),
    ] {
        let config = json!({"claim.name": name, "claim.value": "acme", "access.tokenResponse.claim": "true"});
        let stage = shop(kind, config).await;
        let answer = alice_at_web(&stage).await.is(200).json();
        assert_ne!(answer["access_token"], "acme");
        assert_ne!(answer["scope"], "acme");
        let tenant = json!({"name": "acme"});
        assert_eq!(answer.get("tenant") == Some(&tenant), expected, "{name}");
    }
}

#[tokio::test]
async fn a_pairwise_subject_is_the_same_wherever_it_is_told() {
    let config = json!({"pairwiseSubAlgorithmSalt": "salt"});
    let stage = shop("oidc-sha256-pairwise-sub-mapper", config).await;
    let answer = alice_at_web(&stage).await.is(200);
    let sub = claims(&answer.member("id_token"))["sub"].clone();
    let person = stage.app.realm("shop").await.unwrap().unwrap();
    let alice = stage.app.store.user_by_username(&person.id, "alice").await;
    assert_ne!(sub, alice.unwrap().unwrap().id.as_str());
    assert_eq!(claims(&answer.member("access_token"))["sub"], sub);
    assert_eq!(claims(&answer.member("refresh_token"))["sub"], sub);
    let told = userinfo(&stage, &answer.member("access_token")).await;
    assert_eq!(told.is(200).json()["sub"], sub);
    let refresh = answer.member("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("refresh_token", &refresh),
    ];
    let answer = stage.post(&oidc("token"), &form).await.is(200);
    assert_eq!(claims(&answer.member("id_token"))["sub"], sub);
    // The pseudonym is good as a hint, too: it ends the session of the user behind it.
    let hint = answer.member("id_token");
    let path = format!("{}?id_token_hint={hint}", oidc("logout"));
    stage.get(&path).await;
    stage.post(&oidc("token"), &form).await.is(400);
}
