//! What a stream tells, of whom, when, and how often (SSF §8.1.2 to §8.1.5, RFC 8935, RFC 8936).

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

use axum::http::Method as M;
use claviger_engine::outbox::Attempt;
use claviger_model::Seconds;
use serde_json::{Value, json};

use super::{ALICE, CAEP, HUB, SSF, STREAMS, World, check};

const STATUS: &str = "/realms/shop/ssf/transmitter/streams/status";
const VERIFY: &str = "/realms/shop/ssf/transmitter/verify";
const ADD: &str = "/realms/shop/ssf/transmitter/subjects/add";
const REMOVE: &str = "/realms/shop/ssf/transmitter/subjects/remove";

#[tokio::test]
async fn a_verification_comes_with_its_state_and_not_too_often() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let token = world.manager("hub").await;
    // SSF §8.1.4.2, figure 35.
    let state = "VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo=";
    let asked = json!({"stream_id": stream["stream_id"], "state": state});
    world.call(M::POST, VERIFY, &token, &asked).await.is(204);
    let polled = world.poll("hub", &stream, json!({})).await;
    let (header, claims) = polled.sets.values().next().unwrap();
    check(header, claims, &stream);
    assert_eq!(
        claims["events"],
        json!({format!("{SSF}verification"): {"state": state}})
    );
    assert_eq!(
        claims["sub_id"],
        json!({"format": "opaque", "id": stream["stream_id"]})
    );
    let early = world.call(M::POST, VERIFY, &token, &asked).await.is(429);
    assert_eq!(early.header("retry-after"), "60");
    world.stage.wait(Seconds(60));
    // A client with one stream need not name it, and the state is the receiver's to leave out.
    let token = world.manager("hub").await;
    world
        .call(M::POST, VERIFY, &token, &json!({}))
        .await
        .is(204);
    let polled = world
        .poll("hub", &stream, json!({"ack": polled.ids()}))
        .await;
    let (_, claims) = polled.sets.values().next().unwrap();
    assert_eq!(claims["events"][format!("{SSF}verification")], json!({}));
}

#[tokio::test]
async fn a_paused_stream_holds_and_a_disabled_one_forgets() {
    let world = World::new().await;
    let (stream, updated) = (world.polled("hub").await, format!("{SSF}stream-updated"));
    let revoked = format!("{CAEP}session-revoked");
    let id = &stream["stream_id"];
    let token = world.manager("hub").await;
    let status = |status: &str| json!({"stream_id": id, "status": status, "reason": "maintenance"});
    let nonsense = json!({"stream_id": id, "status": "asleep"});
    world.call(M::POST, STATUS, &token, &nonsense).await.is(400);
    world.logout(&world.sign_in().await).await;
    let paused = world
        .call(M::POST, STATUS, &token, &status("paused"))
        .await
        .is(200)
        .json();
    assert_eq!(paused, status("paused"));
    world.logout(&world.sign_in().await).await;
    // What it says of itself is said all the same (SSF §8.1.5).
    let polled = world.poll("hub", &stream, json!({})).await;
    assert_eq!(polled.events(), std::slice::from_ref(&updated));
    let says = &polled.of(&updated)[0]["events"][&updated];
    assert_eq!(*says, json!({"status": "paused", "reason": "maintenance"}));
    world
        .poll("hub", &stream, json!({"ack": polled.ids()}))
        .await;
    let show = format!("{STATUS}?stream_id={}", id.as_str().unwrap());
    let shown = world
        .call(M::GET, &show, &token, &Value::Null)
        .await
        .is(200)
        .json();
    assert_eq!(shown, status("paused"));
    world
        .call(
            M::POST,
            STATUS,
            &token,
            &json!({"stream_id": id, "status": "enabled"}),
        )
        .await
        .is(200);
    let polled = world.poll("hub", &stream, json!({})).await;
    assert_eq!(polled.of(&revoked).len(), 2, "both were held");
    world
        .call(M::POST, STATUS, &token, &status("disabled"))
        .await
        .is(200);
    world.logout(&world.sign_in().await).await;
    let polled = world.poll("hub", &stream, json!({})).await;
    assert_eq!(
        polled.events(),
        [updated],
        "nothing is kept but the news itself"
    );
    world
        .call(M::POST, VERIFY, &token, &json!({"stream_id": id}))
        .await
        .is(400);
}

#[tokio::test]
async fn a_stream_tells_of_those_it_was_asked_to_tell_of() {
    let world = World::new().await;
    let stream = world.polled("quiet").await;
    let token = world.manager("quiet").await;
    let id = &stream["stream_id"];
    let say = |subject: Value| json!({"stream_id": id, "subject": subject, "verified": true});
    let mut known = 0;
    for subject in [
        json!({"format": "email", "email": "alice@shop.example"}),
        json!({"format": "iss_sub", "iss": stream["iss"], "sub": ALICE}),
        json!({"format": "opaque", "id": ALICE}),
        json!({"format": "complex", "user": {"format": "email", "email": "alice@shop.example"}}),
        json!({"format": "aliases", "identifiers": [
            {"format": "phone_number", "phone_number": "+12065550100"},
            {"format": "email", "email": "alice@shop.example"},
        ]}),
    ] {
        world.logout(&world.sign_in().await).await;
        assert_eq!(
            world.poll("quiet", &stream, json!({})).await.sets.len(),
            known
        );
        world
            .call(M::POST, ADD, &token, &say(subject.clone()))
            .await
            .is(200);
        world.logout(&world.sign_in().await).await;
        known += 1;
        let told = world.poll("quiet", &stream, json!({})).await.sets.len();
        assert_eq!(told, known, "{subject}");
        world
            .call(M::POST, REMOVE, &token, &say(subject))
            .await
            .is(204);
    }
    // Whether there is such a person is not told.
    for subject in [
        json!({"format": "email", "email": "nobody@shop.example"}),
        json!({"format": "iss_sub", "iss": "https://evil.example", "sub": ALICE}),
        json!({"format": "pigeon"}),
        json!({"format": "opaque", "id": "\u{0}"}),
    ] {
        world
            .call(M::POST, ADD, &token, &say(subject.clone()))
            .await
            .is(200);
        world
            .call(M::POST, REMOVE, &token, &say(subject))
            .await
            .is(204);
    }
    for body in [
        json!({"stream_id": id}),
        json!({"subject": {"format": "opaque"}}),
        json!({}),
    ] {
        world.call(M::POST, ADD, &token, &body).await.is(400);
    }
    // What Keycloak has kept with a user counts where nobody said otherwise.
    let mut user = world
        .admin(M::GET, &format!("/users/{ALICE}"), Value::Null)
        .await
        .json();
    user["attributes"]["ssf.notify.hub"] = json!(["false"]);
    let hub = world.polled("hub").await;
    let off = json!({"stream_id": hub["stream_id"],
        "subject": {"format": "email", "email": "alice@shop.example"}});
    let manager = world.manager("hub").await;
    world.call(M::POST, REMOVE, &manager, &off).await.is(204);
    world.logout(&world.sign_in().await).await;
    assert!(
        world.poll("hub", &hub, json!({})).await.sets.is_empty(),
        "everybody but her"
    );
}

#[tokio::test]
async fn tokens_are_polled_until_they_are_acknowledged() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    for _ in 0..3 {
        world.logout(&world.sign_in().await).await;
        world.stage.wait(Seconds(1));
    }
    let all = world.poll("hub", &stream, json!({})).await;
    assert_eq!((all.sets.len(), all.more), (3, false));
    let again = world.poll("hub", &stream, json!({})).await;
    assert_eq!(again.ids(), all.ids(), "at least once");
    let first = world.poll("hub", &stream, json!({"maxEvents": 1})).await;
    assert_eq!((first.sets.len(), first.more), (1, true));
    // RFC 8936 §2.4.2: acknowledge and nothing else.
    let acked = json!({"ack": first.ids(), "maxEvents": 0});
    let nothing = world.poll("hub", &stream, acked).await;
    assert_eq!((nothing.sets.len(), nothing.more), (0, true));
    // RFC 8936 §2.4.4: what cannot be used is not told again.
    let left = world.poll("hub", &stream, json!({})).await.ids();
    assert_eq!(left.len(), 2);
    let error = json!({"err": "authentication_failed", "description": "bad\nline"});
    let told = json!({"setErrs": {&left[0]: error}, "ack": [&left[1], "unknown", "\u{0}"]});
    let none = world.poll("hub", &stream, told).await;
    assert!(none.sets.is_empty() && !none.more);
    // Another stream's tokens are not this one's to acknowledge.
    let other = world.polled("other").await;
    world.logout(&world.sign_in().await).await;
    let theirs = world.poll("other", &other, json!({})).await.ids();
    world
        .poll("hub", &stream, json!({"ack": theirs.clone()}))
        .await;
    assert_eq!(world.poll("other", &other, json!({})).await.ids(), theirs);
    let many: Vec<String> = (0..=1_000).map(|number| number.to_string()).collect();
    let path = format!(
        "/realms/shop/ssf/transmitter/receivers/hub/streams/{}/poll",
        stream["stream_id"].as_str().unwrap()
    );
    let token = world.token("hub", "ssf.read").await;
    world
        .call(M::POST, &path, &token, &json!({"ack": many}))
        .await
        .is(400);
    world
        .call(M::POST, &path, &token, &json!({"ack": "one"}))
        .await
        .is(400);
}

#[tokio::test]
async fn a_poll_that_waits_is_answered_as_soon_as_there_is_something() {
    let world = World::new().await;
    let stream = world.polled("hub").await;
    let tokens = world.sign_in().await;
    let waits = world.poll("hub", &stream, json!({"returnImmediately": false}));
    let acts = async {
        tokio::task::yield_now().await;
        world.logout(&tokens).await;
    };
    let (polled, ()) = tokio::join!(waits, acts);
    assert_eq!(polled.sets.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_pushed_is_pushed_again_and_what_may_not_is_not() {
    let world = World::new().await;
    let stream = world.pushed("hub").await;
    world.stage.network.take(HUB, 503);
    world.logout(&world.sign_in().await).await;
    assert_eq!(world.deliver().await, [Attempt::Unreachable]);
    world.stage.wait(Seconds(60));
    world.stage.network.take(HUB, 202);
    assert_eq!(world.deliver().await, [Attempt::Told]);
    let heard = world.heard().await;
    let [(_, first, _), (header, second, authorization)] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    check(header, second, &stream);
    assert_eq!(first, second, "the same token, by its id and its time");
    assert_eq!(authorization.as_deref(), Some("Bearer hub-knows"));
    assert_eq!(world.waiting().await, 0);
    // Paused with something under way: nothing goes out until it goes on.
    let token = world.manager("hub").await;
    let id = &stream["stream_id"];
    world.logout(&world.sign_in().await).await;
    world
        .call(
            M::POST,
            STATUS,
            &token,
            &json!({"stream_id": id, "status": "paused"}),
        )
        .await
        .is(200);
    assert_eq!(
        world.deliver().await,
        [Attempt::Told],
        "the news of the pause"
    );
    world
        .call(
            M::POST,
            STATUS,
            &token,
            &json!({"stream_id": id, "status": "enabled"}),
        )
        .await
        .is(200);
    assert_eq!(world.deliver().await, [Attempt::Told, Attempt::Told]);
    // A stream that ends takes what waits along.
    world.logout(&world.sign_in().await).await;
    let one = format!("{STREAMS}?stream_id={}", id.as_str().unwrap());
    world
        .call(M::DELETE, &one, &token, &Value::Null)
        .await
        .is(204);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_client_that_goes_takes_its_streams_along() {
    let world = World::new().await;
    world.pushed("hub").await;
    world.logout(&world.sign_in().await).await;
    let found = world
        .admin(M::GET, "/clients?clientId=hub", Value::Null)
        .await
        .json();
    let uuid = found[0]["id"].as_str().unwrap();
    world
        .admin(M::DELETE, &format!("/clients/{uuid}"), Value::Null)
        .await
        .is(204);
    assert_eq!(world.deliver().await, [Attempt::Hopeless]);
    assert!(world.stage.network.posted().is_empty());
    let realm = world.stage.app.realm("shop").await.unwrap().unwrap();
    assert!(realm.streams().await.unwrap().is_empty());
    world.logout(&world.sign_in().await).await;
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn the_scopes_appear_when_the_transmitter_is_switched_on() {
    let world = World::new().await;
    let scopes = |found: Value| {
        let found = found.as_array().unwrap().clone();
        let names = found
            .into_iter()
            .map(|scope| scope["name"].as_str().unwrap().to_owned());
        names
            .filter(|name| name.starts_with("ssf."))
            .collect::<Vec<_>>()
    };
    let plain = json!({"realm": "plain", "enabled": true});
    world.stage.import(plain).await;
    let at = "/../plain/client-scopes";
    let before = world.admin(M::GET, at, Value::Null).await.is(200).json();
    assert!(scopes(before).is_empty());
    let on = json!({"attributes": {"ssf.transmitterEnabled": "true"}});
    for _ in 0..2 {
        world.admin(M::PUT, "/../plain", on.clone()).await.is(204);
        let after = world.admin(M::GET, at, Value::Null).await.is(200).json();
        let mut names = scopes(after);
        names.sort();
        assert_eq!(names, ["ssf.manage", "ssf.read"]);
    }
}
