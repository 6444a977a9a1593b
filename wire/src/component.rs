//! Components: key providers, user storage, client registration policies, the user profile.

use std::collections::BTreeMap;

use crate::document::Json;
use crate::fields::Fields;

/// `providerType` of components that hold keys.
pub const KEY_PROVIDER: &str = "org.keycloak.keys.KeyProvider";
/// `providerType` of rules for dynamic client registration.
pub const CLIENT_REGISTRATION_POLICY: &str =
    "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";
/// `providerType` of the component that holds the user profile.
pub const USER_PROFILE_PROVIDER: &str = "org.keycloak.userprofile.UserProfileProvider";
/// `providerType` of user storage such as LDAP.
pub const USER_STORAGE_PROVIDER: &str = "org.keycloak.storage.UserStorageProvider";

/// What the server reads of a `ComponentRepresentation`. Its settings may hold private keys and
/// passwords, so `Debug` shows their names only.
#[derive(Clone, PartialEq, Eq)]
pub struct ComponentView {
    /// UUID text.
    pub id: String,
    /// What administrators call it; may repeat.
    pub name: Option<String>,
    /// Which implementation, e.g. `rsa-generated`.
    pub provider_id: String,
    /// Which kind, e.g. [`KEY_PROVIDER`].
    pub provider_type: String,
    /// The realm's id, or the component that it belongs to.
    pub parent_id: Option<String>,
    /// A variant within the kind, e.g. `anonymous`.
    pub sub_type: Option<String>,
    /// Settings; each a list.
    pub config: BTreeMap<String, Vec<String>>,
}

impl ComponentView {
    /// Reads a component's document.
    pub fn from_body(body: &Json) -> Self {
        let fields = Fields::of(body);
        Self {
            id: fields.text("id").unwrap_or_default(),
            name: fields.text("name"),
            provider_id: fields.text("providerId").unwrap_or_default(),
            provider_type: fields.text("providerType").unwrap_or_default(),
            parent_id: fields.text("parentId"),
            sub_type: fields.filled_text("subType"),
            config: fields.texts_map("config"),
        }
    }

    /// The first value of a setting, if it has text.
    pub fn config(&self, name: &str) -> Option<&str> {
        self.config
            .get(name)?
            .first()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// All values of a setting.
    pub fn config_list(&self, name: &str) -> &[String] {
        self.config.get(name).map_or(&[], Vec::as_slice)
    }

    /// A setting as a flag, or what holds without it.
    pub fn flag(&self, name: &str, otherwise: bool) -> bool {
        self.config(name)
            .map_or(otherwise, |text| text.eq_ignore_ascii_case("true"))
    }

    /// A setting as a number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.config(name)?.trim().parse().ok()
    }
}

impl std::fmt::Debug for ComponentView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentView")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("provider_id", &self.provider_id)
            .field("provider_type", &self.provider_type)
            .field("parent_id", &self.parent_id)
            .field("sub_type", &self.sub_type)
            .field("config", &self.config.keys())
            .finish()
    }
}
