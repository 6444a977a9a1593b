//! What is logged, and how.

use std::collections::BTreeMap;

use tracing::level_filters::LevelFilter;

use super::UsageError;
use super::raw::RawOptions;
use super::value::Values;

/// How many categories may have a level of their own.
const MOST: usize = 256;

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// For everything without a level of its own.
    pub root: LevelFilter,
    /// By category: `org.keycloak.events`.
    pub categories: BTreeMap<String, LevelFilter>,
    /// Nothing below this is written, whatever the category says.
    pub console: LevelFilter,
    /// One JSON object a line instead of text.
    pub json: bool,
}

impl Logging {
    /// Reads `log-level`, `log-level-<category>`, `log-console-level` and `log-console-output`.
    pub(super) fn check(values: &Values<'_>, raw: &RawOptions) -> Result<Self, UsageError> {
        let mut root = LevelFilter::INFO;
        let mut categories = BTreeMap::new();
        for item in values.list("log-level") {
            match item.split_once(':') {
                None => root = level(item).ok_or_else(|| invalid(item))?,
                Some((category, text)) if !category.is_empty() => {
                    let level = level(text).ok_or_else(|| invalid(item))?;
                    // The first mention counts, as in Keycloak.
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
        let console = values.text("log-console-level").unwrap_or("all");
        Ok(Self {
            root,
            categories,
            console: level(console).ok_or_else(|| invalid(console))?,
            json: values.text("log-console-output") == Some("json"),
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
