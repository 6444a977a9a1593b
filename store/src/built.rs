//! Questions whose filters are known only when they are asked. The text is made of fixed pieces with
//! `?` for each value; nothing that a caller gave is ever part of the text.

use crate::Store;
use crate::query::Query;
use crate::statement::Statement;
use crate::value::Value;

/// The longest page. A negative `max` asks for it.
pub const MAX_PAGE: i64 = 100_000;

/// The longest pattern that every engine takes (SQLite, 50,000 bytes), rounded down.
const MAX_PATTERN: usize = 40_000;

/// A question being put together.
#[derive(Debug)]
pub(crate) struct Built {
    text: String,
    args: Vec<Value>,
}

impl Built {
    /// Begins with the head of the statement.
    pub(crate) fn new(head: &str) -> Self {
        Self {
            text: head.to_owned(),
            args: Vec::new(),
        }
    }

    /// Adds a piece; each `?` in it stands for the next of `values`.
    pub(crate) fn filter(&mut self, piece: &'static str, values: impl IntoIterator<Item = Value>) {
        let mut values = values.into_iter();
        for part in piece.split_inclusive('?') {
            match part.strip_suffix('?') {
                Some(before) => {
                    self.text.push_str(before);
                    self.placeholder(values.next().unwrap_or(Value::Null));
                }
                None => self.text.push_str(part),
            }
        }
    }

    /// Adds a piece with ` LIKE ? ESCAPE '!'` in it, once or several times, all for one pattern. What
    /// is longer than any engine takes finds nothing.
    pub(crate) fn like(&mut self, piece: &'static str, pattern: &str) {
        if pattern.len() > MAX_PATTERN {
            let closes = piece.matches(')').count() > piece.matches('(').count();
            self.text
                .push_str(if closes { " AND 1 = 0)" } else { " AND 1 = 0" });
        } else {
            self.filter(
                piece,
                std::iter::repeat_n(pattern.into(), piece.matches('?').count()),
            );
        }
    }

    /// Adds `piece`, which opens a bracket, with one placeholder per value, and closes it. An empty
    /// list holds nothing, and finds nothing.
    pub(crate) fn one_of(&mut self, piece: &'static str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(piece);
        let mut some = false;
        for value in values {
            if some {
                self.text.push_str(", ");
            }
            some = true;
            self.placeholder(value);
        }
        self.text.push_str(if some { ")" } else { "NULL)" });
    }

    /// Ends with the order and the page.
    pub(crate) fn page(&mut self, order: &'static str, first: i64, max: i64) {
        self.text.push_str(order);
        self.filter(
            " LIMIT ? OFFSET ?",
            [page_size(max).into(), first.max(0).into()],
        );
    }

    /// Ready to be asked, under this name.
    pub(crate) fn query<'a>(self, store: &'a Store, name: &'static str) -> Query<'a> {
        store.query_built(Statement::built(name, self.text), self.args)
    }

    fn placeholder(&mut self, value: Value) {
        self.args.push(value);
        self.text.push('$');
        self.text.push_str(&self.args.len().to_string());
    }
}

/// The size of a page that was asked for: never more than [`MAX_PAGE`].
pub(crate) fn page_size(max: i64) -> i64 {
    if max < 0 { MAX_PAGE } else { max.min(MAX_PAGE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_counted() {
        let mut built = Built::new("SELECT a FROM t");
        built.filter(" WHERE b = ?", ["x".into()]);
        built.one_of(" AND c IN (", ["y".into(), "z".into()]);
        built.one_of(" AND d IN (", []);
        built.page(" ORDER BY a", -5, -1);
        assert_eq!(
            built.text,
            "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3) AND d IN (NULL) ORDER BY a \
             LIMIT $4 OFFSET $5"
        );
        assert_eq!(built.args.len(), 5);
        built.like(" AND e LIKE ? ESCAPE '!')", &"x".repeat(50_000));
        assert!(built.text.ends_with(" AND 1 = 0)"));
        assert_eq!(
            (page_size(-1), page_size(7), page_size(i64::MAX)),
            (MAX_PAGE, 7, MAX_PAGE)
        );
    }
}
