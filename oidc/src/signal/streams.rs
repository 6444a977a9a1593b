//! `/ssf/transmitter/streams` (SSF §8.1.1): a receiver's streams, which nobody else sees.

use axum::http::StatusCode;
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::signal::Stream;
use claviger_engine::signal::change::{Maker, create as make, delete as end, update};
use claviger_store::{Commit, Tx};
use claviger_wire::signal::StreamInput;

use super::caller::{Deed, receiver, stream, stream_or_only};
use super::{no_stream, refused, sent};
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;

/// One stream, or all of them.
pub async fn show(mut call: Call) -> Response {
    let outcome = shown(&mut call).await;
    call.respond(outcome)
}

async fn shown(call: &mut Call) -> Result<Answer, Problem> {
    let client = receiver(call, Deed::Read).await?;
    if let Some(id) = call.query.get("stream_id") {
        let stream = stream(call, &client, id).await?;
        return Ok(answer(StatusCode::OK, &stream, &client));
    }
    let own = call.realm.streams_of(&client.uuid).await?;
    let all: Vec<_> = own.iter().map(|stream| stream.shown(&client)).collect();
    Ok(Answer::json(StatusCode::OK, &all).no_store())
}

fn answer(status: StatusCode, stream: &Stream, client: &Client) -> Answer {
    Answer::json(status, &stream.shown(client)).no_store()
}

/// Makes one.
pub async fn create(mut call: Call) -> Response {
    let outcome = created(&mut call).await;
    call.respond(outcome)
}

async fn created(call: &mut Call) -> Result<Answer, Problem> {
    let client = receiver(call, Deed::Manage).await?;
    let input: StreamInput = sent(call)?;
    let issuer = call.context.issuer(&call.realm.name);
    let maker = Maker {
        issuer: &issuer,
        is_admin: false,
    };
    let mut tx = Tx::new();
    let stream = make(&call.app, &call.realm, &mut tx, &client, (maker, input)).await?;
    written(call, tx).await?;
    Ok(answer(StatusCode::CREATED, &stream, &client))
}

/// Changes what is sent.
pub async fn patch(mut call: Call) -> Response {
    let outcome = changed(&mut call, false).await;
    call.respond(outcome)
}

/// Changes everything that its receiver may say.
pub async fn replace(mut call: Call) -> Response {
    let outcome = changed(&mut call, true).await;
    call.respond(outcome)
}

async fn changed(call: &mut Call, is_whole: bool) -> Result<Answer, Problem> {
    let client = receiver(call, Deed::Manage).await?;
    let input: StreamInput = sent(call)?;
    let Some(id) = input.stream_id.clone() else {
        return Err(refused("Stream ID is required"));
    };
    let stream = stream(call, &client, &id).await?;
    let mut tx = Tx::new();
    let (at, change) = ((&stream, &*client), (input, is_whole));
    let after = update(&call.app, &call.realm, &mut tx, at, change)?;
    written(call, tx).await?;
    Ok(answer(StatusCode::OK, &after, &client))
}

/// Ends one.
pub async fn delete(mut call: Call) -> Response {
    let outcome = deleted(&mut call).await;
    call.respond(outcome)
}

async fn deleted(call: &mut Call) -> Result<Answer, Problem> {
    let client = receiver(call, Deed::Manage).await?;
    let id = call.query.get("stream_id").map(str::to_owned);
    let stream = stream_or_only(call, &client, id.as_deref()).await?;
    let mut tx = Tx::new();
    end(&call.app, &call.realm, &mut tx, &stream);
    written(call, tx).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT).no_store())
}

/// Commits. Whoever was faster has ended the stream, or the client.
pub(super) async fn written(call: &Call, tx: Tx) -> Result<(), Problem> {
    match call.app.commit(tx).await? {
        Commit::Done => Ok(()),
        Commit::Missed(_) | Commit::Conflict(_) => Err(no_stream()),
    }
}
