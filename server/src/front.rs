//! The door of the listener for everybody: what every request meets before its route.
//!
//! In this order: a place among the running requests (else 503), a normalized path (else 400; a
//! path that a proxy reads otherwise than we do would pass the proxy's rules), a base path of ours
//! (else 404), a readable host (else 400), a body within bounds (else 413), and a time limit.
//!
//! A request that has reached its route is carried through, whether or not the caller waits for
//! the answer: who logs out and closes the window is logged out, and who guesses passwords cannot
//! hang up before the failure is counted.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Limited;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt;
use tracing::{Instrument as _, Span};

use crate::context::Addresses;
use crate::listener::{Answer, Peer};
use crate::observe::metrics::{Answered, Gauge, Metrics};
use crate::observe::traces::Traces;

/// The largest body that any route may read, in bytes: Keycloak's limit. Most routes set less.
const BODY_BYTES: usize = 10 * 1024 * 1024;
/// Requests running at once, if the operator sets no limit of their own.
const MOST_REQUESTS: u32 = 100_000;
/// How long a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_mins(2);

/// The door. Cloning is cheap.
#[derive(Clone)]
pub struct Front(Arc<Parts>);

struct Parts {
    addresses: Addresses,
    routes: Router,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    places: Arc<Semaphore>,
    most: u32,
    patience: Duration,
}

/// Takes `Allow` off a `405`: Keycloak sends none, and its clients compare.
fn without_allow(mut response: Response) -> Response {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().remove(header::ALLOW);
    }
    response
}

impl Front {
    /// A door before these routes. `most` requests are answered at once, if there is a limit.
    pub fn new(
        addresses: Addresses,
        routes: Router,
        metrics: Arc<Metrics>,
        traces: Option<Traces>,
        most: Option<usize>,
    ) -> Self {
        let most = most.map_or(MOST_REQUESTS, |most| {
            u32::try_from(most).unwrap_or(u32::MAX)
        });
        let most = most.min(MOST_REQUESTS);
        let places = Arc::new(Semaphore::new(most as usize));
        Self(Arc::new(Parts {
            addresses,
            routes,
            metrics,
            traces,
            places,
            most,
            patience: PATIENCE,
        }))
    }

    /// Waits until no request is running any more; those whose caller has gone included.
    pub async fn idle(&self) {
        // The semaphore is never closed.
        let _all = self.0.places.acquire_many(self.0.most).await;
    }

    async fn counted<B>(&self, peer: &Peer, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let metrics = &self.0.metrics;
        let method = request.method().clone();
        let since = Instant::now();
        let active = Counted::new(&metrics.active_requests);
        let read = request.body().size_hint().lower();
        let span = self
            .0
            .traces
            .as_ref()
            .map(|traces| traces.begin(peer, &request));
        let log = crate::logging::request();
        if let Some(span) = &span {
            span.tell(&log);
        }
        let response = self.admitted(peer, request, log).await;
        drop(active);
        let matched = response.extensions().get::<MatchedPath>();
        if let Some(span) = span {
            span.end(&method, matched.map(MatchedPath::as_str), response.status());
        }
        metrics.answered(&Answered {
            method: &method,
            route: matched.map(MatchedPath::as_str),
            status: response.status(),
            took: since.elapsed(),
            read,
            written: response.body().size_hint().lower(),
        });
        response
    }

    async fn admitted<B>(&self, peer: &Peer, request: Request<B>, log: Span) -> Response
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else {
            return busy();
        };
        let request = match self.prepare(peer, request) {
            Ok(request) => request,
            Err(refusal) => return *refusal,
        };
        let answer = self.0.routes.clone().oneshot(request);
        let answer = tokio::time::timeout(self.0.patience, answer);
        let work = async move {
            let answer = AssertUnwindSafe(answer).catch_unwind().await;
            drop(place);
            answer
        };
        let carried = Carried::new(work.instrument(log));
        match carried.await {
            Ok(Ok(Ok(response))) => without_allow(response),
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => {
                tracing::warn!("a request was given up after {:?}", self.0.patience);
                busy()
            }
            // What happened was logged where it happened.
            Err(_) => crate::routes::internal_error(),
        }
    }

    /// Checks what every request must have, and tells the routes what they need to know.
    fn prepare<B>(&self, peer: &Peer, request: Request<B>) -> Result<Request<Body>, Box<Response>>
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let path = request.uri().path();
        check_path(path)?;
        let addresses = &self.0.addresses;
        let Some((mount, rest)) = addresses.mounts().split(path) else {
            return Err(Box::new(crate::routes::not_found()));
        };
        let context = addresses.context(peer, request.uri(), request.headers(), mount);
        let context = context.map_err(|error| Box::new(bad_request(&error.to_string())))?;
        let uri = below(request.uri(), rest).ok_or_else(|| Box::new(bad_request("bad target")))?;
        if request.body().size_hint().lower() > BODY_BYTES as u64 {
            let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
            return Err(Box::new(
                (StatusCode::PAYLOAD_TOO_LARGE, close).into_response(),
            ));
        }
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        parts.extensions.insert(context);
        if let Some(certificate) = &peer.certificate {
            parts.extensions.insert(certificate.clone());
        }
        let body = if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(Limited::new(Patient::new(body), BODY_BYTES))
        };
        Ok(Request::from_parts(parts, body))
    }
}

impl Answer for Front {
    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response {
        self.counted(peer, request).await
    }

    fn connected(&self) -> impl Send + 'static {
        Counted::new(&self.0.metrics.active_connections)
    }
}

/// Work that goes on to its end when whoever waits for it goes: dropped half-way, the rest becomes
/// a task of its own. A task from the start would wake another thread for each request.
struct Carried<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Carried<F> {
    fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Carried<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.0 else {
            // It was ready, and nobody asks twice.
            return Poll::Pending;
        };
        let done = work.as_mut().poll(cx);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Carried<F> {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(rest);
        }
    }
}

/// Adds one for as long as it lives.
struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The target of a request with the base path cut off, and without a slash at the end: the routes
/// know no difference between `/realms/shop` and `/realms/shop/`, as Keycloak's do not.
fn below(uri: &Uri, rest: &str) -> Option<Uri> {
    let path = match rest.strip_suffix('/') {
        Some(path) if !path.is_empty() => path,
        _ => rest,
    };
    if uri.path() == path {
        return Some(uri.clone());
    }
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")).ok()?,
        None => PathAndQuery::try_from(path).ok()?,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).ok()
}

/// Refuses a path that means another one: with `.`, `..` or empty segments, with escapes of
/// characters that need none (RFC 3986 §6.2.2), with parameters after `;`.
fn check_path(path: &str) -> Result<(), Box<Response>> {
    if !path.starts_with('/') {
        return Err(Box::new(bad_request("the target is no path")));
    }
    let dots = |segment: &str| matches!(segment, "." | "..");
    let doubled = path.contains("//");
    if doubled || path.split('/').any(dots) || has_needless_escape(path)? {
        let text = ("missingNormalization", "Request path not normalized");
        return Err(Box::new(json_problem(text.0, text.1)));
    }
    if path.contains(';') {
        let text = "Request path contains invalid character ';'";
        return Err(Box::new(json_problem("invalidCharacter", text)));
    }
    Ok(())
}

/// Whether an escape stands for a letter, a digit or one of `-._~`. What is no escape is refused.
fn has_needless_escape(path: &str) -> Result<bool, Box<Response>> {
    let mut needless = false;
    for escape in path.split('%').skip(1) {
        let code = escape
            .get(..2)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        let digits = escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
        let Some(code) = code.filter(|_| digits) else {
            return Err(Box::new(StatusCode::BAD_REQUEST.into_response()));
        };
        needless |= code.is_ascii_alphanumeric() || b"-._~".contains(&code);
    }
    Ok(needless)
}

fn busy() -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, "1")],
    )
        .into_response()
}

fn bad_request(text: &str) -> Response {
    tracing::debug!("a request was refused: {text}");
    json_problem("invalid_request", text)
}

fn json_problem(error: &str, description: &str) -> Response {
    let body = serde_json::json!({ "error": error, "error_description": description });
    let kind = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
    (StatusCode::BAD_REQUEST, kind, body.to_string()).into_response()
}

/// A body that must have come within [`BODY_PATIENCE`]. The clock starts with the first wait.
struct Patient<B> {
    body: B,
    wait: Option<Pin<Box<Sleep>>>,
}

impl<B> Patient<B> {
    fn new(body: B) -> Self {
        Self { body, wait: None }
    }
}

impl<B> HttpBody for Patient<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let wait = self
            .wait
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(BODY_PATIENCE)));
        match wait.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err("the body did not come in time".into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
