//! What a client would get: mappers, roles and tokens for a `scope` that nobody has asked for yet.

use std::collections::HashSet;

use axum::http::{Method, StatusCode};
use claviger_engine::client::Client;
use claviger_engine::scope::requested;
use claviger_engine::token::example::{Example, example};
use claviger_model::{ClientUuid, RoleId, User, UserId};
use claviger_surface::Answer;
use claviger_wire::document::{Json, Kind};
use serde_json::{Value, json};

use super::{SEE, client};
use crate::admin::role_mappings::representation::brief;
use crate::call::{AdminCall, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const MAPPERS: &str = "/admin/realms/{realm}/clients/{client}/evaluate-scopes/protocol-mappers";
    const GRANTED: &str = "/admin/realms/{realm}/clients/{client}/evaluate-scopes/scope-mappings/\
                           {holder}/granted";
    const NOT_GRANTED: &str = "/admin/realms/{realm}/clients/{client}/evaluate-scopes/\
                               scope-mappings/{holder}/not-granted";
    const ACCESS: &str = "/admin/realms/{realm}/clients/{client}/evaluate-scopes/\
                          generate-example-access-token";
    const ID: &str = "/admin/realms/{realm}/clients/{client}/evaluate-scopes/\
                      generate-example-id-token";
    const USER_INFO: &str = "/admin/realms/{realm}/clients/{client}/evaluate-scopes/\
                             generate-example-userinfo";
    const SAML: &str = "/admin/realms/{realm}/clients/{client}/evaluate-scopes/\
                        generate-example-saml-response";
    vec![
        route(M::GET, MAPPERS, SEE, mappers),
        route(M::GET, GRANTED, SEE, |call| roles(call, true)),
        route(M::GET, NOT_GRANTED, SEE, |call| roles(call, false)),
        route(M::GET, ACCESS, SEE, access_token),
        route(M::GET, ID, SEE, id_token),
        route(M::GET, USER_INFO, SEE, user_info),
        route(M::GET, SAML, SEE, saml_response),
    ]
}

/// One mapper and where it comes from.
fn evaluated(mapper: &claviger_wire::mapper::ProtocolMapper, from: [&str; 3]) -> Value {
    let [id, name, kind] = from;
    json!({
        "mapperId": mapper.id,
        "mapperName": mapper.name,
        "containerId": id,
        "containerName": name,
        "containerType": kind,
        "protocolMapper": mapper.protocol_mapper,
    })
}

async fn mappers(call: AdminCall) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let scopes = requested(&call.realm, &client, call.query.get("scope")).await?;
    let protocol = &client.settings.protocol;
    let own = client
        .mappers
        .iter()
        .map(|mapper| (mapper, [client.uuid.as_str(), "", "client"]));
    let of_scopes = scopes.iter().flat_map(|scope| {
        let from = [scope.id.as_str(), scope.name.as_str(), "client-scope"];
        scope.mappers.iter().map(move |mapper| (mapper, from))
    });
    let all = own
        .chain(of_scopes)
        .filter(|(mapper, _)| mapper.protocol == *protocol);
    Ok(read_out(
        &all.map(|(mapper, from)| evaluated(mapper, from))
            .collect::<Vec<_>>(),
    ))
}

/// Roles of the realm (by its name) or of a client that the client's tokens may carry, or not.
async fn roles(call: AdminCall, granted: bool) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let holder = call.param("holder");
    let parent = if holder == call.realm.name {
        String::new()
    } else {
        let found = call.realm.client_by_uuid(&ClientUuid::new(holder)).await?;
        let found = found.ok_or_else(|| Problem::not_found("Role Container not found"))?;
        found.uuid.as_str().to_owned()
    };
    let roles = call.realm.roles().await?;
    let allowed = allowed(&call, &client).await?;
    let documents = call
        .app
        .store
        .children(&call.realm.id, Kind::Role, &parent)
        .await?;
    let owner = if parent.is_empty() {
        call.realm.id.as_str()
    } else {
        &parent
    };
    let shown = documents.iter().filter(|document| {
        let full = allowed.as_ref();
        let is = full.is_none_or(|some| some.contains(&RoleId::new(document.id.as_str())));
        is == granted
    });
    Ok(read_out(
        &shown
            .map(|role| brief(role, &roles, owner))
            .collect::<Vec<_>>(),
    ))
}

/// The roles that tokens may carry; none means all of them.
async fn allowed(call: &AdminCall, client: &Client) -> Result<Option<HashSet<RoleId>>, Problem> {
    if client.settings.full_scope_allowed {
        return Ok(None);
    }
    let scopes = requested(&call.realm, client, call.query.get("scope")).await?;
    let roles = call.realm.roles().await?;
    let own = roles.of_client(&client.uuid).map(|role| &role.id);
    let of_scopes = scopes.iter().flat_map(|scope| &scope.roles);
    Ok(Some(roles.expand(
        own.chain(&client.scope_mappings).chain(of_scopes),
    )))
}

/// Tokens of this client for the user whom the query names.
async fn examples(call: &AdminCall) -> Result<Example, Problem> {
    let client = client(call).await?;
    let user = user(call).await?;
    let scope = call.query.get("scope");
    Ok(example(&call.app, &call.realm, &client, user, scope, &call.context).await?)
}

/// The user that is asked about, whom not everybody who sees clients may see (CVE-2026-37978).
async fn user(call: &AdminCall) -> Result<User, Problem> {
    let id = call.query.get("userId").filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Problem::not_found("No userId provided"))?;
    if !call
        .admin
        .may(&call.realm, &[Right::ViewUsers, Right::ManageUsers])
        .await?
    {
        let text = "You have no access to this user";
        return Err(Problem::error(StatusCode::FORBIDDEN, text));
    }
    let user = call
        .app
        .store
        .user(&call.realm.id, &UserId::new(id))
        .await?;
    user.ok_or_else(|| Problem::not_found("No user found"))
}

/// Refuses an audience that is wished for and that the token would not have.
async fn check_audience(call: &AdminCall, claims: &Json) -> Result<(), Problem> {
    let wished = call.query.get("audience").unwrap_or_default();
    let has = |wish: &str| match claims.get("aud") {
        Some(Value::String(audience)) => audience == wish,
        Some(Value::Array(list)) => list.iter().any(|audience| audience == wish),
        _ => false,
    };
    let mut missing = Vec::new();
    for wish in wished.split_whitespace().filter(|wish| !has(wish)) {
        if call.realm.client(wish).await?.is_some() {
            missing.push(wish);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!("Requested audience not available: {}", missing.join(", "));
    Err(Problem::not_found(&text))
}

async fn access_token(call: AdminCall) -> Result<Answer, Problem> {
    let claims = examples(&call).await?.access;
    check_audience(&call, &claims).await?;
    Ok(read_out(&claims))
}

async fn id_token(call: AdminCall) -> Result<Answer, Problem> {
    let example = examples(&call).await?;
    check_audience(&call, &example.access).await?;
    Ok(read_out(&example.id))
}

async fn user_info(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&examples(&call).await?.user_info))
}

/// This server makes no assertions.
async fn saml_response(call: AdminCall) -> Result<Answer, Problem> {
    client(&call).await?;
    user(&call).await?;
    Err(crate::admin::owner::not_enabled())
}
