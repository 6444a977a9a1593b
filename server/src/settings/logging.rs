//! What is logged, where to, and how it looks.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use tracing::level_filters::LevelFilter;

use super::raw::RawOptions;
use super::value::Values;
use super::{Mode, Notices, UsageError};
use crate::logging::{
    DEFAULT_PATTERN, DatePattern, Form, Kind, Layout, Pattern, Protocol, Rotation, Server,
};

/// How many categories may have a level of their own.
const MOST: usize = 256;
/// Lines that may wait for a thread at most.
const LONGEST_QUEUE: usize = 1_000_000;
/// Earlier files that are kept at most.
const MOST_FILES: usize = 1_000;
/// The file, below the home directory.
const FILE: &str = "data/log/keycloak.log";
/// What the text of a line has before its level when something is known of its request.
const WITH_CONTEXT: &str = "%X ";

/// The same, if only the trace is wanted.
const WITH_TRACE: &str =
    "traceId=%X{traceId}, parentId=%X{parentId}, spanId=%X{spanId}, sampled=%X{sampled} ";

/// What of a request can be shown, by Keycloak's key, and as it is shown.
const CONTEXT: [(&str, &str); 5] = [
    ("realmName", "kc.realmName"),
    ("clientId", "kc.clientId"),
    ("userId", "kc.userId"),
    ("ipAddress", "kc.ipAddress"),
    ("sessionId", "kc.sessionId"),
];

/// What is shown of a trace.
const TRACE: [&str; 4] = ["traceId", "spanId", "parentId", "sampled"];

/// What is logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Logging {
    /// For everything without a level of its own.
    pub root: LevelFilter,
    /// By category: `org.keycloak.events`.
    pub categories: BTreeMap<String, LevelFilter>,
    /// Who takes lines.
    pub takers: Vec<Taker>,
    /// What is shown of a request, by the names of fields.
    pub context: Vec<&'static str>,
    /// `service.name` of JSON lines.
    pub service: String,
    /// `service.environment` of JSON lines.
    pub environment: Option<String>,
    /// The same, where a form needs one and none is given.
    pub usual_environment: &'static str,
}

/// Takes lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Taker {
    /// Nothing below this is taken, whatever the category says.
    pub level: LevelFilter,
    /// How a line looks.
    pub form: Form,
    /// Where it goes.
    pub way: Way,
    /// How many lines may wait for a thread that writes; none: nobody waits, each line is written
    /// at once.
    pub queue: Option<usize>,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// To standard output.
    Console,
    /// Into a file.
    File {
        /// The file.
        path: PathBuf,
        /// When it is put aside; never if none.
        rotation: Option<Rotation>,
    },
    /// To a syslog server.
    Syslog(Server),
}

impl Logging {
    /// Reads all options that begin with `log`.
    pub(super) fn check(
        values: &Values<'_>,
        raw: &RawOptions,
        mode: Mode,
        home: &Path,
        notices: &mut Notices,
    ) -> Result<Self, UsageError> {
        let (root, categories) = levels(values, raw)?;
        let handlers: Vec<&str> = values.list("log").collect();
        let reader = Reader { values, home };
        let mut takers = Vec::new();
        for handler in ["console", "file", "syslog"] {
            if handlers.contains(&handler) {
                takers.push(reader.taker(handler)?);
            } else {
                unused(handler, raw, notices);
            }
        }
        Ok(Self {
            root,
            categories,
            takers,
            context: context(values)?,
            service: values
                .text("log-service-name")
                .unwrap_or("keycloak")
                .to_owned(),
            environment: values.text("log-service-environment").map(str::to_owned),
            usual_environment: match mode {
                Mode::Development => "dev",
                Mode::Production | Mode::Offline => "prod",
            },
        })
    }
}

/// Tells whoever set up a handler that is not switched on.
fn unused(handler: &str, raw: &RawOptions, notices: &mut Notices) {
    let own = format!("log-{handler}");
    for (name, given) in raw.iter() {
        let rest = name.strip_prefix(&own);
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            notices.warn(format!(
                "option {name} ({}) has no effect: {handler} is not in log",
                given.origin
            ));
        }
    }
}

/// What is shown of requests.
fn context(values: &Values<'_>) -> Result<Vec<&'static str>, UsageError> {
    let mut shown = Vec::new();
    if values.flag("log-mdc-enabled")? {
        let wanted: Vec<&str> = values.list("log-mdc-keys").collect();
        let kept = CONTEXT.iter().filter(|(key, _)| wanted.contains(key));
        shown.extend(kept.map(|(_, name)| *name));
    }
    if values.flag("tracing-enabled")? {
        shown.extend(TRACE);
    }
    Ok(shown)
}

/// Reads `log-level` and `log-level-<category>`.
fn levels(
    values: &Values<'_>,
    raw: &RawOptions,
) -> Result<(LevelFilter, BTreeMap<String, LevelFilter>), UsageError> {
    let mut root = None;
    let mut categories = BTreeMap::new();
    for item in values.list("log-level") {
        match item.split_once(':') {
            // The first mention counts, as in Keycloak.
            None => {
                let level = level(item).ok_or_else(|| invalid(item))?;
                root.get_or_insert(level);
            }
            Some((category, text)) if !category.is_empty() => {
                let level = level(text).ok_or_else(|| invalid(item))?;
                categories.entry(category.to_owned()).or_insert(level);
            }
            Some(_) => return Err(invalid(item)),
        }
    }
    for (name, given) in raw.iter() {
        if let Some(category) = name.strip_prefix("log-level-") {
            let text = given.value.reveal();
            let level = level(text).ok_or_else(|| invalid(text))?;
            categories.insert(category.to_owned(), level);
        }
    }
    if categories.len() > MOST {
        return Err(UsageError(format!("log-level: at most {MOST} categories")));
    }
    Ok((root.unwrap_or(LevelFilter::INFO), categories))
}

/// Reads what one handler has of its own.
struct Reader<'a> {
    values: &'a Values<'a>,
    home: &'a Path,
}

impl Reader<'_> {
    fn taker(&self, handler: &str) -> Result<Taker, UsageError> {
        let values = self.values;
        let name = format!("log-{handler}-level");
        let text = values.text(&name).unwrap_or("all");
        let level = level(text).ok_or_else(|| {
            UsageError(format!(
                "Invalid value for option '--{name}': {text} is no level"
            ))
        })?;
        let way = match handler {
            "file" => self.file()?,
            "syslog" => Way::Syslog(self.syslog()?),
            _ => Way::Console,
        };
        Ok(Taker {
            level,
            form: self.form(handler)?,
            queue: self.queue(handler)?,
            way,
        })
    }

    fn form(&self, handler: &str) -> Result<Form, UsageError> {
        let values = self.values;
        if values.text(&format!("log-{handler}-output")) == Some("json") {
            let layout = values.text(&format!("log-{handler}-json-format"));
            return Ok(Form::Json(if layout == Some("ecs") {
                Layout::Ecs
            } else {
                Layout::Default
            }));
        }
        let name = format!("log-{handler}-format");
        let given = values.text(&name).unwrap_or(DEFAULT_PATTERN);
        let text = if given == DEFAULT_PATTERN {
            self.usual_pattern(handler)?
        } else {
            given.to_owned()
        };
        let mut pattern = Pattern::parse(&text).map_err(|what| {
            UsageError(format!(
                "Invalid value for option '--{name}': {what} is not understood"
            ))
        })?;
        pattern.colours = handler == "console" && self.colours()?;
        Ok(Form::Text(pattern))
    }

    /// Lines tell of their request what was asked for.
    fn usual_pattern(&self, handler: &str) -> Result<String, UsageError> {
        let includes = |what: &str| self.values.flag(&format!("log-{handler}-include-{what}"));
        let before = if self.values.flag("log-mdc-enabled")? && includes("mdc")? {
            WITH_CONTEXT
        } else if self.values.flag("tracing-enabled")? && includes("trace")? {
            WITH_TRACE
        } else {
            ""
        };
        Ok(DEFAULT_PATTERN.replacen("%-5p", &format!("{before}%-5p"), 1))
    }

    /// As told; else where a person may be looking.
    fn colours(&self) -> Result<bool, UsageError> {
        if self.values.is_given("log-console-color") {
            return self.values.flag("log-console-color");
        }
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
        Ok(!unwanted && std::io::stdout().is_terminal())
    }

    fn queue(&self, handler: &str) -> Result<Option<usize>, UsageError> {
        let own = format!("log-{handler}-async");
        let asked = if self.values.is_given(&own) {
            self.values.flag(&own)?
        } else {
            self.values.flag("log-async")?
        };
        let name = format!("{own}-queue-length");
        let length = self.values.count(&name)?.unwrap_or(512);
        if length > LONGEST_QUEUE {
            return Err(UsageError(format!("{name}: at most {LONGEST_QUEUE}")));
        }
        // Nobody who is served waits for a network.
        Ok((asked || handler == "syslog").then_some(length))
    }

    fn file(&self) -> Result<Way, UsageError> {
        let values = self.values;
        let path = match values.text("log-file") {
            Some(path) if !values.is_given("log-file") || path == FILE => self.home.join(FILE),
            // A folder: the usual name in it.
            Some(path) if path.ends_with('/') => PathBuf::from(path).join("keycloak.log"),
            Some(path) => PathBuf::from(path),
            None => self.home.join(FILE),
        };
        let rotation = values.flag("log-file-rotation-enabled")?;
        Ok(Way::File {
            path,
            rotation: rotation.then(|| self.rotation()).transpose()?,
        })
    }

    fn rotation(&self) -> Result<Rotation, UsageError> {
        let values = self.values;
        let largest = self.size("log-file-rotation-max-file-size")?;
        let name = "log-file-rotation-max-backup-index";
        let text = values.text(name).unwrap_or("5");
        let keep = text.parse().ok().filter(|keep| *keep <= MOST_FILES);
        let keep = keep.ok_or_else(|| {
            UsageError(format!(
                "Invalid value for option '--{name}': Expected 0 to {MOST_FILES}, got \"{text}\""
            ))
        })?;
        let name = "log-file-rotation-file-suffix";
        let suffix = values.text(name).map(|text| {
            let kind = Path::new(text).extension();
            if kind.is_some_and(|kind| kind == "gz" || kind == "zip") {
                return Err(UsageError(format!(
                    "option {name} is refused: rotated files are not compressed by the server"
                )));
            }
            DatePattern::parse(text).map_err(|what| {
                UsageError(format!(
                    "Invalid value for option '--{name}': {what} is not understood"
                ))
            })
        });
        Ok(Rotation {
            largest: largest.unwrap_or(10 * 1024 * 1024),
            keep,
            suffix: suffix.transpose()?,
            on_start: values.flag("log-file-rotation-rotate-on-boot")?,
        })
    }

    fn syslog(&self) -> Result<Server, UsageError> {
        let values = self.values;
        let name = "log-syslog-endpoint";
        let text = values.text(name).unwrap_or("localhost:514");
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.parse().ok().filter(|port| *port > 0)?;
            (!host.is_empty()).then(|| (host.to_owned(), port))
        });
        let (host, port) = parts.ok_or_else(|| {
            UsageError(format!(
                "Invalid value for option '--{name}': Expected host:port, got \"{text}\""
            ))
        })?;
        let protocol = match values.text("log-syslog-protocol") {
            Some("udp") => Protocol::Udp,
            Some("ssl-tcp") => Protocol::Tls,
            Some(_) | None => Protocol::Tcp,
        };
        let (kind, usual) = match values.text("log-syslog-type") {
            Some("rfc3164") => (Kind::Rfc3164, 1024),
            Some(_) | None => (Kind::Rfc5424, 2048),
        };
        let longest = self.size("log-syslog-max-length")?;
        let longest = longest.map_or(usual, |size| usize::try_from(size).unwrap_or(usize::MAX));
        Ok(Server {
            host,
            port,
            protocol,
            kind,
            counted: match values.text("log-syslog-counting-framing") {
                Some("true") => true,
                Some("false") => false,
                Some(_) | None => protocol != Protocol::Udp,
            },
            app: values
                .text("log-syslog-app-name")
                .unwrap_or("keycloak")
                .to_owned(),
            longest: longest.max(256),
        })
    }

    /// A number of bytes: `2048`, `10K`, `10M`, `1G`.
    fn size(&self, name: &str) -> Result<Option<u64>, UsageError> {
        let Some(text) = self.values.text(name) else {
            return Ok(None);
        };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text.get(digits.len()..).unwrap_or_default() {
            "" => Some(1),
            "k" | "K" => Some(1 << 10),
            "m" | "M" => Some(1 << 20),
            "g" | "G" => Some(1 << 30),
            "t" | "T" => Some(1 << 40),
            _ => None,
        };
        let number: Option<u64> = digits.parse().ok().filter(|number| *number > 0);
        let size = number
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit));
        size.map(Some).ok_or_else(|| {
            UsageError(format!(
                "Invalid value for option '--{name}': value {text} not in correct format \
                 (regular expression): [0-9]+[KkMmGgTt]?"
            ))
        })
    }
}

/// A level by the names of Keycloak, JBoss and Java.
fn level(text: &str) -> Option<LevelFilter> {
    Some(match text.to_ascii_lowercase().as_str() {
        "off" => LevelFilter::OFF,
        "fatal" | "error" | "severe" => LevelFilter::ERROR,
        "warn" | "warning" => LevelFilter::WARN,
        "info" | "config" => LevelFilter::INFO,
        "debug" | "fine" => LevelFilter::DEBUG,
        "trace" | "all" | "finer" | "finest" => LevelFilter::TRACE,
        _ => return None,
    })
}

fn invalid(text: &str) -> UsageError {
    UsageError(format!(
        "Invalid log category format: {text}. The format is 'category:level' such as \
         'org.keycloak:debug'."
    ))
}
