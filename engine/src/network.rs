//! What the engine needs of the network: declared here, filled by `outbound`, scripted in tests.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

/// A future in a box, so that the trait can be an object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a call to somebody else gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The address may not be called (scheme, range, or no URL at all).
    #[error("calling {url} is not allowed: {reason}")]
    Refused {
        /// The URL asked for.
        url: String,
        /// Which rule forbids it.
        reason: String,
    },
    /// No usable answer in time.
    #[error("no answer from {url}: {reason}")]
    Failed {
        /// The URL asked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
}

/// What is posted to somebody.
#[derive(Clone, PartialEq, Eq)]
pub enum Posted {
    /// A form, URL-encoded.
    Form(Vec<(String, String)>),
    /// Plain text.
    Text(String),
    /// A security event token (RFC 8935 §2.1).
    SecurityEvent {
        /// The token.
        token: String,
        /// What `Authorization` says, if the receiver wants something there.
        authorization: Option<String>,
    },
    /// A request to end everything that a user has (Global Token Revocation).
    Revocation {
        /// Who asks, signed.
        token: String,
        /// About whom, as JSON.
        body: String,
    },
}

/// Tokens are not for logs.
impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Form(_) => "Form",
            Self::Text(_) => "Text",
            Self::SecurityEvent { .. } => "SecurityEvent",
            Self::Revocation { .. } => "Revocation",
        })
    }
}

/// The way out.
pub trait Network: Send + Sync {
    /// The body of a `200` answer to a GET, bounded in size and time, redirects refused.
    fn get(&self, url: String) -> Boxed<'_, Result<Vec<u8>, NetworkError>>;

    /// Posts something and gives the status of the answer, within the same bounds.
    fn post(&self, url: String, body: Posted) -> Boxed<'_, Result<u16, NetworkError>>;

    /// The addresses that a host name has now. They are for comparing, not for calling: whom we may
    /// call is not asked.
    fn addresses(&self, host: String) -> Boxed<'_, Result<Vec<IpAddr>, NetworkError>>;

    /// The host name that an address says it has. Whoever owns the address chose it: it means
    /// something only if [`Network::addresses`] leads back.
    fn host_name(&self, address: IpAddr) -> Boxed<'_, Result<String, NetworkError>>;
}

/// A network without anybody: every call fails. For commands and tests that call nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Network for Nobody {
    fn get(&self, url: String) -> Boxed<'_, Result<Vec<u8>, NetworkError>> {
        Box::pin(async move { Err(nobody(url)) })
    }

    fn post(&self, url: String, _body: Posted) -> Boxed<'_, Result<u16, NetworkError>> {
        Box::pin(async move { Err(nobody(url)) })
    }

    fn addresses(&self, host: String) -> Boxed<'_, Result<Vec<IpAddr>, NetworkError>> {
        Box::pin(async move { Err(nobody(host)) })
    }

    fn host_name(&self, address: IpAddr) -> Boxed<'_, Result<String, NetworkError>> {
        Box::pin(async move { Err(nobody(address.to_string())) })
    }
}

fn nobody(url: String) -> NetworkError {
    NetworkError::Refused {
        url,
        reason: "this process calls nobody".to_owned(),
    }
}
