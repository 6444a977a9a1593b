//! The token by which a client reads and changes its own registration (RFC 7592 §3).

use claviger_crypto::algorithm::Algorithm;
use claviger_crypto::jws;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use crate::app::App;
use crate::keys::ring_for;
use crate::realm::Realm;
use crate::token::MintError;

/// The client's attribute that holds the `jti` of its last token: earlier ones are void.
pub const ATTRIBUTE: &str = "registration.access.token.id";
/// The token's `typ`.
pub const TYPE: &str = "RegistrationAccessToken";

/// A new token.
#[derive(Clone, Debug)]
pub struct RegistrationToken {
    /// Its `jti`, for [`ATTRIBUTE`].
    pub id: String,
    /// The token itself.
    pub token: String,
}

/// Makes a token for a client's registration that was made by somebody who was known. It has no
/// end of its own (`exp` is 0, as Keycloak writes it): it is void once another is made.
pub async fn issue(app: &App, realm: &Realm, issuer: &str) -> Result<RegistrationToken, MintError> {
    let ring = ring_for(app, realm, &[Algorithm::Hs512]).await?;
    let now = app.now();
    let key = ring.active(Algorithm::Hs512, now);
    let key = key.ok_or_else(|| MintError::NoKey(Algorithm::Hs512.name().to_owned()))?;
    let id = app.random.uuid();
    let claims = Json::from_iter([
        ("exp".to_owned(), json!(0)),
        ("iat".to_owned(), json!(now.seconds().0)),
        ("jti".to_owned(), json!(id)),
        ("iss".to_owned(), json!(issuer)),
        ("aud".to_owned(), json!(issuer)),
        ("typ".to_owned(), json!(TYPE)),
        ("registration_auth".to_owned(), json!("authenticated")),
    ]);
    let payload = Value::Object(claims).to_string();
    let token = jws::sign(key, Some("JWT"), payload.as_bytes())
        .map_err(|error| MintError::Signature(error.to_string()))?;
    Ok(RegistrationToken { id, token })
}
