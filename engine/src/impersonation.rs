//! Impersonation: an administrator signs in as somebody else, without a password of theirs.

use std::collections::BTreeMap;

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{SessionId, User, UserSession};
use claviger_store::Tx;

use crate::app::App;
use crate::browser::{CookieChange, CookieName};
use crate::events::EventBuilder;
use crate::login::{LoginError, session_cookies};
use crate::logout::end_session;
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::session;

/// How such a session says that it began.
const METHOD: &str = "impersonate";
/// Notes of the session: who stands behind it. Mappers can put them into tokens.
const IMPERSONATOR_ID: &str = "IMPERSONATOR_ID";
const IMPERSONATOR_NAME: &str = "IMPERSONATOR_USERNAME";

/// Who signs in as somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Impersonator<'a> {
    /// The administrator's realm.
    pub realm: &'a Realm,
    /// The administrator.
    pub user: &'a User,
    /// The session of the token that they use; service accounts have none.
    pub session: Option<&'a SessionId>,
}

/// Begins a session of `user`, who is enabled and no service account, for the browser of `by`. In their
/// own realm the administrator's session ends, for a browser has one session of a realm. Gives the
/// browser's new cookies, and whether that was so.
///
/// # Errors
///
/// If the realm has no key for cookies, and the store's.
pub async fn impersonate(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    tx: &mut Tx,
    (by, user): (Impersonator<'_>, &User),
) -> Result<(Vec<CookieChange>, bool), LoginError> {
    let mut cookies = Vec::new();
    let own = by.session.filter(|_| by.realm.id == realm.id);
    if let Some(own) = own {
        let kind = SessionKind::Online;
        if let Some(session) = app.store.user_session(&realm.id, kind, own).await? {
            end_session(app, realm, tx, &session, EndReason::Admin).await?;
        }
        cookies.push(CookieChange::clear(CookieName::AuthenticationSession));
    }
    let now = app.now();
    let notes = [
        (IMPERSONATOR_ID, by.user.id.as_str()),
        (IMPERSONATOR_NAME, by.user.username.as_str()),
    ];
    let mut session = UserSession {
        id: SessionId::new(app.random.token(18)),
        kind: SessionKind::Online,
        user: user.id.clone(),
        started_at: now,
        last_refresh: now,
        expires_at: now,
        remember_me: false,
        ip_address: context.ip_address.clone(),
        auth_method: METHOD.to_owned(),
        base_path: context.base_path.clone(),
        notes: BTreeMap::from(notes.map(|(name, value)| (name.to_owned(), value.to_owned()))),
    };
    session.expires_at = session::end(&realm.settings.lifespans, &session);
    tx.insert_user_session(&realm.id, &session);
    let issuer = context.issuer(&realm.name);
    let changed = session_cookies(app, realm, &issuer, &session, &user.username).await?;
    // Another realm's administrator has brought no remembered name that would have to go.
    let stays = |cookie: &CookieChange| own.is_some() || cookie.value.is_some();
    cookies.extend(changed.into_iter().filter(stays));
    let mut event = EventBuilder::new("IMPERSONATE", &context.ip_address);
    event.user(user.id.as_str());
    event.session(Some(session.id.as_str()));
    event.detail("impersonator_realm", by.realm.name.as_str());
    event.detail("impersonator", by.user.username.as_str());
    event.success(app, realm, tx);
    Ok((cookies, own.is_some()))
}
