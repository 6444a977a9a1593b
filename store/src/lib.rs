//! Keeps everything, in SQLite, PostgreSQL, MySQL or MariaDB.
//!
//! Reads are `async` functions of [`Store`], done before the write. A write is a [`Tx`]: a list of
//! steps with the numbers of rows they must touch, done as a whole by the one who writes or not at
//! all. Each noun has a file with its statements and its rows. Every statement names its realm but
//! for the few that serve all realms; every list has a limit.

mod authentication;
mod built;
mod carry;
mod consent;
mod credential;
mod dialect;
mod document;
mod error;
mod event;
mod fault;
mod initial_access;
mod layer;
mod login_failures;
mod logout_delivery;
mod logout_ending;
mod mapping;
mod migrate;
mod mysql;
mod options;
mod organization;
mod organization_invitation;
mod organization_member;
mod outbox;
mod postgres;
mod postgres_value;
mod postgres_writer;
mod purge;
mod query;
mod realm;
mod revocation;
mod row;
mod session;
mod session_count;
mod signal;
mod sqlite;
mod standing;
mod statement;
mod status;
mod token;
mod tx;
mod user;
mod user_query;
mod value;
mod writer;

pub use built::MAX_PAGE;
pub use carry::{Kept, Person};
pub use document::DocumentFilter;
pub use error::StoreError;
pub use event::{AdminEventQuery, EventQuery};
pub use fault::FaultPlan;
pub use initial_access::InitialAccess;
pub use layer::{Load, MAX_ROWS, MAX_STEPS, MAX_VALUE_BYTES, Store};
pub use logout_delivery::{Backlog, Delivery, DeliveryQuery, DeliveryState, UnknownState};
pub use logout_ending::{Concerned, Ending};
pub use options::{Database, Identity, Options, Server, Tls, Verification};
pub use organization::OrganizationQuery;
pub use organization_invitation::{Invitation, InvitationQuery};
pub use organization_member::MemberQuery;
pub use outbox::OutboxRow;
pub use purge::Crowd;
pub use realm::RealmRow;
pub use revocation::Head;
pub use session::{RefreshState, SessionStats};
pub use signal::Lane;
pub use standing::Standing;
pub use status::{CANDIDATES, StatusRow};
pub use token::SingleUse;
pub use tx::{Commit, Tx};
pub use user_query::UserQuery;

/// JSON text of something that always has one: maps with text keys, lists and text.
fn encode<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Text for a `LIKE … ESCAPE '!'` in which nothing has a meaning of its own.
fn escape_like(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '!' | '%' | '_') {
            out.push('!');
        }
        out.push(c);
    }
    out
}

/// The pattern of a lower-cased column that has this text anywhere in it.
fn contains(text: &str) -> String {
    format!("%{}%", escape_like(&text.to_lowercase()))
}
