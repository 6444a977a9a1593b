//! Which database, and how patiently. The forms of URL that Keycloak's settings use are read here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use claviger_model::Secret;
use url::Url;

use crate::error::StoreError;
use crate::fault::FaultPlan;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where everything is kept.
    pub database: Database,
    /// Connections kept for reading, beside the one that writes: 1 to 1,000.
    pub pool_size: usize,
    /// Writes that may wait before the next is refused: 1 to 1,000,000.
    pub queue: usize,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a read may wait for one of the connections (servers only).
    pub acquire_timeout: Duration,
    /// How old a connection that reads may become (servers only); no limit if none.
    pub connection_lifetime: Option<Duration>,
    /// From when on a read or a write is told of in the log, as slow; none if none.
    pub slow: Option<Duration>,
    /// How long a read may take, waiting for a connection included (servers only: a read of SQLite
    /// is a call of a function).
    pub read_timeout: Duration,
    /// How long a write may take, waiting in the queue included.
    pub write_timeout: Duration,
    /// Statements that fail on purpose; tests only.
    pub fault: Option<Arc<FaultPlan>>,
}

impl Options {
    /// The usual patience with this database.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            pool_size: 16,
            queue: 4096,
            connect_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(10),
            connection_lifetime: None,
            slow: Some(Duration::from_secs(10)),
            read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            fault: None,
        }
    }

    /// A world of its own, gone with the last handle on it: for tests.
    pub fn sqlite_memory() -> Self {
        Self::new(Database::SqliteMemory)
    }

    /// Checks the limits.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if !(1..=1000).contains(&self.pool_size) {
            return Err(StoreError::Settings(
                "pool size must be 1 to 1000".to_owned(),
            ));
        }
        if !(1..=1_000_000).contains(&self.queue) {
            return Err(StoreError::Settings(
                "queue must be 1 to 1000000".to_owned(),
            ));
        }
        Ok(())
    }
}

/// A database.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file of SQLite's; made if it is not there.
    Sqlite {
        /// The file. `-wal` and `-shm` stand beside it while it is open.
        path: PathBuf,
    },
    /// SQLite without a file that lasts.
    SqliteMemory,
    /// A PostgreSQL server.
    Postgres(Server),
    /// A MySQL or MariaDB server; which of them it says itself.
    Mysql(Server),
}

/// A database server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Name of the database on the server.
    pub database: String,
    /// Schema within the database (PostgreSQL only).
    pub schema: Option<String>,
    /// Who we are there.
    pub user: String,
    /// The password, empty for none.
    pub password: Secret,
    /// Whether the connection is encrypted.
    pub tls: Tls,
}

/// Encryption of the connection to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// None.
    Disabled,
    /// TLS; the server's certificate must be valid for its host name and come from an authority that
    /// is named here.
    VerifyServer(Verification),
}

/// Whose certificate a server shows, and what it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// A file with certificates of authorities (PEM).
    pub ca_file: Option<PathBuf>,
    /// More of them (DER).
    pub authorities: Vec<Vec<u8>>,
    /// What we show of ourselves if the server asks.
    pub identity: Option<Identity>,
}

/// A certificate of ours, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, followed by those of its authorities (PEM).
    pub chain: String,
    /// The private key (PEM, PKCS#8).
    pub key: Secret,
}

impl Database {
    /// Reads `jdbc:postgresql://host:port/db?x=y`, `jdbc:mysql://…`, `jdbc:mariadb://…`, the same
    /// without `jdbc:`, `postgres://user:password@…` and `sqlite:path`.
    ///
    /// Of the parameters, those about user, password, schema and TLS are heeded; others tune Java's
    /// drivers and are ignored.
    pub fn from_jdbc(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Self::from_sqlite(path);
        }
        let plain = text.strip_prefix("jdbc:").unwrap_or(text);
        let Some((scheme, rest)) = plain.split_once(':') else {
            return Err(settings("it has no scheme"));
        };
        let port = match scheme {
            "postgresql" | "postgres" => 5432,
            "mysql" | "mariadb" => 3306,
            _ => {
                return Err(settings(
                    "only postgresql, mysql, mariadb and sqlite are known",
                ));
            }
        };
        let Some(rest) = rest.strip_prefix("//") else {
            return Err(settings("`//` and the host must follow the scheme"));
        };
        let authority = rest.split(['/', '?']).next().unwrap_or("");
        let hosts = authority.rsplit('@').next().unwrap_or("");
        if hosts.contains(',') {
            return Err(settings(
                "several hosts in one URL are not supported: name one",
            ));
        }
        if hosts.contains('(') {
            return Err(settings(
                "address lists in brackets are not supported: name one host",
            ));
        }
        // `Url` parses user, host and port only of schemes that it knows to have them.
        let url = Url::parse(&format!("db://{rest}"))
            .map_err(|error| settings(&format!("it cannot be read: {error}")))?;
        let server = server(&url, port)?;
        Ok(if port == 5432 {
            Self::Postgres(server)
        } else {
            Self::Mysql(server)
        })
    }

    /// The same database for this user, as Keycloak names it in settings of their own.
    #[must_use]
    pub fn with_credentials(mut self, user: Option<&str>, password: Option<Secret>) -> Self {
        if let Self::Postgres(server) | Self::Mysql(server) = &mut self {
            if let Some(user) = user {
                user.clone_into(&mut server.user);
            }
            if let Some(password) = password {
                server.password = password;
            }
        }
        self
    }

    fn from_sqlite(path: &str) -> Result<Self, StoreError> {
        match path.strip_prefix("//").unwrap_or(path) {
            "" => Err(settings("the path of the SQLite file is missing")),
            ":memory:" => Ok(Self::SqliteMemory),
            path => Ok(Self::Sqlite {
                path: PathBuf::from(path),
            }),
        }
    }
}

fn settings(why: &str) -> StoreError {
    StoreError::Settings(format!("the database URL is not understood: {why}"))
}

/// The server that a URL names.
fn server(url: &Url, default_port: u16) -> Result<Server, StoreError> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| settings("it holds escapes that are not UTF-8"))
    };
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(|| settings("no host"))?;
    let database = decode(url.path().trim_start_matches('/'))?;
    if database.is_empty() {
        return Err(settings("the name of the database is missing"));
    }
    let mut server = Server {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(default_port),
        database,
        schema: None,
        user: decode(url.username())?,
        password: Secret::new(decode(url.password().unwrap_or(""))?),
        tls: Tls::Disabled,
    };
    parameters(url, &mut server)?;
    Ok(server)
}

/// Applies what the drivers of PostgreSQL, MySQL and MariaDB for Java call user, schema and TLS.
fn parameters(url: &Url, server: &mut Server) -> Result<(), StoreError> {
    let mut encrypt = false;
    let mut ca_file = None;
    for (name, value) in url.query_pairs() {
        match &*name {
            "user" => server.user = value.into_owned(),
            "password" => server.password = Secret::new(value),
            "currentSchema" => server.schema = Some(value.into_owned()),
            "ssl" | "useSSL" => encrypt |= value == "true" || value == "1",
            "sslmode" | "sslMode" | "ssl-mode" => {
                encrypt |= !matches!(
                    &*value.to_ascii_lowercase(),
                    "disable" | "disabled" | "allow" | "prefer" | "preferred"
                );
            }
            "sslrootcert" | "serverSslCert" => ca_file = Some(PathBuf::from(&*value)),
            _ => {}
        }
    }
    match (encrypt || ca_file.is_some(), ca_file) {
        (false, _) => Ok(()),
        (true, Some(ca_file)) => {
            server.tls = Tls::VerifyServer(Verification {
                ca_file: Some(ca_file),
                ..Verification::default()
            });
            Ok(())
        }
        (true, None) => Err(settings(
            "TLS is asked for: name the authority's certificate (PEM) with sslrootcert=<file>",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(url: &str) -> Server {
        match Database::from_jdbc(url) {
            Ok(Database::Postgres(server)) => server,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn urls_of_servers_are_read() {
        let server = postgres("jdbc:postgresql://db.example:6543/keycloak?currentSchema=kc&x=y");
        assert_eq!((server.host.as_str(), server.port), ("db.example", 6543));
        assert_eq!(server.database, "keycloak");
        assert_eq!(server.schema.as_deref(), Some("kc"));
        assert_eq!((server.user.as_str(), server.tls), ("", Tls::Disabled));

        let server = postgres("postgres://us%40er:p%2Fw@[::1]/k");
        assert_eq!((server.host.as_str(), server.port), ("::1", 5432));
        assert_eq!(
            (server.user.as_str(), server.password.reveal()),
            ("us@er", "p/w")
        );

        let server = postgres("jdbc:postgresql://h/k?ssl=true&sslrootcert=/etc/ca.pem");
        assert_eq!(
            server.tls,
            Tls::VerifyServer(Verification {
                ca_file: Some("/etc/ca.pem".into()),
                ..Verification::default()
            })
        );

        for url in [
            "jdbc:mysql://h/k",
            "jdbc:mariadb://h/k",
            "mysql://root@h:3306/k",
        ] {
            let Ok(Database::Mysql(server)) = Database::from_jdbc(url) else {
                panic!("{url}")
            };
            assert_eq!((server.port, server.database.as_str()), (3306, "k"));
        }
    }

    #[test]
    fn credentials_of_their_own_win() {
        let database = Database::from_jdbc("jdbc:postgresql://h/k?user=a&password=b").unwrap();
        let Database::Postgres(server) =
            database.with_credentials(Some("c"), Some(Secret::new("d")))
        else {
            panic!()
        };
        assert_eq!((server.user.as_str(), server.password.reveal()), ("c", "d"));
    }

    #[test]
    fn files_are_read() {
        for (url, file) in [("sqlite:/var/c.db", "/var/c.db"), ("sqlite:c.db", "c.db")] {
            let Ok(Database::Sqlite { path }) = Database::from_jdbc(url) else {
                panic!("{url}")
            };
            assert_eq!(path, PathBuf::from(file));
        }
        assert!(matches!(
            Database::from_jdbc("sqlite::memory:"),
            Ok(Database::SqliteMemory)
        ));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_says_why() {
        let cases = [
            ("", "no scheme"),
            ("jdbc:oracle:thin:@h:1521:x", "only postgresql"),
            ("jdbc:postgresql:db", "`//`"),
            ("jdbc:postgresql://a:1,b:2/k", "several hosts"),
            ("jdbc:mysql://address=(host=a)(port=1)/k", "brackets"),
            ("jdbc:postgresql:///k", "no host"),
            ("jdbc:postgresql://h", "name of the database"),
            ("jdbc:postgresql://h:99999/k", "port"),
            ("jdbc:postgresql://h/k?sslmode=verify-full", "sslrootcert"),
            ("sqlite:", "path"),
        ];
        for (url, why) in cases {
            let error = Database::from_jdbc(url).unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
