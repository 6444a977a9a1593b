//! A bearer token at an endpoint that is not Keycloak's own: checked as everywhere, through the one
//! gate, and refused in the words of RFC 6750. Nothing is written, for such endpoints are asked for
//! each request of an application.

use axum::http::StatusCode;
use claviger_engine::bearer::{self, Refused};
use claviger_engine::token::{Expected, TokenClaims};
use claviger_store::StoreError;

pub use claviger_engine::bearer::Accepted;

use crate::Help;
use crate::call::Call;
use crate::problem::Problem;

/// A refusal with a challenge (RFC 6750 §3).
pub fn challenge(
    call: &Call,
    help: Help,
    status: StatusCode,
    (code, text): (&str, &str),
) -> Problem {
    let realm = &call.realm.name;
    let value = format!("Bearer realm=\"{realm}\", error=\"{code}\", error_description=\"{text}\"");
    Problem::challenge(help, status, value)
}

/// The one refusal of a token that is no good. Help is chosen by what anybody can read in it; a cause
/// that the server alone knows is for the log.
pub fn refused(call: &Call, text: &str, cause: Option<Help>) -> Problem {
    let help = call.help_with_token(text, Expected::Access, Help::AccessTokenNotAccepted);
    let told = ("invalid_token", "Token verification failed");
    let problem = challenge(call, help, StatusCode::UNAUTHORIZED, told);
    match cause {
        Some(cause) => problem.because(cause),
        None => problem,
    }
}

/// The claims of an access token of this realm. What it stands on is not looked at.
pub async fn genuine(call: &Call, text: &str) -> Result<Option<TokenClaims>, StoreError> {
    bearer::genuine(&call.app, &call.realm, &call.context, text).await
}

/// The request's access token, if everything that it stands on can be used now.
pub async fn accept(call: &Call) -> Result<Accepted, Problem> {
    let Some(text) = call.bearer()? else {
        let value = format!("Bearer realm=\"{}\"", call.realm.name);
        let (help, status) = (Help::AccessTokenMissing, StatusCode::UNAUTHORIZED);
        return Err(Problem::challenge(help, status, value));
    };
    let accepted = bearer::accept(&call.app, &call.realm, &call.context, text).await;
    accepted.map_err(|reason| match reason {
        Refused::Alien => refused(call, text, None),
        Refused::NoClient | Refused::Revoked => refused(call, text, Some(Help::TokenRevoked)),
        Refused::BeforeCut => refused(call, text, Some(Help::TokenBeforeCut)),
        Refused::Unusable(reason) => refused(call, text, Some(Help::of_unusable(&reason))),
        Refused::Store(error) => error.into(),
    })
}
