//! The database under a stage: SQLite in memory, or one of its own on a server.
//!
//! `CLAVIGER_TEST_STAGE` says which, for all stages of a run: `sqlite` (or nothing), `postgres` or
//! `mysql`, which takes the first URL of that scheme in `CLAVIGER_TEST_DB_URLS`, or a number, by which
//! each test gets one of these servers, and the same one again with the same number. The database is
//! made and thrown away by the server's own client, `psql` or `mariadb`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use claviger_store::{Database, Options, Server, Store};

/// Which database stages stand on.
const STAGE: &str = "CLAVIGER_TEST_STAGE";
/// The servers at hand.
const URLS: &str = "CLAVIGER_TEST_DB_URLS";
/// Connections that a stage keeps for reading: many stages stand side by side.
const CONNECTIONS: usize = 4;

/// An empty database; one on a server is gone with the last clone.
#[derive(Clone, Debug)]
pub struct Ground {
    /// How a store is opened on it.
    pub options: Options,
    _served: Option<Arc<Served>>,
}

impl Ground {
    /// One of the kind that the environment names.
    ///
    /// # Panics
    /// If the environment names a kind that is not there, or the server gives none.
    pub fn new() -> Self {
        let kind = std::env::var(STAGE).unwrap_or_default();
        if matches!(kind.as_str(), "" | "sqlite") {
            return Self {
                options: Options::sqlite_memory(),
                _served: None,
            };
        }
        let urls = std::env::var(URLS).unwrap_or_default();
        let urls: Vec<&str> = urls
            .split([' ', ','])
            .filter(|url| !url.is_empty())
            .collect();
        let url = chosen(&kind, &urls)
            .unwrap_or_else(|| panic!("{STAGE} is {kind}, and {URLS} names no such server"));
        // Shown beside the failure of a test.
        println!("this stage stands on {url}");
        let served = Served::new(Database::from_jdbc(url).expect("a database's URL"));
        let mut options = Options::new(served.database());
        options.pool_size = CONNECTIONS;
        Self {
            options,
            _served: Some(Arc::new(served)),
        }
    }

    /// Opens a store on it.
    ///
    /// # Panics
    /// If the database cannot be opened.
    pub async fn store(&self) -> Store {
        let store = Store::open(&self.options).await;
        store.unwrap_or_else(|error| {
            panic!("no store: {error}: {:?}", std::error::Error::source(&error))
        })
    }
}

/// The server for the test that this thread runs: it has the test's name.
fn chosen<'a>(kind: &str, urls: &[&'a str]) -> Option<&'a str> {
    let Ok(seed) = kind.parse::<u64>() else {
        let scheme = format!("{kind}:");
        return urls.iter().find(|url| url.starts_with(&scheme)).copied();
    };
    let mut hasher = DefaultHasher::new();
    (seed, std::thread::current().name()).hash(&mut hasher);
    let count = u64::try_from(urls.len()).ok()?;
    let at = hasher.finish().checked_rem(count)?;
    urls.get(usize::try_from(at).ok()?).copied()
}

impl Default for Ground {
    fn default() -> Self {
        Self::new()
    }
}

/// A database on a server, and the one from which it is made.
#[derive(Debug)]
struct Served {
    base: Database,
    name: String,
}

impl Served {
    fn new(base: Database) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stage_{}_{number}", std::process::id());
        let served = Self { base, name };
        let told = served.ask(&format!("CREATE DATABASE {}", served.name));
        assert!(told.is_ok(), "{told:?}");
        served
    }

    fn database(&self) -> Database {
        let own = |server: &Server| Server {
            database: self.name.clone(),
            ..server.clone()
        };
        match &self.base {
            Database::Postgres(server) => Database::Postgres(own(server)),
            Database::Mysql(server) => Database::Mysql(own(server)),
            Database::Sqlite { .. } | Database::SqliteMemory => self.base.clone(),
        }
    }

    /// What the server's own client says to a statement.
    fn ask(&self, statement: &str) -> Result<(), String> {
        let mut client = match &self.base {
            Database::Postgres(server) => psql(server),
            Database::Mysql(server) => mariadb(server),
            Database::Sqlite { .. } | Database::SqliteMemory => return Ok(()),
        };
        let output = client.arg(statement).output();
        let output = output.map_err(|error| format!("{client:?}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The store closes its connections when it likes: they are thrown out.
        let force = match self.base {
            Database::Postgres(_) => " WITH (FORCE)",
            Database::Mysql(_) | Database::Sqlite { .. } | Database::SqliteMemory => "",
        };
        let told = self.ask(&format!("DROP DATABASE {}{force}", self.name));
        if !std::thread::panicking() {
            assert!(told.is_ok(), "{told:?}");
        }
    }
}

fn psql(server: &Server) -> Command {
    let mut client = Command::new("psql");
    client.env("PGPASSWORD", server.password.reveal());
    client.args(["-X", "-q", "-h", &server.host, "-U", &server.user]);
    client.args(["-p", &server.port.to_string(), "-d", &server.database]);
    client.arg("-c");
    client
}

fn mariadb(server: &Server) -> Command {
    let mut client = Command::new("mariadb");
    client.env("MYSQL_PWD", server.password.reveal());
    client.args(["--protocol=tcp", "-h", &server.host, "-u", &server.user]);
    client.args(["-P", &server.port.to_string(), &server.database]);
    client.arg("-e");
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_spreads_tests_over_the_servers_and_stays_with_its_choice() {
        let urls = ["postgres://a@b/c", "mysql://a@b/c"];
        let all: Vec<_> = (0..32)
            .map(|seed| chosen(&format!("{seed}"), &urls))
            .collect();
        assert!(urls.iter().all(|url| all.contains(&Some(*url))));
        assert_eq!(chosen("7", &urls), chosen("7", &urls));
        assert_eq!(chosen("mysql", &urls), Some(urls[1]));
        assert_eq!(chosen("oracle", &urls), None);
        assert_eq!(chosen("7", &[]), None);
    }
}
