//! Commands for administrators that speak to a running server over its Admin API: `admin`, in the
//! manner of Keycloak's `kcadm.sh`, and what is declared in files.
//!
//! What is outside (the network, the terminal, variables, the clock) is handed in as a [`World`], so
//! that the commands compile and are tested without the server. Files that the command line names are
//! read here.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of a JSON value it is asked whether it is an object or a list, and otherwise nothing"
)]

mod admin;
mod declare;
mod json;
mod site;
pub mod world;

use clap::{ArgMatches, Command};

pub use world::{Answer, Request, Trust, Web, World};

/// Why a command did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The command line asks for what cannot be: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// It could not be done: exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

/// Shorthand for what could not be done.
fn failed<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Failed(text.into()))
}

/// Shorthand for what cannot be asked for.
fn usage<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(text.into()))
}

/// The commands, for the grammar of the whole program.
pub fn commands() -> Vec<Command> {
    let mut all = vec![admin::grammar::tree()];
    all.extend(declare::commands());
    all.push(
        Command::new("schema")
            .about("Print the JSON Schema of files for plan and apply, for editors"),
    );
    all
}

/// Runs one of [`commands`], and gives the exit code.
pub fn run(name: &str, matches: &ArgMatches, world: &dyn World) -> Result<u8, Failure> {
    match name {
        "admin" => admin::run(matches, world).map(|()| 0),
        "schema" => {
            world.print(&json::print::pretty(&declare::schema::schema()));
            Ok(0)
        }
        "plan" | "apply" | "drift" => {
            // Code 2 says that something differs: nobody's mistake may be taken for that.
            let mistaken = |failure: Failure| Failure::Failed(failure.to_string());
            declare::run(name, matches, world).map_err(mistaken)
        }
        other => usage(format!("Unknown command: '{other}'")),
    }
}
