//! What the server knows of the process that it is, and of what it runs on: for administrators to see.
//! The program tells it; nothing here looks at the machine.

use claviger_model::Millis;
use jiff::tz::TimeZone;

/// What there is to be told now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// How long the process has run.
    pub uptime: Millis,
    /// The kernel's release, as it names itself; empty where it does not.
    pub kernel: String,
    /// How many processors the process may use; 0 where nobody knows.
    pub processors: usize,
    /// How much memory there is for the process, in bytes; 0 where nobody knows.
    pub memory_total: u64,
    /// How much of it the process has, in bytes.
    pub memory_used: u64,
    /// The operator's themes: for what (`login`, `email`, …), and by which name.
    pub themes: Vec<(String, String)>,
}

/// Who can tell.
pub trait Machine: Send + Sync {
    /// Looks.
    fn facts(&self) -> MachineFacts;
}

/// Nothing is known.
pub struct Unknown;

impl Machine for Unknown {
    fn facts(&self) -> MachineFacts {
        MachineFacts::default()
    }
}

/// An instant as Java writes one: `Mon Nov 23 19:47:38 UTC 2026`. One beyond the calendar has no text.
pub fn java_date(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| at.to_zoned(TimeZone::UTC))
        .map(|at| at.strftime("%a %b %d %H:%M:%S UTC %Y").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_java_writes_them() {
        let at = Millis(1_795_463_258_000);
        assert_eq!(java_date(at), "Mon Nov 23 19:47:38 UTC 2026");
        assert_eq!(java_date(Millis(i64::MAX)), "");
    }
}
