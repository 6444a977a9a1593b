//! The ledger of logouts: who had to be told, what became of it, telling it again, and the receipt
//! that proves it.

use axum::http::Method;
use claviger_engine::outbox::{Attempt, give_up};
use claviger_model::{RealmId, Seconds};
use claviger_store::{Delivery, DeliveryQuery};
use serde_json::{Value, json};

use crate::told::{World, opened};

const WEB: &str = "http://web.example/logged-out";
const CLIENT: &str = "0a5e2f9c-6a1b-4d53-9c4e-0d6a70a4b001";
const ALICE: &str = "b8b6f1de-57a1-4b6b-8f0c-6b7c9e1d2a01";

/// The client is told at an address with a secret in it.
const SECRET: &str = "http://web.example/logged-out?key=hunter2";

/// Another address of the same client.
const MENDED: &str = "http://web.example/mended";

async fn world(url: &str) -> World {
    let web = json!({"attributes": {"backchannel.logout.url": url}});
    let world = World::new(&web).await;
    let events = json!({"eventsEnabled": true, "adminEventsEnabled": true});
    world.admin(Method::PUT, "", Some(events)).await.is(204);
    world
}

impl World {
    async fn see(&self, path: &str) -> Value {
        self.admin(Method::GET, path, None).await.is(200).json()
    }

    /// The only line of the ledger.
    async fn line(&self) -> Value {
        let all = self.see("/logout-deliveries").await;
        assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
        all[0].clone()
    }

    async fn end_a_session(&self) -> String {
        let tokens = self.sign_in("openid").await;
        self.logout(&tokens).await;
        tokens.member("session_state")
    }

    async fn retry(&self, line: &Value) -> claviger_testkit::Reply {
        let id = line["id"].as_str().unwrap();
        let path = format!("/logout-deliveries/{id}/retry");
        self.admin(Method::POST, &path, None).await
    }

    /// Lets the message be given up: nobody answers for a week.
    async fn weary(&self) {
        let app = &self.stage.app;
        self.stage.wait(Seconds(7 * 86_400));
        assert_eq!(give_up(app, app.now(), 10).await.unwrap(), 1);
    }

    async fn point_at(&self, url: &str) {
        let body = json!({"clientId": "web", "attributes": {"backchannel.logout.url": url}});
        let path = format!("/clients/{CLIENT}");
        self.admin(Method::PUT, &path, Some(body)).await.is(204);
    }
}

#[tokio::test]
async fn the_ledger_tells_who_was_told_and_when() {
    let world = world(SECRET).await;
    world.stage.network.take(SECRET, 503);
    let session = world.end_a_session().await;
    let written = world.stage.app.now().0;
    let line = world.line().await;
    assert_eq!(
        line,
        json!({
            "id": line["id"], "sessionId": session, "userId": ALICE, "clientId": "web",
            "channel": "backchannel-logout", "address": WEB, "reason": "logout",
            "state": "pending", "attempts": 0, "created": written, "nextAttempt": written,
            "expires": line["expires"],
        })
    );
    assert_eq!(world.deliver().await, [Attempt::Unreachable]);
    let failing = world.line().await;
    assert_eq!(failing["state"], "failing");
    assert_eq!(
        (&failing["status"], &failing["attempts"]),
        (&json!(503), &json!(1))
    );
    assert_eq!(failing["lastError"], "it answered 503");
    assert!(failing["nextAttempt"].as_i64().unwrap() > written);
    world.stage.wait(Seconds(20));
    world.stage.network.take(SECRET, 204);
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let told = world.line().await;
    assert_eq!(told["state"], "confirmed");
    assert_eq!(
        (&told["status"], &told["attempts"]),
        (&json!(204), &json!(2))
    );
    assert_eq!(told["ended"], written + 20_000);
    assert_eq!(
        (&told["lastError"], &told["nextAttempt"]),
        (&Value::Null, &Value::Null)
    );
    // By its id it is the same; in another realm it is not there; nowhere is the secret.
    let id = told["id"].as_str().unwrap();
    assert_eq!(world.see(&format!("/logout-deliveries/{id}")).await, told);
    let elsewhere = format!("/../master/logout-deliveries/{id}");
    world.admin(Method::GET, &elsewhere, None).await.is(404);
    assert!(!format!("{line}{failing}{told}").contains("hunter2"));
}

#[tokio::test]
async fn deliveries_are_found_by_state_client_user_session_and_time() {
    let world = world(WEB).await;
    world.stage.network.take(WEB, 200);
    let first = world.end_a_session().await;
    assert_eq!(world.deliver().await, [Attempt::Told]);
    world.stage.wait(Seconds(60));
    let later = world.stage.app.now().0;
    let second = world.end_a_session().await;
    let sessions = async |query: &str| -> Vec<String> {
        let found = world.see(&format!("/logout-deliveries?{query}")).await;
        let found = found.as_array().unwrap().clone();
        let text = |line: &Value| line["sessionId"].as_str().unwrap().to_owned();
        found.iter().map(text).collect()
    };
    let both = [second.clone(), first.clone()];
    for (query, expected) in [
        (String::new(), &both[..]),
        ("state=confirmed".into(), &both[1..]),
        ("state=pending,failing".into(), &both[..1]),
        ("state=pending&state=confirmed".into(), &both[..]),
        ("state=given_up".into(), &[]),
        ("client=web".into(), &both[..]),
        ("client=other".into(), &[]),
        (format!("user={ALICE}"), &both[..]),
        ("user=other".into(), &[]),
        (format!("session={first}"), &both[1..]),
        (format!("since={later}"), &both[..1]),
        ("first=1&max=5".into(), &both[1..]),
        ("max=1".into(), &both[..1]),
    ] {
        assert_eq!(sessions(&query).await, expected, "{query}");
    }
    let counts = world.see("/logout-deliveries/count").await;
    let expected = json!({"pending": 1, "confirmed": 1, "failing": 0, "given_up": 0, "count": 2});
    assert_eq!(counts, expected);
    let counts = world.see("/logout-deliveries/count?state=confirmed").await;
    assert_eq!(counts["count"], 1);
    for wrong in ["state=lost", "since=yesterday"] {
        let path = format!("/logout-deliveries?{wrong}");
        world.admin(Method::GET, &path, None).await.is(400);
    }
}

/// Who was given up can be told all the same, at the address that the client has by then; and the
/// realm's events say that somebody was not told.
#[tokio::test]
async fn what_was_given_up_is_told_anew_when_somebody_asks() {
    let world = world(SECRET).await;
    world.end_a_session().await;
    world.weary().await;
    let line = world.line().await;
    assert_eq!(line["state"], "given_up");
    assert_eq!(line["lastError"], "nobody could be reached for a week");
    let event = &world.see("/events?type=LOGOUT_ERROR").await[0];
    assert_eq!(
        (&event["error"], &event["userId"]),
        (&json!("logout_not_delivered"), &json!(ALICE))
    );
    let details = &event["details"];
    assert_eq!(
        (&details["delivery"], &details["address"]),
        (&line["id"], &json!(WEB))
    );
    assert!(!event.to_string().contains("hunter2"), "{event}");
    world.point_at(MENDED).await;
    world.stage.network.take(MENDED, 200);
    let due = world.retry(&line).await.is(202).json();
    assert_eq!(
        (&due["state"], &due["address"]),
        (&json!("pending"), &json!(MENDED))
    );
    // Twice is no error, and no second message.
    world.retry(&line).await.is(202);
    assert_eq!(world.waiting().await.len(), 1);
    assert_eq!(world.deliver().await, [Attempt::Told]);
    assert_eq!(world.stage.network.posted()[0].0, MENDED);
    assert_eq!(world.line().await["state"], "confirmed");
    // There is nothing left to tell.
    let refused = world.retry(&line).await.is(409).json();
    assert_eq!(refused["errorMessage"], "The receiver has confirmed it");
    let told = world.see("/admin-events?operationTypes=ACTION").await;
    let path = format!("logout-deliveries/{}/retry", line["id"].as_str().unwrap());
    assert_eq!(told[0]["resourcePath"], path);
    assert_eq!(told.as_array().unwrap().len(), 2);
    let nothing = json!({"id": "00000000-0000-0000-0000-000000000000"});
    world.retry(&nothing).await.is(404);
}

#[tokio::test]
async fn all_that_fails_of_a_client_is_told_again_at_once() {
    let world = world(WEB).await;
    world.stage.network.take(WEB, 500);
    world.end_a_session().await;
    world.weary().await;
    world.end_a_session().await;
    world.end_a_session().await;
    assert_eq!(world.deliver().await.len(), 2);
    assert_eq!(world.deliver().await, [], "they wait");
    let retry = async |query: &str| {
        let path = format!("/logout-deliveries/retry{query}");
        world.admin(Method::POST, &path, None).await.is(200).json()
    };
    let none = json!({"retried": 0, "refused": [], "more": false});
    assert_eq!(retry("?client=other").await, none);
    assert_eq!(world.deliver().await, []);
    let all = json!({"retried": 3, "refused": [], "more": false});
    assert_eq!(retry("?client=web").await, all);
    world.stage.network.take(WEB, 200);
    assert_eq!(world.deliver().await, [Attempt::Told; 3]);
    let counts = world.see("/logout-deliveries/count").await;
    assert_eq!(
        (&counts["confirmed"], &counts["count"]),
        (&json!(3), &json!(3))
    );
}

/// A message that cannot be told is no secret: the ledger says so, and why it is not told again.
#[tokio::test]
async fn what_cannot_be_read_is_given_up_and_stays_so() {
    let world = world(WEB).await;
    world.end_a_session().await;
    let [row] = world.waiting().await.try_into().unwrap();
    let mut tx = claviger_store::Tx::new();
    let broken = json!({"url": 7}).as_object().unwrap().clone();
    tx.rewrite_outbox(&row.realm, &row.id, &broken);
    assert!(world.stage.app.commit(tx).await.unwrap().is_done());
    assert_eq!(world.deliver().await, [Attempt::Hopeless]);
    let line = world.line().await;
    assert_eq!(line["state"], "given_up");
    assert_eq!(line["lastError"], "its message cannot be read");
    let refused = world.retry(&line).await.is(409).json();
    let text = refused["errorMessage"].as_str().unwrap();
    assert!(text.contains("cannot be told any more"), "{text}");
}

/// What is over is forgotten after a week, and with its realm at once.
#[tokio::test]
async fn the_ledger_forgets() {
    let world = world(WEB).await;
    world.stage.network.take(WEB, 200);
    let session = world.end_a_session().await;
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let app = &world.stage.app;
    let purge = async || {
        let mut tx = claviger_store::Tx::new();
        tx.purge_expired(app.now(), 100);
        assert!(app.commit(tx).await.unwrap().is_done());
    };
    world.stage.wait(Seconds(7 * 86_400 - 1));
    purge().await;
    world.line().await;
    world
        .see(&format!("/logout-deliveries?session={session}"))
        .await;
    world.stage.wait(Seconds(1));
    purge().await;
    assert_eq!(world.see("/logout-deliveries").await, json!([]));
    let path = format!("/logout-receipts/{session}");
    world.admin(Method::GET, &path, None).await.is(404);
    world.end_a_session().await;
    let realm = app.realm("shop").await.unwrap().unwrap().id.clone();
    world.admin(Method::DELETE, "", None).await.is(204);
    assert_eq!(rows(&world, &realm).await, []);
    // The realm's last words are told all the same.
    assert_eq!(world.deliver().await, [Attempt::Told]);
}

async fn rows(world: &World, realm: &RealmId) -> Vec<Delivery> {
    let all = DeliveryQuery {
        max: -1,
        ..DeliveryQuery::default()
    };
    let store = &world.stage.app.store;
    store.logout_deliveries(realm, &all).await.unwrap()
}

#[tokio::test]
async fn a_receipt_proves_what_ended_and_who_confirmed_it() {
    let world = world(SECRET).await;
    world.stage.network.take(SECRET, 200);
    let keys = world.keys().await;
    let begun = world.stage.app.now().0;
    let session = world.end_a_session().await;
    let read = async || {
        let path = format!("/logout-receipts/{session}");
        let answer = world.admin(Method::GET, &path, None).await.is(200);
        assert_eq!(
            answer.header("content-type"),
            "application/logout-receipt+jwt"
        );
        let (header, claims) = opened(&answer.text(), &keys);
        assert_eq!(header, json!({"alg": "RS256", "typ": "logout-receipt+jwt"}));
        assert_eq!(claims["iss"], "http://localhost/realms/shop");
        claims["logout_receipt"].clone()
    };
    let before = read().await;
    assert_eq!(
        (&before["session"], &before["user"]),
        (&json!(session), &json!(ALICE))
    );
    assert_eq!(
        before["ended"],
        json!([{
            "what": "session", "offline": false, "reason": "logout", "at_ms": begun,
            "clients": ["web"],
        }])
    );
    assert_eq!(before["told"][0]["state"], "pending");
    // The record that APIs are told by, in the realm's sequence.
    let records = before["revocations"].as_array().unwrap();
    assert!(
        records.len() == 1 && records[0].as_i64() > Some(0),
        "{before}"
    );
    world.stage.wait(Seconds(3));
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let after = read().await;
    let line = &after["told"][0];
    assert_eq!(
        (&line["state"], &line["status"]),
        (&json!("confirmed"), &json!(200))
    );
    assert_eq!(
        (&line["client"], &line["channel"]),
        (&json!("web"), &json!("backchannel-logout"))
    );
    assert_eq!(
        (&line["address"], &line["ended_at_ms"]),
        (&json!(WEB), &json!(begun + 3_000))
    );
    assert_eq!(after["untold"], json!([]));
}

/// Who is not told is named as well; a session that is alive has no receipt.
#[tokio::test]
async fn a_receipt_names_those_who_are_not_told() {
    let world = World::new(&json!({})).await;
    let tokens = world.sign_in("openid").await;
    let path = format!("/logout-receipts/{}", tokens.member("session_state"));
    world.admin(Method::GET, &path, None).await.is(404);
    world.logout(&tokens).await;
    let answer = world.admin(Method::GET, &path, None).await.is(200);
    let (_, claims) = opened(&answer.text(), &world.keys().await);
    let receipt = &claims["logout_receipt"];
    assert_eq!(
        (&receipt["untold"], &receipt["told"]),
        (&json!(["web"]), &json!([]))
    );
}

/// A realm that signs its tokens by a secret proves its logouts by a key that others can check.
#[tokio::test]
async fn a_receipt_can_be_checked_by_others_whatever_the_realm_signs_with() {
    let world = world(WEB).await;
    let hmac = json!({"defaultSignatureAlgorithm": "HS256"});
    world.admin(Method::PUT, "", Some(hmac)).await.is(204);
    let session = world.end_a_session().await;
    let path = format!("/logout-receipts/{session}");
    let answer = world.admin(Method::GET, &path, None).await.is(200);
    let (header, _) = opened(&answer.text(), &world.keys().await);
    assert_eq!(header["alg"], "RS256");
}

/// A receipt is signed by the key that tokens are signed by, and is none of them.
#[tokio::test]
async fn a_receipt_is_no_token() {
    let world = world(WEB).await;
    let session = world.end_a_session().await;
    let path = format!("/logout-receipts/{session}");
    let receipt = world.admin(Method::GET, &path, None).await.is(200).text();
    let oidc = |path: &str| format!("/realms/shop/protocol/openid-connect/{path}");
    let client = [("client_id", "web"), ("client_secret", "web-secret")];
    let with = |more: &[(&'static str, &str)]| -> Vec<(String, String)> {
        let all = client.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let post = async |path: &str, form: Vec<(String, String)>| {
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (&**n, &**v)).collect();
        world.stage.post(&oidc(path), &form).await
    };
    let answer = post("token/introspect", with(&[("token", &receipt)])).await;
    assert_eq!(answer.is(200).json(), json!({"active": false}));
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*receipt),
    ];
    post("token", with(&refresh)).await.is(400);
    let exchange = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", &*receipt),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
    ];
    assert!(
        post("token", with(&exchange))
            .await
            .status
            .is_client_error()
    );
    post("logout", with(&[("refresh_token", &receipt)]))
        .await
        .is(400);
    for path in [oidc("userinfo"), "/admin/realms/shop/events".to_owned()] {
        let call = world.stage.call(Method::GET, &path).bearer(&receipt);
        call.send().await.is(401);
    }
    let hint = format!("{}?id_token_hint={receipt}", oidc("logout"));
    world.stage.get(&hint).await.is(400);
    let assertion = [
        ("grant_type", "client_credentials"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &*receipt),
    ];
    assert!(
        world
            .stage
            .post(&oidc("token"), &assertion)
            .await
            .status
            .is_client_error()
    );
}
