//! Groups within an organization, apart from those of the realm.

mod change;
mod find;
mod forest;
mod members;

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use claviger_engine::realm::Group;
use claviger_store::Tx;
use claviger_wire::document::{Document, Kind, LinkKind};
use serde_json::Value;

pub(super) use self::find::of_provider;
use self::forest::Forest;
use super::{MANAGE, VIEW, organization};
use crate::call::{AdminCall, Resource};
use crate::problem::Problem;
use crate::route::{Route, route};

/// The rows of this file and of those below it.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: &str = "/admin/realms/{realm}/organizations/{organization}/groups";
    const NO_PATH: &str =
        "/admin/realms/{realm}/organizations/{organization}/groups/group-by-path/";
    const AT_PATH: &str =
        "/admin/realms/{realm}/organizations/{organization}/groups/group-by-path/{*path}";
    const ONE: &str = "/admin/realms/{realm}/organizations/{organization}/groups/{group}";
    const BELOW: &str =
        "/admin/realms/{realm}/organizations/{organization}/groups/{group}/children";
    const MEMBERS: &str =
        "/admin/realms/{realm}/organizations/{organization}/groups/{group}/members";
    const MEMBER: &str =
        "/admin/realms/{realm}/organizations/{organization}/groups/{group}/members/{user}";
    const OF_MEMBER: &str =
        "/admin/realms/{realm}/organizations/{organization}/members/{user}/groups";
    vec![
        route(M::GET, ALL, VIEW, find::list),
        route(M::POST, ALL, MANAGE, change::create_top),
        route(M::GET, NO_PATH, VIEW, find::at_path),
        route(M::GET, AT_PATH, VIEW, find::at_path),
        route(M::GET, ONE, VIEW, find::show),
        route(M::PUT, ONE, MANAGE, change::update),
        route(M::DELETE, ONE, MANAGE, change::delete),
        route(M::GET, BELOW, VIEW, find::children),
        route(M::POST, BELOW, MANAGE, change::create_below),
        route(M::GET, MEMBERS, VIEW, members::list),
        route(M::PUT, MEMBER, MANAGE, members::join),
        route(M::DELETE, MEMBER, MANAGE, members::leave),
        route(M::GET, OF_MEMBER, VIEW, members::of_member),
    ]
}

/// The group that the path names, among all of its organization.
async fn group(call: &AdminCall) -> Result<(Forest, Document), Problem> {
    let forest = Forest::of(call, organization(call).await?).await?;
    let id = call.param("group");
    if let Some(group) = forest.get(id).cloned() {
        return Ok((forest, group));
    }
    let store = &call.app.store;
    for kind in [Kind::Group, Kind::OrganizationGroup] {
        if store.document(&call.realm.id, kind, id).await?.is_some() {
            let text = "Group does not belong to the organization";
            return Err(Problem::bad_request(text));
        }
    }
    let text = "Group does not exist";
    Err(Problem::message(StatusCode::NOT_FOUND, text))
}

/// The group that the path names and those above it, with their roles.
pub(in crate::admin) async fn named(call: &AdminCall) -> Result<Vec<Arc<Group>>, Problem> {
    let (forest, group) = group(call).await?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut line = Vec::new();
    for group in forest.line(&group.id) {
        let roles = store.links_from(realm, LinkKind::GroupRole, &group.id);
        line.push(Arc::new(Group::new(group.clone(), roles.await?)));
    }
    Ok(line)
}

fn record(call: &AdminCall, tx: &mut Tx, operation: &'static str, told: Option<&Value>) {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: "ORGANIZATION_GROUP",
        path: Some(&path),
    };
    call.record(tx, resource, told);
}
