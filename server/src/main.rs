//! The program: command line, settings, wiring, jobs, graceful stop.

mod app;
mod around;
mod cli;
mod context;
mod front;
mod help;
mod jobs;
mod key_files;
mod listener;
mod logging;
mod machine;
mod observe;
mod routes;
#[cfg(feature = "scripts")]
mod scripts;
mod settings;
mod tls;
mod trust;
mod unbuilt;
mod vault;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use cli::{Command, Invocation, Parsed};
use settings::known::Table;
use settings::raw::{RawOptions, Sources};
use settings::{Mode, Notices, Settings, UsageError};

/// What `--version` and the log say.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The release of Keycloak whose options, paths and answers are followed.
pub const KEYCLOAK_VERSION: &str = claviger_wire::server_info::KEYCLOAK_VERSION;

/// The longest configuration file that is read, in bytes.
const LONGEST_FILE: u64 = 1024 * 1024;

fn main() -> ExitCode {
    let verbose = std::env::args_os().any(|argument| argument == "-v" || argument == "--verbose");
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Of these commands, code 2 says that something differs.
            let differing = |name: &str| ["plan", "apply", "drift"].contains(&name);
            let command = std::env::args_os()
                .nth(1)
                .and_then(|name| name.into_string().ok());
            let usage = error.downcast_ref::<UsageError>().is_some()
                && !command.as_deref().is_some_and(differing);
            if verbose {
                eprintln!("ERROR: {error:?}");
            } else {
                eprintln!("ERROR: {error:#}");
            }
            if usage {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let table = Table::load();
    let arguments = arguments()?;
    let environment = environment();
    let invocation = match cli::parse(&table, &arguments)? {
        Parsed::Run(invocation) => invocation,
        Parsed::Print(text) => {
            // A reader that stopped reading has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return Ok(ExitCode::SUCCESS);
        }
    };
    if let Command::Completion { shell } = invocation.command {
        let called = arguments.first().map_or("", String::as_str);
        let _ = std::io::stdout().write_all(&cli::completion::script(&table, shell, called));
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Remote(asked) = &invocation.command {
        return Ok(cli::remote::run(asked).into());
    }
    with_settings(&table, invocation, &environment).map(|()| ExitCode::SUCCESS)
}

/// Runs a command that is told by options what holds.
fn with_settings(
    table: &Table,
    invocation: Invocation,
    environment: &[(String, String)],
) -> anyhow::Result<()> {
    let home = home(environment)?;
    let mut notices = Notices::default();
    if invocation.java_arguments > 0 {
        notices.warn("arguments for a Java machine (-D…) are ignored".to_owned());
    }
    let loaded = load(table, &invocation, environment, &home, &mut notices);
    for line in notices.lines() {
        eprintln!("WARNING: {line}");
    }
    let (raw, settings) = loaded?;
    match invocation.command {
        Command::StartDev { import_realm } | Command::Start { import_realm } => {
            cli::start::run(&settings, import_realm)
        }
        Command::Import => cli::import::run(&settings),
        Command::Export => cli::export::run(&settings),
        Command::BootstrapUser {
            username,
            password,
            prompt,
        } => {
            let who = cli::bootstrap_admin::Asked {
                name: username,
                secret: password,
                prompt,
            };
            cli::bootstrap_admin::user(&settings, &who, environment)
        }
        Command::BootstrapService {
            client_id,
            secret,
            prompt,
        } => {
            let who = cli::bootstrap_admin::Asked {
                name: client_id,
                secret,
                prompt,
            };
            cli::bootstrap_admin::service(&settings, &who, environment)
        }
        Command::ShowConfig { all } => {
            cli::show_config::run(&raw, table, all);
            Ok(())
        }
        Command::ProveLogout(asked) => cli::prove_logout::run(&settings, &asked, environment),
        // Done above: it asks for no settings.
        Command::Completion { .. } | Command::Remote(_) => Ok(()),
        Command::Build => {
            println!("There is nothing to build: options take effect at the next start.");
            Ok(())
        }
    }
}

/// Collects and checks what was given.
fn load(
    table: &Table,
    invocation: &Invocation,
    environment: &[(String, String)],
    home: &Path,
    notices: &mut Notices,
) -> anyhow::Result<(RawOptions, Settings)> {
    let file = configuration_file(invocation, environment, home)?;
    let home_text = home.to_string_lossy();
    let mut properties = java_properties(environment);
    properties.extend(invocation.properties.iter().cloned());
    let mut sources = Sources {
        arguments: &invocation.options,
        properties: &properties,
        environment,
        file: &file,
        key_store: &[],
        home: &home_text,
    };
    // Once to learn where the key store is, and once with what is in it.
    let raw = RawOptions::gather(table, &sources, &mut Notices::default())?;
    let entries = match settings::config_key_store(&raw)? {
        Some(store) => key_files::secrets(&store)
            .context("config-keystore")?
            .into_iter()
            .collect(),
        None => Vec::new(),
    };
    sources.key_store = &entries;
    let mut raw = RawOptions::gather(table, &sources, notices)?;
    settings::legacy::apply(&mut raw, table, environment, notices)?;
    let mode = match invocation.command {
        Command::StartDev { .. } => Mode::Development,
        Command::Start { .. } => Mode::Production,
        Command::Import
        | Command::Export
        | Command::BootstrapUser { .. }
        | Command::BootstrapService { .. }
        | Command::ShowConfig { .. }
        | Command::ProveLogout(_)
        | Command::Remote(_)
        | Command::Completion { .. }
        | Command::Build => Mode::Offline,
    };
    let settings = Settings::check(&raw, table, mode, home, notices)?;
    Ok((raw, settings))
}

/// The options among what variables say to a Java machine.
fn java_properties(environment: &[(String, String)]) -> Vec<(String, String)> {
    let read = ["JAVA_OPTS", "JAVA_OPTS_APPEND"];
    let variables = environment
        .iter()
        .filter(|(name, _)| read.contains(&name.as_str()));
    variables
        .flat_map(|(_, value)| value.split_whitespace())
        .filter_map(cli::property)
        .collect()
}

fn arguments() -> Result<Vec<String>, UsageError> {
    let text = |argument: std::ffi::OsString| {
        argument
            .into_string()
            .map_err(|_| UsageError("an argument is not UTF-8".to_owned()))
    };
    std::env::args_os().map(text).collect()
}

/// The environment, sorted by name. What is not UTF-8 is no option of ours.
fn environment() -> Vec<(String, String)> {
    let pair = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut environment: Vec<(String, String)> = std::env::vars_os().filter_map(pair).collect();
    environment.sort();
    environment
}

/// `KC_HOME_DIR`; else the folder above `bin`, if the program is in one; else where we are.
fn home(environment: &[(String, String)]) -> anyhow::Result<PathBuf> {
    let variable = environment.iter().find(|(name, _)| name == "KC_HOME_DIR");
    if let Some((_, home)) = variable.filter(|(_, home)| !home.is_empty()) {
        return Ok(PathBuf::from(home));
    }
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent);
    match folder
        .filter(|folder| folder.ends_with("bin"))
        .and_then(Path::parent)
    {
        // Programs in /usr/bin and the like have no home there.
        Some(home) if home.join("conf").is_dir() => Ok(home.to_owned()),
        Some(_) | None => std::env::current_dir().context("the current directory is gone"),
    }
}

/// The text of the configuration file; empty when none is named and the usual one is not there.
fn configuration_file(
    invocation: &Invocation,
    environment: &[(String, String)],
    home: &Path,
) -> anyhow::Result<String> {
    let variable = environment
        .iter()
        .find(|(name, _)| name == "KC_CONFIG_FILE");
    let named = invocation
        .config_file
        .clone()
        .or(variable.map(|(_, path)| path.clone()));
    let path = match named {
        Some(path) if Path::new(&path).extension() != Some("conf".as_ref()) => {
            let text = format!("Configuration file '{path}' must have the '.conf' extension.");
            return Err(UsageError(text).into());
        }
        Some(path) => PathBuf::from(path),
        None => {
            let usual = home.join("conf").join("keycloak.conf");
            if !usual.exists() {
                return Ok(String::new());
            }
            usual
        }
    };
    let unreadable = || {
        UsageError(format!(
            "configuration file {} cannot be read",
            path.display()
        ))
    };
    let length = std::fs::metadata(&path).with_context(unreadable)?.len();
    if length > LONGEST_FILE {
        return Err(UsageError(format!("{} is too long", path.display())).into());
    }
    std::fs::read_to_string(&path).with_context(unreadable)
}
