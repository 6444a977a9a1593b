//! The steps of a flow, by the flow's alias: all that is below it, changed and added.

use axum::http::{Method, StatusCode, header};
use claviger_engine::flow::book::{Book, NewFlow, NewStep, sorted};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json};
use claviger_wire::fields::Fields;
use claviger_wire::flow::provider::{self, ProviderKind};
use claviger_wire::flow::{Execution, Requirement, Step};
use serde_json::{Value, json};

use super::{MANAGE, SEE, Told, book, change, check_alias, refused, wrong};
use crate::call::{AdminCall, no_content, read_out};
use crate::problem::Problem;
use crate::route::{Route, route};

/// The resource type of events about steps.
pub(super) const RESOURCE: &str = "AUTH_EXECUTION";
/// How many flows may lie within each other.
const DEPTH_MAX: i64 = 20;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: &str = "/admin/realms/{realm}/authentication/flows/{flow}/executions";
    const STEP: &str = "/admin/realms/{realm}/authentication/flows/{flow}/executions/execution";
    const FLOW: &str = "/admin/realms/{realm}/authentication/flows/{flow}/executions/flow";
    vec![
        route(M::GET, ALL, SEE, list),
        route(M::PUT, ALL, MANAGE, update),
        route(M::POST, STEP, MANAGE, add_step),
        route(M::POST, FLOW, MANAGE, add_flow),
    ]
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let book = book(&call).await?;
    let flow = book.flow(call.param("flow"));
    let flow = flow.ok_or_else(|| Problem::not_found("Flow not found"))?;
    let mut all = Vec::new();
    tell(&book, flow, 0, &mut all)?;
    Ok(read_out(&all))
}

/// Tells of the steps of a flow and of those below, each behind the one that it is below.
fn tell(book: &Book, flow: &Document, level: i64, all: &mut Vec<Json>) -> Result<(), Problem> {
    if level > DEPTH_MAX {
        return Ok(());
    }
    for (index, body) in sorted(flow).into_iter().enumerate() {
        let step = Execution::from_body(body);
        let settings = step.authenticator_config.as_deref();
        let settings = settings.and_then(|alias| book.config(alias));
        let mut told = members(json!({
            "id": step.id,
            "requirement": step.requirement.as_str(),
            "level": level,
            "index": index,
            "priority": step.priority,
        }));
        if let Some(settings) = settings {
            told.insert("authenticationConfig".to_owned(), json!(settings.id));
        }
        match &step.step {
            Step::Flow { alias, form } => {
                let Some(below) = book.flow(alias) else {
                    continue;
                };
                told.extend(told_of_flow(below, form.as_deref()));
                all.push(told);
                tell(book, below, level + 1, all)?;
            }
            Step::Authenticator(id) => {
                let provider = provider::of_step(id);
                let provider = provider
                    .ok_or_else(|| Problem::not_found("Could not find authenticator provider"))?;
                let choices = provider.choices().map(Requirement::as_str);
                told.extend(members(json!({
                    "displayName": provider.name,
                    "configurable": provider.is_configurable(),
                    "requirementChoices": choices.collect::<Vec<_>>(),
                    "providerId": id,
                })));
                if let Some(settings) = settings.filter(|_| provider.is_configurable()) {
                    told.insert("alias".to_owned(), json!(settings.unique_name));
                }
                all.push(told);
            }
        }
    }
    Ok(())
}

/// What is told of a step that goes through a flow.
fn told_of_flow(flow: &Document, page: Option<&str>) -> Json {
    use Requirement as R;
    let fields = Fields::of(&flow.body);
    let kind = fields.str("providerId").and_then(ProviderKind::of_flow);
    let choices: &[Requirement] = match kind {
        Some(ProviderKind::FormAction) => &[R::Required, R::Disabled],
        Some(ProviderKind::ClientAuthenticator) => &[R::Alternative, R::Required, R::Disabled],
        Some(ProviderKind::Authenticator | ProviderKind::Form) | None => {
            &[R::Required, R::Alternative, R::Disabled, R::Conditional]
        }
    };
    let choices = choices.iter().map(|choice| choice.as_str());
    let mut told = members(json!({
        "displayName": flow.unique_name,
        "configurable": false,
        "requirementChoices": choices.collect::<Vec<_>>(),
        "authenticationFlow": true,
        "flowId": flow.id,
    }));
    if let Some(description) = fields.str("description") {
        told.insert("description".to_owned(), json!(description));
    }
    if let Some(page) = page.filter(|_| kind == Some(ProviderKind::FormAction)) {
        told.insert("providerId".to_owned(), json!(page));
    }
    told
}

/// Changes a step: its place and requirement, or else the name of the flow that it goes through. The
/// flow in the path is looked for and no more: steps have ids of their own.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("AuthenticationExecutionInfoRepresentation")?;
    let fields = Fields::of(&sent);
    let priority = fields.integer("priority").unwrap_or(0);
    change(&call, |book| {
        if book.flow(call.param("flow")).is_none() {
            return Err(Problem::not_found("flow not found"));
        }
        let illegal = || Problem::not_found("Illegal execution");
        let id = fields.str("id").unwrap_or_default();
        let place = book.step(id).ok_or_else(illegal)?;
        let before = Execution::from_body(place.step);
        let requirement = fields.str("requirement").and_then(Requirement::from_name);
        let requirement =
            requirement.ok_or_else(|| Problem::bad_request("There is no such requirement"))?;
        let mut told = sent.clone();
        for number in ["level", "index", "priority"] {
            told.entry(number).or_insert(json!(0));
        }
        let told = Some(Told::new("UPDATE", RESOURCE).with(told));
        if before.priority != priority || before.requirement != requirement {
            let changes = json!({"requirement": requirement.as_str(), "priority": priority});
            book.change_step(id, members(changes));
            return Ok(((), told));
        }
        if fields.maybe_flag("authenticationFlow").is_none() {
            return Ok(((), None));
        }
        let flow = fields.str("flowId").unwrap_or_default().to_owned();
        let known = book.flow_by_id(&flow).ok_or_else(illegal)?;
        let alias = fields.str("displayName").unwrap_or(&known.unique_name);
        let alias = alias.to_owned();
        check_alias(&alias)?;
        let description = fields.str("description").unwrap_or_default();
        let changes = members(json!({"alias": alias, "description": description}));
        book.change_flow(&flow, changes)
            .map_err(|why| refused(why, "Flow alias name already exists"))?;
        Ok(((), told))
    })
    .await?;
    Ok(no_content().no_cache())
}

/// The place that somebody wants for something new.
fn priority(sent: &Value) -> Result<Option<i64>, Problem> {
    match sent.get("priority") {
        None => Ok(None),
        Some(value) => {
            let number = value
                .as_i64()
                .filter(|number| i32::try_from(*number).is_ok());
            let wrong = || Problem::bad_request("The priority is no number");
            number.map(Some).ok_or_else(wrong)
        }
    }
}

/// `201` with the address of what was made, which is not below this one.
fn created(call: &AdminCall, kind: &str, id: &str) -> Answer {
    let base = &call.context.base_url;
    let realm = call.realm_segment();
    let address = format!("{base}/admin/realms/{realm}/authentication/{kind}/{id}");
    let answer = Answer::empty(StatusCode::CREATED).no_cache();
    answer.with_text(header::LOCATION, &address)
}

async fn add_step(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.value()?;
    let place = priority(&sent)?;
    let id = change(&call, |book| {
        let flow = book.flow(call.param("flow"));
        let flow = flow.ok_or_else(|| wrong("Parent flow doesn't exist"))?;
        refuse_built_in(flow, "It is illegal to add execution to a built in flow")?;
        let id = sent.get("provider").and_then(Value::as_str);
        let provider = find_provider(flow, id)?;
        let mut choices = provider.choices();
        let only = choices.next().filter(|_| choices.next().is_none());
        let new = NewStep {
            authenticator: id,
            flow: None,
            requirement: only.unwrap_or(Requirement::Disabled),
            priority: place,
        };
        let flow = flow.id.clone();
        let id = book
            .add_step(&flow, new, &call.app.random)
            .map_err(|why| refused(why, ""))?;
        Ok((id.clone(), Some(told_of_new(&sent, &id, RESOURCE))))
    })
    .await?;
    Ok(created(&call, "executions", &id))
}

/// What is told of something new: what was sent, with its id.
fn told_of_new(sent: &Value, id: &str, kind: &'static str) -> Told {
    let mut told = sent.as_object().cloned().unwrap_or_default();
    told.insert("id".to_owned(), json!(id));
    Told::new("CREATE", kind).with(told)
}

pub(super) fn refuse_built_in(flow: &Document, text: &str) -> Result<(), Problem> {
    if Fields::of(&flow.body).flag("builtIn", false) {
        return Err(wrong(text));
    }
    Ok(())
}

/// The provider of a step that is to be added to a flow, by the kind of the flow.
pub(super) fn find_provider(
    flow: &Document,
    id: Option<&str>,
) -> Result<&'static provider::Provider, Problem> {
    let kind = Fields::of(&flow.body).str("providerId");
    let kind = kind.and_then(ProviderKind::of_flow);
    let kind = kind.unwrap_or(ProviderKind::Authenticator);
    let found = id.and_then(|id| provider::find(kind, id));
    found.ok_or_else(|| {
        let id = id.unwrap_or("null");
        wrong(&format!("No authentication provider found for id: {id}"))
    })
}

/// Adds a flow below another, which is not gone through until somebody says so.
async fn add_flow(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.value()?;
    let text = |name: &str| sent.get(name).and_then(Value::as_str);
    let place = priority(&sent)?;
    let new_id = call.app.random.uuid();
    change(&call, |book| {
        let parent = book.flow(call.param("flow"));
        let parent = parent.ok_or_else(|| Problem::bad_request("Parent flow doesn't exist"))?;
        refuse_built_in(parent, "It is illegal to add sub-flow to a built in flow")?;
        let parent = parent.id.clone();
        let alias = text("alias").filter(|alias| !alias.is_empty());
        let alias = alias.ok_or_else(|| Problem::bad_request("alias is missing"))?;
        check_alias(alias)?;
        let kind = text("type").filter(|kind| ProviderKind::of_flow(kind).is_some());
        let kind = kind.ok_or_else(|| Problem::bad_request("There is no such type of flow"))?;
        let page = text("provider").filter(|_| kind == "form-flow");
        if page.is_some_and(|page| provider::find(ProviderKind::Form, page).is_none()) {
            return Err(Problem::bad_request("There is no such provider of a form"));
        }
        let taken = "New flow alias name already exists";
        let new = NewFlow {
            id: &new_id,
            alias,
            description: Some(text("description").unwrap_or_default()),
            provider_id: kind,
            top_level: false,
            built_in: false,
        };
        book.add_flow(new).map_err(|why| refused(why, taken))?;
        let step = NewStep {
            authenticator: page,
            flow: Some(alias),
            requirement: Requirement::Disabled,
            priority: place,
        };
        let id = book
            .add_step(&parent, step, &call.app.random)
            .map_err(|why| refused(why, taken))?;
        Ok(((), Some(told_of_new(&sent, &id, "AUTH_EXECUTION_FLOW"))))
    })
    .await?;
    Ok(created(&call, "flows", &new_id))
}

/// The members of an object that was written down as one.
pub(super) fn members(value: Value) -> Json {
    if let Value::Object(members) = value {
        return members;
    }
    Json::new()
}
