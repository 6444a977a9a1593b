//! Cross-origin requests (Fetch standard): which web origins may read an answer.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderValue, header};
use claviger_engine::client::Client;
use claviger_engine::mapper::origin::web_origins;

/// Who may read the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Readers {
    /// No foreign origin.
    #[default]
    Nobody,
    /// Every origin: an answer without anything secret, or a refusal before the client is known.
    All,
    /// The client's web origins.
    Origins(BTreeSet<String>),
}

impl Readers {
    /// The web origins of a client. `base_url` is the server's address with its base path.
    pub fn of(client: &Client, base_url: &str) -> Self {
        let origins = web_origins(client, base_url);
        if origins.contains("*") {
            return Self::All;
        }
        Self::Origins(origins.into_iter().map(Cow::into_owned).collect())
    }

    /// Whether an origin is among them.
    pub fn include(&self, origin: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::All => true,
            Self::Origins(origins) => origins.contains(origin),
        }
    }
}

/// The headers that scripts may read of most answers.
pub const EXPOSED: &str = "Access-Control-Allow-Methods";

/// Puts the headers of an answer that its readers' browsers ask for. `exposed` are the headers that
/// their scripts may read, beyond those that everybody may.
pub fn write(
    headers: &mut HeaderMap,
    asking: Option<&HeaderValue>,
    readers: &Readers,
    exposed: Option<&'static str>,
) {
    let Some(asking) = asking else { return };
    if !asking.to_str().is_ok_and(|origin| readers.include(origin)) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, asking.clone());
    if let Some(exposed) = exposed {
        let exposed = HeaderValue::from_static(exposed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
}

/// Puts the headers of the answer to a preflight request. Every origin may ask; the answer to the
/// request itself then says whether it may read.
pub fn write_preflight(
    headers: &mut HeaderMap,
    asking: Option<&HeaderValue>,
    methods: &'static str,
) {
    let Some(asking) = asking else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, asking.clone());
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Origin, Accept, X-Requested-With, Content-Type, Access-Control-Request-Method, \
             Access-Control-Request-Headers, DPoP, Authorization",
        ),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("3600"),
    );
}

/// Methods that a preflight names if an endpoint names none.
pub const DEFAULT_METHODS: &str = "GET, HEAD, OPTIONS";
