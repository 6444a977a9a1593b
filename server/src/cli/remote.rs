//! The commands of the crate `remote`, which administer a running server: what is outside of them.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::ArgMatches;
use claviger_engine::clock::Clock;
use claviger_model::Secret;
use claviger_outbound::{Fetcher, FetcherOptions};
use claviger_remote::{Answer, Request, Trust, Web, World};
use tokio::runtime::{Builder, Runtime};

use super::grammar::{Depth, grammar};
use super::{Command, Invocation, Parsed, explain};
use crate::key_files;
use crate::settings::UsageError;
use crate::settings::https::StoreFile;
use crate::settings::known::Table;

/// Until a server has answered: exports and imports take their time.
const PATIENCE: Duration = Duration::from_mins(5);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The longest standard input that is read, in bytes.
const INPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The longest line that is read from standard input, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// A command of `remote`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    name: String,
    matches: ArgMatches,
}

/// Takes the arguments apart if they name a command of `remote`; the first is the program's name.
/// These commands have options of their own alone, in their own words.
pub fn parse(table: &Table, arguments: &[String]) -> Option<Result<Parsed, UsageError>> {
    let name = arguments.get(1)?;
    let known = claviger_remote::commands();
    known.iter().find(|command| command.get_name() == name)?;
    let mut matches = match grammar(table, Depth::Effective).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => {
            let text = error.render().to_string();
            let text = text.trim().trim_start_matches("error: ").to_owned();
            return Some(Err(UsageError(text)));
        }
        Err(error) => return Some(explain(table, &error)),
    };
    let (name, matches) = matches.remove_subcommand()?;
    Some(Ok(Parsed::Run(Invocation {
        command: Command::Remote(Box::new(Asked { name, matches })),
        options: Vec::new(),
        config_file: None,
        properties: Vec::new(),
        java_arguments: 0,
    })))
}

/// Runs the command, and gives the exit code. What scripts read stands alone on its line.
pub fn run(asked: &Asked) -> u8 {
    match claviger_remote::run(&asked.name, &asked.matches, &Here) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

/// This process, its terminal and the network.
struct Here;

impl World for Here {
    fn web(&self, trust: &Trust) -> Result<Box<dyn Web>, String> {
        let web = Network::new(trust).map_err(|error| format!("{error:#}"))?;
        Ok(Box::new(web))
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn now(&self) -> i64 {
        Clock::system().now().0
    }

    fn secret(&self, prompt: &str) -> Result<Secret, String> {
        secret(prompt).map_err(|error| format!("{error:#}"))
    }

    fn input(&self) -> Result<String, String> {
        input().map_err(|error| format!("{error:#}"))
    }

    fn confirm(&self, question: &str) -> Result<Option<bool>, String> {
        if !std::io::stdin().is_terminal() {
            return Ok(None);
        }
        eprint!("{question}");
        let line = line().map_err(|error| format!("{error:#}"))?;
        Ok(Some(matches!(line.trim(), "y" | "yes")))
    }

    fn print(&self, text: &str) {
        // A reader that stopped reading has seen enough.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    fn tell(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

fn secret(prompt: &str) -> anyhow::Result<Secret> {
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(prompt).context("cannot read the answer")?
    } else {
        line()?
    };
    let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
    let asked = prompt.trim_end_matches([' ', ':']);
    ensure!(
        !secret.is_empty(),
        "{asked}: there is none on standard input"
    );
    Ok(secret)
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    let input = std::io::stdin().lock();
    let read = input.take(LONGEST_LINE).read_line(&mut line);
    read.context("cannot read standard input")?;
    Ok(line)
}

fn input() -> anyhow::Result<String> {
    let mut text = String::new();
    let input = std::io::stdin().lock();
    let read = input.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text);
    read.context("cannot read standard input")?;
    ensure!(
        text.len() as u64 <= INPUT_BYTES_MAX,
        "standard input is too long"
    );
    Ok(text)
}

/// The one HTTP client, waited for.
struct Network {
    fetcher: Fetcher,
    runtime: Runtime,
}

impl Network {
    fn new(trust: &Trust) -> anyhow::Result<Self> {
        let extra_roots = match &trust.file {
            Some(file) => roots(file, trust.password.as_ref())?,
            None => Vec::new(),
        };
        Ok(Self {
            // Whoever types the command names the addresses.
            fetcher: Fetcher::new(&FetcherOptions {
                total_timeout: PATIENCE,
                response_bytes_max: ANSWER_BYTES_MAX,
                extra_roots,
                ..FetcherOptions::default()
            })?,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }
}

/// The certificates of a file.
fn roots(file: &Path, password: Option<&Secret>) -> anyhow::Result<Vec<Vec<u8>>> {
    let bytes = key_files::read(file)?;
    let password = match password {
        Some(password) => password.clone(),
        None if key_files::is_pem(&bytes) => Secret::default(),
        None => secret("Enter truststore password: ")?,
    };
    let store = StoreFile {
        path: file.to_owned(),
        password,
    };
    let certificates = key_files::certificates(&store)?;
    Ok(certificates.into_iter().map(|one| one.to_vec()).collect())
}

impl Web for Network {
    fn call(&self, request: &Request) -> Result<Answer, String> {
        let method = request.method.parse();
        let method: http::Method = method.map_err(|_| "no method of HTTP".to_owned())?;
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let call = self
            .fetcher
            .exchange(method, &request.url, &headers, request.body.clone());
        let answer = self.runtime.block_on(call);
        let answer = answer.map_err(|error| error.to_string())?;
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: answer.into_body(),
        })
    }
}
