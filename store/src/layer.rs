//! The store itself: opens a database, asks, and hands writes to the one who writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claviger_model::RealmId;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::built::Built;
use crate::error::{Plain, StoreError};
use crate::fault::FaultPlan;
use crate::migrate::migrate;
use crate::options::{Database, Options, Server};
use crate::revocation::closing_steps;
use crate::row::Row;
use crate::statement::{Statement, StatementRef, statements};
use crate::tx::{Commit, Step, Tx};
use crate::value::Value;
use crate::writer::{Job, Message, WriteConnection};
use crate::{mysql, postgres, postgres_writer, sqlite, writer};

/// The longest text or byte string that is kept: half of what a MySQL server takes in one packet.
pub const MAX_VALUE_BYTES: usize = 8 << 20;
/// The longest list that is read. Longer ones are an error, for a list cut short may miss the very
/// entry that forbids something.
pub const MAX_ROWS: usize = 1_000_000;
/// The most statements of one write.
pub const MAX_STEPS: usize = 1_000_000;

/// Category of what is said about slow reads and writes, as in Keycloak's log.
const SLOW: &str = "org.hibernate.SQL_SLOW";

statements! {
    /// Whether anybody is there.
    PING = "SELECT 1 AS alive";
}

/// Every table with rows of realms, and the column that names the realm.
const TABLES: &[(&str, &str)] = &[
    ("realm", "id"),
    ("document", "realm_id"),
    ("link", "realm_id"),
    ("user_entity", "realm_id"),
    ("user_attribute", "realm_id"),
    ("credential", "realm_id"),
    ("user_role", "realm_id"),
    ("user_group", "realm_id"),
    ("federated_identity", "realm_id"),
    ("consent", "realm_id"),
    ("organization", "realm_id"),
    ("organization_domain", "realm_id"),
    ("organization_attribute", "realm_id"),
    ("organization_member", "realm_id"),
    ("organization_group_member", "realm_id"),
    ("organization_invitation", "realm_id"),
    ("login_failure", "realm_id"),
    ("authentication_session", "realm_id"),
    ("user_session", "realm_id"),
    ("client_session", "realm_id"),
    ("revoked_token", "realm_id"),
    ("status_index", "realm_id"),
    ("single_use", "realm_id"),
    ("event", "realm_id"),
    ("admin_event", "realm_id"),
    ("outbox", "realm_id"),
    ("logout_delivery", "realm_id"),
    ("logout_ending", "realm_id"),
    ("signal_subject", "realm_id"),
    ("client_initial_access", "realm_id"),
    ("kept", "realm_id"),
    ("revocation_head", "realm_id"),
    ("revocation", "realm_id"),
];

/// A database, open. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

/// How busy a store is, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Connections that read, used or not.
    pub open: usize,
    /// Of these, those that nobody uses.
    pub idle: usize,
    /// Reads that wait for a connection.
    pub waiting: usize,
    /// Writes that wait for their turn.
    pub writes_waiting: usize,
}

struct Inner {
    readers: Readers,
    queue: mpsc::Sender<Message>,
    write_timeout: Duration,
    slow: Option<Duration>,
    fault: Option<Arc<FaultPlan>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// The connections that read, of one engine.
enum Readers {
    Sqlite(Arc<sqlite::Readers>),
    Postgres(postgres::Readers),
    Mysql(mysql::Readers),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be reached, or its schema is newer than this release or was altered.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        options.check()?;
        match &options.database {
            Database::Sqlite { path } => {
                Self::open_file(options, sqlite::File::lasting(path), None).await
            }
            Database::SqliteMemory => {
                let (file, fleeting) = sqlite::File::fleeting()?;
                Self::open_file(options, file, Some(fleeting)).await
            }
            Database::Postgres(server) => Self::open_postgres(options, server).await,
            Database::Mysql(server) => Self::open_mysql(options, server).await,
        }
    }

    async fn open_file(
        options: &Options,
        file: sqlite::File,
        fleeting: Option<sqlite::Fleeting>,
    ) -> Result<Self, StoreError> {
        migrate(&mut sqlite::Migrator(file.connect_to_write()?)).await?;
        let (queue, jobs) = mpsc::channel(options.queue);
        let snapshots = sqlite::Snapshots::of(&file);
        let connection = sqlite::Writer::new(file.clone(), Arc::clone(&snapshots));
        let fault = options.fault.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| StoreError::unavailable("the writer cannot be started", error))?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || runtime.block_on(writer::run(connection, jobs, fault)))
            .map_err(|error| StoreError::unavailable("the writer cannot be started", error))?;
        let readers = Readers::Sqlite(Arc::new(sqlite::Readers::new(
            file, snapshots, fleeting, options,
        )));
        Ok(Self::new(options, readers, queue, Some(thread)))
    }

    async fn open_postgres(options: &Options, server: &Server) -> Result<Self, StoreError> {
        let connector = postgres::Connector::new(server, options)?;
        migrate(&mut postgres::Migrator(connector.open().await?)).await?;
        let writer = postgres_writer::Writer::new(connector.clone(), options.write_timeout);
        let queue = Self::spawn(options, writer);
        let readers = Readers::Postgres(postgres::Readers::new(connector, options)?);
        Ok(Self::new(options, readers, queue, None))
    }

    async fn open_mysql(options: &Options, server: &Server) -> Result<Self, StoreError> {
        let connector = mysql::Connector::new(server, options);
        migrate(&mut mysql::Migrator::new(connector.open().await?).await?).await?;
        let queue = Self::spawn(
            options,
            mysql::Writer::new(connector, options.write_timeout),
        );
        let readers = Readers::Mysql(mysql::Readers::new(server, options)?);
        Ok(Self::new(options, readers, queue, None))
    }

    /// Lets a connection to a server write, on the runtime that we are called from.
    fn spawn<C: WriteConnection + 'static>(
        options: &Options,
        connection: C,
    ) -> mpsc::Sender<Message> {
        let (queue, jobs) = mpsc::channel(options.queue);
        tokio::spawn(writer::run(connection, jobs, options.fault.clone()));
        queue
    }

    fn new(
        options: &Options,
        readers: Readers,
        queue: mpsc::Sender<Message>,
        thread: Option<std::thread::JoinHandle<()>>,
    ) -> Self {
        let inner = Inner {
            readers,
            queue,
            write_timeout: options.write_timeout,
            slow: options.slow,
            fault: options.fault.clone(),
            thread: Mutex::new(thread),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Writes all of it, durably, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when too many writes wait already, or this one took too long: then
    /// it may still happen. Any other error: nothing was written.
    pub async fn commit(&self, tx: Tx) -> Result<Commit, StoreError> {
        let (steps, closing) = tx.into_parts();
        if steps.is_empty() && closing.is_empty() {
            return Ok(Commit::Done);
        }
        check(&steps)?;
        let last = closing_steps([&closing]);
        check(&last)?;
        let patience = patience(patience(self.inner.write_timeout, &steps), &last);
        let since = Instant::now();
        let (answer, told) = oneshot::channel();
        self.inner
            .queue
            .try_send(Message::Job(Job {
                steps,
                closing,
                answer,
            }))
            .map_err(|error| match error {
                TrySendError::Full(_) => StoreError::busy("too many writes wait"),
                TrySendError::Closed(_) => StoreError::busy("the store is closed"),
            })?;
        let told = tokio::time::timeout(patience, told).await;
        self.tell_slow(since, "a write");
        match told {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::busy("the store was closed")),
            Err(_) => Err(StoreError::busy("the write took too long")),
        }
    }

    /// Says what took long, by its name: what was asked for may be secret.
    fn tell_slow(&self, since: Instant, what: &str) {
        let took = since.elapsed();
        if self.inner.slow.is_some_and(|slow| took >= slow) {
            let millis = took.as_millis();
            tracing::info!(target: SLOW, "Slow query took {millis} milliseconds [{what}]");
        }
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query(&PING)
            .one(|row| row.int("alive"))
            .await
            .map(|_| ())
    }

    /// How busy the connections are.
    pub fn load(&self) -> Load {
        let (open, idle, waiting) = match &self.inner.readers {
            Readers::Sqlite(readers) => readers.load(),
            Readers::Postgres(readers) => readers.load(),
            Readers::Mysql(readers) => readers.load(),
        };
        let queue = &self.inner.queue;
        Load {
            open,
            idle,
            waiting,
            writes_waiting: queue.max_capacity().saturating_sub(queue.capacity()),
        }
    }

    /// Finishes the writes in the queue, then lets the connections go. Later writes are refused.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.inner.queue.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
        let thread = self
            .inner
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        match &self.inner.readers {
            Readers::Sqlite(readers) => readers.close(),
            Readers::Postgres(readers) => readers.close(),
            Readers::Mysql(readers) => readers.close().await,
        }
    }

    /// Asks one question.
    pub(crate) async fn fetch(
        &self,
        statement: &StatementRef,
        args: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        if let Some(plan) = &self.inner.fault
            && plan.strikes()
        {
            return Err(StoreError::database(
                statement.name,
                Plain("failed on purpose"),
            ));
        }
        let since = Instant::now();
        let found = match &self.inner.readers {
            Readers::Sqlite(readers) => match statement {
                StatementRef::Named(_) => readers.fetch(statement, args),
                // A search may have to look at every row: not on a thread that serves others.
                StatementRef::Built(_) => readers.search(statement, args).await,
            },
            Readers::Postgres(readers) => readers.fetch(statement, args).await,
            Readers::Mysql(readers) => readers.fetch(statement, args).await,
        };
        self.tell_slow(since, statement.name);
        found
    }

    /// Has the engine prepare every statement of the registry, and tells their names: whether this
    /// release and this database understand each other.
    pub async fn check_statements(&self) -> Result<Vec<&'static str>, StoreError> {
        let mut names = Vec::new();
        let mut all: Vec<&'static Statement> = Vec::new();
        for module in crate::statement::ALL {
            all.extend_from_slice(module);
        }
        for statement in all {
            let statement = StatementRef::from(statement);
            match &self.inner.readers {
                Readers::Sqlite(readers) => readers.prepare(&statement)?,
                Readers::Postgres(readers) => readers.prepare(&statement).await?,
                Readers::Mysql(readers) => readers.prepare(&statement).await?,
            }
            names.push(statement.name);
        }
        Ok(names)
    }

    /// How many rows of a realm each table holds, by the table's name.
    pub async fn count_rows(
        &self,
        realm: &RealmId,
    ) -> Result<Vec<(&'static str, i64)>, StoreError> {
        let mut counts = Vec::with_capacity(TABLES.len());
        for (table, key) in TABLES {
            let mut built = Built::new("SELECT COUNT(*) AS n FROM ");
            built.filter(table, []);
            built.filter(" WHERE ", []);
            built.filter(key, []);
            built.filter(" = ?", [realm.into()]);
            let count = built
                .query(self, "COUNT_ROWS")
                .one(|row| row.int("n"))
                .await?;
            counts.push((*table, count));
        }
        Ok(counts)
    }
}

/// How long a write of these steps may take: as long as any, and what each of them is given, so that
/// importing a realm is not refused for its size.
pub(crate) fn patience(timeout: Duration, steps: &[Step]) -> Duration {
    let more = steps
        .iter()
        .fold(0_u64, |sum, step| sum.saturating_add(step.patience));
    timeout.saturating_add(Duration::from_millis(more))
}

/// Refuses what no engine, or not every engine, would keep.
fn check(steps: &[Step]) -> Result<(), StoreError> {
    let refuse = |step: &Step, why| StoreError::Refused {
        statement: step.statement.name,
        source: Arc::new(Plain(why)),
    };
    for (count, step) in steps.iter().enumerate() {
        if count == MAX_STEPS {
            return Err(refuse(step, "too many statements in one write"));
        }
        for value in &step.args {
            let length = match value {
                Value::Text(text) if text.contains('\0') => {
                    return Err(refuse(step, "a NUL character in text"));
                }
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                Value::Null | Value::Int(_) => 0,
            };
            if length > MAX_VALUE_BYTES {
                return Err(refuse(step, "a value of more than 8 MiB"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Handlers run on any thread: their futures must be able to move.
    #[test]
    fn futures_can_be_sent() {
        fn sent<T: Send>(_: impl Fn(&'static Store) -> T) {}
        fn opened<T: Send>(_: impl Fn(&'static Options) -> T) {}
        opened(Store::open);
        sent(|store| store.commit(Tx::new()));
        sent(Store::ping);
        sent(Store::close);
        sent(Store::realms);
        sent(Store::check_statements);
    }

    /// Thousands of tests must not fill the directory for such files.
    #[tokio::test]
    async fn a_store_in_memory_leaves_no_file() {
        let store = Store::open(&Options::sqlite_memory()).await.unwrap();
        let mut tx = Tx::new();
        tx.revoke_token(&RealmId::new("r"), "t", claviger_model::Millis(1));
        assert!(store.commit(tx).await.unwrap().is_done());
        let Readers::Sqlite(readers) = &store.inner.readers else {
            panic!()
        };
        let path = readers.path().to_owned();
        assert!(path.exists());
        drop(store);
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.clone().into_os_string();
            file.push(suffix);
            assert!(!std::path::Path::new(&file).exists(), "{}", file.display());
        }
    }

    #[test]
    fn every_table_is_counted() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let migrations = std::fs::read_dir(folder).unwrap();
        let ddl: String = migrations
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        let made = ddl
            .lines()
            .filter_map(|line| line.strip_prefix("CREATE TABLE "));
        let mut made: Vec<&str> = made.map(|rest| rest.trim_end_matches(" (")).collect();
        let mut counted: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
        made.sort_unstable();
        counted.sort_unstable();
        assert_eq!(made, counted);
    }
}
