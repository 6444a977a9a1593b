//! Roles, what they contain, and which roles tokens may carry.

use claviger_wire::document::{Json, Kind, LinkKind};
use serde_json::{Value, json};

use super::assembly::{Assembly, Place};
use super::problem::{At, ImportError};
use super::scopes::OFFLINE_ACCESS;
use super::shape::{each, members, text, text_list, texts};
use crate::defaults::Template;

/// The role of realm-management that contains all others.
pub(crate) const REALM_ADMIN: &str = "realm-admin";

/// Adds the realm's default role, which new users get: the one the file names, or a new one.
pub(crate) fn add_default_role(
    assembly: &mut Assembly<'_>,
    file: &Json,
    realm: &str,
) -> Result<String, ImportError> {
    let at = At::Root.key("defaultRole");
    if let Some(role) = file.get("defaultRole").and_then(Value::as_object) {
        return add_role(assembly, "", role, &at);
    }
    let plain = format!("default-roles-{}", realm.to_lowercase());
    let mut name = plain.clone();
    let mut suffix = 1;
    while has_realm_role(file, &name) {
        name = format!("{plain}-{suffix}");
        suffix += 1;
    }
    let role = Json::from_iter([
        ("name".to_owned(), json!(name)),
        ("description".to_owned(), json!("${role_default-roles}")),
    ]);
    add_role(assembly, "", &role, &at)
}

/// Whether the file lists a realm role.
pub(crate) fn has_realm_role(file: &Json, name: &str) -> bool {
    let roles = file.get("roles").and_then(Value::as_object);
    roles
        .is_some_and(|roles| each(roles, "realm").any(|(_, role)| text(role, "name") == Some(name)))
}

/// Adds one role; what it contains is linked later.
pub(crate) fn add_role(
    assembly: &mut Assembly<'_>,
    parent: &str,
    role: &Json,
    at: &At<'_>,
) -> Result<String, ImportError> {
    let Some(name) = text(role, "name").map(str::to_owned) else {
        return Err(at.key("name").invalid("a role needs a name"));
    };
    let mut body = role.clone();
    for derived in [
        "composite",
        "composites",
        "clientRole",
        "containerId",
        "scopeParamRequired",
    ] {
        body.shift_remove(derived);
    }
    body.entry("attributes").or_insert(json!({}));
    assembly.add(
        &Place {
            kind: Kind::Role,
            parent,
            name: &name,
        },
        body,
        at,
    )
}

/// Adds a realm role that every realm has, and puts it into the default role; one that is there
/// already stays as it is.
pub(crate) fn add_builtin_realm_role(
    assembly: &mut Assembly<'_>,
    name: &str,
    default_role: &str,
) -> Result<String, ImportError> {
    if let Some(id) = assembly.find(Kind::Role, "", name) {
        return Ok(id);
    }
    let description = match name {
        OFFLINE_ACCESS => "${role_offline-access}".to_owned(),
        other => format!("${{role_{other}}}"),
    };
    let role = Json::from_iter([
        ("name".to_owned(), json!(name)),
        ("description".to_owned(), json!(description)),
    ]);
    let id = add_role(assembly, "", &role, &At::Root.key("roles").key("realm"))?;
    assembly.link(LinkKind::Composite, default_role, &id);
    Ok(id)
}

/// Roles that a built-in client comes with.
pub(crate) struct BuiltinRoles {
    /// The client that has them in the defaults.
    pub(crate) client: &'static str,
    /// One of them that is left out.
    pub(crate) except: Option<&'static str>,
}

impl BuiltinRoles {
    pub(crate) const fn of(client: &'static str) -> Self {
        Self {
            client,
            except: None,
        }
    }
}

/// Adds those roles of a built-in client that are missing, and what they contain.
pub(crate) fn add_missing_client_roles(
    assembly: &mut Assembly<'_>,
    builtin: &BuiltinRoles,
    client: &str,
) -> Result<(), ImportError> {
    let mut roles = Template::client_roles(builtin.client);
    roles.retain(|role| text(role, "name") != builtin.except);
    let at = At::Root.key("roles");
    let mut added = Vec::new();
    for role in &roles {
        let name = text(role, "name").unwrap_or_default();
        if assembly.find(Kind::Role, client, name).is_none() {
            add_role(assembly, client, role, &at)?;
            added.push(name);
        }
    }
    for role in &roles {
        let name = text(role, "name").unwrap_or_default();
        let Some(id) = assembly.find(Kind::Role, client, name) else {
            continue;
        };
        let parts = role
            .get("composites")
            .and_then(|composites| composites.get("client"));
        for (_, part) in text_list(parts.and_then(|parts| parts.get(builtin.client))) {
            // The role of all administrators is completed by what was missing only: a file may
            // leave something out of it on purpose.
            let wanted = name != REALM_ADMIN || added.contains(&part) || added.contains(&name);
            if wanted && let Some(part) = assembly.find(Kind::Role, client, part) {
                assembly.link(LinkKind::Composite, &id, &part);
            }
        }
    }
    Ok(())
}

/// Adds the roles of the file, then what they contain. `except` is a realm role to pass over.
pub(crate) fn add_from_file(
    assembly: &mut Assembly<'_>,
    file: &Json,
    default_role: &str,
    except: Option<&str>,
) -> Result<(), ImportError> {
    let Some(roles) = file.get("roles").and_then(Value::as_object) else {
        return Ok(());
    };
    let root = At::Root.key("roles");
    let realm_at = root.key("realm");
    let default_name = assembly.body_mut(Kind::Role, default_role);
    let default_name = default_name.and_then(|body| text(body, "name").map(str::to_owned));
    for (index, role) in each(roles, "realm") {
        let name = text(role, "name");
        if (name.is_some() && name == default_name.as_deref()) || (name.is_some() && name == except)
        {
            continue;
        }
        add_role(assembly, "", role, &realm_at.index(index))?;
    }
    let all_at = root.key("client");
    for (client_id, list) in members(roles, "client") {
        let client_at = all_at.key(client_id);
        let client = assembly.client(client_id, &client_at)?;
        for (index, role) in list.as_array().into_iter().flatten().enumerate() {
            if let Some(role) = role.as_object() {
                add_role(assembly, &client, role, &client_at.index(index))?;
            }
        }
    }
    for (index, role) in each(roles, "realm") {
        let Some(name) = text(role, "name").filter(|name| Some(*name) != except) else {
            continue;
        };
        if let Some(id) = assembly.find(Kind::Role, "", name) {
            link_composites(assembly, &id, role, &realm_at.index(index))?;
        }
    }
    for (client_id, list) in members(roles, "client") {
        let client_at = all_at.key(client_id);
        let client = assembly.client(client_id, &client_at)?;
        for (index, role) in list.as_array().into_iter().flatten().enumerate() {
            let Some(role) = role.as_object() else {
                continue;
            };
            let name = text(role, "name").unwrap_or_default();
            if let Some(id) = assembly.find(Kind::Role, &client, name) {
                link_composites(assembly, &id, role, &client_at.index(index))?;
            }
        }
    }
    Ok(())
}

fn link_composites(
    assembly: &mut Assembly<'_>,
    id: &str,
    role: &Json,
    at: &At<'_>,
) -> Result<(), ImportError> {
    let Some(composites) = role.get("composites").and_then(Value::as_object) else {
        return Ok(());
    };
    let composites_at = at.key("composites");
    let realm_at = composites_at.key("realm");
    for (index, name) in texts(composites, "realm") {
        let Some(part) = assembly.find(Kind::Role, "", name) else {
            return Err(realm_at
                .index(index)
                .invalid(format!("there is no realm role `{name}`")));
        };
        assembly.link(LinkKind::Composite, id, &part);
    }
    let all_at = composites_at.key("client");
    for (client_id, names) in members(composites, "client") {
        let client_at = all_at.key(client_id);
        let client = assembly.client(client_id, &client_at)?;
        for (index, name) in text_list(Some(names)) {
            let Some(part) = assembly.find(Kind::Role, &client, name) else {
                let problem = format!("the client has no role `{name}`");
                return Err(client_at.index(index).invalid(problem));
            };
            assembly.link(LinkKind::Composite, id, &part);
        }
    }
    Ok(())
}

/// Puts roles into the default role that old files list as `defaultRoles`, of the realm and of
/// its clients.
pub(crate) fn add_old_default_roles(
    assembly: &mut Assembly<'_>,
    file: &Json,
    default_role: &str,
) -> Result<(), ImportError> {
    if file.get("defaultRole").is_some_and(Value::is_object) {
        return Ok(());
    }
    let list_at = At::Root.key("defaultRoles");
    for (index, name) in texts(file, "defaultRoles") {
        let role = assembly.role_or_new("", name, &list_at.index(index))?;
        assembly.link(LinkKind::Composite, default_role, &role);
    }
    let all_at = At::Root.key("clients");
    for (index, client) in each(file, "clients") {
        let client_at = all_at.index(index);
        let list_at = client_at.key("defaultRoles");
        for (index, name) in texts(client, "defaultRoles") {
            let at = list_at.index(index);
            let owner = assembly.client(text(client, "clientId").unwrap_or_default(), &at)?;
            let role = assembly.role_or_new(&owner, name, &at)?;
            assembly.link(LinkKind::Composite, default_role, &role);
        }
    }
    Ok(())
}

/// Links clients and client scopes to the roles that their tokens may carry. Roles that are only
/// mentioned here are made.
pub(crate) fn add_scope_mappings(
    assembly: &mut Assembly<'_>,
    file: &Json,
) -> Result<(), ImportError> {
    let root = At::Root.key("clientScopeMappings");
    for (client_id, mappings) in members(file, "clientScopeMappings") {
        let client_at = root.key(client_id);
        let client = assembly.client(client_id, &client_at)?;
        for (index, mapping) in mappings.as_array().into_iter().flatten().enumerate() {
            if let Some(mapping) = mapping.as_object() {
                add_scope_mapping(assembly, &client, mapping, &client_at.index(index))?;
            }
        }
    }
    let root = At::Root.key("scopeMappings");
    for (index, mapping) in each(file, "scopeMappings") {
        add_scope_mapping(assembly, "", mapping, &root.index(index))?;
    }
    Ok(())
}

fn add_scope_mapping(
    assembly: &mut Assembly<'_>,
    role_parent: &str,
    mapping: &Json,
    at: &At<'_>,
) -> Result<(), ImportError> {
    let holder = if let Some(client_id) = text(mapping, "client") {
        assembly.client(client_id, &at.key("client"))?
    } else if let Some(name) = text(mapping, "clientScope").or(text(mapping, "clientTemplate")) {
        assembly
            .find(Kind::ClientScope, "", name)
            .ok_or_else(|| at.invalid(format!("there is no client scope `{name}`")))?
    } else {
        return Err(at.invalid("either client or clientScope must be given"));
    };
    let roles_at = at.key("roles");
    for (index, name) in texts(mapping, "roles") {
        let role = assembly.role_or_new(role_parent, name, &roles_at.index(index))?;
        assembly.link(LinkKind::ScopeMapping, &holder, &role);
    }
    Ok(())
}
