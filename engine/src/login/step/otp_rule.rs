//! `auth-conditional-otp-form`: for whom a one-time password is asked. An attribute of the user decides,
//! or else a role, or else a header of the request, or else what the settings say of everybody else.

use fancy_regex::Regex;

use super::super::LoginError;
use super::super::condition::role_named;
use super::super::drive::Login;
use crate::browser::Headers;
use crate::flow::Step;
use crate::person::Person;

/// What comes of a step's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A code is asked for.
    Ask,
    /// None is.
    Skip,
}

/// What each of the settings says, none where it has nothing to say.
struct Votes {
    attribute: Option<Outcome>,
    role: Option<Outcome>,
    header: Option<Outcome>,
    otherwise: Option<Outcome>,
}

/// Whether the user, who has a generator, is asked for a code.
pub async fn outcome(login: &Login<'_>, step: &Step) -> Result<Outcome, LoginError> {
    let votes = votes(login, step).await?;
    let first = votes.attribute.or(votes.role).or(votes.header);
    Ok(first.or(votes.otherwise).unwrap_or(Outcome::Ask))
}

/// Whether a user without a generator has to set one up: where any of the settings asks for a code, even
/// if one before it says that none is needed.
pub async fn wants_set_up(login: &Login<'_>, step: &Step) -> Result<bool, LoginError> {
    let votes = votes(login, step).await?;
    let about_this = [votes.attribute, votes.role, votes.header];
    if about_this.contains(&Some(Outcome::Ask)) {
        return Ok(true);
    }
    Ok(about_this.iter().all(Option::is_none) && votes.otherwise != Some(Outcome::Skip))
}

async fn votes(login: &Login<'_>, step: &Step) -> Result<Votes, LoginError> {
    Ok(Votes {
        attribute: attribute(login, step),
        role: role(login, step).await?,
        header: header(&login.scene.browser.headers, step),
        otherwise: step.setting("defaultOtpOutcome").and_then(read),
    })
}

/// Reads `skip` and `force`.
fn read(text: &str) -> Option<Outcome> {
    match text {
        "skip" => Some(Outcome::Skip),
        "force" => Some(Outcome::Ask),
        _ => None,
    }
}

fn attribute(login: &Login<'_>, step: &Step) -> Option<Outcome> {
    let values = login
        .user
        .as_ref()?
        .attributes
        .get(step.setting("otpControlAttribute")?)?;
    read(values.first()?.trim())
}

async fn role(login: &Login<'_>, step: &Step) -> Result<Option<Outcome>, LoginError> {
    let realm = login.scene.realm;
    let wanted = [
        ("skipOtpRole", Outcome::Skip),
        ("forceOtpRole", Outcome::Ask),
    ];
    let mut person = None;
    for (setting, outcome) in wanted {
        let (Some(name), Some(user)) = (step.setting(setting), &login.user) else {
            continue;
        };
        let Some(role) = role_named(realm, name).await? else {
            tracing::warn!(role = name, "a step asks for a role that is not there");
            continue;
        };
        if person.is_none() {
            person = Some(Person::load(&login.scene.app.store, realm, user.clone()).await?);
        }
        if person
            .as_ref()
            .is_some_and(|person: &Person| person.roles.contains(&role))
        {
            return Ok(Some(outcome));
        }
    }
    Ok(None)
}

/// What headers say: `name: value` of one of them has to fit a pattern. A pattern that cannot be read
/// means the code is asked for: none of its mistakes lets anybody go without.
fn header(headers: &Headers, step: &Step) -> Option<Outcome> {
    let fits = |setting: &str| -> Result<bool, ()> {
        let Some(pattern) = step.setting(setting) else {
            return Ok(false);
        };
        let pattern = Regex::new(&format!("^(?is:{pattern})$")).map_err(|error| {
            tracing::warn!("the pattern `{setting}` of a step cannot be read: {error}");
        })?;
        for (name, value) in &headers.0 {
            let line = format!("{}: {}", name.trim(), value.trim());
            if pattern.is_match(&line).map_err(drop)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match (
        fits("noOtpRequiredForHeaderPattern"),
        fits("forceOtpForHeaderPattern"),
    ) {
        (Ok(true), _) => Some(Outcome::Skip),
        (Err(()), _) | (_, Ok(true) | Err(())) => Some(Outcome::Ask),
        (Ok(false), Ok(false)) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::flow::{Authenticator, Does, Requirement};

    #[test]
    fn one_header_has_to_fit_as_a_whole_whatever_its_case() {
        const SKIP: &str = "noOtpRequiredForHeaderPattern";
        const FORCE: &str = "forceOtpForHeaderPattern";
        let skip = (SKIP, "X-Forwarded-Host: (10.0.0.1|10.0.0.2)");
        let sent = |value: &str| {
            let line = ("x-forwarded-host".to_owned(), value.to_owned());
            Headers(vec![("accept".to_owned(), "text/html".to_owned()), line])
        };
        let cases = [
            (vec![skip], "10.0.0.1", Some(Outcome::Skip)),
            (vec![skip], "10.0.0.1, evil", None),
            (vec![skip, (FORCE, "accept: .*")], "1", Some(Outcome::Ask)),
            (
                vec![skip, (FORCE, "accept: .*")],
                "10.0.0.2",
                Some(Outcome::Skip),
            ),
            (vec![(SKIP, ".*|x")], "a\nb", Some(Outcome::Skip)),
            (vec![(SKIP, "(")], "1", Some(Outcome::Ask)),
            (vec![(FORCE, "(")], "1", Some(Outcome::Ask)),
            (vec![(SKIP, "")], "1", None),
            (vec![], "1", None),
        ];
        for (settings, value, expected) in cases {
            let config: BTreeMap<String, String> = settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let step = Step {
                id: "s".to_owned(),
                requirement: Requirement::Required,
                does: Does::Ask(Authenticator::ConditionalOtpForm),
                config: Some(Arc::new(config)),
            };
            assert_eq!(header(&sent(value), &step), expected, "{settings:?}");
        }
    }
}
