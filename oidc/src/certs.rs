//! `GET /protocol/openid-connect/certs`: the realm's public keys (RFC 7517 §5), by which everybody
//! can verify its tokens.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::answer::Answer;
use crate::call::Call;
use crate::cors::Readers;
use crate::problem::Problem;

/// The media type of a JWK Set (RFC 7517 §8.5.2), for those who ask for exactly that.
const JWK_SET: &str = "application/jwk-set+json";

/// Shows the keys that the realm signs with or has signed with, and those to encrypt for it.
pub async fn show(mut call: Call) -> Response {
    let outcome = keys(&mut call).await;
    call.respond(outcome)
}

/// Answers a preflight request.
pub async fn preflight(call: Call) -> Response {
    call.respond_to_preflight("GET")
}

async fn keys(call: &mut Call) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.readers = Readers::All;
    call.exposed = None;
    let keys = call.realm.keys().await?.public_jwks();
    let answer = Answer::json(StatusCode::OK, &keys).no_cache();
    Ok(if call.header(header::ACCEPT) == Some(JWK_SET) {
        answer.with(header::CONTENT_TYPE, HeaderValue::from_static(JWK_SET))
    } else {
        answer
    })
}
