//! Checks a configuration that an administrator sends, in Keycloak's words.

use std::fmt::Write as _;

use claviger_wire::document::Json;
use serde_json::Value;

use super::UserProfile;
use super::config::{Attribute, Config};
use super::java;
use super::managed::{EMAIL, USERNAME, is_root};
use super::pattern::Pattern;
use super::validator::{Check, Options, Rule, Validator};
use super::value;

/// Most attributes of one profile.
pub const ATTRIBUTES_MAX: usize = 1000;
/// Most groups of one profile.
pub const GROUPS_MAX: usize = 1000;

const MISSING: &str = "error-validator-config-missing-value";
const INVALID: &str = "error-validator-config-invalid-value";
const INVALID_NUMBER: &str = "error-validator-config-invalid-number-value";

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileConfigError {
    /// Not the JSON of a profile.
    #[error("{0}")]
    Json(String),
    /// What is wrong with it; shown as Keycloak does, in brackets.
    #[error("[{}]", .0.join(", "))]
    Invalid(Vec<String>),
}

impl UserProfile {
    /// Reads a configuration that an administrator sends. `client_scopes` are the names of the realm's.
    pub fn configure(body: &Value, client_scopes: &[&str]) -> Result<Self, ProfileConfigError> {
        let config = Config::from_value(body.clone()).map_err(ProfileConfigError::Json)?;
        if config.attributes().len() > ATTRIBUTES_MAX || config.groups.len() > GROUPS_MAX {
            let reason = format!(
                "A profile has at most {ATTRIBUTES_MAX} attributes and {GROUPS_MAX} groups"
            );
            return Err(ProfileConfigError::Invalid(vec![reason]));
        }
        let faults = Checker {
            config: &config,
            client_scopes,
            faults: Vec::new(),
        }
        .run();
        if faults.is_empty() {
            Ok(Self::compile(config))
        } else {
            Err(ProfileConfigError::Invalid(faults))
        }
    }
}

struct Checker<'a> {
    config: &'a Config,
    client_scopes: &'a [&'a str],
    faults: Vec<String>,
}

impl Checker<'_> {
    fn run(mut self) -> Vec<String> {
        let mut names: Vec<&str> = Vec::new();
        for attribute in self.config.attributes() {
            self.name(attribute, &mut names);
            self.attribute(attribute);
        }
        for name in [USERNAME, EMAIL] {
            if self.config.attributes.is_some() && !names.contains(&name) {
                self.faults
                    .push(format!("The attribute '{name}' can not be removed"));
            }
        }
        let nameless = self
            .config
            .groups
            .iter()
            .filter(|group| group.name.is_none())
            .count();
        if nameless > 0 {
            self.faults.push(format!(
                "Name is mandatory for groups, found {nameless} group(s) without name."
            ));
        }
        self.faults
    }

    fn name<'b>(&mut self, attribute: &'b Attribute, names: &mut Vec<&'b str>) {
        let name = attribute.name();
        if name.is_empty() {
            self.faults
                .push("Attribute configuration without 'name' is not allowed".to_owned());
        } else if names.contains(&name) {
            self.faults.push(format!(
                "Attribute configuration already exists with 'name':'{name}'"
            ));
        } else {
            names.push(name);
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if !name.chars().all(good) {
                self.faults.push(format!(
                    "Invalid attribute name (only letters, numbers and '.' '_' '-' special \
                     characters allowed): {name}'"
                ));
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        let name = attribute.name.as_deref().unwrap_or("null");
        if let Some(validations) = &attribute.validations {
            for (id, config) in validations {
                self.validation(id, config, name);
            }
            self.default_value(attribute, validations, name);
        }
        if let Some(permissions) = &attribute.permissions {
            self.roles(&permissions.view, "permissions.view", name);
            self.roles(&permissions.edit, "permissions.edit", name);
        }
        if let Some(required) = &attribute.required {
            self.roles(required.roles.iter().flatten(), "required.roles", name);
            self.scopes(required.scopes.iter().flatten(), "required.scopes", name);
        }
        if let Some(selector) = &attribute.selector {
            self.scopes(selector.scopes.iter().flatten(), "selector.scopes", name);
        }
        if let Some(group) = &attribute.group
            && !self
                .config
                .groups
                .iter()
                .any(|known| known.name.as_ref() == Some(group))
        {
            self.faults.push(format!(
                "Attribute '{name}' references unknown group '{group}'"
            ));
        }
        let annotation = |key: &str| attribute.annotations.as_ref().and_then(|all| all.get(key));
        if annotation("inputOptions").is_some_and(|options| !options.is_array()) {
            self.faults.push(format!(
                "Annotation 'inputOptions' configured for attribute '{name}' must be an array of \
                 values!'"
            ));
        }
        if annotation("inputOptionLabels").is_some_and(|labels| !labels.is_object()) {
            self.faults.push(format!(
                "Annotation 'inputOptionLabels' configured for attribute '{name}' must be an object!'"
            ));
        }
    }

    fn roles<'b>(&mut self, roles: impl IntoIterator<Item = &'b String>, place: &str, name: &str) {
        for role in roles
            .into_iter()
            .filter(|role| *role != "admin" && *role != "user")
        {
            self.faults.push(format!(
                "'{place}' configuration for attribute '{name}' contains unsupported role '{role}'"
            ));
        }
    }

    fn scopes<'b>(&mut self, scopes: impl Iterator<Item = &'b String>, place: &str, name: &str) {
        for scope in scopes.filter(|scope| !self.client_scopes.contains(&scope.as_str())) {
            self.faults.push(format!(
                "'{place}' configuration for attribute '{name}' contains unsupported scope '{scope}'"
            ));
        }
    }

    fn validation(&mut self, id: &str, config: &Value, name: &str) {
        if java::is_blank(id) {
            self.faults.push(format!(
                "Validation without validator id is defined for attribute '{name}'"
            ));
            return;
        }
        if matches!(Validator::read(id, config).check, Check::Unknown) {
            self.faults.push(format!(
                "Validator '{id}' defined for attribute '{name}' doesn't exist"
            ));
            return;
        }
        let empty = Json::new();
        let config = Options(config.as_object().unwrap_or(&empty));
        let faults = config_faults(id, config);
        if faults.is_empty() {
            return;
        }
        let mut text = format!(
            "Validator '{id}' defined for attribute '{name}' has incorrect configuration: "
        );
        for (key, message, params) in faults {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "ValidationError{{validatorId='{id}', inputHint='{key}', message='{message}', \
                 messageParameters=[{}]}}, ",
                params.join(", ")
            );
        }
        self.faults.push(text);
    }

    fn default_value(&mut self, attribute: &Attribute, validations: &Json, name: &str) {
        let Some(default) = &attribute.default_value else {
            return;
        };
        if is_root(name) {
            self.faults.push(format!(
                "Default value not supported for attribute '{name}'"
            ));
            return;
        }
        for (id, config) in validations {
            if is_faulty(&Validator::read(id, config).check, default) {
                self.faults
                    .push(format!("Default value for attribute '{name}' is invalid"));
            }
        }
    }
}

fn is_faulty(check: &Check, default: &str) -> bool {
    match check {
        Check::Uri {
            schemes,
            fragment,
            valid_url,
        } => !value::uri_faults(default, schemes, *fragment, *valid_url).is_empty(),
        Check::Value(check) => value::fault(check, default, "en").is_some(),
        Check::Rule(Rule::Homograph { .. }) => !value::is_latin_or_common(default),
        Check::Rule(_) => java::is_blank(default),
        Check::Multivalued(_) | Check::Unknown => false,
    }
}

/// Setting, message, parameters.
type ConfigFault = (&'static str, &'static str, Vec<String>);

fn config_faults(id: &str, config: Options<'_>) -> Vec<ConfigFault> {
    match id {
        "length" => length_faults(config),
        "integer" => range_faults(config, |key| config.long(key), |min, max| max <= min),
        "double" => range_faults(config, |key| config.double(key), |min, max| max <= min),
        "multivalued" => multivalued_faults(config),
        "pattern" => pattern_faults(config),
        "options" => match config.get("options") {
            None => vec![("options", MISSING, vec![])],
            Some(Value::Array(_)) => vec![],
            Some(_) => vec![(
                "options",
                INVALID,
                vec!["must be list of values".to_owned()],
            )],
        },
        "email" => {
            let key = "max-local-length";
            let bad = config.has(key) && config.int(key).is_none_or(|max| max <= 0);
            if bad {
                vec![(key, INVALID_NUMBER, vec![shown(config, key)])]
            } else {
                vec![]
            }
        }
        _ => vec![],
    }
}

fn length_faults(config: Options<'_>) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    if config.has("trim-disabled") && config.flag("trim-disabled").is_none() {
        faults.push((
            "trim-disabled",
            "error-validator-config-invalid-boolean-value",
            vec![shown(config, "trim-disabled")],
        ));
    }
    if !config.has("min") && !config.has("max") {
        faults.push(("min", MISSING, vec![]));
        faults.push(("max", MISSING, vec![]));
        return faults;
    }
    for key in ["min", "max"] {
        if config.has(key) && config.int(key).is_none() {
            faults.push((key, INVALID_NUMBER, vec![shown(config, key)]));
        }
    }
    let crossed = config
        .int("min")
        .zip(config.int("max"))
        .is_some_and(|(min, max)| min > max);
    if faults.is_empty() && crossed {
        faults.push(("max", INVALID, vec![]));
    }
    faults
}

fn range_faults<T>(
    config: Options<'_>,
    read: impl Fn(&str) -> Option<T>,
    crossed: impl Fn(&T, &T) -> bool,
) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    for key in ["min", "max"] {
        if config.has(key) && read(key).is_none() {
            faults.push((key, INVALID_NUMBER, vec![shown(config, key)]));
        }
    }
    let crossed = read("min")
        .zip(read("max"))
        .is_some_and(|(min, max)| crossed(&min, &max));
    if faults.is_empty() && crossed {
        faults.push(("max", INVALID, vec![]));
    }
    faults
}

fn multivalued_faults(config: Options<'_>) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    let (min, max) = (config.long("min"), config.long("max"));
    match (min, max) {
        (_, None) if config.has("max") => faults.push(("max", INVALID_NUMBER, vec![])),
        (_, None) => faults.push(("max", MISSING, vec![])),
        (Some(min), Some(max)) if min > max => faults.push(("max", INVALID, vec![])),
        _ => {}
    }
    if min.is_none() && config.has("min") {
        faults.push(("min", INVALID_NUMBER, vec![]));
    }
    faults
}

fn pattern_faults(config: Options<'_>) -> Vec<ConfigFault> {
    match config.get("pattern") {
        None => vec![("pattern", MISSING, vec![])],
        Some(Value::String(text)) => match Pattern::compile(text) {
            Ok(_) => vec![],
            Err(error) => vec![("pattern", INVALID, vec![text.clone(), error.to_string()])],
        },
        Some(_) => vec![("pattern", INVALID, vec![shown(config, "pattern")])],
    }
}

/// A setting as Java prints it.
fn shown(config: Options<'_>, key: &str) -> String {
    match config.get(key) {
        None | Some(Value::Null) => "null".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
