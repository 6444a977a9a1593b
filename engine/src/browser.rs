//! What a browser brings and what it is given, free of HTTP.
//!
//! The surfaces read [`Browser`] out of a request, and make a response of an [`Outcome`].

use claviger_crypto::encoding::decode_tolerant;
use claviger_model::{Seconds, Secret};

use crate::page::View;

/// What a browser brought, as far as signing in and out looks at it. Nothing of it is believed.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// The cookie `AUTH_SESSION_ID`: which login, signed.
    pub authentication: Option<Secret>,
    /// The cookie `KEYCLOAK_IDENTITY`: which session, signed.
    pub identity: Option<Secret>,
    /// The cookie `KC_RESTART`: the request that the login began with, encrypted.
    pub restart: Option<Secret>,
    /// The cookie `KC_STATE_CHECKER`: what the last page said that ended something, signed.
    pub state_checker: Option<Secret>,
    /// The cookie `KEYCLOAK_REMEMBER_ME`: the name last signed in with.
    pub remembered: Option<String>,
    /// The cookie `KEYCLOAK_LOCALE`: the language that was chosen.
    pub locale: Option<String>,
    /// The header `Accept-Language`.
    pub accept_language: Option<String>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The header `Authorization`, for flows that read it.
    pub authorization: Option<Secret>,
    /// All headers, for steps whose settings say which they look at.
    pub headers: Headers,
}

/// The headers of a request, by their names as they came. They are not shown: there are secrets among
/// them.
#[derive(Clone, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} headers", self.0.len())
    }
}

/// How many characters of the header `Authorization` are read.
const BASIC_MAX: usize = 8_192;

/// The name and the password of a header `Authorization`, if it is of that scheme (RFC 7617 §2).
pub fn basic_credentials(header: &str) -> Option<(String, Secret)> {
    let (scheme, rest) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || rest.len() > BASIC_MAX {
        return None;
    }
    let text = String::from_utf8(decode_tolerant(rest.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

/// The cookies of a realm, by Keycloak's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CookieName {
    /// `AUTH_SESSION_ID`.
    AuthenticationSession,
    /// `KC_AUTH_SESSION_HASH`: lets the scripts of a page see that another tab began anew.
    AuthenticationSessionHash,
    /// `KEYCLOAK_IDENTITY`.
    Identity,
    /// `KEYCLOAK_SESSION`: what the session iframe compares.
    Session,
    /// `KC_RESTART`.
    Restart,
    /// `KEYCLOAK_REMEMBER_ME`.
    RememberMe,
    /// `KEYCLOAK_LOCALE`.
    Locale,
    /// `KC_STATE_CHECKER`: what a page said that no login stands behind.
    StateChecker,
}

impl CookieName {
    /// Its name in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthenticationSession => "AUTH_SESSION_ID",
            Self::AuthenticationSessionHash => "KC_AUTH_SESSION_HASH",
            Self::Identity => "KEYCLOAK_IDENTITY",
            Self::Session => "KEYCLOAK_SESSION",
            Self::Restart => "KC_RESTART",
            Self::RememberMe => "KEYCLOAK_REMEMBER_ME",
            Self::Locale => "KEYCLOAK_LOCALE",
            Self::StateChecker => "KC_STATE_CHECKER",
        }
    }

    /// Whether browsers send it with requests alone that begin at a page of ours.
    pub const fn is_for_ourselves(self) -> bool {
        matches!(self, Self::StateChecker)
    }

    /// Whether scripts of pages may read it.
    pub const fn is_for_scripts(self) -> bool {
        matches!(self, Self::AuthenticationSessionHash | Self::Session)
    }
}

/// A cookie that the browser is given, or that is taken from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieChange {
    /// Which.
    pub name: CookieName,
    /// Its value; none takes the cookie away.
    pub value: Option<Secret>,
    /// How long the browser keeps it; none: until it is closed.
    pub max_age: Option<Seconds>,
}

impl CookieChange {
    /// A cookie that lives as long as the browser.
    pub fn set(name: CookieName, value: impl Into<String>) -> Self {
        Self {
            name,
            value: Some(Secret::new(value.into())),
            max_age: None,
        }
    }

    /// The same, kept for a while.
    #[must_use]
    pub const fn lasting(mut self, max_age: Seconds) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Takes a cookie away.
    pub const fn clear(name: CookieName) -> Self {
        Self {
            name,
            value: None,
            max_age: None,
        }
    }
}

/// How the answer to an authorization request travels (OAuth 2.0 Multiple Response Types §2.1,
/// Form Post Response Mode, JARM §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// In the query of a redirect.
    Query,
    /// In the fragment of a redirect.
    Fragment,
    /// In a form that the browser sends by itself.
    FormPost,
}

/// What a client is told through the browser, ready to be sent: with JARM the only parameter is
/// `response`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAnswer {
    /// Where to: an address that was checked against the client's.
    pub redirect_uri: String,
    /// How.
    pub delivery: Delivery,
    /// What, in this order.
    pub parameters: Vec<(String, String)>,
}

/// Codes and tokens are not for logs.
impl std::fmt::Debug for ClientAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("ClientAnswer")
            .field("redirect_uri", &self.redirect_uri)
            .field("delivery", &self.delivery)
            .field("parameters", &names)
            .finish()
    }
}

/// What the browser is to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It shows a page.
    Page(Box<View>),
    /// It goes to an address: one of ours, or one that was checked.
    Go(String),
    /// It takes an answer to the client.
    Answer(ClientAnswer),
    /// It asks for a name and a password by itself (RFC 7617), for this realm.
    Challenge(String),
}

/// What a verb came to that a browser asked for. What had to be written is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What is next.
    pub reply: Reply,
    /// Cookies of the realm that change, each name once.
    pub cookies: Vec<CookieChange>,
}

impl Outcome {
    /// A page, and no cookie changes.
    pub fn page(view: View) -> Self {
        Self {
            reply: Reply::Page(Box::new(view)),
            cookies: Vec::new(),
        }
    }

    /// An address, and no cookie changes.
    pub fn go(address: impl Into<String>) -> Self {
        Self {
            reply: Reply::Go(address.into()),
            cookies: Vec::new(),
        }
    }

    /// An answer, and no cookie changes.
    pub fn answer(answer: ClientAnswer) -> Self {
        Self {
            reply: Reply::Answer(answer),
            cookies: Vec::new(),
        }
    }

    /// A name and a password, to be asked for by the browser itself.
    pub fn challenge(realm: impl Into<String>) -> Self {
        Self {
            reply: Reply::Challenge(realm.into()),
            cookies: Vec::new(),
        }
    }

    /// The same with a cookie, in place of an earlier change of it.
    #[must_use]
    pub fn with(mut self, cookie: CookieChange) -> Self {
        self.cookies.retain(|other| other.name != cookie.name);
        self.cookies.push(cookie);
        self
    }
}
