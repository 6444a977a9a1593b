//! An access token that a request brings: good now, with everything that it stands on.

use std::sync::Arc;

use claviger_store::StoreError;

use crate::app::App;
use crate::client::Client;
use crate::gate::{GateError, Unusable, Usable};
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::revocation::revoked_before;
use crate::session;
use crate::token::TokenClaims;

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

/// Why a token is not accepted.
#[derive(Debug)]
pub enum Refused {
    /// It is no access token of this realm, or its time is over, or its bearer would have to prove more.
    Alien,
    /// The client that it was issued to is gone.
    NoClient,
    /// It was issued before a not-before cut of the realm or the client.
    BeforeCut,
    /// It was revoked by itself.
    Revoked,
    /// Something that it stands on cannot be used.
    Unusable(Unusable),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The claims of an access token that this realm has signed, whose time is not over, and which is not
/// bound to a key that its bearer would have to prove. What it stands on is not looked at.
///
/// # Errors
///
/// The store's.
pub async fn genuine(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    text: &str,
) -> Result<Option<TokenClaims>, StoreError> {
    let ring = realm.keys().await?;
    Ok(TokenClaims::verify(&ring, text)
        .filter(|token| token.kind == "Bearer" && !token.is_bound_to_a_key())
        .filter(|token| context.is_issuer(&token.issuer, &realm.name))
        .filter(|token| token.is_active(app.now())))
}

/// The token, if everything that it stands on can be used now.
///
/// # Errors
///
/// What stands in the way, or the store's.
pub async fn accept(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    text: &str,
) -> Result<Accepted, Refused> {
    let token = genuine(app, realm, context, text).await?;
    let token = token.ok_or(Refused::Alien)?;
    let id = token.issued_for.as_deref().unwrap_or_default();
    let client = realm.client(id).await?.ok_or(Refused::NoClient)?;
    if token.issued_at < revoked_before(realm, Some(&client), None) {
        return Err(Refused::BeforeCut);
    }
    // Two questions that do not wait for each other.
    let (revoked, usable) = tokio::join!(
        app.store.token_revoked(&realm.id, &token.id),
        session::of_token(app, realm, context, &client, &token),
    );
    if revoked? {
        return Err(Refused::Revoked);
    }
    match usable {
        Ok(usable) => Ok(Accepted {
            token,
            client,
            usable,
        }),
        Err(GateError::Store(error)) => Err(error.into()),
        Err(GateError::Unusable(reason)) => Err(Refused::Unusable(reason)),
    }
}
