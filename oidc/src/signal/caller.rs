//! Who calls the transmitter: a receiver's service account, with the scope that the deed needs.

use std::sync::Arc;

use axum::http::StatusCode;
use claviger_engine::client::Client;
use claviger_engine::gate::GateError;
use claviger_engine::revocation::revoked_before;
use claviger_engine::scope::has_word;
use claviger_engine::session;
use claviger_engine::signal::{Stream, is_receiver, is_transmitter};
use claviger_engine::token::TokenClaims;

use super::{no_stream, refused};
use crate::Help;
use crate::call::Call;
use crate::problem::Problem;

/// The scope that may read.
const READ: &str = "ssf.read";
/// The scope that may change, and read what it has changed.
const MANAGE: &str = "ssf.manage";

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// To see, or to fetch.
    Read,
    /// To change.
    Manage,
}

/// The receiver that calls, if it may.
pub async fn receiver(call: &mut Call, deed: Deed) -> Result<Arc<Client>, Problem> {
    open(call)?;
    let Some(text) = call.bearer()?.map(str::to_owned) else {
        let value = format!("Bearer realm=\"{}\"", call.realm.name);
        let status = StatusCode::UNAUTHORIZED;
        return Err(Problem::challenge(Help::AccessTokenMissing, status, value));
    };
    let ring = call.realm.keys().await?;
    let now = call.app.now();
    let token = TokenClaims::verify(&ring, &text)
        .filter(|token| token.kind == "Bearer" && !token.is_bound_to_a_key())
        .filter(|token| call.context.is_issuer(&token.issuer, &call.realm.name))
        .filter(|token| token.is_active(now));
    let Some(token) = token else {
        return Err(invalid_token(call));
    };
    let id = token.issued_for.clone().unwrap_or_default();
    let Some(client) = call.realm.client(&id).await? else {
        return Err(invalid_token(call));
    };
    let (store, realm) = (&call.app.store, &call.realm);
    let is_revoked = store.token_revoked(&realm.id, &token.id).await?;
    if is_revoked || token.issued_at < revoked_before(realm, Some(&client), None) {
        return Err(invalid_token(call));
    }
    let usable = session::of_token(&call.app, realm, &call.context, &client, &token).await;
    let usable = match usable {
        Ok(usable) => usable,
        Err(GateError::Store(error)) => return Err(error.into()),
        Err(GateError::Unusable(_)) => return Err(invalid_token(call)),
    };
    let acts_for_itself = usable.user().service_account_of.as_ref() == Some(&client.uuid);
    if !is_receiver(&client) || !client.settings.service_accounts_enabled || !acts_for_itself {
        let text = "This is no token of a receiver's service account";
        let status = StatusCode::FORBIDDEN;
        let help = Help::SignalReceiver;
        return Err(Problem::new(help, status, "access_denied", text));
    }
    check_scope(call, &token, deed)?;
    Ok(client)
}

/// Lets through what the realm serves at all.
fn open(call: &mut Call) -> Result<(), Problem> {
    call.check_ssl()?;
    call.check_realm()?;
    if is_transmitter(&call.realm) {
        return Ok(());
    }
    let (help, status) = (Help::SignalReceiver, StatusCode::NOT_FOUND);
    Err(Problem::plain(help, status, "HTTP 404 Not Found"))
}

fn check_scope(call: &Call, token: &TokenClaims, deed: Deed) -> Result<(), Problem> {
    let has = |scope| has_word(token.scope.as_deref(), scope);
    let (may, needed) = match deed {
        Deed::Read => (has(READ) || has(MANAGE), READ),
        Deed::Manage => (has(MANAGE), MANAGE),
    };
    if may {
        return Ok(());
    }
    let value = format!(
        "Bearer realm=\"{}\", error=\"insufficient_scope\", scope=\"{needed}\"",
        call.realm.name
    );
    let status = StatusCode::FORBIDDEN;
    Err(Problem::challenge(Help::SignalReceiver, status, value))
}

fn invalid_token(call: &Call) -> Problem {
    let value = format!(
        "Bearer realm=\"{}\", error=\"invalid_token\", \
         error_description=\"Token verification failed\"",
        call.realm.name
    );
    let status = StatusCode::UNAUTHORIZED;
    Problem::challenge(Help::AccessTokenNotAccepted, status, value)
}

/// The stream of this id, if it is the caller's: others' are as if there were none.
pub async fn stream(call: &Call, client: &Client, id: &str) -> Result<Stream, Problem> {
    let own = call.realm.streams_of(&client.uuid).await?;
    own.into_iter()
        .find(|stream| stream.id == id)
        .ok_or_else(no_stream)
}

/// The same, or without an id the only one that the caller has.
pub async fn stream_or_only(
    call: &Call,
    client: &Client,
    id: Option<&str>,
) -> Result<Stream, Problem> {
    if let Some(id) = id {
        return stream(call, client, id).await;
    }
    let mut own = call.realm.streams_of(&client.uuid).await?.into_iter();
    match (own.next(), own.next()) {
        (Some(only), None) => Ok(only),
        (_, _) => Err(refused("Stream ID is required")),
    }
}
