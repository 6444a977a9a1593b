//! Processes that end with the task.
//!
//! Every child leads a process group of its own, so that Ctrl-C reaches this program alone, which then stops the
//! children in the order in which they depend on each other: the last started first.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::scratch;
use crate::workspace::now;

/// How long a child may take to stop when asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a kind of child is asked to stop.
#[derive(Clone, Copy)]
pub enum Stop {
    /// SIGTERM to the whole group: cargo and the test programs below it.
    Group,
    /// SIGTERM to the process alone, which ends its own helpers in order.
    Process,
    /// SIGINT to the process alone: PostgreSQL's fast shutdown, which does not wait for clients.
    FastProcess,
}

#[derive(Clone, Copy)]
struct Entry {
    pid: Pid,
    stop: Stop,
}

static RUNNING: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
static CLOSING: AtomicBool = AtomicBool::new(false);
/// Whether being asked to stop is how the task ends well.
static STOP_IS_SUCCESS: AtomicBool = AtomicBool::new(false);

fn running() -> MutexGuard<'static, Vec<Entry>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Ctrl-C is the natural end of the task: it exits with 0.
pub fn stopping_is_success() {
    STOP_IS_SUCCESS.store(true, Ordering::SeqCst);
}

/// Stops every child on SIGINT, SIGTERM and SIGHUP and ends this program; a second signal kills them.
pub fn watch_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch signals")?;
    thread::spawn(move || {
        for signal in &mut signals {
            if CLOSING.swap(true, Ordering::SeqCst) {
                kill_all();
                exit(128 + signal);
            }
            thread::spawn(move || {
                stop_all();
                scratch::remove_all();
                let success = STOP_IS_SUCCESS.load(Ordering::SeqCst);
                exit(if success { 0 } else { 128 + signal });
            });
        }
    });
    Ok(())
}

/// Waits for the end of the program if a signal has asked for it.
///
/// What the main thread learns meanwhile (a cargo that failed because it was stopped) means nothing any more.
pub fn stay_if_closing() {
    while CLOSING.load(Ordering::SeqCst) {
        thread::park();
    }
}

fn stop_all() {
    let entries: Vec<Entry> = running().iter().rev().copied().collect();
    for entry in entries {
        ask_to_stop(entry);
        let since = now();
        // `Ok(None)` alone means that it still runs: an error says that the main thread has waited for it.
        while matches!(waitpid(Some(entry.pid), WaitOptions::NOHANG), Ok(None)) {
            if since.elapsed() > PATIENCE {
                let _ = kill_process_group(entry.pid, Signal::KILL);
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn kill_all() {
    for entry in running().iter() {
        let _ = kill_process_group(entry.pid, Signal::KILL);
    }
}

/// A child that is gone already is no failure: that is what was wanted.
fn ask_to_stop(entry: Entry) {
    let _ = match entry.stop {
        Stop::Group => kill_process_group(entry.pid, Signal::TERM),
        Stop::Process => kill_process(entry.pid, Signal::TERM),
        Stop::FastProcess => kill_process(entry.pid, Signal::INT),
    };
}

/// A running child. Dropping it stops it.
pub struct Running {
    child: Child,
    entry: Entry,
}

impl Running {
    /// Starts a command without standard input.
    pub fn start(command: &mut Command, stop: Stop) -> Result<Self> {
        // Held over the start: a signal finds either no child, or a registered one.
        let mut entries = running();
        if CLOSING.load(Ordering::SeqCst) {
            drop(entries);
            stay_if_closing();
            bail!("the task is being stopped");
        }
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let entry = Entry {
            pid: pid.context("a process id that is none")?,
            stop,
        };
        entries.push(entry);
        Ok(Self { child, entry })
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its natural end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait();
        stay_if_closing();
        Ok(status?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            ask_to_stop(self.entry);
            let since = now();
            while self.ended().is_none() {
                if since.elapsed() > PATIENCE {
                    let _ = kill_process_group(self.entry.pid, Signal::KILL);
                    let _ = self.child.wait();
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        running().retain(|entry| entry.pid != self.entry.pid);
    }
}

/// Runs a command to its end, its output going where ours goes.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    Running::start(command, Stop::Group)?.wait()
}

/// Runs a command to its end, passing each line of its standard output on and to `line`.
pub fn run_reading(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut running = Running::start(command.stdout(Stdio::piped()), Stop::Group)?;
    if let Some(stdout) = running.child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes)? > 0 {
            let text = String::from_utf8_lossy(&bytes);
            line(text.trim_end());
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
            drop(out);
            bytes.clear();
        }
    }
    running.wait()
}

/// How a command ended, in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn process(pid: i32) -> PathBuf {
        PathBuf::from(format!("/proc/{pid}/exe"))
    }

    #[test]
    fn a_dropped_child_is_gone_with_its_group() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut running = Running::start(&mut command, Stop::Group).unwrap();
        let mut line = String::new();
        BufReader::new(running.child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let grandchild: i32 = line.trim().parse().unwrap();
        let child = running.entry.pid.as_raw_pid();
        assert!(process(child).exists() && running.ended().is_none());
        drop(running);
        assert!(!process(child).exists());
        // Whoever inherits the grandchild collects it in its own time; its program ends at once.
        let since = now();
        while process(grandchild).exists() {
            assert!(since.elapsed() < PATIENCE, "the grandchild runs on");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(running_pids().iter().all(|pid| *pid != child));
    }

    fn running_pids() -> Vec<i32> {
        running()
            .iter()
            .map(|entry| entry.pid.as_raw_pid())
            .collect()
    }

    #[test]
    fn lines_are_read_and_the_end_is_told() {
        let mut command = Command::new("sh");
        command.args(["-c", "printf 'one\\ntwo'; exit 3"]);
        let mut lines = Vec::new();
        let status = run_reading(&mut command, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(describe(status), "exit status 3");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let problem = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(problem.to_string().contains("no-such-program"));
    }
}
