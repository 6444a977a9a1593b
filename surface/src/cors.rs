//! Cross-origin requests (Fetch standard): which web origins may read an answer.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderValue, header};
use claviger_engine::client::Client;
use url::Url;

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
    /// The web origins of a client; `+` stands for the origins of its redirect URIs.
    pub fn of(client: &Client) -> Self {
        let mut origins = BTreeSet::new();
        for entry in &client.settings.web_origins {
            if entry == "+" {
                origins.extend(client.settings.redirect_uris.iter().filter_map(|uri| {
                    origin(uri).or_else(|| {
                        // A relative redirect URI hangs on the client's root URL.
                        let root = client.settings.root_url.as_deref()?;
                        if uri.starts_with('/') {
                            origin(root)
                        } else {
                            None
                        }
                    })
                }));
            } else {
                origins.insert(entry.clone());
            }
        }
        if origins.contains("*") {
            Self::All
        } else {
            Self::Origins(origins)
        }
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

/// `scheme://host[:port]` of a URI, wildcards at its end left out.
fn origin(uri: &str) -> Option<String> {
    let url = Url::parse(uri.trim_end_matches('*')).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// Puts the headers of an answer that its readers' browsers ask for.
pub fn write(headers: &mut HeaderMap, asking: Option<&HeaderValue>, readers: &Readers) {
    let Some(asking) = asking else { return };
    if !asking.to_str().is_ok_and(|origin| readers.include(origin)) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, asking.clone());
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Access-Control-Allow-Methods"),
    );
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
