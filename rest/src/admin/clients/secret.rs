//! A client's secret, the one before it, and the token of its registration.

use axum::http::Method;
use claviger_engine::client::Client;
use claviger_engine::client_registration::Standing;
use claviger_engine::import::MASK;
use claviger_engine::import::clients::new_secret;
use claviger_engine::registration_token;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::body::{forget_rotation, set_attribute, text};
use super::{CLIENT, MANAGE, SEE, client, document, manageable, shown, view};
use crate::call::{AdminCall, Resource, json as answer, no_content, read_out};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

/// The attribute that holds the secret before the present one.
const ROTATED: &str = "client.secret.rotated";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const SECRET: &str = "/admin/realms/{realm}/clients/{client}/client-secret";
    const ROTATED: &str = "/admin/realms/{realm}/clients/{client}/client-secret/rotated";
    const TOKEN: &str = "/admin/realms/{realm}/clients/{client}/registration-access-token";
    vec![
        route(M::GET, SECRET, SEE, read),
        route(M::POST, SECRET, MANAGE, regenerate),
        route(M::GET, ROTATED, SEE, read_rotated),
        route(M::DELETE, ROTATED, MANAGE, forget_rotated),
        route(M::POST, TOKEN, MANAGE, registration_access_token),
    ]
}

/// `CredentialRepresentation` of a secret.
fn credential(secret: Option<&str>) -> Value {
    match secret {
        Some(secret) => json!({"type": "secret", "value": secret}),
        None => json!({"type": "secret"}),
    }
}

async fn read(call: AdminCall) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let public = super::body::flag(&client.body, "publicClient");
    let secret = Some(text(&client.body, "secret")).filter(|text| !public && !text.is_empty());
    Ok(read_out(&credential(secret)))
}

/// Writes a client's other document.
async fn save(
    call: &AdminCall,
    client: &Client,
    body: Json,
    operation: &'static str,
    told: &Value,
) -> Result<(), Problem> {
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &document(client, body));
    let path = call.resource_path();
    call.record(
        &mut tx,
        Resource {
            operation,
            kind: CLIENT,
            path: Some(&path),
        },
        Some(told),
    );
    done(call.app.commit(tx).await?)
}

async fn regenerate(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let mut body = client.body.clone();
    forget_rotation(&mut body);
    let secret = new_secret(&mut body, &call.app.random, call.app.now());
    save(&call, &client, body, "ACTION", &credential(Some(MASK))).await?;
    Ok(answer(&credential(Some(&secret))))
}

async fn read_rotated(call: AdminCall) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    match client.settings.attribute(ROTATED) {
        Some(secret) => Ok(read_out(&credential(Some(secret)))),
        None => Err(Problem::not_found("Client does not have a rotated secret")),
    }
}

async fn forget_rotated(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let mut body = client.body.clone();
    for name in [
        ROTATED,
        "client.secret.rotated.creation.time",
        "client.secret.rotated.expiration.time",
    ] {
        set_attribute(&mut body, name, None);
    }
    save(&call, &client, body, "DELETE", &credential(Some(MASK))).await?;
    Ok(no_content())
}

/// Makes a token by which the client changes its own registration; earlier ones are void.
async fn registration_access_token(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let issuer = call.context.issuer(&call.realm.name);
    let standing = Standing::Authenticated;
    let made = registration_token::issue(&call.app, &call.realm, &issuer, standing, None).await?;
    let mut body = client.body.clone();
    set_attribute(&mut body, registration_token::ATTRIBUTE, Some(&made.id));
    let mut told = view::stripped(&shown(&call, &client).await?);
    told.insert("registrationAccessToken".to_owned(), json!(MASK));
    save(&call, &client, body, "ACTION", &Value::Object(told.clone())).await?;
    told.insert("registrationAccessToken".to_owned(), json!(made.token));
    Ok(answer(&told))
}
