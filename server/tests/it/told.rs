//! What clients are told of a session's end, through the outbox: whom, in which words, how often
//! when they do not listen, and that it outlives what it speaks of.

use axum::http::Method;
use claviger_crypto::jwk::JwkSet;
use claviger_crypto::jws::Unverified;
use claviger_engine::network::Posted;
use claviger_engine::outbox::{Attempt, attempt, give_up};
use claviger_model::{Millis, Seconds, Secret};
use claviger_store::OutboxRow;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

const WEB: &str = "http://web.example/logged-out";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

pub struct World {
    pub stage: Stage,
}

fn realm(web: &Value) -> Value {
    let mut client = json!({
        "id": "0a5e2f9c-6a1b-4d53-9c4e-0d6a70a4b001", "clientId": "web", "secret": "web-secret",
        "directAccessGrantsEnabled": true, "redirectUris": ["http://web.example/*"],
    });
    let web = web.as_object().unwrap().clone();
    client.as_object_mut().unwrap().extend(web);
    json!({
        "realm": "shop", "enabled": true, "clients": [client],
        "users": [{
            "id": "b8b6f1de-57a1-4b6b-8f0c-6b7c9e1d2a01", "username": "alice", "enabled": true,
            "email": "alice@shop.example", "firstName": "Alice", "lastName": "Liddell",
            "realmRoles": ["offline_access"],
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

fn wants_to_know(further: &[(&str, &str)]) -> Value {
    let mut attributes = json!({"backchannel.logout.url": WEB});
    for (name, value) in further {
        attributes[*name] = json!(value);
    }
    json!({ "attributes": attributes })
}

impl World {
    pub async fn new(web: &Value) -> Self {
        let router = claviger_oidc::router().merge(claviger_rest::router());
        let stage = Stage::open(router).await;
        let password = Secret::new("admin");
        claviger_engine::bootstrap::admin_user(&stage.app, "admin", password)
            .await
            .unwrap();
        stage.import(realm(web)).await;
        Self { stage }
    }

    pub async fn sign_in(&self, scope: &str) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", scope),
        ];
        let path = "/realms/shop/protocol/openid-connect/token";
        self.stage.post(path, &form).await.is(200)
    }

    pub async fn logout(&self, tokens: &Reply) {
        let form = [
            ("client_id", "web"),
            ("client_secret", "web-secret"),
            ("refresh_token", &tokens.member("refresh_token")),
        ];
        let path = "/realms/shop/protocol/openid-connect/logout";
        self.stage.post(path, &form).await.is(204);
    }

    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let url = "/realms/master/protocol/openid-connect/token";
        let tokens = self.stage.post(url, &form).await.is(200);
        let path = format!("/admin/realms/shop{path}");
        let mut call = self.stage.call(method, &path);
        if let Some(body) = body {
            call = call.json(&body);
        }
        call.bearer(&tokens.member("access_token")).send().await
    }

    /// All that waits, whether or not its time has come.
    pub async fn waiting(&self) -> Vec<OutboxRow> {
        let store = &self.stage.app.store;
        let mut rows = Vec::new();
        for target in store.outbox_targets(Millis(i64::MAX), 100).await.unwrap() {
            let all = store.outbox_due(&target, Millis(i64::MAX), 100).await;
            rows.extend(all.unwrap());
        }
        rows
    }

    /// Tells what is due, each once.
    pub async fn deliver(&self) -> Vec<Attempt> {
        let app = &self.stage.app;
        let mut became = Vec::new();
        for row in self.waiting().await {
            if row.next_at <= app.now() {
                became.push(attempt(app, &row).await.unwrap());
            }
        }
        became
    }

    /// The form that came in at the client's, as its only message: header and claims of the token,
    /// verified by the keys that the realm publishes.
    fn token(&self, keys: &JwkSet) -> (Value, Value) {
        let posted = self.stage.network.posted();
        let [(url, Posted::Form(fields))] = posted.as_slice() else {
            panic!("{posted:?}");
        };
        let [(name, token)] = fields.as_slice() else {
            panic!("{url}");
        };
        assert_eq!((&**url, &**name), (WEB, "logout_token"));
        opened(token, keys)
    }

    pub async fn keys(&self) -> JwkSet {
        let path = "/realms/shop/protocol/openid-connect/certs";
        JwkSet::parse(&self.stage.get(path).await.is(200).body).unwrap()
    }
}

pub fn opened(token: &str, keys: &JwkSet) -> (Value, Value) {
    let jws = Unverified::parse(token).unwrap();
    let header = json!({"alg": jws.header().alg(), "typ": jws.header().typ()});
    let algorithm = jws.header().algorithm().unwrap();
    let key = keys.verifying(jws.header().kid(), algorithm).unwrap();
    let claims = jws.verify(&key).unwrap().claims().unwrap();
    (header, Value::Object(claims))
}

/// Back-Channel Logout 1.0 §2.4, and as Keycloak writes it.
#[tokio::test]
async fn a_logout_token_says_what_the_standard_asks_for() {
    let required = ("backchannel.logout.session.required", "true");
    let world = World::new(&wants_to_know(&[required])).await;
    world.stage.network.take(WEB, 200);
    let tokens = world.sign_in("openid").await;
    world.stage.wait(Seconds(5));
    world.logout(&tokens).await;
    assert_eq!(world.deliver().await, [Attempt::Told]);
    assert_eq!(world.waiting().await, []);
    let (header, claims) = world.token(&world.keys().await);
    assert_eq!(header, json!({"alg": "RS256", "typ": "logout+jwt"}));
    let now = world.stage.app.now().seconds().0;
    assert_eq!(
        claims,
        json!({
            "iss": "http://localhost/realms/shop", "aud": "web", "typ": "Logout",
            "sub": "b8b6f1de-57a1-4b6b-8f0c-6b7c9e1d2a01", "sid": tokens.member("session_state"),
            "events": { EVENT: {} }, "iat": now, "exp": now + 120, "jti": claims["jti"],
        })
    );
    // No nonce, so that nobody takes it for an ID token (§2.4); an id, so that each counts once.
    assert!(claims["jti"].as_str().unwrap().len() >= 32);
}

#[tokio::test]
async fn a_client_chooses_what_it_is_told() {
    let revoke = ("backchannel.logout.revoke.offline.tokens", "true");
    let algorithm = ("id.token.signed.response.alg", "ES256");
    let mut web = wants_to_know(&[revoke, algorithm]);
    web["protocolMappers"] = json!([{
        "name": "pairwise", "protocol": "openid-connect",
        "protocolMapper": "oidc-sha256-pairwise-sub-mapper",
        "config": {"pairwiseSubAlgorithmSalt": "salt"},
    }]);
    let world = World::new(&web).await;
    world.stage.network.take(WEB, 204);
    let tokens = world.sign_in("openid").await;
    let keys = world.keys().await;
    let (_, id_claims) = opened(&tokens.member("id_token"), &keys);
    world.logout(&tokens).await;
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let (header, claims) = world.token(&keys);
    assert_eq!(header["alg"], "ES256");
    assert_eq!(claims["sub"], id_claims["sub"]);
    assert_ne!(claims["sub"], "b8b6f1de-57a1-4b6b-8f0c-6b7c9e1d2a01");
    let events = json!({ EVENT: {}, "revoke_offline_access": true });
    assert_eq!((&claims["events"], &claims["sid"]), (&events, &Value::Null));
}

#[tokio::test]
async fn who_is_out_of_order_is_told_later_and_who_was_told_is_left_alone() {
    let world = World::new(&wants_to_know(&[])).await;
    world.stage.network.take(WEB, 503);
    let tokens = world.sign_in("openid").await;
    world.logout(&tokens).await;
    assert_eq!(world.deliver().await, [Attempt::Unreachable]);
    assert_eq!(world.deliver().await, [], "not at once again");
    world.stage.wait(Seconds(20));
    assert_eq!(world.deliver().await, [Attempt::Unreachable]);
    world.stage.network.take(WEB, 200);
    world.stage.wait(Seconds(40));
    assert_eq!(world.deliver().await, [Attempt::Told]);
    assert_eq!(world.waiting().await, []);
    world.stage.wait(Seconds(400));
    assert_eq!(world.deliver().await, []);
    // Each time it is a token of its own, as the first may be over by now.
    let posted = world.stage.network.posted();
    assert_eq!(posted.len(), 3);
    assert_ne!(posted[0], posted[2]);
}

#[tokio::test]
async fn of_two_nodes_one_tells() {
    let world = World::new(&wants_to_know(&[])).await;
    world.stage.network.take(WEB, 200);
    let tokens = world.sign_in("openid").await;
    world.logout(&tokens).await;
    let [row] = world.waiting().await.try_into().unwrap();
    let app = &world.stage.app;
    let (one, two) = tokio::join!(attempt(app, &row), attempt(app, &row));
    let mut became = [one.unwrap(), two.unwrap()];
    became.sort_by_key(|attempt| *attempt != Attempt::Told);
    assert_eq!(became, [Attempt::Told, Attempt::Elsewhere]);
    assert_eq!(world.stage.network.posted().len(), 1);
}

#[tokio::test]
async fn who_refuses_is_asked_for_an_hour_and_who_is_silent_for_a_week() {
    for (status, patience) in [(400, 3_600), (500, 7 * 86_400)] {
        let world = World::new(&wants_to_know(&[])).await;
        world.stage.network.take(WEB, status);
        let tokens = world.sign_in("openid").await;
        world.logout(&tokens).await;
        assert_eq!(world.deliver().await.len(), 1);
        world.stage.wait(Seconds(patience - 1));
        assert_eq!(world.deliver().await.len(), 1);
        assert_eq!(world.waiting().await.len(), 1, "{status}");
        world.stage.wait(Seconds(400));
        assert_eq!(world.deliver().await.len(), 1);
        assert_eq!(world.waiting().await, [], "{status}");
    }
}

/// A client that rests is not asked with every message; what nobody tried in a week is dropped all
/// the same.
#[tokio::test]
async fn what_waits_for_a_week_is_dropped() {
    let world = World::new(&wants_to_know(&[])).await;
    let tokens = world.sign_in("openid").await;
    world.logout(&tokens).await;
    let app = &world.stage.app;
    world.stage.wait(Seconds(7 * 86_400 - 1));
    assert_eq!(give_up(app, app.now(), 10).await.unwrap(), 0);
    world.stage.wait(Seconds(1));
    assert_eq!(give_up(app, app.now(), 10).await.unwrap(), 1);
    assert_eq!(world.waiting().await, []);
}

/// Where Keycloak says nothing: it tells nobody that a session has expired, that its user, client or
/// realm was disabled or deleted, or that everybody was logged out.
#[tokio::test]
async fn whatever_ends_a_session_its_client_is_told_in_a_token_that_it_can_verify() {
    let user = "/users/b8b6f1de-57a1-4b6b-8f0c-6b7c9e1d2a01";
    let client = "/clients/0a5e2f9c-6a1b-4d53-9c4e-0d6a70a4b001";
    let off = || Some(json!({"enabled": false}));
    let client_off = Some(json!({"clientId": "web", "enabled": false}));
    let doors: [(&str, Method, String, Option<Value>); 9] = [
        ("admin", Method::DELETE, "/sessions/{sid}".into(), None),
        ("admin", Method::POST, format!("{user}/logout"), None),
        ("admin", Method::POST, "/logout-all".into(), None),
        ("user_disabled", Method::PUT, user.into(), off()),
        ("user_deleted", Method::DELETE, user.into(), None),
        ("client_disabled", Method::PUT, client.into(), client_off),
        ("client_deleted", Method::DELETE, client.into(), None),
        ("realm_disabled", Method::PUT, String::new(), off()),
        ("realm_deleted", Method::DELETE, String::new(), None),
    ];
    for (reason, method, path, body) in doors {
        let required = ("backchannel.logout.session.required", "true");
        let world = World::new(&wants_to_know(&[required])).await;
        world.stage.network.take(WEB, 200);
        let tokens = world.sign_in("openid").await;
        let (sid, keys) = (tokens.member("session_state"), world.keys().await);
        let path = path.replace("{sid}", &sid);
        let answer = world.admin(method, &path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        let waiting = world.waiting().await;
        assert_eq!(waiting.len(), 1, "{path}");
        assert_eq!(waiting[0].payload["reason"], reason, "{path}");
        assert_eq!(world.deliver().await, [Attempt::Told], "{path}");
        let (_, claims) = world.token(&keys);
        assert_eq!(claims["sid"], json!(sid), "{path}");
        assert_eq!(claims["aud"], "web", "{path}");
        assert_eq!(world.waiting().await, [], "{path}");
    }
}

#[tokio::test]
async fn who_was_signed_in_for_too_long_is_told_as_well() {
    let world = World::new(&wants_to_know(&[])).await;
    world.stage.network.take(WEB, 200);
    world.sign_in("openid").await;
    world.stage.wait(Seconds(36_001));
    let app = &world.stage.app;
    claviger_engine::logout::end_expired(app, app.now())
        .await
        .unwrap();
    assert_eq!(world.waiting().await[0].payload["reason"], "expired");
    assert_eq!(world.deliver().await, [Attempt::Told]);
}

/// A realm takes its keys along. What it had still to say is signed before, also what failed until
/// then, and is good for as long as it may be told.
#[tokio::test]
async fn a_realm_that_is_deleted_has_the_last_word() {
    let world = World::new(&wants_to_know(&[])).await;
    world.stage.network.take(WEB, 503);
    let first = world.sign_in("openid").await;
    let second = world.sign_in("openid").await;
    let keys = world.keys().await;
    world.logout(&first).await;
    assert_eq!(world.deliver().await, [Attempt::Unreachable]);
    let written = world.stage.app.now();
    world.admin(Method::DELETE, "", None).await.is(204);
    assert_eq!(world.stage.get("/realms/shop").await.status, 404);
    assert_eq!(world.waiting().await.len(), 2, "{}", second.text());
    world.stage.wait(Seconds(6 * 86_400));
    world.stage.network.take(WEB, 200);
    assert_eq!(world.deliver().await, [Attempt::Told, Attempt::Told]);
    let posted = world.stage.network.posted();
    for (_, body) in posted.iter().skip(1) {
        let Posted::Form(fields) = body else {
            panic!("{body:?}");
        };
        let (_, claims) = opened(&fields[0].1, &keys);
        let end = (written + Seconds(7 * 86_400)).seconds();
        assert_eq!(claims["exp"], json!(end.0));
    }
}

#[tokio::test]
async fn a_client_with_both_channels_is_told_by_the_back_channel_too() {
    let front = ("frontchannel.logout.url", "http://web.example/frame");
    let mut web = wants_to_know(&[front]);
    web["frontchannelLogout"] = json!(true);
    let world = World::new(&web).await;
    world.stage.network.take(WEB, 200);
    let tokens = world.sign_in("openid").await;
    world.logout(&tokens).await;
    assert_eq!(world.deliver().await, [Attempt::Told]);
}

/// It threw away what it no longer needs; whoever uses it goes on doing so.
#[tokio::test]
async fn who_revokes_its_own_token_is_not_told_of_it() {
    let world = World::new(&wants_to_know(&[])).await;
    for scope in ["openid", "openid offline_access"] {
        let tokens = world.sign_in(scope).await;
        let path = "/realms/shop/protocol/openid-connect/revoke";
        let call = world.stage.call(Method::POST, path);
        let form = [("token", &*tokens.member("refresh_token"))];
        call.basic("web", "web-secret")
            .form(&form)
            .send()
            .await
            .is(200);
        assert_eq!(world.waiting().await, [], "{scope}");
    }
}

/// A session that is online and offline is one session to its client.
#[tokio::test]
async fn nobody_is_told_twice_of_one_session() {
    let world = World::new(&wants_to_know(&[])).await;
    let tokens = world.sign_in("openid offline_access").await;
    world.logout(&tokens).await;
    assert_eq!(world.waiting().await.len(), 1);
}

#[tokio::test]
async fn a_message_that_nobody_understands_is_thrown_away() {
    let world = World::new(&wants_to_know(&[])).await;
    let tokens = world.sign_in("openid").await;
    world.logout(&tokens).await;
    let [row] = world.waiting().await.try_into().unwrap();
    let app = &world.stage.app;
    for (id, strange) in [
        (
            "one",
            OutboxRow {
                kind: "smoke".into(),
                ..row.clone()
            },
        ),
        (
            "two",
            OutboxRow {
                payload: claviger_wire::document::Json::new(),
                ..row.clone()
            },
        ),
        (
            "three",
            OutboxRow {
                realm: "nowhere".into(),
                ..row.clone()
            },
        ),
    ] {
        let strange = OutboxRow {
            id: id.into(),
            ..strange
        };
        let mut tx = claviger_store::Tx::new();
        tx.insert_outbox(&strange);
        assert!(app.commit(tx).await.unwrap().is_done());
        assert_eq!(
            attempt(app, &strange).await.unwrap(),
            Attempt::Hopeless,
            "{id}"
        );
    }
    assert_eq!(world.waiting().await, [row]);
}
