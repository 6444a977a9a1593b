//! The roles that tokens of a client, or tokens with a client scope, may carry.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::Method;
use claviger_engine::client::Client;
use claviger_engine::realm::Roles;
use claviger_model::{ClientUuid, RoleId};
use claviger_store::{StoreError, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::{Value, json};

use super::clients::{MANAGE, SEE, body::text, body::without_nulls};
use super::owner::{Owner, below_owners, rows};
use super::role_mappings::representation::{brief, full};
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::Route;

/// How many roles one request may add or remove.
const ROLES_MAX: usize = 2_000;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: [&str; 3] = below_owners!("scope-mappings");
    const REALM: [&str; 3] = below_owners!("scope-mappings/realm");
    const REALM_FREE: [&str; 3] = below_owners!("scope-mappings/realm/available");
    const REALM_ALL: [&str; 3] = below_owners!("scope-mappings/realm/composite");
    const CLIENT: [&str; 3] = below_owners!("scope-mappings/clients/{holder}");
    const CLIENT_FREE: [&str; 3] = below_owners!("scope-mappings/clients/{holder}/available");
    const CLIENT_ALL: [&str; 3] = below_owners!("scope-mappings/clients/{holder}/composite");
    let mut routes = rows(&M::GET, &ALL, SEE, list);
    for [direct, free, effective] in [
        [REALM, REALM_FREE, REALM_ALL],
        [CLIENT, CLIENT_FREE, CLIENT_ALL],
    ] {
        routes.extend(rows(&M::GET, &direct, SEE, list_direct));
        routes.extend(rows(&M::POST, &direct, MANAGE, add));
        routes.extend(rows(&M::DELETE, &direct, MANAGE, remove));
        routes.extend(rows(&M::GET, &free, SEE, list_available));
        routes.extend(rows(&M::GET, &effective, SEE, list_effective));
    }
    routes
}

/// Whose roles a request is about.
enum Holder {
    Realm,
    Client(Arc<Client>),
}

impl Holder {
    /// The one that the path names; the realm if it names no client.
    async fn of(call: &AdminCall) -> Result<Self, Problem> {
        if call.param("holder").is_empty() {
            return Ok(Self::Realm);
        }
        let uuid = ClientUuid::new(call.param("holder"));
        let found = call.realm.client_by_uuid(&uuid).await?;
        found
            .map(Self::Client)
            .ok_or_else(|| Problem::not_found("Could not find client"))
    }

    /// The parent of its roles' documents.
    fn parent(&self) -> &str {
        match self {
            Self::Realm => "",
            Self::Client(client) => client.uuid.as_str(),
        }
    }

    /// What an administrator needs to let tokens carry its roles.
    const fn right(&self) -> Right {
        match self {
            Self::Realm => Right::ManageRealm,
            Self::Client(_) => Right::ManageClients,
        }
    }

    /// How an event calls the mapping.
    const fn resource(&self) -> &'static str {
        match self {
            Self::Realm => "REALM_SCOPE_MAPPING",
            Self::Client(_) => "CLIENT_SCOPE_MAPPING",
        }
    }

    async fn roles(&self, call: &AdminCall) -> Result<Vec<Document>, StoreError> {
        call.app
            .store
            .children(&call.realm.id, Kind::Role, self.parent())
            .await
    }

    async fn may_map(&self, call: &AdminCall) -> Result<bool, StoreError> {
        call.admin.may(&call.realm, &[self.right()]).await
    }
}

/// Shows the roles of a holder that pass.
fn shown(
    call: &AdminCall,
    documents: &[Document],
    roles: &Roles,
    keep: impl Fn(&RoleId) -> bool,
    representation: fn(&Document, &Roles, &str) -> Json,
) -> Vec<Json> {
    let owner = |document: &Document| match document.parent.as_str() {
        "" => call.realm.id.as_str().to_owned(),
        client => client.to_owned(),
    };
    let kept = documents
        .iter()
        .filter(|document| keep(&RoleId::new(document.id.as_str())));
    kept.map(|document| representation(document, roles, &owner(document)))
        .collect()
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::of(&call).await?;
    let roles = call.realm.roles().await?;
    let documents = call.app.store.documents(&call.realm.id, Kind::Role).await?;
    let direct = |of: &str| {
        let own: Vec<Document> = documents
            .iter()
            .filter(|document| document.parent == of)
            .cloned()
            .collect();
        shown(&call, &own, &roles, |id| owner.roles().contains(id), brief)
    };
    let mut all = Json::new();
    let of_realm = direct("");
    if !of_realm.is_empty() {
        all.insert("realmMappings".to_owned(), json!(of_realm));
    }
    let holders = owner
        .roles()
        .iter()
        .filter_map(|id| roles.get(id)?.client.clone());
    let mut of_clients = Json::new();
    for uuid in holders.collect::<HashSet<ClientUuid>>() {
        let Some(client) = call.realm.client_by_uuid(&uuid).await? else {
            continue;
        };
        let mappings = direct(uuid.as_str());
        let mapping =
            json!({"id": uuid.as_str(), "client": client.client_id, "mappings": mappings});
        of_clients.insert(client.client_id.clone(), mapping);
    }
    of_clients.sort_keys();
    if !of_clients.is_empty() {
        all.insert("clientMappings".to_owned(), Value::Object(of_clients));
    }
    Ok(read_out(&all))
}

async fn list_direct(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::of(&call).await?;
    let holder = Holder::of(&call).await?;
    let (documents, roles) = (holder.roles(&call).await?, call.realm.roles().await?);
    Ok(read_out(&shown(
        &call,
        &documents,
        &roles,
        |id| owner.roles().contains(id),
        brief,
    )))
}

/// The roles that the administrator could add.
async fn list_available(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::of(&call).await?;
    let holder = Holder::of(&call).await?;
    if !holder.may_map(&call).await? {
        return Ok(read_out(&json!([])));
    }
    let (documents, roles) = (holder.roles(&call).await?, call.realm.roles().await?);
    Ok(read_out(&shown(
        &call,
        &documents,
        &roles,
        |id| !owner.roles().contains(id),
        brief,
    )))
}

/// The roles that tokens may carry in the end.
async fn list_effective(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::of(&call).await?;
    let holder = Holder::of(&call).await?;
    let (documents, roles) = (holder.roles(&call).await?, call.realm.roles().await?);
    let expanded = roles.expand(owner.roles());
    let own = match &owner {
        Owner::Client(client) => Some(client),
        Owner::Scope(_) => None,
    };
    let everything = own.is_some_and(|client| client.settings.full_scope_allowed)
        || own.is_some_and(|client| holder.parent() == client.uuid.as_str());
    let representation = if call.flag("briefRepresentation") == Some(false) {
        full
    } else {
        brief
    };
    let keep = |id: &RoleId| everything || expanded.contains(id);
    Ok(read_out(&shown(
        &call,
        &documents,
        &roles,
        keep,
        representation,
    )))
}

/// The roles that a body names: by id, or by name if they are a client's.
async fn named(call: &AdminCall, holder: &Holder, given: &[Json]) -> Result<Vec<RoleId>, Problem> {
    if given.len() > ROLES_MAX {
        return Err(Problem::bad_request(&format!(
            "At most {ROLES_MAX} roles at once"
        )));
    }
    let roles = call.realm.roles().await?;
    let mut found = Vec::with_capacity(given.len());
    for role in given {
        let role = match holder {
            Holder::Realm => roles.get(&RoleId::new(text(role, "id"))),
            Holder::Client(client) => roles.named(Some(&client.uuid), text(role, "name")),
        };
        let role = role.ok_or_else(|| Problem::not_found("Role not found"))?;
        // A role of a client may come by the realm's door, but with the client's right.
        let right = match role.client {
            None => Right::ManageRealm,
            Some(_) => Right::ManageClients,
        };
        if !call.admin.may(&call.realm, &[right]).await? {
            return Err(Problem::lacks(&[right]));
        }
        found.push(role.id.clone());
    }
    Ok(found)
}

/// Roles as they were sent, as events tell them.
fn told(given: &[Json]) -> Value {
    let told = given.iter().map(|role| {
        let mut role = role.clone();
        role.entry("composite").or_insert(json!(false));
        Value::Object(role)
    });
    Value::Array(told.collect())
}

fn given(call: &AdminCall) -> Result<Vec<Json>, Problem> {
    Ok(call
        .json_list("RoleRepresentation")?
        .into_iter()
        .map(without_nulls)
        .collect())
}

async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::to_change(&call).await?;
    let holder = Holder::of(&call).await?;
    let given = given(&call)?;
    let mut tx = Tx::new();
    for role in named(&call, &holder, &given).await? {
        tx.insert_link(&call.realm.id, &link(&owner, &role));
    }
    finish(&call, tx, &holder, "CREATE", &told(&given)).await
}

/// Takes roles away; without a body, all of the holder's that the administrator may map.
async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::to_change(&call).await?;
    let holder = Holder::of(&call).await?;
    let given = if call.body().is_empty() {
        let (documents, roles) = (holder.roles(&call).await?, call.realm.roles().await?);
        let may = holder.may_map(&call).await?;
        shown(
            &call,
            &documents,
            &roles,
            |id| may && owner.roles().contains(id),
            brief,
        )
    } else {
        given(&call)?
    };
    let mut tx = Tx::new();
    for role in named(&call, &holder, &given).await? {
        tx.delete_link(&call.realm.id, &link(&owner, &role));
    }
    finish(&call, tx, &holder, "DELETE", &told(&given)).await
}

fn link(owner: &Owner, role: &RoleId) -> Link {
    let (from, to) = (owner.id().to_owned(), role.as_str().to_owned());
    Link {
        kind: LinkKind::ScopeMapping,
        from,
        to,
    }
}

async fn finish(
    call: &AdminCall,
    mut tx: Tx,
    holder: &Holder,
    operation: &'static str,
    told: &Value,
) -> Result<Answer, Problem> {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: holder.resource(),
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(told));
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_tell_roles_as_they_were_sent() {
        let given = json!([{"id": "1", "name": "a"}, {"id": "2", "composite": true}]);
        let given: Vec<Json> = given
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role.as_object().unwrap().clone())
            .collect();
        let expected = json!([
            {"id": "1", "name": "a", "composite": false}, {"id": "2", "composite": true},
        ]);
        assert_eq!(told(&given), expected);
    }
}
