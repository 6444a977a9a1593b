//! What happened, the newest first.

use std::sync::atomic::{AtomicI64, Ordering};

use claviger_model::event::{AdminEvent, Event};
use claviger_model::{Millis, RealmId};

use crate::built::Built;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::{Value, params};
use crate::{Store, encode, escape_like};

statements! {
    /// Something happened.
    EVENT_INSERT = "INSERT INTO event (realm_id, id, seq, time_at, kind, client_id, user_id, \
        session_id, ip_address, error, details, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    /// An administrator did something.
    ADMIN_EVENT_INSERT = "INSERT INTO admin_event (realm_id, id, seq, time_at, auth_realm_id, \
        auth_client_id, auth_user_id, ip_address, operation, resource_type, resource_path, \
        representation, error, details) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    /// The end of a realm's events.
    EVENTS_CLEAR = "DELETE FROM event WHERE realm_id = $1";
    /// The end of a realm's admin events.
    ADMIN_EVENTS_CLEAR = "DELETE FROM admin_event WHERE realm_id = $1";
    /// The end of admin events that are older than the realm keeps them.
    ADMIN_EVENTS_FORGET = "DELETE FROM admin_event WHERE realm_id = $1 AND time_at < $2";
}

/// The head of a page of events.
const EVENTS: &str = "SELECT id, time_at, kind, realm_id, client_id, user_id, session_id, \
    ip_address, error, details FROM event";
/// The head of a page of admin events.
const ADMIN_EVENTS: &str = "SELECT id, time_at, realm_id, auth_realm_id, auth_client_id, \
    auth_user_id, ip_address, operation, resource_type, resource_path, representation, error, \
    details FROM admin_event";

/// Which events are asked for. What is not named is not filtered.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Only these kinds, such as `LOGIN`; empty: all.
    pub kinds: Vec<String>,
    /// Only those of this client (`clientId`).
    pub client_id: Option<String>,
    /// Only those of this user.
    pub user_id: Option<String>,
    /// Only those from this address.
    pub ip_address: Option<String>,
    /// Only at this time or later.
    pub from: Option<Millis>,
    /// Only at this time or earlier.
    pub to: Option<Millis>,
    /// The oldest first, not the newest.
    pub ascending: bool,
    /// How many to leave out at the beginning.
    pub first: i64,
    /// How many at most; negative: all, up to [`crate::MAX_PAGE`].
    pub max: i64,
}

/// Which admin events are asked for. What is not named is not filtered.
#[derive(Clone, Debug, Default)]
pub struct AdminEventQuery {
    /// Only `CREATE`, …; empty: all.
    pub operations: Vec<String>,
    /// Only `USER`, …; empty: all.
    pub resource_types: Vec<String>,
    /// Only this path; `*` in it stands for anything.
    pub resource_path: Option<String>,
    /// Only by administrators of this realm.
    pub auth_realm_id: Option<String>,
    /// Only through this client (internal id).
    pub auth_client_id: Option<String>,
    /// Only by this administrator.
    pub auth_user_id: Option<String>,
    /// Only from this address.
    pub auth_ip_address: Option<String>,
    /// Only at this time or later.
    pub from: Option<Millis>,
    /// Only at this time or earlier.
    pub to: Option<Millis>,
    /// The oldest first, not the newest.
    pub ascending: bool,
    /// How many to leave out at the beginning.
    pub first: i64,
    /// How many at most; negative: all, up to [`crate::MAX_PAGE`].
    pub max: i64,
}

fn event(row: &mut Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.text("id")?,
        time: row.millis("time_at")?,
        kind: row.text("kind")?,
        realm: row.id("realm_id")?,
        client_id: row.opt_text("client_id")?,
        user_id: row.opt_text("user_id")?,
        session_id: row.opt_text("session_id")?,
        ip_address: row.opt_text("ip_address")?,
        error: row.opt_text("error")?,
        details: row.decoded("details")?,
    })
}

fn admin_event(row: &mut Row) -> Result<AdminEvent, StoreError> {
    Ok(AdminEvent {
        id: row.text("id")?,
        time: row.millis("time_at")?,
        realm: row.id("realm_id")?,
        auth_realm_id: row.text("auth_realm_id")?,
        auth_client_id: row.text("auth_client_id")?,
        auth_user_id: row.text("auth_user_id")?,
        ip_address: row.text("ip_address")?,
        operation: row.text("operation")?,
        resource_type: row.text("resource_type")?,
        resource_path: row.opt_text("resource_path")?,
        representation: row.opt_text("representation")?,
        error: row.opt_text("error")?,
        details: row.decoded("details")?,
    })
}

/// Adds a filter for each field that is named.
fn equals(built: &mut Built, fields: &[(&'static str, &Option<String>)]) {
    for (piece, value) in fields {
        if let Some(value) = value {
            built.filter(piece, [value.into()]);
        }
    }
}

/// Adds filters for the time.
fn between(built: &mut Built, from: Option<Millis>, to: Option<Millis>) {
    if let Some(from) = from {
        built.filter(" AND time_at >= ?", [from.into()]);
    }
    if let Some(to) = to {
        built.filter(" AND time_at <= ?", [to.into()]);
    }
}

const fn order(ascending: bool) -> &'static str {
    if ascending {
        " ORDER BY time_at, seq, id"
    } else {
        " ORDER BY time_at DESC, seq DESC, id"
    }
}

impl Store {
    /// The events that fit, one page of them.
    pub async fn events(
        &self,
        realm: &RealmId,
        query: &EventQuery,
    ) -> Result<Vec<Event>, StoreError> {
        let mut built = Built::new(EVENTS);
        built.filter(" WHERE realm_id = ?", [realm.into()]);
        if !query.kinds.is_empty() {
            built.one_of(" AND kind IN (", query.kinds.iter().map(Value::from));
        }
        equals(
            &mut built,
            &[
                (" AND client_id = ?", &query.client_id),
                (" AND user_id = ?", &query.user_id),
                (" AND ip_address = ?", &query.ip_address),
            ],
        );
        between(&mut built, query.from, query.to);
        built.page(order(query.ascending), query.first, query.max);
        built.query(self, "EVENTS").all(event).await
    }

    /// The admin events that fit, one page of them.
    pub async fn admin_events(
        &self,
        realm: &RealmId,
        query: &AdminEventQuery,
    ) -> Result<Vec<AdminEvent>, StoreError> {
        let mut built = Built::new(ADMIN_EVENTS);
        built.filter(" WHERE realm_id = ?", [realm.into()]);
        if !query.operations.is_empty() {
            built.one_of(
                " AND operation IN (",
                query.operations.iter().map(Value::from),
            );
        }
        if !query.resource_types.is_empty() {
            built.one_of(
                " AND resource_type IN (",
                query.resource_types.iter().map(Value::from),
            );
        }
        if let Some(path) = &query.resource_path {
            let pattern = escape_like(path).replace('*', "%");
            built.like(" AND resource_path LIKE ? ESCAPE '!'", &pattern);
        }
        equals(
            &mut built,
            &[
                (" AND auth_realm_id = ?", &query.auth_realm_id),
                (" AND auth_client_id = ?", &query.auth_client_id),
                (" AND auth_user_id = ?", &query.auth_user_id),
                (" AND ip_address = ?", &query.auth_ip_address),
            ],
        );
        between(&mut built, query.from, query.to);
        built.page(order(query.ascending), query.first, query.max);
        built.query(self, "ADMIN_EVENTS").all(admin_event).await
    }
}

/// Orders events of one millisecond as this process made them.
fn next_seq() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Tx {
    /// Keeps an event, until `expires_at` if one is named.
    pub fn insert_event(&mut self, event: &Event, expires_at: Option<Millis>) {
        self.push(
            &EVENT_INSERT,
            params![
                &event.realm,
                &event.id,
                next_seq(),
                event.time,
                &event.kind,
                event.client_id.as_deref(),
                event.user_id.as_deref(),
                event.session_id.as_deref(),
                event.ip_address.as_deref(),
                event.error.as_deref(),
                encode(&event.details),
                expires_at,
            ],
        )
        .touching(1);
    }

    /// Keeps an admin event.
    pub fn insert_admin_event(&mut self, event: &AdminEvent) {
        self.push(
            &ADMIN_EVENT_INSERT,
            params![
                &event.realm,
                &event.id,
                next_seq(),
                event.time,
                &event.auth_realm_id,
                &event.auth_client_id,
                &event.auth_user_id,
                &event.ip_address,
                &event.operation,
                &event.resource_type,
                event.resource_path.as_deref(),
                event.representation.as_deref(),
                event.error.as_deref(),
                encode(&event.details),
            ],
        )
        .touching(1);
    }

    /// Forgets all events of a realm.
    pub fn clear_events(&mut self, realm: &RealmId) {
        self.push(&EVENTS_CLEAR, params![realm]);
    }

    /// Forgets all admin events of a realm.
    pub fn clear_admin_events(&mut self, realm: &RealmId) {
        self.push(&ADMIN_EVENTS_CLEAR, params![realm]);
    }

    /// Forgets the admin events of a realm from before this time.
    pub fn forget_admin_events(&mut self, realm: &RealmId, before: Millis) {
        self.push(&ADMIN_EVENTS_FORGET, params![realm, before]);
    }
}
