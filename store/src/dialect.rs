//! Where the engines differ, and nowhere else.

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite, inside this process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// Oracle's MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

impl Dialect {
    /// Whether it speaks MySQL's protocol and SQL.
    pub(crate) const fn is_mysql(self) -> bool {
        matches!(self, Self::Mysql | Self::Mariadb)
    }

    /// A statement of the registry in this engine's words. MySQL knows only `?`, and has its own
    /// upsert and its own way to delete some rows only.
    pub(crate) fn statement(self, master: &str) -> String {
        if self.is_mysql() {
            upsert(&question_marks(&oldest(master)))
        } else {
            master.to_owned()
        }
    }

    /// A statement of a migration in this engine's words.
    ///
    /// - SQLite does not check the length of a `VARCHAR` by itself: it is told to, so that no engine
    ///   keeps what another refuses.
    /// - MySQL's `TEXT` ends at 64 KiB, and its default collations neither tell `a` from `A` nor `a`
    ///   from `a `. Both would let one id stand for another.
    pub(crate) fn definition(self, ddl: &str) -> String {
        match self {
            Self::Sqlite => {
                let ddl = replace_word(ddl, "BYTES", "BLOB");
                ddl.lines()
                    .map(with_length_check)
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            Self::Postgres => replace_word(ddl, "BYTES", "BYTEA"),
            Self::Mysql | Self::Mariadb => {
                let ddl = replace_word(ddl, "BYTES", "LONGBLOB");
                let ddl = replace_word(&ddl, "TEXT", "LONGTEXT");
                if ddl.trim_start().starts_with("CREATE TABLE") {
                    format!("{}{}", ddl.trim_end(), self.table_options())
                } else {
                    ddl
                }
            }
        }
    }

    /// What follows the closing bracket of `CREATE TABLE`.
    const fn table_options(self) -> &'static str {
        match self {
            Self::Sqlite | Self::Postgres => "",
            Self::Mysql => " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin",
            Self::Mariadb => " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
        }
    }
}

/// `$1`, `$2`, … become `?`, but for text in quotes.
fn question_marks(master: &str) -> String {
    let mut out = String::with_capacity(master.len());
    let mut chars = master.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        if c == '\'' {
            quoted = !quoted;
        }
        if c == '$' && !quoted {
            out.push('?');
            while chars.next_if(char::is_ascii_digit).is_some() {}
        } else {
            out.push(c);
        }
    }
    out
}

/// `DELETE FROM t WHERE (k) IN (SELECT … FROM (SELECT k FROM t WHERE … ORDER BY … LIMIT …) due)` in MySQL's
/// words: `DELETE FROM t WHERE … ORDER BY … LIMIT …`. The other way it reads, and locks, the whole table.
fn oldest(text: &str) -> String {
    let shorter = || {
        let (head, tail) = text.split_once(" WHERE (")?;
        let table = head.strip_prefix("DELETE FROM ")?;
        let inner = tail.strip_suffix(") due)")?;
        let (_, inner) = inner.split_once(" FROM (SELECT ")?;
        let (_, rest) = inner.split_once(&format!(" FROM {table} "))?;
        Some(format!("{head} {rest}"))
    };
    shorter().unwrap_or_else(|| text.to_owned())
}

/// `ON CONFLICT (a, b) DO NOTHING` and `ON CONFLICT (a, b) DO UPDATE SET c = excluded.c` in MySQL's
/// words. The key named must be the only unique key of the table.
fn upsert(text: &str) -> String {
    let Some((head, tail)) = text.split_once(" ON CONFLICT (") else {
        return text.to_owned();
    };
    let Some((key, action)) = tail.split_once(") DO ") else {
        return text.to_owned();
    };
    let set = if let Some(set) = action.strip_prefix("UPDATE SET ") {
        excluded_values(set)
    } else {
        let first = key.split(',').next().unwrap_or(key).trim();
        format!("{first} = {first}")
    };
    format!("{head} ON DUPLICATE KEY UPDATE {set}")
}

/// `excluded.c` becomes `VALUES(c)`.
fn excluded_values(set: &str) -> String {
    let mut out = String::with_capacity(set.len());
    let mut rest = set;
    while let Some((before, after)) = rest.split_once("excluded.") {
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        let (column, remainder) = after.split_at(end);
        out.push_str(before);
        out.push_str("VALUES(");
        out.push_str(column);
        out.push(')');
        rest = remainder;
    }
    out.push_str(rest);
    out
}

/// Puts one word in place of another, whole words only.
fn replace_word(text: &str, word: &str, other: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, found) = rest.split_at(at);
        let after = found.get(word.len()..).unwrap_or("");
        let whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        out.push_str(before);
        out.push_str(if whole { other } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `name VARCHAR(255) NOT NULL,` gets `CHECK (length(name) <= 255)` before its comma.
fn with_length_check(line: &str) -> String {
    let Some((name, after)) = line.trim_start().split_once(" VARCHAR(") else {
        return line.to_owned();
    };
    let Some((length, _)) = after.split_once(')') else {
        return line.to_owned();
    };
    let (body, comma) = line
        .strip_suffix(',')
        .map_or((line, ""), |body| (body, ","));
    format!("{body} CHECK (length({name}) <= {length}){comma}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_question_marks() {
        let cases = [
            (
                "SELECT a FROM t WHERE b = $1 AND c = $2",
                "SELECT a FROM t WHERE b = ? AND c = ?",
            ),
            (
                "SELECT '$1' FROM t WHERE b = $10",
                "SELECT '$1' FROM t WHERE b = ?",
            ),
            ("SELECT 1", "SELECT 1"),
        ];
        for (master, mysql) in cases {
            assert_eq!(Dialect::Mysql.statement(master), mysql);
            assert_eq!(Dialect::Postgres.statement(master), master);
        }
    }

    #[test]
    fn the_oldest_rows_are_deleted_without_a_look_at_the_others() {
        let master = "DELETE FROM t WHERE (a, b) IN (SELECT due.a, due.b FROM (SELECT a, b FROM t \
                      WHERE e <= $1 ORDER BY e LIMIT $2) due)";
        let mysql = "DELETE FROM t WHERE e <= ? ORDER BY e LIMIT ?";
        assert_eq!(Dialect::Mariadb.statement(master), mysql);
        assert_eq!(Dialect::Postgres.statement(master), master);
        let plain = "DELETE FROM t WHERE (a = $1 OR b = $2)";
        let mysql = "DELETE FROM t WHERE (a = ? OR b = ?)";
        assert_eq!(Dialect::Mariadb.statement(plain), mysql);
    }

    #[test]
    fn upserts_are_translated() {
        let cases = [
            (
                "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a, b) DO NOTHING",
                "INSERT INTO t (a, b) VALUES (?, ?) ON DUPLICATE KEY UPDATE a = a",
            ),
            (
                "INSERT INTO t (a, b, c) VALUES ($1, $2, $3) ON CONFLICT (a) DO UPDATE SET \
                 b = excluded.b, c = excluded.c",
                "INSERT INTO t (a, b, c) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE \
                 b = VALUES(b), c = VALUES(c)",
            ),
        ];
        for (master, mysql) in cases {
            assert_eq!(Dialect::Mariadb.statement(master), mysql);
        }
    }

    #[test]
    fn definitions_keep_their_meaning() {
        let ddl = "CREATE TABLE t (\n    id VARCHAR(36) NOT NULL,\n    body TEXT NOT NULL,\n    \
                   raw BYTES,\n    CONTEXT VARCHAR(9)\n)";
        assert_eq!(
            Dialect::Sqlite.definition(ddl),
            "CREATE TABLE t (\n    id VARCHAR(36) NOT NULL CHECK (length(id) <= 36),\n    body TEXT \
             NOT NULL,\n    raw BLOB,\n    CONTEXT VARCHAR(9) CHECK (length(CONTEXT) <= 9)\n)"
        );
        assert!(Dialect::Postgres.definition(ddl).contains("raw BYTEA"));
        let mysql = Dialect::Mysql.definition(ddl);
        assert!(mysql.contains("body LONGTEXT NOT NULL"), "{mysql}");
        assert!(mysql.contains("CONTEXT VARCHAR(9)"), "{mysql}");
        assert!(mysql.ends_with("COLLATE=utf8mb4_0900_bin"), "{mysql}");
        assert_eq!(
            Dialect::Mariadb.definition("CREATE INDEX i ON t (id)"),
            "CREATE INDEX i ON t (id)"
        );
    }
}
