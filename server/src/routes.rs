//! The map of the server: which surface answers which path.
//!
//! Every surface is a router of its own, and knows nothing of the others. All are mounted once;
//! [`crate::front`] cuts the base path off (`""` and `/auth` by default), so that the same routes
//! answer under each and none can drift.

use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use claviger_engine::App;
use claviger_engine::request::RequestContext;
use claviger_oidc::Call;
use claviger_pages::themes::Themes;
use claviger_surface::{Answer, Help};
use http::{HeaderName, StatusCode, Uri, header};

use crate::around::Around;
use crate::{help, unbuilt};

/// Keycloak's headers of a redirect to a page.
pub const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::STRICT_TRANSPORT_SECURITY,
        "max-age=31536000; includeSubDomains",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("x-robots-tag"), "none"),
];

/// All routes, below any base path.
pub fn routes(app: App, themes: Themes) -> Router {
    Router::new()
        .merge(claviger_oidc::router())
        .merge(claviger_rest::router())
        .merge(claviger_web::router())
        .merge(help::router())
        .route("/", get(async |context| redirect(context, "/admin/")))
        .route("/realms/{realm}/{*path}", any(in_realm))
        .fallback(|uri: Uri| async move {
            unbuilt::at(uri.path()).map_or_else(not_found, not_implemented)
        })
        .method_not_allowed_fallback(|| async { method_not_allowed() })
        .layer(Around { themes })
        .with_state(app)
}

/// What a realm answers where it has no route: that it is not built, or that there is none.
async fn in_realm(State(app): State<App>, request: Request) -> Response {
    if let Some(what) = unbuilt::at(request.uri().path()) {
        return not_implemented(what);
    }
    let path = request.uri().path().to_owned();
    match Call::from_request(request, &app).await {
        Ok(call) => {
            let below = path.splitn(4, '/').nth(3).unwrap_or_default();
            claviger_oidc::unknown(&call, below)
        }
        Err(refusal) => refusal,
    }
}

fn redirect(Extension(context): Extension<RequestContext>, path: &'static str) -> Response {
    let location = [(header::LOCATION, format!("{}{path}", context.admin()))];
    (StatusCode::FOUND, PAGE_HEADERS, location).into_response()
}

/// What Keycloak answers where it has no route.
pub fn not_found() -> Response {
    problem(
        Help::PathUnknown,
        StatusCode::NOT_FOUND,
        "Unable to find matching target resource method",
    )
}

/// What is answered where Keycloak has something that is not built.
fn not_implemented(what: &str) -> Response {
    let body = serde_json::json!({
        "error": "not_implemented",
        "error_description": format!("{what} is not part of this server yet"),
    });
    Answer::json(StatusCode::NOT_IMPLEMENTED, &body)
        .helped(Help::NotBuilt)
        .into_response()
}

/// What Keycloak answers where a route has no such method.
fn method_not_allowed() -> Response {
    problem(
        Help::MethodNotAllowed,
        StatusCode::METHOD_NOT_ALLOWED,
        "HTTP 405 Method Not Allowed",
    )
}

/// What Keycloak answers where it failed.
pub fn internal_error() -> Response {
    let body = serde_json::json!({
        "error": "unknown_error",
        "error_description": "For more on this error consult the server log."
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        PAGE_HEADERS,
        kind,
        body.to_string(),
    )
        .into_response()
}

fn problem(help: Help, status: StatusCode, text: &str) -> Response {
    Answer::json(status, &serde_json::json!({ "error": text }))
        .helped(help)
        .into_response()
}
