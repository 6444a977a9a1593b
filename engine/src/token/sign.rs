//! Signing what is handed out, by the algorithm that a client wants or else the realm's.

use claviger_crypto::algorithm::Algorithm;
use claviger_crypto::jws;
use claviger_crypto::key_ring::KeyRing;
use claviger_model::Millis;
use claviger_wire::document::Json;
use serde::Serialize;

use super::MintError;
use crate::app::App;
use crate::client::Client;
use crate::keys::ring_for;
use crate::realm::Realm;

/// A client's attribute: how access tokens are signed.
pub const ACCESS_TOKEN: &str = "access.token.signed.response.alg";
/// A client's attribute: how ID tokens are signed.
pub const ID_TOKEN: &str = "id.token.signed.response.alg";
/// A client's attribute: how the answers of the userinfo endpoint are signed, if they are.
pub const USER_INFO: &str = "user.info.response.signature.alg";

/// A client's attribute: how answers of the authorization endpoint are signed (JARM §3).
pub const AUTHORIZATION_RESPONSE: &str = "authorization.signed.response.alg";

/// How many bytes the claims of a token have, as a rule.
const PAYLOAD_BYTES: usize = 2048;

/// The algorithm that a client wants for a kind of token, or the realm's.
pub fn algorithm<'a>(realm: &'a Realm, client: &'a Client, attribute: &str) -> &'a str {
    let own = client.settings.attribute(attribute);
    own.unwrap_or(&realm.settings.default_signature_algorithm)
}

/// `typ` in the header of an access token (RFC 9068 §2.1, if the client wants it).
pub fn access_token_type(client: &Client) -> &'static str {
    if client
        .settings
        .flag_attribute("access.token.header.type.rfc9068", false)
    {
        "at+jwt"
    } else {
        "JWT"
    }
}

/// Signs claims by an algorithm, with a key that is made if the realm has none.
pub async fn signed(
    app: &App,
    realm: &Realm,
    algorithm: &str,
    typ: &str,
    claims: &Json,
) -> Result<String, MintError> {
    let known: Vec<Algorithm> = Algorithm::from_name(algorithm).into_iter().collect();
    let ring = ring_for(app, realm, &known).await?;
    sign(&ring, algorithm, typ, claims, app.now())
}

pub(super) fn sign(
    ring: &KeyRing,
    algorithm: &str,
    typ: &str,
    claims: &impl Serialize,
    now: Millis,
) -> Result<String, MintError> {
    let no_key = || MintError::NoKey(algorithm.to_owned());
    let known = Algorithm::from_name(algorithm).ok_or_else(no_key)?;
    let key = ring.active(known, now).ok_or_else(no_key)?;
    // Most are below: what is written need not be moved about as it grows.
    let mut payload = Vec::with_capacity(PAYLOAD_BYTES);
    serde_json::to_writer(&mut payload, claims)
        .map_err(|error| MintError::Signature(error.to_string()))?;
    jws::sign(key, Some(typ), &payload).map_err(|error| MintError::Signature(error.to_string()))
}
