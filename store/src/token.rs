//! Tokens that were revoked, and things that may be used once.

use claviger_model::{Millis, RealmId};

use crate::Store;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    /// Whether a token was revoked.
    TOKEN_REVOKED = "SELECT COUNT(*) AS n FROM revoked_token WHERE realm_id = $1 AND jti = $2";
    /// A token is revoked, if it was not.
    TOKEN_REVOKE = "INSERT INTO revoked_token (realm_id, jti, expires_at) VALUES ($1, $2, $3) \
        ON CONFLICT (realm_id, jti) DO NOTHING";
    /// What was kept to be used once.
    SINGLE_USE = "SELECT value, expires_at FROM single_use WHERE realm_id = $1 AND use_key = $2";
    /// Something that may be used once.
    SINGLE_USE_INSERT = "INSERT INTO single_use (realm_id, use_key, value, expires_at) \
        VALUES ($1, $2, $3, $4)";
    /// It is used.
    SINGLE_USE_TAKE = "DELETE FROM single_use WHERE realm_id = $1 AND use_key = $2";
    /// It is used, if it is still what was read.
    SINGLE_USE_TAKE_VALUE = "DELETE FROM single_use \
        WHERE realm_id = $1 AND use_key = $2 AND value = $3";
}

/// What was kept to be used once.
#[derive(Clone, PartialEq, Eq)]
pub struct SingleUse {
    /// Whatever the one who kept it wants to know again.
    pub value: String,
    /// After this it is purged; whether it may still be used is the caller's to decide.
    pub expires_at: Millis,
}

/// The value may be a code or a password.
impl std::fmt::Debug for SingleUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleUse")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Whether the token of this `jti` was revoked.
    pub async fn token_revoked(&self, realm: &RealmId, jti: &str) -> Result<bool, StoreError> {
        let some = |row: &mut Row| Ok(row.int("n")? > 0);
        self.query(&TOKEN_REVOKED)
            .bind(realm)
            .bind(jti)
            .one(some)
            .await
    }

    /// What was kept under this key, expired or not.
    pub async fn single_use(
        &self,
        realm: &RealmId,
        key: &str,
    ) -> Result<Option<SingleUse>, StoreError> {
        let read = |row: &mut Row| {
            Ok(SingleUse {
                value: row.text("value")?,
                expires_at: row.millis("expires_at")?,
            })
        };
        self.query(&SINGLE_USE)
            .bind(realm)
            .bind(key)
            .optional(read)
            .await
    }
}

impl Tx {
    /// Revokes a token; nothing happens if it was. Until `expires_at` it is remembered, which must
    /// not be before the token's own end.
    pub fn revoke_token(&mut self, realm: &RealmId, jti: &str, expires_at: Millis) {
        self.push(&TOKEN_REVOKE, params![realm, jti, expires_at]);
    }

    /// Keeps something under a key, or marks a key as used. [`crate::Commit::Conflict`] if the key is
    /// there already: it was used.
    pub fn use_once(&mut self, realm: &RealmId, key: &str, value: &str, expires_at: Millis) {
        self.push(&SINGLE_USE_INSERT, params![realm, key, value, expires_at])
            .touching(1);
    }

    /// Takes what was kept under a key: of two who try, one is told [`crate::Commit::Missed`].
    pub fn take_once(&mut self, realm: &RealmId, key: &str) {
        self.push(&SINGLE_USE_TAKE, params![realm, key]).touching(1);
    }

    /// The same, if it is still the value that was read; [`crate::Commit::Missed`] otherwise.
    pub fn take_value(&mut self, realm: &RealmId, key: &str, value: &str) {
        self.push(&SINGLE_USE_TAKE_VALUE, params![realm, key, value])
            .touching(1);
    }
}
