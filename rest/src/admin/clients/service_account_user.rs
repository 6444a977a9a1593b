//! The user as whom a client acts on its own behalf.

use axum::http::{Method, StatusCode};
use claviger_engine::service_account;
use claviger_model::User;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use serde_json::json;

use super::{SEE, client};
use crate::call::{AdminCall, read_out};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const USER: &str = "/admin/realms/{realm}/clients/{client}/service-account-user";
    vec![route(Method::GET, USER, SEE, read)]
}

/// Shows the service account; one that is missing although it is switched on is made first, as
/// after an import of the client alone.
async fn read(call: AdminCall) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let (app, realm) = (&call.app, &call.realm);
    let mut found = app
        .store
        .user_of_service_account(&realm.id, &client.uuid)
        .await?;
    if found.is_none() && client.settings.service_accounts_enabled {
        let mut tx = Tx::new();
        let (uuid, client_id) = (&client.uuid, &client.client_id);
        service_account::enable(app, realm, &mut tx, uuid, client_id).await?;
        done(app.commit(tx).await?)?;
        found = app
            .store
            .user_of_service_account(&realm.id, &client.uuid)
            .await?;
    }
    let user = found.ok_or_else(|| {
        let text = format!(
            "Service account not enabled for the client '{}'",
            client.client_id
        );
        Problem::error(StatusCode::BAD_REQUEST, &text)
    })?;
    Ok(read_out(&shown(&user)))
}

/// `UserRepresentation` of a user who signs in by no credential of its own.
fn shown(user: &User) -> Json {
    let mut shown = Json::from_iter([
        ("id".to_owned(), json!(user.id.as_str())),
        ("username".to_owned(), json!(user.username)),
    ]);
    for (name, value) in [
        ("firstName", &user.first_name),
        ("lastName", &user.last_name),
        ("email", &user.email),
    ] {
        if let Some(value) = value {
            shown.insert(name.to_owned(), json!(value));
        }
    }
    shown.insert("emailVerified".to_owned(), json!(user.email_verified));
    if !user.attributes.is_empty() {
        shown.insert("attributes".to_owned(), json!(user.attributes));
    }
    for (name, value) in [
        ("enabled", json!(user.enabled)),
        ("createdTimestamp", json!(user.created_at.0)),
        ("totp", json!(false)),
        ("disableableCredentialTypes", json!([])),
        ("requiredActions", json!(user.required_actions)),
        ("notBefore", json!(user.not_before.0)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    shown
}
