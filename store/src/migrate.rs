//! Brings a database's schema up to this release: forward only, one at a time, under a lock.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::dialect::Dialect;
use crate::error::StoreError;

/// One step of the schema's history. Never edited once shipped.
struct Migration {
    /// 1, 2, 3, …
    version: i64,
    /// Its statements, in PostgreSQL's words.
    text: &'static str,
}

/// The schema's history.
const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    text: include_str!("../migrations/0001_foundation.sql"),
}];

/// A row of `schema_migration`. `applied_at` is 0 while a migration is under way on an engine that
/// commits each definition by itself.
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) checksum: String,
    pub(crate) applied_at: i64,
}

/// What is left to do: one migration.
pub(crate) struct Pending {
    pub(crate) version: i64,
    pub(crate) checksum: String,
    /// Its statements in the engine's words.
    pub(crate) statements: Vec<String>,
    /// It was begun and not finished: what exists already is what it made.
    pub(crate) begun: bool,
}

/// The table that knows which migrations a database has.
pub(crate) fn history_table(dialect: Dialect) -> String {
    let ddl = "CREATE TABLE IF NOT EXISTS schema_migration (\n    version BIGINT NOT NULL,\n    \
               checksum VARCHAR(64) NOT NULL,\n    applied_at BIGINT NOT NULL,\n    \
               PRIMARY KEY (version)\n)";
    dialect.definition(ddl)
}

/// What a database has.
pub(crate) const HISTORY: &str =
    "SELECT version, checksum, applied_at FROM schema_migration ORDER BY version";

/// Compares what a database has with what this release knows.
///
/// # Errors
/// When the database has a migration that this release does not know, or another text of one.
pub(crate) fn pending(dialect: Dialect, applied: &[Applied]) -> Result<Vec<Pending>, StoreError> {
    for row in applied {
        let Some(known) = MIGRATIONS.iter().find(|known| known.version == row.version) else {
            return Err(StoreError::Schema(format!(
                "the database has migration {}, this release knows {} only: use a newer release",
                row.version,
                MIGRATIONS.len()
            )));
        };
        if checksum(known.text) != row.checksum {
            return Err(StoreError::Schema(format!(
                "migration {} was applied with another text than this release has",
                row.version
            )));
        }
    }
    let finished = |version| {
        applied
            .iter()
            .any(|row| row.version == version && row.applied_at > 0)
    };
    let begun = |version| applied.iter().any(|row| row.version == version);
    let left = MIGRATIONS.iter().filter(|known| !finished(known.version));
    Ok(left
        .map(|known| Pending {
            version: known.version,
            checksum: checksum(known.text),
            statements: split(known.text)
                .iter()
                .map(|ddl| dialect.definition(ddl))
                .collect(),
            begun: begun(known.version),
        })
        .collect())
}

/// The present, for the people who read the table: nothing decides by it.
#[expect(
    clippy::disallowed_methods,
    reason = "read by people only, before any clock exists"
)]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// SHA-256 of a text in hexadecimal, the same whatever ends its lines.
fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.replace("\r\n", "\n").as_bytes());
    digest
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The statements of a file: without comments, ended by a semicolon at the end of a line.
fn split(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    let bare = lines.collect::<Vec<_>>().join("\n");
    let statements = bare
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';'));
    statements
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Migrates a file of SQLite's.
pub(crate) fn sqlite(connection: &mut rusqlite::Connection) -> Result<(), StoreError> {
    let mut run = || -> Result<Result<(), StoreError>, rusqlite::Error> {
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
        tx.execute_batch(&history_table(Dialect::Sqlite))?;
        let applied = tx
            .prepare(HISTORY)?
            .query_map((), |row| {
                Ok(Applied {
                    version: row.get(0)?,
                    checksum: row.get(1)?,
                    applied_at: row.get(2)?,
                })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let pending = match pending(Dialect::Sqlite, &applied) {
            Ok(pending) => pending,
            Err(error) => return Ok(Err(error)),
        };
        for migration in pending {
            for statement in &migration.statements {
                tx.execute_batch(statement)?;
            }
            tx.execute(
                "INSERT INTO schema_migration (version, checksum, applied_at) VALUES (?1, ?2, ?3)",
                (migration.version, &migration.checksum, now()),
            )?;
        }
        tx.commit()?;
        Ok(Ok(()))
    };
    run().map_err(|error| StoreError::database("MIGRATE", error))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied() -> Vec<Applied> {
        let known = MIGRATIONS.iter();
        known
            .map(|known| Applied {
                version: known.version,
                checksum: checksum(known.text),
                applied_at: 1,
            })
            .collect()
    }

    #[test]
    fn versions_count_from_one() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|known| known.version).collect();
        assert_eq!(versions, (1..=versions.len() as i64).collect::<Vec<_>>());
    }

    #[test]
    fn a_current_database_needs_nothing() {
        assert!(pending(Dialect::Sqlite, &applied()).unwrap().is_empty());
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut rows = applied();
        rows.push(Applied {
            version: 9_999,
            checksum: String::new(),
            applied_at: 1,
        });
        let error = pending(Dialect::Sqlite, &rows).err().unwrap().to_string();
        assert!(error.contains("use a newer release"), "{error}");
    }

    #[test]
    fn an_altered_history_is_refused() {
        let mut rows = applied();
        rows[0].checksum = checksum("something else");
        let error = pending(Dialect::Sqlite, &rows).err().unwrap().to_string();
        assert!(error.contains("another text"), "{error}");
    }

    #[test]
    fn an_unfinished_migration_goes_on() {
        let mut rows = applied();
        rows.last_mut().unwrap().applied_at = 0;
        let pending = pending(Dialect::Mariadb, &rows).unwrap();
        assert!(pending.len() == 1 && pending[0].begun);
    }

    #[test]
    fn line_ends_do_not_matter() {
        assert_eq!(checksum("a\r\nb"), checksum("a\nb"));
        assert_eq!(split("-- x;\nA;\nB\nC;\r\n").len(), 2);
    }
}
