//! The cookies of a login, in Keycloak's formats: each is signed or encrypted with a key of the realm, so
//! that a browser may carry it from node to node and nobody may make one up.

use std::collections::BTreeMap;

use claviger_crypto::content_encryption::ContentEncryption;
use claviger_crypto::encoding::{base64, base64url, decode_base64url};
use claviger_crypto::jwe::{self, DecryptionKey, EncryptionKey, KeyManagement, Recipient};
use claviger_crypto::jws::{self, Unverified};
use claviger_crypto::key_ring::KeyRing;
use claviger_crypto::{Algorithm, KeyUse, digest};
use claviger_model::{AuthenticationSession, Seconds, SessionId, UserSession};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::LoginError;
use super::identity::IDENTITY_TYPE;
use crate::app::App;
use crate::browser::{Browser, CookieChange, CookieName};
use crate::keys::{AES, ring_for, ring_with_aes};
use crate::realm::Realm;

/// How long the hash of a login's id is kept: as long as a page may need to see that it changed.
const HASH_MAX_AGE: Seconds = Seconds(60);
/// How long a name is remembered: a year.
const REMEMBERED: Seconds = Seconds(31_536_000);
/// How many bytes a cookie is read of.
const COOKIE_BYTES_MAX: usize = 16 * 1024;

/// The realm's keys, with one that signs cookies among them.
pub(super) async fn keys(app: &App, realm: &Realm) -> Result<std::sync::Arc<KeyRing>, LoginError> {
    Ok(ring_for(app, realm, &[Algorithm::Hs512]).await?)
}

/// The cookies that bind a browser to a login: `AUTH_SESSION_ID` and its hash.
pub(crate) async fn bind(
    app: &App,
    realm: &Realm,
    root: &SessionId,
) -> Result<[CookieChange; 2], LoginError> {
    let ring = keys(app, realm).await?;
    let key = ring
        .active(Algorithm::Hs512, app.now())
        .ok_or(LoginError::NoKey)?;
    let signature = key
        .sign(root.as_str().as_bytes())
        .map_err(|_| LoginError::NoKey)?;
    let value = base64url(format!("{root}.{}", base64url(&signature)).as_bytes());
    Ok([
        CookieChange::set(CookieName::AuthenticationSession, value),
        CookieChange::set(CookieName::AuthenticationSessionHash, session_hash(root))
            .lasting(HASH_MAX_AGE),
    ])
}

/// The value of `KC_AUTH_SESSION_HASH`.
pub(super) fn session_hash(root: &SessionId) -> String {
    base64(&digest::sha384(root.as_str().as_bytes()))
        .trim_end_matches('=')
        .to_owned()
}

/// Which login a browser is bound to. What is not signed with an enabled key of the realm is no cookie:
/// nobody chooses the id of a session to come (session fixation).
pub(crate) async fn bound(
    realm: &Realm,
    browser: &Browser,
) -> Result<Option<SessionId>, LoginError> {
    let Some(cookie) = &browser.authentication else {
        return Ok(None);
    };
    let ring = realm.keys().await?;
    Ok(read_bound(&ring, cookie.reveal()))
}

fn read_bound(ring: &KeyRing, cookie: &str) -> Option<SessionId> {
    if cookie.len() > COOKIE_BYTES_MAX {
        return None;
    }
    // A route of a cluster may follow (`.node1`): it is not part of what was signed.
    let value = cookie.split('.').next()?;
    let text = String::from_utf8(decode_base64url(value).ok()?).ok()?;
    let (id, signature) = text.rsplit_once('.')?;
    let signature = decode_base64url(signature).ok()?;
    let mut keys = ring
        .iter()
        .filter(|key| ring.verifying(key.kid(), Algorithm::Hs512).is_some())
        .filter_map(|key| key.verifying_key());
    let is_ours = keys
        .any(|key| key.algorithm() == Algorithm::Hs512 && key.verifies(id.as_bytes(), &signature));
    (is_ours && id.len() <= 36 && !id.is_empty()).then(|| SessionId::new(id))
}

/// The request that a login began with, as `KC_RESTART` keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restart {
    /// `clientId` of the client.
    #[serde(rename = "cid")]
    pub(super) client_id: String,
    /// The protocol.
    #[serde(rename = "pty")]
    pub(super) protocol: String,
    /// Where the browser is sent back to.
    #[serde(rename = "ruri", default, skip_serializing_if = "Option::is_none")]
    pub(super) redirect_uri: Option<String>,
    /// What the browser was about to do.
    #[serde(rename = "act", default)]
    pub(super) action: String,
    /// The parameters of the request.
    #[serde(default)]
    pub(super) notes: BTreeMap<String, String>,
}

/// `KC_RESTART`, from which the same request can begin anew after the login's time is over.
pub(super) async fn restart(
    app: &App,
    realm: &Realm,
    client_id: &str,
    tab: &AuthenticationSession,
) -> Result<CookieChange, LoginError> {
    let ring = keys(app, realm).await?;
    let now = app.now();
    let signing = ring
        .active(Algorithm::Hs512, now)
        .ok_or(LoginError::NoKey)?;
    let shared = ring_with_aes(app, realm).await?;
    let sealing = shared
        .active_key(KeyUse::Enc, AES, now)
        .ok_or(LoginError::NoKey)?;
    let secret = sealing.secret().ok_or(LoginError::NoKey)?;
    let kept = Restart {
        client_id: client_id.to_owned(),
        protocol: tab.protocol.clone(),
        redirect_uri: tab.redirect_uri.clone(),
        action: tab.action.as_str().to_owned(),
        notes: tab.client_notes.clone(),
    };
    let payload = serde_json::to_vec(&kept).map_err(|_| LoginError::NoKey)?;
    let signed = jws::sign(signing, Some("JWT"), &payload).map_err(|_| LoginError::NoKey)?;
    let recipient = Recipient {
        kid: Some(sealing.kid()),
        management: KeyManagement::Dir,
        encryption: content_encryption(secret.len()),
        key: EncryptionKey::Secret(secret),
    };
    let value = jwe::encrypt(&recipient, None, signed.as_bytes(), &app.random)
        .map_err(|_| LoginError::NoKey)?;
    Ok(CookieChange::set(CookieName::Restart, value))
}

/// The cipher that a shared key of so many bytes is for.
const fn content_encryption(bytes: usize) -> ContentEncryption {
    match bytes {
        16 => ContentEncryption::A128Gcm,
        24 => ContentEncryption::A192Gcm,
        _ => ContentEncryption::A256Gcm,
    }
}

/// Reads `KC_RESTART`, if it is one of this realm's.
pub(super) async fn read_restart(
    realm: &Realm,
    browser: &Browser,
) -> Result<Option<Restart>, LoginError> {
    let Some(cookie) = &browser.restart else {
        return Ok(None);
    };
    let ring = realm.keys().await?;
    Ok(open_restart(&ring, cookie.reveal()))
}

fn open_restart(ring: &KeyRing, cookie: &str) -> Option<Restart> {
    if cookie.len() > COOKIE_BYTES_MAX {
        return None;
    }
    let sealed = jwe::Encrypted::parse(cookie).ok()?;
    let key = ring.enabled_key(sealed.kid()?, KeyUse::Enc, "AES")?;
    let opened = sealed
        .decrypt(KeyManagement::Dir, DecryptionKey::Secret(key.secret()?))
        .ok()?;
    let text = String::from_utf8(opened).ok()?;
    let token = Unverified::parse(&text).ok()?;
    let key = ring.verifying(token.header().kid()?, Algorithm::Hs512)?;
    let verified = token.verify(key).ok()?;
    serde_json::from_slice(verified.payload()).ok()
}

/// The cookies of a session that somebody signed in to: `KEYCLOAK_IDENTITY`, `KEYCLOAK_SESSION`, and the
/// name if it is to be remembered.
pub async fn session(
    app: &App,
    realm: &Realm,
    issuer: &str,
    session: &UserSession,
    username: &str,
) -> Result<Vec<CookieChange>, LoginError> {
    let ring = keys(app, realm).await?;
    let now = app.now();
    let key = ring
        .active(Algorithm::Hs512, now)
        .ok_or(LoginError::NoKey)?;
    let lifespan = lifespan(realm, session.remember_me);
    let claims = json!({
        "exp": now.seconds().0.saturating_add(lifespan.0),
        "iat": now.seconds().0,
        "jti": app.random.token(32),
        "iss": issuer,
        "sub": session.user.as_str(),
        "typ": IDENTITY_TYPE,
        "sid": session.id.as_str(),
        "state_checker": app.random.token(32),
    });
    let payload = claims.to_string();
    let token = jws::sign(key, Some("JWT"), payload.as_bytes()).map_err(|_| LoginError::NoKey)?;
    let mut identity = CookieChange::set(CookieName::Identity, token);
    let remember = if session.remember_me {
        identity = identity.lasting(lifespan);
        let name =
            percent_encoding::utf8_percent_encode(username, percent_encoding::NON_ALPHANUMERIC);
        CookieChange::set(CookieName::RememberMe, format!("username:{name}")).lasting(REMEMBERED)
    } else {
        CookieChange::clear(CookieName::RememberMe)
    };
    let hash = base64url(&digest::sha384(session.id.as_str().as_bytes()));
    Ok(vec![
        identity,
        CookieChange::set(CookieName::Session, hash).lasting(lifespan),
        remember,
    ])
}

/// How long a session lasts at most, as its cookies tell.
fn lifespan(realm: &Realm, remember_me: bool) -> Seconds {
    let settings = &realm.settings.lifespans;
    let remembered = settings.sso_session_max_lifespan_remember_me;
    if remember_me && remembered.0 > 0 {
        remembered
    } else {
        settings.sso_session_max_lifespan
    }
}

/// The name that a browser remembers, where the realm lets it.
pub(super) fn remembered(realm: &Realm, browser: &Browser) -> Option<String> {
    if !realm.settings.login.remember_me {
        return None;
    }
    let value = browser.remembered.as_deref()?.trim_matches('"');
    let name = value.strip_prefix("username:")?;
    let name = percent_encoding::percent_decode_str(name)
        .decode_utf8()
        .ok()?
        .replace('+', " ");
    (!name.is_empty() && name.len() <= 255).then_some(name)
}
