//! Clients: listed, made, read, changed and deleted. What hangs on one client has its own files.

pub(super) mod body;
mod certificates;
mod evaluate;
mod installation;
mod nodes;
mod scopes;
mod secret;
mod service_account_user;
mod validate;
pub(super) mod view;

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use claviger_engine::client::Client;
use claviger_engine::defaults::REALM_MANAGEMENT;
use claviger_engine::import::management::master_client_id;
use claviger_engine::logout::{end_client, end_sessions_of_client};
use claviger_engine::revocation::record;
use claviger_engine::service_account;
use claviger_model::session::EndReason;
use claviger_model::{ClientUuid, ScopeId};
use claviger_store::{Commit, DocumentFilter, StoreError, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::owner::duplicate;
use super::protocol_mappers;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::{MASTER, Right};
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};
use body::{Maker, flag, text, without_nulls};
use validate::Surroundings;

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
/// Clients without which a realm does not work: nobody deletes them.
const BUILT_IN: &[&str] = &[
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];

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

/// Whether a client is one whose roles are rights over a realm.
fn is_management(realm: &str, client_id: &str) -> bool {
    if realm == MASTER {
        client_id.ends_with("-realm")
    } else {
        client_id == REALM_MANAGEMENT
    }
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
    if call
        .query
        .get("q")
        .is_some_and(|query| !query.trim().is_empty())
    {
        // Keycloak searches attributes only if its operator has named them, and says no more.
        return Err(Problem::with_body(StatusCode::BAD_REQUEST, Json::new()));
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

/// Refuses a document that is not a client's.
async fn check(call: &AdminCall, body: &Json) -> Result<(), Problem> {
    let mut levels = Vec::new();
    let attributes = body.get("attributes").and_then(Value::as_object);
    let asks = |name: &str| attributes.is_some_and(|all| !text(all, name).is_empty());
    if asks("default.acr.values") || asks("minimum.acr.value") {
        let configs = call
            .app
            .store
            .documents(&call.realm.id, Kind::AuthenticatorConfig)
            .await?;
        levels.extend(configs.iter().filter_map(|document| {
            Fields::of(Fields::of(&document.body).object("config")?).text("loa-condition-level")
        }));
    }
    let around = Surroundings {
        realm: &call.realm.settings,
        levels: &levels,
        docker: call.app.speaks_docker(),
    };
    let problems = validate::problems(body, around);
    if !problems.is_empty() {
        let status = StatusCode::BAD_REQUEST;
        return Err(Problem::described(
            status,
            "invalid_input",
            &problems.join("; "),
        ));
    }
    let overrides = body
        .get("authenticationFlowBindingOverrides")
        .and_then(Value::as_object);
    for (binding, flow) in overrides.into_iter().flatten() {
        let id = flow.as_str().unwrap_or_default();
        if call
            .app
            .store
            .document(&call.realm.id, Kind::Flow, id)
            .await?
            .is_none()
        {
            let text = format!("Unable to resolve auth flow binding override for: {binding}");
            return Err(Problem::bad_request(&text));
        }
    }
    Ok(())
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

fn maker(call: &AdminCall) -> Maker<'_> {
    Maker {
        random: &call.app.random,
        now: call.app.now(),
        realm: &call.realm.name,
    }
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let mut given = without_nulls(call.json("ClientRepresentation")?);
    let mut body = maker(&call).create(&given);
    let client_id = text(&body, "clientId").to_owned();
    let exists = || Problem::conflict(&format!("Client {client_id} already exists"));
    if validate::has_twin_mappers(&body)
        || call.realm.client(text(&body, "clientId")).await?.is_some()
    {
        return Err(exists());
    }
    check(&call, &body).await?;
    if text(&given, "protocol") == body::SAML {
        sign_requests(&call, &mut body).await?;
    }
    let id = text(&body, "id").to_owned();
    let uuid = ClientUuid::new(id.clone());
    let mut tx = Tx::new();
    tx.insert_document(
        &call.realm.id,
        &Document {
            kind: Kind::Client,
            id: id.clone(),
            parent: String::new(),
            unique_name: text(&body, "clientId").to_owned(),
            enabled: flag(&body, "enabled"),
            body: body.clone(),
        },
    );
    link_scopes(&call, &mut tx, &given, &body, &[]).await?;
    if flag(&body, "serviceAccountsEnabled") {
        let client_id = text(&body, "clientId");
        service_account::enable(&call.app, &call.realm, &mut tx, &uuid, client_id).await?;
    }
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

/// Gives a client that must sign its requests a key for it, unless it has one.
async fn sign_requests(call: &AdminCall, body: &mut Json) -> Result<(), Problem> {
    const CERTIFICATE: &str = "saml.signing.certificate";
    let signs = body::attribute(body, "saml.client.signature") == Some("true");
    if signs && body::attribute(body, CERTIFICATE).is_none() {
        let pair = certificates::key_pair(&call.app, text(body, "clientId")).await?;
        body::set_attribute(body, CERTIFICATE, Some(&pair.certificate));
        body::set_attribute(body, "saml.signing.private.key", Some(&pair.private_key));
    }
    Ok(())
}

/// Links a client to the scopes that it names, or to the realm's of its protocol if it names none;
/// those that it had are left alone.
async fn link_scopes(
    call: &AdminCall,
    tx: &mut Tx,
    given: &Json,
    body: &Json,
    had: &[ScopeId],
) -> Result<(), StoreError> {
    let realm = &call.realm.id;
    let scopes = call.realm.scopes().await?;
    let fields = Fields::of(given);
    // Kind of the client's link, names that it asks for, kind of the realm's link.
    let wishes = [
        (
            LinkKind::DefaultScope,
            fields.maybe_texts("defaultClientScopes"),
            LinkKind::RealmDefaultScope,
        ),
        (
            LinkKind::OptionalScope,
            fields.maybe_texts("optionalClientScopes"),
            LinkKind::RealmOptionalScope,
        ),
    ];
    let none_wished = wishes.iter().all(|(_, names, _)| names.is_none());
    let mut linked: HashSet<String> = had.iter().map(|id| id.as_str().to_owned()).collect();
    for (kind, names, of_realm) in wishes {
        let ids: Vec<String> = if none_wished {
            let ids = call
                .app
                .store
                .links_from(realm, of_realm, realm.as_str())
                .await?;
            let fits = |id: &String| {
                let scope = scopes.get(&ScopeId::new(id.clone()));
                scope.is_some_and(|scope| scope.protocol == text(body, "protocol"))
            };
            ids.into_iter().filter(fits).collect()
        } else {
            // Keycloak passes over names that nobody knows.
            let names = names.unwrap_or_default();
            let known = names.iter().filter_map(|name| scopes.named(name));
            known.map(|scope| scope.id.as_str().to_owned()).collect()
        };
        for to in ids {
            // A scope that is named twice is a default one.
            if linked.insert(to.clone()) {
                tx.insert_link(
                    realm,
                    &Link {
                        kind,
                        from: text(body, "id").to_owned(),
                        to,
                    },
                );
            }
        }
    }
    Ok(())
}

/// Changes a client. Disabling one ends its part in every session.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let mut given = without_nulls(call.json("ClientRepresentation")?);
    if flag(&given, "bearerOnly") || flag(&given, "publicClient") {
        given.insert("authorizationServicesEnabled".to_owned(), json!(false));
    }
    let body = maker(&call).update(&client.body, &given);
    if validate::has_twin_mappers(&body) {
        let text = "Cannot add protocol mapper: there is one of the same name already";
        return Err(Problem::described(
            StatusCode::BAD_REQUEST,
            "invalid_input",
            text,
        ));
    }
    check(&call, &body).await?;
    let (app, realm) = (&call.app, &call.realm);
    let client_id = text(&body, "clientId").to_owned();
    let mut tx = Tx::new();
    if flag(&body, "serviceAccountsEnabled") {
        service_account::enable(app, realm, &mut tx, &client.uuid, &client_id).await?;
    } else {
        service_account::disable(app, realm, &mut tx, &client.uuid).await?;
    }
    if client_id != client.client_id && flag(&body, "serviceAccountsEnabled") {
        service_account::rename(app, realm, &mut tx, &client.uuid, &client_id).await?;
    }
    if text(&body, "protocol") != client.settings.protocol {
        // Another protocol has other scopes; those of the old one come back with it.
        let had = [client.default_scopes.as_slice(), &client.optional_scopes].concat();
        link_scopes(&call, &mut tx, &Json::new(), &body, &had).await?;
    }
    let disabled = client.settings.enabled && !flag(&body, "enabled");
    record::client_changed(app, realm, &mut tx, &client, &body).await?;
    tx.update_document(&realm.id, &document(&client, body));
    let path = call.resource_path();
    let resource = Resource {
        operation: "UPDATE",
        kind: CLIENT,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&told(&given)));
    match app.commit(tx).await? {
        Commit::Conflict(_) => return Err(duplicate("Duplicate resource error")),
        commit @ (Commit::Done | Commit::Missed(_)) => done(commit)?,
    }
    if disabled {
        let reason = EndReason::ClientDisabled;
        end_sessions_of_client(app, realm, &client.uuid, reason).await?;
    }
    Ok(no_content())
}

/// Deletes a client with its roles and its service account. Its part in every session ends first,
/// so that it can still be told.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    if is_built_in(&call, &client).await? {
        let text = "Could not delete client";
        return Err(Problem::described(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            text,
        ));
    }
    let (app, realm) = (&call.app, &call.realm);
    let uuid = &client.uuid;
    end_client(app, realm, &client).await?;
    let mut tx = Tx::new();
    record::client_ended(app, realm, &mut tx, &client, EndReason::ClientDeleted).await?;
    for role in app
        .store
        .children(&realm.id, Kind::Role, uuid.as_str())
        .await?
    {
        tx.delete_document(&realm.id, Kind::Role, &role.id);
    }
    service_account::delete(app, realm, &mut tx, uuid).await?;
    tx.delete_document(&realm.id, Kind::Client, uuid.as_str());
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: CLIENT,
        path: Some(&path),
    };
    let told = json!({"id": uuid.as_str(), "clientId": client.client_id});
    call.record(&mut tx, resource, Some(&told));
    done(app.commit(tx).await?)?;
    // Whoever signed in meanwhile is out, too.
    end_sessions_of_client(app, realm, uuid, EndReason::ClientDeleted).await?;
    Ok(no_content().no_cache())
}

/// Whether a client belongs to the server itself.
async fn is_built_in(call: &AdminCall, client: &Client) -> Result<bool, StoreError> {
    if BUILT_IN.contains(&client.client_id.as_str()) {
        return Ok(true);
    }
    if call.realm.name != MASTER {
        return Ok(false);
    }
    let realms = call.app.store.realms().await?;
    Ok(realms
        .iter()
        .any(|realm| master_client_id(&realm.name) == client.client_id))
}
