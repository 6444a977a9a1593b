//! The facts of a page, before anybody knows how it looks: which page, what it says, where its forms
//! go. Texts are keys of Keycloak's message files; crate `pages` makes HTML of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_model::Secret;

use crate::client::Client;
use crate::logout::scope::Reach;
use crate::realm::Realm;

/// A text in the person's language: a key of the message files with its arguments (Java's
/// `MessageFormat`). A key that no file has is shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The key, `invalidUserMessage` say.
    pub key: String,
    /// What stands for `{0}`, `{1}`, …; an argument of the form `${key}` is a text itself.
    pub args: Vec<String>,
}

impl Message {
    /// A text without arguments.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            args: Vec::new(),
        }
    }

    /// A text with arguments.
    pub fn with(key: impl Into<String>, args: &[&str]) -> Self {
        Self {
            key: key.into(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        }
    }
}

/// How serious the message above a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Something went well.
    Success,
    /// For information.
    Info,
    /// Something is to be done.
    Warning,
    /// Something went wrong.
    Error,
}

/// Why there is an error page. The surface knows which status that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request is wrong, or came too late.
    BadRequest,
    /// Nobody is let in.
    Unauthorized,
    /// It may not be done.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It was tried too often.
    TooMany,
    /// The server is too busy, or its database away.
    Unavailable,
    /// The server failed.
    Internal,
}

/// All that a page shows.
#[derive(Clone, Debug)]
pub struct View {
    /// Whose page it is.
    pub realm: Arc<Realm>,
    /// The client that sent the browser, where that is known.
    pub client: Option<Arc<Client>>,
    /// The base address of this server as the browser sees it.
    pub base_url: String,
    /// The language, as the realm has it: `en`, `pt-BR`.
    pub locale: String,
    /// Where the same page is in the realm's other languages: locale and address, in the realm's
    /// order. Empty where there is no choice.
    pub languages: Vec<(String, String)>,
    /// The page itself.
    pub page: Page,
    /// Where the page's form goes (`url.loginAction`).
    pub action: String,
    /// A message above it.
    pub message: Option<(Severity, Message)>,
    /// Messages at its fields, by their names.
    pub field_messages: BTreeMap<String, Vec<Message>>,
    /// Who is about to sign in, shown where the page does not ask for that.
    pub attempted: Option<Attempted>,
    /// Whether the person may choose another way (`tryAnotherWay`).
    pub try_another_way: bool,
    /// Whether the client asked for this action, so that it may be cancelled (`cancel-aia`).
    pub cancellable: bool,
    /// `tab_id`, `session_code` and so on of the login, for scripts that watch other tabs; none where
    /// no login is under way.
    pub watch: Option<Watch>,
}

/// Who is about to sign in, with the way back to the question who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The name that was given.
    pub username: String,
    /// Where the login begins anew (`url.loginRestartFlowUrl`).
    pub restart: String,
}

/// What a page's script needs to see that the login went on in another tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The value of the cookie `KC_AUTH_SESSION_HASH` that belongs to this page.
    pub session_hash: String,
    /// Where the login begins anew.
    pub restart: String,
}

/// A button to sign in elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderLink {
    /// The identity provider's alias.
    pub alias: String,
    /// What it is called.
    pub name: String,
    /// Its kind, `github` say, for its icon.
    pub provider: String,
    /// Where to.
    pub address: String,
}

/// A way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The id of its execution: what the form sends as `authenticationExecution`.
    pub execution: String,
    /// Its name, `auth-username-password-form-display-name` say.
    pub name: Message,
    /// What it asks for.
    pub help: Message,
    /// Its icon, by the name that themes have for it.
    pub icon: String,
}

/// One thing that a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What the person reads: a key of the message files in `${…}`, or plain text.
    pub text: String,
    /// The value of a parameterized scope.
    pub parameter: Option<String>,
}

/// A field of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileField {
    /// The attribute's name: that of the form's field.
    pub name: String,
    /// What it is called: a key of the message files in `${…}`, or plain text.
    pub display_name: String,
    /// Its values, the first alone where it has one.
    pub values: Vec<String>,
    /// Whether it has to be filled.
    pub required: bool,
    /// Whether the person may only read it.
    pub read_only: bool,
    /// Whether it may have several values.
    pub multivalued: bool,
    /// Its group's name and display header and description, where it belongs to one.
    pub group: Option<ProfileGroup>,
    /// `inputType`, `inputHelperTextBefore`, … as the realm's configuration has them.
    pub annotations: BTreeMap<String, serde_json::Value>,
    /// What there is to choose from, where it is a choice.
    pub options: Vec<String>,
    /// `autocomplete` of the field, where browsers know one.
    pub autocomplete: Option<String>,
}

/// A group of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileGroup {
    /// Its name.
    pub name: String,
    /// Its heading.
    pub header: String,
    /// What is said of it.
    pub description: String,
}

/// A page that logs out at a client's front channel (OpenID Connect Front-Channel Logout 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontChannelClient {
    /// What the client is called.
    pub name: String,
    /// Its frame's address, with `iss` and `sid` where it asks for them.
    pub address: String,
}

/// A generator of one-time passwords that is to be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotpSetup {
    /// The secret, as the form sends it back.
    pub secret: Secret,
    /// The secret as people type it.
    pub encoded: Secret,
    /// The `otpauth:` address that applications read off the screen.
    pub address: Secret,
    /// How the secret is shown, where the person has chosen: `manual` to be typed, else to be read off.
    pub mode: Option<String>,
    /// `totp` or `hotp`.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// How many digits a code has.
    pub digits: i64,
    /// How long a code is good, in seconds.
    pub period: Option<i64>,
    /// The counter of the first code.
    pub counter: Option<i64>,
    /// Names of applications that can do it: keys of the message files.
    pub applications: Vec<String>,
    /// Whether it needs a name, as there are others.
    pub needs_label: bool,
}

/// An account that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// What is asked of the profile.
    pub fields: Vec<ProfileField>,
    /// Whether a password is chosen here, below the name.
    pub password: bool,
    /// Whether the terms are shown, to be agreed to.
    pub terms: bool,
    /// The way back to signing in.
    pub login: String,
}

/// Which page, with what it alone shows. Each is a template of Keycloak's.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    /// `login.ftl`, `login-username.ftl`: asks who it is, perhaps with the password.
    Login {
        /// Whether it asks for the password as well.
        password: bool,
        /// Whether it asks for the name: not where somebody is known, who signs in once more.
        asks_username: bool,
        /// What stands in the field.
        username: String,
        /// Whether "remember me" is offered, and checked.
        remember_me: Option<bool>,
        /// Where people register, if they may.
        registration: Option<String>,
        /// Where a forgotten password is mended, if it can be.
        reset: Option<String>,
        /// Other places to sign in at.
        providers: Vec<ProviderLink>,
    },
    /// `login-password.ftl`: asks for the password alone.
    Password {
        /// Where a forgotten password is mended, if it can be.
        reset: Option<String>,
    },
    /// `register.ftl`: makes an account.
    Register(Box<Registration>),
    /// `login-reset-password.ftl`: asks who has forgotten the password.
    ResetPassword {
        /// What stands in the field.
        username: String,
        /// The way back to signing in.
        login: String,
    },
    /// `login-otp.ftl`: asks for a one-time password.
    Otp {
        /// The generators that the person has, the preferred in front: ids and what they are called.
        generators: Vec<(String, String)>,
        /// The id of the one that is asked about.
        selected: String,
    },
    /// `select-authenticator.ftl`.
    SelectAuthenticator {
        /// What there is to choose from.
        choices: Vec<Choice>,
    },
    /// `login-page-expired.ftl`.
    Expired {
        /// Where the login begins anew.
        restart: String,
        /// Where it goes on.
        resume: String,
    },
    /// `error.ftl`; what went wrong is the view's message.
    Error {
        /// Why.
        fault: Fault,
        /// A way back: to the application, if its address is known.
        back: Option<String>,
    },
    /// `info.ftl`; what it says is the view's message.
    Info {
        /// What stands above, where it is not the message itself.
        header: Option<Message>,
        /// What is asked of the person by a mail's link.
        required_actions: Vec<String>,
        /// A way back to the application.
        back: Option<String>,
        /// Where it goes on.
        proceed: Option<String>,
    },
    /// `login-oauth-grant.ftl`.
    Consent {
        /// What the client wants.
        grants: Vec<Grant>,
        /// The `code` of the form.
        code: String,
        /// The client's logo, and the pages on its policy and terms.
        logo: Option<String>,
        /// `policyUri`.
        policy: Option<String>,
        /// `tosUri`.
        terms: Option<String>,
    },
    /// `code.ftl`: shows an authorization code, or an error, to be copied.
    Code {
        /// The code.
        code: Option<String>,
        /// What went wrong.
        error: Option<String>,
    },
    /// `login-oauth2-device-verify-user-code.ftl`.
    DeviceCode {
        /// What stands in the field.
        user_code: String,
    },
    /// `logout-confirm.ftl`.
    LogoutConfirm {
        /// The `session_code` of the form.
        code: String,
        /// A way back to the application.
        back: Option<String>,
        /// What a yes will end, if anything.
        reach: Option<Reach>,
    },
    /// `frontchannel-logout.ftl`.
    FrontChannelLogout {
        /// Whom to tell.
        clients: Vec<FrontChannelClient>,
        /// The way back to the application: where it goes on, once all were told or the time is over.
        proceed: Option<String>,
        /// Where it goes on by itself without a way back: the page that says that all is done.
        end: String,
    },
    /// `terms.ftl`.
    Terms,
    /// `login-update-password.ftl`.
    UpdatePassword {
        /// For password managers.
        username: String,
        /// Whether other sessions end unless the person says otherwise.
        logout_sessions: bool,
    },
    /// `login-update-profile.ftl`.
    UpdateProfile {
        /// What is asked.
        fields: Vec<ProfileField>,
    },
    /// `login-config-totp.ftl`.
    ConfigureTotp(Box<TotpSetup>),
    /// `delete-credential.ftl`.
    DeleteCredential {
        /// What the person calls it.
        label: String,
    },
    /// `delete-account-confirm.ftl`.
    DeleteAccount {
        /// Whether an application asked for it.
        triggered_from_aia: bool,
    },
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.page == other.page
            && self.action == other.action
            && self.message == other.message
            && self.field_messages == other.field_messages
            && self.attempted == other.attempted
            && self.locale == other.locale
    }
}

impl View {
    /// A page of a realm in a language, with nothing around it.
    pub fn new(realm: &Arc<Realm>, base_url: &str, locale: &str, page: Page) -> Self {
        Self {
            realm: Arc::clone(realm),
            client: None,
            base_url: base_url.to_owned(),
            locale: locale.to_owned(),
            languages: Vec::new(),
            page,
            action: String::new(),
            message: None,
            field_messages: BTreeMap::new(),
            attempted: None,
            try_another_way: false,
            cancellable: false,
            watch: None,
        }
    }

    /// The same with a message above it.
    #[must_use]
    pub fn saying(mut self, severity: Severity, message: Message) -> Self {
        self.message = Some((severity, message));
        self
    }

    /// The same with one more message at a field.
    #[must_use]
    pub fn saying_at(mut self, field: &str, message: Message) -> Self {
        let messages = self.field_messages.entry(field.to_owned()).or_default();
        messages.push(message);
        self
    }
}
