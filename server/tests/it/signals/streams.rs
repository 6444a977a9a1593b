//! Streams are managed by their receiver, and seen by nobody else (SSF §8.1).

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

use axum::http::Method as M;
use serde_json::{Value, json};

use super::{ALICE, CAEP, HUB, STREAMS, World, realm};

const STATUS: &str = "/realms/shop/ssf/transmitter/streams/status";
const VERIFY: &str = "/realms/shop/ssf/transmitter/verify";
const ADD: &str = "/realms/shop/ssf/transmitter/subjects/add";
const REMOVE: &str = "/realms/shop/ssf/transmitter/subjects/remove";

#[tokio::test]
async fn the_configuration_is_found_in_both_places_where_the_realm_is_a_transmitter() {
    let world = World::new().await;
    let below = "/realms/shop/.well-known/ssf-configuration";
    let found = world.stage.get(below).await.is(200).json();
    let inserted = "/.well-known/ssf-configuration/realms/shop";
    assert_eq!(world.stage.get(inserted).await.is(200).json(), found);
    let issuer = found["issuer"].as_str().unwrap();
    assert!(issuer.ends_with("/realms/shop"));
    assert_eq!(found["spec_version"], "1_0");
    for name in [
        "jwks_uri",
        "configuration_endpoint",
        "status_endpoint",
        "add_subject_endpoint",
        "remove_subject_endpoint",
        "verification_endpoint",
    ] {
        assert!(found[name].as_str().unwrap().starts_with(issuer), "{name}");
    }
    let methods = found["delivery_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("urn:ietf:rfc:8935")));
    assert!(methods.contains(&json!("urn:ietf:rfc:8936")));
    assert_eq!(
        found["authorization_schemes"],
        json!([{"spec_urn": "urn:ietf:rfc:6749"}])
    );
    world
        .stage
        .get("/realms/master/.well-known/ssf-configuration")
        .await
        .is(404);
}

#[tokio::test]
async fn a_receiver_makes_reads_changes_and_ends_its_streams() {
    let world = World::new().await;
    let token = world.manager("hub").await;
    let none = world
        .call(M::GET, STREAMS, &token, &Value::Null)
        .await
        .is(200);
    assert_eq!(none.json(), json!([]));
    let wanted = json!({
        "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": HUB},
        "events_requested": [format!("{CAEP}session-revoked"), "urn:example:unknown"],
        "description": "Stream for the hub",
    });
    let made = world.call(M::POST, STREAMS, &token, &wanted).await.is(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.json();
    let id = made["stream_id"].as_str().unwrap();
    assert_eq!(made["aud"], json!([format!("hub/{id}")]));
    assert_eq!(
        made["events_delivered"],
        json!([format!("{CAEP}session-revoked")])
    );
    assert_eq!(made["events_requested"], wanted["events_requested"]);
    assert_eq!(made["delivery"], wanted["delivery"]);
    let one = format!("{STREAMS}?stream_id={id}");
    assert_eq!(
        world
            .call(M::GET, &one, &token, &Value::Null)
            .await
            .is(200)
            .json(),
        made
    );
    // A second stream has an audience of its own.
    let second = world
        .call(M::POST, STREAMS, &token, &wanted)
        .await
        .is(201)
        .json();
    assert_ne!(second["aud"], made["aud"]);
    let both = world
        .call(M::GET, STREAMS, &token, &Value::Null)
        .await
        .json();
    assert_eq!(both.as_array().unwrap().len(), 2);
    // PATCH changes what is sent; what the transmitter says may be repeated, not changed.
    let patch =
        json!({"stream_id": id, "description": "another", "iss": made["iss"], "aud": made["aud"]});
    let patched = world
        .call(M::PATCH, STREAMS, &token, &patch)
        .await
        .is(200)
        .json();
    assert_eq!(patched["description"], "another");
    assert_eq!(patched["events_requested"], made["events_requested"]);
    // PUT forgets what is not sent.
    let put = json!({"stream_id": id, "delivery": {"method": "urn:ietf:rfc:8936"}});
    let replaced = world
        .call(M::PUT, STREAMS, &token, &put)
        .await
        .is(200)
        .json();
    assert!(replaced.get("description").is_none());
    assert_eq!(replaced["events_delivered"], json!([]));
    let poll = replaced["delivery"]["endpoint_url"].as_str().unwrap();
    assert!(
        poll.ends_with(&format!("/receivers/hub/streams/{id}/poll")),
        "{poll}"
    );
    world
        .call(M::DELETE, &one, &token, &Value::Null)
        .await
        .is(204);
    world
        .call(M::DELETE, &one, &token, &Value::Null)
        .await
        .is(404);
    world.call(M::GET, &one, &token, &Value::Null).await.is(404);
    // The only one left needs no name.
    world
        .call(M::DELETE, STREAMS, &token, &Value::Null)
        .await
        .is(204);
    world
        .call(M::DELETE, STREAMS, &token, &Value::Null)
        .await
        .is(400);
}

#[tokio::test]
async fn what_is_not_right_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let token = world.manager("hub").await;
    let push = |url: &str| json!({"method": "urn:ietf:rfc:8935", "endpoint_url": url});
    let cases = [
        json!([]),
        json!({}),
        json!({"delivery": {"method": "urn:example:pigeon"}}),
        json!({"delivery": {"method": "urn:ietf:rfc:8935"}}),
        json!({"delivery": push("not a url")}),
        json!({"delivery": push("https://evil.example/sets")}),
        json!({"delivery": push("https://hub.example.evil.example/sets")}),
        json!({"delivery": push("http://hub.example/sets")}),
        json!({"delivery": push("https://me@hub.example/sets")}),
        json!({"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": HUB,
            "authorization_header": "Bearer a\r\nX-Evil: 1"}}),
        json!({"delivery": {"method": "urn:ietf:rfc:8936"}, "surprise": 1}),
        json!({"delivery": {"method": "urn:ietf:rfc:8936"}, "aud": "me"}),
        json!({"delivery": {"method": "urn:ietf:rfc:8936"}, "iss": "https://evil.example"}),
        json!({"delivery": {"method": "urn:ietf:rfc:8936"}, "description": "x".repeat(256)}),
        json!({"delivery": {"method": "urn:ietf:rfc:8936"}, "events_requested": vec!["x"; 33]}),
    ];
    for body in cases {
        let refused = world.call(M::POST, STREAMS, &token, &body).await.is(400);
        assert!(refused.json()["error_description"].is_string(), "{body}");
    }
    let broken = world.stage.call(M::POST, STREAMS).bearer(&token);
    broken
        .header("content-type", "application/json")
        .bytes("{broken")
        .send()
        .await
        .is(400);
    let none = world
        .call(M::GET, STREAMS, &token, &Value::Null)
        .await
        .json();
    assert_eq!(none, json!([]));
    let stream = world.polled("hub").await;
    for body in [
        json!({"description": "no id"}),
        json!({"stream_id": stream["stream_id"], "aud": "me"}),
        json!({"stream_id": stream["stream_id"], "events_supported": []}),
        json!({"stream_id": stream["stream_id"], "delivery": push("https://evil.example/")}),
    ] {
        world.call(M::PATCH, STREAMS, &token, &body).await.is(400);
    }
    let unknown = json!({"stream_id": "nowhere", "description": "x"});
    world
        .call(M::PATCH, STREAMS, &token, &unknown)
        .await
        .is(404);
    world.call(M::PUT, STREAMS, &token, &unknown).await.is(404);
    let put = json!({"stream_id": stream["stream_id"]});
    world.call(M::PUT, STREAMS, &token, &put).await.is(400);
    let one = format!(
        "{STREAMS}?stream_id={}",
        stream["stream_id"].as_str().unwrap()
    );
    assert_eq!(
        world.call(M::GET, &one, &token, &Value::Null).await.json(),
        stream
    );
    // There is an end to a client's streams.
    for _ in 1..16 {
        world.polled("hub").await;
    }
    let body = json!({"delivery": {"method": "urn:ietf:rfc:8936"}});
    world.call(M::POST, STREAMS, &token, &body).await.is(409);
}

#[tokio::test]
async fn only_a_receivers_service_account_with_the_scope_gets_in() {
    let world = World::new().await;
    let body = json!({"delivery": {"method": "urn:ietf:rfc:8936"}});
    let bare = world.stage.call(M::GET, STREAMS).send().await.is(401);
    assert!(bare.header("www-authenticate").starts_with("Bearer"));
    let wrong = world
        .call(M::GET, STREAMS, "not.a.token", &Value::Null)
        .await
        .is(401);
    assert!(wrong.header("www-authenticate").contains("invalid_token"));
    let reader = world.token("hub", "ssf.read").await;
    world
        .call(M::GET, STREAMS, &reader, &Value::Null)
        .await
        .is(200);
    let refused = world.call(M::POST, STREAMS, &reader, &body).await.is(403);
    let why = refused.header("www-authenticate");
    assert!(
        why.contains("insufficient_scope") && why.contains("ssf.manage"),
        "{why}"
    );
    let nothing = world.token("hub", "profile").await;
    world
        .call(M::GET, STREAMS, &nothing, &Value::Null)
        .await
        .is(403);
    // No receiver, whatever its scopes.
    let plain = world.manager("plain").await;
    world
        .call(M::GET, STREAMS, &plain, &Value::Null)
        .await
        .is(403);
    // A person at a receiver is no receiver.
    let form = [
        ("grant_type", "password"),
        ("client_id", "hub"),
        ("client_secret", "s"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "ssf.manage"),
    ];
    let path = "/realms/shop/protocol/openid-connect/token";
    let alice = world
        .stage
        .post(path, &form)
        .await
        .is(200)
        .member("access_token");
    world.call(M::POST, STREAMS, &alice, &body).await.is(403);
    // A receiver of another realm.
    world.stage.import(realm_of_its_own("bank")).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "hub"),
        ("client_secret", "s"),
        ("scope", "ssf.manage"),
    ];
    let path = "/realms/bank/protocol/openid-connect/token";
    let foreign = world
        .stage
        .post(path, &form)
        .await
        .is(200)
        .member("access_token");
    world
        .call(M::GET, STREAMS, &foreign, &Value::Null)
        .await
        .is(401);
    // A receiver that is switched off, with a token of before.
    let manager = world.manager("hub").await;
    let found = world
        .admin(M::GET, "/clients?clientId=hub", Value::Null)
        .await
        .json();
    let uuid = found[0]["id"].as_str().unwrap();
    let mut hub = found[0].clone();
    hub["attributes"]["ssf.enabled"] = json!("false");
    world
        .admin(M::PUT, &format!("/clients/{uuid}"), hub)
        .await
        .is(204);
    world
        .call(M::GET, STREAMS, &manager, &Value::Null)
        .await
        .is(403);
}

fn realm_of_its_own(name: &str) -> Value {
    let mut realm = realm(name);
    realm["users"] = json!([]);
    realm
}

#[tokio::test]
async fn other_clients_streams_are_as_if_there_were_none() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let id = stream["stream_id"].as_str().unwrap();
    let other = world.manager("other").await;
    let none = world
        .call(M::GET, STREAMS, &other, &Value::Null)
        .await
        .json();
    assert_eq!(none, json!([]));
    let one = format!("{STREAMS}?stream_id={id}");
    let alice = json!({"format": "opaque", "id": ALICE});
    let poll = format!("/realms/shop/ssf/transmitter/receivers/hub/streams/{id}/poll");
    let own = format!("/realms/shop/ssf/transmitter/receivers/other/streams/{id}/poll");
    for (method, path, body) in [
        (M::GET, one.as_str(), Value::Null),
        (M::DELETE, one.as_str(), Value::Null),
        (
            M::PATCH,
            STREAMS,
            json!({"stream_id": id, "description": "mine"}),
        ),
        (
            M::PUT,
            STREAMS,
            json!({"stream_id": id, "delivery": {"method": "urn:ietf:rfc:8936"}}),
        ),
        (M::GET, &format!("{STATUS}?stream_id={id}"), Value::Null),
        (
            M::POST,
            STATUS,
            json!({"stream_id": id, "status": "disabled"}),
        ),
        (M::POST, VERIFY, json!({"stream_id": id, "state": "x"})),
        (M::POST, ADD, json!({"stream_id": id, "subject": alice})),
        (M::POST, REMOVE, json!({"stream_id": id, "subject": alice})),
        (M::POST, poll.as_str(), json!({"returnImmediately": true})),
        (M::POST, own.as_str(), json!({"returnImmediately": true})),
    ] {
        let told = world.call(method.clone(), path, &other, &body).await;
        assert_eq!(told.status.as_u16(), 404, "{method} {path}");
    }
    let hub = world.manager("hub").await;
    assert_eq!(
        world.call(M::GET, &one, &hub, &Value::Null).await.json(),
        stream
    );
    assert_eq!(world.waiting().await, 0);
}
