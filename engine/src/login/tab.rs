//! One tab of a login while a request looks at it: its row, its client, its notes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_crypto::digest::equal;
use claviger_model::{AuthenticationAction, AuthenticationSession, Millis, Seconds, SessionId};
use claviger_store::Tx;

use super::{Asks, Entry, FlowPath};
use crate::app::App;
use crate::client::Client;
use crate::flow::{Flow, Known, State};
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::required_action;

/// Notes of a tab that its driver keeps, by Keycloak's names.
pub mod note {
    /// The code that the next form has to send back.
    pub const CODE: &str = "active_code";
    /// The step, or required action, whose question stands.
    pub const EXECUTION: &str = "current.authentication.execution";
    /// Where its form goes: the last segment of the address.
    pub const PATH: &str = "current.flow.path";
    /// The id of the flow that the proofs are of.
    pub const FLOW: &str = "flow";
    /// The name that was typed in.
    pub const ATTEMPTED: &str = "ATTEMPTED_USERNAME";
    /// Whether the browser is to be remembered.
    pub const REMEMBER_ME: &str = "remember_me";
    /// A message for the next page.
    pub const MESSAGE: &str = "forwardedErrorMessage";
    /// The same of something that is no error.
    pub const INFO: &str = "fwMessageInfo";
    /// What the event calls the way in.
    pub const AUTH_TYPE: &str = "auth_type";
    /// When somebody last did something here, in milliseconds.
    pub const TOUCHED: &str = "touched";
    /// The session whose cookie was enough.
    pub const SESSION: &str = "SSO_AUTH";
    /// A signed-in person has to prove anew who they are.
    pub const REAUTHENTICATION: &str = "FORCED_REAUTHENTICATION";
    /// The types of credentials that were used, separated by [`super::SEPARATOR`].
    pub const CREDENTIALS: &str = "authn.credentials";
    /// The person chooses among ways: at which step.
    pub const SELECTOR: &str = "auth.selector.screen.displayed";
    /// What the page that asked for a consent said ([`crate::consent::Question::mark`]).
    pub const CONSENT: &str = "consent.shown";
    /// How many sessions there may be, as the steps said that the login came by.
    pub const LIMITS: &str = "session.limits";
    /// The language that the person chose.
    pub const LOCALE: &str = "locale_client_requested";
}

/// Between values of a note that has several.
pub const SEPARATOR: &str = "##";

/// A tab in hand.
#[derive(Clone, Debug)]
pub struct Tab {
    /// The row, as it will be written.
    pub session: AuthenticationSession,
    /// Its client.
    pub client: Arc<Client>,
    /// Whether there is no row yet.
    pub is_new: bool,
}

impl Tab {
    /// A new tab of a browser's login.
    pub fn new(
        app: &App,
        realm: &Realm,
        context: &RequestContext,
        root: SessionId,
        entry: Entry,
    ) -> Self {
        let now = app.now();
        let mut client_notes = entry.client_notes;
        entry.asks.write(&mut client_notes);
        let mut tab = Self {
            session: AuthenticationSession {
                root,
                tab: app.random.token(8),
                revision: 1,
                client: entry.client.uuid.clone(),
                protocol: entry.protocol.to_owned(),
                redirect_uri: entry.redirect_uri,
                base_path: context.base_path.clone(),
                action: AuthenticationAction::Authenticate,
                user: None,
                executions: BTreeMap::new(),
                required_actions: BTreeSet::new(),
                client_notes,
                auth_notes: BTreeMap::new(),
                session_notes: BTreeMap::new(),
                started_at: now,
                expires_at: now + lifespan(realm),
            },
            client: entry.client,
            is_new: true,
        };
        tab.set(note::PATH, "authenticate");
        if let Some(kind) = entry.asks.auth_type {
            tab.set(note::AUTH_TYPE, kind);
        }
        tab.touch(realm, now);
        tab
    }

    /// The flow that the tab is on.
    pub fn flow_path(&self) -> FlowPath {
        FlowPath::of(self.note(note::PATH).unwrap_or_default())
    }

    /// A note of the tab.
    pub fn note(&self, name: &str) -> Option<&str> {
        self.session.auth_notes.get(name).map(String::as_str)
    }

    /// Whether a note says `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.note(name) == Some("true")
    }

    /// Keeps a note.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let notes = &mut self.session.auth_notes;
        notes.insert(name.to_owned(), value.into());
    }

    /// Drops a note.
    pub fn forget(&mut self, name: &str) -> Option<String> {
        self.session.auth_notes.remove(name)
    }

    /// What its client asked for.
    pub fn asks(&self) -> Asks {
        Asks::read(&self.session.client_notes)
    }

    /// The code that the next form sends back: the same until it was sent.
    pub fn code(&mut self, app: &App) -> String {
        if let Some(code) = self.note(note::CODE) {
            return code.to_owned();
        }
        let code = app.random.token(32);
        self.set(note::CODE, code.clone());
        code
    }

    /// Uses the code up. Whether it was the right one.
    pub fn use_code(&mut self, sent: &str) -> bool {
        self.forget(note::CODE)
            .is_some_and(|code| equal(code.as_bytes(), sent.as_bytes()))
    }

    /// Somebody did something here: its time begins anew.
    pub fn touch(&mut self, realm: &Realm, now: Millis) {
        self.set(note::TOUCHED, now.0.to_string());
        self.session.expires_at = now + lifespan(realm);
    }

    /// Whether nobody did anything here for too long.
    pub fn is_idle(&self, now: Millis, allowed: Seconds) -> bool {
        let touched = self.note(note::TOUCHED).and_then(|text| text.parse().ok());
        let touched = touched.map_or(self.session.started_at, Millis);
        touched.seconds() + allowed <= now.seconds()
    }

    /// Everything that was shown here is forgotten: the login begins anew.
    pub fn reset(&mut self, realm: &Realm, now: Millis) {
        let kept = [note::AUTH_TYPE, note::LOCALE, note::FLOW];
        let kept = kept.map(|name| (name, self.forget(name)));
        let session = &mut self.session;
        session.user = None;
        session.executions.clear();
        session.session_notes.clear();
        session.auth_notes.clear();
        session.required_actions.clear();
        session.action = AuthenticationAction::Authenticate;
        self.set(note::PATH, "authenticate");
        for (name, kept) in kept {
            if let Some(kept) = kept {
                self.set(name, kept);
            }
        }
        self.touch(realm, now);
    }

    /// The tab is on a flow: proofs count for the flow that asked for them, so those for another are
    /// forgotten. The code that stands is good for the next page, whichever it is.
    pub fn enter(&mut self, realm: &Realm, path: FlowPath, flow: &Flow, now: Millis) {
        if self.note(note::FLOW).is_some_and(|id| id != flow.id) {
            let code = self.forget(note::CODE);
            self.reset(realm, now);
            if let Some(code) = code {
                self.set(note::CODE, code);
            }
        }
        self.set(note::FLOW, flow.id.clone());
        self.set(note::PATH, path.segment());
    }

    /// What the tab has come to in its flow.
    pub fn state(&self, user: Option<Known>) -> State {
        State {
            user,
            executions: self.session.executions.clone(),
            current: self.note(note::EXECUTION).map(str::to_owned),
        }
    }

    /// Takes over what a walk has come to.
    pub fn take(&mut self, state: State) {
        self.session.user = state.user.map(|user| user.id);
        self.session.executions = state.executions;
        match state.current {
            Some(current) => self.set(note::EXECUTION, current),
            None => {
                self.forget(note::EXECUTION);
            }
        }
    }

    /// A credential of this type was used.
    pub fn used(&mut self, credential: &str) {
        let mut used: Vec<String> = self.credentials_used();
        if !used.iter().any(|known| known == credential) {
            used.push(credential.to_owned());
            self.set(note::CREDENTIALS, used.join(SEPARATOR));
        }
    }

    /// The types of credentials that were used.
    pub fn credentials_used(&self) -> Vec<String> {
        let note = self.note(note::CREDENTIALS).unwrap_or_default();
        let parts = note.split(SEPARATOR).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    /// Writes the row. The job is missed if another request was faster.
    pub fn save(&self, realm: &Realm, tx: &mut Tx) {
        if self.is_new {
            tx.insert_authentication_session(&realm.id, &self.session);
        } else {
            tx.update_authentication_session(&realm.id, &self.session);
        }
    }

    /// Ends the tab. The job is missed if another request was faster: so a proof counts once.
    pub fn end(&self, realm: &Realm, tx: &mut Tx) {
        if !self.is_new {
            tx.delete_authentication_session(&realm.id, &self.session);
        }
    }
}

/// How long a tab lasts in which nobody does anything.
pub fn lifespan(realm: &Realm) -> Seconds {
    let settings = &realm.settings.lifespans;
    settings
        .access_code_lifespan_login
        .max(settings.access_code_lifespan_user_action)
        .max(settings.access_code_lifespan)
}

/// How long somebody may take for a page of a flow.
pub fn login_time(realm: &Realm) -> Seconds {
    let settings = &realm.settings.lifespans;
    if settings.access_code_lifespan_login.0 > 0 {
        settings.access_code_lifespan_login
    } else {
        settings.access_code_lifespan_user_action
    }
}

impl Asks {
    /// Keeps what is asked among the notes.
    fn write(&self, notes: &mut BTreeMap<String, String>) {
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                notes.insert(name.to_owned(), value);
            }
        };
        put("prompt", self.prompt.clone());
        put("max_age", self.max_age.map(|age| age.0.to_string()));
        put("login_hint", self.login_hint.clone());
        put(
            "requested-level-of-authentication",
            self.level.map(|level| level.to_string()),
        );
        let essential = self.level_is_essential.then(|| "true".to_owned());
        put("force-level-of-authentication", essential);
        put("kc_idp_hint", self.provider_hint.clone());
        put("ui_locales", self.ui_locales.clone());
        if let Some(action) = &self.action {
            required_action::ask(notes, action);
        }
    }

    /// Reads what is asked out of the notes.
    pub fn read(notes: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| notes.get(name).cloned();
        let number = |name: &str| text(name).and_then(|text| text.trim().parse::<i64>().ok());
        Self {
            prompt: text("prompt"),
            max_age: number("max_age").map(Seconds),
            login_hint: text("login_hint"),
            level: number("requested-level-of-authentication")
                .and_then(|level| i32::try_from(level).ok()),
            level_is_essential: text("force-level-of-authentication").as_deref() == Some("true"),
            provider_hint: text("kc_idp_hint"),
            action: text("kc_action"),
            ui_locales: text("ui_locales"),
            auth_type: None,
        }
    }

    /// Whether `prompt` has a value.
    pub fn prompts(&self, value: &str) -> bool {
        let prompt = self.prompt.as_deref().unwrap_or_default();
        prompt.split(' ').any(|known| known == value)
    }
}

#[cfg(test)]
mod tests {
    use super::Asks;

    /// Else no application can ask for a credential to be taken back.
    #[test]
    fn what_an_action_is_about_is_kept_apart_from_its_name() {
        let asks = Asks {
            action: Some("delete_credential:x".to_owned()),
            ..Asks::default()
        };
        let mut notes = std::collections::BTreeMap::new();
        asks.write(&mut notes);
        assert_eq!(notes["kc_action"], "delete_credential");
        assert_eq!(notes["kc_action_parameter"], "x");
        Asks::read(&notes).write(&mut notes);
        assert_eq!(notes["kc_action_parameter"], "x");
    }

    #[test]
    fn a_colon_without_anything_behind_it_means_nothing() {
        let asks = Asks {
            action: Some("UPDATE_PASSWORD:".to_owned()),
            ..Asks::default()
        };
        let mut notes = std::collections::BTreeMap::new();
        asks.write(&mut notes);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes["kc_action"], "UPDATE_PASSWORD");
    }
}
