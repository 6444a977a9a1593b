//! Users who are locked because somebody guesses at their passwords. This server counts no failed
//! logins yet: nobody is locked, in whatever realm.

use axum::http::Method;
use claviger_store::Tx;
use claviger_surface::Answer;
use serde_json::json;

use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const SEE: Rights = Rights::Any(&[Right::ViewUsers, Right::ManageUsers]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageUsers]);
    const ALL: &str = "/admin/realms/{realm}/attack-detection/brute-force/users";
    const ONE: &str = "/admin/realms/{realm}/attack-detection/brute-force/users/{user}";
    vec![
        route(M::GET, ONE, SEE, status),
        route(M::DELETE, ONE, MANAGE, free),
        route(M::DELETE, ALL, MANAGE, free_all),
    ]
}

/// Nobody is asked whether there is such a user: Keycloak does not tell either.
async fn status(_: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&json!({
        "disabled": false,
        "numFailures": 0,
        "numSecondaryAuthFailures": 0,
        "numTemporaryLockouts": 0,
        "lastFailure": 0,
        "lastIPFailure": "n/a",
        "failedLoginNotBefore": 0,
    })))
}

/// Nothing was counted, so nothing is told.
async fn free(_: AdminCall) -> Result<Answer, Problem> {
    Ok(no_content())
}

async fn free_all(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: "USER_LOGIN_FAILURE",
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}
