//! Whether the clock can be believed that something is over.
//!
//! A clock that is set years ahead, by mistake or by a broken time server, makes every session look
//! expired. Nobody is let in by that: each request asks the clock anew, and after it was mended all
//! is as before. But what the jobs have thrown away would stay lost. So they stop for a while when
//! the clock has moved on by more than the time that has passed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use claviger_model::Millis;
use tokio::time::Instant;

/// By how much clock and time may differ between two looks.
const TOLERANCE: Duration = Duration::from_mins(1);
/// How long nothing is thrown away after a leap: time to mend the clock.
const GRACE: Duration = Duration::from_mins(15);

/// Compares the clock with the time that passes.
#[derive(Debug, Default)]
pub struct Pace(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The last look: what the clock said, and when that was.
    last: Option<(Millis, Instant)>,
    /// When the clock is believed again.
    doubted_until: Option<Instant>,
}

impl Pace {
    /// Whether what is over by this clock may be thrown away.
    pub fn is_steady(&self, clock: Millis, at: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.last.replace((clock, at));
        if let Some((before, since)) = last {
            let passed = i128::try_from(at.saturating_duration_since(since).as_millis());
            let moved = i128::from(clock.0) - i128::from(before.0);
            let leap = moved - passed.unwrap_or(i128::MAX);
            let tolerated = i128::try_from(TOLERANCE.as_millis()).unwrap_or(i128::MAX);
            if leap > tolerated {
                state.doubted_until = at.checked_add(GRACE);
                tracing::warn!(
                    "the clock was set forwards by {} s: nothing that is over is thrown away for \
                     the next {} minutes",
                    leap / 1000,
                    GRACE.as_secs() / 60
                );
            } else if leap < -tolerated {
                state.doubted_until = None;
                tracing::warn!("the clock was set back by {} s", -leap / 1000);
            }
        }
        state.doubted_until.is_none_or(|until| at >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i64 = 365 * 24 * 3_600_000;

    /// Looks every 15 s, at clocks that are so many milliseconds ahead.
    fn looks(ahead: &[i64]) -> Vec<bool> {
        let (pace, begin) = (Pace::default(), Instant::now());
        let look = |(turn, ahead): (usize, &i64)| {
            let passed = Duration::from_secs(15) * u32::try_from(turn).unwrap();
            let clock = Millis(
                i64::try_from(passed.as_millis())
                    .unwrap()
                    .saturating_add(*ahead),
            );
            pace.is_steady(clock, begin + passed)
        };
        ahead.iter().enumerate().map(look).collect()
    }

    #[test]
    fn a_clock_that_runs_a_little_wrong_is_steady() {
        assert_eq!(looks(&[0, 20_000, 40_000, 0, -30_000]), [true; 5]);
    }

    #[test]
    fn after_a_leap_forwards_nothing_is_thrown_away_for_a_quarter_of_an_hour() {
        let mut ahead = vec![0; 2];
        ahead.extend([YEAR; 62]);
        let told = looks(&ahead);
        assert_eq!(told[..2], [true; 2]);
        assert_eq!(told[2..62], [false; 60]);
        assert_eq!(told[62..], [true; 2]);
    }

    #[test]
    fn a_clock_that_was_mended_is_believed_at_once() {
        assert_eq!(looks(&[0, YEAR, YEAR, 0]), [true, false, false, true]);
        assert_eq!(looks(&[0, -YEAR, -YEAR, 0]), [true, true, true, false]);
    }

    #[test]
    fn clocks_at_the_ends_of_time_are_no_trouble() {
        assert_eq!(looks(&[i64::MIN, i64::MAX, i64::MIN]), [true, false, true]);
    }
}
