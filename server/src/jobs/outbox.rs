//! Empties the outbox: what is due is told, by several messages at a time, of which few are one
//! client's. The process that has just written a message begins at once; what is left by others, or
//! failed before, is found by looking again and again.

use std::collections::HashMap;
use std::time::Duration;

use claviger_engine::App;
use claviger_engine::outbox::rounds::Rounds;
use claviger_engine::outbox::{self, Attempt};
use claviger_store::{OutboxRow, StoreError};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument as _;

/// How often it is looked for messages that nobody announced.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Targets read at a time.
const TARGETS: i64 = 5_000;
/// How long what is under way may take when the server stops. Then it is told after the next start,
/// or by another node.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Whom a message is for, and which it is.
type Visit = (String, String);

/// Walks until `stop` turns true.
pub async fn deliver(app: App, mut stop: watch::Receiver<bool>) {
    let mut walk = Walk::new(app.clone());
    loop {
        walk.look().await;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            () = app.written.notified() => {}
            () = walk.work() => {}
        }
    }
    let rest = async {
        while let Some(done) = walk.under_way.join_next_with_id().await {
            walk.end(done);
        }
    };
    // What is cut off was claimed, and is told once the claim is over.
    let _ = tokio::time::timeout(LAST_WORDS, rest).await;
}

struct Walk {
    app: App,
    since: Instant,
    rounds: Rounds,
    under_way: JoinSet<Result<Attempt, StoreError>>,
    visits: HashMap<Id, Visit>,
    failing: bool,
}

impl Walk {
    fn new(app: App) -> Self {
        Self {
            app,
            since: Instant::now(),
            rounds: Rounds::default(),
            under_way: JoinSet::new(),
            visits: HashMap::new(),
            failing: false,
        }
    }

    /// Sends out what is due, to whomever it is.
    async fn look(&mut self) {
        self.rounds.tidy(self.since.elapsed());
        for target in self.app.nudges.take() {
            self.rounds.wake(&target);
        }
        if self.rounds.room() == 0 {
            return;
        }
        let due = self.app.store.outbox_targets(self.app.now(), TARGETS).await;
        let began = match due {
            Ok(targets) => self.begin_all(targets).await,
            Err(error) => Err(error),
        };
        self.note(began);
    }

    async fn begin_all(&mut self, targets: Vec<String>) -> Result<(), StoreError> {
        for target in targets {
            self.begin(&target).await?;
        }
        Ok(())
    }

    /// Sends out what is due to one target, as far as there is room.
    async fn begin(&mut self, target: &str) -> Result<(), StoreError> {
        let room = self.rounds.room_for(target, self.since.elapsed());
        if room == 0 {
            return Ok(());
        }
        // Those under way may not have been claimed yet, and are among what is read.
        let page = i64::try_from(room + outbox::rounds::AT_ONCE_TO_ONE).unwrap_or(i64::MAX);
        let due = self
            .app
            .store
            .outbox_due(target, self.app.now(), page)
            .await?;
        let new = due
            .into_iter()
            .filter(|row| !self.rounds.is_under_way(&row.id));
        for row in new.take(room).collect::<Vec<_>>() {
            self.send(row);
        }
        Ok(())
    }

    fn send(&mut self, row: OutboxRow) {
        let visit = (row.target.clone(), row.id.clone());
        self.rounds.begin(&visit.0, &visit.1);
        let app = self.app.clone();
        let attempt = async move { outbox::attempt(&app, &row).await };
        let task = self.under_way.spawn(attempt.in_current_span());
        self.visits.insert(task.id(), visit);
    }

    /// Waits until there is reason to look again; meanwhile sends out what follows where something
    /// came back.
    async fn work(&mut self) {
        let again = tokio::time::sleep(LOOK_EVERY);
        tokio::pin!(again);
        loop {
            tokio::select! {
                biased;
                Some(done) = self.under_way.join_next_with_id(), if !self.under_way.is_empty() => {
                    let Some((target, _)) = self.end(done) else { continue };
                    let began = self.begin(&target).await;
                    self.note(began);
                }
                () = &mut again => return,
            }
        }
    }

    /// A message came back.
    fn end(&mut self, done: Result<(Id, Result<Attempt, StoreError>), JoinError>) -> Option<Visit> {
        let (id, became) = match done {
            Ok((id, Ok(became))) => (id, became),
            Ok((id, Err(error))) => {
                self.note(Err(error));
                (id, Attempt::Unreachable)
            }
            Err(error) => (error.id(), Attempt::Unreachable),
        };
        let visit = self.visits.remove(&id)?;
        self.rounds
            .end(&visit.0, &visit.1, became, self.since.elapsed());
        Some(visit)
    }

    /// Tells of the database's failures, once until it works again.
    fn note(&mut self, outcome: Result<(), StoreError>) {
        match outcome {
            Ok(()) if self.failing => {
                self.failing = false;
                tracing::info!("job outbox works again");
            }
            Ok(()) => {}
            Err(error) if self.failing => tracing::debug!("job outbox still fails: {error}"),
            Err(error) => {
                self.failing = true;
                tracing::warn!("job outbox failed, and will be tried again: {error}");
            }
        }
    }
}
