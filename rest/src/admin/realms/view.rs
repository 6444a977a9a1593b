//! `RealmRepresentation` as administrators see it: whole, in outline, or in brief.

use claviger_wire::MASK;
use claviger_wire::component::is_vault_reference;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::realm::RealmSettings;
use serde_json::{Value, json};

/// Attributes that are always shown, with what holds where they are not set.
const ALWAYS_SHOWN: [(&str, &str); 5] = [
    ("cibaBackchannelTokenDeliveryMode", "poll"),
    ("cibaExpiresIn", "120"),
    ("cibaInterval", "5"),
    ("cibaAuthRequestedUserHint", "login_hint"),
    ("parRequestUriLifespan", "60"),
];
/// Settings that are always shown as attributes, too.
const SHOWN_TWICE: [&str; 2] = ["oauth2DeviceCodeLifespan", "oauth2DevicePollingInterval"];
/// Secrets of the mail server.
const MAIL_SECRETS: [&str; 2] = ["password", "authTokenClientSecret"];

/// The whole representation, secrets masked. `default_role` is shown in brief, `default_groups`
/// are paths.
pub(super) fn whole(
    body: &Json,
    settings: &RealmSettings,
    default_role: Option<Json>,
    default_groups: &[String],
) -> Json {
    let mut shown = body.clone();
    mask_mail_secrets(&mut shown);
    // Texts have their own door.
    shown.shift_remove("localizationTexts");
    if let Some(role) = default_role {
        shown.insert("defaultRole".to_owned(), Value::Object(role));
    }
    if !default_groups.is_empty() {
        shown.insert("defaultGroups".to_owned(), json!(default_groups));
    }
    let applications = settings.otp.supported_applications();
    shown.insert("otpSupportedApplications".to_owned(), json!(applications));
    if shown
        .get("supportedLocales")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        shown.shift_remove("supportedLocales");
    }
    add_attributes(&mut shown);
    shown
}

fn add_attributes(shown: &mut Json) {
    let mut attributes = match shown.shift_remove("attributes") {
        Some(Value::Object(attributes)) => attributes,
        _ => Json::new(),
    };
    for (name, default) in ALWAYS_SHOWN {
        attributes.entry(name).or_insert_with(|| json!(default));
    }
    for name in SHOWN_TWICE {
        if let Some(text) = Fields::of(shown).text(name) {
            attributes.entry(name).or_insert_with(|| json!(text));
        }
    }
    shown.insert("attributes".to_owned(), Value::Object(attributes));
}

/// Puts the mask in the place of the mail server's secrets, in whatever was sent or is shown.
pub(super) fn mask_mail_secrets(body: &mut Json) {
    let Some(Value::Object(server)) = body.get_mut("smtpServer") else {
        return;
    };
    for name in MAIL_SECRETS {
        let secret = server.get(name).and_then(Value::as_str);
        if secret.is_some_and(|text| !text.is_empty() && !is_vault_reference(text)) {
            server.insert(name.to_owned(), json!(MASK));
        }
    }
}

/// Whether an administrator who sees a realm in outline may see users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeesUsers {
    Yes,
    No,
}

/// What every administrator of a realm may see.
pub(super) fn outline(settings: &RealmSettings, users: SeesUsers) -> Json {
    let mut shown = Json::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            shown.insert(name.to_owned(), value);
        }
    };
    put("realm", json!(settings.name));
    put("displayName", json!(settings.display_name));
    put("displayNameHtml", json!(settings.display_name_html));
    if users == SeesUsers::Yes {
        let same = settings.login.registration_email_as_username;
        put("registrationEmailAsUsername", json!(same));
    }
    put("bruteForceProtected", json!(settings.brute_force.enabled));
    put("supportedLocales", json!(settings.locales.supported));
    put("defaultLocale", json!(settings.locales.default));
    put(
        "organizationsEnabled",
        json!(settings.organizations_enabled),
    );
    shown
}

/// `briefRepresentation=true` of the list.
pub(super) fn brief(settings: &RealmSettings) -> Json {
    let mut shown = Json::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            shown.insert(name.to_owned(), value);
        }
    };
    put("id", json!(settings.id.as_str()));
    put("realm", json!(settings.name));
    put("displayName", json!(settings.display_name));
    put("displayNameHtml", json!(settings.display_name_html));
    put("enabled", json!(settings.enabled));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: Value) -> Json {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn the_whole_shows_defaults_of_attributes_and_masks_secrets() {
        let realm = body(json!({
            "id": "1", "realm": "shop", "enabled": true, "oauth2DeviceCodeLifespan": 600,
            "attributes": {"cibaInterval": "7", "own": "x"}, "supportedLocales": [],
            "smtpServer": {"host": "h", "password": "p", "authTokenClientSecret": "${vault.s}"},
            "localizationTexts": {"de": {"a": "b"}},
        }));
        let role = body(json!({"name": "default-roles-shop"}));
        let settings = RealmSettings::from_body(&realm);
        let shown = json!(whole(&realm, &settings, Some(role), &["/staff".to_owned()]));
        assert_eq!(shown["smtpServer"]["password"], MASK);
        assert_eq!(shown["smtpServer"]["authTokenClientSecret"], "${vault.s}");
        assert_eq!(shown["defaultRole"]["name"], "default-roles-shop");
        assert_eq!(shown["defaultGroups"], json!(["/staff"]));
        assert_eq!(shown.get("localizationTexts"), None);
        assert_eq!(shown.get("supportedLocales"), None);
        let attributes = json!({
            "cibaBackchannelTokenDeliveryMode": "poll", "cibaExpiresIn": "120",
            "cibaInterval": "7", "cibaAuthRequestedUserHint": "login_hint",
            "parRequestUriLifespan": "60", "own": "x", "oauth2DeviceCodeLifespan": "600",
        });
        assert_eq!(shown["attributes"], attributes);
    }

    #[test]
    fn outline_and_brief_show_little() {
        let realm = body(json!({
            "id": "1", "realm": "shop", "enabled": true, "displayName": "Shop",
            "smtpServer": {"password": "p"}, "passwordPolicy": "length(8)",
        }));
        let settings = RealmSettings::from_body(&realm);
        let expected = json!({
            "realm": "shop", "displayName": "Shop", "bruteForceProtected": false,
            "supportedLocales": [], "organizationsEnabled": false,
        });
        assert_eq!(json!(outline(&settings, SeesUsers::No)), expected);
        let seen = outline(&settings, SeesUsers::Yes);
        assert_eq!(seen.get("registrationEmailAsUsername"), Some(&json!(false)));
        let expected = json!({"id": "1", "realm": "shop", "displayName": "Shop", "enabled": true});
        assert_eq!(json!(brief(&settings)), expected);
    }
}
