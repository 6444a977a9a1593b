//! The rules that look at the password itself.

use std::sync::Arc;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::{Denylist, PolicyViolation};
use crate::profile::java;
use crate::profile::pattern::Pattern;

/// One rule.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    MinLength(i64),
    MaxLength(i64),
    Digits(i64),
    LowerCase(i64),
    UpperCase(i64),
    SpecialChars(i64),
    NotUsername,
    NotContainsUsername,
    NotEmail,
    Matches(Pattern),
    /// The list's name, and the list once somebody brought it.
    Denylist(String, Option<Arc<Denylist>>),
    /// A stored policy that this server cannot keep.
    Unknown(String),
}

impl Rule {
    /// The policy's id.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::MinLength(_) => "length",
            Self::MaxLength(_) => "maxLength",
            Self::Digits(_) => "digits",
            Self::LowerCase(_) => "lowerCase",
            Self::UpperCase(_) => "upperCase",
            Self::SpecialChars(_) => "specialChars",
            Self::NotUsername => "notUsername",
            Self::NotContainsUsername => "notContainsUsername",
            Self::NotEmail => "notEmail",
            Self::Matches(_) => "regexPattern",
            Self::Denylist(..) => "passwordBlacklist",
            Self::Unknown(name) => name,
        }
    }

    /// The name of the list that it asks for.
    pub(super) fn denylist(&self) -> Option<&str> {
        if let Self::Denylist(name, _) = self {
            Some(name)
        } else {
            None
        }
    }

    pub(super) fn check(
        &self,
        password: &str,
        username: Option<&str>,
        email: Option<&str>,
    ) -> Result<(), PolicyViolation> {
        match self {
            Self::MinLength(min) => refuse_if(
                length(password) < *min,
                "invalidPasswordMinLengthMessage",
                &[*min],
            ),
            Self::MaxLength(max) => refuse_if(
                length(password) > *max,
                "invalidPasswordMaxLengthMessage",
                &[*max],
            ),
            Self::Digits(min) => at_least(
                *min,
                units(password, |c| {
                    c.general_category() == GeneralCategory::DecimalNumber
                }),
                "invalidPasswordMinDigitsMessage",
            ),
            Self::LowerCase(min) => at_least(
                *min,
                units(password, char::is_lowercase),
                "invalidPasswordMinLowerCaseCharsMessage",
            ),
            Self::UpperCase(min) => at_least(
                *min,
                units(password, char::is_uppercase),
                "invalidPasswordMinUpperCaseCharsMessage",
            ),
            Self::SpecialChars(min) => at_least(
                *min,
                length(password) - units(password, is_letter_or_digit),
                "invalidPasswordMinSpecialCharsMessage",
            ),
            Self::NotUsername => {
                let same = username.is_some_and(|name| equal_ignoring_case(name, password));
                refuse_if(same, "invalidPasswordNotUsernameMessage", &[])
            }
            Self::NotContainsUsername => {
                let within = username
                    .is_some_and(|name| password.to_lowercase().contains(&name.to_lowercase()));
                refuse_if(within, "invalidPasswordNotContainsUsernameMessage", &[])
            }
            Self::NotEmail => {
                let same = email.is_some_and(|email| equal_ignoring_case(email, password));
                refuse_if(same, "invalidPasswordNotEmailMessage", &[])
            }
            Self::Matches(pattern) if pattern.matches(password) => Ok(()),
            Self::Matches(pattern) => Err(PolicyViolation {
                params: vec![pattern.source().to_owned()],
                ..violation("invalidPasswordRegexPatternMessage", &[])
            }),
            Self::Denylist(_, Some(list)) => refuse_if(
                list.contains(password),
                "invalidPasswordBlacklistedMessage",
                &[],
            ),
            Self::Denylist(name, None) => Err(unusable(&format!(
                "the password blacklist {name} of this realm is not available."
            ))),
            Self::Unknown(name) => Err(unusable(&format!(
                "the password policy {name} of this realm is not supported."
            ))),
        }
    }
}

/// For a rule that this server cannot follow: what it would forbid is not known, so all is forbidden.
fn unusable(reason: &str) -> PolicyViolation {
    PolicyViolation {
        error: "invalidPasswordGenericMessage",
        params: Vec::new(),
        message: format!("Invalid password: {reason}"),
    }
}

fn at_least(min: i64, count: i64, error: &'static str) -> Result<(), PolicyViolation> {
    refuse_if(count < min, error, &[min])
}

fn refuse_if(broken: bool, error: &'static str, params: &[i64]) -> Result<(), PolicyViolation> {
    if broken {
        Err(violation(error, params))
    } else {
        Ok(())
    }
}

/// A violation with its English text.
pub(super) fn violation(error: &'static str, params: &[i64]) -> PolicyViolation {
    let text = match error {
        "invalidPasswordMinLengthMessage" => "minimum length {0}.",
        "invalidPasswordMaxLengthMessage" => "maximum length {0}.",
        "invalidPasswordMinDigitsMessage" => "must contain at least {0} numerical digits.",
        "invalidPasswordMinLowerCaseCharsMessage" => {
            "must contain at least {0} lower case characters."
        }
        "invalidPasswordMinUpperCaseCharsMessage" => {
            "must contain at least {0} upper case characters."
        }
        "invalidPasswordMinSpecialCharsMessage" => "must contain at least {0} special characters.",
        "invalidPasswordNotUsernameMessage" => "must not be equal to the username.",
        "invalidPasswordNotContainsUsernameMessage" => "Can not contain the username.",
        "invalidPasswordNotEmailMessage" => "must not be equal to the email.",
        "invalidPasswordRegexPatternMessage" => "fails to match regex pattern(s).",
        "invalidPasswordHistoryMessage" => "must not be equal to any of last {0} passwords.",
        "invalidPasswordBlacklistedMessage" => "password is not allowed.",
        _ => "new password does not match password policies.",
    };
    let first = params
        .first()
        .copied()
        .map(java::grouped)
        .unwrap_or_default();
    PolicyViolation {
        error,
        params: params.iter().map(ToString::to_string).collect(),
        message: format!("Invalid password: {}", text.replace("{0}", &first)),
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(java::length(text)).unwrap_or(i64::MAX)
}

/// How many units of UTF-16 are such characters. Java looks at single units here, so that a character
/// outside the basic plane is two of no kind.
fn units(text: &str, is: impl Fn(char) -> bool) -> i64 {
    let count = text
        .chars()
        .filter(|c| c.len_utf16() == 1 && is(*c))
        .count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn is_letter_or_digit(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
        || c.general_category() == GeneralCategory::DecimalNumber
}

fn equal_ignoring_case(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}
