//! The ledger of logouts: who had to be told, and what became of it. A row is written with the
//! message of the outbox that it tells of, changes with it, and outlives it for a while.

use std::str::FromStr;

use claviger_model::{Millis, RealmId};
use claviger_wire::document::Json;

use crate::built::{Built, page_size};
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::{Value, params};
use crate::{Store, encode};

/// The columns of a delivery that are read.
macro_rules! columns {
    () => {
        "id, realm_id, session_id, user_id, client_id, channel, target, address, reason, state, \
         status, attempts, last_error, created_at, next_at, ended_at, expires_at"
    };
}

statements! {
    /// One delivery.
    LOGOUT_DELIVERY = concat!("SELECT ", columns!(),
        " FROM logout_delivery WHERE realm_id = $1 AND id = $2");
    /// The message of a delivery that was given up.
    LOGOUT_DELIVERY_PAYLOAD = "SELECT payload FROM logout_delivery \
        WHERE realm_id = $1 AND id = $2 AND payload IS NOT NULL";
    /// What nobody has confirmed yet, in all realms.
    LOGOUT_DELIVERY_BACKLOG = "SELECT state, COUNT(*) AS n, MIN(created_at) AS oldest \
        FROM logout_delivery WHERE state IN ('pending', 'failing') GROUP BY state";
    /// Realms with more deliveries than are kept.
    LOGOUT_DELIVERY_CROWDS = "SELECT realm_id, COUNT(*) AS n FROM logout_delivery \
        GROUP BY realm_id HAVING COUNT(*) > $1";
    /// A new delivery.
    LOGOUT_DELIVERY_INSERT = "INSERT INTO logout_delivery (id, realm_id, session_id, user_id, \
        client_id, channel, target, address, reason, state, status, attempts, last_error, payload, \
        created_at, next_at, ended_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
        $10, $11, $12, $13, NULL, $14, $15, $16, $17)";
    /// An attempt begins.
    LOGOUT_DELIVERY_ATTEMPT = "UPDATE logout_delivery SET state = $1, next_at = $2, \
        attempts = attempts + 1 WHERE realm_id = $3 AND id = $4 \
        AND state IN ('pending', 'failing')";
    /// An attempt failed, and another will follow.
    LOGOUT_DELIVERY_FAIL = "UPDATE logout_delivery SET state = 'failing', status = $1, \
        last_error = $2 WHERE realm_id = $3 AND id = $4 AND state IN ('pending', 'failing')";
    /// It was confirmed, whatever was thought of it before.
    LOGOUT_DELIVERY_CONFIRM = "UPDATE logout_delivery SET state = 'confirmed', status = $1, \
        last_error = NULL, payload = NULL, next_at = NULL, ended_at = $2, expires_at = $3 \
        WHERE realm_id = $4 AND id = $5";
    /// Nobody will try again by themselves.
    LOGOUT_DELIVERY_GIVE_UP = "UPDATE logout_delivery SET state = 'given_up', status = $1, \
        last_error = $2, payload = $3, next_at = NULL, ended_at = $4, expires_at = $5 \
        WHERE realm_id = $6 AND id = $7 AND state IN ('pending', 'failing')";
    /// One that was given up is tried anew.
    LOGOUT_DELIVERY_REVIVE = "UPDATE logout_delivery SET state = 'pending', payload = NULL, \
        address = $1, next_at = $2, ended_at = NULL, expires_at = $3 \
        WHERE realm_id = $4 AND id = $5 AND state = 'given_up'";
    /// One that waits is tried at once.
    LOGOUT_DELIVERY_HASTEN = "UPDATE logout_delivery SET next_at = $1, address = $2 \
        WHERE realm_id = $3 AND id = $4 AND state IN ('pending', 'failing')";
    /// The oldest of a realm that are over.
    LOGOUT_DELIVERY_FORGET = "DELETE FROM logout_delivery WHERE id IN \
        (SELECT due.id FROM (SELECT id FROM logout_delivery WHERE realm_id = $1 \
        AND state IN ('confirmed', 'given_up') ORDER BY created_at LIMIT $2) due)";
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// Nobody has failed to tell it yet.
    Pending,
    /// The receiver has confirmed it.
    Confirmed,
    /// It could not be told so far, and is tried again.
    Failing,
    /// It could not be told, and is not tried again by itself.
    GivenUp,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Confirmed, Self::Failing, Self::GivenUp];

    /// A stable name for rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Failing => "failing",
            Self::GivenUp => "given_up",
        }
    }
}

/// No delivery is in a state of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no delivery is in a state of this name")]
pub struct UnknownState;

impl FromStr for DeliveryState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut known = Self::ALL.into_iter();
        known
            .find(|state| state.as_str() == name)
            .ok_or(UnknownState)
    }
}

/// Who had to be told of a logout, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// That of the outbox's message.
    pub id: String,
    /// The realm.
    pub realm: RealmId,
    /// The session that ended; none where all of a client's end.
    pub session: Option<String>,
    /// Whose session it was.
    pub user: Option<String>,
    /// The receiver, by its `clientId`.
    pub client_id: String,
    /// How it is told.
    pub channel: String,
    /// The receiver, as the outbox names it.
    pub target: String,
    /// Where it is told: host and path.
    pub address: String,
    /// Why the session ended.
    pub reason: Option<String>,
    /// What became of it.
    pub state: DeliveryState,
    /// The status of the last answer; none if there was no answer.
    pub status: Option<i32>,
    /// How many attempts were begun.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: Millis,
    /// When it is tried next, at the earliest.
    pub next_at: Option<Millis>,
    /// When it was confirmed, or given up.
    pub ended_at: Option<Millis>,
    /// Until when the row is kept.
    pub expires_at: Millis,
}

/// Which deliveries are asked for. What is not named is not filtered.
#[derive(Clone, Debug, Default)]
pub struct DeliveryQuery {
    /// Only in these states; empty: all.
    pub states: Vec<DeliveryState>,
    /// Only to this client (`clientId`).
    pub client_id: Option<String>,
    /// Only of this user's sessions.
    pub user: Option<String>,
    /// Only of this session.
    pub session: Option<String>,
    /// Only those written at this time or later.
    pub since: Option<Millis>,
    /// How many to leave out at the beginning.
    pub first: i64,
    /// How many at most; negative: all, up to [`crate::MAX_PAGE`].
    pub max: i64,
}

/// What waits in a state, in all realms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The state.
    pub state: DeliveryState,
    /// How many.
    pub count: i64,
    /// When the oldest of them was written.
    pub oldest: Millis,
}

fn delivery(row: &mut Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.text("id")?,
        realm: row.id("realm_id")?,
        session: row.opt_text("session_id")?,
        user: row.opt_text("user_id")?,
        client_id: row.text("client_id")?,
        channel: row.text("channel")?,
        target: row.text("target")?,
        address: row.text("address")?,
        reason: row.opt_text("reason")?,
        state: row.parsed("state")?,
        status: row.opt_int32("status")?,
        attempts: row.int32("attempts")?,
        last_error: row.opt_text("last_error")?,
        created_at: row.millis("created_at")?,
        next_at: row.opt_millis("next_at")?,
        ended_at: row.opt_millis("ended_at")?,
        expires_at: row.millis("expires_at")?,
    })
}

impl DeliveryQuery {
    fn filter(&self, built: &mut Built, realm: &RealmId) {
        built.filter(" WHERE realm_id = ?", [realm.into()]);
        if !self.states.is_empty() {
            let states = self.states.iter().map(|state| Value::from(state.as_str()));
            built.one_of(" AND state IN (", states);
        }
        let named = [
            (" AND client_id = ?", &self.client_id),
            (" AND user_id = ?", &self.user),
            (" AND session_id = ?", &self.session),
        ];
        for (piece, value) in named {
            if let Some(value) = value {
                built.filter(piece, [value.into()]);
            }
        }
        if let Some(since) = self.since {
            built.filter(" AND created_at >= ?", [since.into()]);
        }
    }
}

impl Store {
    /// One delivery.
    pub async fn logout_delivery(
        &self,
        realm: &RealmId,
        id: &str,
    ) -> Result<Option<Delivery>, StoreError> {
        self.query(&LOGOUT_DELIVERY)
            .bind(realm)
            .bind(id)
            .optional(delivery)
            .await
    }

    /// The message of a delivery that was given up, if it is still there.
    pub async fn logout_delivery_payload(
        &self,
        realm: &RealmId,
        id: &str,
    ) -> Result<Option<Json>, StoreError> {
        self.query(&LOGOUT_DELIVERY_PAYLOAD)
            .bind(realm)
            .bind(id)
            .optional(|row| row.json("payload"))
            .await
    }

    /// The deliveries that fit, the newest first, one page of them.
    pub async fn logout_deliveries(
        &self,
        realm: &RealmId,
        query: &DeliveryQuery,
    ) -> Result<Vec<Delivery>, StoreError> {
        let head = concat!("SELECT ", columns!(), " FROM logout_delivery");
        let mut built = Built::new(head);
        query.filter(&mut built, realm);
        built.page(" ORDER BY created_at DESC, id", query.first, query.max);
        built.query(self, "LOGOUT_DELIVERIES").all(delivery).await
    }

    /// How many deliveries fit, by their states; pages do not matter.
    pub async fn logout_delivery_counts(
        &self,
        realm: &RealmId,
        query: &DeliveryQuery,
    ) -> Result<Vec<(DeliveryState, i64)>, StoreError> {
        let mut built = Built::new("SELECT state, COUNT(*) AS n FROM logout_delivery");
        query.filter(&mut built, realm);
        built.filter(" GROUP BY state", []);
        built
            .query(self, "LOGOUT_DELIVERY_COUNTS_OF")
            .all(|row| Ok((row.parsed("state")?, row.int("n")?)))
            .await
    }

    /// What nobody has confirmed yet, in all realms.
    pub async fn logout_backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.query(&LOGOUT_DELIVERY_BACKLOG)
            .all(|row| {
                Ok(Backlog {
                    state: row.parsed("state")?,
                    count: row.int("n")?,
                    oldest: row.millis("oldest")?,
                })
            })
            .await
    }

    /// Realms with more than so many deliveries, and how many they have.
    pub async fn logout_delivery_crowds(
        &self,
        more_than: i64,
    ) -> Result<Vec<(RealmId, i64)>, StoreError> {
        self.query(&LOGOUT_DELIVERY_CROWDS)
            .bind(more_than)
            .all(|row| Ok((row.id("realm_id")?, row.int("n")?)))
            .await
    }
}

impl Tx {
    /// A new delivery.
    pub fn insert_logout_delivery(&mut self, delivery: &Delivery) {
        self.push(
            &LOGOUT_DELIVERY_INSERT,
            params![
                &delivery.id,
                &delivery.realm,
                delivery.session.as_deref(),
                delivery.user.as_deref(),
                &delivery.client_id,
                &delivery.channel,
                &delivery.target,
                &delivery.address,
                delivery.reason.as_deref(),
                delivery.state.as_str(),
                delivery.status,
                delivery.attempts,
                delivery.last_error.as_deref(),
                delivery.created_at,
                delivery.next_at,
                delivery.ended_at,
                delivery.expires_at,
            ],
        )
        .touching(1);
    }

    /// Counts an attempt that begins; the next is due at `next_at`. Nothing happens if the delivery
    /// is over, or not there.
    pub fn begin_logout_delivery(
        &mut self,
        realm: &RealmId,
        id: &str,
        state: DeliveryState,
        next_at: Millis,
    ) {
        let args = params![state.as_str(), next_at, realm, id];
        self.push(&LOGOUT_DELIVERY_ATTEMPT, args);
    }

    /// An attempt failed, and another follows. Nothing happens if the delivery is over.
    pub fn fail_logout_delivery(
        &mut self,
        realm: &RealmId,
        id: &str,
        status: Option<i32>,
        error: &str,
    ) {
        let args = params![status, error, realm, id];
        self.push(&LOGOUT_DELIVERY_FAIL, args);
    }

    /// The receiver has confirmed it.
    pub fn confirm_logout_delivery(
        &mut self,
        realm: &RealmId,
        id: &str,
        status: i32,
        (now, expires_at): (Millis, Millis),
    ) {
        let args = params![status, now, expires_at, realm, id];
        self.push(&LOGOUT_DELIVERY_CONFIRM, args);
    }

    /// It is given up; its message is kept, if there is one that can be told. Nothing happens if the
    /// delivery is over.
    pub fn give_up_logout_delivery(
        &mut self,
        (realm, id): (&RealmId, &str),
        (status, error): (Option<i32>, &str),
        payload: Option<&Json>,
        (now, expires_at): (Millis, Millis),
    ) {
        let payload = payload.map(encode);
        let args = params![status, error, payload, now, expires_at, realm, id];
        self.push(&LOGOUT_DELIVERY_GIVE_UP, args);
    }

    /// One that was given up is tried anew, at this address. Of two who want that at the same time,
    /// one misses.
    pub fn revive_logout_delivery(
        &mut self,
        (realm, id): (&RealmId, &str),
        address: &str,
        (now, expires_at): (Millis, Millis),
    ) {
        let args = params![address, now, expires_at, realm, id];
        self.push(&LOGOUT_DELIVERY_REVIVE, args).touching(1);
    }

    /// One that waits is tried at once, at this address. Nothing happens if it is over.
    pub fn hasten_logout_delivery(
        &mut self,
        realm: &RealmId,
        id: &str,
        now: Millis,
        address: &str,
    ) {
        let args = params![now, address, realm, id];
        self.push(&LOGOUT_DELIVERY_HASTEN, args);
    }

    /// Forgets a realm's oldest deliveries that are over, at most `limit` of them.
    pub fn forget_logout_deliveries(&mut self, realm: &RealmId, limit: i64) {
        let args = params![realm, page_size(limit)];
        self.push(&LOGOUT_DELIVERY_FORGET, args);
    }
}
