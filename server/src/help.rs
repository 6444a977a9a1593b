//! `/help`: what every refusal points to, and what makes it point there.
//!
//! The pages are `docs/errors`, compiled in: nothing of a request is shown in them but the server's
//! own address, and they ask nobody for anything. Who adds `.md` gets the text as it was written.

mod page;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64url;
use claviger_engine::App;
use claviger_engine::request::RequestContext;
use claviger_surface::help::{Help, Pointer};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use crate::routes;

/// Category of what is said about refusals that leave no event.
const CATEGORY: &str = "claviger.help";
/// How many bytes of a page's digest name its version.
const TAG_BYTES: usize = 16;

/// The list of pages, and the pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/help", get(list))
        .route("/help/errors", get(list))
        .route("/help/errors/{page}", get(show))
}

/// Puts the address of its page on a refusal, and into the log at level `debug`: refusals that
/// are events tell it there as well.
pub fn point(response: &mut Response, context: &RequestContext, asked: &(Method, Uri)) {
    let Some(pointer) = response.extensions().get::<Pointer>().copied() else {
        return;
    };
    pointer.write(response.headers_mut(), context);
    if let Some(help) = pointer.for_log(context) {
        let (status, (method, uri)) = (response.status().as_u16(), asked);
        let path = uri.path();
        tracing::debug!(target: CATEGORY, "{method} {path} answered {status}, help=\"{help}\"");
    }
}

async fn list(Extension(context): Extension<RequestContext>, headers: HeaderMap) -> Response {
    if !context.help_links {
        return routes::not_found();
    }
    html(StatusCode::OK, page::list(&context), &headers)
}

async fn show(
    Extension(context): Extension<RequestContext>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !context.help_links {
        return routes::not_found();
    }
    let (slug, as_written) = match name.strip_suffix(".md") {
        Some(slug) => (slug, true),
        None => (name.as_str(), false),
    };
    match Help::from_slug(slug) {
        None => html(StatusCode::NOT_FOUND, page::missing(&context), &headers),
        Some(help) if as_written => {
            let text = page::at_home(help.markdown(), &context.base_url);
            let kind = HeaderValue::from_static("text/markdown; charset=utf-8");
            kept(text, kind, &headers)
        }
        Some(help) => html(StatusCode::OK, page::of(help, &context), &headers),
    }
}

fn html(status: StatusCode, text: String, asked: &HeaderMap) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = kept(text, kind, asked);
    if status != StatusCode::OK {
        *response.status_mut() = status;
    }
    let policy = HeaderValue::from_str(&page::policy());
    if let Ok(policy) = policy {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        let frames = HeaderName::from_static("x-frame-options");
        headers.insert(frames, HeaderValue::from_static("DENY"));
    }
    response
}

/// An answer that may be kept, and has to be asked for anew each time: whether it has changed costs
/// an empty answer (RFC 9110 §15.4.5).
fn kept(text: String, kind: HeaderValue, asked: &HeaderMap) -> Response {
    let digest = sha256(text.as_bytes());
    let tag = base64url(digest.get(..TAG_BYTES).unwrap_or(&digest));
    let tag = format!("\"{tag}\"");
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in routes::PAGE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
