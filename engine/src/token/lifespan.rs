//! How long tokens last.

use std::borrow::Cow;

use claviger_model::session::SessionKind;
use claviger_model::{Millis, Seconds, UserSession};

use super::GrantCode;
use super::mint::{Issue, RefreshKind};
use crate::session::{client_idle_end, client_max_end};

/// When an access token ends: the client's or the realm's lifespan, but not after the session.
pub(super) fn access_end(issue: &Issue<'_>, now: Millis) -> Millis {
    let settings = &issue.realm.settings.lifespans;
    let own = issue
        .client
        .settings
        .integer_attribute("access.token.lifespan")
        .map(Seconds);
    let lifespan = match issue.front {
        // Nothing but tokens came through the browser, and no refresh will follow.
        Some(front) if front.code.is_none() => settings.access_token_lifespan_for_implicit_flow,
        Some(_) | None => own.unwrap_or(settings.access_token_lifespan),
    };
    let session = issue.usable.session();
    // -1 in the settings means: as long as the session may last.
    let end = if lifespan == Seconds(-1) {
        crate::session::max_end(settings, session).unwrap_or(now + settings.access_token_lifespan)
    } else {
        now + lifespan
    };
    let session = if is_offline(issue) && !issue.transient {
        offline(session)
    } else {
        Cow::Borrowed(session)
    };
    let limit = client_max_end(settings, issue.client, &session, issue.usable.part());
    limit.map_or(end, |limit| end.min(limit))
}

/// The session as the offline one that it will be.
fn offline(session: &UserSession) -> Cow<'_, UserSession> {
    if session.kind == SessionKind::Offline {
        return Cow::Borrowed(session);
    }
    Cow::Owned(UserSession {
        kind: SessionKind::Offline,
        ..session.clone()
    })
}

/// When a refresh token ends: with the idle time of the client's part, but not after its maximum.
/// Offline tokens have an end only if the realm limits the age of offline sessions.
pub(super) fn refresh_end(issue: &Issue<'_>, kind: RefreshKind) -> Option<Millis> {
    let settings = &issue.realm.settings.lifespans;
    let mut session = Cow::Borrowed(issue.usable.session());
    if kind == RefreshKind::Offline {
        if !settings.offline_session_max_lifespan_enabled {
            return None;
        }
        session = offline(issue.usable.session());
    }
    let part = issue.usable.part();
    let idle = client_idle_end(settings, issue.client, &session, part);
    let max = client_max_end(settings, issue.client, &session, part);
    Some(max.map_or(idle, |max| idle.min(max)))
}

/// Whether an offline session is what the tokens hang on. An exchange begins none, and so hangs its
/// tokens on what the subject's hangs on.
pub(super) fn is_offline(issue: &Issue<'_>) -> bool {
    let asked = issue.granted.offline_requested && issue.code != GrantCode::TokenExchange;
    asked || issue.usable.session().kind == SessionKind::Offline
}
