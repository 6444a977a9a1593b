//! Client scopes, and which of them clients have.

use claviger_wire::document::{Json, Kind, LinkKind};
use serde_json::{Value, json};

use super::assembly::{Assembly, Place};
use super::problem::{At, ImportError};
use super::shape::{complete_mappers, each, text, texts};
use crate::defaults::Template;
use crate::signal;

/// The role and the scope of tokens that outlive the browser.
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";
/// The scope of clients that act on their own behalf.
pub(crate) const SERVICE_ACCOUNT: &str = "service_account";

/// Adds one client scope.
pub(crate) fn add_scope(
    assembly: &mut Assembly<'_>,
    mut scope: Json,
    at: &At<'_>,
) -> Result<String, ImportError> {
    let Some(name) = text(&scope, "name").map(str::to_owned) else {
        return Err(at.key("name").invalid("a client scope needs a name"));
    };
    complete_mappers(&mut scope, assembly.random);
    scope.entry("attributes").or_insert(json!({}));
    if let Some(Value::Object(attributes)) = scope.get_mut("attributes") {
        attributes.retain(|_, value| !value.is_null());
    }
    assembly.add(
        &Place {
            kind: Kind::ClientScope,
            parent: "",
            name: &name,
        },
        scope,
        at,
    )
}

/// Adds a built-in scope and makes it one of the realm's, as default or optional.
pub(crate) fn add_default(
    assembly: &mut Assembly<'_>,
    template: &Template<'_>,
    name: &str,
) -> Result<(), ImportError> {
    let Some(scope) = template.named("clientScopes", "name", name) else {
        return Ok(());
    };
    let id = add_scope(assembly, scope, &At::Root.key("clientScopes"))?;
    let realm = assembly.realm_id.clone();
    if Template::names("defaultDefaultClientScopes").contains(&name) {
        assembly.link(LinkKind::RealmDefaultScope, &realm, &id);
    }
    if Template::names("defaultOptionalClientScopes").contains(&name) {
        assembly.link(LinkKind::RealmOptionalScope, &realm, &id);
    }
    Ok(())
}

/// Adds all built-in scopes that are not there yet.
pub(crate) fn add_all_defaults(
    assembly: &mut Assembly<'_>,
    template: &Template<'_>,
) -> Result<(), ImportError> {
    for scope in template.list("clientScopes") {
        let name = text(&scope, "name").unwrap_or_default();
        if assembly.find(Kind::ClientScope, "", name).is_none() {
            add_default(assembly, template, name)?;
        }
    }
    Ok(())
}

/// Adds the scopes of the file and makes those the realm's that it names. Keycloak looks for the
/// names among the file's own scopes alone and passes over what it does not find.
pub(crate) fn add_from_file(assembly: &mut Assembly<'_>, file: &Json) -> Result<(), ImportError> {
    let list_at = At::Root.key("clientScopes");
    let mut added = Vec::new();
    for (index, scope) in each(file, "clientScopes") {
        added.push(add_scope(assembly, scope.clone(), &list_at.index(index))?);
    }
    let realm = assembly.realm_id.clone();
    for (member, kind) in [
        ("defaultDefaultClientScopes", LinkKind::RealmDefaultScope),
        ("defaultOptionalClientScopes", LinkKind::RealmOptionalScope),
    ] {
        for (index, name) in texts(file, member) {
            match assembly.find(Kind::ClientScope, "", name) {
                Some(id) if added.contains(&id) => assembly.link(kind, &realm, &id),
                Some(_) => {}
                None => {
                    let list_at = At::Root.key(member);
                    let at = list_at.index(index);
                    assembly
                        .warnings
                        .push(format!("{at}: there is no client scope `{name}`"));
                }
            }
        }
    }
    Ok(())
}

/// Adds the scopes of receivers of shared signals that are not there yet.
pub(crate) fn add_for_receivers(assembly: &mut Assembly<'_>) -> Result<(), ImportError> {
    for (name, scope) in signal::scopes::representations() {
        if assembly.find(Kind::ClientScope, "", name).is_some() {
            continue;
        }
        let id = add_scope(assembly, scope, &At::Root.key("clientScopes"))?;
        let realm = assembly.realm_id.clone();
        assembly.link(LinkKind::RealmOptionalScope, &realm, &id);
    }
    Ok(())
}

/// Links a client to the scopes that it names; one that names none gets the realm's.
pub(crate) fn assign(
    assembly: &mut Assembly<'_>,
    client: &str,
    protocol: &str,
    representation: &Json,
    at: &At<'_>,
) {
    let lists = [
        (
            "optionalClientScopes",
            LinkKind::OptionalScope,
            LinkKind::DefaultScope,
        ),
        (
            "defaultClientScopes",
            LinkKind::DefaultScope,
            LinkKind::OptionalScope,
        ),
    ];
    if !lists
        .iter()
        .any(|(member, ..)| representation.get(*member).is_some_and(Value::is_array))
    {
        assign_realm_scopes(assembly, client, protocol);
        return;
    }
    for (member, kind, other) in lists {
        for (index, name) in texts(representation, member) {
            if let Some(id) = assembly.find(Kind::ClientScope, "", name) {
                // A scope named twice is a default one.
                assembly.unlink(other, client, &id);
                assembly.link(kind, client, &id);
            } else {
                let list_at = at.key(member);
                let at = list_at.index(index);
                assembly
                    .warnings
                    .push(format!("{at}: there is no client scope `{name}`"));
            }
        }
    }
}

/// Links a client to the realm's scopes of its protocol.
pub(crate) fn assign_realm_scopes(assembly: &mut Assembly<'_>, client: &str, protocol: &str) {
    let realm = assembly.realm_id.clone();
    for (from, to) in [
        (LinkKind::RealmDefaultScope, LinkKind::DefaultScope),
        (LinkKind::RealmOptionalScope, LinkKind::OptionalScope),
    ] {
        for scope in assembly.linked(from, &realm) {
            let body = assembly.body_mut(Kind::ClientScope, &scope);
            let same = body.is_some_and(|body| text(body, "protocol") == Some(protocol));
            if same {
                assembly.link(to, client, &scope);
            }
        }
    }
}
