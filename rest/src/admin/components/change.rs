//! What a component becomes by what was sent. A new one may bring all its settings, keys of its
//! provider's own making among them; of one that is there, only declared settings are changed.

use claviger_wire::MASK;
use claviger_wire::component::settings;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

/// A new component, its settings not yet checked. `parent` stands in for a missing one.
pub(super) fn new(sent: &Json, id: &str, parent: &str) -> Document {
    let fields = Fields::of(sent);
    let mut body = Json::new();
    body.insert("id".to_owned(), json!(id));
    for name in ["name", "providerId", "providerType"] {
        if let Some(text) = fields.text(name) {
            body.insert(name.to_owned(), json!(text));
        }
    }
    let parent = fields
        .filled_text("parentId")
        .unwrap_or_else(|| parent.to_owned());
    body.insert("parentId".to_owned(), json!(parent));
    if let Some(text) = fields.text("subType") {
        body.insert("subType".to_owned(), json!(text));
    }
    let mut config = Json::new();
    for (name, values) in fields.texts_map("config") {
        let filled = values.into_iter().filter(|value| !value.trim().is_empty());
        let values: Vec<String> = filled.collect();
        if !values.is_empty() {
            config.insert(name, json!(values));
        }
    }
    body.insert("config".to_owned(), Value::Object(config));
    Document {
        kind: Kind::Component,
        id: id.to_owned(),
        parent,
        unique_name: id.to_owned(),
        enabled: true,
        body,
    }
}

/// A changed component, its settings not yet checked. What was not sent stays.
pub(super) fn changed(component: &Document, sent: &Json) -> Document {
    let fields = Fields::of(sent);
    let mut body = component.body.clone();
    for name in ["name", "parentId", "providerType", "providerId", "subType"] {
        if let Some(text) = fields.text(name) {
            body.insert(name.to_owned(), json!(text));
        }
    }
    lay_over(&mut body, sent);
    let parent = Fields::of(&body)
        .text("parentId")
        .unwrap_or_else(|| component.parent.clone());
    Document {
        parent,
        body,
        ..component.clone()
    }
}

/// Lays declared settings over a component's: one without a value goes, a masked one stays.
fn lay_over(body: &mut Json, sent: &Json) {
    let fields = Fields::of(body);
    let kind = fields.text("providerType").unwrap_or_default();
    let provider = fields.text("providerId").unwrap_or_default();
    let mut config = fields.object("config").cloned().unwrap_or_default();
    let mut sent = Fields::of(sent).texts_map("config");
    for setting in settings(&kind, &provider).into_iter().flatten() {
        let Some(values) = sent.remove(setting.name) else {
            continue;
        };
        if values.first().is_none_or(|value| value.trim().is_empty()) {
            config.shift_remove(setting.name);
            continue;
        }
        let is_value = |value: &String| !value.trim().is_empty() && value != MASK;
        let values: Vec<String> = values.into_iter().filter(is_value).collect();
        if !values.is_empty() {
            config.insert(setting.name.to_owned(), json!(values));
        }
    }
    body.insert("config".to_owned(), Value::Object(config));
}

#[cfg(test)]
mod tests {
    use claviger_wire::component::{KEY_PROVIDER, USER_STORAGE_PROVIDER};

    use super::*;

    fn object(value: Value) -> Json {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn a_new_component_brings_its_settings_and_a_change_only_declared_ones() {
        let sent = object(json!({
            "id": "other", "name": "extra", "providerId": "rsa-generated",
            "providerType": KEY_PROVIDER,
            "config": {"priority": ["200", " "], "active": [""], "privateKey": ["mine"], "odd": []},
        }));
        let component = new(&sent, "1", "realm");
        assert_eq!(component.parent, "realm");
        let expected = json!({
            "id": "1", "name": "extra", "providerId": "rsa-generated", "parentId": "realm",
            "providerType": KEY_PROVIDER,
            "config": {"priority": ["200"], "privateKey": ["mine"]},
        });
        assert_eq!(json!(component.body), expected);
        let sent = object(json!({"config": {"privateKey": ["other"], "priority": ["7"]}}));
        let config = json!({"priority": ["7"], "privateKey": ["mine"]});
        assert_eq!(changed(&component, &sent).body["config"], config);
    }

    #[test]
    fn a_masked_secret_stays_and_an_empty_setting_goes() {
        let sent = object(json!({
            "providerId": "ldap", "providerType": USER_STORAGE_PROVIDER, "parentId": "p",
            "config": {"bindCredential": ["pw"], "bindDn": ["x"], "vendor": ["other"]},
        }));
        let component = new(&sent, "1", "realm");
        let sent = object(json!({
            "config": {"bindCredential": [MASK], "bindDn": [], "usersDn": ["y"]},
        }));
        let expected = json!({"bindCredential": ["pw"], "vendor": ["other"], "usersDn": ["y"]});
        assert_eq!(changed(&component, &sent).body["config"], expected);
        assert_eq!(changed(&component, &sent).parent, "p");
    }
}
