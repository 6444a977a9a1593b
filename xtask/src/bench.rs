//! `cargo xtask bench`: builds the server and the load generator with optimizations and runs them together.

use anyhow::Result;

use crate::children;
use crate::product;
use crate::scratch::Scratch;
use crate::workspace::cargo;

pub const HELP: &str = "
usage: cargo xtask bench [-- options of the load generator]

Builds the server with optimizations, starts it with an empty database and prints, from one run on one machine: the
RS256 signatures one core makes a second, the client_credentials and refresh requests the server answers per second of
its own CPU time, what part of the first that is, the server's memory, and how long it takes to start.

Options of the load generator: --seconds=N for each measurement (10), --connections=N (8).";

pub fn run(arguments: &[String]) -> Result<bool> {
    let program = product::build(true)?;
    let folder = Scratch::new("bench")?;
    let mut command = cargo(&[
        "run",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "claviger-bench",
        "--",
    ]);
    command
        .arg(format!("--server={}", program.display()))
        .arg(format!("--folder={}", folder.path().display()));
    command.args(arguments.iter().filter(|argument| *argument != "--"));
    Ok(children::run(&mut command)?.success())
}
