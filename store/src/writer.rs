//! The one who writes. Jobs wait in a bounded queue; up to [`BATCH`] of them share a transaction,
//! each inside a savepoint of its own, so that what one misses rolls back that one alone. The
//! answers go out after the commit, never before.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::error::{Plain, Source, StoreError};
use crate::fault::FaultPlan;
use crate::revocation::{Closing, closing_steps};
use crate::tx::{Commit, Step};

/// Jobs in one transaction at most.
pub(crate) const BATCH: usize = 256;
/// How often a job is tried alone, after a deadlock.
const TRIES: u32 = 8;
/// How long it waits before it is tried again; twice as long each time, 1.3 s in all. The other side
/// of a deadlock needs the time to finish: without it the same two meet again at once.
const PAUSE: Duration = Duration::from_millis(10);

/// What a committer is told.
pub(crate) type Answer = Result<Commit, StoreError>;

/// What is sent to the writer.
pub(crate) enum Message {
    /// A write.
    Job(Job),
    /// Finish what is in the queue, and answer.
    Close(oneshot::Sender<()>),
}

/// A write, and who waits for it.
pub(crate) struct Job {
    /// What to do.
    pub(crate) steps: Vec<Step>,
    /// What closes the transaction.
    pub(crate) closing: Closing,
    /// Where the answer goes.
    pub(crate) answer: oneshot::Sender<Answer>,
}

impl Job {
    /// Whether somebody still waits for the answer.
    fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }
}

/// A word to the engine about the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Begin,
    Savepoint,
    Release,
    RollbackTo,
    Commit,
    Rollback,
}

impl Control {
    /// Its SQL, the same everywhere but for `BEGIN`.
    pub(crate) const fn text(self, begin: &'static str) -> &'static str {
        match self {
            Self::Begin => begin,
            Self::Savepoint => "SAVEPOINT job",
            Self::Release => "RELEASE SAVEPOINT job",
            Self::RollbackTo => "ROLLBACK TO SAVEPOINT job",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
        }
    }
}

/// How a statement failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// A second row with the same key.
    Duplicate,
    /// A value that the column does not hold.
    Refused(Source),
    /// The statement failed, the transaction can go on from the savepoint.
    Statement(Source),
    /// No room to write, or no memory: the transaction is over, and trying again helps once somebody
    /// has made room.
    NoRoom(Source),
    /// A deadlock, or a wait for a lock that took too long: the transaction has to be begun again.
    Again(Source),
    /// The connection is lost, or in a state that nobody knows.
    Connection(Source),
}

/// Why a job's steps stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The named statement touched another number of rows than it had to.
    Missed(&'static str),
    /// The named statement failed.
    Failed(&'static str, Failure),
}

/// A connection that writes. The writer is its only user.
pub(crate) trait WriteConnection: Send {
    /// Makes the connection if there is none.
    fn open(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Says a word about the transaction.
    fn control(&mut self, word: Control) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Does the steps in their order until one stops.
    fn steps(&mut self, steps: &[Step]) -> impl Future<Output = Result<(), Stop>> + Send;
    /// Does the steps of all jobs, and what closes them, in a transaction of their own, if the engine
    /// is faster so. True: the transaction is open, everything is as it has to be. False: nothing was
    /// done, and no transaction is open.
    fn together(
        &mut self,
        _jobs: &[Job],
        _closing: &[Step],
    ) -> impl Future<Output = Result<bool, Failure>> + Send {
        std::future::ready(Ok(false))
    }
    /// Drops the connection: its state is not known. The next [`WriteConnection::open`] makes another.
    fn forget(&mut self);
}

/// How a batch failed as a whole.
enum BatchError {
    /// Nothing was committed, and the connection is gone: another may do.
    Lost(Source),
    /// Nothing was committed: a deadlock or the like.
    Again(Source),
    /// Nobody knows, or nothing can be done.
    Final(StoreError),
}

/// Writes until all senders are gone or one says close.
pub(crate) async fn run<C: WriteConnection>(
    mut connection: C,
    mut queue: mpsc::Receiver<Message>,
    fault: Option<Arc<FaultPlan>>,
) {
    let mut messages = Vec::with_capacity(BATCH);
    let mut closing = Vec::new();
    while queue.recv_many(&mut messages, BATCH).await > 0 {
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                // Whoever gave up waiting does not want it any more.
                Message::Job(job) if !job.is_awaited() => {}
                Message::Job(job) => batch.push(job),
                Message::Close(done) => {
                    queue.close();
                    closing.push(done);
                }
            }
        }
        if !batch.is_empty() {
            write(&mut connection, batch, fault.as_deref()).await;
        }
    }
    connection.forget();
    for done in closing {
        let _ = done.send(());
    }
}

/// Writes one batch and answers everybody in it.
async fn write<C: WriteConnection>(connection: &mut C, batch: Vec<Job>, fault: Option<&FaultPlan>) {
    let mut result = attempt(connection, &batch, fault).await;
    if let Err(BatchError::Lost(source)) = result {
        // An idle connection dies unnoticed when the server restarts. Nothing was committed.
        tracing::warn!(error = %source, "the writing connection was lost, trying once more");
        result = attempt(connection, &batch, fault).await;
    }
    match result {
        Ok(answers) => {
            for (job, answer) in batch.into_iter().zip(answers) {
                let _ = job.answer.send(answer);
            }
        }
        // Perhaps one of them is what no connection survives: the others shall not suffer for it.
        Err(BatchError::Again(_) | BatchError::Lost(_)) => {
            for job in batch {
                if job.is_awaited() {
                    one_by_one(connection, job, fault).await;
                }
            }
        }
        Err(error) => {
            let error = error.into_store_error();
            for job in batch {
                let _ = job.answer.send(Err(error.clone()));
            }
        }
    }
}

/// Tries one job alone until it gets through, a few times.
async fn one_by_one<C: WriteConnection>(connection: &mut C, job: Job, fault: Option<&FaultPlan>) {
    let batch = [job];
    let mut tries = 0;
    let answer = loop {
        if let Some(before) = u32::checked_sub(tries, 1) {
            tokio::time::sleep(PAUSE * 2_u32.pow(before)).await;
        }
        tries += 1;
        match attempt(connection, &batch, fault).await {
            Ok(mut answers) => {
                break answers.pop().unwrap_or(Err(StoreError::busy("no answer")));
            }
            Err(BatchError::Again(_) | BatchError::Lost(_))
                if tries < TRIES && batch.iter().any(Job::is_awaited) => {}
            Err(error) => break Err(error.into_store_error()),
        }
    };
    let [job] = batch;
    let _ = job.answer.send(answer);
}

impl BatchError {
    fn into_store_error(self) -> StoreError {
        match self {
            Self::Lost(source) => StoreError::Unavailable {
                reason: "the connection was lost before the commit",
                source: Some(source),
            },
            Self::Again(source) => StoreError::Unavailable {
                reason: "others hold the rows to be written",
                source: Some(source),
            },
            Self::Final(error) => error,
        }
    }

    /// What a failed word about the transaction means, before the commit.
    fn before_commit(word: &'static str, failure: Failure) -> Self {
        match failure {
            Failure::Connection(source) => Self::Lost(source),
            Failure::Again(source) => Self::Again(source),
            Failure::NoRoom(source) => Self::Final(no_room(source)),
            Failure::Refused(source) | Failure::Statement(source) => {
                Self::Final(StoreError::Database {
                    statement: word,
                    source,
                })
            }
            Failure::Duplicate => Self::Final(StoreError::database(word, Plain("a second row"))),
        }
    }
}

/// What committers are told where nothing can be written.
fn no_room(source: Source) -> StoreError {
    StoreError::Unavailable {
        reason: "it has no room to write",
        source: Some(source),
    }
}

/// One transaction with all jobs of the batch. If it fails, nothing of it is in the database and no
/// transaction is open, but for a failed commit, of which nobody knows.
async fn attempt<C: WriteConnection>(
    connection: &mut C,
    batch: &[Job],
    fault: Option<&FaultPlan>,
) -> Result<Vec<Answer>, BatchError> {
    connection.open().await.map_err(BatchError::Final)?;
    let result = transaction(connection, batch, fault).await;
    match &result {
        Ok(_) => {}
        Err(BatchError::Lost(_)) => connection.forget(),
        Err(BatchError::Again(_) | BatchError::Final(_)) => {
            if connection.control(Control::Rollback).await.is_err() {
                connection.forget();
            }
        }
    }
    result
}

async fn transaction<C: WriteConnection>(
    connection: &mut C,
    batch: &[Job],
    fault: Option<&FaultPlan>,
) -> Result<Vec<Answer>, BatchError> {
    let say = |word| move |failure| BatchError::before_commit(word, failure);
    let closing = closing_steps(batch.iter().map(|job| &job.closing));
    let at_once = fault.is_none()
        && connection
            .together(batch, &closing)
            .await
            .map_err(say("BEGIN"))?;
    if at_once {
        if batch.iter().all(Job::is_awaited) {
            commit(connection, fault).await?;
            return Ok(batch.iter().map(|_| Ok(Commit::Done)).collect());
        }
        connection
            .control(Control::Rollback)
            .await
            .map_err(say("ROLLBACK"))?;
    }
    connection
        .control(Control::Begin)
        .await
        .map_err(say("BEGIN"))?;
    let mut answers = Vec::with_capacity(batch.len());
    for job in batch {
        connection
            .control(Control::Savepoint)
            .await
            .map_err(say("SAVEPOINT"))?;
        let answer = match steps(connection, &job.steps, fault).await {
            // Whoever was told that it took too long shall not find it done.
            Ok(()) if !job.is_awaited() => Err(StoreError::busy("nobody waits for it")),
            Ok(()) => Ok(Commit::Done),
            Err(stop) => stop.into_answer()?,
        };
        if !matches!(answer, Ok(Commit::Done)) {
            connection
                .control(Control::RollbackTo)
                .await
                .map_err(say("ROLLBACK TO"))?;
        }
        connection
            .control(Control::Release)
            .await
            .map_err(say("RELEASE"))?;
        answers.push(answer);
    }
    close(connection, batch, &answers, fault).await?;
    commit(connection, fault).await?;
    Ok(answers)
}

/// The last steps, of the jobs that are done. What stops them alone would stop all: then each job is
/// tried alone.
async fn close<C: WriteConnection>(
    connection: &mut C,
    batch: &[Job],
    answers: &[Answer],
    fault: Option<&FaultPlan>,
) -> Result<(), BatchError> {
    let done = batch.iter().zip(answers);
    let done = done.filter(|(_, answer)| matches!(answer, Ok(Commit::Done)));
    let closing = closing_steps(done.map(|(job, _)| &job.closing));
    if closing.is_empty() {
        return Ok(());
    }
    let Err(stop) = steps(connection, &closing, fault).await else {
        return Ok(());
    };
    match stop.into_answer()? {
        Err(error) if batch.len() == 1 => Err(BatchError::Final(error)),
        Err(error) => Err(BatchError::Again(Arc::new(error))),
        // No such step asks for a number of rows, and none makes a second one of a key.
        Ok(_) => Err(BatchError::Final(StoreError::database(
            "REVOCATION_INSERT",
            Plain("the realm's numbers are out of order"),
        ))),
    }
}

/// After a failed commit nobody knows whether it happened, unless the engine says that it did not.
async fn commit<C: WriteConnection>(
    connection: &mut C,
    fault: Option<&FaultPlan>,
) -> Result<(), BatchError> {
    if fault.is_some_and(FaultPlan::strikes) {
        return Err(BatchError::Final(StoreError::database(
            "COMMIT",
            Plain("failed on purpose"),
        )));
    }
    match connection.control(Control::Commit).await {
        Ok(()) => Ok(()),
        Err(Failure::Again(source)) => Err(BatchError::Again(source)),
        Err(Failure::Connection(source)) => {
            connection.forget();
            Err(BatchError::Final(StoreError::Unavailable {
                reason: "the connection was lost during the commit",
                source: Some(source),
            }))
        }
        Err(failure) => Err(BatchError::before_commit("COMMIT", failure)),
    }
}

/// The steps of one job, up to the one that has to fail on purpose.
async fn steps<C: WriteConnection>(
    connection: &mut C,
    steps: &[Step],
    fault: Option<&FaultPlan>,
) -> Result<(), Stop> {
    let Some(plan) = fault else {
        return connection.steps(steps).await;
    };
    for step in steps {
        if plan.strikes() {
            let source: Source = Arc::new(Plain("failed on purpose"));
            return Err(Stop::Failed(
                step.statement.name,
                Failure::Statement(source),
            ));
        }
        connection.steps(std::slice::from_ref(step)).await?;
    }
    Ok(())
}

impl Stop {
    /// The answer to the job alone, or the end of the batch.
    fn into_answer(self) -> Result<Answer, BatchError> {
        match self {
            Self::Missed(statement) => Ok(Ok(Commit::Missed(statement))),
            Self::Failed(statement, Failure::Duplicate) => Ok(Ok(Commit::Conflict(statement))),
            Self::Failed(statement, Failure::Refused(source)) => {
                Ok(Err(StoreError::Refused { statement, source }))
            }
            Self::Failed(statement, Failure::Statement(source)) => {
                Ok(Err(StoreError::Database { statement, source }))
            }
            Self::Failed(_, Failure::NoRoom(source)) => Err(BatchError::Final(no_room(source))),
            Self::Failed(_, Failure::Again(source)) => Err(BatchError::Again(source)),
            Self::Failed(_, Failure::Connection(source)) => Err(BatchError::Lost(source)),
        }
    }
}
