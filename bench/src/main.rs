//! The load generator, started by `cargo xtask bench`.
//!
//! It prints, from one run on one machine, what one core can sign and hash, what the disk can sync, and what the server
//! answers per second of its own CPU time. The part of the first that the last is depends little on the machine; neither
//! figure alone means much. With another server beside it, each load is given to the one and then to the other.
//! It measures and judges nothing: no test depends on it. With `time-to-denial` it measures something else, and judges:
//! how long access tokens are taken after a logout (`denial.rs`).

mod browser;
mod client;
mod denial;
mod load;
mod options;
mod process;
mod raw;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::client::Client;
use crate::load::{Load, Rate};
use crate::options::Options;
use crate::process::Server;
use crate::raw::Raw;

/// How long the server is left alone before its memory is called idle.
const REST: Duration = Duration::from_secs(2);

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments
        .next_if(|first| first == "time-to-denial")
        .is_some()
    {
        let is_good = denial::run(arguments)?;
        return Ok(if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    speed(&Options::read(arguments)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Speed, memory and start-up.
fn speed(options: &Options) -> Result<()> {
    let raw = Raw::measure(options.seconds, &options.folder)?;
    println!(
        "this machine: {:.0} RS256 signatures (2048 bits) and {:.1} Argon2id hashes (7 MiB, 5 passes) per CPU second; \
         {:.0} synced pages per second",
        raw.signatures, raw.hashes, raw.syncs
    );
    let first = Server::start(options)?;
    let first_start = first.start;
    first.stop()?;
    let server = Server::start(options)?;
    let second_start = server.start;
    std::thread::sleep(REST);
    let idle = server.resident_kib()?;

    let client = Client::new(server.url());
    let other = options.against.as_ref();
    let other = other.map(|other| (Client::new(other.url.clone()), other.watched));
    load::prepare(&client)?;
    if let Some((client, _)) = &other {
        load::prepare(client)?;
    }
    println!(
        "{:<20} {:>10} {:>28} {:>9} {:>8}{}",
        "load",
        "per CPU s",
        "of what the CPU allows",
        "per s",
        "slowest",
        if other.is_some() {
            "    the other: per CPU s, per s, slowest"
        } else {
            ""
        }
    );
    for load in &options.loads {
        let rate = load.measure(&client, server.watched(), options)?;
        let beside = match &other {
            Some((client, watched)) => Some(load.measure(client, *watched, options)?),
            None => None,
        };
        println!("{}", line(*load, &raw, &rate, beside.as_ref()));
    }
    let busy = server.resident_kib()?;
    load::clean_up(&client)?;
    if let Some((client, _)) = &other {
        load::clean_up(client)?;
    }
    server.stop()?;
    println!(
        "start until the first 200: {} ms with an empty database, {} ms with an existing one",
        first_start.as_millis(),
        second_start.as_millis()
    );
    println!(
        "resident memory: {:.1} MiB idle, {:.1} MiB after the load",
        mebibytes(idle),
        mebibytes(busy)
    );
    Ok(())
}

/// One row of the table.
fn line(load: Load, raw: &Raw, rate: &Rate, beside: Option<&Rate>) -> String {
    let per_cpu = |rate: &Rate| {
        rate.per_cpu_second
            .map_or("-".to_owned(), |rate| format!("{rate:.0}"))
    };
    let part = match (load.ceiling(raw), rate.per_cpu_second) {
        (Some((ceiling, of)), Some(rate)) => format!("{:.0} % of {of}", 100.0 * rate / ceiling),
        _ => String::new(),
    };
    let beside = beside.map_or_else(String::new, |other| {
        let times = match (rate.per_cpu_second, other.per_cpu_second) {
            (Some(ours), Some(theirs)) => format!(", {:.1} times less CPU here", ours / theirs),
            _ => String::new(),
        };
        format!(
            "    {}, {:.0}, {} ms{times}",
            per_cpu(other),
            other.per_second,
            other.slowest.as_millis()
        )
    });
    format!(
        "{:<20} {:>10} {:>28} {:>9.0} {:>5} ms{beside}",
        load.name(),
        per_cpu(rate),
        part,
        rate.per_second,
        rate.slowest.as_millis(),
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "memory in KiB is far below 2^53"
)]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
