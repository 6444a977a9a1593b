//! The log: on standard output, in a file, on its way to a syslog server; as text in Keycloak's form,
//! so that what reads Keycloak's log (fail2ban and its like) reads this one, or as JSON.
//!
//! The category of a line is the event's target. What is known of a request (realm, client,
//! session) is kept in a span of its own, and shown with every line that belongs to it.

mod date;
mod file;
mod json;
mod levels;
mod line;
mod pattern;
mod sink;
mod syslog;
#[cfg(test)]
mod testing;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Empty, Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::layer::{Context as Scope, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

pub use date::DatePattern;
pub use file::Rotation;
pub use json::Layout;
pub use pattern::{DEFAULT as DEFAULT_PATTERN, Pattern};
pub use sink::Form;
pub use syslog::{Kind, Protocol, Server};

use crate::settings::logging::{Logging, Taker, Way};
use file::LogFile;
use line::{Context, Facts, Line, Message, thread_id};
use sink::{Console, Handler, Out, Queue};
use syslog::Syslog;

/// How our own targets begin.
const OWN: &str = "claviger";
/// The target of the spans of requests.
const REQUEST: &str = "claviger_request";

/// Everything that is told to `tracing` is written for as long as this lives; what is queued is
/// written before it is gone.
#[must_use = "what is queued is lost without it"]
pub struct Log(Arc<Vec<Handler>>);

impl Drop for Log {
    fn drop(&mut self) {
        for handler in self.0.iter() {
            handler.flush();
        }
    }
}

/// From here on, everything that is told to `tracing` is written as the settings say.
pub fn install(logging: &Logging) -> anyhow::Result<Log> {
    let facts = facts(logging);
    let zone = TimeZone::system();
    let takers = logging.takers.iter();
    let handlers: anyhow::Result<Vec<Handler>> =
        takers.map(|taker| handler(taker, &facts, &zone)).collect();
    let handlers = Arc::new(handlers?);
    let levels = logging.takers.iter().map(|taker| taker.level);
    let most = levels.max().unwrap_or(LevelFilter::OFF);
    let spans = !logging.context.is_empty();
    let logger = Logger {
        handlers: Arc::clone(&handlers),
        facts,
        zone,
        context: logging.context.clone(),
        sequence: AtomicU64::new(0),
    };
    let filter = levels::filter(logging.root, &logging.categories, most, spans);
    tracing_subscriber::registry()
        .with(logger.with_filter(filter))
        .try_init()?;
    // A defect must not break the form of the log either.
    std::panic::set_hook(Box::new(|panic| tracing::error!(target: OWN, "{panic}")));
    Ok(Log(handlers))
}

fn facts(logging: &Logging) -> Facts {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Facts {
        host: host.trim().to_owned(),
        pid: std::process::id(),
        service: logging.service.clone(),
        environment: logging.environment.clone(),
        usual_environment: logging.usual_environment,
        started: Timestamp::now(),
    }
}

fn handler(taker: &Taker, facts: &Facts, zone: &TimeZone) -> anyhow::Result<Handler> {
    let (name, out, drops): (_, Box<dyn Out>, _) = match &taker.way {
        Way::Console => ("log-console", Box::new(Console), false),
        Way::File { path, rotation } => {
            let file = LogFile::open(path, rotation.clone(), zone)
                .with_context(|| format!("cannot open the log file {}", path.display()))?;
            ("log-file", Box::new(file), false)
        }
        Way::Syslog(server) => {
            let syslog = Syslog::new(server.clone(), &facts.host);
            let syslog = syslog.context("cannot speak TLS with the syslog server")?;
            ("log-syslog", Box::new(syslog), true)
        }
    };
    let form = taker.form.clone();
    Ok(match taker.queue {
        None => Handler::direct(taker.level, form, out),
        Some(length) => {
            let queue = Queue::start(name, length, drops, out);
            let queue = queue.context("cannot start a thread for the log")?;
            Handler::queued(taker.level, form, queue)
        }
    })
}

/// The span of a request, for what is learned of it. Nothing where nobody wants to know.
pub fn request() -> Span {
    tracing::info_span!(
        target: REQUEST,
        "request",
        "kc.realmName" = Empty,
        "kc.clientId" = Empty,
        "kc.userId" = Empty,
        "kc.ipAddress" = Empty,
        "kc.sessionId" = Empty,
        traceId = Empty,
        spanId = Empty,
        parentId = Empty,
        sampled = Empty,
    )
}

/// Brings events into lines, and remembers what requests are about.
struct Logger {
    handlers: Arc<Vec<Handler>>,
    facts: Facts,
    zone: TimeZone,
    /// What is shown of a request.
    context: Vec<&'static str>,
    sequence: AtomicU64,
}

/// What was learned of a request.
struct Learned<'a> {
    wanted: &'a [&'static str],
    context: Context,
}

impl Visit for Learned<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(name) = self.wanted.iter().find(|name| **name == field.name()) {
            self.context.insert(name, value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Logger {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, scope: Scope<'_, S>) {
        let mut learned = Learned {
            wanted: &self.context,
            context: Context::new(),
        };
        attributes.record(&mut learned);
        if let Some(span) = scope.span(id) {
            span.extensions_mut().insert(learned.context);
        }
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, scope: Scope<'_, S>) {
        let Some(span) = scope.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(context) = extensions.get_mut::<Context>() else {
            return;
        };
        let mut learned = Learned {
            wanted: &self.context,
            context: std::mem::take(context),
        };
        values.record(&mut learned);
        *context = learned.context;
    }

    fn on_event(&self, event: &Event<'_>, scope: Scope<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        let message = message.finish();
        let mut context = Context::new();
        for span in scope.event_scope(event).into_iter().flatten() {
            if let Some(learned) = span.extensions().get::<Context>() {
                let pairs = learned.iter();
                context.extend(pairs.map(|(name, value)| (*name, value.clone())));
            }
        }
        let thread = std::thread::current();
        let metadata = event.metadata();
        let line = Line {
            at: Timestamp::now().to_zoned(self.zone.clone()),
            level: *metadata.level(),
            category: metadata.target(),
            thread: thread.name().unwrap_or("unnamed"),
            thread_id: thread_id(),
            message: &message,
            context: &context,
            place: metadata.file().zip(metadata.line()),
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
        };
        for handler in self.handlers.iter() {
            handler.take(&line, &self.facts);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::sink::Record;
    use super::*;

    /// Keeps lines for the test.
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Out for Kept {
        fn put(&mut self, record: &Record) {
            self.0.lock().unwrap().push(record.text.clone());
        }
    }

    fn logged(context: &[&'static str], told: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let form = Form::Text(Pattern::parse("%p %X %s").unwrap());
        let out = Box::new(Kept(Arc::clone(&lines)));
        let logger = Logger {
            handlers: Arc::new(vec![Handler::direct(LevelFilter::DEBUG, form, out)]),
            facts: testing::facts(),
            zone: TimeZone::UTC,
            context: context.to_vec(),
            sequence: AtomicU64::new(0),
        };
        let filter = levels::filter(
            LevelFilter::DEBUG,
            &std::collections::BTreeMap::new(),
            LevelFilter::DEBUG,
            !context.is_empty(),
        );
        let subscriber = tracing_subscriber::registry().with(logger.with_filter(filter));
        tracing::subscriber::with_default(subscriber, told);
        Arc::try_unwrap(lines).unwrap().into_inner().unwrap()
    }

    #[test]
    fn lines_of_a_request_tell_what_it_is_about() {
        let tell = || {
            let span = request();
            span.record("kc.realmName", "shop");
            let _entered = span.enter();
            tracing::debug!("first");
            Span::current().record("kc.clientId", "app\nforged");
            Span::current().record("kc.userId", "secret");
            tracing::warn!(answer = 42, "second");
        };
        assert_eq!(
            logged(&["kc.realmName", "kc.clientId"], tell),
            [
                "DEBUG {kc.realmName=shop} first",
                "WARN {kc.clientId=app\\nforged, kc.realmName=shop} second answer=42",
            ]
        );
        assert_eq!(
            logged(&[], tell),
            ["DEBUG {} first", "WARN {} second answer=42"]
        );
    }
}
