//! SQLite: reads inline on a few connections, writes on a thread of their own.

mod migrator;
mod readers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value as Cell, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::dialect::Dialect;
use crate::error::{Plain, StoreError};
use crate::row::Row;
use crate::statement::StatementRef;
use crate::tx::Step;
use crate::value::Value;
use crate::writer::{Control, Failure, Stop, WriteConnection};

pub(crate) use migrator::Migrator;
pub(crate) use readers::{Readers, Snapshots};

/// Statements kept prepared on each connection: all of the registry, and room for built ones.
const PREPARED: usize = 512;
/// How long to wait for another process that writes the same file.
const BUSY: Duration = Duration::from_secs(5);

/// Where a database of SQLite's is, and how safely it is written.
#[derive(Clone, Debug)]
pub(crate) struct File {
    path: PathBuf,
    /// Otherwise nothing need reach the disk.
    lasting: bool,
}

/// Removes the files of a store that was asked for in memory, with the store's last handle.
#[derive(Debug)]
pub(crate) struct Fleeting(PathBuf);

impl Drop for Fleeting {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            let _ = std::fs::remove_file(path);
        }
    }
}

impl File {
    /// A file that lasts.
    pub(crate) fn lasting(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            lasting: true,
        }
    }

    /// A file of its own in the directory for such files. True memory databases lock out readers
    /// while something is written; this behaves as the real thing does.
    pub(crate) fn fleeting() -> Result<(Self, Fleeting), StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let directory = std::env::temp_dir();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("claviger-{}-{number}.db", std::process::id()));
            match private_file().create_new(true).open(&path) {
                Ok(_) => {
                    let fleeting = Fleeting(path.clone());
                    let lasting = false;
                    return Ok((Self { path, lasting }, fleeting));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(StoreError::unavailable(
                        "no temporary file can be made",
                        error,
                    ));
                }
            }
        }
    }

    /// A connection that may write.
    pub(crate) fn connect_to_write(&self) -> Result<Connection, StoreError> {
        private_file()
            .create(true)
            .open(&self.path)
            .map_err(|error| {
                StoreError::unavailable("the database file cannot be opened", error)
            })?;
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let synchronous = if self.lasting { "FULL" } else { "OFF" };
        let prepare = || {
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", synchronous)
        };
        prepare().map_err(|error| {
            StoreError::unavailable("the database file cannot be opened", error)
        })?;
        Ok(connection)
    }

    /// A connection that only reads.
    pub(crate) fn connect_to_read(&self) -> Result<Connection, StoreError> {
        // Not read-only: after a crash the first connection to a WAL database has to recover it.
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let prepare = || {
            connection.pragma_update(None, "query_only", true)?;
            // As every other engine has it; names are searched in lower case anyway.
            connection.pragma_update(None, "case_sensitive_like", true)
        };
        prepare().map_err(|error| {
            StoreError::unavailable("the database file cannot be opened", error)
        })?;
        Ok(connection)
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection, StoreError> {
        let open = || {
            let connection =
                Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            connection.busy_timeout(BUSY)?;
            connection.set_prepared_statement_cache_capacity(PREPARED);
            plan_once(&connection, true)?;
            Ok(connection)
        };
        open().map_err(|error: rusqlite::Error| {
            StoreError::unavailable("the database file cannot be opened", error)
        })
    }
}

/// How to make a file that holds password hashes and keys: nobody else may read it. The files that
/// SQLite puts beside it get the same permissions.
fn private_file() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Whether statements keep the plan they were prepared with, whatever is bound to them. Otherwise
/// SQLite prepares many of them anew at each execution, to see whether another value had another
/// plan; the registered ones look up by key, and have one plan.
fn plan_once(connection: &Connection, on: bool) -> rusqlite::Result<()> {
    let set = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, on);
    set.map(drop)
}

fn select(
    connection: &Connection,
    statement: &StatementRef,
    args: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let failed = |error: rusqlite::Error| read_error(statement.name, error);
    let mut prepared = connection
        .prepare_cached(statement.text(Dialect::Sqlite))
        .map_err(failed)?;
    let width = statement
        .columns(|| prepared.column_names().map(Into::into).collect())
        .len();
    bind(&mut prepared, args).map_err(failed)?;
    let mut found = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        if rows.len() == crate::MAX_ROWS {
            return Err(StoreError::TooMany {
                statement: statement.name,
            });
        }
        let mut values = Vec::with_capacity(width);
        for place in 0..width {
            values.push(cell(row.get_ref(place).map_err(failed)?));
        }
        rows.push(Row::new(statement.clone(), values));
    }
    Ok(rows)
}

fn cell(value: ValueRef<'_>) -> Value {
    match value {
        // The schema has no fractions; sums and counts are whole.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes(text.to_vec()),
        },
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

fn bind(statement: &mut rusqlite::Statement<'_>, args: &[Value]) -> rusqlite::Result<()> {
    if statement.parameter_count() != args.len() {
        return Err(rusqlite::Error::InvalidParameterCount(
            args.len(),
            statement.parameter_count(),
        ));
    }
    for (place, value) in args.iter().enumerate() {
        statement.raw_bind_parameter(place + 1, value)?;
    }
    Ok(())
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Cell::Null),
            Self::Int(number) => ToSqlOutput::Owned(Cell::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

fn read_error(statement: &'static str, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure,
        ) => StoreError::unavailable("the database file cannot be read", error),
        _ => StoreError::database(statement, error),
    }
}

/// The connection that writes.
pub(crate) struct Writer {
    file: File,
    connection: Option<Connection>,
    snapshots: Arc<Snapshots>,
}

impl Writer {
    /// Not connected yet.
    pub(crate) const fn new(file: File, snapshots: Arc<Snapshots>) -> Self {
        Self {
            file,
            connection: None,
            snapshots,
        }
    }

    fn connection(&self) -> Result<&Connection, Failure> {
        self.connection
            .as_ref()
            .ok_or_else(|| Failure::Connection(Arc::new(Plain("not connected"))))
    }

    fn step(&self, step: &Step) -> Result<(), Stop> {
        let name = step.statement.name;
        let failed = |failure| Stop::Failed(name, failure);
        let connection = self.connection().map_err(failed)?;
        let touched = execute(connection, step).map_err(|error| failed(self.failure(error)))?;
        if step.fits(touched) {
            Ok(())
        } else {
            Err(Stop::Missed(name))
        }
    }

    fn failure(&self, error: rusqlite::Error) -> Failure {
        if has_no_room(&error) {
            return Failure::NoRoom(Arc::new(error));
        }
        // Some errors roll the whole transaction back.
        let open = self
            .connection
            .as_ref()
            .is_some_and(|connection| !connection.is_autocommit());
        if !open {
            return Failure::Connection(Arc::new(error));
        }
        let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
        match extended {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => Failure::Duplicate,
            ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_TOOBIG => Failure::Refused(Arc::new(error)),
            _ => Failure::Statement(Arc::new(error)),
        }
    }
}

/// A disk that is full, a quota, a file that may not grow, a device that fails.
fn has_no_room(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory)
    )
}

fn execute(connection: &Connection, step: &Step) -> rusqlite::Result<u64> {
    let mut prepared = connection.prepare_cached(step.statement.text(Dialect::Sqlite))?;
    bind(&mut prepared, &step.args)?;
    prepared
        .raw_execute()
        .map(|rows| u64::try_from(rows).unwrap_or(u64::MAX))
}

impl WriteConnection for Writer {
    async fn open(&mut self) -> Result<(), StoreError> {
        if self.connection.is_none() {
            self.connection = Some(self.file.connect_to_write()?);
        }
        Ok(())
    }

    async fn control(&mut self, word: Control) -> Result<(), Failure> {
        let connection = self.connection()?;
        let run = || {
            connection
                .prepare_cached(word.text("BEGIN IMMEDIATE"))?
                .raw_execute()
        };
        let said = match word {
            Control::Commit => self.snapshots.while_committing(run),
            Control::Begin
            | Control::Savepoint
            | Control::Release
            | Control::RollbackTo
            | Control::Rollback => run(),
        };
        match said {
            Ok(_) => Ok(()),
            Err(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    Err(Failure::Again(Arc::new(error)))
                }
                _ if has_no_room(&error) => Err(Failure::NoRoom(Arc::new(error))),
                // SQLite says when a commit did not happen: nothing of it is in the file.
                _ => Err(Failure::Statement(Arc::new(error))),
            },
        }
    }

    async fn steps(&mut self, steps: &[Step]) -> Result<(), Stop> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn forget(&mut self) {
        self.connection = None;
    }
}
