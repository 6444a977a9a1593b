//! What a line of the log is made of.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Zoned;
use tracing::Level;
use tracing::field::{Field, Visit};

/// A longer message is cut, in bytes: one request must not fill a disk.
const LONGEST: usize = 64 * 1024;

/// One event, on its way to the handlers.
#[derive(Debug)]
pub struct Line<'a> {
    /// When, in the machine's time zone.
    pub at: Zoned,
    /// How grave.
    pub level: Level,
    /// About what.
    pub category: &'a str,
    /// Name of the thread.
    pub thread: &'a str,
    /// Its number.
    pub thread_id: u64,
    /// What happened, as it was told: control characters included.
    pub message: &'a str,
    /// On whose behalf.
    pub context: &'a Context,
    /// Where in the sources.
    pub place: Option<(&'a str, u32)>,
    /// Its number among all lines.
    pub sequence: u64,
}

/// What is known of the request that a line belongs to, by the names that Keycloak gives it.
pub type Context = BTreeMap<&'static str, String>;

/// What stays the same in all lines.
#[derive(Debug)]
pub struct Facts {
    /// The machine's name.
    pub host: String,
    /// The process's number.
    pub pid: u32,
    /// `service.name` of JSON lines.
    pub service: String,
    /// `service.environment` of JSON lines; in ECS there is always one.
    pub environment: Option<String>,
    /// The environment if none is named.
    pub usual_environment: &'static str,
    /// When the process started.
    pub started: jiff::Timestamp,
}

/// The present thread's number.
pub fn thread_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static OWN: Cell<u64> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    OWN.with(Cell::get)
}

/// The message of an event, then its fields as `name=value`.
#[derive(Default)]
pub struct Message {
    text: String,
    fields: String,
}

impl Message {
    /// The whole, cut to what is bearable.
    pub fn finish(mut self) -> String {
        self.text.push_str(&self.fields);
        if self.text.len() > LONGEST {
            let end = self.text.floor_char_boundary(LONGEST);
            self.text.truncate(end);
            self.text.push('…');
        }
        self.text
    }

    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let into = if field.name() == "message" {
            &mut self.text
        } else {
            let _ = write!(self.fields, " {}=", field.name());
            &mut self.fields
        };
        // Writing to a string cannot fail.
        let _ = into.write_fmt(value);
    }
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

/// Writes control characters as `\n`, `\r`, `\t`, `\u{1b}`: a user name with a line break in it must
/// not become a line of its own (log injection), and nobody sends commands to a terminal.
pub fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        if is_dangerous(character) {
            into.extend(character.escape_default());
        } else {
            into.push(character);
        }
    }
}

/// Unicode's line separators count for some readers of logs, its changes of direction for people.
pub fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_forge_a_line() {
        let mut text = String::new();
        escape(
            "ann\r\n2026 WARN\u{1b}[0m\u{2028}\u{202e}\u{9b}é",
            &mut text,
        );
        assert_eq!(text, r"ann\r\n2026 WARN\u{1b}[0m\u{2028}\u{202e}\u{9b}é");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let message = Message {
            text: "é".repeat(LONGEST),
            fields: String::new(),
        };
        let cut = message.finish();
        assert!(cut.len() <= LONGEST + '…'.len_utf8());
        assert!(cut.ends_with("é…"));
    }
}
