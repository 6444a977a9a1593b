//! What can go wrong below the nouns. "Not found" is never among it: that is a value.

use std::error::Error;
use std::sync::Arc;

/// The driver's own error, shared by all jobs of a failed batch.
pub(crate) type Source = Arc<dyn Error + Send + Sync>;

/// Why the store could not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or has more to do than it can: try again later. A write that
    /// timed out may still have happened.
    #[error("the database is not available: {reason}")]
    Unavailable {
        /// What was being waited for.
        reason: &'static str,
        /// The driver's error, if there was one.
        #[source]
        source: Option<Source>,
    },
    /// A statement failed.
    #[error("statement {statement} failed")]
    Database {
        /// The statement's name.
        statement: &'static str,
        /// The driver's error.
        #[source]
        source: Source,
    },
    /// A value is longer than its column, or has a NUL character: it cannot be kept.
    #[error("statement {statement} was given a value that cannot be kept")]
    Refused {
        /// The statement's name.
        statement: &'static str,
        /// The driver's error.
        #[source]
        source: Source,
    },
    /// A row says something that this release cannot read.
    #[error("column {column} of statement {statement} cannot be read: {reason}")]
    Corrupt {
        /// The statement's name.
        statement: &'static str,
        /// The column's name.
        column: String,
        /// What is wrong with it; never its content.
        reason: &'static str,
    },
    /// A list is longer than [`crate::MAX_ROWS`].
    #[error("statement {statement} found more than {limit} rows", limit = crate::MAX_ROWS)]
    TooMany {
        /// The statement's name.
        statement: &'static str,
    },
    /// The database's schema does not fit this release.
    #[error("schema: {0}")]
    Schema(String),
    /// The settings of the database make no sense.
    #[error("database settings: {0}")]
    Settings(String),
}

impl StoreError {
    /// The database cannot be reached, for this reason.
    pub(crate) fn unavailable<E: Error + Send + Sync + 'static>(
        reason: &'static str,
        source: E,
    ) -> Self {
        Self::Unavailable {
            reason,
            source: Some(Arc::new(source)),
        }
    }

    /// The store has too much to do, or is closed.
    pub(crate) const fn busy(reason: &'static str) -> Self {
        Self::Unavailable {
            reason,
            source: None,
        }
    }

    /// A named statement failed.
    pub(crate) fn database<E: Error + Send + Sync + 'static>(
        statement: &'static str,
        source: E,
    ) -> Self {
        Self::Database {
            statement,
            source: Arc::new(source),
        }
    }

    /// Whether trying again later may help: the surface answers 503 with `Retry-After`.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// An error made here, not in a driver.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Plain(pub(crate) &'static str);
