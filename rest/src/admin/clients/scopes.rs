//! Which client scopes a client has, always or when asked for.

use axum::http::{Method, StatusCode};
use claviger_model::ScopeId;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Link, LinkKind};
use serde_json::{Value, json};

use super::{MANAGE, SEE, client, manageable, view};
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

/// How an event calls it.
const MAPPING: &str = "CLIENT_SCOPE_CLIENT_MAPPING";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use LinkKind::{DefaultScope, OptionalScope};
    use Method as M;
    const DEFAULT: &str = "/admin/realms/{realm}/clients/{client}/default-client-scopes";
    const OPTIONAL: &str = "/admin/realms/{realm}/clients/{client}/optional-client-scopes";
    const ONE_DEFAULT: &str =
        "/admin/realms/{realm}/clients/{client}/default-client-scopes/{scope}";
    const ONE_OPTIONAL: &str =
        "/admin/realms/{realm}/clients/{client}/optional-client-scopes/{scope}";
    vec![
        route(M::GET, DEFAULT, SEE, |call| list(call, DefaultScope)),
        route(M::PUT, ONE_DEFAULT, MANAGE, |call| add(call, DefaultScope)),
        route(M::DELETE, ONE_DEFAULT, MANAGE, remove),
        route(M::GET, OPTIONAL, SEE, |call| list(call, OptionalScope)),
        route(M::PUT, ONE_OPTIONAL, MANAGE, |call| {
            add(call, OptionalScope)
        }),
        route(M::DELETE, ONE_OPTIONAL, MANAGE, remove),
    ]
}

async fn list(call: AdminCall, kind: LinkKind) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    let ids = if kind == LinkKind::DefaultScope {
        &client.default_scopes
    } else {
        &client.optional_scopes
    };
    let scopes = call.realm.scopes().await?;
    let linked = view::linked(&client, ids, &scopes);
    let shown: Vec<Value> = linked
        .iter()
        .map(|scope| json!({"id": scope.id.as_str(), "name": scope.name}))
        .collect();
    Ok(read_out(&shown))
}

/// Gives a client a scope. One that it has already, either way, stays as it is.
async fn add(call: AdminCall, kind: LinkKind) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let scopes = call.realm.scopes().await?;
    let found = scopes.get(&ScopeId::new(call.param("scope")));
    let scope = found.ok_or_else(|| Problem::not_found("Client scope not found"))?;
    let parameter = scope
        .body
        .get("attributes")
        .and_then(|all| all.get("is.parameterized.scope"));
    let parameter = parameter
        .and_then(Value::as_str)
        .is_some_and(|text| text == "true");
    if parameter && kind == LinkKind::DefaultScope {
        let text = "Can't assign a Parameterized Scope to a Client as a Default Scope";
        return Err(Problem::described(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            text,
        ));
    }
    let mut tx = Tx::new();
    let has = |list: &[ScopeId]| list.contains(&scope.id);
    if !has(&client.default_scopes) && !has(&client.optional_scopes) {
        let (from, to) = (
            client.uuid.as_str().to_owned(),
            scope.id.as_str().to_owned(),
        );
        tx.insert_link(&call.realm.id, &Link { kind, from, to });
    }
    finish(&call, tx, "CREATE").await
}

/// Takes a scope from a client, whichever way the client has it.
async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let scopes = call.realm.scopes().await?;
    let found = scopes.get(&ScopeId::new(call.param("scope")));
    let scope = found.ok_or_else(|| Problem::not_found("Client scope not found"))?;
    let mut tx = Tx::new();
    for kind in [LinkKind::DefaultScope, LinkKind::OptionalScope] {
        let (from, to) = (
            client.uuid.as_str().to_owned(),
            scope.id.as_str().to_owned(),
        );
        tx.delete_link(&call.realm.id, &Link { kind, from, to });
    }
    finish(&call, tx, "DELETE").await
}

async fn finish(call: &AdminCall, mut tx: Tx, operation: &'static str) -> Result<Answer, Problem> {
    let path = call.resource_path();
    call.record(
        &mut tx,
        Resource {
            operation,
            kind: MAPPING,
            path: Some(&path),
        },
        None,
    );
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}
