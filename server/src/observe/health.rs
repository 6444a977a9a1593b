//! Whether the server should get requests.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use claviger_store::Store;
use jiff::fmt::strtime;
use jiff::{Timestamp, tz::TimeZone};

/// How long the database may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(5);

/// Names of the checks, as Keycloak's probes know them.
const STOPPING: &str = "Graceful Shutdown";
const INITIALIZED: &str = "Keycloak Initialized";
const DATABASE: &str = "Keycloak database connections async health check";

/// Knows how the server is.
pub struct Health {
    store: Store,
    stopping: AtomicBool,
    failing_since: Mutex<Option<Timestamp>>,
}

/// One probe's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Report(Vec<Check>);

#[derive(Debug, PartialEq, Eq)]
struct Check {
    name: &'static str,
    up: bool,
    failing_since: Option<String>,
}

impl Health {
    /// A server that has just started.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            stopping: AtomicBool::new(false),
            failing_since: Mutex::new(None),
        }
    }

    /// From now on the server is not ready: it is about to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether requests can be answered now.
    pub async fn ready(&self) -> Report {
        let answered = match tokio::time::timeout(PATIENCE, self.store.ping()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!("the database does not answer: {error}");
                false
            }
            Err(_) => false,
        };
        let check = |name, up| Check {
            name,
            up,
            failing_since: None,
        };
        Report(vec![
            check(STOPPING, !self.stopping.load(Ordering::SeqCst)),
            check(INITIALIZED, true),
            Check {
                name: DATABASE,
                up: answered,
                failing_since: self.note(answered),
            },
        ])
    }

    /// Remembers since when the database fails.
    fn note(&self, answered: bool) -> Option<String> {
        let mut since = self
            .failing_since
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if answered {
            *since = None;
            return None;
        }
        let at = *since.get_or_insert_with(Timestamp::now);
        let at = at.to_zoned(TimeZone::system());
        let date = strtime::format("%Y-%m-%d %H:%M:%S", &at).unwrap_or_default();
        Some(format!("{date},{:03}", at.millisecond()))
    }
}

impl Report {
    /// Nothing was checked, nothing is wrong.
    pub fn up() -> Self {
        Self(Vec::new())
    }

    /// Whether every check is well.
    pub fn is_up(&self) -> bool {
        self.0.iter().all(|check| check.up)
    }

    /// The report in the layout of Keycloak's, blanks included: some probes compare text.
    pub fn to_json(&self) -> String {
        let word = |up: bool| if up { "UP" } else { "DOWN" };
        let mut text = format!(
            "{{\n    \"status\": \"{}\",\n    \"checks\": [",
            word(self.is_up())
        );
        for (index, check) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(
                text,
                "{comma}\n        {{\n            \"name\": \"{}\",\n            \"status\": \"{}\"",
                check.name,
                word(check.up)
            );
            if let Some(since) = &check.failing_since {
                let _ = write!(
                    text,
                    ",\n            \"data\": {{\n                \"Failing since\": \"{since}\"\n            \
                     }}"
                );
            }
            text.push_str("\n        }");
        }
        text.push_str("\n    ]\n}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_report_is_up_and_looks_like_keycloaks() {
        let report = Report::up();
        assert!(report.is_up());
        assert_eq!(
            report.to_json(),
            "{\n    \"status\": \"UP\",\n    \"checks\": [\n    ]\n}"
        );
    }

    #[test]
    fn one_failing_check_is_enough() {
        let since = Some("2026-11-23 01:07:31,066".to_owned());
        let report = Report(vec![
            Check {
                name: STOPPING,
                up: true,
                failing_since: None,
            },
            Check {
                name: DATABASE,
                up: false,
                failing_since: since,
            },
        ]);
        assert!(!report.is_up());
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["status"], "DOWN");
        assert_eq!(json["checks"][0]["status"], "UP");
        assert_eq!(json["checks"][1]["status"], "DOWN");
        assert_eq!(
            json["checks"][1]["data"]["Failing since"],
            "2026-11-23 01:07:31,066"
        );
    }
}
