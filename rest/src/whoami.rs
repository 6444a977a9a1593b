//! `/admin/{realm}/console/whoami`: what a console asks first: who has signed in, and which rights they
//! have over the realm that it shows.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use claviger_engine::App;
use claviger_engine::locale::{Wishes, choose};
use claviger_model::User;
use claviger_surface::browser::cookie;
use claviger_surface::cors::{self, Readers};
use claviger_surface::{Answer, Form, Help};
use serde_json::json;

use crate::call::{Arrival, read_out, respond};
use crate::guard::Admin;
use crate::problem::Problem;

/// The client of Keycloak's console.
const CONSOLE: &str = "security-admin-console";
/// The attribute that makes another client a console.
const CONSOLE_ATTRIBUTE: &str = "security.admin.console";
/// The attribute of an administrator who is to be replaced.
const TEMPORARY: &str = "is_temporary_admin";

/// The endpoint.
pub fn router() -> Router<App> {
    let path = "/admin/{realm}/console/whoami";
    Router::new().route(path, get(show).options(preflight))
}

async fn preflight(headers: HeaderMap) -> Response {
    let mut response = respond(Ok(Answer::empty(StatusCode::OK)), None, &headers);
    let asking = headers.get(header::ORIGIN);
    let methods = "DELETE, POST, GET, PUT";
    cors::write_preflight(response.headers_mut(), asking, methods);
    response
}

async fn show(State(app): State<App>, request: Request) -> Response {
    let headers = request.headers().clone();
    let mut arrival = match Arrival::read(app, request).await {
        Ok(arrival) => arrival,
        Err(problem) => return respond(Err(problem), None, &headers),
    };
    let name = arrival.params.remove("realm").unwrap_or_default();
    let realm = match arrival.app.realm(&name).await {
        Ok(Some(realm)) => realm,
        Ok(None) => {
            let text = "Realm not found.  Did you type in a bad URL?";
            let problem = Problem::not_found(text).helped(Help::AdminRealmNotFound);
            return respond(Err(problem), None, &headers);
        }
        Err(error) => return respond(Err(error.into()), None, &headers),
    };
    let told = match told(&arrival, &realm.name).await {
        Ok(told) => told,
        Err(problem) => return respond(Err(problem), Some(&realm), &headers),
    };
    let mut response = respond(Ok(told.0), Some(&realm), &headers);
    let asking = headers.get(header::ORIGIN);
    cors::write(response.headers_mut(), asking, &told.1, None);
    response
}

async fn told(arrival: &Arrival, realm: &str) -> Result<(Answer, Readers), Problem> {
    let app = &arrival.app;
    let admin = Admin::authenticate(app, &arrival.context, arrival.bearer()).await?;
    if admin.realm.name != realm {
        return Err(Problem::unauthorized(Help::AdminOfAnotherRealm));
    }
    let is_console = admin.client.client_id == CONSOLE
        || admin.client.settings.attribute(CONSOLE_ATTRIBUTE) == Some("true");
    if !is_console {
        let text = format!(
            "Token issued for an application that is not the admin console: {}",
            admin.client.client_id
        );
        return Err(Problem::error(StatusCode::FORBIDDEN, &text));
    }
    let query = Form::parse(arrival.uri.query().unwrap_or_default().as_bytes());
    let shown = query.get("currentRealm").unwrap_or(realm);
    let shown = if admin.is_of_master() { shown } else { realm };
    let Some(rights) = rights(app, &admin, shown).await? else {
        return Err(Problem::not_found("Realm not found"));
    };
    if rights.is_empty() {
        return Err(Problem::error(StatusCode::FORBIDDEN, "No realm access"));
    }
    let user = &admin.person.user;
    let create_realm = admin.is_of_master() && has_realm_role(&admin, "create-realm").await?;
    let temporary = user
        .attributes
        .get(TEMPORARY)
        .and_then(|values| values.first());
    let answer = read_out(&json!({
        "userId": user.id.as_str(),
        "realm": realm,
        "displayName": display_name(user),
        "locale": locale(&admin, &arrival.headers),
        "createRealm": create_realm,
        "realm_access": { shown: rights },
        "temporary": temporary.is_some_and(|text| text.eq_ignore_ascii_case("true")),
    }));
    Ok((
        answer,
        Readers::of(&admin.client, &arrival.context.base_url),
    ))
}

/// The names of their rights over a realm; none if there is no such realm.
async fn rights(
    app: &App,
    admin: &Admin,
    shown: &str,
) -> Result<Option<BTreeSet<String>>, Problem> {
    let Some(realm) = app.realm(shown).await? else {
        return Ok(None);
    };
    let mut names = BTreeSet::new();
    if let Some(client) = admin.administering(&realm).await? {
        let roles = admin.realm.roles().await?;
        let held = roles.of_client(&client.uuid);
        let held = held.filter(|role| admin.person.roles.contains(&role.id));
        names.extend(held.map(|role| role.name.clone()));
    }
    if admin.is_of_master() && has_realm_role(admin, "admin").await? {
        names.insert("admin".to_owned());
    }
    Ok(Some(names))
}

async fn has_realm_role(admin: &Admin, name: &str) -> Result<bool, Problem> {
    let roles = admin.realm.roles().await?;
    let role = roles.named(None, name);
    Ok(role.is_some_and(|role| admin.person.roles.contains(&role.id)))
}

/// First and last name as far as there are any, or else the user name.
fn display_name(user: &User) -> String {
    let filled = |name: &Option<String>| name.clone().filter(|name| !name.trim().is_empty());
    match (filled(&user.first_name), filled(&user.last_name)) {
        (None, None) => user.username.clone(),
        (first, last) => {
            let names: Vec<String> = [first, last].into_iter().flatten().collect();
            names.join(" ")
        }
    }
}

fn locale(admin: &Admin, headers: &HeaderMap) -> String {
    let user = &admin.person.user;
    let cookie = cookie(headers, "KEYCLOAK_LOCALE");
    let accept = headers.get(header::ACCEPT_LANGUAGE);
    let profile = user
        .attributes
        .get("locale")
        .and_then(|values| values.first());
    let wishes = Wishes {
        profile: profile.map(String::as_str),
        cookie: cookie.as_deref(),
        accept: accept.and_then(|accept| accept.to_str().ok()),
        ..Wishes::default()
    };
    choose(&admin.realm, wishes)
}
