//! What steps of flows and required actions there are, by the ids of their providers, and what can be
//! set of each. `providers.json` beside this file is the table.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Requirement;
use crate::component::{MASK, is_vault_reference};
use crate::document::Json;

/// What a provider is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// A step of a `basic-flow`.
    Authenticator,
    /// A part of the page of a `form-flow`.
    FormAction,
    /// A step of a `client-flow`.
    ClientAuthenticator,
    /// The page of a `form-flow`.
    Form,
}

impl ProviderKind {
    /// The providers of steps: all but those of pages.
    pub const STEPS: [Self; 3] = [
        Self::Authenticator,
        Self::FormAction,
        Self::ClientAuthenticator,
    ];

    /// Which providers a flow of some `providerId` is made of; none if there is no such kind of flow.
    pub fn of_flow(provider_id: &str) -> Option<Self> {
        match provider_id {
            "basic-flow" => Some(Self::Authenticator),
            "form-flow" => Some(Self::FormAction),
            "client-flow" => Some(Self::ClientAuthenticator),
            _ => None,
        }
    }

    fn table(self) -> &'static Table {
        match self {
            Self::Authenticator => &PROVIDERS.authenticator,
            Self::FormAction => &PROVIDERS.form_action,
            Self::ClientAuthenticator => &PROVIDERS.client_authenticator,
            Self::Form => &PROVIDERS.form,
        }
    }
}

/// A setting, as `ConfigPropertyRepresentation` describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Setting {
    name: String,
    label: Option<String>,
    r#type: String,
    default_value: Option<Value>,
    options: Option<Vec<String>>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    read_only: bool,
}

impl Setting {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "name": self.name,
            "label": self.label,
            "type": self.r#type,
            "defaultValue": self.default_value,
            "options": self.options,
            "secret": self.secret,
            "required": self.required,
            "readOnly": self.read_only,
        });
        if let Some(members) = shown.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        shown
    }
}

/// A provider of steps, or of the page of a form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Provider {
    /// What administrators read.
    pub name: String,
    /// What it does, in a line.
    pub does: String,
    /// The first letters of the requirements that can be chosen, in their order.
    #[serde(default)]
    choices: String,
    /// Whether a client that proves itself so has a secret.
    pub secret: Option<bool>,
    #[serde(default)]
    settings: Vec<Setting>,
    #[serde(default)]
    per_client: Vec<Setting>,
}

impl Provider {
    /// The requirements that a step of this provider may have, in the order in which they are offered.
    pub fn choices(&self) -> impl Iterator<Item = Requirement> {
        self.choices.chars().filter_map(|letter| match letter {
            'R' => Some(Requirement::Required),
            'A' => Some(Requirement::Alternative),
            'C' => Some(Requirement::Conditional),
            'D' => Some(Requirement::Disabled),
            _ => None,
        })
    }

    /// Whether anything of it can be set.
    pub const fn is_configurable(&self) -> bool {
        !self.settings.is_empty()
    }

    /// What can be set of a step: a list of `ConfigPropertyRepresentation`.
    pub fn settings(&self) -> Value {
        self.settings.iter().map(Setting::shown).collect()
    }

    /// What can be set of each client that proves itself so.
    pub fn client_settings(&self) -> Value {
        self.per_client.iter().map(Setting::shown).collect()
    }
}

/// A provider of a required action.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionProvider {
    /// What administrators read.
    pub name: String,
    settings: Option<Vec<Setting>>,
}

impl ActionProvider {
    /// What can be set: a list of `ConfigPropertyRepresentation`; none if nothing ever can.
    pub fn settings(&self) -> Option<Value> {
        let settings = self.settings.as_ref()?;
        Some(settings.iter().map(Setting::shown).collect())
    }

    /// Whether it has a setting of this name.
    pub fn declares(&self, name: &str) -> bool {
        let mut settings = self.settings.iter().flatten();
        settings.any(|setting| setting.name == name)
    }
}

type Table = std::collections::BTreeMap<String, Provider>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Providers {
    authenticator: Table,
    form_action: Table,
    client_authenticator: Table,
    form: Table,
    required_action: std::collections::BTreeMap<String, ActionProvider>,
}

static PROVIDERS: LazyLock<Providers> =
    LazyLock::new(|| serde_json::from_str(include_str!("providers.json")).unwrap_or_default());

/// All providers of a kind, by id.
pub fn all(kind: ProviderKind) -> impl Iterator<Item = (&'static str, &'static Provider)> {
    let table = kind.table().iter();
    table.map(|(id, provider)| (id.as_str(), provider))
}

/// A provider of a kind.
pub fn find(kind: ProviderKind, id: &str) -> Option<&'static Provider> {
    kind.table().get(id)
}

/// A provider of steps, of whatever flows.
pub fn of_step(id: &str) -> Option<&'static Provider> {
    let mut kinds = ProviderKind::STEPS.into_iter();
    kinds.find_map(|kind| find(kind, id))
}

/// All providers of required actions, by id.
pub fn actions() -> impl Iterator<Item = (&'static str, &'static ActionProvider)> {
    let actions = PROVIDERS.required_action.iter();
    actions.map(|(id, provider)| (id.as_str(), provider))
}

/// A provider of a required action.
pub fn action(id: &str) -> Option<&'static ActionProvider> {
    PROVIDERS.required_action.get(id)
}

/// Hides what must not be shown of an authenticator's settings: whatever is a secret to any provider,
/// or known to none. References to a vault are no secrets.
pub fn mask_config(config: &mut Json) {
    static SHOWN: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let settings = || {
            let kinds = ProviderKind::STEPS.into_iter();
            kinds.flat_map(|kind| all(kind).flat_map(|(_, provider)| &provider.settings))
        };
        let secrets: BTreeSet<_> = settings()
            .filter(|setting| setting.secret)
            .map(|setting| setting.name.as_str())
            .collect();
        let names = settings().map(|setting| setting.name.as_str());
        names.filter(|name| !secrets.contains(name)).collect()
    });
    for (name, value) in config.iter_mut() {
        let is_reference = value.as_str().is_some_and(is_vault_reference);
        if !SHOWN.contains(name.as_str()) && !is_reference {
            *value = Value::from(MASK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert_eq!(all(ProviderKind::Authenticator).count(), 42);
        assert_eq!(all(ProviderKind::Form).count(), 1);
        assert_eq!(actions().count(), 14);
        let form = of_step("auth-username-password-form").unwrap();
        let choices: Vec<_> = form.choices().collect();
        assert_eq!(choices, [Requirement::Required]);
        assert!(!form.is_configurable());
    }

    #[test]
    fn only_what_some_provider_shows_is_shown() {
        let config = json!({
            "defaultProvider": "partner", "secret.key": "s", "made up": "x", "api.key": "${vault.key}",
        });
        let Value::Object(mut config) = config else {
            unreachable!()
        };
        mask_config(&mut config);
        let shown = json!({
            "defaultProvider": "partner", "secret.key": MASK, "made up": MASK,
            "api.key": "${vault.key}",
        });
        assert_eq!(Value::Object(config), shown);
    }
}
