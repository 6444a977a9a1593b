//! Whoever wants to count what happens.

use claviger_model::{Event, Millis};
use claviger_store::{Backlog, StoreError};

use crate::app::App;
use crate::logout::notice::Channel;
use crate::outbox::Attempt;

/// Is told what happens, as it happens: before it is committed, and with nothing to decide.
pub trait Watcher: Send + Sync {
    /// Whether user events are counted at all.
    fn wants_events(&self) -> bool;

    /// A user event, whether or not the realm keeps it. `client` is its client by `clientId`, or
    /// `unknown` where the event has a name that its caller may have made up.
    fn user_event(&self, realm: &str, client: Option<&str>, event: &Event);

    /// Somebody's password was compared.
    fn password_checked(&self, realm: &str, hash: &HashUsed, outcome: Outcome);

    /// A client was called to be told something.
    fn message(&self, realm: &str, channel: Channel, attempt: Attempt);

    /// A client could not be told something, and is not tried again.
    fn given_up(&self, realm: &str, channel: Channel);

    /// So much waits to be told, in all realms: what was not tried yet, or failed so far.
    fn backlog(&self, backlog: &[Backlog], now: Millis);
}

/// How a password was hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashUsed {
    /// The algorithm, by Keycloak's id.
    pub algorithm: String,
    /// Its parameters, in Keycloak's words.
    pub strength: String,
}

/// What came of comparing a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was right.
    Valid,
    /// It was wrong.
    Invalid,
    /// It could not be compared.
    Error,
}

impl App {
    /// Whether somebody counts user events.
    pub(crate) fn is_watched(&self) -> bool {
        let watcher = self.watcher.as_ref();
        watcher.is_some_and(|watcher| watcher.wants_events())
    }

    /// Tells the watcher of a user event, if there is one.
    pub(crate) fn watch_event(&self, realm: &str, client: Option<&str>, event: &Event) {
        if let Some(watcher) = &self.watcher {
            watcher.user_event(realm, client, event);
        }
    }

    /// Tells the watcher that a client was called.
    pub(crate) fn watch_message(&self, realm: &str, channel: Channel, attempt: Attempt) {
        if let Some(watcher) = &self.watcher {
            watcher.message(realm, channel, attempt);
        }
    }

    /// Tells the watcher that a client is given up.
    pub(crate) fn watch_given_up(&self, realm: &str, channel: Channel) {
        if let Some(watcher) = &self.watcher {
            watcher.given_up(realm, channel);
        }
    }

    /// Tells the watcher how much waits to be told.
    pub async fn watch_backlog(&self) -> Result<(), StoreError> {
        if let Some(watcher) = &self.watcher {
            watcher.backlog(&self.store.logout_backlog().await?, self.now());
        }
        Ok(())
    }
}
