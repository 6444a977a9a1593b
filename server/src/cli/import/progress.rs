//! How far an import or export is: one line that changes on a terminal, plain lines in a log.

use std::io::{IsTerminal as _, Write as _};

use jiff::Timestamp;

/// How often the line on a terminal changes at most, in milliseconds.
const TERMINAL_EVERY: i64 = 200;
/// How often a line is written to a log at most, in milliseconds.
const LOG_EVERY: i64 = 10_000;
/// Category of what is said.
const CATEGORY: &str = "claviger::transfer";

/// Counts users and says so now and then.
pub struct Meter {
    what: String,
    of: Option<u64>,
    since: Timestamp,
    last: Timestamp,
    terminal: bool,
    shown: bool,
}

impl Meter {
    /// Begins to count; `of` is how many there are, if that is known.
    pub fn new(what: &str, of: Option<u64>) -> Self {
        let now = Timestamp::now();
        Self {
            what: what.to_owned(),
            of,
            since: now,
            last: now,
            terminal: std::io::stderr().is_terminal(),
            shown: false,
        }
    }

    /// So many are done.
    pub fn tell(&mut self, done: u64) {
        let now = Timestamp::now();
        let every = if self.terminal {
            TERMINAL_EVERY
        } else {
            LOG_EVERY
        };
        if now.duration_since(self.last).as_millis() < i128::from(every) {
            return;
        }
        self.last = now;
        let line = line(
            &self.what,
            done,
            self.of,
            now.duration_since(self.since).as_secs(),
        );
        if self.terminal {
            self.shown = true;
            // A terminal that is gone is no reason to stop.
            let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
        } else {
            tracing::info!(target: CATEGORY, "{line}");
        }
    }

    /// Takes the line off the terminal.
    pub fn end(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `Realm 'shop': 12000 of 100000 users, 4000 a second`.
fn line(what: &str, done: u64, of: Option<u64>, seconds: i64) -> String {
    let of = of.map_or_else(String::new, |of| {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
        format!(" of {of} ({percent} %)")
    });
    let rate = u64::try_from(seconds).ok();
    let rate = rate.and_then(|seconds| done.checked_div(seconds));
    let rate = rate.map_or_else(String::new, |rate| format!(", {rate} a second"));
    format!("{what}: {done}{of} users{rate}")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_tells_how_far_it_is() {
        for (done, of, seconds, expected) in [
            (0, Some(10), 0, "shop: 0 of 10 (0 %) users"),
            (5, Some(10), 2, "shop: 5 of 10 (50 %) users, 2 a second"),
            (0, Some(0), 1, "shop: 0 of 0 (100 %) users, 0 a second"),
            (7, None, 3, "shop: 7 users, 2 a second"),
        ] {
            assert_eq!(line("shop", done, of, seconds), expected);
        }
    }
}
