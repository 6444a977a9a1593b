//! The program under test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::http;

/// How long the program may take for anything: machines that test are busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// A folder that goes with the test.
pub struct Home(PathBuf);

impl Home {
    /// An empty folder.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claviger-it-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program with these arguments, without the variables of whoever runs the tests.
pub fn command(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claviger"));
    command
        .args(arguments)
        .env_clear()
        .env("KC_HOME_DIR", home.path())
        .env("TZ", "UTC");
    command
}

/// What a command that ends has said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running server.
pub struct Server {
    child: Child,
    lines: Mutex<Receiver<String>>,
    /// All lines of standard output that were looked at.
    pub seen: Vec<String>,
    /// Host and port of the listener for everybody; empty if there is no plain one.
    pub address: String,
    /// Host and port of the same over TLS.
    pub https: Option<String>,
    /// Host and port of the listener of operators, whatever it speaks.
    pub management: Option<String>,
}

/// Host and port behind a scheme.
fn host(text: &str, scheme: &str) -> Option<String> {
    let (_, rest) = text.split_once(scheme)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !".:".contains(c));
    let host = rest.get(..end.unwrap_or(rest.len()))?;
    Some(host.trim_end_matches('.').to_owned())
}

impl Server {
    /// Starts `start-dev` on a free port, with an administrator `admin`, password `admin`.
    pub fn start(home: &Home, options: &[&str]) -> Self {
        let mut command = command(
            home,
            &["start-dev", "--http-host=127.0.0.1", "--http-port=0"],
        );
        command.args(options);
        command.env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin");
        command.env("KC_BOOTSTRAP_ADMIN_PASSWORD", "admin");
        Self::of(&mut command)
    }

    /// Starts a command that serves, and waits until it does.
    pub fn of(command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut server = Self {
            child,
            lines: Mutex::new(lines),
            seen: Vec::new(),
            address: String::new(),
            https: None,
            management: None,
        };
        let line = server.wait_for("Listening on: ");
        let (_, urls) = line.split_once("Listening on: ").unwrap();
        let (public, management) = urls.split_once(". Management").unwrap_or((urls, ""));
        server.address = host(public, "http://").unwrap_or_default();
        server.https = host(public, "https://");
        server.management = host(management, "://");
        server
    }

    /// The next line of standard output that has this in it.
    pub fn wait_for(&mut self, text: &str) -> String {
        while let Ok(line) = self.lines.get_mut().unwrap().recv_timeout(PATIENCE) {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        let _ = self.child.kill();
        let mut err = String::new();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut err);
        panic!("no line with {text:?}; said: {:#?}\n{err}", self.seen);
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Stops it as an operator would.
    pub fn stop(mut self) {
        self.signal("TERM");
        self.wait_for("Claviger stopped in ");
        assert!(self.child.wait().unwrap().success());
    }

    pub fn get(&self, target: &str) -> http::Answer {
        http::get(&self.address, target)
    }

    pub fn post(&self, target: &str, form: &[(&str, &str)]) -> http::Answer {
        http::post(&self.address, target, form)
    }

    /// The answer to a password grant of the administrator.
    pub fn login(&self, username: &str, password: &str) -> http::Answer {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", username),
            ("password", password),
        ];
        self.post("/realms/master/protocol/openid-connect/token", &form)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
