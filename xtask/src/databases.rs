//! The database servers that the tests run against, started afresh on loopback for the length of a task.
//!
//! Nothing of them outlives the task, so they do not wait for the disk. They refuse to run as root and are then
//! run as `nobody`.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::children::{self, Running, Stop};
use crate::http::free_port;
use crate::packages::{self, Need, find, is_program, is_root};
use crate::scratch::Scratch;
use crate::workspace::now;

pub const HELP: &str = "
usage: cargo xtask db

Starts the databases of the tests, empty, and prints what to set so that `cargo test` uses them. Ctrl-C stops them and
throws their data away.";

/// How long a server may take until it accepts connections, on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(90);
/// A free port may be taken between finding it and using it.
const ATTEMPTS: usize = 3;
/// Tests run side by side, each with a pool of its own.
const CONNECTIONS: u32 = 400;

pub const POSTGRES: Need = Need {
    name: "PostgreSQL",
    packages: &["postgresql"],
    present: || postgres_folder().is_some(),
};

/// The `core` packages hold the programs without a service.
pub const MARIADB: Need = Need {
    name: "MariaDB",
    packages: &["mariadb-server-core", "mariadb-client-core"],
    present: || {
        ["mariadbd", "mariadb-install-db"]
            .iter()
            .all(|name| find(name).is_some())
    },
};

/// A running database server.
pub struct Database {
    /// What tests connect to, as an administrator who may create databases.
    pub url: String,
    /// Declared before the folder: the server stops before its folder goes.
    server: Running,
    _folder: Scratch,
}

/// Starts what is installed. The servers start side by side.
pub fn start(postgres: bool, mariadb: bool) -> Result<Vec<Database>> {
    let mut starting = Vec::new();
    if postgres {
        starting.push(Starting::new(
            "PostgreSQL",
            prepare_postgres,
            postgres_is_ready,
        )?);
    }
    if mariadb {
        starting.push(Starting::new("MariaDB", prepare_mariadb, mariadb_is_ready)?);
    }
    starting.into_iter().map(Starting::finish).collect()
}

/// The task.
pub fn run(arguments: &[String]) -> Result<bool> {
    if !arguments.is_empty() {
        bail!("db takes no arguments");
    }
    for need in packages::install(&[POSTGRES, MARIADB])? {
        println!("left out: {} is not installed", need.name);
    }
    let mut databases = start((POSTGRES.present)(), (MARIADB.present)())?;
    let urls: Vec<&str> = databases
        .iter()
        .map(|database| database.url.as_str())
        .collect();
    println!("export CLAVIGER_TEST_DB_URLS=\"{}\"", urls.join(" "));
    children::stopping_is_success();
    for database in &mut databases {
        database.server.wait()?;
    }
    Ok(true)
}

/// The user a server runs as.
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// `nobody`, if we are root; else ourselves.
    fn unprivileged() -> Result<Option<Self>> {
        if !is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("cannot read the list of users")?;
        let fields = users
            .lines()
            .find_map(|line| line.strip_prefix("nobody:x:"));
        let mut numbers = fields.context("there is no user `nobody`")?.split(':');
        let mut number = || numbers.next().and_then(|text| text.parse().ok());
        match (number(), number()) {
            (Some(user), Some(group)) => Ok(Some(Self { user, group })),
            _ => bail!("the user `nobody` has no number"),
        }
    }

    /// A command run by this account, which dies with us even if we are killed.
    ///
    /// `setpriv` becomes the program itself, so that the process id is that of the server. The kernel sends the
    /// signal when the *thread* that started the child ends: servers are started from the main thread.
    fn command(account: Option<&Self>, program: &Path, folder: &Path) -> Command {
        let Some(setpriv) = find("setpriv") else {
            let mut command = Command::new(program);
            command.current_dir(folder);
            return command;
        };
        let mut command = Command::new(setpriv);
        if let Some(Self { user, group }) = account {
            command
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={group}"));
            command.arg("--clear-groups");
        }
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        // Neither server can work below a folder it may not enter.
        command.current_dir(folder).env("HOME", folder);
        command
    }
}

/// What has to be known to start a server: its folder is filled already.
struct Prepared {
    url: fn(u16) -> String,
    command: Box<dyn Fn(u16) -> Command>,
    stop: Stop,
}

struct Starting {
    name: &'static str,
    folder: Scratch,
    prepared: Prepared,
    ready: fn(&Path, u16) -> bool,
    port: u16,
    server: Running,
}

impl Starting {
    fn new(
        name: &'static str,
        prepare: fn(Option<Account>, &Path) -> Result<Prepared>,
        ready: fn(&Path, u16) -> bool,
    ) -> Result<Self> {
        let account = Account::unprivileged()?;
        let folder = Scratch::new(&name.to_lowercase())?;
        if let Some(Account { user, group }) = &account {
            folder.give_to(*user, *group)?;
        }
        let prepared =
            prepare(account, folder.path()).with_context(|| format!("{name} cannot be set up"))?;
        let (port, server) = launch(&prepared, folder.path())?;
        Ok(Self {
            name,
            folder,
            prepared,
            ready,
            port,
            server,
        })
    }

    /// Waits until it accepts connections.
    fn finish(mut self) -> Result<Database> {
        let since = now();
        let mut attempt = 1;
        while !(self.ready)(self.folder.path(), self.port) {
            if let Some(status) = self.server.ended() {
                if attempt == ATTEMPTS {
                    let end = children::describe(status);
                    bail!(
                        "{} does not start: {end}\n{}",
                        self.name,
                        log_tail(self.folder.path())
                    );
                }
                attempt += 1;
                (self.port, self.server) = launch(&self.prepared, self.folder.path())?;
            }
            if since.elapsed() > START_LIMIT {
                bail!(
                    "{} is not ready in time\n{}",
                    self.name,
                    log_tail(self.folder.path())
                );
            }
            thread::sleep(Duration::from_millis(30));
        }
        let url = (self.prepared.url)(self.port);
        Ok(Database {
            url,
            server: self.server,
            _folder: self.folder,
        })
    }
}

fn launch(prepared: &Prepared, folder: &Path) -> Result<(u16, Running)> {
    let port = free_port()?;
    let log = fs::File::create(folder.join("log"))?;
    let mut command = (prepared.command)(port);
    command.stdout(log.try_clone()?).stderr(log);
    Ok((port, Running::start(&mut command, prepared.stop)?))
}

fn log_tail(folder: &Path) -> String {
    let log = fs::read(folder.join("log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(15)..)
        .unwrap_or_default()
        .join("\n")
}

/// Runs a set-up program and shows what it said only if it fails.
fn set_up(command: &mut Command, folder: &Path) -> Result<()> {
    let log = fs::File::create(folder.join("log"))?;
    let status = children::run(command.stdout(log.try_clone()?).stderr(log))?;
    if !status.success() {
        bail!("{}\n{}", children::describe(status), log_tail(folder));
    }
    Ok(())
}

/// The newest of Debian's versions, or what the path offers.
fn postgres_folder() -> Option<PathBuf> {
    let has_both = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|name| is_program(&folder.join(name)))
    };
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| has_both(&path.join("bin")))
        .max_by_key(number);
    let in_path = || {
        find("initdb")
            .and_then(|file| file.parent().map(Path::to_path_buf))
            .filter(has_both)
    };
    newest.map(|version| version.join("bin")).or_else(in_path)
}

fn prepare_postgres(account: Option<Account>, folder: &Path) -> Result<Prepared> {
    let programs = postgres_folder().context("it is not installed")?;
    let data = folder.join("data");
    let mut initdb = Account::command(account.as_ref(), &programs.join("initdb"), folder);
    initdb.args([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]);
    set_up(initdb.arg("--pgdata").arg(&data), folder)?;
    let folder = folder.to_path_buf();
    let command = move |port: u16| {
        let mut command = Account::command(account.as_ref(), &programs.join("postgres"), &folder);
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
        let connections = format!("max_connections={CONNECTIONS}");
        for setting in [
            // No socket file: its path may be too long, and nobody needs it.
            "unix_socket_directories=",
            "fsync=off",
            "full_page_writes=off",
            "max_wal_size=2GB",
            connections.as_str(),
        ] {
            command.args(["-c", setting]);
        }
        command
    };
    Ok(Prepared {
        url: |port| format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        command: Box::new(command),
        stop: Stop::FastProcess,
    })
}

/// The eighth line of `postmaster.pid` says `ready` when connections are accepted.
fn postgres_is_ready(folder: &Path, _port: u16) -> bool {
    fs::read_to_string(folder.join("data/postmaster.pid")).is_ok_and(|text| {
        text.lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
    })
}

fn prepare_mariadb(account: Option<Account>, folder: &Path) -> Result<Prepared> {
    let program = find("mariadbd").context("it is not installed")?;
    let data = folder.join("data");
    let install = find("mariadb-install-db").context("mariadb-install-db is not installed")?;
    let mut install = Account::command(account.as_ref(), &install, folder);
    install.args([
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]);
    set_up(install.arg(format!("--datadir={}", data.display())), folder)?;
    let grants = folder.join("grants.sql");
    // Tests come through TCP, where `root@localhost` does not count.
    fs::write(
        &grants,
        "CREATE USER IF NOT EXISTS root@'127.0.0.1';\nGRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n",
    )?;
    let folder = folder.to_path_buf();
    let command = move |port: u16| {
        let mut command = Account::command(account.as_ref(), &program, &folder);
        command.arg("--no-defaults");
        for (option, path) in [
            ("datadir", &data),
            ("tmpdir", &folder),
            ("init-file", &grants),
        ] {
            command.arg(format!("--{option}={}", path.display()));
        }
        command.args([
            format!("--port={port}"),
            format!("--max-connections={CONNECTIONS}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            // Relative to the data: a whole path may be longer than a socket's may be.
            "--socket=socket".to_owned(),
            "--pid-file=pid".to_owned(),
            "--skip-log-bin".to_owned(),
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
            "--innodb-doublewrite=0".to_owned(),
        ]);
        command
    };
    Ok(Prepared {
        url: |port| format!("mysql://root@127.0.0.1:{port}/mysql"),
        command: Box::new(command),
        stop: Stop::Process,
    })
}

/// The server speaks first: a packet whose payload starts with the protocol's version, 10.
fn mariadb_is_ready(_folder: &Path, port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let patience = Duration::from_secs(2);
    let Ok(mut stream) = TcpStream::connect_timeout(&address, patience) else {
        return false;
    };
    let mut greeting = [0_u8; 5];
    stream.set_read_timeout(Some(patience)).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && greeting.last() == Some(&10)
}
