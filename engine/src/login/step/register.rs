//! `registration-page-form`: somebody makes an account.
//!
//! The parts of the page look at the form one after the other, and all of them have to be content before
//! anything is made. The account, its password, groups and role are one job with the event.

use claviger_crypto::HasherError;
use claviger_model::{Credential, Secret, User};
use claviger_store::StoreError;

use super::super::LoginError;
use super::super::begin::event;
use super::super::drive::{Login, known};
use super::Came;
use crate::credentials::{PasswordRefused, with_password};
use crate::flow::{Part, PartKind, Refusal, Verdict};
use crate::newcomer;
use crate::page::{Message, Page, Registration};
use crate::password_policy::PasswordPolicy;
use crate::profile::{Candidate, Context, Missing, ProfileInput, Scene, java};
use crate::realm::Realm;
use crate::realms::plain_user;
use crate::required_action::TERMS_ATTRIBUTE;
use crate::scope;

/// The setting by which a password is chosen here though the address is yet to be verified.
const PASSWORD_ALWAYS: &str = "always_set_password_on_register_form";
/// The event's error for all that is wrong with a form but what somebody else has.
const INVALID: &str = "invalid_registration";
/// The box of the terms.
const TERMS: &str = "termsAccepted";
const TERMS_ACTION: &str = "TERMS_AND_CONDITIONS";
const VERIFY_EMAIL: &str = "VERIFY_EMAIL";
/// Settings without which there is nothing to ask the third party by, for one kind and the other.
const RECAPTCHA: [&[&str]; 2] = [
    &["site.key", "secret.key"],
    &["site.key", "project.id", "api.key"],
];

/// What is wrong with a form: the error of the event, and messages at fields (or above all).
#[derive(Default)]
struct Wrong {
    error: Option<&'static str>,
    at: Vec<(Option<String>, Message)>,
}

impl Wrong {
    /// One more message; the first at a field is the one that is told.
    fn add(&mut self, error: &'static str, field: Option<&str>, message: Message) {
        self.error.get_or_insert(error);
        if !self.at.iter().any(|(known, _)| known.as_deref() == field) {
            self.at.push((field.map(str::to_owned), message));
        }
    }
}

/// Asks.
pub async fn ask(login: &mut Login<'_>, parts: &[Part]) -> Result<Came, LoginError> {
    if let Some(refused) = unavailable(parts) {
        return Ok(refused);
    }
    if login.user.is_some() {
        return Ok(somebody(login));
    }
    let names = scopes(login).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let profile = login.scene.realm.profile().await?;
    let input = ProfileInput::default();
    let candidate = profile.candidate(scene(login.scene.realm, &names), &input);
    let page = page(login, parts, &candidate).await?;
    let said = captcha(parts).map(|captcha| (None, captcha.on_page));
    Ok(Came::asks_about(page, said.into_iter().collect()))
}

/// Takes the form.
pub async fn answer(login: &mut Login<'_>, parts: &[Part]) -> Result<Came, LoginError> {
    if let Some(refused) = unavailable(parts) {
        return Ok(refused);
    }
    if login.user.is_some() {
        return Ok(somebody(login));
    }
    let (app, realm) = (login.scene.app, login.scene.realm);
    let names = scopes(login).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let profile = realm.profile().await?;
    let input = ProfileInput::of_form(login.scene.form);
    let candidate = profile.candidate(scene(realm, &names), &input);
    let page = page(login, parts, &candidate).await?;
    let wrong = wrong(login, parts, &candidate, &page).await?;
    if let Some(error) = wrong.error {
        login.event.error(app, realm, error, &mut login.tx);
        return Ok(Came::asks_about(page, wrong.at));
    }
    let has_user = parts.iter().any(|part| part.kind == PartKind::User);
    if !has_user {
        // Nobody was made, so nobody is signed in.
        return Ok(Verdict::Refused(Refusal::UnknownUser).into());
    }
    let (user, credentials) = match make(login, parts, &candidate).await? {
        Ok(made) => made,
        Err(message) => {
            login.event.error(app, realm, INVALID, &mut login.tx);
            let wrong = vec![(Some("password".to_owned()), message)];
            return Ok(Came::asks_about(page, wrong));
        }
    };
    let groups = newcomer::default_groups(app, realm).await?;
    newcomer::insert(realm, &mut login.tx, &user, &credentials, &groups);
    welcome(login, user).await
}

/// The account is made: whoever made it signs in by it.
async fn welcome(login: &mut Login<'_>, user: User) -> Result<Came, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let typed = |name: &str| login.scene.field(name).unwrap_or_default().to_owned();
    let email = typed("email");
    let username = if realm.settings.login.registration_email_as_username {
        email.clone()
    } else {
        typed("username")
    };
    login.event.user(user.id.as_str());
    login.event.detail("email", email);
    login.event.detail("username", username.clone());
    login.event.success(app, realm, &mut login.tx);
    login.event = event(login.scene, "LOGIN", &login.tab);
    let notes = &mut login.tab.session.client_notes;
    notes.insert("login_hint".to_owned(), username);
    let known = known(&login.scene, &user).await?;
    login.user = Some(user);
    Ok(Verdict::Proven(Some(known)).into())
}

/// Somebody is on the way in here already: they came back to a page that is over.
fn somebody(login: &mut Login<'_>) -> Came {
    if let Some(user) = &login.user {
        login.event.detail("previous_user", user.username.clone());
    }
    Verdict::Refused(Refusal::Generic {
        message: "expiredActionMessage".to_owned(),
        detail: "different_user_authenticating".to_owned(),
    })
    .into()
}

/// A part that is no part of this server: then nobody gets through the page.
fn unavailable(parts: &[Part]) -> Option<Came> {
    parts.iter().find_map(|part| match &part.kind {
        PartKind::Other(id) => Some(Verdict::Refused(Refusal::Unavailable(id.clone())).into()),
        PartKind::User | PartKind::Password | PartKind::Terms | PartKind::Recaptcha => None,
    })
}

/// What is said of a third party that would have to be asked whether a person sits there.
struct Captcha {
    on_page: Message,
    refused: Message,
}

/// This server asks no third party, so nobody gets through a page that wants one asked.
fn captcha(parts: &[Part]) -> Option<Captcha> {
    let part = parts.iter().find(|part| part.kind == PartKind::Recaptcha)?;
    let has = |names: &&[&str]| names.iter().all(|name| part.setting(name).is_some());
    if !RECAPTCHA.iter().any(has) {
        return Some(Captcha {
            on_page: Message::new("recaptchaNotConfigured"),
            refused: Message::new("recaptchaFailed"),
        });
    }
    tracing::warn!("a realm wants registrations to be checked by reCAPTCHA, which is not built");
    let text = Message::new(
        "This server cannot ask reCAPTCHA yet, so nobody can register here. Please ask your \
         administrator for an account.",
    );
    Some(Captcha {
        on_page: text.clone(),
        refused: text,
    })
}

const fn scene<'a>(realm: &'a Realm, scopes: &'a [&'a str]) -> Scene<'a> {
    Scene {
        realm: &realm.settings,
        context: Context::Registration,
        existing: None,
        scopes,
    }
}

/// The names of the client scopes that this login asks for: attributes may be for some of them only.
async fn scopes(login: &Login<'_>) -> Result<Vec<String>, StoreError> {
    let parameter = login.tab.session.client_notes.get("scope");
    let parameter = parameter.map(String::as_str);
    let scopes = scope::requested(login.scene.realm, &login.tab.client, parameter).await?;
    Ok(scopes.iter().map(|scope| scope.name.clone()).collect())
}

/// Whether a password is chosen here: not where the address is to be verified first, for whoever has
/// another's address must not choose the password of the account.
async fn asks_password(realm: &Realm, part: &Part) -> Result<bool, StoreError> {
    if part.setting(PASSWORD_ALWAYS) == Some("true") {
        return Ok(true);
    }
    let actions = realm.required_actions().await?;
    let is_default = actions
        .iter()
        .any(|action| action.alias == VERIFY_EMAIL && action.default_action);
    Ok(!realm.settings.login.verify_email && !is_default)
}

async fn page(
    login: &Login<'_>,
    parts: &[Part],
    candidate: &Candidate<'_>,
) -> Result<Page, StoreError> {
    let mut password = false;
    for part in parts.iter().filter(|part| part.kind == PartKind::Password) {
        password = asks_password(login.scene.realm, part).await?;
    }
    Ok(Page::Register(Box::new(Registration {
        fields: candidate.fields(login.scene.form),
        password,
        terms: parts.iter().any(|part| part.kind == PartKind::Terms),
        login: login.scene.address_of(&login.tab, "authenticate", None),
    })))
}

/// What each part has against the form. What was sent is told in the event, but for the password.
async fn wrong(
    login: &mut Login<'_>,
    parts: &[Part],
    candidate: &Candidate<'_>,
    page: &Page,
) -> Result<Wrong, LoginError> {
    let Page::Register(shown) = page else {
        return Err(LoginError::Busy);
    };
    login.event.detail("register_method", "form");
    let mut wrong = Wrong::default();
    for part in parts {
        match &part.kind {
            PartKind::User => profile(login, candidate, shown, &mut wrong).await?,
            PartKind::Password if shown.password => password(login, &mut wrong),
            PartKind::Terms if !login.scene.form.contains_key(TERMS) => {
                let message = Message::new("termsAcceptanceRequired");
                wrong.add(INVALID, Some(TERMS), message);
            }
            PartKind::Recaptcha => {
                // What else is wrong is not for machines to learn.
                wrong.at.clear();
                if let Some(captcha) = captcha(parts) {
                    wrong.add(INVALID, None, captcha.refused);
                }
                return Ok(wrong);
            }
            PartKind::Password | PartKind::Terms | PartKind::Other(_) => {}
        }
    }
    Ok(wrong)
}

async fn profile(
    login: &mut Login<'_>,
    candidate: &Candidate<'_>,
    shown: &Registration,
    wrong: &mut Wrong,
) -> Result<(), LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let first = |name: &str| candidate.get(name).first().cloned().unwrap_or_default();
    for (detail, name) in [
        ("email", "email"),
        ("username", "username"),
        ("first_name", "firstName"),
        ("last_name", "lastName"),
    ] {
        login.event.detail(detail, first(name));
    }
    let violations = candidate.violations_and_taken(app, realm).await?;
    let has = |key: &str| violations.iter().any(|known| known.error_key == key);
    let error = if has("emailExistsMessage") {
        "email_in_use"
    } else if has("usernameExistsMessage") {
        "username_in_use"
    } else {
        INVALID
    };
    for violation in &violations {
        let mut fields = shown.fields.iter();
        let field = fields.find(|field| field.name == violation.attribute);
        let message = violation.message(field.map(|field| field.display_name.as_str()));
        wrong.add(error, field.map(|field| field.name.as_str()), message);
    }
    Ok(())
}

/// Two equal passwords that the realm's policy has nothing against.
fn password(login: &Login<'_>, wrong: &mut Wrong) {
    let (scene, realm) = (&login.scene, login.scene.realm);
    let new = scene.field("password").unwrap_or_default();
    if java::is_blank(new) {
        let message = Message::new("missingPasswordMessage");
        wrong.add(INVALID, Some("password"), message);
    } else if scene.field("password-confirm") != Some(new) {
        let message = Message::new("invalidPasswordConfirmMessage");
        wrong.add(INVALID, Some("password-confirm"), message);
    }
    let by_email = realm.settings.login.registration_email_as_username;
    let email = scene.field("email");
    let username = if by_email {
        email
    } else {
        scene.field("username")
    };
    let policy = PasswordPolicy::parse(realm.settings.password_policy.as_deref());
    if let Err(violation) = policy.check(new, username, email) {
        let message = Message {
            key: violation.error.to_owned(),
            args: violation.params,
        };
        wrong.add(INVALID, Some("password"), message);
    }
}

/// The user and the credentials that a form is good for, or what the policy has against the password.
async fn make(
    login: &Login<'_>,
    parts: &[Part],
    candidate: &Candidate<'_>,
) -> Result<Result<(User, Vec<Credential>), Message>, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let mut user = plain_user(app, candidate.username().unwrap_or_default());
    candidate.apply_to(&mut user, Missing::Keep);
    user.required_actions = newcomer::default_actions(realm).await?;
    if login.scene.field(TERMS) == Some("on") {
        agree(login, &mut user).await?;
    }
    let mut credentials = Vec::new();
    for part in parts.iter().filter(|part| part.kind == PartKind::Password) {
        if !asks_password(realm, part).await? {
            let update = "UPDATE_PASSWORD".to_owned();
            if !user.required_actions.contains(&update) {
                user.required_actions.push(update);
            }
            continue;
        }
        let new = Secret::new(login.scene.field("password").unwrap_or_default());
        credentials = match with_password(app, realm, &user, &[], new).await {
            Ok(credentials) => credentials,
            Err(PasswordRefused::Policy(violation)) => {
                return Ok(Err(Message {
                    key: violation.error.to_owned(),
                    args: violation.params,
                }));
            }
            Err(PasswordRefused::Hasher(error)) => return Err(hasher(error)),
        };
    }
    Ok(Ok((user, credentials)))
}

const fn hasher(error: HasherError) -> LoginError {
    LoginError::Hasher(error)
}

/// Who has agreed to the terms on this page is not asked again, where the realm asks for that.
async fn agree(login: &Login<'_>, user: &mut User) -> Result<(), StoreError> {
    let actions = login.scene.realm.required_actions().await?;
    let is_on = actions
        .iter()
        .any(|action| action.alias == TERMS_ACTION && action.enabled);
    if is_on {
        let now = login.scene.app.now().seconds().0.to_string();
        user.attributes
            .insert(TERMS_ATTRIBUTE.to_owned(), vec![now]);
        user.required_actions.retain(|known| known != TERMS_ACTION);
    }
    Ok(())
}
