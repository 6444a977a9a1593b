//! Single steps of flows, by their ids.

use axum::http::Method;
use claviger_engine::flow::book::{Book, NewStep, Place, Towards};
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use claviger_wire::flow::{Execution, Requirement, Step};
use serde_json::{Value, json};

use super::steps::{RESOURCE, find_provider, members, refuse_built_in};
use super::{MANAGE, SEE, Told, book, change, refused, wrong};
use crate::call::{AdminCall, no_content, read_out};
use crate::problem::Problem;
use crate::route::{Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: &str = "/admin/realms/{realm}/authentication/executions";
    const ONE: &str = "/admin/realms/{realm}/authentication/executions/{execution}";
    const RAISE: &str =
        "/admin/realms/{realm}/authentication/executions/{execution}/raise-priority";
    const LOWER: &str =
        "/admin/realms/{realm}/authentication/executions/{execution}/lower-priority";
    vec![
        route(M::POST, ALL, MANAGE, create),
        route(M::GET, ONE, SEE, show),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::POST, RAISE, MANAGE, |call| shift(call, Towards::Front)),
        route(M::POST, LOWER, MANAGE, |call| shift(call, Towards::Back)),
    ]
}

/// The step that the path names.
fn step<'a>(call: &AdminCall, book: &'a Book) -> Result<Place<'a>, Problem> {
    let place = book.step(call.param("execution"));
    place.ok_or_else(|| Problem::not_found("Illegal execution"))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let book = book(&call).await?;
    let place = step(&call, &book)?;
    let step = Execution::from_body(place.step);
    let is_flow = matches!(step.step, Step::Flow { .. });
    let mut shown = members(json!({
        "id": step.id,
        "requirement": step.requirement.as_str(),
        "priority": step.priority,
        "authenticatorFlow": is_flow,
        "autheticatorFlow": is_flow,
        "parentFlow": place.flow.id,
    }));
    let (authenticator, below) = match &step.step {
        Step::Authenticator(id) => (Some(id), None),
        Step::Flow { alias, form } => (form.as_ref(), book.flow(alias)),
    };
    let settings = step.authenticator_config.as_deref();
    let settings = settings.and_then(|alias| book.config(alias));
    for (member, value) in [
        ("authenticator", authenticator),
        ("flowId", below.map(|flow| &flow.id)),
        ("authenticatorConfig", settings.map(|settings| &settings.id)),
    ] {
        if let Some(value) = value {
            shown.insert(member.to_owned(), json!(value));
        }
    }
    Ok(read_out(&shown))
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("AuthenticationExecutionRepresentation")?;
    let fields = Fields::of(&sent);
    let id = change(&call, |book| {
        let requirement = fields.str("requirement").and_then(Requirement::from_name);
        let requirement =
            requirement.ok_or_else(|| Problem::bad_request("There is no such requirement"))?;
        let parent = fields
            .str("parentFlow")
            .ok_or_else(|| wrong("parent flow not set on new execution"))?;
        let parent = book
            .flow_by_id(parent)
            .ok_or_else(|| wrong("execution parent flow does not exist"))?;
        refuse_built_in(parent, "It is illegal to add execution to a built in flow")?;
        let authenticator = fields.str("authenticator");
        let below = if fields.flag("authenticatorFlow", false) {
            let below = fields.str("flowId").and_then(|id| book.flow_by_id(id));
            let text = "The flow of the execution does not exist";
            let below = below.ok_or_else(|| Problem::bad_request(text))?;
            Some(below.unique_name.clone())
        } else {
            find_provider(parent, authenticator)?;
            None
        };
        let settings = fields.str("authenticatorConfig");
        if settings.is_some_and(|alias| book.config(alias).is_none()) {
            return Err(Problem::bad_request("Could not find authenticator config"));
        }
        let new = NewStep {
            authenticator,
            flow: below.as_deref(),
            requirement,
            priority: fields.integer("priority"),
        };
        let parent = parent.id.clone();
        let id = book
            .add_step(&parent, new, &call.app.random)
            .map_err(|why| refused(why, ""))?;
        if let Some(settings) = settings {
            book.change_step(&id, members(json!({"authenticatorConfig": settings})));
        }
        let mut told = Told::new("CREATE", RESOURCE).with(whole(&sent));
        told.made = Some(id.clone());
        Ok((id, Some(told)))
    })
    .await?;
    Ok(call.created(&id).no_cache())
}

/// What was sent, with what is meant where it says nothing.
fn whole(sent: &Json) -> Json {
    let mut whole = sent.clone();
    let is_flow = Fields::of(sent).flag("authenticatorFlow", false);
    for flag in ["authenticatorFlow", "autheticatorFlow"] {
        whole.insert(flag.to_owned(), Value::Bool(is_flow));
    }
    whole
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    change(&call, |book| {
        let place = step(&call, book)?;
        refuse_built_in(
            place.flow,
            "It is illegal to remove execution from a built in flow",
        )?;
        book.remove_step(call.param("execution"));
        Ok(((), Some(Told::new("DELETE", RESOURCE))))
    })
    .await?;
    Ok(no_content().no_cache())
}

async fn shift(call: AdminCall, towards: Towards) -> Result<Answer, Problem> {
    change(&call, |book| {
        let place = step(&call, book)?;
        refuse_built_in(
            place.flow,
            "It is illegal to modify execution in a built in flow",
        )?;
        let moved = book.move_step(call.param("execution"), towards);
        Ok(((), moved.then(|| Told::new("UPDATE", RESOURCE))))
    })
    .await?;
    Ok(no_content().no_cache())
}
