//! Flows.

use axum::http::Method;
use claviger_engine::flow::book::{NewFlow, sorted};
use claviger_engine::import::flows::{ALWAYS, BINDINGS};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use claviger_wire::flow::provider::ProviderKind;
use serde_json::{Value, json};

use super::{
    BROKER_BINDINGS, MANAGE, SEE, TRIES, Told, attempt, book, change, check_alias, check_id,
    overtaken, refused, version, wrong,
};
use crate::call::{AdminCall, no_content, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

const CLASS: &str = "AuthenticationFlowRepresentation";
const RESOURCE: &str = "AUTH_FLOW";
/// The flow of a protocol that Keycloak lists nowhere.
const UNLISTED: &str = "saml ecp";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const LIST: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm, Right::QueryClients]);
    const ALL: &str = "/admin/realms/{realm}/authentication/flows";
    const ONE: &str = "/admin/realms/{realm}/authentication/flows/{flow}";
    const COPY: &str = "/admin/realms/{realm}/authentication/flows/{flow}/copy";
    vec![
        route(M::GET, ALL, LIST, list),
        route(M::POST, ALL, MANAGE, create),
        route(M::GET, ONE, SEE, show),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::POST, COPY, MANAGE, copy),
    ]
}

/// A flow as administrators see it: its steps in their order, without ids.
fn shown(flow: &Document) -> Json {
    let mut body = flow.body.clone();
    let steps = sorted(flow).into_iter().map(|step| {
        let mut step = step.clone();
        step.shift_remove("id");
        Value::Object(step)
    });
    body.insert("authenticationExecutions".to_owned(), steps.collect());
    body
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let flows = listed(&call).await?;
    Ok(read_out(&flows.iter().map(shown).collect::<Vec<_>>()))
}

/// The flows that lists show, in their order.
pub(in crate::admin) async fn listed(call: &AdminCall) -> Result<Vec<Document>, Problem> {
    let book = book(call).await?;
    let listed = |flow: &&Document| {
        Fields::of(&flow.body).flag("topLevel", false) && flow.unique_name != UNLISTED
    };
    let mut flows: Vec<&Document> = book.flows().iter().filter(listed).collect();
    let first = |flow: &&Document| {
        let mut order = ALWAYS.iter();
        let place = order.position(|alias| *alias == flow.unique_name);
        place.unwrap_or(ALWAYS.len())
    };
    flows.sort_by_key(first);
    Ok(flows.into_iter().cloned().collect())
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let book = book(&call).await?;
    let flow = book.flow_by_id(call.param("flow"));
    let flow = flow.ok_or_else(|| Problem::not_found("Could not find flow with id"))?;
    Ok(read_out(&shown(flow)))
}

/// Refuses a kind of flow that there is not.
fn check_provider(provider: Option<&str>) -> Result<&str, Problem> {
    let known = provider.filter(|id| ProviderKind::of_flow(id).is_some());
    known.ok_or_else(|| {
        Problem::bad_request("A flow is a 'basic-flow', a 'form-flow' or a 'client-flow'")
    })
}

/// The description of what was sent, which is never missing.
fn description(sent: &Json) -> &str {
    Fields::of(sent).str("description").unwrap_or_default()
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json(CLASS)?;
    let fields = Fields::of(&sent);
    let alias = fields.str("alias").unwrap_or_default();
    if alias.is_empty() {
        return Err(Problem::conflict(
            "Failed to create flow with empty alias name",
        ));
    }
    check_alias(alias)?;
    let id = fields
        .filled_text("id")
        .unwrap_or_else(|| call.app.random.uuid());
    check_id(&id)?;
    change(&call, |book| {
        if book.flow(alias).is_none() {
            check_provider(fields.str("providerId"))?;
        }
        let new = NewFlow {
            id: &id,
            alias,
            description: Some(description(&sent)),
            provider_id: fields.str("providerId").unwrap_or_default(),
            top_level: fields.flag("topLevel", false),
            built_in: fields.flag("builtIn", false),
        };
        let taken = format!("Flow {alias} already exists");
        book.add_flow(new).map_err(|why| refused(why, &taken))?;
        let mut told = Told::new("CREATE", RESOURCE).with(whole(&sent, &id));
        told.made = Some(id.clone());
        Ok(((), Some(told)))
    })
    .await?;
    Ok(call.created(&id).no_cache())
}

/// What was sent, with what is meant where it says nothing.
fn whole(sent: &Json, id: &str) -> Json {
    let mut whole = sent.clone();
    whole.insert("id".to_owned(), json!(id));
    whole
        .entry("description")
        .or_insert_with(|| json!(description(sent)));
    for flag in ["topLevel", "builtIn"] {
        whole.entry(flag).or_insert(json!(false));
    }
    whole
}

/// Changes what is sent of a flow, and keeps the rest: its steps above all.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let id = call.param("flow").to_owned();
    let sent = call.json(CLASS)?;
    let fields = Fields::of(&sent);
    change(&call, |book| {
        if book.flow_by_id(&id).is_none() {
            return Err(Problem::not_found("Could not find flow with id"));
        }
        let alias = fields.str("alias").unwrap_or_default();
        if alias.is_empty() {
            return Err(Problem::conflict(
                "Failed to update flow with empty alias name",
            ));
        }
        check_alias(alias)?;
        let mut changes = Json::from_iter([("alias".to_owned(), json!(alias))]);
        for member in ["description", "topLevel", "builtIn", "providerId"] {
            if let Some(value) = sent.get(member).filter(|value| !value.is_null()) {
                changes.insert(member.to_owned(), value.clone());
            }
        }
        if changes.contains_key("providerId") {
            check_provider(fields.str("providerId"))?;
        }
        book.change_flow(&id, changes)
            .map_err(|why| refused(why, "Flow alias name already exists"))?;
        let told = Told::new("UPDATE", RESOURCE).with(whole(&sent, &id));
        Ok(((), Some(told)))
    })
    .await?;
    Ok(no_content().no_cache())
}

/// Whether somebody uses a flow that is about to go: the realm, a client, an identity provider.
async fn used(call: &AdminCall, flow: &Document) -> Result<bool, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let row = store.realm_by_id(realm).await?;
    let row = row.ok_or_else(Problem::no_realm)?;
    let settings = Fields::of(&row.body);
    let mut bindings = BINDINGS.iter();
    if bindings.any(|(member, default)| settings.str(member).unwrap_or(default) == flow.unique_name)
    {
        return Ok(true);
    }
    let clients = store.documents(realm, Kind::Client).await?;
    let overrides = |client: &Document| {
        let overrides = Fields::of(&client.body).object("authenticationFlowBindingOverrides");
        let mut flows = overrides.into_iter().flat_map(Json::values);
        flows.any(|id| id.as_str() == Some(&flow.id))
    };
    if clients.iter().any(overrides) {
        return Ok(true);
    }
    let providers = store.documents(realm, Kind::IdentityProvider).await?;
    Ok(providers.iter().any(|provider| {
        let fields = Fields::of(&provider.body);
        let mut flows = BROKER_BINDINGS
            .iter()
            .filter_map(|member| fields.str(member));
        flows.any(|alias| alias == flow.unique_name)
    }))
}

/// Deletes a flow that nobody uses: without its flow nobody could sign in any more.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    for _ in 0..TRIES {
        let version = version(&call).await?;
        let known = book(&call).await?;
        let flow = known.flow_by_id(call.param("flow"));
        let flow = flow.ok_or_else(|| Problem::not_found("Flow not found"))?;
        if Fields::of(&flow.body).flag("builtIn", false) {
            return Err(wrong("Can't delete built in flow"));
        }
        if used(&call, flow).await? {
            let text = format!("The flow '{}' is in use", flow.unique_name);
            return Err(Problem::conflict(&text));
        }
        let deleted = attempt(&call, version, |book| {
            book.remove_flow(&flow.unique_name);
            Ok(((), Some(Told::new("DELETE", RESOURCE))))
        });
        if deleted.await?.is_some() {
            return Ok(no_content().no_cache());
        }
    }
    Err(overtaken())
}

async fn copy(call: AdminCall) -> Result<Answer, Problem> {
    let from = call.param("flow");
    let sent = call.value()?;
    let name = sent.get("newName").and_then(Value::as_str);
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Problem::bad_request("newName is missing"))?;
    check_alias(name)?;
    let id = change(&call, |book| {
        let taken = "New flow alias name already exists";
        if book.flow(name).is_some() {
            return Err(Problem::conflict(taken));
        }
        if book.flow(from).is_none() {
            return Err(Problem::not_found("Flow not found"));
        }
        let id = book
            .copy(from, name, &call.app.random)
            .map_err(|why| refused(why, taken))?;
        let told = json!({"newName": name, "id": id});
        let told = told.as_object().cloned().unwrap_or_default();
        Ok((id, Some(Told::new("CREATE", RESOURCE).with(told))))
    })
    .await?;
    Ok(call.created(&id).no_cache())
}
