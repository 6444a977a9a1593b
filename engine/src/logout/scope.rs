//! How far a logout reaches. The standards know one session (RP-Initiated Logout 1.0); people who lost a
//! telephone mean all of them, and an application that is left may mean itself alone.

use std::collections::BTreeSet;

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientUuid, UserId, UserSession};
use claviger_store::{StoreError, Tx};

use super::{end_client_session, end_session, end_sessions_of_user, global};
use crate::app::App;
use crate::client::Client;
use crate::realm::Realm;

/// The parameter of the logout endpoint that names a scope.
pub const PARAMETER: &str = "logout_scope";
/// The client's attribute that lets it end all sessions of a user by a token, without asking anybody.
pub const USER_ENABLED: &str = "logout.user.enabled";

/// What one logout ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogoutScope {
    /// The client's part in the session; the person stays signed in elsewhere in the same browser.
    Client,
    /// The session: the browser, with every client that took part.
    #[default]
    Session,
    /// All of the user's online sessions, in every browser. Offline sessions stay, as they are meant
    /// to outlive them.
    User,
    /// All of the user's sessions, offline sessions included.
    All,
}

impl LogoutScope {
    /// All of them, from the smallest.
    pub const ALL: [Self; 4] = [Self::Client, Self::Session, Self::User, Self::All];

    /// The word in the parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Session => "session",
            Self::User => "user",
            Self::All => "all",
        }
    }

    /// The scope of that name. Names are exact: a scope that was meant is never taken for a smaller one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// Whether it reaches beyond the session that the request is about.
    pub const fn is_beyond_the_session(self) -> bool {
        match self {
            Self::Client | Self::Session => false,
            Self::User | Self::All => true,
        }
    }

    /// The kinds of sessions that end with the user's others, if any do.
    const fn kinds(self) -> &'static [SessionKind] {
        match self {
            Self::Client | Self::Session => &[],
            Self::User => &[SessionKind::Online],
            Self::All => &SessionKind::ALL,
        }
    }
}

/// What a logout would end, or has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Sessions: browsers, and offline sessions on their own.
    pub sessions: usize,
    /// Clients that have a part in any of them.
    pub applications: usize,
}

/// Ends what a scope reaches from a session, and from a client's part in it. Where no client is named,
/// there is no part that could end alone, and the session ends.
///
/// # Errors
///
/// The store's.
pub async fn end(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    from: (&UserSession, Option<&ClientUuid>),
    scope: LogoutScope,
) -> Result<(), StoreError> {
    let (session, client) = from;
    let reason = EndReason::Logout;
    if let (LogoutScope::Client, Some(client)) = (scope, client) {
        return end_client_session(app, realm, tx, session, client, reason).await;
    }
    end_session(app, realm, tx, session, reason).await?;
    for kind in scope.kinds() {
        let sessions = app.store.sessions_of_user(&realm.id, *kind, &session.user);
        for other in sessions.await? {
            // Ended above, with its clients told: of the same id, both kinds are one session.
            if other.id == session.id
                && (*kind == session.kind || session.kind == SessionKind::Offline)
            {
                continue;
            }
            end_session(app, realm, tx, &other, reason).await?;
        }
    }
    if scope == LogoutScope::All {
        global::ask(app, realm, tx, (&session.user, reason), None).await?;
    }
    Ok(())
}

/// Ends what a scope reaches of a user whom no session is at hand of. Whoever asks for it refuses all
/// older tokens of the user as well, so that to other servers it is everything, whatever the scope.
///
/// # Errors
///
/// The store's.
pub async fn end_of_user(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
    scope: LogoutScope,
    reason: EndReason,
) -> Result<(), StoreError> {
    end_sessions_of_user(app, realm, tx, user, scope.kinds(), reason).await?;
    if scope != LogoutScope::All {
        global::ask(app, realm, tx, (user, reason), None).await?;
    }
    Ok(())
}

/// Counts what a scope reaches from a session.
///
/// # Errors
///
/// The store's.
pub async fn preview(
    app: &App,
    realm: &Realm,
    session: &UserSession,
    scope: LogoutScope,
) -> Result<Reach, StoreError> {
    match scope {
        LogoutScope::Client => Ok(Reach {
            sessions: 0,
            applications: 1,
        }),
        LogoutScope::Session => reach(app, realm, std::slice::from_ref(session)).await,
        LogoutScope::User | LogoutScope::All => {
            preview_of_user(app, realm, &session.user, scope).await
        }
    }
}

/// Counts what a scope reaches of a user.
///
/// # Errors
///
/// The store's.
pub async fn preview_of_user(
    app: &App,
    realm: &Realm,
    user: &UserId,
    scope: LogoutScope,
) -> Result<Reach, StoreError> {
    let mut sessions = Vec::new();
    for kind in scope.kinds() {
        sessions.extend(app.store.sessions_of_user(&realm.id, *kind, user).await?);
    }
    reach(app, realm, &sessions).await
}

/// How much the end of some sessions would reach.
///
/// # Errors
///
/// The store's.
pub async fn reach(
    app: &App,
    realm: &Realm,
    sessions: &[UserSession],
) -> Result<Reach, StoreError> {
    let (mut ids, mut clients) = (BTreeSet::new(), BTreeSet::new());
    for session in sessions {
        ids.insert(&session.id);
        let parts = app
            .store
            .client_sessions(&realm.id, session.kind, &session.id);
        clients.extend(parts.await?.into_iter().map(|part| part.client));
    }
    Ok(Reach {
        sessions: ids.len(),
        applications: clients.len(),
    })
}

/// Whether a client may end that much by a token of its own.
pub fn may(client: &Client, scope: LogoutScope) -> bool {
    !scope.is_beyond_the_session() || client.settings.flag_attribute(USER_ENABLED, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_has_its_word_and_other_words_are_none() {
        for scope in LogoutScope::ALL {
            assert_eq!(LogoutScope::parse(scope.as_str()), Some(scope));
        }
        for word in ["", "USER", "everything", "user ", "session,user"] {
            assert_eq!(LogoutScope::parse(word), None, "{word}");
        }
    }

    #[test]
    fn nothing_reaches_beyond_the_session_unless_it_says_so() {
        let beyond = LogoutScope::ALL.map(LogoutScope::is_beyond_the_session);
        assert_eq!(beyond, [false, false, true, true]);
        assert_eq!(LogoutScope::default(), LogoutScope::Session);
    }
}
