//! `…/receivers/{client}/streams/{stream}/poll` (RFC 8936): a receiver fetches, and acknowledges.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use claviger_engine::signal::poll::{self, ACKS_MAX};
use claviger_wire::signal::PollRequest;
use serde_json::json;

use super::caller::{Deed, receiver, stream};
use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;

/// Answers a poll.
pub async fn poll(
    Path((_, client, stream)): Path<(String, String, String)>,
    mut call: Call,
) -> Response {
    let outcome = polled(&mut call, (&client, &stream)).await;
    call.respond(outcome)
}

async fn polled(call: &mut Call, (owner, id): (&str, &str)) -> Result<Answer, Problem> {
    let client = receiver(call, Deed::Read).await?;
    let own = if client.client_id == owner {
        stream(call, &client, id).await
    } else {
        Err(super::no_stream())
    };
    let stream = match own {
        Ok(stream) => stream,
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            return Ok(told(
                StatusCode::NOT_FOUND,
                "stream_not_found",
                "Stream not found",
            ));
        }
        Err(problem) => return Err(problem),
    };
    let read = serde_json::from_slice::<PollRequest>(&call.body);
    let Ok(request) = read else {
        let text = "The request is no JSON object of RFC 8936";
        return Ok(told(StatusCode::BAD_REQUEST, "invalid_request", text));
    };
    if request.ack.len() > ACKS_MAX || request.set_errs.len() > ACKS_MAX {
        let text = "At most 1000 tokens may be acknowledged at a time";
        return Ok(told(StatusCode::BAD_REQUEST, "invalid_request", text));
    }
    let answer = poll::poll(&call.app, &call.realm, &stream, &request).await?;
    Ok(Answer::json(StatusCode::OK, &answer).no_store())
}

/// A refusal in the words of RFC 8935 §2.4, as Keycloak has them here.
fn told(status: StatusCode, err: &str, description: &str) -> Answer {
    let body = json!({"err": err, "description": description});
    Answer::json(status, &body).helped(Help::SignalStream)
}
