//! `/status-lists/{number}`: which access tokens are good no more, for whoever keeps the list
//! (draft-ietf-oauth-status-list §8). Anybody may fetch it: it tells nothing but ones and zeros at
//! places that chance has given.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::status_list::{Form, published};

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::cors::Readers;
use crate::problem::Problem;

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight("GET")
}

/// `GET`: a list, as a JWT unless a CWT is asked for.
pub async fn show(Path((_, number)): Path<(String, String)>, mut call: Call) -> Response {
    let outcome = list(&mut call, &number).await;
    call.respond(outcome)
}

async fn list(call: &mut Call, number: &str) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.readers = Readers::All;
    let absent = || Problem::plain(Help::PathUnknown, StatusCode::NOT_FOUND, "Not Found");
    let number: i32 = number.parse().ok().filter(|n| *n >= 0).ok_or_else(absent)?;
    let accepted = call.header(header::ACCEPT).unwrap_or_default();
    let form = if accepted.contains(Form::Cwt.media_type()) {
        Form::Cwt
    } else {
        Form::Jwt
    };
    let issuer = call.context.issuer(&call.realm.name);
    let list = published(&call.app, &call.realm, &issuer, number, form).await?;
    let list = list.ok_or_else(absent)?;
    let asked = call.header(header::IF_NONE_MATCH).unwrap_or_default();
    let is_known = asked.split(',').any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == list.etag
    });
    let answer = if is_known {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        let kind = HeaderValue::from_static(form.media_type());
        Answer::bytes(StatusCode::OK, list.token.clone()).with(header::CONTENT_TYPE, kind)
    };
    // A realm that is switched off publishes still, for all that it shows is that nothing is good.
    let kept = format!("max-age={}", list.ttl.0);
    Ok(answer
        .with_text(header::CACHE_CONTROL, &kept)
        .with_text(header::ETAG, &list.etag)
        .with(header::VARY, HeaderValue::from_static("Accept")))
}
