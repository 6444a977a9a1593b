//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

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
}

const MOST_SECONDS: u64 = 3600;
const MOST_CONNECTIONS: usize = 256;

impl Options {
    /// Reads `--name=value` arguments.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut server, mut folder) = (None, None);
        let (mut seconds, mut connections) = (10, 8);
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
        })
    }
}
