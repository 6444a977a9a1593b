//! The command line: which command, with which options. It decides nothing about their meaning.
//!
//! Keycloak's grammar: `--name=value` or `--name value`, the value being whatever follows; flags
//! without a value; `-cf` beside `--config-file`; arguments for a Java machine are taken and
//! ignored. Names are those of the table of known options, so that a misspelt one is refused.

pub mod bootstrap_admin;
pub mod completion;
pub mod export;
mod grammar;
pub mod import;
pub mod prove_logout;
pub mod remote;
pub mod show_config;
pub mod start;

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use claviger_engine::App;
use grammar::{Depth, grammar};
use tokio::runtime::{Builder, Runtime};

use crate::settings::known::{Class, Table};
use crate::settings::{Settings, UsageError};

/// The threads that answer requests, named as in Keycloak's log.
fn runtime() -> anyhow::Result<Runtime> {
    let count = AtomicUsize::new(0);
    Builder::new_multi_thread()
        .enable_all()
        .thread_name_fn(move || {
            format!(
                "executor-thread-{}",
                count.fetch_add(1, Ordering::Relaxed) + 1
            )
        })
        .build()
        .context("cannot start threads")
}

/// Opens everything for a command that serves nobody, and closes it afterwards.
fn with_app<T>(
    settings: &Settings,
    command: impl AsyncFnOnce(App) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let _log = crate::logging::install(&settings.logging).context("cannot start logging")?;
    runtime()?.block_on(async {
        let app = crate::app::open(settings).await?;
        let store = app.store.clone();
        let result = command(app).await;
        store.close().await;
        result
    })
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve, as for development.
    StartDev { import_realm: bool },
    /// Serve.
    Start { import_realm: bool },
    /// Read realms from files.
    Import,
    /// Write realms to files.
    Export,
    /// Create an administrator who is a user.
    BootstrapUser {
        username: Option<Text>,
        password: Option<Text>,
        prompt: bool,
    },
    /// Create an administrator who is a service account.
    BootstrapService {
        client_id: Option<Text>,
        secret: Option<Text>,
        prompt: bool,
    },
    /// Print what is given, or what holds.
    ShowConfig { all: bool },
    /// Print a script that completes what is typed.
    Completion { shell: clap_complete::Shell },
    /// End sessions at a running server, and see who still takes their tokens.
    ProveLogout(Box<prove_logout::Asked>),
    /// Administer a running server.
    Remote(Box<remote::Asked>),
    /// Nothing to be done: Keycloak's step before the first start.
    Build,
}

/// A text, or the name of the variable that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The text.
    Given(String),
    /// The variable.
    Variable(String),
}

impl Text {
    /// The text itself.
    pub fn read(&self, environment: &[(String, String)]) -> Result<String, UsageError> {
        match self {
            Self::Given(text) => Ok(text.clone()),
            Self::Variable(name) => {
                let found = environment.iter().find(|(known, _)| known == name);
                let missing = || UsageError(format!("Environment variable {name} not found"));
                found.map(|(_, value)| value.clone()).ok_or_else(missing)
            }
        }
    }
}

/// The command line, taken apart.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// Options in order: name without dashes, value.
    pub options: Vec<(String, String)>,
    /// The file of `--config-file`.
    pub config_file: Option<String>,
    /// Properties of a Java machine that are options: name without `kc.`, value.
    pub properties: Vec<(String, String)>,
    /// How many arguments for a Java machine were ignored.
    pub java_arguments: usize,
}

/// What came of the command line.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Run(Invocation),
    /// Something to read: help or version.
    Print(String),
}

/// Takes the arguments apart; the first is the program's name.
pub fn parse(table: &Table, arguments: &[String]) -> Result<Parsed, UsageError> {
    if let Some(parsed) = remote::parse(table, arguments) {
        return parsed;
    }
    let split = Split::of(table, arguments)?;
    let matches = match grammar(table, split.depth).try_get_matches_from(&split.plain) {
        Ok(matches) => matches,
        Err(error) => return explain(table, &error),
    };
    let mut options = split.wildcards;
    let mut leaf = &matches;
    let mut path = Vec::new();
    while let Some((name, inner)) = leaf.subcommand() {
        path.push(name);
        leaf = inner;
    }
    for known in table.rows() {
        let values = leaf.try_get_many::<String>(known.name).ok().flatten();
        for value in values.into_iter().flatten() {
            options.push((known.name.to_owned(), value.clone()));
        }
    }
    Ok(Parsed::Run(Invocation {
        command: command(&path, leaf)?,
        options,
        config_file: leaf.get_one::<String>("config-file").cloned(),
        properties: split.properties,
        java_arguments: split.java,
    }))
}

/// The arguments after what clap cannot express is taken out.
#[derive(Default)]
struct Split {
    plain: Vec<String>,
    wildcards: Vec<(String, String)>,
    properties: Vec<(String, String)>,
    java: usize,
    depth: Depth,
}

impl Split {
    fn of(table: &Table, arguments: &[String]) -> Result<Self, UsageError> {
        let mut split = Self::default();
        let mut rest = arguments.iter();
        split.plain.extend(rest.next().cloned());
        while let Some(argument) = rest.next() {
            if let Some(file) = argument.strip_prefix("-cf=") {
                split.plain.push(format!("--config-file={file}"));
                continue;
            }
            if argument == "-cf" {
                split.plain.push("--config-file".to_owned());
                split.plain.extend(rest.next().cloned());
                continue;
            }
            if argument.starts_with("-D") {
                match property(argument) {
                    Some(property) => split.properties.push(property),
                    None => split.java += 1,
                }
                continue;
            }
            if argument == "--help-all" {
                split.depth = Depth::All;
                split.plain.push("--help".to_owned());
                continue;
            }
            let Some(long) = argument.strip_prefix("--") else {
                split.plain.push(argument.clone());
                continue;
            };
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            match table.find(name) {
                Some(known) if known.wildcard().is_some() => {
                    let value = value.or_else(|| rest.next().cloned());
                    let value = value.ok_or_else(|| expects_value(name))?;
                    split.wildcards.push((name.to_owned(), value));
                }
                Some(_) if value.is_none() => {
                    split.plain.push(argument.clone());
                    // Whatever follows is the value, be it another option's name.
                    split.plain.extend(rest.next().cloned());
                }
                _ => split.plain.push(argument.clone()),
            }
        }
        Ok(split)
    }
}

/// `-Dkc.name=value`: an option, as a property of a Java machine.
pub fn property(argument: &str) -> Option<(String, String)> {
    let (name, value) = argument.strip_prefix("-Dkc.")?.split_once('=')?;
    (name != "home.dir").then(|| (name.to_owned(), value.to_owned()))
}

fn expects_value(name: &str) -> UsageError {
    UsageError(format!("Option '--{name}' expects a single value."))
}

fn command(path: &[&str], leaf: &ArgMatches) -> Result<Command, UsageError> {
    let last = |name: &str| {
        leaf.get_many::<String>(name)
            .and_then(Iterator::last)
            .cloned()
    };
    let text = |name: &str, variable: &str| match (last(name), last(variable)) {
        (Some(_), Some(_)) => Err(UsageError(format!(
            "Options --{name} and --{variable} exclude each other"
        ))),
        (Some(text), None) => Ok(Some(Text::Given(text))),
        (None, variable) => Ok(variable.map(Text::Variable)),
    };
    let prompt = || !leaf.get_flag("no-prompt");
    Ok(match path {
        ["start-dev"] => Command::StartDev {
            import_realm: leaf.get_flag("import-realm"),
        },
        ["start"] => Command::Start {
            import_realm: leaf.get_flag("import-realm"),
        },
        ["import"] => Command::Import,
        ["export"] => Command::Export,
        ["show-config"] => Command::ShowConfig {
            all: last("what").is_some_and(|what| what == "all"),
        },
        ["completion"] | ["tools", "completion"] => Command::Completion {
            shell: leaf
                .get_one("shell")
                .copied()
                .unwrap_or(clap_complete::Shell::Bash),
        },
        ["prove-logout"] => Command::ProveLogout(Box::new(prove_logout::Asked::read(leaf)?)),
        ["build"] => Command::Build,
        ["bootstrap-admin", "user"] => Command::BootstrapUser {
            username: text("username", "username:env")?,
            password: last("password:env").map(Text::Variable),
            prompt: prompt(),
        },
        ["bootstrap-admin", "service"] => Command::BootstrapService {
            client_id: text("client-id", "client-id:env")?,
            secret: last("client-secret:env").map(Text::Variable),
            prompt: prompt(),
        },
        other => {
            return Err(UsageError(format!(
                "Unknown command: '{}'",
                other.join(" ")
            )));
        }
    })
}

/// Clap's errors in Keycloak's words; help and version are no errors.
fn explain(table: &Table, error: &clap::Error) -> Result<Parsed, UsageError> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "clap's enum is open: others are printed"
    )]
    let text = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let text = error.render();
            let styled = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            return Ok(Parsed::Print(if styled {
                text.ansi().to_string()
            } else {
                text.to_string()
            }));
        }
        ErrorKind::UnknownArgument => unknown_argument(table, &context(ContextKind::InvalidArg)),
        ErrorKind::InvalidSubcommand => {
            let known = "start-dev, start, build, import, export, bootstrap-admin, show-config, \
                         admin, plan, apply, drift, schema, prove-logout, completion, tools";
            let given = context(ContextKind::InvalidSubcommand);
            format!("Unknown command: '{given}'. Commands are: {known}")
        }
        ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues => {
            let arg = context(ContextKind::InvalidArg);
            let name = arg
                .split(' ')
                .next()
                .unwrap_or_default()
                .trim_start_matches('-');
            return Err(expects_value(name));
        }
        _ => error
            .render()
            .to_string()
            .trim()
            .trim_start_matches("error: ")
            .to_owned(),
    };
    Err(UsageError(text))
}

fn unknown_argument(table: &Table, given: &str) -> String {
    let name = given
        .trim_start_matches('-')
        .split('=')
        .next()
        .unwrap_or_default();
    if !given.starts_with("--") {
        return format!("Unknown option: '{given}'");
    }
    if let Some(known) = table.find(name) {
        return match known.class {
            Class::Honoured | Class::Ignored | Class::Refused | Class::Replaced => {
                format!("Option '--{name}' does not belong to this command")
            }
        };
    }
    let alike: Vec<String> = table
        .alike(name)
        .iter()
        .map(|name| format!("--{name}"))
        .collect();
    if alike.is_empty() {
        return format!("Unknown option: '--{name}'");
    }
    format!(
        "Unknown option: '--{name}'. Possible solutions: {}",
        alike.join(", ")
    )
}

#[cfg(test)]
mod tests;
