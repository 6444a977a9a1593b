//! One question to the database.

use std::sync::Arc;

use crate::Store;
use crate::error::{Plain, StoreError};
use crate::row::Row;
use crate::statement::{Statement, StatementRef};
use crate::value::Value;

/// Values of one question: what the most modest engine takes (SQLite, 32,766), rounded down.
const MAX_ARGS: usize = 30_000;

/// A statement and its arguments, to be asked once.
#[must_use = "a query is nothing until it is asked"]
pub(crate) struct Query<'a> {
    store: &'a Store,
    statement: StatementRef,
    args: Vec<Value>,
}

impl Store {
    /// A question of the registry.
    pub(crate) fn query(&self, statement: &'static Statement) -> Query<'_> {
        Query {
            store: self,
            statement: statement.into(),
            args: Vec::new(),
        }
    }

    /// A question put together from fixed pieces.
    pub(crate) fn query_built(&self, statement: Statement, args: Vec<Value>) -> Query<'_> {
        Query {
            store: self,
            statement: StatementRef::Built(Arc::new(statement)),
            args,
        }
    }
}

impl Query<'_> {
    /// Gives the next placeholder its value. PostgreSQL keeps no NUL character: text with one equals
    /// nothing kept, and is asked for with U+FFFD in its place on every engine.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.args.push(value.into());
        self
    }

    /// All rows.
    pub(crate) async fn all<T>(
        self,
        map: impl Fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = self.rows().await?;
        rows.iter_mut().map(map).collect()
    }

    /// The first row, if there is one.
    pub(crate) async fn optional<T>(
        self,
        map: impl Fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut rows = self.rows().await?;
        rows.first_mut().map(map).transpose()
    }

    /// The row that is always there: of a count.
    pub(crate) async fn one<T>(
        self,
        map: impl Fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let statement = self.statement.name;
        self.optional(map)
            .await?
            .ok_or_else(|| StoreError::Corrupt {
                statement,
                column: "*".to_owned(),
                reason: "no row",
            })
    }

    async fn rows(mut self) -> Result<Vec<Row>, StoreError> {
        for value in &mut self.args {
            if let Value::Text(text) = value
                && text.contains('\0')
            {
                *text = text.replace('\0', "\u{fffd}");
            }
        }
        if self.args.len() > MAX_ARGS {
            let source = Arc::new(Plain("too many values in one question"));
            return Err(StoreError::Refused {
                statement: self.statement.name,
                source,
            });
        }
        self.store.fetch(&self.statement, &self.args).await
    }
}
