//! Failed logins.

use claviger_model::{LoginFailures, Millis, RealmId, UserId};
use claviger_store::{Commit, Tx};

use crate::fixtures::{attempt, user, write};
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

fn alice() -> UserId {
    UserId::new("u")
}

fn failed(failures: i64) -> LoginFailures {
    LoginFailures {
        revision: failures,
        failures,
        secondary_failures: 2,
        temporary_lockouts: 3,
        last_failure: Millis(1_795_392_000_123),
        last_ip_address: "2001:db8::1".to_owned(),
        locked_until: Millis(1_795_392_060_000),
    }
}

on_every_engine! {
    async fn failures_are_kept_per_user_and_realm(world) {
        assert_eq!(world.login_failures(&at(), &alice()).await.unwrap(), None);
        write(&world, |tx| tx.put_login_failures(&at(), &alice(), None, &failed(1))).await;
        let read = world.login_failures(&at(), &alice()).await.unwrap();
        assert_eq!(read, Some(failed(1)));
        write(&world, |tx| {
            tx.put_login_failures(&at(), &alice(), read.as_ref(), &failed(2));
        }).await;
        assert_eq!(world.login_failures(&at(), &alice()).await.unwrap(), Some(failed(2)));
        let (bob, other) = (UserId::new("v"), RealmId::new("s"));
        assert_eq!(world.login_failures(&at(), &bob).await.unwrap(), None);
        assert_eq!(world.login_failures(&other, &alice()).await.unwrap(), None);
    }

    /// Two nodes that read the same state do not count two failures as one.
    async fn what_was_read_is_counted_upon_once(world) {
        write(&world, |tx| tx.put_login_failures(&at(), &alice(), None, &failed(1))).await;
        let first = attempt(&world, |tx| {
            tx.put_login_failures(&at(), &alice(), None, &failed(1));
        }).await;
        assert_eq!(first, Commit::Conflict("LOGIN_FAILURES_INSERT"));
        let read = world.login_failures(&at(), &alice()).await.unwrap();
        let count = |tx: &mut Tx| tx.put_login_failures(&at(), &alice(), read.as_ref(), &failed(2));
        write(&world, count).await;
        assert_eq!(attempt(&world, count).await, Commit::Missed("LOGIN_FAILURES_UPDATE"));
        write(&world, |tx| tx.settle_login_failures(&at(), &alice(), read.as_ref().unwrap())).await;
        assert_eq!(
            world.login_failures(&at(), &alice()).await.unwrap(),
            Some(failed(2)),
            "a success forgets no failure that came after it was checked"
        );
        write(&world, |tx| tx.settle_login_failures(&at(), &alice(), &failed(2))).await;
        assert_eq!(world.login_failures(&at(), &alice()).await.unwrap(), None);
    }

    async fn failures_are_forgotten_one_by_one_and_all_at_once(world) {
        let bob = UserId::new("v");
        let other = RealmId::new("s");
        write(&world, |tx| {
            for (realm, user) in [(&at(), &alice()), (&at(), &bob), (&other, &alice())] {
                tx.put_login_failures(realm, user, None, &failed(1));
            }
        }).await;
        write(&world, |tx| tx.forget_login_failures(&at(), &alice())).await;
        assert_eq!(world.login_failures(&at(), &alice()).await.unwrap(), None);
        assert!(world.login_failures(&at(), &bob).await.unwrap().is_some());
        write(&world, |tx| tx.clear_login_failures(&at())).await;
        assert_eq!(world.login_failures(&at(), &bob).await.unwrap(), None);
        assert!(world.login_failures(&other, &alice()).await.unwrap().is_some());
    }

    async fn a_user_is_locked_out_and_nothing_else_of_them_changes(world) {
        let mut person = user("u", "alice");
        person.attributes.insert("phone".to_owned(), vec!["1".to_owned()]);
        write(&world, |tx| tx.insert_user(&at(), &person)).await;
        let lock = |tx: &mut Tx| tx.lock_out_user(&at(), &person, ("why", "guessed at"));
        write(&world, lock).await;
        let read = world.user(&at(), &alice()).await.unwrap().unwrap();
        let mut expected = person.clone();
        expected.enabled = false;
        expected.attributes.insert("why".to_owned(), vec!["guessed at".to_owned()]);
        assert_eq!(read, expected);
        assert_eq!(attempt(&world, lock).await, Commit::Missed("USER_LOCK_OUT"));
    }
}
