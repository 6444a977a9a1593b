//! Components: keys, policies for client registration, user storage, the user profile.

use claviger_wire::component::{CLIENT_REGISTRATION_POLICY, KEY_PROVIDER, USER_STORAGE_PROVIDER};
use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::MASK;
use super::assembly::{Assembly, Place};
use super::problem::{At, ImportError};
use super::shape::{each, members, text};
use crate::defaults::{self, Template};

/// Deepest tree of components; Keycloak's own has two levels.
const MAX_DEPTH: usize = 16;

/// Key providers that the server knows.
const KEY_PROVIDERS: &[&str] = &[
    "aes-generated",
    "ecdh-generated",
    "ecdsa-generated",
    "eddsa-generated",
    "hmac-generated",
    "java-keystore",
    "rsa",
    "rsa-enc",
    "rsa-enc-generated",
    "rsa-generated",
];

/// Adds the components of the file, then keys and policies if it has none of them.
pub(crate) fn add(
    assembly: &mut Assembly<'_>,
    file: &Json,
    template: &Template<'_>,
) -> Result<(), ImportError> {
    let realm = assembly.realm_id.clone();
    let root = At::Root.key("components");
    for (kind, list) in members(file, "components") {
        let at = root.key(kind);
        add_list(assembly, &realm, kind, list, &Level { at: &at, depth: 0 })?;
    }
    add_user_federation(assembly, file)?;
    if !has(assembly, KEY_PROVIDER) {
        let at = root.key(KEY_PROVIDER);
        for component in key_components(file) {
            add_component(assembly, &realm, KEY_PROVIDER, &component, &at)?;
        }
    }
    if !has(assembly, CLIENT_REGISTRATION_POLICY) {
        let at = root.key(CLIENT_REGISTRATION_POLICY);
        for component in template.list("clientRegistrationPolicies") {
            add_component(
                assembly,
                &realm,
                CLIENT_REGISTRATION_POLICY,
                &component,
                &at,
            )?;
        }
    }
    Ok(())
}

/// The key providers of a file that lists none: new ones, or the key that very old files have as a
/// member of the realm.
fn key_components(file: &Json) -> Vec<Json> {
    let mut components = defaults::key_components();
    let Some(key) = text(file, "privateKey") else {
        return components;
    };
    let mut config = Json::from_iter([("privateKey".to_owned(), json!([key]))]);
    if let Some(certificate) = text(file, "certificate") {
        config.insert("certificate".to_owned(), json!([certificate]));
    }
    config.insert("priority".to_owned(), json!(["100"]));
    for component in &mut components {
        if text(component, "providerId") == Some("rsa-generated") {
            component.insert("name".to_owned(), json!("rsa"));
            component.insert("providerId".to_owned(), json!("rsa"));
            component.insert("config".to_owned(), Value::Object(config.clone()));
        }
    }
    components
}

fn has(assembly: &Assembly<'_>, provider_type: &str) -> bool {
    assembly
        .of_kind(Kind::Component)
        .any(|component| text(&component.body, "providerType") == Some(provider_type))
}

struct Level<'a> {
    at: &'a At<'a>,
    depth: usize,
}

fn add_list(
    assembly: &mut Assembly<'_>,
    parent: &str,
    provider_type: &str,
    list: &Value,
    level: &Level<'_>,
) -> Result<(), ImportError> {
    if level.depth >= MAX_DEPTH {
        return Err(level
            .at
            .invalid(format!("components may be {MAX_DEPTH} deep at most")));
    }
    for (index, component) in list.as_array().into_iter().flatten().enumerate() {
        let at = level.at.index(index);
        let Some(component) = component.as_object() else {
            return Err(at.invalid("a component is an object"));
        };
        let id = add_component(assembly, parent, provider_type, component, &at)?;
        let below_at = at.key("subComponents");
        for (provider_type, list) in members(component, "subComponents") {
            let at = below_at.key(provider_type);
            let level = Level {
                at: &at,
                depth: level.depth + 1,
            };
            add_list(assembly, &id, provider_type, list, &level)?;
        }
    }
    Ok(())
}

fn add_component(
    assembly: &mut Assembly<'_>,
    parent: &str,
    provider_type: &str,
    component: &Json,
    at: &At<'_>,
) -> Result<String, ImportError> {
    let Some(provider) = text(component, "providerId") else {
        return Err(at
            .key("providerId")
            .invalid("a component needs a providerId"));
    };
    if provider_type == KEY_PROVIDER && !KEY_PROVIDERS.contains(&provider) {
        let problem = format!("there is no key provider `{provider}`");
        return Err(at.key("providerId").invalid(problem));
    }
    let mut body = component.clone();
    body.shift_remove("subComponents");
    body.insert("providerType".to_owned(), json!(provider_type));
    body.insert("parentId".to_owned(), json!(parent));
    body.insert("config".to_owned(), config(assembly, component, at));
    // Names need not be unique: the id takes their place.
    let place = Place {
        kind: Kind::Component,
        parent,
        name: "",
    };
    assembly.add(&place, body, at)
}

/// The settings without empty and masked values: a mask says that the secret was not exported.
fn config(assembly: &mut Assembly<'_>, component: &Json, at: &At<'_>) -> Value {
    let mut config = Json::new();
    for (name, values) in Fields::of(component).texts_map("config") {
        let count = values.len();
        let kept: Vec<String> = values
            .into_iter()
            .filter(|value| !value.trim().is_empty() && value != MASK)
            .collect();
        if kept.is_empty() {
            if count > 0 {
                let config_at = at.key("config");
                let at = config_at.key(&name);
                let problem = "empty or masked, so not taken over";
                assembly.warnings.push(format!("{at}: {problem}"));
            }
            continue;
        }
        config.insert(name, json!(kept));
    }
    Value::Object(config)
}

/// Turns the user federation of files before release 2.5 into components.
fn add_user_federation(assembly: &mut Assembly<'_>, file: &Json) -> Result<(), ImportError> {
    let realm = assembly.realm_id.clone();
    let list_at = At::Root.key("userFederationProviders");
    let mut providers = Vec::new();
    for (index, provider) in each(file, "userFederationProviders") {
        let at = list_at.index(index);
        let name = text(provider, "displayName").unwrap_or_default().to_owned();
        let mut config = single_values(provider);
        for member in ["fullSyncPeriod", "changedSyncPeriod", "priority"] {
            if let Some(number) = provider.get(member).and_then(Value::as_i64) {
                config.insert(member.to_owned(), json!([number.to_string()]));
            }
        }
        let component = Json::from_iter([
            (
                "id".to_owned(),
                provider.get("id").cloned().unwrap_or(Value::Null),
            ),
            ("name".to_owned(), json!(name)),
            (
                "providerId".to_owned(),
                provider.get("providerName").cloned().unwrap_or_default(),
            ),
            ("config".to_owned(), Value::Object(config)),
        ]);
        let id = add_component(assembly, &realm, USER_STORAGE_PROVIDER, &component, &at)?;
        providers.push((name, id));
    }
    let list_at = At::Root.key("userFederationMappers");
    for (index, mapper) in each(file, "userFederationMappers") {
        let at = list_at.index(index);
        let owner = text(mapper, "federationProviderDisplayName").unwrap_or_default();
        let Some((_, parent)) = providers.iter().find(|(name, _)| name == owner) else {
            continue;
        };
        let component = Json::from_iter([
            (
                "id".to_owned(),
                mapper.get("id").cloned().unwrap_or(Value::Null),
            ),
            (
                "name".to_owned(),
                mapper.get("name").cloned().unwrap_or_default(),
            ),
            (
                "providerId".to_owned(),
                mapper
                    .get("federationMapperType")
                    .cloned()
                    .unwrap_or_default(),
            ),
            ("config".to_owned(), Value::Object(single_values(mapper))),
        ]);
        let kind = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper";
        add_component(assembly, &parent.clone(), kind, &component, &at)?;
    }
    Ok(())
}

/// Settings of the old form, one text each, as lists.
fn single_values(owner: &Json) -> Json {
    let texts = Fields::of(owner).text_map("config");
    texts
        .into_iter()
        .map(|(name, text)| (name, json!([text])))
        .collect()
}
