//! Ends of sessions that streams tell of are lines of the ledger of logouts, as those of clients are.

use axum::http::Method as M;
use claviger_engine::outbox::Attempt;
use claviger_model::Seconds;
use serde_json::{Value, json};

use super::{ALICE, HUB, STREAMS, World};

const STATUS: &str = "/realms/shop/ssf/transmitter/streams/status";

impl World {
    /// The lines of the ledger, the newest first.
    async fn lines(&self) -> Vec<Value> {
        let all = self.admin(M::GET, "/logout-deliveries", Value::Null).await;
        all.is(200).json().as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn what_is_pushed_is_failing_until_the_receiver_has_taken_it() {
    let world = World::new().await;
    let stream = world.pushed("hub").await;
    world.stage.network.take(HUB, 202);
    world.deliver().await;
    world.stage.network.take(HUB, 503);
    let tokens = world.sign_in().await;
    world.logout(&tokens).await;
    let [line] = &world.lines().await[..] else {
        panic!("{:?}", world.lines().await)
    };
    assert_eq!(
        (&line["clientId"], &line["channel"], &line["state"]),
        (&json!("hub"), &json!("security-event"), &json!("pending"))
    );
    assert_eq!(
        (&line["address"], &line["reason"]),
        (&json!(HUB), &json!("logout"))
    );
    let session = json!(tokens.member("session_state"));
    assert_eq!(
        (&line["userId"], &line["sessionId"]),
        (&json!(ALICE), &session)
    );
    assert_eq!(world.deliver().await, [Attempt::Unreachable]);
    let failing = &world.lines().await[0];
    assert_eq!(
        (
            &failing["state"],
            &failing["lastError"],
            &failing["attempts"]
        ),
        (&json!("failing"), &json!("it answered 503"), &json!(1))
    );
    // Somebody does not want to wait.
    world.stage.network.take(HUB, 202);
    let retry = format!("/logout-deliveries/{}/retry", line["id"].as_str().unwrap());
    world.admin(M::POST, &retry, Value::Null).await.is(202);
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let told = &world.lines().await[0];
    assert_eq!(
        (&told["state"], &told["status"]),
        (&json!("confirmed"), &json!(202))
    );
    assert_eq!(told["address"], HUB);
    // Whatever else a stream tells is no logout.
    let user = format!("/users/{ALICE}");
    let changed = json!({"firstName": "Other"});
    world.admin(M::PUT, &user, changed).await.is(204);
    assert_eq!(world.lines().await.len(), 1);
    assert!(stream["stream_id"].is_string());
}

#[tokio::test]
async fn what_is_fetched_waits_until_it_is_acknowledged() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let others = world.polled("other").await;
    for _ in 0..2 {
        let tokens = world.sign_in().await;
        world.logout(&tokens).await;
        world.stage.wait(Seconds(1));
    }
    let lines = world.lines().await;
    assert_eq!(lines.len(), 4);
    for line in &lines {
        assert_eq!(line["state"], "pending");
        assert_eq!(line["address"], "fetched by the receiver");
        assert_eq!(line.get("nextAttempt"), None);
    }
    let of = |lines: &[Value], client: &str| -> Vec<(String, String)> {
        let own = lines.iter().filter(|line| line["clientId"] == client);
        let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        own.map(|line| (text(line, "id"), text(line, "state")))
            .collect()
    };
    // Another stream's are not this one's to acknowledge.
    let ids: Vec<String> = of(&lines, "hub").into_iter().map(|(id, _)| id).collect();
    world.poll("other", &others, json!({"ack": ids})).await;
    assert!(
        of(&world.lines().await, "hub")
            .iter()
            .all(|(_, state)| state == "pending")
    );
    let error = json!({"err": "invalid_key", "description": "not ours"});
    let told = json!({"ack": [&ids[0]], "setErrs": {&ids[1]: error}});
    world.poll("hub", &stream, told).await;
    let states: Vec<_> = of(&world.lines().await, "hub");
    assert_eq!(states[0].1, "confirmed");
    assert_eq!(states[1].1, "given_up");
    assert!(
        of(&world.lines().await, "other")
            .iter()
            .all(|(_, state)| state == "pending")
    );
    // Nothing of a stream that is gone waits for anybody.
    let token = world.manager("other").await;
    let id = others["stream_id"].as_str().unwrap();
    let path = format!("{STREAMS}?stream_id={id}");
    world
        .call(M::DELETE, &path, &token, &Value::Null)
        .await
        .is(204);
    let lines = world.lines().await;
    let gone = lines.iter().filter(|line| line["clientId"] == "other");
    for line in gone {
        assert_eq!(
            (&line["state"], &line["lastError"]),
            (&json!("given_up"), &json!("the stream was deleted"))
        );
    }
}

#[tokio::test]
async fn what_a_disabled_stream_forgets_the_ledger_gives_up() {
    let world = World::new().await;
    let stream = world.pushed("hub").await;
    let tokens = world.sign_in().await;
    world.logout(&tokens).await;
    let token = world.manager("hub").await;
    let body = json!({"stream_id": stream["stream_id"], "status": "disabled"});
    world.call(M::POST, STATUS, &token, &body).await.is(200);
    let line = &world.lines().await[0];
    assert_eq!(
        (&line["state"], &line["lastError"]),
        (&json!("given_up"), &json!("the stream was disabled"))
    );
    let retry = format!("/logout-deliveries/{}/retry", line["id"].as_str().unwrap());
    world.admin(M::POST, &retry, Value::Null).await.is(409);
}
