//! Sessions seen and ended by administrators, one by one, of a user, of a client, of everybody.

use std::collections::BTreeMap;

use axum::http::Method;
use claviger_engine::logout::adapter::Order;
use claviger_engine::logout::scope::{self, LogoutScope};
use claviger_engine::logout::{end_session, end_sessions_of_realm};
use claviger_engine::realm::Realm;
use claviger_engine::revocation::record;
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientUuid, SessionId, User, UserId, UserSession};
use claviger_store::{RealmRow, StoreError, Tx};
use claviger_surface::Answer;
use serde::Serialize;
use serde_json::json;

use crate::admin::adapters;
use crate::call::{AdminCall, Resource, json as answer, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const MANAGE_USERS: Rights = Rights::Any(&[Right::ManageUsers]);
const SEE_USERS: Rights = Rights::Any(&[Right::ViewUsers, Right::ManageUsers]);
const SEE_CLIENTS: Rights = Rights::Any(&[Right::ViewClients, Right::ManageClients]);
const SEE_REALM: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
/// How many sessions a list shows if nobody says.
const PAGE: i64 = 100;
/// How many sessions a list shows at most.
const PAGE_MAX: i64 = 1_000;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    let mut routes = routes_of_users();
    routes.extend(routes_of_clients());
    routes
}

fn routes_of_users() -> Vec<Route> {
    use Method as M;
    vec![
        route(
            M::POST,
            "/admin/realms/{realm}/users/{user}/logout",
            MANAGE_USERS,
            logout_user,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/users/{user}/logout-preview",
            SEE_USERS,
            preview_of_user,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/users/{user}/sessions",
            SEE_USERS,
            of_user,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/users/{user}/offline-sessions/{client}",
            SEE_USERS,
            offline_of_user,
        ),
        route(
            M::DELETE,
            "/admin/realms/{realm}/sessions/{session}",
            MANAGE_USERS,
            delete,
        ),
        route(
            M::POST,
            "/admin/realms/{realm}/logout-all",
            MANAGE_USERS,
            logout_all,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/client-session-stats",
            SEE_REALM,
            stats,
        ),
    ]
}

fn routes_of_clients() -> Vec<Route> {
    use Method as M;
    vec![
        route(
            M::GET,
            "/admin/realms/{realm}/clients/{client}/user-sessions",
            SEE_CLIENTS,
            |call| of_client(call, SessionKind::Online),
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/clients/{client}/offline-sessions",
            SEE_CLIENTS,
            |call| of_client(call, SessionKind::Offline),
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/clients/{client}/session-count",
            SEE_CLIENTS,
            |call| count(call, SessionKind::Online),
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/clients/{client}/offline-session-count",
            SEE_CLIENTS,
            |call| count(call, SessionKind::Offline),
        ),
    ]
}

/// `UserSessionRepresentation`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    id: String,
    username: String,
    user_id: String,
    ip_address: String,
    start: i64,
    last_access: i64,
    remember_me: bool,
    pub(super) clients: BTreeMap<String, String>,
    transient_user: bool,
}

/// A session as lists show it.
pub(super) async fn show(
    call: &AdminCall,
    session: &UserSession,
    username: &str,
) -> Result<Shown, StoreError> {
    let realm = &call.realm;
    let parts = call
        .app
        .store
        .client_sessions(&realm.id, session.kind, &session.id)
        .await?;
    let mut clients = BTreeMap::new();
    for part in parts {
        if let Some(client) = realm.client_by_uuid(&part.client).await? {
            clients.insert(client.uuid.as_str().to_owned(), client.client_id.clone());
        }
    }
    Ok(Shown {
        id: session.id.as_str().to_owned(),
        username: username.to_owned(),
        user_id: session.user.as_str().to_owned(),
        ip_address: session.ip_address.clone(),
        start: session.started_at.seconds().millis().0,
        last_access: session.last_refresh.seconds().millis().0,
        remember_me: session.remember_me,
        clients,
        transient_user: false,
    })
}

/// The user that the path names.
pub(super) async fn user(call: &AdminCall) -> Result<User, Problem> {
    let id = UserId::new(call.param("user"));
    let found = call.app.store.user(&call.realm.id, &id).await?;
    found.ok_or_else(|| Problem::not_found("User not found"))
}

async fn client(call: &AdminCall) -> Result<ClientUuid, Problem> {
    let uuid = ClientUuid::new(call.param("client"));
    match call.realm.client_by_uuid(&uuid).await? {
        Some(client) => Ok(client.uuid.clone()),
        None => Err(Problem::not_found("Could not find client")),
    }
}

async fn of_user(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let kind = SessionKind::Online;
    let mut shown = Vec::new();
    for session in call
        .app
        .store
        .sessions_of_user(&call.realm.id, kind, &user.id)
        .await?
    {
        shown.push(show(&call, &session, &user.username).await?);
    }
    Ok(read_out(&shown))
}

async fn offline_of_user(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let uuid = ClientUuid::new(call.param("client"));
    let found = call.realm.client_by_uuid(&uuid).await?;
    let client = found
        .ok_or_else(|| Problem::not_found("Client not found"))?
        .uuid
        .clone();
    let (store, realm, kind) = (&call.app.store, &call.realm.id, SessionKind::Offline);
    let mut shown = Vec::new();
    for session in store.sessions_of_user(realm, kind, &user.id).await? {
        if store
            .client_session(realm, kind, &session.id, &client)
            .await?
            .is_some()
        {
            shown.push(show(&call, &session, &user.username).await?);
        }
    }
    Ok(read_out(&shown))
}

async fn of_client(call: AdminCall, kind: SessionKind) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let first = call.number("first")?.unwrap_or(0).max(0);
    let max = call
        .number("max")?
        .filter(|max| *max >= 0)
        .unwrap_or(PAGE)
        .min(PAGE_MAX);
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut shown = Vec::new();
    for session in store
        .sessions_of_client(realm, kind, &client, first, max)
        .await?
    {
        let Some(user) = store.user(realm, &session.user).await? else {
            continue;
        };
        shown.push(show(&call, &session, &user.username).await?);
    }
    Ok(read_out(&shown))
}

async fn count(call: AdminCall, kind: SessionKind) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let count = call
        .app
        .store
        .count_sessions_of_client(&call.realm.id, kind, &client)
        .await?;
    Ok(read_out(&json!({"count": count})))
}

async fn stats(call: AdminCall) -> Result<Answer, Problem> {
    let mut shown = Vec::new();
    for stat in call.app.store.session_stats(&call.realm.id).await? {
        let Some(client) = call.realm.client_by_uuid(&stat.client).await? else {
            continue;
        };
        shown.push(json!({
            "id": client.uuid.as_str(),
            "clientId": client.client_id,
            "active": stat.online.to_string(),
            "offline": stat.offline.to_string(),
        }));
    }
    Ok(read_out(&shown))
}

/// How much of a user's ends: by default all that is online, as in Keycloak.
fn scope_of_user(call: &AdminCall) -> Result<LogoutScope, Problem> {
    let word = call.query.get("scope");
    let scope = word.map_or(Some(LogoutScope::User), LogoutScope::parse);
    scope
        .filter(|scope| scope.is_beyond_the_session())
        .ok_or_else(|| Problem::bad_request("Parameter scope is one of user, all"))
}

/// What a logout of this user would end, and nothing is ended.
async fn preview_of_user(call: AdminCall) -> Result<Answer, Problem> {
    let scope = scope_of_user(&call)?;
    let user = user(&call).await?;
    let reach = scope::preview_of_user(&call.app, &call.realm, &user.id, scope).await?;
    Ok(read_out(&json!({
        "scope": scope.as_str(),
        "sessions": reach.sessions,
        "applications": reach.applications,
    })))
}

/// Ends all online sessions of a user and refuses every older token of theirs. Offline sessions
/// stay, to end one by one, unless the scope says `all`.
async fn logout_user(call: AdminCall) -> Result<Answer, Problem> {
    let scope = scope_of_user(&call)?;
    let user = user(&call).await?;
    let mut tx = Tx::new();
    let (app, realm, reason) = (&call.app, &call.realm, EndReason::Admin);
    let now = app.now().seconds();
    tx.set_user_not_before(&realm.id, &user.id, now);
    let cut = (&user.id, EndReason::NotBefore);
    record::user_cut(app, realm, &mut tx, cut, now).await?;
    scope::end_of_user(app, realm, &mut tx, &user.id, scope, reason).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: "USER",
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let offline = call.flag("isOffline").unwrap_or(false);
    let kind = if offline {
        SessionKind::Offline
    } else {
        SessionKind::Online
    };
    let id = SessionId::new(call.param("session"));
    let found = call
        .app
        .store
        .user_session(&call.realm.id, kind, &id)
        .await?;
    // Spelled as clients know it.
    let session = found.ok_or_else(|| Problem::not_found("Sesssion not found"))?;
    let mut tx = Tx::new();
    end_session(&call.app, &call.realm, &mut tx, &session, EndReason::Admin).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: "USER_SESSION",
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&json!({"offline": offline})));
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// Ends everybody's online sessions. First every older token is refused by the realm's not-before,
/// durably; then the sessions go, in jobs of bounded size, and their clients are told.
async fn logout_all(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    let row = cut_off_now(&call, &call.realm);
    record::realm_changed(&call.app, &call.realm, &mut tx, &row.body).await?;
    tx.update_realm(&row);
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: "REALM",
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&json!({})));
    done(call.app.commit(tx).await?)?;
    let kinds = &[SessionKind::Online];
    end_sessions_of_realm(&call.app, &call.realm, kinds, EndReason::Admin).await?;
    let enabled = adapters::clients(&call).await?;
    let enabled: Vec<_> = enabled
        .into_iter()
        .filter(|client| client.settings.enabled)
        .collect();
    let order = Order::LogoutAll(call.app.now().seconds());
    Ok(answer(&adapters::told(&call, &enabled, order).await?))
}

fn cut_off_now(call: &AdminCall, realm: &Realm) -> RealmRow {
    let mut body = realm.body.clone();
    body.insert("notBefore".to_owned(), json!(call.app.now().seconds().0));
    RealmRow {
        id: realm.id.clone(),
        name: realm.name.clone(),
        enabled: realm.enabled,
        version: realm.version,
        body,
    }
}
