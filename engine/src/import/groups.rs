//! Groups, their roles, and those that new users join.

use claviger_wire::document::{Json, Kind, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::assembly::{Assembly, Place};
use super::problem::{At, ImportError};
use super::shape::{each, members, text, text_list, texts};

/// Deepest tree of groups.
const MAX_DEPTH: usize = 64;

/// Whose groups are added.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tree<'a> {
    /// The realm's own.
    OfRealm,
    /// Those within an organization, by its id.
    OfOrganization(&'a str),
}

impl Tree<'_> {
    const fn kind(self) -> Kind {
        match self {
            Self::OfRealm => Kind::Group,
            Self::OfOrganization(_) => Kind::OrganizationGroup,
        }
    }
}

/// Adds the groups of the file with all below them.
pub(crate) fn add_from_file(assembly: &mut Assembly<'_>, file: &Json) -> Result<(), ImportError> {
    let list_at = At::Root.key("groups");
    for (index, group) in each(file, "groups") {
        add_group(assembly, Tree::OfRealm, "", group, &list_at.index(index), 0)?;
    }
    if !file.get("groups").is_some_and(Value::is_array) {
        return Ok(());
    }
    let realm = assembly.realm_id.clone();
    let list_at = At::Root.key("defaultGroups");
    for (index, path) in texts(file, "defaultGroups") {
        let at = list_at.index(index);
        let group = by_path(assembly, path).ok_or_else(|| no_such_group(&at, path))?;
        assembly.link(LinkKind::DefaultGroup, &realm, &group);
    }
    Ok(())
}

pub(crate) fn no_such_group(at: &At<'_>, path: &str) -> ImportError {
    at.invalid(format!("there is no group of path `{path}`"))
}

pub(crate) fn add_group(
    assembly: &mut Assembly<'_>,
    tree: Tree<'_>,
    parent: &str,
    group: &Json,
    at: &At<'_>,
    depth: usize,
) -> Result<(), ImportError> {
    if depth >= MAX_DEPTH {
        return Err(at.invalid(format!("groups may be {MAX_DEPTH} deep at most")));
    }
    let Some(name) = text(group, "name").map(str::to_owned) else {
        return Err(at.key("name").invalid("Group name is missing"));
    };
    let mut body = group.clone();
    for derived in [
        "path",
        "parentId",
        "subGroups",
        "subGroupCount",
        "access",
        "realmRoles",
        "clientRoles",
    ] {
        body.shift_remove(derived);
    }
    let attributes = Fields::of(&body).texts_map("attributes");
    body.insert("attributes".to_owned(), json!(attributes));
    let id = assembly.add(
        &Place {
            kind: tree.kind(),
            parent,
            name: &name,
        },
        body,
        at,
    )?;
    if let Tree::OfOrganization(organization) = tree {
        assembly.link(LinkKind::OrganizationGroup, organization, &id);
    }
    link_roles(assembly, &id, group, at)?;
    let list_at = at.key("subGroups");
    for (index, below) in each(group, "subGroups") {
        let at = list_at.index(index);
        add_group(assembly, tree, &id, below, &at, depth + 1)?;
    }
    Ok(())
}

fn link_roles(
    assembly: &mut Assembly<'_>,
    id: &str,
    group: &Json,
    at: &At<'_>,
) -> Result<(), ImportError> {
    let list_at = at.key("realmRoles");
    for (index, name) in texts(group, "realmRoles") {
        let role = assembly.role_or_new("", name, &list_at.index(index))?;
        assembly.link(LinkKind::GroupRole, id, &role);
    }
    let all_at = at.key("clientRoles");
    for (client_id, names) in members(group, "clientRoles") {
        let client_at = all_at.key(client_id);
        let client = assembly.client(client_id, &client_at)?;
        for (index, name) in text_list(Some(names)) {
            let role = assembly.role_or_new(&client, name, &client_at.index(index))?;
            assembly.link(LinkKind::GroupRole, id, &role);
        }
    }
    Ok(())
}

/// The names on a path such as `/staff/night shift`; none if it leads nowhere.
pub(crate) fn path_segments(path: &str) -> Option<Vec<String>> {
    let path = path.trim().trim_matches('/');
    let path = path.replace("~/", "\u{0}");
    let names = path.split('/').map(|name| name.replace('\u{0}', "/"));
    (!path.is_empty()).then(|| names.collect())
}

/// The group at a path such as `/staff/night shift`; the first slash may be missing, and a slash
/// within a name may be written `~/` or as it is.
pub(crate) fn by_path(assembly: &Assembly<'_>, path: &str) -> Option<String> {
    let path = path.trim();
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    walk(assembly, "", path, 0)
}

fn walk(assembly: &Assembly<'_>, parent: &str, rest: &str, depth: usize) -> Option<String> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let find = |name: &str| assembly.find(Kind::Group, parent, &name.replace("~/", "/"));
    // The shortest name that leads on wins; a name with slashes in it is tried after that.
    for (slash, _) in rest.match_indices('/') {
        let (name, below) = rest.split_at(slash);
        if let Some(group) = find(name)
            && let Some(found) = walk(assembly, &group, below.trim_start_matches('/'), depth + 1)
        {
            return Some(found);
        }
    }
    find(rest)
}
