//! The store itself: opens a database, asks, and hands writes to the one who writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::error::{Plain, StoreError};
use crate::fault::FaultPlan;
use crate::options::{Database, Options};
use crate::row::Row;
use crate::statement::{StatementRef, statements};
use crate::tx::{Commit, Step, Tx};
use crate::value::Value;
use crate::writer::{Job, Message};
use crate::{migrate, sqlite, writer};

/// The longest text or byte string that is kept: half of what a MySQL server takes in one packet.
pub const MAX_VALUE_BYTES: usize = 8 << 20;
/// The longest list that is read. Longer ones are an error, for a list cut short may miss the very
/// entry that forbids something.
pub const MAX_ROWS: usize = 1_000_000;
/// The most statements of one write.
pub const MAX_STEPS: usize = 1_000_000;

statements! {
    /// Whether anybody is there.
    PING = "SELECT 1 AS alive";
}

/// A database, open. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    queue: mpsc::Sender<Message>,
    write_timeout: Duration,
    fault: Option<Arc<FaultPlan>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

enum Readers {
    Sqlite(sqlite::Readers),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be reached, or its schema is newer than this release or was altered.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        options.check()?;
        match &options.database {
            Database::Sqlite { path } => Self::open_file(options, &sqlite::File::lasting(path)),
            Database::SqliteMemory => Self::open_file(options, &sqlite::File::fleeting()?),
            Database::Postgres(_) | Database::Mysql(_) => {
                Err(StoreError::Settings("not built yet".to_owned()))
            }
        }
    }

    fn open_file(options: &Options, file: &sqlite::File) -> Result<Self, StoreError> {
        migrate::sqlite(&mut file.connect_to_write()?)?;
        let (queue, jobs) = mpsc::channel(options.queue);
        let connection = sqlite::Writer::new(file.clone());
        let fault = options.fault.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| StoreError::unavailable("the writer cannot be started", error))?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || runtime.block_on(writer::run(connection, jobs, fault)))
            .map_err(|error| StoreError::unavailable("the writer cannot be started", error))?;
        let readers = Readers::Sqlite(sqlite::Readers::new(file.clone(), options.pool_size));
        Ok(Self::new(options, readers, queue, Some(thread)))
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
        let steps = tx.into_steps();
        if steps.is_empty() {
            return Ok(Commit::Done);
        }
        check(&steps)?;
        let (answer, told) = oneshot::channel();
        self.inner
            .queue
            .try_send(Message::Job(Job { steps, answer }))
            .map_err(|error| match error {
                TrySendError::Full(_) => StoreError::busy("too many writes wait"),
                TrySendError::Closed(_) => StoreError::busy("the store is closed"),
            })?;
        match tokio::time::timeout(self.inner.write_timeout, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::busy("the store was closed")),
            Err(_) => Err(StoreError::busy("the write took too long")),
        }
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query(&PING)
            .one(|row| row.int("alive"))
            .await
            .map(|_| ())
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
        match &self.inner.readers {
            Readers::Sqlite(readers) => readers.fetch(statement, args),
        }
    }
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
