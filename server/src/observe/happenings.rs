//! Counts of what users do: Keycloak's user events, and passwords that were compared.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use claviger_engine::logout::notice::Channel;
use claviger_engine::outbox::Attempt;
use claviger_engine::watch::{HashUsed, Outcome, Watcher};
use claviger_model::{Event, Millis};
use claviger_store::{Backlog, DeliveryState};

use super::exposition::{Kind, Text};

/// Rows of one family at most. Beyond, what is new is not counted: names of clients and errors are
/// many where a stranger may choose them.
const MOST_ROWS: usize = 10_000;

/// What user events are told apart by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTags {
    /// The realm's name.
    pub realm: bool,
    /// The identity provider.
    pub idp: bool,
    /// The client.
    pub client: bool,
    /// The kinds that count, in lower case; all if none is named.
    pub kinds: Vec<String>,
}

/// A family of counters.
struct Counters {
    labels: Vec<&'static str>,
    rows: Mutex<BTreeMap<Vec<String>, u64>>,
    full: AtomicBool,
}

impl Counters {
    fn new(labels: Vec<&'static str>) -> Self {
        Self {
            labels,
            rows: Mutex::default(),
            full: AtomicBool::new(false),
        }
    }

    fn count(&self, values: Vec<String>) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = rows.get_mut(&values) {
            *count += 1;
        } else if rows.len() < MOST_ROWS {
            rows.insert(values, 1);
        } else if !self.full.swap(true, Ordering::Relaxed) {
            drop(rows);
            tracing::warn!("a metric has {MOST_ROWS} rows: what is new from here is not counted");
        }
    }

    fn write(&self, text: &mut Text, name: &str, help: &str) {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.is_empty() {
            return;
        }
        text.family(name, Kind::Counter, help);
        for (values, count) in rows.iter() {
            let values = values.iter().map(String::as_str);
            let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values).collect();
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            text.sample(&format!("{name}_total"), &labels, *count as f64);
        }
    }
}

/// Everything counted of users.
pub struct Happenings {
    tags: Option<EventTags>,
    events: Counters,
    passwords: Counters,
    messages: Counters,
    given_up: Counters,
    backlog: Mutex<Option<Waiting>>,
}

/// What waits to be told, as it was counted last.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    pending: i64,
    failing: i64,
    /// Age of the oldest in seconds.
    age: i64,
}

impl Happenings {
    /// Nothing counted yet. Without tags, events are not counted at all.
    pub fn new(tags: Option<EventTags>) -> Self {
        let chosen = tags.clone().unwrap_or_default();
        let labels = [
            ("client_id", chosen.client),
            ("error", true),
            ("event", true),
            ("idp", chosen.idp),
            ("realm", chosen.realm),
        ];
        let labels = labels.iter().filter(|(_, there)| *there);
        Self {
            tags,
            events: Counters::new(labels.map(|(name, _)| *name).collect()),
            passwords: Counters::new(vec!["algorithm", "hashing_strength", "outcome", "realm"]),
            messages: Counters::new(vec!["kind", "outcome", "realm"]),
            given_up: Counters::new(vec!["kind", "realm"]),
            backlog: Mutex::default(),
        }
    }

    /// Writes the families.
    pub fn write(&self, text: &mut Text) {
        self.events
            .write(text, "keycloak_user_events", "Keycloak user events");
        let name = "keycloak_credentials_password_hashing_validations";
        self.passwords.write(text, name, "Password validations");
        let name = "claviger_messages";
        self.messages.write(
            text,
            name,
            "Attempts to tell clients what they have to know",
        );
        let name = "claviger_logout_deliveries_given_up";
        let help = "Logouts that clients could not be told";
        self.given_up.write(text, name, help);
        self.write_backlog(text);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn write_backlog(&self, text: &mut Text) {
        let backlog = *self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = backlog else { return };
        let help = "Logouts that clients have yet to be told, in all realms";
        let name = "claviger_logout_deliveries";
        text.family(name, Kind::Gauge, help);
        for (state, count) in [("failing", waiting.failing), ("pending", waiting.pending)] {
            text.sample(name, &[("state", state)], count as f64);
        }
        let help = "Age of the oldest logout that a client has yet to be told";
        let name = "claviger_logout_deliveries_oldest_seconds";
        text.single(name, Kind::Gauge, help, waiting.age as f64);
    }
}

impl Watcher for Happenings {
    fn wants_events(&self) -> bool {
        self.tags.is_some()
    }

    fn user_event(&self, realm: &str, client: Option<&str>, event: &Event) {
        let Some(tags) = &self.tags else { return };
        let (kind, failed) = match event.kind.strip_suffix("_ERROR") {
            Some(kind) => (kind, true),
            None => (event.kind.as_str(), false),
        };
        let kind = kind.to_ascii_lowercase();
        if !tags.kinds.is_empty() && !tags.kinds.contains(&kind) {
            return;
        }
        let error = event.error.as_deref();
        let error = error.or(failed.then_some("unknown")).unwrap_or_default();
        let mut values = Vec::with_capacity(5);
        if tags.client {
            values.push(client.unwrap_or_default().to_owned());
        }
        values.push(error.to_owned());
        values.push(kind);
        if tags.idp {
            let details = event.details.iter();
            let idp = details
                .filter(|(name, _)| name == "identity_provider")
                .map(|(_, value)| value.clone())
                .next();
            values.push(idp.unwrap_or_default());
        }
        if tags.realm {
            values.push(realm.to_owned());
        }
        self.events.count(values);
    }

    fn password_checked(&self, realm: &str, hash: &HashUsed, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Valid => "valid",
            Outcome::Invalid => "invalid",
            Outcome::Error => "error",
        };
        let HashUsed {
            algorithm,
            strength,
        } = hash.clone();
        let values = vec![algorithm, strength, outcome.to_owned(), realm.to_owned()];
        self.passwords.count(values);
    }

    fn message(&self, realm: &str, channel: Channel, attempt: Attempt) {
        let texts = [channel.as_str(), attempt.as_str(), realm];
        self.messages.count(texts.map(str::to_owned).to_vec());
    }

    fn given_up(&self, realm: &str, channel: Channel) {
        let texts = [channel.as_str(), realm];
        self.given_up.count(texts.map(str::to_owned).to_vec());
    }

    fn backlog(&self, backlog: &[Backlog], now: Millis) {
        let mut waiting = Waiting::default();
        for part in backlog {
            match part.state {
                DeliveryState::Pending => waiting.pending = part.count,
                DeliveryState::Failing => waiting.failing = part.count,
                DeliveryState::Confirmed | DeliveryState::GivenUp => {}
            }
            let age = now.0.saturating_sub(part.oldest.0).max(0) / 1_000;
            waiting.age = waiting.age.max(age);
        }
        let mut kept = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(waiting);
    }
}

#[cfg(test)]
mod tests {
    use claviger_model::RealmId;

    use super::super::exposition::Format;
    use super::*;

    fn event(kind: &str, client: &str, error: Option<&str>) -> Event {
        Event {
            id: "1".into(),
            time: Millis(0),
            kind: kind.into(),
            realm: RealmId::new("r"),
            client_id: Some(client.into()),
            user_id: None,
            session_id: None,
            ip_address: None,
            error: error.map(str::to_owned),
            details: vec![("identity_provider".into(), "github".into())],
        }
    }

    fn written(happenings: &Happenings) -> String {
        let mut text = Text::new(Format::OpenMetrics);
        happenings.write(&mut text);
        text.finish()
    }

    fn all() -> EventTags {
        EventTags {
            realm: true,
            idp: true,
            client: true,
            kinds: Vec::new(),
        }
    }

    #[test]
    fn events_are_told_apart_as_keycloak_tells_them() {
        let happenings = Happenings::new(Some(all()));
        happenings.user_event("shop", Some("app"), &event("LOGIN", "app", None));
        let made_up = event("LOGIN_ERROR", "made-up", Some("client_not_found"));
        happenings.user_event("shop", Some("unknown"), &made_up);
        assert_eq!(
            written(&happenings),
            "# TYPE keycloak_user_events counter\n\
             # HELP keycloak_user_events Keycloak user events\n\
             keycloak_user_events_total{client_id=\"app\",error=\"\",event=\"login\",\
             idp=\"github\",realm=\"shop\"} 1.0\n\
             keycloak_user_events_total{client_id=\"unknown\",error=\"client_not_found\",\
             event=\"login\",idp=\"github\",realm=\"shop\"} 1.0\n# EOF\n"
        );
    }

    #[test]
    fn only_what_was_asked_for_is_counted() {
        let tags = EventTags {
            kinds: vec!["logout".to_owned()],
            ..EventTags::default()
        };
        let happenings = Happenings::new(Some(tags));
        happenings.user_event("shop", Some("app"), &event("LOGIN", "app", None));
        happenings.user_event("shop", Some("app"), &event("LOGOUT", "app", None));
        assert!(written(&happenings).contains("_total{error=\"\",event=\"logout\"} 1.0\n# EOF"));
        let none = Happenings::new(None);
        none.user_event("shop", Some("app"), &event("LOGIN", "app", None));
        assert_eq!(written(&none), "# EOF\n");
    }

    #[test]
    fn who_was_told_is_counted() {
        let happenings = Happenings::new(None);
        let told = |attempt| happenings.message("shop", Channel::BackChannel, attempt);
        told(Attempt::Unreachable);
        told(Attempt::Told);
        told(Attempt::Told);
        let text = written(&happenings);
        for line in [
            "{kind=\"backchannel-logout\",outcome=\"told\",realm=\"shop\"} 2.0",
            "{kind=\"backchannel-logout\",outcome=\"unreachable\",realm=\"shop\"} 1.0",
        ] {
            let line = format!("claviger_messages_total{line}\n");
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn what_waits_and_what_is_given_up_is_told() {
        let happenings = Happenings::new(None);
        assert_eq!(written(&happenings), "# EOF\n");
        let waiting = |state, count, oldest| Backlog {
            state,
            count,
            oldest: Millis(oldest),
        };
        let backlog = [
            waiting(DeliveryState::Pending, 3, 9_000),
            waiting(DeliveryState::Failing, 2, 4_500),
        ];
        happenings.backlog(&backlog, Millis(10_000));
        happenings.given_up("shop", Channel::BackChannel);
        let text = written(&happenings);
        for line in [
            "claviger_logout_deliveries_given_up_total{kind=\"backchannel-logout\",realm=\"shop\"} 1.0",
            "claviger_logout_deliveries{state=\"failing\"} 2.0",
            "claviger_logout_deliveries{state=\"pending\"} 3.0",
            "claviger_logout_deliveries_oldest_seconds 5.0",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
        // Nothing waits any more.
        happenings.backlog(&[], Millis(20_000));
        let text = written(&happenings);
        assert!(
            text.contains("claviger_logout_deliveries_oldest_seconds 0.0\n"),
            "{text}"
        );
    }

    #[test]
    fn rows_have_a_limit() {
        let happenings = Happenings::new(Some(all()));
        for number in 0..MOST_ROWS + 5 {
            let name = number.to_string();
            happenings.user_event("shop", Some(&name), &event("LOGIN", &name, None));
        }
        assert_eq!(happenings.events.rows.lock().unwrap().len(), MOST_ROWS);
    }
}
