//! How SQLite's schema is brought up to date: in one exclusive transaction.

use rusqlite::Connection;

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::migrate::{Applied, HISTORY, Migrate};

/// The connection that migrates.
pub(crate) struct Migrator(pub(crate) Connection);

fn migration_error(error: rusqlite::Error) -> StoreError {
    StoreError::database("MIGRATE", error)
}

impl Migrate for Migrator {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn lock(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN EXCLUSIVE").await
    }

    async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.execute_batch(sql).map_err(migration_error)
    }

    async fn history(&mut self) -> Result<Vec<Applied>, StoreError> {
        let mut statement = self.0.prepare(HISTORY).map_err(migration_error)?;
        let applied = |row: &rusqlite::Row<'_>| {
            Ok(Applied {
                version: row.get(0)?,
                checksum: row.get(1)?,
                at: row.get(2)?,
            })
        };
        let rows = statement.query_map((), applied).map_err(migration_error)?;
        rows.collect::<Result<_, _>>().map_err(migration_error)
    }

    async fn unlock(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT").await
    }
}
