//! The grants of the token endpoint, by the names of RFC 6749 and its extensions.

mod authorization_code;
mod client_credentials;
mod device_code;
mod password;
mod refresh_token;
mod token_exchange;
mod unavailable;

pub use refresh_token::tell as tell_refresh_error;

use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::logout::adapter;
use claviger_model::ClientSession;

use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;

/// A grant that the token endpoint knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §4.3.
    Password,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8628 §3.4.
    DeviceCode,
    /// RFC 8693.
    TokenExchange,
    /// A grant that no client of this server can use yet.
    Unavailable(unavailable::Kind),
}

impl Grant {
    /// The grant of this `grant_type`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "authorization_code" => Some(Self::AuthorizationCode),
            "password" => Some(Self::Password),
            "refresh_token" => Some(Self::RefreshToken),
            "client_credentials" => Some(Self::ClientCredentials),
            "urn:ietf:params:oauth:grant-type:device_code" => Some(Self::DeviceCode),
            "urn:ietf:params:oauth:grant-type:token-exchange" => Some(Self::TokenExchange),
            other => unavailable::Kind::from_name(other).map(Self::Unavailable),
        }
    }

    /// The kind of event that tells of its use.
    pub const fn event_kind(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "CODE_TO_TOKEN",
            Self::Password => "LOGIN",
            Self::RefreshToken => "REFRESH_TOKEN",
            Self::ClientCredentials => "CLIENT_LOGIN",
            Self::DeviceCode => "OAUTH2_DEVICE_CODE_TO_TOKEN",
            Self::TokenExchange => "TOKEN_EXCHANGE",
            Self::Unavailable(kind) => kind.event_kind(),
        }
    }

    /// The parameters that may come more than once.
    pub const fn repeatable(self) -> &'static [&'static str] {
        match self {
            Self::TokenExchange => &["audience", "resource"],
            Self::AuthorizationCode
            | Self::Password
            | Self::RefreshToken
            | Self::ClientCredentials
            | Self::DeviceCode
            | Self::Unavailable(_) => &[],
        }
    }

    /// Runs it for a client that has authenticated.
    pub async fn run(
        self,
        call: &Call,
        client: &Client,
        event: EventBuilder,
    ) -> Result<Answer, Problem> {
        match self {
            Self::AuthorizationCode => authorization_code::run(call, client, event).await,
            Self::Password => password::run(call, client, event).await,
            Self::RefreshToken => refresh_token::run(call, client, event).await,
            Self::ClientCredentials => client_credentials::run(call, client, event).await,
            Self::DeviceCode => device_code::run(call, client, event).await,
            Self::TokenExchange => token_exchange::run(call, client, event).await,
            Self::Unavailable(kind) => Err(unavailable::refuse(kind, call, client, event).await),
        }
    }
}

/// Notes how one of Keycloak's own adapters calls its session, if it says so.
fn name_adapter_session(call: &Call, client: &Client, part: &mut ClientSession) {
    if let Some(name) = call.form.get("client_session_state") {
        let host = call.form.get("client_session_host");
        adapter::name_session(client, part, name, host);
    }
}
