//! Places in status lists: given once, set by what has ended, free again when nothing names them.

use claviger_model::revocation::Revocation;
use claviger_model::session::EndReason;
use claviger_model::{Millis, RealmId, SessionId, StatusIndex, UserId};
use claviger_store::{Commit, Store, Tx};

use crate::fixtures::{attempt, write};
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

fn place(index: i32) -> StatusIndex {
    StatusIndex { list: 0, index }
}

fn give(tx: &mut Tx, index: i32, session: &str, client: &str, user: &str) {
    let (session, user) = (SessionId::new(session), UserId::new(user));
    tx.insert_status_index(&at(), place(index), (&session, client, &user), Millis(100));
}

fn record(session: Option<&str>, user: Option<&str>, client: Option<&str>) -> Revocation {
    Revocation {
        realm: at(),
        client: client.map(str::to_owned),
        user: user.map(Into::into),
        session: session.map(Into::into),
        jti: None,
        before: Millis(10),
        until: Millis(50),
        at: Millis(10),
        reason: EndReason::Logout,
    }
}

async fn set(store: &Store) -> Vec<i32> {
    store.set_status_indices(&at(), 0, -1, 100).await.unwrap()
}

on_every_engine! {
    async fn a_place_is_given_once(world) {
        write(&world, |tx| give(tx, 7, "s", "app", "u")).await;
        let again = attempt(&world, |tx| give(tx, 7, "t", "app", "u")).await;
        assert_eq!(again, Commit::Conflict("STATUS_INSERT"));
        let candidates = [1, 2, 3, 4, 5, 6, 7, 8];
        let taken = world.taken_status_indices(&at(), 0, &candidates).await.unwrap();
        assert_eq!(taken, [7]);
        let taken = world.taken_status_indices(&at(), 1, &candidates).await.unwrap();
        assert_eq!(taken, Vec::<i32>::new());
        assert_eq!(world.last_status_list(&at()).await.unwrap(), 0);
        let elsewhere = RealmId::new("other");
        assert_eq!(world.last_status_list(&elsewhere).await.unwrap(), 0);
    }

    async fn what_ends_sets_the_places_that_it_concerns(world) {
        for (record, expected) in [
            (record(Some("s"), Some("u"), None), vec![1, 2]),
            (record(Some("s"), Some("u"), Some("web")), vec![2]),
            (record(None, Some("u"), None), vec![1, 2, 3]),
            (record(None, Some("u"), Some("app")), vec![1, 3]),
            (record(None, None, Some("app")), vec![1, 3, 4]),
            (record(None, None, None), vec![1, 2, 3, 4]),
            (Revocation { jti: Some("j".into()), ..record(Some("s"), None, None) }, vec![]),
        ] {
            write(&world, |tx| {
                give(tx, 1, "s", "app", "u");
                give(tx, 2, "s", "web", "u");
                give(tx, 3, "t", "app", "u");
                give(tx, 4, "o", "app", "other");
            })
            .await;
            write(&world, |tx| tx.insert_revocation(&record)).await;
            assert_eq!(set(&world).await, expected, "{record:?}");
            // What is set is nobody's any more: the next token gets another place.
            let (session, kept) = (SessionId::new("s"), !expected.contains(&1));
            let found = world.status_index(&at(), &session, "app").await.unwrap();
            assert_eq!(found.is_some(), kept, "{record:?}");
            write(&world, |tx| tx.purge_expired(Millis(100), 100)).await;
            assert_eq!(set(&world).await, Vec::<i32>::new());
        }
    }

    async fn a_place_is_kept_for_as_long_as_a_token_names_it(world) {
        write(&world, |tx| give(tx, 1, "s", "app", "u")).await;
        write(&world, |tx| tx.prolong_status_index(&at(), place(1), Millis(200))).await;
        write(&world, |tx| tx.prolong_status_index(&at(), place(1), Millis(150))).await;
        write(&world, |tx| tx.purge_expired(Millis(199), 100)).await;
        let session = SessionId::new("s");
        let kept = world.status_index(&at(), &session, "app").await.unwrap().unwrap();
        assert_eq!((kept.index, kept.expires_at), (place(1), Millis(200)));
        write(&world, |tx| tx.purge_expired(Millis(200), 100)).await;
        assert_eq!(world.status_index(&at(), &session, "app").await.unwrap(), None);
        let again = attempt(&world, |tx| give(tx, 1, "t", "app", "u")).await;
        assert!(again.is_done());
    }

    async fn a_long_list_is_read_in_pages(world) {
        write(&world, |tx| {
            for index in 0..25 {
                give(tx, index, &format!("s{index}"), "app", "u");
            }
            tx.insert_revocation(&record(None, Some("u"), None));
        })
        .await;
        let mut seen = Vec::new();
        loop {
            let after = seen.last().copied().unwrap_or(-1);
            let page = world.set_status_indices(&at(), 0, after, 10).await.unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, (0..25).collect::<Vec<_>>());
    }
}
