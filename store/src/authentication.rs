//! Browsers on their way in: one row a tab of a login.

use std::collections::{BTreeMap, BTreeSet};

use claviger_model::{
    AuthenticationAction, AuthenticationSession, ExecutionStatus, Millis, RealmId, SessionId,
    UserId,
};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;
use crate::{Store, encode};

/// How many tabs of one browser are read at most: the newest.
const TABS: i64 = 300;

statements! {
    /// One tab.
    AUTHENTICATION_SESSION = "SELECT root_id, tab_id, revision, client_id, user_id, started_at, \
        expires_at, body FROM authentication_session \
        WHERE realm_id = $1 AND root_id = $2 AND tab_id = $3";
    /// All tabs of one browser, the newest in front.
    AUTHENTICATION_SESSIONS = "SELECT root_id, tab_id, revision, client_id, user_id, started_at, \
        expires_at, body FROM authentication_session \
        WHERE realm_id = $1 AND root_id = $2 ORDER BY started_at DESC, tab_id LIMIT $3";
    /// How many tabs a browser has open.
    AUTHENTICATION_SESSION_COUNT = "SELECT COUNT(*) AS n FROM authentication_session \
        WHERE realm_id = $1 AND root_id = $2 AND expires_at > $3";
    /// The other tabs of a browser end sooner.
    AUTHENTICATION_SESSIONS_SHORTEN = "UPDATE authentication_session SET expires_at = $1 \
        WHERE realm_id = $2 AND root_id = $3 AND expires_at > $4";
    /// A new tab.
    AUTHENTICATION_SESSION_INSERT = "INSERT INTO authentication_session (realm_id, root_id, \
        tab_id, revision, client_id, user_id, started_at, expires_at, body) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// A tab went on, unless another request changed it since it was read.
    AUTHENTICATION_SESSION_UPDATE = "UPDATE authentication_session SET revision = $1, \
        client_id = $2, user_id = $3, started_at = $4, expires_at = $5, body = $6 \
        WHERE realm_id = $7 AND root_id = $8 AND tab_id = $9 AND revision = $10";
    /// A tab came to its end, unless another request changed it since it was read.
    AUTHENTICATION_SESSION_DELETE = "DELETE FROM authentication_session \
        WHERE realm_id = $1 AND root_id = $2 AND tab_id = $3 AND revision = $4";
    /// All tabs of a browser came to their end.
    AUTHENTICATION_SESSIONS_DELETE = "DELETE FROM authentication_session \
        WHERE realm_id = $1 AND root_id = $2";
    /// Nobody goes on as this user.
    AUTHENTICATION_SESSIONS_DELETE_USER = "DELETE FROM authentication_session \
        WHERE realm_id = $1 AND user_id = $2";
    /// Nobody goes on as this user but in one tab.
    AUTHENTICATION_SESSIONS_DELETE_OTHERS = "DELETE FROM authentication_session \
        WHERE realm_id = $1 AND user_id = $2 AND NOT (root_id = $3 AND tab_id = $4)";
}

/// What of a tab nobody looks for in the database.
#[derive(Serialize, Deserialize)]
struct Body {
    protocol: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<String>,
    base_path: String,
    action: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    executions: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    required_actions: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    client_notes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    auth_notes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    session_notes: BTreeMap<String, String>,
}

fn body(session: &AuthenticationSession) -> String {
    let executions = &session.executions;
    encode(&Body {
        protocol: session.protocol.clone(),
        redirect_uri: session.redirect_uri.clone(),
        base_path: session.base_path.clone(),
        action: session.action.as_str().to_owned(),
        executions: executions
            .iter()
            .map(|(id, status)| (id.clone(), status.as_str().to_owned()))
            .collect(),
        required_actions: session.required_actions.clone(),
        client_notes: session.client_notes.clone(),
        auth_notes: session.auth_notes.clone(),
        session_notes: session.session_notes.clone(),
    })
}

fn authentication_session(row: &mut Row) -> Result<AuthenticationSession, StoreError> {
    let unreadable = || StoreError::Corrupt {
        statement: AUTHENTICATION_SESSION.name,
        column: "body".to_owned(),
        reason: "not one of the known names",
    };
    let body: Body = row.decoded("body")?;
    let mut executions = BTreeMap::new();
    for (id, name) in body.executions {
        let status = ExecutionStatus::from_name(&name).ok_or_else(unreadable)?;
        executions.insert(id, status);
    }
    let action = AuthenticationAction::from_name(&body.action).ok_or_else(unreadable)?;
    Ok(AuthenticationSession {
        root: row.id("root_id")?,
        tab: row.text("tab_id")?,
        revision: row.int("revision")?,
        client: row.id("client_id")?,
        user: row.opt_text("user_id")?.map(UserId::new),
        started_at: row.millis("started_at")?,
        expires_at: row.millis("expires_at")?,
        protocol: body.protocol,
        redirect_uri: body.redirect_uri,
        base_path: body.base_path,
        action,
        executions,
        required_actions: body.required_actions,
        client_notes: body.client_notes,
        auth_notes: body.auth_notes,
        session_notes: body.session_notes,
    })
}

impl Store {
    /// One tab of a login, whether its time is over or not.
    pub async fn authentication_session(
        &self,
        realm: &RealmId,
        root: &SessionId,
        tab: &str,
    ) -> Result<Option<AuthenticationSession>, StoreError> {
        self.query(&AUTHENTICATION_SESSION)
            .bind(realm)
            .bind(root)
            .bind(tab)
            .optional(authentication_session)
            .await
    }

    /// How many tabs of a browser are not over.
    pub async fn count_authentication_sessions(
        &self,
        realm: &RealmId,
        root: &SessionId,
        now: Millis,
    ) -> Result<i64, StoreError> {
        self.query(&AUTHENTICATION_SESSION_COUNT)
            .bind(realm)
            .bind(root)
            .bind(now)
            .one(|row| row.int("n"))
            .await
    }

    /// The tabs of a browser, the newest in front, at most 300.
    pub async fn authentication_sessions(
        &self,
        realm: &RealmId,
        root: &SessionId,
    ) -> Result<Vec<AuthenticationSession>, StoreError> {
        self.query(&AUTHENTICATION_SESSIONS)
            .bind(realm)
            .bind(root)
            .bind(TABS)
            .all(authentication_session)
            .await
    }
}

impl Tx {
    /// A tab begins. Its revision is 1, whatever is said.
    pub fn insert_authentication_session(
        &mut self,
        realm: &RealmId,
        session: &AuthenticationSession,
    ) {
        self.push(
            &AUTHENTICATION_SESSION_INSERT,
            params![
                realm,
                &session.root,
                &session.tab,
                1_i64,
                &session.client,
                session.user.as_ref(),
                session.started_at,
                session.expires_at,
                body(session),
            ],
        )
        .touching(1);
    }

    /// A tab goes on from what was read, whose revision `session` still has; the next is counted
    /// here. [`crate::Commit::Missed`] if another request was faster.
    pub fn update_authentication_session(
        &mut self,
        realm: &RealmId,
        session: &AuthenticationSession,
    ) {
        self.push(
            &AUTHENTICATION_SESSION_UPDATE,
            params![
                session.revision.saturating_add(1),
                &session.client,
                session.user.as_ref(),
                session.started_at,
                session.expires_at,
                body(session),
                realm,
                &session.root,
                &session.tab,
                session.revision,
            ],
        )
        .touching(1);
    }

    /// A tab ends, as it was read. [`crate::Commit::Missed`] if another request was faster: so a
    /// proof counts once.
    pub fn delete_authentication_session(
        &mut self,
        realm: &RealmId,
        session: &AuthenticationSession,
    ) {
        self.push(
            &AUTHENTICATION_SESSION_DELETE,
            params![realm, &session.root, &session.tab, session.revision],
        )
        .touching(1);
    }

    /// The tabs of a browser are over at `until`, those that are not sooner.
    pub fn shorten_authentication_sessions(
        &mut self,
        realm: &RealmId,
        root: &SessionId,
        until: Millis,
    ) {
        self.push(
            &AUTHENTICATION_SESSIONS_SHORTEN,
            params![until, realm, root, until],
        );
    }

    /// All tabs of a browser end.
    pub fn delete_authentication_sessions(&mut self, realm: &RealmId, root: &SessionId) {
        self.push(&AUTHENTICATION_SESSIONS_DELETE, params![realm, root]);
    }

    /// Nobody goes on as this user: who was deleted, say.
    pub fn delete_authentication_sessions_of_user(&mut self, realm: &RealmId, user: &UserId) {
        self.push(&AUTHENTICATION_SESSIONS_DELETE_USER, params![realm, user]);
    }

    /// Nobody goes on as this user but in `tab`: whose password was changed there, say.
    pub fn delete_other_authentication_sessions_of_user(
        &mut self,
        realm: &RealmId,
        user: &UserId,
        tab: &AuthenticationSession,
    ) {
        self.push(
            &AUTHENTICATION_SESSIONS_DELETE_OTHERS,
            params![realm, user, &tab.root, &tab.tab],
        );
    }
}
