//! Roles of the realm and of its clients, by name and by id; what they contain is in
//! [`composites`], who has them in [`holders`].

mod change;
mod composites;
mod holders;

use axum::http::Method;
use claviger_model::{ClientUuid, RoleId};
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::{Value, json};

use super::paging::Page;
use super::role_mappings::representation::{brief, full};
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::{MASTER, Right};
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const REALM: Place = Place {
    list: Rights::Any(&[
        Right::ViewRealm,
        Right::ManageRealm,
        Right::ManageIdentityProviders,
    ]),
    see: Rights::Any(SEE_REALM),
    manage: Rights::Any(MANAGE_REALM),
    all: "/admin/realms/{realm}/roles",
    one: "/admin/realms/{realm}/roles/{role}",
};
const CLIENT: Place = Place {
    list: Rights::Any(SEE_CLIENTS),
    see: Rights::Any(SEE_CLIENTS),
    manage: Rights::Any(MANAGE_CLIENTS),
    all: "/admin/realms/{realm}/clients/{client}/roles",
    one: "/admin/realms/{realm}/clients/{client}/roles/{role}",
};
const BY_ID: &str = "/admin/realms/{realm}/roles-by-id/{role-id}";
const SEE_REALM: &[Right] = &[Right::ViewRealm, Right::ManageRealm];
const MANAGE_REALM: &[Right] = &[Right::ManageRealm];
const SEE_CLIENTS: &[Right] = &[Right::ViewClients, Right::ManageClients];
const MANAGE_CLIENTS: &[Right] = &[Right::ManageClients];

/// Where roles hang, and who may do what there.
struct Place {
    list: Rights,
    see: Rights,
    manage: Rights,
    all: &'static str,
    one: &'static str,
}

/// The rows of this file and of those below it.
pub fn routes() -> Vec<Route> {
    use Method as M;
    let mut rows = vec![
        route(M::GET, BY_ID, Rights::Handler, show),
        route(M::PUT, BY_ID, Rights::Handler, update),
        route(M::DELETE, BY_ID, Rights::Handler, delete),
    ];
    for place in [REALM, CLIENT] {
        rows.extend([
            route(M::GET, place.all, place.list, list),
            route(M::POST, place.all, place.manage, create),
            route(M::GET, place.one, place.see, show),
            route(M::PUT, place.one, place.manage, update),
            route(M::DELETE, place.one, place.manage, delete),
        ]);
    }
    [rows, composites::routes(), holders::routes()].concat()
}

/// Whose roles: a client's, or the realm's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner(Option<ClientUuid>);

impl Owner {
    /// The one that the path names.
    async fn named(call: &AdminCall) -> Result<Self, Problem> {
        let uuid = call.param("client");
        if uuid.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(super::clients::client(call).await?.uuid.clone())))
    }

    fn parent(&self) -> &str {
        self.0.as_ref().map_or("", ClientUuid::as_str)
    }

    fn id<'a>(&'a self, call: &'a AdminCall) -> &'a str {
        self.0
            .as_ref()
            .map_or(call.realm.id.as_str(), ClientUuid::as_str)
    }

    const fn see(&self) -> &'static [Right] {
        if self.0.is_some() {
            SEE_CLIENTS
        } else {
            SEE_REALM
        }
    }

    const fn manage(&self) -> &'static [Right] {
        if self.0.is_some() {
            MANAGE_CLIENTS
        } else {
            MANAGE_REALM
        }
    }

    /// How an event calls a role.
    const fn kind(&self) -> &'static str {
        if self.0.is_some() {
            "CLIENT_ROLE"
        } else {
            "REALM_ROLE"
        }
    }
}

/// A role, and whose it is.
#[derive(Clone, Debug)]
struct Found {
    document: Document,
    owner: Owner,
}

impl Found {
    fn id(&self) -> RoleId {
        RoleId::new(self.document.id.as_str())
    }

    /// Whether the realm's new users get it: it must not go.
    fn is_default(&self, call: &AdminCall) -> bool {
        call.realm.settings.default_role.as_str() == self.document.id
    }
}

/// The role that the path names, by its id or by its name.
async fn named(call: &AdminCall) -> Result<Found, Problem> {
    let (store, realm, id) = (&call.app.store, &call.realm.id, call.param("role-id"));
    if id.is_empty() {
        let (owner, name) = (Owner::named(call).await?, call.param("role"));
        let found = store
            .document_by_name(realm, Kind::Role, owner.parent(), name)
            .await?;
        let document = found.ok_or_else(|| Problem::not_found("Could not find role"))?;
        return Ok(Found { document, owner });
    }
    let found = store.document(realm, Kind::Role, id).await?;
    let document = found.ok_or_else(|| Problem::not_found("Could not find role with id"))?;
    let client = (!document.parent.is_empty()).then(|| ClientUuid::new(&*document.parent));
    Ok(Found {
        document,
        owner: Owner(client),
    })
}

/// The role that the path names, if the administrator may see it. A path with an id does not tell
/// beforehand whose role it is.
async fn seen(call: &AdminCall) -> Result<Found, Problem> {
    let found = named(call).await?;
    if call.admin.may(&call.realm, found.owner.see()).await? {
        return Ok(found);
    }
    Err(Problem::lacks(found.owner.see()))
}

/// The role that the path names, if the administrator may change it. The roles above all others
/// are nobody's to change.
async fn managed(call: &AdminCall) -> Result<Found, Problem> {
    let found = named(call).await?;
    let name = found.document.unique_name.as_str();
    let above_all = call.realm.name == MASTER
        && found.owner == Owner(None)
        && matches!(name, "admin" | "create-realm");
    if !above_all && call.admin.may(&call.realm, found.owner.manage()).await? {
        return Ok(found);
    }
    Err(Problem::lacks(found.owner.manage()))
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::named(&call).await?;
    let store = &call.app.store;
    let all = store
        .children(&call.realm.id, Kind::Role, owner.parent())
        .await?;
    let search = call
        .query
        .get("search")
        .map(str::trim)
        .unwrap_or_default()
        .to_lowercase();
    let page = Page::of(&call, -1)?;
    let paged = call.number("first")?.is_some() && call.number("max")?.is_some();
    let wanted = all.iter().filter(|role| change::matches(role, &search));
    let wanted: Vec<&Document> = if paged || !search.is_empty() {
        page.cut(wanted).collect()
    } else {
        wanted.collect()
    };
    let show = if call.flag("briefRepresentation").unwrap_or(true) {
        brief
    } else {
        full
    };
    let roles = call.realm.roles().await?;
    let id = owner.id(&call);
    Ok(read_out(
        &wanted
            .into_iter()
            .map(|role| show(role, &roles, id))
            .collect::<Vec<_>>(),
    ))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let found = seen(&call).await?;
    let roles = call.realm.roles().await?;
    Ok(read_out(&full(
        &found.document,
        &roles,
        found.owner.id(&call),
    )))
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::named(&call).await?;
    let sent = call.json("RoleRepresentation")?;
    let id = call.app.random.uuid();
    let document = change::new(&sent, &id, owner.parent())?;
    let contained = composites::wanted_of_new(&call, &sent).await?;
    let mut tx = Tx::new();
    tx.insert_document(&call.realm.id, &document);
    for role in contained {
        let (from, to) = (id.clone(), role.as_str().to_owned());
        tx.insert_link(
            &call.realm.id,
            &Link {
                kind: LinkKind::Composite,
                from,
                to,
            },
        );
    }
    let name = &document.unique_name;
    let path = format!("{}/{name}", call.resource_path());
    let told = change::told(&sent, Some(&id));
    record(&call, &mut tx, "CREATE", &owner, (&path, Some(told)));
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => Err(Problem::conflict(&taken(name))),
        other @ (Commit::Done | Commit::Missed(_)) => done(other).map(|()| call.created(name)),
    }
}

fn taken(name: &str) -> String {
    format!("Role with name {name} already exists")
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let found = managed(&call).await?;
    let sent = call.json("RoleRepresentation")?;
    let document = change::changed(&found.document, &sent)?;
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &document);
    let told = change::told(&sent, None);
    record(
        &call,
        &mut tx,
        "UPDATE",
        &found.owner,
        (&call.resource_path(), Some(told)),
    );
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => Err(Problem::duplicate()),
        other @ (Commit::Done | Commit::Missed(_)) => done(other).map(|()| no_content()),
    }
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let found = managed(&call).await?;
    let name = &found.document.unique_name;
    if found.is_default(&call) {
        let text = format!("{name} is default role of the realm and cannot be removed.");
        return Err(Problem::bad_request(&text));
    }
    let mut tx = Tx::new();
    tx.delete_document(&call.realm.id, Kind::Role, &found.document.id);
    // Who names a role by its id has named it already.
    let told = json!({"id": found.document.id, "name": name, "composite": false});
    let told = call.param("role-id").is_empty().then_some(told);
    record(
        &call,
        &mut tx,
        "DELETE",
        &found.owner,
        (&call.resource_path(), told),
    );
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

fn record(
    call: &AdminCall,
    tx: &mut Tx,
    operation: &'static str,
    owner: &Owner,
    (path, told): (&str, Option<Value>),
) {
    let resource = Resource {
        operation,
        kind: owner.kind(),
        path: Some(path),
    };
    call.record(tx, resource, told.as_ref());
}

/// Roles as an event tells them: Keycloak's class always has the flag.
fn told_all(sent: &[Json]) -> Value {
    sent.iter().map(|role| change::told(role, None)).collect()
}
