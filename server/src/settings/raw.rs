//! First step: what was given, by whom, before anybody asks what it means.
//!
//! Command line beats environment beats file beats key store. Values are kept as [`Secret`], so that nothing here
//! can print one by accident.

use std::collections::BTreeMap;
use std::fmt;

use claviger_model::Secret;

use super::expand::expand;
use super::known::Table;
use super::{Notices, UsageError, properties};

/// Variables with the prefix that are not options.
const NOT_OPTIONS: &[&str] = &[
    "KC_HOME_DIR",
    "KC_CONFIG_FILE",
    "KC_RUN_IN_CONTAINER",
    "KC_DEBUG",
    "KC_DEBUG_PORT",
    "KC_DEBUG_SUSPEND",
];

/// Who gave a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An argument of the command.
    CommandLine,
    /// A variable, by its name.
    Environment(String),
    /// The configuration file.
    File,
    /// The key store of `config-keystore`.
    KeyStore,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Environment(name) => f.write_str(name),
            Self::File => f.write_str("configuration file"),
            Self::KeyStore => f.write_str("config-keystore"),
        }
    }
}

/// One value as given.
#[derive(Clone, Debug)]
pub struct Given {
    /// The value after `${…}` was replaced.
    pub value: Secret,
    /// Where it came from.
    pub origin: Origin,
}

/// All options that somebody gave, by name.
#[derive(Debug, Default)]
pub struct RawOptions {
    given: BTreeMap<String, Given>,
    container: bool,
    imports: Vec<String>,
}

/// Where options come from.
#[derive(Default)]
pub struct Sources<'a> {
    /// Arguments in order: name without dashes, value. A repeated one: the last counts.
    pub arguments: &'a [(String, String)],
    /// Properties of a Java machine, `-Dkc.name=value`, without `kc.`: weaker than arguments.
    pub properties: &'a [(String, String)],
    /// The whole environment.
    pub environment: &'a [(String, String)],
    /// The text of the configuration file; empty when there is none.
    pub file: &'a str,
    /// The entries of the key store of options, by name with or without `kc.`.
    pub key_store: &'a [(String, Secret)],
    /// `kc.home.dir`, for `${kc.home.dir}`.
    pub home: &'a str,
}

impl RawOptions {
    /// Puts the sources together, weakest first.
    pub fn gather(
        table: &Table,
        sources: &Sources<'_>,
        notices: &mut Notices,
    ) -> Result<Self, UsageError> {
        let container =
            |(name, value): &(String, String)| name == "KC_RUN_IN_CONTAINER" && value == "true";
        let container = sources.environment.iter().any(container);
        let mut raw = Self {
            container,
            ..Self::default()
        };
        let mut literal = Vec::new();
        for (alias, value) in sources.key_store {
            let name = alias.strip_prefix("kc.").unwrap_or(alias);
            let value = value.reveal().to_owned();
            raw.put_named(table, name, value, Origin::KeyStore, notices);
        }
        for (name, value) in properties::parse(sources.file) {
            raw.put_named(table, &name, value, Origin::File, notices);
        }
        for (variable, value) in sources.environment {
            let Some(name) = option_name(table, sources.environment, variable)? else {
                continue;
            };
            let origin = Origin::Environment(variable.clone());
            if variable.starts_with("KCRAW_") {
                literal.push(name.clone());
            } else {
                literal.retain(|other| *other != name);
            }
            raw.put_named(table, &name, value.clone(), origin, notices);
        }
        for (name, value) in sources.properties {
            literal.retain(|other| other != name);
            let origin = Origin::Environment(format!("-Dkc.{name}"));
            raw.put_named(table, name, value.clone(), origin, notices);
        }
        for (name, value) in sources.arguments {
            let name = table.canonical(name);
            if raw
                .given
                .get(&name)
                .is_some_and(|given| given.origin == Origin::CommandLine)
            {
                notices.warn(format!(
                    "option --{name} is given twice; the last one counts"
                ));
            }
            literal.retain(|other| *other != name);
            raw.put(name, value.clone(), Origin::CommandLine);
        }
        raw.expand_all(&literal, sources)?;
        Ok(raw)
    }

    /// Gives a value on behalf of something older, unless the option itself is given.
    pub fn put_legacy(&mut self, name: &str, value: String, origin: Origin) -> bool {
        if self.given.contains_key(name) {
            return false;
        }
        self.put(name.to_owned(), value, origin);
        true
    }

    /// Gives another value to what is given.
    pub fn replace(&mut self, name: &str, value: String) {
        if let Some(given) = self.given.get_mut(name) {
            given.value = Secret::new(value);
        }
    }

    /// Names realm files to be imported at the start.
    pub fn import(&mut self, files: Vec<String>) {
        self.imports = files;
    }

    /// The realm files to be imported at the start.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What was given for an option.
    pub fn get(&self, name: &str) -> Option<&Given> {
        self.given.get(name)
    }

    /// Whether the image says that this is a container.
    pub fn runs_in_container(&self) -> bool {
        self.container
    }

    /// All that was given, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.given
            .iter()
            .map(|(name, given)| (name.as_str(), given))
    }

    fn put(&mut self, name: String, value: String, origin: Origin) {
        self.given.insert(
            name,
            Given {
                value: Secret::new(value),
                origin,
            },
        );
    }

    /// Puts a value of a source that may hold unknown names: those are told, not refused.
    fn put_named(
        &mut self,
        table: &Table,
        name: &str,
        value: String,
        origin: Origin,
        notices: &mut Notices,
    ) {
        if table.find(name).is_some() {
            self.put(table.canonical(name), value, origin);
            return;
        }
        let what = match &origin {
            Origin::Environment(variable) => format!("variable {variable}"),
            Origin::KeyStore => format!("option {name} in the key store"),
            Origin::CommandLine | Origin::File => {
                format!("option {name} in the configuration file")
            }
        };
        let alike = table.alike(name);
        let hint = match alike.first() {
            Some(meant) if matches!(&origin, Origin::Environment(name) if name.starts_with("KC")) =>
            {
                format!(
                    "; did you mean KC_{}?",
                    meant.to_uppercase().replace('-', "_")
                )
            }
            Some(meant) => format!("; did you mean {meant}?"),
            None => String::new(),
        };
        notices.warn(format!("unknown {what} is ignored{hint}"));
    }

    fn expand_all(&mut self, literal: &[String], sources: &Sources<'_>) -> Result<(), UsageError> {
        let before = self.given.clone();
        let lookup = |name: &str| {
            if name == "kc.home.dir" {
                return Some(sources.home.to_owned());
            }
            let option = name.strip_prefix("kc.").unwrap_or(name);
            let given = before
                .get(option)
                .map(|given| given.value.reveal().to_owned());
            let variable = || sources.environment.iter().find(|(known, _)| known == name);
            given.or_else(|| variable().map(|(_, value)| value.clone()))
        };
        for (name, given) in &mut self.given {
            if literal.contains(name) || !given.value.reveal().contains(['$', '\\']) {
                continue;
            }
            let value = expand(given.value.reveal(), &lookup)
                .map_err(|error| UsageError(format!("option {name}: {error}")))?;
            given.value = Secret::new(value);
        }
        Ok(())
    }
}

/// The option that a variable stands for: `KC_HTTP_PORT` → `http-port`.
fn option_name(
    table: &Table,
    environment: &[(String, String)],
    variable: &str,
) -> Result<Option<String>, UsageError> {
    let find = |name: &str| environment.iter().find(|(known, _)| known == name);
    let base = if let Some(base) = variable.strip_prefix("KCRAW_") {
        if find(&format!("KC_{base}")).is_some() {
            let text = format!("both KC_{base} and KCRAW_{base} are set: use only one");
            return Err(UsageError(text));
        }
        base
    } else if let Some(base) = variable.strip_prefix("KC_") {
        base
    } else {
        return Ok(None);
    };
    if NOT_OPTIONS.contains(&variable) || base.is_empty() {
        return Ok(None);
    }
    if let Some((_, name)) = find(&format!("KCKEY_{base}")) {
        return Ok(Some(name.clone()));
    }
    let name = base.to_lowercase().replace('_', "-");
    // Categories have dots, which a variable's name cannot have.
    let dotted = table.find(&name).and_then(|row| {
        let prefix = row.wildcard().filter(|prefix| *prefix == "log-level-")?;
        Some(format!(
            "{prefix}{}",
            name.strip_prefix(prefix)?.replace('-', ".")
        ))
    });
    Ok(Some(dotted.unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn gather(
        arguments: &[(&str, &str)],
        environment: &[(&str, &str)],
        file: &str,
    ) -> (RawOptions, Vec<String>) {
        let (arguments, environment) = (pairs(arguments), pairs(environment));
        let sources = Sources {
            arguments: &arguments,
            properties: &[],
            environment: &environment,
            file,
            key_store: &[],
            home: "/opt/keycloak",
        };
        let mut notices = Notices::default();
        let raw = RawOptions::gather(&Table::load(), &sources, &mut notices).unwrap();
        (raw, notices.lines().map(str::to_owned).collect())
    }

    fn value<'a>(raw: &'a RawOptions, name: &str) -> Option<&'a str> {
        raw.get(name).map(|given| given.value.reveal())
    }

    #[test]
    fn arguments_beat_variables_beat_the_file() {
        let file = "http-port=1\nhttp-host=file\nhostname=file.example\n";
        let environment = [("KC_HTTP_PORT", "2"), ("KC_HTTP_HOST", "environment")];
        let (raw, notices) = gather(&[("http-port", "3")], &environment, file);
        assert_eq!(value(&raw, "http-port"), Some("3"));
        assert_eq!(value(&raw, "http-host"), Some("environment"));
        assert_eq!(value(&raw, "hostname"), Some("file.example"));
        assert_eq!(notices, Vec::<String>::new());
    }

    #[test]
    fn key_stores_are_weakest_and_java_properties_weaker_than_arguments_only() {
        let secret = |name: &str| (name.to_owned(), Secret::new("key store"));
        let environment = pairs(&[
            ("KC_HTTP_HOST", "environment"),
            ("KC_DB_USERNAME", "environment"),
        ]);
        let sources = Sources {
            arguments: &pairs(&[("hostname", "argument")]),
            properties: &pairs(&[("hostname", "property"), ("http-host", "property")]),
            environment: &environment,
            file: "db-schema=file",
            key_store: &["kc.db-password", "db-username", "kc.db-schema"].map(secret),
            home: "",
        };
        let mut notices = Notices::default();
        let raw = RawOptions::gather(&Table::load(), &sources, &mut notices).unwrap();
        for (name, expected) in [
            ("hostname", "argument"),
            ("http-host", "property"),
            ("db-username", "environment"),
            ("db-schema", "file"),
            ("db-password", "key store"),
        ] {
            assert_eq!(value(&raw, name), Some(expected), "{name}");
        }
    }

    #[test]
    fn parts_are_named_with_one_dash_as_well() {
        let environment = [("KC_SPI_VAULT_FILE_KEY_RESOLVERS", "KEY_ONLY")];
        let (raw, notices) = gather(&[], &environment, "");
        assert_eq!(
            value(&raw, "spi-vault--file--key-resolvers"),
            Some("KEY_ONLY")
        );
        assert_eq!(notices, Vec::<String>::new());
        let (raw, _) = gather(&[("spi-vault-file-key-resolvers", "X")], &environment, "");
        assert_eq!(value(&raw, "spi-vault--file--key-resolvers"), Some("X"));
    }

    #[test]
    fn variables_name_options() {
        let cases = [
            ("KC_DB_URL_HOST", "db-url-host"),
            (
                "KC_LOG_LEVEL_ORG_KEYCLOAK_EVENTS",
                "log-level-org.keycloak.events",
            ),
            ("KC_FEATURE_TOKEN_EXCHANGE", "feature-token-exchange"),
            ("KC_SPI_THEME__CACHE_THEMES", "spi-theme--cache-themes"),
        ];
        for (variable, name) in cases {
            let (raw, _) = gather(&[], &[(variable, "x")], "");
            assert_eq!(value(&raw, name), Some("x"), "{variable}");
        }
    }

    #[test]
    fn a_key_variable_names_what_a_variable_cannot_spell() {
        let environment = [
            ("KC_MINE", "debug"),
            ("KCKEY_MINE", "log-level-my_category"),
        ];
        let (raw, _) = gather(&[], &environment, "");
        assert_eq!(value(&raw, "log-level-my_category"), Some("debug"));
    }

    #[test]
    fn misspelt_variables_are_told_with_the_nearest_name_and_without_their_value() {
        let (raw, notices) = gather(&[], &[("KC_DB_PASWORD", "hunter2")], "htp-port=1");
        assert!(raw.iter().next().is_none());
        let expected = [
            "unknown option htp-port in the configuration file is ignored; did you mean http-port?",
            "unknown variable KC_DB_PASWORD is ignored; did you mean KC_DB_PASSWORD?",
        ];
        assert_eq!(notices, expected);
    }

    #[test]
    fn variables_of_the_start_script_are_no_options() {
        let (raw, notices) = gather(&[], &[("KC_HOME_DIR", "/x"), ("HOME", "/y")], "");
        assert!(raw.iter().next().is_none());
        assert!(notices.is_empty());
    }

    #[test]
    fn raw_variables_are_taken_literally() {
        let (raw, _) = gather(&[], &[("KCRAW_DB_PASSWORD", "a${b}$$c")], "");
        assert_eq!(value(&raw, "db-password"), Some("a${b}$$c"));
    }

    #[test]
    fn values_refer_to_variables_options_and_the_home_directory() {
        let environment = [("PG_HOST", "db1"), ("KC_DB_URL_HOST", "${PG_HOST}")];
        let file = "hostname=${kc.db-url-host}.example\nfile=${kc.home.dir}/x";
        let (raw, _) = gather(&[], &environment, file);
        assert_eq!(value(&raw, "db-url-host"), Some("db1"));
        assert_eq!(value(&raw, "hostname"), Some("db1.example"));
        assert_eq!(value(&raw, "file"), Some("/opt/keycloak/x"));
    }

    #[test]
    fn both_forms_of_a_variable_are_refused() {
        let environment = pairs(&[("KC_DB", "x"), ("KCRAW_DB", "y")]);
        let sources = Sources {
            environment: &environment,
            ..Sources::default()
        };
        let refused = RawOptions::gather(&Table::load(), &sources, &mut Notices::default());
        assert!(refused.is_err());
    }

    #[test]
    fn nothing_given_is_printed() {
        let (raw, _) = gather(&[("db-password", "hunter2")], &[], "");
        assert!(!format!("{raw:?}").contains("hunter2"));
    }
}
