//! The log on standard output, line by line in Keycloak's form, so that what reads Keycloak's log
//! (fail2ban and its like) reads this one.
//!
//! `%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p [%c] (%t) %s%e%n`: the category is the event's target. Control
//! characters of messages are escaped: a user name with a line break in it must not become a line
//! of its own (log injection).

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::settings::logging::Logging;

/// Below this category of Keycloak's, all of our own targets count.
const KEYCLOAK: &str = "org.keycloak";
/// How our own targets begin.
const OWN: &str = "claviger";
/// A longer message is cut, in bytes: one request must not fill a disk.
const LONGEST: usize = 64 * 1024;

/// From here on, everything that is told to `tracing` is written to standard output.
pub fn install(logging: &Logging) -> Result<(), TryInitError> {
    let console = Console {
        form: Form::of(logging),
        zone: TimeZone::system(),
    };
    tracing_subscriber::registry()
        .with(console.with_filter(filter(logging)))
        .try_init()?;
    // A defect must not break the form of the log either.
    std::panic::set_hook(Box::new(|panic| tracing::error!(target: OWN, "{panic}")));
    Ok(())
}

/// Which events are written.
fn filter(logging: &Logging) -> Targets {
    let bounded = |level: LevelFilter| level.min(logging.console);
    let mut targets = Targets::new().with_default(bounded(logging.root));
    let own = logging
        .categories
        .get(KEYCLOAK)
        .or_else(|| logging.categories.get("org"));
    if let Some(level) = own {
        targets = targets.with_target(OWN, bounded(*level));
    }
    for (category, level) in &logging.categories {
        targets = targets.with_target(category.clone(), bounded(*level));
    }
    targets
}

/// How a line looks.
enum Form {
    Text,
    Json { sequence: AtomicU64, host: String },
}

impl Form {
    fn of(logging: &Logging) -> Self {
        if !logging.json {
            return Self::Text;
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self::Json {
            sequence: AtomicU64::new(0),
            host: host.trim().to_owned(),
        }
    }
}

struct Console {
    form: Form,
    zone: TimeZone,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Console {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        let thread = std::thread::current();
        let line = self.line(&Line {
            at: Timestamp::now(),
            level: *event.metadata().level(),
            category: event.metadata().target(),
            thread: thread.name().unwrap_or("unnamed"),
            message: &message.finish(),
        });
        // Where standard output is gone there is nobody to tell.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

/// What a line is made of.
struct Line<'a> {
    at: Timestamp,
    level: Level,
    category: &'a str,
    thread: &'a str,
    message: &'a str,
}

impl Console {
    fn line(&self, line: &Line<'_>) -> String {
        let at = line.at.to_zoned(self.zone.clone());
        let Line {
            level,
            category,
            thread,
            message,
            ..
        } = line;
        match &self.form {
            Form::Text => {
                let date = strtime::format("%Y-%m-%d %H:%M:%S", &at).unwrap_or_default();
                let millis = at.millisecond();
                format!("{date},{millis:03} {level:<5} [{category}] ({thread}) {message}\n")
            }
            Form::Json { sequence, host } => {
                let object = json!({
                    "timestamp": strtime::format("%Y-%m-%dT%H:%M:%S%.f%:z", &at).unwrap_or_default(),
                    "sequence": sequence.fetch_add(1, Ordering::Relaxed),
                    "loggerName": category,
                    "level": level.as_str(),
                    "message": message,
                    "threadName": thread,
                    "mdc": {},
                    "ndc": "",
                    "hostName": host,
                    "processName": "claviger",
                    "processId": std::process::id(),
                });
                format!("{object}\n")
            }
        }
    }
}

/// The message of an event, then its fields as `name=value`.
#[derive(Default)]
struct Message {
    text: String,
    fields: String,
}

impl Message {
    fn finish(mut self) -> String {
        self.text.push_str(&self.fields);
        if self.text.len() > LONGEST {
            let mut end = LONGEST;
            while !self.text.is_char_boundary(end) {
                end -= 1;
            }
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
        let _ = Escape(into).write_fmt(value);
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

/// Writes control characters as `\n`, `\r`, `\t`, `\u{1b}`.
struct Escape<'a>(&'a mut String);

impl fmt::Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // Unicode's line separators count for some readers of logs.
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn line(form: Form, message: &str) -> String {
        let console = Console {
            form,
            zone: TimeZone::UTC,
        };
        console.line(&Line {
            at: "2026-11-23T01:07:31.066Z".parse().unwrap(),
            level: Level::WARN,
            category: "org.keycloak.events",
            thread: "executor-thread-3",
            message,
        })
    }

    #[test]
    fn a_line_looks_like_keycloaks() {
        assert_eq!(
            line(Form::Text, r#"type="LOGIN_ERROR""#),
            "2026-11-23 01:07:31,066 WARN  [org.keycloak.events] (executor-thread-3) \
             type=\"LOGIN_ERROR\"\n"
        );
    }

    #[test]
    fn json_is_one_object_a_line() {
        let form = Form::Json {
            sequence: AtomicU64::new(7),
            host: "h".to_owned(),
        };
        let line = line(form, "a \"quoted\" message");
        let object: serde_json::Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(object["loggerName"], "org.keycloak.events");
        assert_eq!(object["message"], "a \"quoted\" message");
        assert_eq!(object["level"], "WARN");
        assert_eq!(object["timestamp"], "2026-11-23T01:07:31.066+00:00");
        assert_eq!(object["sequence"], 7);
    }

    #[test]
    fn a_message_cannot_forge_a_line() {
        let mut text = String::new();
        Escape(&mut text)
            .write_str("ann\r\n2026 WARN\u{1b}[0m\u{2028}é")
            .unwrap();
        assert_eq!(text, r"ann\r\n2026 WARN\u{1b}[0m\u{2028}é");
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

    fn logging(root: LevelFilter, categories: &[(&str, LevelFilter)]) -> Logging {
        let categories: BTreeMap<String, LevelFilter> = categories
            .iter()
            .map(|(name, level)| ((*name).to_owned(), *level))
            .collect();
        Logging {
            root,
            categories,
            console: LevelFilter::TRACE,
            json: false,
        }
    }

    #[test]
    fn categories_have_levels() {
        let events = ("org.keycloak.events", LevelFilter::DEBUG);
        let targets = filter(&logging(LevelFilter::INFO, &[events]));
        let cases = [
            ("org.keycloak.events", Level::DEBUG, true),
            ("org.keycloak.events", Level::TRACE, false),
            ("claviger_engine::session", Level::INFO, true),
            ("claviger_engine::session", Level::DEBUG, false),
        ];
        for (target, level, expected) in cases {
            assert_eq!(
                targets.would_enable(target, &level),
                expected,
                "{target} {level}"
            );
        }
    }

    #[test]
    fn the_category_of_keycloak_holds_our_own_targets() {
        let categories = [
            ("org.keycloak", LevelFilter::DEBUG),
            ("claviger_store", LevelFilter::OFF),
        ];
        let targets = filter(&logging(LevelFilter::WARN, &categories));
        assert!(targets.would_enable("claviger_oidc::token", &Level::DEBUG));
        assert!(targets.would_enable("org.keycloak.events", &Level::DEBUG));
        assert!(!targets.would_enable("claviger_store::sqlite", &Level::ERROR));
        assert!(!targets.would_enable("rustls", &Level::INFO));
    }

    #[test]
    fn the_console_has_a_level_of_its_own() {
        let mut logging = logging(LevelFilter::TRACE, &[]);
        logging.console = LevelFilter::ERROR;
        assert!(!filter(&logging).would_enable("claviger", &Level::WARN));
    }
}
