//! What a token stands on, in one question: it is asked for each use of a token of a session.

use claviger_model::session::{ClientSession, SessionKind, UserSession};
use claviger_model::user::User;
use claviger_model::{ClientUuid, RealmId, SessionId};

use crate::Store;
use crate::error::StoreError;
use crate::row::Row;
use crate::session::{client_session, offline, part_columns, session_columns, user_session};
use crate::statement::statements;
use crate::user::{user, user_columns};

statements! {
    /// A session with a client's part in it and its user. Some columns have the same names: the row is
    /// read from left to right.
    STANDING = concat!("SELECT ", session_columns!(), ", ", part_columns!(), ", ", user_columns!(),
        " FROM user_session s",
        " JOIN client_session c ON c.realm_id = s.realm_id AND c.offline = s.offline",
        " AND c.session_id = s.id",
        " JOIN user_entity u ON u.realm_id = s.realm_id AND u.id = s.user_id",
        " WHERE s.realm_id = $1 AND s.offline = $2 AND s.id = $3 AND c.client_id = $4");
}

/// A session with a client's part in it and its user: whether they may be used is not looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The session.
    pub session: UserSession,
    /// The client's part in it.
    pub part: ClientSession,
    /// Whose it is.
    pub user: User,
}

impl Store {
    /// The session of this id with this client's part in it and its user; none if one of the three is
    /// not there.
    pub async fn standing(
        &self,
        realm: &RealmId,
        kind: SessionKind,
        id: &SessionId,
        client: &ClientUuid,
    ) -> Result<Option<Standing>, StoreError> {
        let read = |row: &mut Row| {
            Ok(Standing {
                session: user_session(row)?,
                part: client_session(row)?,
                user: user(row)?,
            })
        };
        self.query(&STANDING)
            .bind(realm)
            .bind(offline(kind))
            .bind(id)
            .bind(client)
            .optional(read)
            .await
    }
}
