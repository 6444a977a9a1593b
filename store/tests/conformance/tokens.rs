//! Revoked tokens, things used once, and what is purged.

use claviger_model::{Millis, RealmId};
use claviger_store::{Commit, InitialAccess, Tx};

use crate::events::event;
use crate::fixtures::{attempt, session, write};
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

/// A token with which so many clients may be registered.
pub fn initial_access(id: &str, allowed: i64) -> InitialAccess {
    InitialAccess {
        id: id.to_owned(),
        created_at: Millis(5),
        expires_at: Some(Millis(100)),
        allowed,
        remaining: allowed,
    }
}

on_every_engine! {
    async fn registrations_are_counted_down_and_never_below_zero(world) {
        let access = initial_access("i", 3);
        let endless = InitialAccess { expires_at: None, allowed: 0, remaining: 0, ..initial_access("j", 0) };
        write(&world, |tx| {
            tx.insert_initial_access(&at(), &access);
            tx.insert_initial_access(&at(), &endless);
        }).await;
        assert_eq!(world.initial_access(&at(), "i").await.unwrap(), Some(access.clone()));
        assert_eq!(world.initial_accesses(&at(), 10).await.unwrap(), [access, endless]);
        assert_eq!(world.initial_access(&RealmId::new("s"), "i").await.unwrap(), None);
        // Whoever comes at the same time: three are let in.
        let nodes = [world.store(), world.open_again().await];
        let mut racers = Vec::new();
        for racer in 0..16 {
            let node = nodes[racer % 2].clone();
            racers.push(tokio::spawn(async move {
                let mut tx = Tx::new();
                tx.use_initial_access(&at(), "i");
                node.commit(tx).await.unwrap()
            }));
        }
        let mut done = 0;
        for racer in racers {
            let commit = racer.await.unwrap();
            done += usize::from(commit.is_done());
            assert!(commit.is_done() || commit.is_used_up(), "{commit:?}");
        }
        assert_eq!(done, 3);
        assert_eq!(world.initial_access(&at(), "i").await.unwrap().unwrap().remaining, 0);
        nodes[1].close().await;
        // Those that are over go, and those that were used up long ago.
        write(&world, |tx| tx.purge_expired(Millis(99), 10)).await;
        assert_eq!(world.initial_accesses(&at(), 10).await.unwrap().len(), 2);
        write(&world, |tx| tx.purge_expired(Millis(100), 10)).await;
        assert_eq!(world.initial_accesses(&at(), 10).await.unwrap().len(), 1);
        write(&world, |tx| tx.purge_expired(Millis(3_600_005), 10)).await;
        assert!(world.initial_accesses(&at(), 10).await.unwrap().is_empty());
        write(&world, |tx| tx.insert_initial_access(&at(), &initial_access("k", 1))).await;
        write(&world, |tx| tx.delete_initial_access(&at(), "k")).await;
        write(&world, |tx| tx.delete_initial_access(&at(), "k")).await;
        let gone = attempt(&world, |tx| tx.use_initial_access(&at(), "k")).await;
        assert!(gone.is_used_up());
    }

    async fn a_token_can_be_revoked_twice(world) {
        assert!(!world.token_revoked(&at(), "t").await.unwrap());
        write(&world, |tx| tx.revoke_token(&at(), "t", Millis(10))).await;
        write(&world, |tx| tx.revoke_token(&at(), "t", Millis(10))).await;
        assert!(world.token_revoked(&at(), "t").await.unwrap());
        assert!(!world.token_revoked(&at(), "T").await.unwrap());
        assert!(!world.token_revoked(&RealmId::new("s"), "t").await.unwrap());
    }

    async fn a_thing_is_used_once(world) {
        write(&world, |tx| tx.use_once(&at(), "k", "value", Millis(10))).await;
        let again = attempt(&world, |tx| tx.use_once(&at(), "k", "other", Millis(20))).await;
        assert_eq!(again, Commit::Conflict("SINGLE_USE_INSERT"));
        let found = world.single_use(&at(), "k").await.unwrap().unwrap();
        assert_eq!((found.value.as_str(), found.expires_at), ("value", Millis(10)));
        assert!(world.single_use(&RealmId::new("s"), "k").await.unwrap().is_none());
        write(&world, |tx| tx.take_once(&at(), "k")).await;
        let again = attempt(&world, |tx| tx.take_once(&at(), "k")).await;
        assert_eq!(again, Commit::Missed("SINGLE_USE_TAKE"));
        assert!(world.single_use(&at(), "k").await.unwrap().is_none());
    }

    /// A code, an assertion id: of all who come with it at the same time, one is served.
    async fn of_many_who_use_it_at_once_one_wins(world) {
        let nodes = [world.store(), world.open_again().await];
        write(&world, |tx| tx.use_once(&at(), "code", "", Millis(10))).await;
        let mut racers = Vec::new();
        for racer in 0..32 {
            let node = nodes[racer % 2].clone();
            racers.push(tokio::spawn(async move {
                let (mut mark, mut take) = (Tx::new(), Tx::new());
                mark.use_once(&at(), "jti", &racer.to_string(), Millis(10));
                take.take_once(&at(), "code");
                (node.commit(mark).await.unwrap(), node.commit(take).await.unwrap())
            }));
        }
        let (mut marked, mut taken) = (0, 0);
        for racer in racers {
            let (mark, take) = racer.await.unwrap();
            marked += usize::from(mark.is_done());
            taken += usize::from(take.is_done());
            assert!(matches!(mark, Commit::Done | Commit::Conflict("SINGLE_USE_INSERT")));
            assert!(matches!(take, Commit::Done | Commit::Missed("SINGLE_USE_TAKE")));
        }
        assert_eq!((marked, taken), (1, 1));
        nodes[1].close().await;
    }

    async fn a_purge_takes_what_has_expired_a_few_at_a_time(world) {
        write(&world, |tx| {
            for (number, expires) in [(1, 10), (2, 20), (3, 30), (4, 40)] {
                let key = number.to_string();
                tx.use_once(&at(), &key, "", Millis(expires));
                tx.revoke_token(&at(), &key, Millis(expires));
                tx.insert_event(&event(&at(), &key, number), Some(Millis(expires)));
            }
            tx.insert_event(&event(&at(), "forever", 9), None);
            let mut dead = session(claviger_model::session::SessionKind::Online, "s", "u");
            dead.expires_at = Millis(1);
            tx.insert_user_session(&at(), &dead);
        }).await;
        let rows = async || {
            let all = world.count_rows(&at()).await.unwrap();
            let count = |name: &str| all.iter().find(|(table, _)| *table == name).unwrap().1;
            ["single_use", "revoked_token", "event", "user_session"].map(count)
        };
        assert_eq!(rows().await, [4, 4, 5, 1]);
        write(&world, |tx| tx.purge_expired(Millis(30), 2)).await;
        assert_eq!(rows().await, [2, 2, 3, 1]);
        assert!(world.single_use(&at(), "3").await.unwrap().is_some(), "the longest over first");
        write(&world, |tx| tx.purge_expired(Millis(30), 2)).await;
        write(&world, |tx| tx.purge_expired(Millis(30), 2)).await;
        assert_eq!(rows().await, [1, 1, 2, 1], "sessions end in the engine");
        assert!(world.single_use(&at(), "4").await.unwrap().is_some());
    }
}
