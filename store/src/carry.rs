//! People carried in and out by the thousand: read page by page with everything that hangs on them,
//! and written before their realm is there, where nobody sees them.
//!
//! An import writes users in many jobs, for one job of a hundred thousand users would have to be in
//! memory as a whole. They lie below a realm's id for which there is no realm yet, until the job
//! that makes the realm. A *ticket* says whose they are: every job asks for it, so that of two imports
//! of one realm the later goes on and the earlier learns of it, and what nobody comes back for is
//! found and thrown away.

use std::collections::HashMap;

use claviger_model::user::{Consent, Credential, FederatedIdentity, User};
use claviger_model::{GroupId, Millis, RealmId, RoleId, UserId};
use claviger_wire::document::Json;

use crate::built::page_size;
use crate::consent::{consent, identity};
use crate::credential::credential;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::{Statement, statements};
use crate::tx::Tx;
use crate::user::{user, user_columns};
use crate::value::params;
use crate::{Store, encode};

statements! {
    /// Users by name, behind one of them.
    PEOPLE = concat!("SELECT ", user_columns!(), " FROM user_entity u",
        " WHERE u.realm_id = $1 AND u.username > $2 ORDER BY u.username LIMIT $3");
    /// Credentials of the users between two names.
    PEOPLE_CREDENTIALS = "SELECT c.user_id, c.id, c.kind, c.user_label, c.created_at, c.priority, \
        c.secret_data, c.credential_data FROM user_entity u \
        JOIN credential c ON c.realm_id = u.realm_id AND c.user_id = u.id \
        WHERE u.realm_id = $1 AND u.username > $2 AND u.username <= $3 \
        ORDER BY c.user_id, c.priority, c.created_at, c.id";
    /// Roles of the users between two names.
    PEOPLE_ROLES = "SELECT m.user_id, m.role_id FROM user_entity u \
        JOIN user_role m ON m.realm_id = u.realm_id AND m.user_id = u.id \
        WHERE u.realm_id = $1 AND u.username > $2 AND u.username <= $3 \
        ORDER BY m.user_id, m.role_id";
    /// Groups of the users between two names.
    PEOPLE_GROUPS = "SELECT m.user_id, m.group_id FROM user_entity u \
        JOIN user_group m ON m.realm_id = u.realm_id AND m.user_id = u.id \
        WHERE u.realm_id = $1 AND u.username > $2 AND u.username <= $3 \
        ORDER BY m.user_id, m.group_id";
    /// Consents of the users between two names.
    PEOPLE_CONSENTS = "SELECT c.user_id, c.client_id, c.scopes, c.created_at, c.updated_at \
        FROM user_entity u JOIN consent c ON c.realm_id = u.realm_id AND c.user_id = u.id \
        WHERE u.realm_id = $1 AND u.username > $2 AND u.username <= $3 \
        ORDER BY c.user_id, c.created_at, c.client_id";
    /// Who the users between two names are at identity providers.
    PEOPLE_IDENTITIES = "SELECT f.user_id, f.provider, f.provider_user_id, f.provider_user_name \
        FROM user_entity u \
        JOIN federated_identity f ON f.realm_id = u.realm_id AND f.user_id = u.id \
        WHERE u.realm_id = $1 AND u.username > $2 AND u.username <= $3 \
        ORDER BY f.user_id, f.provider";
    /// What else is kept of the users between two names.
    PEOPLE_KEPT = "SELECT k.id AS user_id, k.body FROM user_entity u \
        JOIN kept k ON k.realm_id = u.realm_id AND k.kind = 'user' AND k.id = u.id \
        WHERE u.realm_id = $1 AND u.username > $2 AND u.username <= $3";
    /// What is kept of one kind, behind one of them.
    KEPT = "SELECT id, body FROM kept WHERE realm_id = $1 AND kind = $2 AND id > $3 \
        ORDER BY id LIMIT $4";
    /// Something kept.
    KEPT_INSERT = "INSERT INTO kept (realm_id, kind, id, changed_at, body) \
        VALUES ($1, $2, $3, $4, $5)";
    /// The end of a user: what else was kept.
    KEPT_DELETE_USER = "DELETE FROM kept WHERE realm_id = $1 AND kind = 'user' AND id = $2";
    /// The holder of a ticket shows it.
    TICKET_SHOW = "UPDATE kept SET changed_at = $1 \
        WHERE realm_id = $2 AND kind = 'import' AND id = $3";
    /// The end of a ticket.
    TICKET_DELETE = "DELETE FROM kept WHERE realm_id = $1 AND kind = 'import' AND id = $2";
    /// Users to their realm.
    MOVE_USERS = "UPDATE user_entity SET realm_id = $1 WHERE realm_id = $2";
    /// The index of attributes to its realm.
    MOVE_ATTRIBUTES = "UPDATE user_attribute SET realm_id = $1 WHERE realm_id = $2";
    /// Credentials to their realm.
    MOVE_CREDENTIALS = "UPDATE credential SET realm_id = $1 WHERE realm_id = $2";
    /// Role mappings to their realm.
    MOVE_USER_ROLES = "UPDATE user_role SET realm_id = $1 WHERE realm_id = $2";
    /// Memberships to their realm.
    MOVE_USER_GROUPS = "UPDATE user_group SET realm_id = $1 WHERE realm_id = $2";
    /// Links to identity providers to their realm.
    MOVE_FEDERATED_IDENTITIES = "UPDATE federated_identity SET realm_id = $1 WHERE realm_id = $2";
    /// Consents to their realm.
    MOVE_CONSENTS = "UPDATE consent SET realm_id = $1 WHERE realm_id = $2";
    /// What else is kept to its realm.
    MOVE_KEPT = "UPDATE kept SET realm_id = $1 WHERE realm_id = $2";
    /// Where somebody began to write users and did not come back.
    STALE_IMPORTS = "SELECT realm_id FROM kept WHERE kind = 'import' AND changed_at <= $1 \
        ORDER BY changed_at LIMIT $2";
    /// A ticket that nobody has shown since.
    TICKET_DELETE_STALE = "DELETE FROM kept \
        WHERE realm_id = $1 AND kind = 'import' AND changed_at <= $2";
}

/// What is kept that this release does not act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Members of a user that nobody knows, by the user's id.
    User,
    /// What is known of a user of another store, by the id that the user has here.
    FederatedUser,
}

impl Kept {
    const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::FederatedUser => "federated_user",
        }
    }
}

/// A user with everything that is the user's but for sessions.
#[derive(Clone, Debug)]
pub struct Person {
    /// The user.
    pub user: User,
    /// In the user's order.
    pub credentials: Vec<Credential>,
    /// Roles given directly.
    pub roles: Vec<RoleId>,
    /// Groups the user is in directly.
    pub groups: Vec<GroupId>,
    /// What the user allows clients.
    pub consents: Vec<Consent>,
    /// Who the user is at identity providers.
    pub federated_identities: Vec<FederatedIdentity>,
    /// Members of the representation that nobody knows.
    pub kept: Json,
}

/// How many imports that were cut off are looked for at a time.
const STALE_MAX: i64 = 100;

/// The users between two names.
struct Between<'a> {
    store: &'a Store,
    realm: &'a RealmId,
    after: &'a str,
    last: String,
}

impl Between<'_> {
    /// Rows of these users, by the user's id.
    async fn rows<T>(
        &self,
        statement: &'static Statement,
        read: impl Fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<HashMap<UserId, Vec<T>>, StoreError> {
        let query = self
            .store
            .query(statement)
            .bind(self.realm)
            .bind(self.after);
        let rows = query
            .bind(&self.last)
            .all(|row| Ok((row.id("user_id")?, read(row)?)))
            .await?;
        let mut by_user: HashMap<UserId, Vec<T>> = HashMap::new();
        for (user, row) in rows {
            by_user.entry(user).or_default().push(row);
        }
        Ok(by_user)
    }
}

impl Store {
    /// Up to `max` users of a realm, service accounts among them, by name, behind the name `after`:
    /// `""` for the beginning, the last one's name for the next page.
    pub async fn people(
        &self,
        realm: &RealmId,
        after: &str,
        max: i64,
    ) -> Result<Vec<Person>, StoreError> {
        let page = self.query(&PEOPLE).bind(realm).bind(after);
        let users = page.bind(page_size(max)).all(user).await?;
        let Some(last) = users.last().map(|user| user.username.clone()) else {
            return Ok(Vec::new());
        };
        let between = Between {
            store: self,
            realm,
            after,
            last,
        };
        let mut credentials = between.rows(&PEOPLE_CREDENTIALS, credential).await?;
        let mut roles = between.rows(&PEOPLE_ROLES, |row| row.id("role_id")).await?;
        let mut groups = between
            .rows(&PEOPLE_GROUPS, |row| row.id("group_id"))
            .await?;
        let mut consents = between.rows(&PEOPLE_CONSENTS, consent).await?;
        let mut identities = between.rows(&PEOPLE_IDENTITIES, identity).await?;
        let mut kept = between.rows(&PEOPLE_KEPT, |row| row.json("body")).await?;
        let people = users.into_iter().map(|user| Person {
            credentials: credentials.remove(&user.id).unwrap_or_default(),
            roles: roles.remove(&user.id).unwrap_or_default(),
            groups: groups.remove(&user.id).unwrap_or_default(),
            consents: consents.remove(&user.id).unwrap_or_default(),
            federated_identities: identities.remove(&user.id).unwrap_or_default(),
            kept: kept
                .remove(&user.id)
                .and_then(|mut all| all.pop())
                .unwrap_or_default(),
            user,
        });
        Ok(people.collect())
    }

    /// Ids below which somebody began to write users and has not gone on since `before`.
    pub async fn stale_imports(&self, before: Millis) -> Result<Vec<RealmId>, StoreError> {
        let stale = self.query(&STALE_IMPORTS).bind(before);
        stale.bind(STALE_MAX).all(|row| row.id("realm_id")).await
    }

    /// Up to `max` of what is kept of a kind, with its ids in their order, behind the id `after`.
    pub async fn kept(
        &self,
        realm: &RealmId,
        kind: Kept,
        after: &str,
        max: i64,
    ) -> Result<Vec<(String, Json)>, StoreError> {
        let page = self.query(&KEPT).bind(realm).bind(kind.as_str());
        page.bind(after)
            .bind(page_size(max))
            .all(|row| Ok((row.text("id")?, row.json("body")?)))
            .await
    }
}

impl Tx {
    /// Keeps something. [`crate::Commit::Conflict`] if there is one of this kind and id.
    pub fn keep(&mut self, realm: &RealmId, kind: Kept, id: &str, now: Millis, body: &Json) {
        self.push(
            &KEPT_INSERT,
            params![realm, kind.as_str(), id, now, encode(body)],
        )
        .touching(1);
    }

    pub(crate) fn delete_kept_of_user(&mut self, realm: &RealmId, user: &UserId) {
        self.push(&KEPT_DELETE_USER, params![realm, user]);
    }

    /// Throws away users below the id of a realm that is not there: what an import left that was cut
    /// off. Its ticket goes too, so that it cannot go on.
    pub fn clear_people(&mut self, realm: &RealmId) {
        for statement in [
            &crate::realm::REALM_DELETE_USERS,
            &crate::realm::REALM_DELETE_ATTRIBUTES,
            &crate::realm::REALM_DELETE_CREDENTIALS,
            &crate::realm::REALM_DELETE_USER_ROLES,
            &crate::realm::REALM_DELETE_USER_GROUPS,
            &crate::realm::REALM_DELETE_FEDERATED_IDENTITIES,
            &crate::realm::REALM_DELETE_CONSENTS,
            &crate::realm::REALM_DELETE_KEPT,
        ] {
            self.push(statement, params![realm]).of_a_whole_realm();
        }
    }

    /// Begins to write users below the id of a realm that is not there yet.
    pub fn open_ticket(&mut self, realm: &RealmId, ticket: &str, now: Millis) {
        self.clear_people(realm);
        self.push(&KEPT_INSERT, params![realm, "import", ticket, now, "{}"])
            .touching(1);
    }

    /// Goes on only if the ticket is still there: [`crate::Commit::Missed`] if another import of the
    /// realm, or somebody who made it, took it away.
    pub fn show_ticket(&mut self, realm: &RealmId, ticket: &str, now: Millis) {
        self.push(&TICKET_SHOW, params![now, realm, ticket])
            .touching(1);
    }

    /// Ends a ticket, which must be there: the realm comes to be in the same job.
    pub fn close_ticket(&mut self, realm: &RealmId, ticket: &str) {
        self.push(&TICKET_DELETE, params![realm, ticket])
            .touching(1);
    }

    /// Gives all users below one realm's id to another, which has none.
    pub fn move_people(&mut self, from: &RealmId, to: &RealmId) {
        for statement in [
            &MOVE_USERS,
            &MOVE_ATTRIBUTES,
            &MOVE_CREDENTIALS,
            &MOVE_USER_ROLES,
            &MOVE_USER_GROUPS,
            &MOVE_FEDERATED_IDENTITIES,
            &MOVE_CONSENTS,
            &MOVE_KEPT,
        ] {
            self.push(statement, params![to, from]).of_a_whole_realm();
        }
    }

    /// Throws away what an import left, unless somebody has shown a ticket since `before`.
    pub fn clear_stale_import(&mut self, realm: &RealmId, before: Millis) {
        self.push(&TICKET_DELETE_STALE, params![realm, before])
            .touching(1);
        self.clear_people(realm);
    }
}
