//! Roles that an import hands out: to users by name or through their groups, to groups, into roles.

use std::collections::BTreeSet;

use claviger_model::{ClientUuid, RoleId};
use claviger_wire::document::{Kind, Link, LinkKind};

use crate::import::NewUser;
use crate::import::assembly::Assembly;
use crate::realm::{Role, Roles};

/// Every role that somebody or something gets which had it not. A role that the import makes is
/// told like all others: it may carry the name of a right.
pub(super) fn given(
    assembly: &Assembly<'_>,
    kept: &BTreeSet<Link>,
    users: &[NewUser],
    roles: &Roles,
) -> Vec<Role> {
    let mut ids = BTreeSet::new();
    for link in assembly.all_links().difference(kept) {
        if matches!(link.kind, LinkKind::Composite | LinkKind::GroupRole) {
            ids.insert(link.to.clone());
        }
    }
    for user in users {
        ids.extend(user.roles.iter().map(|id| id.as_str().to_owned()));
        for group in &user.groups {
            ids.extend(roles_of_group(assembly, group.as_str()));
        }
    }
    let role = |id: &String| {
        let known = roles.get(&RoleId::new(id.as_str())).cloned();
        known.or_else(|| new_role(assembly, id))
    };
    ids.iter().filter_map(role).collect()
}

/// The roles of a group and of those that it lies in.
fn roles_of_group(assembly: &Assembly<'_>, group: &str) -> Vec<String> {
    let mut roles = Vec::new();
    let mut open = Some(group);
    while let Some(id) = open.filter(|id| !id.is_empty()) {
        roles.extend(assembly.linked(LinkKind::GroupRole, id));
        let mut groups = assembly.of_kind(Kind::Group);
        let found = groups.find(|document| document.id == id);
        open = found.map(|document| document.parent.as_str());
    }
    roles
}

fn new_role(assembly: &Assembly<'_>, id: &str) -> Option<Role> {
    let mut new = assembly.new_documents().iter();
    let role = new.find(|document| document.kind == Kind::Role && document.id == id)?;
    let client = (!role.parent.is_empty()).then(|| ClientUuid::new(role.parent.as_str()));
    let contained = assembly.linked(LinkKind::Composite, id).into_iter();
    Some(Role {
        id: RoleId::new(id),
        name: role.unique_name.clone(),
        client,
        composites: contained.map(RoleId::new).collect(),
    })
}
