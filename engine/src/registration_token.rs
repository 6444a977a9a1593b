//! The tokens by which clients register themselves, and read and change their registration
//! (OpenID Connect Dynamic Client Registration 1.0 §3.1, RFC 7592 §3).

use claviger_crypto::algorithm::Algorithm;
use claviger_crypto::jws;
use claviger_model::{Millis, Seconds};
use claviger_store::InitialAccess;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use crate::app::App;
use crate::client_registration::Standing;
use crate::keys::ring_for;
use crate::realm::Realm;
use crate::token::{MintError, TokenClaims};

/// The client's attribute that holds the `jti` of its last token: earlier ones are void.
pub const ATTRIBUTE: &str = "registration.access.token.id";
/// The `typ` of a token for a client's own registration.
pub const TYPE: &str = "RegistrationAccessToken";
/// The `typ` of a token for making clients.
pub const INITIAL: &str = "InitialAccessToken";
/// The claim that says whether somebody was known who registered the client.
pub const STANDING: &str = "registration_auth";
/// The claim that says whose pages may read answers.
pub const ORIGINS: &str = "allowed-origins";

/// A new token.
#[derive(Clone)]
pub struct RegistrationToken {
    /// Its `jti`, for [`ATTRIBUTE`].
    pub id: String,
    /// The token itself.
    pub token: String,
}

/// Whoever has the token is the client.
impl std::fmt::Debug for RegistrationToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrationToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Makes a token for a client's registration. It has no end of its own (`exp` is 0, as Keycloak
/// writes it): it is void once another is made.
pub async fn issue(
    app: &App,
    realm: &Realm,
    issuer: &str,
    standing: Standing,
    origins: Option<&[String]>,
) -> Result<RegistrationToken, MintError> {
    let id = app.random.uuid();
    let mut claims = claims(app, issuer, &id, TYPE, Seconds(0));
    claims.insert(STANDING.to_owned(), json!(standing.as_str()));
    if let Some(origins) = origins {
        claims.insert(ORIGINS.to_owned(), json!(origins));
    }
    let token = sign(app, realm, claims).await?;
    Ok(RegistrationToken { id, token })
}

/// Makes the token that stands for leave to register clients.
pub async fn issue_initial(
    app: &App,
    realm: &Realm,
    issuer: &str,
    access: &InitialAccess,
    origins: Option<&[String]>,
) -> Result<String, MintError> {
    let end = access.expires_at.map_or(Seconds(0), Millis::seconds);
    let mut claims = claims(app, issuer, &access.id, INITIAL, end);
    if let Some(origins) = origins {
        claims.insert(ORIGINS.to_owned(), json!(origins));
    }
    sign(app, realm, claims).await
}

/// A token for a registration as its owner should have it from now on: the same, unless the realm
/// has another key by now. Then it is signed anew, and stands for the same.
pub async fn renewed(
    app: &App,
    realm: &Realm,
    text: &str,
    token: &TokenClaims,
) -> Result<String, MintError> {
    let ring = ring_for(app, realm, &[Algorithm::Hs512]).await?;
    let key = ring.active(Algorithm::Hs512, app.now());
    let signed_by = jws::Unverified::parse(text).ok();
    let signed_by = signed_by.as_ref().and_then(|token| token.header().kid());
    if key.is_some_and(|key| Some(key.kid()) == signed_by) {
        return Ok(text.to_owned());
    }
    let mut claims = token.all.clone();
    claims.insert("iat".to_owned(), json!(app.now().seconds().0));
    sign(app, realm, claims).await
}

fn claims(app: &App, issuer: &str, id: &str, kind: &str, end: Seconds) -> Json {
    Json::from_iter([
        ("exp".to_owned(), json!(end.0)),
        ("iat".to_owned(), json!(app.now().seconds().0)),
        ("jti".to_owned(), json!(id)),
        ("iss".to_owned(), json!(issuer)),
        ("aud".to_owned(), json!(issuer)),
        ("typ".to_owned(), json!(kind)),
    ])
}

async fn sign(app: &App, realm: &Realm, claims: Json) -> Result<String, MintError> {
    let ring = ring_for(app, realm, &[Algorithm::Hs512]).await?;
    let key = ring.active(Algorithm::Hs512, app.now());
    let key = key.ok_or_else(|| MintError::NoKey(Algorithm::Hs512.name().to_owned()))?;
    let payload = Value::Object(claims).to_string();
    jws::sign(key, Some("JWT"), payload.as_bytes())
        .map_err(|error| MintError::Signature(error.to_string()))
}
