//! OAuth 2.0 and OpenID Connect endpoints.
//!
//! An endpoint is a list of small named steps over one [`Call`]: check, authenticate the client,
//! read parameters, call a verb of the engine, answer. It knows statuses and spellings; rules that
//! would hold without HTTP are in `engine`.

mod authorize;
mod bearer;
mod call;
mod certs;
mod client_auth;
mod device;
mod discovery;
mod docker;
mod frames;
mod gate;
mod global_revocation;
mod grant;
mod introspect;
mod logout;
mod mapped;
mod page;
mod par;
mod problem;
mod realm_info;
mod revocations;
mod revoke;
mod signal;
mod status_lists;
mod token;
mod userinfo;

use axum::Router;
use axum::routing::{any, get, post};
use claviger_engine::App;

pub use call::Call;
pub(crate) use claviger_surface::{Help, answer, cors, form};
pub use problem::{Problem, unknown};

/// All endpoints of this surface, below one base path.
pub fn router() -> Router<App> {
    let oidc = |path: &str| format!("/realms/{{realm}}/protocol/openid-connect/{path}");
    Router::new()
        .route(
            "/realms/{realm}",
            get(realm_info::show).options(realm_info::preflight),
        )
        .route(
            "/realms/{realm}/.well-known/openid-configuration",
            get(discovery::show)
                .options(discovery::preflight)
                .fallback(problem::not_found),
        )
        .route(
            "/realms/{realm}/.well-known/oauth-authorization-server",
            get(discovery::show)
                .options(discovery::preflight)
                .fallback(problem::not_found),
        )
        .route(&oidc("certs"), get(certs::show).options(certs::preflight))
        .route(
            &oidc("auth/device"),
            post(device::begin).options(device::preflight),
        )
        .merge(devices())
        .route(&oidc("token"), post(token::grant).options(token::preflight))
        .route(
            &oidc("token/introspect"),
            post(introspect::introspect).options(introspect::options),
        )
        .route(&oidc("auth"), get(authorize::show).post(authorize::show))
        .route(
            &oidc("registrations"),
            get(authorize::register).post(authorize::register),
        )
        .route(&oidc("forgot-credentials"), get(authorize::forgot))
        .route(&oidc("oauth/oob"), get(authorize::out_of_band))
        .route(
            &oidc("ext/par/request"),
            post(par::push).options(introspect::options),
        )
        .route(&oidc("login-status-iframe.html"), get(frames::login_status))
        .route(&oidc("login-status-iframe.html/init"), get(frames::init))
        .route(&oidc("3p-cookies/step1.html"), get(frames::set_cookies))
        .route(&oidc("3p-cookies/step2.html"), get(frames::read_cookies))
        .route(
            &oidc("userinfo"),
            get(userinfo::get)
                .post(userinfo::post)
                .options(userinfo::preflight),
        )
        .route(
            &oidc("revoke"),
            post(revoke::revoke).options(revoke::preflight),
        )
        .route(
            &oidc("logout"),
            get(logout::browser::begin)
                .post(logout::by_post)
                .options(logout::preflight),
        )
        .route(
            &oidc("logout/logout-confirm"),
            get(logout::browser::question).post(logout::browser::confirmed),
        )
        .route("/realms/{realm}/protocol/docker-v2/auth", get(docker::show))
        .merge(outside())
        .method_not_allowed_fallback(problem::method_not_allowed)
}

/// Where a person lets a device in.
fn devices() -> Router<App> {
    Router::new()
        .route(
            "/realms/{realm}/device",
            get(device::verify::show).post(device::verify::take),
        )
        .route("/realms/{realm}/device/", post(device::verify::take))
        .route("/realms/{realm}/device/status", get(device::verify::status))
}

/// What those ask who check tokens before an API, or in it: `docs/logout.md`.
fn outside() -> Router<App> {
    signal::router()
        .route(
            "/realms/{realm}/protocol/openid-connect/global-token-revocation",
            post(global_revocation::revoke),
        )
        .route("/realms/{realm}/revocations", get(revocations::show))
        .route(
            "/realms/{realm}/status-lists/{number}",
            get(status_lists::show).options(status_lists::preflight),
        )
        .route("/realms/{realm}/gate", any(gate::show))
        .route("/realms/{realm}/gate/{*path}", any(gate::below))
}
