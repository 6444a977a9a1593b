//! Users and what is theirs.

use std::collections::BTreeMap;

use claviger_model::user::{Consent, CredentialType, FederatedIdentity, User};
use claviger_model::{
    ClientUuid, GroupId, LoginFailures, Millis, RealmId, RoleId, Seconds, UserId,
};
use claviger_store::{Commit, Tx};

use crate::fixtures::{attempt, credential, user, write};
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

fn everything() -> User {
    User {
        email: Some("Alice@Example.org".to_owned()),
        first_name: Some("Alice".to_owned()),
        last_name: Some("Liddell".to_owned()),
        enabled: false,
        email_verified: true,
        created_at: Millis(1_234_567_890_123),
        not_before: Seconds(1_700_000_000),
        service_account_of: Some(ClientUuid::new("client")),
        federation_link: Some("ldap".to_owned()),
        attributes: BTreeMap::from([
            ("empty".to_owned(), vec![]),
            (
                "phone".to_owned(),
                vec!["1".to_owned(), String::new(), "1".to_owned()],
            ),
        ]),
        required_actions: vec!["UPDATE_PASSWORD".to_owned(), "VERIFY_EMAIL".to_owned()],
        ..user("u", "alice")
    }
}

on_every_engine! {
    async fn a_user_is_kept_and_found(world) {
        let (alice, bob) = (everything(), user("v", "bob"));
        write(&world, |tx| tx.insert_user(&at(), &alice)).await;
        write(&world, |tx| tx.insert_user(&at(), &bob)).await;
        assert_eq!(world.user(&at(), &alice.id).await.unwrap(), Some(alice.clone()));
        assert_eq!(world.user(&at(), &bob.id).await.unwrap(), Some(bob.clone()));
        for name in ["alice", "ALICE"] {
            let found = world.user_by_username(&at(), name).await.unwrap();
            assert_eq!(found, Some(alice.clone()));
        }
        for email in ["Alice@Example.org", "alice@example.org"] {
            let found = world.user_by_email(&at(), email).await.unwrap();
            assert_eq!(found, Some(alice.clone()));
        }
        let client = ClientUuid::new("client");
        let found = world.user_of_service_account(&at(), &client).await.unwrap();
        assert_eq!(found, Some(alice));
        assert_eq!(world.user(&at(), &UserId::new("U")).await.unwrap(), None);
        assert_eq!(world.user_by_username(&at(), "carol").await.unwrap(), None);
        assert_eq!(world.user_by_email(&at(), "").await.unwrap(), None);
    }

    async fn a_user_is_changed(world) {
        write(&world, |tx| tx.insert_user(&at(), &user("u", "alice"))).await;
        write(&world, |tx| tx.update_user(&at(), &everything())).await;
        assert_eq!(world.user(&at(), &"u".into()).await.unwrap(), Some(everything()));
        write(&world, |tx| tx.update_user(&at(), &user("u", "alicia"))).await;
        assert_eq!(world.user(&at(), &"u".into()).await.unwrap(), Some(user("u", "alicia")));
        write(&world, |tx| tx.set_user_not_before(&at(), &"u".into(), Seconds(77))).await;
        let found = world.user(&at(), &"u".into()).await.unwrap().unwrap();
        assert_eq!(found.not_before, Seconds(77));
        for missed in [
            attempt(&world, |tx| tx.update_user(&at(), &user("x", "x"))).await,
            attempt(&world, |tx| tx.set_user_not_before(&at(), &"x".into(), Seconds(1))).await,
            attempt(&world, |tx| tx.delete_user(&at(), &"x".into())).await,
        ] {
            assert!(matches!(missed, Commit::Missed(_)), "{missed:?}");
        }
    }

    /// A write that changes nothing still touches its row: MySQL counts rows found, not changed.
    async fn the_same_again_is_not_missed(world) {
        write(&world, |tx| tx.insert_user(&at(), &everything())).await;
        write(&world, |tx| tx.update_user(&at(), &everything())).await;
        write(&world, |tx| tx.set_user_not_before(&at(), &"u".into(), Seconds(1))).await;
        write(&world, |tx| tx.set_user_not_before(&at(), &"u".into(), Seconds(1))).await;
    }

    async fn ids_and_names_of_users_are_unique(world) {
        write(&world, |tx| tx.insert_user(&at(), &user("u", "alice"))).await;
        for other in [user("u", "bob"), user("v", "alice")] {
            let conflict = attempt(&world, |tx| tx.insert_user(&at(), &other)).await;
            assert_eq!(conflict, Commit::Conflict("USER_INSERT"));
        }
        write(&world, |tx| tx.insert_user(&at(), &user("v", "bob"))).await;
        let conflict = attempt(&world, |tx| tx.update_user(&at(), &user("v", "alice"))).await;
        assert_eq!(conflict, Commit::Conflict("USER_UPDATE"));
    }

    async fn an_address_that_is_held_is_held_by_one(world) {
        for id in ["u", "v"] {
            write(&world, |tx| tx.insert_user(&at(), &user(id, id))).await;
        }
        let hold = |id: &'static str, email: Option<&'static str>| {
            move |tx: &mut Tx| tx.hold_email(&at(), &id.into(), email)
        };
        write(&world, hold("u", Some("X@example.org"))).await;
        let conflict = attempt(&world, hold("v", Some("x@example.org"))).await;
        assert_eq!(conflict, Commit::Conflict("USER_EMAIL_ALONE"));
        write(&world, hold("u", None)).await;
        write(&world, hold("v", Some("x@example.org"))).await;
        // Any number of users holds none.
        write(&world, hold("v", None)).await;
        let missed = attempt(&world, hold("nobody", None)).await;
        assert_eq!(missed, Commit::Missed("USER_EMAIL_ALONE"));
    }

    async fn of_several_users_of_one_address_the_oldest_is_found(world) {
        for (id, created) in [("a", 30), ("b", 10), ("c", 20)] {
            let mut person = user(id, id);
            person.email = Some("x@example.org".to_owned());
            person.created_at = Millis(created);
            write(&world, |tx| tx.insert_user(&at(), &person)).await;
        }
        let found = world.user_by_email(&at(), "x@example.org").await.unwrap().unwrap();
        assert_eq!(found.id.as_str(), "b");
    }

    async fn ids_of_users_of_another_store_fit(world) {
        let id = format!("f:{}:uid=alice,{}", "x".repeat(36), "y".repeat(150));
        write(&world, |tx| tx.insert_user(&at(), &user(&id, "alice"))).await;
        assert!(world.user(&at(), &id.as_str().into()).await.unwrap().is_some());
    }

    async fn the_end_of_a_user_ends_what_is_theirs(world) {
        let (alice, bob) = (UserId::new("u"), UserId::new("v"));
        for (id, name) in [(&alice, "alice"), (&bob, "bob")] {
            let mut person = user(id.as_str(), name);
            person.attributes.insert("a".to_owned(), vec!["b".to_owned()]);
            write(&world, |tx| {
                tx.insert_user(&at(), &person);
                tx.insert_credential(&at(), id, &credential("p"));
                tx.grant_role(&at(), id, &RoleId::new("r"));
                tx.join_group(&at(), id, &GroupId::new("g"));
                tx.put_consent(&at(), id, &consent("c", &["s"], 1));
                tx.put_login_failures(&at(), id, None, &LoginFailures::default());
                tx.insert_federated_identity(&at(), id, &identity("p", name));
            }).await;
        }
        let before = world.count_rows(&at()).await.unwrap();
        write(&world, |tx| tx.delete_user(&at(), &alice)).await;
        let after = world.count_rows(&at()).await.unwrap();
        for ((table, before), (_, after)) in before.iter().zip(&after) {
            assert_eq!(*after * 2, *before, "{table}");
        }
        assert!(world.user(&at(), &bob).await.unwrap().is_some());
    }

    async fn users_are_found_by_the_type_of_a_credential(world) {
        let mut otp = credential("o");
        otp.kind = CredentialType::Otp;
        for (name, held) in [("u1", &otp), ("u2", &credential("p")), ("u3", &otp)] {
            write(&world, |tx| tx.insert_credential(&at(), &name.into(), held)).await;
        }
        let find = async |users: &[&str]| {
            let users: Vec<UserId> = users.iter().map(|id| UserId::new(*id)).collect();
            let found = world.users_with_credential(&at(), &CredentialType::Otp, &users).await;
            let mut found: Vec<String> =
                found.unwrap().into_iter().map(UserId::into_string).collect();
            found.sort();
            found
        };
        assert_eq!(find(&["u1", "u2"]).await, ["u1"]);
        assert_eq!(find(&["u3", "u2", "u1", "nobody"]).await, ["u1", "u3"]);
        assert_eq!(find(&[]).await, Vec::<String>::new());
        let many: Vec<String> = (0..1_200).map(|n| format!("u{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(find(&many).await, ["u1", "u3"]);
    }

    async fn credentials_come_in_their_order(world) {
        let alice = UserId::new("u");
        let mut second = credential("a");
        second.priority = 20;
        second.kind = CredentialType::Other("recovery-authn-codes".to_owned());
        second.user_label = Some("Mobile".to_owned());
        second.created_at = None;
        let first = credential("b");
        write(&world, |tx| {
            tx.insert_credential(&at(), &alice, &second);
            tx.insert_credential(&at(), &alice, &first);
        }).await;
        let found = world.credentials(&at(), &alice).await.unwrap();
        assert_eq!(found, [first.clone(), second.clone()]);
        assert_eq!(world.credentials(&at(), &"v".into()).await.unwrap(), []);

        let conflict = attempt(&world, |tx| tx.insert_credential(&at(), &alice, &first)).await;
        assert_eq!(conflict, Commit::Conflict("CREDENTIAL_INSERT"));
        second.priority = 5;
        second.secret_data = "{}".to_owned();
        write(&world, |tx| tx.update_credential(&at(), &alice, &second)).await;
        let found = world.credentials(&at(), &alice).await.unwrap();
        assert_eq!(found, [second, first.clone()]);
        write(&world, |tx| tx.delete_credential(&at(), &alice, &first.id)).await;
        for missed in [
            attempt(&world, |tx| tx.delete_credential(&at(), &alice, &first.id)).await,
            attempt(&world, |tx| tx.update_credential(&at(), &alice, &first)).await,
        ] {
            assert!(matches!(missed, Commit::Missed(_)), "{missed:?}");
        }
    }

    async fn roles_and_memberships_can_be_said_twice(world) {
        let (alice, role, group) = (UserId::new("u"), RoleId::new("x"), GroupId::new("g"));
        write(&world, |tx| tx.insert_user(&at(), &user("u", "alice"))).await;
        for _ in 0..2 {
            write(&world, |tx| tx.grant_role(&at(), &alice, &role)).await;
            write(&world, |tx| tx.join_group(&at(), &alice, &group)).await;
        }
        assert_eq!(world.user_roles(&at(), &alice).await.unwrap(), std::slice::from_ref(&role));
        assert_eq!(world.user_groups(&at(), &alice).await.unwrap(), std::slice::from_ref(&group));
        let both = world.user_roles_and_groups(&at(), &alice).await.unwrap();
        assert_eq!(both, (vec![role.clone()], vec![group.clone()]));
        for _ in 0..2 {
            write(&world, |tx| tx.withdraw_role(&at(), &alice, &role)).await;
            write(&world, |tx| tx.leave_group(&at(), &alice, &group)).await;
        }
        assert_eq!(world.user_roles(&at(), &alice).await.unwrap(), []);
        assert_eq!(world.user_groups(&at(), &alice).await.unwrap(), []);
        let both = world.user_roles_and_groups(&at(), &alice).await.unwrap();
        assert_eq!(both, (vec![], vec![]));
    }

    async fn holders_of_a_role_and_members_of_a_group_come_in_pages(world) {
        let (role, group) = (RoleId::new("x"), GroupId::new("g"));
        for name in ["dora", "alice", "carol", "bob"] {
            write(&world, |tx| {
                tx.insert_user(&at(), &user(name, name));
                tx.grant_role(&at(), &name.into(), &role);
                tx.join_group(&at(), &name.into(), &group);
            }).await;
        }
        let names = |users: Vec<User>| -> Vec<String> {
            users.into_iter().map(|user| user.username).collect()
        };
        let found = world.users_with_role(&at(), &role, 0, -1).await.unwrap();
        assert_eq!(names(found), ["alice", "bob", "carol", "dora"]);
        let found = world.users_with_role(&at(), &role, 1, 2).await.unwrap();
        assert_eq!(names(found), ["bob", "carol"]);
        let found = world.group_members(&at(), &group, 3, 100).await.unwrap();
        assert_eq!(names(found), ["dora"]);
        let found = world.group_members(&at(), &GroupId::new("h"), 0, 100).await.unwrap();
        assert_eq!(found, []);
    }

    async fn a_consent_keeps_the_time_it_was_first_given(world) {
        let alice = UserId::new("u");
        write(&world, |tx| tx.put_consent(&at(), &alice, &consent("c", &["a"], 10))).await;
        write(&world, |tx| tx.put_consent(&at(), &alice, &consent("c", &["a", "b"], 20))).await;
        write(&world, |tx| tx.put_consent(&at(), &alice, &consent("d", &[], 30))).await;
        let changed = Consent { created_at: Millis(10), ..consent("c", &["a", "b"], 20) };
        let found = world.consent(&at(), &alice, &"c".into()).await.unwrap();
        assert_eq!(found, Some(changed.clone()));
        let found = world.consents(&at(), &alice).await.unwrap();
        assert_eq!(found, [changed, consent("d", &[], 30)]);
        write(&world, |tx| tx.delete_consent(&at(), &alice, &"c".into())).await;
        assert_eq!(world.consent(&at(), &alice, &"c".into()).await.unwrap(), None);
        let missed = attempt(&world, |tx| tx.delete_consent(&at(), &alice, &"c".into())).await;
        assert_eq!(missed, Commit::Missed("CONSENT_DELETE"));
    }

    /// Two users with one identity would be one user who signs in as either.
    async fn a_person_elsewhere_is_one_user_here(world) {
        let (alice, bob) = (UserId::new("u"), UserId::new("v"));
        write(&world, |tx| tx.insert_user(&at(), &user("u", "alice"))).await;
        write(&world, |tx| tx.insert_federated_identity(&at(), &alice, &identity("p", "1"))).await;
        write(&world, |tx| tx.insert_federated_identity(&at(), &alice, &identity("q", "1"))).await;
        for (who, what) in [(&alice, identity("p", "2")), (&bob, identity("p", "1"))] {
            let conflict =
                attempt(&world, |tx| tx.insert_federated_identity(&at(), who, &what)).await;
            assert_eq!(conflict, Commit::Conflict("FEDERATED_IDENTITY_INSERT"));
        }
        let found = world.user_of_federated_identity(&at(), "p", "1").await.unwrap();
        assert_eq!(found, Some(user("u", "alice")));
        assert_eq!(world.user_of_federated_identity(&at(), "p", "2").await.unwrap(), None);
        let found = world.federated_identities(&at(), &alice).await.unwrap();
        assert_eq!(found, [identity("p", "1"), identity("q", "1")]);
        write(&world, |tx| tx.delete_federated_identity(&at(), &alice, "p")).await;
        let missed =
            attempt(&world, |tx| tx.delete_federated_identity(&at(), &alice, "p")).await;
        assert_eq!(missed, Commit::Missed("FEDERATED_IDENTITY_DELETE"));
    }
}

fn consent(client: &str, scopes: &[&str], now: i64) -> Consent {
    Consent {
        client: ClientUuid::new(client),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        created_at: Millis(now),
        updated_at: Millis(now),
    }
}

fn identity(provider: &str, id: &str) -> FederatedIdentity {
    FederatedIdentity {
        provider: provider.to_owned(),
        user_id: id.to_owned(),
        user_name: Some(format!("{id}@{provider}")),
    }
}
