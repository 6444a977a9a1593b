//! Tokens with which clients may register themselves: how many clients, and until when.

use claviger_model::{Millis, RealmId};

use crate::Store;
use crate::built::page_size;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::{Commit, Tx};
use crate::value::params;

statements! {
    /// One of a realm's.
    INITIAL_ACCESS = "SELECT id, created_at, expires_at, allowed, remaining \
        FROM client_initial_access WHERE realm_id = $1 AND id = $2";
    /// All of a realm's, the oldest in front.
    INITIAL_ACCESSES = "SELECT id, created_at, expires_at, allowed, remaining \
        FROM client_initial_access WHERE realm_id = $1 ORDER BY created_at, id LIMIT $2";
    /// A new one.
    INITIAL_ACCESS_INSERT = "INSERT INTO client_initial_access \
        (realm_id, id, created_at, expires_at, allowed, remaining) VALUES ($1, $2, $3, $4, $5, $6)";
    /// A client was made with it, which was not the last one already.
    INITIAL_ACCESS_USE = "UPDATE client_initial_access SET remaining = remaining - 1 \
        WHERE realm_id = $1 AND id = $2 AND remaining > 0";
    /// It is no good any more.
    INITIAL_ACCESS_DELETE = "DELETE FROM client_initial_access WHERE realm_id = $1 AND id = $2";
}

/// What a token for registering clients allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccess {
    /// The token's `jti`.
    pub id: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends; never, if none is said.
    pub expires_at: Option<Millis>,
    /// How many clients may be made with it in all.
    pub allowed: i64,
    /// How many still may.
    pub remaining: i64,
}

fn initial_access(row: &mut Row) -> Result<InitialAccess, StoreError> {
    Ok(InitialAccess {
        id: row.text("id")?,
        created_at: row.millis("created_at")?,
        expires_at: row.opt_millis("expires_at")?,
        allowed: row.int("allowed")?,
        remaining: row.int("remaining")?,
    })
}

impl Store {
    /// The one of this id.
    pub async fn initial_access(
        &self,
        realm: &RealmId,
        id: &str,
    ) -> Result<Option<InitialAccess>, StoreError> {
        self.query(&INITIAL_ACCESS)
            .bind(realm)
            .bind(id)
            .optional(initial_access)
            .await
    }

    /// A realm's, the oldest in front, at most so many.
    pub async fn initial_accesses(
        &self,
        realm: &RealmId,
        limit: i64,
    ) -> Result<Vec<InitialAccess>, StoreError> {
        self.query(&INITIAL_ACCESSES)
            .bind(realm)
            .bind(page_size(limit))
            .all(initial_access)
            .await
    }
}

impl Tx {
    /// A new one.
    pub fn insert_initial_access(&mut self, realm: &RealmId, access: &InitialAccess) {
        self.push(
            &INITIAL_ACCESS_INSERT,
            params![
                realm,
                &access.id,
                access.created_at,
                access.expires_at,
                access.allowed,
                access.remaining
            ],
        )
        .touching(1);
    }

    /// A client is made with it. Of two who try the last time, one is told a miss that
    /// [`Commit::is_used_up`] knows.
    pub fn use_initial_access(&mut self, realm: &RealmId, id: &str) {
        self.push(&INITIAL_ACCESS_USE, params![realm, id])
            .touching(1);
    }

    /// It is taken back, if it is there.
    pub fn delete_initial_access(&mut self, realm: &RealmId, id: &str) {
        self.push(&INITIAL_ACCESS_DELETE, params![realm, id]);
    }
}

impl Commit {
    /// Whether a job failed because a token for registering clients is used up, or gone.
    pub fn is_used_up(&self) -> bool {
        *self == Self::Missed(INITIAL_ACCESS_USE.name)
    }
}
