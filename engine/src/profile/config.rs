//! The configuration as administrators write it (`UPConfig`).

use std::collections::BTreeSet;

use claviger_wire::document::Json;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::RealmSwitches;
use super::validator::Validator;

const DEFAULT: &str = include_str!("default.json");

/// What becomes of attributes that the profile does not name. Without a policy they are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnmanagedAttributePolicy {
    /// Everybody may see and change them.
    Enabled,
    /// Administrators may see them.
    AdminView,
    /// Administrators may see and change them.
    AdminEdit,
}

/// A realm's profile, ready to check users with.
#[derive(Clone, Debug, Default)]
pub struct UserProfile {
    pub(super) config: Config,
    pub(super) switches: RealmSwitches,
    /// By attribute, in the order of the configuration.
    pub(super) validators: Vec<Vec<Validator>>,
}

impl PartialEq for UserProfile {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Config {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attributes: Option<Vec<Attribute>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) groups: Vec<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unmanaged_attribute_policy: Option<UnmanagedAttributePolicy>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Attribute {
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "trimmed")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<String>,
    /// Configurations by validator: objects.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "without_nulls"
    )]
    pub(super) validations: Option<Json>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "without_nulls"
    )]
    pub(super) annotations: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) required: Option<Required>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<Permissions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selector: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "trimmed")]
    pub(super) group: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) multivalued: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_value: Option<String>,
}

/// Without roles and scopes: always.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Required {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) roles: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scopes: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Permissions {
    #[serde(deserialize_with = "or_default")]
    pub(super) view: BTreeSet<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) edit: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Selector {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scopes: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Group {
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "trimmed")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<Json>,
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Members without a value count as if they were not there.
fn without_nulls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    fn strip(members: &mut Json) {
        members.retain(|_, value| !value.is_null());
        members
            .values_mut()
            .filter_map(Value::as_object_mut)
            .for_each(strip);
    }
    let mut members = Option::<Json>::deserialize(deserializer)?;
    if let Some(members) = &mut members {
        strip(members);
    }
    Ok(members)
}

fn trimmed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| super::java::trim(&text).to_owned()))
}

impl UserProfile {
    /// Reads `kc.user.profile.config` of the realm's component; without it, the default profile.
    ///
    /// What is stored was checked when it was set. Should it be unreadable, the default profile is in
    /// force: it is the stricter one, because it drops every attribute that it does not name.
    pub fn read(component_config: Option<&str>) -> Self {
        let text = component_config
            .filter(|text| !super::java::is_blank(text))
            .unwrap_or(DEFAULT);
        let config = serde_json::from_str(text)
            .map_err(|error| error.to_string())
            .and_then(Config::from_value)
            .unwrap_or_else(|error| {
                tracing::error!(
                    error,
                    "the user profile cannot be read: the default one is in force"
                );
                serde_json::from_str(DEFAULT).unwrap_or_default()
            });
        Self::compile(config)
    }

    /// The same profile in a realm with these switches.
    #[must_use]
    pub fn with_switches(mut self, switches: RealmSwitches) -> Self {
        self.switches = switches;
        self
    }

    pub(super) fn compile(config: Config) -> Self {
        let validators = config
            .attributes()
            .iter()
            .map(Validator::of_attribute)
            .collect();
        Self {
            config,
            switches: RealmSwitches::default(),
            validators,
        }
    }

    /// The configuration as `UPConfig`: the body of `GET users/profile` and what is stored.
    pub fn to_json(&self) -> Json {
        match serde_json::to_value(&self.config) {
            Ok(Value::Object(body)) => body,
            Ok(_) | Err(_) => Json::new(),
        }
    }

    /// What becomes of attributes that the profile does not name.
    pub const fn unmanaged_attribute_policy(&self) -> Option<UnmanagedAttributePolicy> {
        self.config.unmanaged_attribute_policy
    }
}

impl Config {
    pub(super) fn from_value(body: Value) -> Result<Self, String> {
        let wrong = |value: &Value| !value.is_object() && !value.is_null();
        let members = |list: &str| {
            body.get(list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        // The reader below would take lists for objects, member by member.
        let misshapen = !body.is_object()
            || members("groups").any(wrong)
            || members("attributes").any(|attribute| {
                let parts = ["required", "permissions", "selector"];
                wrong(attribute)
                    || parts
                        .iter()
                        .filter_map(|part| attribute.get(part))
                        .any(wrong)
            });
        if misshapen {
            return Err("a list stands where an object should".to_owned());
        }
        serde_json::from_value(body).map_err(|error| error.to_string())
    }

    pub(super) fn attributes(&self) -> &[Attribute] {
        self.attributes.as_deref().unwrap_or_default()
    }
}

impl Attribute {
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}
