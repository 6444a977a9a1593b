//! Who belongs to an organization.

use axum::http::Method;
use claviger_engine::departure;
use claviger_engine::signal::set::Initiator;
use claviger_model::{User, UserId};
use claviger_store::{MemberQuery, Tx};
use claviger_surface::Answer;
use claviger_wire::Organization;
use claviger_wire::document::Json;
use serde_json::Value;

use super::view::{show_all, show_members};
use super::{MANAGE, PAGE, QUERY, VIEW, organization, refuse_off, require, sees_them};
use crate::admin::paging::Page;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Route, route};

const ALL: &str = "/admin/realms/{realm}/organizations/{organization}/members";
const COUNT: &str = "/admin/realms/{realm}/organizations/{organization}/members/count";
const ONE: &str = "/admin/realms/{realm}/organizations/{organization}/members/{user}";
const WITH_OTHERS: &str =
    "/admin/realms/{realm}/organizations/{organization}/members/{user}/organizations";
const OF_USER: &str = "/admin/realms/{realm}/organizations/members/{user}/organizations";
/// Who may know that there are users.
pub(super) const QUERY_USERS: &[Right] = &[Right::QueryUsers, Right::ViewUsers, Right::ManageUsers];
/// Who sees users.
pub(super) const VIEW_USERS: &[Right] = &[Right::ViewUsers, Right::ManageUsers];
/// Who changes users.
pub(super) const MANAGE_USERS: &[Right] = &[Right::ManageUsers];

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    vec![
        route(M::GET, ALL, VIEW, list),
        route(M::POST, ALL, MANAGE, add),
        route(M::GET, COUNT, VIEW, count),
        route(M::GET, ONE, VIEW, get),
        route(M::DELETE, ONE, MANAGE, remove),
        route(M::GET, WITH_OTHERS, VIEW, with_others),
        route(M::GET, OF_USER, QUERY, of_user),
    ]
}

fn nobody() -> Problem {
    Problem::not_found("HTTP 404 Not Found")
}

/// The user that the path names, and whether the organization manages the user: nobody else is
/// found.
pub(super) async fn member(
    call: &AdminCall,
    organization: &Organization,
) -> Result<(User, bool), Problem> {
    let user = user(call, call.param("user")).await?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let managed = store.organization_membership(realm, &organization.id, &user.id);
    let managed = managed.await?.ok_or_else(nobody)?;
    Ok((user, managed))
}

async fn user(call: &AdminCall, id: &str) -> Result<User, Problem> {
    let found = call
        .app
        .store
        .user(&call.realm.id, &UserId::new(id))
        .await?;
    found.ok_or_else(nobody)
}

/// What the query of a list asks for.
fn wanted(call: &AdminCall) -> Result<MemberQuery, Problem> {
    let page = Page::of(call, PAGE)?;
    let managed = match call.query.get("membershipType") {
        None => None,
        Some(kind) if kind.eq_ignore_ascii_case("MANAGED") => Some(true),
        Some(kind) if kind.eq_ignore_ascii_case("UNMANAGED") => Some(false),
        // Keycloak fails with 500 here.
        Some(_) => {
            let text = "membershipType is MANAGED or UNMANAGED";
            return Err(Problem::bad_request(text));
        }
    };
    Ok(MemberQuery {
        search: call.query.get("search").map(str::to_owned),
        exact: call.flag("exact").unwrap_or(false),
        managed,
        first: page.first,
        max: page.max,
    })
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, QUERY_USERS).await?;
    let query = wanted(&call)?;
    if !call.admin.may(&call.realm, VIEW_USERS).await? {
        return Ok(read_out(&Vec::<Json>::new()));
    }
    let (store, realm) = (&call.app.store, &call.realm.id);
    let found = store.organization_members(realm, &organization.id, &query);
    let brief = call.flag("briefRepresentation").unwrap_or(true);
    Ok(read_out(&show_members(&call, found.await?, brief).await?))
}

async fn count(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, QUERY_USERS).await?;
    if !call.admin.may(&call.realm, VIEW_USERS).await? {
        return Ok(read_out(&0));
    }
    let (store, realm) = (&call.app.store, &call.realm.id);
    let count = store.count_organization_members(realm, &organization.id);
    Ok(read_out(&count.await?))
}

async fn get(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, VIEW_USERS).await?;
    let member = member(&call, &organization).await?;
    let mut shown = show_members(&call, vec![member], false).await?;
    Ok(read_out(&shown.pop()))
}

/// Adds a user, who is sent as an id, with quotes around it or without.
async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, MANAGE_USERS).await?;
    call.consumes("application/json")?;
    let user = user(&call, &sent_id(&call)?).await?;
    let mut tx = Tx::new();
    tx.join_organization(&call.realm.id, &organization.id, &user.id);
    record(&call, &mut tx, ("CREATE", &user), &organization);
    let commit = call.app.commit(tx).await?;
    if commit.is_member_already() {
        let text = "User is already a member of the organization.";
        return Err(Problem::conflict(text));
    }
    done(commit)?;
    Ok(call.created(user.id.as_str()))
}

/// An id that is the whole body.
pub(super) fn sent_id(call: &AdminCall) -> Result<String, Problem> {
    let text = std::str::from_utf8(call.body());
    let text = text.map_err(|_| Problem::bad_request("The body is no text"))?;
    let text = text.trim();
    let text = text.strip_prefix('"').unwrap_or(text);
    Ok(text.strip_suffix('"').unwrap_or(text).to_owned())
}

/// Ends a membership; a user whom the organization manages ends with it.
async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, MANAGE_USERS).await?;
    let (user, managed) = member(&call, &organization).await?;
    let mut tx = Tx::new();
    tx.leave_organization(&call.realm.id, &organization.id, &user.id);
    if managed {
        let by = Initiator::Admin;
        departure::put_end(&call.app, &call.realm, &mut tx, &user.id, by).await?;
    }
    record(&call, &mut tx, ("DELETE", &user), &organization);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// All organizations of a member of this one.
async fn with_others(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, VIEW_USERS).await?;
    let (user, _) = member(&call, &organization).await?;
    all_of(&call, &user).await
}

/// All organizations of any user.
async fn of_user(call: AdminCall) -> Result<Answer, Problem> {
    refuse_off(&call)?;
    require(&call, VIEW_USERS).await?;
    let user = user(&call, call.param("user")).await?;
    if !sees_them(&call).await? {
        return Ok(read_out(&Vec::<Json>::new()));
    }
    all_of(&call, &user).await
}

async fn all_of(call: &AdminCall, user: &User) -> Result<Answer, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let found = store.organizations_of_user(realm, &user.id).await?;
    Ok(read_out(&show_all(call, &found)))
}

fn record(
    call: &AdminCall,
    tx: &mut Tx,
    (operation, user): (&'static str, &User),
    organization: &Organization,
) {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: "ORGANIZATION_MEMBERSHIP",
        path: Some(&path),
    };
    let details = [
        ("username", Some(user.username.as_str())),
        ("email", user.email.as_deref()),
    ];
    let told = Value::Object(organization.to_body(true));
    call.record_with(tx, resource, Some(&told), &details);
}
