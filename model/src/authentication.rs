//! A browser on its way in: what it has shown so far, in one tab of one login.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{ClientUuid, Millis, SessionId, UserId};

/// What an execution of the flow has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecutionStatus {
    /// It proved something.
    Success,
    /// It asked, and waits for the answer.
    Challenged,
    /// It had nothing to say; another alternative may.
    Attempted,
    /// It refused.
    Failed,
    /// Its user has yet to set it up.
    SetupRequired,
    /// Its condition held.
    EvaluatedTrue,
    /// Its condition did not hold.
    EvaluatedFalse,
}

impl ExecutionStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Challenged,
        Self::Attempted,
        Self::Failed,
        Self::SetupRequired,
        Self::EvaluatedTrue,
        Self::EvaluatedFalse,
    ];

    /// A stable name for rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Challenged => "CHALLENGED",
            Self::Attempted => "ATTEMPTED",
            Self::Failed => "FAILED",
            Self::SetupRequired => "SETUP_REQUIRED",
            Self::EvaluatedTrue => "EVALUATED_TRUE",
            Self::EvaluatedFalse => "EVALUATED_FALSE",
        }
    }

    /// Reads the name of a row.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What the browser is about to do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthenticationAction {
    /// Goes through a flow.
    Authenticate,
    /// Has to do something before it may go on.
    RequiredActions,
    /// Is asked what the client may have.
    Consent,
    /// Is asked whether to log out.
    LoggingOut,
}

impl AuthenticationAction {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Authenticate,
        Self::RequiredActions,
        Self::Consent,
        Self::LoggingOut,
    ];

    /// A stable name for rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticate => "AUTHENTICATE",
            Self::RequiredActions => "REQUIRED_ACTIONS",
            Self::Consent => "OAUTH_GRANT",
            Self::LoggingOut => "LOGGING_OUT",
        }
    }

    /// Reads the name of a row.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// One tab of a login. All tabs of one browser share the `root`, which lies in its cookie
/// `AUTH_SESSION_ID`; nothing but the id is shared, so that no tab gains by another's proofs.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticationSession {
    /// The browser's id of the login. The user session that comes of it has the same.
    pub root: SessionId,
    /// `tab_id` in addresses: 11 characters of base64url.
    pub tab: String,
    /// Counts the changes: of two requests that change the same tab, one misses.
    pub revision: i64,
    /// The client that sent the browser.
    pub client: ClientUuid,
    /// `openid-connect`, `saml` or `docker-v2`.
    pub protocol: String,
    /// Where the browser is sent back to; checked when the tab began.
    pub redirect_uri: Option<String>,
    /// The base path on which it began, `""` or `"/auth"`.
    pub base_path: String,
    /// What the browser is about to do.
    pub action: AuthenticationAction,
    /// Who it claims to be; nobody is signed in by that.
    pub user: Option<UserId>,
    /// What the executions of the flow have come to, by their ids.
    pub executions: BTreeMap<String, ExecutionStatus>,
    /// Required actions that this login asks for, beside those of the user.
    pub required_actions: BTreeSet<String>,
    /// What the protocol wants to know at the end: the parameters of the request.
    pub client_notes: BTreeMap<String, String>,
    /// What steps of the flow remember. A key begins with the id of the execution that it belongs to,
    /// where it belongs to one.
    pub auth_notes: BTreeMap<String, String>,
    /// Notes that the user session gets.
    pub session_notes: BTreeMap<String, String>,
    /// When it began.
    pub started_at: Millis,
    /// When it is over, whatever was done.
    pub expires_at: Millis,
}

/// The notes may hold what nobody should read in a log.
impl fmt::Debug for AuthenticationSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationSession")
            .field("tab", &self.tab)
            .field("revision", &self.revision)
            .field("client", &self.client)
            .field("action", &self.action)
            .field("user", &self.user)
            .field("executions", &self.executions)
            .finish_non_exhaustive()
    }
}
