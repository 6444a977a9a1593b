//! An API that keeps a status list sees there that a session has ended, without a question for each
//! token (draft-ietf-oauth-status-list).

use std::io::Read as _;

use axum::http::Method;
use claviger_crypto::encoding::decode_base64url;
use claviger_testkit::{Reply, Stage};
use coset::cbor::value::Value as Cbor;
use coset::{CborSerializable as _, CoseSign1, Label};
use flate2::read::ZlibDecoder;
use serde_json::{Value, json};

use crate::browser::claims;
use crate::world::oidc;

/// The shop, where the tokens of `app` name their place.
async fn shop() -> Stage {
    let mut realm = crate::world::realm();
    realm["clients"][0]["attributes"]["status.list.enabled"] = json!("true");
    realm["attributes"] = json!({"status.list.ttl": "7"});
    let stage = Stage::open(claviger_oidc::router()).await;
    stage.import(realm).await;
    stage
}

async fn sign_in(stage: &Stage, client: &str, secret: &str) -> Reply {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("client_secret", secret),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid"),
    ];
    stage.post(&oidc("token"), &form).await.is(200)
}

/// Where a token's status stands: list and place.
fn place(tokens: &Reply) -> (String, usize) {
    let status = claims(&tokens.member("access_token"))["status"]["status_list"].clone();
    let address = status["uri"].as_str().unwrap().to_owned();
    let path = address.strip_prefix("http://localhost").unwrap();
    let place = usize::try_from(status["idx"].as_u64().unwrap()).unwrap();
    (path.to_owned(), place)
}

pub fn inflated(compressed: &[u8]) -> Vec<u8> {
    let mut bits = Vec::new();
    ZlibDecoder::new(compressed).read_to_end(&mut bits).unwrap();
    assert_eq!(bits.len(), 1 << 17);
    bits
}

async fn bits(stage: &Stage, path: &str) -> Vec<u8> {
    let list = stage.get(path).await.is(200);
    let packed = claims(&list.text())["status_list"]["lst"].clone();
    inflated(&decode_base64url(packed.as_str().unwrap()).unwrap())
}

async fn is_set(stage: &Stage, tokens: &Reply) -> bool {
    // What was read a moment ago is not read again.
    stage.wait(claviger_model::Seconds(1));
    let (path, place) = place(tokens);
    bits(stage, &path).await[place / 8] & (1 << (place % 8)) != 0
}

#[tokio::test]
async fn the_place_of_a_session_is_set_once_it_has_ended_and_no_other() {
    let stage = shop().await;
    let (here, there) = (
        sign_in(&stage, "app", "").await,
        sign_in(&stage, "app", "").await,
    );
    assert_ne!(place(&here), place(&there));
    assert!(!is_set(&stage, &here).await && !is_set(&stage, &there).await);
    let token = here.member("refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", &*token),
    ];
    let again = stage.post(&oidc("token"), &form).await.is(200);
    assert_eq!(place(&again), place(&here), "one place for a session");
    let form = [("client_id", "app"), ("refresh_token", &*token)];
    stage.post(&oidc("logout"), &form).await.is(204);
    assert!(is_set(&stage, &here).await && !is_set(&stage, &there).await);
}

#[tokio::test]
async fn nothing_is_named_for_clients_that_did_not_ask_or_have_no_session() {
    let stage = shop().await;
    let tokens = sign_in(&stage, "web", "web-secret").await;
    assert!(
        claims(&tokens.member("access_token"))
            .get("status")
            .is_none()
    );
    assert!(claims(&tokens.member("id_token")).get("status").is_none());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
    ];
    let tokens = stage.post(&oidc("token"), &form).await.is(200);
    assert!(
        claims(&tokens.member("access_token"))
            .get("status")
            .is_none()
    );
}

#[tokio::test]
async fn a_list_says_whose_it_is_and_how_long_it_may_be_kept() {
    let stage = shop().await;
    let (path, _) = place(&sign_in(&stage, "app", "").await);
    let list = stage.get(&path).await.is(200);
    assert_eq!(list.header("content-type"), "application/statuslist+jwt");
    assert_eq!(list.header("cache-control"), "max-age=7");
    let said = claims(&list.text());
    assert_eq!(said["sub"], format!("http://localhost{path}"));
    assert_eq!(said["ttl"], 7);
    assert_eq!(
        said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
        3_600
    );
    assert_eq!(said["status_list"]["bits"], 1);
    let head = list.text().split('.').next().unwrap().to_owned();
    let head: Value = serde_json::from_slice(&decode_base64url(&head).unwrap()).unwrap();
    assert_eq!(
        (&head["typ"], &head["alg"]),
        (&json!("statuslist+jwt"), &json!("RS256"))
    );
    // It is no token for anything else, though the realm's key signed it.
    let call = stage.call(Method::GET, &oidc("userinfo"));
    call.bearer(&list.text()).send().await.is(401);
    // Who has it is not sent it again, until something changes.
    let etag = list.header("etag");
    let call = stage.call(Method::GET, &path);
    let call = call.header("origin", "https://anybody.example");
    let same = call.header("if-none-match", &etag).send().await.is(304);
    let readers = same.header("access-control-allow-origin");
    assert_eq!(readers, "https://anybody.example");
    assert_eq!((same.text().as_str(), same.header("etag")), ("", etag));
}

#[tokio::test]
async fn a_list_may_be_had_in_cbor() {
    let stage = shop().await;
    let tokens = sign_in(&stage, "app", "").await;
    let (path, place) = place(&tokens);
    let form = [
        ("client_id", "app"),
        ("refresh_token", &*tokens.member("refresh_token")),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    stage.post(&oidc("logout"), &form).await.is(204);
    let call = stage.call(Method::GET, &path);
    let list = call
        .header("accept", "application/statuslist+cwt")
        .send()
        .await
        .is(200);
    assert_eq!(list.header("content-type"), "application/statuslist+cwt");
    let signed = CoseSign1::from_slice(&list.body).unwrap();
    let typ = Cbor::Text("application/statuslist+cwt".into());
    assert!(
        signed
            .protected
            .header
            .rest
            .contains(&(Label::Int(16), typ))
    );
    // The realm's published key verifies it.
    let keys = stage.get(&oidc("certs")).await.is(200).json();
    let kid = String::from_utf8(signed.protected.header.key_id.clone()).unwrap();
    let keys = claviger_crypto::jwk::JwkSet::parse(keys.to_string().as_bytes()).unwrap();
    let key = keys
        .verifying(Some(&kid), claviger_crypto::Algorithm::Rs256)
        .expect("a key of the realm's");
    signed
        .verify_signature(b"", |signature, message| {
            key.verifies(message, signature)
                .then_some(())
                .ok_or("not the key's")
        })
        .unwrap();
    let claims = Cbor::from_slice(signed.payload.as_ref().unwrap()).unwrap();
    let claims = claims.as_map().unwrap();
    let claim = |number: i64| {
        let found = claims
            .iter()
            .find(|(name, _)| *name == Cbor::Integer(number.into()));
        found.unwrap().1.clone()
    };
    assert_eq!(claim(2), Cbor::Text(format!("http://localhost{path}")));
    let list = claim(65_533);
    let packed = list.as_map().unwrap()[1].1.as_bytes().unwrap().clone();
    assert_ne!(inflated(&packed)[place / 8] & (1 << (place % 8)), 0);
}

#[tokio::test]
async fn a_list_that_is_not_there_is_not_found() {
    let stage = shop().await;
    stage.get("/realms/shop/status-lists/0").await.is(200);
    for path in ["1", "-1", "x", "99999999999", "0/0"] {
        stage
            .get(&format!("/realms/shop/status-lists/{path}"))
            .await
            .is(404);
    }
}
