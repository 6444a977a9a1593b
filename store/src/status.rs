//! Places in token status lists: which one a client's part in a session has, and which are set.

use claviger_model::revocation::Revocation;
use claviger_model::{Millis, RealmId, SessionId, StatusIndex, UserId};

use crate::Store;
use crate::built::page_size;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;

/// How many places are looked at in one question.
pub const CANDIDATES: usize = 8;

statements! {
    /// The place of a client's part in a session.
    STATUS_INDEX = "SELECT list, idx, expires_at FROM status_index \
        WHERE realm_id = $1 AND session_id = $2 AND client_id = $3 AND status = 0 \
        ORDER BY expires_at DESC LIMIT 1";
    /// Which of some places in a list are given.
    STATUS_TAKEN = "SELECT idx FROM status_index WHERE realm_id = $1 AND list = $2 \
        AND idx IN ($3, $4, $5, $6, $7, $8, $9, $10)";
    /// The last list in which a place is given.
    STATUS_LAST = "SELECT COALESCE(MAX(list), 0) AS last FROM status_index WHERE realm_id = $1";
    /// The places of a list that are set. (The place is hidden from planners, so that they walk the index
    /// of those that are set, not all that are given, of which there are many more.)
    STATUS_SET = "SELECT idx FROM status_index WHERE realm_id = $1 AND list = $2 AND status = 1 \
        AND COALESCE(idx, 0) > $3 ORDER BY COALESCE(idx, 0) LIMIT $4";
    /// A place is given.
    STATUS_INSERT = "INSERT INTO status_index \
        (realm_id, list, idx, session_id, client_id, user_id, status, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, 0, $7)";
    /// A place is kept for longer.
    STATUS_PROLONG = "UPDATE status_index SET expires_at = $1 \
        WHERE realm_id = $2 AND list = $3 AND idx = $4 AND expires_at < $5";
    /// A session has ended.
    STATUS_END_SESSION = "UPDATE status_index SET status = 1 \
        WHERE realm_id = $1 AND session_id = $2 AND status = 0";
    /// A client's part in a session has ended.
    STATUS_END_PART = "UPDATE status_index SET status = 1 \
        WHERE realm_id = $1 AND session_id = $2 AND client_id = $3 AND status = 0";
    /// All that a user has.
    STATUS_END_USER = "UPDATE status_index SET status = 1 \
        WHERE realm_id = $1 AND user_id = $2 AND status = 0";
    /// All that a user has at a client.
    STATUS_END_USER_AT_CLIENT = "UPDATE status_index SET status = 1 \
        WHERE realm_id = $1 AND user_id = $2 AND client_id = $3 AND status = 0";
    /// All that a client has.
    STATUS_END_CLIENT = "UPDATE status_index SET status = 1 \
        WHERE realm_id = $1 AND client_id = $2 AND status = 0";
    /// All that a realm has.
    STATUS_END_REALM = "UPDATE status_index SET status = 1 \
        WHERE realm_id = $1 AND status = 0";
}

/// A place that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// Where.
    pub index: StatusIndex,
    /// Until when it is kept for whom it was given to.
    pub expires_at: Millis,
}

fn index(row: &mut Row) -> Result<i32, StoreError> {
    row.int32("idx")
}

impl Store {
    /// The place of a client's part in a session, if it has one that is not set.
    pub async fn status_index(
        &self,
        realm: &RealmId,
        session: &SessionId,
        client_id: &str,
    ) -> Result<Option<StatusRow>, StoreError> {
        let read = |row: &mut Row| {
            Ok(StatusRow {
                index: StatusIndex {
                    list: row.int32("list")?,
                    index: row.int32("idx")?,
                },
                expires_at: row.millis("expires_at")?,
            })
        };
        self.query(&STATUS_INDEX)
            .bind(realm)
            .bind(session)
            .bind(client_id)
            .optional(read)
            .await
    }

    /// Which of some places in a list are given to somebody.
    pub async fn taken_status_indices(
        &self,
        realm: &RealmId,
        list: i32,
        candidates: &[i32; CANDIDATES],
    ) -> Result<Vec<i32>, StoreError> {
        let mut query = self.query(&STATUS_TAKEN).bind(realm).bind(list);
        for candidate in candidates {
            query = query.bind(*candidate);
        }
        query.all(index).await
    }

    /// The number of the last list in which a place is given; 0 if there is none.
    pub async fn last_status_list(&self, realm: &RealmId) -> Result<i32, StoreError> {
        let last = |row: &mut Row| row.int32("last");
        self.query(&STATUS_LAST).bind(realm).one(last).await
    }

    /// The places of a list that are set, in order, after one; at most `limit`.
    pub async fn set_status_indices(
        &self,
        realm: &RealmId,
        list: i32,
        after: i32,
        limit: i64,
    ) -> Result<Vec<i32>, StoreError> {
        self.query(&STATUS_SET)
            .bind(realm)
            .bind(list)
            .bind(after)
            .bind(page_size(limit))
            .all(index)
            .await
    }
}

impl Tx {
    /// Gives a place to a client's part in a session, until then. [`crate::Commit::Conflict`] if it is
    /// given already.
    pub fn insert_status_index(
        &mut self,
        realm: &RealmId,
        index: StatusIndex,
        part: (&SessionId, &str, &UserId),
        expires_at: Millis,
    ) {
        let (session, client, user) = part;
        let StatusIndex { list, index } = index;
        self.push(
            &STATUS_INSERT,
            params![realm, list, index, session, client, user, expires_at],
        )
        .touching(1);
    }

    /// Keeps a place for longer; never for a shorter time.
    pub fn prolong_status_index(
        &mut self,
        realm: &RealmId,
        index: StatusIndex,
        expires_at: Millis,
    ) {
        let StatusIndex { list, index } = index;
        self.push(
            &STATUS_PROLONG,
            params![expires_at, realm, list, index, expires_at],
        );
    }

    /// Sets the places that a record is about; they stay given, as tokens name them still. A record about
    /// one token sets nothing: its place is that of others too.
    pub(crate) fn set_status_indices(&mut self, record: &Revocation) {
        let realm = &record.realm;
        let user = record.user.as_ref();
        match (&record.session, user, record.client.as_deref(), &record.jti) {
            (_, _, _, Some(_)) => {}
            (Some(session), _, None, None) => {
                self.push(&STATUS_END_SESSION, params![realm, session]);
            }
            (Some(session), _, Some(client), None) => {
                self.push(&STATUS_END_PART, params![realm, session, client]);
            }
            (None, Some(user), None, None) => {
                self.push(&STATUS_END_USER, params![realm, user]);
            }
            (None, Some(user), Some(client), None) => {
                self.push(&STATUS_END_USER_AT_CLIENT, params![realm, user, client]);
            }
            (None, None, Some(client), None) => {
                self.push(&STATUS_END_CLIENT, params![realm, client])
                    .of_a_whole_realm();
            }
            (None, None, None, None) => {
                self.push(&STATUS_END_REALM, params![realm])
                    .of_a_whole_realm();
            }
        }
    }
}
