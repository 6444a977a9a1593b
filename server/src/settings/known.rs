//! The options that Keycloak 26.7 knows, and what becomes of each here.
//!
//! The table is `options.tsv` beside this file. An option that is missing there is misspelt. Why
//! options have no effect or are refused is told in `reasons.tsv`, under which heading they are
//! shown in `groups.tsv`: a row there stands for a name or, with a `*`, for all that begin (and end)
//! so, and the longest that fits counts. `cargo xtask options` writes
//! `docs/options.md` out of the same files.

use std::collections::HashMap;

/// The table as text: name, class, type, secret, default, values, about.
const TABLE: &str = include_str!("options.tsv");
/// Why options have no effect, or are refused: name, reason.
const REASONS: &str = include_str!("reasons.tsv");
/// Under which heading options are shown: name, heading.
const GROUPS: &str = include_str!("groups.tsv");

/// How alike two names must be before one is offered for the other (0 to 1).
const ALIKE: f64 = 0.6;
/// How many names are offered at most.
const OFFERED: usize = 3;

/// What the server does with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It has its effect.
    Honoured,
    /// It is taken, and said to have no effect, and why.
    Ignored,
    /// Ignoring it would be dangerous: the server does not start with it.
    Refused,
    /// Earlier releases had it: it is turned into what replaced it.
    Replaced,
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
    /// A file or a directory.
    Path,
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
    /// Its meaning, or what replaced it.
    pub about: &'static str,
    /// Why it has no effect, or is refused; empty if it is honoured.
    pub because: &'static str,
    /// The heading under which it is shown.
    pub group: &'static str,
}

/// All known options.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Known>,
    by_name: HashMap<&'static str, usize>,
}

impl Table {
    /// Reads the embedded table.
    pub fn load() -> Self {
        let (reasons, groups) = (pairs(REASONS), pairs(GROUPS));
        let mut rows: Vec<Known> = TABLE.lines().skip(1).filter_map(read_row).collect();
        for row in &mut rows {
            let (name, class) = (row.name, row.class);
            if matches!(class, Class::Ignored | Class::Refused) {
                row.because = longest(&reasons, name);
            }
            row.group = longest(&groups, name);
        }
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

    /// The headings, in the order in which they are shown.
    pub fn groups() -> Vec<&'static str> {
        let mut groups = Vec::new();
        for (_, heading) in pairs(GROUPS) {
            if !groups.contains(&heading) {
                groups.push(heading);
            }
        }
        groups
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

    /// The name in the form of the table. Settings of parts were once written with one dash between
    /// part, provider and property: `spi-theme-default`.
    pub fn canonical(&self, name: &str) -> String {
        let plain = |name: &str| name.replace("--", "-");
        let same = |row: &&Known| row.name.starts_with("spi-") && plain(row.name) == plain(name);
        let row = name
            .starts_with("spi-")
            .then(|| self.rows.iter().find(same));
        row.flatten().map_or(name, |row| row.name).to_owned()
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

    /// The values of an `Enum` or `List`; none: any.
    pub fn allowed(&self) -> impl Iterator<Item = &'static str> {
        let values = self.values.split(',').map(str::trim);
        values.filter(|value| !value.is_empty())
    }

    /// The variable that stands for it: `KC_HTTP_PORT`.
    pub fn variable(&self) -> String {
        format!("KC_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

/// The rows of a table of two columns.
fn pairs(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'))
        .collect()
}

/// What stands beside the longest pattern that fits.
fn longest(rows: &[(&'static str, &'static str)], name: &str) -> &'static str {
    let fitting = rows.iter().filter(|(pattern, _)| fits(pattern, name));
    let longest = fitting.max_by_key(|(pattern, _)| pattern.len());
    longest.map_or("", |(_, text)| text)
}

/// Whether a name, or all that begin and end as a pattern with `*` does, is meant.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => pattern == name,
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
        "old" => Class::Replaced,
        _ => return None,
    };
    let kind = match cell()? {
        "text" => Type::Text,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "count" => Type::Count,
        "port" => Type::Port,
        "duration" => Type::Duration,
        "path" => Type::Path,
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
        because: "",
        group: "",
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

    /// Keycloak's own list of options of release 26.7: name, variable.
    const KEYCLOAK: &str = include_str!("keycloak.tsv");

    /// A name with something in place of what the user may choose.
    fn chosen(name: &str) -> String {
        let mut chosen = name.to_owned();
        while let (Some(start), Some(end)) = (chosen.find('<'), chosen.find('>')) {
            chosen.replace_range(start..=end, if name.starts_with("KC_") { "X" } else { "x" });
        }
        chosen
    }

    #[test]
    fn every_option_of_keycloak_is_known_by_name_and_by_variable() {
        let table = Table::load();
        let listed = pairs(KEYCLOAK);
        assert!(listed.len() > 250, "{}", listed.len());
        for (name, variable) in listed {
            let row = table.find(&chosen(name));
            assert!(row.is_some(), "{name}");
            let environment = vec![(chosen(variable), "x".to_owned())];
            let sources = crate::settings::raw::Sources {
                environment: &environment,
                ..Default::default()
            };
            let mut notices = crate::settings::Notices::default();
            let raw = crate::settings::raw::RawOptions::gather(&table, &sources, &mut notices);
            let raw = raw.unwrap();
            let found: Vec<&str> = raw.iter().map(|(name, _)| name).collect();
            let same = found.first().and_then(|name| table.find(name));
            assert_eq!(
                same.map(|row| row.name),
                row.map(|row| row.name),
                "{variable}: {found:?}"
            );
            assert_eq!(notices.lines().count(), 0, "{variable}");
        }
    }

    #[test]
    fn every_option_has_a_meaning_a_heading_and_where_it_is_due_a_reason() {
        for row in Table::load().rows() {
            assert!(!row.about.is_empty(), "{}", row.name);
            assert!(!row.group.is_empty(), "{}", row.name);
            let due = matches!(row.class, Class::Ignored | Class::Refused);
            assert_eq!(!row.because.is_empty(), due, "{}", row.name);
        }
    }
}
