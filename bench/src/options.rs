//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::load::Load;
use crate::process::Watched;

/// Checked options.
pub struct Options {
    /// The server's program.
    pub server: PathBuf,
    /// An empty folder for its data.
    pub folder: PathBuf,
    /// How long each measurement takes.
    pub seconds: Duration,
    /// Connections with one request under way on each.
    pub connections: usize,
    /// What is measured.
    pub loads: Vec<Load>,
    /// Another server beside which everything is measured.
    pub against: Option<Other>,
}

/// A server that somebody else started: a Keycloak, with administrator `admin`, password `admin`.
pub struct Other {
    /// `http://localhost:8080`.
    pub url: String,
    /// What can be watched of it.
    pub watched: Watched,
}

const MOST_SECONDS: u64 = 3600;
const MOST_CONNECTIONS: usize = 256;

impl Options {
    /// Reads `--name=value` arguments.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut server, mut folder) = (None, None);
        let (mut seconds, mut connections) = (10, 8);
        let (mut loads, mut against, mut process) = (Load::ALL.to_vec(), None, None);
        for argument in arguments {
            let (name, value) = argument
                .split_once('=')
                .with_context(|| format!("no option {argument:?}"))?;
            match name {
                "--server" => server = Some(PathBuf::from(value)),
                "--folder" => folder = Some(PathBuf::from(value)),
                "--seconds" => seconds = value.parse().context("--seconds wants a number")?,
                "--connections" => {
                    connections = value.parse().context("--connections wants a number")?;
                }
                "--only" => loads = named(value)?,
                "--against" => against = Some(value.trim_end_matches('/').to_owned()),
                "--against-pid" => {
                    process = Some(value.parse().context("--against-pid wants a number")?);
                }
                _ => bail!("no option {name:?}"),
            }
        }
        if !(1..=MOST_SECONDS).contains(&seconds) || !(1..=MOST_CONNECTIONS).contains(&connections)
        {
            bail!("1 to {MOST_SECONDS} seconds, 1 to {MOST_CONNECTIONS} connections");
        }
        Ok(Self {
            server: server.context("--server is missing")?,
            folder: folder.context("--folder is missing")?,
            seconds: Duration::from_secs(seconds),
            connections,
            loads,
            against: against.map(|url| Other {
                url,
                watched: Watched { process },
            }),
        })
    }
}

fn named(list: &str) -> Result<Vec<Load>> {
    let known = || Load::ALL.map(Load::name).join(", ");
    let find = |name| Load::ALL.into_iter().find(|load| load.name() == name);
    list.split(',')
        .map(|name| find(name).with_context(|| format!("no load {name:?}, there are {}", known())))
        .collect()
}
