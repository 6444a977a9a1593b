//! What somebody has to do before they may go on: required actions, those that applications ask for
//! (`kc_action`) included.
//!
//! Whoever has shown who they are is asked here: [`pending`] names what is next, [`next`] shows its
//! page, and [`answer`] takes the page's form. What is due is worked out anew each time, from the
//! user, the tab and the realm: no order of requests, and no other tab, gets around an action. An
//! action that this server cannot do yet is told on a page, and lets nobody through.

mod delete_account;
mod delete_credential;
mod due;
mod later;
mod password;
mod profile;
mod terms;
mod totp;
mod trigger;
mod verify_email;

use std::collections::BTreeMap;

use claviger_crypto::HasherError;
use claviger_model::{AuthenticationSession, User};
use claviger_store::{StoreError, Tx};
use claviger_wire::flow::RequiredActionView;

use crate::app::App;
use crate::browser::CookieChange;
use crate::events::EventBuilder;
use crate::page::{Message, Page, Severity};
use crate::realm::Realm;

pub use delete_credential::{REMOVABLE, is_level_enough};
pub use due::{Status, ask, needs_fresh_login};
pub use terms::ATTRIBUTE as TERMS_ATTRIBUTE;

/// The note of a tab that says that its user has shown the password: only then does an expired one
/// have to be replaced.
pub const PASSWORD_VALIDATED: &str = "PASSWORD_VALIDATED";
/// The note of a tab with the language that the person chose on one of its pages.
pub const LOCALE_REQUESTED: &str = "locale_user_requested";
/// The client note with what came of the action that the application asked for: `success`,
/// `cancelled` or `error`. It goes to the client under the same name.
pub const KC_ACTION_STATUS: &str = "kc_action_status";
/// The client note with the action that the application asks for, until it is done.
pub const KC_ACTION: &str = "kc_action";
/// The note of a tab with the action whose form was sent last.
pub const LAST_PROCESSED: &str = "last.processed.execution";

/// The fields of a form, each with its values.
pub type Form = BTreeMap<String, Vec<String>>;

/// Somebody who has shown who they are, and is not let in yet.
#[derive(Debug)]
pub struct Visit<'a> {
    /// Their tab. The caller writes it.
    pub tab: &'a mut AuthenticationSession,
    /// The user; changes are put into the caller's job here.
    pub user: &'a mut User,
    /// The event of the login, which learns what is done.
    pub event: &'a mut EventBuilder,
    /// The cookie with the language that the browser chose.
    pub locale: Option<&'a str>,
    /// `mode` of the request: how the page of a generator shows its secret.
    pub mode: Option<&'a str>,
    /// Cookies that change.
    pub cookies: Vec<CookieChange>,
}

/// The page of an action that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The action: `execution` in the page's address.
    pub action: String,
    /// The page.
    pub page: Page,
    /// The message above it.
    pub message: Option<(Severity, Message)>,
    /// Messages at its fields.
    pub field_messages: BTreeMap<String, Vec<Message>>,
    /// Whether the application asked for the action, so that the person may leave it (`cancel-aia`).
    pub cancellable: bool,
}

/// What came of an action's form.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// It is done, or was left: ask what is next.
    Done,
    /// The same page once more, saying what is wrong.
    Again(Due),
    /// The person said no. The client is told `access_denied`, with this description if there is
    /// one; the tab is over.
    Refused(Option<String>),
    /// The account is gone, and so are its sessions and tabs: this page is the last.
    Gone(Page, Message),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// Too many passwords wait to be hashed, or the hashing threads are gone.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What there is code for, by the id of its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    UpdatePassword,
    UpdateProfile,
    /// The same page, shown as long as the profile lacks something.
    VerifyProfile,
    Terms,
    DeleteAccount,
    DeleteCredential,
    ConfigureTotp,
    VerifyEmail,
    /// Nothing is asked: its trigger does all there is to do.
    UpdateLocale,
    /// Not built yet, or unknown.
    Later,
}

impl Kind {
    /// Which action a provider is. Old realm files have some of them in lower case.
    fn of(provider: &str) -> Self {
        match provider.to_ascii_uppercase().as_str() {
            "UPDATE_PASSWORD" => Self::UpdatePassword,
            "UPDATE_PROFILE" => Self::UpdateProfile,
            "VERIFY_PROFILE" => Self::VerifyProfile,
            "TERMS_AND_CONDITIONS" => Self::Terms,
            "CONFIGURE_TOTP" => Self::ConfigureTotp,
            "VERIFY_EMAIL" => Self::VerifyEmail,
            "DELETE_CREDENTIAL" => Self::DeleteCredential,
            "DELETE_ACCOUNT" => Self::DeleteAccount,
            "UPDATE_USER_LOCALE" => Self::UpdateLocale,
            _ => Self::Later,
        }
    }

    /// Whether an application may ask for it.
    const fn may_be_asked_for(self) -> bool {
        match self {
            Self::UpdatePassword
            | Self::UpdateProfile
            | Self::DeleteAccount
            | Self::DeleteCredential
            | Self::ConfigureTotp
            | Self::VerifyEmail
            | Self::Later => true,
            Self::VerifyProfile | Self::Terms | Self::UpdateLocale => false,
        }
    }
}

/// What an action wants.
enum Challenge {
    /// A page is to be answered.
    Page(Box<Due>),
    /// There is nothing to do.
    Nothing,
    /// It cannot be done as the application asks for it.
    Impossible,
}

/// Names the action that is next, if one is: the browser is sent to its page.
pub async fn pending(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    tx: &mut Tx,
) -> Result<Option<String>, ActionError> {
    trigger::evaluate(app, realm, visit, tx).await?;
    let first = due::first(realm, visit, &[]).await?;
    Ok(first.map(|action| action.provider_id))
}

/// The page of the action that is next, if one is. Without one the person may go on.
pub async fn next(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    tx: &mut Tx,
) -> Result<Option<Due>, ActionError> {
    trigger::evaluate(app, realm, visit, tx).await?;
    let root = visit.tab.root.as_str().to_owned();
    visit.event.detail("code_id", root);
    let mut ignored = Vec::new();
    while let Some(action) = due::first(realm, visit, &ignored).await? {
        let kind = Kind::of(&action.provider_id);
        if due::is_asked_for(visit, &action.provider_id) {
            if kind.may_be_asked_for() {
                due::begin(visit, &action.provider_id);
            } else {
                // What is due anyway stays due, whoever asks for it besides.
                let is_due_anyway = due::is_enforced(visit);
                due::settle(visit, &action.provider_id, Status::Error);
                if !is_due_anyway {
                    ignored.push(action.provider_id);
                    continue;
                }
            }
        }
        match challenge(app, realm, visit, (kind, &action), tx).await? {
            Challenge::Page(due) => return Ok(Some(*due)),
            Challenge::Nothing => {
                let mut event = visit.event.clone();
                event.kind("CUSTOM_REQUIRED_ACTION");
                event.detail("custom_required_action", action.provider_id.clone());
                event.success(app, realm, tx);
                due::finish(realm, visit, &action, tx);
                ignored.push(action.provider_id);
            }
            Challenge::Impossible => {
                due::settle(visit, &action.provider_id, Status::Error);
                ignored.push(action.provider_id);
            }
        }
    }
    Ok(None)
}

async fn challenge(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    (kind, action): (Kind, &RequiredActionView),
    tx: &mut Tx,
) -> Result<Challenge, ActionError> {
    let due = match kind {
        Kind::UpdatePassword => password::page(visit, action),
        Kind::UpdateProfile => profile::page(realm, visit, action).await?,
        Kind::VerifyProfile => return profile::verify(app, realm, visit, action, tx).await,
        Kind::Terms => terms::page(visit, action),
        Kind::DeleteAccount => delete_account::page(app, realm, visit, action).await?,
        Kind::DeleteCredential => {
            return delete_credential::page(app, realm, visit, action, tx).await;
        }
        Kind::ConfigureTotp => totp::page(app, realm, visit, action).await?,
        Kind::VerifyEmail => return Ok(verify_email::page(app, realm, visit, action, tx)),
        Kind::UpdateLocale => return Ok(Challenge::Nothing),
        Kind::Later => later::page(visit, action),
    };
    Ok(due.into())
}

impl From<Due> for Challenge {
    fn from(due: Due) -> Self {
        Self::Page(Box::new(due))
    }
}

/// Takes the form of an action. Whatever page it was sent from, only the action that is next takes
/// an answer (CVE-2025-3910: leaving out a step by its successor's address).
pub async fn answer(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    (action, form): (&str, &Form),
    tx: &mut Tx,
) -> Result<Answered, ActionError> {
    trigger::evaluate(app, realm, visit, tx).await?;
    let first = due::first(realm, visit, &[]).await?;
    let Some(action) = first.filter(|first| first.provider_id == action) else {
        return Ok(Answered::Done);
    };
    visit.event.kind("CUSTOM_REQUIRED_ACTION");
    visit
        .event
        .detail("custom_required_action", action.provider_id.clone());
    let note = &mut visit.tab.auth_notes;
    note.insert(LAST_PROCESSED.to_owned(), action.provider_id.clone());
    if form.contains_key("cancel-aia") && due::is_cancellable(visit, &action.provider_id) {
        visit.event.error(app, realm, "rejected_by_user", tx);
        due::settle(visit, &action.provider_id, Status::Cancelled);
        return Ok(Answered::Done);
    }
    let answered = match Kind::of(&action.provider_id) {
        Kind::UpdatePassword => password::answer(app, realm, visit, (&action, form), tx).await?,
        Kind::UpdateProfile | Kind::VerifyProfile => {
            profile::answer(app, realm, visit, (&action, form), tx).await?
        }
        Kind::Terms => terms::answer(app, realm, visit, form, tx),
        Kind::DeleteAccount => delete_account::answer(app, realm, visit, &action, tx).await?,
        Kind::DeleteCredential => delete_credential::answer(app, realm, visit, &action, tx).await?,
        Kind::ConfigureTotp => totp::answer(app, realm, visit, (&action, form), tx).await?,
        Kind::UpdateLocale => Answered::Done,
        Kind::VerifyEmail | Kind::Later => Answered::Again(later::page(visit, &action)),
    };
    if answered == Answered::Done {
        visit.event.success(app, realm, tx);
        due::finish(realm, visit, &action, tx);
    }
    Ok(answered)
}

impl Due {
    /// The page of an action, with a word on why it is shown where nobody asked for it.
    fn new(visit: &Visit<'_>, action: &RequiredActionView, page: Page) -> Self {
        Self {
            action: action.provider_id.clone(),
            page,
            message: None,
            field_messages: BTreeMap::new(),
            cancellable: due::is_cancellable(visit, &action.provider_id),
        }
    }

    /// The same with the reason for it, unless the person asked for it.
    fn because(mut self, key: &str) -> Self {
        if !self.cancellable {
            self.message = Some((Severity::Warning, Message::new(key)));
        }
        self
    }

    /// The same with what is wrong with the form as a whole.
    fn wrong(mut self, message: Message) -> Self {
        self.message = Some((Severity::Error, message));
        self
    }

    /// The same with what is wrong with one field.
    fn wrong_at(mut self, field: &str, message: Message) -> Self {
        let messages = self.field_messages.entry(field.to_owned());
        messages.or_default().push(message);
        self
    }
}

/// The first value of a field.
fn first<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.get(name)?.first().map(String::as_str)
}

#[cfg(test)]
mod tests;
