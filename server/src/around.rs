//! What is done around every route, in one layer.
//!
//! Each layer on a router costs every request a copy of what is below it and a box for its own
//! work. So there is one, and it does what all are for: it tells which route answered, puts the
//! operator's themes in their place, and lets refusals point to their page of help.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request, State};
use axum::response::Response;
use claviger_engine::request::RequestContext;
use claviger_pages::themes::Themes;
use tower::{Layer, Service};

use crate::help;

/// The layer.
#[derive(Clone)]
pub struct Around {
    /// What takes the place of our own pages.
    pub themes: Themes,
}

impl<S> Layer<S> for Around {
    type Service = Surrounded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Surrounded {
            inner,
            themes: self.themes.clone(),
        }
    }
}

/// A route with what is around it.
#[derive(Clone)]
pub struct Surrounded<S> {
    inner: S,
    themes: Themes,
}

impl<S> Service<Request> for Surrounded<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let extensions = request.extensions();
        // Known within the routes only, and counted outside.
        let matched = extensions.get::<MatchedPath>().cloned();
        let context = extensions.get::<RequestContext>().cloned();
        let asked = (request.method().clone(), request.uri().clone());
        request.extensions_mut().insert(self.themes.clone());
        let themes = self.themes.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            let mut response = claviger_web::themes::dress(State(themes), response).await;
            if let Some(context) = context {
                help::point(&mut response, &context, &asked);
            }
            if let Some(matched) = matched {
                response.extensions_mut().insert(matched);
            }
            Ok(response)
        })
    }
}
