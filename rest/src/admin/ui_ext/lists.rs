//! Lists as the console's pages show them: users with what is known of guesses at their passwords, sessions of
//! the realm and of a client, flows with who uses them.

use axum::http::Method;
use claviger_engine::import::flows::BINDINGS;
use claviger_model::session::SessionKind;
use claviger_model::{ClientUuid, UserId, UserSession};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::admin::authentication::{self, BROKER_BINDINGS};
use crate::admin::paging::Page;
use crate::admin::{attack_detection, sessions, users};
use crate::call::{AdminCall, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// How many sessions of a realm are looked at for a search, and how far pages go.
const SCAN_MAX: i64 = 10_000;
/// How many elements a page shows if nobody says.
const PAGE: i64 = 10;
/// How many users of a flow stand beside it; the rest is asked for.
const USES: usize = 10;

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    const QUERY: Rights = Rights::Any(&[Right::QueryUsers, Right::ViewUsers, Right::ManageUsers]);
    const REALM: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
    const CLIENTS: Rights = Rights::Any(&[Right::ViewClients, Right::ManageClients]);
    const FLOWS: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm, Right::QueryClients]);
    const ACTIONS: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm, Right::QueryUsers]);
    const AUTHENTICATION: &str =
        "/admin/realms/{realm}/ui-ext/authentication-management/{kind}/{flow}";
    vec![
        route(
            M::GET,
            "/admin/realms/{realm}/ui-ext/brute-force-user",
            QUERY,
            of_users,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/ui-ext/sessions",
            REALM,
            of_realm,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/ui-ext/sessions/client",
            CLIENTS,
            of_client,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/ui-ext/authentication-management/flows",
            FLOWS,
            flows,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/ui-ext/authentication-management/required-actions",
            ACTIONS,
            authentication::required_actions::list_for_console,
        ),
        route(M::GET, AUTHENTICATION, FLOWS, uses),
    ]
}

/// The list of users, with what is known of guesses at each one's password.
async fn of_users(call: AdminCall) -> Result<Answer, Problem> {
    let (mut shown, manage) = users::listed(&call).await?;
    for user in &mut shown {
        let id = Fields::of(user).text("id").unwrap_or_default();
        let status = attack_detection::outline(&call, &UserId::new(id)).await?;
        user.insert("access".to_owned(), json!({ "manage": manage }));
        user.insert("bruteForceStatus".to_owned(), status);
    }
    Ok(read_out(&shown))
}

/// Which sessions are asked for; anything else is not found, as Keycloak routes it.
fn kinds(call: &AdminCall) -> Result<&'static [SessionKind], Problem> {
    match call.query.get("type").unwrap_or("ALL") {
        "ALL" => Ok(&SessionKind::ALL),
        "REGULAR" => Ok(&[SessionKind::Online]),
        "OFFLINE" => Ok(&[SessionKind::Offline]),
        _ => Err(Problem::not_found("HTTP 404 Not Found")),
    }
}

async fn of_realm(call: AdminCall) -> Result<Answer, Problem> {
    let page = Page::of(&call, PAGE)?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let searched = call
        .query
        .get("search")
        .is_some_and(|text| !text.trim().is_empty());
    let limit = if searched {
        SCAN_MAX
    } else {
        page.first.saturating_add(page.max).min(SCAN_MAX)
    };
    let mut found = Vec::new();
    for kind in kinds(&call)? {
        found.extend(store.sessions_of_realm(realm, *kind, limit).await?);
    }
    show(&call, page, found).await
}

async fn of_client(call: AdminCall) -> Result<Answer, Problem> {
    let uuid = ClientUuid::new(call.query.get("clientId").unwrap_or_default());
    if call.realm.client_by_uuid(&uuid).await?.is_none() {
        return Err(Problem::not_found("Could not find client"));
    }
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut found = Vec::new();
    for kind in kinds(&call)? {
        let all = store.sessions_of_client(realm, *kind, &uuid, 0, SCAN_MAX);
        found.extend(all.await?);
    }
    show(&call, Page::of(&call, PAGE)?, found).await
}

/// A page of sessions: of those whose user, address or client has what is searched for.
async fn show(call: &AdminCall, page: Page, found: Vec<UserSession>) -> Result<Answer, Problem> {
    let search = call
        .query
        .get("search")
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&search);
    let until = page.first.saturating_add(page.max);
    let (mut passed, mut shown) = (0, Vec::new());
    for session in found {
        if passed >= until {
            break;
        }
        let user = call.app.store.user(&call.realm.id, &session.user).await?;
        let Some(user) = user else { continue };
        let told = sessions::show(call, &session, &user.username).await?;
        let by_client = || told.clients.values().any(|client| has(client));
        if !search.is_empty() && !has(&user.username) && !has(&session.ip_address) && !by_client() {
            continue;
        }
        passed += 1;
        if passed <= page.first {
            continue;
        }
        let kind = match session.kind {
            SessionKind::Online => "REGULAR",
            SessionKind::Offline => "OFFLINE",
        };
        let mut told = json!(told);
        if let Some(told) = told.as_object_mut() {
            told.shift_remove("rememberMe");
            told.insert("type".to_owned(), json!(kind));
        }
        shown.push(told);
    }
    Ok(read_out(&shown))
}

/// Who uses a flow by itself, beyond the realm.
struct Uses {
    clients: Vec<String>,
    providers: Vec<String>,
}

/// The clients that override one of the realm's flows by this one, and the identity providers that run it.
fn uses_of(flow: &Document, clients: &[Document], providers: &[Document]) -> Uses {
    let overrides = |client: &&Document| {
        let overrides = client.body.get("authenticationFlowBindingOverrides");
        let overrides = overrides.and_then(Value::as_object);
        overrides.is_some_and(|flows| flows.values().any(|id| id.as_str() == Some(&flow.id)))
    };
    let runs = |provider: &&Document| {
        let named = |member: &&str| {
            provider.body.get(*member).and_then(Value::as_str) == Some(&flow.unique_name)
        };
        BROKER_BINDINGS.iter().any(named)
    };
    let name = |document: &Document| document.unique_name.clone();
    let mut uses = Uses {
        clients: clients.iter().filter(overrides).map(name).collect(),
        providers: providers.iter().filter(runs).map(name).collect(),
    };
    uses.clients.sort_unstable();
    uses.providers.sort_unstable();
    uses
}

/// Flows, each with who uses it: the realm, clients or identity providers.
async fn flows(call: AdminCall) -> Result<Answer, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let clients = store.documents(realm, Kind::Client).await?;
    let providers = store.documents(realm, Kind::IdentityProvider).await?;
    let bound: Vec<String> = BINDINGS
        .iter()
        .filter_map(|(member, _)| Fields::of(&call.realm.body).text(member))
        .collect();
    let mut shown = Vec::new();
    for flow in authentication::flows::listed(&call).await? {
        let uses = uses_of(&flow, &clients, &providers);
        let (kind, mut values) = if bound.contains(&flow.unique_name) {
            ("DEFAULT", vec![flow.unique_name.clone()])
        } else if uses.clients.is_empty() {
            ("SPECIFIC_PROVIDERS", uses.providers)
        } else {
            ("SPECIFIC_CLIENTS", uses.clients)
        };
        values.truncate(USES);
        let fields = Fields::of(&flow.body);
        let mut told = Json::from_iter([
            ("id".to_owned(), json!(flow.id)),
            ("alias".to_owned(), json!(flow.unique_name)),
            ("builtIn".to_owned(), json!(fields.flag("builtIn", false))),
        ]);
        if !values.is_empty() {
            told.insert(
                "usedBy".to_owned(),
                json!({ "type": kind, "values": values }),
            );
        }
        if let Some(description) = fields.text("description") {
            told.insert("description".to_owned(), json!(description));
        }
        shown.push(told);
    }
    Ok(read_out(&shown))
}

/// All who use a flow, clients or identity providers, a page of them.
async fn uses(call: AdminCall) -> Result<Answer, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let flow = store
        .document(realm, Kind::Flow, call.param("flow"))
        .await?;
    let flow = flow.ok_or_else(|| Problem::not_found("Could not find flow with id"))?;
    let names = match call.param("kind") {
        "clients" => {
            let clients = store.documents(realm, Kind::Client).await?;
            uses_of(&flow, &clients, &[]).clients
        }
        "idp" => {
            let providers = store.documents(realm, Kind::IdentityProvider).await?;
            uses_of(&flow, &[], &providers).providers
        }
        _ => return Err(Problem::not_found("HTTP 404 Not Found")),
    };
    let search = call
        .query
        .get("search")
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let passing = names.into_iter();
    let passing = passing.filter(|name| name.to_lowercase().contains(&search));
    let page: Vec<String> = Page::of(&call, PAGE)?.cut(passing).collect();
    Ok(read_out(&page))
}
