//! Shared signals as others see them: streams, security event tokens, polls (OpenID Shared Signals
//! Framework 1.0, CAEP 1.0, RISC 1.0, RFC 8935, RFC 8936, RFC 9493).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::Json;

/// Delivery by push (RFC 8935).
pub const PUSH: &str = "urn:ietf:rfc:8935";
/// Delivery by poll (RFC 8936).
pub const POLL: &str = "urn:ietf:rfc:8936";
/// Delivery by push, as it was called before.
pub const RISC_PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";
/// Delivery by poll, as it was called before.
pub const RISC_POLL: &str = "https://schemas.openid.net/secevent/risc/delivery-method/poll";

/// `typ` of a security event token (RFC 8417 §2.3).
pub const SET_TYPE: &str = "secevent+jwt";
/// The media type of a security event token.
pub const SET_MEDIA: &str = "application/secevent+jwt";

/// Declares the events that this server knows, with their types and Keycloak's short names.
macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $uri:literal, $alias:literal;)*) => {
        /// What an event says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum EventType { $($(#[$doc])* $variant,)* }

        impl EventType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The URI that names it in a token.
            pub const fn uri(self) -> &'static str {
                match self { $(Self::$variant => $uri,)* }
            }

            /// The short name that administrators use.
            pub const fn alias(self) -> &'static str {
                match self { $(Self::$variant => $alias,)* }
            }
        }
    };
}

events! {
    /// CAEP §3.1: a session ended.
    SessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked", "CaepSessionRevoked";
    /// CAEP §3.3: a password or second factor was made, changed or taken away.
    CredentialChange = "https://schemas.openid.net/secevent/caep/event-type/credential-change", "CaepCredentialChange";
    /// CAEP §3.2: what tokens say of somebody has changed.
    TokenClaimsChange = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change", "CaepTokenClaimsChanged";
    /// RISC §2.3: an account was disabled.
    AccountDisabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled", "RiscAccountDisabled";
    /// RISC §2.4: an account was enabled.
    AccountEnabled = "https://schemas.openid.net/secevent/risc/event-type/account-enabled", "RiscAccountEnabled";
    /// RISC §2.2: an account is gone.
    AccountPurged = "https://schemas.openid.net/secevent/risc/event-type/account-purged", "RiscAccountPurged";
    /// RISC §2.5: a mail address has changed.
    IdentifierChanged = "https://schemas.openid.net/secevent/risc/event-type/identifier-changed", "RiscIdentifierChanged";
    /// SSF §8.1.4: the receiver asked whether the stream works.
    Verification = "https://schemas.openid.net/secevent/ssf/event-type/verification", "SsfStreamVerification";
    /// SSF §8.1.5: the stream has another status.
    StreamUpdated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated", "SsfStreamUpdated";
}

impl EventType {
    /// The event that a URI or a short name stands for.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|event| event.uri() == name || event.alias() == name)
    }

    /// Whether a receiver asks for it. The others come with every stream.
    pub const fn is_chosen(self) -> bool {
        !matches!(self, Self::Verification | Self::StreamUpdated)
    }
}

/// Where and how a stream delivers (SSF §6.1).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// The method's URI.
    pub method: String,
    /// Where the receiver listens, or where it polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// What `Authorization` says when a token is pushed: the receiver's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_header: Option<String>,
    /// What the receiver wants to read back, and nobody acts upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_parameters: Option<Json>,
}

/// The header is a secret.
impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// Whether tokens are pushed.
    pub fn is_push(&self) -> bool {
        matches!(self.method.as_str(), PUSH | RISC_PUSH)
    }

    /// Whether tokens are fetched.
    pub fn is_poll(&self) -> bool {
        matches!(self.method.as_str(), POLL | RISC_POLL)
    }
}

/// What a receiver sends of a stream (SSF §8.1.1). What only the transmitter may say is read as it
/// came, to be compared with what is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamInput {
    /// Which stream.
    pub stream_id: Option<String>,
    /// The events that the receiver wants.
    pub events_requested: Option<Vec<String>>,
    /// How.
    pub delivery: Option<Delivery>,
    /// For people.
    pub description: Option<String>,
    /// Old transmitters' subject format.
    pub format: Option<String>,
    /// The transmitter's.
    pub iss: Option<Value>,
    /// The transmitter's.
    pub aud: Option<Value>,
    /// The transmitter's.
    pub events_supported: Option<Value>,
    /// The transmitter's.
    pub events_delivered: Option<Value>,
    /// The transmitter's.
    pub min_verification_interval: Option<Value>,
}

/// Whether a stream delivers (SSF §8.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    #[default]
    Enabled,
    /// It will again: what happens meanwhile is kept.
    Paused,
    /// It does not, and nothing is kept.
    Disabled,
}

impl Status {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Enabled, Self::Paused, Self::Disabled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// A stream as it is kept: the body of its document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamBody {
    /// UUID text.
    pub stream_id: String,
    /// Who its tokens are from: the realm under the name by which the receiver called it.
    pub iss: String,
    /// Whom its tokens are for.
    pub aud: Vec<String>,
    /// What the receiver asked for.
    pub events_requested: Vec<String>,
    /// How it delivers.
    pub delivery: Delivery,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it delivers.
    pub status: Status,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When it was made, in seconds.
    pub created_at: i64,
    /// When it was changed, in seconds.
    pub updated_at: i64,
    /// Whether an administrator made it, and not its receiver.
    pub made_by_admin: bool,
}

/// What a receiver that polls sends (RFC 8936 §2.2).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PollRequest {
    /// Tokens that it has.
    pub ack: Vec<String>,
    /// Tokens that it cannot use, and why.
    #[serde(rename = "setErrs")]
    pub set_errs: std::collections::BTreeMap<String, Value>,
    /// How many tokens it takes at most.
    #[serde(rename = "maxEvents")]
    pub max_events: Option<i64>,
    /// Whether it is answered although nothing waits.
    #[serde(rename = "returnImmediately")]
    pub return_immediately: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_known_by_uri_and_by_short_name() {
        for event in EventType::ALL {
            assert_eq!(EventType::named(event.uri()), Some(*event));
            assert_eq!(EventType::named(event.alias()), Some(*event));
        }
        assert_eq!(EventType::named("urn:x"), None);
    }

    #[test]
    fn the_example_of_a_poll_is_read() {
        // RFC 8936, figure 5: an acknowledgement with errors.
        let sent = json!({
            "ack": ["3d0c3cf797584bd193bd0fb1bd4e7d30"],
            "setErrs": {"4d3559ec67504aaba65d40b0363faad8": {
                "err": "authentication_failed", "description": "The SET could not be authenticated"
            }},
            "returnImmediately": true,
        });
        let read: PollRequest = serde_json::from_value(sent).unwrap();
        assert_eq!((read.ack.len(), read.set_errs.len()), (1, 1));
        assert!(read.return_immediately && read.max_events.is_none());
        // Figure 3: nothing at all means to wait.
        let waits: PollRequest = serde_json::from_value(json!({})).unwrap();
        assert!(!waits.return_immediately);
    }

    #[test]
    fn the_receivers_secret_is_not_printed() {
        let delivery = Delivery {
            method: PUSH.to_owned(),
            authorization_header: Some("Bearer hidden".to_owned()),
            ..Delivery::default()
        };
        assert!(!format!("{delivery:?}").contains("hidden"));
    }
}
