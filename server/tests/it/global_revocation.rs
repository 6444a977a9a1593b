//! Everything that a person has ends because another server asks for it, and other servers are asked
//! for the same: who may ask, about whom, what is left, and who is told until they have heard it.

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

use axum::http::Method;
use claviger_crypto::jws::sign;
use claviger_crypto::{Algorithm, SigningKey};
use claviger_engine::bootstrap::admin_user;
use claviger_engine::network::Posted;
use claviger_model::{Seconds, Secret};
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::told::{World, opened};

mod asking;

const HERE: &str = "/realms/shop/protocol/openid-connect/global-token-revocation";
const ISSUER: &str = "http://localhost/realms/shop";
const ALICE: &str = "b8b6f1de-57a1-4b6b-8f0c-6b7c9e1d2a01";
const HUB: &str = "https://hub.example/global-token-revocation";
const HUB_UUID: &str = "0a5e2f9c-6a1b-4d53-9c4e-0d6a70a4b0c1";
const KEY: &str = "a-secret-of-32-bytes-at-the-least";

fn user(name: &str, further: &Value) -> Value {
    let mut user = json!({
        "username": name, "enabled": true, "firstName": "A", "lastName": "B",
        "realmRoles": ["offline_access"], "email": format!("{name}@shop.example"),
        "credentials": [{"type": "password", "value": "wonderland"}],
    });
    for (name, value) in further.as_object().unwrap() {
        user[name] = value.clone();
    }
    user
}

fn shop() -> Value {
    let allowed = json!({"global.token.revocation.allowed": "true"});
    let of_idp = json!({
        "global.token.revocation.allowed": "true",
        "global.token.revocation.identity.provider": "corp",
    });
    json!({
        "realm": "shop", "enabled": true, "eventsEnabled": true, "duplicateEmailsAllowed": true,
        "loginWithEmailAllowed": false,
        "attributes": {"global.token.revocation.enabled": "true"},
        "clients": [
            {"clientId": "web", "secret": "web-secret", "directAccessGrantsEnabled": true,
                "serviceAccountsEnabled": true, "redirectUris": ["http://web.example/*"],
                "protocolMappers": [{
                    "name": "for itself", "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {"included.client.audience": "web", "access.token.claim": "true"},
                }]},
            {"clientId": "watch", "secret": "watch-secret", "serviceAccountsEnabled": true,
                "directAccessGrantsEnabled": true, "attributes": allowed},
            {"clientId": "signer", "secret": KEY, "clientAuthenticatorType": "client-secret-jwt",
                "attributes": allowed},
            {"clientId": "corp-watch", "secret": "corp-secret", "attributes": of_idp},
            {"clientId": "everybody", "publicClient": true, "directAccessGrantsEnabled": true,
                "attributes": allowed},
            {"id": HUB_UUID, "clientId": "hub", "secret": "hub-secret", "attributes": {
                "global.token.revocation.allowed": "true",
                "global.token.revocation.url": HUB,
            }},
        ],
        "identityProviders": [{
            "alias": "corp", "providerId": "oidc", "config": {"issuer": "https://corp.example"},
        }],
        "users": [
            user("alice", &json!({"id": ALICE, "emailVerified": true})),
            user("linked", &json!({
                "attributes": {"phoneNumber": ["+12065550100"]},
                "federatedIdentities": [{
                    "identityProvider": "corp", "userId": "145234573", "userName": "linked",
                }],
            })),
            user("twin", &json!({"email": "twin@shop.example"})),
            user("other-twin", &json!({"email": "twin@shop.example"})),
            // Somebody says that alice's address is his.
            user("mallory", &json!({"email": "alice@shop.example"})),
        ],
    })
}

async fn world() -> World {
    let router = claviger_oidc::router().merge(claviger_rest::router());
    let stage = Stage::open(router).await;
    let password = Secret::new("admin");
    admin_user(&stage.app, "admin", password).await.unwrap();
    stage.import(shop()).await;
    let mut elsewhere = shop();
    elsewhere["realm"] = json!("elsewhere");
    for client in elsewhere["clients"].as_array_mut().unwrap() {
        client.as_object_mut().unwrap().remove("id");
    }
    elsewhere["users"] = json!([user("carol", &json!({"emailVerified": true}))]);
    elsewhere["attributes"] = json!({});
    stage.import(elsewhere).await;
    World { stage }
}

fn email(address: &str) -> Value {
    json!({"sub_id": {"format": "email", "email": address}})
}

impl World {
    async fn revoke(&self, subject: &Value) -> Reply {
        let call = self.stage.call(Method::POST, HERE).json(subject);
        call.basic("watch", "watch-secret").send().await
    }

    async fn tokens(&self, name: &str, scope: &str) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("username", name),
            ("password", "wonderland"),
            ("scope", scope),
        ];
        let path = "/realms/shop/protocol/openid-connect/token";
        self.stage.post(path, &form).await.is(200)
    }

    async fn is_active(&self, tokens: &Reply) -> bool {
        let form = [
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("token", &*tokens.member("access_token")),
        ];
        let path = "/realms/shop/protocol/openid-connect/token/introspect";
        let said = self.stage.post(path, &form).await.is(200).json();
        said["active"].as_bool().unwrap()
    }

    async fn refreshed(&self, tokens: &Reply) -> Reply {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("refresh_token", &*tokens.member("refresh_token")),
        ];
        let path = "/realms/shop/protocol/openid-connect/token";
        self.stage.post(path, &form).await
    }

    async fn ledger(&self) -> Vec<Value> {
        let all = self.admin(Method::GET, "/logout-deliveries", None).await;
        all.is(200).json().as_array().unwrap().clone()
    }

    /// The requests that came in at the hub, verified by the keys that the realm publishes.
    async fn asked(&self) -> Vec<(Value, Value, Value)> {
        let keys = self.keys().await;
        let posted = self.stage.network.posted();
        let asked = posted.iter().map(|(url, posted)| {
            let Posted::Revocation { token, body } = posted else {
                panic!("{url} got {posted:?}");
            };
            assert_eq!(url, HUB);
            let (header, claims) = opened(token, &keys);
            (header, claims, serde_json::from_str(body).unwrap())
        });
        asked.collect()
    }
}

#[tokio::test]
async fn everything_that_a_user_has_is_over_at_the_next_request() {
    let world = world().await;
    let online = world.tokens("alice", "openid").await;
    let offline = world.tokens("alice", "openid offline_access").await;
    let others = world.tokens("mallory", "openid").await;
    assert!(world.is_active(&online).await && world.is_active(&offline).await);
    world.stage.wait(Seconds(1));
    // The address is said by two, and proven by one.
    let done = world.revoke(&email("Alice@Shop.example")).await.is(204);
    assert_eq!(done.text(), "");
    for tokens in [&online, &offline] {
        assert!(!world.is_active(tokens).await);
        world.refreshed(tokens).await.is(400);
    }
    assert!(world.is_active(&others).await);
    let again = world.tokens("alice", "openid").await;
    assert!(world.is_active(&again).await);
    world.refreshed(&again).await.is(200);
    // Once more: nothing is left but the new session, and it ends too.
    world.stage.wait(Seconds(1));
    world.revoke(&email("alice@shop.example")).await.is(204);
    assert!(!world.is_active(&again).await);
    world.revoke(&email("alice@shop.example")).await.is(204);
    let events = world.admin(Method::GET, "/events?type=LOGOUT", None).await;
    let event = &events.is(200).json()[0];
    assert_eq!(
        (&event["clientId"], &event["userId"]),
        (&json!("watch"), &json!(ALICE))
    );
    assert_eq!(event["details"]["method"], "global_token_revocation");
}

#[tokio::test]
async fn apis_that_check_tokens_themselves_are_told_by_records() {
    let world = world().await;
    let tokens = world.tokens("alice", "openid").await;
    let realm = world.stage.app.realm("shop").await.unwrap().unwrap();
    world.stage.wait(Seconds(1));
    world.revoke(&email("alice@shop.example")).await.is(204);
    let now = world.stage.app.now();
    let records = world
        .stage
        .app
        .store
        .revocations_since(&realm.id, 0, now, 100);
    let records = records.await.unwrap();
    let told: Vec<_> = records
        .iter()
        .map(|record| &record.revocation)
        .map(|record| {
            let session = record.session.as_ref().map(|id| id.as_str().to_owned());
            let user = record.user.as_ref().map(|id| id.as_str().to_owned());
            (record.reason.as_str(), user, session)
        })
        .collect();
    let session = tokens.member("session_state");
    let expected = [
        ("upstream", Some(ALICE.to_owned()), None),
        ("upstream", None, Some(session)),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn subjects_are_named_in_every_way_that_the_realm_can_answer() {
    let world = world().await;
    let own = json!({"format": "iss_sub", "iss": ISSUER, "sub": ALICE});
    let linked = json!({"format": "iss_sub", "iss": "https://corp.example", "sub": "145234573"});
    for (name, subject) in [
        ("alice", own),
        ("alice", json!({"format": "opaque", "id": ALICE})),
        (
            "alice",
            json!({"format": "account", "uri": "acct:alice@localhost"}),
        ),
        ("linked", linked),
        (
            "linked",
            json!({"format": "phone_number", "phone_number": "+12065550100"}),
        ),
        (
            "linked",
            json!({"format": "aliases", "identifiers": [
                {"format": "did", "url": "did:example:123456"},
                {"format": "email", "email": "linked@shop.example"},
                {"format": "phone_number", "phone_number": "+12065550100"},
            ]}),
        ),
    ] {
        let tokens = world.tokens(name, "openid").await;
        world.stage.wait(Seconds(1));
        let asked = json!({ "sub_id": subject });
        world.revoke(&asked).await.is(204);
        assert!(!world.is_active(&tokens).await, "{subject}");
    }
}

#[tokio::test]
async fn nobody_is_signed_out_where_it_is_not_clear_who_is_meant() {
    let world = world().await;
    let mut held = Vec::new();
    for name in ["alice", "linked", "twin", "other-twin", "mallory"] {
        held.push(world.tokens(name, "openid").await);
    }
    let service = world.stage.app.realm("shop").await.unwrap().unwrap();
    let service = service.client("watch").await.unwrap().unwrap();
    let store = &world.stage.app.store;
    let id = &world.stage.app.realm("shop").await.unwrap().unwrap().id;
    let service = store.user_of_service_account(id, &service.uuid).await;
    let service = service.unwrap().unwrap().id;
    for (status, error, subject) in [
        (
            404,
            "user_not_found",
            json!({"format": "email", "email": "nobody@shop.example"}),
        ),
        (
            404,
            "user_not_found",
            json!({"format": "opaque", "id": "alice"}),
        ),
        (
            404,
            "user_not_found",
            json!({"format": "opaque", "id": service.as_str()}),
        ),
        (
            404,
            "user_not_found",
            json!({"format": "account", "uri": "acct:alice@evil.example"}),
        ),
        (
            404,
            "user_not_found",
            json!({"format": "account", "uri": "mailto:alice@localhost"}),
        ),
        (
            404,
            "user_not_found",
            json!({
                "format": "iss_sub", "iss": "http://localhost/realms/elsewhere", "sub": ALICE,
            }),
        ),
        (
            404,
            "user_not_found",
            json!({
                "format": "iss_sub", "iss": "https://corp.example", "sub": ALICE,
            }),
        ),
        // Of another realm.
        (
            404,
            "user_not_found",
            json!({"format": "email", "email": "carol@shop.example"}),
        ),
        (
            422,
            "ambiguous_subject",
            json!({"format": "email", "email": "twin@shop.example"}),
        ),
        (
            422,
            "ambiguous_subject",
            json!({"format": "aliases", "identifiers": [
                {"format": "opaque", "id": ALICE},
                {"format": "email", "email": "linked@shop.example"},
            ]}),
        ),
        (
            400,
            "invalid_request",
            json!({"format": "did", "url": "did:example:123456"}),
        ),
        (
            400,
            "invalid_request",
            json!({"format": "email", "email": "a@b.example", "x": 1}),
        ),
        (400, "invalid_request", json!("alice")),
    ] {
        let told = world.revoke(&json!({ "sub_id": subject })).await;
        assert_eq!(told.status, status, "{subject}: {}", told.text());
        assert_eq!(told.json()["error"], error, "{subject}");
    }
    for body in ["", "{", "[]", "null", "{\"subject\":{}}"] {
        let call = world.stage.call(Method::POST, HERE).bytes(body);
        let call = call.header("content-type", "application/json");
        call.basic("watch", "watch-secret").send().await.is(400);
    }
    let form = [("sub_id", "alice")];
    let call = world.stage.call(Method::POST, HERE).form(&form);
    call.basic("watch", "watch-secret").send().await.is(400);
    world.stage.get(HERE).await.is(405);
    for tokens in &held {
        assert!(world.is_active(tokens).await);
    }
    assert_eq!(world.ledger().await, [] as [Value; 0]);
}

#[tokio::test]
async fn who_was_not_let_by_an_administrator_ends_nothing() {
    let world = world().await;
    let tokens = world.tokens("alice", "openid").await;
    let subject = email("alice@shop.example");
    let call = || world.stage.call(Method::POST, HERE).json(&subject);
    call().send().await.is(401);
    call().basic("watch", "wrong").send().await.is(401);
    call().basic("nobody", "x").send().await.is(401);
    call().basic("web", "web-secret").send().await.is(403);
    call().basic("everybody", "").send().await.is(403);
    call().bearer("rubbish").send().await.is(401);
    // Tokens of users are not the client's own, whichever client they are of.
    call()
        .bearer(&tokens.member("access_token"))
        .send()
        .await
        .is(403);
    let form = [
        ("grant_type", "password"),
        ("client_id", "watch"),
        ("client_secret", "watch-secret"),
        ("username", "alice"),
        ("password", "wonderland"),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    let users = world.stage.post(path, &form).await.is(200);
    call()
        .bearer(&users.member("access_token"))
        .send()
        .await
        .is(403);
    // Nor is a service account's of a client that may not, nor of another realm.
    let account = async |realm: &str, id: &str, secret: &str| {
        let path = format!("/realms/{realm}/protocol/openid-connect/token");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
        ];
        world
            .stage
            .post(&path, &form)
            .await
            .is(200)
            .member("access_token")
    };
    let web = account("shop", "web", "web-secret").await;
    call().bearer(&web).send().await.is(403);
    let foreign = account("elsewhere", "watch", "watch-secret").await;
    call().bearer(&foreign).send().await.is(401);
    // A client that speaks of one identity provider's people finds nobody else.
    call()
        .basic("corp-watch", "corp-secret")
        .send()
        .await
        .is(404);
    // Where the realm has not switched it on, it is off.
    let off = HERE.replace("/shop/", "/elsewhere/");
    let refused = world.stage.call(Method::POST, &off).json(&subject);
    let refused = refused.basic("watch", "watch-secret").send().await.is(403);
    assert_eq!(refused.json()["error"], "access_denied");
    assert!(world.is_active(&tokens).await);
    // And these may.
    let watch = account("shop", "watch", "watch-secret").await;
    call().bearer(&watch).send().await.is(204);
    assert!(!world.is_active(&tokens).await);
    let linked = email("linked@shop.example");
    let call = world.stage.call(Method::POST, HERE).json(&linked);
    call.basic("corp-watch", "corp-secret").send().await.is(204);
}

#[tokio::test]
async fn a_signed_assertion_is_a_proof_for_this_endpoint_and_for_one_use() {
    let world = world().await;
    let now = world.stage.app.now().seconds().0;
    let assertion = |id: &str, aud: &str, secret: &str| {
        let claims = json!({
            "iss": "signer", "sub": "signer", "jti": id, "iat": now, "exp": now + 50,
            "aud": aud,
        });
        let key = SigningKey::hmac("", Algorithm::Hs256, secret.as_bytes()).unwrap();
        let typ = Some("global-token-revocation+jwt");
        sign(&key, typ, claims.to_string().as_bytes()).unwrap()
    };
    let subject = email("alice@shop.example");
    let ask = async |token: &str| {
        let call = world.stage.call(Method::POST, HERE).json(&subject);
        call.bearer(token).send().await
    };
    let here = format!("http://localhost{HERE}");
    let good = assertion("one", &here, KEY);
    let tokens = world.tokens("alice", "openid").await;
    ask(&assertion("two", "https://evil.example", KEY))
        .await
        .is(401);
    let forged = "another-secret-of-at-least-32-bytes";
    ask(&assertion("three", &here, forged)).await.is(401);
    assert!(world.is_active(&tokens).await);
    ask(&good).await.is(204);
    assert!(!world.is_active(&tokens).await);
    ask(&good).await.is(401);
}
