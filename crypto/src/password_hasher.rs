//! Hashing as a service inside the server: a fixed number of threads, each with its own memory,
//! behind a bounded queue that is served in order of arrival.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use claviger_model::Secret;
use tokio::sync::oneshot;

use crate::password::{HashPolicy, PasswordError, StoredPassword, Verdict, Workspace};
use crate::random::Random;

/// Most jobs that wait for each thread. At 11 ms a job the last one waits about three seconds;
/// what comes then is told to come again.
const QUEUE_PER_THREAD: usize = 256;
/// Blocks of 1 KiB that a thread keeps between jobs: those of the default settings.
const WORKSPACE_BLOCKS_KEPT: usize = 7168;

/// Why there is no answer about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HasherError {
    /// The queue is full: 503 with `Retry-After`.
    #[error("too many passwords are waiting to be checked")]
    Busy,
    /// The threads have ended: the server stops, or one of them failed.
    #[error("the password hasher has stopped")]
    Stopped,
    /// The credential or the password cannot be worked with.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

enum Job {
    Hash {
        password: Secret,
        policy: HashPolicy,
        reply: oneshot::Sender<Result<StoredPassword, PasswordError>>,
    },
    Verify {
        password: Secret,
        stored: StoredPassword,
        policy: HashPolicy,
        reply: oneshot::Sender<Result<Verdict, PasswordError>>,
    },
}

/// The handle; cloning shares the threads, which end with the last handle.
#[derive(Clone)]
pub struct PasswordHasher {
    jobs: SyncSender<Job>,
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHasher")
    }
}

impl PasswordHasher {
    /// One thread for each core the process may use.
    pub fn start(random: &Random) -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(threads, threads.saturating_mul(QUEUE_PER_THREAD), random)
    }

    /// A given number of threads (at least one) and of jobs that may wait for them.
    pub fn with_threads(threads: usize, queue: usize, random: &Random) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for index in 0..threads.max(1) {
            let (waiting, random) = (Arc::clone(&waiting), random.clone());
            thread::Builder::new()
                .name(format!("password-{index}"))
                .spawn(move || serve(&waiting, &random))?;
        }
        Ok(Self { jobs })
    }

    /// Hashes a new password.
    pub async fn hash(
        &self,
        password: Secret,
        policy: HashPolicy,
    ) -> Result<StoredPassword, HasherError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Hash {
            password,
            policy,
            reply,
        })?;
        Ok(answer.await.map_err(|_| HasherError::Stopped)??)
    }

    /// Checks a password. With a hash of an unknown algorithm the answer is no, after the time
    /// that a check by `policy` takes.
    pub async fn verify(
        &self,
        password: Secret,
        stored: StoredPassword,
        policy: HashPolicy,
    ) -> Result<Verdict, HasherError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Verify {
            password,
            stored,
            policy,
            reply,
        })?;
        Ok(answer.await.map_err(|_| HasherError::Stopped)??)
    }

    /// Takes the time of a check and finds nothing: for users that do not exist or have no
    /// password, so that the time does not tell (user enumeration).
    pub async fn dummy_verify(
        &self,
        password: Secret,
        policy: HashPolicy,
    ) -> Result<(), HasherError> {
        match self.hash(password, policy).await {
            Ok(_) | Err(HasherError::Password(_)) => Ok(()),
            Err(error @ (HasherError::Busy | HasherError::Stopped)) => Err(error),
        }
    }

    fn send(&self, job: Job) -> Result<(), HasherError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => HasherError::Busy,
            TrySendError::Disconnected(_) => HasherError::Stopped,
        })
    }
}

fn serve(waiting: &Mutex<Receiver<Job>>, random: &Random) {
    let mut workspace = Workspace::new();
    loop {
        let job = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(job) = job else { return };
        // A defect in one job must not cost a thread: its reply is dropped, the next one is served.
        if catch_unwind(AssertUnwindSafe(|| work(job, random, &mut workspace))).is_err() {
            tracing::error!("a password job failed");
        }
        // An imported hash may have asked for much more; that is given back.
        if workspace.len() > WORKSPACE_BLOCKS_KEPT {
            workspace = Workspace::new();
        }
    }
}

/// A caller that went away (its connection closed) is not worked for. That a reply finds nobody
/// is no failure.
fn work(job: Job, random: &Random, workspace: &mut Workspace) {
    match job {
        Job::Hash {
            password,
            policy,
            reply,
        } => {
            if !reply.is_closed() {
                let done = StoredPassword::hash(password.reveal(), policy, random, workspace);
                let _ = reply.send(done);
            }
        }
        Job::Verify {
            password,
            stored,
            policy,
            reply,
        } => {
            if !reply.is_closed() {
                let done = if stored.is_known() {
                    stored.verify(password.reveal(), policy, workspace)
                } else {
                    StoredPassword::hash(password.reveal(), policy, random, workspace).map(|_| {
                        Verdict {
                            ok: false,
                            outdated: true,
                        }
                    })
                };
                let _ = reply.send(done);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::HashAlgorithm;

    fn quick() -> HashPolicy {
        HashPolicy::new(Some(HashAlgorithm::Pbkdf2Sha256), Some(1))
    }

    #[tokio::test]
    async fn hashes_and_verifies() {
        let hasher = PasswordHasher::with_threads(2, 8, &Random::seeded(1)).unwrap();
        for policy in [HashPolicy::default(), quick()] {
            let stored = hasher.hash(Secret::new("right"), policy).await.unwrap();
            for (password, ok) in [("right", true), ("wrong", false), ("", false)] {
                let verdict = hasher
                    .verify(Secret::new(password), stored.clone(), policy)
                    .await
                    .unwrap();
                assert_eq!(
                    verdict,
                    Verdict {
                        ok,
                        outdated: false
                    }
                );
            }
        }
        hasher
            .dummy_verify(Secret::new("x"), quick())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn an_unknown_algorithm_is_a_no() {
        let hasher = PasswordHasher::with_threads(1, 8, &Random::seeded(1)).unwrap();
        let stored = StoredPassword::parse("{}", r#"{"algorithm":"bcrypt"}"#).unwrap();
        let verdict = hasher.verify(Secret::new("x"), stored, quick()).await;
        assert_eq!(
            verdict,
            Ok(Verdict {
                ok: false,
                outdated: true
            })
        );
    }

    #[tokio::test]
    async fn a_long_password_is_an_error_and_a_dummy_is_not() {
        let hasher = PasswordHasher::with_threads(1, 8, &Random::seeded(1)).unwrap();
        let long = Secret::new("x".repeat(5000));
        assert_eq!(
            hasher.hash(long.clone(), quick()).await,
            Err(HasherError::Password(PasswordError::TooLong))
        );
        assert_eq!(hasher.dummy_verify(long, quick()).await, Ok(()));
    }

    /// No thread serves here: the queue fills up, one job more is refused at once.
    #[tokio::test]
    async fn a_full_queue_says_so() {
        let (jobs, waiting) = sync_channel(2);
        let hasher = PasswordHasher { jobs };
        let queued: Vec<_> = (0..2)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.hash(Secret::new("x"), quick()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(
            hasher.hash(Secret::new("x"), quick()).await,
            Err(HasherError::Busy)
        );
        drop(waiting);
        for job in queued {
            assert_eq!(job.await.unwrap(), Err(HasherError::Stopped));
        }
        assert_eq!(
            hasher.hash(Secret::new("x"), quick()).await,
            Err(HasherError::Stopped)
        );
    }

    #[tokio::test]
    async fn many_callers_are_all_served() {
        let hasher = PasswordHasher::with_threads(2, 64, &Random::seeded(1)).unwrap();
        let stored = hasher.hash(Secret::new("right"), quick()).await.unwrap();
        let jobs: Vec<_> = (0..64)
            .map(|index| {
                let (hasher, stored) = (hasher.clone(), stored.clone());
                let password = if index % 2 == 0 { "right" } else { "wrong" };
                tokio::spawn(async move {
                    hasher
                        .verify(Secret::new(password), stored, quick())
                        .await
                        .map(|found| found.ok)
                })
            })
            .collect();
        for (index, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), Ok(index % 2 == 0));
        }
    }
}
