//! The Admin REST API, in Keycloak's paths, bodies, statuses and rights, the registration of clients by
//! themselves, which writes the same, and the Account REST API, by which people see and change their own.
//!
//! Every endpoint is a row of a table: method, path, the rights that let an administrator in, and
//! the handler. The rights are checked before the handler runs; what is not in the table is denied.

mod account;
mod admin;
mod call;
mod client_registration;
mod guard;
mod openapi;
mod problem;
mod route;
mod whoami;

use axum::Router;
use claviger_engine::App;

pub use call::AdminCall;
pub use guard::{Admin, Right};
pub use problem::Problem;

/// Method and path of every endpoint of this surface, with braces around what varies.
pub fn endpoints() -> Vec<(http::Method, &'static str)> {
    let rows = admin::routes().into_iter();
    rows.map(|row| (row.method, row.path)).collect()
}

/// All endpoints of this surface, below one base path.
pub fn router() -> Router<App> {
    route::router(admin::routes())
        .merge(openapi::router())
        .merge(client_registration::router())
        .merge(whoami::router())
        .merge(account::router())
}
