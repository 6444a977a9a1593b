//! Who may be called now: so many at a time, so many of one target at a time, and who does not
//! answer is left alone for a while. A pure book; time is handed in.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Attempt;

/// Messages under way at a time.
pub const AT_ONCE: usize = 32;
/// Of these, to one target.
pub const AT_ONCE_TO_ONE: usize = 4;
/// How long a target rests that did not answer; each further time doubles it.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_mins(1);
/// Doublings of the rest at most.
const DOUBLINGS: u32 = 6;

/// Targets that are to be called at once, though they did not answer the last time: somebody says that
/// they are mended.
#[derive(Debug, Default)]
pub struct Nudges(Mutex<HashSet<String>>);

/// Nudges kept at a time: who has that many clients waits for the end of their rest.
const NUDGES: usize = 10_000;

impl Nudges {
    /// Notes a target.
    pub fn add(&self, target: &str) {
        let mut targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if targets.len() < NUDGES {
            targets.insert(target.to_owned());
        }
    }

    /// Those noted since the last time.
    pub fn take(&self) -> HashSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The book of one process. `at` is the time since it began.
#[derive(Debug, Default)]
pub struct Rounds {
    targets: HashMap<String, Target>,
    under_way: HashSet<String>,
}

#[derive(Debug, Default)]
struct Target {
    under_way: usize,
    /// How often in a row it did not answer.
    silent: u32,
    /// Until when it rests.
    rests_until: Duration,
}

impl Rounds {
    /// How many messages may be begun, whoever they are for.
    pub fn room(&self) -> usize {
        AT_ONCE.saturating_sub(self.under_way.len())
    }

    /// How many messages to a target may be begun. One that did not answer the last time is asked
    /// by one message alone.
    pub fn room_for(&self, target: &str, at: Duration) -> usize {
        let room = self.room();
        let Some(target) = self.targets.get(target) else {
            return room.min(AT_ONCE_TO_ONE);
        };
        if target.rests_until > at {
            return 0;
        }
        let most = if target.silent > 0 { 1 } else { AT_ONCE_TO_ONE };
        room.min(most.saturating_sub(target.under_way))
    }

    /// Whether a message is under way.
    pub fn is_under_way(&self, message: &str) -> bool {
        self.under_way.contains(message)
    }

    /// A message sets out.
    pub fn begin(&mut self, target: &str, message: &str) {
        if self.under_way.insert(message.to_owned()) {
            self.targets.entry(target.to_owned()).or_default().under_way += 1;
        }
    }

    /// It came back.
    pub fn end(&mut self, target: &str, message: &str, became: Attempt, at: Duration) {
        if !self.under_way.remove(message) {
            return;
        }
        let Some(entry) = self.targets.get_mut(target) else {
            return;
        };
        entry.under_way = entry.under_way.saturating_sub(1);
        match became {
            Attempt::Told | Attempt::Refused => {
                entry.silent = 0;
                entry.rests_until = Duration::ZERO;
            }
            Attempt::Unreachable => {
                let rest = FIRST_REST.saturating_mul(1 << entry.silent.min(DOUBLINGS));
                entry.silent = entry.silent.saturating_add(1);
                entry.rests_until = at.saturating_add(rest.min(LONGEST_REST));
            }
            // Nothing was learnt of the target.
            Attempt::Elsewhere | Attempt::Hopeless => {}
        }
        if entry.under_way == 0 && entry.silent == 0 {
            self.targets.remove(target);
        }
    }

    /// Ends a target's rest.
    pub fn wake(&mut self, target: &str) {
        if let Some(target) = self.targets.get_mut(target) {
            target.rests_until = Duration::ZERO;
            target.silent = 0;
        }
    }

    /// Forgets targets that have rested for long: their messages are told elsewhere, or given up.
    pub fn tidy(&mut self, at: Duration) {
        self.targets.retain(|_, target| {
            target.under_way > 0 || target.rests_until.saturating_add(LONGEST_REST) > at
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn begin(rounds: &mut Rounds, target: &str, count: usize) {
        for number in 0..count {
            rounds.begin(target, &format!("{target}-{number}"));
        }
    }

    #[test]
    fn one_slow_target_does_not_hold_up_the_others() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.room_for("slow", at(0)), AT_ONCE_TO_ONE);
        begin(&mut rounds, "slow", AT_ONCE_TO_ONE);
        assert_eq!(rounds.room_for("slow", at(0)), 0);
        assert_eq!(rounds.room_for("quick", at(0)), AT_ONCE_TO_ONE);
        // The same message does not count twice.
        rounds.begin("slow", "slow-0");
        assert_eq!(rounds.room(), AT_ONCE - AT_ONCE_TO_ONE);
        rounds.end("slow", "slow-0", Attempt::Told, at(0));
        rounds.end("slow", "slow-0", Attempt::Told, at(0));
        assert_eq!(rounds.room_for("slow", at(0)), 1);
    }

    #[test]
    fn there_is_an_end_to_what_is_under_way() {
        let mut rounds = Rounds::default();
        for target in 0..AT_ONCE / AT_ONCE_TO_ONE {
            begin(&mut rounds, &target.to_string(), AT_ONCE_TO_ONE);
        }
        assert_eq!(rounds.room(), 0);
        assert_eq!(rounds.room_for("another", at(0)), 0);
    }

    #[test]
    fn who_does_not_answer_rests_longer_and_longer_and_is_asked_by_one_message() {
        let mut rounds = Rounds::default();
        let mut now = at(0);
        for (times, rest) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
            let message = times.to_string();
            rounds.begin("down", &message);
            rounds.end("down", &message, Attempt::Unreachable, now);
            let until = now + at(rest);
            assert_eq!(
                rounds.room_for("down", until.saturating_sub(Duration::from_millis(1))),
                0
            );
            assert_eq!(rounds.room_for("down", until), 1, "after {times}");
            now = until;
        }
        // Somebody says that it is mended.
        rounds.begin("down", "again");
        rounds.end("down", "again", Attempt::Unreachable, now);
        assert_eq!(rounds.room_for("down", now), 0);
        rounds.wake("down");
        rounds.wake("nobody");
        assert_eq!(rounds.room_for("down", now), AT_ONCE_TO_ONE);
        rounds.begin("down", "again");
        rounds.end("down", "again", Attempt::Unreachable, now);
        now += at(60);
        rounds.begin("down", "probe");
        assert_eq!(rounds.room_for("down", now), 0);
        rounds.end("down", "probe", Attempt::Told, now);
        assert_eq!(rounds.room_for("down", now), AT_ONCE_TO_ONE);
    }

    #[test]
    fn nothing_is_remembered_for_ever() {
        let mut rounds = Rounds::default();
        rounds.begin("down", "a");
        rounds.end("down", "a", Attempt::Unreachable, at(0));
        rounds.begin("up", "b");
        rounds.end("up", "b", Attempt::Told, at(0));
        assert_eq!(rounds.targets.len(), 1);
        rounds.tidy(at(60));
        assert_eq!(rounds.targets.len(), 1);
        rounds.tidy(at(62));
        assert_eq!(rounds.targets.len(), 0);
    }
}
