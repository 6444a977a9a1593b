//! Which roles users have, and which groups they are in.

use claviger_model::user::User;
use claviger_model::{GroupId, RealmId, RoleId, UserId};

use crate::Store;
use crate::built::page_size;
use crate::error::StoreError;
use crate::statement::statements;
use crate::tx::Tx;
use crate::user::{user, user_columns};
use crate::value::params;

statements! {
    /// The roles given to a user.
    USER_ROLES = "SELECT role_id FROM user_role WHERE realm_id = $1 AND user_id = $2 \
        ORDER BY role_id";
    /// The groups a user is in.
    USER_GROUPS = "SELECT group_id FROM user_group WHERE realm_id = $1 AND user_id = $2 \
        ORDER BY group_id";
    /// The roles given to a user (0), and the groups a user is in (1).
    USER_ROLES_AND_GROUPS = "SELECT 0 AS kind, role_id AS id FROM user_role \
        WHERE realm_id = $1 AND user_id = $2 \
        UNION ALL SELECT 1, group_id FROM user_group WHERE realm_id = $3 AND user_id = $4";
    /// The users given a role.
    USERS_WITH_ROLE = concat!("SELECT ", user_columns!(), " FROM user_role m",
        " JOIN user_entity u ON u.realm_id = m.realm_id AND u.id = m.user_id",
        " WHERE m.realm_id = $1 AND m.role_id = $2",
        " ORDER BY u.username, u.id LIMIT $3 OFFSET $4");
    /// The users in a group.
    GROUP_MEMBERS = concat!("SELECT ", user_columns!(), " FROM user_group m",
        " JOIN user_entity u ON u.realm_id = m.realm_id AND u.id = m.user_id",
        " WHERE m.realm_id = $1 AND m.group_id = $2",
        " ORDER BY u.username, u.id LIMIT $3 OFFSET $4");
    /// A role for a user, if not given.
    ROLE_GRANT = "INSERT INTO user_role (realm_id, user_id, role_id) VALUES ($1, $2, $3) \
        ON CONFLICT (realm_id, user_id, role_id) DO NOTHING";
    /// A role taken from a user.
    ROLE_WITHDRAW = "DELETE FROM user_role WHERE realm_id = $1 AND user_id = $2 AND role_id = $3";
    /// A user into a group, if not in it.
    GROUP_JOIN = "INSERT INTO user_group (realm_id, user_id, group_id) VALUES ($1, $2, $3) \
        ON CONFLICT (realm_id, user_id, group_id) DO NOTHING";
    /// A user out of a group.
    GROUP_LEAVE = "DELETE FROM user_group WHERE realm_id = $1 AND user_id = $2 AND group_id = $3";
}

impl Store {
    /// The roles given to a user directly.
    pub async fn user_roles(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Vec<RoleId>, StoreError> {
        self.query(&USER_ROLES)
            .bind(realm)
            .bind(user)
            .all(|row| row.id("role_id"))
            .await
    }

    /// The groups a user is in directly.
    pub async fn user_groups(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Vec<GroupId>, StoreError> {
        self.query(&USER_GROUPS)
            .bind(realm)
            .bind(user)
            .all(|row| row.id("group_id"))
            .await
    }

    /// The roles given to a user directly and the groups a user is in directly, in one question:
    /// each token asks it.
    pub async fn user_roles_and_groups(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<(Vec<RoleId>, Vec<GroupId>), StoreError> {
        let mut rows = self
            .query(&USER_ROLES_AND_GROUPS)
            .bind(realm)
            .bind(user)
            .bind(realm)
            .bind(user)
            .all(|row| Ok((row.int("kind")?, row.text("id")?)))
            .await?;
        // A handful: not worth a sorter of the engine's.
        rows.sort_unstable();
        let (roles, groups): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(kind, _)| *kind == 0);
        Ok((
            roles.into_iter().map(|(_, id)| RoleId::new(id)).collect(),
            groups.into_iter().map(|(_, id)| GroupId::new(id)).collect(),
        ))
    }

    /// The users given this role directly, by name. A negative `max` asks for all.
    pub async fn users_with_role(
        &self,
        realm: &RealmId,
        role: &RoleId,
        first: i64,
        max: i64,
    ) -> Result<Vec<User>, StoreError> {
        self.query(&USERS_WITH_ROLE)
            .bind(realm)
            .bind(role)
            .bind(page_size(max))
            .bind(first.max(0))
            .all(user)
            .await
    }

    /// The users in this group directly, by name. A negative `max` asks for all.
    pub async fn group_members(
        &self,
        realm: &RealmId,
        group: &GroupId,
        first: i64,
        max: i64,
    ) -> Result<Vec<User>, StoreError> {
        self.query(&GROUP_MEMBERS)
            .bind(realm)
            .bind(group)
            .bind(page_size(max))
            .bind(first.max(0))
            .all(user)
            .await
    }
}

impl Tx {
    /// Gives a user a role; nothing happens if it was given.
    pub fn grant_role(&mut self, realm: &RealmId, user: &UserId, role: &RoleId) {
        self.push(&ROLE_GRANT, params![realm, user, role]);
    }

    /// Takes a role from a user; nothing happens if it was not given.
    pub fn withdraw_role(&mut self, realm: &RealmId, user: &UserId, role: &RoleId) {
        self.push(&ROLE_WITHDRAW, params![realm, user, role]);
    }

    /// Puts a user into a group; nothing happens if the user is in it.
    pub fn join_group(&mut self, realm: &RealmId, user: &UserId, group: &GroupId) {
        self.push(&GROUP_JOIN, params![realm, user, group]);
    }

    /// Takes a user out of a group; nothing happens if the user is not in it.
    pub fn leave_group(&mut self, realm: &RealmId, user: &UserId, group: &GroupId) {
        self.push(&GROUP_LEAVE, params![realm, user, group]);
    }
}
