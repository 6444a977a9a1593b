//! The sample programs of the verifiers, each an API that follows the feed or a status list.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::caller::Caller;
use super::options::{Options, Sample};
use super::realm::{API, World};
use crate::now;

/// Until a program listens, and until it knows what is revoked.
const START: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);
/// What its first line begins with.
const LISTENING: &str = "listening on ";

/// A running one. Dropping it kills it.
pub struct Verifier {
    /// Its language, and what it follows.
    pub name: String,
    /// Where it is asked.
    pub url: String,
    /// Whether it follows status lists, and not the feed.
    pub follows_lists: bool,
    child: Child,
}

impl Verifier {
    /// Starts all that can be started; tells of the others.
    pub fn start_all(options: &Options, world: &World) -> Vec<Self> {
        let mut all = Vec::new();
        for sample in &options.samples {
            let modes: &[bool] = if sample.status_list {
                &[false, true]
            } else {
                &[false]
            };
            for follows_lists in modes {
                match Self::start(sample, *follows_lists, world) {
                    Ok(verifier) => all.push(verifier),
                    Err(error) => println!("left out: {}: {error:#}", sample.name),
                }
            }
        }
        if options.samples.is_empty() {
            println!("left out: APIs with verifiers: none is named");
        }
        all
    }

    fn start(sample: &Sample, follows_lists: bool, world: &World) -> Result<Self> {
        let (program, arguments) = sample.run.split_first().context("no program")?;
        let mode = if follows_lists { "status-list" } else { "feed" };
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(&sample.folder)
            .envs(sample.environment.iter().cloned())
            .env("ISSUER", &world.issuer)
            .env("FEED_CLIENT_ID", API.0)
            .env("FEED_CLIENT_SECRET", API.1)
            .env("MODE", mode)
            .env("PORT", "0")
            // It ends when this closes, whatever becomes of us.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} does not start"))?;
        let out = child.stdout.take().context("no standard output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Read on when nobody looks: a full pipe would stop the program.
                let _ = sender.send(line);
            }
        });
        let mut verifier = Self {
            name: format!(
                "{}, {}",
                sample.name,
                if follows_lists { "status list" } else { "feed" }
            ),
            url: String::new(),
            follows_lists,
            child,
        };
        let first = match lines.recv_timeout(START) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => bail!("it does not listen"),
            Err(RecvTimeoutError::Disconnected) => bail!("it ended before it listened"),
        };
        let address = first.trim().strip_prefix(LISTENING);
        let address = address.with_context(|| format!("it says {first:?}"))?;
        verifier.url = format!("http://{address}/");
        verifier.wait_until_current()?;
        Ok(verifier)
    }

    fn wait_until_current(&mut self) -> Result<()> {
        let (caller, since) = (Caller::new(), now());
        let url = format!("{}health", self.url);
        loop {
            let answer = caller.get(&url, &[]);
            let text = answer.and_then(|mut answer| Ok(answer.body_mut().read_to_string()?));
            let health = text.ok().and_then(|text| serde_json::from_str(&text).ok());
            let health: serde_json::Value = health.unwrap_or_default();
            if health.get("current").and_then(serde_json::Value::as_bool) == Some(true) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            if since.elapsed() > START {
                bail!("it does not become current");
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
