//! MySQL and MariaDB: reads on a pool, writes on a connection of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{
    ClientIdentity, Conn, Error, Opts, OptsBuilder, Params, Pool, PoolConstraints, PoolOpts,
    SslOpts, Value as Cell,
};

use crate::dialect::Dialect;
use crate::error::{Plain, StoreError};
use crate::migrate::{Applied, HISTORY, Migrate};
use crate::options::{Options, Server, Tls, Verification};
use crate::row::Row;
use crate::statement::StatementRef;
use crate::tx::Step;
use crate::value::Value;
use crate::writer::{Control, Failure, Stop, WriteConnection};

/// Statements kept prepared on each connection: all of the registry, and room for built ones.
const PREPARED: usize = 512;
/// Seconds that a statement waits for a row that another node holds.
const LOCK_TIMEOUT: u64 = 3;
/// Seconds that a node waits while another migrates.
const MIGRATION_TIMEOUT: u64 = 600;
/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_mins(5);
/// The number of the character set of bytes that are no text.
const BINARY: u16 = 63;

/// "Table already exists", "duplicate key name": made by an attempt that was cut off.
const ALREADY_THERE: [u16; 2] = [1050, 1061];

/// The options of every connection to this server.
fn connect_options(server: &Server) -> OptsBuilder {
    let ssl = match &server.tls {
        Tls::Disabled => None,
        Tls::VerifyServer(verification) => Some(encryption(verification)),
    };
    // Strict: a value that is too long is an error, not cut. Lengths count characters, text is what
    // the server calls utf8mb4: all of Unicode.
    let setup = vec![
        "SET NAMES utf8mb4".to_owned(),
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'".to_owned(),
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
        format!("SET SESSION innodb_lock_wait_timeout = {LOCK_TIMEOUT}"),
    ];
    let password = server.password.reveal();
    OptsBuilder::default()
        .ip_or_hostname(&server.host)
        .tcp_port(server.port)
        .user(Some(&server.user))
        .pass((!password.is_empty()).then_some(password))
        .db_name(Some(&server.database))
        .prefer_socket(false)
        .tcp_nodelay(true)
        .client_found_rows(true)
        .stmt_cache_size(PREPARED)
        .setup(setup)
        .ssl_opts(ssl)
}

/// No connection came free in time.
fn in_use() -> Error {
    let text = "all connections are in use";
    Error::from(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
}

/// Trusts these authorities, and nobody else.
fn encryption(verification: &Verification) -> SslOpts {
    let files = verification.ca_file.iter().map(|file| file.clone().into());
    let more = verification
        .authorities
        .iter()
        .map(|der| der.clone().into());
    let identity = verification.identity.as_ref().map(|identity| {
        let key = identity.key.reveal().as_bytes().to_vec();
        ClientIdentity::new(identity.chain.clone().into_bytes().into(), key.into())
    });
    SslOpts::default()
        .with_root_certs(files.chain(more).collect())
        .with_disable_built_in_roots(true)
        .with_client_identity(identity)
}

/// Makes connections to one server.
#[derive(Clone)]
pub(crate) struct Connector {
    options: Opts,
    timeout: Duration,
}

impl Connector {
    /// For this server.
    pub(crate) fn new(server: &Server, options: &Options) -> Self {
        Self {
            options: connect_options(server).into(),
            timeout: options.connect_timeout,
        }
    }

    /// One connection.
    pub(crate) async fn open(&self) -> Result<Conn, StoreError> {
        match tokio::time::timeout(self.timeout, Conn::new(self.options.clone())).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(StoreError::unavailable("MySQL cannot be reached", error)),
            Err(_) => Err(StoreError::busy("MySQL did not answer in time")),
        }
    }
}

/// The connections that read.
pub(crate) struct Readers {
    pool: Pool,
    timeout: Duration,
    acquire_timeout: Duration,
}

impl Readers {
    /// No connection is made yet.
    pub(crate) fn new(server: &Server, options: &Options) -> Result<Self, StoreError> {
        let constraints = PoolConstraints::new(0, options.pool_size)
            .ok_or_else(|| StoreError::Settings("pool size".to_owned()))?;
        // A reset would throw the prepared statements away; reads leave nothing behind.
        // Without a time to live the pool would keep its minimum only, and connect for each read.
        let pool = PoolOpts::default()
            .with_constraints(constraints)
            .with_inactive_connection_ttl(IDLE)
            .with_abs_conn_ttl(options.connection_lifetime)
            .with_reset_connection(false);
        let pool = Pool::new(connect_options(server).pool_opts(pool));
        Ok(Self {
            pool,
            timeout: options.read_timeout,
            acquire_timeout: options.acquire_timeout,
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
                Err(error) if is_lost(&error) => self.try_fetch(statement, args).await,
                other => other,
            }
        };
        let rows = match tokio::time::timeout(self.timeout, asking).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) if is_lost(&error) => {
                return Err(StoreError::unavailable("the connection was lost", error));
            }
            Ok(Err(Error::Server(error))) if has_no_room(error.code) => {
                return Err(StoreError::unavailable("MySQL is overtaxed", error));
            }
            Ok(Err(error)) => return Err(StoreError::database(statement.name, error)),
            Err(_) => return Err(StoreError::busy("MySQL did not answer in time")),
        };
        if rows.len() > crate::MAX_ROWS {
            return Err(StoreError::TooMany {
                statement: statement.name,
            });
        }
        Ok(rows)
    }

    async fn try_fetch(&self, statement: &StatementRef, args: &[Value]) -> Result<Vec<Row>, Error> {
        let waiting = tokio::time::timeout(self.acquire_timeout, self.pool.get_conn());
        let mut connection = waiting.await.map_err(|_| in_use())??;
        let text = statement.text(Dialect::Mysql);
        let mut found = connection.exec_iter(text, parameters(args)).await?;
        let columns = found.columns().unwrap_or_default();
        statement.columns(|| {
            columns
                .iter()
                .map(|column| column.name_str().into())
                .collect()
        });
        let mut rows = Vec::new();
        while let Some(row) = found.next().await? {
            // What is beyond the limit is read, or the connection could not be used again.
            if rows.len() <= crate::MAX_ROWS {
                let cells = row.unwrap_raw().into_iter().zip(columns.iter());
                let cells = cells.map(|(value, column)| cell(value, column.character_set()));
                rows.push(Row::new(statement.clone(), cells.collect()));
            }
        }
        Ok(rows)
    }

    /// Whether the engine understands a statement.
    pub(crate) async fn prepare(&self, statement: &StatementRef) -> Result<(), StoreError> {
        let preparing = async {
            let mut connection = self.pool.get_conn().await?;
            let prepared = connection
                .prep(statement.text(Dialect::Mysql).to_owned())
                .await?;
            connection.close(prepared).await
        };
        preparing
            .await
            .map_err(|error| StoreError::database(statement.name, error))
    }

    /// Connections that are open, that are idle, and reads that wait for one.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        let metrics = self.pool.metrics();
        let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (
            read(&metrics.connection_count),
            read(&metrics.connections_in_pool),
            read(&metrics.active_wait_requests),
        )
    }

    /// Lets the connections go.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.pool.clone().disconnect().await {
            tracing::debug!(%error, "connections to MySQL did not end well");
        }
    }
}

fn cell(value: Option<Cell>, character_set: u16) -> Value {
    match value {
        // The schema has neither fractions nor dates.
        None
        | Some(Cell::NULL | Cell::Float(_) | Cell::Double(_) | Cell::Date(..) | Cell::Time(..)) => {
            Value::Null
        }
        Some(Cell::Int(number)) => Value::Int(number),
        Some(Cell::UInt(number)) => i64::try_from(number).map_or(Value::Null, Value::Int),
        Some(Cell::Bytes(bytes)) if character_set == BINARY => Value::Bytes(bytes),
        Some(Cell::Bytes(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::Bytes(error.into_bytes()),
        },
    }
}

fn parameters(args: &[Value]) -> Params {
    if args.is_empty() {
        return Params::Empty;
    }
    let cells = args.iter().map(|value| match value {
        Value::Null => Cell::NULL,
        Value::Int(number) => Cell::Int(*number),
        Value::Text(text) => Cell::Bytes(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Cell::Bytes(bytes.clone()),
    });
    Params::Positional(cells.collect())
}

/// The connection that writes.
pub(crate) struct Writer {
    connector: Connector,
    timeout: Duration,
    connection: Option<Conn>,
}

impl Writer {
    /// Not connected yet.
    pub(crate) const fn new(connector: Connector, timeout: Duration) -> Self {
        Self {
            connector,
            timeout,
            connection: None,
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stop> {
        let name = step.statement.name;
        let failed = |failure| Stop::Failed(name, failure);
        let connection = self
            .connection
            .as_mut()
            .ok_or_else(|| failed(not_connected()))?;
        let text = step.statement.text(Dialect::Mysql);
        connection
            .exec_drop(text, parameters(&step.args))
            .await
            .map_err(|error| failed(failure(error)))?;
        if step.fits(connection.affected_rows()) {
            Ok(())
        } else {
            Err(Stop::Missed(name))
        }
    }

    async fn all(&mut self, steps: &[Step]) -> Result<(), Stop> {
        for step in steps {
            self.step(step).await?;
        }
        Ok(())
    }
}

fn not_connected() -> Failure {
    Failure::Connection(Arc::new(Plain("not connected")))
}

fn too_late() -> Failure {
    Failure::Connection(Arc::new(Plain("MySQL did not answer in time")))
}

/// Whether an error means that the connection is gone, or leads to a server that goes or was demoted
/// to a replica: another one may lead to its successor. The numbers are those of the servers' manuals.
const fn is_lost(error: &Error) -> bool {
    match error {
        // Too many connections; shutdown in progress; aborted; packets that do not come or go; killed;
        // read-only.
        Error::Server(server) => matches!(
            server.code,
            1040 | 1053 | 1152 | 1158..=1161 | 1184 | 1927 | 1290 | 1836
        ),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => true,
    }
}

/// Whether a number says that the disk is full, there is no memory, or the table is full.
const fn has_no_room(code: u16) -> bool {
    matches!(code, 1021 | 1037 | 1038 | 1041 | 1114)
}

fn failure(error: Error) -> Failure {
    let Error::Server(server) = &error else {
        return Failure::Connection(Arc::new(error));
    };
    match server.code {
        // Duplicate entry.
        1062 => Failure::Duplicate,
        // Data too long; incorrect string value; out of range.
        1406 | 1366 | 1264 => Failure::Refused(Arc::new(error)),
        // Deadlock; a wait for a lock that took too long.
        1213 | 1205 => Failure::Again(Arc::new(error)),
        code if has_no_room(code) => Failure::NoRoom(Arc::new(error)),
        _ if is_lost(&error) => Failure::Connection(Arc::new(error)),
        _ => Failure::Statement(Arc::new(error)),
    }
}

impl WriteConnection for Writer {
    async fn open(&mut self) -> Result<(), StoreError> {
        if self.connection.is_none() {
            self.connection = Some(self.connector.open().await?);
        }
        Ok(())
    }

    async fn control(&mut self, word: Control) -> Result<(), Failure> {
        if word == Control::Release {
            // The next savepoint of the same name takes its place.
            return Ok(());
        }
        let connection = self.connection.as_mut().ok_or_else(not_connected)?;
        let saying = connection.query_drop(word.text("START TRANSACTION"));
        match tokio::time::timeout(self.timeout, saying).await {
            Ok(result) => result.map_err(failure),
            Err(_) => Err(too_late()),
        }
    }

    async fn steps(&mut self, steps: &[Step]) -> Result<(), Stop> {
        let timeout = crate::layer::patience(self.timeout, steps);
        match tokio::time::timeout(timeout, self.all(steps)).await {
            Ok(result) => result,
            Err(_) => Err(Stop::Failed("CONNECTION", too_late())),
        }
    }

    fn forget(&mut self) {
        self.connection = None;
    }
}

/// The connection that migrates.
pub(crate) struct Migrator {
    connection: Conn,
    dialect: Dialect,
}

impl Migrator {
    /// Asks which of the two it is.
    pub(crate) async fn new(mut connection: Conn) -> Result<Self, StoreError> {
        let version: Option<String> = connection
            .query_first("SELECT VERSION()")
            .await
            .map_err(migration_error)?;
        let maria = version.is_some_and(|version| version.contains("MariaDB"));
        let dialect = if maria {
            Dialect::Mariadb
        } else {
            Dialect::Mysql
        };
        Ok(Self {
            connection,
            dialect,
        })
    }
}

fn migration_error(error: Error) -> StoreError {
    StoreError::database("MIGRATE", error)
}

impl Migrate for Migrator {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    async fn lock(&mut self) -> Result<(), StoreError> {
        // The name of a lock is the whole server's, and ends at 64 characters.
        let ask =
            format!("SELECT GET_LOCK(CONCAT('claviger.', SHA1(DATABASE())), {MIGRATION_TIMEOUT})");
        let got: Option<Option<i64>> = self
            .connection
            .query_first(ask)
            .await
            .map_err(migration_error)?;
        if got.flatten() == Some(1) {
            Ok(())
        } else {
            Err(StoreError::busy(
                "another node has been migrating for ten minutes",
            ))
        }
    }

    async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        self.connection
            .query_drop(sql)
            .await
            .map_err(migration_error)
    }

    async fn run_again(&mut self, sql: &str) -> Result<(), StoreError> {
        match self.connection.query_drop(sql).await {
            Err(Error::Server(error)) if ALREADY_THERE.contains(&error.code) => Ok(()),
            other => other.map_err(migration_error),
        }
    }

    async fn history(&mut self) -> Result<Vec<Applied>, StoreError> {
        let applied = |(version, checksum, at)| Applied {
            version,
            checksum,
            at,
        };
        self.connection
            .query_map(HISTORY, applied)
            .await
            .map_err(migration_error)
    }

    async fn unlock(&mut self) -> Result<(), StoreError> {
        self.run("DO RELEASE_LOCK(CONCAT('claviger.', SHA1(DATABASE())))")
            .await
    }
}
