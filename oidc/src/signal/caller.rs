//! Who calls the transmitter: a receiver's service account, with the scope that the deed needs.

use std::sync::Arc;

use axum::http::StatusCode;
use claviger_engine::client::Client;
use claviger_engine::scope::has_word;
use claviger_engine::signal::{Stream, is_receiver, is_transmitter};
use claviger_engine::token::TokenClaims;

use super::{no_stream, refused};
use crate::Help;
use crate::bearer::{self, Accepted};
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
    let Accepted {
        token,
        client,
        usable,
    } = bearer::accept(call).await?;
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
