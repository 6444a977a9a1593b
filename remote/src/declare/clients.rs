//! Clients, with their mappers and scopes.

use serde_json::Value;

use super::pass::{Json, Kind, Mode, Pass, listed};
use super::scopes;
use crate::Failure;
use crate::json::text;

/// Clients of every realm: they never go unless a file says it of them by name.
const BUILT_IN: [&str; 6] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];

/// Members that are told elsewhere, or are nobody's to set.
const INNER: [&str; 7] = [
    "protocolMappers",
    "defaultClientScopes",
    "optionalClientScopes",
    "authorizationSettings",
    "registrationAccessToken",
    "registeredNodes",
    "defaultRoles",
];

/// The realm's clients.
pub fn run(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(mut wanted) = listed(document, "clients")? else {
        return Ok(());
    };
    for client in &mut wanted {
        if client.contains_key("authorizationSettings") {
            let name = text(client, "clientId").unwrap_or_default();
            pass.notes.push(format!(
                "client '{name}': authorizationSettings are only set when it is made"
            ));
        }
        name_flows(pass, client)?;
    }
    let kind = Kind::new("client", "clients", "clientId", "id");
    let built_in = |found: &Json| {
        let name = text(found, "clientId").unwrap_or_default();
        BUILT_IN.contains(&name) || name.ends_with("-realm")
    };
    for (item, met) in pass.list(&kind, "", &wanted, &INNER, &built_in)? {
        let name = text(&item, "clientId").unwrap_or_default().to_owned();
        scopes::mappers(pass, "clients", &name, &item, &met)?;
        scopes::of_client(pass, &item, &met)?;
    }
    Ok(())
}

/// A client's own flows are kept by id; files name them by alias.
fn name_flows(pass: &Pass<'_>, client: &mut Json) -> Result<(), Failure> {
    let Some(Value::Object(bindings)) = client.get_mut("authenticationFlowBindingOverrides") else {
        return Ok(());
    };
    if bindings.is_empty() {
        return Ok(());
    }
    let flows = pass.all("authentication/flows")?;
    for value in bindings.values_mut() {
        let named = |flow: &&Json| text(flow, "alias") == value.as_str();
        if let Some(id) = flows.iter().find(named).and_then(|flow| text(flow, "id")) {
            *value = id.into();
            continue;
        }
        let known = flows.iter().any(|flow| text(flow, "id") == value.as_str());
        let none = value.as_str().is_none_or(str::is_empty);
        if !known && !none && pass.mode == Mode::Write {
            let told = format!("authenticationFlowBindingOverrides: flow {value} is not there");
            return Err(Failure::Failed(told));
        }
    }
    Ok(())
}
