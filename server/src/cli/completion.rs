//! `completion`: a script for the shell, out of the table of options.

use std::path::Path;

use clap_complete::Shell;

use super::grammar::{Depth, grammar};
use crate::settings::known::Table;

/// The script for the program as it was called: many call it `kc.sh`.
pub fn script(table: &Table, shell: Shell, called: &str) -> Vec<u8> {
    let name = Path::new(called).file_name().and_then(|name| name.to_str());
    let mut script = Vec::new();
    let mut commands = grammar(table, Depth::Completion);
    clap_complete::generate(
        shell,
        &mut commands,
        name.unwrap_or("claviger"),
        &mut script,
    );
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_know_commands_options_and_values() {
        let table = Table::load();
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::Elvish,
            Shell::PowerShell,
        ] {
            let script =
                String::from_utf8(script(&table, shell, "/opt/keycloak/bin/kc.sh")).unwrap();
            for word in [
                "kc.sh",
                "start-dev",
                "bootstrap-admin",
                "db-url-host",
                "verify-server",
            ] {
                // PowerShell and elvish complete no values.
                let values = !matches!(shell, Shell::Elvish | Shell::PowerShell);
                if values || word != "verify-server" {
                    assert!(script.contains(word), "{shell}: {word}");
                }
            }
        }
    }
}
