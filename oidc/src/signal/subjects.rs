//! `/ssf/transmitter/subjects/add` and `…/remove` (SSF §8.1.3): of whom a stream tells.
//!
//! Whether there is such a person is not told: a receiver could ask for one after the other
//! (SSF §9.2).

use axum::http::StatusCode;
use axum::response::Response;
use claviger_engine::signal::subject;
use claviger_store::Tx;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Deed, receiver, stream};
use super::sent;
use super::streams::written;
use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;

#[derive(Deserialize)]
struct SubjectInput {
    stream_id: Option<String>,
    subject: Option<Value>,
}

/// From now on the stream tells of somebody.
pub async fn add(mut call: Call) -> Response {
    let outcome = said(&mut call, true).await;
    let answer = || Answer::json(StatusCode::OK, &json!({})).no_store();
    call.respond(outcome.map(|()| answer()))
}

/// From now on it does not.
pub async fn remove(mut call: Call) -> Response {
    let outcome = said(&mut call, false).await;
    let answer = || Answer::empty(StatusCode::NO_CONTENT).no_store();
    call.respond(outcome.map(|()| answer()))
}

async fn said(call: &mut Call, is_told: bool) -> Result<(), Problem> {
    let client = receiver(call, Deed::Manage).await?;
    let input: SubjectInput = sent(call)?;
    let subject = input.subject.filter(Value::is_object);
    let (Some(id), Some(subject)) = (input.stream_id, subject) else {
        let text = "stream_id and subject are required";
        return Err(Problem::bad_request(
            Help::SignalStream,
            "invalid_request",
            text,
        ));
    };
    let stream = stream(call, &client, &id).await?;
    let at = (&stream, &*client);
    let meant = subject::meant(&call.app, &call.realm, at, &subject).await?;
    let Some(user) = meant else {
        return Ok(());
    };
    let mut tx = Tx::new();
    subject::say(&call.realm, &mut tx, &stream, &user.id, is_told);
    written(call, tx).await
}
