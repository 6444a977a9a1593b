//! Small endpoints of a realm: what it can do, what it cannot, and caches that nobody has to clear.

use axum::http::{Method, StatusCode};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Kind;
use claviger_wire::flow::RequiredActionView;

use super::sessions::user;
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
/// Endpoints of workflows, which a server without them does not have.
const WORKFLOWS: [(Method, &str); 9] = [
    (Method::GET, "/admin/realms/{realm}/workflows"),
    (Method::POST, "/admin/realms/{realm}/workflows"),
    (Method::POST, "/admin/realms/{realm}/workflows/migrate"),
    (
        Method::GET,
        "/admin/realms/{realm}/workflows/scheduled/{resource}",
    ),
    (Method::GET, "/admin/realms/{realm}/workflows/{workflow}"),
    (Method::PUT, "/admin/realms/{realm}/workflows/{workflow}"),
    (Method::DELETE, "/admin/realms/{realm}/workflows/{workflow}"),
    (
        Method::POST,
        "/admin/realms/{realm}/workflows/{workflow}/activate/{kind}/{resource}",
    ),
    (
        Method::POST,
        "/admin/realms/{realm}/workflows/{workflow}/deactivate/{kind}/{resource}",
    ),
];
/// Endpoints of a user's verifiable credentials.
const CREDENTIALS: [(Method, &str); 7] = [
    (
        Method::GET,
        "/admin/realms/{realm}/users/{user}/vc/credentials",
    ),
    (
        Method::POST,
        "/admin/realms/{realm}/users/{user}/vc/credentials",
    ),
    (
        Method::PUT,
        "/admin/realms/{realm}/users/{user}/vc/credentials/send-credential-offer",
    ),
    (
        Method::PUT,
        "/admin/realms/{realm}/users/{user}/vc/credentials/{name}",
    ),
    (
        Method::DELETE,
        "/admin/realms/{realm}/users/{user}/vc/credentials/{name}",
    ),
    (
        Method::GET,
        "/admin/realms/{realm}/users/{user}/vc/issued-credentials",
    ),
    (
        Method::DELETE,
        "/admin/realms/{realm}/users/{user}/vc/issued-credentials/{issued}",
    ),
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
    const VIEW: Rights = Rights::Any(&[Right::ViewUsers, Right::ManageUsers]);
    const CHANGE: Rights = Rights::Any(&[Right::ManageUsers]);
    const REGISTRARS: &str = "/admin/realms/{realm}/credential-registrators";
    const UNKNOWN: &str = "/admin/realms/{realm}/{extension}";
    let mut rows = vec![route(M::GET, REGISTRARS, SEE, registrators)];
    for path in OFF {
        rows.push(route(M::GET, path, Rights::Handler, off));
        rows.push(route(M::PUT, path, Rights::Handler, off));
    }
    for (method, path) in WORKFLOWS {
        rows.push(route(method, path, Rights::Handler, off));
    }
    for (method, path) in CREDENTIALS {
        let rights = if method == M::GET { VIEW } else { CHANGE };
        rows.push(route(method, path, rights, no_credentials));
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

/// Verifiable credentials are off; first of all the user must be there.
async fn no_credentials(call: AdminCall) -> Result<Answer, Problem> {
    user(&call).await?;
    Err(Problem::bad_request("Feature oid4vc-vci not enabled"))
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
