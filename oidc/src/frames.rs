//! Pages without a face, which applications keep in hidden frames: one tells whether the session has
//! changed (OpenID Connect Session Management 1.0), two whether the browser lets cookies through.
//!
//! Anybody may put them into a frame; nothing is shown, and nothing is told but to a client's own origins.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64;

use crate::call::Call;
use crate::cors::Readers;

/// What everybody who passes the page on is asked for.
const CACHE: &str = "no-cache, must-revalidate, no-transform, no-store";

/// `GET /login-status-iframe.html`.
pub async fn login_status(call: Call) -> Response {
    frame(&call, include_str!("frames/login-status.js"))
}

/// `GET /3p-cookies/step1.html`.
pub async fn set_cookies(call: Call) -> Response {
    frame(&call, include_str!("frames/cookies-set.js"))
}

/// `GET /3p-cookies/step2.html`.
pub async fn read_cookies(call: Call) -> Response {
    frame(&call, include_str!("frames/cookies-read.js"))
}

/// `GET /login-status-iframe.html/init`: whether pages of an origin may ask for a client.
pub async fn init(call: Call) -> Response {
    let status = match may_ask(&call).await {
        Ok(true) => StatusCode::NO_CONTENT,
        Ok(false) => StatusCode::FORBIDDEN,
        Err(error) => return call.respond(Err(error.into())),
    };
    call.respond(Ok(crate::answer::Answer::empty(status)))
}

async fn may_ask(call: &Call) -> Result<bool, claviger_store::StoreError> {
    let (Some(client), Some(origin)) = (call.query.get("client_id"), call.query.get("origin"))
    else {
        return Ok(false);
    };
    let client = call.realm.client(client).await?;
    Ok(client.is_some_and(|client| {
        let readers = Readers::of(&client, &call.context.base_url);
        let enabled = client.settings.enabled && call.realm.enabled;
        enabled && (readers.include(origin) || origin == call.context.origin)
    }))
}

/// A page that is a script, which alone may run in it.
fn frame(call: &Call, script: &str) -> Response {
    let digest = base64(&sha256(script.as_bytes()));
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title></title>\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         connect-src 'self'; script-src 'sha256-{digest}'\"></head>\
         <body><script type=\"module\">{script}</script></body></html>\n"
    );
    let mut response = Html(page).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html;charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    call.secure_frame(headers);
    response
}
