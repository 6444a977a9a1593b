//! `cargo xtask bench`: builds the server and the load generator with optimizations and runs them together.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::children;
use crate::clients;
use crate::databases::{self, POSTGRES};
use crate::packages::{self, find};
use crate::product;
use crate::scratch::Scratch;
use crate::verifiers;
use crate::workspace::{cargo, root, target};

pub const HELP: &str = "
usage: cargo xtask bench [-- options of the load generator]
       cargo xtask bench time-to-denial [-- options]

Builds the server with optimizations, starts it with an empty database and prints, from one run on one machine: what
one core can sign and hash and the disk can sync; for each load how many requests the server answers per second of its
own CPU time, and what part that is of what the CPU allows; the server's memory, and how long it takes to start.

Options of the load generator: --seconds=N for each measurement (10), --connections=N (8), --only=LOAD,LOAD…;
--against=URL for a running Keycloak with administrator admin, password admin, to be measured by turns with it, and
--against-pid=N for its process, if its CPU time is to be counted.

time-to-denial starts nodes on one PostgreSQL of its own, ends sessions as fast as they go, and prints for each carrier
(introspection, userinfo, gate, live feed, status list, an API behind each verifier of verifiers/ that this machine can
build) the time from the logout's answer to the first refusal. It fails if a token is taken that must not be, never for
slowness. Options: --nodes=N (3), --sessions=N for each carrier (1000), --connections=N that end them (8), --questions=N
that are asked again at once (4); --against=URL for a running Keycloak, and --lifespan=SECONDS of its tokens (10).
--server=PROGRAM takes a server that is built already.";

/// What the processes below understand as an empty list.
const NOTHING: &str = "[]";

pub fn run(arguments: &[String]) -> Result<bool> {
    let given = arguments.iter().filter(|argument| *argument != "--");
    let given: Vec<&String> = given.collect();
    if let Some((first, rest)) = given.split_first()
        && *first == "time-to-denial"
    {
        return time_to_denial(rest);
    }
    let program = product::build(true)?;
    let folder = Scratch::new("bench")?;
    let mut command = generator();
    command
        .arg(format!("--server={}", program.display()))
        .arg(format!("--folder={}", folder.path().display()));
    command.args(given);
    Ok(children::run(&mut command)?.success())
}

fn generator() -> Command {
    cargo(&[
        "run",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "claviger-bench",
        "--",
    ])
}

fn time_to_denial(arguments: &[&String]) -> Result<bool> {
    let is_built = |argument: &&&String| argument.starts_with("--server=");
    let server = match arguments.iter().find(is_built) {
        Some(_) => None,
        None => Some(product::build(true)?),
    };
    if let Some(missing) = packages::install(&[POSTGRES])?.first() {
        bail!("{} is not installed", missing.name);
    }
    let folder = Scratch::new("bench")?;
    let samples = folder.path().join("verifiers.json");
    fs::write(&samples, samples_of_verifiers()?)?;
    let databases = databases::start(true, false)?;
    let database = databases.first().context("no PostgreSQL")?;
    let mut command = generator();
    command.arg("time-to-denial");
    if let Some(server) = server {
        command.arg(format!("--server={}", server.display()));
    }
    command
        .arg(format!("--folder={}", folder.path().display()))
        .arg(format!("--database={}", database.url))
        .arg(format!("--verifiers={}", samples.display()))
        .args(arguments);
    if find("node").is_some() {
        command.env("NODE_OPTIONS", clients::node_options()?);
    }
    Ok(children::run(&mut command)?.success())
}

/// The list of `clients/walk/verifiers.mjs` as JSON, after what can be built of it was built. What cannot is told,
/// and left out when it does not start.
fn samples_of_verifiers() -> Result<Vec<u8>> {
    let output: PathBuf = target().join("clients");
    fs::create_dir_all(output.join("verifiers"))?;
    let mut commands = verifiers::programs(&output);
    commands.push(("java", clients::maven(&output, &[verifiers::MAVEN_PROJECT])));
    for (name, mut command) in commands {
        match children::run(&mut command) {
            Ok(status) if status.success() => {}
            Ok(status) => println!("{name} is not built: {}", children::describe(status)),
            Err(error) => println!("{name} is not built: {error:#}"),
        }
    }
    if let Err(error) = verifiers::python() {
        println!("python is not built: {error:#}");
    }
    if find("node").is_none() {
        println!("Node.js is not installed: no verifier is measured");
        return Ok(NOTHING.into());
    }
    listed(&output)
}

fn listed(built: &Path) -> Result<Vec<u8>> {
    let script = "import { verifiers } from './clients/walk/verifiers.mjs'\n\
                  console.log(JSON.stringify(verifiers))";
    let answer = Command::new("node")
        .args(["--input-type=module", "--eval", script])
        .current_dir(root())
        .env("BUILT", built)
        .output()
        .context("cannot start node")?;
    if !answer.status.success() {
        bail!(
            "the list of verifiers cannot be read: {}",
            String::from_utf8_lossy(&answer.stderr)
        );
    }
    Ok(answer.stdout)
}
