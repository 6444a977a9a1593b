//! What those see who follow a realm's records to check tokens by themselves (`docs/logout.md`).

use claviger_model::{Numbered, Revocation};
use serde::Serialize;

/// One record. A key that is left out fits any token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its number.
    pub seq: i64,
    /// `sid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// `azp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Tokens with `iat * 1000` up to this are dead, in milliseconds since 1970.
    pub before_ms: i64,
    /// From this second on the record may be forgotten.
    pub until: i64,
    /// When it happened, in milliseconds since 1970.
    pub at_ms: i64,
    /// Why.
    pub reason: &'static str,
}

impl From<&Numbered> for Record {
    fn from(numbered: &Numbered) -> Self {
        let Revocation {
            realm: _,
            client,
            user,
            session,
            jti,
            before,
            until,
            at,
            reason,
        } = &numbered.revocation;
        Self {
            seq: numbered.seq,
            sid: session.as_ref().map(|id| id.as_str().to_owned()),
            sub: user.as_ref().map(|id| id.as_str().to_owned()),
            client_id: client.clone(),
            jti: jti.clone(),
            before_ms: before.0,
            // Rounded up: never forgotten too early.
            until: until.seconds().0.saturating_add(1),
            at_ms: at.0,
            reason: reason.as_str(),
        }
    }
}

/// The answer to whoever asks for records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Feed {
    /// The issuer.
    pub realm: String,
    /// The last number given.
    pub head: i64,
    /// The first number still kept.
    pub oldest: i64,
    /// Where to go on: `since` of the next request.
    pub next: i64,
    /// How long an access token of the realm lives at most, in seconds.
    pub horizon: i64,
    /// The server's time, in milliseconds since 1970.
    pub time_ms: i64,
    /// The records behind `since`, in order.
    pub records: Vec<Record>,
}

/// Promises that every record up to `head` has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Beat {
    /// The number.
    pub head: i64,
    /// The server's time, in milliseconds since 1970.
    pub time_ms: i64,
}

#[cfg(test)]
mod tests {
    use claviger_model::Millis;
    use claviger_model::session::EndReason;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_fit_anything_are_left_out() {
        let numbered = Numbered {
            seq: 7,
            revocation: Revocation {
                realm: "r".into(),
                client: None,
                user: None,
                session: Some("s".into()),
                jti: None,
                before: Millis(1_234),
                until: Millis(300_500),
                at: Millis(1_000),
                reason: EndReason::Logout,
            },
        };
        let expected = json!({
            "seq": 7, "sid": "s", "before_ms": 1_234, "until": 301, "at_ms": 1_000,
            "reason": "logout",
        });
        assert_eq!(json!(Record::from(&numbered)), expected);
    }
}
