//! A bearer token at an endpoint that is not Keycloak's own: checked as everywhere, through the one
//! gate, and refused in the words of RFC 6750. Nothing is written, for such endpoints are asked for
//! each request of an application.

use std::sync::Arc;

use axum::http::StatusCode;
use claviger_engine::client::Client;
use claviger_engine::gate::{GateError, Usable};
use claviger_engine::revocation::revoked_before;
use claviger_engine::session;
use claviger_engine::token::{Expected, TokenClaims};
use claviger_store::StoreError;

use crate::Help;
use crate::call::Call;
use crate::problem::Problem;

/// A token that is good now, and what it hangs on.
#[derive(Debug)]
pub struct Accepted {
    /// Its claims.
    pub token: TokenClaims,
    /// The client that it was issued to.
    pub client: Arc<Client>,
    /// Whose it is.
    pub usable: Usable,
}

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

/// The claims of an access token that this realm has signed, whose time is not over, and which is not
/// bound to a key that its bearer would have to prove. What it stands on is not looked at.
pub async fn genuine(call: &Call, text: &str) -> Result<Option<TokenClaims>, StoreError> {
    let ring = call.realm.keys().await?;
    Ok(TokenClaims::verify(&ring, text)
        .filter(|token| token.kind == "Bearer" && !token.is_bound_to_a_key())
        .filter(|token| call.context.is_issuer(&token.issuer, &call.realm.name))
        .filter(|token| token.is_active(call.app.now())))
}

/// The request's access token, if everything that it stands on can be used now.
pub async fn accept(call: &Call) -> Result<Accepted, Problem> {
    let Some(text) = call.bearer()? else {
        let value = format!("Bearer realm=\"{}\"", call.realm.name);
        let (help, status) = (Help::AccessTokenMissing, StatusCode::UNAUTHORIZED);
        return Err(Problem::challenge(help, status, value));
    };
    let Some(token) = genuine(call, text).await? else {
        return Err(refused(call, text, None));
    };
    let id = token.issued_for.as_deref().unwrap_or_default();
    let Some(client) = call.realm.client(id).await? else {
        return Err(refused(call, text, Some(Help::TokenRevoked)));
    };
    if token.issued_at < revoked_before(&call.realm, Some(&client), None) {
        return Err(refused(call, text, Some(Help::TokenBeforeCut)));
    }
    // Two questions that do not wait for each other.
    let (revoked, usable) = tokio::join!(
        call.app.store.token_revoked(&call.realm.id, &token.id),
        session::of_token(&call.app, &call.realm, &call.context, &client, &token),
    );
    if revoked? {
        return Err(refused(call, text, Some(Help::TokenRevoked)));
    }
    match usable {
        Ok(usable) => Ok(Accepted {
            token,
            client,
            usable,
        }),
        Err(GateError::Store(error)) => Err(error.into()),
        Err(GateError::Unusable(reason)) => {
            Err(refused(call, text, Some(Help::of_unusable(&reason))))
        }
    }
}
