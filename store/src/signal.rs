//! Streams of shared signals: of whom they tell, and what waits in the outbox for whom.
//!
//! A message of a stream is a row of the outbox whose target is the stream. When it is due says in
//! which lane it is: at once for what is called out, or so far in the future that nobody calls:
//! then it waits to be fetched, or until the stream goes on.

use claviger_model::{Millis, RealmId, UserId};

use crate::Store;
use crate::built::page_size;
use crate::error::StoreError;
use crate::logout_delivery::DeliveryState;
use crate::outbox::{OutboxRow, message};
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    /// What was said of a user, stream by stream.
    SIGNAL_SUBJECT = "SELECT stream_id, included FROM signal_subject \
        WHERE realm_id = $1 AND user_id = $2 ORDER BY stream_id";
    /// Something is said of a user.
    SIGNAL_SUBJECT_INSERT = "INSERT INTO signal_subject (realm_id, stream_id, user_id, included) \
        VALUES ($1, $2, $3, $4)";
    /// What was said of a user is taken back.
    SIGNAL_SUBJECT_DELETE = "DELETE FROM signal_subject \
        WHERE realm_id = $1 AND stream_id = $2 AND user_id = $3";
    /// A stream tells of nobody any more.
    SIGNAL_SUBJECT_OF_STREAM = "DELETE FROM signal_subject WHERE realm_id = $1 AND stream_id = $2";
    /// What waits in one lane for one target, in the order in which it came.
    SIGNAL_LANE = "SELECT id, realm_id, kind, target, payload, created_at, next_at, attempts \
        FROM outbox WHERE target = $1 AND realm_id = $2 AND next_at >= $3 AND next_at < $4 \
        ORDER BY next_at, id LIMIT $5";
    /// One message of a target.
    SIGNAL_ONE = "SELECT id, realm_id, kind, target, payload, created_at, next_at, attempts \
        FROM outbox WHERE id = $1 AND realm_id = $2 AND target = $3";
    /// What waits in one lane for one target goes into another.
    SIGNAL_SHIFT = "UPDATE outbox SET next_at = created_at + $1 \
        WHERE target = $2 AND realm_id = $3";
    /// How much waits for one target in one lane, and since when.
    SIGNAL_COUNT = "SELECT COUNT(*) AS n, MIN(created_at) AS since FROM outbox \
        WHERE target = $1 AND realm_id = $2 AND next_at >= $3 AND next_at < $4";
    /// One message of a target was taken.
    SIGNAL_TAKE = "DELETE FROM outbox WHERE id = $1 AND realm_id = $2 AND target = $3";
    /// What came of one message, as the ledger of logouts tells it, if it is one of its lines.
    SIGNAL_DELIVERY_END = "UPDATE logout_delivery SET state = $1, last_error = $2, next_at = NULL, \
        ended_at = $3, expires_at = $4 WHERE realm_id = $5 AND id = $6 AND target = $7 \
        AND state IN ('pending', 'failing')";
    /// The same of all that waits for a target.
    SIGNAL_DELIVERIES_END = "UPDATE logout_delivery SET state = 'given_up', last_error = $1, \
        next_at = NULL, ended_at = $2, expires_at = $3 WHERE realm_id = $4 AND target = $5 \
        AND state IN ('pending', 'failing')";
    /// Nothing waits for a target any more.
    SIGNAL_DROP = "DELETE FROM outbox WHERE target = $1 AND realm_id = $2";
}

/// Where a message of a stream waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// It is called out as soon as it can be.
    Push,
    /// It is fetched.
    Poll,
    /// The stream pauses.
    Held,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Push, Self::Poll, Self::Held];

    /// What is added to the instant of writing to say when it is due, in milliseconds: lanes are
    /// thirty thousand years apart.
    pub const fn offset(self) -> i64 {
        match self {
            Self::Push => 0,
            Self::Poll => 1_000_000_000_000_000,
            Self::Held => 2_000_000_000_000_000,
        }
    }

    /// Where the next lane begins.
    const fn end(self) -> i64 {
        match self {
            Self::Push => Self::Poll.offset(),
            Self::Poll => Self::Held.offset(),
            Self::Held => i64::MAX,
        }
    }
}

impl Store {
    /// What was said of a user, stream by stream: whether a stream tells of them.
    pub async fn signal_subject(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Vec<(String, bool)>, StoreError> {
        let read = |row: &mut Row| Ok((row.text("stream_id")?, row.flag("included")?));
        self.query(&SIGNAL_SUBJECT)
            .bind(realm)
            .bind(user)
            .all(read)
            .await
    }

    /// The first messages that wait in a lane for a stream, the oldest in front.
    pub async fn signals(
        &self,
        realm: &RealmId,
        stream: &str,
        lane: Lane,
        limit: i64,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.query(&SIGNAL_LANE)
            .bind(stream)
            .bind(realm)
            .bind(lane.offset())
            .bind(lane.end())
            .bind(page_size(limit))
            .all(message)
            .await
    }

    /// One message of a stream.
    pub async fn signal(
        &self,
        realm: &RealmId,
        stream: &str,
        id: &str,
    ) -> Result<Option<OutboxRow>, StoreError> {
        self.query(&SIGNAL_ONE)
            .bind(id)
            .bind(realm)
            .bind(stream)
            .optional(message)
            .await
    }

    /// How many messages wait in a lane for a stream, and since when the oldest does.
    pub async fn count_signals(
        &self,
        realm: &RealmId,
        stream: &str,
        lane: Lane,
    ) -> Result<(i64, Option<Millis>), StoreError> {
        let read = |row: &mut Row| Ok((row.int("n")?, row.opt_millis("since")?));
        self.query(&SIGNAL_COUNT)
            .bind(stream)
            .bind(realm)
            .bind(lane.offset())
            .bind(lane.end())
            .one(read)
            .await
    }
}

impl Tx {
    /// Says whether a stream tells of a user, whatever was said before.
    pub fn say_signal_subject(
        &mut self,
        realm: &RealmId,
        stream: &str,
        user: &UserId,
        included: bool,
    ) {
        self.forget_signal_subject(realm, stream, user);
        self.push(
            &SIGNAL_SUBJECT_INSERT,
            params![realm, stream, user, included],
        );
    }

    /// Takes back what was said of a user; nothing happens if nothing was.
    pub fn forget_signal_subject(&mut self, realm: &RealmId, stream: &str, user: &UserId) {
        self.push(&SIGNAL_SUBJECT_DELETE, params![realm, stream, user]);
    }

    /// Puts all that waits for a stream into a lane.
    pub fn shift_signals(&mut self, realm: &RealmId, stream: &str, lane: Lane) {
        self.has_messages = true;
        self.push(&SIGNAL_SHIFT, params![lane.offset(), stream, realm]);
    }

    /// A message of a stream was taken; nothing happens if it is not there, or another stream's.
    pub fn take_signal(&mut self, realm: &RealmId, stream: &str, id: &str) {
        self.push(&SIGNAL_TAKE, params![id, realm, stream]);
    }

    /// The receiver has fetched a message: it has confirmed it, or cannot use it for this reason. Nothing
    /// happens if the ledger has no line of it, or it is another stream's.
    pub fn end_signal_delivery(
        &mut self,
        (realm, stream): (&RealmId, &str),
        id: &str,
        error: Option<&str>,
        (now, expires_at): (Millis, Millis),
    ) {
        let state = match error {
            None => DeliveryState::Confirmed,
            Some(_) => DeliveryState::GivenUp,
        };
        let args = params![state.as_str(), error, now, expires_at, realm, id, stream];
        self.push(&SIGNAL_DELIVERY_END, args);
    }

    /// Nobody is told any more what waits for a stream, for this reason.
    pub fn end_signal_deliveries(
        &mut self,
        realm: &RealmId,
        stream: &str,
        why: &str,
        (now, expires_at): (Millis, Millis),
    ) {
        let args = params![why, now, expires_at, realm, stream];
        self.push(&SIGNAL_DELIVERIES_END, args);
    }

    /// Throws away all that waits for a stream.
    pub fn drop_signals(&mut self, realm: &RealmId, stream: &str) {
        self.push(&SIGNAL_DROP, params![stream, realm]);
    }

    /// Forgets all that was said of whom a stream tells, and all that waits for it.
    pub fn end_signals(&mut self, realm: &RealmId, stream: &str) {
        self.drop_signals(realm, stream);
        self.push(&SIGNAL_SUBJECT_OF_STREAM, params![realm, stream]);
    }
}
