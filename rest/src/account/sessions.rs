//! Where somebody is signed in: seen, and ended. Whatever ends here ends as everywhere.

use std::collections::BTreeMap;

use claviger_engine::logout::{end_session, scope};
use claviger_engine::session::{idle_end, max_end};
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{SessionId, UserSession};
use claviger_store::{StoreError, Tx};
use claviger_surface::Answer;
use serde_json::{Value, json};

use super::call::AccountCall;
use super::device::Device;
use crate::call::{no_content, read_out};
use crate::problem::{Problem, done};

const SEE: &[&str] = &["manage-account", "view-profile"];
const MANAGE: &[&str] = &["manage-account"];

async fn of_kind(call: &AccountCall, kind: SessionKind) -> Result<Vec<UserSession>, StoreError> {
    let (store, realm) = (&call.app.store, &call.realm);
    let all = store.sessions_of_user(&realm.id, kind, &call.user().id);
    let mut all = all.await?;
    let now = call.app.now();
    all.retain(|session| claviger_engine::session::is_alive(realm, session, now));
    Ok(all)
}

/// Offline sessions last: they live on when the browser's ends.
async fn of_both_kinds(call: &AccountCall) -> Result<Vec<UserSession>, StoreError> {
    let mut all = of_kind(call, SessionKind::Online).await?;
    all.extend(of_kind(call, SessionKind::Offline).await?);
    Ok(all)
}

fn is_current(call: &AccountCall, session: &UserSession) -> bool {
    session.id == call.session.id && session.kind == call.session.kind
}

/// `SessionRepresentation`.
async fn shown(call: &AccountCall, session: &UserSession) -> Result<Value, StoreError> {
    let (store, realm) = (&call.app.store, &call.realm);
    let parts = store
        .client_sessions(&realm.id, session.kind, &session.id)
        .await?;
    let mut clients = Vec::new();
    for part in parts {
        let Some(client) = realm.client_by_uuid(&part.client).await? else {
            continue;
        };
        let mut shown = json!({
            "clientId": client.client_id,
            "userConsentRequired": false,
            "inUse": false,
            "offlineAccess": false,
        });
        if let (Some(shown), Some(name)) = (shown.as_object_mut(), &client.settings.name) {
            shown.insert("clientName".to_owned(), json!(name));
        }
        clients.push(shown);
    }
    let lifespans = &realm.settings.lifespans;
    let end = max_end(lifespans, session).unwrap_or_else(|| idle_end(lifespans, session));
    let mut body = json!({
        "id": session.id.as_str(),
        "ipAddress": session.ip_address,
        "started": session.started_at.seconds().0,
        "lastAccess": session.last_refresh.seconds().0,
        "expires": end.seconds().0,
        "clients": clients,
    });
    if let Some(body) = body.as_object_mut() {
        if let Some(browser) = Device::of(session).browser {
            body.insert("browser".to_owned(), json!(browser));
        }
        if is_current(call, session) {
            body.insert("current".to_owned(), json!(true));
        }
    }
    Ok(body)
}

/// Sessions of browsers, and of whoever signed in directly.
pub(super) async fn list(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(SEE)?;
    let mut all = Vec::new();
    for session in of_kind(call, SessionKind::Online).await? {
        all.push(shown(call, &session).await?);
    }
    Ok(read_out(&all))
}

/// All sessions, by the kind of machine that they began on.
pub(super) async fn devices(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(SEE)?;
    let mut devices: BTreeMap<(String, String), (Value, Vec<Value>)> = BTreeMap::new();
    for session in of_both_kinds(call).await? {
        let device = Device::of(&session);
        let key = (device.os.clone(), device.os_version.clone());
        let (told, sessions) = devices
            .entry(key)
            .or_insert_with(|| (device.told(), Vec::new()));
        if let Some(told) = told.as_object_mut() {
            let last = session.last_refresh.seconds().0;
            let known = told.get("lastAccess").and_then(Value::as_i64);
            told.insert("lastAccess".to_owned(), json!(known.unwrap_or(0).max(last)));
            if is_current(call, &session) {
                told.insert("current".to_owned(), json!(true));
            }
        }
        sessions.push(shown(call, &session).await?);
    }
    let told = devices.into_values().map(|(mut told, sessions)| {
        if let Some(told) = told.as_object_mut() {
            told.insert("sessions".to_owned(), Value::Array(sessions));
        }
        told
    });
    Ok(read_out(&told.collect::<Vec<_>>()))
}

/// What ending all sessions would end: those of other machines, and with `current=true` the one that
/// asks as well.
pub(super) async fn preview(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(SEE)?;
    let meant = meant(call).await?;
    let reach = scope::reach(&call.app, &call.realm, &meant).await?;
    Ok(read_out(&json!({
        "sessions": reach.sessions,
        "applications": reach.applications,
    })))
}

async fn meant(call: &AccountCall) -> Result<Vec<UserSession>, StoreError> {
    let with_current = call.flag("current").unwrap_or(false);
    let mut all = of_both_kinds(call).await?;
    all.retain(|session| with_current || !is_current(call, session));
    Ok(all)
}

/// Ends them.
pub(super) async fn end_all(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    let meant = meant(call).await?;
    end(call, &meant).await
}

/// Ends one session, and the offline session of the same id. One that is not there, or somebody
/// else's, is ended already as far as the person can tell.
pub(super) async fn end_one(call: &AccountCall, id: &str) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    let id = SessionId::new(id);
    let mut meant = of_both_kinds(call).await?;
    meant.retain(|session| session.id == id);
    end(call, &meant).await
}

async fn end(call: &AccountCall, meant: &[UserSession]) -> Result<Answer, Problem> {
    let (app, realm) = (&call.app, &call.realm);
    let mut tx = Tx::new();
    for session in meant {
        // The end of an offline session is that of the online one of its id.
        let is_covered = session.kind == SessionKind::Online
            && meant
                .iter()
                .any(|other| other.kind == SessionKind::Offline && other.id == session.id);
        if !is_covered {
            end_session(app, realm, &mut tx, session, EndReason::Logout).await?;
        }
        let mut event = call.event("LOGOUT");
        event.session(Some(session.id.as_str()));
        event.success(app, realm, &mut tx);
    }
    done(app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}
