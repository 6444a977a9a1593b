//! Grants whose counterpart does not exist in this server yet: no client is allowed to them, and
//! each is refused as Keycloak refuses a client that is not.

use claviger_engine::events::EventBuilder;

use crate::Help;
use crate::call::Call;
use crate::problem::Problem;

/// A grant that cannot be used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OpenID Connect CIBA.
    Ciba,
    /// RFC 8693.
    TokenExchange,
    /// RFC 7523 §2.1.
    JwtBearer,
}

impl Kind {
    /// The grant of this `grant_type`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "urn:openid:params:grant-type:ciba" => Some(Self::Ciba),
            "urn:ietf:params:oauth:grant-type:token-exchange" => Some(Self::TokenExchange),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => Some(Self::JwtBearer),
            _ => None,
        }
    }

    /// Where help is.
    const fn help(self) -> Help {
        match self {
            Self::Ciba | Self::TokenExchange | Self::JwtBearer => Help::GrantNotEnabled,
        }
    }

    /// The kind of event that tells of its use.
    pub const fn event_kind(self) -> &'static str {
        match self {
            Self::Ciba => "AUTHREQID_TO_TOKEN",
            Self::TokenExchange => "TOKEN_EXCHANGE",
            Self::JwtBearer => "JWT_AUTHORIZATION_GRANT",
        }
    }
}

/// Refuses, and records that it did.
pub async fn refuse(kind: Kind, call: &Call, mut event: EventBuilder) -> Problem {
    let (event_error, error, text) = match kind {
        Kind::Ciba => (
            "not_allowed",
            "invalid_grant",
            "Client not allowed OIDC CIBA Grant",
        ),
        Kind::TokenExchange => {
            event.detail("auth_method", "token_exchange");
            let text = "Standard token exchange is not enabled for the requested client";
            ("invalid_request", "invalid_request", text)
        }
        Kind::JwtBearer if !call.form.has("assertion") => (
            "invalid_request",
            "invalid_grant",
            "Missing parameter:assertion",
        ),
        Kind::JwtBearer => {
            let text = "The provided assertion is not a valid JWT";
            ("invalid_request", "invalid_grant", text)
        }
    };
    event.detail("reason", text);
    let problem = Problem::bad_request(kind.help(), error, text);
    call.refuse(&event, event_error, problem).await
}
