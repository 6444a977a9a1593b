//! The one source of the present. Tests freeze it and move it on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use claviger_model::{Millis, Seconds};

/// Tells the time: the system's, or a test's.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Frozen(Arc<Frozen>),
}

struct Frozen {
    at: AtomicI64,
    pace: AtomicI64,
}

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it; for tests.
    pub fn frozen(at: Millis) -> Self {
        let (at, pace) = (AtomicI64::new(at.0), AtomicI64::new(0));
        Self(Source::Frozen(Arc::new(Frozen { at, pace })))
    }

    /// The present.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Millis(since.map_or(0, |span| {
                    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
                }))
            }
            Source::Frozen(frozen) => {
                let pace = frozen.pace.load(Ordering::SeqCst);
                Millis(frozen.at.fetch_add(pace, Ordering::SeqCst))
            }
        }
    }

    /// Moves a frozen clock on; the system's clock does not listen.
    pub fn advance(&self, span: Seconds) {
        if let Source::Frozen(frozen) = &self.0 {
            frozen.at.fetch_add(span.millis().0, Ordering::SeqCst);
        }
    }

    /// From now on each reading moves a frozen clock on by so much, as if all between two readings
    /// took that long; the system's clock does not listen.
    pub fn pace(&self, span: Seconds) {
        if let Source::Frozen(frozen) = &self.0 {
            frozen.pace.store(span.millis().0, Ordering::SeqCst);
        }
    }
}
