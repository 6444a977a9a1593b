//! `/resources/{version}/…`: the files that pages load. An address with a version in it never means
//! other bytes, so browsers keep what they have.

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_pages::resources::{self, File, THEME, VERSION};
use claviger_pages::themes::{Asset, Themes};

/// For addresses with this version in them (RFC 8246).
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For addresses with another: what is there may be newer than who asks thinks.
const EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// `GET /resources/{version}/{kind}/{theme}/{*path}`
pub async fn show(
    Path((version, kind, theme, path)): Path<(String, String, String, String)>,
    themes: Option<Extension<Themes>>,
    headers: HeaderMap,
) -> Response {
    if theme == THEME {
        return match resources::file(&kind, &path) {
            Some(file) => answer(&file, version == VERSION, &headers),
            None => empty(StatusCode::NOT_FOUND),
        };
    }
    let Some(Extension(themes)) = themes.filter(|_| kind == "login") else {
        return empty(StatusCode::NOT_FOUND);
    };
    let found = tokio::task::spawn_blocking(move || themes.asset(&theme, &path)).await;
    match found {
        Ok(Some((asset, present))) => of_theme(asset, version == present),
        Ok(None) | Err(_) => empty(StatusCode::NOT_FOUND),
    }
}

/// A file of a theme.
fn of_theme(asset: Asset, is_present: bool) -> Response {
    let mut response = Response::new(Body::from(asset.bytes));
    let kept = if is_present { FOR_EVER } else { EACH_TIME };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, kept);
    let kind = HeaderValue::from_static(asset.media_type);
    headers.insert(header::CONTENT_TYPE, kind);
    harmless(headers);
    response
}

/// A picture with scripts in it, opened by itself, runs none, and nothing is taken for what it is not.
fn harmless(headers: &mut HeaderMap) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
    );
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn answer(file: &File, is_present: bool, asked: &HeaderMap) -> Response {
    let packed = file.gzip.filter(|_| takes_gzip(asked));
    let tag = if packed.is_some() {
        format!("\"{VERSION}-gz\"")
    } else {
        format!("\"{VERSION}\"")
    };
    let known = asked.get(header::IF_NONE_MATCH);
    let is_known = known
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| {
            tags.split(',')
                .any(|one| one.trim().trim_start_matches("W/") == tag)
        });
    let mut response = if is_known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        Response::new(Body::from(packed.unwrap_or(file.plain)))
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(file.media_type()),
    );
    if packed.is_some() && !is_known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if file.gzip.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    let kept = if is_present { FOR_EVER } else { EACH_TIME };
    headers.insert(header::CACHE_CONTROL, kept);
    harmless(headers);
    response
}

/// Whether gzip is among what the browser reads (RFC 9110 §12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let is_refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|weight| weight.parse().is_ok_and(|weight: f32| weight <= 0.0));
            name.trim().eq_ignore_ascii_case("gzip") && !is_refused
        })
}
