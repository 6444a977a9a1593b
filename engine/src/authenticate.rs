//! Who is it? The direct grant's answer: user name, password, one-time password, and whether the
//! account is ready for use.
//!
//! No write is open while a password is hashed; what was learned goes into the caller's job.

mod direct;
pub(crate) mod proof;

use std::sync::Arc;

use claviger_crypto::HasherError;
use claviger_model::{Secret, User};
use claviger_store::{StoreError, Tx};

use crate::app::App;
use crate::brute_force::Lock;
use crate::client::Client;
use crate::events::EventBuilder;
#[cfg(doc)]
use crate::mapper::amr::COMPLETED_NOTE;
use crate::realm::Realm;
use crate::request::RequestContext;

/// By which flow of the realm somebody is let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// The direct grant's, or the client's own in its place.
    #[default]
    DirectGrant,
    /// That of Docker clients: name and password of the header `Authorization`.
    Docker,
}

/// What a client sends of its user (RFC 6749 §4.3.2, with Keycloak's one-time password).
#[derive(Clone, Debug, Default)]
pub struct DirectGrant {
    /// By which flow.
    pub door: Door,
    /// `username`: a user name, or an e-mail address where the realm allows it.
    pub username: Option<String>,
    /// `password`.
    pub password: Option<Secret>,
    /// `otp`, or `totp` as it was called first.
    pub otp: Option<Secret>,
    /// The client, which may have a flow of its own.
    pub client: Option<Arc<Client>>,
    /// `scope`: what it asks for.
    pub scope: Option<String>,
    /// Where the log says that help is.
    pub help: Option<LoginHelp>,
}

/// Which page explains a refusal to whoever reads the log.
#[derive(Clone, Debug)]
pub struct LoginHelp {
    /// The request, which knows where the pages are.
    pub request: RequestContext,
    /// The name of the page.
    pub page: fn(LoginRefused) -> &'static str,
}

impl DirectGrant {
    fn help(&self, refused: LoginRefused) -> Option<String> {
        let help = self.help.as_ref()?;
        help.request.help((help.page)(refused))
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefused {
    /// No user name was sent.
    NoUsername,
    /// Nobody has that name.
    UserNotFound,
    /// A service account has no password.
    ServiceAccount,
    /// The user is disabled; the password was right.
    Disabled,
    /// The user is disabled, and the password wrong.
    DisabledAndWrong,
    /// Password or one-time password wrong or missing.
    InvalidCredentials,
    /// Somebody guesses at the account: it is locked, whatever was sent.
    Locked(Lock),
    /// A required action is pending, or the profile lacks something.
    NotSetUp,
    /// The realm's flow denies access to this user.
    Denied,
    /// The user has as many sessions as the realm's flow lets one have.
    TooManySessions,
    /// The realm's direct grant flow asks for something that cannot be had here.
    UnsupportedFlow,
}

impl LoginRefused {
    /// The error code of the event.
    pub const fn event_error(self) -> &'static str {
        match self {
            Self::NoUsername | Self::UserNotFound => "user_not_found",
            Self::ServiceAccount => "invalid_user",
            Self::Disabled | Self::DisabledAndWrong => "user_disabled",
            Self::InvalidCredentials => "invalid_user_credentials",
            Self::Locked(lock) => lock.event_error(),
            Self::NotSetUp => "resolve_required_actions",
            Self::UnsupportedFlow | Self::Denied => "access_denied",
            Self::TooManySessions => "generic_authentication_error",
        }
    }
}

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Too many passwords wait to be hashed, or the hashing threads are gone.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user who has shown who he is.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user.
    pub user: User,
    /// What of the flow was completed, for note [`COMPLETED_NOTE`] of the session.
    pub completed: String,
}

/// Lets a user in by the direct grant, or says why not. Upgrades of the password's hash, the use of a
/// one-time password, and that failures before are forgotten, are written into `tx`. A refusal is
/// counted where it has to be, and recorded with its event, before it is returned.
pub async fn direct_grant(
    app: &App,
    realm: &Realm,
    sent: &DirectGrant,
    event: &mut EventBuilder,
    tx: &mut Tx,
) -> Result<Result<SignedIn, LoginRefused>, LoginError> {
    let refused = match direct::identify(app, realm, sent, event, tx).await? {
        Ok(signed_in) => return Ok(Ok(signed_in)),
        Err(Refusal::Recorded(refused)) => return Ok(Err(refused)),
        Err(Refusal::New(refused)) => refused,
    };
    let mut record = Tx::new();
    event.helped(sent.help(refused));
    event.error(app, realm, refused.event_error(), &mut record);
    let _ = app.commit(record).await?;
    Ok(Err(refused))
}

/// A refusal, and whether its event was written when it was counted.
enum Refusal {
    New(LoginRefused),
    Recorded(LoginRefused),
}

impl From<LoginRefused> for Refusal {
    fn from(refused: LoginRefused) -> Self {
        Self::New(refused)
    }
}

/// Finds a user by name alone.
async fn find_by_username(
    app: &App,
    realm: &Realm,
    name: &str,
) -> Result<Option<User>, StoreError> {
    let name = name.to_lowercase();
    if name.is_empty() || name.chars().count() > 255 || name.contains('\0') {
        return Ok(None);
    }
    app.store.user_by_username(&realm.id, &name).await
}

/// Finds a user by name, or by e-mail address where the realm allows signing in with it.
pub async fn find(app: &App, realm: &Realm, name: &str) -> Result<Option<User>, StoreError> {
    let name = name.to_lowercase();
    if name.is_empty() || name.chars().count() > 255 || name.contains('\0') {
        return Ok(None);
    }
    if realm.settings.login.login_with_email_allowed
        && name.contains('@')
        && let Some(user) = app.store.user_by_email(&realm.id, &name).await?
    {
        return Ok(Some(user));
    }
    app.store.user_by_username(&realm.id, &name).await
}
