//! What happened in a realm: user events and admin events, read and cleared, and what is kept.

use axum::http::{Method, StatusCode};
use claviger_model::{AdminEvent, Event, Millis};
use claviger_store::{AdminEventQuery, EventQuery, Tx};
use claviger_surface::Answer;
use serde_json::{Map, Value, json};

use crate::call::{AdminCall, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// How many events a list shows if nobody says.
const PAGE: i64 = 100;
/// How many events a list shows at most.
const PAGE_MAX: i64 = 10_000;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const SEE: Rights = Rights::Any(&[Right::ViewEvents, Right::ManageEvents]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageEvents]);
    vec![
        route(Method::GET, "/admin/realms/{realm}/events", SEE, list),
        route(
            Method::DELETE,
            "/admin/realms/{realm}/events",
            MANAGE,
            clear,
        ),
        route(
            Method::GET,
            "/admin/realms/{realm}/admin-events",
            SEE,
            list_admin,
        ),
        route(
            Method::DELETE,
            "/admin/realms/{realm}/admin-events",
            MANAGE,
            clear_admin,
        ),
    ]
}

fn all(call: &AdminCall, name: &str) -> Vec<String> {
    let values = call
        .query
        .iter()
        .filter(|(known, value)| *known == name && !value.is_empty());
    values.map(|(_, value)| value.to_owned()).collect()
}

fn one(call: &AdminCall, name: &str) -> Option<String> {
    call.query
        .get(name)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn page(call: &AdminCall) -> Result<(i64, i64), Problem> {
    let first = call.number("first")?.unwrap_or(0).max(0);
    let max = call.number("max")?.filter(|max| *max >= 0).unwrap_or(PAGE);
    Ok((first, max.min(PAGE_MAX)))
}

fn ascending(call: &AdminCall) -> Result<bool, Problem> {
    match call.query.get("direction") {
        None | Some("desc") => Ok(false),
        Some("asc") => Ok(true),
        Some(_) => {
            let text = "Invalid value for sortDirection, expected value is asc or desc";
            Err(Problem::error(StatusCode::BAD_REQUEST, text))
        }
    }
}

/// A day, `2026-11-23`, or milliseconds since 1970. A day as an end includes the day.
pub(super) fn instant(call: &AdminCall, name: &str, end: bool) -> Result<Option<Millis>, Problem> {
    let Some(text) = call.query.get(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(Some(Millis(millis)));
    }
    if let Some(day) = day(text) {
        return Ok(Some(Millis(if end { day + DAY - 1 } else { day })));
    }
    let text =
        format!("Invalid value for '{name}', expected format is yyyy-MM-dd or an Epoch timestamp");
    Err(Problem::error(StatusCode::BAD_REQUEST, &text))
}

/// The first millisecond of a day of the Gregorian calendar, in UTC.
fn day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the leap day is the last one.
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) * DAY)
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let (first, max) = page(&call)?;
    let query = EventQuery {
        kinds: all(&call, "type"),
        client_id: one(&call, "client"),
        user_id: one(&call, "user"),
        ip_address: one(&call, "ipAddress"),
        from: instant(&call, "dateFrom", false)?,
        to: instant(&call, "dateTo", true)?,
        ascending: ascending(&call)?,
        first,
        max,
    };
    let events = call.app.store.events(&call.realm.id, &query).await?;
    Ok(read_out(&events.iter().map(show).collect::<Vec<_>>()))
}

async fn list_admin(call: AdminCall) -> Result<Answer, Problem> {
    let (first, max) = page(&call)?;
    let query = AdminEventQuery {
        operations: all(&call, "operationTypes"),
        resource_types: all(&call, "resourceTypes"),
        resource_path: one(&call, "resourcePath"),
        auth_realm_id: one(&call, "authRealm"),
        auth_client_id: one(&call, "authClient"),
        auth_user_id: one(&call, "authUser"),
        auth_ip_address: one(&call, "authIpAddress"),
        from: instant(&call, "dateFrom", false)?,
        to: instant(&call, "dateTo", true)?,
        ascending: ascending(&call)?,
        first,
        max,
    };
    let events = call.app.store.admin_events(&call.realm.id, &query).await?;
    Ok(read_out(&events.iter().map(show_admin).collect::<Vec<_>>()))
}

/// `EventRepresentation`; what is not known is left out.
fn show(event: &Event) -> Value {
    known([
        ("id", json!(event.id)),
        ("time", json!(event.time.0)),
        ("type", json!(event.kind)),
        ("realmId", json!(event.realm.as_str())),
        ("clientId", json!(event.client_id)),
        ("userId", json!(event.user_id)),
        ("sessionId", json!(event.session_id)),
        ("ipAddress", json!(event.ip_address)),
        ("error", json!(event.error)),
        ("details", details(&event.details)),
    ])
}

/// `AdminEventRepresentation`; what is not known is left out.
fn show_admin(event: &AdminEvent) -> Value {
    known([
        ("id", json!(event.id)),
        ("time", json!(event.time.0)),
        ("realmId", json!(event.realm.as_str())),
        (
            "authDetails",
            json!({
                "realmId": event.auth_realm_id,
                "clientId": event.auth_client_id,
                "userId": event.auth_user_id,
                "ipAddress": event.ip_address,
            }),
        ),
        ("operationType", json!(event.operation)),
        ("resourceType", json!(event.resource_type)),
        ("resourcePath", json!(event.resource_path)),
        ("representation", json!(event.representation)),
        ("error", json!(event.error)),
        ("details", details(&event.details)),
    ])
}

/// The members that have a value.
fn known<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn details(details: &[(String, String)]) -> Value {
    let details: Map<_, _> = details
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    if details.is_empty() {
        Value::Null
    } else {
        Value::Object(details)
    }
}

async fn clear(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    tx.clear_events(&call.realm.id);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn clear_admin(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    tx.clear_admin_events(&call.realm.id);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_in_utc() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-02-29"), Some(951_782_400_000));
        assert_eq!(day("2026-11-23"), Some(1_795_392_000_000));
        for wrong in [
            "",
            "2026",
            "2026-13-01",
            "2026-01-32",
            "a-b-c",
            "99999-01-01",
        ] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}
