//! Clients that register themselves, in the words of OpenID Connect (OpenID Connect Dynamic Client
//! Registration 1.0, RFC 7591, RFC 7592) and in Keycloak's own.
//!
//! Who may is in [`caller`] and in the policies of the realm; what comes of it is what comes of an
//! administrator's doing the same, in [`write`].

mod call;
mod caller;
mod default;
mod install;
pub(crate) mod metadata;
mod openid_connect;
mod told;
mod write;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use claviger_engine::App;
use claviger_surface::Help;

use crate::problem::Problem;
use call::Call;

/// The endpoints.
pub fn router() -> Router<App> {
    let path = |rest: &str| format!("/realms/{{realm}}/clients-registrations{rest}");
    Router::new()
        .route(&path(""), any(method_not_allowed))
        .route(
            &path("/openid-connect"),
            none_but(post(openid_connect::create).options(openid_connect::preflight)),
        )
        .route(
            &path("/openid-connect/{client}"),
            get(openid_connect::show)
                .put(openid_connect::update)
                .delete(openid_connect::delete)
                .options(openid_connect::preflight),
        )
        .route(&path("/default"), none_but(post(default::create)))
        .route(
            &path("/default/{client}"),
            get(default::show)
                .put(default::update)
                .delete(default::delete),
        )
        .route(&path("/install/{client}"), get(install::show))
        .route(&path("/saml2-entity-descriptor"), any(not_built))
        .route(&path("/saml2-entity-descriptor/{client}"), any(not_built))
        .route(&path("/{provider}"), any(unknown_provider))
        .route(&path("/{provider}/{*rest}"), any(unknown_provider))
        .method_not_allowed_fallback(method_not_allowed)
}

/// The same, and nothing is found by any other method.
fn none_but(methods: MethodRouter<App>) -> MethodRouter<App> {
    methods
        .get(not_found)
        .put(not_found)
        .delete(not_found)
        .patch(not_found)
}

async fn not_found(call: Call) -> Response {
    let problem = Problem::not_found("HTTP 404 Not Found").helped(Help::MethodNotAllowed);
    call.respond(Err(problem))
}

async fn method_not_allowed(call: Call) -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    call.respond(Err(Problem::error(status, "HTTP 405 Method Not Allowed")))
}

/// Clients that describe themselves by metadata of SAML.
async fn not_built(call: Call) -> Response {
    let status = StatusCode::NOT_IMPLEMENTED;
    let text = "Registering clients by metadata of SAML is not built yet";
    call.respond(Err(Problem::described(status, "not_implemented", text)))
}

async fn unknown_provider(call: Call) -> Response {
    let text = "Client registration provider not found";
    call.respond(Err(Problem::not_found(text).helped(Help::PathUnknown)))
}
