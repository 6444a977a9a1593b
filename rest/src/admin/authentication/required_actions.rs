//! What people have to do before they go on: which of it the realm has, in which order.

use axum::http::{Method, StatusCode};
use claviger_engine::flow::book::{Towards, swapped};
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use claviger_wire::flow::RequiredActionView;
use claviger_wire::flow::provider;
use serde_json::{Value, json};

use super::steps::members;
use super::{MANAGE, SEE, TRIES, Told, check_alias, overtaken, record, settings, version, wrong};
use crate::call::{AdminCall, no_content, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

const RESOURCE: &str = "REQUIRED_ACTION";
/// The settings that are numbers: none below zero.
const NUMBERS: [&str; 2] = ["max_auth_age", "warning_threshold"];

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const LIST: Rights = Rights::Any(&[Right::ViewRealm, Right::ManageRealm, Right::QueryUsers]);
    const ALL: &str = "/admin/realms/{realm}/authentication/required-actions";
    const ONE: &str = "/admin/realms/{realm}/authentication/required-actions/{action}";
    const RAISE: &str =
        "/admin/realms/{realm}/authentication/required-actions/{action}/raise-priority";
    const LOWER: &str =
        "/admin/realms/{realm}/authentication/required-actions/{action}/lower-priority";
    const CONFIG: &str = "/admin/realms/{realm}/authentication/required-actions/{action}/config";
    const ABOUT: &str =
        "/admin/realms/{realm}/authentication/required-actions/{action}/config-description";
    const REST: &str = "/admin/realms/{realm}/authentication/unregistered-required-actions";
    const REGISTER: &str = "/admin/realms/{realm}/authentication/register-required-action";
    vec![
        route(M::GET, ALL, LIST, list),
        route(M::GET, ONE, SEE, show),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::POST, RAISE, MANAGE, |call| shift(call, Towards::Front)),
        route(M::POST, LOWER, MANAGE, |call| shift(call, Towards::Back)),
        route(M::GET, CONFIG, SEE, show_config),
        route(M::PUT, CONFIG, MANAGE, update_config),
        route(M::DELETE, CONFIG, MANAGE, delete_config),
        route(M::GET, ABOUT, SEE, describe),
        route(M::GET, REST, SEE, unregistered),
        route(M::POST, REGISTER, MANAGE, register),
    ]
}

/// The realm's actions, in their order.
async fn actions(call: &AdminCall) -> Result<Vec<Document>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut actions = store.documents(realm, Kind::RequiredAction).await?;
    actions.sort_by_key(|action| RequiredActionView::from_body(&action.body).priority);
    Ok(actions)
}

fn named<'a>(actions: &'a [Document], alias: &str) -> Option<&'a Document> {
    actions.iter().find(|action| action.unique_name == alias)
}

/// Writes what `what` makes of the actions that there are, with an event; once more if somebody else has
/// changed the realm meanwhile. Nothing happens where it makes nothing.
async fn change(
    call: &AdminCall,
    what: impl Fn(&[Document]) -> Result<Option<(Vec<Change>, Told)>, Problem>,
) -> Result<(), Problem> {
    let realm = &call.realm.id;
    for _ in 0..TRIES {
        let version = version(call).await?;
        let Some((changes, told)) = what(&actions(call).await?)? else {
            return Ok(());
        };
        let mut tx = Tx::new();
        for change in changes {
            match change {
                Change::Insert(action) => tx.insert_document(realm, &action),
                Change::Update(action) => tx.update_document(realm, &action),
                Change::Delete(id) => tx.delete_document(realm, Kind::RequiredAction, &id),
            }
        }
        record(call, &mut tx, &told);
        tx.expect_version(realm, version);
        match call.app.commit(tx).await? {
            Commit::Done => return Ok(()),
            Commit::Conflict(_) => return Err(Problem::duplicate()),
            Commit::Missed(_) => {}
        }
    }
    Err(overtaken())
}

/// What becomes of an action.
enum Change {
    Insert(Document),
    Update(Document),
    Delete(String),
}

/// An action with some members changed.
fn changed(action: &Document, changes: Json) -> Document {
    let mut action = action.clone();
    action.body.extend(changes);
    action
}

/// An action as administrators see it: what the representation has, and nothing that a file had besides.
fn shown(action: &Document) -> Value {
    let mut shown = action.body.clone();
    shown.shift_remove("id");
    shown.entry("config").or_insert(json!({}));
    Value::Object(shown)
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let actions = actions(&call).await?;
    Ok(read_out(&actions.iter().map(shown).collect::<Vec<_>>()))
}

/// The same, each with whether anything of it can be set.
pub(in crate::admin) async fn list_for_console(call: AdminCall) -> Result<Answer, Problem> {
    let actions = actions(&call).await?;
    let with_flag = |action: &Document| {
        let provider = Fields::of(&action.body).text("providerId");
        let provider = provider.as_deref().and_then(provider::action);
        let can = provider.is_some_and(|provider| provider.settings().is_some());
        let mut shown = shown(action);
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("configurable".to_owned(), json!(can));
        }
        shown
    };
    Ok(read_out(&actions.iter().map(with_flag).collect::<Vec<_>>()))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let actions = actions(&call).await?;
    let action = named(&actions, call.param("action"));
    let action = action.ok_or_else(|| Problem::not_found("Failed to find required action"))?;
    Ok(read_out(&shown(action)))
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("RequiredActionProviderRepresentation")?;
    let fields = Fields::of(&sent);
    let mut whole = sent.clone();
    for flag in ["enabled", "defaultAction"] {
        whole.entry(flag).or_insert(json!(false));
    }
    whole.entry("priority").or_insert(json!(0));
    change(&call, |actions| {
        let action = named(actions, call.param("action"));
        let action = action.ok_or_else(|| Problem::not_found("Failed to find required action"))?;
        let alias = fields.filled_text("alias");
        let alias = alias.unwrap_or_else(|| action.unique_name.clone());
        check_alias(&alias)?;
        let other = named(actions, &alias).filter(|other| other.id != action.id);
        if other.is_some() {
            return Err(Problem::duplicate());
        }
        let mut changes = whole.clone();
        changes.insert("alias".to_owned(), json!(alias));
        changes.shift_remove("providerId");
        changes.insert("config".to_owned(), Value::Object(settings(&sent)));
        changes.entry("name").or_insert(Value::Null);
        let mut after = changed(action, changes);
        after.body.retain(|_, value| !value.is_null());
        after.unique_name = alias;
        let told = Told::new("UPDATE", RESOURCE).with(whole.clone());
        Ok(Some((vec![Change::Update(after)], told)))
    })
    .await?;
    Ok(no_content())
}

/// The action that the path names, in the words of endpoints that change it.
fn this<'a>(call: &AdminCall, actions: &'a [Document]) -> Result<&'a Document, Problem> {
    let action = named(actions, call.param("action"));
    action.ok_or_else(|| Problem::not_found("Failed to find required action."))
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    change(&call, |actions| {
        let action = this(&call, actions)?;
        let gone = vec![Change::Delete(action.id.clone())];
        Ok(Some((gone, Told::new("DELETE", RESOURCE))))
    })
    .await?;
    Ok(no_content())
}

async fn shift(call: AdminCall, towards: Towards) -> Result<Answer, Problem> {
    change(&call, |actions| {
        let action = this(&call, actions)?;
        let order: Vec<(String, i64)> = actions
            .iter()
            .map(|action| {
                let priority = RequiredActionView::from_body(&action.body).priority;
                (action.id.clone(), priority)
            })
            .collect();
        let Some((one, other)) = swapped(&order, &action.id, towards) else {
            return Ok(None);
        };
        let moved = [one, other].into_iter().filter_map(|(id, priority)| {
            let action = actions.iter().find(|action| action.id == id)?;
            let changes = members(json!({"priority": priority}));
            Some(Change::Update(changed(action, changes)))
        });
        Ok(Some((moved.collect(), Told::new("UPDATE", RESOURCE))))
    })
    .await?;
    Ok(no_content().no_cache())
}

/// The provider of an action that has settings, by the action's name.
fn configurable(alias: &str) -> Option<&'static provider::ActionProvider> {
    provider::action(alias).filter(|provider| provider.settings().is_some())
}

async fn describe(call: AdminCall) -> Result<Answer, Problem> {
    let provider = configurable(call.param("action"));
    let settings = provider.and_then(provider::ActionProvider::settings);
    let text = "Could not find configurable RequiredAction provider";
    let settings = settings.ok_or_else(|| Problem::not_found(text))?;
    Ok(read_out(&json!({"properties": settings})))
}

fn check_configurable(call: &AdminCall) -> Result<&'static provider::ActionProvider, Problem> {
    let provider = configurable(call.param("action"));
    provider.ok_or_else(|| wrong("RequiredAction is not configurable"))
}

fn no_config() -> Problem {
    Problem::not_found("Could not find RequiredAction config")
}

async fn show_config(call: AdminCall) -> Result<Answer, Problem> {
    check_configurable(&call)?;
    let actions = actions(&call).await?;
    let action = named(&actions, call.param("action")).ok_or_else(no_config)?;
    let config = action.body.get("config").cloned();
    Ok(read_out(&json!({"config": config.unwrap_or(json!({}))})))
}

/// Refuses numbers that are none, in the words of a form.
fn check_settings(settings: &Json) -> Result<(), Problem> {
    for name in NUMBERS {
        let Some(text) = settings.get(name).and_then(Value::as_str) else {
            continue;
        };
        let (message, params) = match text.parse::<i32>() {
            Ok(0..) => continue,
            Ok(_) => ("error-number-out-of-range-too-small", json!([name, 0])),
            Err(_) => ("error-invalid-value", json!([name])),
        };
        let body = json!({"field": name, "errorMessage": message, "params": params});
        return Err(Problem::with_body(StatusCode::BAD_REQUEST, members(body)));
    }
    Ok(())
}

async fn put_config(call: &AdminCall, config: Json, told: Option<Json>) -> Result<(), Problem> {
    change(call, |actions| {
        let action = named(actions, call.param("action")).ok_or_else(no_config)?;
        check_settings(&config)?;
        let changes = members(json!({"config": config}));
        let operation = if told.is_some() { "UPDATE" } else { "DELETE" };
        let mut event = Told::new(operation, "REQUIRED_ACTION_CONFIG");
        event.representation = told.clone().map(Value::Object);
        Ok(Some((
            vec![Change::Update(changed(action, changes))],
            event,
        )))
    })
    .await
}

/// Replaces the settings of an action; those that it does not have are dropped.
async fn update_config(call: AdminCall) -> Result<Answer, Problem> {
    let provider = check_configurable(&call)?;
    let mut sent = call.json("RequiredActionConfigRepresentation")?;
    let mut config = settings(&sent);
    config.retain(|name, _| provider.declares(name));
    sent.entry("config").or_insert(json!({}));
    put_config(&call, config, Some(sent)).await?;
    Ok(no_content().no_cache())
}

async fn delete_config(call: AdminCall) -> Result<Answer, Problem> {
    check_configurable(&call)?;
    put_config(&call, Json::new(), None).await?;
    Ok(no_content().no_cache())
}

/// The actions that the realm does not have.
async fn unregistered(call: AdminCall) -> Result<Answer, Problem> {
    let actions = actions(&call).await?;
    let known = |id: &str| {
        let mut actions = actions.iter();
        actions.any(|action| Fields::of(&action.body).str("providerId") == Some(id))
    };
    let rest = provider::actions().filter(|(id, _)| !known(id));
    let rest = rest.map(|(id, provider)| json!({"providerId": id, "name": provider.name}));
    Ok(read_out(&rest.collect::<Vec<_>>()))
}

/// Gives the realm an action that it does not have, behind all others.
async fn register(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.value()?;
    let id = sent.get("providerId").and_then(Value::as_str);
    let id = id.filter(|id| provider::action(id).is_some());
    let text = "Required Action Provider with given providerId not found";
    let id = id.ok_or_else(|| wrong(text))?;
    let new = call.app.random.uuid();
    change(&call, |actions| {
        if named(actions, id).is_some() {
            let text = "A Required Action Provider with given alias already exists.";
            return Err(Problem::described(StatusCode::CONFLICT, "conflict", text));
        }
        let last = actions.last().map_or(0, |action| {
            RequiredActionView::from_body(&action.body)
                .priority
                .saturating_add(1)
        });
        let mut body = members(json!({
            "alias": id, "name": sent.get("name").and_then(Value::as_str), "providerId": id,
            "enabled": true, "defaultAction": false, "priority": last, "config": {},
        }));
        body.retain(|_, value| !value.is_null());
        let action = Document {
            kind: Kind::RequiredAction,
            id: new.clone(),
            parent: String::new(),
            unique_name: id.to_owned(),
            enabled: true,
            body,
        };
        let mut told = sent.as_object().cloned().unwrap_or_default();
        told.insert("id".to_owned(), json!(new));
        let told = Told::new("CREATE", RESOURCE).with(told);
        Ok(Some((vec![Change::Insert(action)], told)))
    })
    .await?;
    Ok(no_content().no_cache())
}
