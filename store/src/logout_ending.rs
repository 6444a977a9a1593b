//! What ended, kept as long as it can be proven: a session, or one client's part in it.

use claviger_model::session::SessionKind;
use claviger_model::{Millis, RealmId, SessionId, UserId};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;
use crate::{Store, encode};

statements! {
    /// What ended of a session, the first in front.
    LOGOUT_ENDINGS = "SELECT id, realm_id, session_id, user_id, offline, whole, reason, clients, \
        ended_at, expires_at FROM logout_ending WHERE realm_id = $1 AND session_id = $2 \
        ORDER BY ended_at, id LIMIT $3";
    /// Realms with more endings than are kept.
    LOGOUT_ENDING_CROWDS = "SELECT realm_id, COUNT(*) AS n FROM logout_ending \
        GROUP BY realm_id HAVING COUNT(*) > $1";
    /// Something ended.
    LOGOUT_ENDING_INSERT = "INSERT INTO logout_ending (id, realm_id, session_id, user_id, offline, \
        whole, reason, clients, ended_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    /// The oldest of a realm.
    LOGOUT_ENDING_FORGET = "DELETE FROM logout_ending WHERE id IN \
        (SELECT due.id FROM (SELECT id FROM logout_ending WHERE realm_id = $1 \
        ORDER BY ended_at LIMIT $2) due)";
}

/// The end of a session, or of one client's part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// UUID text.
    pub id: String,
    /// The realm.
    pub realm: RealmId,
    /// The session.
    pub session: SessionId,
    /// Whose it was.
    pub user: UserId,
    /// Online or offline.
    pub kind: SessionKind,
    /// Whether the session ended, and not a client's part alone.
    pub whole: bool,
    /// Why.
    pub reason: String,
    /// Whom it concerns.
    pub clients: Vec<Concerned>,
    /// When.
    pub ended_at: Millis,
    /// Until when the row is kept.
    pub expires_at: Millis,
}

/// A client that had a part in what ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concerned {
    /// Its `clientId`.
    pub client: String,
    /// The delivery by which it is told, if it is told by the server.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivery: Option<String>,
}

fn ending(row: &mut Row) -> Result<Ending, StoreError> {
    Ok(Ending {
        id: row.text("id")?,
        realm: row.id("realm_id")?,
        session: row.id("session_id")?,
        user: row.id("user_id")?,
        kind: if row.flag("offline")? {
            SessionKind::Offline
        } else {
            SessionKind::Online
        },
        whole: row.flag("whole")?,
        reason: row.text("reason")?,
        clients: row.decoded("clients")?,
        ended_at: row.millis("ended_at")?,
        expires_at: row.millis("expires_at")?,
    })
}

impl Store {
    /// What ended of a session, the first in front.
    pub async fn logout_endings(
        &self,
        realm: &RealmId,
        session: &SessionId,
        limit: i64,
    ) -> Result<Vec<Ending>, StoreError> {
        self.query(&LOGOUT_ENDINGS)
            .bind(realm)
            .bind(session)
            .bind(crate::built::page_size(limit))
            .all(ending)
            .await
    }

    /// Realms with more than so many endings, and how many they have.
    pub async fn logout_ending_crowds(
        &self,
        more_than: i64,
    ) -> Result<Vec<(RealmId, i64)>, StoreError> {
        self.query(&LOGOUT_ENDING_CROWDS)
            .bind(more_than)
            .all(|row| Ok((row.id("realm_id")?, row.int("n")?)))
            .await
    }
}

impl Tx {
    /// Something ended.
    pub fn insert_logout_ending(&mut self, ending: &Ending) {
        self.push(
            &LOGOUT_ENDING_INSERT,
            params![
                &ending.id,
                &ending.realm,
                &ending.session,
                &ending.user,
                ending.kind == SessionKind::Offline,
                ending.whole,
                &ending.reason,
                encode(&ending.clients),
                ending.ended_at,
                ending.expires_at,
            ],
        )
        .touching(1);
    }

    /// Forgets a realm's oldest endings, at most `limit` of them.
    pub fn forget_logout_endings(&mut self, realm: &RealmId, limit: i64) {
        let args = params![realm, crate::built::page_size(limit)];
        self.push(&LOGOUT_ENDING_FORGET, args);
    }
}
