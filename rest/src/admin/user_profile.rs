//! The declarative user profile of a realm, read and set.

use axum::http::{Method, StatusCode};
use claviger_engine::profile::{ProfileConfigError, UserProfile};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use serde_json::{Value, json};

use crate::call::{AdminCall, Resource, json as answer};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const PROFILE: &str = "/admin/realms/{realm}/users/profile";
const METADATA: &str = "/admin/realms/{realm}/users/profile/metadata";
const PROVIDER_TYPE: &str = "org.keycloak.userprofile.UserProfileProvider";
const PROVIDER: &str = "declarative-user-profile";
const CONFIG: &str = "kc.user.profile.config";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const SEE: Rights = Rights::Any(&[
        Right::QueryUsers,
        Right::ViewUsers,
        Right::ManageUsers,
        Right::ViewRealm,
        Right::ManageRealm,
    ]);
    const SET: Rights = Rights::Any(&[Right::ManageRealm]);
    vec![
        route(Method::GET, PROFILE, SEE, get),
        route(Method::PUT, PROFILE, SET, put),
        route(Method::GET, METADATA, SEE, metadata),
    ]
}

async fn get(call: AdminCall) -> Result<Answer, Problem> {
    Ok(answer(&call.realm.profile().await?.to_json()))
}

async fn metadata(call: AdminCall) -> Result<Answer, Problem> {
    Ok(answer(
        &call.realm.profile().await?.metadata(&call.realm.settings),
    ))
}

/// Sets the profile; nothing at all, or `null`, brings the built-in one back.
async fn put(call: AdminCall) -> Result<Answer, Problem> {
    let body = if call.is_nothing() {
        None
    } else {
        Some(call.json("UPConfig")?)
    };
    let present = call.realm.profile().await?;
    let profile = match &body {
        Some(body) => configured(&call, body).await?,
        None => UserProfile::read(None),
    };
    if body.is_some() && *present == profile {
        return Ok(Answer::json(StatusCode::OK, &profile.to_json()));
    }
    let config = profile.to_json();
    let mut tx = Tx::new();
    write(&call, &mut tx, body.is_some().then_some(&config)).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "UPDATE",
        kind: "USER_PROFILE",
        path: Some(&path),
    };
    call.record(
        &mut tx,
        resource,
        body.is_some().then(|| json!(config)).as_ref(),
    );
    done(call.app.commit(tx).await?)?;
    Ok(Answer::json(StatusCode::OK, &config))
}

/// Sets the profile that was sent with something else, in the same job.
pub(super) async fn put_beside(call: &AdminCall, tx: &mut Tx, sent: &Json) -> Result<(), Problem> {
    let profile = configured(call, sent).await?;
    if *call.realm.profile().await? == profile {
        return Ok(());
    }
    let config = profile.to_json();
    write(call, tx, Some(&config)).await?;
    let path = call.resource_path();
    let resource = Resource {
        operation: "UPDATE",
        kind: "USER_PROFILE",
        path: Some(&path),
    };
    call.record(tx, resource, Some(&json!(config)));
    Ok(())
}

async fn configured(call: &AdminCall, body: &Json) -> Result<UserProfile, Problem> {
    let scopes = call.realm.scopes().await?;
    let names: Vec<&str> = scopes.names().into_iter().collect();
    let read = UserProfile::configure(&Value::Object(body.clone()), &names);
    read.map_err(|error| match error {
        ProfileConfigError::Json(text) => {
            tracing::debug!("a user profile was refused: {text}");
            let status = StatusCode::BAD_REQUEST;
            Problem::described(status, "unknown_error", "Cannot parse the JSON")
        }
        ProfileConfigError::Invalid(_) => Problem::bad_request(&error.to_string()),
    })
}

/// Puts the configuration into the realm's component, which is made if there is none yet.
async fn write(call: &AdminCall, tx: &mut Tx, config: Option<&Json>) -> Result<(), Problem> {
    let realm = &call.realm.id;
    let all = call.app.store.documents(realm, Kind::Component).await?;
    let is_profile = |component: &Document| {
        component.body.get("providerType").and_then(Value::as_str) == Some(PROVIDER_TYPE)
    };
    if let Some(mut component) = all.into_iter().find(is_profile) {
        set(&mut component.body, config);
        tx.update_document(realm, &component);
        return Ok(());
    }
    let Some(config) = config else { return Ok(()) };
    let id = call.app.random.uuid();
    let mut body = Json::from_iter([
        ("id".to_owned(), json!(id)),
        ("providerId".to_owned(), json!(PROVIDER)),
        ("providerType".to_owned(), json!(PROVIDER_TYPE)),
        ("parentId".to_owned(), json!(realm.as_str())),
    ]);
    set(&mut body, Some(config));
    tx.insert_document(
        realm,
        &Document {
            kind: Kind::Component,
            unique_name: id.clone(),
            id,
            parent: realm.as_str().to_owned(),
            enabled: true,
            body,
        },
    );
    Ok(())
}

/// Sets, or takes away, the configuration in a component's representation.
fn set(body: &mut Json, config: Option<&Json>) {
    let settings = body.entry("config").or_insert_with(|| json!({}));
    if !settings.is_object() {
        *settings = json!({});
    }
    let Some(settings) = settings.as_object_mut() else {
        return;
    };
    match config {
        Some(config) => {
            let text = Value::Object(config.clone()).to_string();
            settings.insert(CONFIG.to_owned(), json!([text]));
        }
        None => {
            settings.shift_remove(CONFIG);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_text_beside_what_else_the_component_has() {
        let mut body = json!({"id": "c", "config": {"other": ["1"]}});
        let body = body.as_object_mut().unwrap();
        set(body, json!({"groups": []}).as_object());
        let text = json!(["{\"groups\":[]}"]);
        assert_eq!(
            body["config"],
            json!({"other": ["1"], "kc.user.profile.config": text})
        );
        set(body, None);
        assert_eq!(body["config"], json!({"other": ["1"]}));
        let mut empty = Json::new();
        set(&mut empty, json!({}).as_object());
        assert_eq!(empty["config"]["kc.user.profile.config"], json!(["{}"]));
    }
}
