//! Registration in the words of OpenID Connect (OpenID Connect Dynamic Client Registration 1.0, RFC 7591, RFC 7592).

use axum::response::Response;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::json;

use super::call::Call;
use super::caller::{Caller, Endpoint};
use super::metadata::{self, Subject};
use super::told;
use super::write::{self, Wish};
use crate::call::{created, json as answer, no_content, segment};
use crate::problem::Problem;

/// How the class of what is sent is called.
const CLASS: &str = "OIDCClientRepresentation";
const ENDPOINT: Endpoint = Endpoint::OpenIdConnect;

/// Answers a preflight request.
pub(super) async fn preflight(call: Call) -> Response {
    call.respond_to_preflight()
}

/// Who asks, from a page that may.
async fn arrive(call: &mut Call) -> Result<Caller, Problem> {
    let caller = Caller::of(call).await?;
    let origins = caller.origins(call).await?;
    call.check_origin(origins)?;
    Ok(caller)
}

/// The client's own metadata as it is told.
fn told(call: &Call, client: &Json) -> Json {
    let realm = segment(&call.realm.name);
    let id = segment(
        client
            .get("clientId")
            .and_then(|id| id.as_str())
            .unwrap_or_default(),
    );
    let base = call.context.backchannel();
    let address = format!("{base}/realms/{realm}/clients-registrations/openid-connect/{id}");
    told::metadata(client, &call.realm.settings, &address)
}

/// What is asked for, as a representation of Keycloak's.
fn wish(given: &Json) -> Result<Wish, Problem> {
    let unfit = |reason: &str| {
        tracing::debug!("client metadata refused: {reason}");
        Call::metadata("Client metadata invalid")
    };
    let subject = Subject::of(given).map_err(unfit)?;
    Ok(Wish {
        given: metadata::representation(given).map_err(unfit)?,
        subject: Some(subject),
    })
}

/// `POST`: registers a client.
pub(super) async fn create(mut call: Call) -> Response {
    call.event.kind("CLIENT_REGISTER");
    let outcome = run_create(&mut call).await;
    call.respond(outcome)
}

async fn run_create(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let given = call.json(CLASS)?;
    let caller = arrive(call).await?;
    if given.contains_key("client_id") {
        return Err(Call::metadata("Client Identifier included"));
    }
    let wish = wish(&given)?;
    let client = write::create(call, &caller, wish).await?;
    let mut shown = told(call, &client);
    let now = call.app.now().seconds();
    shown.insert("client_id_issued_at".to_owned(), json!(now.0));
    let address = Fields::of(&shown).text("registration_client_uri");
    Ok(created(&address.unwrap_or_default(), &shown))
}

/// `GET`: what is registered.
pub(super) async fn show(mut call: Call) -> Response {
    call.event.kind("CLIENT_INFO");
    let outcome = run_show(&mut call).await;
    call.respond(outcome)
}

async fn run_show(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let caller = arrive(call).await?;
    let client = write::show(call, &caller, ENDPOINT).await?;
    Ok(answer(&told(call, &client)))
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
    let caller = arrive(call).await?;
    let wish = wish(&given)?;
    let client = write::update(call, &caller, ENDPOINT, wish).await?;
    Ok(answer(&told(call, &client)))
}

/// `DELETE`: takes a registration back.
pub(super) async fn delete(mut call: Call) -> Response {
    call.event.kind("CLIENT_DELETE");
    let outcome = run_delete(&mut call).await;
    call.respond(outcome)
}

async fn run_delete(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let caller = arrive(call).await?;
    write::delete(call, &caller, ENDPOINT).await?;
    Ok(no_content())
}
