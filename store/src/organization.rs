//! Organizations with their domains and attributes; who belongs to them is in
//! [`crate::organization_member`].

use claviger_model::{OrganizationId, RealmId, UserId};
use claviger_wire::Organization;
use claviger_wire::document::{Document, Kind, LinkKind};

use crate::built::{Built, page_size};
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::{Commit, Tx};
use crate::user_query::fingerprint;
use crate::value::params;
use crate::{Store, contains, encode};

statements! {
    /// One organization, by id.
    ORGANIZATION_BY_ID = "SELECT id, name, alias, body FROM organization \
        WHERE realm_id = $1 AND id = $2";
    /// One organization, by name.
    ORGANIZATION_BY_NAME = "SELECT id, name, alias, body FROM organization \
        WHERE realm_id = $1 AND name = $2";
    /// One organization, by alias.
    ORGANIZATION_BY_ALIAS = "SELECT id, name, alias, body FROM organization \
        WHERE realm_id = $1 AND alias = $2";
    /// Whose domain this is.
    ORGANIZATION_OF_DOMAIN = "SELECT o.id, o.name, o.alias, o.body FROM organization_domain d \
        JOIN organization o ON o.realm_id = d.realm_id AND o.id = d.organization_id \
        WHERE d.realm_id = $1 AND d.name = $2";
    /// Organizations behind one of them, by id.
    ORGANIZATIONS_BEHIND = "SELECT id, name, alias, body FROM organization \
        WHERE realm_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    /// To which organizations a user belongs.
    ORGANIZATIONS_OF_USER = "SELECT o.id, o.name, o.alias, o.body FROM organization_member m \
        JOIN organization o ON o.realm_id = m.realm_id AND o.id = m.organization_id \
        WHERE m.realm_id = $1 AND m.user_id = $2 ORDER BY o.name";
    /// The groups within an organization.
    ORGANIZATION_GROUPS = "SELECT d.kind, d.id, d.parent, d.unique_name, d.enabled, d.body \
        FROM link l JOIN document d ON d.realm_id = l.realm_id AND d.id = l.to_id \
        WHERE l.realm_id = $1 AND l.kind = $2 AND l.from_id = $3 AND d.kind = $4 \
        ORDER BY d.unique_name, d.id";
    /// A new organization.
    ORGANIZATION_INSERT = "INSERT INTO organization \
        (realm_id, id, name, name_lower, alias, body) VALUES ($1, $2, $3, $4, $5, $6)";
    /// A changed organization; its alias never changes.
    ORGANIZATION_UPDATE = "UPDATE organization SET name = $1, name_lower = $2, body = $3 \
        WHERE realm_id = $4 AND id = $5";
    /// A domain of an organization.
    ORGANIZATION_DOMAIN_INSERT = "INSERT INTO organization_domain \
        (realm_id, name, organization_id) VALUES ($1, $2, $3)";
    /// An attribute of an organization.
    ORGANIZATION_ATTRIBUTE_INSERT = "INSERT INTO organization_attribute \
        (realm_id, organization_id, name, position, value, value_hash) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    /// The end of an organization.
    ORGANIZATION_DELETE = "DELETE FROM organization WHERE realm_id = $1 AND id = $2";
    /// A new group within an organization, which must be there.
    ORGANIZATION_GROUP_LINK = "INSERT INTO link (realm_id, kind, from_id, to_id) \
        SELECT o.realm_id, 'organization_group', o.id, d.id FROM organization o \
        JOIN document d ON d.realm_id = o.realm_id \
        WHERE o.realm_id = $1 AND o.id = $2 AND d.kind = 'organization_group' AND d.id = $3";
    /// The end of an organization: roles of its groups.
    ORGANIZATION_DELETE_GROUP_ROLES = "DELETE FROM link \
        WHERE realm_id = $1 AND kind = 'group_role' AND from_id IN (SELECT to_id FROM \
        (SELECT to_id FROM link WHERE realm_id = $2 AND kind = 'organization_group' \
        AND from_id = $3) own)";
    /// The end of an organization: its groups.
    ORGANIZATION_DELETE_GROUPS = "DELETE FROM document \
        WHERE realm_id = $1 AND kind = 'organization_group' AND id IN (SELECT to_id FROM link \
        WHERE realm_id = $2 AND kind = 'organization_group' AND from_id = $3)";
    /// The end of an organization: which groups were its.
    ORGANIZATION_DELETE_GROUP_LINKS = "DELETE FROM link \
        WHERE realm_id = $1 AND kind = 'organization_group' AND from_id = $2";
    /// The end of an organization: domains.
    ORGANIZATION_DELETE_DOMAINS = "DELETE FROM organization_domain \
        WHERE realm_id = $1 AND organization_id = $2";
    /// The end of an organization: attributes.
    ORGANIZATION_DELETE_ATTRIBUTES = "DELETE FROM organization_attribute \
        WHERE realm_id = $1 AND organization_id = $2";
    /// The end of an organization: members.
    ORGANIZATION_DELETE_MEMBERS = "DELETE FROM organization_member \
        WHERE realm_id = $1 AND organization_id = $2";
    /// The end of an organization: members of its groups.
    ORGANIZATION_DELETE_GROUP_MEMBERS = "DELETE FROM organization_group_member \
        WHERE realm_id = $1 AND organization_id = $2";
    /// The end of an organization: invitations.
    ORGANIZATION_DELETE_INVITATIONS = "DELETE FROM organization_invitation \
        WHERE realm_id = $1 AND organization_id = $2";
}

/// Which organizations are asked for. What is not named is not filtered.
#[derive(Clone, Debug, Default)]
pub struct OrganizationQuery {
    /// Part of the name or of a domain, in capitals or not.
    pub search: Option<String>,
    /// Whether `search` must be the whole name, or a whole domain, as it is written.
    pub exact: bool,
    /// The alias.
    pub alias: Option<String>,
    /// Name and value of attributes that it must have, as they are written.
    pub attributes: Vec<(String, String)>,
    /// How many to leave out at the beginning.
    pub first: i64,
    /// How many at most; negative: all, up to [`crate::MAX_PAGE`].
    pub max: i64,
}

impl OrganizationQuery {
    fn filters(&self, realm: &RealmId, built: &mut Built) {
        built.filter(" WHERE o.realm_id = ?", [realm.into()]);
        if let Some(text) = &self.search {
            const DOMAIN: &str = " OR EXISTS (SELECT 1 FROM organization_domain d \
                WHERE d.realm_id = o.realm_id AND d.organization_id = o.id";
            if self.exact {
                built.filter(" AND (o.name = ?", [text.into()]);
                built.filter(DOMAIN, []);
                built.filter(" AND d.name = ?))", [text.into()]);
            } else {
                let pattern = contains(text);
                built.like(" AND (o.name_lower LIKE ? ESCAPE '!'", &pattern);
                built.filter(DOMAIN, []);
                built.like(" AND d.name LIKE ? ESCAPE '!'))", &pattern);
            }
        }
        if let Some(alias) = &self.alias {
            built.filter(" AND o.alias = ?", [alias.into()]);
        }
        for (name, value) in &self.attributes {
            built.filter(
                " AND EXISTS (SELECT 1 FROM organization_attribute a \
                 WHERE a.realm_id = o.realm_id AND a.organization_id = o.id \
                 AND a.name = ? AND a.value_hash = ? AND a.value = ?)",
                [name.into(), fingerprint(value).into(), value.into()],
            );
        }
    }
}

/// Reads an organization; the columns count, where the body says otherwise.
fn organization(row: &mut Row) -> Result<Organization, StoreError> {
    let (id, name, alias) = (row.id("id")?, row.text("name")?, row.text("alias")?);
    let mut read = Organization::from_body(&row.json("body")?);
    (read.id, read.name, read.alias) = (id, name, alias);
    Ok(read)
}

impl Store {
    /// The organization of this id.
    pub async fn organization(
        &self,
        realm: &RealmId,
        id: &OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        let asked = self.query(&ORGANIZATION_BY_ID).bind(realm).bind(id);
        asked.optional(organization).await
    }

    /// The organization of this name.
    pub async fn organization_by_name(
        &self,
        realm: &RealmId,
        name: &str,
    ) -> Result<Option<Organization>, StoreError> {
        let asked = self.query(&ORGANIZATION_BY_NAME).bind(realm).bind(name);
        asked.optional(organization).await
    }

    /// The organization of this alias.
    pub async fn organization_by_alias(
        &self,
        realm: &RealmId,
        alias: &str,
    ) -> Result<Option<Organization>, StoreError> {
        let asked = self.query(&ORGANIZATION_BY_ALIAS).bind(realm).bind(alias);
        asked.optional(organization).await
    }

    /// The organization that has this very domain, in lower case.
    pub async fn organization_of_domain(
        &self,
        realm: &RealmId,
        domain: &str,
    ) -> Result<Option<Organization>, StoreError> {
        let asked = self.query(&ORGANIZATION_OF_DOMAIN).bind(realm);
        asked.bind(domain).optional(organization).await
    }

    /// Up to `max` organizations by id, behind the id `after`: `""` for the beginning.
    pub async fn organizations_behind(
        &self,
        realm: &RealmId,
        after: &str,
        max: i64,
    ) -> Result<Vec<Organization>, StoreError> {
        let asked = self.query(&ORGANIZATIONS_BEHIND).bind(realm).bind(after);
        asked.bind(page_size(max)).all(organization).await
    }

    /// The organizations that fit, by name, one page of them.
    pub async fn organizations(
        &self,
        realm: &RealmId,
        query: &OrganizationQuery,
    ) -> Result<Vec<Organization>, StoreError> {
        let mut built = Built::new("SELECT o.id, o.name, o.alias, o.body FROM organization o");
        query.filters(realm, &mut built);
        built.page(" ORDER BY o.name", query.first, query.max);
        built.query(self, "ORGANIZATIONS").all(organization).await
    }

    /// How many organizations fit, on all pages.
    pub async fn count_organizations(
        &self,
        realm: &RealmId,
        query: &OrganizationQuery,
    ) -> Result<i64, StoreError> {
        let mut built = Built::new("SELECT COUNT(*) AS n FROM organization o");
        query.filters(realm, &mut built);
        let counted = built.query(self, "ORGANIZATIONS_COUNT");
        counted.one(|row| row.int("n")).await
    }

    /// The organizations that a user belongs to, by name.
    pub async fn organizations_of_user(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Vec<Organization>, StoreError> {
        let asked = self.query(&ORGANIZATIONS_OF_USER).bind(realm).bind(user);
        asked.all(organization).await
    }

    /// All groups within an organization, by name.
    pub async fn organization_groups(
        &self,
        realm: &RealmId,
        organization: &OrganizationId,
    ) -> Result<Vec<Document>, StoreError> {
        self.query(&ORGANIZATION_GROUPS)
            .bind(realm)
            .bind(LinkKind::OrganizationGroup.as_str())
            .bind(organization)
            .bind(Kind::OrganizationGroup.as_str())
            .all(crate::document::document)
            .await
    }
}

impl Tx {
    /// A new organization. [`Commit::Conflict`] if its id, name, alias or a domain is taken.
    pub fn insert_organization(&mut self, realm: &RealmId, organization: &Organization) {
        self.push(
            &ORGANIZATION_INSERT,
            params![
                realm,
                &organization.id,
                &organization.name,
                organization.name.to_lowercase(),
                &organization.alias,
                encode(&organization.to_kept()),
            ],
        )
        .touching(1);
        self.index_organization(realm, organization);
    }

    /// Replaces everything of an organization, which must be there, but its alias.
    pub fn update_organization(&mut self, realm: &RealmId, organization: &Organization) {
        self.push(
            &ORGANIZATION_UPDATE,
            params![
                &organization.name,
                organization.name.to_lowercase(),
                encode(&organization.to_kept()),
                realm,
                &organization.id,
            ],
        )
        .touching(1);
        for statement in [
            &ORGANIZATION_DELETE_DOMAINS,
            &ORGANIZATION_DELETE_ATTRIBUTES,
        ] {
            self.push(statement, params![realm, &organization.id]);
        }
        self.index_organization(realm, organization);
    }

    /// A new group within an organization. [`Commit::Missed`] if the organization is gone,
    /// [`Commit::Conflict`] if the id is taken, or the name beside it.
    pub fn insert_organization_group(
        &mut self,
        realm: &RealmId,
        organization: &OrganizationId,
        group: &Document,
    ) {
        self.insert_document(realm, group);
        self.push(
            &ORGANIZATION_GROUP_LINK,
            params![realm, organization, &group.id],
        )
        .touching(1);
    }

    /// Ends an organization, which must be there, with its members, groups and invitations.
    pub fn delete_organization(&mut self, realm: &RealmId, id: &OrganizationId) {
        self.touch(realm);
        self.push(&ORGANIZATION_DELETE, params![realm, id])
            .touching(1);
        for statement in [
            &ORGANIZATION_DELETE_GROUP_ROLES,
            &ORGANIZATION_DELETE_GROUPS,
        ] {
            self.push(statement, params![realm, realm, id]);
        }
        for statement in [
            &ORGANIZATION_DELETE_GROUP_LINKS,
            &ORGANIZATION_DELETE_DOMAINS,
            &ORGANIZATION_DELETE_ATTRIBUTES,
            &ORGANIZATION_DELETE_MEMBERS,
            &ORGANIZATION_DELETE_GROUP_MEMBERS,
            &ORGANIZATION_DELETE_INVITATIONS,
        ] {
            self.push(statement, params![realm, id]);
        }
    }

    fn index_organization(&mut self, realm: &RealmId, organization: &Organization) {
        for domain in &organization.domains {
            let args = params![realm, &domain.name, &organization.id];
            self.push(&ORGANIZATION_DOMAIN_INSERT, args).touching(1);
        }
        for (name, values) in &organization.attributes {
            for (position, value) in (0_i64..).zip(values) {
                let hash = fingerprint(value);
                self.push(
                    &ORGANIZATION_ATTRIBUTE_INSERT,
                    params![realm, &organization.id, name, position, value, hash],
                )
                .touching(1);
            }
        }
    }
}

impl Commit {
    /// Whether a job failed because a domain is another organization's.
    pub fn is_domain_taken(&self) -> bool {
        *self == Self::Conflict(ORGANIZATION_DOMAIN_INSERT.name)
    }
}
