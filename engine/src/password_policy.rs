//! What a realm asks of passwords: `length(12) and notUsername and hashIterations(27500)`.
//!
//! The rules run in the order in which Keycloak lists them (that of a Java hash map), because the
//! answer names the first one broken.

mod parse;
mod rule;

use std::collections::HashSet;
use std::sync::Arc;

use claviger_crypto::password::{HashAlgorithm, HashPolicy};
use claviger_model::{Millis, Seconds};

pub use parse::PolicyConfigError;
use rule::Rule;

const DAY: i64 = 86_400;
/// Warn when so few recovery codes are left, unless the policy says otherwise.
const RECOVERY_CODES_WARNING_THRESHOLD: i64 = 4;

/// The password policy of a realm.
#[derive(Clone, Debug, Default)]
pub struct PasswordPolicy {
    rules: Vec<Rule>,
    hash: HashPolicy,
    hash_algorithm: Option<HashAlgorithm>,
    hash_iterations: Option<u32>,
    history: Option<i64>,
    age_days: Option<i64>,
    expire_days: Option<i64>,
    max_auth_age: Option<i64>,
    recovery_codes_warning_threshold: Option<i64>,
}

/// Why a password is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyViolation {
    /// Key of the message, e.g. `invalidPasswordMinLengthMessage`.
    pub error: &'static str,
    /// What goes into the message.
    pub params: Vec<String>,
    /// The message in English, as the Admin API shows it.
    pub message: String,
}

/// A list of passwords that nobody may use, in lower case.
#[derive(Clone, Default)]
pub struct Denylist(HashSet<Box<str>>);

impl Denylist {
    /// Reads a list of one password per line.
    pub fn from_lines(text: &str) -> Self {
        Self(
            text.lines()
                .map(|line| line.to_lowercase().into())
                .collect(),
        )
    }

    fn contains(&self, password: &str) -> bool {
        self.0.contains(password.to_lowercase().as_str())
    }
}

impl std::fmt::Debug for Denylist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Denylist")
            .field("passwords", &self.0.len())
            .finish()
    }
}

impl PasswordPolicy {
    /// Reads the policy of a stored realm. What cannot be understood refuses every new password: a
    /// rule that is skipped would be a rule that is broken.
    pub fn parse(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self::default();
        };
        let mut policy = Self::default();
        let policies = parse::split(text);
        let size = policies.len();
        for (name, config) in policies {
            if policy.add(&name, config.as_deref()).is_err() {
                policy.rules.push(Rule::Unknown(name));
            }
        }
        policy.sort(size);
        policy
    }

    /// Reads the policy that an administrator sends; the error's text is Keycloak's answer. A list of
    /// forbidden passwords that is not among `denylists` is refused.
    pub fn configure(text: &str, denylists: &[&str]) -> Result<Self, PolicyConfigError> {
        let mut policy = Self::default();
        let policies = parse::split(text);
        let size = policies.len();
        for (name, config) in policies {
            policy.add(&name, config.as_deref())?;
        }
        if let Some(name) = policy.denylist()
            && !denylists.contains(&name)
        {
            return Err(PolicyConfigError::NoSuchDenylist(name.to_owned()));
        }
        policy.sort(size);
        Ok(policy)
    }

    fn sort(&mut self, size: usize) {
        crate::profile::java::sort_as_hash_map_of(size, &mut self.rules, Rule::id);
    }

    /// Name of the list of forbidden passwords that the policy wants.
    pub fn denylist(&self) -> Option<&str> {
        self.rules.iter().find_map(Rule::denylist)
    }

    /// Hands in the list that [`Self::denylist`] names; without it every new password is refused.
    pub fn use_denylist(&mut self, list: &Arc<Denylist>) {
        for rule in &mut self.rules {
            if let Rule::Denylist(_, known) = rule {
                *known = Some(Arc::clone(list));
            }
        }
    }

    /// Whether a new password may be used. Whether it was used before is for whoever has the hashes:
    /// see [`Self::history`] and [`Self::reused`].
    pub fn check(
        &self,
        password: &str,
        username: Option<&str>,
        email: Option<&str>,
    ) -> Result<(), PolicyViolation> {
        self.rules
            .iter()
            .try_for_each(|rule| rule.check(password, username, email))
    }

    /// How new passwords are hashed.
    pub const fn hash(&self) -> HashPolicy {
        self.hash
    }

    /// How many passwords, the present one included, may not be used again.
    pub fn history(&self) -> Option<usize> {
        self.history
            .filter(|count| *count != -1)
            .map(|count| usize::try_from(count).unwrap_or(0))
    }

    /// Passwords used since then may not be used again, whatever their number.
    pub fn not_reusable_since(&self, now: Millis) -> Option<Millis> {
        let days = self.age_days.filter(|days| *days != -1)?;
        Some(now - Seconds(days.max(0).saturating_mul(DAY)))
    }

    /// What to answer when a password is found in the history.
    pub fn reused(&self) -> PolicyViolation {
        match self.history() {
            Some(count) => rule::violation(
                "invalidPasswordHistoryMessage",
                &[i64::try_from(count).unwrap_or(i64::MAX)],
            ),
            None => rule::violation("invalidPasswordGenericMessage", &[]),
        }
    }

    /// Whether passwords have to be changed at all.
    pub fn expires(&self) -> bool {
        self.expire_days.is_some_and(|days| days != -1)
    }

    /// Whether a password made at that time has to be changed now.
    pub fn is_expired(&self, made: Millis, now: Millis) -> bool {
        self.expire_days
            .filter(|days| *days != -1)
            .is_some_and(|days| now > made + Seconds(days.saturating_mul(DAY)))
    }

    /// A sign-in older than this has to be repeated before credentials are changed.
    pub fn max_auth_age(&self) -> Option<Seconds> {
        self.max_auth_age
            .filter(|seconds| *seconds != -1)
            .map(Seconds)
    }

    /// Warn when no more recovery codes than this are left.
    pub fn recovery_codes_warning_threshold(&self) -> i64 {
        self.recovery_codes_warning_threshold
            .unwrap_or(RECOVERY_CODES_WARNING_THRESHOLD)
    }
}

#[cfg(test)]
mod tests;
