//! Components: key providers, user storage, client registration policies, the user profile.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

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
/// `providerType` of what becomes of the attributes that LDAP has of a user.
pub const LDAP_MAPPER: &str = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper";

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

/// A setting that a provider declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is never shown.
    pub secret: bool,
}

/// The settings that a provider declares; none if there is no such provider.
pub fn settings(
    provider_type: &str,
    provider_id: &str,
) -> Option<impl Iterator<Item = Setting<'static>>> {
    let declared = SETTINGS.get(provider_type)?.get(provider_id)?;
    let list = move |list: &str, secret: bool| {
        let names = declared.get(list).and_then(Value::as_array);
        let names = names.map_or(&[][..], Vec::as_slice).iter();
        names.filter_map(move |name| {
            Some(Setting {
                name: name.as_str()?,
                secret,
            })
        })
    };
    Some(list("shown", false).chain(list("secret", true)))
}

/// Ids of the providers of a kind; none if there is no such kind.
pub fn providers(provider_type: &str) -> Option<impl Iterator<Item = &'static str>> {
    let providers = SETTINGS.get(provider_type)?.as_object()?;
    Some(providers.keys().map(String::as_str))
}

/// Hides what must not be shown of a component's settings: secrets become [`MASK`], and settings
/// that its provider does not declare, generated keys among them, are left out.
pub fn mask_config(provider_type: &str, provider_id: &str, config: &mut Json) {
    let declared: Vec<Setting<'_>> = settings(provider_type, provider_id)
        .map(Iterator::collect)
        .unwrap_or_default();
    config.retain(|name, values| {
        let setting = declared.iter().find(|setting| setting.name == name);
        if setting.is_some_and(|setting| setting.secret) {
            mask_values(values);
        }
        setting.is_some()
    });
}

/// What stands in the place of a secret that is not shown.
pub const MASK: &str = "**********";

static SETTINGS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("component_settings.json")).unwrap_or_default()
});

fn mask_values(values: &mut Value) {
    let Value::Array(list) = values else {
        *values = json!([MASK]);
        return;
    };
    for value in list
        .iter_mut()
        .filter(|value| !value.as_str().is_some_and(is_vault_reference))
    {
        *value = json!(MASK);
    }
    if list.is_empty() {
        list.push(json!(MASK));
    }
}

/// Whether a value names a secret kept elsewhere, `${vault.key}`; the name is no secret.
pub fn is_vault_reference(value: &str) -> bool {
    vault_key(value).is_some()
}

/// The name by which a secret is kept elsewhere, if the value is nothing but a reference to it.
pub fn vault_key(value: &str) -> Option<&str> {
    let key = value.strip_prefix("${vault.")?.strip_suffix('}')?;
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(kind: &str, provider: &str, config: Value) -> Value {
        let Value::Object(mut config) = config else {
            panic!("an object")
        };
        mask_config(kind, provider, &mut config);
        Value::Object(config)
    }

    #[test]
    fn generated_keys_are_left_out_and_secrets_masked() {
        let shown = masked(
            KEY_PROVIDER,
            "rsa-generated",
            json!({"priority": ["100"], "privateKey": ["k"], "certificate": ["c"]}),
        );
        assert_eq!(shown, json!({"priority": ["100"]}));
        let shown = masked(
            KEY_PROVIDER,
            "rsa",
            json!({"privateKey": ["k"], "certificate": ["c"]}),
        );
        assert_eq!(shown["privateKey"], json!([MASK]));
        assert_eq!(shown["certificate"], json!(["c"]));
        let shown = masked(
            USER_STORAGE_PROVIDER,
            "ldap",
            json!({"bindCredential": ["${vault.ldap}"], "bindDn": ["cn=x"], "odd": ["y"]}),
        );
        assert_eq!(
            shown,
            json!({"bindCredential": ["${vault.ldap}"], "bindDn": ["cn=x"]})
        );
    }

    #[test]
    fn nothing_is_shown_of_unknown_providers() {
        assert_eq!(
            masked(KEY_PROVIDER, "mine", json!({"password": ["x"]})),
            json!({})
        );
        assert_eq!(
            masked("mine", "mine", json!({"password": ["x"]})),
            json!({})
        );
    }

    #[test]
    fn providers_declare_their_settings() {
        let names = |kind, id| settings(kind, id).map(|all| all.map(|one| one.name).collect());
        let expected: Option<Vec<&str>> = Some(vec!["max-clients"]);
        assert_eq!(names(CLIENT_REGISTRATION_POLICY, "max-clients"), expected);
        assert_eq!(names(KEY_PROVIDER, "max-clients"), None::<Vec<&str>>);
        assert!(providers(KEY_PROVIDER).is_some_and(|mut ids| ids.any(|id| id == "rsa")));
        assert!(providers("mine").is_none());
        let secret = settings(KEY_PROVIDER, "rsa").and_then(|mut all| all.find(|one| one.secret));
        assert_eq!(secret.map(|one| one.name), Some("privateKey"));
    }

    #[test]
    fn debug_shows_no_settings() {
        let body = json!({"id": "1", "config": {"secret": ["hunter2"]}});
        let view = ComponentView::from_body(body.as_object().unwrap());
        assert_eq!(view.config("secret"), Some("hunter2"));
        assert!(!format!("{view:?}").contains("hunter2"));
    }
}
