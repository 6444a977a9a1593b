//! User storage such as LDAP: what is asked of it, and of servers that might become some. What it takes
//! to speak to such a server is not built yet, and each endpoint says so where it would begin.

use axum::http::{Method, StatusCode, header};
use claviger_surface::{Answer, Form};
use claviger_wire::component::{LDAP_MAPPER, USER_STORAGE_PROVIDER};
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::features::not_built;
use crate::call::{AdminCall, json as answer, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// The class of the bodies.
const CLASS: &str = "TestLdapConnectionRepresentation";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const SEE: Rights = Rights::Any(&[Right::QueryUsers, Right::ViewUsers, Right::ManageUsers]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageUsers]);
    const REALM: Rights = Rights::Any(&[Right::ManageRealm]);
    const NAME: &str = "/admin/realms/{realm}/user-storage/{storage}/name";
    const SYNC: &str = "/admin/realms/{realm}/user-storage/{storage}/sync";
    const REMOVE: &str = "/admin/realms/{realm}/user-storage/{storage}/remove-imported-users";
    const UNLINK: &str = "/admin/realms/{realm}/user-storage/{storage}/unlink-users";
    const MAPPER: &str = "/admin/realms/{realm}/user-storage/{storage}/mappers/{mapper}/sync";
    const TEST: &str = "/admin/realms/{realm}/testLDAPConnection";
    const ABLE: &str = "/admin/realms/{realm}/ldap-server-capabilities";
    vec![
        route(M::GET, NAME, SEE, name),
        route(M::POST, SYNC, MANAGE, sync),
        route(M::POST, REMOVE, MANAGE, users),
        route(M::POST, UNLINK, MANAGE, users),
        route(M::POST, MAPPER, MANAGE, sync_mapper),
        route(M::POST, TEST, REALM, test),
        route(M::POST, ABLE, REALM, capabilities),
    ]
}

async fn component(call: &AdminCall, param: &str) -> Result<Option<Document>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    Ok(store
        .document(realm, Kind::Component, call.param(param))
        .await?)
}

fn is_of(component: &Document, kind: &str) -> bool {
    Fields::of(&component.body).str("providerType") == Some(kind)
}

/// The storage that the path names.
async fn storage(call: &AdminCall) -> Result<Document, Problem> {
    let found = component(call, "storage").await?;
    let found = found.ok_or_else(|| Problem::not_found("Could not find component"))?;
    if !is_of(&found, USER_STORAGE_PROVIDER) {
        return Err(Problem::not_found("found, but not a UserStorageProvider"));
    }
    Ok(found)
}

/// What a storage is called: administrators of users see it beside each user.
async fn name(call: AdminCall) -> Result<Answer, Problem> {
    let found = storage(&call).await?;
    let name = found.body.get("name").cloned().unwrap_or(Value::Null);
    Ok(read_out(&json!({"name": name, "id": found.id})))
}

fn wrong(text: &str) -> Problem {
    Problem::error(StatusCode::BAD_REQUEST, text)
}

async fn sync(call: AdminCall) -> Result<Answer, Problem> {
    storage(&call).await?;
    match call.query.get("action").unwrap_or_default() {
        "" => Err(wrong("Missing action")),
        "triggerFullSync" | "triggerChangedUsersSync" => Err(not_built("LDAP")),
        other => Err(wrong(&format!("Unknown action: {other}"))),
    }
}

async fn users(call: AdminCall) -> Result<Answer, Problem> {
    storage(&call).await?;
    Err(not_built("LDAP"))
}

async fn sync_mapper(call: AdminCall) -> Result<Answer, Problem> {
    let is_there = |found: Option<Document>, kind| found.is_some_and(|found| is_of(&found, kind));
    if !is_there(component(&call, "storage").await?, USER_STORAGE_PROVIDER) {
        return Err(Problem::not_found("Parent model not found"));
    }
    if !is_there(component(&call, "mapper").await?, LDAP_MAPPER) {
        return Err(Problem::not_found("Mapper model not found"));
    }
    match call.query.get("direction") {
        Some("fedToKeycloak" | "keycloakToFed") => Err(not_built("LDAP")),
        other => {
            let other = other.unwrap_or("null");
            Err(wrong(&format!("Unknown direction: {other}")))
        }
    }
}

/// What is asked of a server: JSON, or a form as before.
fn asked(call: &AdminCall) -> Result<Json, Problem> {
    let kind = call.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        if call.is_nothing() {
            return Err(Problem::bad_request("UnknownError"));
        }
        return call.json(CLASS);
    }
    let form = Form::parse(call.body());
    let members = ["action", "connectionUrl"];
    let members = members.into_iter().filter_map(|name| {
        let value = form.get(name)?;
        Some((name.to_owned(), json!(value)))
    });
    Ok(members.collect())
}

/// Tries a connection. What is wrong without one is said in Keycloak's words.
async fn test(call: AdminCall) -> Result<Answer, Problem> {
    let sent = asked(&call)?;
    let fields = Fields::of(&sent);
    let action = fields.str("action");
    if !matches!(action, Some("testConnection" | "testAuthentication")) {
        return Err(Problem::bad_request("NamingError"));
    }
    let Some(urls) = fields.str("connectionUrl") else {
        return Err(Problem::bad_request("UnknownError"));
    };
    let mut urls = urls.split_whitespace().peekable();
    if urls.peek().is_none() {
        return Err(Problem::bad_request("NamingError"));
    }
    if !urls.all(|url| url.starts_with("ldap://") || url.starts_with("ldaps://")) {
        return Err(Problem::bad_request("MalformedURL"));
    }
    Err(not_built("LDAP"))
}

/// What a server can do.
async fn capabilities(call: AdminCall) -> Result<Answer, Problem> {
    let sent = asked(&call)?;
    if Fields::of(&sent).str("action") != Some("queryServerCapabilities") {
        return Ok(answer(&json!([])));
    }
    Err(not_built("LDAP"))
}
