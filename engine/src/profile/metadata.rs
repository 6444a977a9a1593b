//! How pages show a profile (`UserProfileMetadata`).

use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::Context;
use super::candidate::Candidate;
use super::managed::{Kind, Managed};

impl Candidate<'_> {
    /// The attributes that may be seen, in the order of the page, and their groups.
    pub fn metadata(&self) -> Json {
        let mut shown: Vec<&Managed<'_>> = self
            .readable()
            .filter_map(|(name, _)| self.shown(name))
            .collect();
        shown.sort_by_key(|managed| managed.order);
        let attributes: Vec<Value> = shown
            .into_iter()
            .map(|managed| Value::Object(self.described(managed)))
            .collect();
        let groups: Vec<Value> = self
            .profile
            .config
            .groups
            .iter()
            .map(|group| serde_json::to_value(group).unwrap_or_default())
            .collect();
        Json::from_iter([
            ("attributes".to_owned(), Value::Array(attributes)),
            ("groups".to_owned(), Value::Array(groups)),
        ])
    }

    pub(super) fn shown(&self, name: &str) -> Option<&Managed<'_>> {
        self.managed.get(name).filter(|_| !self.is_unmanaged(name))
    }

    pub(super) fn described(&self, managed: &Managed<'_>) -> Json {
        let mut body = Json::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        put("name", json!(managed.name));
        put("displayName", json!(managed.display_name()));
        put("required", json!(self.is_required(managed)));
        put("readOnly", json!(self.is_read_only(managed.name)));
        if let Some(annotations) = self.annotations(managed) {
            put("annotations", Value::Object(annotations));
        }
        let told = managed.validators.iter().filter_map(|validator| {
            Some((
                validator.id().to_owned(),
                Value::Object(validator.told()?.clone()),
            ))
        });
        put("validators", Value::Object(told.collect()));
        if let Some(config) = managed.config {
            if let Some(group) = &config.group {
                put("group", json!(group));
            }
            put("multivalued", json!(config.multivalued));
            if let Some(default) = &config.default_value {
                put("defaultValue", json!(default));
            }
        } else {
            put("multivalued", json!(false));
        }
        body
    }

    /// The configured ones. Users' own pages always have some for the address; where it changes
    /// through a required action alone, they say so.
    fn annotations(&self, managed: &Managed<'_>) -> Option<Json> {
        let own = managed.config.and_then(|config| config.annotations.clone());
        let context = self.scene.context;
        if managed.kind != Kind::Email || matches!(context, Context::UserApi | Context::IdpReview) {
            return own;
        }
        let mut annotations = own.unwrap_or_default();
        let login = self.scene.realm.login;
        let editable = managed
            .config
            .and_then(|config| config.permissions.as_ref())
            .is_some_and(|permissions| permissions.edit.contains("user"))
            && (!login.registration_email_as_username || login.edit_username_allowed);
        if self.profile.switches.update_email && editable {
            annotations.insert("kc.required.action.supported".to_owned(), Value::Bool(true));
        }
        Some(annotations)
    }
}
