//! The Account REST API, at `/realms/{realm}/account`: what somebody may see and change of their own.
//!
//! It shares its address with the pages of the account console: whoever accepts `application/json`, or
//! sends it, means the API. Everything stands on the bearer's own token, and on the roles of the
//! realm's client `account` in it.

mod applications;
mod call;
mod consents;
mod credentials;
mod device;
mod groups;
mod linked_accounts;
mod profile;
mod sessions;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use claviger_engine::App;
use claviger_surface::{Answer, Help};

use self::call::{AccountCall, Visit};
use crate::problem::Problem;

/// The client whose roles let people use this API.
const ACCOUNT: &str = "account";
/// What may be done, below the API's address; `*` is any one segment.
const PATHS: [&[&str]; 14] = [
    &[],
    &["applications"],
    &["applications", "*", "consent"],
    &["credentials"],
    &["credentials", "*"],
    &["credentials", "*", "label"],
    &["groups"],
    &["linked-accounts"],
    &["linked-accounts", "*"],
    &["sessions"],
    &["sessions", "devices"],
    &["sessions", "logout-preview"],
    &["sessions", "*"],
    &["supportedLocales"],
];

/// The endpoints of this part.
pub fn router() -> Router<App> {
    Router::new()
        .route("/realms/{realm}/account", any(serve))
        .route("/realms/{realm}/account/", any(serve))
        .route("/realms/{realm}/account/{*path}", any(serve))
}

async fn serve(State(app): State<App>, request: Request) -> Response {
    let headers = request.headers().clone();
    let mut visit = match Visit::arrive(app, request).await {
        Ok(visit) => visit,
        Err(problem) => return crate::call::respond(Err(problem), None, &headers),
    };
    if visit.method == Method::OPTIONS {
        return visit.respond_to_preflight();
    }
    let outcome = answer(&mut visit).await;
    visit.respond(outcome)
}

async fn answer(visit: &mut Visit) -> Result<Answer, Problem> {
    if !visit.wants_json() {
        let text = "The account console is not part of this server yet. The Account REST API is asked for with \
                    Accept: application/json";
        let status = StatusCode::NOT_IMPLEMENTED;
        return Err(Problem::described(status, "not_implemented", text));
    }
    let call = visit.admit().await?;
    let segments: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", []) => profile::show(&call).await,
        ("POST", []) => profile::update(&call).await,
        ("GET", ["sessions"]) => sessions::list(&call).await,
        ("GET", ["sessions", "devices"]) => sessions::devices(&call).await,
        ("GET", ["sessions", "logout-preview"]) => sessions::preview(&call).await,
        ("DELETE", ["sessions"]) => sessions::end_all(&call).await,
        ("DELETE", ["sessions", id]) => sessions::end_one(&call, id).await,
        ("GET", ["credentials"]) => credentials::list(&call).await,
        ("DELETE", ["credentials", id]) => credentials::remove(&call, id).await,
        ("PUT", ["credentials", id, "label"]) => credentials::label(&call, id).await,
        ("GET", ["applications"]) => applications::list(&call).await,
        ("GET", ["applications", client, "consent"]) => consents::show(&call, client).await,
        ("POST" | "PUT", ["applications", client, "consent"]) => consents::put(&call, client).await,
        ("DELETE", ["applications", client, "consent"]) => consents::revoke(&call, client).await,
        ("GET", ["groups"]) => groups::list(&call).await,
        ("GET", ["linked-accounts"]) => linked_accounts::list(&call).await,
        ("GET", ["linked-accounts", alias]) => linked_accounts::address(&call, alias),
        ("DELETE", ["linked-accounts", alias]) => linked_accounts::remove(&call, alias).await,
        ("GET", ["supportedLocales"]) => Ok(profile::locales(&call)),
        (_, ["resources", ..]) => resources(&call),
        (_, path) if PATHS.iter().any(|known| fits(known, path)) => {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Err(Problem::error(status, "HTTP 405 Method Not Allowed"))
        }
        _ => Err(Problem::not_found("HTTP 404 Not Found")),
    }
}

fn fits(known: &[&str], path: &[&str]) -> bool {
    known.len() == path.len()
        && known
            .iter()
            .zip(path)
            .all(|(known, asked)| *known == "*" || known == asked)
}

/// What people share of their own (User-Managed Access).
fn resources(call: &AccountCall) -> Result<Answer, Problem> {
    if call.realm.body.get("userManagedAccessAllowed") != Some(&serde_json::Value::Bool(true)) {
        let text = "User-managed access not enabled";
        return Err(Problem::message(StatusCode::FORBIDDEN, text));
    }
    call.require(&["manage-account", "view-profile"])?;
    let text = "User-Managed Access is not built yet";
    let status = StatusCode::NOT_IMPLEMENTED;
    Err(Problem::message(status, text).helped(Help::NotBuilt))
}

#[cfg(test)]
mod tests {
    use super::{PATHS, fits};

    #[test]
    fn a_path_fits_by_its_segments() {
        for (path, expected) in [
            (&[][..], true),
            (&["sessions"][..], true),
            (&["sessions", "a"][..], true),
            (&["sessions", "a", "b"][..], false),
            (&["applications", "web", "consent"][..], true),
            (&["applications", "web"][..], false),
            (&["magic"][..], false),
        ] {
            let known = PATHS.iter().any(|known| fits(known, path));
            assert_eq!(known, expected, "{path:?}");
        }
    }
}
