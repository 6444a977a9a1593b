//! Throws away what has expired and nobody needs to be told about. Sessions and messages are not
//! among it: they end in the engine.

use claviger_model::{Millis, RealmId, Seconds};

use crate::Store;
use crate::built::page_size;
use crate::error::StoreError;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    /// Things that could have been used once.
    PURGE_SINGLE_USE = "DELETE FROM single_use WHERE (realm_id, use_key) IN \
        (SELECT due.realm_id, due.use_key FROM (SELECT realm_id, use_key FROM single_use \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
    /// Revoked tokens that would have expired by now.
    PURGE_REVOKED_TOKENS = "DELETE FROM revoked_token WHERE (realm_id, jti) IN \
        (SELECT due.realm_id, due.jti FROM (SELECT realm_id, jti FROM revoked_token \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
    /// Records about tokens that are over by themselves.
    PURGE_REVOCATIONS = "DELETE FROM revocation WHERE (realm_id, seq) IN \
        (SELECT due.realm_id, due.seq FROM (SELECT realm_id, seq FROM revocation \
        WHERE until_at <= $1 ORDER BY until_at LIMIT $2) due)";
    /// Places in status lists that no good token names any more.
    PURGE_STATUS_INDICES = "DELETE FROM status_index WHERE (realm_id, list, idx) IN \
        (SELECT due.realm_id, due.list, due.idx FROM (SELECT realm_id, list, idx \
        FROM status_index WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
    /// Logins that nobody finished in time.
    PURGE_AUTHENTICATION_SESSIONS = "DELETE FROM authentication_session \
        WHERE (realm_id, root_id, tab_id) IN (SELECT due.realm_id, due.root_id, due.tab_id \
        FROM (SELECT realm_id, root_id, tab_id FROM authentication_session \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
    /// Until when the oldest logins of a realm last in which nobody has said who they are, so many of them.
    /// (The realm is hidden from planners, and the end named without need, so that they walk the index by
    /// expiry, and stop soon.)
    CROWD_ANONYMOUS_UNTIL = "SELECT expires_at FROM authentication_session \
        WHERE COALESCE(realm_id, '') = $1 AND user_id IS NULL AND expires_at > 0 \
        ORDER BY expires_at LIMIT 1 OFFSET $2";
    /// The same of all logins of a realm.
    CROWD_UNTIL = "SELECT expires_at FROM authentication_session \
        WHERE COALESCE(realm_id, '') = $1 AND expires_at > 0 \
        ORDER BY expires_at LIMIT 1 OFFSET $2";
    /// Logins of a realm in which nobody has said who they are, the oldest.
    CROWD_ANONYMOUS = "DELETE FROM authentication_session \
        WHERE COALESCE(realm_id, '') = $1 AND user_id IS NULL AND expires_at <= $2";
    /// Logins of a realm, the oldest.
    CROWD_ANY = "DELETE FROM authentication_session \
        WHERE COALESCE(realm_id, '') = $1 AND expires_at <= $2";
    /// How many logins a realm has, and how many of them have a user, where there are too many.
    CROWDS = "SELECT realm_id, COUNT(*) AS tabs, COUNT(user_id) AS known \
        FROM authentication_session GROUP BY realm_id HAVING COUNT(*) > $1";
    /// Events older than their realm keeps them.
    PURGE_EVENTS = "DELETE FROM event WHERE (realm_id, id) IN \
        (SELECT due.realm_id, due.id FROM (SELECT realm_id, id FROM event \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
    /// Tokens for registering clients that are over, or old and used up.
    PURGE_INITIAL_ACCESSES = "DELETE FROM client_initial_access WHERE (realm_id, id) IN \
        (SELECT due.realm_id, due.id FROM (SELECT realm_id, id FROM client_initial_access \
        WHERE expires_at <= $1 OR (remaining = 0 AND created_at <= $2) \
        ORDER BY realm_id, id LIMIT $3) due)";
    /// Who was told of logouts long ago.
    PURGE_LOGOUT_DELIVERIES = "DELETE FROM logout_delivery WHERE id IN \
        (SELECT due.id FROM (SELECT id FROM logout_delivery \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
    /// What ended long ago.
    PURGE_LOGOUT_ENDINGS = "DELETE FROM logout_ending WHERE id IN \
        (SELECT due.id FROM (SELECT id FROM logout_ending \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
}

/// How long a record is kept after the end of the tokens it concerns, for verifiers' slow clocks.
const LINGER: Seconds = Seconds(300);
/// How old a token for registering clients is at least before it goes because it is used up: until then
/// administrators see what became of it.
const USED_UP: Seconds = Seconds(3_600);

/// A realm with more logins under way than it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// The realm.
    pub realm: RealmId,
    /// How many logins are under way, or were given up and are still kept.
    pub tabs: i64,
    /// In how many of them somebody has said who they are.
    pub known: i64,
}

impl Store {
    /// The realms with more logins than that.
    pub async fn crowds(&self, tabs_max: i64) -> Result<Vec<Crowd>, StoreError> {
        self.query(&CROWDS)
            .bind(tabs_max)
            .all(|row| {
                Ok(Crowd {
                    realm: row.id("realm_id")?,
                    tabs: row.int("tabs")?,
                    known: row.int("known")?,
                })
            })
            .await
    }

    /// Until when the oldest logins of a realm last, so many of them: those in which nobody has said who
    /// they are, or all. None if there are fewer.
    pub async fn crowd_until(
        &self,
        realm: &RealmId,
        is_anonymous: bool,
        count: i64,
    ) -> Result<Option<Millis>, StoreError> {
        let statement = if is_anonymous {
            &CROWD_ANONYMOUS_UNTIL
        } else {
            &CROWD_UNTIL
        };
        self.query(statement)
            .bind(realm)
            .bind(count.saturating_sub(1).max(0))
            .optional(|row| row.millis("expires_at"))
            .await
    }
}

impl Tx {
    /// Throws away the logins of a realm that last until then at most: those in which nobody has said who
    /// they are, or all.
    pub fn thin_out(&mut self, realm: &RealmId, is_anonymous: bool, until: Millis) {
        let statement = if is_anonymous {
            &CROWD_ANONYMOUS
        } else {
            &CROWD_ANY
        };
        self.push(statement, params![realm, until]);
    }

    /// Throws away at most `limit` expired rows of each table, in all realms.
    pub fn purge_expired(&mut self, now: Millis, limit: i64) {
        for statement in [
            &PURGE_SINGLE_USE,
            &PURGE_REVOKED_TOKENS,
            &PURGE_STATUS_INDICES,
            &PURGE_AUTHENTICATION_SESSIONS,
            &PURGE_EVENTS,
            &PURGE_LOGOUT_DELIVERIES,
            &PURGE_LOGOUT_ENDINGS,
        ] {
            self.push(statement, params![now, page_size(limit)]);
        }
        let long_ago = now - LINGER;
        self.push(&PURGE_REVOCATIONS, params![long_ago, page_size(limit)]);
        let used_up = now - USED_UP;
        self.push(
            &PURGE_INITIAL_ACCESSES,
            params![now, used_up, page_size(limit)],
        );
    }
}
