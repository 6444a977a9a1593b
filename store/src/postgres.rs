//! PostgreSQL: how it is reached, read and migrated. [`crate::postgres_writer`] writes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Connect, Hook, HookError, Manager, ManagerConfig, Pool, PoolError,
    RecyclingMethod, Runtime,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::migrate::{Applied, HISTORY, Migrate};
use crate::options::{Options, Server, Tls, Verification};
use crate::row::Row;
use crate::statement::StatementRef;
use crate::value::Value;

/// How long a statement waits for a row that another node holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// The key of the lock under which one node at a time migrates: `claviger` in ASCII.
const MIGRATION_LOCK: i64 = 0x636c_6176_6967_6572;

/// Makes connections to one server.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    timeout: Duration,
}

impl Connector {
    /// For this server. Statements that last longer than `statement_timeout` are ended by it.
    pub(crate) fn new(server: &Server, options: &Options) -> Result<Self, StoreError> {
        let mut config = Config::new();
        config
            .host(&server.host)
            .port(server.port)
            .dbname(&server.database)
            .user(&server.user)
            .application_name("claviger")
            .connect_timeout(options.connect_timeout)
            .tcp_user_timeout(options.write_timeout)
            .keepalives_idle(Duration::from_secs(30));
        if !server.password.is_empty() {
            config.password(server.password.reveal());
        }
        config.options(session_settings(server, options)?);
        let tls = match &server.tls {
            Tls::Disabled => {
                config.ssl_mode(tokio_postgres::config::SslMode::Disable);
                None
            }
            Tls::VerifyServer(verification) => {
                config.ssl_mode(tokio_postgres::config::SslMode::Require);
                Some(MakeRustlsConnect::new(client_config(verification)?))
            }
        };
        Ok(Self {
            config,
            tls,
            timeout: options.connect_timeout,
        })
    }

    async fn dial(&self) -> Result<(Client, JoinHandle<()>), Error> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, drive(connection)))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Ok((client, drive(connection)))
            }
        }
    }

    /// One connection, with a cache of prepared statements.
    pub(crate) async fn open(&self) -> Result<ClientWrapper, StoreError> {
        match tokio::time::timeout(self.timeout, self.dial()).await {
            Ok(Ok((client, task))) => Ok(ClientWrapper::new(client, task)),
            Ok(Err(error)) => Err(StoreError::unavailable(
                "PostgreSQL cannot be reached",
                error,
            )),
            Err(_) => Err(StoreError::busy("PostgreSQL did not answer in time")),
        }
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.dial())
    }
}

/// Lets a connection's messages flow until it ends.
fn drive<S>(connection: tokio_postgres::Connection<Socket, S>) -> JoinHandle<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "a connection to PostgreSQL ended");
        }
    })
}

/// Settings of each session, in the form of the start-up message's `options`.
fn session_settings(server: &Server, options: &Options) -> Result<String, StoreError> {
    let statement = options.read_timeout.max(options.write_timeout).as_millis();
    let mut settings = format!(
        "-c statement_timeout={statement} -c lock_timeout={} \
         -c default_transaction_isolation=read\\ committed",
        LOCK_TIMEOUT.as_millis()
    );
    if let Some(schema) = &server.schema {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if schema.is_empty() || !schema.chars().all(plain) {
            return Err(StoreError::Settings(
                "the schema's name may have letters, digits and `_` only".to_owned(),
            ));
        }
        settings.push_str(" -c search_path=");
        settings.push_str(schema);
    }
    Ok(settings)
}

/// Trusts these authorities, and nobody else.
fn client_config(verification: &Verification) -> Result<rustls::ClientConfig, StoreError> {
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        StoreError::Settings(format!("{what}: {error}"))
    };
    let mut roots = rustls::RootCertStore::empty();
    if let Some(file) = &verification.ca_file {
        let unreadable = |error: &dyn std::fmt::Display| {
            refused(&format!("the authorities' file {}", file.display()), error)
        };
        for certificate in
            CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))?
        {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        if roots.is_empty() {
            return Err(unreadable(&"it has no certificate"));
        }
    }
    let more = verification.authorities.iter();
    roots.add_parsable_certificates(more.map(|der| CertificateDer::from(der.clone())));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("TLS", &error))?
        .with_root_certificates(roots);
    let Some(identity) = &verification.identity else {
        return Ok(config.with_no_client_auth());
    };
    let unusable =
        |error: &dyn std::fmt::Display| refused("the certificate for the database", error);
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(identity.chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| unusable(&error))?;
    // The reason may quote the key: it is not told.
    let key = PrivateKeyDer::from_pem_slice(identity.key.reveal().as_bytes())
        .map_err(|_| unusable(&"its key cannot be read"))?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(|error| unusable(&error))
}

/// The connections that read.
pub(crate) struct Readers {
    pool: Pool,
    timeout: Duration,
}

impl Readers {
    /// No connection is made yet.
    pub(crate) fn new(connector: Connector, options: &Options) -> Result<Self, StoreError> {
        let config = connector.config.clone();
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(config, connector, recycling);
        let lifetime = options.connection_lifetime;
        let young = Hook::sync_fn(move |_, metrics| {
            if lifetime.is_some_and(|lifetime| metrics.age() > lifetime) {
                return Err(HookError::message("the connection is old"));
            }
            Ok(())
        });
        let pool = Pool::builder(manager)
            .pre_recycle(young)
            .max_size(options.pool_size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.acquire_timeout))
            .create_timeout(Some(options.connect_timeout))
            .recycle_timeout(Some(options.connect_timeout))
            .build()
            .map_err(|error| StoreError::unavailable("no pool can be made", error))?;
        Ok(Self {
            pool,
            timeout: options.read_timeout,
        })
    }

    /// Asks one question; once more if the connection turns out to be lost.
    pub(crate) async fn fetch(
        &self,
        statement: &StatementRef,
        args: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let asking = async {
            match self.try_fetch(statement, args).await {
                Err(ReadFailure::Lost(_)) => self.try_fetch(statement, args).await,
                other => other,
            }
        };
        match tokio::time::timeout(self.timeout, asking).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(ReadFailure::Lost(error))) => {
                Err(StoreError::unavailable("the connection was lost", error))
            }
            Ok(Err(ReadFailure::Other(error))) => Err(error),
            Err(_) => Err(StoreError::busy("PostgreSQL did not answer in time")),
        }
    }

    async fn try_fetch(
        &self,
        statement: &StatementRef,
        args: &[Value],
    ) -> Result<Vec<Row>, ReadFailure> {
        let client = self.pool.get().await.map_err(pool_error)?;
        let failed = |error: Error| {
            if is_lost(&error) || client.is_closed() {
                ReadFailure::Lost(error)
            } else if is_overtaxed(&error) {
                ReadFailure::Other(StoreError::unavailable("PostgreSQL is overtaxed", error))
            } else {
                ReadFailure::Other(StoreError::database(statement.name, error))
            }
        };
        let text = statement.text(Dialect::Postgres);
        let prepared = match statement {
            StatementRef::Named(_) => client.prepare_cached(text).await,
            StatementRef::Built(_) => client.prepare(text).await,
        }
        .map_err(failed)?;
        let names = || {
            prepared
                .columns()
                .iter()
                .map(|column| column.name().into())
                .collect()
        };
        let width = statement.columns(names).len();
        let found = client
            .query(&prepared, &parameters(args))
            .await
            .map_err(failed)?;
        if found.len() > crate::MAX_ROWS {
            let too_many = StoreError::TooMany {
                statement: statement.name,
            };
            return Err(ReadFailure::Other(too_many));
        }
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let cells: Result<_, _> = (0..width).map(|place| row.try_get(place)).collect();
            rows.push(Row::new(statement.clone(), cells.map_err(failed)?));
        }
        Ok(rows)
    }

    /// Whether the engine understands a statement.
    pub(crate) async fn prepare(&self, statement: &StatementRef) -> Result<(), StoreError> {
        let client = match self.pool.get().await.map_err(pool_error) {
            Ok(client) => client,
            Err(ReadFailure::Lost(error)) => {
                return Err(StoreError::unavailable("the connection was lost", error));
            }
            Err(ReadFailure::Other(error)) => return Err(error),
        };
        let prepared = client.prepare(statement.text(Dialect::Postgres)).await;
        prepared
            .map(|_| ())
            .map_err(|error| StoreError::database(statement.name, error))
    }

    /// Connections that are open, that are idle, and reads that wait for one.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        let status = self.pool.status();
        (status.size, status.available, status.waiting)
    }

    /// Lets the connections go.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// How a read failed.
enum ReadFailure {
    /// The connection is gone; another may do.
    Lost(Error),
    Other(StoreError),
}

fn pool_error(error: PoolError) -> ReadFailure {
    ReadFailure::Other(match error {
        PoolError::Timeout(_) => StoreError::unavailable("all connections are in use", error),
        PoolError::Closed => StoreError::busy("the store is closed"),
        PoolError::Backend(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            StoreError::unavailable("PostgreSQL cannot be reached", error)
        }
    })
}

fn parameters(args: &[Value]) -> Vec<&(dyn tokio_postgres::types::ToSql + Sync)> {
    args.iter()
        .map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync))
        .collect()
}

/// Whether an error means that the connection is gone (broken off, which the client itself may learn
/// later than whoever waits for an answer; SQLSTATE classes 08 and 57P), or leads to a server that was
/// demoted to a replica (25006): another one may lead to its successor.
pub(crate) fn is_lost(error: &Error) -> bool {
    if let Some(error) = error.as_db_error() {
        let code = error.code().code();
        return code.starts_with("08") || code.starts_with("57P") || code == "25006";
    }
    let source = std::error::Error::source(error);
    error.is_closed() || source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// Whether the server lacks room, memory or time (SQLSTATE class 53 and 57014): later it may not.
pub(crate) fn is_overtaxed(error: &Error) -> bool {
    let code = error
        .code()
        .map_or("", tokio_postgres::error::SqlState::code);
    code.starts_with("53") || code == "57014"
}

/// The connection that migrates.
pub(crate) struct Migrator(pub(crate) ClientWrapper);

fn migration_error(error: Error) -> StoreError {
    StoreError::database("MIGRATE", error)
}

impl Migrate for Migrator {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn lock(&mut self) -> Result<(), StoreError> {
        self.run(&format!(
            "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
             SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
        ))
        .await
    }

    async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.batch_execute(sql).await.map_err(migration_error)
    }

    async fn history(&mut self) -> Result<Vec<Applied>, StoreError> {
        let rows = self.0.query(HISTORY, &[]).await.map_err(migration_error)?;
        let applied = |row: &tokio_postgres::Row| {
            Ok(Applied {
                version: row.try_get(0)?,
                checksum: row.try_get(1)?,
                at: row.try_get(2)?,
            })
        };
        rows.iter()
            .map(applied)
            .collect::<Result<_, Error>>()
            .map_err(migration_error)
    }

    async fn unlock(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT").await
    }
}
