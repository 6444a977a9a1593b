//! `.well-known/ssf-configuration` (SSF §7.1): what the transmitter can do and where.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::signal::is_transmitter;
use claviger_wire::signal::{POLL, PUSH, RISC_POLL, RISC_PUSH};
use serde_json::{Value, json};

use crate::Help;
use crate::answer::Answer;
use crate::call::Call;
use crate::cors::Readers;
use crate::problem::Problem;

/// What the document asks of everybody who passes it on.
const CACHE: &str = "no-cache, must-revalidate, no-transform, no-store";

/// Shows the document.
pub async fn show(mut call: Call) -> Response {
    let outcome = document(&mut call);
    call.respond(outcome)
}

fn document(call: &mut Call) -> Result<Answer, Problem> {
    call.check_ssl()?;
    call.readers = Readers::All;
    call.exposed = None;
    if !call.realm.enabled || !is_transmitter(&call.realm) {
        let (help, status) = (Help::SignalReceiver, StatusCode::NOT_FOUND);
        return Err(Problem::plain(help, status, "HTTP 404 Not Found"));
    }
    let cache = HeaderValue::from_static(CACHE);
    Ok(Answer::json(StatusCode::OK, &facts(call)).with(header::CACHE_CONTROL, cache))
}

fn facts(call: &Call) -> Value {
    let issuer = call.context.issuer(&call.realm.name);
    let called = format!("{}/realms/{}", call.context.backchannel(), call.realm.name);
    let at = |path: &str| format!("{called}/ssf/transmitter/{path}");
    json!({
        "spec_version": "1_0",
        "issuer": issuer,
        "jwks_uri": format!("{called}/protocol/openid-connect/certs"),
        "delivery_methods_supported": [PUSH, POLL, RISC_PUSH, RISC_POLL],
        "configuration_endpoint": at("streams"),
        "status_endpoint": at("streams/status"),
        "add_subject_endpoint": at("subjects/add"),
        "remove_subject_endpoint": at("subjects/remove"),
        "verification_endpoint": at("verify"),
        "critical_subject_members": ["user"],
        "default_subjects": "NONE",
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
    })
}
