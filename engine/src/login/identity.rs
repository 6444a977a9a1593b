//! Who a browser is signed in as, by its cookie `KEYCLOAK_IDENTITY`.

use claviger_crypto::Algorithm;
use claviger_crypto::jws::Unverified;
use claviger_model::session::SessionKind;
use claviger_model::{SessionId, User, UserId, UserSession};

use super::LoginError;
use crate::app::App;
use crate::browser::{Browser, CookieChange, CookieName};
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::revocation::revoked_before;
use crate::session::is_alive;
use crate::token::read::TokenClaims;

/// `typ` of the cookie's token.
pub(super) const IDENTITY_TYPE: &str = "Serialized-ID";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who: enabled.
    pub user: User,
    /// The session: alive.
    pub session: UserSession,
    /// What pages of this session's owner send back, so that nobody else's page can act for them.
    pub state_checker: Option<String>,
}

/// Reads the cookie. None if there is none, or if anything it stands on may not be used any more: its
/// key, its time, the session, the user, and every not-before.
pub async fn identity(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    browser: &Browser,
) -> Result<Option<Identity>, LoginError> {
    let Some(cookie) = &browser.identity else {
        return Ok(None);
    };
    let ring = realm.keys().await?;
    // What a key for tokens has signed is no cookie, whatever it says of itself.
    let signed_with = Unverified::parse(cookie.reveal())
        .ok()
        .and_then(|token| token.header().algorithm());
    if signed_with != Some(Algorithm::Hs512) {
        return Ok(None);
    }
    let Some(claims) = TokenClaims::verify(&ring, cookie.reveal()) else {
        return Ok(None);
    };
    let now = app.now();
    let is_ours = claims.kind == IDENTITY_TYPE
        && context.is_issuer(&claims.issuer, &realm.name)
        && claims.expires_at.is_none_or(|end| end > now.seconds());
    let (true, Some(subject), Some(id)) = (is_ours, &claims.subject, &claims.session) else {
        return Ok(None);
    };
    let Some(session) = live_session(app, realm, id).await? else {
        return Ok(None);
    };
    if session.user.as_str() != subject {
        return Ok(None);
    }
    let user = app
        .store
        .user(&realm.id, &UserId::new(subject.clone()))
        .await?;
    let usable =
        |user: &User| user.enabled && claims.issued_at >= revoked_before(realm, None, Some(user));
    let Some(user) = user.filter(usable) else {
        return Ok(None);
    };
    let checker = claims
        .all
        .get("state_checker")
        .and_then(|value| value.as_str());
    Ok(Some(Identity {
        user,
        session,
        state_checker: checker.map(str::to_owned),
    }))
}

/// The online session of this id, if it is alive.
pub(super) async fn live_session(
    app: &App,
    realm: &Realm,
    id: &SessionId,
) -> Result<Option<UserSession>, LoginError> {
    let session = app
        .store
        .user_session(&realm.id, SessionKind::Online, id)
        .await?;
    Ok(session.filter(|session| is_alive(realm, session, app.now())))
}

/// Takes the cookies of a session away from a browser, as far as it brought any.
pub fn clear_session_cookies(browser: &Browser) -> Vec<CookieChange> {
    if browser.identity.is_none() {
        return Vec::new();
    }
    vec![
        CookieChange::clear(CookieName::Identity),
        CookieChange::clear(CookieName::Session),
    ]
}
