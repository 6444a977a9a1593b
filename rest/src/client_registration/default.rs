//! Registration in Keycloak's own words: `ClientRepresentation`.

use axum::response::Response;
use claviger_surface::Answer;

use super::call::Call;
use super::caller::{Caller, Endpoint};
use super::write::{self, Wish};
use crate::admin::clients::body::text;
use crate::call::{created, json as answer, no_content, segment};
use crate::problem::Problem;

/// How the class of what is sent is called.
const CLASS: &str = "ClientRepresentation";
const ENDPOINT: Endpoint = Endpoint::Own;

/// `POST`: registers a client.
pub(super) async fn create(mut call: Call) -> Response {
    call.event.kind("CLIENT_REGISTER");
    let outcome = run_create(&mut call).await;
    call.respond(outcome)
}

async fn run_create(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let given = call.json(CLASS)?;
    let caller = Caller::of(call).await?;
    let wish = Wish {
        given,
        subject: None,
    };
    let client = write::create(call, &caller, wish).await?;
    let (base, realm) = (&call.context.base_url, segment(&call.realm.name));
    let id = segment(text(&client, "clientId"));
    let address = format!("{base}/realms/{realm}/clients-registrations/default/{id}");
    Ok(created(&address, &client))
}

/// `GET`: what is registered.
pub(super) async fn show(mut call: Call) -> Response {
    call.event.kind("CLIENT_INFO");
    let outcome = run_show(&mut call).await;
    call.respond(outcome)
}

async fn run_show(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let caller = Caller::of(call).await?;
    Ok(answer(&write::show(call, &caller, ENDPOINT).await?))
}

/// `PUT`: changes a registration.
pub(super) async fn update(mut call: Call) -> Response {
    call.event.kind("CLIENT_UPDATE");
    let outcome = run_update(&mut call).await;
    call.respond(outcome)
}

async fn run_update(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let given = call.json(CLASS)?;
    let client_id = call.client_id.clone();
    call.event.client(&client_id);
    let caller = Caller::of(call).await?;
    let wish = Wish {
        given,
        subject: None,
    };
    Ok(answer(&write::update(call, &caller, ENDPOINT, wish).await?))
}

/// `DELETE`: takes a registration back.
pub(super) async fn delete(mut call: Call) -> Response {
    call.event.kind("CLIENT_DELETE");
    let outcome = run_delete(&mut call).await;
    call.respond(outcome)
}

async fn run_delete(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let client_id = call.client_id.clone();
    call.event.client(&client_id);
    let caller = Caller::of(call).await?;
    write::delete(call, &caller, ENDPOINT).await?;
    Ok(no_content())
}
