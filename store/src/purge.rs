//! Throws away what has expired and nobody needs to be told about. Sessions and messages are not
//! among it: they end in the engine.

use claviger_model::Millis;

use crate::built::page_size;
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
    /// Logins that nobody finished in time.
    PURGE_AUTHENTICATION_SESSIONS = "DELETE FROM authentication_session \
        WHERE (realm_id, root_id, tab_id) IN (SELECT due.realm_id, due.root_id, due.tab_id \
        FROM (SELECT realm_id, root_id, tab_id FROM authentication_session \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
    /// Events older than their realm keeps them.
    PURGE_EVENTS = "DELETE FROM event WHERE (realm_id, id) IN \
        (SELECT due.realm_id, due.id FROM (SELECT realm_id, id FROM event \
        WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) due)";
}

impl Tx {
    /// Throws away at most `limit` expired rows of each table, in all realms.
    pub fn purge_expired(&mut self, now: Millis, limit: i64) {
        for statement in [
            &PURGE_SINGLE_USE,
            &PURGE_REVOKED_TOKENS,
            &PURGE_AUTHENTICATION_SESSIONS,
            &PURGE_EVENTS,
        ] {
            self.push(statement, params![now, page_size(limit)]);
        }
    }
}
