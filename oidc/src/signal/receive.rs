//! `/ssf/receiver/{transmitter}` (RFC 8935 §2): another server pushes a security event token.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::signal::receive::{ReceiveError, Upstream, receive as take};
use claviger_surface::body::media_type;
use claviger_wire::signal::SET_MEDIA;
use serde_json::json;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::{Problem, chain};

/// Takes a token.
pub async fn receive(Path((_, transmitter)): Path<(String, String)>, mut call: Call) -> Response {
    let outcome = received(&mut call, &transmitter).await;
    call.respond(outcome)
}

async fn received(call: &mut Call, name: &str) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.check_realm()?;
    let Some(upstream) = Upstream::named(&call.realm, name) else {
        let (help, status) = (Help::SignalEvent, StatusCode::NOT_FOUND);
        return Err(Problem::plain(help, status, "HTTP 404 Not Found"));
    };
    let sent = call.headers.get(header::AUTHORIZATION);
    let sent = sent.map(HeaderValue::as_bytes);
    if !upstream.admits(&call.app, &call.realm, sent).await {
        let text = "The Authorization header is not the one agreed upon";
        let told = refusal(StatusCode::UNAUTHORIZED, "authentication_failed", text);
        let realm = format!("Bearer realm=\"{}\"", call.realm.name);
        return Ok(told.with_text(header::WWW_AUTHENTICATE, &realm));
    }
    if media_type(&call.headers).as_deref() != Some(SET_MEDIA) {
        let text = "Content-Type is not application/secevent+jwt";
        return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request", text));
    }
    let Ok(text) = std::str::from_utf8(&call.body) else {
        let text = "this is no signed JWT";
        return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request", text));
    };
    let token = (text.trim(), &*call.context.ip_address);
    match take(&call.app, &call.realm, &upstream, token).await {
        Ok(_) => Ok(Answer::empty(StatusCode::ACCEPTED).no_store()),
        Err(error) => failed(error),
    }
}

fn failed(error: ReceiveError) -> Result<Answer, Problem> {
    let later = |answer: Answer| answer.with(header::RETRY_AFTER, HeaderValue::from_static("10"));
    match error {
        ReceiveError::Refused(code, why) => Ok(refusal(StatusCode::BAD_REQUEST, code, why)),
        ReceiveError::Keys(error) => {
            tracing::warn!("a security event token waits for keys: {}", chain(&error));
            Ok(later(Problem::busy().into_answer()))
        }
        ReceiveError::TooMany => {
            let text = "Too many security event tokens, try again later";
            let status = StatusCode::TOO_MANY_REQUESTS;
            Ok(later(refusal(status, "access_denied", text)))
        }
        ReceiveError::Store(error) => Err(error.into()),
    }
}

/// RFC 8935 §2.3.
fn refusal(status: StatusCode, err: &str, description: &str) -> Answer {
    let body = json!({"err": err, "description": description});
    Answer::json(status, &body)
        .no_store()
        .helped(Help::SignalEvent)
}
