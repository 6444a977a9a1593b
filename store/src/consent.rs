//! What users allow clients, and who they are at identity providers.

use claviger_model::user::{Consent, FederatedIdentity};
use claviger_model::{ClientUuid, RealmId, UserId};

use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::Tx;
use crate::value::params;
use crate::{Store, encode};

statements! {
    /// All consents of a user.
    CONSENTS = "SELECT client_id, scopes, created_at, updated_at FROM consent \
        WHERE realm_id = $1 AND user_id = $2 ORDER BY created_at, client_id";
    /// What a user allows one client.
    CONSENT = "SELECT client_id, scopes, created_at, updated_at FROM consent \
        WHERE realm_id = $1 AND user_id = $2 AND client_id = $3";
    /// A new or changed consent. A change keeps the time at which it was first given.
    CONSENT_PUT = "INSERT INTO consent \
        (realm_id, user_id, client_id, scopes, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (realm_id, user_id, client_id) \
        DO UPDATE SET scopes = excluded.scopes, updated_at = excluded.updated_at";
    /// The end of a consent.
    CONSENT_DELETE = "DELETE FROM consent \
        WHERE realm_id = $1 AND user_id = $2 AND client_id = $3";
    /// Who a user is at identity providers.
    FEDERATED_IDENTITIES = "SELECT provider, provider_user_id, provider_user_name \
        FROM federated_identity WHERE realm_id = $1 AND user_id = $2 ORDER BY provider";
    /// A new link to an identity provider.
    FEDERATED_IDENTITY_INSERT = "INSERT INTO federated_identity \
        (realm_id, user_id, provider, provider_user_id, provider_user_name) \
        VALUES ($1, $2, $3, $4, $5)";
    /// The end of a link to an identity provider.
    FEDERATED_IDENTITY_DELETE = "DELETE FROM federated_identity \
        WHERE realm_id = $1 AND user_id = $2 AND provider = $3";
}

pub(crate) fn consent(row: &mut Row) -> Result<Consent, StoreError> {
    Ok(Consent {
        client: row.id("client_id")?,
        scopes: row.decoded("scopes")?,
        created_at: row.millis("created_at")?,
        updated_at: row.millis("updated_at")?,
    })
}

pub(crate) fn identity(row: &mut Row) -> Result<FederatedIdentity, StoreError> {
    Ok(FederatedIdentity {
        provider: row.text("provider")?,
        user_id: row.text("provider_user_id")?,
        user_name: row.opt_text("provider_user_name")?,
    })
}

impl Store {
    /// All that a user allows, the oldest first.
    pub async fn consents(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Vec<Consent>, StoreError> {
        self.query(&CONSENTS)
            .bind(realm)
            .bind(user)
            .all(consent)
            .await
    }

    /// What a user allows one client.
    pub async fn consent(
        &self,
        realm: &RealmId,
        user: &UserId,
        client: &ClientUuid,
    ) -> Result<Option<Consent>, StoreError> {
        self.query(&CONSENT)
            .bind(realm)
            .bind(user)
            .bind(client)
            .optional(consent)
            .await
    }

    /// Who a user is at identity providers, by their alias.
    pub async fn federated_identities(
        &self,
        realm: &RealmId,
        user: &UserId,
    ) -> Result<Vec<FederatedIdentity>, StoreError> {
        self.query(&FEDERATED_IDENTITIES)
            .bind(realm)
            .bind(user)
            .all(identity)
            .await
    }
}

impl Tx {
    /// Makes a consent, or changes it; a change keeps the time at which it was first given.
    pub fn put_consent(&mut self, realm: &RealmId, user: &UserId, consent: &Consent) {
        self.push(
            &CONSENT_PUT,
            params![
                realm,
                user,
                &consent.client,
                encode(&consent.scopes),
                consent.created_at,
                consent.updated_at,
            ],
        );
    }

    /// Ends a consent, which must be there.
    pub fn delete_consent(&mut self, realm: &RealmId, user: &UserId, client: &ClientUuid) {
        self.push(&CONSENT_DELETE, params![realm, user, client])
            .touching(1);
    }

    /// Links a user to a person at an identity provider. [`crate::Commit::Conflict`] if the user has
    /// a link to that provider, or if the person there is linked to a user.
    pub fn insert_federated_identity(
        &mut self,
        realm: &RealmId,
        user: &UserId,
        identity: &FederatedIdentity,
    ) {
        self.push(
            &FEDERATED_IDENTITY_INSERT,
            params![
                realm,
                user,
                &identity.provider,
                &identity.user_id,
                identity.user_name.as_deref(),
            ],
        )
        .touching(1);
    }

    /// Ends a link to an identity provider, which must be there.
    pub fn delete_federated_identity(&mut self, realm: &RealmId, user: &UserId, provider: &str) {
        self.push(&FEDERATED_IDENTITY_DELETE, params![realm, user, provider])
            .touching(1);
    }
}
