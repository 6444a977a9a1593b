//! `POST /protocol/openid-connect/global-token-revocation` (draft-parecki-oauth-global-token-revocation):
//! another server, or whoever watches over incidents, has everything ended that a person has.
//!
//! Off for every realm and every client until an administrator says otherwise: who may ask may sign
//! anybody out, and learns who has an account.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_engine::logout::global::subject::{Meant, SubjectError, meant};
use claviger_engine::logout::global::{end, is_on, may};
use claviger_engine::logout::scope::{self, LogoutScope};
use claviger_model::User;
use claviger_store::Tx;
use claviger_surface::body::media_type;
use serde_json::Value;

use crate::Help;
use crate::answer::Answer;
use crate::bearer;
use crate::call::Call;
use crate::client_auth;
use crate::problem::Problem;
use crate::token::commit;

/// The longest body: an identifier, or ten.
const BODY_MAX: usize = 32 * 1024;

/// Ends everything that the named person has.
pub async fn revoke(mut call: Call) -> Response {
    // A large state: kept in one place, for the layers outside move the handler's about.
    let outcome = Box::pin(run(&mut call)).await;
    call.respond(outcome.map(Answer::no_store))
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.check_realm()?;
    let mut event = call.event("LOGOUT");
    event.detail("method", "global_token_revocation");
    if !is_on(&call.realm) {
        return Err(forbidden("The endpoint is not switched on for this realm"));
    }
    let client = caller(call, &mut event).await?;
    event.client(&client.client_id);
    if !may(&client) {
        let problem = forbidden("The client may not revoke everything that a user has");
        return Err(call.refuse(&event, "not_allowed", problem).await);
    }
    let user = match person(call, &client).await {
        Ok(user) => user,
        Err((error, problem)) => return Err(call.refuse(&event, error, problem).await),
    };
    let mut tx = Tx::new();
    end(&call.app, &call.realm, &mut tx, &user, &client).await?;
    event.user(user.id.as_str());
    event.detail("username", &*user.username);
    event.detail(scope::PARAMETER, LogoutScope::All.as_str());
    event.success(&call.app, &call.realm, &mut tx);
    commit(call, tx).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn forbidden(text: &str) -> Problem {
    let (help, status) = (Help::GlobalRevocationOff, StatusCode::FORBIDDEN);
    Problem::new(help, status, "access_denied", text)
}

/// The client that asks: with its secret, with an assertion of its own, or with an access token of its
/// service account. Whoever cannot prove it reads `401`, in whichever way they tried.
async fn caller(call: &mut Call, event: &mut EventBuilder) -> Result<Arc<Client>, Problem> {
    let bearer = call.bearer()?.map(str::to_owned);
    if let Some(text) = &bearer {
        if !client_auth::take_assertion(call, text) {
            let accepted = bearer::accept(call).await?;
            let own = accepted.usable.user().service_account_of.as_ref();
            if own != Some(&accepted.client.uuid) {
                return Err(forbidden("This is no token of a client's service account"));
            }
            return Ok(accepted.client);
        }
        // The assertion alone counts: no second proof beside it.
        call.headers.remove(header::AUTHORIZATION);
    }
    let identified = client_auth::identify(call, event).await;
    identified.map_err(|problem| {
        if problem.status() == StatusCode::BAD_REQUEST {
            problem.answering(StatusCode::UNAUTHORIZED)
        } else {
            problem
        }
    })
}

/// Who is meant, or the error of the event and the refusal.
async fn person(call: &Call, client: &Client) -> Result<User, (&'static str, Problem)> {
    let refused = |status, error: &'static str, text: &str| {
        (
            error,
            Problem::new(Help::GlobalRevocation, status, error, text),
        )
    };
    let malformed = |text: &str| refused(StatusCode::BAD_REQUEST, "invalid_request", text);
    let is_json = media_type(&call.headers).is_some_and(|media| media == "application/json");
    if !is_json || call.body.len() > BODY_MAX {
        return Err(malformed("The body is no short application/json"));
    }
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|_| malformed("The body is no JSON"))?;
    let Some(subject) = body.get("sub_id") else {
        return Err(malformed("sub_id is missing"));
    };
    match meant(&call.app, &call.realm, &call.context, client, subject).await {
        Ok(Meant::One(user)) => Ok(*user),
        Ok(Meant::Nobody) => {
            let text = "Nobody here is meant by sub_id";
            Err(refused(StatusCode::NOT_FOUND, "user_not_found", text))
        }
        Ok(Meant::Several) => {
            let text = "More than one user is meant by sub_id, and nothing was revoked";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(refused(status, "ambiguous_subject", text))
        }
        Err(SubjectError::Malformed(text)) => Err(malformed(text)),
        Err(error @ SubjectError::Unsupported) => Err(malformed(&error.to_string())),
        Err(SubjectError::Store(error)) => Err(("server_error", error.into())),
    }
}
