//! Which events a realm keeps.

use axum::http::{Method, StatusCode};
use claviger_engine::events::is_kept_by_default;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::realm::{EventsSettings, RealmSettings};
use serde_json::{Value, json};

use super::realms::change::with_events_config;
use super::realms::row;
use crate::call::{AdminCall, Journal, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// Who may be told of events.
const LISTENERS: [&str; 2] = ["jboss-logging", "email"];
/// Kinds of events that a realm keeps if it names none; most also as `…_ERROR`.
const KINDS: [&str; 53] = [
    "AUTHREQID_TO_TOKEN",
    "CLIENT_DELETE",
    "CLIENT_INITIATED_ACCOUNT_LINKING",
    "CLIENT_LOGIN",
    "CLIENT_REGISTER",
    "CLIENT_UPDATE",
    "CODE_TO_TOKEN",
    "CUSTOM_REQUIRED_ACTION",
    "DELETE_ACCOUNT",
    "EXECUTE_ACTIONS",
    "EXECUTE_ACTION_TOKEN",
    "FEDERATED_IDENTITY_LINK",
    "FEDERATED_IDENTITY_OVERRIDE_LINK",
    "GRANT_CONSENT",
    "IDENTITY_PROVIDER_FIRST_LOGIN",
    "IDENTITY_PROVIDER_LINK_ACCOUNT",
    "IDENTITY_PROVIDER_LOGIN",
    "IDENTITY_PROVIDER_POST_LOGIN",
    "IMPERSONATE",
    "INVITE_ORG",
    "JWT_AUTHORIZATION_GRANT",
    "LOGIN",
    "LOGOUT",
    "OAUTH2_DEVICE_AUTH",
    "OAUTH2_DEVICE_CODE_TO_TOKEN",
    "OAUTH2_DEVICE_VERIFY_USER_CODE",
    "OAUTH2_EXTENSION_GRANT",
    "PERMISSION_TOKEN",
    "REGISTER",
    "REMOVE_CREDENTIAL",
    "REMOVE_FEDERATED_IDENTITY",
    "REMOVE_TOTP",
    "RESET_PASSWORD",
    "RESTART_AUTHENTICATION",
    "REVOKE_GRANT",
    "SEND_IDENTITY_PROVIDER_LINK",
    "SEND_RESET_PASSWORD",
    "SEND_VERIFY_EMAIL",
    "TOKEN_EXCHANGE",
    "UPDATE_CONSENT",
    "UPDATE_CREDENTIAL",
    "UPDATE_EMAIL",
    "UPDATE_PASSWORD",
    "UPDATE_PROFILE",
    "UPDATE_TOTP",
    "USER_DISABLED_BY_PERMANENT_LOCKOUT",
    "USER_DISABLED_BY_TEMPORARY_LOCKOUT",
    "VERIFIABLE_CREDENTIAL_CREATE_OFFER",
    "VERIFIABLE_CREDENTIAL_OFFER_REQUEST",
    "VERIFIABLE_CREDENTIAL_PRE_AUTHORIZED_GRANT",
    "VERIFIABLE_CREDENTIAL_REQUEST",
    "VERIFY_EMAIL",
    "VERIFY_PROFILE",
];

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const SEE: Rights = Rights::Any(&[Right::ViewEvents, Right::ManageEvents]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageEvents]);
    const CONFIG: &str = "/admin/realms/{realm}/events/config";
    vec![
        route(Method::GET, CONFIG, SEE, show),
        route(Method::PUT, CONFIG, MANAGE, update),
    ]
}

/// Kinds of events that are kept where a realm names none.
fn kept_by_default() -> Vec<String> {
    let both = KINDS.iter().flat_map(|kind| {
        // Being locked out is an error already.
        let error = !kind.starts_with("USER_DISABLED_BY");
        let error = error.then(|| format!("{kind}_ERROR"));
        [Some((*kind).to_owned()), error]
    });
    both.flatten()
        .filter(|kind| is_kept_by_default(kind))
        .collect()
}

/// `RealmEventsConfigRepresentation`.
fn config(settings: &EventsSettings) -> Json {
    let types = if settings.enabled_types.is_empty() {
        kept_by_default()
    } else {
        settings.enabled_types.clone()
    };
    let mut shown = Json::new();
    shown.insert("eventsEnabled".to_owned(), json!(settings.enabled));
    if let Some(span) = settings.expiration {
        shown.insert("eventsExpiration".to_owned(), json!(span.0));
    }
    shown.insert("eventsListeners".to_owned(), json!(settings.listeners));
    shown.insert("enabledEventTypes".to_owned(), json!(types));
    shown.insert(
        "adminEventsEnabled".to_owned(),
        json!(settings.admin_events_enabled),
    );
    let details = settings.admin_events_details_enabled;
    shown.insert("adminEventsDetailsEnabled".to_owned(), json!(details));
    shown
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&config(&call.realm.settings.events)))
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let mut sent = call.json("RealmEventsConfigRepresentation")?;
    let listeners = Fields::of(&sent).texts("eventsListeners");
    if listeners
        .iter()
        .any(|listener| !LISTENERS.contains(&listener.as_str()))
    {
        return Err(Problem::error(
            StatusCode::BAD_REQUEST,
            "Unknown event listener",
        ));
    }
    let body = with_events_config(&call.realm.body, &sent);
    let new = RealmSettings::from_body(&body).events;
    // The change is told if it was to be told before or is from now on, and as from now on.
    let told = EventsSettings {
        admin_events_enabled: call.realm.settings.events.admin_events_enabled
            || new.admin_events_enabled,
        ..new
    };
    let mut tx = Tx::new();
    tx.update_realm(&row(&call.realm, body));
    let path = call.resource_path();
    let resource = Resource {
        operation: "UPDATE",
        kind: "REALM",
        path: Some(&path),
    };
    sent.entry("eventsEnabled").or_insert(Value::Bool(false));
    let journal = Journal {
        realm: &call.realm.id,
        settings: &told,
    };
    call.record_in(&mut tx, journal, resource, Some(&Value::Object(sent)), &[]);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_by_default_names_errors_too() {
        let kept = kept_by_default();
        for kind in [
            "LOGIN",
            "LOGIN_ERROR",
            "PERMISSION_TOKEN",
            "USER_DISABLED_BY_TEMPORARY_LOCKOUT",
        ] {
            assert!(kept.iter().any(|known| known == kind), "{kind}");
        }
        for kind in [
            "REFRESH_TOKEN",
            "PERMISSION_TOKEN_ERROR",
            "USER_DISABLED_BY_TEMPORARY_LOCKOUT_ERROR",
        ] {
            assert!(!kept.iter().any(|known| known == kind), "{kind}");
        }
        assert_eq!(kept.len(), 103);
        assert!(KINDS.iter().all(|kind| is_kept_by_default(kind)));
    }
}
