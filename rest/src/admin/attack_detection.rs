//! Users who are locked because somebody guesses at their passwords.

use axum::http::Method;
use claviger_engine::brute_force::{Lock, report};
use claviger_model::{Millis, UserId};
use claviger_store::Tx;
use claviger_surface::Answer;
use serde_json::{Value, json};

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
async fn status(call: AdminCall) -> Result<Answer, Problem> {
    let user = UserId::new(call.param("user"));
    let Some(report) = report(&call.app, &call.realm, &user).await? else {
        return Ok(read_out(&json!({
            "disabled": false,
            "numFailures": 0,
            "numSecondaryAuthFailures": 0,
            "numTemporaryLockouts": 0,
            "lastFailure": 0,
            "lastIPFailure": "n/a",
            "failedLoginNotBefore": 0,
        })));
    };
    let failures = report.failures;
    let not_before = match report.lock {
        None => 0,
        Some(_) if call.app.now() < failures.locked_until => failures.locked_until.seconds().0,
        Some(Lock::Temporary | Lock::Permanent) => i64::MAX,
    };
    let ip = Some(&failures.last_ip_address).filter(|_| failures.last_failure != Millis(0));
    Ok(read_out(&json!({
        "disabled": report.lock.is_some(),
        "numFailures": failures.failures,
        "numSecondaryAuthFailures": failures.secondary_failures,
        "numTemporaryLockouts": failures.temporary_lockouts,
        "lastFailure": failures.last_failure.0,
        "lastIPFailure": ip,
        "failedLoginNotBefore": not_before,
    })))
}

/// The same in short, as lists of users tell it.
pub(super) async fn outline(call: &AdminCall, user: &UserId) -> Result<Value, Problem> {
    let report = report(&call.app, &call.realm, user).await?;
    let Some(report) = report else {
        return Ok(json!({
            "numFailures": 0, "disabled": false, "lastIPFailure": "n/a", "lastFailure": 0,
        }));
    };
    Ok(json!({
        "numFailures": report.failures.failures,
        "disabled": report.lock.is_some(),
        "lastIPFailure": report.failures.last_ip_address,
        "lastFailure": report.failures.last_failure.0,
    }))
}

/// Forgets the failures of a user; a lock for good stays until the user is enabled.
async fn free(call: AdminCall) -> Result<Answer, Problem> {
    let (realm, user) = (&call.realm.id, UserId::new(call.param("user")));
    if call.app.store.login_failures(realm, &user).await?.is_none() {
        return Ok(no_content());
    }
    let mut tx = Tx::new();
    tx.forget_login_failures(realm, &user);
    record(&call, &mut tx);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// Forgets those of all users.
async fn free_all(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    tx.clear_login_failures(&call.realm.id);
    record(&call, &mut tx);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

fn record(call: &AdminCall, tx: &mut Tx) {
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: "USER_LOGIN_FAILURE",
        path: Some(&path),
    };
    call.record(tx, resource, None);
}
