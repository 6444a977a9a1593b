//! Documents and links.

use claviger_model::user::{Consent, FederatedIdentity};
use claviger_model::{ClientUuid, GroupId, Millis, RealmId, RoleId, UserId};
use claviger_store::{Commit, DocumentFilter, Store};
use claviger_wire::document::{Document, Kind, Link, LinkKind};

use crate::fixtures::{attempt, document, realm, user, write};
use crate::world::on_every_engine;

fn names(documents: &[Document]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document.unique_name.as_str())
        .collect()
}

fn link(kind: LinkKind, from: &str, to: &str) -> Link {
    Link {
        kind,
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

async fn with_realm(store: &Store) -> RealmId {
    write(store, |tx| tx.insert_realm(&realm("r"))).await;
    RealmId::new("r")
}

on_every_engine! {
    async fn a_document_is_kept_changed_and_ended(world) {
        let at = with_realm(&world).await;
        let client = document(Kind::Client, "1", "", "web");
        write(&world, |tx| tx.insert_document(&at, &client)).await;
        assert_eq!(world.document(&at, Kind::Client, "1").await.unwrap(), Some(client.clone()));
        let by_name = world.document_by_name(&at, Kind::Client, "", "web").await.unwrap();
        assert_eq!(by_name, Some(client.clone()));
        assert_eq!(world.document(&at, Kind::Role, "1").await.unwrap(), None);
        assert_eq!(world.document_by_name(&at, Kind::Client, "x", "web").await.unwrap(), None);

        let mut changed = client.clone();
        changed.unique_name = "shop".to_owned();
        changed.enabled = false;
        changed.body.insert("more".to_owned(), serde_json::json!([{"deep": 1.5}]));
        write(&world, |tx| tx.update_document(&at, &changed)).await;
        assert_eq!(world.document(&at, Kind::Client, "1").await.unwrap(), Some(changed));
        assert_eq!(world.document_by_name(&at, Kind::Client, "", "web").await.unwrap(), None);

        write(&world, |tx| tx.delete_document(&at, Kind::Client, "1")).await;
        assert_eq!(world.document(&at, Kind::Client, "1").await.unwrap(), None);
        let missed = attempt(&world, |tx| tx.delete_document(&at, Kind::Client, "1")).await;
        assert_eq!(missed, Commit::Missed("DOCUMENT_DELETE"));
    }

    async fn the_order_of_members_is_kept(world) {
        let at = with_realm(&world).await;
        let client = document(Kind::Client, "1", "", "web");
        write(&world, |tx| tx.insert_document(&at, &client)).await;
        let found = world.document(&at, Kind::Client, "1").await.unwrap().unwrap();
        let order: Vec<&String> = found.body.keys().collect();
        assert_eq!(order, ["id", "name", "z", "a"]);
    }

    async fn names_are_unique_below_one_parent(world) {
        let at = with_realm(&world).await;
        write(&world, |tx| tx.insert_document(&at, &document(Kind::Role, "1", "", "admin"))).await;
        let same = document(Kind::Role, "2", "", "admin");
        let conflict = attempt(&world, |tx| tx.insert_document(&at, &same)).await;
        assert_eq!(conflict, Commit::Conflict("DOCUMENT_INSERT"));
        for other in [
            document(Kind::Role, "2", "client", "admin"),
            document(Kind::Group, "1", "", "admin"),
            document(Kind::Role, "3", "", "Admin"),
        ] {
            write(&world, |tx| tx.insert_document(&at, &other)).await;
        }
        let renamed = document(Kind::Role, "3", "", "admin");
        let conflict = attempt(&world, |tx| tx.update_document(&at, &renamed)).await;
        assert_eq!(conflict, Commit::Conflict("DOCUMENT_UPDATE"));
    }

    async fn documents_come_in_pages(world) {
        let at = with_realm(&world).await;
        let all = ["a%b", "ALPHA", "alphabet", "beta", "x_y", "Öl"];
        write(&world, |tx| {
            for (id, name) in all.iter().enumerate() {
                tx.insert_document(&at, &document(Kind::Client, &id.to_string(), "", name));
            }
            tx.insert_document(&at, &document(Kind::Client, "below", "0", "alpha below"));
        }).await;
        assert_eq!(world.documents(&at, Kind::Client).await.unwrap().len(), 7);
        let children = world.children(&at, Kind::Client, "0").await.unwrap();
        assert_eq!(names(&children), ["alpha below"]);
        let top = DocumentFilter { parent: Some(""), name_contains: None };
        let page = async |filter, first, max| {
            world.documents_page(&at, Kind::Client, filter, first, max).await.unwrap()
        };
        assert_eq!(page(top, 0, -1).await.len(), 6);
        assert_eq!(page(top, 4, 10).await.len(), 2);
        assert_eq!(page(top, 0, 0).await.len(), 0);
        assert_eq!(page(DocumentFilter::default(), 0, 100).await.len(), 7);
        let cases: [(&str, &[&str]); 7] = [
            ("alpha", &["ALPHA", "alphabet"]),
            ("AlphaB", &["alphabet"]),
            ("%", &["a%b"]),
            ("_", &["x_y"]),
            ("öL", &["Öl"]),
            ("", &all),
            ("!", &[]),
        ];
        for (text, expected) in cases {
            let filter = DocumentFilter { parent: Some(""), name_contains: Some(text) };
            let found = page(filter, 0, -1).await;
            let mut found = names(&found);
            found.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "{text}");
            let count = world.count_documents(&at, Kind::Client, filter).await.unwrap();
            assert_eq!(usize::try_from(count).unwrap(), expected.len(), "{text}");
        }
    }

    async fn links_lead_both_ways(world) {
        let at = with_realm(&world).await;
        let links = [
            link(LinkKind::Composite, "a", "b"),
            link(LinkKind::Composite, "a", "c"),
            link(LinkKind::Composite, "b", "c"),
        ];
        write(&world, |tx| {
            for link in &links {
                tx.insert_link(&at, link);
                tx.insert_link(&at, link);
            }
            tx.insert_link(&at, &link(LinkKind::GroupRole, "a", "d"));
        }).await;
        assert_eq!(world.links(&at, LinkKind::Composite).await.unwrap(), links);
        let from = world.links_from(&at, LinkKind::Composite, "a").await.unwrap();
        assert_eq!(from, ["b", "c"]);
        assert_eq!(world.links_to(&at, LinkKind::Composite, "c").await.unwrap(), ["a", "b"]);
        write(&world, |tx| {
            tx.delete_link(&at, &links[0]);
            tx.delete_link(&at, &links[0]);
        }).await;
        assert_eq!(world.links_from(&at, LinkKind::Composite, "a").await.unwrap(), ["c"]);
        write(&world, |tx| tx.delete_links_from(&at, LinkKind::Composite, "a")).await;
        assert_eq!(world.links(&at, LinkKind::Composite).await.unwrap(), links[2..]);
        assert_eq!(world.links(&at, LinkKind::GroupRole).await.unwrap().len(), 1);
    }

    /// A role that ends must not come back with the next role of its id, nor stay in a token.
    async fn the_end_of_a_role_ends_what_hangs_on_it(world) {
        let at = with_realm(&world).await;
        let (alice, role) = (UserId::new("u"), RoleId::new("x"));
        write(&world, |tx| {
            tx.insert_document(&at, &document(Kind::Role, "x", "", "x"));
            tx.insert_user(&at, &user("u", "alice"));
            tx.grant_role(&at, &alice, &role);
            tx.grant_role(&at, &alice, &RoleId::new("y"));
            tx.insert_link(&at, &link(LinkKind::Composite, "x", "y"));
            tx.insert_link(&at, &link(LinkKind::Composite, "y", "x"));
            tx.insert_link(&at, &link(LinkKind::GroupRole, "g", "x"));
            tx.insert_link(&at, &link(LinkKind::ScopeMapping, "c", "x"));
            tx.insert_link(&at, &link(LinkKind::ScopeMapping, "c", "y"));
        }).await;
        write(&world, |tx| tx.delete_document(&at, Kind::Role, "x")).await;
        assert_eq!(world.user_roles(&at, &alice).await.unwrap(), [RoleId::new("y")]);
        assert_eq!(world.links(&at, LinkKind::Composite).await.unwrap(), []);
        assert_eq!(world.links(&at, LinkKind::GroupRole).await.unwrap(), []);
        assert_eq!(world.links(&at, LinkKind::ScopeMapping).await.unwrap().len(), 1);
    }

    async fn the_end_of_a_group_ends_what_hangs_on_it(world) {
        let at = with_realm(&world).await;
        let (alice, group) = (UserId::new("u"), GroupId::new("g"));
        write(&world, |tx| {
            tx.insert_document(&at, &document(Kind::Group, "g", "", "g"));
            tx.insert_user(&at, &user("u", "alice"));
            tx.join_group(&at, &alice, &group);
            tx.insert_link(&at, &link(LinkKind::GroupRole, "g", "x"));
            tx.insert_link(&at, &link(LinkKind::DefaultGroup, "r", "g"));
        }).await;
        write(&world, |tx| tx.delete_document(&at, Kind::Group, "g")).await;
        assert_eq!(world.user_groups(&at, &alice).await.unwrap(), []);
        assert_eq!(world.links(&at, LinkKind::GroupRole).await.unwrap(), []);
        assert_eq!(world.links(&at, LinkKind::DefaultGroup).await.unwrap(), []);
    }

    async fn the_end_of_a_client_ends_what_hangs_on_it(world) {
        let at = with_realm(&world).await;
        let alice = UserId::new("u");
        let consent = Consent {
            client: ClientUuid::new("c"),
            scopes: vec!["s".to_owned()],
            created_at: Millis(1),
            updated_at: Millis(1),
        };
        write(&world, |tx| {
            tx.insert_document(&at, &document(Kind::Client, "c", "", "c"));
            tx.put_consent(&at, &alice, &consent);
            tx.insert_link(&at, &link(LinkKind::DefaultScope, "c", "s"));
            tx.insert_link(&at, &link(LinkKind::OptionalScope, "c", "s"));
            tx.insert_link(&at, &link(LinkKind::ScopeMapping, "c", "x"));
        }).await;
        write(&world, |tx| tx.delete_document(&at, Kind::Client, "c")).await;
        assert_eq!(world.consents(&at, &alice).await.unwrap(), []);
        for kind in [LinkKind::DefaultScope, LinkKind::OptionalScope, LinkKind::ScopeMapping] {
            assert_eq!(world.links(&at, kind).await.unwrap(), []);
        }
    }

    async fn the_end_of_an_identity_provider_ends_its_identities(world) {
        let at = with_realm(&world).await;
        let alice = UserId::new("u");
        let identity = |provider: &str| FederatedIdentity {
            provider: provider.to_owned(), user_id: "x".to_owned(), user_name: None,
        };
        write(&world, |tx| {
            tx.insert_document(&at, &document(Kind::IdentityProvider, "i", "", "corporate"));
            tx.insert_document(&at, &document(Kind::IdentityProvider, "j", "", "other"));
            tx.insert_federated_identity(&at, &alice, &identity("corporate"));
            tx.insert_federated_identity(&at, &alice, &identity("other"));
        }).await;
        write(&world, |tx| tx.delete_document(&at, Kind::IdentityProvider, "i")).await;
        let left = world.federated_identities(&at, &alice).await.unwrap();
        assert_eq!(left, [identity("other")]);
    }
}
