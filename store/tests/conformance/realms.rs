//! Realms and their versions.

use claviger_model::session::SessionKind;
use claviger_model::user::{Consent, FederatedIdentity};
use claviger_model::{
    ClientUuid, GroupId, LoginFailures, Millis, RealmId, RoleId, StatusIndex, UserId,
};
use claviger_store::{Commit, Kept, Tx};
use claviger_wire::document::{Json, Kind, Link, LinkKind};

use crate::events::{admin_event, event, message};
use crate::fixtures::{attempt, credential, document, part, realm, session, user, write};
use crate::world::on_every_engine;

on_every_engine! {
    async fn a_realm_is_kept_and_found(world) {
        let row = realm("r");
        write(&world, |tx| tx.insert_realm(&row)).await;
        assert_eq!(world.realm_by_name(&row.name).await.unwrap(), Some(row.clone()));
        assert_eq!(world.realm_by_id(&row.id).await.unwrap(), Some(row.clone()));
        assert_eq!(world.realm_version(&row.name).await.unwrap(), Some((row.id.clone(), 100)));
        assert_eq!(world.realm_by_name("name of R").await.unwrap(), None);
        assert_eq!(world.realm_by_id(&RealmId::new("R")).await.unwrap(), None);

        let changed = claviger_store::RealmRow {
            name: "other".to_owned(), enabled: false, version: 0, ..row.clone()
        };
        write(&world, |tx| tx.update_realm(&changed)).await;
        let found = world.realm_by_id(&row.id).await.unwrap().unwrap();
        assert_eq!(found, claviger_store::RealmRow { version: 101, ..changed });
    }

    async fn realms_come_by_name(world) {
        for id in ["c", "a", "b"] {
            write(&world, |tx| tx.insert_realm(&realm(id))).await;
        }
        let ids: Vec<String> =
            world.realms().await.unwrap().into_iter().map(|row| row.id.into_string()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    async fn ids_and_names_of_realms_are_unique(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        let conflict = Commit::Conflict("REALM_INSERT");
        assert_eq!(attempt(&world, |tx| tx.insert_realm(&realm("r"))).await, conflict);
        let same_name = claviger_store::RealmRow { id: RealmId::new("s"), ..realm("r") };
        assert_eq!(attempt(&world, |tx| tx.insert_realm(&same_name)).await, conflict);
        assert_eq!(world.realms().await.unwrap().len(), 1);
    }

    async fn what_is_not_there_is_missed(world) {
        // The version's step comes first, and finds nothing.
        let missed = attempt(&world, |tx| tx.update_realm(&realm("r"))).await;
        assert_eq!(missed, Commit::Missed("REALM_TOUCH"));
        let missed = attempt(&world, |tx| tx.delete_realm(&RealmId::new("r"))).await;
        assert_eq!(missed, Commit::Missed("REALM_DELETE"));
        let client = document(Kind::Client, "c", "", "c");
        let missed = attempt(&world, |tx| tx.insert_document(&RealmId::new("r"), &client)).await;
        assert_eq!(missed, Commit::Missed("REALM_TOUCH"));
        assert_eq!(world.documents(&RealmId::new("r"), Kind::Client).await.unwrap(), []);
    }

    async fn every_write_of_configuration_makes_the_version_grow_by_one(world) {
        let row = realm("r");
        let (id, role) = (&row.id, document(Kind::Role, "a", "", "a"));
        let link = Link { kind: LinkKind::Composite, from: "a".to_owned(), to: "b".to_owned() };
        let mut made = Tx::new();
        made.insert_realm(&row);
        made.insert_document(id, &role);
        assert_eq!(world.commit(made).await.unwrap(), Commit::Done);
        let version = async || world.realm_version(&row.name).await.unwrap().unwrap().1;
        assert_eq!(version().await, 100, "made with its documents");

        write(&world, |tx| {
            tx.update_document(id, &role);
            tx.insert_link(id, &link);
            tx.update_realm(&row);
        }).await;
        assert_eq!(version().await, 101, "three changes in one write");
        write(&world, |tx| tx.delete_link(id, &link)).await;
        write(&world, |tx| tx.delete_links_from(id, LinkKind::Composite, "a")).await;
        write(&world, |tx| tx.delete_document(id, Kind::Role, "a")).await;
        assert_eq!(version().await, 104);
        write(&world, |tx| tx.insert_user(id, &user("u", "u"))).await;
        assert_eq!(version().await, 104, "people are no configuration");
        let missed = attempt(&world, |tx| tx.update_document(id, &role)).await;
        assert_eq!(missed, Commit::Missed("DOCUMENT_UPDATE"));
        assert_eq!(version().await, 104, "nothing was written");
    }

    /// Of two writes that follow from what both have read, one misses.
    async fn a_write_may_insist_on_the_version_that_it_follows_from(world) {
        let row = realm("r");
        write(&world, |tx| tx.insert_realm(&row)).await;
        let add = async |name: &str| attempt(&world, |tx| {
            tx.insert_document(&row.id, &document(Kind::Role, name, "", name));
            tx.expect_version(&row.id, 100);
        }).await;
        assert_eq!(add("a").await, Commit::Done);
        assert_eq!(add("b").await, Commit::Missed("REALM_TOUCH_SAME"));
        assert_eq!(world.document(&row.id, Kind::Role, "b").await.unwrap(), None);
        let version = world.realm_version(&row.name).await.unwrap().unwrap().1;
        assert_eq!(version, 101);
    }

    /// Every table gets rows of two realms with the same ids; one realm goes with all of its rows,
    /// the other loses none.
    async fn the_end_of_a_realm_leaves_nothing_of_it_and_everything_else(world) {
        for id in ["one", "two"] {
            write(&world, |tx| fill(tx, id)).await;
        }
        let (one, two) = (RealmId::new("one"), RealmId::new("two"));
        let before = world.count_rows(&two).await.unwrap();
        for (table, rows) in &before {
            assert!(*rows > 0, "nothing in {table}");
        }
        assert_eq!(world.count_rows(&one).await.unwrap(), before);
        write(&world, |tx| tx.delete_realm(&one)).await;
        for (table, rows) in world.count_rows(&one).await.unwrap() {
            // Those who have to be told that it ended are told afterwards.
            let left = u64::from(table == "outbox");
            assert_eq!(u64::try_from(rows).unwrap(), left, "left in {table}");
        }
        assert_eq!(world.count_rows(&two).await.unwrap(), before);
        write(&world, |tx| tx.delete_outbox(&one, "m-one")).await;
        write(&world, |tx| fill(tx, "one")).await;
    }

    async fn the_same_ids_in_two_realms_are_different_things(world) {
        for id in ["one", "two"] {
            write(&world, |tx| fill(tx, id)).await;
        }
        let (one, two) = (RealmId::new("one"), RealmId::new("two"));
        let (alice, kind) = (UserId::new("u"), SessionKind::Online);
        write(&world, |tx| tx.delete_user(&one, &alice)).await;
        write(&world, |tx| tx.delete_user_session(&one, kind, &"s".into())).await;
        write(&world, |tx| tx.delete_document(&one, Kind::Client, "c")).await;
        write(&world, |tx| tx.clear_events(&one)).await;
        write(&world, |tx| tx.clear_admin_events(&one)).await;
        write(&world, |tx| tx.take_once(&one, "key")).await;
        assert_eq!(world.user(&one, &alice).await.unwrap(), None);
        assert!(world.user(&two, &alice).await.unwrap().is_some());
        assert_eq!(world.credentials(&two, &alice).await.unwrap().len(), 1);
        assert_eq!(world.user_roles(&two, &alice).await.unwrap().len(), 1);
        assert_eq!(world.user_groups(&two, &alice).await.unwrap().len(), 1);
        assert_eq!(world.consents(&two, &alice).await.unwrap().len(), 1);
        assert_eq!(world.federated_identities(&two, &alice).await.unwrap().len(), 1);
        assert!(world.user_session(&two, kind, &"s".into()).await.unwrap().is_some());
        assert_eq!(world.client_sessions(&two, kind, &"s".into()).await.unwrap().len(), 1);
        assert!(world.document(&two, Kind::Client, "c").await.unwrap().is_some());
        assert!(world.single_use(&two, "key").await.unwrap().is_some());
        let everything = claviger_store::EventQuery { max: -1, ..Default::default() };
        assert_eq!(world.events(&one, &everything).await.unwrap().len(), 0);
        assert_eq!(world.events(&two, &everything).await.unwrap().len(), 1);
        assert_eq!(world.outbox(&two, 10).await.unwrap().len(), 1);
    }
}

/// A row in every table.
fn fill(tx: &mut Tx, id: &str) {
    let realm = realm(id);
    let at = &realm.id;
    let alice = UserId::new("u");
    let mut person = user("u", "alice");
    person
        .attributes
        .insert("a".to_owned(), vec!["b".to_owned()]);
    tx.insert_realm(&realm);
    tx.insert_document(at, &document(Kind::Client, "c", "", "c"));
    tx.insert_link(
        at,
        &Link {
            kind: LinkKind::GroupRole,
            from: "g".into(),
            to: "r".into(),
        },
    );
    tx.insert_user(at, &person);
    tx.insert_credential(at, &alice, &credential("p"));
    tx.grant_role(at, &alice, &RoleId::new("r"));
    tx.say_signal_subject(at, "st", &alice, true);
    tx.join_group(at, &alice, &GroupId::new("g"));
    crate::organizations::fill(tx, at, &alice);
    tx.insert_federated_identity(
        at,
        &alice,
        &FederatedIdentity {
            provider: "p".into(),
            user_id: "x".into(),
            user_name: None,
        },
    );
    tx.put_consent(
        at,
        &alice,
        &Consent {
            client: ClientUuid::new("c"),
            scopes: vec![],
            created_at: Millis(1),
            updated_at: Millis(1),
        },
    );
    tx.put_login_failures(at, &alice, None, &LoginFailures::default());
    tx.keep(at, Kept::User, "u", Millis(1), &Json::new());
    tx.insert_authentication_session(at, &crate::authentications::tab("t"));
    tx.insert_user_session(at, &session(SessionKind::Online, "s", "u"));
    tx.insert_client_session(at, &part(SessionKind::Online, "s", "c"));
    tx.revoke_token(at, "jti", Millis(1));
    let place = StatusIndex { list: 0, index: 1 };
    tx.insert_status_index(at, place, (&"s".into(), "c", &alice), Millis(1));
    tx.insert_revocation(&crate::revocations::of_session(at, "s"));
    tx.use_once(at, "key", "value", Millis(1));
    tx.insert_initial_access(at, &crate::tokens::initial_access("i", 1));
    tx.insert_event(&event(at, "e", 1), None);
    tx.insert_admin_event(&admin_event(at, "e", 1));
    let mut letter = message(at, "m");
    letter.id = format!("m-{id}");
    tx.insert_outbox(&letter);
    tx.insert_logout_delivery(&crate::deliveries::delivery(at, &letter.id, 1));
    tx.insert_logout_ending(&crate::deliveries::ending(at, &letter.id, 1));
}
