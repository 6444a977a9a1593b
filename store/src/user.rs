//! Users: one row each, with their attributes as JSON beside it and an index of them to search.

use claviger_model::user::User;
use claviger_model::{ClientUuid, RealmId, Seconds, UserId};

use crate::Store;
use crate::encode;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::user_query::{UserQuery, fingerprint};
use crate::value::params;

/// The columns of a user, and nothing else: what [`user`] reads.
macro_rules! user_columns {
    () => {
        "u.id, u.username, u.email, u.first_name, u.last_name, u.enabled, u.email_verified, \
         u.created_at, u.not_before, u.service_account_of, u.federation_link, u.attributes, \
         u.required_actions"
    };
}
pub(crate) use user_columns;

statements! {
    /// One user, by id.
    USER_BY_ID = concat!("SELECT ", user_columns!(),
        " FROM user_entity u WHERE u.realm_id = $1 AND u.id = $2");
    /// One user, by name.
    USER_BY_USERNAME = concat!("SELECT ", user_columns!(),
        " FROM user_entity u WHERE u.realm_id = $1 AND u.username = $2");
    /// The users of a mail address, the oldest first: a realm may allow several.
    USER_BY_EMAIL = concat!("SELECT ", user_columns!(),
        " FROM user_entity u WHERE u.realm_id = $1 AND u.email_lower = $2",
        " ORDER BY u.created_at, u.id LIMIT 1");
    /// The user that a client is.
    USER_OF_SERVICE_ACCOUNT = concat!("SELECT ", user_columns!(),
        " FROM user_entity u WHERE u.realm_id = $1 AND u.service_account_of = $2");
    /// The user linked to a person at an identity provider.
    USER_OF_FEDERATED_IDENTITY = concat!("SELECT ", user_columns!(),
        " FROM federated_identity f",
        " JOIN user_entity u ON u.realm_id = f.realm_id AND u.id = f.user_id",
        " WHERE f.realm_id = $1 AND f.provider = $2 AND f.provider_user_id = $3");
    /// A new user.
    USER_INSERT = "INSERT INTO user_entity (realm_id, id, username, email, email_lower, \
        first_name, first_name_lower, last_name, last_name_lower, enabled, email_verified, \
        created_at, not_before, service_account_of, federation_link, attributes, \
        required_actions) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    /// A changed user.
    USER_UPDATE = "UPDATE user_entity SET username = $1, email = $2, email_lower = $3, \
        first_name = $4, first_name_lower = $5, last_name = $6, last_name_lower = $7, \
        enabled = $8, email_verified = $9, created_at = $10, not_before = $11, \
        service_account_of = $12, federation_link = $13, attributes = $14, \
        required_actions = $15 WHERE realm_id = $16 AND id = $17";
    /// Whether others may have the user's mail address.
    USER_EMAIL_ALONE = "UPDATE user_entity SET email_alone = $1 WHERE realm_id = $2 AND id = $3";
    /// Tokens issued to the user before this are refused.
    USER_NOT_BEFORE = "UPDATE user_entity SET not_before = $1 WHERE realm_id = $2 AND id = $3";
    /// An entry of the index of attributes.
    USER_ATTRIBUTE_INSERT = "INSERT INTO user_attribute \
        (realm_id, user_id, name, position, value_lower, value_hash) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    /// The end of a user's entries in the index of attributes.
    USER_DELETE_ATTRIBUTES = "DELETE FROM user_attribute WHERE realm_id = $1 AND user_id = $2";
    /// The end of a user.
    USER_DELETE = "DELETE FROM user_entity WHERE realm_id = $1 AND id = $2";
    /// The end of a user: credentials.
    USER_DELETE_CREDENTIALS = "DELETE FROM credential WHERE realm_id = $1 AND user_id = $2";
    /// The end of a user: roles.
    USER_DELETE_ROLES = "DELETE FROM user_role WHERE realm_id = $1 AND user_id = $2";
    /// The end of a user: memberships.
    USER_DELETE_GROUPS = "DELETE FROM user_group WHERE realm_id = $1 AND user_id = $2";
    /// The end of a user: links to identity providers.
    USER_DELETE_IDENTITIES = "DELETE FROM federated_identity WHERE realm_id = $1 AND user_id = $2";
    /// The end of a user: which streams tell of it.
    USER_DELETE_SIGNAL_SUBJECTS = "DELETE FROM signal_subject \
        WHERE realm_id = $1 AND user_id = $2";
    /// The end of a user: consents.
    USER_DELETE_CONSENTS = "DELETE FROM consent WHERE realm_id = $1 AND user_id = $2";
    /// A user is locked out: disabled, with the reason among the attributes as they were read.
    USER_LOCK_OUT = "UPDATE user_entity SET enabled = 0, attributes = $1 \
        WHERE realm_id = $2 AND id = $3 AND attributes = $4";
}

/// Reads [`user_columns`].
pub(crate) fn user(row: &mut Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.id("id")?,
        username: row.text("username")?,
        email: row.opt_text("email")?,
        first_name: row.opt_text("first_name")?,
        last_name: row.opt_text("last_name")?,
        enabled: row.flag("enabled")?,
        email_verified: row.flag("email_verified")?,
        created_at: row.millis("created_at")?,
        not_before: row.seconds("not_before")?,
        service_account_of: row.opt_text("service_account_of")?.map(ClientUuid::new),
        federation_link: row.opt_text("federation_link")?,
        attributes: row.decoded("attributes")?,
        required_actions: row.decoded("required_actions")?,
    })
}

impl Store {
    /// The user of this id.
    pub async fn user(&self, realm: &RealmId, id: &UserId) -> Result<Option<User>, StoreError> {
        self.query(&USER_BY_ID)
            .bind(realm)
            .bind(id)
            .optional(user)
            .await
    }

    /// The user of this name, in capitals or not.
    pub async fn user_by_username(
        &self,
        realm: &RealmId,
        username: &str,
    ) -> Result<Option<User>, StoreError> {
        self.query(&USER_BY_USERNAME)
            .bind(realm)
            .bind(username.to_lowercase())
            .optional(user)
            .await
    }

    /// The user of this mail address, in capitals or not; the oldest, if the realm allows several.
    pub async fn user_by_email(
        &self,
        realm: &RealmId,
        email: &str,
    ) -> Result<Option<User>, StoreError> {
        self.query(&USER_BY_EMAIL)
            .bind(realm)
            .bind(email.to_lowercase())
            .optional(user)
            .await
    }

    /// The user that this client is.
    pub async fn user_of_service_account(
        &self,
        realm: &RealmId,
        client: &ClientUuid,
    ) -> Result<Option<User>, StoreError> {
        self.query(&USER_OF_SERVICE_ACCOUNT)
            .bind(realm)
            .bind(client)
            .optional(user)
            .await
    }

    /// The user linked to this person at this identity provider.
    pub async fn user_of_federated_identity(
        &self,
        realm: &RealmId,
        provider: &str,
        provider_user_id: &str,
    ) -> Result<Option<User>, StoreError> {
        self.query(&USER_OF_FEDERATED_IDENTITY)
            .bind(realm)
            .bind(provider)
            .bind(provider_user_id)
            .optional(user)
            .await
    }

    /// The users that fit, by name, one page of them.
    pub async fn users(&self, realm: &RealmId, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        query.page(realm).query(self, "USERS").all(user).await
    }

    /// How many users fit, on all pages.
    pub async fn count_users(&self, realm: &RealmId, query: &UserQuery) -> Result<i64, StoreError> {
        query
            .count(realm)
            .query(self, "USERS_COUNT")
            .one(|row| row.int("n"))
            .await
    }
}

impl Tx {
    /// A new user. [`crate::Commit::Conflict`] if its id or its name is taken. Others may have the
    /// same mail address, unless [`Tx::hold_email`] says otherwise.
    pub fn insert_user(&mut self, realm: &RealmId, user: &User) {
        self.push(
            &USER_INSERT,
            params![
                realm,
                &user.id,
                &user.username,
                user.email.as_deref(),
                user.email.as_deref().map(str::to_lowercase),
                user.first_name.as_deref(),
                user.first_name.as_deref().map(str::to_lowercase),
                user.last_name.as_deref(),
                user.last_name.as_deref().map(str::to_lowercase),
                user.enabled,
                user.email_verified,
                user.created_at,
                user.not_before,
                user.service_account_of.as_ref(),
                user.federation_link.as_deref(),
                encode(&user.attributes),
                encode(&user.required_actions),
            ],
        )
        .touching(1);
        self.index_attributes(realm, user);
    }

    /// Replaces everything of a user, who must be there.
    pub fn update_user(&mut self, realm: &RealmId, user: &User) {
        self.push(
            &USER_UPDATE,
            params![
                &user.username,
                user.email.as_deref(),
                user.email.as_deref().map(str::to_lowercase),
                user.first_name.as_deref(),
                user.first_name.as_deref().map(str::to_lowercase),
                user.last_name.as_deref(),
                user.last_name.as_deref().map(str::to_lowercase),
                user.enabled,
                user.email_verified,
                user.created_at,
                user.not_before,
                user.service_account_of.as_ref(),
                user.federation_link.as_deref(),
                encode(&user.attributes),
                encode(&user.required_actions),
                realm,
                &user.id,
            ],
        )
        .touching(1);
        self.push(&USER_DELETE_ATTRIBUTES, params![realm, &user.id]);
        self.index_attributes(realm, user);
        self.rename_member(realm, user);
    }

    /// From now on nobody else may hold this user's mail address, be it written in lower case or in
    /// upper case; with none, others may. [`crate::Commit::Conflict`] if somebody holds it already.
    /// The user must be there.
    pub fn hold_email(&mut self, realm: &RealmId, user: &UserId, email: Option<&str>) {
        self.push(
            &USER_EMAIL_ALONE,
            params![email.map(str::to_lowercase), realm, user],
        )
        .touching(1);
    }

    /// Tokens issued to this user, who must be there, before `not_before` are refused.
    pub fn set_user_not_before(&mut self, realm: &RealmId, user: &UserId, not_before: Seconds) {
        self.push(&USER_NOT_BEFORE, params![not_before, realm, user])
            .touching(1);
    }

    /// Ends a user, who must be there, with everything that is the user's but for sessions: these
    /// have to be told to others, and end in the engine.
    pub fn delete_user(&mut self, realm: &RealmId, user: &UserId) {
        self.push(&USER_DELETE, params![realm, user]).touching(1);
        for statement in [
            &USER_DELETE_ATTRIBUTES,
            &USER_DELETE_CREDENTIALS,
            &USER_DELETE_ROLES,
            &USER_DELETE_GROUPS,
            &USER_DELETE_IDENTITIES,
            &USER_DELETE_CONSENTS,
            &USER_DELETE_SIGNAL_SUBJECTS,
            &crate::organization_member::USER_DELETE_ORGANIZATIONS,
            &crate::organization_member::USER_DELETE_ORGANIZATION_GROUPS,
        ] {
            self.push(statement, params![realm, user]);
        }
        self.delete_kept_of_user(realm, user);
        self.forget_login_failures(realm, user);
        self.delete_authentication_sessions_of_user(realm, user);
    }

    /// Disables a user as it was read, and puts the reason among the attributes: nothing else of
    /// the user changes. [`crate::Commit::Missed`] if the attributes have changed since.
    pub fn lock_out_user(&mut self, realm: &RealmId, user: &User, reason: (&str, &str)) {
        let mut locked = user.clone();
        let (name, value) = reason;
        locked
            .attributes
            .insert(name.to_owned(), vec![value.to_owned()]);
        self.push(
            &USER_LOCK_OUT,
            params![
                encode(&locked.attributes),
                realm,
                &user.id,
                encode(&user.attributes)
            ],
        )
        .touching(1);
        self.push(&USER_DELETE_ATTRIBUTES, params![realm, &user.id]);
        self.index_attributes(realm, &locked);
    }

    fn index_attributes(&mut self, realm: &RealmId, user: &User) {
        for (name, values) in &user.attributes {
            for (position, value) in (0_i64..).zip(values) {
                let lower = value.to_lowercase();
                let hash = fingerprint(&lower);
                self.push(
                    &USER_ATTRIBUTE_INSERT,
                    params![realm, &user.id, name, position, lower, hash],
                )
                .touching(1);
            }
        }
    }
}
