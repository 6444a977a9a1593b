//! The server as a process: started, watched through `/proc`, stopped.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::now;
use crate::options::Options;

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it.
pub struct Server {
    child: Child,
    port: u16,
    /// From starting the program to its first answer.
    pub start: Duration,
}

impl Server {
    /// Starts it in its folder and waits for the first 200.
    pub fn start(options: &Options) -> Result<Self> {
        Self::launch(&options.server, &options.folder, Self::free_port()?, &[])
    }

    /// A port of loopback that nobody has.
    pub fn free_port() -> Result<u16> {
        Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
    }

    /// The same on a port, with options of its own.
    pub fn launch(program: &Path, folder: &Path, port: u16, arguments: &[String]) -> Result<Self> {
        let log = fs::File::create(folder.join("log"))?;
        let since = now();
        let child = Command::new(program)
            .args([
                "start-dev",
                "--http-host=127.0.0.1",
                &format!("--http-port={port}"),
            ])
            .args(arguments)
            .current_dir(folder)
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "admin")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "admin")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("the server does not start")?;
        let mut server = Self {
            child,
            port,
            start: Duration::ZERO,
        };
        let client = Client::new(server.url());
        while client.status("/realms/master") != Some(200) {
            if let Some(status) = server.child.try_wait()? {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                bail!("the server ended with {status}\n{log}");
            }
            if since.elapsed() > START_LIMIT {
                bail!("the server does not answer");
            }
            thread::sleep(Duration::from_millis(1));
        }
        server.start = since.elapsed();
        Ok(server)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What can be watched of it.
    pub fn watched(&self) -> Watched {
        Watched {
            process: Some(self.child.id()),
        }
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.context("/proc/…/status is not as expected")
    }

    /// Asks it to stop, and waits.
    pub fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        let since = now();
        while self.child.try_wait()?.is_none() {
            if since.elapsed() > STOP_LIMIT {
                bail!("the server does not stop");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process whose CPU time is counted, if we may see it.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// Its id.
    pub process: Option<u32>,
}

impl Watched {
    /// CPU time of all its threads, its own and the kernel's on its behalf.
    pub fn cpu_time(self) -> Result<Option<Duration>> {
        let Some(process) = self.process else {
            return Ok(None);
        };
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))
            .with_context(|| format!("there is no process {process}"))?;
        let ticks = parse_cpu_ticks(&stat).context("/proc/…/stat is not as expected")?;
        let milliseconds = ticks.saturating_mul(1000) / clock_ticks_per_second().max(1);
        Ok(Some(Duration::from_millis(milliseconds)))
    }
}

/// `utime` and `stime`, fields 14 and 15 of proc_pid_stat(5). The second field, a name in parentheses, may hold spaces.
fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

/// CPU time of this thread: the first field of `schedstat`, in nanoseconds.
pub fn thread_cpu_time() -> Result<Duration> {
    let text =
        fs::read_to_string("/proc/thread-self/schedstat").context("Linux is needed to measure")?;
    let first = text
        .split_whitespace()
        .next()
        .and_then(|field| field.parse().ok());
    Ok(Duration::from_nanos(
        first.context("schedstat is not as expected")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_are_found_after_any_name() {
        let stat =
            "42 (a (strange) name) S 1 42 42 0 -1 4194304 100 0 0 0 77 23 0 0 20 0 4 0 999 1 2";
        assert_eq!(parse_cpu_ticks(stat), Some(100));
        assert_eq!(parse_cpu_ticks("nothing"), None);
    }
}
