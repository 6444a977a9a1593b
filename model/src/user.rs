//! People and service accounts.

use std::collections::BTreeMap;

use crate::{ClientUuid, CredentialId, Millis, Seconds, UserId};

/// A user of one realm, without its credentials, role mappings and memberships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// UUID text, or `f:<component>:<external id>` for users of another store.
    pub id: UserId,
    /// Lower case; unique in its realm.
    pub username: String,
    /// Lower case unless the realm says otherwise.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// A disabled user can do nothing at all.
    pub enabled: bool,
    /// Whether somebody proved to read mail at `email`.
    pub email_verified: bool,
    /// When the user was created.
    pub created_at: Millis,
    /// Tokens issued before this instant are refused.
    pub not_before: Seconds,
    /// The client whose service account this is, if it is one.
    pub service_account_of: Option<ClientUuid>,
    /// The user storage component this user comes from, if any.
    pub federation_link: Option<String>,
    /// Further attributes by name, each a list in its order; not the ones above.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Aliases of required actions that are pending, e.g. `UPDATE_PASSWORD`.
    pub required_actions: Vec<String>,
}

/// How a credential proves who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialType {
    /// A password hash.
    Password,
    /// A time- or counter-based one-time password generator.
    Otp,
    /// Any other type, kept as it came (`webauthn`, `recovery-authn-codes`, …).
    Other(String),
}

impl CredentialType {
    /// The type's name in Keycloak's JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Password => "password",
            Self::Otp => "otp",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for CredentialType {
    fn from(name: &str) -> Self {
        match name {
            "password" => Self::Password,
            "otp" => Self::Otp,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// One stored credential of a user. Both data fields are JSON texts in Keycloak's form.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// UUID text.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialType,
    /// The name that the user gave it.
    pub user_label: Option<String>,
    /// When it was made.
    pub created_at: Option<Millis>,
    /// Order among the user's credentials, lowest first.
    pub priority: i32,
    /// JSON text: hash and salt, or the shared secret. Never leaves the server but in exports.
    pub secret_data: String,
    /// JSON text: algorithm and parameters.
    pub credential_data: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What a user has allowed a client to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The client that may.
    pub client: ClientUuid,
    /// Ids of the client scopes granted.
    pub scopes: Vec<String>,
    /// When it was first given.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

/// A link to the same person at an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// Alias of the identity provider.
    pub provider: String,
    /// The person's id there.
    pub user_id: String,
    /// The person's name there.
    pub user_name: Option<String>,
}
