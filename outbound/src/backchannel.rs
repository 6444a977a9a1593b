//! Telling clients without a browser: logout tokens as a form (OpenID Connect Back-Channel Logout 1.0
//! §2.5), orders to Keycloak's own adapters as plain text.

use claviger_engine::network::{NetworkError, Posted};

use crate::fetcher::{FORM, Fetcher, form};

/// The media type of orders to adapters, as Keycloak sends it.
const TEXT: &str = "text/plain; charset=ISO-8859-1";

/// Posts something and gives the status of the answer.
pub(crate) async fn post(
    fetcher: &Fetcher,
    url: String,
    body: Posted,
) -> Result<u16, NetworkError> {
    let (content_type, text) = match body {
        Posted::Form(fields) => {
            let pairs = fields.iter().map(|(name, value)| (&**name, &**value));
            (FORM, form(&pairs.collect::<Vec<_>>()))
        }
        Posted::Text(text) => (TEXT, text),
    };
    let told = fetcher.post_for_status(&url, content_type, text).await;
    told.map_err(Into::into)
}
