//! A stream: what it is, what it may carry, and how its receiver sees it (SSF §8.1.1).

use claviger_model::ClientUuid;
use claviger_store::Lane;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::signal::{EventType, Status, StreamBody};
use serde_json::{Value, json};

use crate::client::Client;

/// Seconds between two verifications unless the client says otherwise, as in Keycloak.
const VERIFICATION_INTERVAL: i64 = 60;

/// One stream of a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// UUID text.
    pub id: String,
    /// Whose it is.
    pub client: ClientUuid,
    /// What is kept of it.
    pub body: StreamBody,
}

impl Stream {
    /// Reads a stream's document. One that cannot be read is none: it tells nobody anything, and is
    /// named in the log.
    pub fn read(document: &Document) -> Option<Self> {
        match serde_json::from_value(Value::Object(document.body.clone())) {
            Ok(body) => Some(Self {
                id: document.id.clone(),
                client: ClientUuid::new(document.parent.as_str()),
                body,
            }),
            Err(error) => {
                tracing::error!("stream {} cannot be read: {error}", document.id);
                None
            }
        }
    }

    /// As it is kept.
    pub fn document(&self) -> Document {
        let body = match serde_json::to_value(&self.body) {
            Ok(Value::Object(body)) => body,
            // A struct always is an object.
            Ok(_) | Err(_) => Json::new(),
        };
        Document {
            kind: Kind::SignalStream,
            id: self.id.clone(),
            parent: self.client.as_str().to_owned(),
            unique_name: self.id.clone(),
            enabled: true,
            body,
        }
    }

    /// Where what it tells waits.
    pub fn lane(&self) -> Lane {
        match self.body.status {
            Status::Enabled => self.lane_of_its_own(),
            Status::Paused | Status::Disabled => Lane::Held,
        }
    }

    /// Where what it tells of itself waits, whether or not it pauses (SSF §8.1.5).
    pub fn lane_of_its_own(&self) -> Lane {
        if self.body.delivery.is_push() {
            Lane::Push
        } else {
            Lane::Poll
        }
    }

    /// The events that it carries: those asked for that the client may have.
    pub fn delivered(&self, client: &Client) -> Vec<EventType> {
        let may = supported(client);
        let asked = self.body.events_requested.iter();
        let asked = asked.filter_map(|name| EventType::named(name));
        let mut events: Vec<EventType> = asked.filter(|event| may.contains(event)).collect();
        events.sort();
        events.dedup();
        events
    }

    /// As its receiver reads it.
    pub fn shown(&self, client: &Client) -> Json {
        let body = &self.body;
        let uris =
            |events: Vec<EventType>| json!(events.iter().map(|e| e.uri()).collect::<Vec<_>>());
        let mut shown = Json::new();
        let mut put = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        put("stream_id", json!(self.id));
        put("iss", json!(body.iss));
        put("aud", json!(body.aud));
        put("events_supported", uris(supported(client)));
        put("events_requested", json!(body.events_requested));
        put("events_delivered", uris(self.delivered(client)));
        put("delivery", json!(body.delivery));
        put(
            "min_verification_interval",
            json!(verification_interval(client)),
        );
        if let Some(description) = &body.description {
            put("description", json!(description));
        }
        shown
    }

    /// Its status as its receiver reads it (SSF §8.1.2.1).
    pub fn shown_status(&self) -> Json {
        let mut shown = Json::new();
        shown.insert("stream_id".into(), json!(self.id));
        shown.insert("status".into(), json!(self.body.status.as_str()));
        if let Some(reason) = &self.body.status_reason {
            shown.insert("reason".into(), json!(reason));
        }
        shown
    }
}

/// What a client's streams may carry: what an administrator allows, or everything.
pub fn supported(client: &Client) -> Vec<EventType> {
    let all = EventType::ALL.iter().copied();
    let all = all.filter(|event| event.is_chosen());
    match client.settings.attribute("ssf.supportedEvents") {
        None => all.collect(),
        Some(listed) => {
            let named: Vec<EventType> = listed
                .split([',', '#', ' '])
                .filter_map(|name| EventType::named(name.trim()))
                .collect();
            all.filter(|event| named.contains(event)).collect()
        }
    }
}

/// Seconds between two verifications; none at all where that is 0.
pub fn verification_interval(client: &Client) -> i64 {
    let set = client.settings.attribute("ssf.minVerificationInterval");
    let set = set.and_then(|set| set.trim().parse().ok());
    set.unwrap_or(VERIFICATION_INTERVAL).clamp(0, 86_400)
}
