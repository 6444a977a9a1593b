//! How people and clients prove who they are: flows, their steps and settings, and what people have to
//! do before they go on.

mod configs;
mod executions;
pub(super) mod flows;
mod providers;
pub(super) mod required_actions;
mod steps;

use axum::http::StatusCode;
use claviger_engine::flow::book::{Book, Refused};
use claviger_engine::import::flows::BINDINGS;
use claviger_store::{Commit, Tx};
use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::Value;

use crate::call::{AdminCall, Resource};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route};

/// How often a change is tried when somebody else was faster.
pub(in crate::admin) const TRIES: usize = 10;
/// Longest alias, in characters.
const ALIAS_MAX: usize = 255;
/// Longest id, in characters.
const ID_MAX: usize = 36;

/// How identity providers name flows.
pub(super) const BROKER_BINDINGS: [&str; 2] =
    ["firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias"];

/// Who sees.
const SEE: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
/// Who changes.
const MANAGE: Rights = Rights::Any(&[Right::ManageRealm]);

/// The rows of these files.
pub fn routes() -> Vec<Route> {
    [
        flows::routes(),
        steps::routes(),
        executions::routes(),
        configs::routes(),
        providers::routes(),
        required_actions::routes(),
    ]
    .concat()
}

/// What an admin event tells of a change.
struct Told {
    operation: &'static str,
    kind: &'static str,
    /// The id of what was made, where it is told behind the request's path.
    made: Option<String>,
    representation: Option<Value>,
}

impl Told {
    const fn new(operation: &'static str, kind: &'static str) -> Self {
        Self {
            operation,
            kind,
            made: None,
            representation: None,
        }
    }

    fn with(self, representation: Json) -> Self {
        Self {
            representation: Some(Value::Object(representation)),
            ..self
        }
    }
}

async fn book(call: &AdminCall) -> Result<Book, Problem> {
    Ok(Book::load(&call.app.store, &call.realm.id).await?)
}

/// Changes flows: on what is there now, and once more if somebody else has changed the realm meanwhile.
/// What is done is told in an event, if it gives one.
async fn change<T>(
    call: &AdminCall,
    what: impl Fn(&mut Book) -> Result<(T, Option<Told>), Problem>,
) -> Result<T, Problem> {
    for _ in 0..TRIES {
        let version = version(call).await?;
        if let Some(value) = attempt(call, version, &what).await? {
            return Ok(value);
        }
    }
    Err(overtaken())
}

/// The realm's version now.
pub(in crate::admin) async fn version(call: &AdminCall) -> Result<i64, Problem> {
    let known = call.app.store.realm_version(&call.realm.name).await?;
    let (_, version) = known.ok_or_else(Problem::no_realm)?;
    Ok(version)
}

/// Changes flows, if the realm is still as it was at a version; nothing happens otherwise.
async fn attempt<T>(
    call: &AdminCall,
    version: i64,
    what: impl Fn(&mut Book) -> Result<(T, Option<Told>), Problem>,
) -> Result<Option<T>, Problem> {
    let realm = &call.realm.id;
    let mut book = book(call).await?;
    let (value, told) = what(&mut book)?;
    let mut tx = Tx::new();
    book.put(&mut tx, realm);
    for (before, after) in book.renamed() {
        rebind(call, &mut tx, (before, after)).await?;
    }
    if let Some(told) = told {
        record(call, &mut tx, &told);
    }
    if tx.is_empty() {
        return Ok(Some(value));
    }
    tx.expect_version(realm, version);
    match call.app.commit(tx).await? {
        Commit::Done => Ok(Some(value)),
        Commit::Conflict(_) => Err(Problem::duplicate()),
        Commit::Missed(_) => Ok(None),
    }
}

/// Who uses a flow by its alias goes on using it under its new one: the realm, identity providers.
async fn rebind(
    call: &AdminCall,
    tx: &mut Tx,
    (before, after): (&str, &str),
) -> Result<(), Problem> {
    let rename = |body: &mut Json, member: &str| {
        let is_this = body.get(member).and_then(Value::as_str) == Some(before);
        is_this && body.insert(member.to_owned(), Value::from(after)).is_some()
    };
    let (store, realm) = (&call.app.store, &call.realm.id);
    if let Some(mut row) = store.realm_by_id(realm).await? {
        let members = BINDINGS.iter().map(|(member, _)| member);
        if members
            .filter(|member| rename(&mut row.body, member))
            .count()
            > 0
        {
            tx.update_realm(&row);
        }
    }
    for mut provider in store.documents(realm, Kind::IdentityProvider).await? {
        let members = BROKER_BINDINGS.iter();
        if members
            .filter(|member| rename(&mut provider.body, member))
            .count()
            > 0
        {
            tx.update_document(realm, &provider);
        }
    }
    Ok(())
}

fn record(call: &AdminCall, tx: &mut Tx, told: &Told) {
    let mut path = call.resource_path();
    if let Some(id) = &told.made {
        path = format!("{path}/{id}");
    }
    let resource = Resource {
        operation: told.operation,
        kind: told.kind,
        path: Some(&path),
    };
    call.record(tx, resource, told.representation.as_ref());
}

pub(in crate::admin) fn overtaken() -> Problem {
    Problem::conflict("The resource was changed by somebody else. Read it again and repeat.")
}

/// `{"error": text}` with `400`.
pub(in crate::admin) fn wrong(text: &str) -> Problem {
    Problem::error(StatusCode::BAD_REQUEST, text)
}

/// Refuses an alias that could not stand in a path, or is too long to be kept.
fn check_alias(alias: &str) -> Result<(), Problem> {
    let reserved = |letter: &char| ":/?#@!$&()*+,;=[]\\".contains(*letter);
    if let Some(letter) = alias.chars().find(reserved) {
        return Err(wrong(&format!("Character '{letter}' not allowed.")));
    }
    if alias.chars().count() > ALIAS_MAX {
        let text = format!("An alias has at most {ALIAS_MAX} characters");
        return Err(Problem::bad_request(&text));
    }
    Ok(())
}

/// Refuses an id of the caller's that could not be kept.
fn check_id(id: &str) -> Result<(), Problem> {
    if id.chars().count() > ID_MAX {
        let text = format!("An id has at most {ID_MAX} characters");
        return Err(Problem::bad_request(&text));
    }
    Ok(())
}

/// Why a change of flows is refused; what is said of an alias that is taken depends on the endpoint.
fn refused(why: Refused, taken: &str) -> Problem {
    match why {
        Refused::AliasTaken => Problem::conflict(taken),
        Refused::Circle => Problem::bad_request("A flow cannot lie within itself"),
        Refused::TooMany => Problem::bad_request("There would be too many flows or executions"),
    }
}

/// The settings of what was sent: those that are empty are none.
fn settings(sent: &Json) -> Json {
    let config = Fields::of(sent).object("config").cloned();
    let mut config = config.unwrap_or_default();
    config.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    config
}
