//! Named statements. One text each, in PostgreSQL's spelling; what another engine says differently
//! is translated once, in [`crate::dialect`].

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use crate::dialect::Dialect;

/// A statement with a name, which goes into errors, logs and figures.
#[derive(Debug)]
pub(crate) struct Statement {
    /// The name, in capitals.
    pub(crate) name: &'static str,
    /// PostgreSQL's text: `$1`, `$2`, … each once and in order.
    master: Cow<'static, str>,
    /// MySQL's text.
    mysql: OnceLock<String>,
    /// The names of the columns of its rows, as the first engine asked tells them.
    columns: OnceLock<Box<[Box<str>]>>,
}

impl Statement {
    /// A statement known when the program is built.
    pub(crate) const fn new(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            master: Cow::Borrowed(text),
            mysql: OnceLock::new(),
            columns: OnceLock::new(),
        }
    }

    /// A statement put together for one question, from fixed pieces of text; what the caller gave
    /// is bound, never pasted.
    pub(crate) fn built(name: &'static str, text: String) -> Self {
        Self {
            name,
            master: Cow::Owned(text),
            mysql: OnceLock::new(),
            columns: OnceLock::new(),
        }
    }

    /// The text for this engine.
    pub(crate) fn text(&self, dialect: Dialect) -> &str {
        if dialect.is_mysql() {
            self.mysql.get_or_init(|| dialect.statement(&self.master))
        } else {
            &self.master
        }
    }

    /// The columns' names; `ask` is called the first time only.
    pub(crate) fn columns(&self, ask: impl FnOnce() -> Box<[Box<str>]>) -> &[Box<str>] {
        self.columns.get_or_init(ask)
    }

    /// The place of a column in its rows; `likely` is looked at first.
    pub(crate) fn column(&self, name: &str, likely: usize) -> Option<usize> {
        let columns = self.columns.get()?;
        if columns.get(likely).is_some_and(|column| **column == *name) {
            return Some(likely);
        }
        columns.iter().position(|column| **column == *name)
    }
}

/// A statement of the registry, or one that was built.
#[derive(Clone, Debug)]
pub(crate) enum StatementRef {
    /// Of the registry: kept prepared on every connection.
    Named(&'static Statement),
    /// Built: prepared for one use.
    Built(Arc<Statement>),
}

impl std::ops::Deref for StatementRef {
    type Target = Statement;
    fn deref(&self) -> &Statement {
        match self {
            Self::Named(statement) => statement,
            Self::Built(statement) => statement,
        }
    }
}

impl From<&'static Statement> for StatementRef {
    fn from(statement: &'static Statement) -> Self {
        Self::Named(statement)
    }
}

/// Declares the statements of a module, and the module's list `ALL` of them.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* pub(crate) static $name: $crate::statement::Statement =
            $crate::statement::Statement::new(stringify!($name), $text);)*
        /// Every statement of this module.
        pub(crate) static ALL: &[&$crate::statement::Statement] = &[$(&$name),*];
    };
}
pub(crate) use statements;

/// Every statement there is, by module.
pub(crate) static ALL: &[&[&Statement]] = &[
    crate::layer::ALL,
    crate::carry::ALL,
    crate::realm::ALL,
    crate::document::ALL,
    crate::user::ALL,
    crate::credential::ALL,
    crate::mapping::ALL,
    crate::organization::ALL,
    crate::organization_invitation::ALL,
    crate::organization_member::ALL,
    crate::consent::ALL,
    crate::login_failures::ALL,
    crate::authentication::ALL,
    crate::session::ALL,
    crate::session_count::ALL,
    crate::standing::ALL,
    crate::status::ALL,
    crate::token::ALL,
    crate::revocation::ALL,
    crate::event::ALL,
    crate::outbox::ALL,
    crate::logout_delivery::ALL,
    crate::logout_ending::ALL,
    crate::initial_access::ALL,
    crate::signal::ALL,
    crate::purge::ALL,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Two of three engines know no `$1`, only "the next one": a value that is needed twice has two
    /// places.
    #[test]
    fn every_value_has_one_place_and_they_are_in_order() {
        for statement in ALL.iter().copied().flatten() {
            let text = statement.text(Dialect::Postgres);
            let places: Vec<usize> = text
                .split('$')
                .skip(1)
                .map(|rest| {
                    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().unwrap()
                })
                .collect();
            let expected: Vec<usize> = (1..=places.len()).collect();
            assert_eq!(places, expected, "{}", statement.name);
        }
    }
}
