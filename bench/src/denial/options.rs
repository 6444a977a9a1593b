//! What the command line says.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const MOST_SESSIONS: usize = 100_000;
const MOST_NODES: usize = 16;
const MOST_CONNECTIONS: usize = 64;

/// Checked options.
pub struct Options {
    /// The server's program.
    pub server: PathBuf,
    /// An empty folder.
    pub folder: PathBuf,
    /// The server's options that lead to the database.
    pub database: Vec<String>,
    /// How many nodes serve.
    pub nodes: usize,
    /// How many sessions end for each carrier.
    pub sessions: usize,
    /// How many doors are opened at once.
    pub connections: usize,
    /// How many questions that are asked again are under way at once.
    pub questions: usize,
    /// Samples of the verifiers.
    pub samples: Vec<Sample>,
    /// A Keycloak beside it.
    pub against: Option<String>,
    /// The lifespan of its access tokens, in seconds.
    pub lifespan: u64,
}

/// How the sample program of a verifier is started.
pub struct Sample {
    /// Its language.
    pub name: String,
    /// Program and arguments.
    pub run: Vec<String>,
    /// Where.
    pub folder: PathBuf,
    /// Variables of its own.
    pub environment: Vec<(String, String)>,
    /// Whether it can follow status lists, too.
    pub status_list: bool,
}

impl Options {
    /// Reads `--name=value` arguments.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut server, mut folder, mut database) = (None, None, None);
        let (mut nodes, mut sessions, mut connections, mut questions) = (3, 1_000, 8, 4);
        let (mut samples, mut against, mut lifespan) = (Vec::new(), None, 10);
        for argument in arguments {
            let (name, value) = argument
                .split_once('=')
                .with_context(|| format!("no option {argument:?}"))?;
            let number = || -> Result<usize> {
                value
                    .parse()
                    .with_context(|| format!("{name} wants a number"))
            };
            match name {
                "--server" => server = Some(PathBuf::from(value)),
                "--folder" => folder = Some(PathBuf::from(value)),
                "--database" => database = Some(database_options(value)?),
                "--verifiers" => samples = read_samples(value)?,
                "--nodes" => nodes = number()?,
                "--sessions" => sessions = number()?,
                "--connections" => connections = number()?,
                "--questions" => questions = number()?,
                "--against" => against = Some(value.trim_end_matches('/').to_owned()),
                "--lifespan" => lifespan = value.parse().context("--lifespan wants seconds")?,
                _ => bail!("no option {name:?}"),
            }
        }
        if !(2..=MOST_NODES).contains(&nodes)
            || !(1..=MOST_SESSIONS).contains(&sessions)
            || !(1..=MOST_CONNECTIONS).contains(&connections)
            || !(1..=MOST_CONNECTIONS).contains(&questions)
            || !(2..=3600).contains(&lifespan)
        {
            bail!(
                "2 to {MOST_NODES} nodes, 1 to {MOST_SESSIONS} sessions, 1 to {MOST_CONNECTIONS} connections and \
                 questions, a lifespan of 2 to 3600 seconds"
            );
        }
        Ok(Self {
            server: server.context("--server is missing")?,
            folder: folder.context("--folder is missing")?,
            database: database.context("--database is missing")?,
            nodes,
            sessions,
            connections,
            questions,
            samples,
            against,
            lifespan,
        })
    }
}

/// `postgres://user@host:port/name` as the server's options.
fn database_options(url: &str) -> Result<Vec<String>> {
    let wrong = || format!("{url:?} is no postgres://user@host:port/name");
    let rest = url.strip_prefix("postgres://").with_context(wrong)?;
    let (user, rest) = rest.split_once('@').with_context(wrong)?;
    let (address, name) = rest.split_once('/').with_context(wrong)?;
    let (host, port) = address.split_once(':').with_context(wrong)?;
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    Ok(vec![
        "--db=postgres".to_owned(),
        format!("--db-url-host={host}"),
        format!("--db-url-port={port}"),
        format!("--db-url-database={name}"),
        format!("--db-username={user}"),
        format!("--db-password={password}"),
    ])
}

/// A list in JSON: `name`, `run` (program and arguments), `cwd`, `env`, `statusList`.
fn read_samples(path: &str) -> Result<Vec<Sample>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let list: Vec<Value> = serde_json::from_str(&text)?;
    list.iter()
        .map(|one| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let run = one.get("run").and_then(Value::as_array);
            let run: Option<Vec<String>> = run.and_then(|run| run.iter().map(text).collect());
            Ok(Sample {
                name: one.get("name").and_then(text).context("no name")?,
                run: run.filter(|run| !run.is_empty()).context("no run")?,
                folder: one.get("cwd").and_then(text).context("no cwd")?.into(),
                environment: one
                    .get("env")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
                    .collect(),
                status_list: one.get("statusList").and_then(Value::as_bool) == Some(true),
            })
        })
        .collect()
}
