//! Realms: the row, its name, and the version that grows with every change of its configuration.

use claviger_model::RealmId;
use claviger_wire::document::Json;

use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::{Step, Tx};
use crate::value::params;
use crate::{Store, encode};

/// A realm as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct RealmRow {
    /// Its id.
    pub id: RealmId,
    /// Its name, which stands in URLs; unique.
    pub name: String,
    /// Whether anything can be done in it.
    pub enabled: bool,
    /// Grows by one with every write that changes the realm or its documents. Start it at the
    /// present time, not at 1, or a realm deleted and made again would repeat versions that a cache
    /// may still hold.
    pub version: i64,
    /// `RealmRepresentation` without what is kept as documents.
    pub body: Json,
}

statements! {
    /// One realm, by name.
    REALM_BY_NAME = "SELECT id, name, enabled, version, body FROM realm WHERE name = $1";
    /// One realm, by id.
    REALM_BY_ID = "SELECT id, name, enabled, version, body FROM realm WHERE id = $1";
    /// Id and version of a realm: whether a cached one is still true.
    REALM_VERSION = "SELECT id, version FROM realm WHERE name = $1";
    /// All realms.
    REALMS = "SELECT id, name, enabled, version, body FROM realm ORDER BY name";
    /// A new realm.
    REALM_INSERT = "INSERT INTO realm (id, name, enabled, version, body) VALUES ($1, $2, $3, $4, $5)";
    /// A changed realm.
    REALM_UPDATE = "UPDATE realm SET name = $1, enabled = $2, body = $3 WHERE id = $4";
    /// The realm's configuration has changed.
    REALM_TOUCH = "UPDATE realm SET version = version + 1 WHERE id = $1";
    /// The same if nobody has changed it since.
    REALM_TOUCH_SAME = "UPDATE realm SET version = version + 1 WHERE id = $1 AND version = $2";
    /// The end of a realm.
    REALM_DELETE = "DELETE FROM realm WHERE id = $1";
    /// The end of a realm: its documents.
    REALM_DELETE_DOCUMENTS = "DELETE FROM document WHERE realm_id = $1";
    /// The end of a realm: links between its documents.
    REALM_DELETE_LINKS = "DELETE FROM link WHERE realm_id = $1";
    /// The end of a realm: its users.
    REALM_DELETE_USERS = "DELETE FROM user_entity WHERE realm_id = $1";
    /// The end of a realm: the index of its users' attributes.
    REALM_DELETE_ATTRIBUTES = "DELETE FROM user_attribute WHERE realm_id = $1";
    /// The end of a realm: its users' credentials.
    REALM_DELETE_CREDENTIALS = "DELETE FROM credential WHERE realm_id = $1";
    /// The end of a realm: its users' roles.
    REALM_DELETE_USER_ROLES = "DELETE FROM user_role WHERE realm_id = $1";
    /// The end of a realm: its users' memberships.
    REALM_DELETE_USER_GROUPS = "DELETE FROM user_group WHERE realm_id = $1";
    /// The end of a realm: its users' links to identity providers.
    REALM_DELETE_FEDERATED_IDENTITIES = "DELETE FROM federated_identity WHERE realm_id = $1";
    /// The end of a realm: its users' consents.
    REALM_DELETE_CONSENTS = "DELETE FROM consent WHERE realm_id = $1";
    /// The end of a realm: its users' failed logins.
    REALM_DELETE_LOGIN_FAILURES = "DELETE FROM login_failure WHERE realm_id = $1";
    /// The end of a realm: of whom streams tell.
    REALM_DELETE_SIGNAL_SUBJECTS = "DELETE FROM signal_subject WHERE realm_id = $1";
    /// The end of a realm: tokens with which clients register themselves.
    REALM_DELETE_INITIAL_ACCESSES = "DELETE FROM client_initial_access WHERE realm_id = $1";
    /// The end of a realm: organizations.
    REALM_DELETE_ORGANIZATIONS = "DELETE FROM organization WHERE realm_id = $1";
    /// The end of a realm: domains of its organizations.
    REALM_DELETE_ORGANIZATION_DOMAINS = "DELETE FROM organization_domain WHERE realm_id = $1";
    /// The end of a realm: attributes of its organizations.
    REALM_DELETE_ORGANIZATION_ATTRIBUTES = "DELETE FROM organization_attribute WHERE realm_id = $1";
    /// The end of a realm: members of its organizations.
    REALM_DELETE_ORGANIZATION_MEMBERS = "DELETE FROM organization_member WHERE realm_id = $1";
    /// The end of a realm: members of groups within its organizations.
    REALM_DELETE_ORGANIZATION_GROUP_MEMBERS = "DELETE FROM organization_group_member WHERE realm_id = $1";
    /// The end of a realm: invitations to its organizations.
    REALM_DELETE_ORGANIZATION_INVITATIONS = "DELETE FROM organization_invitation WHERE realm_id = $1";
    /// The end of a realm: what else is kept.
    REALM_DELETE_KEPT = "DELETE FROM kept WHERE realm_id = $1";
    /// The end of a realm: browsers on their way in.
    REALM_DELETE_AUTHENTICATION_SESSIONS = "DELETE FROM authentication_session \
        WHERE realm_id = $1";
    /// The end of a realm: its sessions.
    REALM_DELETE_USER_SESSIONS = "DELETE FROM user_session WHERE realm_id = $1";
    /// The end of a realm: its clients' parts in sessions.
    REALM_DELETE_CLIENT_SESSIONS = "DELETE FROM client_session WHERE realm_id = $1";
    /// The end of a realm: its revoked tokens.
    REALM_DELETE_REVOKED_TOKENS = "DELETE FROM revoked_token WHERE realm_id = $1";
    /// The end of a realm: what was taken back.
    REALM_DELETE_REVOCATIONS = "DELETE FROM revocation WHERE realm_id = $1";
    /// The end of a realm: the numbers of what was taken back.
    REALM_DELETE_REVOCATION_HEAD = "DELETE FROM revocation_head WHERE realm_id = $1";
    /// The end of a realm: places in its status lists.
    REALM_DELETE_STATUS_INDICES = "DELETE FROM status_index WHERE realm_id = $1";
    /// The end of a realm: what was used once.
    REALM_DELETE_SINGLE_USE = "DELETE FROM single_use WHERE realm_id = $1";
    /// The end of a realm: its events.
    REALM_DELETE_EVENTS = "DELETE FROM event WHERE realm_id = $1";
    /// The end of a realm: its admin events.
    REALM_DELETE_ADMIN_EVENTS = "DELETE FROM admin_event WHERE realm_id = $1";
    /// Who had to be told of its logouts.
    REALM_DELETE_LOGOUT_DELIVERIES = "DELETE FROM logout_delivery WHERE realm_id = $1";
    /// What ended in it.
    REALM_DELETE_LOGOUT_ENDINGS = "DELETE FROM logout_ending WHERE realm_id = $1";
}

fn realm(row: &mut Row) -> Result<RealmRow, StoreError> {
    Ok(RealmRow {
        id: row.id("id")?,
        name: row.text("name")?,
        enabled: row.flag("enabled")?,
        version: row.int("version")?,
        body: row.json("body")?,
    })
}

/// The step that makes a realm's version grow, from the one that is expected, if one is.
pub(crate) fn version_step(realm: &RealmId, expected: Option<i64>) -> Step {
    let (statement, args) = expected.map_or_else(
        || (&REALM_TOUCH, params![realm]),
        |version| (&REALM_TOUCH_SAME, params![realm, version]),
    );
    Step {
        statement,
        args,
        rows: Some(1),
        patience: crate::tx::ONE_ROW,
    }
}

impl Store {
    /// The realm of this name.
    pub async fn realm_by_name(&self, name: &str) -> Result<Option<RealmRow>, StoreError> {
        self.query(&REALM_BY_NAME).bind(name).optional(realm).await
    }

    /// The realm of this id.
    pub async fn realm_by_id(&self, id: &RealmId) -> Result<Option<RealmRow>, StoreError> {
        self.query(&REALM_BY_ID).bind(id).optional(realm).await
    }

    /// Id and version of the realm of this name: cheap, asked before a cached realm is trusted.
    pub async fn realm_version(&self, name: &str) -> Result<Option<(RealmId, i64)>, StoreError> {
        let read = |row: &mut Row| Ok((row.id("id")?, row.int("version")?));
        self.query(&REALM_VERSION).bind(name).optional(read).await
    }

    /// All realms, by name.
    pub async fn realms(&self) -> Result<Vec<RealmRow>, StoreError> {
        self.query(&REALMS).all(realm).await
    }
}

impl Tx {
    /// A new realm. [`crate::Commit::Conflict`] if the id or the name is taken. Its version is the
    /// one given, whatever else of it this write makes.
    pub fn insert_realm(&mut self, realm: &RealmRow) {
        self.no_touch(&realm.id);
        self.push(
            &REALM_INSERT,
            params![
                &realm.id,
                &realm.name,
                realm.enabled,
                realm.version,
                encode(&realm.body)
            ],
        )
        .touching(1);
        self.insert_revocation_head(&realm.id);
    }

    /// Writes only if the realm's configuration is still as it was at this version: for changes that
    /// follow from several documents. [`crate::Commit::Missed`] otherwise.
    pub fn expect_version(&mut self, realm: &RealmId, version: i64) {
        self.touch_from(realm, version);
    }

    /// Changes name, switch and body; the version grows whatever `realm.version` says.
    pub fn update_realm(&mut self, realm: &RealmRow) {
        self.touch(&realm.id);
        self.push(
            &REALM_UPDATE,
            params![&realm.name, realm.enabled, encode(&realm.body), &realm.id],
        )
        .touching(1);
    }

    /// Ends a realm and everything in it, but for its messages in the outbox: those who have to be
    /// told that it ended are told afterwards.
    pub fn delete_realm(&mut self, realm: &RealmId) {
        self.no_touch(realm);
        self.push(&REALM_DELETE, params![realm]).touching(1);
        for statement in [
            &REALM_DELETE_DOCUMENTS,
            &REALM_DELETE_LINKS,
            &REALM_DELETE_USERS,
            &REALM_DELETE_ATTRIBUTES,
            &REALM_DELETE_CREDENTIALS,
            &REALM_DELETE_USER_ROLES,
            &REALM_DELETE_USER_GROUPS,
            &REALM_DELETE_FEDERATED_IDENTITIES,
            &REALM_DELETE_CONSENTS,
            &REALM_DELETE_KEPT,
            &REALM_DELETE_ORGANIZATIONS,
            &REALM_DELETE_ORGANIZATION_DOMAINS,
            &REALM_DELETE_ORGANIZATION_ATTRIBUTES,
            &REALM_DELETE_ORGANIZATION_MEMBERS,
            &REALM_DELETE_ORGANIZATION_GROUP_MEMBERS,
            &REALM_DELETE_ORGANIZATION_INVITATIONS,
            &REALM_DELETE_SIGNAL_SUBJECTS,
            &REALM_DELETE_INITIAL_ACCESSES,
            &REALM_DELETE_LOGIN_FAILURES,
            &REALM_DELETE_AUTHENTICATION_SESSIONS,
            &REALM_DELETE_USER_SESSIONS,
            &REALM_DELETE_CLIENT_SESSIONS,
            &REALM_DELETE_REVOKED_TOKENS,
            &REALM_DELETE_STATUS_INDICES,
            &REALM_DELETE_SINGLE_USE,
            &REALM_DELETE_REVOCATIONS,
            &REALM_DELETE_REVOCATION_HEAD,
            &REALM_DELETE_EVENTS,
            &REALM_DELETE_ADMIN_EVENTS,
            &REALM_DELETE_LOGOUT_DELIVERIES,
            &REALM_DELETE_LOGOUT_ENDINGS,
        ] {
            self.push(statement, params![realm]).of_a_whole_realm();
        }
    }
}
