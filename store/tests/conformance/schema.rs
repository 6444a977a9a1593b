//! The schema and the statements.

use claviger_model::RealmId;
use claviger_store::{Database, Options, Store, StoreError};

use crate::fixtures::{realm, write};
use crate::world::{everywhere, on_every_engine};

on_every_engine! {
    /// What `query!` would check at build time, on the real engines.
    async fn every_statement_can_be_prepared(world) {
        let names = world.check_statements().await.unwrap_or_else(|error| {
            panic!("{error}: {:?}", std::error::Error::source(&error))
        });
        assert!(names.len() > 100, "{}", names.len());
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "two statements of one name");
    }

    async fn opening_again_changes_nothing(world) {
        write(&world, |tx| tx.insert_realm(&realm("r"))).await;
        let other = world.open_again().await;
        assert_eq!(other.realm_by_id(&RealmId::new("r")).await.unwrap(), Some(realm("r")));
        other.close().await;
    }

    /// Nodes that start together: one migrates, the others wait for it.
    async fn many_can_open_at_once(world) {
        world.close().await;
        let options = &world.options;
        let (a, b, c) = tokio::join!(
            Store::open(options),
            Store::open(options),
            Store::open(options),
        );
        for store in [a, b, c] {
            let store = store.unwrap();
            store.ping().await.unwrap();
            store.close().await;
        }
    }

    async fn a_newer_database_is_refused(world) {
        world.sql("INSERT INTO schema_migration (version, checksum, applied_at) \
                   VALUES (9999, 'x', 1)").await;
        let error = Store::open(&world.options).await.unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{error}");
        assert!(error.to_string().contains("use a newer release"), "{error}");
    }

    async fn an_altered_schema_is_refused(world) {
        world.sql("UPDATE schema_migration SET checksum = 'x' WHERE version = 1").await;
        let error = Store::open(&world.options).await.unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{error}");
        assert!(error.to_string().contains("another text"), "{error}");
    }

    async fn a_store_is_alive_until_it_is_closed(world) {
        world.ping().await.unwrap();
        world.close().await;
        let mut tx = claviger_store::Tx::new();
        tx.insert_realm(&realm("r"));
        let error = world.commit(tx).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
    }
}

/// A migration that was cut off goes on where it was, on engines that commit each definition.
#[tokio::test]
async fn a_half_done_migration_goes_on() {
    everywhere(
        |_| (),
        |world| async move {
            if world.engine != "MySQL" {
                return;
            }
            world.close().await;
            world.sql("DROP TABLE outbox").await;
            world.sql("DROP INDEX event_expiry ON event").await;
            world
                .sql("UPDATE schema_migration SET applied_at = 0")
                .await;
            let store = world.open_again().await;
            store.check_statements().await.unwrap();
            write(&store, |tx| tx.insert_realm(&realm("r"))).await;
            store.close().await;
        },
    )
    .await;
}

#[tokio::test]
async fn stores_in_memory_are_worlds_of_their_own() {
    let one = Store::open(&Options::sqlite_memory()).await.unwrap();
    let two = Store::open(&Options::sqlite_memory()).await.unwrap();
    write(&one, |tx| tx.insert_realm(&realm("r"))).await;
    assert_eq!(one.realms().await.unwrap().len(), 1);
    assert_eq!(two.realms().await.unwrap().len(), 0);
}

/// The file holds password hashes and keys: whoever else is on the machine must not read them.
#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    everywhere(
        |_| (),
        |world| async move {
            let Database::Sqlite { path } = &world.options.database else {
                return;
            };
            write(&world, |tx| tx.insert_realm(&realm("r"))).await;
            for suffix in ["", "-wal", "-shm"] {
                let mut file = path.clone().into_os_string();
                file.push(suffix);
                let mode = std::fs::metadata(&file).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", file.display());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_available() {
    // Port 9 (discard) of this machine: nobody listens.
    for url in ["postgres://u@127.0.0.1:9/d", "mysql://u@127.0.0.1:9/d"] {
        let options = Options::new(Database::from_jdbc(url).unwrap());
        let error = Store::open(&options).await.unwrap_err();
        assert!(error.is_unavailable(), "{url}: {error}");
    }
    let nowhere = Database::Sqlite {
        path: "/nonexistent/directory/c.db".into(),
    };
    let error = Store::open(&Options::new(nowhere)).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn limits_out_of_range_are_refused() {
    for (pool_size, queue) in [(0, 1), (1001, 1), (1, 0), (1, 1_000_001)] {
        let options = Options {
            pool_size,
            queue,
            ..Options::sqlite_memory()
        };
        let error = Store::open(&options).await.unwrap_err();
        assert!(matches!(error, StoreError::Settings(_)), "{error}");
    }
}
