//! Databases for one test: the embedded one, and one on every server that the environment names.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Between two questions whether a database has noticed that a server is gone.
const PAUSE: Duration = Duration::from_millis(5);
/// How often that is asked at most.
const QUESTIONS: u32 = 1_000;

/// A database for one test, gone with it.
pub struct Database {
    pub name: &'static str,
    /// The program's options that lead to it.
    pub options: Vec<String>,
    served: Option<Served>,
}

/// A database on a server, and how an administrator talks to that server.
struct Served {
    postgres: bool,
    host: String,
    port: String,
    user: String,
    password: String,
    base: String,
    database: String,
}

/// A transaction that stays open until it is dropped.
pub struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The embedded database, and one on every server of `CLAVIGER_TEST_DB_URLS`.
pub fn databases(topic: &str) -> Vec<Database> {
    let mut all = vec![Database {
        name: "SQLite",
        options: vec!["--db=dev-file".into()],
        served: None,
    }];
    let urls = std::env::var("CLAVIGER_TEST_DB_URLS").unwrap_or_default();
    for url in urls.split([' ', ',']).filter(|url| !url.is_empty()) {
        all.push(served(url, topic));
    }
    all
}

/// `scheme://user[:password]@host:port/database` in its parts.
fn served(url: &str, topic: &str) -> Database {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let (scheme, rest) = url.split_once("://").unwrap();
    let (user, rest) = rest.split_once('@').unwrap();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (address, base) = rest.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let served = Served {
        postgres: scheme.starts_with("postgres"),
        host: host.to_owned(),
        port: port.to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
        base: base.to_owned(),
        database: format!("{topic}_{}_{number}", std::process::id()),
    };
    let engine = if served.postgres {
        "postgres"
    } else {
        "mariadb"
    };
    let options = vec![
        format!("--db={engine}"),
        format!("--db-url-host={host}"),
        format!("--db-url-port={port}"),
        format!("--db-url-database={}", served.database),
        format!("--db-username={user}"),
        format!("--db-password={password}"),
    ];
    served
        .sql(&format!("CREATE DATABASE {}", served.database))
        .unwrap();
    Database {
        name: if served.postgres {
            "PostgreSQL"
        } else {
            "MariaDB"
        },
        options,
        served: Some(served),
    }
}

impl Served {
    /// The database's own client.
    fn client(&self, database: &str) -> Command {
        if self.postgres {
            let mut client = Command::new("psql");
            client.env("PGPASSWORD", &self.password);
            client.args(["-X", "-q", "-A", "-t", "-h", &self.host, "-p", &self.port]);
            client.args(["-U", &self.user, "-d", database]);
            client
        } else {
            let mut client = Command::new("mariadb");
            client.args(["--protocol=tcp", "-h", &self.host, "-P", &self.port]);
            client.args(["-u", &self.user, "-N", "-B", "-n"]);
            client.arg(format!("--password={}", self.password));
            client.arg(format!("--database={database}"));
            client
        }
    }

    /// What the database's own client says to a statement.
    fn sql(&self, text: &str) -> Result<String, String> {
        let mut client = self.client(&self.base);
        client
            .arg(if self.postgres { "-c" } else { "-e" })
            .arg(text);
        let output = client.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Database {
    /// Whether it is one on a server.
    pub fn is_served(&self) -> bool {
        self.served.is_some()
    }

    /// Host and port of its server.
    pub fn address(&self) -> String {
        let served = self.served.as_ref().unwrap();
        format!("{}:{}", served.host, served.port)
    }

    /// The options that lead to it by a port of this machine.
    pub fn through(&self, port: u16) -> Vec<String> {
        let changed = |option: &String| match option.split_once('=').unwrap().0 {
            "--db-url-host" => "--db-url-host=127.0.0.1".to_owned(),
            "--db-url-port" => format!("--db-url-port={port}"),
            _ => option.clone(),
        };
        self.options.iter().map(changed).collect()
    }

    /// Says something within a transaction that stays open.
    pub fn hold(&self, text: &str) -> Holder {
        let served = self.served.as_ref().unwrap();
        let mut client = served.client(&served.database);
        client.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = client.spawn().unwrap();
        let told = child.stdin.as_mut().unwrap();
        writeln!(told, "BEGIN;\n{text};\nSELECT 'it is held';").unwrap();
        told.flush().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let held = answers.lines().map_while(Result::ok);
        assert!(held.into_iter().any(|line| line == "it is held"), "{text}");
        Holder(child)
    }

    /// Waits until nobody is connected: what a killed program had sent may still be worked on.
    pub fn quiet(&self) {
        let Some(served) = &self.served else { return };
        let table = if served.postgres {
            "pg_stat_activity WHERE datname"
        } else {
            "information_schema.processlist WHERE db"
        };
        let question = format!("SELECT count(*) FROM {table} = '{}'", served.database);
        for _ in 0..QUESTIONS {
            if served.sql(&question).unwrap() == "0" {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("{}: a killed program is still connected", self.name);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(served) = &self.served else { return };
        // A program that a failed test left is thrown out.
        let force = if served.postgres { " WITH (FORCE)" } else { "" };
        let gone = served.sql(&format!("DROP DATABASE {}{force}", served.database));
        if !std::thread::panicking() {
            gone.unwrap();
        }
    }
}
