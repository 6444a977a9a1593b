//! What steps and required actions there are, and what can be set of them.

use std::future::ready;

use axum::http::Method;
use claviger_surface::Answer;
use claviger_wire::flow::provider::{self, Provider, ProviderKind};
use serde_json::{Value, json};

use super::SEE;
use super::steps::members;
use crate::call::{AdminCall, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const CLIENTS: Rights = Rights::Any(&[
        Right::ViewRealm,
        Right::ManageRealm,
        Right::QueryClients,
        Right::ViewClients,
        Right::ManageClients,
    ]);
    const STEPS: &str = "/admin/realms/{realm}/authentication/authenticator-providers";
    const ACTIONS: &str = "/admin/realms/{realm}/authentication/form-action-providers";
    const FORMS: &str = "/admin/realms/{realm}/authentication/form-providers";
    const PROOFS: &str = "/admin/realms/{realm}/authentication/client-authenticator-providers";
    const OF_CLIENTS: &str = "/admin/realms/{realm}/authentication/per-client-config-description";
    const ONE: &str = "/admin/realms/{realm}/authentication/config-description/{provider}";
    let get = Method::GET;
    vec![
        route(get.clone(), STEPS, SEE, |_| {
            ready(Ok(list(ProviderKind::Authenticator)))
        }),
        route(get.clone(), ACTIONS, SEE, |_| {
            ready(Ok(list(ProviderKind::FormAction)))
        }),
        route(get.clone(), FORMS, SEE, |_| {
            ready(Ok(list(ProviderKind::Form)))
        }),
        route(get.clone(), PROOFS, CLIENTS, |_| {
            ready(Ok(list(ProviderKind::ClientAuthenticator)))
        }),
        route(get.clone(), OF_CLIENTS, CLIENTS, of_clients),
        route(get, ONE, SEE, describe),
    ]
}

fn list(kind: ProviderKind) -> Answer {
    let shown = |(id, provider): (&str, &Provider)| {
        let mut shown = members(json!({
            "id": id,
            "displayName": provider.name,
            "description": provider.does,
        }));
        if let Some(secret) = provider.secret {
            shown.insert("supportsSecret".to_owned(), Value::Bool(secret));
        }
        shown
    };
    let all = provider::all(kind).map(shown);
    read_out(&all.collect::<Vec<_>>())
}

/// What can be set of each client, by the way in which it proves itself.
async fn of_clients(_: AdminCall) -> Result<Answer, Problem> {
    let all = provider::all(ProviderKind::ClientAuthenticator);
    let all = all.map(|(id, provider)| (id.to_owned(), provider.client_settings()));
    Ok(read_out(&all.collect::<serde_json::Map<_, _>>()))
}

async fn describe(call: AdminCall) -> Result<Answer, Problem> {
    let id = call.param("provider");
    let provider = provider::of_step(id)
        .ok_or_else(|| Problem::not_found("Could not find authenticator provider"))?;
    Ok(read_out(&json!({
        "name": provider.name,
        "providerId": id,
        "helpText": provider.does,
        "properties": provider.settings(),
    })))
}
