//! What has to be told to others: written with the change that caused it, so that neither is lost.

use claviger_model::{Millis, RealmId};
use claviger_wire::document::Json;

use crate::built::page_size;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;
use crate::{Store, encode};

statements! {
    /// A realm's messages, those due first in front.
    OUTBOX = "SELECT id, realm_id, kind, target, payload, created_at, next_at, attempts \
        FROM outbox WHERE realm_id = $1 ORDER BY next_at, id LIMIT $2";
    /// One message.
    OUTBOX_MESSAGE = "SELECT id, realm_id, kind, target, payload, created_at, next_at, attempts \
        FROM outbox WHERE realm_id = $1 AND id = $2";
    /// A realm's messages, in the order of their ids.
    OUTBOX_PAGE = "SELECT id, realm_id, kind, target, payload, created_at, next_at, attempts \
        FROM outbox WHERE realm_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    /// Whom something is due to be told, of any realm; those who wait longest in front.
    OUTBOX_TARGETS = "SELECT target FROM outbox WHERE next_at <= $1 \
        GROUP BY target ORDER BY MIN(next_at), target LIMIT $2";
    /// What one of them is due to be told.
    OUTBOX_DUE = "SELECT id, realm_id, kind, target, payload, created_at, next_at, attempts \
        FROM outbox WHERE target = $1 AND next_at <= $2 ORDER BY next_at, id LIMIT $3";
    /// Messages of any realm that were written before an instant, the oldest in front.
    OUTBOX_STALE = "SELECT id, realm_id, kind, target, payload, created_at, next_at, attempts \
        FROM outbox WHERE created_at <= $1 ORDER BY created_at, id LIMIT $2";
    /// A new message.
    OUTBOX_INSERT = "INSERT INTO outbox \
        (id, realm_id, kind, target, payload, created_at, next_at, attempts) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    /// A message will be tried again, or is being tried by one node.
    OUTBOX_POSTPONE = "UPDATE outbox SET next_at = $1, attempts = attempts + 1 \
        WHERE id = $2 AND realm_id = $3 AND attempts = $4";
    /// A message is due at once.
    OUTBOX_HASTEN = "UPDATE outbox SET next_at = $1 WHERE realm_id = $2 AND id = $3";
    /// A message gets another text.
    OUTBOX_REWRITE = "UPDATE outbox SET payload = $1 WHERE id = $2 AND realm_id = $3";
    /// A message was told, or given up.
    OUTBOX_DELETE = "DELETE FROM outbox WHERE id = $1 AND realm_id = $2";
}

/// A message to somebody.
#[derive(Clone, PartialEq)]
pub struct OutboxRow {
    /// UUID text.
    pub id: String,
    /// The realm on whose behalf.
    pub realm: RealmId,
    /// How it is told.
    pub kind: String,
    /// To whom.
    pub target: String,
    /// What.
    pub payload: Json,
    /// When it was written.
    pub created_at: Millis,
    /// When it is to be tried next.
    pub next_at: Millis,
    /// How often it was tried.
    pub attempts: i32,
}

/// The payload may hold tokens.
impl std::fmt::Debug for OutboxRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxRow")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("target", &self.target)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

pub(crate) fn message(row: &mut Row) -> Result<OutboxRow, StoreError> {
    Ok(OutboxRow {
        id: row.text("id")?,
        realm: row.id("realm_id")?,
        kind: row.text("kind")?,
        target: row.text("target")?,
        payload: row.json("payload")?,
        created_at: row.millis("created_at")?,
        next_at: row.millis("next_at")?,
        attempts: row.int32("attempts")?,
    })
}

impl Store {
    /// A realm's first messages, those due first in front.
    pub async fn outbox(&self, realm: &RealmId, limit: i64) -> Result<Vec<OutboxRow>, StoreError> {
        self.query(&OUTBOX)
            .bind(realm)
            .bind(page_size(limit))
            .all(message)
            .await
    }

    /// One message, if it is still to be told.
    pub async fn outbox_message(
        &self,
        realm: &RealmId,
        id: &str,
    ) -> Result<Option<OutboxRow>, StoreError> {
        self.query(&OUTBOX_MESSAGE)
            .bind(realm)
            .bind(id)
            .optional(message)
            .await
    }

    /// A realm's messages whose ids come after one, in the order of ids.
    pub async fn outbox_page(
        &self,
        realm: &RealmId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.query(&OUTBOX_PAGE)
            .bind(realm)
            .bind(after)
            .bind(page_size(limit))
            .all(message)
            .await
    }

    /// Whom something is due to be told, in whatever realm; those who wait longest in front.
    pub async fn outbox_targets(&self, now: Millis, limit: i64) -> Result<Vec<String>, StoreError> {
        self.query(&OUTBOX_TARGETS)
            .bind(now)
            .bind(page_size(limit))
            .all(|row| row.text("target"))
            .await
    }

    /// What a target is due to be told.
    pub async fn outbox_due(
        &self,
        target: &str,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.query(&OUTBOX_DUE)
            .bind(target)
            .bind(now)
            .bind(page_size(limit))
            .all(message)
            .await
    }

    /// Messages of any realm that were written before an instant, the oldest in front.
    pub async fn outbox_stale(
        &self,
        before: Millis,
        limit: i64,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.query(&OUTBOX_STALE)
            .bind(before)
            .bind(page_size(limit))
            .all(message)
            .await
    }
}

impl Tx {
    /// A new message.
    pub fn insert_outbox(&mut self, message: &OutboxRow) {
        self.has_messages = true;
        self.push(
            &OUTBOX_INSERT,
            params![
                &message.id,
                &message.realm,
                &message.kind,
                &message.target,
                encode(&message.payload),
                message.created_at,
                message.next_at,
                message.attempts,
            ],
        )
        .touching(1);
    }

    /// Counts an attempt, and puts the next off to `next_at`. Done before the attempt it is a claim:
    /// of two nodes that read the same message, one is told [`crate::Commit::Missed`].
    pub fn postpone_outbox(&mut self, message: &OutboxRow, next_at: Millis) {
        self.push(
            &OUTBOX_POSTPONE,
            params![next_at, &message.id, &message.realm, message.attempts],
        )
        .touching(1);
    }

    /// A message is due at once; nothing happens if it is not there.
    pub fn hasten_outbox(&mut self, realm: &RealmId, id: &str, now: Millis) {
        self.has_messages = true;
        self.push(&OUTBOX_HASTEN, params![now, realm, id]);
    }

    /// Gives a message another text; nothing happens if it is not there.
    pub fn rewrite_outbox(&mut self, realm: &RealmId, id: &str, payload: &Json) {
        self.push(&OUTBOX_REWRITE, params![encode(payload), id, realm]);
    }

    /// A message was told, or given up; nothing happens if it is not there.
    pub fn delete_outbox(&mut self, realm: &RealmId, id: &str) {
        self.push(&OUTBOX_DELETE, params![id, realm]);
    }
}
