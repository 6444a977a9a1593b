//! What Keycloak's own console asks beyond the documented API, below `ui-ext`: lists put together as its
//! pages show them, and a realm saved with its user profile in one.

mod lists;
mod roles;

use axum::http::{Method, StatusCode};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::fields::Fields;
use claviger_wire::schema;
use serde_json::{Value, json};

use super::{realms, user_profile};
use crate::call::{AdminCall, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// Who listens to events.
const LISTENERS: [&str; 2] = ["jboss-logging", "email"];
/// How many realms a page of their names shows if nobody says, and at most.
const NAMES: (i64, i64) = (10, 1_000);

/// The rows of these files.
pub fn routes() -> Vec<Route> {
    const SAVE: Rights = Rights::Any(&[Right::ManageRealm]);
    const EVENTS: Rights = Rights::Any(&[Right::ViewEvents, Right::ManageEvents]);
    let get = |path, rights, handler| route(Method::GET, path, rights, handler);
    let own = vec![
        route(Method::PUT, "/admin/realms/{realm}/ui-ext", SAVE, save),
        route(
            Method::GET,
            "/admin/realms/{realm}/ui-ext/available-event-listeners",
            EVENTS,
            listeners,
        ),
        route(
            Method::GET,
            "/admin/realms/{realm}/ui-ext/realms/names",
            Rights::Handler,
            names,
        ),
        get(
            "/admin/realms/{realm}/ui-ext/info",
            Rights::AnyAdmin,
            |_| async { Ok(read_out(&json!({ "userProfileProvidersEnabled": false }))) },
        ),
    ];
    [own, roles::routes(), lists::routes()].concat()
}

/// The realm, and its user profile if it is sent too, in one write.
async fn save(call: AdminCall) -> Result<Answer, Problem> {
    call.consumes("application/json")?;
    let Value::Object(mut sent) = call.value()? else {
        let status = StatusCode::BAD_REQUEST;
        return Err(Problem::described(
            status,
            "unknown_error",
            "Cannot parse the JSON",
        ));
    };
    let profile = sent
        .shift_remove("upConfig")
        .filter(|config| !config.is_null());
    let realm = Value::Object(sent).to_string();
    let realm = schema::parse("RealmRepresentation", realm.as_bytes())?;
    let mut tx = Tx::new();
    if let Some(profile) = profile {
        let profile = schema::parse("UPConfig", profile.to_string().as_bytes())?;
        user_profile::put_beside(&call, &mut tx, &profile).await?;
    }
    realms::change_realm(&call, realm, tx).await
}

async fn listeners(_: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&LISTENERS.map(|id| json!({ "id": id }))))
}

/// The names of those realms that the caller administers in any way.
async fn names(call: AdminCall) -> Result<Answer, Problem> {
    let search = call
        .query
        .get("search")
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let first = call.number("first")?.unwrap_or(0).max(0);
    let max = call.number("max")?.filter(|max| *max >= 0);
    let max = max.unwrap_or(NAMES.0).min(NAMES.1);
    let mut rows = if call.admin.is_of_master() {
        call.app.store.realms().await?
    } else {
        let own = &call.admin.realm.id;
        call.app.store.realm_by_id(own).await?.into_iter().collect()
    };
    rows.sort_by(|one, two| one.name.cmp(&two.name));
    let (mut passed, mut shown) = (0, Vec::new());
    for row in rows {
        if i64::try_from(shown.len()).unwrap_or(i64::MAX) >= max {
            break;
        }
        let display = Fields::of(&row.body).filled_text("displayName");
        let named = |text: &str| text.to_lowercase().contains(&search);
        if !named(&row.name) && !display.as_deref().is_some_and(named) {
            continue;
        }
        let Some(realm) = call.app.realm(&row.name).await? else {
            continue;
        };
        if !call.admin.is_any(&realm).await? {
            continue;
        }
        passed += 1;
        if passed > first {
            let mut name = json!({ "name": row.name });
            if let (Some(display), Some(name)) = (display, name.as_object_mut()) {
                name.insert("displayName".to_owned(), json!(display));
            }
            shown.push(name);
        }
    }
    Ok(read_out(&shown))
}
