//! What a run of checks found, told at its end.

use std::time::Duration;

use anyhow::Result;

use crate::workspace::{in_ci, now};

/// Counts over all steps, and what is worth repeating at the end.
#[derive(Default)]
pub struct Report {
    passed: u64,
    failed: u64,
    /// One line a step.
    steps: Vec<String>,
    /// cargo's closing lines of the test programs that ran something.
    closing: Vec<String>,
    /// What did not run, and why.
    left_out: Vec<String>,
}

/// What one step counted.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    /// A step that is one check.
    pub fn of(success: bool) -> Self {
        Self {
            passed: u64::from(success),
            failed: u64::from(!success),
        }
    }
}

impl Report {
    /// Runs one step. A step that breaks counts as one failure, and the next ones run all the same.
    pub fn step(&mut self, name: &str, work: impl FnOnce(&mut Self) -> Result<Counts>) -> bool {
        println!("\n== {name}");
        let since = now();
        let counts = work(self).unwrap_or_else(|problem| {
            println!("error: {problem:#}");
            Counts::of(false)
        });
        crate::children::stay_if_closing();
        self.passed += counts.passed;
        self.failed += counts.failed;
        let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
        self.steps.push(format!(
            "{verdict:6} {:>6}  {name}: {} passed, {} failed",
            seconds(since.elapsed()),
            counts.passed,
            counts.failed
        ));
        counts.failed == 0
    }

    /// Notes what is left out. Where the run decides, that is a failure.
    pub fn leave_out(&mut self, what: &str, why: &str) {
        let line = format!("{what}: {why}");
        println!("left out: {line}");
        self.left_out.push(line);
        if in_ci() {
            self.failed += 1;
        }
    }

    /// Keeps a closing line of a test program.
    pub fn close(&mut self, line: &str) {
        self.closing.push(line.to_owned());
    }

    /// Prints everything once more, the total last, and says whether all is well.
    pub fn finish(self) -> bool {
        println!("\n== summary");
        for line in self.steps.iter().chain(&self.closing) {
            println!("{line}");
        }
        for line in &self.left_out {
            println!("left out: {line}");
        }
        if in_ci() && !self.left_out.is_empty() {
            println!("error: with CI=true nothing may be left out");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

fn seconds(duration: Duration) -> String {
    format!(
        "{}.{} s",
        duration.as_secs(),
        duration.subsec_millis() / 100
    )
}

/// The counts of a closing line such as `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
pub fn test_result(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let count = |word: &str| {
        let part = rest
            .split(['.', ';'])
            .map(str::trim)
            .find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some(Counts {
        passed: count(" passed")?,
        failed: count(" failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.52s";
        let counts = test_result(line).unwrap();
        assert_eq!((counts.passed, counts.failed), (12, 3));
        let counts = test_result("test result: ok. 1 passed; 0 failed; 0 ignored").unwrap();
        assert_eq!((counts.passed, counts.failed), (1, 0));
        assert!(test_result("test result: ok").is_none());
        assert!(test_result("running 3 tests").is_none());
    }
}
