//! Users and groups that have a role.

use axum::http::Method;
use claviger_model::GroupId;
use claviger_surface::Answer;
use claviger_wire::document::LinkKind;
use serde_json::Value;

use super::{CLIENT, REALM, seen};
use crate::admin::paging::Page;
use crate::admin::users::groups::show as show_group;
use crate::admin::users::representation::Access;
use crate::admin::users::show_many;
use crate::call::{AdminCall, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Route, route};

/// How many users or groups a list shows if nobody says.
const PAGE: i64 = 100;
/// Below the realm and below a client.
const PATHS: [[&str; 2]; 2] = [
    [
        "/admin/realms/{realm}/roles/{role}/users",
        "/admin/realms/{realm}/roles/{role}/groups",
    ],
    [
        "/admin/realms/{realm}/clients/{client}/roles/{role}/users",
        "/admin/realms/{realm}/clients/{client}/roles/{role}/groups",
    ],
];

/// The rows of this file. Whoever asks must also have a right over those who are listed.
pub(super) fn routes() -> Vec<Route> {
    let rights = [REALM.see, CLIENT.see];
    let rows = PATHS
        .into_iter()
        .zip(rights)
        .flat_map(|([of_users, of_groups], see)| {
            [
                route(Method::GET, of_users, see, users),
                route(Method::GET, of_groups, see, groups),
            ]
        });
    rows.collect()
}

async fn require(call: &AdminCall, rights: &[Right]) -> Result<(), Problem> {
    if call.admin.may(&call.realm, rights).await? {
        Ok(())
    } else {
        Err(Problem::lacks(rights))
    }
}

async fn users(call: AdminCall) -> Result<Answer, Problem> {
    require(
        &call,
        &[Right::QueryUsers, Right::ViewUsers, Right::ManageUsers],
    )
    .await?;
    let page = Page::of(&call, PAGE)?;
    let found = seen(&call).await?;
    let access = Access::of(&call).await?;
    if !access.view {
        return Ok(read_out(&Vec::<Value>::new()));
    }
    let store = &call.app.store;
    let users = store
        .users_with_role(&call.realm.id, &found.id(), page.first, page.max)
        .await?;
    let brief = call.flag("briefRepresentation").unwrap_or(false);
    Ok(read_out(&show_many(&call, access, &users, brief).await?))
}

async fn groups(call: AdminCall) -> Result<Answer, Problem> {
    require(
        &call,
        &[Right::QueryGroups, Right::ViewUsers, Right::ManageUsers],
    )
    .await?;
    let page = Page::of(&call, PAGE)?;
    let found = seen(&call).await?;
    let (store, role) = (&call.app.store, &found.document.id);
    let linked = store
        .links_to(&call.realm.id, LinkKind::GroupRole, role)
        .await?;
    let mut named = Vec::with_capacity(linked.len());
    for id in linked.into_iter().map(GroupId::new) {
        if let Some(group) = call.realm.group(&id).await? {
            named.push((group.name.clone(), id));
        }
    }
    named.sort();
    let brief = call.flag("briefRepresentation").unwrap_or(true);
    let mut shown = Vec::new();
    for (_, id) in page.cut(named) {
        shown.extend(show_group(&call, &id, brief).await?);
    }
    Ok(read_out(&shown))
}
