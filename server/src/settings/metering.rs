//! What is counted, and how finely.

use super::value::Values;
use super::{Notices, UsageError};
use crate::observe::happenings::EventTags;
use crate::observe::requests::Detail;

/// Durations that may be promised at most.
const MOST: usize = 100;

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metering {
    /// Of requests.
    pub requests: Detail,
    /// Of user events; nothing if none.
    pub events: Option<EventTags>,
}

impl Metering {
    /// Reads `http-metrics-*` and `event-metrics-user-*`.
    pub(super) fn check(values: &Values<'_>, notices: &mut Notices) -> Result<Self, UsageError> {
        let events = values.flag("event-metrics-user-enabled")?;
        if events && !values.flag("metrics-enabled")? {
            let text = "option event-metrics-user-enabled has no effect without metrics-enabled";
            notices.warn(text.to_owned());
        }
        let objectives: Result<Vec<u64>, UsageError> = values
            .list("http-metrics-slos")
            .map(|text| match text.parse() {
                Ok(millis) if millis > 0 => Ok(millis),
                Ok(_) | Err(_) => Err(UsageError(format!(
                    "Invalid value for option '--http-metrics-slos': Expected milliseconds, got \
                     \"{text}\""
                ))),
            })
            .collect();
        let objectives = objectives?;
        if objectives.len() > MOST {
            return Err(UsageError(format!("http-metrics-slos: at most {MOST}")));
        }
        let tags: Vec<&str> = values.list("event-metrics-user-tags").collect();
        let kinds = values.list("event-metrics-user-events");
        Ok(Self {
            requests: Detail {
                histograms: values.flag("http-metrics-histograms-enabled")?,
                objectives,
            },
            events: events.then(|| EventTags {
                realm: tags.contains(&"realm"),
                idp: tags.contains(&"idp"),
                client: tags.contains(&"clientId"),
                kinds: kinds.map(str::to_owned).collect(),
            }),
        })
    }
}
