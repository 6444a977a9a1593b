//! Brings a database's schema up to this release: forward only, one at a time, under a lock.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::dialect::Dialect;
use crate::error::StoreError;

/// One step of the schema's history. Never edited once shipped.
struct Migration {
    /// 1, 2, 3, …; a number that was given away and not used is left out.
    version: i64,
    /// Its statements, in PostgreSQL's words.
    text: &'static str,
}

/// The schema's history.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        text: include_str!("../migrations/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        text: include_str!("../migrations/0002_login_failure.sql"),
    },
    Migration {
        version: 3,
        text: include_str!("../migrations/0003_kept.sql"),
    },
    Migration {
        version: 4,
        text: include_str!("../migrations/0004_authentication_session.sql"),
    },
    Migration {
        version: 5,
        text: include_str!("../migrations/0005_outbox_target.sql"),
    },
    Migration {
        version: 6,
        text: include_str!("../migrations/0006_revocation.sql"),
    },
    Migration {
        version: 7,
        text: include_str!("../migrations/0007_logout_delivery.sql"),
    },
    Migration {
        version: 8,
        text: include_str!("../migrations/0008_status_index.sql"),
    },
    Migration {
        version: 9,
        text: include_str!("../migrations/0009_signal_subject.sql"),
    },
    Migration {
        version: 10,
        text: include_str!("../migrations/0010_client_initial_access.sql"),
    },
    Migration {
        version: 11,
        text: include_str!("../migrations/0011_organization.sql"),
    },
];

/// A row of `schema_migration`. `at` is 0 while a migration is under way on an engine that
/// commits each definition by itself.
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) checksum: String,
    pub(crate) at: i64,
}

/// What is left to do: one migration.
struct Pending {
    version: i64,
    checksum: String,
    /// Its statements in the engine's words.
    statements: Vec<String>,
    /// It was begun and not finished: what exists already is what it made.
    begun: bool,
}

/// The table that knows which migrations a database has.
fn history_table(dialect: Dialect) -> String {
    let ddl = "CREATE TABLE IF NOT EXISTS schema_migration (\n    version BIGINT NOT NULL,\n    \
               checksum VARCHAR(64) NOT NULL,\n    applied_at BIGINT NOT NULL,\n    \
               PRIMARY KEY (version)\n)";
    dialect.definition(ddl)
}

/// What a database has.
pub(crate) const HISTORY: &str =
    "SELECT version, checksum, applied_at FROM schema_migration ORDER BY version";

/// A connection that migrates, before anything else happens.
pub(crate) trait Migrate: Send {
    /// The engine.
    fn dialect(&self) -> Dialect;
    /// Keeps other nodes, and where the engine can, takes back what is not finished.
    fn lock(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Runs a statement.
    fn run(&mut self, sql: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Runs a definition that may have been made by an attempt that was cut off.
    fn run_again(&mut self, sql: &str) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.run(sql)
    }
    /// Asks [`HISTORY`].
    fn history(&mut self) -> impl Future<Output = Result<Vec<Applied>, StoreError>> + Send;
    /// Keeps what was done, and lets other nodes in.
    fn unlock(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Brings the schema up to this release. After an error the connection has to be dropped.
pub(crate) async fn migrate<C: Migrate>(connection: &mut C) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    connection.lock().await?;
    connection.run(&history_table(dialect)).await?;
    let applied = connection.history().await?;
    for migration in pending(dialect, &applied)? {
        let Pending {
            version,
            checksum,
            statements,
            begun,
        } = migration;
        tracing::info!(version, resumed = begun, "migrating the schema");
        if !begun {
            connection.run(&record(version, &checksum, 0)).await?;
        }
        for statement in &statements {
            if begun {
                connection.run_again(statement).await?;
            } else {
                connection.run(statement).await?;
            }
        }
        let finish = format!(
            "UPDATE schema_migration SET applied_at = {} WHERE version = {version}",
            now()
        );
        connection.run(&finish).await?;
    }
    connection.unlock().await
}

/// Numbers and hexadecimal digits only: nothing in it has to be quoted.
fn record(version: i64, checksum: &str, applied_at: i64) -> String {
    format!(
        "INSERT INTO schema_migration (version, checksum, applied_at) \
         VALUES ({version}, '{checksum}', {applied_at})"
    )
}

/// Compares what a database has with what this release knows.
///
/// # Errors
/// When the database has a migration that this release does not know, or another text of one.
fn pending(dialect: Dialect, applied: &[Applied]) -> Result<Vec<Pending>, StoreError> {
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
            .any(|row| row.version == version && row.at > 0)
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
fn now() -> i64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn applied() -> Vec<Applied> {
        let known = MIGRATIONS.iter();
        known
            .map(|known| Applied {
                version: known.version,
                checksum: checksum(known.text),
                at: 1,
            })
            .collect()
    }

    #[test]
    fn versions_begin_at_one_and_grow() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|known| known.version).collect();
        assert_eq!(versions.first(), Some(&1));
        assert!(
            versions.is_sorted_by(|one, next| one < next),
            "{versions:?}"
        );
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
            at: 1,
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
        rows.last_mut().unwrap().at = 0;
        let pending = pending(Dialect::Mariadb, &rows).unwrap();
        assert!(pending.len() == 1 && pending[0].begun);
    }

    #[test]
    fn line_ends_do_not_matter() {
        assert_eq!(checksum("a\r\nb"), checksum("a\nb"));
        assert_eq!(split("-- x;\nA;\nB\nC;\r\n").len(), 2);
    }
}
