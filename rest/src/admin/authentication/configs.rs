//! Settings of steps.

use axum::http::Method;
use claviger_surface::Answer;
use claviger_wire::MASK;
use claviger_wire::document::{Document, Json};
use claviger_wire::fields::Fields;
use claviger_wire::flow::provider::mask_config;
use serde_json::{Value, json};

use super::steps::members;
use super::{MANAGE, SEE, Told, book, change, check_alias, check_id, refused, settings};
use crate::call::{AdminCall, no_content, read_out};
use crate::problem::Problem;
use crate::route::{Route, route};

const CLASS: &str = "AuthenticatorConfigRepresentation";
const RESOURCE: &str = "AUTHENTICATOR_CONFIG";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: &str = "/admin/realms/{realm}/authentication/config";
    const ONE: &str = "/admin/realms/{realm}/authentication/config/{config}";
    const NEW: &str = "/admin/realms/{realm}/authentication/executions/{execution}/config";
    const OF: &str = "/admin/realms/{realm}/authentication/executions/{execution}/config/{config}";
    vec![
        route(M::POST, ALL, MANAGE, create),
        route(M::GET, ONE, SEE, show),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::POST, NEW, MANAGE, create_for_step),
        route(M::GET, OF, SEE, show),
    ]
}

fn not_found() -> Problem {
    Problem::not_found("Could not find authenticator config")
}

/// Settings as they are shown: without what may be a secret.
fn masked(body: &Json) -> Json {
    let mut body = body.clone();
    if let Some(Value::Object(config)) = body.get_mut("config") {
        mask_config(config);
    }
    body
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let book = book(&call).await?;
    let config = book.config_by_id(call.param("config"));
    let mut shown = masked(&config.ok_or_else(not_found)?.body);
    shown.entry("config").or_insert(json!({}));
    Ok(read_out(&shown))
}

/// Refuses settings without a name, or with one that cannot be kept.
fn alias(sent: &Json) -> Result<&str, Problem> {
    let alias = Fields::of(sent).str("alias").unwrap_or_default();
    if alias.is_empty() {
        return Err(Problem::conflict(
            "Failed to create authentication execution configuration with empty alias name",
        ));
    }
    check_alias(alias)?;
    Ok(alias)
}

fn taken(alias: &str) -> String {
    format!("Authentication execution configuration {alias} already exists")
}

/// The id that the caller wants for new settings, or a new one.
fn new_id(call: &AdminCall, sent: &Json) -> Result<String, Problem> {
    let id = Fields::of(sent).filled_text("id");
    let id = id.unwrap_or_else(|| call.app.random.uuid());
    check_id(&id)?;
    Ok(id)
}

/// What an event tells of what was sent.
fn told(operation: &'static str, sent: &Json) -> Told {
    let mut told = masked(sent);
    told.entry("config").or_insert(json!({}));
    Told::new(operation, RESOURCE).with(told)
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json(CLASS)?;
    let alias = alias(&sent)?;
    let id = new_id(&call, &sent)?;
    change(&call, |book| {
        book.add_config(&id, alias, settings(&sent))
            .map_err(|why| refused(why, &taken(alias)))?;
        let mut told = told("CREATE", &sent);
        told.made = Some(id.clone());
        Ok(((), Some(told)))
    })
    .await?;
    Ok(call.created(&id).no_cache())
}

/// Gives a step settings of its own, in place of those that it has.
async fn create_for_step(call: AdminCall) -> Result<Answer, Problem> {
    let mut sent = call.json(CLASS)?;
    let alias = alias(&sent)?.to_owned();
    let id = new_id(&call, &sent)?;
    sent.insert("id".to_owned(), json!(id));
    change(&call, |book| {
        let step = call.param("execution");
        let place = book.step(step);
        let place = place.ok_or_else(|| Problem::not_found("Illegal execution"))?;
        let before = Fields::of(place.step).filled_text("authenticatorConfig");
        let before = before.and_then(|alias| book.config(&alias));
        if let Some(before) = before.map(|config| config.id.clone()) {
            book.remove_config(&before);
        }
        book.add_config(&id, &alias, settings(&sent))
            .map_err(|why| refused(why, &taken(&alias)))?;
        book.change_step(step, members(json!({"authenticatorConfig": alias})));
        Ok(((), Some(told("CREATE", &sent))))
    })
    .await?;
    Ok(call.created(&id).no_cache())
}

/// Replaces settings. One that is sent as it is shown where it is a secret stays what it is.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json(CLASS)?;
    change(&call, |book| {
        let id = call.param("config");
        let config = book.config_by_id(id).ok_or_else(not_found)?;
        let alias = Fields::of(&sent).filled_text("alias");
        let alias = alias.unwrap_or_else(|| config.unique_name.clone());
        check_alias(&alias)?;
        let after = unmasked(config, settings(&sent));
        book.change_config(id, &alias, after)
            .map_err(|why| refused(why, &taken(&alias)))?;
        Ok(((), Some(told("UPDATE", &sent))))
    })
    .await?;
    Ok(no_content().no_cache())
}

fn unmasked(config: &Document, sent: Json) -> Json {
    let before = Fields::of(&config.body).object("config");
    let kept = sent.into_iter().filter_map(|(name, value)| {
        if value.as_str() != Some(MASK) {
            return Some((name, value));
        }
        let value = before?.get(&name)?.clone();
        Some((name, value))
    });
    kept.collect()
}

/// Removes settings; steps that had them go on without.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    change(&call, |book| {
        let id = call.param("config");
        if book.config_by_id(id).is_none() {
            return Err(not_found());
        }
        book.remove_config(id);
        Ok(((), Some(Told::new("DELETE", RESOURCE))))
    })
    .await?;
    Ok(no_content().no_cache())
}
