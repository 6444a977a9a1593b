//! Failed logins, counted per user.

use claviger_model::{LoginFailures, RealmId, UserId};

use crate::Store;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    /// The failed logins of one user.
    LOGIN_FAILURES = "SELECT revision, failures, secondary_failures, temporary_lockouts, \
        last_failure, last_ip_address, locked_until \
        FROM login_failure WHERE realm_id = $1 AND user_id = $2";
    /// The first failure.
    LOGIN_FAILURES_INSERT = "INSERT INTO login_failure (realm_id, user_id, revision, failures, \
        secondary_failures, temporary_lockouts, last_failure, last_ip_address, locked_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// A further one, unless another was counted since.
    LOGIN_FAILURES_UPDATE = "UPDATE login_failure SET revision = $1, failures = $2, \
        secondary_failures = $3, temporary_lockouts = $4, last_failure = $5, \
        last_ip_address = $6, locked_until = $7 \
        WHERE realm_id = $8 AND user_id = $9 AND revision = $10";
    /// A success: forgotten, unless another failure was counted since.
    LOGIN_FAILURES_SETTLE = "DELETE FROM login_failure \
        WHERE realm_id = $1 AND user_id = $2 AND revision = $3";
    /// Forgotten.
    LOGIN_FAILURES_FORGET = "DELETE FROM login_failure WHERE realm_id = $1 AND user_id = $2";
    /// Those of all users are forgotten.
    LOGIN_FAILURES_CLEAR = "DELETE FROM login_failure WHERE realm_id = $1";
}

fn login_failures(row: &mut Row) -> Result<LoginFailures, StoreError> {
    Ok(LoginFailures {
        revision: row.int("revision")?,
        failures: row.int("failures")?,
        secondary_failures: row.int("secondary_failures")?,
        temporary_lockouts: row.int("temporary_lockouts")?,
        last_failure: row.millis("last_failure")?,
        last_ip_address: row.text("last_ip_address")?,
        locked_until: row.millis("locked_until")?,
    })
}

impl Store {
    /// The failed logins of a user; none if there were none since the last success.
    pub async fn login_failures(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Option<LoginFailures>, StoreError> {
        self.query(&LOGIN_FAILURES)
            .bind(realm)
            .bind(user)
            .optional(login_failures)
            .await
    }
}

impl Tx {
    /// Keeps what failed logins come to, made of what was read `before`; the revision is counted
    /// here. [`crate::Commit::Conflict`] or [`crate::Commit::Missed`] if it is no longer so.
    pub fn put_login_failures(
        &mut self,
        realm: &RealmId,
        user: &UserId,
        before: Option<&LoginFailures>,
        after: &LoginFailures,
    ) {
        let Some(before) = before else {
            self.push(
                &LOGIN_FAILURES_INSERT,
                params![
                    realm,
                    user,
                    1_i64,
                    after.failures,
                    after.secondary_failures,
                    after.temporary_lockouts,
                    after.last_failure,
                    &after.last_ip_address,
                    after.locked_until,
                ],
            )
            .touching(1);
            return;
        };
        self.push(
            &LOGIN_FAILURES_UPDATE,
            params![
                before.revision.saturating_add(1),
                after.failures,
                after.secondary_failures,
                after.temporary_lockouts,
                after.last_failure,
                &after.last_ip_address,
                after.locked_until,
                realm,
                user,
                before.revision,
            ],
        )
        .touching(1);
    }

    /// Forgets the failed logins that were read; those counted since stay.
    pub fn settle_login_failures(&mut self, realm: &RealmId, user: &UserId, read: &LoginFailures) {
        self.push(&LOGIN_FAILURES_SETTLE, params![realm, user, read.revision]);
    }

    /// Forgets a user's failed logins.
    pub fn forget_login_failures(&mut self, realm: &RealmId, user: &UserId) {
        self.push(&LOGIN_FAILURES_FORGET, params![realm, user]);
    }

    /// Forgets the failed logins of all users of a realm.
    pub fn clear_login_failures(&mut self, realm: &RealmId) {
        self.push(&LOGIN_FAILURES_CLEAR, params![realm]);
    }
}
