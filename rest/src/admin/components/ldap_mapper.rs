//! Settings of what becomes of what LDAP has of users, groups and roles.

use claviger_wire::component::ComponentView;
use claviger_wire::document::Kind;

use super::check::{no_provider, required};
use super::ldap::check_filter;
use crate::admin::users::groups::by_path;
use crate::call::AdminCall;
use crate::problem::Problem;

fn refuse(text: &str) -> Result<(), Problem> {
    Err(Problem::bad_request(text))
}

fn missing(view: &ComponentView, name: &str, label: &str) -> Result<(), Problem> {
    if view.config(name).is_some() {
        return Ok(());
    }
    refuse(&format!("Missing configuration for {label}"))
}

/// Refuses a mapper that could not be used.
pub(super) async fn check(call: &AdminCall, view: &ComponentView) -> Result<(), Problem> {
    match view.provider_id.as_str() {
        "user-attribute-ldap-mapper" | "certificate-ldap-mapper" => attribute(view),
        "full-name-ldap-mapper" => full_name(call, view).await,
        "group-ldap-mapper" => groups(call, view).await,
        "role-ldap-mapper" => roles(view),
        "hardcoded-ldap-role-mapper" => role(call, view).await,
        "hardcoded-ldap-group-mapper" => group(call, view).await,
        "hardcoded-attribute-mapper" => {
            required(view, "user.model.attribute", "Attribute Name")?;
            required(view, "attribute.value", "Attribute Value")?;
            if matches!(
                view.config("user.model.attribute"),
                Some("username" | "email")
            ) {
                return refuse("Attribute Name cannot be set to username or email");
            }
            Ok(())
        }
        "hardcoded-ldap-attribute-mapper" => {
            required(view, "ldap.attribute.name", "LDAP Attribute Name")?;
            required(view, "ldap.attribute.value", "LDAP Attribute Value")
        }
        _ => Ok(()),
    }
}

fn attribute(view: &ComponentView) -> Result<(), Problem> {
    missing(view, "user.model.attribute", "User Model Attribute")?;
    missing(view, "ldap.attribute", "LDAP Attribute")?;
    let is_binary = view.flag("is.binary.attribute", false);
    if is_binary && !view.flag("always.read.value.from.ldap", false) {
        return refuse(
            "With Binary attribute enabled, the 'Always read value from LDAP' must be enabled too",
        );
    }
    Ok(())
}

/// The edit mode of the provider that a mapper belongs to.
async fn mode(call: &AdminCall, view: &ComponentView) -> Result<Option<String>, Problem> {
    let Some(parent) = view.parent_id.as_deref() else {
        return Ok(None);
    };
    let (store, realm) = (&call.app.store, &call.realm.id);
    let parent = store.document(realm, Kind::Component, parent).await?;
    let parent = parent.map(|parent| ComponentView::from_body(&parent.body));
    Ok(parent.and_then(|parent| parent.config("editMode").map(str::to_owned)))
}

async fn full_name(call: &AdminCall, view: &ComponentView) -> Result<(), Problem> {
    missing(view, "ldap.full.name.attribute", "LDAP Full Name Attribute")?;
    if !view.flag("write.only", false) {
        return Ok(());
    }
    let mode = mode(call, view).await?;
    if mode.is_some_and(|mode| mode != "WRITABLE") {
        return refuse("Can not set write only when LDAP provider mode is not WRITABLE");
    }
    if view.flag("read.only", false) {
        return refuse("Can not set write-only and read-only together");
    }
    Ok(())
}

async fn groups(call: &AdminCall, view: &ComponentView) -> Result<(), Problem> {
    missing(view, "groups.dn", "LDAP Groups DN")?;
    missing(view, "mode", "Mode")?;
    match view.config("membership.attribute.type") {
        None | Some("DN") => {}
        Some("UID") if !view.flag("preserve.group.inheritance", true) => {}
        Some("UID") => {
            return refuse(
                "Not possible to preserve group inheritance and use UID membership type together.",
            );
        }
        Some(_) => return Err(no_provider()),
    }
    check_filter(view.config("groups.ldap.filter"))?;
    let path = view.config("groups.path").unwrap_or("/");
    if path != "/" && by_path(call, path).await?.is_none() {
        return refuse(
            "Groups path group does not exist - please create the group on specified path first",
        );
    }
    Ok(())
}

fn roles(view: &ComponentView) -> Result<(), Problem> {
    missing(view, "roles.dn", "LDAP Roles DN")?;
    missing(view, "mode", "Mode")?;
    let of_the_realm = view.flag("use.realm.roles.mapping", false);
    if !of_the_realm && view.config("client.id").is_none() {
        return refuse(
            "Client ID needs to be provided in config when Realm Roles Mapping is not used.",
        );
    }
    check_filter(view.config("roles.ldap.filter"))
}

/// A role of the realm, or of a client with the client's name and a dot before it.
async fn role(call: &AdminCall, view: &ComponentView) -> Result<(), Problem> {
    let Some(name) = view.config("role") else {
        return refuse("Role cant be null");
    };
    let roles = call.realm.roles().await?;
    let mut is_there = roles.named(None, name).is_some();
    for (at, _) in name.match_indices('.') {
        let (client, role) = name.split_at(at);
        if let Some(client) = call.realm.client(client).await? {
            let role = role.trim_start_matches('.');
            is_there |= roles.named(Some(&client.uuid), role).is_some();
        }
    }
    if is_there {
        return Ok(());
    }
    refuse("There is no role corresponding to configured value")
}

async fn group(call: &AdminCall, view: &ComponentView) -> Result<(), Problem> {
    let Some(path) = view.config("group") else {
        return refuse("Group cant be null");
    };
    if by_path(call, path).await?.is_some() {
        return Ok(());
    }
    refuse("There is no group corresponding to configured value")
}
