//! Client scopes, and those that every new client of a realm gets.

use axum::http::{Method, StatusCode};
use claviger_engine::realm::Scope;
use claviger_model::ScopeId;
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::clients::{LIST, MANAGE, SEE, body::text, body::without_nulls, view};
use super::owner::{duplicate, rows, scope};
use super::protocol_mappers;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Route, route};

/// How an event calls a client scope.
const SCOPE: &str = "CLIENT_SCOPE";
/// The class of the bodies.
const CLASS: &str = "ClientScopeRepresentation";
/// Most characters of a name, as the database has room for.
const NAME_MAX: usize = 255;
/// Kinds of values that a scope with a parameter can take.
const PARAMETER_TYPES: &[&str] = &[
    "boolean",
    "string",
    "custom",
    "integer",
    "delegation",
    "username",
];

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: [&str; 2] = [
        "/admin/realms/{realm}/client-scopes",
        "/admin/realms/{realm}/client-templates",
    ];
    const ONE: [&str; 2] = [
        "/admin/realms/{realm}/client-scopes/{scope}",
        "/admin/realms/{realm}/client-templates/{scope}",
    ];
    const DEFAULT: &str = "/admin/realms/{realm}/default-default-client-scopes";
    const OPTIONAL: &str = "/admin/realms/{realm}/default-optional-client-scopes";
    const ONE_DEFAULT: &str = "/admin/realms/{realm}/default-default-client-scopes/{scope}";
    const ONE_OPTIONAL: &str = "/admin/realms/{realm}/default-optional-client-scopes/{scope}";
    use LinkKind::{RealmDefaultScope as Default, RealmOptionalScope as Optional};
    let mut routes = [
        rows(&M::GET, &ALL, LIST, list),
        rows(&M::POST, &ALL, MANAGE, create),
        rows(&M::GET, &ONE, SEE, read),
        rows(&M::PUT, &ONE, MANAGE, update),
        rows(&M::DELETE, &ONE, MANAGE, delete),
    ]
    .concat();
    routes.extend([
        route(M::GET, DEFAULT, SEE, |call| list_linked(call, Default)),
        route(M::PUT, ONE_DEFAULT, MANAGE, |call| add_link(call, Default)),
        route(M::DELETE, ONE_DEFAULT, MANAGE, |call| {
            remove_link(call, Default)
        }),
        route(M::GET, OPTIONAL, SEE, |call| list_linked(call, Optional)),
        route(M::PUT, ONE_OPTIONAL, MANAGE, |call| {
            add_link(call, Optional)
        }),
        route(M::DELETE, ONE_OPTIONAL, MANAGE, |call| {
            remove_link(call, Optional)
        }),
    ]);
    routes
}

/// `ClientScopeRepresentation`.
fn shown(scope: &Scope) -> Json {
    let mut shown = Json::from_iter([
        ("id".to_owned(), json!(scope.id.as_str())),
        ("name".to_owned(), json!(scope.name)),
    ]);
    for name in ["description", "protocol"] {
        if let Some(value) = scope.body.get(name).filter(|value| !value.is_null()) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    shown.entry("protocol").or_insert(json!(scope.protocol));
    shown.insert(
        "attributes".to_owned(),
        scope.body.get("attributes").cloned().unwrap_or(json!({})),
    );
    if let Some(mappers) = view::mappers(&scope.body) {
        shown.insert("protocolMappers".to_owned(), mappers);
    }
    shown
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let rights = [Right::ViewClients, Right::ManageClients];
    if !call.admin.may(&call.realm, &rights).await? {
        return Ok(read_out(&json!([])));
    }
    let scopes = call.realm.scopes().await?;
    let names = scopes.names();
    let all = names.into_iter().filter_map(|name| scopes.named(name));
    Ok(read_out(&all.map(|scope| shown(scope)).collect::<Vec<_>>()))
}

async fn read(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&shown(&*scope(&call).await?)))
}

/// Whether a name can be a word of `scope` (RFC 6749 §3.3).
fn is_scope_token(name: &str) -> bool {
    let good = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !name.is_empty() && name.bytes().all(good)
}

/// What is wrong with a representation.
fn problem(given: &Json) -> Option<String> {
    let name = text(given, "name");
    if !is_scope_token(name) {
        return Some(format!("Unexpected name \"{name}\" for ClientScope"));
    }
    if name.len() > NAME_MAX {
        return Some(format!("A name has at most {NAME_MAX} characters"));
    }
    let attributes = given.get("attributes").and_then(Value::as_object)?;
    if !text(attributes, "is.parameterized.scope").eq_ignore_ascii_case("true") {
        return None;
    }
    match text(attributes, "parameterized.scope.type") {
        "" => Some("Parameterized scope must have a parameter type".to_owned()),
        kind if !PARAMETER_TYPES.contains(&kind) => {
            Some(format!("Invalid parameter type '{kind}'"))
        }
        "custom" if text(attributes, "parameterized.scope.regexp").is_empty() => {
            Some("Custom parameterized scope type requires a regex pattern".to_owned())
        }
        _ => None,
    }
}

fn document(body: Json) -> Document {
    Document {
        kind: Kind::ClientScope,
        id: text(&body, "id").to_owned(),
        parent: String::new(),
        unique_name: text(&body, "name").to_owned(),
        enabled: true,
        body,
    }
}

/// A representation as events tell it.
fn told(given: &Json) -> Value {
    let mut told = given.clone();
    protocol_mappers::tell_whole(&mut told);
    if let Some(Value::Object(attributes)) = told.get_mut("attributes") {
        attributes.retain(|_, value| !value.is_null());
    }
    Value::Object(told)
}

/// A name that somebody else has.
fn taken(name: &str) -> Problem {
    Problem::conflict(&format!("Client Scope {name} already exists"))
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let given = without_nulls(call.json(CLASS)?);
    let protocol = text(&given, "protocol");
    let known = ["openid-connect", "saml"].contains(&protocol);
    let refused = problem(&given).or_else(|| (!known).then(|| "Unexpected protocol".to_owned()));
    if let Some(text) = refused {
        return Err(Problem::bad_request(&text));
    }
    let body = made(&call, &given);
    let id = text(&body, "id").to_owned();
    if id.len() > 36 {
        return Err(Problem::bad_request("An id has at most 36 characters"));
    }
    let mut tx = Tx::new();
    tx.insert_document(&call.realm.id, &document(body));
    let path = format!("{}/{id}", call.resource_path());
    let resource = Resource {
        operation: "CREATE",
        kind: SCOPE,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&told(&given)));
    match call.app.commit(tx).await? {
        Commit::Done => Ok(call.created(&id).no_cache()),
        Commit::Conflict(_) | Commit::Missed(_) => Err(taken(text(&given, "name"))),
    }
}

/// The document's body of a new scope.
fn made(call: &AdminCall, given: &Json) -> Json {
    let random = &call.app.random;
    let id = Some(text(given, "id")).filter(|id| !id.is_empty());
    let id = id.map_or_else(|| random.uuid(), str::to_owned);
    let mut body = Json::from_iter([("id".to_owned(), json!(id))]);
    for name in ["name", "description", "protocol"] {
        if let Some(value) = given.get(name) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    body.insert("attributes".to_owned(), attributes(&Json::new(), given));
    let mappers: Vec<Value> = Fields::of(given)
        .objects("protocolMappers")
        .map(|mapper| Value::Object(protocol_mappers::kept(random, mapper)))
        .collect();
    body.insert("protocolMappers".to_owned(), Value::Array(mappers));
    body
}

/// Attributes after a change: `null` takes one away, empty text is a value.
fn attributes(old: &Json, given: &Json) -> Value {
    let own = old.get("attributes").and_then(Value::as_object);
    let mut merged = own.cloned().unwrap_or_default();
    for (name, value) in given
        .get("attributes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if value.is_null() {
            merged.shift_remove(name);
        } else {
            merged.insert(name.clone(), value.clone());
        }
    }
    Value::Object(merged)
}

/// Changes a scope; what is left out stays, and so do the mappers, which have their own addresses.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let scope = scope(&call).await?;
    let given = without_nulls(call.json(CLASS)?);
    if let Some(text) = problem(&given) {
        return Err(Problem::bad_request(&text));
    }
    let mut body = scope.body.clone();
    for name in ["name", "description", "protocol"] {
        if let Some(value) = given.get(name) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    body.insert("id".to_owned(), json!(scope.id.as_str()));
    body.insert("attributes".to_owned(), attributes(&scope.body, &given));
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &document(body));
    let path = call.resource_path();
    let resource = Resource {
        operation: "UPDATE",
        kind: SCOPE,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&told(&given)));
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => return Err(taken(text(&given, "name"))),
        commit @ (Commit::Done | Commit::Missed(_)) => done(commit)?,
    }
    Ok(no_content())
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let scope = scope(&call).await?;
    if call.realm.scopes().await?.names().len() < 2 {
        let text = "You are not allowed to delete all the client scopes.";
        return Err(Problem::message(StatusCode::FORBIDDEN, text));
    }
    let mut tx = Tx::new();
    tx.delete_document(&call.realm.id, Kind::ClientScope, scope.id.as_str());
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: SCOPE,
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

/// The scopes that new clients get, by name.
async fn list_linked(call: AdminCall, kind: LinkKind) -> Result<Answer, Problem> {
    let realm = &call.realm.id;
    let scopes = call.realm.scopes().await?;
    let ids = call
        .app
        .store
        .links_from(realm, kind, realm.as_str())
        .await?;
    let mut linked: Vec<_> = ids
        .into_iter()
        .filter_map(|id| scopes.get(&ScopeId::new(id)).cloned())
        .collect();
    linked.sort_by(|one, other| one.name.cmp(&other.name));
    let shown = linked.iter().map(
        |scope| json!({"id": scope.id.as_str(), "name": scope.name, "protocol": scope.protocol}),
    );
    Ok(read_out(&shown.collect::<Vec<_>>()))
}

/// A scope that the path names, as these endpoints tell that there is none.
async fn linked_scope(call: &AdminCall) -> Result<String, Problem> {
    match scope(call).await {
        Ok(scope) => Ok(scope.id.as_str().to_owned()),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => {
            Err(Problem::not_found("Client scope not found"))
        }
        Err(problem) => Err(problem),
    }
}

async fn add_link(call: AdminCall, kind: LinkKind) -> Result<Answer, Problem> {
    let to = linked_scope(&call).await?;
    let realm = &call.realm.id;
    for kind in [LinkKind::RealmDefaultScope, LinkKind::RealmOptionalScope] {
        if call
            .app
            .store
            .links_from(realm, kind, realm.as_str())
            .await?
            .contains(&to)
        {
            return Err(duplicate("Duplicate resource error"));
        }
    }
    let mut tx = Tx::new();
    tx.insert_link(
        realm,
        &Link {
            kind,
            from: realm.as_str().to_owned(),
            to,
        },
    );
    link_done(&call, tx, "CREATE").await
}

async fn remove_link(call: AdminCall, kind: LinkKind) -> Result<Answer, Problem> {
    let to = linked_scope(&call).await?;
    let realm = &call.realm.id;
    let mut tx = Tx::new();
    tx.delete_link(
        realm,
        &Link {
            kind,
            from: realm.as_str().to_owned(),
            to,
        },
    );
    link_done(&call, tx, "DELETE").await
}

async fn link_done(
    call: &AdminCall,
    mut tx: Tx,
    operation: &'static str,
) -> Result<Answer, Problem> {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: SCOPE,
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_of_scope() {
        for (given, expected) in [
            (json!({"name": "orders:read"}), None),
            (
                json!({"name": "with blank"}),
                Some("Unexpected name \"with blank\" for ClientScope"),
            ),
            (
                json!({"name": ""}),
                Some("Unexpected name \"\" for ClientScope"),
            ),
            (
                json!({"name": "a\\b"}),
                Some("Unexpected name \"a\\b\" for ClientScope"),
            ),
            (
                json!({"name": "p", "attributes": {"is.parameterized.scope": "true"}}),
                Some("Parameterized scope must have a parameter type"),
            ),
            (
                json!({"name": "p", "attributes": {"is.parameterized.scope": "true",
                    "parameterized.scope.type": "magic"}}),
                Some("Invalid parameter type 'magic'"),
            ),
        ] {
            let found = problem(given.as_object().unwrap());
            assert_eq!(found.as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn attributes_are_merged() {
        let old = json!({"attributes": {"a": "1", "b": "2"}});
        let given = json!({"attributes": {"a": null, "b": "", "c": "3"}});
        let merged = attributes(old.as_object().unwrap(), given.as_object().unwrap());
        assert_eq!(merged, json!({"b": "", "c": "3"}));
    }
}
