//! Roles that roles contain.

use axum::http::{Method, StatusCode};
use claviger_engine::realm::{Role, Roles};
use claviger_model::{ClientUuid, RoleId};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;

use super::{CLIENT, Found, Owner, REALM, change, managed, record, seen, told_all};
use crate::admin::paging::Page;
use crate::admin::role_mappings::limits::Mapper;
use crate::admin::role_mappings::representation::brief;
use crate::call::{AdminCall, no_content, read_out};
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// How many roles one request may put into a role, or take out.
const ROLES_MAX: usize = 2_000;
/// `composites` of a role, and the parts of it, below the realm, a client, and by id.
const PATHS: [[&str; 3]; 3] = [
    [
        "/admin/realms/{realm}/roles/{role}/composites",
        "/admin/realms/{realm}/roles/{role}/composites/realm",
        "/admin/realms/{realm}/roles/{role}/composites/clients/{target}",
    ],
    [
        "/admin/realms/{realm}/clients/{client}/roles/{role}/composites",
        "/admin/realms/{realm}/clients/{client}/roles/{role}/composites/realm",
        "/admin/realms/{realm}/clients/{client}/roles/{role}/composites/clients/{target}",
    ],
    [
        "/admin/realms/{realm}/roles-by-id/{role-id}/composites",
        "/admin/realms/{realm}/roles-by-id/{role-id}/composites/realm",
        "/admin/realms/{realm}/roles-by-id/{role-id}/composites/clients/{target}",
    ],
];

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    let rights = [
        (REALM.see, REALM.manage),
        (CLIENT.see, CLIENT.manage),
        (Rights::Handler, Rights::Handler),
    ];
    let mut rows = Vec::new();
    for ([all, of_realm, of_client], (see, manage)) in PATHS.into_iter().zip(rights) {
        rows.extend([
            route(M::GET, all, see, list),
            route(M::POST, all, manage, add),
            route(M::DELETE, all, manage, remove),
            route(M::GET, of_realm, see, list_of_realm),
            route(M::GET, of_client, see, list_of_client),
        ]);
    }
    rows
}

/// What a role contains and an administrator may see, by name.
async fn contained(call: &AdminCall, found: &Found) -> Result<Vec<Document>, Problem> {
    let roles = call.realm.roles().await?;
    let composites = roles
        .get(&found.id())
        .map(|role| role.composites.as_slice());
    let composites = composites.unwrap_or_default();
    let see_realm = call.admin.may(&call.realm, super::SEE_REALM).await?;
    let see_clients = call.admin.may(&call.realm, super::SEE_CLIENTS).await?;
    let mut documents = Vec::with_capacity(composites.len());
    for id in composites {
        let found = call
            .app
            .store
            .document(&call.realm.id, Kind::Role, id.as_str())
            .await?;
        let visible = |role: &Document| {
            if role.parent.is_empty() {
                see_realm
            } else {
                see_clients
            }
        };
        documents.extend(found.filter(visible));
    }
    documents.sort_by(|one, two| one.unique_name.cmp(&two.unique_name));
    Ok(documents)
}

fn shown(call: &AdminCall, documents: &[Document], roles: &Roles) -> Vec<Json> {
    let realm = call.realm.id.as_str();
    let owner = |role: &Document| {
        if role.parent.is_empty() {
            realm.to_owned()
        } else {
            role.parent.clone()
        }
    };
    documents
        .iter()
        .map(|role| brief(role, roles, &owner(role)))
        .collect()
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let found = seen(&call).await?;
    let mut documents = contained(&call, &found).await?;
    // Only the path with an id has pages and a search.
    if !call.param("role-id").is_empty() {
        let search = call.query.get("search").unwrap_or_default().to_lowercase();
        documents.retain(|role| change::matches(role, &search));
        documents = Page::of(&call, -1)?.cut(documents).collect();
    }
    Ok(read_out(&shown(
        &call,
        &documents,
        &*call.realm.roles().await?,
    )))
}

async fn list_of_realm(call: AdminCall) -> Result<Answer, Problem> {
    let found = seen(&call).await?;
    list_below(&call, &found, "").await
}

async fn list_of_client(call: AdminCall) -> Result<Answer, Problem> {
    let found = seen(&call).await?;
    let target = ClientUuid::new(call.param("target"));
    if call.realm.client_by_uuid(&target).await?.is_none() {
        return Err(Problem::not_found("Could not find client"));
    }
    list_below(&call, &found, target.as_str()).await
}

async fn list_below(call: &AdminCall, found: &Found, parent: &str) -> Result<Answer, Problem> {
    let mut documents = contained(call, found).await?;
    documents.retain(|role| role.parent == parent);
    Ok(read_out(&shown(
        call,
        &documents,
        &*call.realm.roles().await?,
    )))
}

/// Refuses roles that are not the administrator's to hand out: else whoever may change roles could
/// give themselves any right.
async fn check(mapper: &Mapper<'_>, role: &Role) -> Result<(), Problem> {
    if mapper.may_compose(role).await? {
        Ok(())
    } else {
        Err(Problem::forbidden())
    }
}

/// The roles that were sent, each by its id.
async fn sent(call: &AdminCall) -> Result<(Vec<RoleId>, Vec<Json>), Problem> {
    let bodies = call.json_list("RoleRepresentation")?;
    if bodies.len() > ROLES_MAX {
        let text = format!("At most {ROLES_MAX} roles may be sent at once");
        return Err(Problem::bad_request(&text));
    }
    let roles = call.realm.roles().await?;
    let mapper = Mapper::of(call).await?;
    let mut found = Vec::with_capacity(bodies.len());
    for body in &bodies {
        let id = RoleId::new(Fields::of(body).text("id").unwrap_or_default());
        let role = roles.get(&id);
        let role = role.ok_or_else(|| Problem::not_found("Could not find composite role"))?;
        check(&mapper, role).await?;
        found.push(id);
    }
    Ok((found, bodies))
}

fn link(from: &Found, to: &RoleId) -> Link {
    let (from, to) = (from.document.id.clone(), to.as_str().to_owned());
    Link {
        kind: LinkKind::Composite,
        from,
        to,
    }
}

async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let found = managed(&call).await?;
    let (roles, bodies) = sent(&call).await?;
    let mut tx = Tx::new();
    for role in &roles {
        tx.insert_link(&call.realm.id, &link(&found, role));
    }
    let told = told_all(&bodies);
    record(
        &call,
        &mut tx,
        "CREATE",
        &found.owner,
        (&call.resource_path(), Some(told)),
    );
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let found = managed(&call).await?;
    let (roles, bodies) = sent(&call).await?;
    let mut tx = Tx::new();
    for role in &roles {
        tx.delete_link(&call.realm.id, &link(&found, role));
    }
    let told = told_all(&bodies);
    record(
        &call,
        &mut tx,
        "DELETE",
        &found.owner,
        (&call.resource_path(), Some(told)),
    );
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// What a new role is to contain, by the names that were sent with it; unknown clients are passed
/// over, unknown roles are not.
pub(super) async fn wanted_of_new(call: &AdminCall, sent: &Json) -> Result<Vec<RoleId>, Problem> {
    let fields = Fields::of(sent);
    let Some(composites) = fields
        .object("composites")
        .filter(|_| fields.flag("composite", false))
    else {
        return Ok(Vec::new());
    };
    let mut wanted = Vec::new();
    for name in Fields::of(composites).texts("realm") {
        wanted.push((Owner(None), name));
    }
    for (client_id, names) in Fields::of(composites).texts_map("client") {
        let Some(client) = call.realm.client(&client_id).await? else {
            continue;
        };
        wanted.extend(
            names
                .into_iter()
                .map(|name| (Owner(Some(client.uuid.clone())), name)),
        );
    }
    if wanted.len() > ROLES_MAX {
        let text = format!("A role may be made with {ROLES_MAX} roles in it at most");
        return Err(Problem::bad_request(&text));
    }
    let roles = call.realm.roles().await?;
    let mapper = Mapper::of(call).await?;
    let mut found = Vec::with_capacity(wanted.len());
    for (owner, name) in wanted {
        let Some(role) = roles.named(owner.0.as_ref(), &name) else {
            let whose = if owner.0.is_some() { "Client" } else { "Realm" };
            let text = format!("{whose} Role with name {name} does not exist");
            return Err(Problem::message(StatusCode::NOT_FOUND, &text));
        };
        check(&mapper, role).await?;
        found.push(role.id.clone());
    }
    Ok(found)
}
