//! `cargo xtask bench`: builds the server and the load generator with optimizations and runs them together.

use anyhow::Result;

use crate::children;
use crate::product;
use crate::scratch::Scratch;
use crate::workspace::cargo;

pub const HELP: &str = "
usage: cargo xtask bench [-- options of the load generator]

Builds the server with optimizations, starts it with an empty database and prints, from one run on one machine: what
one core can sign and hash and the disk can sync; for each load how many requests the server answers per second of its
own CPU time, and what part that is of what the CPU allows; the server's memory, and how long it takes to start.

Options of the load generator: --seconds=N for each measurement (10), --connections=N (8), --only=LOAD,LOAD…;
--against=URL for a running Keycloak with administrator admin, password admin, to be measured by turns with it, and
--against-pid=N for its process, if its CPU time is to be counted.";

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
