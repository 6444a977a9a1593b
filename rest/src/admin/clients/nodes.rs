//! The cluster nodes of an application that uses an old adapter, and switches that are off.

use axum::http::{Method, StatusCode};
use claviger_engine::logout::adapter::Order;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::{MANAGE, document, manageable};
use crate::admin::adapters::told;
use crate::admin::owner::not_enabled;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// How an event calls a node.
const NODE: &str = "CLUSTER_NODE";
/// Most nodes of one client.
const NODES_MAX: usize = 1_000;
/// Most characters of a node's name.
const NAME_MAX: usize = 255;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const NODES: &str = "/admin/realms/{realm}/clients/{client}/nodes";
    const ONE: &str = "/admin/realms/{realm}/clients/{client}/nodes/{node}";
    const TEST: &str = "/admin/realms/{realm}/clients/{client}/test-nodes-available";
    const PERMISSIONS: &str = "/admin/realms/{realm}/clients/{client}/management/permissions";
    vec![
        route(M::POST, NODES, MANAGE, register),
        route(M::DELETE, ONE, MANAGE, unregister),
        route(M::GET, TEST, MANAGE, test),
        route(M::GET, PERMISSIONS, Rights::Handler, off),
        route(M::PUT, PERMISSIONS, Rights::Handler, off),
    ]
}

fn nodes(body: &Json) -> Json {
    body.get("registeredNodes")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

async fn save(
    call: &AdminCall,
    nodes: Json,
    operation: &'static str,
    path: &str,
) -> Result<(), Problem> {
    let client = manageable(call).await?;
    let mut body = client.body.clone();
    body.insert("registeredNodes".to_owned(), Value::Object(nodes));
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &document(&client, body));
    call.record(
        &mut tx,
        Resource {
            operation,
            kind: NODE,
            path: Some(path),
        },
        None,
    );
    done(call.app.commit(tx).await?)
}

async fn register(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let given = call.value()?;
    let node = given
        .get("node")
        .and_then(Value::as_str)
        .ok_or_else(|| Problem::error(StatusCode::BAD_REQUEST, "Node not found in params"))?;
    let mut nodes = nodes(&client.body);
    if node.chars().count() > NAME_MAX || nodes.len() >= NODES_MAX {
        let text = "The node's name is too long, or there are too many nodes";
        return Err(Problem::error(StatusCode::BAD_REQUEST, text));
    }
    nodes.insert(node.to_owned(), json!(call.app.now().seconds().0));
    save(
        &call,
        nodes,
        "CREATE",
        &format!("{}/{node}", call.resource_path()),
    )
    .await?;
    Ok(no_content())
}

async fn unregister(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let mut nodes = nodes(&client.body);
    if nodes.shift_remove(call.param("node")).is_none() {
        return Err(Problem::not_found("Client does not have node "));
    }
    save(&call, nodes, "DELETE", &call.resource_path()).await?;
    Ok(no_content().no_cache())
}

/// Calls each node, and tells which of them took it.
async fn test(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let reached = told(&call, &[client], Order::Test).await?;
    let mut tx = Tx::new();
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: NODE,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&reached));
    done(call.app.commit(tx).await?)?;
    Ok(read_out(&reached))
}

/// Features that are off unless somebody switches them on, which nobody can.
async fn off(_call: AdminCall) -> Result<Answer, Problem> {
    Err(not_enabled())
}
