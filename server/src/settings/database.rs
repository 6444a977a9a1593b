//! Which database, in Keycloak's words.

use std::path::Path;
use std::time::Duration;

use claviger_store::{Database, Options, Server, Tls, Verification};

use super::https::{StoreFile, only_java};
use super::value::Values;
use super::{Mode, Notices, UsageError};

/// The file of `dev-file`, below the home directory.
const FILE: &str = "data/claviger.db";
/// The least patience: with less nothing would ever be done.
const SHORTEST: Duration = Duration::from_millis(100);
/// As many connections as the store takes at most.
const MOST_CONNECTIONS: usize = 1_000;

/// A server's kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vendor {
    Postgres,
    Mysql,
}

/// Files that an encrypted connection needs; read when it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Whose certificates of the database are believed; those that we believe anyhow if none.
    pub trust: Option<StoreFile>,
    /// Our certificate and key, for databases that want to see one.
    pub identity: Option<StoreFile>,
}

impl Files {
    /// Reads `db-tls-trust-store-…` and `db-mtls-key-store-…`.
    pub(super) fn check(values: &Values<'_>) -> Result<Self, UsageError> {
        let file = |part: &str| {
            let Some(path) = values.text(&format!("{part}-file")) else {
                return Ok(None);
            };
            let option = format!("{part}-type");
            let kind = values.text(&option).unwrap_or("PKCS12");
            if !["PKCS12", "PEM"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(kind))
            {
                return Err(only_java(Path::new(path), &option));
            }
            let password = values
                .secret(&format!("{part}-password"))
                .unwrap_or_default();
            Ok(Some(StoreFile {
                path: path.into(),
                password,
            }))
        };
        let (trust, identity) = (file("db-tls-trust-store")?, file("db-mtls-key-store")?);
        let verified = values.text("db-tls-mode") == Some("verify-server");
        if identity.is_some() && !verified {
            return Err(UsageError(
                "db-mtls-key-store-file needs db-tls-mode=verify-server: a certificate is shown to \
                 nobody whose own is not checked"
                    .to_owned(),
            ));
        }
        Ok(Self { trust, identity })
    }
}

/// Reads all options that begin with `db`.
pub(super) fn check(
    values: &Values<'_>,
    home: &Path,
    mode: Mode,
    notices: &mut Notices,
) -> Result<Options, UsageError> {
    let name = values.text("db").unwrap_or("dev-file");
    if mode == Mode::Production && !values.is_given("db") {
        notices.warn(
            "Usage of the default value for the db option in the production profile is deprecated. \
             Please explicitly set the db instead."
                .to_owned(),
        );
    }
    let database = match name {
        "dev-file" => embedded(
            values,
            Database::Sqlite {
                path: home.join(FILE),
            },
        )?,
        "dev-mem" => embedded(values, Database::SqliteMemory)?,
        "postgres" => server(values, Vendor::Postgres)?,
        "mysql" | "mariadb" => server(values, Vendor::Mysql)?,
        other => {
            return Err(UsageError(format!(
                "option db is refused: {other} is not supported; use postgres, mysql, mariadb, \
                 dev-file or dev-mem"
            )));
        }
    };
    let mut options = Options::new(database);
    limits(values, mode, &mut options)?;
    Ok(options)
}

/// How many connections, and how much patience with them.
fn limits(values: &Values<'_>, mode: Mode, options: &mut Options) -> Result<(), UsageError> {
    if values.is_given("db-pool-max-size")
        && let Some(size) = values.count("db-pool-max-size")?
    {
        if size > MOST_CONNECTIONS {
            return Err(UsageError(format!(
                "db-pool-max-size: at most {MOST_CONNECTIONS}"
            )));
        }
        options.pool_size = size;
    }
    let span = |name: &str| {
        let given = values.is_given(name).then(|| values.duration(name));
        given
            .transpose()
            .map(|span| span.map(|span| span.max(SHORTEST)))
    };
    options.connect_timeout = values.duration("db-connect-timeout")?.max(SHORTEST);
    options.connection_lifetime = span("db-pool-max-lifetime")?;
    if let Some(patience) = span("db-pool-acquisition-timeout")? {
        options.acquire_timeout = patience;
    }
    let transactions = match mode {
        Mode::Development | Mode::Production => "transaction-default-timeout",
        Mode::Offline => "transaction-setup-timeout",
    };
    if let Some(patience) = span(transactions)? {
        (options.read_timeout, options.write_timeout) = (patience, patience);
    }
    let slow = values.number("db-log-slow-queries-threshold")?;
    options.slow = (slow > 0).then(|| Duration::from_millis(slow));
    Ok(())
}

/// A database within the process. A URL can only be one of SQLite's.
fn embedded(values: &Values<'_>, database: Database) -> Result<Database, UsageError> {
    let Some(url) = values.text("db-url") else {
        return Ok(database);
    };
    if url.starts_with("jdbc:h2:") {
        return Err(UsageError(
            "option db-url is refused: there is no H2 here; leave db-url out, and dev-file is kept \
             in data/claviger.db"
                .to_owned(),
        ));
    }
    match Database::from_jdbc(url) {
        Ok(database @ (Database::Sqlite { .. } | Database::SqliteMemory)) => Ok(database),
        Ok(Database::Postgres(_)) => Err(mismatch("postgres")),
        Ok(Database::Mysql(_)) => Err(mismatch("mysql or mariadb")),
        Err(error) => Err(UsageError(format!("option db-url: {error}"))),
    }
}

fn mismatch(vendor: &str) -> UsageError {
    UsageError(format!(
        "option db-url names a server: set db to {vendor} as well"
    ))
}

/// A database server, by URL or by parts.
fn server(values: &Values<'_>, vendor: Vendor) -> Result<Database, UsageError> {
    let database = match values.text("db-url") {
        // Wrappers of a driver stand before the URL that they wrap.
        Some(url) => Database::from_jdbc(&url.replacen("jdbc:aws-wrapper:", "jdbc:", 1))
            .map_err(|error| UsageError(format!("option db-url: {error}")))?,
        None => Database::from_jdbc(&default_url(values, vendor)?)
            .map_err(|error| UsageError(format!("options db-url-*: {error}")))?,
    };
    let database =
        database.with_credentials(values.text("db-username"), values.secret("db-password"));
    match (database, vendor) {
        (Database::Postgres(mut server), Vendor::Postgres) => {
            if let Some(schema) = values.text("db-schema") {
                server.schema = Some(schema.to_owned());
            }
            encrypt(values, &mut server);
            Ok(Database::Postgres(server))
        }
        (Database::Mysql(mut server), Vendor::Mysql) => {
            encrypt(values, &mut server);
            Ok(Database::Mysql(server))
        }
        (Database::Postgres(_), Vendor::Mysql) => Err(mismatch("postgres")),
        (Database::Mysql(_), Vendor::Postgres) => Err(mismatch("mysql or mariadb")),
        (Database::Sqlite { .. } | Database::SqliteMemory, _) => Err(UsageError(
            "option db-url names a file: set db to dev-file as well".to_owned(),
        )),
    }
}

/// Keycloak's URL for what is given in parts.
fn default_url(values: &Values<'_>, vendor: Vendor) -> Result<String, UsageError> {
    let scheme = match vendor {
        Vendor::Postgres => "postgresql",
        Vendor::Mysql => "mysql",
    };
    let host = values.text("db-url-host").unwrap_or("localhost");
    let bare_ipv6 = host.contains(':') && !host.starts_with('[') && !host.contains(',');
    let host = if bare_ipv6 {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let port = match values.port("db-url-port")? {
        0 => String::new(),
        port => format!(":{port}"),
    };
    let database = values.text("db-url-database").unwrap_or("keycloak");
    let properties = values.text("db-url-properties").unwrap_or_default();
    Ok(format!(
        "jdbc:{scheme}://{host}{port}/{database}{properties}"
    ))
}

/// `db-tls-mode`. An encrypted connection without a check of the certificate is none: there is no
/// mode for it. The authorities are read when the connection is made.
fn encrypt(values: &Values<'_>, server: &mut Server) {
    if values.text("db-tls-mode") == Some("verify-server") {
        server.tls = Tls::VerifyServer(Verification::default());
    }
}
