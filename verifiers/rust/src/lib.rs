//! A tower layer for APIs that take access tokens of Claviger: it checks each token by itself, and refuses it from the
//! moment on that it is revoked. `verifiers/README.md` says what holds for every language.
//!
//! ```no_run
//! # async fn start() -> Result<(), claviger_verifier::StartError> {
//! use axum::{Extension, Router, routing::get};
//! use claviger_verifier::{Claims, Verifier};
//!
//! let verifier = Verifier::of("https://id.example.com/realms/shop")
//!     .audience("orders")
//!     .feed("orders", "the client's secret")?;
//! let app: Router = Router::new()
//!     .route("/", get(|Extension(claims): Extension<Claims>| async move { claims.subject() }))
//!     .layer(verifier.layer());
//! # Ok(()) }
//! ```

mod events;
mod feed;
mod keys;
mod layer;
mod status_list;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::task::AbortHandle;

use crate::feed::Feed;
use crate::keys::Keys;
pub use crate::layer::{Guard, GuardLayer};
use crate::status_list::Lists;

/// Nothing from the server for so long: the connection is given up. It says something every ten seconds.
const SILENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// What to do while it is not known what is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenBlind {
    /// Every token is refused with 503.
    #[default]
    Refuse,
    /// Tokens pass that are not known to be revoked.
    Accept,
}

/// Why no verifier can be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It needs a runtime for what it does in the background.
    #[error("there is no tokio runtime")]
    NoRuntime,
    /// TLS could not be set up.
    #[error("HTTP cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a request does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no token.
    #[error("A token is needed")]
    Missing,
    /// The token is not the realm's, not for this API, not an access token, or out of its time.
    #[error("The token is not valid")]
    Invalid,
    /// It was good, and is revoked.
    #[error("The token was revoked")]
    Revoked,
    /// It is not known whether it is good.
    #[error("It is not known at the moment which tokens are revoked")]
    Unknown,
}

/// The claims of a token that passed: an extension of the request.
#[derive(Clone, Debug)]
pub struct Claims(Arc<Map<String, Value>>);

impl Claims {
    /// A claim, if the token has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// `sub`; empty if the token has none.
    pub fn subject(&self) -> String {
        let subject = self.get("sub").and_then(Value::as_str);
        subject.unwrap_or_default().to_owned()
    }
}

/// How a verifier is to be: begun by [`Verifier::of`], started by [`Builder::feed`] or [`Builder::status_list`].
#[derive(Clone, Debug)]
pub struct Builder {
    issuer: String,
    audience: Option<String>,
    max_stale: Duration,
    when_blind: WhenBlind,
    max_records: usize,
}

impl Builder {
    /// What tokens must have in `aud`. Without it those for any API pass: have one.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long nothing may be heard until nothing counts as known; 30 seconds unless told. The server says something
    /// every ten.
    #[must_use]
    pub const fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// What to do then.
    #[must_use]
    pub const fn when_blind(mut self, when_blind: WhenBlind) -> Self {
        self.when_blind = when_blind;
        self
    }

    /// How many records are kept at most: a million unless told, which needs some 200 MiB.
    #[must_use]
    pub const fn max_records(mut self, max_records: usize) -> Self {
        self.max_records = max_records;
        self
    }

    fn http() -> Result<reqwest::Client, StartError> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        Ok(builder.build()?)
    }

    /// Starts a verifier that follows the live feed, as a confidential client with `revocation.feed.enabled`.
    pub fn feed(
        self,
        client_id: impl Into<String>,
        secret: impl Into<String>,
    ) -> Result<Verifier, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let http = Self::http()?;
        let feed = Arc::new(Feed::new(self.max_stale, self.max_records));
        let address = format!("{}/revocations", self.issuer);
        let keys = Arc::new(Keys::new(self.issuer.clone(), self.audience, http.clone()));
        let (client_id, secret) = (client_id.into(), secret.into());
        let (following, its_keys) = (Arc::clone(&feed), Arc::clone(&keys));
        let task = runtime.spawn(async move {
            let request = |since: Option<i64>| {
                let since = since.map(|since| format!("?since={since}"));
                let address = format!("{address}{}", since.unwrap_or_default());
                http.get(address).basic_auth(&client_id, Some(&secret))
            };
            let follow = following.follow(&its_keys, &address, request);
            tokio::join!(follow, its_keys.keep_fresh(keys::ANYWAY));
        });
        let source = Source::Feed(feed, self.when_blind);
        Ok(Verifier::new(
            self.issuer,
            keys,
            source,
            task.abort_handle(),
        ))
    }

    /// Starts a verifier that goes by the status list which tokens name, of clients with `status.list.enabled`.
    pub fn status_list(self) -> Result<Verifier, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let http = Self::http()?;
        let lists = Lists::new(&self.issuer, http.clone(), self.max_stale, self.when_blind);
        let lists = Arc::new(lists);
        let keys = Arc::new(Keys::new(self.issuer.clone(), self.audience, http));
        let (kept, its_keys) = (Arc::clone(&lists), Arc::clone(&keys));
        let task = runtime.spawn(async move {
            let keep = kept.keep_fresh(&its_keys);
            tokio::join!(keep, its_keys.keep_fresh(keys::ANYWAY));
        });
        Ok(Verifier::new(
            self.issuer,
            keys,
            Source::Lists(lists),
            task.abort_handle(),
        ))
    }
}

/// Where it is known from what is revoked.
enum Source {
    Feed(Arc<Feed>, WhenBlind),
    Lists(Arc<Lists>),
}

struct Inner {
    issuer: String,
    keys: Arc<Keys>,
    source: Source,
    task: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What checks tokens. Copies are one and the same; with the last of them goes what it does in the background.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

impl Verifier {
    /// A verifier of tokens with this `iss`.
    pub fn of(issuer: impl Into<String>) -> Builder {
        Builder {
            issuer: issuer.into(),
            audience: None,
            max_stale: Duration::from_secs(30),
            when_blind: WhenBlind::Refuse,
            max_records: 1_000_000,
        }
    }

    fn new(issuer: String, keys: Arc<Keys>, source: Source, task: AbortHandle) -> Self {
        Self(Arc::new(Inner {
            issuer,
            keys,
            source,
            task,
        }))
    }

    /// Whether it is known what is revoked.
    pub fn is_current(&self) -> bool {
        let knows = match &self.0.source {
            Source::Feed(feed, _) => feed.is_current(),
            Source::Lists(lists) => lists.is_current(),
        };
        knows && self.0.keys.are_known()
    }

    /// The claims of a token, if it is good and not revoked.
    pub async fn check(&self, token: &str) -> Result<Claims, Refusal> {
        let Inner { keys, source, .. } = &*self.0;
        let claims = keys.access_token(token).await?;
        match source {
            Source::Feed(feed, _) if feed.is_revoked(&claims) => return Err(Refusal::Revoked),
            Source::Feed(feed, WhenBlind::Refuse) if !feed.is_current() => {
                return Err(Refusal::Unknown);
            }
            Source::Feed(..) => {}
            Source::Lists(lists) => lists.check(keys, &claims).await?,
        }
        Ok(Claims(Arc::new(claims)))
    }

    /// What puts it before an API.
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone())
    }

    fn issuer(&self) -> &str {
        &self.0.issuer
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
