//! Who belongs to an organization, and to the groups within it.

use claviger_model::user::User;
use claviger_model::{GroupId, OrganizationId, RealmId, UserId};

use crate::built::{Built, page_size};
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::{Commit, Tx};
use crate::user::{user, user_columns};
use crate::value::{Value, params};
use crate::{Store, escape_like};

statements! {
    /// Whether a user belongs to an organization, and how.
    ORGANIZATION_MEMBERSHIP = "SELECT managed FROM organization_member \
        WHERE realm_id = $1 AND organization_id = $2 AND user_id = $3";
    /// How many users belong to an organization.
    ORGANIZATION_MEMBERS_COUNT = "SELECT COUNT(*) AS n FROM organization_member \
        WHERE realm_id = $1 AND organization_id = $2";
    /// Members by name, behind one of them.
    ORGANIZATION_MEMBERS_BEHIND = "SELECT username, managed FROM organization_member \
        WHERE realm_id = $1 AND organization_id = $2 AND username > $3 ORDER BY username LIMIT $4";
    /// Members that an organization manages.
    ORGANIZATION_MANAGED = "SELECT user_id FROM organization_member \
        WHERE realm_id = $1 AND organization_id = $2 AND managed = 1 ORDER BY user_id";
    /// Who is in which group within an organization.
    ORGANIZATION_GROUP_PEOPLE = "SELECT m.username, g.group_id FROM organization_group_member g \
        JOIN organization_member m ON m.realm_id = g.realm_id \
        AND m.organization_id = g.organization_id AND m.user_id = g.user_id \
        WHERE g.realm_id = $1 AND g.organization_id = $2 ORDER BY m.username, g.group_id";
    /// The groups within an organization that a user is in.
    ORGANIZATION_GROUPS_OF_USER = "SELECT group_id FROM organization_group_member \
        WHERE realm_id = $1 AND organization_id = $2 AND user_id = $3 ORDER BY group_id";
    /// The users in a group within an organization.
    ORGANIZATION_GROUP_MEMBERS = concat!("SELECT ", user_columns!(), ", o.managed",
        " FROM organization_group_member m",
        " JOIN organization_member o ON o.realm_id = m.realm_id",
        " AND o.organization_id = m.organization_id AND o.user_id = m.user_id",
        " JOIN user_entity u ON u.realm_id = m.realm_id AND u.id = m.user_id",
        " WHERE m.realm_id = $1 AND m.group_id = $2",
        " ORDER BY u.username, u.id LIMIT $3 OFFSET $4");
    /// A user joins an organization; both must be there.
    ORGANIZATION_JOIN = "INSERT INTO organization_member \
        (realm_id, organization_id, user_id, username, managed) \
        SELECT o.realm_id, o.id, u.id, u.username, 0 FROM organization o \
        JOIN user_entity u ON u.realm_id = o.realm_id \
        WHERE o.realm_id = $1 AND o.id = $2 AND u.id = $3";
    /// The user of a name joins an organization; both must be there.
    ORGANIZATION_JOIN_NAMED = "INSERT INTO organization_member \
        (realm_id, organization_id, user_id, username, managed) \
        SELECT o.realm_id, o.id, u.id, u.username, 0 FROM organization o \
        JOIN user_entity u ON u.realm_id = o.realm_id \
        WHERE o.realm_id = $1 AND o.id = $2 AND u.username = $3";
    /// A member is one that the organization manages.
    ORGANIZATION_MANAGE = "UPDATE organization_member SET managed = 1 \
        WHERE realm_id = $1 AND organization_id = $2 AND username = $3";
    /// A user leaves an organization.
    ORGANIZATION_LEAVE = "DELETE FROM organization_member \
        WHERE realm_id = $1 AND organization_id = $2 AND user_id = $3";
    /// A user leaves the groups within an organization.
    ORGANIZATION_LEAVE_GROUPS = "DELETE FROM organization_group_member \
        WHERE realm_id = $1 AND organization_id = $2 AND user_id = $3";
    /// A member joins a group.
    ORGANIZATION_GROUP_JOIN = "INSERT INTO organization_group_member \
        (realm_id, organization_id, group_id, user_id) \
        SELECT m.realm_id, m.organization_id, d.id, m.user_id FROM organization_member m \
        JOIN document d ON d.realm_id = m.realm_id \
        WHERE m.realm_id = $1 AND m.organization_id = $2 AND m.user_id = $3 \
        AND d.kind = 'organization_group' AND d.id = $4";
    /// The member of a name joins a group.
    ORGANIZATION_GROUP_JOIN_NAMED = "INSERT INTO organization_group_member \
        (realm_id, organization_id, group_id, user_id) \
        SELECT m.realm_id, m.organization_id, d.id, m.user_id FROM organization_member m \
        JOIN document d ON d.realm_id = m.realm_id \
        WHERE m.realm_id = $1 AND m.organization_id = $2 AND m.username = $3 \
        AND d.kind = 'organization_group' AND d.id = $4";
    /// A member leaves a group.
    ORGANIZATION_GROUP_LEAVE = "DELETE FROM organization_group_member \
        WHERE realm_id = $1 AND group_id = $2 AND user_id = $3";
    /// Nobody is in this group any more.
    ORGANIZATION_GROUP_OF_NOBODY = "DELETE FROM organization_group_member \
        WHERE realm_id = $1 AND group_id = $2";
    /// A user has another name.
    ORGANIZATION_MEMBER_RENAME = "UPDATE organization_member SET username = $1 \
        WHERE realm_id = $2 AND user_id = $3";
    /// The end of a user: organizations.
    USER_DELETE_ORGANIZATIONS = "DELETE FROM organization_member \
        WHERE realm_id = $1 AND user_id = $2";
    /// The end of a user: groups within organizations.
    USER_DELETE_ORGANIZATION_GROUPS = "DELETE FROM organization_group_member \
        WHERE realm_id = $1 AND user_id = $2";
}

/// Which members are asked for. What is not named is not filtered.
#[derive(Clone, Debug, Default)]
pub struct MemberQuery {
    /// Part of the name, the mail address, the first or the last name; `*` stands for anything.
    pub search: Option<String>,
    /// Whether `search` must be the whole of one of them, in capitals or not.
    pub exact: bool,
    /// Only those that the organization manages, or does not.
    pub managed: Option<bool>,
    /// How many to leave out at the beginning.
    pub first: i64,
    /// How many at most; negative: all, up to [`crate::MAX_PAGE`].
    pub max: i64,
}

impl MemberQuery {
    /// A page by name. Without a search the page is cut out of the index before users are read.
    fn page(&self, realm: &RealmId, organization: &OrganizationId) -> Built {
        let mut built = Built::new(concat!("SELECT ", user_columns!(), ", m.managed FROM "));
        let join = " JOIN user_entity u ON u.realm_id = m.realm_id AND u.id = m.user_id";
        if self.search.is_none() {
            built.filter("(SELECT * FROM organization_member m", []);
            self.members(realm, organization, &mut built);
            built.page(" ORDER BY m.username", self.first, self.max);
            built.filter(") m", []);
            built.filter(join, []);
            built.filter(" ORDER BY m.username", []);
            return built;
        }
        built.filter("organization_member m", []);
        built.filter(join, []);
        self.members(realm, organization, &mut built);
        self.words(&mut built);
        built.page(" ORDER BY m.username", self.first, self.max);
        built
    }

    fn members(&self, realm: &RealmId, organization: &OrganizationId, built: &mut Built) {
        let whose = [realm.into(), organization.into()];
        built.filter(" WHERE m.realm_id = ? AND m.organization_id = ?", whose);
        if let Some(managed) = self.managed {
            built.filter(" AND m.managed = ?", [managed.into()]);
        }
    }

    fn words(&self, built: &mut Built) {
        let lower = self.search.as_deref().unwrap_or_default().to_lowercase();
        if self.exact {
            built.filter(
                " AND (u.username = ? OR u.email_lower = ? OR u.first_name_lower = ? \
                 OR u.last_name_lower = ?)",
                std::iter::repeat_n(Value::from(&lower), 4),
            );
        } else {
            built.like(
                " AND (u.username LIKE ? ESCAPE '!' OR u.email_lower LIKE ? ESCAPE '!' \
                 OR u.first_name_lower LIKE ? ESCAPE '!' OR u.last_name_lower LIKE ? ESCAPE '!')",
                &format!("%{}%", escape_like(&lower).replace('*', "%")),
            );
        }
    }
}

/// A user of an organization, and whether it manages the user.
fn member(row: &mut Row) -> Result<(User, bool), StoreError> {
    Ok((user(row)?, row.flag("managed")?))
}

impl Store {
    /// Whether a user belongs to an organization; if so, whether it manages the user.
    pub async fn organization_membership(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<Option<bool>, StoreError> {
        let asked = self.query(&ORGANIZATION_MEMBERSHIP).bind(realm);
        let asked = asked.bind(organization).bind(user);
        asked.optional(|row| row.flag("managed")).await
    }

    /// The members that fit, by name, one page of them, and whether the organization manages them.
    pub async fn organization_members(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
        query: &MemberQuery,
    ) -> Result<Vec<(User, bool)>, StoreError> {
        let built = query.page(realm, organization);
        built.query(self, "ORGANIZATION_MEMBERS").all(member).await
    }

    /// How many users belong to an organization.
    pub async fn count_organization_members(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
    ) -> Result<i64, StoreError> {
        let asked = self.query(&ORGANIZATION_MEMBERS_COUNT).bind(realm);
        asked.bind(organization).one(|row| row.int("n")).await
    }

    /// Up to `max` names of members, and whether they are managed, behind the name `after`.
    pub async fn organization_members_behind(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
        after: &str,
        max: i64,
    ) -> Result<Vec<(String, bool)>, StoreError> {
        let asked = self.query(&ORGANIZATION_MEMBERS_BEHIND).bind(realm);
        let asked = asked.bind(organization).bind(after).bind(page_size(max));
        asked
            .all(|row| Ok((row.text("username")?, row.flag("managed")?)))
            .await
    }

    /// The members that an organization manages: they end with it.
    pub async fn managed_members(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
    ) -> Result<Vec<UserId>, StoreError> {
        let asked = self.query(&ORGANIZATION_MANAGED).bind(realm);
        asked.bind(organization).all(|row| row.id("user_id")).await
    }

    /// Names of members with the groups within the organization that they are in.
    pub async fn organization_group_people(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
    ) -> Result<Vec<(String, GroupId)>, StoreError> {
        let asked = self.query(&ORGANIZATION_GROUP_PEOPLE).bind(realm);
        let asked = asked.bind(organization);
        asked
            .all(|row| Ok((row.text("username")?, row.id("group_id")?)))
            .await
    }

    /// The groups within an organization that a user is in.
    pub async fn organization_groups_of_user(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<Vec<GroupId>, StoreError> {
        let asked = self.query(&ORGANIZATION_GROUPS_OF_USER).bind(realm);
        let asked = asked.bind(organization).bind(user);
        asked.all(|row| row.id("group_id")).await
    }

    /// The users in a group within an organization, by name.
    pub async fn organization_group_members(
        &self,
        realm: &RealmId,
        group: &GroupId,
        first: i64,
        max: i64,
    ) -> Result<Vec<(User, bool)>, StoreError> {
        let asked = self.query(&ORGANIZATION_GROUP_MEMBERS).bind(realm);
        let asked = asked.bind(group).bind(page_size(max)).bind(first.max(0));
        asked.all(member).await
    }
}

impl Tx {
    /// A user joins an organization. [`Commit::Conflict`] if the user belongs to it,
    /// [`Commit::Missed`] if either is gone.
    pub fn join_organization(
        &mut self,
        realm: &RealmId,
        organization: &OrganizationId,
        user: &UserId,
    ) {
        self.push(&ORGANIZATION_JOIN, params![realm, organization, user])
            .touching(1);
    }

    /// The user of a name joins an organization, which manages the user or does not. Both must be
    /// there.
    pub fn join_organization_named(
        &mut self,
        realm: &RealmId,
        organization: &OrganizationId,
        (username, managed): (&str, bool),
    ) {
        let username = username.to_lowercase();
        self.push(
            &ORGANIZATION_JOIN_NAMED,
            params![realm, organization, &username],
        )
        .touching(1);
        if managed {
            self.push(
                &ORGANIZATION_MANAGE,
                params![realm, organization, &username],
            )
            .touching(1);
        }
    }

    /// A user, who must belong to an organization, leaves it and all groups within it.
    pub fn leave_organization(
        &mut self,
        realm: &RealmId,
        organization: &OrganizationId,
        user: &UserId,
    ) {
        let args = || params![realm, organization, user];
        self.push(&ORGANIZATION_LEAVE, args()).touching(1);
        self.push(&ORGANIZATION_LEAVE_GROUPS, args());
    }

    /// A member joins a group within an organization. [`Commit::Conflict`] if the user is in it,
    /// [`Commit::Missed`] if the user is no member, or the group is gone.
    pub fn join_organization_group(
        &mut self,
        realm: &RealmId,
        organization: &OrganizationId,
        (user, group): (&UserId, &GroupId),
    ) {
        self.push(
            &ORGANIZATION_GROUP_JOIN,
            params![realm, organization, user, group],
        )
        .touching(1);
    }

    /// The same for the member of a name.
    pub fn join_organization_group_named(
        &mut self,
        realm: &RealmId,
        organization: &OrganizationId,
        (username, group): (&str, &str),
    ) {
        self.push(
            &ORGANIZATION_GROUP_JOIN_NAMED,
            params![realm, organization, username.to_lowercase(), group],
        )
        .touching(1);
    }

    /// A member leaves a group within an organization; nothing happens if the user is not in it.
    pub fn leave_organization_group(&mut self, realm: &RealmId, user: &UserId, group: &GroupId) {
        self.push(&ORGANIZATION_GROUP_LEAVE, params![realm, group, user]);
    }

    pub(crate) fn rename_member(&mut self, realm: &RealmId, user: &User) {
        self.push(
            &ORGANIZATION_MEMBER_RENAME,
            params![&user.username, realm, &user.id],
        );
    }
}

impl Commit {
    /// Whether a job failed because somebody belongs to an organization, or to a group within it,
    /// already.
    pub fn is_member_already(&self) -> bool {
        *self == Self::Conflict(ORGANIZATION_JOIN.name)
            || *self == Self::Conflict(ORGANIZATION_GROUP_JOIN.name)
    }

    /// Whether a job failed because an organization of a realm file has a member who is no user of
    /// the realm.
    pub fn is_member_missing(&self) -> bool {
        *self == Self::Missed(ORGANIZATION_JOIN_NAMED.name)
    }
}
