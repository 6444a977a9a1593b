//! Streams of shared signals: of whom they tell, and what waits for them.

use claviger_model::{Millis, RealmId, UserId};
use claviger_store::{Lane, OutboxRow};

use crate::fixtures::write;
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

fn message(id: &str, target: &str, written: i64, lane: Lane) -> OutboxRow {
    OutboxRow {
        id: id.to_owned(),
        realm: at(),
        kind: "security-event".to_owned(),
        target: target.to_owned(),
        payload: serde_json::Map::new(),
        created_at: Millis(written),
        next_at: Millis(written + lane.offset()),
        attempts: 0,
    }
}

on_every_engine! {
    async fn what_was_said_last_of_a_user_counts(world) {
        let (alice, bob) = (UserId::new("a"), UserId::new("b"));
        write(&world, |tx| {
            tx.say_signal_subject(&at(), "s", &alice, true);
            tx.say_signal_subject(&at(), "t", &alice, true);
            tx.say_signal_subject(&at(), "s", &bob, true);
        }).await;
        write(&world, |tx| tx.say_signal_subject(&at(), "s", &alice, false)).await;
        let said = world.signal_subject(&at(), &alice).await.unwrap();
        assert_eq!(said, [("s".to_owned(), false), ("t".to_owned(), true)]);
        assert!(world.signal_subject(&RealmId::new("x"), &alice).await.unwrap().is_empty());
        write(&world, |tx| tx.forget_signal_subject(&at(), "t", &alice)).await;
        assert_eq!(world.signal_subject(&at(), &alice).await.unwrap().len(), 1);
        write(&world, |tx| tx.end_signals(&at(), "s")).await;
        assert!(world.signal_subject(&at(), &alice).await.unwrap().is_empty());
        assert!(world.signal_subject(&at(), &bob).await.unwrap().is_empty());
    }

    async fn messages_wait_in_the_lane_of_their_stream(world) {
        write(&world, |tx| {
            tx.insert_outbox(&message("1", "s", 30, Lane::Poll));
            tx.insert_outbox(&message("2", "s", 20, Lane::Poll));
            tx.insert_outbox(&message("3", "other", 10, Lane::Poll));
            tx.insert_outbox(&message("4", "s", 10, Lane::Held));
        }).await;
        let ids = |rows: Vec<OutboxRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        let polled = world.signals(&at(), "s", Lane::Poll, 10).await.unwrap();
        assert_eq!(ids(polled), ["2", "1"], "the oldest in front");
        assert_eq!(ids(world.signals(&at(), "s", Lane::Poll, 1).await.unwrap()), ["2"]);
        assert!(world.outbox_targets(Millis(1_000_000), 10).await.unwrap().is_empty());
        let counted = world.count_signals(&at(), "s", Lane::Poll).await.unwrap();
        assert_eq!(counted, (2, Some(Millis(20))));
        assert_eq!(world.count_signals(&at(), "x", Lane::Poll).await.unwrap(), (0, None));
        // Another stream's messages are not this one's to take.
        write(&world, |tx| tx.take_signal(&at(), "s", "3")).await;
        assert!(world.signal(&at(), "other", "3").await.unwrap().is_some());
        assert!(world.signal(&at(), "s", "3").await.unwrap().is_none());
        write(&world, |tx| tx.take_signal(&at(), "s", "2")).await;
        write(&world, |tx| tx.shift_signals(&at(), "s", Lane::Push)).await;
        let due = world.outbox_due("s", Millis(30), 10).await.unwrap();
        assert_eq!(ids(due), ["4", "1"], "all that is left, in its order");
        write(&world, |tx| tx.drop_signals(&at(), "s")).await;
        assert!(world.outbox_due("s", Millis(i64::MAX), 10).await.unwrap().is_empty());
        assert!(world.signal(&at(), "other", "3").await.unwrap().is_some());
    }
}
