//! Another server tells us that a session is over, or an account closed (RFC 8935).

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

use axum::http::Method as M;
use claviger_model::Seconds;
use claviger_testkit::Reply;
use serde_json::{Value, json};

use super::{ALICE, CAEP, HUB, RISC, World, realm};

/// The realm that listens: its transmitter `upstream` is the realm `shop` of the same server.
const KEYS: &str = "https://id.example/keys";
const HERE: &str = "/realms/app/ssf/receiver/upstream";
const BOB: &str = "0d7a1f0e-3c57-4f0b-9a53-5a1b8f2c6d01";

struct Downstream {
    world: World,
    stream: Value,
}

impl Downstream {
    async fn new(further: &[(&str, &str)]) -> Self {
        let world = World::new().await;
        let stream = world.pushed("hub").await;
        world.stage.network.take(HUB, 202);
        let keys = world
            .stage
            .get("/realms/shop/protocol/openid-connect/certs")
            .await
            .is(200);
        world.stage.network.answer(KEYS, keys.body.clone());
        let mut attributes = json!({
            "ssf.receiver.upstream.issuer": stream["iss"],
            "ssf.receiver.upstream.jwks.url": KEYS,
            "ssf.receiver.upstream.audience": stream["aud"][0],
            "ssf.receiver.upstream.authorization": "Bearer agreed",
        });
        for (name, value) in further {
            attributes[format!("ssf.receiver.upstream.{name}")] = json!(value);
        }
        let mut app = realm("app");
        app["attributes"] = attributes;
        app["identityProviders"] = json!([{"alias": "shop", "providerId": "oidc", "config": {}}]);
        app["users"] = json!([{
            "id": BOB, "username": "bob", "enabled": true, "email": "alice@shop.example",
            "emailVerified": true, "firstName": "B", "lastName": "C",
            "credentials": [{"type": "password", "value": "builder"}],
            "federatedIdentities": [{
                "identityProvider": "shop", "userId": ALICE, "userName": "alice",
            }],
        }]);
        world.stage.import(app).await;
        Self { world, stream }
    }

    async fn sign_in(&self) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", "web"),
            ("client_secret", "s"),
            ("username", "bob"),
            ("password", "builder"),
            ("scope", "openid"),
        ];
        let path = "/realms/app/protocol/openid-connect/token";
        self.world.stage.post(path, &form).await.is(200)
    }

    /// The status of userinfo for somebody's token.
    async fn is_in(&self, tokens: &Reply) -> bool {
        let path = "/realms/app/protocol/openid-connect/userinfo";
        let call = self
            .world
            .stage
            .call(M::GET, path)
            .bearer(&tokens.member("access_token"));
        call.send().await.status.as_u16() == 200
    }

    /// The last token that was pushed to the hub, as the hub got it.
    async fn pushed(&self) -> String {
        self.world.deliver().await;
        let posted = self.world.stage.network.posted();
        match posted.last() {
            Some((_, claviger_engine::network::Posted::SecurityEvent { token, .. })) => {
                token.clone()
            }
            _ => panic!("nothing was pushed"),
        }
    }

    /// A token signed by the realm `shop` that says whatever it is told to.
    async fn signed(&self, typ: &str, claims: &Value) -> String {
        let realm = self.world.stage.app.realm("shop").await.unwrap().unwrap();
        let claims = claims.as_object().unwrap();
        let app = &self.world.stage.app;
        claviger_engine::token::sign::signed(app, &realm, "RS256", typ, claims)
            .await
            .unwrap()
    }

    fn claims(&self, event: &str, subject: &Value) -> Value {
        json!({
            "iss": self.stream["iss"], "aud": self.stream["aud"],
            "jti": format!("jti-{event}-{subject}"), "txn": "8675309",
            "iat": self.world.stage.app.now().seconds().0,
            "sub_id": subject, "events": {event: {"event_timestamp": 1_615_304_991}},
        })
    }

    async fn send(&self, token: &str) -> Reply {
        let call = self.world.stage.call(M::POST, HERE).bytes(token);
        let call = call.header("content-type", "application/secevent+jwt");
        call.header("authorization", "Bearer agreed").send().await
    }
}

#[tokio::test]
async fn a_session_revoked_there_ends_the_sessions_here() {
    let down = Downstream::new(&[("identity.provider", "shop")]).await;
    let (bob, alice) = (down.sign_in().await, down.world.sign_in().await);
    assert!(down.is_in(&bob).await);
    down.world.logout(&alice).await;
    let token = down.pushed().await;
    let answer = down.send(&token).await.is(202);
    assert!(answer.text().is_empty());
    assert!(!down.is_in(&bob).await);
    // Told again, it is taken again, and whoever came meanwhile stays.
    let again = down.sign_in().await;
    down.send(&token).await.is(202);
    assert!(down.is_in(&again).await);
}

#[tokio::test]
async fn people_are_found_as_the_administrator_trusts_the_transmitter_to_name_them() {
    let revoked = format!("{CAEP}session-revoked");
    let email = json!({"format": "email", "email": "alice@shop.example"});
    let id = json!({"format": "opaque", "id": BOB});
    let name = json!({"format": "opaque", "id": "Bob"});
    let aliases = json!({"format": "aliases", "identifiers": [id, email]});
    for (setting, subject, ends) in [
        (None, &email, false),
        (None, &id, false),
        (Some(("email", "verified")), &email, true),
        (Some(("opaque", "user-id")), &id, true),
        (Some(("opaque", "user-id")), &name, false),
        (Some(("opaque", "username")), &name, true),
        (Some(("opaque", "user-id")), &aliases, true),
        (
            Some(("identity.provider", "another")),
            &json!({
            "format": "iss_sub", "iss": "http://localhost/realms/shop", "sub": ALICE}),
            false,
        ),
        (
            Some(("identity.provider", "shop")),
            &json!({
            "format": "iss_sub", "iss": "https://evil.example", "sub": ALICE}),
            false,
        ),
    ] {
        let down = Downstream::new(setting.as_slice()).await;
        let bob = down.sign_in().await;
        let token = down
            .signed("secevent+jwt", &down.claims(&revoked, subject))
            .await;
        down.send(&token).await.is(202);
        assert_eq!(!down.is_in(&bob).await, ends, "{setting:?} {subject}");
    }
}

#[tokio::test]
async fn only_what_ends_something_ends_something() {
    let down = Downstream::new(&[("opaque", "user-id")]).await;
    let user = json!({"format": "opaque", "id": BOB});
    for (event, ends) in [
        (format!("{RISC}account-disabled"), true),
        (format!("{RISC}account-purged"), true),
        (format!("{RISC}account-enabled"), false),
        (format!("{CAEP}credential-change"), false),
        (
            "https://schemas.openid.net/secevent/ssf/event-type/verification".to_owned(),
            false,
        ),
        ("urn:example:unknown".to_owned(), false),
    ] {
        let bob = down.sign_in().await;
        let token = down
            .signed("secevent+jwt", &down.claims(&event, &user))
            .await;
        down.send(&token).await.is(202);
        assert_eq!(!down.is_in(&bob).await, ends, "{event}");
    }
    // A session of ours that is named is the only one that ends.
    let (one, two) = (down.sign_in().await, down.sign_in().await);
    let session = json!({"format": "opaque", "id": one.member("session_state")});
    let subject = json!({"format": "complex", "user": user, "session": session});
    let event = format!("{CAEP}session-revoked");
    let token = down
        .signed("secevent+jwt", &down.claims(&event, &subject))
        .await;
    down.send(&token).await.is(202);
    assert!(!down.is_in(&one).await && down.is_in(&two).await);
}

#[tokio::test]
async fn what_is_not_the_transmitters_is_refused_and_ends_nothing() {
    let down = Downstream::new(&[("opaque", "user-id")]).await;
    let bob = down.sign_in().await;
    let event = format!("{RISC}account-disabled");
    let good = down.claims(&event, &json!({"format": "opaque", "id": BOB}));
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let now = down.world.stage.app.now().seconds().0;
    let set = "secevent+jwt";
    for (typ, claims, err) in [
        ("JWT", good.clone(), "invalid_request"),
        ("at+jwt", good.clone(), "invalid_request"),
        (
            set,
            with("iss", json!("https://evil.example")),
            "invalid_issuer",
        ),
        (set, with("aud", json!("somebody else")), "invalid_audience"),
        (set, with("exp", json!(now + 60)), "invalid_request"),
        (set, with("sub", json!(BOB)), "invalid_request"),
        (set, with("iat", json!(now + 3_600)), "invalid_request"),
        (
            set,
            with("iat", json!(now - 30 * 86_400)),
            "invalid_request",
        ),
        (set, with("jti", Value::Null), "invalid_request"),
        (
            set,
            with("events", json!({&event: {}, "urn:b": {}})),
            "invalid_request",
        ),
    ] {
        let token = down.signed(typ, &claims).await;
        let refused = down.send(&token).await.is(400);
        assert_eq!(refused.json()["err"], err, "{typ} {claims}");
        assert!(refused.json()["description"].is_string());
    }
    let token = down.signed(set, &good).await;
    let (head, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    // Another payload below the same signature, another signature, none, and no token at all.
    let forged = down.signed(set, &with("txn", json!("another"))).await;
    let stranger = forged.split('.').nth(1).unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0";
    for bad in [
        format!("{head}.{stranger}.{signature}"),
        format!("{head}.{payload}."),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        "nothing".to_owned(),
        String::new(),
        "x".repeat(70 * 1024),
    ] {
        down.send(&bad).await.is(400);
    }
    let plain = down.world.stage.call(M::POST, HERE).bytes(token.clone());
    let media = "application/secevent+jwt";
    plain
        .clone()
        .header("content-type", media)
        .send()
        .await
        .is(401);
    let wrong = plain
        .clone()
        .header("content-type", media)
        .header("authorization", "Bearer guess");
    wrong.send().await.is(401);
    let typed = plain.header("content-type", "application/json");
    typed
        .header("authorization", "Bearer agreed")
        .send()
        .await
        .is(400);
    for path in [
        "/realms/app/ssf/receiver/nobody",
        "/realms/shop/ssf/receiver/upstream",
    ] {
        let call = down.world.stage.call(M::POST, path).bytes(token.clone());
        call.header("content-type", media).send().await.is(404);
    }
    assert!(down.is_in(&bob).await);
    down.send(&token).await.is(202);
    assert!(!down.is_in(&bob).await, "the good one was good");
}

#[tokio::test]
async fn without_keys_the_transmitter_is_asked_to_come_again() {
    let down = Downstream::new(&[
        ("jwks.url", "https://id.example/gone"),
        ("opaque", "user-id"),
    ])
    .await;
    let event = format!("{RISC}account-disabled");
    let claims = down.claims(&event, &json!({"format": "opaque", "id": BOB}));
    let token = down.signed("secevent+jwt", &claims).await;
    let later = down.send(&token).await.is(503);
    assert!(!later.header("retry-after").is_empty());
    // Once they can be had, the same token is taken.
    let keys = down
        .world
        .stage
        .get("/realms/shop/protocol/openid-connect/certs")
        .await;
    down.world
        .stage
        .network
        .answer("https://id.example/gone", keys.body.clone());
    down.world.stage.wait(Seconds(11));
    let bob = down.sign_in().await;
    down.send(&token).await.is(202);
    assert!(!down.is_in(&bob).await);
}
