//! The ledger of logouts.

use claviger_model::session::SessionKind;
use claviger_model::{Millis, RealmId, SessionId, UserId};
use claviger_store::{Backlog, Commit, Concerned, Delivery, DeliveryQuery, DeliveryState, Ending};
use serde_json::json;

use crate::fixtures::{attempt, object, write};
use crate::world::on_every_engine;

pub fn delivery(realm: &RealmId, id: &str, at: i64) -> Delivery {
    Delivery {
        id: id.to_owned(),
        realm: realm.clone(),
        session: Some("s".to_owned()),
        user: Some("u".to_owned()),
        client_id: "web".to_owned(),
        channel: "backchannel-logout".to_owned(),
        target: "c".to_owned(),
        address: "https://web.example/out".to_owned(),
        reason: Some("logout".to_owned()),
        state: DeliveryState::Pending,
        status: None,
        attempts: 0,
        last_error: None,
        created_at: Millis(at),
        next_at: Some(Millis(at)),
        ended_at: None,
        expires_at: Millis(1_000_000),
    }
}

pub fn ending(realm: &RealmId, id: &str, at: i64) -> Ending {
    Ending {
        id: id.to_owned(),
        realm: realm.clone(),
        session: SessionId::new("s"),
        user: UserId::new("u"),
        kind: SessionKind::Online,
        whole: true,
        reason: "logout".to_owned(),
        clients: vec![Concerned {
            client: "web".to_owned(),
            delivery: Some("a".to_owned()),
        }],
        ended_at: Millis(at),
        expires_at: Millis(1_000_000),
    }
}

fn at() -> RealmId {
    RealmId::new("r")
}

fn ids(found: &[Delivery]) -> Vec<&str> {
    found.iter().map(|one| &*one.id).collect()
}

on_every_engine! {
    async fn a_delivery_goes_from_state_to_state(world) {
        let first = delivery(&at(), "a", 1);
        write(&world, |tx| tx.insert_logout_delivery(&first)).await;
        let read = async || world.logout_delivery(&at(), "a").await.unwrap().unwrap();
        assert_eq!(read().await, first);
        assert_eq!(world.logout_delivery(&RealmId::new("s"), "a").await.unwrap(), None);
        write(&world, |tx| {
            tx.begin_logout_delivery(&at(), "a", DeliveryState::Pending, Millis(15));
        }).await;
        write(&world, |tx| tx.fail_logout_delivery(&at(), "a", Some(503), "it answered 503")).await;
        let failing = Delivery {
            state: DeliveryState::Failing,
            status: Some(503),
            attempts: 1,
            last_error: Some("it answered 503".to_owned()),
            next_at: Some(Millis(15)),
            ..first.clone()
        };
        assert_eq!(read().await, failing);
        write(&world, |tx| tx.hasten_logout_delivery(&at(), "a", Millis(7), "https://b.example/")).await;
        let message = object(json!({"url": "x"}));
        write(&world, |tx| tx.give_up_logout_delivery(
            (&at(), "a"), (None, "gone"), Some(&message), (Millis(20), Millis(50)),
        )).await;
        let given_up = Delivery {
            state: DeliveryState::GivenUp,
            status: None,
            last_error: Some("gone".to_owned()),
            address: "https://b.example/".to_owned(),
            next_at: None,
            ended_at: Some(Millis(20)),
            expires_at: Millis(50),
            ..failing
        };
        assert_eq!(read().await, given_up);
        let kept = async || world.logout_delivery_payload(&at(), "a").await.unwrap();
        assert_eq!(kept().await, Some(message));
        // What is over does not fail, begin or hurry any more.
        write(&world, |tx| {
            tx.fail_logout_delivery(&at(), "a", Some(500), "late");
            tx.begin_logout_delivery(&at(), "a", DeliveryState::Failing, Millis(99));
            tx.hasten_logout_delivery(&at(), "a", Millis(7), "https://c.example/");
            tx.give_up_logout_delivery((&at(), "a"), (None, "late"), None, (Millis(9), Millis(9)));
        }).await;
        assert_eq!(read().await, given_up);
        // Of two who want it tried anew one misses.
        let until = (Millis(30), Millis(90));
        write(&world, |tx| tx.revive_logout_delivery((&at(), "a"), "https://d.example/", until)).await;
        let late = attempt(&world, |tx| {
            tx.revive_logout_delivery((&at(), "a"), "https://d.example/", until);
        }).await;
        assert_eq!(late, Commit::Missed("LOGOUT_DELIVERY_REVIVE"));
        let revived = read().await;
        assert_eq!((revived.state, revived.next_at), (DeliveryState::Pending, Some(Millis(30))));
        assert_eq!(kept().await, None);
        // A confirmation counts, whatever was thought before.
        write(&world, |tx| {
            tx.give_up_logout_delivery((&at(), "a"), (None, "x"), None, (Millis(31), Millis(91)));
            tx.confirm_logout_delivery(&at(), "a", 204, (Millis(40), Millis(100)));
        }).await;
        let confirmed = read().await;
        assert_eq!((confirmed.state, confirmed.status), (DeliveryState::Confirmed, Some(204)));
        assert_eq!((confirmed.last_error, confirmed.ended_at), (None, Some(Millis(40))));
    }

    async fn deliveries_are_found_by_what_they_are(world) {
        let other = Delivery {
            session: None,
            user: None,
            reason: None,
            client_id: "app".to_owned(),
            state: DeliveryState::Confirmed,
            ..delivery(&at(), "b", 2)
        };
        let elsewhere = delivery(&RealmId::new("s"), "c", 3);
        write(&world, |tx| {
            for one in [&delivery(&at(), "a", 1), &other, &elsewhere, &delivery(&at(), "d", 4)] {
                tx.insert_logout_delivery(one);
            }
        }).await;
        let some = |text: &str| Some(text.to_owned());
        let base = || DeliveryQuery { max: -1, ..DeliveryQuery::default() };
        let cases: [(DeliveryQuery, &[&str]); 9] = [
            (base(), &["d", "b", "a"]),
            (DeliveryQuery { first: 1, max: 1, ..base() }, &["b"]),
            (DeliveryQuery { states: vec![DeliveryState::Confirmed], ..base() }, &["b"]),
            (DeliveryQuery {
                states: vec![DeliveryState::Pending, DeliveryState::GivenUp], ..base()
            }, &["d", "a"]),
            (DeliveryQuery { client_id: some("app"), ..base() }, &["b"]),
            (DeliveryQuery { user: some("u"), ..base() }, &["d", "a"]),
            (DeliveryQuery { session: some("s"), ..base() }, &["d", "a"]),
            (DeliveryQuery { since: Some(Millis(2)), ..base() }, &["d", "b"]),
            (DeliveryQuery { max: 0, ..base() }, &[]),
        ];
        for (query, expected) in cases {
            let found = world.logout_deliveries(&at(), &query).await.unwrap();
            assert_eq!(ids(&found), expected, "{query:?}");
        }
        let mut counts = world.logout_delivery_counts(&at(), &base()).await.unwrap();
        counts.sort_unstable();
        assert_eq!(counts, [(DeliveryState::Pending, 2), (DeliveryState::Confirmed, 1)]);
        let waiting = Backlog { state: DeliveryState::Pending, count: 3, oldest: Millis(1) };
        assert_eq!(world.logout_backlog().await.unwrap(), [waiting]);
    }

    async fn the_ledger_has_an_end(world) {
        let over = |id: &str, at_time, state| Delivery { state, ..delivery(&at(), id, at_time) };
        write(&world, |tx| {
            tx.insert_logout_delivery(&over("a", 1, DeliveryState::Pending));
            tx.insert_logout_delivery(&over("b", 2, DeliveryState::GivenUp));
            tx.insert_logout_delivery(&over("c", 3, DeliveryState::Confirmed));
            tx.insert_logout_delivery(&delivery(&RealmId::new("s"), "x", 1));
            for (id, time) in [("e", 1), ("f", 2), ("g", 3)] {
                tx.insert_logout_ending(&ending(&at(), id, time));
            }
        }).await;
        assert_eq!(world.logout_delivery_crowds(2).await.unwrap(), [(at(), 3)]);
        assert_eq!(world.logout_delivery_crowds(3).await.unwrap(), []);
        assert_eq!(world.logout_ending_crowds(2).await.unwrap(), [(at(), 3)]);
        write(&world, |tx| {
            tx.forget_logout_deliveries(&at(), 1);
            tx.forget_logout_endings(&at(), 1);
        }).await;
        let all = DeliveryQuery { max: -1, ..DeliveryQuery::default() };
        let left = async || world.logout_deliveries(&at(), &all).await.unwrap();
        assert_eq!(ids(&left().await), ["c", "a"]);
        let ended = world.logout_endings(&at(), &SessionId::new("s"), 10).await.unwrap();
        assert_eq!(ended, [ending(&at(), "f", 2), ending(&at(), "g", 3)]);
        assert_eq!(world.logout_endings(&at(), &SessionId::new("t"), 10).await.unwrap(), []);
        // What still waits stays, however little is kept.
        write(&world, |tx| tx.forget_logout_deliveries(&at(), 10)).await;
        assert_eq!(ids(&left().await), ["a"]);
        // And in the end all goes.
        write(&world, |tx| tx.purge_expired(Millis(1_000_000), 100)).await;
        assert_eq!(left().await, []);
        assert_eq!(world.logout_endings(&at(), &SessionId::new("s"), 10).await.unwrap(), []);
    }
}
