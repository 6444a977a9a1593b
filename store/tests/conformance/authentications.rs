//! Browsers on their way in.

use std::collections::{BTreeMap, BTreeSet};

use claviger_model::{
    AuthenticationAction, AuthenticationSession, ClientUuid, ExecutionStatus, Millis, RealmId,
    SessionId, UserId,
};
use claviger_store::{Commit, Crowd};

use crate::fixtures::{attempt, write};
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

fn root() -> SessionId {
    SessionId::new("root")
}

pub(crate) fn tab(name: &str) -> AuthenticationSession {
    let notes = |name: &str| BTreeMap::from([(name.to_owned(), "value".to_owned())]);
    AuthenticationSession {
        root: root(),
        tab: name.to_owned(),
        revision: 1,
        client: ClientUuid::new("c"),
        protocol: "openid-connect".to_owned(),
        redirect_uri: Some("https://shop.example/cb".to_owned()),
        base_path: "/auth".to_owned(),
        action: AuthenticationAction::Authenticate,
        user: None,
        executions: BTreeMap::from([
            ("e1".to_owned(), ExecutionStatus::Attempted),
            ("e2".to_owned(), ExecutionStatus::Challenged),
        ]),
        required_actions: BTreeSet::from(["UPDATE_PASSWORD".to_owned()]),
        client_notes: notes("scope"),
        auth_notes: notes("e2.seen"),
        session_notes: notes("locale"),
        started_at: Millis(1_795_392_000_123),
        expires_at: Millis(1_795_393_800_123),
    }
}

on_every_engine! {
    async fn a_tab_comes_back_as_it_was_written(world) {
        write(&world, |tx| tx.insert_authentication_session(&at(), &tab("one"))).await;
        let read = world.authentication_session(&at(), &root(), "one").await.unwrap();
        assert_eq!(read, Some(tab("one")));
        let other = RealmId::new("s");
        assert_eq!(world.authentication_session(&other, &root(), "one").await.unwrap(), None);
        assert_eq!(world.authentication_session(&at(), &root(), "two").await.unwrap(), None);
    }

    /// The same form sent twice: one of both requests goes on.
    async fn of_two_changes_of_one_tab_one_misses(world) {
        write(&world, |tx| tx.insert_authentication_session(&at(), &tab("one"))).await;
        let mut read = world.authentication_session(&at(), &root(), "one").await.unwrap().unwrap();
        read.user = Some(UserId::new("alice"));
        read.executions.insert("e2".to_owned(), ExecutionStatus::Success);
        let again = read.clone();
        write(&world, |tx| tx.update_authentication_session(&at(), &read)).await;
        let second = attempt(&world, |tx| tx.update_authentication_session(&at(), &again)).await;
        assert_eq!(second, Commit::Missed("AUTHENTICATION_SESSION_UPDATE"));
        let ended = attempt(&world, |tx| tx.delete_authentication_session(&at(), &again)).await;
        assert_eq!(ended, Commit::Missed("AUTHENTICATION_SESSION_DELETE"));
        let kept = world.authentication_session(&at(), &root(), "one").await.unwrap().unwrap();
        read.revision = 2;
        assert_eq!(kept, read);
        write(&world, |tx| tx.delete_authentication_session(&at(), &kept)).await;
        assert_eq!(world.authentication_session(&at(), &root(), "one").await.unwrap(), None);
    }

    async fn the_tabs_of_a_browser_end_together(world) {
        for name in ["one", "two"] {
            write(&world, |tx| tx.insert_authentication_session(&at(), &tab(name))).await;
        }
        let twice = attempt(&world, |tx| tx.insert_authentication_session(&at(), &tab("two"))).await;
        assert_eq!(twice, Commit::Conflict("AUTHENTICATION_SESSION_INSERT"));
        assert_eq!(world.authentication_sessions(&at(), &root()).await.unwrap().len(), 2);
        write(&world, |tx| tx.delete_authentication_sessions(&at(), &root())).await;
        assert_eq!(world.authentication_sessions(&at(), &root()).await.unwrap(), []);
    }

    async fn a_user_goes_on_in_one_tab_alone(world) {
        let of = |name: &str, user: Option<&str>| {
            let mut tab = tab(name);
            tab.user = user.map(UserId::new);
            tab
        };
        let kept = of("one", Some("alice"));
        for row in [&kept, &of("two", Some("alice")), &of("three", Some("bob")), &of("four", None)] {
            write(&world, |tx| tx.insert_authentication_session(&at(), row)).await;
        }
        let alice = UserId::new("alice");
        write(&world, |tx| {
            tx.delete_other_authentication_sessions_of_user(&at(), &alice, &kept);
            tx.update_authentication_session(&at(), &kept);
        })
        .await;
        let left = world.authentication_sessions(&at(), &root()).await.unwrap();
        let mut left: Vec<&str> = left.iter().map(|row| row.tab.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["four", "one", "three"]);
        write(&world, |tx| tx.delete_authentication_sessions_of_user(&at(), &alice)).await;
        let left = world.authentication_sessions(&at(), &root()).await.unwrap();
        assert_eq!(left.len(), 2);
    }

    async fn a_login_that_took_too_long_is_thrown_away(world) {
        write(&world, |tx| tx.insert_authentication_session(&at(), &tab("one"))).await;
        let end = tab("one").expires_at;
        write(&world, |tx| tx.purge_expired(Millis(end.0 - 1), 10)).await;
        assert_eq!(world.authentication_sessions(&at(), &root()).await.unwrap().len(), 1);
        write(&world, |tx| tx.purge_expired(end, 10)).await;
        assert_eq!(world.authentication_sessions(&at(), &root()).await.unwrap(), []);
    }

    /// A stranger loads the login page again and again, and never signs in.
    async fn what_is_too_much_goes_from_the_oldest_that_nobody_is_known_in(world) {
        let of = |realm: &str, name: &str, user: Option<&str>, at: i64| {
            let mut session = tab(name);
            session.user = user.map(UserId::new);
            session.expires_at = Millis(at);
            (RealmId::new(realm), session)
        };
        let rows = [
            of("r", "known-old", Some("alice"), 1),
            of("r", "known-new", Some("alice"), 2),
            of("r", "a", None, 3),
            of("r", "b", None, 4),
            of("r", "c", None, 5),
            of("s", "d", None, 1),
            of("s", "e", None, 1),
        ];
        for (realm, row) in &rows {
            write(&world, |tx| tx.insert_authentication_session(realm, row)).await;
        }
        let crowds = world.crowds(4).await.unwrap();
        assert_eq!(crowds, [Crowd { realm: at(), tabs: 5, known: 2 }]);
        assert_eq!(world.crowds(5).await.unwrap(), []);
        let left = async |realm: &str| {
            let realm = RealmId::new(realm);
            let rows = world.authentication_sessions(&realm, &root()).await.unwrap();
            let mut names: Vec<String> = rows.into_iter().map(|row| row.tab).collect();
            names.sort();
            names
        };
        let until = async |anonymous, count| {
            world.crowd_until(&at(), anonymous, count).await.unwrap()
        };
        assert_eq!(until(true, 2).await, Some(Millis(4)));
        write(&world, |tx| tx.thin_out(&at(), true, Millis(4))).await;
        assert_eq!(left("r").await, ["c", "known-new", "known-old"]);
        assert_eq!(until(true, 2).await, None);
        write(&world, |tx| tx.thin_out(&at(), true, Millis(9))).await;
        assert_eq!(left("r").await, ["known-new", "known-old"]);
        assert_eq!(until(false, 1).await, Some(Millis(1)));
        write(&world, |tx| tx.thin_out(&at(), false, Millis(1))).await;
        assert_eq!(left("r").await, ["known-new"]);
        assert_eq!(left("s").await, ["d", "e"]);
    }
}
