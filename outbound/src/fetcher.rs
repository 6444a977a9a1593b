//! The one HTTP client: every call to others passes its limits and its address policy.

mod exchange;

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use claviger_engine::network::{Boxed, Network, NetworkError, Posted};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use tokio::sync::Semaphore;
use url::{Host, Url};

use crate::address::{AddressPolicy, AddressRefusal};
use crate::resolver::{CheckedResolver, Lookup, SystemLookup};
use crate::tls::{self, NameCheck};

/// Longest URL called, in bytes.
const URL_BYTES_MAX: usize = 8 * 1024;
/// How long a name server may take.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(2);

/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Fields as a form.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Limits and settings.
#[derive(Clone, Debug)]
pub struct FetcherOptions {
    /// Which addresses may be called.
    pub policy: AddressPolicy,
    /// Until the connection stands, TLS included. Default 5 s.
    pub connect_timeout: Duration,
    /// Until the last byte of the answer, the wait for a free place included. Default 10 s.
    pub total_timeout: Duration,
    /// Longest body read, in bytes. Default 1 MiB.
    pub response_bytes_max: usize,
    /// Calls under way at once; more wait. Default 64.
    pub concurrency_max: usize,
    /// DER of further root certificates to trust, beside the system's.
    pub extra_roots: Vec<Vec<u8>>,
    /// Whose names a certificate of theirs must have.
    pub names: NameCheck,
}

impl Default for FetcherOptions {
    fn default() -> Self {
        Self {
            policy: AddressPolicy::default(),
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
            response_bytes_max: 1024 * 1024,
            concurrency_max: 64,
            extra_roots: Vec::new(),
            names: NameCheck::default(),
        }
    }
}

/// Why a call gave nothing. The URL is shown without user, password and query: those may be
/// secrets.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a URL of `http` or `https` with a host, or too long.
    #[error("{url} is not a URL that can be called")]
    Url {
        /// The URL, cut.
        url: String,
    },
    /// The address policy says no.
    #[error("calling {url} is not allowed: {reason}")]
    Refused {
        /// The URL.
        url: String,
        /// Which rule.
        #[source]
        reason: AddressRefusal,
    },
    /// The answer sends us elsewhere. Following would let the callee choose the target.
    #[error("{url} answered with a redirect, which is not followed")]
    Redirect {
        /// The URL.
        url: String,
    },
    /// Another status than the call needs.
    #[error("{url} answered {status}")]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
    /// The answer is longer than the limit.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// Not done in time.
    #[error("{url} did not answer in time")]
    TimedOut {
        /// The URL.
        url: String,
    },
    /// No connection, broken connection, TLS refused, no HTTP.
    #[error("calling {url} failed: {cause}")]
    Failed {
        /// The URL.
        url: String,
        /// The deepest cause, as text.
        cause: String,
    },
}

/// Why the client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A root certificate of the settings is none.
    #[error("a root certificate cannot be read")]
    Root(#[source] rustls::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// An answer whose status the caller judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// The client. Cloning shares connections and limits.
#[derive(Clone)]
pub struct Fetcher {
    client: Client,
    policy: Arc<AddressPolicy>,
    places: Arc<Semaphore>,
    total_timeout: Duration,
    response_bytes_max: usize,
    lookup: Arc<dyn Lookup>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetcher")
    }
}

impl Fetcher {
    /// A client that looks names up in the operating system.
    pub fn new(options: &FetcherOptions) -> Result<Self, SetupError> {
        Self::with_lookup(options, Arc::new(SystemLookup))
    }

    /// A client that looks names up elsewhere.
    pub fn with_lookup(
        options: &FetcherOptions,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, SetupError> {
        let policy = Arc::new(options.policy.clone());
        let resolver = CheckedResolver {
            policy: Arc::clone(&policy),
            lookup: Arc::clone(&lookup),
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(&options.extra_roots, options.names)?)
            .dns_resolver(resolver)
            .redirect(redirect::Policy::none())
            // Variables of the environment must not send our calls elsewhere.
            .no_proxy()
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .timeout(options.total_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .user_agent("claviger")
            .build()
            .map_err(SetupError::Client)?;
        Ok(Self {
            client,
            policy,
            places: Arc::new(Semaphore::new(options.concurrency_max.max(1))),
            total_timeout: options.total_timeout,
            response_bytes_max: options.response_bytes_max,
            lookup,
        })
    }

    /// The body of a `200` answer.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let target = self.target(url)?;
        let shown = shown(&target);
        let answer = self.send(&shown, self.client.get(target)).await?;
        body_of_200(shown, answer)
    }

    /// The body of a `200` answer to a request for JSON (a JWK Set, a discovery document). That it
    /// is JSON is for the reader to find.
    pub async fn get_json(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let target = self.target(url)?;
        let shown = shown(&target);
        let request = self.client.get(target).header("accept", "application/json");
        body_of_200(shown.clone(), self.send(&shown, request).await?)
    }

    /// Posts a form and gives the answer, whatever its status but a redirect.
    pub async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, FetchError> {
        let target = self.target(url)?;
        let shown = shown(&target);
        let request = self
            .client
            .post(target)
            .header("content-type", FORM)
            .body(form(fields));
        self.send(&shown, request).await
    }

    /// A request with headers of the caller's own, and its answer whatever its status but a redirect.
    pub async fn ask(
        &self,
        method: http::Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, FetchError> {
        let target = self.target(url)?;
        let shown = shown(&target);
        let mut request = self.client.request(method, target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        self.send(&shown, request).await
    }

    /// Posts a text, and gives the status of the answer whatever follows it.
    pub(crate) async fn post_for_status(
        &self,
        url: &str,
        headers: &[(&str, Option<&str>)],
        text: String,
    ) -> Result<u16, FetchError> {
        let target = self.target(url)?;
        let shown = shown(&target);
        let mut request = self.client.post(target).body(text);
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(*name, *value);
            }
        }
        let call = async {
            let _place = self.places.acquire().await.ok();
            let answer = request.send().await;
            let answer = answer.map_err(|error| failure(&shown, &error))?;
            Ok(answer.status().as_u16())
        };
        let told = tokio::time::timeout(self.total_timeout, call).await;
        told.unwrap_or_else(|_| Err(FetchError::TimedOut { url: shown.clone() }))
    }

    /// Reads the URL. A host that is an address is checked here, for no resolver is asked then;
    /// `url` has already turned `127.1` and `0x7f000001` into what they mean.
    fn target(&self, text: &str) -> Result<Url, FetchError> {
        let unusable = || FetchError::Url { url: cut(text) };
        if text.len() > URL_BYTES_MAX {
            return Err(unusable());
        }
        let url = Url::parse(text).map_err(|_| unusable())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable());
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(unusable()),
        };
        if let Some(address) = address {
            self.policy
                .check(address)
                .map_err(|reason| FetchError::Refused {
                    url: shown(&url),
                    reason,
                })?;
        }
        Ok(url)
    }

    async fn send(&self, url: &str, request: RequestBuilder) -> Result<Answer, FetchError> {
        let call = async {
            // The semaphore is never closed.
            let _place = self.places.acquire().await.ok();
            let response = request.send().await.map_err(|error| failure(url, &error))?;
            if response.status().is_redirection() {
                return Err(FetchError::Redirect {
                    url: url.to_owned(),
                });
            }
            let status = response.status().as_u16();
            Ok(Answer {
                status,
                body: self.read(url, response).await?,
            })
        };
        tokio::time::timeout(self.total_timeout, call)
            .await
            .unwrap_or_else(|_| {
                Err(FetchError::TimedOut {
                    url: url.to_owned(),
                })
            })
    }

    /// What a name server says, if it says so in time. Strangers make us ask: not too many at once.
    async fn looked_up<T>(
        &self,
        asked: String,
        answer: Boxed<'static, io::Result<T>>,
    ) -> Result<T, NetworkError> {
        let waiting = async {
            let _place = self.places.acquire().await.map_err(io::Error::other)?;
            answer.await
        };
        let reason = match tokio::time::timeout(LOOKUP_PATIENCE, waiting).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "timed out".to_owned(),
        };
        Err(NetworkError::Failed { url: asked, reason })
    }

    /// Reads piece by piece: the length that the answer announces is not to be trusted.
    async fn read(&self, url: &str, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let limit = self.response_bytes_max;
        let too_large = || FetchError::TooLarge {
            url: url.to_owned(),
            limit,
        };
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| failure(url, &error))?
        {
            if body.len() + piece.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

impl Network for Fetcher {
    fn get(&self, url: String) -> Boxed<'_, Result<Vec<u8>, NetworkError>> {
        Box::pin(async move { self.get_json(&url).await.map_err(Into::into) })
    }

    fn post(&self, url: String, body: Posted) -> Boxed<'_, Result<u16, NetworkError>> {
        Box::pin(crate::backchannel::post(self, url, body))
    }

    fn addresses(&self, host: String) -> Boxed<'_, Result<Vec<IpAddr>, NetworkError>> {
        let found = self.lookup.lookup(host.clone());
        Box::pin(self.looked_up(host, found))
    }

    fn host_name(&self, address: IpAddr) -> Boxed<'_, Result<String, NetworkError>> {
        let found = self.lookup.name(address);
        Box::pin(self.looked_up(address.to_string(), found))
    }
}

impl From<FetchError> for NetworkError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Url { url } => Self::Refused {
                url,
                reason: "not an http or https URL".to_owned(),
            },
            FetchError::Refused { url, reason } => Self::Refused {
                url,
                reason: reason.to_string(),
            },
            FetchError::Redirect { url } => Self::Failed {
                url,
                reason: "redirects are not followed".to_owned(),
            },
            FetchError::Status { url, status } => Self::Failed {
                url,
                reason: format!("status {status}"),
            },
            FetchError::TooLarge { url, limit } => Self::Failed {
                url,
                reason: format!("more than {limit} bytes"),
            },
            FetchError::TimedOut { url } => Self::Failed {
                url,
                reason: "timed out".to_owned(),
            },
            FetchError::Failed { url, cause } => Self::Failed { url, reason: cause },
        }
    }
}

fn body_of_200(url: String, answer: Answer) -> Result<Vec<u8>, FetchError> {
    if answer.status == StatusCode::OK.as_u16() {
        Ok(answer.body)
    } else {
        Err(FetchError::Status {
            url,
            status: answer.status,
        })
    }
}

fn failure(url: &str, error: &reqwest::Error) -> FetchError {
    let url = url.to_owned();
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        if let Some(reason) = source.downcast_ref::<AddressRefusal>() {
            return FetchError::Refused {
                url,
                reason: *reason,
            };
        }
        deepest = source;
    }
    if error.is_timeout() {
        return FetchError::TimedOut { url };
    }
    // The outer errors repeat the URL, query and all.
    let cause = if error.source().is_some() {
        deepest.to_string()
    } else {
        "no answer".to_owned()
    };
    FetchError::Failed { url, cause }
}

/// Scheme, host, port and path.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Both work for every URL with a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    cut(shown.as_str())
}

/// What is no URL may hold anything: only its beginning is shown, up to the query.
fn cut(text: &str) -> String {
    text.split(['?', '#'])
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests;
