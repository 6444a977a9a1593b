//! The options that Keycloak 26.7 knows, and what becomes of each here.
//!
//! The table is `options.tsv` beside this file. An option that is missing there is misspelt.

use std::collections::HashMap;

/// The table as text: name, class, type, secret, default, values, about.
const TABLE: &str = include_str!("options.tsv");

/// How alike two names must be before one is offered for the other (0 to 1).
const ALIKE: f64 = 0.6;
/// How many names are offered at most.
const OFFERED: usize = 3;

/// What the server does with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It has its effect.
    Honoured,
    /// It is taken, and said to have no effect yet.
    Ignored,
    /// Ignoring it would be dangerous: the server does not start with it.
    Refused,
    /// Earlier releases had it.
    Removed,
}

/// What may stand in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Anything.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A whole number above zero.
    Count,
    /// 0 to 65535; 0 lets the system choose.
    Port,
    /// `10s`, `500ms`, `PT1M`, or seconds.
    Duration,
    /// One of the option's values.
    Enum,
    /// Texts, or values, separated by commas.
    List,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name: `http-port`, or with a part of the user's choice: `log-level-<category>`.
    pub name: &'static str,
    /// What the server does with it.
    pub class: Class,
    /// What may stand in it.
    pub kind: Type,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What holds when nobody gives it; may be empty.
    pub default: &'static str,
    /// The values of an `Enum` or `List`; empty: any.
    pub values: &'static str,
    /// Its meaning, or why it is refused, or what replaced it.
    pub about: &'static str,
}

/// All known options.
pub struct Table {
    rows: Vec<Known>,
    by_name: HashMap<&'static str, usize>,
}

impl Table {
    /// Reads the embedded table.
    pub fn load() -> Self {
        let rows: Vec<Known> = TABLE.lines().skip(1).filter_map(read_row).collect();
        let by_name = rows
            .iter()
            .enumerate()
            .map(|(index, row)| (row.name, index))
            .collect();
        Self { rows, by_name }
    }

    /// All rows, by name.
    pub fn rows(&self) -> &[Known] {
        &self.rows
    }

    /// The row of an option as given, wildcards included: `log-level-org.keycloak.events`.
    pub fn find(&self, name: &str) -> Option<&Known> {
        if let Some(index) = self.by_name.get(name) {
            return self.rows.get(*index);
        }
        let fits = |row: &&Known| row.wildcard().is_some_and(|prefix| longer(name, prefix));
        let longest = |row: &&Known| row.wildcard().map_or(0, str::len);
        self.rows.iter().filter(fits).max_by_key(longest)
    }

    /// The names that a misspelt one may have meant, likeliest first.
    pub fn alike(&self, name: &str) -> Vec<&'static str> {
        let likeness = |row: &Known| strsim::normalized_damerau_levenshtein(name, row.name);
        let offered = |row: &&Known| matches!(row.class, Class::Honoured | Class::Ignored);
        let rows = self
            .rows
            .iter()
            .filter(offered)
            .map(|row| (likeness(row), row.name));
        let mut found: Vec<(f64, &str)> = rows.filter(|(like, _)| *like >= ALIKE).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found
            .into_iter()
            .take(OFFERED)
            .map(|(_, name)| name)
            .collect()
    }
}

impl Known {
    /// What stands before the part of the user's choice, if there is one.
    pub fn wildcard(&self) -> Option<&'static str> {
        self.name.split_once('<').map(|(prefix, _)| prefix)
    }
}

fn longer(name: &str, prefix: &str) -> bool {
    name.len() > prefix.len() && name.starts_with(prefix)
}

fn read_row(line: &'static str) -> Option<Known> {
    let mut cells = line.split('\t');
    let mut cell = || cells.next();
    let name = cell()?;
    let class = match cell()? {
        "on" => Class::Honoured,
        "off" => Class::Ignored,
        "no" => Class::Refused,
        "gone" => Class::Removed,
        _ => return None,
    };
    let kind = match cell()? {
        "text" => Type::Text,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "count" => Type::Count,
        "port" => Type::Port,
        "duration" => Type::Duration,
        "enum" => Type::Enum,
        "list" => Type::List,
        _ => return None,
    };
    let secret = cell()? == "secret";
    Some(Known {
        name,
        class,
        kind,
        secret,
        default: cell()?,
        values: cell()?,
        about: cell()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let table = Table::load();
        assert_eq!(table.rows().len(), TABLE.lines().count() - 1);
        assert_eq!(
            table.rows().len(),
            table.by_name.len(),
            "a name stands twice"
        );
    }

    #[test]
    fn names_with_a_part_of_the_users_choice_are_found() {
        let table = Table::load();
        let name = |given: &str| table.find(given).map(|row| row.name);
        assert_eq!(name("http-port"), Some("http-port"));
        assert_eq!(
            name("log-level-org.keycloak.events"),
            Some("log-level-<category>")
        );
        assert_eq!(
            name("db-password-reports"),
            Some("db-password-<datasource>")
        );
        assert_eq!(name("spi-theme--cache-themes"), Some("spi-<name>"));
        assert_eq!(name("log-level-"), None);
        assert_eq!(name("http-prot"), None);
    }

    #[test]
    fn misspelt_names_are_recognized() {
        let table = Table::load();
        for (given, meant) in [
            ("htp-port", "http-port"),
            ("hostnam", "hostname"),
            ("db-user-name", "db-username"),
        ] {
            assert_eq!(table.alike(given).first(), Some(&meant), "{given}");
        }
        assert!(table.alike("completely-different-thing").is_empty());
    }

    #[test]
    fn passwords_and_urls_with_passwords_are_secret() {
        let table = Table::load();
        let names = [
            "db-password",
            "db-url",
            "bootstrap-admin-password",
            "spi-x--y--secret",
        ];
        for name in names {
            assert!(table.find(name).is_some_and(|row| row.secret), "{name}");
        }
        let open = table.rows().iter().filter(|row| !row.secret);
        for row in open {
            assert!(
                !row.name.contains("password"),
                "{} is not marked secret",
                row.name
            );
        }
    }

    #[test]
    fn refused_options_say_why() {
        for row in Table::load().rows() {
            assert!(!row.about.is_empty(), "{}", row.name);
        }
    }
}
