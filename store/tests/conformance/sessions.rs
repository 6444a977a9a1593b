//! Sessions, and who wins when two want the same.

use std::collections::BTreeMap;

use claviger_model::session::{ClientSession, SessionKind, UserSession};
use claviger_model::{ClientUuid, Millis, RealmId, SessionId, UserId};
use claviger_store::{Commit, RefreshState, SessionStats, Standing, Tx};

use crate::fixtures::{attempt, part, session, user, write};
use crate::world::on_every_engine;

use SessionKind::{Offline, Online};

fn at() -> RealmId {
    RealmId::new("r")
}

fn ids(sessions: &[UserSession]) -> Vec<&str> {
    sessions.iter().map(|session| session.id.as_str()).collect()
}

on_every_engine! {
    async fn a_session_is_kept_used_and_changed(world) {
        let id = SessionId::new("s");
        let online = session(Online, "s", "u");
        let offline = UserSession {
            remember_me: true, base_path: "/auth".to_owned(), ..session(Offline, "s", "u")
        };
        write(&world, |tx| tx.insert_user_session(&at(), &online)).await;
        write(&world, |tx| tx.insert_user_session(&at(), &offline)).await;
        assert_eq!(world.user_session(&at(), Online, &id).await.unwrap(), Some(online.clone()));
        assert_eq!(world.user_session(&at(), Offline, &id).await.unwrap(), Some(offline.clone()));
        let conflict = attempt(&world, |tx| tx.insert_user_session(&at(), &online)).await;
        assert_eq!(conflict, Commit::Conflict("SESSION_INSERT"));

        write(&world, |tx| {
            tx.refresh_user_session(&at(), Online, &id, Millis(5_000), Millis(12_000));
        }).await;
        let used = UserSession {
            last_refresh: Millis(5_000), expires_at: Millis(12_000), ..online.clone()
        };
        assert_eq!(world.user_session(&at(), Online, &id).await.unwrap(), Some(used));
        assert_eq!(world.user_session(&at(), Offline, &id).await.unwrap(), Some(offline));

        let changed = UserSession {
            user: UserId::new("v"),
            started_at: Millis(1),
            last_refresh: Millis(2),
            expires_at: Millis(3),
            remember_me: true,
            ip_address: "192.0.2.1".to_owned(),
            auth_method: "saml".to_owned(),
            base_path: "/auth".to_owned(),
            notes: BTreeMap::new(),
            ..online
        };
        write(&world, |tx| tx.update_user_session(&at(), &changed)).await;
        assert_eq!(world.user_session(&at(), Online, &id).await.unwrap(), Some(changed.clone()));

        write(&world, |tx| tx.delete_user_session(&at(), Online, &id)).await;
        write(&world, |tx| tx.delete_user_session(&at(), Online, &id)).await;
        assert_eq!(world.user_session(&at(), Online, &id).await.unwrap(), None);
        assert!(world.user_session(&at(), Offline, &id).await.unwrap().is_some());
        for missed in [
            attempt(&world, |tx| tx.update_user_session(&at(), &changed)).await,
            attempt(&world, |tx| {
                tx.refresh_user_session(&at(), Online, &id, Millis(1), Millis(1));
            }).await,
        ] {
            assert!(matches!(missed, Commit::Missed(_)), "{missed:?}");
        }
    }

    async fn what_a_token_stands_on_is_read_at_once(world) {
        let id = SessionId::new("s");
        let (online, offline) = (session(Online, "s", "u"), session(Offline, "s", "u"));
        let mut own = part(Online, "s", "a");
        own.started_at = Millis(7_000);
        own.refresh_token_id = Some("t".to_owned());
        let owner = user("u", "somebody");
        write(&world, |tx| {
            tx.insert_user(&at(), &owner);
            tx.insert_user(&at(), &user("a", "another"));
            tx.insert_user_session(&at(), &online);
            tx.insert_user_session(&at(), &offline);
            tx.insert_client_session(&at(), &own);
            tx.insert_client_session(&at(), &part(Online, "s", "b"));
            tx.insert_user_session(&at(), &session(Online, "of nobody", "gone"));
            tx.insert_client_session(&at(), &part(Online, "of nobody", "a"));
        }).await;
        let standing = async |realm: &str, kind, id: &str, client: &str| {
            let (realm, id) = (RealmId::new(realm), SessionId::new(id));
            world.standing(&realm, kind, &id, &client.into()).await.unwrap()
        };
        let found = Standing { session: online, part: own, user: owner };
        assert_eq!(standing("r", Online, "s", "a").await, Some(found));
        for (realm, kind, id, client) in [
            ("other", Online, "s", "a"),
            ("r", Offline, "s", "a"),
            ("r", Online, "t", "a"),
            ("r", Online, "s", "c"),
            ("r", Online, "of nobody", "a"),
        ] {
            assert_eq!(standing(realm, kind, id, client).await, None, "{realm} {kind:?} {id} {client}");
        }
        write(&world, |tx| tx.delete_user_session(&at(), Online, &id)).await;
        assert_eq!(standing("r", Online, "s", "a").await, None);
    }

    async fn clients_take_part(world) {
        let id = SessionId::new("s");
        let mut late = part(Online, "s", "a");
        late.started_at = Millis(7_000);
        let early = part(Online, "s", "b");
        write(&world, |tx| {
            tx.insert_user_session(&at(), &session(Online, "s", "u"));
            tx.insert_client_session(&at(), &late);
            tx.insert_client_session(&at(), &early);
            tx.insert_client_session(&at(), &part(Offline, "s", "a"));
        }).await;
        let found = world.client_session(&at(), Online, &id, &"a".into()).await.unwrap();
        assert_eq!(found, Some(late.clone()));
        let found = world.client_sessions(&at(), Online, &id).await.unwrap();
        assert_eq!(found, [early.clone(), late.clone()]);
        let conflict = attempt(&world, |tx| tx.insert_client_session(&at(), &late)).await;
        assert_eq!(conflict, Commit::Conflict("CLIENT_SESSION_INSERT"));

        write(&world, |tx| tx.delete_client_session(&at(), Online, &id, &"a".into())).await;
        write(&world, |tx| tx.delete_client_session(&at(), Online, &id, &"a".into())).await;
        let found = world.client_sessions(&at(), Online, &id).await.unwrap();
        assert_eq!(found, [early]);
        write(&world, |tx| tx.delete_user_session(&at(), Online, &id)).await;
        assert_eq!(world.client_sessions(&at(), Online, &id).await.unwrap(), []);
        assert_eq!(world.client_sessions(&at(), Offline, &id).await.unwrap().len(), 1);
    }

    async fn the_clients_of_a_user_are_told_once_each(world) {
        write(&world, |tx| {
            for (id, at_last) in [("old", 1_000), ("new", 2_000)] {
                let last_refresh = Millis(at_last);
                let kept = UserSession { last_refresh, ..session(Offline, id, "u") };
                tx.insert_user_session(&at(), &kept);
                tx.insert_client_session(&at(), &part(Offline, id, "both"));
            }
            tx.insert_client_session(&at(), &part(Offline, "old", "a"));
            tx.insert_client_session(&at(), &part(Offline, "new", "z"));
            tx.insert_user_session(&at(), &session(Offline, "other", "v"));
            tx.insert_client_session(&at(), &part(Offline, "other", "others"));
        }).await;
        let found = world.clients_of_user(&at(), Offline, &"u".into()).await.unwrap();
        assert_eq!(found, ["both", "z", "a"].map(ClientUuid::new));
        assert_eq!(world.clients_of_user(&at(), Online, &"u".into()).await.unwrap(), []);
    }

    async fn a_refresh_without_rotation_only_needs_the_session(world) {
        let mut mine = part(Online, "s", "c");
        write(&world, |tx| tx.insert_client_session(&at(), &mine)).await;
        mine.last_refresh = Millis(8_000);
        mine.refresh_token_id = Some("t".to_owned());
        mine.refresh_token_uses = 3;
        mine.notes.insert("more".to_owned(), String::new());
        write(&world, |tx| tx.refresh_client_session(&at(), &mine, None)).await;
        let found = world.client_session(&at(), Online, &"s".into(), &"c".into()).await.unwrap();
        assert_eq!(found, Some(mine.clone()));
        mine.client = ClientUuid::new("other");
        let missed = attempt(&world, |tx| tx.refresh_client_session(&at(), &mine, None)).await;
        assert_eq!(missed, Commit::Missed("CLIENT_SESSION_REFRESH"));
    }

    /// The token and the number of its uses must both be what was read.
    async fn a_rotation_needs_the_token_that_was_read(world) {
        let before = part(Online, "s", "c");
        write(&world, |tx| tx.insert_client_session(&at(), &before)).await;
        let next = |token: &str, uses| ClientSession {
            refresh_token_id: Some(token.to_owned()), refresh_token_uses: uses, ..before.clone()
        };
        let started_at = before.started_at;
        let state = |token_id, uses| Some(RefreshState { token_id, uses, started_at });
        let begun_anew = RefreshState { started_at: Millis(started_at.0 + 1), ..(&before).into() };
        let rotate = async |to: &ClientSession, expected| {
            attempt(&world, |tx| tx.refresh_client_session(&at(), to, expected)).await
        };
        let missed = Commit::Missed("CLIENT_SESSION_ROTATE");
        assert_eq!(rotate(&next("1", 1), state(Some("0"), 0)).await, missed);
        assert_eq!(rotate(&next("1", 1), state(None, 1)).await, missed);
        assert_eq!(rotate(&next("1", 1), Some(begun_anew)).await, missed);
        assert_eq!(rotate(&next("1", 1), Some((&before).into())).await, Commit::Done);
        assert_eq!(rotate(&next("2", 1), Some((&before).into())).await, missed);
        assert_eq!(rotate(&next("2", 1), state(None, 1)).await, missed);
        assert_eq!(rotate(&next("2", 1), state(Some("1"), 2)).await, missed);
        assert_eq!(rotate(&next("2", 1), state(Some("1"), 1)).await, Commit::Done);
        let found = world.client_session(&at(), Online, &"s".into(), &"c".into()).await.unwrap();
        assert_eq!(found, Some(next("2", 1)));
    }

    /// RFC 9700 §4.14: of all who use one refresh token at the same time, through one node or
    /// several, one is served.
    async fn of_many_rotations_of_one_token_one_wins(world) {
        let before = part(Online, "s", "c");
        write(&world, |tx| tx.insert_client_session(&at(), &before)).await;
        let nodes = [world.store(), world.open_again().await];
        let mut racers = Vec::new();
        for racer in 0..32 {
            let node = nodes[racer % 2].clone();
            let before = before.clone();
            racers.push(tokio::spawn(async move {
                let mut next = before.clone();
                next.refresh_token_id = Some(format!("by {racer}"));
                next.refresh_token_uses = 1;
                let mut tx = Tx::new();
                tx.refresh_client_session(&at(), &next, Some((&before).into()));
                (node.commit(tx).await.unwrap(), next)
            }));
        }
        let mut winners = Vec::new();
        for racer in racers {
            let (commit, next) = racer.await.unwrap();
            match commit {
                Commit::Done => winners.push(next),
                Commit::Missed("CLIENT_SESSION_ROTATE") => {}
                Commit::Missed(_) | Commit::Conflict(_) => panic!("{commit:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        let found = world.client_session(&at(), Online, &"s".into(), &"c".into()).await.unwrap();
        assert_eq!(found.as_ref(), winners.first());
        nodes[1].close().await;
    }

    async fn sessions_are_found_by_user_client_and_realm(world) {
        for (id, user, client, used) in [
            ("1", "u", "c", 10), ("2", "u", "d", 30), ("3", "v", "c", 20), ("4", "u", "c", 40),
        ] {
            let mut online = session(Online, id, user);
            online.last_refresh = Millis(used);
            write(&world, |tx| {
                tx.insert_user_session(&at(), &online);
                tx.insert_client_session(&at(), &part(Online, id, client));
            }).await;
        }
        write(&world, |tx| {
            tx.insert_user_session(&at(), &session(Offline, "1", "u"));
            tx.insert_client_session(&at(), &part(Offline, "1", "c"));
        }).await;

        let found = world.sessions_of_user(&at(), Online, &"u".into()).await.unwrap();
        assert_eq!(ids(&found), ["4", "2", "1"]);
        let found = world.sessions_of_user(&at(), Offline, &"u".into()).await.unwrap();
        assert_eq!(ids(&found), ["1"]);
        let client = ClientUuid::new("c");
        let found = world.sessions_of_client(&at(), Online, &client, 0, -1).await.unwrap();
        assert_eq!(ids(&found), ["4", "3", "1"]);
        let found = world.sessions_of_client(&at(), Online, &client, 1, 1).await.unwrap();
        assert_eq!(ids(&found), ["3"]);
        let found = world.sessions_of_realm(&at(), Online, 3).await.unwrap();
        assert_eq!(ids(&found), ["1", "2", "3"]);
        assert_eq!(world.count_sessions_of_client(&at(), Online, &client).await.unwrap(), 3);
        assert_eq!(world.count_sessions_of_client(&at(), Offline, &client).await.unwrap(), 1);
        let stats = |client: &str, online, offline| SessionStats {
            client: ClientUuid::new(client), online, offline,
        };
        let found = world.session_stats(&at()).await.unwrap();
        assert_eq!(found, [stats("c", 3, 1), stats("d", 1, 0)]);
        assert_eq!(world.session_stats(&RealmId::new("s")).await.unwrap(), []);
    }

    async fn expired_sessions_are_found_in_all_realms(world) {
        let (one, two) = (RealmId::new("one"), RealmId::new("two"));
        for (realm, kind, id, expires) in [
            (&one, Online, "a", 30), (&two, Offline, "b", 10), (&one, Online, "c", 31),
            (&two, Online, "d", 20),
        ] {
            let expiring = UserSession { expires_at: Millis(expires), ..session(kind, id, "u") };
            write(&world, |tx| tx.insert_user_session(realm, &expiring)).await;
        }
        let found = world.expired_sessions(Millis(30), 100).await.unwrap();
        let found: Vec<_> = found.iter().map(|(realm, s)| (realm, s.kind, s.id.as_str())).collect();
        assert_eq!(found, [(&two, Offline, "b"), (&two, Online, "d"), (&one, Online, "a")]);
        assert_eq!(world.expired_sessions(Millis(30), 2).await.unwrap().len(), 2);
        assert_eq!(world.expired_sessions(Millis(9), 2).await.unwrap(), []);
    }
}
