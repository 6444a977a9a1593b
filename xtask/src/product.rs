//! The server as the tasks start it: built by cargo, listening on loopback, with a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::assets;
use crate::children::{self, Running, Stop};
use crate::http::{free_port, status};
use crate::scratch::Scratch;
use crate::workspace::{cargo, now, root, target};

/// The administrator of every server that tasks start.
pub const ADMIN: &str = "admin";

const START_LIMIT: Duration = Duration::from_mins(1);

/// Builds the server and says where it is.
pub fn build(release: bool) -> Result<PathBuf> {
    assets::want();
    let mut command = cargo(&["build", "--locked", "--package", "claviger-server"]);
    if release {
        command.arg("--release");
    }
    let status = children::run(&mut command)?;
    if !status.success() {
        bail!("the server does not build");
    }
    Ok(target()
        .join(if release { "release" } else { "debug" })
        .join("claviger"))
}

/// The command that starts it in development mode, keeping its data in `folder/data`.
///
/// `options` win over the address given here.
pub fn command(program: &Path, folder: &Path, port: u16, options: &[String]) -> Command {
    let mut command = Command::new(program);
    command.arg("start-dev").current_dir(folder);
    for (name, value) in [
        ("--http-host", "127.0.0.1".to_owned()),
        ("--http-port", port.to_string()),
    ] {
        if !options
            .iter()
            .any(|option| option.split('=').next() == Some(name))
        {
            command.arg(format!("{name}={value}"));
        }
    }
    command.args(options);
    administrator(&mut command);
    command
}

/// Keycloak's variables for the first administrator, read when the master realm is empty.
fn administrator(command: &mut Command) {
    command
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMIN)
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", ADMIN);
}

/// A server with an empty database, for the length of a step.
pub struct Server {
    pub port: u16,
    log: PathBuf,
    /// Declared before the folder: the server stops before its folder goes.
    process: Running,
    _folder: Scratch,
}

impl Server {
    /// Starts it and waits until it answers. What it logs goes to `target/logs/<name>.log`.
    pub fn start(program: &Path, name: &str) -> Result<Self> {
        let folder = Scratch::new(name)?;
        let port = free_port()?;
        let logs = target().join("logs");
        fs::create_dir_all(&logs)?;
        let log = logs.join(format!("{name}.log"));
        let file = fs::File::create(&log)?;
        let mut command = command(program, folder.path(), port, &[]);
        // Settings of the person who runs the tests are not settings of the tests.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("KC_") {
                command.env_remove(&variable);
            }
        }
        administrator(&mut command);
        command.stdout(file.try_clone()?).stderr(file);
        let process = Running::start(&mut command, Stop::Process)?;
        let mut server = Self {
            port,
            log,
            process,
            _folder: folder,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let since = now();
        while status(self.port, "/realms/master") != Some(200) {
            if let Some(end) = self.process.ended() {
                bail!(
                    "the server ended with {}\n{}",
                    children::describe(end),
                    self.log_tail()
                );
            }
            if since.elapsed() > START_LIMIT {
                bail!("the server does not answer in time\n{}", self.log_tail());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The last lines of its log, and where the rest is.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n");
        let path = self
            .log
            .strip_prefix(root())
            .unwrap_or(&self.log)
            .display()
            .to_string();
        format!("the end of {path}:\n{tail}")
    }

    /// A server that went away while it was being used is a failure whatever it answered before.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.process.ended() {
            None => Ok(()),
            Some(end) => {
                bail!(
                    "the server ended by itself with {}\n{}",
                    children::describe(end),
                    self.log_tail()
                )
            }
        }
    }
}

/// The whole of a text file below the root.
pub fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))
}
