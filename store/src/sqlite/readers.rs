//! The connections that read, and what they see.
//!
//! To begin and end a read transaction costs SQLite more than a read by key: locks in the shared
//! memory beside the file, under a lock of the whole process. So a connection keeps its transaction
//! from one read to the next, as long as nothing was committed in between.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::{File, Fleeting, plan_once, read_error, select};
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::options::Options;
use crate::row::Row;
use crate::statement::StatementRef;
use crate::value::Value;

/// How long a snapshot is read from at most. What this process commits is seen at once; what another
/// writes into the same file (a command of the operator's, say) after this time.
const SNAPSHOT_LASTS: Duration = Duration::from_millis(1);

/// The files that are open in this process.
static OPEN: Mutex<Vec<(PathBuf, Weak<Snapshots>)>> = Mutex::new(Vec::new());

/// What the readers of a file may keep, and what its writers do about it.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// Commits so far. Raised before anybody is told of the commit: who reads after the answer sees
    /// another number than the snapshot was taken at.
    commits: AtomicU64,
    /// While the writer commits nobody keeps a snapshot: SQLite then moves the log into the file, which
    /// it cannot do below a reader, and the log would grow for ever.
    committing: AtomicBool,
    idle: Mutex<Vec<Reader>>,
}

/// A connection, and what it sees.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    /// A transaction is open: the number of commits that it saw at least, and since when.
    snapshot: Option<(u64, Instant)>,
}

impl Reader {
    /// Sees what is committed now, or was when the snapshot began if nothing came since.
    fn look(&mut self, snapshots: &Snapshots) -> rusqlite::Result<()> {
        if snapshots.committing.load(Ordering::SeqCst) {
            return self.let_go();
        }
        // Read before the snapshot begins: it sees this commit, and perhaps later ones.
        let commits = snapshots.commits.load(Ordering::SeqCst);
        if let Some((seen, since)) = self.snapshot
            && seen == commits
            && since.elapsed() < SNAPSHOT_LASTS
        {
            return Ok(());
        }
        self.let_go()?;
        self.say("BEGIN")?;
        self.snapshot = Some((commits, Instant::now()));
        Ok(())
    }

    /// Keeps nothing: the next read sees what is committed then.
    fn let_go(&mut self) -> rusqlite::Result<()> {
        match self.snapshot.take() {
            Some(_) => self.say("COMMIT"),
            None => Ok(()),
        }
    }

    fn say(&self, word: &str) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(word)?
            .raw_execute()
            .map(drop)
    }
}

impl Snapshots {
    /// Those of a file that exists: all stores of this process that have it open share them.
    pub(crate) fn of(file: &File) -> Arc<Self> {
        let path = std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, snapshots)| snapshots.strong_count() > 0);
        let known = open.iter().find(|(other, _)| *other == path);
        if let Some(snapshots) = known.and_then(|(_, snapshots)| snapshots.upgrade()) {
            return snapshots;
        }
        let snapshots = Arc::default();
        open.push((path, Arc::downgrade(&snapshots)));
        snapshots
    }

    /// Commits, while nobody keeps a snapshot. Whatever came of it, none is read from any more.
    pub(crate) fn while_committing<T>(&self, commit: impl FnOnce() -> T) -> T {
        self.committing.store(true, Ordering::SeqCst);
        // One that cannot end its transaction is let go altogether.
        self.idle().retain_mut(|reader| reader.let_go().is_ok());
        let result = commit();
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.committing.store(false, Ordering::SeqCst);
        result
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections that read. A read by key is a few microseconds: it is done where it is asked for.
#[derive(Debug)]
pub(crate) struct Readers {
    file: File,
    snapshots: Arc<Snapshots>,
    keep: usize,
    timeout: Duration,
    _fleeting: Option<Fleeting>,
}

impl Readers {
    /// Keeps some connections for later.
    pub(crate) const fn new(
        file: File,
        snapshots: Arc<Snapshots>,
        fleeting: Option<Fleeting>,
        options: &Options,
    ) -> Self {
        Self {
            file,
            snapshots,
            keep: options.pool_size,
            timeout: options.read_timeout,
            _fleeting: fleeting,
        }
    }

    /// Asks one question, here and now.
    pub(crate) fn fetch(
        &self,
        statement: &StatementRef,
        args: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let mut reader = self.take()?;
        reader
            .look(&self.snapshots)
            .map_err(|error| read_error(statement.name, error))?;
        let rows = select(&reader.connection, statement, args);
        // After an error nobody knows what state the connection is in: another will be made.
        if rows.is_ok() {
            self.park(reader);
        }
        rows
    }

    /// Asks one question on a thread for such work, and ends it when it takes too long.
    pub(crate) async fn search(
        self: &Arc<Self>,
        statement: &StatementRef,
        args: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let mut reader = self.take()?;
        reader
            .let_go()
            .map_err(|error| read_error(statement.name, error))?;
        let interrupt = reader.connection.get_interrupt_handle();
        let (readers, statement, args) = (Arc::clone(self), statement.clone(), args.to_vec());
        let mut work = tokio::task::spawn_blocking(move || {
            let rows = search(&reader.connection, &statement, &args);
            if rows.is_ok() {
                readers.park(reader);
            }
            rows
        });
        match tokio::time::timeout(self.timeout, &mut work).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => Err(StoreError::unavailable("the search was cut off", error)),
            Err(_) => {
                interrupt.interrupt();
                Err(StoreError::busy("the search took too long"))
            }
        }
    }

    /// Where the file is.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.file.path
    }

    fn take(&self) -> Result<Reader, StoreError> {
        if let Some(reader) = self.snapshots.idle().pop() {
            return Ok(reader);
        }
        Ok(Reader {
            connection: self.file.connect_to_read()?,
            snapshot: None,
        })
    }

    fn park(&self, mut reader: Reader) {
        let mut idle = self.snapshots.idle();
        // Looked at under the lock: the writer either sees this one, or has said so before.
        if self.snapshots.committing.load(Ordering::SeqCst) && reader.let_go().is_err() {
            return;
        }
        if idle.len() < self.keep {
            idle.push(reader);
        }
    }

    /// Connections that are kept, all of them idle: a read takes one for microseconds, or makes its
    /// own; nobody waits.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        let kept = self.snapshots.idle().len();
        (kept, kept, 0)
    }

    /// Lets the connections go.
    pub(crate) fn close(&self) {
        self.snapshots.idle().clear();
    }

    /// Whether the engine understands a statement.
    pub(crate) fn prepare(&self, statement: &StatementRef) -> Result<(), StoreError> {
        let connection = self.file.connect_to_read()?;
        connection
            .prepare(statement.text(Dialect::Sqlite))
            .map(|_| ())
            .map_err(|error| StoreError::database(statement.name, error))
    }
}

/// A search is planned for its values: whether `LIKE` can use an index depends on them.
fn search(
    connection: &Connection,
    statement: &StatementRef,
    args: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let plan = |once| {
        plan_once(connection, once).map_err(|error| StoreError::database(statement.name, error))
    };
    plan(false)?;
    let rows = select(connection, statement, args);
    plan(true)?;
    rows
}

#[cfg(test)]
mod tests {
    use claviger_model::{Millis, RealmId};

    use super::*;
    use crate::options::{Database, Options};
    use crate::{Store, Tx};

    fn at() -> RealmId {
        RealmId::new("r")
    }

    async fn open(path: &std::path::Path) -> Store {
        let mut options = Options::sqlite_memory();
        options.database = Database::Sqlite {
            path: path.to_owned(),
        };
        Store::open(&options).await.unwrap()
    }

    /// A reader that keeps what it sees would keep the log from being moved into the file.
    #[tokio::test]
    async fn the_log_does_not_grow_for_ever_under_readers() {
        let folder = folder();
        let path = folder.join("log.db");
        let store = open(&path).await;
        let text = "x".repeat(50_000);
        for number in 0..500 {
            let mut tx = Tx::new();
            tx.use_once(&at(), &format!("k{}", number % 7), &text, Millis(number));
            tx.purge_expired(Millis(number), 10);
            assert!(store.commit(tx).await.unwrap().is_done());
            assert!(!store.token_revoked(&at(), "t").await.unwrap());
        }
        let log = std::fs::metadata(folder.join("log.db-wal")).unwrap().len();
        assert!(log < 10 << 20, "{log} bytes");
        store.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// A command of the operator's writes into the file of a running server.
    #[tokio::test]
    async fn what_another_process_writes_is_seen_soon() {
        let folder = folder();
        let path = folder.join("foreign.db");
        let store = open(&path).await;
        let other = Connection::open(&path).unwrap();
        assert!(!store.token_revoked(&at(), "t").await.unwrap());
        other
            .execute("INSERT INTO revoked_token VALUES ('r', 't', 1)", [])
            .unwrap();
        let since = Instant::now();
        while !store.token_revoked(&at(), "t").await.unwrap() {
            assert!(since.elapsed() < Duration::from_secs(10), "never seen");
        }
        store.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// An empty folder of this test's own.
    fn folder() -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claviger-readers-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}
