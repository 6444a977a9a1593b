//! How PostgreSQL is written to: steps are sent without waiting for each other's answers.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Statement};

use crate::dialect::Dialect;
use crate::error::{Plain, StoreError};
use crate::postgres::{Connector, is_lost, is_overtaxed};
use crate::tx::Step;
use crate::writer::{Control, Failure, Job, Stop, WriteConnection};

/// Steps sent before the first answer is read.
const PIPELINE: usize = 256;
/// Steps of several jobs that are done at once in the hope that all of them fit.
const TOGETHER: usize = 4096;

/// The connection that writes.
pub(crate) struct Writer {
    connector: Connector,
    timeout: Duration,
    client: Option<ClientWrapper>,
    /// By name.
    prepared: HashMap<&'static str, Statement>,
    /// Words about the transaction that go out with the next steps: nothing is gained by waiting for
    /// the answer to `SAVEPOINT`.
    unsaid: Vec<&'static str>,
}

impl Writer {
    /// Not connected yet.
    pub(crate) fn new(connector: Connector, timeout: Duration) -> Self {
        Self {
            connector,
            timeout,
            client: None,
            prepared: HashMap::new(),
            unsaid: Vec::new(),
        }
    }

    /// Says what is unsaid and then `steps`, all at once, and reads the answers in their order.
    async fn send(&mut self, steps: &[&Step]) -> Result<(), Stop> {
        let lost = |failure| Stop::Failed("CONNECTION", failure);
        let unsaid = self.take_unsaid();
        let client = self.client.as_ref().ok_or_else(|| lost(not_connected()))?;
        let mut prepared = Vec::with_capacity(steps.len());
        for step in steps {
            let name = step.statement.name;
            let statement = self
                .prepared
                .get(name)
                .ok_or_else(|| lost(not_connected()))?;
            prepared.push(statement);
        }
        let mut sent: Vec<Request<'_, Result<u64, Error>>> = Vec::with_capacity(steps.len() + 1);
        sent.push(Box::pin(async {
            if unsaid.is_empty() {
                Ok(0)
            } else {
                client.batch_execute(&unsaid).await.map(|()| 0)
            }
        }));
        for (step, statement) in steps.iter().zip(prepared) {
            sent.push(Box::pin(client.execute_raw(statement, &step.args)));
        }
        let mut results = pipelined(sent).await.into_iter();
        // Whatever the transaction's own words meet, the state of the connection is not known.
        if let Some(Err(error)) = results.next() {
            return Err(lost(Failure::Connection(Arc::new(error))));
        }
        for (step, result) in steps.iter().zip(results) {
            let name = step.statement.name;
            let touched = result.map_err(|error| Stop::Failed(name, self.failure(error)))?;
            if !step.fits(touched) {
                return Err(Stop::Missed(name));
            }
        }
        Ok(())
    }

    /// The same, a part at a time.
    async fn send_all(&mut self, steps: &[&Step]) -> Result<(), Stop> {
        for some in steps.chunks(PIPELINE) {
            match tokio::time::timeout(self.timeout, self.send(some)).await {
                Ok(result) => result?,
                Err(_) => return Err(Stop::Failed("CONNECTION", too_late())),
            }
        }
        Ok(())
    }

    /// Prepares all that the registry can write. Done before the first transaction: a statement that
    /// failed to be prepared within one would spoil it for all its jobs.
    async fn prepare(&mut self, client: &ClientWrapper) -> Result<(), StoreError> {
        let writing = || {
            let all = crate::statement::ALL.iter().copied().flatten();
            all.filter(|statement| !statement.text(Dialect::Postgres).starts_with("SELECT"))
        };
        let sent = writing().map(|statement| {
            let text = statement.text(Dialect::Postgres);
            let request: Request<'_, _> = Box::pin(client.prepare(text));
            request
        });
        let results = pipelined(sent.collect()).await;
        self.prepared.clear();
        for (statement, result) in writing().zip(results) {
            let prepared = result.map_err(|error| {
                if is_lost(&error) || client.is_closed() {
                    StoreError::unavailable("the connection was lost", error)
                } else {
                    StoreError::database(statement.name, error)
                }
            })?;
            self.prepared.insert(statement.name, prepared);
        }
        Ok(())
    }

    /// What is unsaid, as one text.
    fn take_unsaid(&mut self) -> String {
        let text = self.unsaid.join("; ");
        self.unsaid.clear();
        text
    }

    fn failure(&self, error: Error) -> Failure {
        if is_lost(&error) || self.client.as_ref().is_none_or(|client| client.is_closed()) {
            return Failure::Connection(Arc::new(error));
        }
        if is_overtaxed(&error) {
            return Failure::NoRoom(Arc::new(error));
        }
        match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => Failure::Duplicate,
            Some(
                &SqlState::STRING_DATA_RIGHT_TRUNCATION | &SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            ) => Failure::Refused(Arc::new(error)),
            Some(
                &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::LOCK_NOT_AVAILABLE,
            ) => Failure::Again(Arc::new(error)),
            _ => Failure::Statement(Arc::new(error)),
        }
    }
}

/// Something to be sent, and its answer.
type Request<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends all requests, then waits for their answers. A request goes out when its future is first
/// polled: each is polled once, in order, before any is waited for.
async fn pipelined<T>(mut requests: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut early = Vec::with_capacity(requests.len());
    poll_fn(|cx| {
        for request in &mut requests {
            early.push(match request.as_mut().poll(cx) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            });
        }
        Poll::Ready(())
    })
    .await;
    let mut results = Vec::with_capacity(requests.len());
    for (request, early) in requests.into_iter().zip(early) {
        results.push(match early {
            Some(result) => result,
            None => request.await,
        });
    }
    results
}

fn not_connected() -> Failure {
    Failure::Connection(Arc::new(Plain("not connected")))
}

fn too_late() -> Failure {
    Failure::Connection(Arc::new(Plain("PostgreSQL did not answer in time")))
}

impl WriteConnection for Writer {
    async fn open(&mut self) -> Result<(), StoreError> {
        if self.client.as_ref().is_none_or(|client| client.is_closed()) {
            self.forget();
            let client = self.connector.open().await?;
            match tokio::time::timeout(self.timeout, self.prepare(&client)).await {
                Ok(result) => result?,
                Err(_) => return Err(StoreError::busy("PostgreSQL did not answer in time")),
            }
            self.client = Some(client);
        }
        Ok(())
    }

    async fn control(&mut self, word: Control) -> Result<(), Failure> {
        self.unsaid.push(word.text("BEGIN"));
        if matches!(word, Control::Begin | Control::Savepoint | Control::Release) {
            return Ok(());
        }
        let text = self.take_unsaid();
        let client = self.client.as_ref().ok_or_else(not_connected)?;
        match tokio::time::timeout(self.timeout, client.batch_execute(&text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.failure(error)),
            Err(_) => Err(too_late()),
        }
    }

    async fn steps(&mut self, steps: &[Step]) -> Result<(), Stop> {
        let steps: Vec<&Step> = steps.iter().collect();
        self.send_all(&steps).await
    }

    /// Optimism: nearly all jobs fit, and then a batch takes two exchanges with the server, not one
    /// for each job. If one does not, all is taken back and done again with savepoints.
    async fn together(&mut self, jobs: &[Job], closing: &[Step]) -> Result<bool, Failure> {
        let steps = jobs.iter().flat_map(|job| &job.steps);
        let steps: Vec<&Step> = steps.chain(closing).collect();
        if jobs.len() < 2 || steps.len() > TOGETHER {
            return Ok(false);
        }
        self.unsaid.push(Control::Begin.text("BEGIN"));
        match self.send_all(&steps).await {
            Ok(()) => Ok(true),
            Err(Stop::Failed(_, Failure::Connection(source))) => Err(Failure::Connection(source)),
            Err(Stop::Missed(_) | Stop::Failed(..)) => {
                self.control(Control::Rollback).await?;
                Ok(false)
            }
        }
    }

    fn forget(&mut self) {
        self.unsaid.clear();
        self.client = None;
    }
}
