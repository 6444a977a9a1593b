//! Grants whose counterpart does not exist in this server yet: no client is allowed to them, and
//! each is refused as Keycloak refuses a client that is not.

use claviger_crypto::jws::Unverified;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use serde_json::Value;

use crate::Help;
use crate::call::Call;
use crate::problem::Problem;

/// A grant that cannot be used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OpenID Connect CIBA.
    Ciba,
    /// RFC 7523 §2.1.
    JwtBearer,
}

impl Kind {
    /// The grant of this `grant_type`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "urn:openid:params:grant-type:ciba" => Some(Self::Ciba),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => Some(Self::JwtBearer),
            _ => None,
        }
    }

    /// Where help is.
    const fn help(self) -> Help {
        match self {
            Self::Ciba | Self::JwtBearer => Help::GrantNotEnabled,
        }
    }

    /// The kind of event that tells of its use.
    pub const fn event_kind(self) -> &'static str {
        match self {
            Self::Ciba => "AUTHREQID_TO_TOKEN",
            Self::JwtBearer => "JWT_AUTHORIZATION_GRANT",
        }
    }
}

/// What a client is told whose assertion can be read.
const fn refused_as(client: &Client) -> &'static str {
    if client.settings.public_client {
        "Public client not allowed to use authorization grant"
    } else {
        "JWT Authorization Grant is not supported for the requested client"
    }
}

/// Refuses, and records that it did.
pub async fn refuse(kind: Kind, call: &Call, client: &Client, mut event: EventBuilder) -> Problem {
    let (event_error, error, text) = match kind {
        Kind::Ciba => (
            "not_allowed",
            "invalid_grant",
            "Client not allowed OIDC CIBA Grant",
        ),
        Kind::JwtBearer if !call.form.has("assertion") => (
            "invalid_request",
            "invalid_grant",
            "Missing parameter:assertion",
        ),
        Kind::JwtBearer => {
            let text = call.form.get("assertion").unwrap_or_default();
            let claims = Unverified::parse(text).and_then(|token| token.unverified_claims());
            let text = if let Ok(claims) = claims {
                let said = |name: &str| claims.get(name).and_then(Value::as_str);
                event.detail("identity_provider_issuer", said("iss").unwrap_or_default());
                event.detail("identity_provider_user_id", said("sub").unwrap_or_default());
                refused_as(client)
            } else {
                "The provided assertion is not a valid JWT"
            };
            ("invalid_request", "invalid_grant", text)
        }
    };
    event.detail("reason", text);
    let problem = Problem::bad_request(kind.help(), error, text);
    call.refuse(&event, event_error, problem).await
}
