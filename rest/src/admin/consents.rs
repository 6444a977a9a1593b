//! What users have allowed clients to know, and its withdrawal.

use axum::http::Method;
use claviger_engine::client::Client;
use claviger_engine::logout::end_client_sessions_of_user;
use claviger_model::ScopeId;
use claviger_model::session::{EndReason, SessionKind};
use claviger_store::Tx;
use claviger_surface::Answer;
use serde_json::{Value, json};

use super::sessions::user;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    vec![
        route(
            Method::GET,
            "/admin/realms/{realm}/users/{user}/consents",
            Rights::Any(&[Right::ViewUsers, Right::ManageUsers]),
            list,
        ),
        route(
            Method::DELETE,
            "/admin/realms/{realm}/users/{user}/consents/{client}",
            Rights::Any(&[Right::ManageUsers]),
            withdraw,
        ),
    ]
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let scopes = call.realm.scopes().await?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    // However many sessions there are, it is one look (CVE-2023-6563).
    let offline = store
        .clients_of_user(realm, SessionKind::Offline, &user.id)
        .await?;
    let grants = |client: &Client| -> Vec<Value> {
        let holds = offline.contains(&client.uuid);
        holds.then(|| offline_grant(client)).into_iter().collect()
    };
    let mut shown = Vec::new();
    let mut told = Vec::new();
    for consent in store.consents(realm, &user.id).await? {
        let Some(client) = call.realm.client_by_uuid(&consent.client).await? else {
            continue;
        };
        let name = |id: &String| {
            // A client that wants to be named on the screen is allowed like a scope.
            if *id == client.uuid.as_str() {
                return Some(client.client_id.clone());
            }
            scopes
                .get(&ScopeId::new(id.clone()))
                .map(|scope| scope.name.clone())
        };
        let names: Vec<String> = consent.scopes.iter().filter_map(name).collect();
        told.push(client.uuid.clone());
        shown.push(json!({
            "clientId": client.client_id,
            "grantedClientScopes": names,
            "createdDate": consent.created_at.0,
            "lastUpdatedDate": consent.updated_at.0,
            "additionalGrants": grants(&client),
        }));
    }
    // A client may hold an offline token without any consent.
    for uuid in offline.iter().filter(|uuid| !told.contains(uuid)) {
        if let Some(client) = call.realm.client_by_uuid(uuid).await? {
            shown.push(json!({
                "clientId": client.client_id,
                "grantedClientScopes": [],
                "additionalGrants": grants(&client),
            }));
        }
    }
    Ok(read_out(&shown))
}

fn offline_grant(client: &Client) -> Value {
    json!({"client": client.uuid.as_str(), "key": "Offline Token"})
}

/// Withdraws a consent, and ends what the client made of it: its part in every session.
async fn withdraw(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let found = call.realm.client(call.param("client")).await?;
    let client = found.ok_or_else(|| Problem::not_found("Client not found"))?;
    let consent = call
        .app
        .store
        .consent(&call.realm.id, &user.id, &client.uuid)
        .await?;
    let kind = SessionKind::Offline;
    let store = &call.app.store;
    let offline = store
        .clients_of_user(&call.realm.id, kind, &user.id)
        .await?;
    if consent.is_none() && !offline.contains(&client.uuid) {
        return Err(Problem::not_found("Consent nor offline token not found"));
    }
    let mut tx = Tx::new();
    if consent.is_some() {
        tx.delete_consent(&call.realm.id, &user.id, &client.uuid);
    }
    let reason = EndReason::ConsentRevoked;
    let (app, realm) = (&call.app, &call.realm);
    end_client_sessions_of_user(app, realm, &mut tx, &user.id, &client.uuid, reason).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: "USER",
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}
