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
    let port = handed_on
        .iter()
        .rev()
        .find_map(|option| option.strip_prefix("--http-port="));
    let mut command = product::command(&program, &root(), 8080, handed_on);
    println!(
        "Claviger starts on http://localhost:{}",
        port.unwrap_or("8080")
    );
    println!("administrator: {0} / {0}", product::ADMIN);
    println!("data: ./data (remove the folder to begin anew); Ctrl-C stops the server\n");
    children::stopping_is_success();
    let status = Running::start(&mut command, Stop::Process)?.wait()?;
    if !status.success() {
        println!("the server ended with {}", children::describe(status));
    }
    Ok(status.success())
}
