//! Who is in a group within an organization: members of the organization only.

use axum::http::StatusCode;
use claviger_model::{GroupId, User, UserId};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json};
use serde_json::Value;

use super::find::name_begins;
use super::forest::{Forest, Look};
use super::group;
use crate::admin::organizations::members::{MANAGE_USERS, QUERY_USERS, VIEW_USERS, member};
use crate::admin::organizations::view::show_members;
use crate::admin::organizations::{organization, require};
use crate::admin::paging::Page;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::{Problem, done};

pub(super) async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let (_, group) = group(&call).await?;
    require(&call, QUERY_USERS).await?;
    let page = Page::of(&call, -1)?;
    if !call.admin.may(&call.realm, VIEW_USERS).await? {
        return Ok(read_out(&Vec::<Json>::new()));
    }
    let (store, realm) = (&call.app.store, &call.realm.id);
    let id = GroupId::new(group.id);
    let found = store.organization_group_members(realm, &id, page.first, page.max);
    let brief = call.flag("briefRepresentation").unwrap_or(false);
    Ok(read_out(&show_members(&call, found.await?, brief).await?))
}

/// The user that the path names.
async fn user(call: &AdminCall) -> Result<User, Problem> {
    let id = UserId::new(call.param("user"));
    let found = call.app.store.user(&call.realm.id, &id).await?;
    found.ok_or_else(|| Problem::message(StatusCode::NOT_FOUND, "User does not exist"))
}

pub(super) async fn join(call: AdminCall) -> Result<Answer, Problem> {
    let (forest, group) = group(&call).await?;
    require(&call, MANAGE_USERS).await?;
    let user = user(&call).await?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let organization = &forest.organization.id;
    let membership = store.organization_membership(realm, organization, &user.id);
    if membership.await?.is_none() {
        let text = "User is not member of the organization";
        return Err(Problem::bad_request(text));
    }
    let mut tx = Tx::new();
    let id = GroupId::new(group.id.as_str());
    tx.join_organization_group(realm, organization, (&user.id, &id));
    record(&call, &mut tx, ("CREATE", &user), (&forest, &group)).await?;
    let commit = call.app.commit(tx).await?;
    if commit.is_member_already() {
        let text = "User is already a member of the group";
        return Err(Problem::conflict(text));
    }
    done(commit)?;
    Ok(no_content().no_cache())
}

pub(super) async fn leave(call: AdminCall) -> Result<Answer, Problem> {
    let (forest, group) = group(&call).await?;
    require(&call, MANAGE_USERS).await?;
    let user = user(&call).await?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let id = GroupId::new(group.id.as_str());
    let organization = &forest.organization.id;
    let groups = store.organization_groups_of_user(realm, organization, &user.id);
    if groups.await?.contains(&id) {
        let mut tx = Tx::new();
        tx.leave_organization_group(realm, &user.id, &id);
        record(&call, &mut tx, ("DELETE", &user), (&forest, &group)).await?;
        done(call.app.commit(tx).await?)?;
    }
    Ok(no_content().no_cache())
}

/// The groups that a member of the organization is in.
pub(super) async fn of_member(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, VIEW_USERS).await?;
    let (user, _) = member(&call, &organization).await?;
    let page = Page::of(&call, -1)?;
    let look = Look {
        brief: call.flag("briefRepresentation").unwrap_or(true),
        counts: false,
    };
    let (store, realm) = (&call.app.store, &call.realm.id);
    let own = store.organization_groups_of_user(realm, &organization.id, &user.id);
    let own = own.await?;
    let search = call.query.get("search").unwrap_or_default().trim();
    let forest = Forest::of(&call, organization).await?;
    let mut found: Vec<&Document> = forest.groups.iter().collect();
    found.retain(|group| own.iter().any(|id| id.as_str() == group.id));
    found.retain(|group| name_begins(&group.unique_name, search));
    let mut shown = Vec::new();
    for group in page.cut(found) {
        shown.push(forest.show(&call, group, look).await?);
    }
    Ok(read_out(&shown))
}

async fn record(
    call: &AdminCall,
    tx: &mut Tx,
    (operation, user): (&'static str, &User),
    (forest, group): (&Forest, &Document),
) -> Result<(), Problem> {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: "ORGANIZATION_GROUP_MEMBERSHIP",
        path: Some(&path),
    };
    let look = Look {
        brief: true,
        counts: false,
    };
    let told = Value::Object(forest.show(call, group, look).await?);
    let details = [
        ("username", Some(user.username.as_str())),
        ("email", user.email.as_deref()),
    ];
    call.record_with(tx, resource, Some(&told), &details);
    Ok(())
}
