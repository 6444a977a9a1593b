//! `admin`: single calls of the Admin API, as Keycloak's `kcadm.sh` makes them.

mod config;
pub mod grammar;
mod password;
mod resource;
mod roles;
pub mod session;
mod show;

use clap::ArgMatches;

use crate::{Failure, World, usage};

/// The options of one command.
pub struct Given<'a>(pub &'a ArgMatches);

impl<'a> Given<'a> {
    /// All values of an option, in order.
    pub fn all(&self, name: &str) -> Vec<&'a str> {
        let values = self.0.try_get_many::<String>(name).ok().flatten();
        values.into_iter().flatten().map(String::as_str).collect()
    }

    /// The last value of an option.
    pub fn last(&self, name: &str) -> Option<&'a str> {
        self.all(name).last().copied()
    }

    /// Whether a flag is given.
    pub fn flag(&self, name: &str) -> bool {
        let given = self.0.try_get_one::<bool>(name).ok().flatten();
        given.copied().unwrap_or(false)
    }

    /// Names and values of `name=value`.
    pub fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Failure> {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=')?;
            (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        };
        let invalid = |text| Failure::Usage(format!("Invalid key=value parameter: [{text}]"));
        let values = self.all(name).into_iter();
        values
            .map(|text| pair(text).ok_or_else(|| invalid(text)))
            .collect()
    }
}

/// Runs one command of `admin`.
pub fn run(matches: &ArgMatches, world: &dyn World) -> Result<(), Failure> {
    let Some((name, leaf)) = matches.subcommand() else {
        return usage("No command is given");
    };
    let (path, result) = if let Some((inner, leaf)) = leaf.subcommand() {
        let given = Given(leaf);
        let result = match inner {
            "credentials" => config::credentials(&given, world),
            "truststore" => config::truststore(&given, world),
            other => usage(format!("Unknown command: '{other}'")),
        };
        (format!("{name} {inner}"), result)
    } else {
        let given = Given(leaf);
        let result = match name {
            "get" | "create" | "update" | "delete" => resource::run(name, &given, world),
            "get-roles" => roles::list(&given, world),
            "add-roles" => roles::change("POST", &given, world),
            "remove-roles" => roles::change("DELETE", &given, world),
            "set-password" => password::set(&given, world),
            other => usage(format!("Unknown command: '{other}'")),
        };
        (name.to_owned(), result)
    };
    result.map_err(|failure| match failure {
        Failure::Usage(text) => {
            let hint = format!(
                "Try 'claviger admin {path} --help' for more information on the available options."
            );
            Failure::Usage(format!("{text}\n{hint}"))
        }
        failed @ Failure::Failed(_) => failed,
    })
}
