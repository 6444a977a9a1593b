//! Clients: listed, made, read, changed and deleted. What hangs on one client has its own files.

pub(crate) mod body;
pub(super) mod certificates;
mod evaluate;
mod initial_access;
pub(crate) mod installation;
mod nodes;
mod scopes;
mod secret;
mod service_account_user;
pub(crate) mod validate;
pub(crate) mod view;
pub(crate) mod write;

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use claviger_engine::client::Client;
use claviger_model::ClientUuid;
use claviger_store::{Commit, DocumentFilter, StoreError, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use serde_json::{Value, json};

use super::owner::duplicate;
use super::protocol_mappers;
use super::users::query::attributes;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};
use body::{flag, text, without_nulls};
use write::{Clients, is_management};

/// Who may know that a client exists.
pub(super) const LIST: Rights = Rights::Any(&[
    Right::QueryClients,
    Right::ViewClients,
    Right::ManageClients,
]);
/// Who may look at clients.
pub(super) const SEE: Rights = Rights::Any(&[Right::ViewClients, Right::ManageClients]);
/// Who may change clients.
pub(super) const MANAGE: Rights = Rights::Any(&[Right::ManageClients]);
/// How an event calls a client.
const CLIENT: &str = "CLIENT";
/// How many clients a list shows at most.
const PAGE_MAX: i64 = 10_000;
/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const CLIENTS: &str = "/admin/realms/{realm}/clients";
    const ONE: &str = "/admin/realms/{realm}/clients/{client}";
    const MAKE: Rights = Rights::Any(&[Right::ManageClients, Right::CreateClient]);
    let own = vec![
        route(M::GET, CLIENTS, LIST, list),
        route(M::POST, CLIENTS, MAKE, create),
        route(M::GET, ONE, SEE, read),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
    ];
    [
        own,
        secret::routes(),
        certificates::routes(),
        scopes::routes(),
        service_account_user::routes(),
        nodes::routes(),
        initial_access::routes(),
        installation::routes(),
        evaluate::routes(),
    ]
    .concat()
}

/// The client that the path names.
pub(super) async fn client(call: &AdminCall) -> Result<Arc<Client>, Problem> {
    let uuid = ClientUuid::new(call.param("client"));
    let found = call.realm.client_by_uuid(&uuid).await?;
    found.ok_or_else(|| Problem::not_found("Could not find client"))
}

/// The client that the path names, to be changed. Clients whose roles are rights over realms are
/// the server's own: nobody changes them.
pub(super) async fn manageable(call: &AdminCall) -> Result<Arc<Client>, Problem> {
    let client = client(call).await?;
    if is_management(&call.realm.name, &client.client_id) {
        return Err(Problem::forbidden());
    }
    Ok(client)
}

/// The client's document, as it is kept.
pub(super) fn document(client: &Client, body: Json) -> Document {
    Document {
        kind: Kind::Client,
        id: client.uuid.as_str().to_owned(),
        parent: String::new(),
        unique_name: Some(text(&body, "clientId"))
            .filter(|name| !name.is_empty())
            .unwrap_or(&client.client_id)
            .to_owned(),
        enabled: flag(&body, "enabled"),
        body,
    }
}

async fn shown(call: &AdminCall, client: &Client) -> Result<Json, StoreError> {
    let scopes = call.realm.scopes().await?;
    Ok(view::client(client, &scopes, &call.realm.name))
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let rights = [Right::ViewClients, Right::ManageClients];
    if !call.admin.may(&call.realm, &rights).await? {
        return Ok(read_out(&json!([])));
    }
    let manage = call.admin.may(&call.realm, &[Right::ManageClients]).await?;
    let mut list = Vec::new();
    for client in wanted(&call).await? {
        let mut shown = shown(&call, &client).await?;
        shown.insert(
            "access".to_owned(),
            view::access(manage && !is_management(&call.realm.name, &client.client_id)),
        );
        list.push(shown);
    }
    Ok(read_out(&list))
}

/// The clients that a query asks for.
async fn wanted(call: &AdminCall) -> Result<Vec<Arc<Client>>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm);
    let first = call.number("first")?.unwrap_or(0).max(0);
    let max = call
        .number("max")?
        .filter(|max| *max >= 0)
        .unwrap_or(PAGE_MAX)
        .min(PAGE_MAX);
    let client_id = call
        .query
        .get("clientId")
        .filter(|text| !text.trim().is_empty());
    let asked = attributes(call.query.get("q").unwrap_or_default());
    if !asked.is_empty() {
        // Keycloak searches attributes only if its operator has named them.
        let mut names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let text = format!("Attributes [{}] not allowed for search", names.join(", "));
        let status = StatusCode::BAD_REQUEST;
        return Err(Problem::described(status, "invalid_request", &text));
    }
    if let Some(client_id) = client_id.filter(|_| call.flag("search") != Some(true)) {
        return Ok(realm.client(client_id).await?.into_iter().collect());
    }
    let filter = DocumentFilter {
        parent: None,
        name_contains: client_id,
    };
    let found = store
        .documents_page(&realm.id, Kind::Client, filter, first, max)
        .await?;
    let mut clients = Vec::with_capacity(found.len());
    for document in found {
        clients.extend(realm.client_by_uuid(&ClientUuid::new(document.id)).await?);
    }
    Ok(clients)
}

async fn read(call: AdminCall) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let mut shown = shown(&call, &client).await?;
    let manage = call.admin.may(&call.realm, &[Right::ManageClients]).await?;
    shown.insert(
        "access".to_owned(),
        view::access(manage && !is_management(&call.realm.name, &client.client_id)),
    );
    Ok(read_out(&shown))
}

/// A representation as events tell it: without secrets, its mappers whole.
fn told(given: &Json) -> Value {
    let mut told = view::stripped(given);
    protocol_mappers::tell_whole(&mut told);
    if let Some(Value::Object(attributes)) = told.get_mut("attributes") {
        attributes.retain(|_, value| !value.is_null());
    }
    Value::Object(told)
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let clients = Clients::of(&call);
    let mut given = without_nulls(call.json("ClientRepresentation")?);
    let mut body = clients.maker().create(&given);
    let client_id = text(&body, "clientId").to_owned();
    let exists = || Problem::conflict(&format!("Client {client_id} already exists"));
    if validate::has_twin_mappers(&body)
        || call.realm.client(text(&body, "clientId")).await?.is_some()
    {
        return Err(exists());
    }
    check(clients, &body).await?;
    let mut tx = Tx::new();
    clients.add(&mut tx, &given, &mut body).await?;
    let id = text(&body, "id").to_owned();
    given.insert("id".to_owned(), json!(id));
    let path = format!("{}/{id}", call.resource_path());
    let resource = Resource {
        operation: "CREATE",
        kind: CLIENT,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&told(&given)));
    match call.app.commit(tx).await? {
        Commit::Done => Ok(call.created(&id)),
        Commit::Conflict(_) | Commit::Missed(_) => Err(exists()),
    }
}

/// Refuses a document that is not a client's.
async fn check(clients: Clients<'_>, body: &Json) -> Result<(), Problem> {
    let problems = clients.problems(body).await?;
    if !problems.is_empty() {
        let status = StatusCode::BAD_REQUEST;
        let text = problems.join("; ");
        return Err(Problem::described(status, "invalid_input", &text));
    }
    match clients.unknown_flow(body).await? {
        Some(text) => Err(Problem::bad_request(&text)),
        None => Ok(()),
    }
}

/// Changes a client. Disabling one ends its part in every session.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let clients = Clients::of(&call);
    let mut given = without_nulls(call.json("ClientRepresentation")?);
    if flag(&given, "bearerOnly") || flag(&given, "publicClient") {
        given.insert("authorizationServicesEnabled".to_owned(), json!(false));
    }
    let body = clients.maker().update(&client.body, &given);
    if validate::has_twin_mappers(&body) {
        let status = StatusCode::BAD_REQUEST;
        return Err(Problem::described(status, "invalid_input", write::TWINS));
    }
    check(clients, &body).await?;
    let mut tx = Tx::new();
    let change = clients.change(&mut tx, &client, body).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "UPDATE",
        kind: CLIENT,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&told(&given)));
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => return Err(duplicate("Duplicate resource error")),
        commit @ (Commit::Done | Commit::Missed(_)) => done(commit)?,
    }
    clients.changed(&client, change).await?;
    Ok(no_content())
}

/// Deletes a client with its roles and its service account. Its part in every session ends first,
/// so that it can still be told.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let clients = Clients::of(&call);
    if clients.is_built_in(&client).await? {
        let text = "Could not delete client";
        return Err(Problem::described(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            text,
        ));
    }
    let mut tx = clients.delete(&client).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: CLIENT,
        path: Some(&path),
    };
    let told = json!({"id": client.uuid.as_str(), "clientId": client.client_id});
    call.record(&mut tx, resource, Some(&told));
    done(call.app.commit(tx).await?)?;
    clients.deleted(&client).await?;
    Ok(no_content().no_cache())
}
