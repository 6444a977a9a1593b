//! `client_data` in the addresses of a login: enough to send the browser back to the client with an
//! error, when the login itself is gone.

use claviger_crypto::encoding::{base64url, decode_base64url};
use claviger_model::AuthenticationSession;
use serde::{Deserialize, Serialize};

/// How many characters are read.
const LENGTH_MAX: usize = 12_000;

/// What the address of a login says of the client's request. It is the browser's word: see
/// [`super::refuse_stale`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientData {
    /// Where the client is answered.
    #[serde(rename = "ru", default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// `response_type`.
    #[serde(rename = "rt", default, skip_serializing_if = "Option::is_none")]
    pub response_type: Option<String>,
    /// `response_mode`.
    #[serde(rename = "rm", default, skip_serializing_if = "Option::is_none")]
    pub response_mode: Option<String>,
    /// `state`.
    #[serde(rename = "st", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl ClientData {
    /// What the addresses of a tab say.
    pub fn of(tab: &AuthenticationSession) -> Self {
        let note = |name: &str| tab.client_notes.get(name).cloned();
        Self {
            redirect_uri: tab.redirect_uri.clone(),
            response_type: note("response_type"),
            response_mode: note("response_mode"),
            state: note("state"),
        }
    }

    /// As it stands in an address.
    pub fn encode(&self) -> String {
        base64url(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads it; none if it cannot be read.
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        serde_json::from_slice(&decode_base64url(text).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_reads_what_it_writes_and_leaves_out_what_is_not_there() {
        let data = ClientData {
            redirect_uri: Some("http://app.example/cb".into()),
            response_type: Some("code".into()),
            response_mode: None,
            state: Some("\u{e4}".into()),
        };
        assert_eq!(ClientData::decode(&data.encode()), Some(data.clone()));
        let json = decode_base64url(&data.encode()).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert_eq!(
            json,
            "{\"ru\":\"http://app.example/cb\",\"rt\":\"code\",\"st\":\"\u{e4}\"}"
        );
    }

    proptest! {
        #[test]
        fn whatever_an_address_says_is_read_or_not(text in ".{0,200}") {
            let _read = ClientData::decode(&text);
        }
    }
}
