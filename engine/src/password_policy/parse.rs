//! The policy's text.

use claviger_crypto::password::{HashAlgorithm, HashPolicy};

use super::PasswordPolicy;
use super::rule::Rule;
use crate::profile::java;
use crate::profile::pattern::Pattern;

/// Longest policy read, in bytes; a longer one counts as one unknown rule.
const POLICY_BYTES_MAX: usize = 16 * 1024;

/// Why a policy is refused; the text is what Keycloak answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyConfigError {
    /// No policy has this name.
    #[error("Password policy not found")]
    NotFound,
    /// A value that the policy cannot use.
    #[error("Invalid config for {policy}: {reason}")]
    Invalid {
        /// The policy's id.
        policy: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// A list of forbidden passwords that this server does not have.
    #[error("Invalid config for passwordBlacklist: Password blacklist {0} not found")]
    NoSuchDenylist(String),
}

/// The policies with their values; of several with one name the last counts, at the first's place.
pub(super) fn split(text: &str) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    if java::is_blank(text) {
        return found;
    }
    if text.len() > POLICY_BYTES_MAX {
        return vec![(String::new(), None)];
    }
    for policy in text.split(" and ") {
        let policy = java::trim(policy);
        let (name, config) = match policy.split_once('(') {
            None => (policy, None),
            // The last character is taken for the closing bracket, whatever it is.
            Some((name, rest)) => {
                let mut inner = rest.chars();
                inner.next_back();
                (java::trim(name), Some(inner.as_str().to_owned()))
            }
        };
        match found.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = config,
            None => found.push((name.to_owned(), config)),
        }
    }
    found
}

impl PasswordPolicy {
    /// Adds one policy.
    pub(super) fn add(
        &mut self,
        name: &str,
        config: Option<&str>,
    ) -> Result<(), PolicyConfigError> {
        match name {
            "length" => self
                .rules
                .push(Rule::MinLength(number("length", config, 8)?)),
            "maxLength" => self
                .rules
                .push(Rule::MaxLength(number("maxLength", config, 64)?)),
            "digits" => self.rules.push(Rule::Digits(number("digits", config, 1)?)),
            "lowerCase" => self
                .rules
                .push(Rule::LowerCase(number("lowerCase", config, 1)?)),
            "upperCase" => self
                .rules
                .push(Rule::UpperCase(number("upperCase", config, 1)?)),
            "specialChars" => {
                self.rules
                    .push(Rule::SpecialChars(number("specialChars", config, 1)?));
            }
            "notUsername" => self.rules.push(Rule::NotUsername),
            "notContainsUsername" => self.rules.push(Rule::NotContainsUsername),
            "notEmail" => self.rules.push(Rule::NotEmail),
            "regexPattern" => self.rules.push(Rule::Matches(pattern(config)?)),
            "passwordBlacklist" => self.add_denylist(config)?,
            "passwordHistory" => self.history = Some(number("passwordHistory", config, 3)?),
            "passwordAge" => self.age_days = Some(number("passwordAge", config, 30)?),
            "forceExpiredPasswordChange" => {
                self.expire_days = Some(number("forceExpiredPasswordChange", config, 365)?);
            }
            "maxAuthAge" => self.max_auth_age = Some(number("maxAuthAge", config, -1)?),
            "recoveryCodesWarningThreshold" => {
                self.recovery_codes_warning_threshold =
                    Some(number("recoveryCodesWarningThreshold", config, 4)?);
            }
            "hashAlgorithm" => self.add_hash_algorithm(config)?,
            "hashIterations" => {
                let iterations = number("hashIterations", config, -1)?;
                let iterations = u32::try_from(iterations).ok().filter(|count| *count > 0);
                self.hash_iterations = iterations;
            }
            _ => return Err(PolicyConfigError::NotFound),
        }
        self.hash = HashPolicy::new(self.hash_algorithm, self.hash_iterations);
        Ok(())
    }

    fn add_denylist(&mut self, config: Option<&str>) -> Result<(), PolicyConfigError> {
        let Some(name) = config else { return Ok(()) };
        let name = java::trim(name);
        if name.is_empty() {
            return Err(PolicyConfigError::Invalid {
                policy: "passwordBlacklist",
                reason: "Password denylist name must not be empty!",
            });
        }
        self.rules.push(Rule::Denylist(name.to_owned(), None));
        Ok(())
    }

    fn add_hash_algorithm(&mut self, config: Option<&str>) -> Result<(), PolicyConfigError> {
        let refuse = |reason| PolicyConfigError::Invalid {
            policy: "hashAlgorithm",
            reason,
        };
        let id = config.ok_or_else(|| refuse("Password hashing provider id must be set"))?;
        let algorithm = HashAlgorithm::from_id(id)
            .ok_or_else(|| refuse("Password hashing provider not found"))?;
        self.hash_algorithm = Some(algorithm);
        Ok(())
    }
}

/// A 32-bit number, as Java reads it.
fn number(
    policy: &'static str,
    config: Option<&str>,
    default: i64,
) -> Result<i64, PolicyConfigError> {
    let Some(text) = config else {
        return Ok(default);
    };
    let invalid = PolicyConfigError::Invalid {
        policy,
        reason: "Not a valid number",
    };
    text.parse::<i32>().map(i64::from).map_err(|_| invalid)
}

fn pattern(config: Option<&str>) -> Result<Pattern, PolicyConfigError> {
    let refuse = |reason| PolicyConfigError::Invalid {
        policy: "regexPattern",
        reason,
    };
    let text = config.ok_or_else(|| refuse("Config required"))?;
    if java::trim(text).is_empty() {
        return Err(refuse("White space not acepted"));
    }
    Pattern::compile(text).map_err(|_| refuse("Not a valid regular expression"))
}
