//! The steps for forgotten credentials: who has forgotten one, the mail with the way on, and what is then
//! to be set up anew.
//!
//! Nobody learns here who has an account: whoever is named, the answer is the same.

use super::super::LoginError;
use super::super::drive::{Login, known};
use super::super::tab::note;
use super::{Came, Notice, Show};
use crate::authenticate::find;
use crate::flow::{Refusal, Requirement, Step, Verdict};
use crate::mail;
use crate::page::{Message, Page};

/// The setting of `reset-otp` that says which generators go, and its default.
const REMOVAL: &str = "action_on_otp_reset_flag";
const REMOVE_NONE: &str = "Remove none";

/// Asks who it is.
pub fn ask_user(login: &Login<'_>) -> Came {
    let attempted = login.tab.note(note::ATTEMPTED).unwrap_or_default();
    Came::asks(page(login, attempted))
}

fn page(login: &Login<'_>, username: &str) -> Page {
    Page::ResetPassword {
        username: username.to_owned(),
        login: login.scene.address_of(&login.tab, "authenticate", None),
    }
}

/// Takes the name. One that nobody has is good as well, and leads to nothing.
pub async fn answer_user(login: &mut Login<'_>) -> Result<Came, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let typed = login.scene.field("username").unwrap_or_default();
    if typed.is_empty() {
        let error = "username_missing";
        login.event.error(app, realm, error, &mut login.tx);
        let key = "missingUsernameMessage";
        return Ok(Came::asks_again(page(login, ""), Some("username"), key));
    }
    let name = typed.trim();
    login.tab.set(note::ATTEMPTED, super::password::fit(name));
    let user = find(app, realm, name).await?;
    let user = user.filter(|user| user.service_account_of.is_none());
    let mut failed = login.event.clone();
    failed.detail("username", name);
    let Some(user) = user else {
        failed.error(app, realm, "user_not_found", &mut login.tx);
        return Ok(Verdict::Proven(None).into());
    };
    if !user.enabled {
        failed.user(user.id.as_str());
        failed.error(app, realm, "user_disabled", &mut login.tx);
        return Ok(Verdict::Proven(None).into());
    }
    let known = known(&login.scene, &user).await?;
    login.user = Some(user);
    Ok(Verdict::Proven(Some(known)).into())
}

/// Sends the mail, and begins the login anew: who has the mail goes on by it. Nothing is said of
/// whether there was anybody to send it to.
pub fn send(login: &mut Login<'_>) -> Came {
    let (app, realm) = (login.scene.app, login.scene.realm);
    if let Some(user) = login.user.clone() {
        let attempted = login.tab.note(note::ATTEMPTED).unwrap_or(&user.username);
        let attempted = attempted.to_owned();
        login.event.user(user.id.as_str());
        login.event.detail("username", attempted);
        let address = user.email.as_deref().unwrap_or_default();
        if address.trim().is_empty() {
            let error = "invalid_email";
            login.event.error(app, realm, error, &mut login.tx);
        } else {
            login.event.kind("SEND_RESET_PASSWORD");
            login.event.detail("reason", mail::unsent(realm));
            let error = "email_send_failed";
            login.event.error(app, realm, error, &mut login.tx);
        }
    }
    Came {
        verdict: Verdict::Closed,
        show: Some(Show::Anew(notice(login))),
    }
}

/// What is said to everybody. A realm that sends mails elsewhere is told that none goes out here.
fn notice(login: &Login<'_>) -> Notice {
    if login.scene.realm.settings.mail_sender.is_none() {
        return Notice::Info(Message::new("emailSentMessage"));
    }
    Notice::Error(Message::new(
        "This server cannot send mails yet, so no mail is on its way. Please ask your administrator \
         for a new password.",
    ))
}

/// A new password is to be chosen.
pub fn password(login: &mut Login<'_>, step: &Step) -> Came {
    let asked = match step.requirement {
        Requirement::Required | Requirement::Conditional => true,
        Requirement::Alternative | Requirement::Disabled => false,
    };
    if asked {
        let actions = &mut login.tab.session.required_actions;
        actions.insert("UPDATE_PASSWORD".to_owned());
    }
    Verdict::Proven(None).into()
}

/// A generator of one-time codes is to be set up. Taking those away that there are is not built.
pub fn otp(login: &mut Login<'_>, step: &Step) -> Came {
    if step.setting(REMOVAL).unwrap_or(REMOVE_NONE) != REMOVE_NONE {
        let what = format!("reset-otp ({REMOVAL})");
        return Verdict::Refused(Refusal::Unavailable(what)).into();
    }
    let actions = &mut login.tab.session.required_actions;
    actions.insert("CONFIGURE_TOTP".to_owned());
    Verdict::Proven(None).into()
}
