//! People carried in and out by the thousand.

use claviger_model::user::{Consent, FederatedIdentity};
use claviger_model::{ClientUuid, GroupId, Millis, RealmId, RoleId, UserId};
use claviger_store::{Commit, Kept, Tx};
use serde_json::json;

use crate::fixtures::{UNICODE, attempt, credential, object, realm, user, write};
use crate::world::on_every_engine;

/// Two of everything that hangs on a user.
fn insert_person(tx: &mut Tx, realm: &RealmId, name: &str) {
    let id = UserId::new(format!("id-{name}"));
    let mut person = user(id.as_str(), name);
    person
        .attributes
        .insert("a".to_owned(), vec![UNICODE.to_owned(), String::new()]);
    tx.insert_user(realm, &person);
    for number in ["1", "2"] {
        tx.insert_credential(realm, &id, &credential(number));
        tx.grant_role(realm, &id, &RoleId::new(number));
        tx.join_group(realm, &id, &GroupId::new(number));
        let consent = Consent {
            client: ClientUuid::new(number),
            scopes: vec![number.to_owned()],
            created_at: Millis(1),
            updated_at: Millis(2),
        };
        tx.put_consent(realm, &id, &consent);
        let identity = FederatedIdentity {
            provider: number.to_owned(),
            user_id: name.to_owned(),
            user_name: None,
        };
        tx.insert_federated_identity(realm, &id, &identity);
    }
    let body = object(json!({"extra": name}));
    tx.keep(realm, Kept::User, id.as_str(), Millis(1), &body);
}

on_every_engine! {
    async fn people_come_by_the_page_with_all_that_is_theirs(world) {
        let (here, there) = (RealmId::new("here"), RealmId::new("there"));
        let names = ["a", "b", "b c", "ö"];
        for realm in [&here, &there] {
            for name in names {
                write(&world, |tx| insert_person(tx, realm, name)).await;
            }
        }
        write(&world, |tx| tx.insert_user(&here, &user("plain", "zz"))).await;
        let (mut after, mut seen) = (String::new(), Vec::new());
        loop {
            let page = world.people(&here, &after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after.clone_from(&last.user.username);
            assert!(page.len() <= 2);
            seen.extend(page);
        }
        let plain = seen.iter().position(|person| person.user.username == "zz").unwrap();
        let plain = seen.remove(plain);
        assert!(plain.credentials.is_empty() && plain.roles.is_empty() && plain.kept.is_empty());
        let mut found: Vec<&str> = seen.iter().map(|person| person.user.username.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, names);
        for person in &seen {
            let id = &person.user.id;
            assert_eq!(person.credentials, world.credentials(&here, id).await.unwrap());
            assert_eq!(person.roles, world.user_roles(&here, id).await.unwrap());
            assert_eq!(person.groups, world.user_groups(&here, id).await.unwrap());
            assert_eq!(person.consents, world.consents(&here, id).await.unwrap());
            let identities = world.federated_identities(&here, id).await.unwrap();
            assert_eq!(person.federated_identities, identities);
            assert_eq!(person.kept["extra"], person.user.username.as_str());
            assert_eq!(person.credentials.len(), 2);
        }
    }

    async fn a_deleted_user_leaves_nothing_kept(world) {
        let here = RealmId::new("here");
        write(&world, |tx| insert_person(tx, &here, "a")).await;
        assert_eq!(world.kept(&here, Kept::User, "", 10).await.unwrap().len(), 1);
        write(&world, |tx| tx.delete_user(&here, &UserId::new("id-a"))).await;
        for (table, rows) in world.count_rows(&here).await.unwrap() {
            assert_eq!(rows, 0, "left in {table}");
        }
    }

    /// Of two imports of one realm the later goes on.
    async fn a_ticket_is_good_until_the_next_is_drawn(world) {
        let here = RealmId::new("here");
        write(&world, |tx| tx.open_ticket(&here, "first", Millis(1))).await;
        write(&world, |tx| {
            tx.show_ticket(&here, "first", Millis(2));
            insert_person(tx, &here, "a");
        }).await;
        write(&world, |tx| tx.open_ticket(&here, "second", Millis(3))).await;
        assert_eq!(world.people(&here, "", 10).await.unwrap().len(), 0, "the first one's are gone");
        let late = attempt(&world, |tx| {
            tx.show_ticket(&here, "first", Millis(4));
            insert_person(tx, &here, "b");
        }).await;
        assert_eq!(late, Commit::Missed("TICKET_SHOW"));
        write(&world, |tx| {
            tx.show_ticket(&here, "second", Millis(4));
            insert_person(tx, &here, "c");
        }).await;
        write(&world, |tx| {
            tx.close_ticket(&here, "second");
            tx.insert_realm(&realm("here"));
        }).await;
        let people = world.people(&here, "", 10).await.unwrap();
        assert_eq!(people.len(), 1);
        assert_eq!(people[0].user.username, "c");
    }

    async fn people_move_to_their_realm_with_all_that_is_theirs(world) {
        let (stage, home) = (RealmId::new(":stage"), RealmId::new("home"));
        write(&world, |tx| {
            tx.open_ticket(&stage, "t", Millis(1));
            insert_person(tx, &stage, "a");
        }).await;
        let mut before = world.count_rows(&stage).await.unwrap();
        write(&world, |tx| {
            tx.close_ticket(&stage, "t");
            tx.move_people(&stage, &home);
        }).await;
        for (table, rows) in &mut before {
            // The ticket does not come along.
            *rows -= i64::from(*table == "kept");
        }
        assert_eq!(world.count_rows(&home).await.unwrap(), before);
        assert!(world.count_rows(&stage).await.unwrap().iter().all(|(_, rows)| *rows == 0));
    }

    async fn what_nobody_comes_back_for_is_thrown_away(world) {
        let (old, young, made) = (RealmId::new("old"), RealmId::new("young"), RealmId::new("made"));
        for (id, shown) in [(&old, 5), (&young, 6)] {
            write(&world, |tx| {
                tx.open_ticket(id, "t", Millis(shown));
                insert_person(tx, id, "a");
            }).await;
        }
        write(&world, |tx| {
            tx.insert_realm(&realm("made"));
            insert_person(tx, &made, "a");
        }).await;
        let (of_young, of_made) =
            (world.count_rows(&young).await.unwrap(), world.count_rows(&made).await.unwrap());
        assert_eq!(world.stale_imports(Millis(5)).await.unwrap(), std::slice::from_ref(&old));
        for id in [&young, &made] {
            let refused = attempt(&world, |tx| tx.clear_stale_import(id, Millis(5))).await;
            assert_eq!(refused, Commit::Missed("TICKET_DELETE_STALE"));
        }
        write(&world, |tx| tx.clear_stale_import(&old, Millis(5))).await;
        assert!(world.count_rows(&old).await.unwrap().iter().all(|(_, rows)| *rows == 0));
        assert_eq!(world.count_rows(&young).await.unwrap(), of_young);
        assert_eq!(world.count_rows(&made).await.unwrap(), of_made);
    }
}
