//! What a new realm starts with: Keycloak's flows, required actions, client scopes, clients,
//! roles and policies, kept as data in `defaults/realm.json`.
//!
//! The data are one realm representation without ids, with `{realm}` for the name. A realm made
//! from scratch and a realm file that leaves something out take it from the same place.

use std::sync::LazyLock;

use claviger_crypto::random::Random;
use claviger_model::Millis;
use claviger_wire::document::{Document, Json, Link};
use serde_json::{Value, json};

use crate::import::{self, ImportError, MasterPart};

/// The realm whose administrators administer all realms.
pub const MASTER: &str = "master";
/// The client that holds the permissions of administrators, where a realm uses them.
pub(crate) const ADMIN_PERMISSIONS: &str = "admin-permissions";
/// The client in every realm but master whose roles administer that realm.
pub const REALM_MANAGEMENT: &str = "realm-management";

static TEMPLATE: LazyLock<Json> = LazyLock::new(|| object(include_str!("defaults/realm.json")));
static USER_PROFILE: LazyLock<Json> =
    LazyLock::new(|| object(include_str!("defaults/user_profile.json")));

/// A realm that nobody has touched yet. Its key components hold no keys: see
/// [`crate::import::keys::complete`].
#[derive(Clone, Debug, PartialEq)]
pub struct RealmSeed {
    /// The realm's own representation; it has `id`, `realm` and `enabled`.
    pub realm: Json,
    /// Its configuration.
    pub documents: Vec<Document>,
    /// How that hangs together.
    pub links: Vec<Link>,
    /// What the master realm gets for it; none if it is the master realm.
    pub master: Option<MasterPart>,
}

/// A new realm of this name: enabled, with all defaults and no users.
///
/// # Errors
/// If the name cannot be a realm's name.
pub fn new_realm(name: &str, random: &Random, now: Millis) -> Result<RealmSeed, ImportError> {
    let file = Json::from_iter([
        ("realm".to_owned(), json!(name)),
        ("enabled".to_owned(), json!(true)),
    ]);
    seed(&file, random, now)
}

/// The master realm of a fresh server, without administrators.
///
/// # Errors
/// Never, unless the embedded data are broken.
pub fn master_realm(random: &Random, now: Millis) -> Result<RealmSeed, ImportError> {
    seed(&master_file(), random, now)
}

fn seed(file: &Json, random: &Random, now: Millis) -> Result<RealmSeed, ImportError> {
    let import = import::compile(file, &import::Context { random, now })?;
    let import::RealmImport {
        realm,
        documents,
        links,
        master,
        ..
    } = import;
    Ok(RealmSeed {
        realm,
        documents,
        links,
        master,
    })
}

/// The user profile of a realm that has not set its own.
pub fn user_profile() -> &'static Json {
    &USER_PROFILE
}

/// The realm file that makes the master realm: shorter tokens, no organization steps, a profile
/// that asks administrators for nothing but a name.
pub(crate) fn master_file() -> Json {
    let template = Template::of(MASTER);
    let mut flows = template.list("authenticationFlows");
    flows.retain(|flow| !text(flow, "alias").contains("Organization"));
    for flow in &mut flows {
        if let Some(Value::Array(executions)) = flow.get_mut("authenticationExecutions") {
            executions.retain(|execution| {
                let alias = execution.get("flowAlias").and_then(Value::as_str);
                !alias.is_some_and(|alias| alias.contains("Organization"))
            });
        }
    }
    let profile = json!({
        "providerId": "declarative-user-profile",
        "config": {"kc.user.profile.config": [Value::Object(relaxed_profile()).to_string()]},
    });
    let file = json!({
        "realm": MASTER,
        "displayName": "Claviger",
        "displayNameHtml": "<div class=\"kc-logo-text\"><span>Claviger</span></div>",
        "enabled": true,
        "accessTokenLifespan": 60,
        "authenticationFlows": flows,
        "authenticatorConfig": template.list("authenticatorConfig"),
        "components": {(claviger_wire::component::USER_PROFILE_PROVIDER): [profile]},
    });
    into_object(file)
}

/// The user profile without required attributes.
fn relaxed_profile() -> Json {
    let mut profile = USER_PROFILE.clone();
    if let Some(Value::Array(attributes)) = profile.get_mut("attributes") {
        for attribute in attributes.iter_mut().filter_map(Value::as_object_mut) {
            attribute.shift_remove("required");
        }
    }
    profile
}

/// The embedded data, with one realm's name in them.
pub(crate) struct Template<'a> {
    realm: &'a str,
}

impl<'a> Template<'a> {
    pub(crate) const fn of(realm: &'a str) -> Self {
        Self { realm }
    }

    /// Settings of the realm itself.
    pub(crate) fn settings(&self) -> Json {
        self.part("settings").map(into_object).unwrap_or_default()
    }

    /// One of the lists, as objects.
    pub(crate) fn list(&self, name: &str) -> Vec<Json> {
        let Some(Value::Array(list)) = self.part(name) else {
            return Vec::new();
        };
        list.into_iter().map(into_object).collect()
    }

    /// One of the lists of names.
    pub(crate) fn names(name: &str) -> Vec<&'static str> {
        let list = TEMPLATE
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(Value::as_str).collect()
    }

    /// One element of a list, by a member that names it.
    pub(crate) fn named(&self, list: &str, member: &str, name: &str) -> Option<Json> {
        let mut elements = TEMPLATE.get(list)?.as_array()?.iter();
        let is_named = |element: &&Value| element.get(member).and_then(Value::as_str) == Some(name);
        let mut element = elements.find(is_named)?.clone();
        self.fill_in(&mut element);
        Some(into_object(element))
    }

    /// The roles of a client.
    pub(crate) fn client_roles(client_id: &str) -> Vec<Json> {
        let roles = TEMPLATE.get("roles").and_then(|roles| roles.get("client"));
        let Some(Value::Array(list)) = roles.and_then(|roles| roles.get(client_id)) else {
            return Vec::new();
        };
        list.iter().cloned().map(into_object).collect()
    }

    fn part(&self, name: &str) -> Option<Value> {
        let mut part = TEMPLATE.get(name)?.clone();
        self.fill_in(&mut part);
        Some(part)
    }

    /// Writes the realm's name into addresses; it is one segment of a path there.
    fn fill_in(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains("{realm}") => {
                *text = text.replace("{realm}", &path_segment(self.realm));
            }
            Value::Array(list) => list.iter_mut().for_each(|element| self.fill_in(element)),
            Value::Object(object) => object.values_mut().for_each(|member| self.fill_in(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Components that make a new realm's keys, as Keycloak names them.
pub(crate) fn key_components() -> Vec<Json> {
    let component = |name: &str, provider: &str, algorithm: Option<&str>| {
        let mut config = json!({"priority": ["100"]});
        if let (Some(algorithm), Some(config)) = (algorithm, config.as_object_mut()) {
            config.insert("algorithm".to_owned(), json!([algorithm]));
        }
        into_object(json!({"name": name, "providerId": provider, "config": config}))
    };
    vec![
        component("rsa-generated", "rsa-generated", None),
        component("rsa-enc-generated", "rsa-enc-generated", Some("RSA-OAEP")),
        component("hmac-generated-hs512", "hmac-generated", Some("HS512")),
        component("aes-generated", "aes-generated", None),
    ]
}

/// A realm's name as one segment of a URL's path (RFC 3986 §3.3).
fn path_segment(name: &str) -> String {
    let Ok(mut url) = url::Url::parse("http://realm/") else {
        return name.to_owned();
    };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(name);
    }
    url.path().trim_start_matches('/').to_owned()
}

fn text<'a>(object: &'a Json, member: &str) -> &'a str {
    object
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn into_object(value: Value) -> Json {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Json::new()
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "embedded data, parsed by every test run"
)]
fn object(text: &str) -> Json {
    serde_json::from_str(text).expect("the embedded defaults are a JSON object")
}
