//! The admin URL of Keycloak's own adapters: who is told of not-before, and who took it.

use std::sync::Arc;

use axum::http::Method;
use claviger_engine::client::Client;
use claviger_engine::logout::adapter::{self, Order};
use claviger_model::ClientUuid;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Kind;
use serde_json::{Value, json};

use crate::call::{AdminCall, Resource, json as answer};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    vec![
        route(
            M::POST,
            "/admin/realms/{realm}/push-revocation",
            Rights::Any(&[Right::ManageRealm]),
            push_revocation,
        ),
        route(
            M::POST,
            "/admin/realms/{realm}/clients/{client}/push-revocation",
            Rights::Any(&[Right::ManageClients]),
            push_client_revocation,
        ),
    ]
}

/// Tells every client's adapter of the realm's not-before.
async fn push_revocation(call: AdminCall) -> Result<Answer, Problem> {
    let order = Order::NotBefore(call.realm.settings.not_before);
    let reached = told(&call, &clients(&call).await?, order).await?;
    pushed(&call, "REALM", Some(&reached)).await?;
    Ok(answer(&reached))
}

/// Tells a client's adapter of the client's not-before.
async fn push_client_revocation(call: AdminCall) -> Result<Answer, Problem> {
    let uuid = ClientUuid::new(call.param("client"));
    let Some(client) = call.realm.client_by_uuid(&uuid).await? else {
        return Err(Problem::not_found("Could not find client"));
    };
    let order = Order::NotBefore(client.not_before());
    let reached = told(&call, &[client], order).await?;
    pushed(&call, "CLIENT", None).await?;
    Ok(answer(&reached))
}

/// All clients of the realm.
pub(super) async fn clients(call: &AdminCall) -> Result<Vec<Arc<Client>>, Problem> {
    let store = &call.app.store;
    let documents = store.documents(&call.realm.id, Kind::Client).await?;
    let mut clients = Vec::new();
    for document in documents {
        // Nobody else is called, and few have one.
        if document.body.get("adminUrl").is_some()
            && let Some(client) = call.realm.client(&document.unique_name).await?
        {
            clients.push(client);
        }
    }
    Ok(clients)
}

/// Tells adapters now, and who took it (Keycloak's `GlobalRequestResult`).
pub(super) async fn told(
    call: &AdminCall,
    clients: &[Arc<Client>],
    order: Order,
) -> Result<Value, Problem> {
    let issuer = call.context.issuer(&call.realm.name);
    let reached = adapter::tell(&call.app, &call.realm, clients, &issuer, order).await?;
    let mut told = json!({});
    for (name, urls) in [
        ("successRequests", reached.success),
        ("failedRequests", reached.failed),
    ] {
        if let (Some(told), false) = (told.as_object_mut(), urls.is_empty()) {
            told.insert(name.to_owned(), json!(urls));
        }
    }
    Ok(told)
}

async fn pushed(
    call: &AdminCall,
    kind: &'static str,
    representation: Option<&Value>,
) -> Result<(), Problem> {
    let mut tx = Tx::new();
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind,
        path: Some(&path),
    };
    call.record(&mut tx, resource, representation);
    done(call.app.commit(tx).await?)
}
