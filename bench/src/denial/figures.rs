//! Times as they are printed.

use std::fmt::Write as _;
use std::time::Duration;

/// What a round gave.
pub struct Figures {
    /// Who was asked.
    pub name: String,
    /// From the logout's answer to the first refusal, one for each session and place.
    pub denied: Vec<Duration>,
    /// From the logout's answer to the first question; empty for what is listened to.
    pub asked: Vec<Duration>,
    /// Questions after the answer that were accepted.
    pub accepted: usize,
    /// Answers that were neither.
    pub neither: usize,
    /// Sessions and places that never refused.
    pub never: usize,
    /// Accepted again after the first refusal, at the end of the round.
    pub accepted_later: usize,
    /// How many logouts were answered a second.
    pub rate: f64,
    /// What is wanted of the 99th percentile; nothing accepted at all if it is zero.
    pub goal: Option<Duration>,
}

const FRACTION: usize = 100;

impl Figures {
    /// The head of the table.
    pub fn heading() -> String {
        format!(
            "{:<38} {:>6} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10} {:>6} {:>6}  {}",
            "carrier",
            "times",
            "p50 ms",
            "p99 ms",
            "max ms",
            "accepted",
            "asked p50",
            "asked p99",
            "later",
            "out/s",
            "goal"
        )
    }

    /// One row of it.
    pub fn line(&self) -> String {
        let shown = |times: &[Duration], percent| {
            percentile(times, percent).map_or("-".to_owned(), |time| {
                format!("{:.1}", time.as_secs_f64() * 1000.0)
            })
        };
        let goal = match (self.goal, self.meets_goal()) {
            (None, _) => String::new(),
            (Some(Duration::ZERO), is_met) => format!("0 accepted: {}", word(is_met)),
            (Some(goal), is_met) => format!("p99 < {} ms: {}", goal.as_millis(), word(is_met)),
        };
        let mut line = format!(
            "{:<38} {:>6} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10} {:>6} {:>6.0}  {goal}",
            self.name,
            self.denied.len(),
            shown(&self.denied, 50),
            shown(&self.denied, 99),
            shown(&self.denied, 100),
            self.accepted,
            shown(&self.asked, 50),
            shown(&self.asked, 99),
            self.accepted_later,
            self.rate,
        );
        if self.never > 0 {
            let _ = write!(line, "  NEVER REFUSED: {}", self.never);
        }
        if self.neither > 0 {
            let _ = write!(line, "  neither: {}", self.neither);
        }
        line
    }

    fn meets_goal(&self) -> bool {
        match self.goal {
            None => true,
            Some(Duration::ZERO) => self.accepted == 0,
            Some(goal) => percentile(&self.denied, 99).is_some_and(|time| time < goal),
        }
    }

    /// Whether nothing was taken that must not be, however slow the machine is.
    pub fn is_good(&self) -> bool {
        let is_late = self.goal == Some(Duration::ZERO) && self.accepted > 0;
        self.never == 0 && self.accepted_later == 0 && !is_late && !self.denied.is_empty()
    }
}

const fn word(is_met: bool) -> &'static str {
    if is_met { "met" } else { "NOT met" }
}

/// The nearest rank; none of nothing.
pub fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(FRACTION).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        let at = |percent| percentile(&times, percent).map(|time| time.as_millis());
        assert_eq!([at(50), at(99), at(100)], [Some(100), Some(198), Some(200)]);
        assert_eq!(percentile(&[], 50), None);
        let one = [Duration::from_millis(7)];
        assert_eq!(percentile(&one, 50), Some(one[0]));
    }

    #[test]
    fn what_is_taken_when_it_must_not_be_is_never_good() {
        let good = || Figures {
            name: String::new(),
            denied: vec![Duration::from_secs(1)],
            asked: Vec::new(),
            accepted: 0,
            neither: 0,
            never: 0,
            accepted_later: 0,
            rate: 1.0,
            goal: Some(Duration::ZERO),
        };
        assert!(good().is_good());
        assert!(
            !Figures {
                accepted: 1,
                ..good()
            }
            .is_good()
        );
        assert!(!Figures { never: 1, ..good() }.is_good());
        assert!(
            !Figures {
                accepted_later: 1,
                ..good()
            }
            .is_good()
        );
        assert!(
            !Figures {
                denied: Vec::new(),
                ..good()
            }
            .is_good()
        );
        // A slow machine is no error, though it is told.
        let slow = Figures {
            accepted: 3,
            goal: Some(Duration::from_millis(50)),
            ..good()
        };
        assert!(slow.is_good());
        assert!(
            slow.line().contains("p99 < 50 ms: NOT met"),
            "{}",
            slow.line()
        );
    }
}
