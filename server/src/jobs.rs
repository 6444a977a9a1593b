//! What the server does by itself, beside answering.
//!
//! Each job is bounded in what it does at a time, waits between, outlives failures of the database
//! (told once until it works again), and ends when the server stops. What throws away does so only
//! while the clock can be believed.

mod outbox;
mod pace;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use claviger_engine::outbox::{give_up, ledger};
use claviger_engine::{App, login, logout};
use claviger_model::Seconds;
use claviger_store::{StoreError, Tx};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use pace::Pace;

/// How often sessions whose time is over are ended.
const SESSIONS_EVERY: Duration = Duration::from_secs(15);
/// Batches of sessions ended in a row at most: what is left waits for the next turn.
const SESSION_BATCHES: usize = 20;
/// How often expired rows are thrown away.
const PURGE_EVERY: Duration = Duration::from_mins(1);
/// Rows of each table thrown away in one write: a short one, for others wait behind it.
const PURGE_ROWS: i64 = 500;
/// How long an import may write nothing before it is taken for one that was cut off.
const IMPORT_LASTS: Seconds = Seconds(3_600);
/// Writes in a row at most: what is left waits for the next turn.
const PURGE_WRITES: usize = 20;

/// How often what waits to be told is counted.
const LEDGER_EVERY: Duration = Duration::from_secs(10);
/// Lines of the ledger beyond what a realm keeps are thrown away in so many writes in a row at most.
const TRIMS: usize = 200;

/// Starts all jobs. They end soon after `stop` turns true; wait for the set to be sure.
pub fn start(app: &App, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    let pace = Arc::new(Pace::default());
    let (purge, steady) = (app.clone(), Arc::clone(&pace));
    jobs.spawn(repeat("purge", PURGE_EVERY, stop.clone(), move || {
        purge_expired(purge.clone(), Arc::clone(&steady))
    }));
    let (sessions, counted) = (app.clone(), app.clone());
    jobs.spawn(repeat("ledger", LEDGER_EVERY, stop.clone(), move || {
        let app = counted.clone();
        async move { app.watch_backlog().await }
    }));
    jobs.spawn(outbox::deliver(app.clone(), stop.clone()));
    jobs.spawn(repeat(
        "sessions",
        SESSIONS_EVERY,
        stop.clone(),
        move || end_sessions(sessions.clone(), Arc::clone(&pace)),
    ));
    jobs
}

/// Does `job` again and again.
async fn repeat<F>(
    name: &'static str,
    every: Duration,
    mut stop: watch::Receiver<bool>,
    job: impl Fn() -> F,
) where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut failing = false;
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(every) => {}
        }
        match job().await {
            Ok(()) if failing => {
                failing = false;
                tracing::info!("job {name} works again");
            }
            Ok(()) => {}
            Err(error) if failing => tracing::debug!("job {name} still fails: {error}"),
            Err(error) => {
                failing = true;
                tracing::warn!("job {name} failed, and will be tried again: {error}");
            }
        }
    }
}

/// Ends sessions whose time is over by the engine's one verb, so that clients are told.
async fn end_sessions(app: App, pace: Arc<Pace>) -> Result<(), StoreError> {
    if !pace.is_steady(app.now(), Instant::now()) {
        return Ok(());
    }
    for _ in 0..SESSION_BATCHES {
        if logout::end_expired(&app, app.now()).await? == 0 {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Throws expired rows away, in small writes with room for others between them.
async fn purge_expired(app: App, pace: Arc<Pace>) -> Result<(), StoreError> {
    if !pace.is_steady(app.now(), Instant::now()) {
        return Ok(());
    }
    let before = app.now() - IMPORT_LASTS;
    for import in app.store.stale_imports(before).await? {
        let mut tx = Tx::default();
        tx.clear_stale_import(&import, before);
        // A miss means that somebody went on with it.
        let _cleared = app.commit(tx).await?;
    }
    for _ in 0..PURGE_WRITES {
        let mut tx = Tx::default();
        tx.purge_expired(app.now(), PURGE_ROWS);
        if !app.commit(tx).await?.is_done() {
            break;
        }
        tokio::task::yield_now().await;
    }
    login::thin_out(&app, login::TABS_OF_A_REALM).await?;
    for _ in 0..PURGE_WRITES {
        if give_up(&app, app.now(), PURGE_ROWS).await? == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    for _ in 0..TRIMS {
        if !ledger::trim(&app, PURGE_ROWS).await? {
            break;
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failing_job_is_tried_again_until_the_server_stops() {
        let (stop, stopped) = watch::channel(false);
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let job = move || {
            let runs = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if runs < 2 {
                    Err(StoreError::Settings("x".to_owned()))
                } else {
                    Ok(())
                }
            }
        };
        let task = tokio::spawn(repeat("test", Duration::from_secs(10), stopped, job));
        tokio::time::sleep(Duration::from_secs(35)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        stop.send(true).unwrap();
        task.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
