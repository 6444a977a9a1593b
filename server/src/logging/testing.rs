//! A line for tests.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Level;

use super::line::{Context, Facts, Line};

/// A warning about an event of the shop.
pub fn line(message: &str) -> Line<'_> {
    static CONTEXT: LazyLock<Context> =
        LazyLock::new(|| Context::from([("kc.realmName", "shop".to_owned())]));
    let at: Timestamp = "2026-11-23T01:07:31.066Z".parse().unwrap();
    Line {
        at: at.to_zoned(TimeZone::UTC),
        level: Level::WARN,
        category: "org.keycloak.events",
        thread: "executor-thread-3",
        thread_id: 3,
        message,
        context: &CONTEXT,
        place: Some(("src/a.rs", 9)),
        sequence: 7,
    }
}

/// A process that has been running for a second.
pub fn facts() -> Facts {
    Facts {
        host: "h".to_owned(),
        pid: 42,
        service: "keycloak".to_owned(),
        environment: None,
        usual_environment: "prod",
        started: "2026-11-23T01:07:30.066Z".parse().unwrap(),
    }
}
