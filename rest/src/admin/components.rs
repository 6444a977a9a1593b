//! Components: key providers, user storage, policies for client registration, the user profile.

mod change;
mod check;
mod ldap;
mod ldap_mapper;

use axum::http::{Method, StatusCode};
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::component::{CLIENT_REGISTRATION_POLICY, mask_config, providers, settings};
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// Longest id that is kept, in characters.
const ID_MAX: usize = 36;
/// Longest name, in characters.
const NAME_MAX: usize = 255;
/// How many components may hang below one that is deleted.
const BELOW_MAX: usize = 10_000;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const SEE: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageRealm]);
    const ALL: &str = "/admin/realms/{realm}/components";
    const ONE: &str = "/admin/realms/{realm}/components/{component}";
    const TYPES: &str = "/admin/realms/{realm}/components/{component}/sub-component-types";
    const POLICIES: &str = "/admin/realms/{realm}/client-registration-policy/providers";
    vec![
        route(M::GET, ALL, SEE, list),
        route(M::POST, ALL, MANAGE, create),
        route(M::GET, ONE, SEE, show),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::GET, TYPES, SEE, types_below),
        route(M::GET, POLICIES, SEE, policies),
    ]
}

/// The component that the path names.
async fn component(call: &AdminCall) -> Result<Document, Problem> {
    let id = call.param("component");
    let found = call
        .app
        .store
        .document(&call.realm.id, Kind::Component, id)
        .await?;
    found.ok_or_else(|| Problem::not_found("Could not find component"))
}

/// A component without its secrets.
fn shown(component: &Document) -> Json {
    let mut body = component.body.clone();
    mask(&mut body);
    body
}

fn mask(body: &mut Json) {
    let fields = Fields::of(body);
    let kind = fields.text("providerType").unwrap_or_default();
    let provider = fields.text("providerId").unwrap_or_default();
    if let Some(Value::Object(config)) = body.get_mut("config") {
        mask_config(&kind, &provider, config);
    }
}

/// Which components a list shows.
struct Wanted<'a> {
    parent: Option<&'a str>,
    kind: Option<&'a str>,
    name: Option<&'a str>,
    provider: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// What a query asks for. A type alone means those right below the realm.
    fn of(call: &'a AdminCall) -> Self {
        let kind = call.query.get("type");
        let top = kind.map(|_| call.realm.id.as_str());
        Self {
            parent: call.query.get("parent").or(top),
            kind,
            name: call.query.get("name"),
            provider: call.query.get("providerId"),
        }
    }

    fn includes(&self, component: &Document) -> bool {
        let fields = Fields::of(&component.body);
        let is = |wanted: Option<&str>, name: &str| {
            wanted.is_none_or(|wanted| fields.str(name) == Some(wanted))
        };
        self.parent.is_none_or(|parent| component.parent == parent)
            && is(self.kind, "providerType")
            && is(self.name, "name")
            && is(self.provider, "providerId")
    }
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let wanted = Wanted::of(&call);
    let all = call
        .app
        .store
        .documents(&call.realm.id, Kind::Component)
        .await?;
    let found = all.iter().filter(|component| wanted.includes(component));
    Ok(read_out(&found.map(shown).collect::<Vec<_>>()))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&shown(&component(&call).await?)))
}

fn refuse_long(sent: &Json) -> Result<(), Problem> {
    for (name, max) in [("id", ID_MAX), ("parentId", ID_MAX), ("name", NAME_MAX)] {
        if Fields::of(sent)
            .str(name)
            .is_some_and(|text| text.chars().count() > max)
        {
            return Err(Problem::bad_request(&format!(
                "'{name}' has at most {max} characters"
            )));
        }
    }
    Ok(())
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("ComponentRepresentation")?;
    refuse_long(&sent)?;
    let id = Fields::of(&sent)
        .filled_text("id")
        .unwrap_or_else(|| call.app.random.uuid());
    let component = change::new(&sent, &id, call.realm.id.as_str());
    let mut component = check::complete(&call, component).await?;
    let mappers = ldap::complete(&mut component, &call.app.random);
    let mut tx = Tx::new();
    for document in std::iter::once(&component).chain(&mappers) {
        tx.insert_document(&call.realm.id, document);
    }
    let path = format!("components/{id}");
    record(
        &call,
        &mut tx,
        "CREATE",
        &path,
        Some(&told(sent, &component)),
    );
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => Err(Problem::duplicate()),
        other @ (Commit::Done | Commit::Missed(_)) => done(other).map(|()| call.created(&id)),
    }
}

/// What an event tells of what was sent: as little as is shown.
fn told(mut sent: Json, component: &Document) -> Value {
    let fields = Fields::of(&component.body);
    let kind = fields.text("providerType").unwrap_or_default();
    let provider = fields.text("providerId").unwrap_or_default();
    if let Some(Value::Object(config)) = sent.get_mut("config") {
        mask_config(&kind, &provider, config);
    }
    Value::Object(sent)
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let before = component(&call).await?;
    let sent = call.json("ComponentRepresentation")?;
    refuse_long(&sent)?;
    let after = check::complete(&call, change::changed(&before, &sent)).await?;
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &after);
    if let Some(mapper) = ldap::renamed(&call, &before, &after).await? {
        tx.update_document(&call.realm.id, &mapper);
    }
    record(
        &call,
        &mut tx,
        "UPDATE",
        &call.resource_path(),
        Some(&told(sent, &after)),
    );
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

/// Deletes a component with those below it, the mappers of a user storage say.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let component = component(&call).await?;
    let mut tx = Tx::new();
    let mut open = vec![component.id];
    let mut count = 0;
    while let Some(id) = open.pop() {
        count += 1;
        if count > BELOW_MAX {
            return Err(Problem::bad_request(
                "The component has too many components below it",
            ));
        }
        let below = call
            .app
            .store
            .children(&call.realm.id, Kind::Component, &id)
            .await?;
        open.extend(below.into_iter().map(|component| component.id));
        tx.delete_document(&call.realm.id, Kind::Component, &id);
    }
    record(&call, &mut tx, "DELETE", &call.resource_path(), None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

fn record(
    call: &AdminCall,
    tx: &mut Tx,
    operation: &'static str,
    path: &str,
    told: Option<&Value>,
) {
    let resource = Resource {
        operation,
        kind: "COMPONENT",
        path: Some(path),
    };
    call.record(tx, resource, told);
}

/// `ComponentTypeRepresentation` of each provider of a kind: its id and what can be set.
fn types(provider_type: &str) -> Option<Vec<Value>> {
    let ids = providers(provider_type)?;
    let types = ids.map(|id| {
        let declared = settings(provider_type, id).into_iter().flatten();
        let properties = declared.map(|setting| {
            json!({
                "name": setting.name,
                "label": setting.name,
                "type": if setting.secret { "Password" } else { "String" },
                "secret": setting.secret,
                "required": false,
                "readOnly": false,
            })
        });
        json!({"id": id, "properties": properties.collect::<Vec<_>>(), "metadata": {}})
    });
    Some(types.collect())
}

async fn types_below(call: AdminCall) -> Result<Answer, Problem> {
    component(&call)
        .await
        .map_err(|problem| match problem.status() {
            StatusCode::NOT_FOUND => Problem::not_found("Could not find parent component"),
            _ => problem,
        })?;
    let text = "must specify a subtype";
    let asked = call.query.get("type");
    let asked = asked.ok_or_else(|| Problem::error(StatusCode::BAD_REQUEST, text))?;
    let text = format!("There are no components of type {asked}");
    let types = types(asked).ok_or_else(|| Problem::error(StatusCode::BAD_REQUEST, &text))?;
    Ok(read_out(&types))
}

async fn policies(_: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&types(CLIENT_REGISTRATION_POLICY)))
}
