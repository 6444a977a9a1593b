//! User sessions and client sessions: how long they live, how they start.
//!
//! Every limit is computed from the settings at the time of use, so that a shortened limit bites at
//! once. The row's `expires_at` is only the key by which the expiry job finds candidates.

use claviger_model::session::SessionKind;
use claviger_model::{ClientSession, Millis, Seconds, UserSession};
use claviger_wire::realm::Lifespans;

use crate::app::App;
use crate::client::Client;
use crate::gate::{GateError, Usable, usable, usable_user};
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::token::TokenClaims;

/// The note of a session with what the browser called itself that it began in.
pub const USER_AGENT_NOTE: &str = "user_agent";
/// How long that may be, in bytes; what is longer is not kept.
const USER_AGENT_MAX: usize = 512;

/// The note of a session that begins, out of the header `User-Agent` (RFC 9110 §10.1.5).
pub fn user_agent_note(said: Option<&str>) -> Option<(&'static str, String)> {
    let said = said.filter(|said| !said.is_empty() && said.len() <= USER_AGENT_MAX)?;
    Some((USER_AGENT_NOTE, said.to_owned()))
}

/// When a user session ends for lack of use.
pub fn idle_end(settings: &Lifespans, session: &UserSession) -> Millis {
    let span = match session.kind {
        SessionKind::Offline => offline_idle(settings),
        SessionKind::Online => sso_idle(settings, session.remember_me),
    };
    session.last_refresh.seconds().millis() + span
}

/// When a user session ends however much it is used; none if it has no such limit.
pub fn max_end(settings: &Lifespans, session: &UserSession) -> Option<Millis> {
    let started = session.started_at.seconds().millis();
    match session.kind {
        SessionKind::Offline => offline_max(settings).map(|span| started + span),
        SessionKind::Online => Some(started + sso_max(settings, session.remember_me)),
    }
}

/// The sooner of both ends: what the expiry job looks for.
pub fn end(settings: &Lifespans, session: &UserSession) -> Millis {
    let idle = idle_end(settings, session);
    max_end(settings, session).map_or(idle, |max| idle.min(max))
}

/// Whether a user session may still be used.
pub fn is_alive(realm: &Realm, session: &UserSession, now: Millis) -> bool {
    if session.remember_me && !realm.settings.login.remember_me {
        return false;
    }
    end(&realm.settings.lifespans, session) > now
}

/// When a client's part in a session ends for lack of use.
pub fn client_idle_end(
    settings: &Lifespans,
    client: &Client,
    user: &UserSession,
    part: &ClientSession,
) -> Millis {
    let own = match user.kind {
        SessionKind::Offline => client
            .settings
            .lifespan_attribute("client.offline.session.idle.timeout")
            .or_else(|| positive(settings.client_offline_session_idle_timeout)),
        SessionKind::Online => client
            .settings
            .lifespan_attribute("client.session.idle.timeout")
            .or_else(|| positive(settings.client_session_idle_timeout)),
    };
    let span = own.unwrap_or_else(|| match user.kind {
        SessionKind::Offline => offline_idle(settings),
        SessionKind::Online => {
            let plain = sso_idle(settings, false);
            if user.remember_me {
                plain.max(sso_idle(settings, true))
            } else {
                plain
            }
        }
    });
    part.last_refresh.seconds().millis() + span
}

/// When a client's part in a session ends however much it is used.
pub fn client_max_end(
    settings: &Lifespans,
    client: &Client,
    user: &UserSession,
    part: &ClientSession,
) -> Option<Millis> {
    let started = part.started_at.seconds().millis();
    let user_end = max_end(settings, user);
    match user.kind {
        SessionKind::Offline => {
            let own = client
                .settings
                .lifespan_attribute("client.offline.session.max.lifespan");
            if own.is_none() && offline_max(settings).is_none() {
                return None;
            }
            let span = own
                .or_else(|| positive(settings.client_offline_session_max_lifespan))
                .unwrap_or_else(|| offline_max_span(settings));
            let end = started + span;
            Some(user_end.map_or(end, |limit| end.min(limit)))
        }
        SessionKind::Online => {
            let plain = sso_max(settings, false);
            let sso = if user.remember_me {
                plain.max(sso_max(settings, true))
            } else {
                plain
            };
            let span = client
                .settings
                .lifespan_attribute("client.session.max.lifespan")
                .or_else(|| positive(settings.client_session_max_lifespan))
                .unwrap_or(sso);
            let end = started + span;
            Some(user_end.map_or(end, |limit| end.min(limit)))
        }
    }
}

/// Whether a client's part in a live session may still be used.
pub fn is_client_alive(
    realm: &Realm,
    client: &Client,
    user: &UserSession,
    part: &ClientSession,
    now: Millis,
) -> bool {
    let idle = client_idle_end(&realm.settings.lifespans, client, user, part);
    let max = client_max_end(&realm.settings.lifespans, client, user, part);
    idle > now && max.is_none_or(|end| end > now)
}

fn positive(span: Seconds) -> Option<Seconds> {
    (span.0 > 0).then_some(span)
}

/// Idle time of online sessions; a remembered session's own only if it is set.
fn sso_idle(settings: &Lifespans, remember_me: bool) -> Seconds {
    let own = positive(settings.sso_session_idle_timeout_remember_me).filter(|_| remember_me);
    own.or_else(|| positive(settings.sso_session_idle_timeout))
        .unwrap_or(Seconds(1_800))
}

/// Age limit of online sessions; a remembered session's own only if it is set.
fn sso_max(settings: &Lifespans, remember_me: bool) -> Seconds {
    let own = positive(settings.sso_session_max_lifespan_remember_me).filter(|_| remember_me);
    own.or_else(|| positive(settings.sso_session_max_lifespan))
        .unwrap_or(Seconds(36_000))
}

fn offline_idle(settings: &Lifespans) -> Seconds {
    positive(settings.offline_session_idle_timeout).unwrap_or(Seconds(2_592_000))
}

fn offline_max_span(settings: &Lifespans) -> Seconds {
    positive(settings.offline_session_max_lifespan).unwrap_or(Seconds(5_184_000))
}

/// Age limit of offline sessions, if the realm sets one.
fn offline_max(settings: &Lifespans) -> Option<Seconds> {
    settings
        .offline_session_max_lifespan_enabled
        .then(|| offline_max_span(settings))
}

/// What begins a session.
#[derive(Clone, Debug)]
pub struct Beginning<'a> {
    /// The user who has just proved who they are, or the service account.
    pub user: &'a claviger_model::User,
    /// The client at which it begins.
    pub client: &'a Client,
    /// The caller's address.
    pub ip_address: &'a str,
    /// The base path of the request.
    pub base_path: &'a str,
    /// The protocol, or how a service account came in.
    pub auth_method: &'a str,
    /// Notes of the session.
    pub notes: Vec<(&'a str, String)>,
    /// Notes of the client's part: issuer, scope, ….
    pub part_notes: Vec<(&'a str, String)>,
}

/// Begins a session of a kind, with the client's part in it. Nothing is stored yet.
pub fn begin(app: &App, realm: &Realm, kind: SessionKind, beginning: Beginning<'_>) -> Usable {
    let now = app.now();
    let notes = |list: Vec<(&str, String)>| {
        list.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    };
    let mut session = UserSession {
        id: claviger_model::SessionId::new(app.random.token(18)),
        kind,
        user: beginning.user.id.clone(),
        started_at: now,
        last_refresh: now,
        expires_at: now,
        remember_me: false,
        ip_address: beginning.ip_address.to_owned(),
        auth_method: beginning.auth_method.to_owned(),
        base_path: beginning.base_path.to_owned(),
        notes: notes(beginning.notes),
    };
    session.expires_at = end(&realm.settings.lifespans, &session);
    let part = ClientSession {
        session: session.id.clone(),
        kind,
        client: beginning.client.uuid.clone(),
        started_at: now,
        last_refresh: now,
        refresh_token_id: None,
        refresh_token_uses: 0,
        notes: notes(beginning.part_notes),
    };
    Usable::fresh(beginning.user.clone(), session, part)
}

/// What a token that was issued to a client stands for. Without a session it is as if one began
/// now, of which nothing is kept.
///
/// # Errors
///
/// What stands in the way, or the store's.
pub async fn of_token(
    app: &App,
    realm: &Realm,
    context: &RequestContext,
    client: &Client,
    token: &TokenClaims,
) -> Result<Usable, GateError> {
    if !token.is_stateless() {
        return usable(app, realm, client, &token.claim()).await;
    }
    let user = usable_user(app, realm, client, &token.claim()).await?;
    let beginning = Beginning {
        user: &user,
        client,
        ip_address: &context.ip_address,
        base_path: &context.base_path,
        auth_method: "client_auth",
        notes: Vec::new(),
        part_notes: Vec::new(),
    };
    Ok(begin(app, realm, SessionKind::Online, beginning))
}

/// Stores a session that has just begun.
pub fn keep(realm: &Realm, tx: &mut claviger_store::Tx, usable: &Usable) {
    tx.insert_user_session(&realm.id, usable.session());
    tx.insert_client_session(&realm.id, usable.part());
}

/// Keeps an offline session beside an online one (OpenID Connect Core §11): of the same id, with the
/// client's part in it, and a life of its own that begins now. What is there is prolonged.
///
/// # Errors
///
/// The store's.
pub async fn keep_offline(
    app: &App,
    realm: &Realm,
    usable: &Usable,
    tx: &mut claviger_store::Tx,
) -> Result<(), claviger_store::StoreError> {
    let now = app.now();
    let kind = SessionKind::Offline;
    let id = &usable.session().id;
    let lifespans = &realm.settings.lifespans;
    let known = app.store.user_session(&realm.id, kind, id).await?;
    let is_known = known.is_some();
    let mut session = known.unwrap_or_else(|| UserSession {
        kind,
        started_at: now,
        ..usable.session().clone()
    });
    session.last_refresh = now;
    session.expires_at = end(lifespans, &session);
    if is_known {
        tx.update_user_session(&realm.id, &session);
    } else {
        tx.insert_user_session(&realm.id, &session);
    }
    let client = &usable.part().client;
    let known = app
        .store
        .client_session(&realm.id, kind, id, client)
        .await?;
    let is_known = known.is_some();
    let mut part = known.unwrap_or_else(|| ClientSession {
        kind,
        started_at: now,
        refresh_token_id: None,
        refresh_token_uses: 0,
        ..usable.part().clone()
    });
    part.last_refresh = now;
    part.notes.extend(usable.part().notes.clone());
    part.notes.remove(crate::authorize::FIRST_OFFLINE);
    if is_known {
        tx.refresh_client_session(&realm.id, &part, None);
    } else {
        tx.insert_client_session(&realm.id, &part);
    }
    Ok(())
}
