//! `prove-logout`: a live probe, for operators and auditors. It signs in at a running server, ends the
//! session by each door that it can open, and measures how long anybody still takes the access token:
//! the server's own carriers (docs/logout.md), and APIs that are named.

mod asked;
mod carrier;
mod door;
mod guest;
mod measure;
mod receipt;
mod report;
mod site;

use std::io::Write as _;

use anyhow::{Context as _, bail};
use claviger_outbound::{AddressPolicy, Fetcher, FetcherOptions};
use tokio::signal::unix::{SignalKind, signal};

pub use asked::{Asked, OPTIONS};
use asked::{Format, Who};
use door::Door;
use guest::Guests;
use report::{Report, Row};
use site::{Administrator, Holder, Site};

use crate::settings::Settings;

/// The longest answer that is read, in bytes: a page of the live feed may be long.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Runs the probe and prints what it found. An error if anything still took a token.
pub fn run(
    settings: &Settings,
    asked: &Asked,
    environment: &[(String, String)],
) -> anyhow::Result<()> {
    let who = asked.who(environment)?;
    let fetcher = Fetcher::new(&FetcherOptions {
        // Whoever types the command names the addresses.
        policy: AddressPolicy::default(),
        total_timeout: asked.patience(),
        response_bytes_max: ANSWER_BYTES_MAX,
        ..crate::trust::calls(settings)?
    })?;
    let report = super::runtime()?.block_on(prove(&fetcher, asked, &who))?;
    let text = match asked.format {
        Format::Human => report.table(),
        Format::Json => format!("{}\n", report.json()),
    };
    // A reader that stopped reading has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    match report.failures() {
        0 => Ok(()),
        1 => bail!("one check failed"),
        failures => bail!("{failures} checks failed"),
    }
}

/// The probe between the making and the removal of whoever is only there for it.
async fn prove(fetcher: &Fetcher, asked: &Asked, who: &Who) -> anyhow::Result<Report> {
    let sites: Vec<Site<'_>> = asked
        .servers
        .iter()
        .map(|base| Site::new(fetcher, base, &asked.realm))
        .collect();
    let first = sites.first().context("no server is named")?;
    let administrator = who.administrator.as_ref().map(|account| Administrator {
        site: first,
        account,
    });
    match (&who.holder, &administrator) {
        (Some(holder), administrator) => {
            unless_stopped(probe(asked, &sites, holder, administrator.as_ref())).await
        }
        (None, Some(administrator)) => {
            let guests = Guests::named_by_chance(&asked.audiences);
            // Whatever happens in between, what was made goes: the removal finds it by its name.
            let found = unless_stopped(async {
                guests.arrive(administrator).await?;
                probe(asked, &sites, guests.holder(), Some(administrator)).await
            })
            .await;
            let gone = guests.leave(administrator).await;
            let report = found?;
            gone?;
            Ok(report)
        }
        (None, None) => bail!("neither a user nor an administrator is named"),
    }
}

/// Gives up when the process is asked to stop, so that what was made can be removed.
async fn unless_stopped<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let listen = |kind| signal(kind).context("cannot listen to signals");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    tokio::select! {
        result = work => result,
        _ = terminate.recv() => bail!("stopped"),
        _ = interrupt.recv() => bail!("stopped"),
    }
}

/// A session for each door.
async fn probe(
    asked: &Asked,
    sites: &[Site<'_>],
    holder: &Holder,
    administrator: Option<&Administrator<'_>>,
) -> anyhow::Result<Report> {
    let first = sites.first().context("no server is named")?;
    let mut rows = Vec::new();
    for door in Door::ALL {
        if door == Door::Administrator && administrator.is_none() {
            let how = "no administrator is named: give --admin or --admin-client-id";
            rows.push(Row::left_out(door, how));
            continue;
        }
        let session = first.sign_in(holder).await?;
        let keys = first.keys().await?;
        let carriers = carrier::all(sites, &asked.apis, holder, &session, &keys);
        let measured = measure::through(door, &carriers, asked.timeout, async || {
            door.open(first, holder, &session, administrator).await
        })
        .await;
        // A door that did not end the session leaves it to be ended; one that did makes this an error.
        let _ = first.log_out(holder, &session).await;
        rows.extend(measured);
        rows.push(receipt::row(door, &session, &keys, administrator).await);
    }
    Ok(Report {
        realm: asked.realm.clone(),
        servers: asked.servers.clone(),
        timeout: asked.timeout,
        rows,
    })
}
