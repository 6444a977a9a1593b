//! `auth-username-password-form`, `auth-username-form` and `auth-password-form`: who it is, and the
//! password.

use claviger_crypto::password::Verdict as Checked;
use claviger_model::{Secret, User};

use super::super::LoginError;
use super::super::cookies;
use super::super::drive::{Login, known};
use super::super::tab::note;
use super::{Came, Show};
use crate::authenticate::find;
use crate::authenticate::proof::{Proofs, dummy};
use crate::brute_force::{Lock, Proof, Standing};
use crate::flow::{Refusal, Verdict, Walk};
use crate::page::Page;
use crate::required_action::PASSWORD_VALIDATED;

/// Which of the forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Name and password.
    Both,
    /// The name alone.
    Username,
    /// The password alone.
    Password,
}

/// What is wrong with an answer: the event's error, a key of the message files, and its field.
struct Wrong {
    error: &'static str,
    key: &'static str,
    field: Option<&'static str>,
}

const fn wrong(error: &'static str, key: &'static str, field: Option<&'static str>) -> Wrong {
    Wrong { error, key, field }
}

/// Asks.
pub fn ask(login: &mut Login<'_>, walk: &Walk<'_>, form: Form) -> Came {
    let is_known = walk.state().user.is_some();
    if form == Form::Username && is_known {
        return Verdict::Proven(None).into();
    }
    let hint = login.tab.asks().login_hint;
    let remembered = cookies::remembered(login.scene.realm, login.scene.browser);
    let is_remembered = hint.is_none() && remembered.is_some();
    let username = hint.or(remembered).unwrap_or_default();
    Came::asks(page(login, (form, is_known), &username, is_remembered))
}

/// The form, with what stands in it.
fn page(
    login: &Login<'_>,
    (form, is_known): (Form, bool),
    username: &str,
    is_remembered: bool,
) -> Page {
    let scene = &login.scene;
    let settings = &scene.realm.settings.login;
    let link = |path: &str| scene.address_of(&login.tab, path, None);
    let reset = settings
        .reset_password_allowed
        .then(|| link("reset-credentials"));
    if form == Form::Password {
        return Page::Password { reset };
    }
    let asks_username = !is_known;
    let registers = settings.registration_allowed && asks_username;
    Page::Login {
        password: form == Form::Both,
        asks_username,
        username: username.to_owned(),
        remember_me: (settings.remember_me && asks_username).then_some(is_remembered),
        registration: registers.then(|| link("registration")),
        reset,
        providers: Vec::new(),
    }
}

/// Takes the answer.
pub async fn answer(
    login: &mut Login<'_>,
    walk: &Walk<'_>,
    form: Form,
) -> Result<Came, LoginError> {
    if form != Form::Password && login.scene.form.contains_key("cancel") {
        return Ok(Came {
            verdict: Verdict::Closed,
            show: Some(Show::Cancelled),
        });
    }
    let is_known = walk.state().user.is_some();
    let sent = login.scene.field("password").map(Secret::new);
    let sent = sent.filter(|password| !password.is_empty());
    let (user, wrong) = match named(login, is_known, form, sent.as_ref()).await? {
        Ok(user) => {
            let wrong = check(login, &user, form, sent.as_ref()).await?;
            (Some(user), wrong)
        }
        Err(wrong) => (None, Some(wrong)),
    };
    let Some(wrong) = wrong else {
        let Some(user) = user else {
            return Ok(Verdict::Refused(Refusal::UnknownUser).into());
        };
        return proven(login, user, form, is_known).await;
    };
    let typed = login.scene.field("username").unwrap_or_default().to_owned();
    let remember = login.scene.field("rememberMe").is_some();
    let page = page(login, (form, is_known), &typed, remember);
    // Where no name is asked for, what is wrong is told at the password.
    let field = wrong.field.map(|field| {
        if is_known && form == Form::Both {
            "password"
        } else {
            field
        }
    });
    Ok(Came::asks_again(page, field, wrong.key))
}

/// Who it is said to be: who is known already, or whom the form names.
async fn named(
    login: &mut Login<'_>,
    is_known: bool,
    form: Form,
    sent: Option<&Secret>,
) -> Result<Result<User, Wrong>, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    if is_known {
        let Some(user) = login.user.clone() else {
            return Err(LoginError::Busy);
        };
        return Ok(Ok(user));
    }
    let key = default_key(login, form);
    let unknown = wrong("user_not_found", key, Some("username"));
    let typed = login.scene.field("username").unwrap_or_default();
    if typed.is_empty() {
        login.event.error(app, realm, unknown.error, &mut login.tx);
        return Ok(Err(unknown));
    }
    let name = typed.trim();
    login.event.detail("username", name);
    login.tab.set(note::ATTEMPTED, fit(name));
    let user = find(app, realm, name).await?;
    let Some(user) = user.filter(|user| user.service_account_of.is_none()) else {
        // As long as for who is there: where no password was sent, none is looked at.
        if form != Form::Username && sent.is_some() {
            dummy(app, realm, sent).await?;
        }
        login.event.error(app, realm, unknown.error, &mut login.tx);
        return Ok(Err(unknown));
    };
    Ok(Ok(user))
}

/// What is kept of a name that somebody typed.
pub(super) fn fit(name: &str) -> String {
    name.chars()
        .take(255)
        .filter(|letter| *letter != '\0')
        .collect()
}

fn default_key(login: &Login<'_>, form: Form) -> &'static str {
    match form {
        Form::Both => "invalidUserMessage",
        Form::Username if login.scene.realm.settings.login.login_with_email_allowed => {
            "invalidUsernameOrEmailMessage"
        }
        Form::Username => "invalidUsernameMessage",
        Form::Password => "invalidPasswordMessage",
    }
}

/// Checks the password where the form asks for one, and whether the account may be used. What is wrong is
/// counted and recorded. Nothing of the check is told before it is clear that the account is not
/// locked.
async fn check(
    login: &mut Login<'_>,
    user: &User,
    form: Form,
    sent: Option<&Secret>,
) -> Result<Option<Wrong>, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    login.event.user(user.id.as_str());
    let key = default_key(login, form);
    if form != Form::Username && sent.is_none() {
        let empty = wrong("invalid_user_credentials", key, Some("password"));
        login.event.error(app, realm, empty.error, &mut login.tx);
        return Ok(Some(empty));
    }
    let proofs = Proofs::load(app, realm, user).await?;
    let checked = if form == Form::Username {
        Checked {
            ok: true,
            outdated: false,
        }
    } else {
        proofs.password(sent).await?
    };
    let standing = Standing::of(app, realm, &user.id).await?;
    let lock = standing
        .as_ref()
        .and_then(|standing| standing.lock(realm, app.now()));
    if let Some(lock) = lock {
        return Ok(Some(locked(login, lock)));
    }
    if !checked.ok {
        let bad = wrong("invalid_user_credentials", key, Some("password"));
        let Some(standing) = standing else {
            login.event.error(app, realm, bad.error, &mut login.tx);
            return Ok(Some(bad));
        };
        let failed = (&login.event, bad.error);
        let outrun = standing.failure(app, realm, Proof::First, failed).await?;
        return Ok(Some(outrun.map_or(bad, |lock| locked(login, lock))));
    }
    if !user.enabled {
        let disabled = wrong("user_disabled", "accountDisabledMessage", None);
        login.event.error(app, realm, disabled.error, &mut login.tx);
        return Ok(Some(disabled));
    }
    proofs.upgrade(checked, sent, &mut login.tx).await?;
    // Other steps may follow; their failures are not told as this user's.
    login.event.forget_user();
    Ok(None)
}

/// Nobody gets in as this user: told as a wrong password is.
fn locked(login: &mut Login<'_>, lock: Lock) -> Wrong {
    let (app, realm) = (login.scene.app, login.scene.realm);
    login
        .event
        .error(app, realm, lock.event_error(), &mut login.tx);
    let key = match lock {
        Lock::Temporary => "accountTemporarilyDisabledMessage",
        Lock::Permanent => "accountPermanentlyDisabledMessage",
    };
    wrong(lock.event_error(), key, Some("username"))
}

/// It is this user.
async fn proven(
    login: &mut Login<'_>,
    user: User,
    form: Form,
    is_known: bool,
) -> Result<Came, LoginError> {
    if form != Form::Username {
        login.tab.set(PASSWORD_VALIDATED, "true");
        login.tab.used("password");
    }
    if !is_known {
        remember(login);
    }
    let known = known(&login.scene, &user).await?;
    login.user = Some(user);
    Ok(Verdict::Proven(Some(known)).into())
}

/// Whether the browser is to be remembered, where the realm lets it.
fn remember(login: &mut Login<'_>) {
    let wanted = login.scene.field("rememberMe");
    let wanted = wanted.is_some_and(|text| text.eq_ignore_ascii_case("on"));
    if wanted && login.scene.realm.settings.login.remember_me {
        login.tab.set(note::REMEMBER_ME, "true");
        login.event.detail("remember_me", "true");
    } else {
        login.tab.forget(note::REMEMBER_ME);
    }
}
