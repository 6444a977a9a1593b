//! What operators and their probes may see: `/health…`, `/metrics`, and a page that names them.
//!
//! Shapes and names are those of Keycloak's management interface, so that probes and dashboards
//! go on working.

pub mod exposition;
pub mod happenings;
pub mod health;
pub mod metrics;
pub mod process;
pub mod requests;
pub mod traces;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, Request, StatusCode, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use crate::listener::{Answer, Peer};
use crate::settings::{Observe, Port};
use exposition::Format;
use health::Health;
use metrics::Metrics;

/// What is there to be seen.
#[derive(Clone)]
pub struct Observed {
    /// Whether the server is well.
    pub health: Arc<Health>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

/// The routes that belong to the listener of operators.
pub fn management(observe: Observe, path: &str, observed: &Observed) -> Management {
    let here = |port: Option<Port>| port == Some(Port::Management);
    let shown = [
        (here(observe.health), "health", "Health endpoint"),
        (here(observe.metrics), "metrics", "Metrics endpoint"),
    ];
    let entry = |(on, name, about): &(bool, &str, &str)| {
        on.then(|| format!("<li><a href=\"{path}/{name}\">/{name}</a> - {about}</li>"))
    };
    let entries: Vec<String> = shown.iter().filter_map(entry).collect();
    let page = format!(
        "<html>\n<h2>Claviger Management Interface</h2>\n<ul>{}</ul>\n</html>\n",
        entries.join("\n")
    );
    let mut router = Router::new().route("/", get(|| async { Html(page) }));
    if here(observe.health) {
        router = router.merge(health_routes());
    }
    if here(observe.metrics) {
        router = router.merge(metrics_routes());
    }
    let router = router.with_state(observed.clone());
    let router = if path.is_empty() {
        router
    } else {
        Router::new().nest(path, router)
    };
    Management(router.fallback(not_found))
}

/// The routes that the operator wants to see on the listener for everybody.
pub fn on_main(observe: Observe, observed: &Observed) -> Router {
    let mut router = Router::new();
    if observe.health == Some(Port::Public) {
        router = router.merge(health_routes());
    }
    if observe.metrics == Some(Port::Public) {
        router = router.merge(metrics_routes());
    }
    router.with_state(observed.clone())
}

/// Answers on the listener of operators.
#[derive(Clone)]
pub struct Management(Router);

impl Answer for Management {
    async fn answer(&self, _: &Peer, request: Request<Incoming>) -> Response {
        self.handle(request.map(Body::new)).await
    }
}

impl Management {
    async fn handle(&self, request: Request<Body>) -> Response {
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

async fn not_found() -> impl IntoResponse {
    (
        StatusCode::NOT_FOUND,
        Html("<html><body><h1>Resource not found</h1></body></html>"),
    )
}

fn health_routes() -> Router<Observed> {
    // Keycloak has no groups of its own, nor checks of wellness: what it answers for them is empty.
    let mut router = Router::new();
    for (path, answers) in [
        ("/health", get(ready)),
        ("/health/ready", get(ready)),
        ("/health/live", get(up)),
        ("/health/started", get(up)),
        ("/health/well", get(up)),
        ("/health/group", get(up)),
        ("/health/group/{group}", get(up)),
    ] {
        router = router
            .route(path, answers.clone())
            .route(&format!("{path}/"), answers);
    }
    router
}

fn metrics_routes() -> Router<Observed> {
    Router::new()
        .route("/metrics", get(all_metrics))
        .route("/metrics/", get(all_metrics))
        .route("/metrics/{*scope}", get(all_metrics))
}

async fn ready(State(observed): State<Observed>) -> Response {
    let report = observed.health.ready().await;
    health_response(&report)
}

/// A process that answers is alive; it answers when it has started.
async fn up() -> Response {
    health_response(&health::Report::up())
}

fn health_response(report: &health::Report) -> Response {
    let status = if report.is_up() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=UTF-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, report.to_json()).into_response()
}

async fn all_metrics(State(observed): State<Observed>, headers: HeaderMap) -> Response {
    let Some(format) = Format::accepted(headers.get_all(header::ACCEPT).iter()) else {
        return StatusCode::NOT_ACCEPTABLE.into_response();
    };
    let kind = [(header::CONTENT_TYPE, format.content_type())];
    (kind, observed.metrics.encode(format)).into_response()
}

#[cfg(test)]
mod tests;
