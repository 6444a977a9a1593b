//! Small endpoints of a realm: what it can do, what it cannot, and caches that nobody has to clear.

use axum::http::{Method, StatusCode};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Kind;
use claviger_wire::flow::RequiredActionView;

use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// Required actions by which a user gets a credential.
const REGISTRATORS: [&str; 4] = [
    "CONFIGURE_TOTP",
    "webauthn-register",
    "webauthn-register-passwordless",
    "CONFIGURE_RECOVERY_AUTHN_CODES",
];
/// Endpoints of features that are off, as they are in Keycloak by default.
const OFF: [&str; 6] = [
    "/admin/realms/{realm}/client-types",
    "/admin/realms/{realm}/users-management-permissions",
    "/admin/realms/{realm}/roles/{role}/management/permissions",
    "/admin/realms/{realm}/roles-by-id/{role-id}/management/permissions",
    "/admin/realms/{realm}/clients/{client}/roles/{role}/management/permissions",
    "/admin/realms/{realm}/groups/{group}/management/permissions",
];
/// Caches that Keycloak can be told to clear.
const CACHES: [&str; 4] = [
    "/admin/realms/{realm}/clear-realm-cache",
    "/admin/realms/{realm}/clear-user-cache",
    "/admin/realms/{realm}/clear-keys-cache",
    "/admin/realms/{realm}/clear-crl-cache",
];

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const SEE: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageRealm]);
    const REGISTRARS: &str = "/admin/realms/{realm}/credential-registrators";
    const UNKNOWN: &str = "/admin/realms/{realm}/{extension}";
    let mut rows = vec![route(M::GET, REGISTRARS, SEE, registrators)];
    for path in OFF {
        rows.push(route(M::GET, path, Rights::Handler, off));
        rows.push(route(M::PUT, path, Rights::Handler, off));
    }
    rows.extend(CACHES.map(|path| route(M::POST, path, MANAGE, cleared)));
    let methods = [M::GET, M::POST, M::PUT, M::DELETE];
    rows.extend(methods.map(|method| route(method, UNKNOWN, Rights::Handler, unknown)));
    rows
}

/// Aliases of the realm's enabled required actions by which a user gets a credential.
async fn registrators(call: AdminCall) -> Result<Answer, Problem> {
    let actions = call
        .app
        .store
        .documents(&call.realm.id, Kind::RequiredAction)
        .await?;
    let actions = actions
        .iter()
        .map(|action| RequiredActionView::from_body(&action.body));
    let names = actions
        .filter(|action| action.enabled && REGISTRATORS.contains(&action.alias.as_str()))
        .map(|action| action.alias);
    Ok(read_out(&names.collect::<Vec<_>>()))
}

pub(super) async fn off(_: AdminCall) -> Result<Answer, Problem> {
    let text = "For more on this error consult the server log.";
    Err(Problem::described(
        StatusCode::NOT_IMPLEMENTED,
        "Feature not enabled",
        text,
    ))
}

/// What the program cannot do yet.
pub(super) fn not_built(what: &str) -> Problem {
    Problem::message(
        StatusCode::NOT_IMPLEMENTED,
        &format!("{what} is not built yet"),
    )
}

/// Snapshots are as fresh as the database: there is nothing to clear.
async fn cleared(call: AdminCall) -> Result<Answer, Problem> {
    let mut tx = Tx::new();
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: "REALM",
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// A path that nobody serves; whoever asks must be somebody all the same.
async fn unknown(_: AdminCall) -> Result<Answer, Problem> {
    Err(Problem::not_found("HTTP 404 Not Found"))
}
