//! What is wrong with a candidate.

use serde_json::Value;

use super::candidate::{Candidate, same_values, stored};
use super::managed::{EMAIL, Managed, USERNAME};
use super::validator::{self, Bounds, Check, Rule, Validator, ValueCheck};
use super::value::{self, Fault};
use super::{Violation, email, java};

impl Candidate<'_> {
    /// What is wrong, in Keycloak's order: by message, then by attribute.
    pub fn violations(&self) -> Vec<Violation> {
        let mut by_message: Vec<(String, Vec<Violation>)> = Vec::new();
        for name in self.names() {
            for (error_key, rest) in self.faults_of(name) {
                let params = [Value::from(name)].into_iter().chain(rest).collect();
                let violation = Violation {
                    attribute: name.to_owned(),
                    error_key: error_key.clone(),
                    params,
                };
                match by_message.iter_mut().find(|(known, _)| *known == error_key) {
                    Some((_, known)) => known.push(violation),
                    None => by_message.push((error_key, vec![violation])),
                }
            }
        }
        // Java puts a new message in front of those that share its bucket.
        by_message.reverse();
        java::sort_as_hash_map(&mut by_message, |(message, _)| message);
        by_message
            .into_iter()
            .flat_map(|(_, violations)| violations)
            .collect()
    }

    fn faults_of(&self, name: &str) -> Vec<Fault> {
        let values = self.get(name);
        let mut faults = Vec::new();
        let mut has_length = false;
        if let Some(managed) = self.managed.get(name) {
            let excused = self.is_unchanged_and_fixed(managed);
            for validator in &managed.validators {
                has_length |= validator.id() == validator::LENGTH;
                if !excused {
                    faults.extend(self.run(validator, managed));
                }
            }
        }
        if self.changes_internal(name, values) {
            faults.push((
                "updateReadOnlyAttributesRejectedMessage".to_owned(),
                Vec::new(),
            ));
        }
        if !has_length {
            let check = &validator::DEFAULT_LENGTH;
            faults.extend(
                values
                    .iter()
                    .filter_map(|value| value::fault(check, value, "")),
            );
        }
        faults
    }

    /// What was wrong before and cannot be put right from here is no fault of whoever sends it.
    fn is_unchanged_and_fixed(&self, managed: &Managed<'_>) -> bool {
        let Some(user) = self.scene.existing.filter(|_| !self.can_edit(managed)) else {
            return false;
        };
        let filled = |values: &[String]| -> Vec<String> {
            values
                .iter()
                .filter(|value| !java::is_blank(value))
                .cloned()
                .collect()
        };
        same_values(
            &filled(&stored(user, managed.name)),
            &filled(self.get(managed.name)),
        )
    }

    /// What one validator says; of several values with one fault it says it once.
    fn run(&self, validator: &Validator, managed: &Managed<'_>) -> Vec<Fault> {
        let values = self.get(managed.name);
        let mut faults: Vec<Fault> = Vec::new();
        match &validator.check {
            Check::Multivalued(bounds) => faults.extend(self.count_fault(*bounds, managed)),
            Check::Uri {
                schemes,
                fragment,
                valid_url,
            } => {
                let found_in =
                    |value: &String| value::uri_faults(value, schemes, *fragment, *valid_url);
                faults.extend(values.iter().flat_map(found_in));
            }
            Check::Value(check) => {
                let language = self.language();
                faults.extend(values.iter().filter_map(|value| {
                    value::fault(check, value, language)
                        .filter(|_| !self.excuses(check))
                        .or_else(|| self.non_ascii_fault(check, value))
                }));
            }
            Check::Rule(rule) => {
                faults.extend(
                    self.broken_rule(rule, managed)
                        .map(|key| (key.to_owned(), vec![])),
                );
            }
            Check::Unknown => {}
        }
        let mut once: Vec<Fault> = Vec::new();
        for fault in faults {
            if !once.contains(&fault) {
                once.push(fault);
            }
        }
        once
    }

    /// Addresses hold characters that names do not.
    fn excuses(&self, check: &ValueCheck) -> bool {
        self.scene.realm.login.registration_email_as_username
            && matches!(check, ValueCheck::UsernameCharacters { .. })
    }

    /// The message of a rule, if it is broken.
    fn broken_rule<'r>(&self, rule: &'r Rule, managed: &Managed<'_>) -> Option<&'r str> {
        let values = self.get(managed.name);
        let first = values.first().map(String::as_str);
        let blank = first.is_none_or(java::is_blank);
        let some_blank = values.is_empty() || values.iter().any(|value| java::is_blank(value));
        let by_email = self.scene.realm.login.registration_email_as_username;
        let (broken, key) = match rule {
            Rule::UsernamePresent => (blank, "missingUsernameMessage"),
            Rule::BrokeredUsernamePresent => (blank && !by_email, "missingUsernameMessage"),
            Rule::RegisteredUsername => (
                by_email && first.is_some() && blank,
                "missingUsernameMessage",
            ),
            Rule::RegisteredEmail => {
                let bad = first
                    .filter(|_| !blank)
                    .is_some_and(|text| !email::is_valid(text, email::LOCAL_PART_MAX));
                (by_email && bad, "invalidEmailMessage")
            }
            Rule::UsernameUnchanged => (self.changes_fixed_username(), "readOnlyUsernameMessage"),
            Rule::EmailPresent { even_if_missing } => {
                let asked = blank && (first.is_some() || *even_if_missing);
                (asked && self.is_required(managed), "missingEmailMessage")
            }
            Rule::Required => {
                let due = self.is_required(managed) && self.can_edit(managed);
                (due && some_blank, "error-user-attribute-required")
            }
            Rule::Immutable => (
                self.changes_read_only(managed),
                "error-user-attribute-read-only",
            ),
            Rule::Homograph { message } => {
                let odd = first.is_some_and(|text| !value::is_latin_or_common(text));
                (odd && !blank, message.as_ref())
            }
            Rule::NotBlank => (some_blank, "error-invalid-blank"),
            Rule::NotEmpty => (values.is_empty(), "error-empty"),
        };
        broken.then_some(key)
    }

    /// A mail server without SMTPUTF8 (RFC 6531) cannot deliver to such an address.
    fn non_ascii_fault(&self, check: &ValueCheck, value: &str) -> Option<Fault> {
        let local = value.rsplit_once('@').map(|(local, _)| local)?;
        let refused = matches!(check, ValueCheck::Email { .. })
            && self.profile.switches.ascii_local_part
            && !local.is_ascii();
        refused.then(|| ("error-non-ascii-local-part-email".to_owned(), Vec::new()))
    }

    fn count_fault(&self, bounds: Bounds<i64>, managed: &Managed<'_>) -> Option<Fault> {
        let count = self
            .get(managed.name)
            .iter()
            .filter(|value| !java::is_blank(value))
            .count();
        let required = self.is_required(managed);
        if count == 0 && required {
            return None;
        }
        let bounds = Bounds {
            min: bounds.min.or(Some(i64::from(required))),
            ..bounds
        };
        if bounds.holds(&i64::try_from(count).unwrap_or(i64::MAX)) {
            return None;
        }
        let params = vec![Value::from(bounds.min), Value::from(bounds.max)];
        Some(("error-invalid-multivalued-size".to_owned(), params))
    }

    fn changes_fixed_username(&self) -> bool {
        let login = self.scene.realm.login;
        let (Some(user), Some(name)) = (self.scene.existing, self.first(USERNAME)) else {
            return false;
        };
        let name = name.to_lowercase();
        !login.edit_username_allowed
            && name != user.username
            && !(login.registration_email_as_username
                && self.get(EMAIL).first().is_some_and(|email| *email == name))
    }

    /// Whether an attribute that may not be changed from here would change. Filling an empty one with
    /// nothing, or with its default, is no change.
    fn changes_read_only(&self, managed: &Managed<'_>) -> bool {
        let Some(user) = self.scene.existing.filter(|_| !self.can_edit(managed)) else {
            return false;
        };
        let mut before = stored(user, managed.name);
        if managed.name == EMAIL || managed.name == USERNAME {
            before = before.iter().map(|value| value.to_lowercase()).collect();
        }
        let now = self.get(managed.name);
        if same_values(&before, now) {
            return false;
        }
        if before.is_empty() {
            let blank = now.is_empty() || now.iter().any(|value| java::is_blank(value));
            let default = managed
                .config
                .and_then(|config| config.default_value.as_ref());
            if blank || default.is_some_and(|default| now.iter().eq([default])) {
                return false;
            }
        }
        if self.scene.realm.login.registration_email_as_username {
            let follows = managed.name == USERNAME && same_values(now, self.get(EMAIL));
            return managed.name != EMAIL && !follows;
        }
        true
    }

    /// The language in which the user writes dates.
    fn language(&self) -> &str {
        let locales = &self.scene.realm.locales;
        let own = self
            .scene
            .existing
            .filter(|_| locales.enabled)
            .and_then(|user| user.attributes.get("locale")?.first())
            .filter(|language| locales.supported.contains(language));
        own.or(locales.default.as_ref().filter(|_| locales.enabled))
            .map_or("en", String::as_str)
    }
}
