//! Typed ids: one realm's id cannot be passed where a user's is asked for.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The id of a `T`: opaque text of at most 36 characters (Keycloak's ids are UUIDs or, for
/// sessions, 24 characters of base64url).
pub struct Id<T>(String, PhantomData<fn() -> T>);

/// Marks ids of realms.
pub enum Realm {}
/// Marks internal ids of clients.
pub enum Client {}
/// Marks ids of client scopes.
pub enum ClientScope {}
/// Marks ids of roles.
pub enum Role {}
/// Marks ids of groups.
pub enum Group {}
/// Marks ids of users.
pub enum User {}
/// Marks ids of credentials.
pub enum Credential {}
/// Marks ids of organizations.
pub enum Organization {}
/// Marks ids of user sessions.
pub enum UserSession {}

/// The id of a realm; the master realm's differs from its name.
pub type RealmId = Id<Realm>;
/// The internal id (UUID) of a client; its `clientId`, which applications send, is a plain string.
pub type ClientUuid = Id<Client>;
/// The id of a client scope.
pub type ScopeId = Id<ClientScope>;
/// The id of a realm role or client role.
pub type RoleId = Id<Role>;
/// The id of a group.
pub type GroupId = Id<Group>;
/// The id of an organization.
pub type OrganizationId = Id<Organization>;
/// The id of a user: the `sub` of public subjects.
pub type UserId = Id<User>;
/// The id of a credential.
pub type CredentialId = Id<Credential>;
/// The id of a user session: `sid` in tokens. An offline session has the same form.
pub type SessionId = Id<UserSession>;

impl<T> Id<T> {
    /// Takes text for an id. Whether it names anything is for the store to say.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into(), PhantomData)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id's text, given away.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T> Borrow<str> for Id<T> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<T> AsRef<str> for Id<T> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T> From<String> for Id<T> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<T> From<&str> for Id<T> {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}
