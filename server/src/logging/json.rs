//! Lines as JSON: JBoss's form, and that of the Elastic Common Schema.

use std::fmt::Write as _;

use jiff::Zoned;
use jiff::fmt::strtime;
use serde_json::{Map, Value, json};

use super::line::{Facts, Line, is_dangerous};
use crate::VERSION;

/// What wrote the line, for readers that look for it: JBoss's own logger.
const LOGGER_CLASS: &str = "org.jboss.logging.Logger";
/// The process, by its name.
const PROCESS: &str = "claviger";

/// Which members a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// JBoss's.
    Default,
    /// That of the Elastic Common Schema 1.12.
    Ecs,
}

/// The line, with the line break at its end.
pub fn format(layout: Layout, line: &Line<'_>, facts: &Facts) -> String {
    let object = match layout {
        Layout::Default => jboss(line, facts),
        Layout::Ecs => ecs(line, facts),
    };
    let text = object.to_string();
    let mut safe = String::with_capacity(text.len() + 1);
    // What JSON lets stand in a text and terminals obey. It is within strings only.
    for character in text.chars() {
        if is_dangerous(character) {
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe.push('\n');
    safe
}

fn jboss(line: &Line<'_>, facts: &Facts) -> Value {
    let object = json!({
        "timestamp": timestamp(&line.at),
        "sequence": line.sequence,
        "loggerClassName": LOGGER_CLASS,
        "loggerName": line.category,
        "level": line.level.as_str(),
        "message": line.message,
        "threadName": line.thread,
        "threadId": line.thread_id,
        "mdc": context(line),
        "ndc": "",
        "hostName": facts.host,
        "processName": PROCESS,
        "processId": facts.pid,
        "service.name": facts.service,
    });
    let Value::Object(mut object) = object else {
        return object;
    };
    if let Some(environment) = &facts.environment {
        object.insert("service.environment".to_owned(), json!(environment));
    }
    Value::Object(object)
}

fn ecs(line: &Line<'_>, facts: &Facts) -> Value {
    let environment = facts.environment.as_deref();
    json!({
        "@timestamp": timestamp(&line.at),
        "event.sequence": line.sequence,
        "log.logger": line.category,
        "log.level": line.level.as_str(),
        "message": line.message,
        "process.thread.name": line.thread,
        "process.thread.id": line.thread_id,
        "mdc": context(line),
        "ndc": "",
        "host.hostname": facts.host,
        "process.name": PROCESS,
        "process.pid": facts.pid,
        "service.name": facts.service,
        "ecs.version": "1.12.2",
        "data_stream.type": "logs",
        "service.version": VERSION,
        "service.environment": environment.unwrap_or(facts.usual_environment),
    })
}

fn context(line: &Line<'_>) -> Value {
    let pairs = line.context.iter();
    Value::Object(
        pairs
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect::<Map<_, _>>(),
    )
}

/// ISO 8601, with as many digits of the second as are not zero.
fn timestamp(at: &Zoned) -> String {
    let form = if at.offset().seconds() == 0 {
        "%Y-%m-%dT%H:%M:%S%.fZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%.f%:z"
    };
    strtime::format(form, at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::testing::{facts, line};

    fn shown(layout: Layout, message: &str) -> Value {
        let text = format(layout, &line(message), &facts());
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(!text.trim_end().chars().any(is_dangerous), "{text:?}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_default_form_is_that_of_jboss() {
        assert_eq!(
            shown(Layout::Default, "a \"quoted\" message"),
            json!({
                "timestamp": "2026-11-23T01:07:31.066Z", "sequence": 7,
                "loggerClassName": "org.jboss.logging.Logger",
                "loggerName": "org.keycloak.events", "level": "WARN",
                "message": "a \"quoted\" message", "threadName": "executor-thread-3",
                "threadId": 3, "mdc": {"kc.realmName": "shop"}, "ndc": "", "hostName": "h",
                "processName": "claviger", "processId": 42, "service.name": "keycloak",
            })
        );
    }

    #[test]
    fn ecs_names_the_same_otherwise() {
        assert_eq!(
            shown(Layout::Ecs, "m"),
            json!({
                "@timestamp": "2026-11-23T01:07:31.066Z", "event.sequence": 7,
                "log.logger": "org.keycloak.events", "log.level": "WARN", "message": "m",
                "process.thread.name": "executor-thread-3", "process.thread.id": 3,
                "mdc": {"kc.realmName": "shop"}, "ndc": "", "host.hostname": "h",
                "process.name": "claviger", "process.pid": 42, "service.name": "keycloak",
                "ecs.version": "1.12.2", "data_stream.type": "logs",
                "service.version": VERSION, "service.environment": "prod",
            })
        );
    }

    #[test]
    fn a_message_stays_what_it_was_and_forges_nothing() {
        for layout in [Layout::Default, Layout::Ecs] {
            let message = "ann\r\n{\"level\":\"WARN\"}\u{1b}\u{9b}\u{2028}\u{202e}é";
            assert_eq!(shown(layout, message)["message"], message);
        }
    }
}
