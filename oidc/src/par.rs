//! `POST /protocol/openid-connect/ext/par/request` (RFC 9126): a client pushes what it will ask a
//! browser's user, and gets an address for it.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use claviger_engine::authorize::{self, AuthorizationRequest, Door, ReadError, Refused};
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_store::Tx;
use serde::Serialize;

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::client_auth;
use crate::problem::Problem;
use crate::token::commit;

/// Answers a pushed request.
pub async fn push(mut call: Call) -> Response {
    // A large state: kept in one place, for the layers outside move the handler's about.
    let outcome = Box::pin(run(&mut call)).await;
    call.respond(outcome)
}

/// The answer of RFC 9126 §2.2.
#[derive(Serialize)]
struct Pushed<'a> {
    request_uri: &'a str,
    expires_in: i64,
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    let mut event = call.event("PUSHED_AUTHORIZATION_REQUEST");
    call.check_ssl()?;
    call.check_realm()?;
    let client = authenticate(call, &mut event).await?;
    event.client(&client.client_id);
    if call.form.has("request_uri") {
        let text = "It is not allowed to include request_uri to PAR.";
        return Err(refuse(call, &mut event, invalid(text)).await);
    }
    let request = read(call, &client, &mut event).await?;
    if let Err(refused) = check(call, &client, &request, &mut event).await? {
        return Err(refuse(call, &mut event, refused).await);
    }
    let mut tx = Tx::new();
    let request_uri = authorize::push(&call.app, &call.realm, &client, &request, &mut tx);
    commit(call, tx).await?;
    let answer = Pushed {
        request_uri: &request_uri,
        expires_in: authorize::pushed_lifespan(&call.realm).0,
    };
    Ok(Answer::json(StatusCode::CREATED, &answer))
}

/// Finds out which client pushes. Who does not prove to be one reads the same, whatever was wrong.
async fn authenticate(call: &mut Call, event: &mut EventBuilder) -> Result<Arc<Client>, Problem> {
    let found = client_auth::authenticate(call, event).await;
    let client = found.map_err(|problem| {
        let is_about_client =
            problem.status() != StatusCode::FORBIDDEN && !problem.status().is_server_error();
        if is_about_client {
            let text = "Authentication failed.";
            return problem
                .answering(StatusCode::UNAUTHORIZED)
                .reworded("invalid_request", text);
        }
        problem
    })?;
    if client.settings.bearer_only {
        let help = Help::ClientBearerOnly;
        let text = "Bearer-only not allowed";
        return Err(Problem::bad_request(help, "invalid_client", text));
    }
    Ok(client)
}

async fn read(
    call: &Call,
    client: &Arc<Client>,
    event: &mut EventBuilder,
) -> Result<AuthorizationRequest, Problem> {
    let parameters = (Door::Pushed, call.form.pairs());
    let read = authorize::read(&call.app, &call.realm, &call.context, client, parameters).await;
    let text = match read {
        Ok(request) => return Ok(request),
        Err(ReadError::Store(error)) => return Err(error.into()),
        Err(ReadError::Refused(text)) => text,
    };
    let error = if call.form.has("request") {
        "invalid_request_object"
    } else {
        "invalid_request"
    };
    event.detail("detail", &*text);
    let problem = Problem::bad_request(Help::PushedRequestInvalid, error, text);
    Err(call.refuse(event, error, problem).await)
}

/// The same rules as at the authorization endpoint: what is refused there is refused here already.
async fn check(
    call: &Call,
    client: &Client,
    request: &AuthorizationRequest,
    event: &mut EventBuilder,
) -> Result<Result<(), Refused>, Problem> {
    let base_url = &call.context.base_url;
    if authorize::redirect(client, base_url, request, event).is_err() {
        return Ok(Err(invalid("Invalid parameter: redirect_uri")));
    }
    let kind = match authorize::response(client, request, event) {
        Ok((kind, _)) => kind,
        Err((refused, _)) if refused.error == "unsupported_response_type" => {
            return Ok(Err(invalid("Unsupported response type")));
        }
        Err((refused, _)) => return Ok(Err(refused)),
    };
    let checked = authorize::rest(&call.realm, client, request, kind).await?;
    Ok(checked.map_err(|refused| match refused.error {
        "invalid_scope" => Refused {
            error: "invalid_request",
            ..refused
        },
        _ => refused,
    }))
}

fn invalid(text: &str) -> Refused {
    Refused::invalid(text)
}

async fn refuse(call: &Call, event: &mut EventBuilder, refused: Refused) -> Problem {
    let status = if refused.error == "unauthorized_client" {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::BAD_REQUEST
    };
    let text = refused.description.unwrap_or_default();
    event.detail("detail", &*text);
    let problem = Problem::new(Help::PushedRequestInvalid, status, refused.error, text);
    call.refuse(event, refused.event_error, problem).await
}
