//! Request objects (RFC 9101, OpenID Connect Core §6): parameters in a token that the client signed,
//! and perhaps encrypted to this realm.

use std::sync::Arc;

use claviger_crypto::KeyUse;
use claviger_crypto::encoding::decode_base64url;
use claviger_crypto::jwe::{DecryptionKey, Encrypted, KeyManagement};
use claviger_crypto::jws::Unverified;
use claviger_crypto::key::VerifyingKey;
use claviger_crypto::key_ring::{KeyStatus, RealmKey};
use claviger_store::StoreError;
use claviger_wire::document::Json;
use serde_json::Value;

use crate::app::App;
use crate::client::Client;
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::{client_keys, client_secrets};

/// Why a request object is not believed. The texts are Keycloak's.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It begins with no header.
    #[error("Failed to parse JWT header")]
    Header,
    /// It is no token.
    #[error("Failed to build JWS")]
    Form,
    /// The client wants its objects signed in another way.
    #[error("Request object signed with different algorithm than client requested algorithm")]
    Algorithm,
    /// The client wants its objects encrypted in another way.
    #[error("Request object encrypted with different algorithm than client requested algorithm")]
    Encryption,
    /// The client wants the content of its objects encrypted in another way.
    #[error(
        "Request object content encrypted with different algorithm than client requested algorithm"
    )]
    ContentEncryption,
    /// The realm has no key to decrypt it.
    #[error("Could not find private key for decrypting token")]
    NoKey,
    /// It cannot be decrypted.
    #[error("Failed to decrypt JWT")]
    Decryption,
    /// It is encrypted, and inside is nothing signed, though the client's objects are.
    #[error(
        "Request object signature algorithm is required but decrypted JWE content is not a signed JWS"
    )]
    Unsigned,
    /// Its signature is not the client's.
    #[error("Failed to verify signature on 'request' object")]
    Signature,
    /// Its time is over, or has not come (RFC 9101 §4, RFC 7519 §4.1).
    #[error("The request object has expired or is not valid yet")]
    Time,
    /// It leads to another one (RFC 9101 §4).
    #[error("The request_uri claim should not be set in the request object")]
    Nested,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The parameters in a request object of a client.
pub(super) async fn open(
    app: &App,
    realm: &Realm,
    (context, client): (&RequestContext, &Arc<Client>),
    text: &str,
) -> Result<Json, ObjectError> {
    let text = text.trim();
    let claims = if header(text)?.contains_key("enc") {
        let inner = decrypt(app, realm, client, text).await?;
        match serde_json::from_str::<Json>(&inner) {
            // Whoever knows the realm's public key can encrypt to it: only a signature tells who did.
            Ok(_) if signature_algorithm(client).is_some() => return Err(ObjectError::Unsigned),
            Ok(claims) => claims,
            Err(_) => verify(app, realm, (context, client), &inner).await?,
        }
    } else {
        verify(app, realm, (context, client), text).await?
    };
    if claims.contains_key("request_uri") || claims.contains_key("request") {
        return Err(ObjectError::Nested);
    }
    check_time(&claims, app.now().seconds().0)?;
    Ok(claims)
}

/// The header alone, as far as it tells signed from encrypted.
fn header(text: &str) -> Result<Json, ObjectError> {
    let first = text.split('.').next().unwrap_or_default();
    let bytes = decode_base64url(first).map_err(|_| ObjectError::Header)?;
    serde_json::from_slice(&bytes).map_err(|_| ObjectError::Header)
}

/// How the client signs, if it says; `any` leaves it open.
fn signature_algorithm(client: &Client) -> Option<&str> {
    let only = client.settings.attribute("request.object.signature.alg");
    only.filter(|only| *only != "any")
}

async fn decrypt(
    app: &App,
    realm: &Realm,
    client: &Client,
    text: &str,
) -> Result<String, ObjectError> {
    let said = |name: &str| {
        client
            .settings
            .attribute(name)
            .filter(|only| *only != "any")
    };
    let head = header(text)?;
    let is = |member: &str, only: &str| head.get(member).and_then(Value::as_str) == Some(only);
    if said("request.object.encryption.alg").is_some_and(|only| !is("alg", only)) {
        return Err(ObjectError::Encryption);
    }
    if said("request.object.encryption.enc").is_some_and(|only| !is("enc", only)) {
        return Err(ObjectError::ContentEncryption);
    }
    let token = Encrypted::parse(text).map_err(|_| ObjectError::Decryption)?;
    let management = KeyManagement::for_public_keys(token.alg()).ok_or(ObjectError::NoKey)?;
    let ring = realm.keys().await?;
    let now = app.now();
    let fits = |key: &&RealmKey| {
        let named = token.kid().is_none_or(|kid| kid == key.kid());
        named && key.key_use() == KeyUse::Enc && key.algorithm() == management.name()
    };
    let of = |status: KeyStatus| {
        ring.iter()
            .filter(fits)
            .find(|key| key.status(now) == status)
    };
    let key = of(KeyStatus::Active)
        .or_else(|| of(KeyStatus::Passive))
        .and_then(RealmKey::private_key)
        .ok_or(ObjectError::NoKey)?;
    let content = token
        .decrypt(management, DecryptionKey::Private(key))
        .map_err(|_| ObjectError::Decryption)?;
    String::from_utf8(content).map_err(|_| ObjectError::Decryption)
}

async fn verify(
    app: &App,
    realm: &Realm,
    (context, client): (&RequestContext, &Arc<Client>),
    text: &str,
) -> Result<Json, ObjectError> {
    let token = Unverified::parse(text).map_err(|_| ObjectError::Form)?;
    let alg = token.header().alg();
    if signature_algorithm(client).is_some_and(|only| only != alg) {
        return Err(ObjectError::Algorithm);
    }
    // A client that does not insist on signatures says no more in an object than in a query.
    if alg == "none" {
        return token.unverified_claims().map_err(|_| ObjectError::Form);
    }
    let algorithm = token.header().algorithm().ok_or(ObjectError::Signature)?;
    let keys: Vec<VerifyingKey> = if algorithm.is_symmetric() {
        let secrets = client_secrets::known(app, realm, &client.settings).await;
        let secrets = secrets.iter().map(|secret| secret.reveal().as_bytes());
        secrets
            .filter_map(|secret| VerifyingKey::hmac("", algorithm, secret).ok())
            .collect()
    } else {
        let kid = token.header().kid();
        let origin = &context.origin;
        let found = client_keys::find(app, origin, &client.settings, kid, algorithm).await;
        let found = found.unwrap_or_else(|error| {
            tracing::warn!(client = client.client_id, "no keys of a client: {error}");
            None
        });
        found
            .and_then(|key| key.verifying_key(algorithm).ok())
            .into_iter()
            .collect()
    };
    let verified = keys
        .iter()
        .find_map(|key| token.clone().verify(key).ok())
        .ok_or(ObjectError::Signature)?;
    verified.claims().map_err(|_| ObjectError::Form)
}

fn check_time(claims: &Json, now: i64) -> Result<(), ObjectError> {
    let at = |name: &str| {
        claims
            .get(name)
            .map(|value| value.as_i64().ok_or(ObjectError::Time))
    };
    let end = at("exp").transpose()?;
    let start = at("nbf").transpose()?;
    if end.is_some_and(|end| end <= now) || start.is_some_and(|start| start > now + 60) {
        return Err(ObjectError::Time);
    }
    Ok(())
}
