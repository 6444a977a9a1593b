//! `/admin/{realm}/console/logout-deliveries`: the ledger of logouts, for administrators.
//!
//! It is below the address of Keycloak's console, for its client `security-admin-console` may be come
//! back to there and nowhere else, and it shares no address with it: that console names its pages
//! behind a `#`. What it shows is had from the Admin API by its script, as whoever has signed in.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::App;
use claviger_engine::request::RequestContext;
use claviger_pages::console::{Place, logout_deliveries};
use claviger_surface::Help;
use claviger_surface::answer::Answer;
use serde_json::json;

/// What browsers are told of the page, beside its policy.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_TYPE, "text/html;charset=utf-8"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::STRICT_TRANSPORT_SECURITY,
        "max-age=31536000; includeSubDomains",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("x-robots-tag"), "none"),
];

/// Shows the page of a realm in which administrators sign in: `master`, or the realm itself.
pub async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(context): Extension<RequestContext>,
) -> Response {
    let realm = match app.realm(&name).await {
        Ok(Some(realm)) if realm.enabled => realm,
        Ok(_) => {
            return refused(
                StatusCode::NOT_FOUND,
                Help::RealmNotFound,
                "Realm does not exist",
            );
        }
        Err(error) => {
            tracing::warn!("a page for administrators is not shown: {error}");
            let text = "The server is busy. Try again later.";
            return refused(StatusCode::SERVICE_UNAVAILABLE, Help::Busy, text);
        }
    };
    let issuer = context.issuer(&realm.name);
    let html = logout_deliveries(Place {
        base_path: &context.base_path,
        issuer: &issuer,
        realm: &realm.name,
    });
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy(&context)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Nothing but files of this server, no text that turns into a script, and no address to send
/// anything to but this server's, under both of its names.
fn policy(context: &RequestContext) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        context.origin
    )
}

fn refused(status: StatusCode, help: Help, text: &str) -> Response {
    Answer::json(status, &json!({ "error": text }))
        .no_store()
        .helped(help)
        .into_response()
}
