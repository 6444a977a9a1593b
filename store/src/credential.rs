//! Users' credentials.

use std::collections::HashSet;

use claviger_model::user::{Credential, CredentialType};
use claviger_model::{CredentialId, RealmId, UserId};

use crate::Store;
use crate::built::Built;
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::{Value, params};

statements! {
    /// A user's credentials.
    CREDENTIALS = "SELECT id, kind, user_label, created_at, priority, secret_data, \
        credential_data FROM credential WHERE realm_id = $1 AND user_id = $2 \
        ORDER BY priority, created_at, id";
    /// A new credential.
    CREDENTIAL_INSERT = "INSERT INTO credential (realm_id, user_id, id, kind, user_label, \
        created_at, priority, secret_data, credential_data) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// A changed credential.
    CREDENTIAL_UPDATE = "UPDATE credential SET kind = $1, user_label = $2, created_at = $3, \
        priority = $4, secret_data = $5, credential_data = $6 \
        WHERE realm_id = $7 AND user_id = $8 AND id = $9";
    /// The end of a credential.
    CREDENTIAL_DELETE = "DELETE FROM credential WHERE realm_id = $1 AND user_id = $2 AND id = $3";
}

/// The head of a question for users who have a credential.
const OWNERS: &str = "SELECT DISTINCT user_id FROM credential";
/// How many users one question names.
const USERS_ASKED_MAX: usize = 500;

pub(crate) fn credential(row: &mut Row) -> Result<Credential, StoreError> {
    Ok(Credential {
        id: row.id("id")?,
        kind: CredentialType::from(row.text("kind")?.as_str()),
        user_label: row.opt_text("user_label")?,
        created_at: row.opt_millis("created_at")?,
        priority: row.int32("priority")?,
        secret_data: row.text("secret_data")?,
        credential_data: row.text("credential_data")?,
    })
}

impl Store {
    /// A user's credentials, in the user's order.
    pub async fn credentials(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Vec<Credential>, StoreError> {
        self.query(&CREDENTIALS)
            .bind(realm)
            .bind(user)
            .all(credential)
            .await
    }

    /// Which of these users have a credential of this type.
    pub async fn users_with_credential(
        &self,
        realm: &RealmId,
        kind: &CredentialType,
        users: &[UserId],
    ) -> Result<HashSet<UserId>, StoreError> {
        let mut found = HashSet::new();
        for some in users.chunks(USERS_ASKED_MAX) {
            let mut built = Built::new(OWNERS);
            built.filter(
                " WHERE realm_id = ? AND kind = ?",
                [realm.into(), kind.as_str().into()],
            );
            built.one_of(" AND user_id IN (", some.iter().map(Value::from));
            let owners = built.query(self, "CREDENTIAL_OWNERS");
            found.extend(owners.all(|row| row.id("user_id")).await?);
        }
        Ok(found)
    }
}

impl Tx {
    /// A new credential. [`crate::Commit::Conflict`] if the user has one of this id.
    pub fn insert_credential(&mut self, realm: &RealmId, user: &UserId, credential: &Credential) {
        self.push(
            &CREDENTIAL_INSERT,
            params![
                realm,
                user,
                &credential.id,
                credential.kind.as_str(),
                credential.user_label.as_deref(),
                credential.created_at,
                credential.priority,
                &credential.secret_data,
                &credential.credential_data,
            ],
        )
        .touching(1);
    }

    /// Replaces everything of a credential, which must be there.
    pub fn update_credential(&mut self, realm: &RealmId, user: &UserId, credential: &Credential) {
        self.push(
            &CREDENTIAL_UPDATE,
            params![
                credential.kind.as_str(),
                credential.user_label.as_deref(),
                credential.created_at,
                credential.priority,
                &credential.secret_data,
                &credential.credential_data,
                realm,
                user,
                &credential.id,
            ],
        )
        .touching(1);
    }

    /// Ends a credential, which must be there.
    pub fn delete_credential(&mut self, realm: &RealmId, user: &UserId, id: &CredentialId) {
        self.push(&CREDENTIAL_DELETE, params![realm, user, id])
            .touching(1);
    }
}
