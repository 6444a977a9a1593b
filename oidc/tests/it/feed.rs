//! The feed of what is revoked: who may read it, that it misses nothing, and that it ends for whoever
//! may not read it any more.

use std::time::Duration;

use axum::http::Method;
use claviger_model::Seconds;
use claviger_store::Tx;
use claviger_testkit::{Reply, Stage};
use serde_json::{Value, json};

use crate::world::{alice, alice_at_web, oidc, realm};

const FEED: &str = "/realms/shop/revocations";

async fn opened() -> Stage {
    let stage = Stage::open(claviger_oidc::router()).await;
    let mut file = realm();
    for client in [0, 1] {
        file["clients"][client]["attributes"]["revocation.feed.enabled"] = json!("true");
    }
    stage.import(file).await;
    stage
}

async fn read(stage: &Stage, query: &str) -> Value {
    let call = stage.call(Method::GET, &format!("{FEED}{query}"));
    call.basic("web", "web-secret").send().await.is(200).json()
}

async fn logout(stage: &Stage, tokens: &Reply) {
    let form = [
        ("client_id", "app"),
        ("refresh_token", &*tokens.member("refresh_token")),
    ];
    stage.post(&oidc("logout"), &form).await.is(204);
}

fn sids(feed: &Value) -> Vec<String> {
    let records = feed["records"].as_array().unwrap().iter();
    let sids = records.map(|record| record["sid"].as_str().unwrap_or("-").to_owned());
    sids.collect()
}

#[tokio::test]
async fn what_ended_is_told_once_and_one_goes_on_from_there() {
    let stage = opened().await;
    let empty = read(&stage, "").await;
    assert_eq!(empty["records"], json!([]));
    assert_eq!(empty["realm"], "http://localhost/realms/shop");
    assert_eq!(empty["horizon"], 900);
    assert_eq!(empty["next"], empty["head"]);
    let (one, two) = (alice(&stage).await, alice(&stage).await);
    logout(&stage, &one).await;
    logout(&stage, &two).await;
    let all = read(&stage, "").await;
    let expected = [one, two].map(|tokens| tokens.member("session_state"));
    assert_eq!(sids(&all), expected);
    let first = &all["records"][0];
    assert_eq!(first["reason"], "logout");
    assert_eq!(first["seq"], all["oldest"]);
    let now = stage.app.now();
    assert_eq!(first["at_ms"], now.0);
    assert!(first["before_ms"].as_i64().unwrap() >= now.0);
    assert!(first["until"].as_i64().unwrap() > now.seconds().0 + 899);
    assert_eq!(first.get("jti"), None);

    let page = read(&stage, "?limit=1").await;
    assert_eq!((sids(&page).len(), &page["head"]), (1, &all["head"]));
    let rest = read(&stage, &format!("?since={}", page["next"])).await;
    assert_eq!(sids(&rest), expected[1..]);
    assert_eq!(rest["next"], all["head"]);
    let none = read(&stage, &format!("?since={}", rest["next"])).await;
    assert_eq!((sids(&none).len(), &none["next"]), (0, &all["head"]));

    stage.wait(Seconds(1_000));
    let forgotten = read(&stage, "").await;
    assert_eq!(
        (sids(&forgotten).len(), &forgotten["next"]),
        (0, &all["head"])
    );
}

#[tokio::test]
async fn a_long_poll_is_answered_when_something_ends() {
    let stage = opened().await;
    let head = read(&stage, "").await["head"].clone();
    let tokens = alice(&stage).await;
    let waiting = {
        let stage = stage.clone();
        let query = format!("?since={head}&wait=60");
        tokio::spawn(async move { read(&stage, &query).await })
    };
    while stage.app.followers.realms() == 0 {
        tokio::task::yield_now().await;
    }
    logout(&stage, &tokens).await;
    let told = waiting.await.unwrap();
    assert_eq!(sids(&told), [tokens.member("session_state")]);
    let late = read(&stage, &format!("?since={}&wait=0", told["next"])).await;
    assert_eq!(sids(&late), [""; 0]);
}

/// Reads a stream to its end, while something is done once it has begun.
async fn streamed(
    stage: &Stage,
    resume: Option<i64>,
    act: impl AsyncFnOnce(&Stage),
) -> Vec<(String, Value)> {
    let listening = {
        let mut call = stage.call(Method::GET, FEED).basic("web", "web-secret");
        call = call.header("accept", "text/event-stream");
        if let Some(resume) = resume {
            call = call.header("last-event-id", &resume.to_string());
        }
        tokio::spawn(call.send())
    };
    while stage.app.followers.realms() == 0 {
        tokio::task::yield_now().await;
    }
    act(stage).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), listening).await;
    let answer = ended.expect("the stream ends").unwrap().is(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    events(&answer.text())
}

fn events(text: &str) -> Vec<(String, Value)> {
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    let field = |event: &str, name: &str| {
        let mut lines = event.lines();
        lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
    };
    events
        .map(|event| {
            let data: Value = serde_json::from_str(&field(event, "data: ").unwrap()).unwrap();
            if let Some(id) = field(event, "id: ") {
                let number = data.get("seq").or_else(|| data.get("head")).unwrap();
                assert_eq!(id, number.to_string());
            }
            (field(event, "event: ").unwrap(), data)
        })
        .collect()
}

/// The records of a stream, and how it ended.
fn summed(events: &[(String, Value)]) -> (Vec<String>, Value) {
    let records = events.iter().filter(|(name, _)| name == "revocation");
    let sids = records.map(|(_, data)| data["sid"].as_str().unwrap_or("-").to_owned());
    let (name, last) = events.last().unwrap();
    assert_eq!(name, "end");
    (sids.collect(), last["reason"].clone())
}

#[tokio::test]
async fn a_stream_tells_what_was_and_what_comes_and_ends_when_the_server_stops() {
    let stage = opened().await;
    let (one, two) = (alice(&stage).await, alice(&stage).await);
    logout(&stage, &one).await;
    let first = read(&stage, "").await["head"].as_i64().unwrap();
    let name = two.member("session_state");
    let events = streamed(&stage, Some(first - 1), async |stage| {
        logout(stage, &two).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        stage.app.followers.close();
    })
    .await;
    let expected = vec![one.member("session_state"), name];
    assert_eq!(summed(&events), (expected, json!("stopping")));
    let heads = events.iter().filter(|(name, _)| name == "head");
    assert!(heads.count() >= 1, "{events:?}");
}

#[tokio::test]
async fn a_stream_is_cut_when_its_client_or_its_realm_is_switched_off() {
    for (what, expected) in [("client", "access_denied"), ("realm", "realm_disabled")] {
        let stage = opened().await;
        let events = streamed(&stage, None, async |stage| switch_off(stage, what).await).await;
        let (sids, reason) = summed(&events);
        assert_eq!((sids, reason), (vec!["-".to_owned()], json!(expected)));
    }
}

/// As the Admin API does it.
async fn switch_off(stage: &Stage, what: &str) {
    use claviger_engine::revocation::record::{client_changed, realm_changed};
    use claviger_wire::document::{Document, Kind};
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let mut tx = Tx::new();
    if what == "realm" {
        let mut body = realm.body.clone();
        body.insert("enabled".to_owned(), json!(false));
        realm_changed(&stage.app, &realm, &mut tx, &body)
            .await
            .unwrap();
        let row = stage
            .app
            .store
            .realm_by_id(&realm.id)
            .await
            .unwrap()
            .unwrap();
        tx.update_realm(&claviger_store::RealmRow {
            enabled: false,
            body,
            ..row
        });
    } else {
        let client = realm.client("web").await.unwrap().unwrap();
        let mut body = client.body.clone();
        body.insert("enabled".to_owned(), json!(false));
        client_changed(&stage.app, &realm, &mut tx, &client, &body)
            .await
            .unwrap();
        let store = &stage.app.store;
        let id = client.uuid.as_str();
        let old = store
            .document(&realm.id, Kind::Client, id)
            .await
            .unwrap()
            .unwrap();
        tx.update_document(
            &realm.id,
            &Document {
                enabled: false,
                body,
                ..old
            },
        );
    }
    assert!(stage.app.commit(tx).await.unwrap().is_done());
}

#[tokio::test]
async fn only_a_confidential_client_that_may_reads_it() {
    let stage = opened().await;
    let form = [("grant_type", "client_credentials")];
    let call = stage.call(Method::POST, &oidc("token"));
    let own = call
        .basic("web", "web-secret")
        .form(&form)
        .send()
        .await
        .is(200);
    let own = own.member("access_token");
    let ask = || stage.call(Method::GET, FEED);
    ask().bearer(&own).send().await.is(200);
    ask().basic("web", "wrong").send().await.is(401);
    ask().basic("api", "api-secret").send().await.is(403);
    ask().send().await.is(401);
    let users = alice_at_web(&stage).await.member("access_token");
    ask().bearer(&users).send().await.is(403);
    ask().bearer("x").send().await.is(401);
    ask().basic("app", "").send().await.is(403);
    let nowhere = stage.call(Method::GET, "/realms/nowhere/revocations");
    nowhere.basic("web", "web-secret").send().await.is(404);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let stage = opened().await;
    for (query, status) in [
        ("?since=x", 400),
        ("?since=-1", 400),
        ("?wait=soon", 400),
        ("?limit=-3", 400),
        ("?since=1&since=2", 400),
        ("?since=9223372036854775807", 410),
        ("?since=9223372036854775808", 400),
        ("?limit=0", 200),
        ("?limit=9223372036854775807", 200),
    ] {
        let call = stage.call(Method::GET, &format!("{FEED}{query}"));
        let answer = call.basic("web", "web-secret").send().await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text());
    }
    let call = stage.call(Method::GET, FEED).basic("web", "web-secret");
    let call = call.header("accept", "text/event-stream");
    call.header("last-event-id", "9223372036854775807")
        .send()
        .await
        .is(410);
}

#[tokio::test]
async fn more_followers_than_a_client_may_have_are_told_to_come_again() {
    let stage = opened().await;
    let realm = stage.app.realm("shop").await.unwrap().unwrap();
    let client = realm.client("web").await.unwrap().unwrap();
    let held: Vec<_> = std::iter::from_fn(|| stage.app.followers.place(&client.uuid)).collect();
    let call = stage.call(Method::GET, FEED).basic("web", "web-secret");
    let refused = call
        .header("accept", "text/event-stream")
        .send()
        .await
        .is(503);
    assert_eq!(refused.header("retry-after"), "1");
    read(&stage, "").await;
    drop(held);
}
