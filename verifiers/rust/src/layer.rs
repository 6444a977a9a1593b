//! The layer: finds the token of a request, and answers for the API where it is not good.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Refusal, Verifier};

/// Puts a [`Verifier`] before a service.
#[derive(Clone)]
pub struct GuardLayer(Verifier);

/// A service behind a [`Verifier`]. Requests that pass carry [`crate::Claims`].
#[derive(Clone)]
pub struct Guard<S> {
    inner: S,
    verifier: Verifier,
}

impl GuardLayer {
    pub(crate) const fn new(verifier: Verifier) -> Self {
        Self(verifier)
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        let verifier = self.0.clone();
        Guard { inner, verifier }
    }
}

impl<S, B, A> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    A: From<String>,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<A>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that was polled is the one that is ready.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let verifier = self.verifier.clone();
        Box::pin(async move {
            let checked = match bearer(request.headers()) {
                Some(token) => verifier.check(token).await,
                None => Err(Refusal::Missing),
            };
            match checked {
                Ok(claims) => {
                    request.extensions_mut().insert(claims);
                    inner.call(request).await
                }
                Err(refusal) => Ok(refused(refusal, verifier.issuer())),
            }
        })
    }
}

/// The token of `Authorization: Bearer` (RFC 6750 §2.1), if there is one and no other.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (one, more) = (all.next()?, all.next());
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("Bearer") && more.is_none();
    is_bearer.then_some(token.trim())
}

fn refused<A: From<String>>(refusal: Refusal, issuer: &str) -> Response<A> {
    // Quotes would end the text of a challenge.
    let realm: String = issuer
        .chars()
        .filter(|c| !['"', '\\'].contains(c))
        .collect();
    let (status, error, challenge) = match refusal {
        Refusal::Missing => (
            StatusCode::UNAUTHORIZED,
            None,
            Some(format!("Bearer realm=\"{realm}\"")),
        ),
        Refusal::Invalid | Refusal::Revoked => {
            let why = format!("error=\"invalid_token\", error_description=\"{refusal}\"");
            let challenge = format!("Bearer realm=\"{realm}\", {why}");
            (
                StatusCode::UNAUTHORIZED,
                Some("invalid_token"),
                Some(challenge),
            )
        }
        Refusal::Unknown => (
            StatusCode::SERVICE_UNAVAILABLE,
            Some("temporarily_unavailable"),
            None,
        ),
    };
    let body =
        error.map(|error| format!("{{\"error\":\"{error}\",\"error_description\":\"{refusal}\"}}"));
    let mut response = Response::new(A::from(body.unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if error.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    match challenge {
        Some(challenge) => {
            let bare = HeaderValue::from_static("Bearer");
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::try_from(challenge).unwrap_or(bare),
            );
        }
        None => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
    response
}
