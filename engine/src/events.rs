//! User events: collected while a request is served, then stored as the realm asks and logged in
//! the form that Keycloak's logging listener uses, on which fail2ban rules rest.

use claviger_model::{Event, Millis};
use claviger_store::Tx;

use crate::app::App;
use crate::realm::Realm;

/// How many characters are kept of the name of a client or the id of a user.
const NAME_MAX: usize = 255;
/// What counters are told of a client whose name the caller made up.
const UNKNOWN: &str = "unknown";
/// How many characters are kept of the id of a session.
const SESSION_ID_MAX: usize = 36;

/// Notes in the request's span what it is about, under the name that Keycloak's log has for it. Where
/// no span is open, nobody wants to know.
pub(crate) fn tell(name: &'static str, value: &str) {
    tracing::Span::current().record(name, value);
}

/// An event in the making.
#[derive(Clone, Debug)]
pub struct EventBuilder {
    kind: &'static str,
    client_id: Option<String>,
    hearsay: bool,
    user_id: Option<String>,
    session_id: Option<String>,
    ip_address: String,
    details: Vec<(String, String)>,
    help: Option<String>,
    flaw: Option<&'static str>,
}

impl EventBuilder {
    /// Begins an event of a kind, `LOGIN` say, caused by somebody at an address; an empty one is none.
    pub fn new(kind: &'static str, ip_address: &str) -> Self {
        tell("kc.ipAddress", ip_address);
        Self {
            kind,
            client_id: None,
            hearsay: false,
            user_id: None,
            session_id: None,
            ip_address: ip_address.to_owned(),
            details: Vec::new(),
            help: None,
            flaw: None,
        }
    }

    /// Changes the kind, as soon as the request tells what it is about.
    pub fn kind(&mut self, kind: &'static str) -> &mut Self {
        self.kind = kind;
        self
    }

    /// Takes the name of the user back: who it is said to be is not proven yet.
    pub fn forget_user(&mut self) -> &mut Self {
        self.user_id = None;
        self
    }

    /// Whether the event is of a kind.
    pub fn is_of(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Names a client of the realm by its `clientId`.
    pub fn client(&mut self, client_id: &str) -> &mut Self {
        self.client_said(client_id);
        self.hearsay = false;
        self
    }

    /// Names the client as the caller does, as long as nobody has found it. The event tells the name;
    /// what counts by names of clients is not told it, for callers may make up as many as they like.
    pub fn client_said(&mut self, client_id: &str) -> &mut Self {
        tell("kc.clientId", client_id);
        self.client_id = Some(client_id.to_owned());
        self.hearsay = true;
        self
    }

    /// Names the user by id.
    pub fn user(&mut self, id: &str) -> &mut Self {
        tell("kc.userId", id);
        self.user_id = Some(id.to_owned());
        self
    }

    /// Names the session, or takes its name back.
    pub fn session(&mut self, id: Option<&str>) -> &mut Self {
        if let Some(id) = id {
            tell("kc.sessionId", id);
        }
        self.session_id = id.map(str::to_owned);
        self
    }

    /// The address of whoever caused it.
    pub fn ip_address(&self) -> &str {
        &self.ip_address
    }

    /// Adds a fact; a later value of the same name replaces the earlier, an empty one is none.
    pub fn detail(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        if value.is_empty() {
            return self;
        }
        match self.details.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.details.push((name.to_owned(), value)),
        }
        self
    }

    /// Names the address of the page that explains the failure, if it becomes one. It is for whoever
    /// reads the log, and no part of the event.
    pub fn helped(&mut self, address: Option<String>) -> &mut Self {
        self.help = address;
        self
    }

    /// Whether a fact of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.details.iter().any(|(known, _)| known == name)
    }

    /// A fact that is there.
    pub fn detail_text(&self, name: &str) -> Option<&str> {
        self.details
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Takes a fact back.
    pub fn forget(&mut self, name: &str) -> &mut Self {
        self.details.retain(|(known, _)| known != name);
        self
    }

    /// What went wrong on the way to a success, which tells it beside being one.
    pub fn flaw(&mut self, error: &'static str) -> &mut Self {
        self.flaw = Some(error);
        self
    }

    /// The event, as a success or, with an error code, as a failure.
    pub fn build(&self, app: &App, realm: &Realm, error: Option<&str>) -> Event {
        let kept = |text: &Option<String>, max: usize| text.as_deref().map(|text| fit(text, max));
        let suffix = if error.is_some() && !self.kind.ends_with("_ERROR") {
            "_ERROR"
        } else {
            ""
        };
        Event {
            id: app.random.uuid(),
            time: app.now(),
            kind: format!("{}{suffix}", self.kind),
            realm: realm.id.clone(),
            client_id: kept(&self.client_id, NAME_MAX),
            user_id: kept(&self.user_id, NAME_MAX),
            session_id: kept(&self.session_id, SESSION_ID_MAX),
            ip_address: Some(self.ip_address.clone()).filter(|address| !address.is_empty()),
            error: error.or(self.flaw).map(str::to_owned),
            details: self.details.clone(),
        }
    }

    /// Records a success with the job that it belongs to.
    pub fn success(&self, app: &App, realm: &Realm, tx: &mut Tx) {
        if !self.is_of_interest(app, realm) {
            return;
        }
        let event = self.build(app, realm, None);
        app.watch_event(&realm.name, self.counted_client(), &event);
        record(realm, &event, None, app.now(), tx);
    }

    /// The client as counters may tell it apart.
    fn counted_client(&self) -> Option<&str> {
        let name = self.client_id.as_deref();
        name.map(|name| if self.hearsay { UNKNOWN } else { name })
    }

    /// Whether anybody wants to know of a success: the realm, a counter, or a reader of the log.
    fn is_of_interest(&self, app: &App, realm: &Realm) -> bool {
        is_stored(realm, self.kind)
            || app.is_watched()
            || tracing::enabled!(target: "org.keycloak.events", tracing::Level::DEBUG)
    }

    /// Records a failure with the job that it belongs to.
    pub fn error(&self, app: &App, realm: &Realm, error: &str, tx: &mut Tx) {
        let event = self.build(app, realm, Some(error));
        app.watch_event(&realm.name, self.counted_client(), &event);
        record(realm, &event, self.help.as_deref(), app.now(), tx);
    }
}

/// What is kept of a name that a stranger made up: its beginning, without the characters that a
/// database does not take. A failure must be recorded whatever was sent.
fn fit(text: &str, max: usize) -> String {
    let visible = |letter: char| {
        if letter == '\0' {
            char::REPLACEMENT_CHARACTER
        } else {
            letter
        }
    };
    text.chars().take(max).map(visible).collect()
}

/// Stores an event if the realm wants its kind, and logs it.
fn record(realm: &Realm, event: &Event, help: Option<&str>, now: Millis, tx: &mut Tx) {
    if is_stored(realm, &event.kind) {
        tx.insert_event(event, realm.event_expiry(now));
    }
    log(realm, event, help);
}

fn is_stored(realm: &Realm, kind: &str) -> bool {
    realm.settings.events.enabled && is_kept(realm, kind)
}

fn is_kept(realm: &Realm, kind: &str) -> bool {
    let chosen = &realm.settings.events.enabled_types;
    if chosen.is_empty() {
        is_kept_by_default(kind)
    } else {
        chosen.iter().any(|name| name == kind)
    }
}

/// The kinds that a realm keeps if it names none: all but those that machines cause in numbers.
pub fn is_kept_by_default(kind: &str) -> bool {
    const CHATTER: [&str; 12] = [
        "REFRESH_TOKEN",
        "VALIDATE_ACCESS_TOKEN",
        "INTROSPECT_TOKEN",
        "USER_INFO_REQUEST",
        "CLIENT_INFO",
        "PUSHED_AUTHORIZATION_REQUEST",
        "IDENTITY_PROVIDER_RESPONSE",
        "IDENTITY_PROVIDER_RETRIEVE_TOKEN",
        "REGISTER_NODE",
        "UNREGISTER_NODE",
        "INVALID_SIGNATURE",
        "USER_SESSION_DELETED",
    ];
    // A refused permission ticket is chatter, a granted one is not.
    kind != "PERMISSION_TOKEN_ERROR"
        && !CHATTER.contains(&kind.strip_suffix("_ERROR").unwrap_or(kind))
}

fn log(realm: &Realm, event: &Event, help: Option<&str>) {
    if event.error.is_some() {
        tracing::warn!(target: "org.keycloak.events", "{}", log_line(&realm.name, event, help));
    } else {
        tracing::debug!(target: "org.keycloak.events", "{}", log_line(&realm.name, event, help));
    }
}

/// The text of Keycloak's logging listener: names and quoted values, the reason before the rest;
/// and where help is, after all that Keycloak's own lines have.
pub fn log_line(realm: &str, event: &Event, help: Option<&str>) -> String {
    let mut line = String::with_capacity(256);
    let mut put = |name: &str, value: &str| {
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(name);
        line.push_str("=\"");
        sanitize(value, &mut line);
        line.push('"');
    };
    put("type", &event.kind);
    put("realmId", event.realm.as_str());
    put("realmName", realm);
    put("clientId", event.client_id.as_deref().unwrap_or("null"));
    put("userId", event.user_id.as_deref().unwrap_or("null"));
    if let Some(session) = &event.session_id {
        put("sessionId", session);
    }
    put("ipAddress", event.ip_address.as_deref().unwrap_or("null"));
    if let Some(error) = &event.error {
        put("error", error);
    }
    let (reason, rest): (Vec<_>, Vec<_>) =
        event.details.iter().partition(|(name, _)| name == "reason");
    for (name, value) in reason.into_iter().chain(rest) {
        put(name, value);
    }
    if let Some(help) = help {
        put("help", help);
    }
    line
}

/// Escapes what could forge a line or end a quotation (log injection).
fn sanitize(value: &str, line: &mut String) {
    for character in value.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            other if other.is_control() => line.push('\u{fffd}'),
            other => line.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use claviger_model::RealmId;

    use super::*;

    fn event() -> Event {
        Event {
            id: "1".into(),
            time: Millis(0),
            kind: "LOGIN_ERROR".into(),
            realm: RealmId::new("r"),
            client_id: None,
            user_id: None,
            session_id: None,
            ip_address: Some("127.0.0.1".into()),
            error: Some("invalid_user_credentials".into()),
            details: vec![
                ("username".into(), "eve\"\nERROR forged".into()),
                ("reason".into(), "no".into()),
            ],
        }
    }

    #[test]
    fn made_up_names_are_cut_to_what_can_be_kept() {
        assert_eq!(fit("a\0b", 255), "a\u{fffd}b");
        assert_eq!(fit(&"\u{fc}".repeat(300), 255).chars().count(), 255);
    }

    #[test]
    fn the_log_line_is_what_fail2ban_rules_expect_and_cannot_be_forged() {
        assert_eq!(
            log_line("shop", &event(), None),
            "type=\"LOGIN_ERROR\", realmId=\"r\", realmName=\"shop\", clientId=\"null\", \
             userId=\"null\", ipAddress=\"127.0.0.1\", error=\"invalid_user_credentials\", \
             reason=\"no\", username=\"eve\\\"\\nERROR forged\""
        );
        let help = "http://id.example/help/errors/user-credentials-wrong";
        let line = log_line("shop", &event(), Some(help));
        assert!(line.ends_with(&format!(", help=\"{help}\"")), "{line}");
    }
}
