//! Groups: found, made, moved, changed and deleted with all below them.

pub(super) mod change;
mod defaults;
mod find;
pub(super) mod hierarchy;
mod view;

use axum::http::{HeaderValue, Method, StatusCode, header};
use claviger_model::GroupId;
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use self::view::Showing;
use super::paging::Page;
use super::users::groups::{check_join, elsewhere};
use super::users::representation::Access;
use super::users::show_many;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const LIST: Rights = Rights::Any(&[Right::QueryGroups, Right::ViewUsers, Right::ManageUsers]);
const VIEW: Rights = Rights::Any(&[Right::ViewUsers, Right::ManageUsers]);
const MANAGE: Rights = Rights::Any(&[Right::ManageUsers]);
/// How many members a list shows if nobody says.
const MEMBERS: i64 = 100;
/// Deepest tree of groups, as in realm files.
pub(super) const MAX_DEPTH: usize = 64;
/// How many groups go with one request that deletes a tree.
const MAX_DELETED: usize = 100_000;

/// The rows of this file and of those below it.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: &str = "/admin/realms/{realm}/groups";
    const ONE: &str = "/admin/realms/{realm}/groups/{group}";
    const BELOW: &str = "/admin/realms/{realm}/groups/{group}/children";
    const DEFAULT: &str = "/admin/realms/{realm}/default-groups/{group}";
    const SEE_REALM: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
    const MANAGE_REALM: Rights = Rights::Any(&[Right::ManageRealm]);
    vec![
        route(M::GET, ALL, LIST, find::list),
        route(M::POST, ALL, MANAGE, create_top),
        route(
            M::GET,
            "/admin/realms/{realm}/groups/count",
            LIST,
            find::count,
        ),
        route(M::GET, ONE, VIEW, find::show),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::GET, BELOW, VIEW, find::children),
        route(M::POST, BELOW, MANAGE, create_below),
        route(
            M::GET,
            "/admin/realms/{realm}/groups/{group}/members",
            VIEW,
            members,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/group-by-path/",
            VIEW,
            find::at_path,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/group-by-path/{*path}",
            VIEW,
            find::at_path,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/default-groups",
            SEE_REALM,
            defaults::list,
        ),
        route(M::PUT, DEFAULT, MANAGE_REALM, defaults::add),
        route(M::DELETE, DEFAULT, MANAGE_REALM, defaults::remove),
    ]
}

fn not_found() -> Problem {
    Problem::not_found("Could not find group by id")
}

/// The group that the path names.
async fn group(call: &AdminCall) -> Result<Document, Problem> {
    let id = call.param("group");
    match by_id(call, id).await? {
        Some(group) => Ok(group),
        None => Err(unknown(call, id).await?),
    }
}

/// What is told of an id that is no group of the realm.
pub(super) async fn unknown(call: &AdminCall, id: &str) -> Result<Problem, Problem> {
    let text = "Cannot manage organization related group via non Organization API.";
    let elsewhere = elsewhere(call, id, text).await?;
    Ok(elsewhere.unwrap_or_else(not_found))
}

async fn by_id(call: &AdminCall, id: &str) -> Result<Option<Document>, Problem> {
    Ok(call
        .app
        .store
        .document(&call.realm.id, Kind::Group, id)
        .await?)
}

/// A group that is made, or moved, below another or to the top.
struct Placed {
    document: Document,
    is_new: bool,
}

async fn place(call: &AdminCall, sent: &Json, parent: &str) -> Result<Placed, Problem> {
    change::name(sent)?;
    let Some(id) = Fields::of(sent).text("id") else {
        refuse_depth(call, parent).await?;
        let document = change::new(sent, &call.app.random.uuid(), parent)?;
        return Ok(Placed {
            document,
            is_new: true,
        });
    };
    let found = by_id(call, &id).await?;
    let document = found.ok_or_else(|| Problem::not_found("Could not find child by id"))?;
    let above = call.realm.group_line(&GroupId::new(parent)).await?;
    // Keycloak loses such a tree; here it stays where it is.
    if above.iter().any(|group| group.id.as_str() == id) {
        return Err(Problem::bad_request("A group cannot be moved below itself"));
    }
    refuse_depth(call, parent).await?;
    // The members of what is moved get the roles above it.
    check_join(call, &GroupId::new(parent)).await?;
    Ok(Placed {
        document: Document {
            parent: parent.to_owned(),
            ..document
        },
        is_new: false,
    })
}

async fn refuse_depth(call: &AdminCall, parent: &str) -> Result<(), Problem> {
    if call.realm.group_line(&GroupId::new(parent)).await?.len() < MAX_DEPTH {
        return Ok(());
    }
    Err(Problem::bad_request(&format!(
        "Groups may be {MAX_DEPTH} deep at most"
    )))
}

async fn create_top(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("GroupRepresentation")?;
    let placed = place(&call, &sent, "").await?;
    let id = placed.document.id.clone();
    let path = if placed.is_new {
        format!("groups/{id}")
    } else {
        "groups".to_owned()
    };
    let is_new = placed.is_new;
    let taken = |name: &str| format!("Top level group named '{name}' already exists.");
    write(&call, placed, &sent, &path, taken).await?;
    Ok(if is_new {
        call.created(&id)
    } else {
        no_content()
    })
}

async fn create_below(mut call: AdminCall) -> Result<Answer, Problem> {
    let parent = group(&call).await?;
    let sent = call.json("GroupRepresentation")?;
    let placed = place(&call, &sent, &parent.id).await?;
    let (id, is_new) = (GroupId::new(placed.document.id.as_str()), placed.is_new);
    write(&call, placed, &sent, &call.resource_path(), taken_below).await?;
    if !is_new {
        return Ok(no_content());
    }
    // The snapshot that this request began with does not have the group.
    call.realm = call
        .app
        .realm(&call.realm.name)
        .await?
        .ok_or_else(not_found)?;
    let showing = Showing {
        counts: false,
        ..Showing::of(&call).await?
    };
    let shown = showing.one(&call, &id).await?.ok_or_else(not_found)?;
    let base = &call.context.base_url;
    let address = format!("{base}/admin/realms/{}/groups/{id}", call.realm_segment());
    let json = HeaderValue::from_static("application/json");
    let answer = Answer::json(StatusCode::CREATED, &shown).with(header::CONTENT_TYPE, json);
    Ok(answer.with_text(header::LOCATION, &address).no_cache())
}

fn taken_below(name: &str) -> String {
    format!("Sibling group named '{name}' already exists.")
}

async fn write(
    call: &AdminCall,
    placed: Placed,
    sent: &Json,
    path: &str,
    taken: impl Fn(&str) -> String,
) -> Result<(), Problem> {
    let Placed { document, is_new } = placed;
    let mut tx = Tx::new();
    let operation = if is_new {
        tx.insert_document(&call.realm.id, &document);
        "CREATE"
    } else {
        tx.update_document(&call.realm.id, &document);
        "UPDATE"
    };
    let told = change::told(sent, Some(&document.id));
    record(call, &mut tx, operation, path, &told);
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => Err(Problem::conflict(&taken(&change::name(sent)?))),
        other @ (Commit::Done | Commit::Missed(_)) => done(other),
    }
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let group = group(&call).await?;
    let sent = call.json("GroupRepresentation")?;
    let document = change::changed(&group, &sent)?;
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &document);
    record(
        &call,
        &mut tx,
        "UPDATE",
        &call.resource_path(),
        &change::told(&sent, None),
    );
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => Err(Problem::conflict(&taken_below(&document.unique_name))),
        other @ (Commit::Done | Commit::Missed(_)) => done(other).map(|()| no_content()),
    }
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let group = group(&call).await?;
    let mut tx = Tx::new();
    let mut open = vec![group.id.clone()];
    let mut count = 0;
    while let Some(id) = open.pop() {
        count += 1;
        if count > MAX_DELETED {
            let text = "The group has too many groups below it: delete some of them first";
            return Err(Problem::bad_request(text));
        }
        let below = call
            .app
            .store
            .children(&call.realm.id, Kind::Group, &id)
            .await?;
        open.extend(below.into_iter().map(|group| group.id));
        tx.delete_document(&call.realm.id, Kind::Group, &id);
    }
    let told = json!({"id": group.id, "name": group.unique_name, "subGroups": []});
    record(&call, &mut tx, "DELETE", &call.resource_path(), &told);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn members(call: AdminCall) -> Result<Answer, Problem> {
    let page = Page::of(&call, MEMBERS)?;
    let group = GroupId::new(group(&call).await?.id);
    let (store, realm) = (&call.app.store, &call.realm.id);
    let users = store
        .group_members(realm, &group, page.first, page.max)
        .await?;
    let brief = call.flag("briefRepresentation").unwrap_or(false);
    let mut shown = show_many(&call, Access::of(&call).await?, &users, brief).await?;
    for user in &mut shown {
        user.shift_remove("access");
    }
    Ok(read_out(&shown))
}

fn record(call: &AdminCall, tx: &mut Tx, operation: &'static str, path: &str, told: &Value) {
    let resource = Resource {
        operation,
        kind: "GROUP",
        path: Some(path),
    };
    call.record(tx, resource, Some(told));
}
