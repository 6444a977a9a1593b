//! Telling clients without a browser: logout tokens as a form (OpenID Connect Back-Channel Logout 1.0
//! §2.5), orders to Keycloak's own adapters as plain text, security event tokens as they are
//! (RFC 8935 §2.1), requests to end everything that a user has as JSON.

use claviger_engine::network::{NetworkError, Posted};

use crate::fetcher::{FORM, Fetcher, form};

/// The media type of orders to adapters, as Keycloak sends it.
const TEXT: &str = "text/plain; charset=ISO-8859-1";

/// The media type of security event tokens.
const SET: &str = "application/secevent+jwt";

/// Posts something and gives the status of the answer.
pub(crate) async fn post(
    fetcher: &Fetcher,
    url: String,
    body: Posted,
) -> Result<u16, NetworkError> {
    let (content_type, text, authorization) = match body {
        Posted::Form(fields) => {
            let pairs = fields.iter().map(|(name, value)| (&**name, &**value));
            (FORM, form(&pairs.collect::<Vec<_>>()), None)
        }
        Posted::Text(text) => (TEXT, text, None),
        Posted::SecurityEvent {
            token,
            authorization,
        } => (SET, token, authorization),
        Posted::Revocation { token, body } => {
            ("application/json", body, Some(format!("Bearer {token}")))
        }
    };
    let accept = (content_type == SET).then_some("application/json");
    let headers = [
        ("content-type", Some(content_type)),
        ("accept", accept),
        ("authorization", authorization.as_deref()),
    ];
    let told = fetcher.post_for_status(&url, &headers, text).await;
    told.map_err(Into::into)
}
