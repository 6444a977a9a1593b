//! What text survives, and what is refused everywhere alike.

use claviger_model::{Millis, RealmId};
use claviger_store::{Commit, MAX_VALUE_BYTES, StoreError, Tx, UserQuery};
use claviger_wire::document::Kind;
use serde_json::json;

use crate::fixtures::{UNICODE, attempt, credential, document, object, realm, user, write};
use crate::world::on_every_engine;

fn at() -> RealmId {
    RealmId::new("r")
}

on_every_engine! {
    async fn every_character_comes_back(world) {
        let mut row = realm("r");
        row.name = UNICODE.to_owned();
        row.body = object(json!({"text": UNICODE, UNICODE: "\u{0}\u{1}\u{7f}"}));
        write(&world, |tx| tx.insert_realm(&row)).await;
        assert_eq!(world.realm_by_name(UNICODE).await.unwrap(), Some(row));
        let mut alice = user("u", "alice");
        alice.first_name = Some(UNICODE.to_owned());
        alice.attributes.insert(UNICODE.to_owned(), vec![UNICODE.to_owned()]);
        write(&world, |tx| tx.insert_user(&at(), &alice)).await;
        let query = UserQuery {
            first_name: Some(UNICODE.to_owned()),
            attributes: vec![(UNICODE.to_owned(), UNICODE.to_owned())],
            max: 10,
            ..UserQuery::default()
        };
        assert_eq!(world.users(&at(), &query).await.unwrap(), [alice.clone()]);
        let exact = UserQuery { exact: Some(true), ..query };
        assert_eq!(world.users(&at(), &exact).await.unwrap(), [alice]);
        write(&world, |tx| tx.use_once(&at(), UNICODE, UNICODE, Millis(1))).await;
        assert_eq!(world.single_use(&at(), UNICODE).await.unwrap().unwrap().value, UNICODE);
    }

    async fn long_text_comes_back(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        let long = "é日👩".repeat(100_000);
        let mut big = document(Kind::Client, "c", "", "c");
        big.body.insert("long".to_owned(), json!(long));
        write(&world, |tx| tx.insert_document(&at(), &big)).await;
        assert_eq!(world.document(&at(), Kind::Client, "c").await.unwrap(), Some(big));
        let mut secret = credential("p");
        secret.secret_data = "x".repeat(100_000);
        write(&world, |tx| tx.insert_credential(&at(), &"u".into(), &secret)).await;
        assert_eq!(world.credentials(&at(), &"u".into()).await.unwrap(), [secret]);
    }

    async fn an_empty_text_is_not_nothing(world) {
        let mut some = user("some", "some");
        some.email = Some(String::new());
        some.first_name = Some(String::new());
        some.last_name = Some(" ".to_owned());
        some.attributes.insert(String::new(), vec![String::new()]);
        let none = user("none", "none");
        write(&world, |tx| tx.insert_user(&at(), &some)).await;
        write(&world, |tx| tx.insert_user(&at(), &none)).await;
        assert_eq!(world.user(&at(), &"some".into()).await.unwrap(), Some(some.clone()));
        assert_eq!(world.user(&at(), &"none".into()).await.unwrap(), Some(none));
        assert_eq!(world.user_by_email(&at(), "").await.unwrap(), Some(some));
    }

    /// Ids that differ in capitals, in an accent or in a blank at the end are different: what one
    /// engine takes for another's is somebody else's session.
    async fn alike_is_not_the_same(world) {
        let alike = ["a", "A", "á", "a ", "a\u{301}", "ª", "ａ"];
        for (number, id) in alike.iter().enumerate() {
            let mut row = realm(id);
            row.version = number.try_into().unwrap();
            write(&world, |tx| tx.insert_realm(&row)).await;
            let value = number.to_string();
            write(&world, |tx| tx.use_once(&at(), id, &value, Millis(1))).await;
            write(&world, |tx| tx.insert_user(&at(), &user(id, id))).await;
        }
        for (number, id) in alike.iter().enumerate() {
            let found = world.realm_by_id(&RealmId::new(*id)).await.unwrap().unwrap();
            assert_eq!((found.id.as_str(), found.version), (*id, number.try_into().unwrap()));
            let found = world.single_use(&at(), id).await.unwrap().unwrap();
            assert_eq!(found.value, number.to_string(), "{id}");
            let found = world.user(&at(), &(*id).into()).await.unwrap().unwrap();
            assert_eq!(found.username, *id);
        }
        assert!(world.single_use(&at(), "a  ").await.unwrap().is_none());
        assert!(world.single_use(&at(), " a").await.unwrap().is_none());
    }

    /// No engine keeps what another would cut or refuse.
    async fn a_text_longer_than_its_column_is_refused(world) {
        let fits = "ä".repeat(255);
        write(&world, |tx| tx.insert_user(&at(), &user("fits", &fits))).await;
        let found = world.user_by_username(&at(), &fits).await.unwrap();
        assert_eq!(found.map(|user| user.username), Some(fits));
        let mut tx = Tx::new();
        tx.insert_user(&at(), &user("long", &"ä".repeat(256)));
        let error = world.commit(tx).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Refused { statement: "USER_INSERT", .. }), "{error:?}"
        );
        assert!(world.user(&at(), &"long".into()).await.unwrap().is_none());
    }

    /// `İ` is two characters in lower case: the column that a search looks through has room for both.
    async fn lower_case_may_be_longer(world) {
        let mut emre = user("u", "emre");
        emre.first_name = Some("İ".repeat(255));
        write(&world, |tx| tx.insert_user(&at(), &emre)).await;
        let query = UserQuery { first_name: Some("İİİ".to_owned()), ..UserQuery::everybody() };
        assert_eq!(world.users(&at(), &query).await.unwrap(), [emre]);
    }

    async fn a_nul_is_refused_and_finds_nothing(world) {
        let mut tx = Tx::new();
        tx.insert_user(&at(), &user("u", "al\0ice"));
        let error = world.commit(tx).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        write(&world, |tx| tx.insert_user(&at(), &user("u", "al"))).await;
        assert!(world.user_by_username(&at(), "al\0").await.unwrap().is_none());
        assert!(world.user_by_username(&at(), "\0").await.unwrap().is_none());
        let query = UserQuery { search: Some("\0".to_owned()), ..UserQuery::everybody() };
        assert_eq!(world.users(&at(), &query).await.unwrap(), []);
        assert_eq!(world.count_users(&at(), &query).await.unwrap(), 0);
    }

    async fn a_value_too_big_for_any_packet_is_refused(world) {
        let mut tx = Tx::new();
        tx.use_once(&at(), "k", &"x".repeat(MAX_VALUE_BYTES + 1), Millis(1));
        let error = world.commit(tx).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        let most = "x".repeat(MAX_VALUE_BYTES);
        assert_eq!(attempt(&world, |tx| tx.use_once(&at(), "k", &most, Millis(1))).await, Commit::Done);
        assert_eq!(world.single_use(&at(), "k").await.unwrap().unwrap().value.len(), most.len());
    }

    async fn numbers_come_back_whole(world) {
        let mut alice = user("u", "alice");
        alice.created_at = Millis(i64::MAX);
        alice.not_before = claviger_model::Seconds(i64::MIN);
        write(&world, |tx| tx.insert_user(&at(), &alice)).await;
        assert_eq!(world.user(&at(), &"u".into()).await.unwrap(), Some(alice));
        let mut first = credential("p");
        first.priority = i32::MIN;
        write(&world, |tx| tx.insert_credential(&at(), &"u".into(), &first)).await;
        assert_eq!(world.credentials(&at(), &"u".into()).await.unwrap(), [first]);
    }
}
