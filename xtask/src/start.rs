//! `cargo xtask start`: the server, to try it.

use anyhow::{Result, bail};

use crate::children::{self, Running, Stop};
use crate::product;
use crate::workspace::root;

pub const HELP: &str = "
usage: cargo xtask start [--debug] [-- options of the server]

Builds the server with optimizations (the first time takes minutes) and starts it in development mode on
http://localhost:8080, with its data in ./data. The first start makes an administrator: admin, password admin.
Ctrl-C stops it.

  --debug    build without optimizations: sooner, and slower to answer

What follows -- is handed to the server:
  cargo xtask start -- --http-port=9080";

pub fn run(arguments: &[String]) -> Result<bool> {
    let mut parts = arguments.splitn(2, |argument| argument == "--");
    let own = parts.next().unwrap_or_default();
    let handed_on = parts.next().unwrap_or_default();
    let mut release = true;
    for argument in own {
        match argument.as_str() {
            "--debug" => release = false,
            other => bail!("no option {other:?}; options of the server come after --"),
        }
    }
    let program = product::build(release)?;
    let port = last_value(handed_on, "--http-port").unwrap_or("8080");
    let mut command = product::command(&program, &root(), 8080, handed_on);
    println!("Claviger starts on http://localhost:{port}");
    println!("administrator: {0} / {0}", product::ADMIN);
    println!("data: ./data (remove the folder to begin anew); Ctrl-C stops the server\n");
    children::stopping_is_success();
    let status = Running::start(&mut command, Stop::Process)?.wait()?;
    if !status.success() {
        println!("the server ended with {}", children::describe(status));
    }
    Ok(status.success())
}

/// The value an option has last, be it `--name=value` or `--name value`.
fn last_value<'a>(options: &'a [String], name: &str) -> Option<&'a str> {
    let mut found = None;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        if option == name {
            found = rest.next().map(String::as_str);
        } else if let Some(value) = option
            .strip_prefix(name)
            .and_then(|end| end.strip_prefix('='))
        {
            found = Some(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_server_reads_them() {
        for (options, expected) in [
            (vec!["--http-port=1"], Some("1")),
            (vec!["--http-port", "2"], Some("2")),
            (vec!["--http-port=1", "--db=x", "--http-port=3"], Some("3")),
            (vec!["--http-port-offset=1"], None),
            (vec!["--http-port"], None),
            (vec![], None),
        ] {
            let options: Vec<String> = options.into_iter().map(str::to_owned).collect();
            assert_eq!(last_value(&options, "--http-port"), expected, "{options:?}");
        }
    }
}
