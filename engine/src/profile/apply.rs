//! Changes a user to what was sent.

use claviger_model::User;

use super::candidate::{Candidate, same_values, stored};
use super::java;
use super::managed::{EMAIL, FIRST_NAME, LAST_NAME, USERNAME, is_root};
use crate::events::EventBuilder;

/// Between the values of a detail of an event.
const BETWEEN: &str = "::";

/// What happens to stored attributes that were not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// They stay.
    Keep,
    /// They go, if whoever sends may change them.
    Remove,
}

/// An attribute that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The attribute's name.
    pub name: String,
    /// Its values before.
    pub before: Vec<String>,
    /// Its values now.
    pub after: Vec<String>,
}

impl Change {
    /// Adds it to an event: what was, and what is.
    pub fn tell(&self, event: &mut EventBuilder) {
        let name = match self.name.as_str() {
            FIRST_NAME => "first_name",
            LAST_NAME => "last_name",
            other => other,
        };
        event.detail(&format!("previous_{name}"), self.before.join(BETWEEN));
        event.detail(&format!("updated_{name}"), self.after.join(BETWEEN));
    }
}

impl Candidate<'_> {
    /// Changes the user to what was sent, as far as whoever sends may do so, and says what changed.
    /// Ask for [`Self::violations`] first.
    pub fn apply_to(&self, user: &mut User, missing: Missing) -> Vec<Change> {
        let mut changes = Vec::new();
        let by_email = self.scene.realm.login.registration_email_as_username;
        for (name, values) in &self.values {
            let renamed = name == USERNAME && by_email && !self.is_service_account();
            if !renamed && self.is_read_only(name) {
                continue;
            }
            let before = stored(user, name);
            let not_sent = missing == Missing::Keep && values.is_empty() && !is_root(name);
            if same_values(&before, values) || not_sent {
                continue;
            }
            let after: Vec<String> = values
                .iter()
                .filter(|value| !java::is_blank(value))
                .cloned()
                .collect();
            store(user, name, after.clone());
            if name == EMAIL && self.scene.context.resets_email_verified() {
                user.email_verified = false;
            }
            changes.push(Change {
                name: name.clone(),
                before,
                after,
            });
        }
        if missing == Missing::Remove {
            let gone: Vec<String> = user
                .attributes
                .keys()
                .filter(|name| !self.values.contains_key(*name) && !self.is_read_only(name))
                .cloned()
                .collect();
            for name in gone {
                let before = user.attributes.remove(&name).unwrap_or_default();
                changes.push(Change {
                    name,
                    before,
                    after: Vec::new(),
                });
            }
        }
        changes
    }
}

fn store(user: &mut User, name: &str, values: Vec<String>) {
    let first = values.first().cloned();
    match name {
        USERNAME => {
            if let Some(name) = first {
                user.username = name;
            }
        }
        EMAIL => user.email = first,
        FIRST_NAME => user.first_name = first,
        LAST_NAME => user.last_name = first,
        _ if values.is_empty() => {
            user.attributes.remove(name);
        }
        _ => {
            user.attributes.insert(name.to_owned(), values);
        }
    }
}
