//! Logout by nothing but the access token, for a client that is let (attribute `logout.bearer.enabled`,
//! off by default): what applications try first, because every other API works that way.
//!
//! It is off by default because an access token travels to APIs, and each of them could then end the
//! session that it is of. Where it is off, or the token is no good, the request goes the way it would
//! go in Keycloak.

use std::sync::Arc;

use claviger_engine::client::Client;
use claviger_engine::gate::GateError;
use claviger_engine::revocation::revoked_before;
use claviger_engine::session;
use claviger_engine::token::TokenClaims;

use super::{done, end, wanted};
use crate::answer::Answer;
use crate::bearer;
use crate::call::Call;
use crate::problem::Problem;

/// The client's attribute.
const ENABLED: &str = "logout.bearer.enabled";

/// Ends the session of the access token in the header. None where the request is for somebody else: it
/// names a client, or brings no token of a client that is let.
pub async fn begin(call: &mut Call) -> Result<Option<Answer>, Problem> {
    let names_a_client = ["client_id", "client_assertion", "id_token_hint"]
        .iter()
        .any(|name| call.form.has(name));
    if names_a_client {
        return Ok(None);
    }
    let Ok(Some(text)) = call.bearer() else {
        return Ok(None);
    };
    let Some((token, client)) = read(call, text).await? else {
        return Ok(None);
    };
    call.check_ssl()?;
    call.check_origin(&client)?;
    let mut event = call.event("LOGOUT");
    event.client(&client.client_id);
    let (app, realm) = (&call.app, &call.realm);
    let usable = match session::of_token(app, realm, &call.context, &client, &token).await {
        Ok(usable) => usable,
        Err(GateError::Store(error)) => return Err(error.into()),
        // A session that is gone already is as well: to end it again changes nothing.
        Err(GateError::Unusable(_)) => return Ok(Some(done())),
    };
    let scope = wanted(call, &client, &mut event).await?;
    event.detail("auth_method", "access_token");
    end(
        call,
        (usable.session(), Some(&client.uuid)),
        scope,
        &mut event,
    )
    .await?;
    Ok(Some(done()))
}

/// The access token, if it is good and its client is let.
async fn read(call: &Call, text: &str) -> Result<Option<(TokenClaims, Arc<Client>)>, Problem> {
    let known = bearer::genuine(call, text).await?;
    let Some(token) = known.filter(|token| !token.is_stateless()) else {
        return Ok(None);
    };
    let id = token.issued_for.clone().unwrap_or_default();
    let Some(client) = call.realm.client(&id).await? else {
        return Ok(None);
    };
    let is_let = client.settings.enabled
        && client.settings.is_openid_connect()
        && client.settings.flag_attribute(ENABLED, false);
    if !is_let || token.issued_at < revoked_before(&call.realm, Some(&client), None) {
        return Ok(None);
    }
    let store = &call.app.store;
    if store.token_revoked(&call.realm.id, &token.id).await? {
        return Ok(None);
    }
    Ok(Some((token, client)))
}
