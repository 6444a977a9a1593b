//! Requests that a client pushes before the browser comes (RFC 9126): kept for a minute, for the
//! client that pushed them, until one login came of them.

use std::sync::Arc;

use claviger_crypto::digest::sha256;
use claviger_crypto::encoding::base64url;
use claviger_model::Seconds;
use claviger_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::request::AuthorizationRequest;
use crate::app::App;
use crate::client::Client;
use crate::realm::Realm;

/// What `request_uri` of a pushed request begins with (§2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// A realm's attribute: how many seconds a pushed request is good for.
const LIFESPAN_ATTRIBUTE: &str = "parRequestUriLifespan";
/// How long it is good for if the realm does not say.
const LIFESPAN: Seconds = Seconds(60);

#[derive(Serialize, Deserialize)]
struct Kept {
    client: String,
    parameters: Vec<(String, String)>,
}

/// Whether a `request_uri` is that of a pushed request.
pub fn is_pushed(request_uri: &str) -> bool {
    let head = request_uri.get(..PREFIX.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(PREFIX))
}

/// How long pushed requests of a realm are good for.
pub fn pushed_lifespan(realm: &Realm) -> Seconds {
    let own = realm.settings.integer_attribute(LIFESPAN_ATTRIBUTE);
    own.filter(|seconds| *seconds > 0).map_or(LIFESPAN, Seconds)
}

/// Keeps a request with the job, and gives its `request_uri`.
pub fn push(
    app: &App,
    realm: &Realm,
    client: &Client,
    request: &AuthorizationRequest,
    tx: &mut Tx,
) -> String {
    let id = app.random.uuid();
    let kept = Kept {
        client: client.uuid.as_str().to_owned(),
        parameters: request
            .pairs()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    };
    let value = serde_json::to_string(&kept).unwrap_or_default();
    let end = app.now() + pushed_lifespan(realm);
    tx.use_once(&realm.id, &key(&id), &value, end);
    format!("{PREFIX}{id}")
}

/// The request behind a `request_uri`, for the client that pushed it. It is used up with the answer,
/// not here: a page may be loaded twice.
pub(super) async fn find(
    app: &App,
    realm: &Realm,
    client: &Arc<Client>,
    request_uri: &str,
) -> Result<Result<AuthorizationRequest, &'static str>, StoreError> {
    let id = request_uri.get(PREFIX.len()..).unwrap_or_default();
    let found = app.store.single_use(&realm.id, &key(id)).await?;
    let found = found.filter(|found| found.expires_at > app.now());
    let kept = found.and_then(|found| serde_json::from_str::<Kept>(&found.value).ok());
    let Some(kept) = kept else {
        return Ok(Err("PAR not found, not issued or used multiple times."));
    };
    if kept.client != client.uuid.as_str() {
        let text =
            "The client_id parameter doesn't match the one from OIDC 'request' or 'request_uri'";
        return Ok(Err(text));
    }
    let pairs = kept.parameters.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Ok(AuthorizationRequest::from_pairs(pairs)))
}

/// Uses a pushed request up with the job. [`claviger_store::Commit::Missed`] if it is used or over.
pub(super) fn use_up(realm: &Realm, request_uri: &str, tx: &mut Tx) {
    let id = request_uri.get(PREFIX.len()..).unwrap_or_default();
    tx.take_once(&realm.id, &key(id));
}

fn key(id: &str) -> String {
    format!("par:{}", base64url(&sha256(id.as_bytes())))
}
