//! Events and messages.

use claviger_model::event::{AdminEvent, Event};
use claviger_model::{Millis, RealmId};
use claviger_store::{AdminEventQuery, Commit, EventQuery, OutboxRow};
use serde_json::json;

use crate::fixtures::{attempt, object, write};
use crate::world::on_every_engine;

pub fn event(realm: &RealmId, id: &str, time: i64) -> Event {
    Event {
        id: id.to_owned(),
        time: Millis(time),
        kind: "LOGIN".to_owned(),
        realm: realm.clone(),
        client_id: None,
        user_id: None,
        session_id: None,
        ip_address: None,
        error: None,
        details: vec![
            ("z".to_owned(), "1".to_owned()),
            ("a".to_owned(), String::new()),
        ],
    }
}

pub fn admin_event(realm: &RealmId, id: &str, time: i64) -> AdminEvent {
    AdminEvent {
        id: id.to_owned(),
        time: Millis(time),
        realm: realm.clone(),
        auth_realm_id: "master".to_owned(),
        auth_client_id: "console".to_owned(),
        auth_user_id: "admin".to_owned(),
        ip_address: "192.0.2.1".to_owned(),
        operation: "CREATE".to_owned(),
        resource_type: "USER".to_owned(),
        resource_path: Some(format!("users/{id}")),
        representation: None,
        error: None,
        details: Vec::new(),
    }
}

pub fn message(realm: &RealmId, id: &str) -> OutboxRow {
    OutboxRow {
        id: id.to_owned(),
        realm: realm.clone(),
        kind: "backchannel_logout".to_owned(),
        target: "https://client.example/logout".to_owned(),
        payload: object(json!({"sid": "s", "n": 1})),
        created_at: Millis(1),
        next_at: Millis(10),
        attempts: 0,
    }
}

fn at() -> RealmId {
    RealmId::new("r")
}

fn ids<'a>(events: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    events.into_iter().map(String::as_str).collect()
}

on_every_engine! {
    async fn events_come_newest_first(world) {
        let full = Event {
            kind: "LOGIN_ERROR".to_owned(),
            client_id: Some("web".to_owned()),
            user_id: Some("u".to_owned()),
            session_id: Some("s".to_owned()),
            ip_address: Some("2001:db8::1".to_owned()),
            error: Some("invalid_user_credentials".to_owned()),
            ..event(&at(), "full", 20)
        };
        // `b` follows `a` within one millisecond, in two writes and whatever the ids say.
        for event in [event(&at(), "old", 10), full.clone(), event(&at(), "b", 30)] {
            write(&world, |tx| tx.insert_event(&event, None)).await;
        }
        write(&world, |tx| tx.insert_event(&event(&at(), "a", 30), None)).await;
        let find = async |query: EventQuery| world.events(&at(), &query).await.unwrap();
        let all = find(EventQuery { max: -1, ..Default::default() }).await;
        assert_eq!(ids(all.iter().map(|event| &event.id)), ["a", "b", "full", "old"]);
        assert_eq!(all[2], full);
        let some = |text: &str| Some(text.to_owned());
        let base = || EventQuery { max: -1, ..Default::default() };
        let cases: [(EventQuery, &[&str]); 12] = [
            (EventQuery { first: 1, max: 2, ..base() }, &["b", "full"]),
            (EventQuery { ascending: true, ..base() }, &["old", "full", "b", "a"]),
            (EventQuery { kinds: vec!["LOGIN".into()], ..base() }, &["a", "b", "old"]),
            (EventQuery { kinds: vec!["X".into(), "LOGIN_ERROR".into()], ..base() }, &["full"]),
            (EventQuery { client_id: some("web"), ..base() }, &["full"]),
            (EventQuery { user_id: some("u"), ..base() }, &["full"]),
            (EventQuery { user_id: some("v"), ..base() }, &[]),
            (EventQuery { ip_address: some("2001:db8::1"), ..base() }, &["full"]),
            (EventQuery { from: Some(Millis(20)), ..base() }, &["a", "b", "full"]),
            (EventQuery { to: Some(Millis(20)), ..base() }, &["full", "old"]),
            (EventQuery { from: Some(Millis(11)), to: Some(Millis(29)), ..base() }, &["full"]),
            (EventQuery { max: 0, ..base() }, &[]),
        ];
        for (query, expected) in cases {
            let found = find(query.clone()).await;
            assert_eq!(ids(found.iter().map(|event| &event.id)), expected, "{query:?}");
        }
        write(&world, |tx| tx.clear_events(&at())).await;
        assert_eq!(find(base()).await, []);
    }

    async fn admin_events_come_newest_first(world) {
        let full = AdminEvent {
            operation: "DELETE".to_owned(),
            resource_type: "REALM".to_owned(),
            resource_path: None,
            representation: Some("{\"id\":\"x\"}".to_owned()),
            error: Some("denied".to_owned()),
            details: vec![("username".to_owned(), "alice".to_owned())],
            auth_user_id: "other".to_owned(),
            ..admin_event(&at(), "full", 20)
        };
        for event in [admin_event(&at(), "a_1", 10), full.clone(), admin_event(&at(), "ab1", 30)] {
            write(&world, |tx| tx.insert_admin_event(&event)).await;
        }
        let base = || AdminEventQuery { max: -1, ..Default::default() };
        let find = async |query: AdminEventQuery| world.admin_events(&at(), &query).await.unwrap();
        let all = find(base()).await;
        assert_eq!(ids(all.iter().map(|event| &event.id)), ["ab1", "full", "a_1"]);
        assert_eq!(all[1], full);
        let some = |text: &str| Some(text.to_owned());
        let cases: [(AdminEventQuery, &[&str]); 13] = [
            (AdminEventQuery { operations: vec!["DELETE".into()], ..base() }, &["full"]),
            (AdminEventQuery { resource_types: vec!["USER".into()], ..base() }, &["ab1", "a_1"]),
            (AdminEventQuery { resource_path: some("users/ab1"), ..base() }, &["ab1"]),
            (AdminEventQuery { resource_path: some("users/a_1"), ..base() }, &["a_1"]),
            (AdminEventQuery { resource_path: some("users/*"), ..base() }, &["ab1", "a_1"]),
            (AdminEventQuery { resource_path: some("users"), ..base() }, &[]),
            (AdminEventQuery { resource_path: some("USERS/*"), ..base() }, &[]),
            (AdminEventQuery { auth_user_id: some("other"), ..base() }, &["full"]),
            (AdminEventQuery { auth_realm_id: some("r"), ..base() }, &[]),
            (AdminEventQuery { auth_client_id: some("console"), max: 1, ..base() }, &["ab1"]),
            (AdminEventQuery { auth_ip_address: some("192.0.2.2"), ..base() }, &[]),
            (AdminEventQuery { from: Some(Millis(20)), ascending: true, ..base() },
                &["full", "ab1"]),
            (AdminEventQuery { to: Some(Millis(19)), ..base() }, &["a_1"]),
        ];
        for (query, expected) in cases {
            let found = find(query.clone()).await;
            assert_eq!(ids(found.iter().map(|event| &event.id)), expected, "{query:?}");
        }
        write(&world, |tx| tx.forget_admin_events(&at(), Millis(20))).await;
        assert_eq!(find(base()).await.len(), 2);
        write(&world, |tx| tx.clear_admin_events(&at())).await;
        assert_eq!(find(base()).await, []);
    }

    async fn messages_wait_for_their_time(world) {
        let mut later = message(&at(), "a");
        later.next_at = Millis(50);
        let soon = message(&at(), "b");
        write(&world, |tx| {
            tx.insert_outbox(&later);
            tx.insert_outbox(&soon);
        }).await;
        assert_eq!(world.outbox(&at(), 10).await.unwrap(), [soon.clone(), later.clone()]);
        assert_eq!(world.outbox(&at(), 1).await.unwrap(), std::slice::from_ref(&soon));
        assert_eq!(world.outbox(&RealmId::new("s"), 1).await.unwrap(), []);
        let due = async |now| world.outbox_due(&soon.target, Millis(now), 10).await.unwrap();
        assert_eq!(due(9).await, []);
        assert_eq!(due(10).await, std::slice::from_ref(&soon));
        assert_eq!(world.outbox_due("nobody", Millis(10), 10).await.unwrap(), []);
        // One node claims it, another that read the same is too late.
        write(&world, |tx| tx.postpone_outbox(&soon, Millis(60))).await;
        let late = attempt(&world, |tx| tx.postpone_outbox(&soon, Millis(70))).await;
        assert_eq!(late, Commit::Missed("OUTBOX_POSTPONE"));
        let found = due(100).await;
        assert_eq!(found[1], OutboxRow { next_at: Millis(60), attempts: 1, ..soon.clone() });
        // Somebody cannot wait.
        write(&world, |tx| tx.hasten_outbox(&at(), "b", Millis(7))).await;
        assert_eq!(due(7).await[0].next_at, Millis(7));
        let message = async |id| world.outbox_message(&at(), id).await.unwrap();
        assert_eq!(message("b").await.unwrap().attempts, 1);
        assert_eq!(message("x").await, None);
        write(&world, |tx| tx.delete_outbox(&at(), "b")).await;
        write(&world, |tx| tx.delete_outbox(&at(), "b")).await;
        assert_eq!(world.outbox(&at(), 10).await.unwrap(), [later]);
    }

    async fn targets_with_many_messages_do_not_hide_the_others(world) {
        let to = |id: &str, target: &str, next_at| OutboxRow {
            target: target.to_owned(),
            next_at: Millis(next_at),
            ..message(&at(), id)
        };
        let other_realm = OutboxRow { realm: RealmId::new("s"), ..to("d", "late", 7) };
        write(&world, |tx| {
            for message in [to("a", "busy", 1), to("b", "busy", 2), to("c", "quiet", 3)] {
                tx.insert_outbox(&message);
            }
            tx.insert_outbox(&other_realm);
        }).await;
        let targets = async |now, limit| world.outbox_targets(Millis(now), limit).await.unwrap();
        assert_eq!(targets(0, 10).await, Vec::<String>::new());
        assert_eq!(targets(6, 10).await, ["busy", "quiet"]);
        assert_eq!(targets(7, 10).await, ["busy", "quiet", "late"]);
        assert_eq!(targets(7, 1).await, ["busy"]);
        assert_eq!(world.outbox_due("busy", Millis(9), 1).await.unwrap(), [to("a", "busy", 1)]);
        // A realm's messages page by page, and what is written anew.
        let page = async |after| world.outbox_page(&at(), after, 2).await.unwrap();
        assert_eq!(page("").await, [to("a", "busy", 1), to("b", "busy", 2)]);
        assert_eq!(page("b").await, [to("c", "quiet", 3)]);
        let sealed = object(json!({"token": "t"}));
        write(&world, |tx| tx.rewrite_outbox(&at(), "c", &sealed)).await;
        write(&world, |tx| tx.rewrite_outbox(&at(), "d", &sealed)).await;
        assert_eq!(page("b").await, [OutboxRow { payload: sealed, ..to("c", "quiet", 3) }]);
        assert_eq!(world.outbox_due("late", Millis(9), 9).await.unwrap(), [other_realm]);
    }

    async fn messages_that_wait_for_too_long_are_found(world) {
        let young = OutboxRow { created_at: Millis(6), ..message(&at(), "a") };
        let old = OutboxRow { created_at: Millis(5), ..message(&at(), "b") };
        write(&world, |tx| {
            tx.insert_outbox(&young);
            tx.insert_outbox(&old);
        }).await;
        let stale = async |before, limit| world.outbox_stale(Millis(before), limit).await.unwrap();
        assert_eq!(stale(4, 9).await, []);
        assert_eq!(stale(5, 9).await, std::slice::from_ref(&old));
        assert_eq!(stale(6, 1).await, std::slice::from_ref(&old));
        assert_eq!(stale(6, 9).await, [old, young]);
    }
}
