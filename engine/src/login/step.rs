//! The authenticators: what each asks, and what it makes of the answer.

mod basic;
mod cookie;
pub mod limits;
mod otp;
mod otp_rule;
mod password;
mod redirector;
mod register;
mod reset;

pub use cookie::AUTH_TIME;
use serde_json::Value;

use super::LoginError;
use super::drive::Login;
use crate::flow::{Authenticator, Flow, Refusal, Step, Verdict, Walk};
use crate::mapper::amr::COMPLETED_NOTE;
use crate::page::{Fault, Message, Page};

/// What asking came to.
pub struct Came {
    pub verdict: Verdict,
    /// What the browser is shown, where it asks or ends.
    pub show: Option<Show>,
}

/// What is said above the page with which a login begins anew.
pub enum Notice {
    /// All went well, or is to look so.
    Info(Message),
    /// It did not.
    Error(Message),
}

/// What the browser is shown.
pub enum Show {
    /// A page, perhaps with what is wrong, at fields or above them.
    Page {
        page: Box<Page>,
        wrong: Vec<(Option<String>, Message)>,
    },
    /// An error page.
    Error { fault: Fault, message: Message },
    /// The person does not want to sign in.
    Cancelled,
    /// The login begins anew, in a tab of its own, saying this.
    Anew(Notice),
    /// The browser is to ask for a name and a password itself (RFC 7617).
    Challenge,
}

impl From<Verdict> for Came {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            show: None,
        }
    }
}

impl Came {
    /// It asks by a page.
    pub fn asks(page: Page) -> Self {
        Self::asks_about(page, Vec::new())
    }

    /// It asks again, saying what was wrong.
    pub fn asks_again(page: Page, field: Option<&'static str>, key: &str) -> Self {
        let field = field.map(str::to_owned);
        Self::asks_about(page, vec![(field, Message::new(key))])
    }

    /// It asks, saying all that is wrong.
    pub fn asks_about(page: Page, wrong: Vec<(Option<String>, Message)>) -> Self {
        Self {
            verdict: Verdict::Asked,
            show: Some(Show::Page {
                page: Box::new(page),
                wrong,
            }),
        }
    }

    /// It ends here, with an error page.
    pub fn ends(fault: Fault, message: &str) -> Self {
        Self {
            verdict: Verdict::Closed,
            show: Some(Show::Error {
                fault,
                message: Message::new(message),
            }),
        }
    }
}

/// Asks a step whose question does not stand yet.
pub async fn ask(
    login: &mut Login<'_>,
    flow: &Flow,
    walk: &Walk<'_>,
    step: &Step,
) -> Result<Came, LoginError> {
    let Some(authenticator) = step.authenticator() else {
        return Ok(Verdict::Refused(Refusal::Internal).into());
    };
    Ok(match authenticator {
        Authenticator::Cookie => cookie::ask(login, flow, step).await?,
        Authenticator::UsernamePasswordForm => password::ask(login, walk, password::Form::Both),
        Authenticator::UsernameForm => password::ask(login, walk, password::Form::Username),
        Authenticator::PasswordForm => password::ask(login, walk, password::Form::Password),
        Authenticator::OtpForm => otp::ask(login).await?,
        Authenticator::ConditionalOtpForm => match otp_rule::outcome(login, step).await? {
            otp_rule::Outcome::Skip => Verdict::Proven(None).into(),
            otp_rule::Outcome::Ask => otp::ask(login).await?,
        },
        Authenticator::ProviderRedirector => redirector::ask(login, step),
        Authenticator::HttpBasic => basic::ask(login).await?,
        Authenticator::AllowAccess => Verdict::Proven(None).into(),
        Authenticator::DenyAccess => deny(login, step),
        Authenticator::SessionLimits => limits::ask(login, step).await?,
        // Organizations are no part of this server yet: nobody belongs to one.
        Authenticator::Organization => Verdict::Passed(None).into(),
        Authenticator::Registration(parts) => register::ask(login, parts).await?,
        Authenticator::ResetUser => reset::ask_user(login),
        Authenticator::ResetMail => reset::send(login),
        Authenticator::ResetPassword => reset::password(login, step),
        Authenticator::ResetOtp => reset::otp(login, step),
        Authenticator::DockerBasic
        | Authenticator::DirectUsername
        | Authenticator::DirectPassword
        | Authenticator::DirectOtp
        | Authenticator::Condition(_)
        | Authenticator::Other(_) => {
            Verdict::Refused(Refusal::Unavailable(authenticator.id().to_owned())).into()
        }
    })
}

/// Whether a user who lacks what a required step asks for has to set it up.
pub async fn wants_set_up(login: &Login<'_>, step: &Step) -> Result<bool, LoginError> {
    match step.authenticator() {
        Some(Authenticator::ConditionalOtpForm) => otp_rule::wants_set_up(login, step).await,
        Some(_) | None => Ok(true),
    }
}

/// Takes the person's answer to the question of a step.
pub async fn answer(
    login: &mut Login<'_>,
    walk: &Walk<'_>,
    step: &Step,
) -> Result<Came, LoginError> {
    let Some(authenticator) = step.authenticator() else {
        return Ok(Verdict::Refused(Refusal::Internal).into());
    };
    Ok(match authenticator {
        Authenticator::UsernamePasswordForm => {
            password::answer(login, walk, password::Form::Both).await?
        }
        Authenticator::UsernameForm => {
            password::answer(login, walk, password::Form::Username).await?
        }
        Authenticator::PasswordForm => {
            password::answer(login, walk, password::Form::Password).await?
        }
        Authenticator::OtpForm | Authenticator::ConditionalOtpForm => otp::answer(login).await?,
        Authenticator::Registration(parts) => register::answer(login, parts).await?,
        Authenticator::ResetUser => reset::answer_user(login).await?,
        Authenticator::ResetMail
        | Authenticator::ResetPassword
        | Authenticator::ResetOtp
        | Authenticator::Cookie
        | Authenticator::ProviderRedirector
        | Authenticator::Organization
        | Authenticator::HttpBasic
        | Authenticator::AllowAccess
        | Authenticator::DenyAccess
        | Authenticator::SessionLimits
        | Authenticator::DockerBasic
        | Authenticator::DirectUsername
        | Authenticator::DirectPassword
        | Authenticator::DirectOtp
        | Authenticator::Condition(_)
        | Authenticator::Other(_) => {
            Verdict::Refused(Refusal::Unavailable(authenticator.id().to_owned())).into()
        }
    })
}

/// `deny-access-authenticator`.
fn deny(login: &mut Login<'_>, step: &Step) -> Came {
    let message = step.setting("denyErrorMessage").unwrap_or("access-denied");
    let (app, realm) = (login.scene.app, login.scene.realm);
    login
        .event
        .error(app, realm, "access_denied", &mut login.tx);
    Came::ends(Fault::Unauthorized, message)
}

/// Remembers that a step was completed now, beside those that `earlier` lists.
pub fn note_completed(login: &mut Login<'_>, execution: &str, earlier: Option<&str>) {
    let now = login.scene.app.now().seconds().0;
    let notes = &mut login.tab.session.session_notes;
    let read = |text: Option<&str>| -> serde_json::Map<String, Value> {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    };
    let mut completed = read(notes.get(COMPLETED_NOTE).map(String::as_str));
    completed.extend(read(earlier));
    completed.insert(execution.to_owned(), Value::from(now));
    let text = Value::Object(completed).to_string();
    notes.insert(COMPLETED_NOTE.to_owned(), text);
}
