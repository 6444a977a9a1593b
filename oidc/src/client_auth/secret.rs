//! Shared secrets: `client_secret_basic`, `client_secret_post`, and public clients, which have none
//! (RFC 6749 §2.3.1).

use std::sync::Arc;

use axum::http::header;
use claviger_crypto::digest::equal;
use claviger_crypto::encoding::decode_tolerant;
use claviger_engine::client::Client;
use claviger_engine::client_secrets;
use claviger_engine::events::EventBuilder;
use claviger_model::Secret;
use claviger_wire::client::ClientSettings;
use percent_encoding::percent_decode_str;

use super::{Failure, Refusal, Verdict};
use crate::Help;
use crate::call::Call;

/// Finds the client by the id that the request gives, and compares the secret.
pub async fn attempt(
    call: &Call,
    event: &mut EventBuilder,
    known: &mut Option<Arc<Client>>,
) -> Result<Verdict, Failure> {
    let given = match Given::of(call) {
        Ok(given) => given,
        Err(NotGiven::NeitherBasicNorForm) => {
            return Ok(Verdict::Refused(Refusal::challenge(&call.realm)));
        }
        Err(NotGiven::NoClient) => {
            let text = "Missing client_id parameter";
            let refusal = Refusal::malformed(Help::ClientIdMissing, "invalid_client", text);
            return Ok(Verdict::Refused(refusal));
        }
        Err(NotGiven::BadEscape) => {
            let text = "Unexpected error when authenticating client";
            let help = Help::BasicMalformed;
            return Err(Refusal::malformed(help, "unauthorized_client", text).into());
        }
    };
    event.client_said(&given.client_id);
    let Some(client) = call.realm.client(&given.client_id).await? else {
        let refusal = Refusal::not_found(Help::ClientNotAccepted);
        return Ok(Verdict::Refused(refusal));
    };
    event.client(&client.client_id);
    let secrets = client_secrets::known(&call.app, &call.realm, &client.settings).await;
    let verdict = given.judge(&client.settings, &secrets);
    *known = Some(client);
    Ok(verdict)
}

/// How a secret came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Basic,
    Post,
}

impl Way {
    /// The name in OpenID Connect Core §9, and in a client's settings.
    const fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }
}

/// What a request says about its client.
#[derive(Clone, PartialEq, Eq)]
struct Given {
    client_id: String,
    secret: Option<(Way, String)>,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = self.secret.as_ref().map(|(way, _)| way);
        f.debug_struct("Given")
            .field("client_id", &self.client_id)
            .field("way", &way)
            .finish()
    }
}

/// Why a request says nothing about its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotGiven {
    /// An `Authorization` header of another kind, and a form that names no client.
    NeitherBasicNorForm,
    /// No name at all.
    NoClient,
    /// A `%` in the header without two digits after it.
    BadEscape,
}

impl Given {
    /// What the form says goes before what the header says.
    fn of(call: &Call) -> Result<Self, NotGiven> {
        let mut client_id = None;
        let mut secret = None;
        let in_form = |name: &str| call.form.get(name).map(str::to_owned);
        if let Some(header) = call.header(header::AUTHORIZATION) {
            if let Some((id, text)) = basic(header)? {
                client_id = Some(id);
                secret = Some((Way::Basic, text));
            } else if call.is_form && !call.form.has("client_id") {
                return Err(NotGiven::NeitherBasicNorForm);
            }
        }
        Ok(Self {
            client_id: in_form("client_id")
                .or(client_id)
                .ok_or(NotGiven::NoClient)?,
            secret: in_form("client_secret")
                .map(|text| (Way::Post, text))
                .or(secret),
        })
    }

    fn judge(&self, client: &ClientSettings, secrets: &[Secret]) -> Verdict {
        if !client.enabled {
            return Verdict::Refused(Refusal::disabled());
        }
        if client.public_client {
            return Verdict::Proven;
        }
        let Some((way, secret)) = &self.secret else {
            return Verdict::Refused(Refusal::wrong_secret(Help::ClientSecretMissing));
        };
        if client.secret.is_none() {
            return Verdict::Refused(Refusal::no_secret_is_right());
        }
        let only = client.attribute("client.secret.authentication.allowed.method");
        if let Some(only) = only.filter(|only| !only.trim().is_empty() && *only != way.name()) {
            let text = format!(
                "Invalid method used to get client secret. Client requires method '{only}' to \
                 obtain client secret from the request"
            );
            return Verdict::Refused(Refusal::unauthorized(Help::ClientSecretPlace, text));
        }
        let fits = |known: &Secret| equal(known.reveal().as_bytes(), secret.as_bytes());
        if secrets.iter().any(fits) {
            Verdict::Proven
        } else if secrets.is_empty() {
            Verdict::Refused(Refusal::no_secret_is_right())
        } else {
            Verdict::Refused(Refusal::wrong_secret(Help::ClientSecretWrong))
        }
    }
}

/// Reads `Basic` credentials, each part form-encoded (RFC 6749 §2.3.1). None if the header is of
/// another kind or broken.
fn basic(header: &str) -> Result<Option<(String, String)>, NotGiven> {
    let Some((scheme, encoded)) = header.split_at_checked(5) else {
        return Ok(None);
    };
    // Whatever stands between the scheme and the credentials is one character wide.
    let encoded = encoded
        .get(1..)
        .filter(|_| scheme.eq_ignore_ascii_case("basic"));
    let Some(bytes) = encoded.and_then(|text| decode_tolerant(text).ok()) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let Some((id, secret)) = text.split_once(':') else {
        return Ok(None);
    };
    Ok(Some((decode(id)?, decode(secret)?)))
}

/// Whether an `Authorization: Basic` header can be read.
pub fn is_readable(header: &str) -> bool {
    matches!(basic(header), Ok(Some(_)))
}

/// Decodes `application/x-www-form-urlencoded` text, strictly: what is half-encoded could be read
/// in two ways.
fn decode(text: &str) -> Result<String, NotGiven> {
    let escape_is_whole = |rest: &str| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(escape_is_whole) {
        return Err(NotGiven::BadEscape);
    }
    let text = text.replace('+', " ");
    Ok(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use claviger_crypto::encoding::base64;
    use claviger_model::Seconds;
    use serde_json::json;

    use super::*;

    const NOW: Seconds = Seconds(1_700_000_000);

    fn client(body: &serde_json::Value) -> ClientSettings {
        ClientSettings::from_body(body.as_object().unwrap())
    }

    fn own(client: &ClientSettings) -> Vec<Secret> {
        client_secrets::valid(client, NOW)
            .into_iter()
            .map(Secret::new)
            .collect()
    }

    fn given(way: Way, secret: &str) -> Given {
        Given {
            client_id: "web".into(),
            secret: Some((way, secret.into())),
        }
    }

    fn told(verdict: Verdict) -> String {
        match verdict {
            Verdict::Proven => "proven".to_owned(),
            Verdict::NotUsed => "not used".to_owned(),
            Verdict::Refused(refusal) => {
                format!("{}: {:?}", refusal.event_error, refusal.problem)
            }
        }
    }

    #[test]
    fn basic_credentials_are_read_as_the_standard_encodes_them() {
        let header = |text: &str| format!("Basic {}", base64(text.as_bytes()));
        let pair = |id: &str, secret: &str| Ok(Some((id.to_owned(), secret.to_owned())));
        let cases = [
            (header("web:web-secret"), pair("web", "web-secret")),
            (header("web:a:b"), pair("web", "a:b")),
            (header("a%3Ab:s+%2B%C3%BC"), pair("a:b", "s +ü")),
            (header(":"), pair("", "")),
            (format!("bAsIc {}", base64(b"web:x")), pair("web", "x")),
            (header("no colon"), Ok(None)),
            ("Basic !!!!".to_owned(), Ok(None)),
            ("Basic".to_owned(), Ok(None)),
            ("Bas".to_owned(), Ok(None)),
            ("Bäsic d2ViOng=".to_owned(), Ok(None)),
            ("Bearer d2ViOng=".to_owned(), Ok(None)),
            (String::new(), Ok(None)),
            (header("web:100%"), Err(NotGiven::BadEscape)),
            (header("web:%4"), Err(NotGiven::BadEscape)),
            (header("web:%4x"), Err(NotGiven::BadEscape)),
            (header("web:%é"), Err(NotGiven::BadEscape)),
        ];
        for (header, expected) in cases {
            assert_eq!(basic(&header), expected, "{header}");
        }
    }

    #[test]
    fn a_secret_must_be_the_clients() {
        let web = client(&json!({"clientId": "web", "secret": "right"}));
        assert_eq!(
            told(given(Way::Basic, "right").judge(&web, &own(&web))),
            "proven"
        );
        for wrong in ["", "wrong", "right ", "righ", "Right"] {
            let verdict = told(given(Way::Post, wrong).judge(&web, &own(&web)));
            assert!(
                verdict.starts_with("invalid_client_credentials: "),
                "{wrong}: {verdict}"
            );
            assert!(
                verdict.contains("unauthorized_client"),
                "{wrong}: {verdict}"
            );
        }
        let without = Given {
            client_id: "web".into(),
            secret: None,
        };
        assert!(told(without.judge(&web, &own(&web))).starts_with("invalid_client_credentials"));
    }

    #[test]
    fn a_client_without_a_secret_is_not_entered_with_an_empty_one() {
        for body in [
            json!({"clientId": "web"}),
            json!({"clientId": "web", "secret": ""}),
        ] {
            let verdict = told(given(Way::Post, "").judge(&client(&body), &own(&client(&body))));
            assert!(verdict.starts_with("invalid_client_credentials"), "{body}");
        }
    }

    #[test]
    fn public_clients_have_nothing_to_prove_and_disabled_ones_no_chance() {
        let public = client(&json!({"clientId": "app", "publicClient": true}));
        let nothing = Given {
            client_id: "app".into(),
            secret: None,
        };
        assert_eq!(told(nothing.judge(&public, &own(&public))), "proven");
        let off = client(&json!({"clientId": "app", "publicClient": true, "enabled": false}));
        assert!(told(nothing.judge(&off, &own(&off))).starts_with("client_disabled"));
    }

    #[test]
    fn a_client_can_insist_on_one_way() {
        let body = json!({"clientId": "web", "secret": "s", "attributes":
            {"client.secret.authentication.allowed.method": "client_secret_basic"}});
        let web = client(&body);
        assert_eq!(
            told(given(Way::Basic, "s").judge(&web, &own(&web))),
            "proven"
        );
        let verdict = told(given(Way::Post, "s").judge(&web, &own(&web)));
        assert!(
            verdict.contains("Client requires method 'client_secret_basic'"),
            "{verdict}"
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", given(Way::Post, "hunter2")).contains("hunter2"));
    }
}
