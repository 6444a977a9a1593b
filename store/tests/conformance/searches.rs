//! Looking for users, with Keycloak's rules.

use claviger_model::user::{FederatedIdentity, User};
use claviger_model::{ClientUuid, Millis, RealmId};
use claviger_store::{Store, UserQuery};

use crate::fixtures::{user, write};
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

fn person(username: &str, email: &str, first: &str, last: &str) -> User {
    User {
        email: Some(email.to_owned()),
        first_name: Some(first.to_owned()),
        last_name: Some(last.to_owned()),
        ..user(username, username)
    }
}

async fn crowd(store: &Store) {
    let mut anna = person("anna", "anna@example.org", "Anna", "Ångström");
    anna.attributes.insert(
        "phone".to_owned(),
        vec!["+1 555".to_owned(), "+2 777".to_owned()],
    );
    anna.attributes
        .insert("note".to_owned(), vec!["x".repeat(100_000)]);
    anna.enabled = false;
    anna.created_at = Millis(10);
    let mut bert = person("bert", "bert@example.org", "Anna-Bert", "Émile");
    bert.attributes
        .insert("phone".to_owned(), vec!["+1 555 9".to_owned()]);
    bert.attributes
        .insert("City".to_owned(), vec!["Zürich".to_owned()]);
    bert.email_verified = true;
    bert.created_at = Millis(20);
    let mut odd = person("100%_sure!", "odd@example.org", "Odd", "O'Neil");
    odd.created_at = Millis(30);
    let mut robot = user("service-account-web", "service-account-web");
    robot.service_account_of = Some(ClientUuid::new("web"));
    robot.created_at = Millis(40);
    let anna_elsewhere = FederatedIdentity {
        provider: "corp".into(),
        user_id: "77".into(),
        user_name: None,
    };
    write(store, |tx| {
        for user in [&anna, &bert, &odd, &robot] {
            tx.insert_user(&at(), user);
        }
        tx.insert_user(&RealmId::new("elsewhere"), &anna);
        tx.insert_federated_identity(&at(), &anna.id, &anna_elsewhere);
    })
    .await;
}

/// The names found, which must be as many as are counted.
async fn find(store: &Store, query: UserQuery) -> Vec<String> {
    let query = UserQuery { max: -1, ..query };
    let found = store.users(&at(), &query).await.unwrap();
    let count = store.count_users(&at(), &query).await.unwrap();
    assert_eq!(usize::try_from(count).unwrap(), found.len(), "{query:?}");
    found.into_iter().map(|user| user.username).collect()
}

fn search(text: &str) -> UserQuery {
    UserQuery {
        search: Some(text.to_owned()),
        ..UserQuery::default()
    }
}

const ODD: &str = "100%_sure!";

on_every_engine! {
    async fn a_search_is_for_beginnings_of_words(world) {
        crowd(&world).await;
        let cases: [(&str, &[&str]); 21] = [
            ("", &[ODD, "anna", "bert"]),
            ("   ", &[ODD, "anna", "bert"]),
            ("an", &["anna", "bert"]),
            ("AN", &["anna", "bert"]),
            ("ert", &[]),
            ("*ert", &["bert"]),
            ("a*bert", &["bert"]),
            ("*@example.org", &[ODD, "anna", "bert"]),
            ("anna bert", &["bert"]),
            ("anna émile", &["bert"]),
            ("ÉMI", &["bert"]),
            ("ång", &["anna"]),
            ("\"anna\"", &["anna"]),
            ("\"ann\"", &[]),
            ("\"*\"", &[]),
            ("100%", &[ODD]),
            ("1%", &[]),
            ("100__", &[]),
            ("*!", &[ODD]),
            ("o'n", &[ODD]),
            ("'; DROP TABLE realm; --", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(find(&world, search(text)).await, expected, "{text}");
        }
    }

    async fn fields_are_parts_or_wholes(world) {
        crowd(&world).await;
        let some = |text: &str| Some(text.to_owned());
        let exact = Some(true);
        let cases: [(UserQuery, &[&str]); 12] = [
            (UserQuery { username: some("NN"), ..Default::default() }, &["anna"]),
            (UserQuery { username: some("nn"), exact, ..Default::default() }, &[]),
            (UserQuery { username: some("ANNA"), exact, ..Default::default() }, &["anna"]),
            (UserQuery { username: some("%"), ..Default::default() }, &[ODD]),
            (UserQuery { username: some("*"), ..Default::default() }, &[]),
            (UserQuery { email: some("T@example"), ..Default::default() }, &["bert"]),
            (UserQuery { email: some("Anna@Example.org"), exact, ..Default::default() }, &["anna"]),
            (UserQuery { first_name: some("anna"), ..Default::default() }, &["anna", "bert"]),
            (UserQuery { first_name: some("anna"), exact, ..Default::default() }, &["anna"]),
            (UserQuery { last_name: some("É"), ..Default::default() }, &["bert"]),
            (UserQuery { last_name: some("émile"), exact, ..Default::default() }, &["bert"]),
            (UserQuery {
                first_name: some("anna"), last_name: some("mil"), ..Default::default()
            }, &["bert"]),
        ];
        for (query, expected) in cases {
            assert_eq!(find(&world, query.clone()).await, expected, "{query:?}");
        }
    }

    async fn attributes_are_found(world) {
        crowd(&world).await;
        let query = |exact: Option<bool>, pairs: &[(&str, &str)]| UserQuery {
            exact,
            attributes: pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            ..UserQuery::default()
        };
        let long = "X".repeat(100_000);
        let cases: [(UserQuery, &[&str]); 10] = [
            (query(None, &[("phone", "+1 555")]), &["anna"]),
            (query(Some(true), &[("phone", "+1 555")]), &["anna"]),
            (query(Some(false), &[("phone", "+1 555")]), &["anna", "bert"]),
            (query(None, &[("phone", "+1 555"), ("phone", "+2 777")]), &["anna"]),
            (query(None, &[("phone", "+1 555"), ("City", "zürich")]), &[]),
            (query(None, &[("City", "ZÜRICH")]), &["bert"]),
            (query(None, &[("city", "zürich")]), &[]),
            (query(None, &[("note", &long)]), &["anna"]),
            (query(None, &[("note", &long[1..])]), &[]),
            (query(Some(false), &[("phone", "%")]), &[]),
        ];
        for (query, expected) in cases {
            let pairs = query.attributes.iter().map(|(name, value)| (name, value.len()));
            let what = format!("{:?} {:?}", query.exact, pairs.collect::<Vec<_>>());
            assert_eq!(find(&world, query).await, expected, "{what}");
        }
        // The index follows changes.
        let mut anna = world.user_by_username(&at(), "anna").await.unwrap().unwrap();
        anna.attributes.insert("phone".to_owned(), vec!["+3".to_owned()]);
        write(&world, |tx| tx.update_user(&at(), &anna)).await;
        assert_eq!(find(&world, query(None, &[("phone", "+1 555")])).await, [""; 0]);
        assert_eq!(find(&world, query(None, &[("phone", "+3")])).await, ["anna"]);
    }

    async fn other_filters_hold_together(world) {
        crowd(&world).await;
        let ids = |ids: &[&str]| Some(ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>());
        let some = |text: &str| Some(text.to_owned());
        let cases: [(UserQuery, &[&str]); 13] = [
            (UserQuery { enabled: Some(false), ..Default::default() }, &["anna"]),
            (UserQuery { enabled: Some(true), ..Default::default() }, &[ODD, "bert"]),
            (UserQuery { email_verified: Some(true), ..Default::default() }, &["bert"]),
            (UserQuery { include_service_accounts: true, ..Default::default() },
                &[ODD, "anna", "bert", "service-account-web"]),
            (UserQuery { ids: ids(&["anna", "bert", "nobody"]), ..Default::default() },
                &["anna", "bert"]),
            (UserQuery { ids: ids(&[]), ..Default::default() }, &[]),
            (UserQuery { ids: ids(&["service-account-web"]), ..Default::default() }, &[]),
            (UserQuery { idp_alias: some("corp"), ..Default::default() }, &["anna"]),
            (UserQuery { idp_user_id: some("77"), ..Default::default() }, &["anna"]),
            (UserQuery { idp_alias: some("x"), idp_user_id: some("77"), ..Default::default() },
                &[]),
            (UserQuery { created_after: Some(Millis(20)), ..Default::default() }, &[ODD, "bert"]),
            (UserQuery { created_before: Some(Millis(20)), ..Default::default() },
                &["anna", "bert"]),
            (UserQuery { enabled: Some(false), ..search("an") }, &["anna"]),
        ];
        for (query, expected) in cases {
            assert_eq!(find(&world, query.clone()).await, expected, "{query:?}");
        }
    }

    /// Nobody is found, and no engine's own limit is met.
    async fn questions_without_measure_find_nothing(world) {
        crowd(&world).await;
        let long = "a".repeat(60_000);
        let many = vec!["*a"; 200].join("");
        let words = vec!["anna"; 5_000].join(" ");
        assert_eq!(find(&world, search(&long)).await, [""; 0]);
        assert_eq!(find(&world, search(&many)).await, [""; 0]);
        assert_eq!(find(&world, search(&words)).await, ["anna", "bert"]);
        let part = UserQuery {
            exact: Some(false), attributes: vec![("note".to_owned(), long)], ..Default::default()
        };
        assert_eq!(find(&world, part).await, [""; 0]);
        let ids = Some((0..20_000).map(|id| id.to_string()).collect());
        assert_eq!(find(&world, UserQuery { ids, ..Default::default() }).await, [""; 0]);
        let ids = Some((0..40_000).map(|id| id.to_string()).collect());
        let query = UserQuery { ids, ..Default::default() };
        let error = world.users(&at(), &query).await.unwrap_err();
        assert!(matches!(error, claviger_store::StoreError::Refused { .. }), "{error}");
    }

    async fn users_come_in_pages(world) {
        crowd(&world).await;
        let cases: [(i64, i64, &[&str]); 6] = [
            (0, 2, &[ODD, "anna"]),
            (1, 1, &["anna"]),
            (2, 100, &["bert"]),
            (3, 100, &[]),
            (0, 0, &[]),
            (-1, i64::MAX, &[ODD, "anna", "bert"]),
        ];
        for (first, max, expected) in cases {
            let query = UserQuery { first, max, ..UserQuery::default() };
            let found = world.users(&at(), &query).await.unwrap();
            let names: Vec<String> = found.into_iter().map(|user| user.username).collect();
            assert_eq!(names, expected, "{first} {max}");
        }
    }
}
