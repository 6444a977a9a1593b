//! User sessions, and clients' parts in them.

use claviger_model::session::{ClientSession, SessionKind, UserSession};
use claviger_model::{ClientUuid, Millis, RealmId, SessionId, UserId};

use crate::built::page_size;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;
use crate::{Store, encode};

/// The columns of a user session: what [`user_session`] reads.
macro_rules! session_columns {
    () => {
        "s.offline, s.id, s.user_id, s.started_at, s.last_refresh, s.expires_at, s.remember_me, \
         s.ip_address, s.auth_method, s.base_path, s.notes"
    };
}
/// The columns of a client session: what [`client_session`] reads.
macro_rules! part_columns {
    () => {
        "c.offline, c.session_id, c.client_id, c.started_at, c.last_refresh, c.refresh_token_id, \
         c.refresh_token_uses, c.notes"
    };
}
pub(crate) use {part_columns, session_columns};

statements! {
    /// A session that is over is taken by whoever ends it, if nobody used it meanwhile.
    SESSION_CLAIM = "UPDATE user_session SET expires_at = $1 \
        WHERE realm_id = $2 AND offline = $3 AND id = $4 AND expires_at = $5";
    /// One session.
    SESSION_BY_ID = concat!("SELECT ", session_columns!(), " FROM user_session s",
        " WHERE s.realm_id = $1 AND s.offline = $2 AND s.id = $3");
    /// All sessions of a user, the latest first.
    SESSIONS_OF_USER = concat!("SELECT ", session_columns!(), " FROM user_session s",
        " WHERE s.realm_id = $1 AND s.offline = $2 AND s.user_id = $3",
        " ORDER BY s.last_refresh DESC, s.id");
    /// The sessions that a client takes part in.
    SESSIONS_OF_CLIENT = concat!("SELECT ", session_columns!(), " FROM client_session c",
        " JOIN user_session s ON s.realm_id = c.realm_id AND s.offline = c.offline",
        " AND s.id = c.session_id",
        " WHERE c.realm_id = $1 AND c.offline = $2 AND c.client_id = $3",
        " ORDER BY s.last_refresh DESC, s.id LIMIT $4 OFFSET $5");
    /// The sessions of a realm, in the order of their ids.
    SESSIONS_OF_REALM = concat!("SELECT ", session_columns!(), " FROM user_session s",
        " WHERE s.realm_id = $1 AND s.offline = $2 ORDER BY s.id LIMIT $3");
    /// Sessions whose time is over, in any realm, the longest over first.
    SESSIONS_EXPIRED = concat!("SELECT s.realm_id, ", session_columns!(), " FROM user_session s",
        " WHERE s.expires_at <= $1 ORDER BY s.expires_at, s.id LIMIT $2");
    /// How many sessions each client takes part in.
    SESSION_STATS = "SELECT client_id, COUNT(CASE WHEN offline = 0 THEN 1 END) AS online_count, \
        COUNT(CASE WHEN offline = 1 THEN 1 END) AS offline_count FROM client_session \
        WHERE realm_id = $1 GROUP BY client_id ORDER BY client_id";
    /// The clients that take part in sessions of a user, those of the last used sessions in front.
    CLIENTS_OF_USER = "SELECT c.client_id, MAX(s.last_refresh) AS latest FROM user_session s \
        JOIN client_session c ON c.realm_id = s.realm_id AND c.offline = s.offline \
        AND c.session_id = s.id WHERE s.realm_id = $1 AND s.offline = $2 AND s.user_id = $3 \
        GROUP BY c.client_id ORDER BY latest DESC, c.client_id";
    /// How many sessions one client takes part in.
    SESSIONS_OF_CLIENT_COUNT = "SELECT COUNT(*) AS n FROM client_session \
        WHERE realm_id = $1 AND offline = $2 AND client_id = $3";
    /// One client's part in a session.
    CLIENT_SESSION_BY_ID = concat!("SELECT ", part_columns!(), " FROM client_session c",
        " WHERE c.realm_id = $1 AND c.offline = $2 AND c.session_id = $3 AND c.client_id = $4");
    /// All clients' parts in a session, in the order in which they came.
    CLIENT_SESSIONS = concat!("SELECT ", part_columns!(), " FROM client_session c",
        " WHERE c.realm_id = $1 AND c.offline = $2 AND c.session_id = $3",
        " ORDER BY c.started_at, c.client_id");
    /// A new session.
    SESSION_INSERT = "INSERT INTO user_session (realm_id, offline, id, user_id, started_at, \
        last_refresh, expires_at, remember_me, ip_address, auth_method, base_path, notes) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    /// A changed session.
    SESSION_UPDATE = "UPDATE user_session SET user_id = $1, started_at = $2, last_refresh = $3, \
        expires_at = $4, remember_me = $5, ip_address = $6, auth_method = $7, base_path = $8, \
        notes = $9 WHERE realm_id = $10 AND offline = $11 AND id = $12";
    /// A session that was used.
    SESSION_REFRESH = "UPDATE user_session SET last_refresh = $1, expires_at = $2 \
        WHERE realm_id = $3 AND offline = $4 AND id = $5";
    /// The end of a session.
    SESSION_DELETE = "DELETE FROM user_session WHERE realm_id = $1 AND offline = $2 AND id = $3";
    /// A client takes part in a session.
    CLIENT_SESSION_INSERT = "INSERT INTO client_session (realm_id, offline, session_id, client_id, \
        started_at, last_refresh, refresh_token_id, refresh_token_uses, notes) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// A client refreshed.
    CLIENT_SESSION_REFRESH = "UPDATE client_session SET started_at = $1, last_refresh = $2, \
        refresh_token_id = $3, refresh_token_uses = $4, notes = $5 \
        WHERE realm_id = $6 AND offline = $7 AND session_id = $8 AND client_id = $9";
    /// A client refreshed, if its refresh token is still the one that was read.
    CLIENT_SESSION_ROTATE = "UPDATE client_session SET started_at = $1, last_refresh = $2, \
        refresh_token_id = $3, refresh_token_uses = $4, notes = $5 \
        WHERE realm_id = $6 AND offline = $7 AND session_id = $8 AND client_id = $9 \
        AND COALESCE(refresh_token_id, '') = $10 AND refresh_token_uses = $11 \
        AND started_at = $12";
    /// The end of a client's part in a session.
    CLIENT_SESSION_DELETE = "DELETE FROM client_session \
        WHERE realm_id = $1 AND offline = $2 AND session_id = $3 AND client_id = $4";
    /// The end of all clients' parts in a session.
    CLIENT_SESSIONS_DELETE = "DELETE FROM client_session \
        WHERE realm_id = $1 AND offline = $2 AND session_id = $3";
}

/// What a client session was read with: what a refresh must still find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshState<'a> {
    /// `jti` of the refresh token in use; none before the first rotation.
    pub token_id: Option<&'a str>,
    /// How often it was used.
    pub uses: i32,
    /// When the part began: one that ended in the meantime and began anew is another.
    pub started_at: Millis,
}

impl<'a> From<&'a ClientSession> for RefreshState<'a> {
    fn from(session: &'a ClientSession) -> Self {
        Self {
            token_id: session.refresh_token_id.as_deref(),
            uses: session.refresh_token_uses,
            started_at: session.started_at,
        }
    }
}

/// How many sessions a client takes part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStats {
    /// The client.
    pub client: ClientUuid,
    /// Sessions that live with the browser.
    pub online: i64,
    /// Offline sessions.
    pub offline: i64,
}

pub(crate) const fn offline(kind: SessionKind) -> bool {
    match kind {
        SessionKind::Online => false,
        SessionKind::Offline => true,
    }
}

fn kind(row: &mut Row) -> Result<SessionKind, StoreError> {
    Ok(if row.flag("offline")? {
        SessionKind::Offline
    } else {
        SessionKind::Online
    })
}

/// Reads [`session_columns`].
pub(crate) fn user_session(row: &mut Row) -> Result<UserSession, StoreError> {
    Ok(UserSession {
        kind: kind(row)?,
        id: row.id("id")?,
        user: row.id("user_id")?,
        started_at: row.millis("started_at")?,
        last_refresh: row.millis("last_refresh")?,
        expires_at: row.millis("expires_at")?,
        remember_me: row.flag("remember_me")?,
        ip_address: row.text("ip_address")?,
        auth_method: row.text("auth_method")?,
        base_path: row.text("base_path")?,
        notes: row.decoded("notes")?,
    })
}

/// Reads [`part_columns`].
pub(crate) fn client_session(row: &mut Row) -> Result<ClientSession, StoreError> {
    Ok(ClientSession {
        kind: kind(row)?,
        session: row.id("session_id")?,
        client: row.id("client_id")?,
        started_at: row.millis("started_at")?,
        last_refresh: row.millis("last_refresh")?,
        refresh_token_id: row.opt_text("refresh_token_id")?,
        refresh_token_uses: row.int32("refresh_token_uses")?,
        notes: row.decoded("notes")?,
    })
}

impl Store {
    /// The session of this id, expired or not.
    pub async fn user_session(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        id: &SessionId,
    ) -> Result<Option<UserSession>, StoreError> {
        self.query(&SESSION_BY_ID)
            .bind(realm)
            .bind(offline(kind))
            .bind(id)
            .optional(user_session)
            .await
    }

    /// A client's part in a session.
    pub async fn client_session(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        id: &SessionId,
        client: &ClientUuid,
    ) -> Result<Option<ClientSession>, StoreError> {
        self.query(&CLIENT_SESSION_BY_ID)
            .bind(realm)
            .bind(offline(kind))
            .bind(id)
            .bind(client)
            .optional(client_session)
            .await
    }

    /// All clients' parts in a session, in the order in which they came.
    pub async fn client_sessions(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        id: &SessionId,
    ) -> Result<Vec<ClientSession>, StoreError> {
        self.query(&CLIENT_SESSIONS)
            .bind(realm)
            .bind(offline(kind))
            .bind(id)
            .all(client_session)
            .await
    }

    /// The clients that take part in a user's sessions, each once, however many sessions there are.
    pub async fn clients_of_user(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        user: &UserId,
    ) -> Result<Vec<ClientUuid>, StoreError> {
        self.query(&CLIENTS_OF_USER)
            .bind(realm)
            .bind(offline(kind))
            .bind(user)
            .all(|row| row.id("client_id"))
            .await
    }

    /// All sessions of a user, the last used first.
    pub async fn sessions_of_user(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        user: &UserId,
    ) -> Result<Vec<UserSession>, StoreError> {
        self.query(&SESSIONS_OF_USER)
            .bind(realm)
            .bind(offline(kind))
            .bind(user)
            .all(user_session)
            .await
    }

    /// The sessions that a client takes part in, the last used first. A negative `max` asks for all.
    pub async fn sessions_of_client(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        client: &ClientUuid,
        first: i64,
        max: i64,
    ) -> Result<Vec<UserSession>, StoreError> {
        self.query(&SESSIONS_OF_CLIENT)
            .bind(realm)
            .bind(offline(kind))
            .bind(client)
            .bind(page_size(max))
            .bind(first.max(0))
            .all(user_session)
            .await
    }

    /// The first `limit` sessions of a realm: to end them all, end these and ask again.
    pub async fn sessions_of_realm(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        limit: i64,
    ) -> Result<Vec<UserSession>, StoreError> {
        self.query(&SESSIONS_OF_REALM)
            .bind(realm)
            .bind(offline(kind))
            .bind(page_size(limit))
            .all(user_session)
            .await
    }

    /// How many sessions each client takes part in, expired ones that are not yet purged included.
    pub async fn session_stats(&self, realm: &RealmId) -> Result<Vec<SessionStats>, StoreError> {
        let stats = |row: &mut Row| {
            Ok(SessionStats {
                client: row.id("client_id")?,
                online: row.int("online_count")?,
                offline: row.int("offline_count")?,
            })
        };
        self.query(&SESSION_STATS).bind(realm).all(stats).await
    }

    /// How many sessions a client takes part in, expired ones that are not yet purged included.
    pub async fn count_sessions_of_client(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        client: &ClientUuid,
    ) -> Result<i64, StoreError> {
        self.query(&SESSIONS_OF_CLIENT_COUNT)
            .bind(realm)
            .bind(offline(kind))
            .bind(client)
            .one(|row| row.int("n"))
            .await
    }

    /// At most `limit` sessions of any realm whose time is over, the longest over first.
    pub async fn expired_sessions(
        &self,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<(RealmId, UserSession)>, StoreError> {
        let read = |row: &mut Row| Ok((row.id("realm_id")?, user_session(row)?));
        self.query(&SESSIONS_EXPIRED)
            .bind(now)
            .bind(page_size(limit))
            .all(read)
            .await
    }
}

impl Tx {
    /// A new session. [`crate::Commit::Conflict`] if there is one of this kind and id.
    pub fn insert_user_session(&mut self, realm: &RealmId, session: &UserSession) {
        self.push(
            &SESSION_INSERT,
            params![
                realm,
                offline(session.kind),
                &session.id,
                &session.user,
                session.started_at,
                session.last_refresh,
                session.expires_at,
                session.remember_me,
                &session.ip_address,
                &session.auth_method,
                &session.base_path,
                encode(&session.notes),
            ],
        )
        .touching(1);
    }

    /// A client takes part. [`crate::Commit::Conflict`] if it did.
    pub fn insert_client_session(&mut self, realm: &RealmId, session: &ClientSession) {
        self.push(
            &CLIENT_SESSION_INSERT,
            params![
                realm,
                offline(session.kind),
                &session.session,
                &session.client,
                session.started_at,
                session.last_refresh,
                session.refresh_token_id.as_deref(),
                session.refresh_token_uses,
                encode(&session.notes),
            ],
        )
        .touching(1);
    }

    /// A session, which must still be there, was used.
    pub fn refresh_user_session(
        &mut self,
        realm: &RealmId,
        kind: SessionKind,
        id: &SessionId,
        last_refresh: Millis,
        expires_at: Millis,
    ) {
        self.push(
            &SESSION_REFRESH,
            params![last_refresh, expires_at, realm, offline(kind), id],
        )
        .touching(1);
    }

    /// Makes a job one for a session as it was read: whose end was not put off, and which nobody has
    /// ended. Of two nodes that end the same one, one is told [`crate::Commit::Missed`].
    pub fn claim_user_session(&mut self, realm: &RealmId, session: &UserSession) {
        let UserSession {
            kind,
            id,
            expires_at,
            ..
        } = session;
        self.push(
            &SESSION_CLAIM,
            params![*expires_at, realm, offline(*kind), id, *expires_at],
        )
        .touching(1);
    }

    /// Replaces everything of a session, which must be there, but its kind and id.
    pub fn update_user_session(&mut self, realm: &RealmId, session: &UserSession) {
        self.push(
            &SESSION_UPDATE,
            params![
                &session.user,
                session.started_at,
                session.last_refresh,
                session.expires_at,
                session.remember_me,
                &session.ip_address,
                &session.auth_method,
                &session.base_path,
                encode(&session.notes),
                realm,
                offline(session.kind),
                &session.id,
            ],
        )
        .touching(1);
    }

    /// Replaces everything of a client's part, which must be there. With `expected`, it must
    /// also still be the one that was read, with the same refresh token: of two who use one token at
    /// the same time, one is told [`crate::Commit::Missed`] (RFC 9700 §4.14).
    pub fn refresh_client_session(
        &mut self,
        realm: &RealmId,
        session: &ClientSession,
        expected: Option<RefreshState<'_>>,
    ) {
        let mut args = params![
            session.started_at,
            session.last_refresh,
            session.refresh_token_id.as_deref(),
            session.refresh_token_uses,
            encode(&session.notes),
            realm,
            offline(session.kind),
            &session.session,
            &session.client,
        ];
        let statement = match expected {
            None => &CLIENT_SESSION_REFRESH,
            Some(expected) => {
                let token_id = expected.token_id.unwrap_or("");
                args.extend(params![token_id, expected.uses, expected.started_at]);
                &CLIENT_SESSION_ROTATE
            }
        };
        self.push(statement, args).touching(1);
    }

    /// Ends a session and all clients' parts in it; nothing happens if it is not there. Only the
    /// engine's verb for the end of a session calls this: others have to be told.
    pub fn delete_user_session(&mut self, realm: &RealmId, kind: SessionKind, id: &SessionId) {
        self.push(&CLIENT_SESSIONS_DELETE, params![realm, offline(kind), id]);
        self.push(&SESSION_DELETE, params![realm, offline(kind), id]);
    }

    /// Ends a client's part in a session; nothing happens if there is none.
    pub fn delete_client_session(
        &mut self,
        realm: &RealmId,
        kind: SessionKind,
        id: &SessionId,
        client: &ClientUuid,
    ) {
        self.push(
            &CLIENT_SESSION_DELETE,
            params![realm, offline(kind), id, client],
        );
    }
}
