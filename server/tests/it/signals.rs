//! Shared signals, written from the rules and examples of the specifications: OpenID Shared Signals
//! Framework 1.0 (SSF), CAEP 1.0, RISC 1.0, RFC 8417, RFC 8935, RFC 8936 and RFC 9493.

mod delivery;
mod events;
mod ledger;
mod receiver;
mod socket;
mod streams;

use std::collections::BTreeMap;

use axum::http::Method;
use claviger_crypto::jwk::JwkSet;
use claviger_engine::network::Posted;
use claviger_engine::outbox::{Attempt, attempt};
use claviger_model::{Millis, Secret};
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::told::opened;

/// Where streams are managed.
pub const STREAMS: &str = "/realms/shop/ssf/transmitter/streams";
/// Where the receiver `hub` listens.
pub const HUB: &str = "https://hub.example/sets";
/// Alice's id.
pub const ALICE: &str = "b8b6f1de-57a1-4b6b-8f0c-6b7c9e1d2a01";
pub const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
pub const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
pub const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// A realm with two receivers, an application, and alice.
pub struct World {
    pub stage: Stage,
}

fn receiver(name: &str) -> Value {
    json!({
        "clientId": name, "secret": "s", "serviceAccountsEnabled": true,
        "directAccessGrantsEnabled": true,
        "attributes": {
            "ssf.enabled": "true", "ssf.defaultSubjects": "ALL",
            "ssf.validPushUrls": "https://hub.example/*",
        },
    })
}

pub fn realm(name: &str) -> Value {
    let mut quiet = receiver("quiet");
    quiet["attributes"]["ssf.defaultSubjects"] = json!("NONE");
    json!({
        "realm": name, "enabled": true,
        "attributes": {"ssf.transmitterEnabled": "true"},
        "clients": [
            receiver("hub"), receiver("other"), quiet,
            {"clientId": "plain", "secret": "s", "serviceAccountsEnabled": true},
            {"clientId": "web", "secret": "s", "directAccessGrantsEnabled": true},
        ],
        "roles": {"realm": [{"name": "customer"}]},
        "groups": [{"name": "staff"}],
        "users": [{
            "id": ALICE, "username": "alice", "enabled": true, "email": "alice@shop.example",
            "emailVerified": true, "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

impl World {
    pub async fn new() -> Self {
        let router = claviger_oidc::router().merge(claviger_rest::router());
        let stage = Stage::open(router).await;
        let password = Secret::new("admin");
        claviger_engine::bootstrap::admin_user(&stage.app, "admin", password)
            .await
            .unwrap();
        stage.import(realm("shop")).await;
        Self { stage }
    }

    /// A receiver's access token.
    pub async fn token(&self, client: &str, scope: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", "s"),
            ("scope", scope),
        ];
        let path = "/realms/shop/protocol/openid-connect/token";
        self.stage
            .post(path, &form)
            .await
            .is(200)
            .member("access_token")
    }

    pub async fn manager(&self, client: &str) -> String {
        self.token(client, "ssf.manage ssf.read").await
    }

    pub async fn call(&self, method: Method, path: &str, token: &str, body: &Value) -> Reply {
        let call = self.stage.call(method, path).bearer(token);
        let call = if body.is_null() {
            call
        } else {
            call.json(body)
        };
        call.send().await
    }

    /// Makes a stream that is polled and carries everything.
    pub async fn polled(&self, client: &str) -> Value {
        let delivery = json!({"method": "urn:ietf:rfc:8936"});
        self.stream(client, &delivery).await
    }

    /// Makes a stream that pushes and carries everything.
    pub async fn pushed(&self, client: &str) -> Value {
        let delivery = json!({
            "method": "urn:ietf:rfc:8935", "endpoint_url": HUB,
            "authorization_header": "Bearer hub-knows",
        });
        self.stream(client, &delivery).await
    }

    async fn stream(&self, client: &str, delivery: &Value) -> Value {
        let events: Vec<String> = [
            (CAEP, "session-revoked"),
            (CAEP, "credential-change"),
            (CAEP, "token-claims-change"),
            (RISC, "account-disabled"),
            (RISC, "account-enabled"),
            (RISC, "account-purged"),
            (RISC, "identifier-changed"),
        ]
        .iter()
        .map(|(base, name)| format!("{base}{name}"))
        .collect();
        let body = json!({"delivery": delivery, "events_requested": events, "description": "all"});
        let token = self.manager(client).await;
        let made = self.call(Method::POST, STREAMS, &token, &body).await;
        made.is(201).json()
    }

    /// What a poll answers, by the tokens' ids.
    pub async fn poll(&self, client: &str, stream: &Value, body: Value) -> Polled {
        let url = stream["delivery"]["endpoint_url"].as_str().unwrap();
        let path = url.split_once("localhost").map_or(url, |(_, rest)| rest);
        let path = &path[path.find("/realms").unwrap()..];
        let token = self.token(client, "ssf.read").await;
        let mut asked = json!({"returnImmediately": true});
        let further = body.as_object().cloned().unwrap_or_default();
        asked.as_object_mut().unwrap().extend(further);
        let answer = self.call(Method::POST, path, &token, &asked).await.is(200);
        let answer = answer.json();
        let keys = self.keys().await;
        let sets = answer["sets"].as_object().unwrap().iter();
        let sets = sets.map(|(id, set)| (id.clone(), opened(set.as_str().unwrap(), &keys)));
        Polled {
            sets: sets.collect(),
            more: answer["moreAvailable"].as_bool().unwrap(),
        }
    }

    pub async fn keys(&self) -> JwkSet {
        let path = "/realms/shop/protocol/openid-connect/certs";
        JwkSet::parse(&self.stage.get(path).await.is(200).body).unwrap()
    }

    pub async fn sign_in(&self) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", "web"),
            ("client_secret", "s"),
            ("username", "alice"),
            ("password", "wonderland"),
        ];
        let path = "/realms/shop/protocol/openid-connect/token";
        self.stage.post(path, &form).await.is(200)
    }

    pub async fn logout(&self, tokens: &Reply) {
        let form = [
            ("client_id", "web"),
            ("client_secret", "s"),
            ("refresh_token", &tokens.member("refresh_token")),
        ];
        let path = "/realms/shop/protocol/openid-connect/logout";
        self.stage.post(path, &form).await.is(204);
    }

    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let url = "/realms/master/protocol/openid-connect/token";
        let token = self
            .stage
            .post(url, &form)
            .await
            .is(200)
            .member("access_token");
        let path = match path.strip_prefix("/../") {
            Some(other) => format!("/admin/realms/{other}"),
            None => format!("/admin/realms/shop{path}"),
        };
        self.call(method, &path, &token, &body).await
    }

    /// Tells what is due, each once.
    pub async fn deliver(&self) -> Vec<Attempt> {
        let (app, mut became) = (&self.stage.app, Vec::new());
        for target in app.store.outbox_targets(app.now(), 100).await.unwrap() {
            for row in app.store.outbox_due(&target, app.now(), 100).await.unwrap() {
                became.push(attempt(app, &row).await.unwrap());
            }
        }
        became
    }

    /// How many messages there are in all, whenever they are due.
    pub async fn waiting(&self) -> usize {
        let store = &self.stage.app.store;
        let mut count = 0;
        for target in store.outbox_targets(Millis(i64::MAX), 100).await.unwrap() {
            count += store
                .outbox_due(&target, Millis(i64::MAX), 100)
                .await
                .unwrap()
                .len();
        }
        count
    }

    /// The tokens that were pushed, with the `Authorization` of each.
    pub async fn heard(&self) -> Vec<(Value, Value, Option<String>)> {
        let keys = self.keys().await;
        let posted = self.stage.network.posted().into_iter();
        let one = |(url, body): (String, Posted)| {
            assert_eq!(url, HUB);
            let Posted::SecurityEvent {
                token,
                authorization,
            } = body
            else {
                panic!("another thing was posted");
            };
            let (header, claims) = opened(&token, &keys);
            (header, claims, authorization)
        };
        posted.map(one).collect()
    }
}

/// What a poll answered.
pub struct Polled {
    pub sets: BTreeMap<String, (Value, Value)>,
    pub more: bool,
}

impl Polled {
    /// The ids.
    pub fn ids(&self) -> Vec<String> {
        self.sets.keys().cloned().collect()
    }

    /// The claims of tokens with an event of this type.
    pub fn of(&self, uri: &str) -> Vec<Value> {
        let claims = self.sets.values().map(|(_, claims)| claims.clone());
        claims
            .filter(|claims| claims["events"].get(uri).is_some())
            .collect()
    }

    /// The types of all events, sorted.
    pub fn events(&self) -> Vec<String> {
        let all = self.sets.values().flat_map(|(_, claims)| {
            let events = claims["events"].as_object().unwrap();
            events.keys().cloned().collect::<Vec<_>>()
        });
        let mut all: Vec<String> = all.collect();
        all.sort();
        all
    }
}

/// SSF §4.1, RFC 8417 §2.2: what every token has, and what none has.
pub fn check(header: &Value, claims: &Value, stream: &Value) {
    assert_eq!(header["typ"], "secevent+jwt");
    assert_eq!(header["alg"], "RS256");
    assert_eq!(claims["iss"], stream["iss"]);
    assert_eq!(json!([claims["aud"]]), stream["aud"]);
    for name in ["jti", "txn"] {
        assert!(
            claims[name].as_str().is_some_and(|text| text.len() >= 16),
            "{name}"
        );
    }
    assert!(claims["iat"].is_i64());
    assert_eq!(claims["events"].as_object().unwrap().len(), 1);
    assert!(claims["sub_id"]["format"].is_string());
    for name in ["exp", "sub", "nbf"] {
        assert!(claims.get(name).is_none(), "{name}");
    }
}
