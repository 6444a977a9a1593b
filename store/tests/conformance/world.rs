//! A database of its own for each test, on every engine that is at hand.
//!
//! SQLite always is. `CLAVIGER_TEST_DB_URLS` names others: URLs, separated by spaces or commas, of
//! connections that may create databases, such as
//! `postgres://postgres@127.0.0.1:5432/postgres mysql://root@127.0.0.1:3306/mysql`.

use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::Arc;

use claviger_store::{Database, Options, Server, Store};
use mysql_async::prelude::Queryable;

/// One engine's empty database, and a store on it.
pub struct World {
    /// The engine's name, for messages.
    pub engine: &'static str,
    /// How to open another store on the same database.
    pub options: Options,
    store: Store,
}

impl Deref for World {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl World {
    /// Another handle on the same database, with its own connections.
    pub async fn open_again(&self) -> Store {
        Store::open(&self.options).await.expect("a second store")
    }

    /// A copy of the handle.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Runs a statement past the store.
    pub async fn sql(&self, text: &str) {
        match &self.options.database {
            Database::Sqlite { path } => {
                rusqlite::Connection::open(path)
                    .unwrap()
                    .execute_batch(text)
                    .unwrap();
            }
            Database::SqliteMemory => unreachable!("tests use files"),
            Database::Postgres(server) => postgres(server, text).await,
            Database::Mysql(server) => mysql(server, text).await,
        }
    }
}

async fn postgres(server: &Server, text: &str) {
    let mut config = tokio_postgres::Config::new();
    config
        .host(&server.host)
        .port(server.port)
        .dbname(&server.database)
        .user(&server.user);
    if !server.password.is_empty() {
        config.password(server.password.reveal());
    }
    let (client, connection) = config
        .connect(tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL");
    let driver = tokio::spawn(connection);
    client
        .batch_execute(text)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error:?}"));
    driver.abort();
}

async fn mysql(server: &Server, text: &str) {
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname(&server.host)
        .tcp_port(server.port)
        .user(Some(&server.user))
        .pass(Some(server.password.reveal()))
        .db_name(Some(&server.database))
        .prefer_socket(false);
    let mut connection = mysql_async::Conn::new(options).await.expect("MySQL");
    connection
        .query_drop(text)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    connection.disconnect().await.expect("goodbye");
}

/// What has to be undone when the test is over.
enum Cleanup {
    Files(std::path::PathBuf),
    Postgres(Server, String),
    Mysql(Server, String),
}

impl Cleanup {
    async fn run(self) {
        match self {
            Self::Files(path) => {
                for suffix in ["", "-wal", "-shm"] {
                    let mut path = path.clone().into_os_string();
                    path.push(suffix);
                    let _ = std::fs::remove_file(path);
                }
            }
            Self::Postgres(admin, name) => {
                postgres(&admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
            Self::Mysql(admin, name) => mysql(&admin, &format!("DROP DATABASE {name}")).await,
        }
    }
}

fn fresh_name() -> String {
    format!(
        "cl_{:016x}",
        RandomState::new().hash_one(std::process::id())
    )
}

/// An empty database on the server that `admin` may administrate.
async fn fresh(admin: Database) -> (&'static str, Database, Cleanup) {
    let name = fresh_name();
    match admin {
        Database::Postgres(admin) => {
            postgres(&admin, &format!("CREATE DATABASE {name}")).await;
            let server = Server {
                database: name.clone(),
                ..admin.clone()
            };
            (
                "PostgreSQL",
                Database::Postgres(server),
                Cleanup::Postgres(admin, name),
            )
        }
        Database::Mysql(admin) => {
            mysql(&admin, &format!("CREATE DATABASE {name}")).await;
            let server = Server {
                database: name.clone(),
                ..admin.clone()
            };
            (
                "MySQL",
                Database::Mysql(server),
                Cleanup::Mysql(admin, name),
            )
        }
        Database::Sqlite { .. } | Database::SqliteMemory => {
            let path = std::env::temp_dir().join(format!("{name}.db"));
            (
                "SQLite",
                Database::Sqlite { path: path.clone() },
                Cleanup::Files(path),
            )
        }
    }
}

/// The engines at hand.
fn engines() -> Vec<Database> {
    let urls = std::env::var("CLAVIGER_TEST_DB_URLS").unwrap_or_default();
    let urls = urls.split([' ', ',']).filter(|url| !url.is_empty());
    let servers = urls.map(|url| Database::from_jdbc(url).expect("CLAVIGER_TEST_DB_URLS"));
    std::iter::once(Database::SqliteMemory)
        .chain(servers)
        .collect()
}

/// Runs a test on every engine, each time in an empty database. `adapt` may change the options.
pub async fn everywhere<F>(adapt: fn(&mut Options), test: fn(Arc<World>) -> F)
where
    F: Future<Output = ()> + 'static,
{
    for admin in engines() {
        let (engine, database, cleanup) = fresh(admin).await;
        let mut options = Options::new(database);
        adapt(&mut options);
        let store = Store::open(&options).await.unwrap_or_else(|error| {
            panic!("{engine}: {error}: {:?}", std::error::Error::source(&error))
        });
        let world = Arc::new(World {
            engine,
            options,
            store: store.clone(),
        });
        let local = tokio::task::LocalSet::new();
        let task = local.spawn_local(test(world));
        let result = local.run_until(task).await;
        store.close().await;
        cleanup.run().await;
        if let Err(error) = result {
            eprintln!("on {engine}");
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// Declares tests that run on every engine.
macro_rules! on_every_engine {
    ($($(#[$doc:meta])* async fn $name:ident($world:ident) $body:block)*) => {
        $($(#[$doc])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            async fn test($world: std::sync::Arc<$crate::world::World>) $body
            $crate::world::everywhere(|_| (), test).await;
        })*
    };
}
pub(crate) use on_every_engine;
