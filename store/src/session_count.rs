//! How many sessions a user has, as a precondition of a write.

use claviger_model::session::SessionKind;
use claviger_model::{ClientUuid, RealmId, UserId};

use crate::session::offline;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;

statements! {
    /// Whoever counts the sessions of a user waits for whoever counted them before.
    SESSIONS_HOLD = "UPDATE user_entity SET username = username WHERE realm_id = $1 AND id = $2";
    /// There are no more sessions of a user, and no more at a client, than there were.
    SESSIONS_STAND = "UPDATE user_entity SET username = username WHERE realm_id = $1 AND id = $2 \
        AND (SELECT COUNT(*) FROM user_session s WHERE s.realm_id = $3 AND s.offline = $4 \
        AND s.user_id = $5) <= $6 \
        AND (SELECT COUNT(*) FROM user_session s JOIN client_session c \
        ON c.realm_id = s.realm_id AND c.offline = s.offline AND c.session_id = s.id \
        WHERE s.realm_id = $7 AND s.offline = $8 AND s.user_id = $9 AND c.client_id = $10) <= $11";
}

impl Tx {
    /// Makes a job one for the sessions of a user as they were counted: all of a kind, whether or not
    /// their time is over, and those that a client takes part in. Of two who each add one to the same
    /// number, one is told [`crate::Commit::Missed`]. It has to stand in front of whatever begins or
    /// ends sessions in the job.
    pub fn expect_no_more_sessions(
        &mut self,
        realm: &RealmId,
        kind: SessionKind,
        (user, client): (&UserId, &ClientUuid),
        (sessions, at_client): (i64, i64),
    ) {
        // Two statements: the second sees what was committed while the first waited for the row.
        self.push(&SESSIONS_HOLD, params![realm, user]).touching(1);
        let kind = offline(kind);
        self.push(
            &SESSIONS_STAND,
            params![
                realm, user, realm, kind, user, sessions, realm, kind, user, client, at_client
            ],
        )
        .touching(1);
    }
}
