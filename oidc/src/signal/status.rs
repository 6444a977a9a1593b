//! `/ssf/transmitter/streams/status` and `/ssf/transmitter/verify` (SSF §8.1.2, §8.1.4).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::signal::status::{self, Verification};
use claviger_store::Tx;
use claviger_wire::signal::Status;
use serde::Deserialize;

use super::caller::{Deed, receiver, stream, stream_or_only};
use super::streams::written;
use super::{refused, sent};
use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;

/// The longest reason, and the longest `state`, in characters.
const TEXT_MAX: usize = 1_024;

/// Shows whether a stream delivers.
pub async fn show(mut call: Call) -> Response {
    let outcome = shown(&mut call).await;
    call.respond(outcome)
}

async fn shown(call: &mut Call) -> Result<Answer, Problem> {
    let client = receiver(call, Deed::Read).await?;
    let Some(id) = call.query.get("stream_id") else {
        return Err(refused("Stream ID is required"));
    };
    let stream = stream(call, &client, id).await?;
    Ok(Answer::json(StatusCode::OK, &stream.shown_status()).no_store())
}

#[derive(Deserialize)]
struct StatusInput {
    stream_id: Option<String>,
    status: Option<String>,
    reason: Option<String>,
}

/// Lets a stream deliver, pause or stop.
pub async fn change(mut call: Call) -> Response {
    let outcome = changed(&mut call).await;
    call.respond(outcome)
}

async fn changed(call: &mut Call) -> Result<Answer, Problem> {
    let client = receiver(call, Deed::Manage).await?;
    let input: StatusInput = sent(call)?;
    let Some(id) = input.stream_id else {
        return Err(refused("Stream ID is required"));
    };
    let stream = stream(call, &client, &id).await?;
    let Some(wanted) = input.status.as_deref().and_then(Status::named) else {
        return Err(refused("status must be enabled, paused or disabled"));
    };
    let reason = input.reason.filter(|reason| !reason.is_empty());
    if reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > TEXT_MAX)
    {
        return Err(refused("reason is too long"));
    }
    let mut tx = Tx::new();
    let at = (&stream, &*client);
    let after = status::put(&call.app, &call.realm, &mut tx, at, (wanted, reason));
    written(call, tx).await?;
    Ok(Answer::json(StatusCode::OK, &after.shown_status()).no_store())
}

#[derive(Deserialize)]
struct VerificationInput {
    stream_id: Option<String>,
    state: Option<String>,
}

/// Sends a verification event.
pub async fn verify(mut call: Call) -> Response {
    let outcome = verified(&mut call).await;
    call.respond(outcome)
}

async fn verified(call: &mut Call) -> Result<Answer, Problem> {
    const ERROR: &str = "stream_verification_error";
    let bad = |text: &str| Problem::bad_request(Help::SignalStream, ERROR, text);
    let client = receiver(call, Deed::Manage).await?;
    let input: VerificationInput = sent(call)?;
    let stream = stream_or_only(call, &client, input.stream_id.as_deref()).await;
    let stream = stream.map_err(|problem| {
        let is_missing = problem.status() == StatusCode::NOT_FOUND;
        let text = if is_missing {
            "Stream not found"
        } else {
            "Stream ID is required"
        };
        if problem.is("stream_error") {
            problem.reworded(ERROR, text)
        } else {
            problem
        }
    })?;
    let state = input.state.as_deref();
    if state.is_some_and(|state| state.chars().count() > TEXT_MAX) {
        return Err(bad("state is too long"));
    }
    let at = (&stream, &*client);
    match status::verify(&call.app, &call.realm, at, state).await? {
        Verification::Begun => Ok(Answer::empty(StatusCode::NO_CONTENT).no_store()),
        Verification::Disabled => Err(bad("The stream is disabled")),
        Verification::TooEarly(left) => {
            let text = format!(
                "Wait at least {} seconds before triggering another verification",
                left.0
            );
            let status = StatusCode::TOO_MANY_REQUESTS;
            let problem = Problem::new(Help::SignalStream, status, "too_many_requests", text);
            let after = HeaderValue::from(left.0.max(1));
            Ok(problem.into_answer().with(header::RETRY_AFTER, after))
        }
    }
}
