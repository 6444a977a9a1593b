//! What administrators see of a realm's keys.

use axum::http::Method;
use claviger_surface::Answer;

use crate::call::{AdminCall, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const SEE: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
    vec![route(Method::GET, "/admin/realms/{realm}/keys", SEE, list)]
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&call.realm.keys().await?.metadata(call.app.now())))
}
