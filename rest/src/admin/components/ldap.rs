//! Settings of user storage, and the mappers that a new one begins with.

use claviger_crypto::random::Random;
use claviger_wire::component::{ComponentView, LDAP_MAPPER, USER_STORAGE_PROVIDER};
use claviger_wire::document::{Document, Json, Kind};
use serde_json::{Value, json};

use super::check::no_provider;
use crate::call::AdminCall;
use crate::problem::Problem;

/// What the mapper of the user name is called.
const USERNAME: &str = "username";
const USERNAME_ATTRIBUTE: &str = "usernameLDAPAttribute";

fn is_ldap(view: &ComponentView) -> bool {
    view.provider_type == USER_STORAGE_PROVIDER && view.provider_id == "ldap"
}

/// A filter is in brackets (RFC 4515 §3).
pub(super) fn check_filter(filter: Option<&str>) -> Result<(), Problem> {
    let filter = filter.unwrap_or_default().trim();
    if filter.is_empty() || (filter.starts_with('(') && filter.ends_with(')')) {
        return Ok(());
    }
    let text =
        "Custom configured LDAP filter does not start with \"(\" or does not end with \")\".";
    Err(Problem::bad_request(text))
}

/// Refuses user storage that could not be used.
pub(super) fn check(view: &ComponentView) -> Result<(), Problem> {
    match view.provider_id.as_str() {
        "ldap" => {}
        // Belongs to a feature that is off.
        "ipatuura" => return Err(no_provider()),
        _ => return Ok(()),
    }
    let refuse = |text: &str| Err(Problem::bad_request(text));
    let is_number = |name: &str| {
        let number: Option<Result<i32, _>> = view.config(name).map(str::parse);
        number.is_none_or(|number| number.is_ok())
    };
    let mode = view.config("editMode");
    let known = [None, Some("READ_ONLY"), Some("WRITABLE"), Some("UNSYNCED")];
    if !known.contains(&mode) || !is_number("fullSyncPeriod") || !is_number("changedSyncPeriod") {
        return Err(no_provider());
    }
    check_filter(view.config("customUserSearchFilter"))?;
    if !is_number("connectionTimeout") {
        return refuse("Connection Timeout must be a number");
    }
    if !is_number("readTimeout") {
        return refuse("Read Timeout must be a number");
    }
    if view.flag("startTls", false) && view.flag("connectionPooling", false) {
        return refuse("Can not enable both StartTLS and connection pooling.");
    }
    if mode.is_none() {
        return refuse("Edit Mode is mandatory");
    }
    if view.flag("validatePasswordPolicy", false) && mode != Some("WRITABLE") {
        return refuse("Validate Password Policy is applicable only with WRITABLE edit mode");
    }
    if mode == Some("UNSYNCED") && !view.flag("importEnabled", true) {
        return refuse("Can not disable Importing users when LDAP provider mode is UNSYNCED");
    }
    Ok(())
}

/// Puts in what a new LDAP provider always has, and makes its first mappers.
pub(super) fn complete(component: &mut Document, random: &Random) -> Vec<Document> {
    let view = ComponentView::from_body(&component.body);
    if !is_ldap(&view) {
        return Vec::new();
    }
    let is_active_directory = view.config("vendor") == Some("ad");
    if let Some(Value::Object(config)) = component.body.get_mut("config") {
        let principal = if is_active_directory {
            "userPrincipalName"
        } else {
            "krb5PrincipalName"
        };
        let name = "krbPrincipalAttribute".to_owned();
        config.entry(name).or_insert(json!([principal]));
    }
    let mappers = first_mappers(&view, is_active_directory).into_iter();
    let document = |(name, provider, config): (&str, &str, Value)| {
        let id = random.uuid();
        let body = Json::from_iter([
            ("id".to_owned(), json!(id)),
            ("name".to_owned(), json!(name)),
            ("providerId".to_owned(), json!(provider)),
            ("providerType".to_owned(), json!(LDAP_MAPPER)),
            ("parentId".to_owned(), json!(component.id)),
            ("config".to_owned(), config),
        ]);
        Document {
            kind: Kind::Component,
            unique_name: id.clone(),
            id,
            parent: component.id.clone(),
            enabled: true,
            body,
        }
    };
    mappers.map(document).collect()
}

type Mapper = (&'static str, &'static str, Value);

/// An attribute of a user and the one in LDAP that it comes from.
fn attribute(name: &'static str, pair: (&str, &str), flags: (bool, bool, bool)) -> Mapper {
    let (model, ldap) = pair;
    let (read_only, always, mandatory) = flags;
    let config = json!({
        "user.model.attribute": [model],
        "ldap.attribute": [ldap],
        "read.only": [read_only.to_string()],
        "always.read.value.from.ldap": [always.to_string()],
        "is.mandatory.in.ldap": [mandatory.to_string()],
    });
    (name, "user-attribute-ldap-mapper", config)
}

fn first_mappers(view: &ComponentView, is_active_directory: bool) -> Vec<Mapper> {
    let mode = view.config("editMode");
    let is_writable = mode == Some("WRITABLE");
    let fixed = !is_writable;
    let always = mode != Some("UNSYNCED");
    let username = view.config(USERNAME_ATTRIBUTE).unwrap_or("uid");
    let rdn = view.config("rdnLDAPAttribute").unwrap_or(username);
    let is_cn = |name: &str| name.eq_ignore_ascii_case("cn");
    let mut mappers = vec![attribute(
        USERNAME,
        ("username", username),
        (fixed, false, true),
    )];
    let first_name = |ldap| attribute("first name", ("firstName", ldap), (fixed, always, true));
    if !is_cn(rdn) {
        mappers.push(first_name("cn"));
    } else if is_cn(username) {
        mappers.push(first_name("givenName"));
    } else if is_writable {
        // Entries are named by `cn` there: it has to be written with a new user.
        mappers.push(first_name("givenName"));
        mappers.push(attribute(
            "username-cn",
            ("username", "cn"),
            (fixed, false, true),
        ));
    } else {
        let config = json!({
            "ldap.full.name.attribute": ["cn"],
            "read.only": [fixed.to_string()],
            "write.only": ["false"],
        });
        mappers.push(("full name", "full-name-ldap-mapper", config));
    }
    let (created, changed) = if is_active_directory {
        ("whenCreated", "whenChanged")
    } else {
        ("createTimestamp", "modifyTimestamp")
    };
    mappers.extend([
        attribute("last name", ("lastName", "sn"), (fixed, always, true)),
        attribute("email", ("email", "mail"), (fixed, false, false)),
        attribute(
            "creation date",
            ("createTimestamp", created),
            (true, always, false),
        ),
        attribute(
            "modify date",
            ("modifyTimestamp", changed),
            (true, always, false),
        ),
        (
            "Kerberos principal attribute mapper",
            "kerberos-principal-attribute-mapper",
            json!({}),
        ),
    ]);
    if is_active_directory {
        let config = json!({"always.read.enabled.value.from.ldap": ["true"]});
        mappers.push((
            "MSAD account controls",
            "msad-user-account-control-mapper",
            config,
        ));
    }
    mappers
}

/// The mapper of the user name, where a change of its provider changes it.
pub(super) async fn renamed(
    call: &AdminCall,
    before: &Document,
    after: &Document,
) -> Result<Option<Document>, Problem> {
    let view = ComponentView::from_body(&after.body);
    let was = ComponentView::from_body(&before.body);
    let attribute = view.config(USERNAME_ATTRIBUTE);
    if !is_ldap(&view) || attribute.is_none() || attribute == was.config(USERNAME_ATTRIBUTE) {
        return Ok(None);
    }
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut below = store.children(realm, Kind::Component, &after.id).await?;
    let found = below
        .iter_mut()
        .find(|mapper| mapper.body.get("name").and_then(Value::as_str) == Some(USERNAME));
    let Some(mapper) = found else { return Ok(None) };
    if let Some(Value::Object(config)) = mapper.body.get_mut("config") {
        config.insert("ldap.attribute".to_owned(), json!([attribute]));
    }
    Ok(Some(mapper.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(config: &Value) -> ComponentView {
        let body = json!({"providerType": USER_STORAGE_PROVIDER, "providerId": "ldap",
                          "config": config});
        ComponentView::from_body(body.as_object().unwrap())
    }

    #[test]
    fn user_storage_is_refused_in_keycloaks_words() {
        let filter =
            "Custom configured LDAP filter does not start with \"(\" or does not end with \")\".";
        let policy = "Validate Password Policy is applicable only with WRITABLE edit mode";
        let import = "Can not disable Importing users when LDAP provider mode is UNSYNCED";
        for (config, expected) in [
            (json!({"editMode": ["READ_ONLY"]}), None),
            (json!({}), Some("Edit Mode is mandatory")),
            (
                json!({"editMode": ["READ_ONLY"], "customUserSearchFilter": ["x"]}),
                Some(filter),
            ),
            (
                json!({"editMode": ["READ_ONLY"], "readTimeout": ["x"]}),
                Some("Read Timeout must be a number"),
            ),
            (
                json!({"editMode": ["READ_ONLY"], "startTls": ["true"], "connectionPooling": ["true"]}),
                Some("Can not enable both StartTLS and connection pooling."),
            ),
            (
                json!({"editMode": ["UNSYNCED"], "validatePasswordPolicy": ["true"]}),
                Some(policy),
            ),
            (
                json!({"editMode": ["UNSYNCED"], "importEnabled": ["false"]}),
                Some(import),
            ),
        ] {
            let refused = check(&view(&config)).err();
            let text = refused.map(|problem| problem.body()["errorMessage"].clone());
            assert_eq!(text, expected.map(|text| json!(text)), "{config}");
        }
        for config in [
            json!({"editMode": ["X"]}),
            json!({"editMode": ["READ_ONLY"], "fullSyncPeriod": ["x"]}),
        ] {
            let problem = check(&view(&config)).expect_err("a refusal");
            assert_eq!(
                problem.body()["error"],
                "Invalid provider type or no such provider"
            );
        }
    }

    #[test]
    fn the_first_mappers_follow_from_how_entries_are_named() {
        let names = |config: Value| -> Vec<&'static str> {
            let view = view(&config);
            let active = view.config("vendor") == Some("ad");
            let mut names: Vec<_> = first_mappers(&view, active)
                .into_iter()
                .map(|(name, _, _)| name)
                .collect();
            names.retain(|name| {
                [
                    "first name",
                    "full name",
                    "username-cn",
                    "MSAD account controls",
                ]
                .contains(name)
            });
            names
        };
        for (config, expected) in [
            (json!({"editMode": ["WRITABLE"]}), vec!["first name"]),
            (
                json!({"editMode": ["READ_ONLY"], "rdnLDAPAttribute": ["CN"]}),
                vec!["full name"],
            ),
            (
                json!({"editMode": ["WRITABLE"], "rdnLDAPAttribute": ["cn"]}),
                vec!["first name", "username-cn"],
            ),
            (
                json!({"usernameLDAPAttribute": ["cn"], "vendor": ["ad"]}),
                vec!["first name", "MSAD account controls"],
            ),
        ] {
            assert_eq!(names(config.clone()), expected, "{config}");
        }
    }
}
