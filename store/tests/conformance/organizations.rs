//! Organizations, their members, groups and invitations.

use claviger_model::{GroupId, Millis, OrganizationId, RealmId, UserId};
use claviger_store::{
    Commit, Invitation, InvitationQuery, MemberQuery, OrganizationQuery, Store, Tx,
};
use claviger_wire::Organization;
use claviger_wire::document::Kind;
use serde_json::json;

use crate::fixtures::{attempt, document, object, realm, user, write};
use crate::world::on_every_engine;

fn acme(id: &str, name: &str, domain: &str) -> Organization {
    Organization::from_body(&object(json!({
        "id": id, "name": name, "attributes": {"tier": ["gold", "1"]}, "shoeSize": 43,
        "domains": [{"name": domain, "verified": true}],
    })))
}

fn invitation(id: &str, organization: &str, expires_at: i64) -> Invitation {
    Invitation {
        id: id.to_owned(),
        organization: OrganizationId::new(organization),
        email: format!("{id}@Example.org"),
        first_name: Some("Zoe".to_owned()),
        last_name: None,
        created_at: Millis(1),
        expires_at: Millis(expires_at),
    }
}

/// Puts a row of a user into each table of organizations.
pub fn fill(tx: &mut Tx, at: &RealmId, user: &UserId) {
    let (id, group) = (OrganizationId::new("o"), GroupId::new("inner"));
    tx.insert_organization(at, &acme("o", "acme", "acme.example"));
    let inner = document(Kind::OrganizationGroup, "inner", "o", "inner");
    tx.insert_organization_group(at, &id, &inner);
    tx.join_organization(at, &id, user);
    tx.join_organization_group(at, &id, (user, &group));
    tx.insert_invitation(at, &invitation("i", "o", 9));
}

fn all() -> MemberQuery {
    MemberQuery {
        max: -1,
        ..MemberQuery::default()
    }
}

async fn names(world: &Store, at: &RealmId, query: &MemberQuery) -> Vec<String> {
    let id = OrganizationId::new("o");
    let found = world.organization_members(at, &id, query).await.unwrap();
    found.into_iter().map(|(user, _)| user.username).collect()
}

async fn with_people(world: &Store, people: &[&str]) -> RealmId {
    let row = realm("r");
    write(world, |tx| {
        tx.insert_realm(&row);
        for name in people {
            tx.insert_user(&row.id, &user(name, name));
        }
    })
    .await;
    row.id
}

on_every_engine! {
    async fn an_organization_is_kept_found_and_changed(world) {
        let at = with_people(&world, &[]).await;
        let one = acme("o", "Acme", "acme.example");
        write(&world, |tx| tx.insert_organization(&at, &one)).await;
        assert_eq!(world.organization(&at, &one.id).await.unwrap(), Some(one.clone()));
        assert_eq!(world.organization_by_alias(&at, "Acme").await.unwrap(), Some(one.clone()));
        assert_eq!(world.organization_by_name(&at, "acme").await.unwrap(), None);
        let elsewhere = RealmId::new("other");
        assert_eq!(world.organization(&elsewhere, &one.id).await.unwrap(), None);
        for (other, statement) in [
            (acme("o", "b", "b.example"), "ORGANIZATION_INSERT"),
            (acme("p", "Acme", "b.example"), "ORGANIZATION_INSERT"),
            (acme("p", "b", "acme.example"), "ORGANIZATION_DOMAIN_INSERT"),
        ] {
            let conflict = attempt(&world, |tx| tx.insert_organization(&at, &other)).await;
            assert_eq!(conflict, Commit::Conflict(statement));
        }
        let find = async |query: OrganizationQuery| {
            let query = OrganizationQuery { max: -1, ..query };
            let count = world.count_organizations(&at, &query).await.unwrap();
            let found = world.organizations(&at, &query).await.unwrap();
            assert_eq!(usize::try_from(count).unwrap(), found.len());
            found.len()
        };
        let search = |text: &str, exact| OrganizationQuery {
            search: Some(text.to_owned()), exact, ..OrganizationQuery::default()
        };
        let tier = |value: &str| OrganizationQuery {
            attributes: vec![("tier".to_owned(), value.to_owned())],
            ..OrganizationQuery::default()
        };
        for (query, expected) in [
            (search("CM", false), 1), (search("a_me", false), 0), (search("acme", true), 0),
            (search("acme.example", true), 1), (tier("1"), 1), (tier("GOLD"), 0),
        ] {
            assert_eq!(find(query.clone()).await, expected, "{query:?}");
        }
        let changed = acme("o", "Other", "other.example");
        write(&world, |tx| tx.update_organization(&at, &changed)).await;
        assert_eq!(world.organization_of_domain(&at, "acme.example").await.unwrap(), None);
        let kept = world.organization_of_domain(&at, "other.example").await.unwrap().unwrap();
        assert_eq!((kept.name.as_str(), kept.alias.as_str()), ("Other", "Acme"));
        assert_eq!(kept.more["shoeSize"], 43);
    }

    async fn members_come_in_pages_by_name_and_go_with_their_user(world) {
        let at = with_people(&world, &["ann", "bob", "cid"]).await;
        let id = OrganizationId::new("o");
        write(&world, |tx| fill(tx, &at, &UserId::new("ann"))).await;
        write(&world, |tx| tx.join_organization(&at, &id, &UserId::new("bob"))).await;
        write(&world, |tx| tx.join_organization_named(&at, &id, ("Cid", true))).await;
        let again = attempt(&world, |tx| tx.join_organization(&at, &id, &UserId::new("bob"))).await;
        assert!(again.is_member_already());
        let nobody = attempt(&world, |tx| tx.join_organization_named(&at, &id, ("dan", false))).await;
        assert!(nobody.is_member_missing());
        assert_eq!(names(&world, &at, &all()).await, ["ann", "bob", "cid"]);
        assert_eq!(names(&world, &at, &MemberQuery { first: 1, max: 1, ..all() }).await, ["bob"]);
        let managed = MemberQuery { managed: Some(true), ..all() };
        assert_eq!(names(&world, &at, &managed).await, ["cid"]);
        let search = |text: &str, exact| MemberQuery { search: Some(text.to_owned()), exact, ..all() };
        assert_eq!(names(&world, &at, &search("B*B", false)).await, ["bob"]);
        assert_eq!(names(&world, &at, &search("bo", true)).await, Vec::<String>::new());
        assert_eq!(world.count_organization_members(&at, &id).await.unwrap(), 3);
        assert_eq!(world.organizations_of_user(&at, &UserId::new("bob")).await.unwrap().len(), 1);

        let mut renamed = user("ann", "zoe");
        renamed.email = None;
        write(&world, |tx| tx.update_user(&at, &renamed)).await;
        assert_eq!(names(&world, &at, &all()).await, ["bob", "cid", "zoe"]);
        let people = world.organization_group_people(&at, &id).await.unwrap();
        assert_eq!(people, [("zoe".to_owned(), GroupId::new("inner"))]);
        let outsider = (&UserId::new("dan"), &GroupId::new("inner"));
        let missed = attempt(&world, |tx| tx.join_organization_group(&at, &id, outsider)).await;
        assert_eq!(missed, Commit::Missed("ORGANIZATION_GROUP_JOIN"));
        write(&world, |tx| tx.leave_organization(&at, &id, &UserId::new("ann"))).await;
        assert_eq!(world.organization_group_people(&at, &id).await.unwrap(), []);
        write(&world, |tx| tx.delete_user(&at, &UserId::new("bob"))).await;
        assert_eq!(names(&world, &at, &all()).await, ["cid"]);
    }

    async fn the_end_of_an_organization_ends_what_hangs_on_it(world) {
        let at = with_people(&world, &["ann"]).await;
        let id = OrganizationId::new("o");
        let before = world.count_rows(&at).await.unwrap();
        write(&world, |tx| fill(tx, &at, &UserId::new("ann"))).await;
        assert_eq!(world.organization_groups(&at, &id).await.unwrap().len(), 1);
        write(&world, |tx| tx.delete_organization(&at, &id)).await;
        assert_eq!(world.count_rows(&at).await.unwrap(), before);
        let gone = attempt(&world, |tx| {
            let late = document(Kind::OrganizationGroup, "late", "o", "late");
            tx.insert_organization_group(&at, &id, &late);
        }).await;
        assert_eq!(gone, Commit::Missed("ORGANIZATION_GROUP_LINK"));
    }

    async fn invitations_are_found_by_what_they_say(world) {
        let at = with_people(&world, &[]).await;
        write(&world, |tx| {
            for (id, organization, expires_at) in [("a", "o", 9), ("b", "o", 5), ("c", "p", 9)] {
                tx.insert_invitation(&at, &invitation(id, organization, expires_at));
            }
        }).await;
        let find = async |query: InvitationQuery| {
            let query = InvitationQuery { max: -1, ..query };
            let found = world.invitations(&at, &OrganizationId::new("o"), &query).await.unwrap();
            found.into_iter().map(|one| one.id).collect::<Vec<_>>()
        };
        let none = InvitationQuery::default;
        assert_eq!(find(none()).await, ["a", "b"]);
        let pending = |still| Some((still, Millis(7)));
        assert_eq!(find(InvitationQuery { pending: pending(true), ..none() }).await, ["a"]);
        assert_eq!(find(InvitationQuery { pending: pending(false), ..none() }).await, ["b"]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(find(InvitationQuery { email: text("B@example.ORG"), ..none() }).await, ["b"]);
        assert_eq!(find(InvitationQuery { search: text("z*e"), ..none() }).await, ["a", "b"]);
        assert_eq!(find(InvitationQuery { last_name: text("Zoe"), ..none() }).await, Vec::<String>::new());
        write(&world, |tx| tx.delete_invitation(&at, "a")).await;
        assert_eq!(world.invitation(&at, "a").await.unwrap(), None);
        assert_eq!(world.invitation(&at, "c").await.unwrap().unwrap().expires_at, Millis(9));
    }
}
