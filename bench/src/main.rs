//! The load generator, started by `cargo xtask bench`.
//!
//! It prints, from one run on one machine, what one core can sign and what the server answers per second of its own
//! CPU time. The part of the first that the second is depends little on the machine; neither figure alone means much.
//! It measures and judges nothing: no test depends on it.

mod client;
mod load;
mod options;
mod process;
mod signing;

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::client::Client;
use crate::load::Rate;
use crate::options::Options;
use crate::process::Server;

/// How long the server is left alone before its memory is called idle.
const REST: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    let raw = signing::rate(options.seconds)?;
    let first = Server::start(&options)?;
    let first_start = first.start;
    first.stop()?;
    let server = Server::start(&options)?;
    let second_start = server.start;
    std::thread::sleep(REST);
    let idle = server.resident_kib()?;

    let client = Client::new(server.url());
    load::prepare(&client)?;
    let credentials = load::client_credentials(&client, &server, &options)?;
    let refresh = load::refresh(&client, &server, &options)?;
    let busy = server.resident_kib()?;
    load::clean_up(&client)?;
    server.stop()?;

    println!("RS256 with 2048 bits, one core:  {raw:>8.0} signatures per CPU second");
    print_rate("client_credentials", &credentials, raw);
    print_rate("refresh_token", &refresh, raw);
    println!(
        "first start, empty database:     {:>8} ms until the first 200",
        first_start.as_millis()
    );
    println!(
        "second start:                    {:>8} ms",
        second_start.as_millis()
    );
    println!(
        "resident memory, idle:           {:>8.1} MiB",
        mebibytes(idle)
    );
    println!(
        "resident memory, after the load: {:>8.1} MiB",
        mebibytes(busy)
    );
    Ok(())
}

fn print_rate(name: &str, rate: &Rate, raw: f64) {
    println!(
        "{:<32} {:>8.0} requests per CPU second of the server, {:.0} % of one signature each ({:.0} per second of time, \
         slowest {} ms)",
        format!("{name}:"),
        rate.per_cpu_second,
        100.0 * rate.per_cpu_second / raw,
        rate.per_second,
        rate.slowest.as_millis()
    );
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
