//! Who is it? The direct grant's answer: user name, password, one-time password, and whether the
//! account is ready for use.
//!
//! No write is open while a password is hashed; what was learned goes into the caller's job.

pub(crate) mod proof;
mod steps;

use claviger_crypto::HasherError;
use claviger_crypto::password::Verdict;
use claviger_model::{Secret, User};
use claviger_store::{StoreError, Tx};

use crate::app::App;
use crate::brute_force::{Lock, Proof, Standing};
use crate::events::EventBuilder;
#[cfg(doc)]
use crate::mapper::amr::COMPLETED_NOTE;
use crate::profile::UserProfile;
use crate::realm::Realm;
use crate::request::RequestContext;

use proof::{Proofs, dummy};
use steps::{Otp, Steps, steps};

/// What a client sends of its user (RFC 6749 §4.3.2, with Keycloak's one-time password).
#[derive(Clone, Debug, Default)]
pub struct DirectGrant {
    /// `username`: a user name, or an e-mail address where the realm allows it.
    pub username: Option<String>,
    /// `password`.
    pub password: Option<Secret>,
    /// `otp`, or `totp` as it was called first.
    pub otp: Option<Secret>,
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
            Self::UnsupportedFlow => "access_denied",
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
    let refused = match identify(app, realm, sent, event, tx).await? {
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

async fn identify(
    app: &App,
    realm: &Realm,
    sent: &DirectGrant,
    event: &mut EventBuilder,
    tx: &mut Tx,
) -> Result<Result<SignedIn, Refusal>, LoginError> {
    event.detail("auth_method", "openid-connect");
    let Some(steps) = steps(app, realm).await? else {
        event.detail(
            "reason",
            "The direct grant flow of this realm has unsupported steps",
        );
        return Ok(Err(LoginRefused::UnsupportedFlow.into()));
    };
    let Some(username) = sent.username.as_deref() else {
        return Ok(Err(LoginRefused::NoUsername.into()));
    };
    event.detail("username", username);
    let Some(user) = find(app, realm, username).await? else {
        dummy(app, realm, sent.password.as_ref()).await?;
        return Ok(Err(LoginRefused::UserNotFound.into()));
    };
    if user.service_account_of.is_some() {
        dummy(app, realm, sent.password.as_ref()).await?;
        event.detail("reason", "User is a service account");
        return Ok(Err(LoginRefused::ServiceAccount.into()));
    }
    let attempt = Attempt {
        app,
        realm,
        user: &user,
        proofs: Proofs::load(app, realm, &user).await?,
        sent,
    };
    if let Err(refused) = attempt.prove(&steps, event, tx).await? {
        event.user(user.id.as_str());
        return Ok(Err(refused));
    }
    if !attempt.is_set_up().await? {
        event.detail("reason", "Account is not fully set up");
        return Ok(Err(LoginRefused::NotSetUp.into()));
    }
    event.user(user.id.as_str());
    let completed = steps.completed(attempt.proofs.has_otp(), app.now());
    Ok(Ok(SignedIn { user, completed }))
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

/// The flow asks for no password.
const UNASKED: Verdict = Verdict {
    ok: true,
    outdated: false,
};

/// One attempt to sign in, of a user who exists.
struct Attempt<'a> {
    app: &'a App,
    realm: &'a Realm,
    user: &'a User,
    proofs: Proofs<'a>,
    sent: &'a DirectGrant,
}

impl Attempt<'_> {
    /// Checks all proofs, and counts the wrong ones.
    async fn prove(
        &self,
        steps: &Steps,
        event: &mut EventBuilder,
        tx: &mut Tx,
    ) -> Result<Result<(), Refusal>, LoginError> {
        // A disabled user is asked for the password whatever the flow: only its owner is told.
        let asked = steps.password || !self.user.enabled;
        let sent = self.sent.password.as_ref();
        let password = if asked {
            self.proofs.password(sent).await?
        } else {
            UNASKED
        };
        // After the password, however long that took: see `brute_force`.
        let standing = Standing::of(self.app, self.realm, &self.user.id).await?;
        let lock = standing
            .as_ref()
            .and_then(|standing| standing.lock(self.realm, self.app.now()));
        if let Some(lock) = lock {
            return Ok(Err(LoginRefused::Locked(lock).into()));
        }
        if !self.user.enabled && password.ok {
            return Ok(Err(LoginRefused::Disabled.into()));
        }
        let (proof, refused) = if !self.user.enabled {
            (Proof::First, LoginRefused::DisabledAndWrong)
        } else if !password.ok {
            (Proof::First, LoginRefused::InvalidCredentials)
        } else if !self.otp(steps.otp, tx).await? {
            (Proof::Second, LoginRefused::InvalidCredentials)
        } else {
            if let Some(standing) = standing {
                standing.success(self.realm, self.strongest(steps), tx);
            }
            self.proofs.upgrade(password, sent, tx).await?;
            return Ok(Ok(()));
        };
        let Some(standing) = standing else {
            return Ok(Err(refused.into()));
        };
        event.user(self.user.id.as_str());
        event.helped(self.sent.help(refused));
        let failed = (&*event, refused.event_error());
        let outrun = standing
            .failure(self.app, self.realm, proof, failed)
            .await?;
        Ok(Err(outrun.map_or(Refusal::Recorded(refused), |lock| {
            LoginRefused::Locked(lock).into()
        })))
    }

    /// The last proof that this user has to give.
    fn strongest(&self, steps: &Steps) -> Proof {
        match steps.otp {
            Otp::Always => Proof::Second,
            Otp::IfConfigured if self.proofs.has_otp() => Proof::Second,
            Otp::IfConfigured | Otp::Never => Proof::First,
        }
    }

    /// Checks the one-time password. The direct grant has no page to choose on: the first generator
    /// counts.
    async fn otp(&self, asked: Otp, tx: &mut Tx) -> Result<bool, StoreError> {
        match asked {
            Otp::Never => Ok(true),
            Otp::IfConfigured if !self.proofs.has_otp() => Ok(true),
            Otp::IfConfigured | Otp::Always => {
                self.proofs.otp(None, self.sent.otp.as_ref(), tx).await
            }
        }
    }

    /// Whether nothing has to be done by the user first: in a grant without pages it could not be.
    async fn is_set_up(&self) -> Result<bool, StoreError> {
        if !self.user.required_actions.is_empty() {
            return Ok(false);
        }
        if self.realm.settings.login.verify_email && !self.user.email_verified {
            return Ok(false);
        }
        if self.proofs.is_password_expired() {
            return Ok(false);
        }
        let profile = self.realm.profile().await?;
        Ok(UserProfile::is_complete(
            &profile,
            self.user,
            &self.realm.settings,
        ))
    }
}
