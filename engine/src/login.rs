//! Signing in with a browser: what drives a flow ([`crate::flow`]), tab by tab.
//!
//! A protocol begins a login with [`begin`] and what its client asks for ([`Entry`]); the pages' forms go
//! on with it by [`resume`]. What the person has shown so far is a row of the store, so that a login goes
//! on at any node; nothing is believed of a browser but what the realm's keys have signed.
//! [`identity`] tells who a browser is signed in as.

mod begin;
mod checks;
mod complete;
pub(crate) mod condition;
pub(crate) mod cookies;
mod crowd;
pub mod detached;
mod drive;
mod identity;
pub(crate) mod level;
mod restart;
mod resume;
mod scene;
mod step;
pub(crate) mod tab;
mod unasked;

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_crypto::HasherError;
use claviger_model::{Seconds, Secret};
use claviger_store::StoreError;

use crate::authenticate;
use crate::authorize::AnswerError;
use crate::client::Client;
use crate::required_action::ActionError;

pub use begin::{begin, begin_at, browser_flow, open};
pub use cookies::session as session_cookies;
pub use crowd::{TABS_OF_A_REALM, thin_out};
pub use identity::{Identity, clear_session_cookies, identity};
pub use resume::resume;
pub use unasked::{Unasked, reset_credentials};

/// Which of the realm's flows people walk through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowPath {
    /// They sign in: the browser flow.
    Authenticate,
    /// They make an account: the registration flow.
    Registration,
    /// They have forgotten a credential: the flow that sets one anew.
    ResetCredentials,
}

impl FlowPath {
    /// The last segment of the address of its pages.
    pub const fn segment(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Registration => "registration",
            Self::ResetCredentials => "reset-credentials",
        }
    }

    /// The flow whose pages have this last segment; every other page is of signing in.
    pub fn of(segment: &str) -> Self {
        match segment {
            "registration" => Self::Registration,
            "reset-credentials" => Self::ResetCredentials,
            _ => Self::Authenticate,
        }
    }

    /// The event of a request to its pages.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Authenticate => "LOGIN",
            Self::Registration => "REGISTER",
            Self::ResetCredentials => "RESET_PASSWORD",
        }
    }
}

/// How often a request is tried anew because others for the same login were faster.
const ATTEMPTS: usize = 4;

/// What a client's request begins a login with. It was checked by its protocol.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The client, enabled.
    pub client: Arc<Client>,
    /// `openid-connect`, `saml` or `docker-v2`.
    pub protocol: &'static str,
    /// Where the browser is sent back to: checked against the client's.
    pub redirect_uri: Option<String>,
    /// The parameters that the protocol wants to know again, by their names.
    pub client_notes: BTreeMap<String, String>,
    /// What the client asks of the login itself.
    pub asks: Asks,
}

/// What a client asks of a login. All of it is kept in the notes, by Keycloak's names, so that it is asked
/// again where a login begins anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// `prompt`: values separated by blanks.
    pub prompt: Option<String>,
    /// `max_age`: the person must have signed in within this time.
    pub max_age: Option<Seconds>,
    /// `login_hint`: what stands in the field for the name.
    pub login_hint: Option<String>,
    /// The level of authentication that is wanted: of `acr_values`, or of the `claims` parameter.
    pub level: Option<i32>,
    /// Whether less than that is not enough (an essential claim).
    pub level_is_essential: bool,
    /// `kc_idp_hint`: the identity provider to sign in at.
    pub provider_hint: Option<String>,
    /// `kc_action`: what the person is to do in any case.
    pub action: Option<String>,
    /// `ui_locales`: languages, the preferred first, separated by blanks.
    pub ui_locales: Option<String>,
    /// What the event calls the way in (`auth_type`): the `response_type`.
    pub auth_type: Option<String>,
}

/// What a form, or a link, of a login's pages sends.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// The last segment of the address: that of a flow, or `required-action`, `restart`, `consent`.
    pub path: &'static str,
    /// `session_code`: for one use; without one the page is only shown again.
    pub session_code: Option<Secret>,
    /// `execution`: the step, or the required action.
    pub execution: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `tab_id`.
    pub tab_id: Option<String>,
    /// `client_data`.
    pub client_data: Option<String>,
    /// `kc_locale`: the language that the person chose.
    pub locale: Option<String>,
    /// Whether the session of an earlier login is kept when this one begins anew (`skip_logout`).
    pub skip_logout: bool,
    /// `mode`: how a page shows what it shows, where it can in more than one way.
    pub mode: Option<String>,
    /// The form.
    pub form: Form,
}

/// The fields of a form, each with its values.
pub type Form = BTreeMap<String, Vec<String>>;

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The realm has no key that the cookies could be signed or encrypted with.
    #[error("the realm has no key for cookies")]
    NoKey,
    /// Requests for the same login came in each other's way, again and again.
    #[error("too many requests for the same login at once")]
    Busy,
    /// Too many passwords wait to be hashed, or the hashing threads are gone.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// The client could not be answered.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<authenticate::LoginError> for LoginError {
    fn from(error: authenticate::LoginError) -> Self {
        match error {
            authenticate::LoginError::Hasher(error) => Self::Hasher(error),
            authenticate::LoginError::Store(error) => Self::Store(error),
        }
    }
}

impl From<ActionError> for LoginError {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::Hasher(error) => Self::Hasher(error),
            ActionError::Store(error) => Self::Store(error),
        }
    }
}
