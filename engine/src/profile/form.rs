//! Profiles that come in the form of a page: which fields are attributes, and what people are told of
//! what is wrong.

use std::collections::BTreeMap;

use claviger_store::StoreError;
use serde_json::Value;

use super::{Candidate, ProfileInput, Taken, Violation, taken};
use crate::app::App;
use crate::page::Message;
use crate::realm::Realm;

/// What the buttons of pages and their other fields send; never an attribute, whatever the profile
/// takes (CVE-2023-4918: a form's passwords kept as attributes).
const NOT_ATTRIBUTES: [&str; 11] = [
    "cancel-aia",
    "password",
    "password-new",
    "password-confirm",
    "logout-sessions",
    "login",
    "credentialId",
    "execution",
    "session_code",
    "termsAccepted",
    "g-recaptcha-response",
];

impl ProfileInput {
    /// Reads the fields of a page's form.
    pub fn of_form(form: &BTreeMap<String, Vec<String>>) -> Self {
        let first = |name: &str| form.get(name)?.first().cloned();
        let attributes = form
            .iter()
            .filter(|(name, _)| !NOT_ATTRIBUTES.contains(&name.as_str()))
            .map(|(name, values)| (name.clone(), values.clone()));
        Self {
            username: first("username"),
            email: first("email"),
            first_name: first("firstName"),
            last_name: first("lastName"),
            attributes: Some(attributes.collect()),
        }
    }
}

impl Candidate<'_> {
    /// What is wrong with what was sent, and what of it somebody else has.
    pub async fn violations_and_taken(
        &self,
        app: &App,
        realm: &Realm,
    ) -> Result<Vec<Violation>, StoreError> {
        let mut wrong = self.violations();
        let (username, email) = (self.username(), self.email());
        for taken in taken(app, realm, self.scene.existing, username, email).await? {
            let (attribute, error_key) = match taken {
                Taken::Email => ("email", "emailExistsMessage"),
                Taken::Username => ("username", "usernameExistsMessage"),
            };
            wrong.push(Violation {
                attribute: attribute.to_owned(),
                error_key: error_key.to_owned(),
                params: vec![Value::from(attribute)],
            });
        }
        Ok(wrong)
    }
}

impl Violation {
    /// What people are told; the attribute goes by the name that they read, where a page shows it.
    pub fn message(&self, display_name: Option<&str>) -> Message {
        let text = |value: &Value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        let mut args: Vec<String> = self.params.iter().map(text).collect();
        if let (Some(name), Some(first)) = (display_name, args.first_mut()) {
            name.clone_into(first);
        }
        Message {
            key: self.error_key.clone(),
            args,
        }
    }
}
