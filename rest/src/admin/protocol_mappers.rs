//! The mappers of a client or a client scope.

pub(crate) mod rules;

use axum::http::{Method, StatusCode};
use claviger_crypto::random::Random;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::clients::{MANAGE, SEE, body::text, body::without_nulls, view};
use super::owner::{Owner, below_owners, duplicate, rows};
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::{Problem, done};
use crate::route::Route;

/// How an event calls a mapper.
const MAPPER: &str = "PROTOCOL_MAPPER";
/// The class of the bodies.
const CLASS: &str = "ProtocolMapperRepresentation";
/// Most mappers of one client or scope.
const MAPPERS_MAX: usize = 1_000;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: [&str; 3] = below_owners!("protocol-mappers/models");
    const ONE: [&str; 3] = below_owners!("protocol-mappers/models/{mapper}");
    const ADD: [&str; 3] = below_owners!("protocol-mappers/add-models");
    const OF: [&str; 3] = below_owners!("protocol-mappers/protocol/{protocol}");
    [
        rows(&M::GET, &ALL, SEE, list),
        rows(&M::POST, &ALL, MANAGE, create),
        rows(&M::POST, &ADD, MANAGE, create_all),
        rows(&M::GET, &OF, SEE, list_of_protocol),
        rows(&M::GET, &ONE, SEE, read),
        rows(&M::PUT, &ONE, MANAGE, update),
        rows(&M::DELETE, &ONE, MANAGE, delete),
    ]
    .concat()
}

fn mappers(owner: &Owner) -> impl Iterator<Item = &Json> {
    Fields::of(owner.body()).objects("protocolMappers")
}

fn shown(mapper: &Json) -> Result<Json, Problem> {
    if !rules::is_known(text(mapper, "protocolMapper")) {
        return Err(Problem::not_found("Protocol mapper provider not found"));
    }
    let mut shown = view::mapper(mapper);
    if let Some(Value::Object(config)) = shown.get_mut("config") {
        rules::tell_defaults(text(mapper, "protocolMapper"), config);
    }
    Ok(shown)
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::of(&call).await?;
    let shown: Result<Vec<Json>, Problem> = mappers(&owner).map(shown).collect();
    Ok(read_out(&shown?))
}

async fn list_of_protocol(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::of(&call).await?;
    let protocol = call.param("protocol");
    let some = mappers(&owner).filter(|mapper| text(mapper, "protocol") == protocol);
    let shown: Result<Vec<Json>, Problem> = some.map(shown).collect();
    Ok(read_out(&shown?))
}

fn found<'a>(owner: &'a Owner, call: &AdminCall) -> Result<&'a Json, Problem> {
    let found = mappers(owner).find(|mapper| text(mapper, "id") == call.param("mapper"));
    found.ok_or_else(|| Problem::not_found("Model not found"))
}

async fn read(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::of(&call).await?;
    Ok(read_out(&shown(found(&owner, &call)?)?))
}

/// Writes the owner with other mappers.
async fn save(
    call: &AdminCall,
    owner: &Owner,
    mappers: Vec<Value>,
    resource: Resource<'_>,
    told: Option<&Value>,
) -> Result<(), Problem> {
    if mappers.len() > MAPPERS_MAX {
        return Err(Problem::bad_request(&format!(
            "There are at most {MAPPERS_MAX} mappers"
        )));
    }
    let mut body = owner.body().clone();
    body.insert("protocolMappers".to_owned(), Value::Array(mappers));
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &owner.document(body));
    call.record(&mut tx, resource, told);
    done(call.app.commit(tx).await?)
}

/// Refuses a mapper that cannot work.
async fn check(call: &AdminCall, owner: &Owner, mapper: &Json) -> Result<(), Problem> {
    if !rules::is_known(text(mapper, "protocolMapper")) {
        return Err(Problem::not_found("ProtocolMapper provider not found"));
    }
    let config = mapper.get("config").and_then(Value::as_object);
    if text(mapper, "protocolMapper") == rules::TARGET_ROLE {
        let client_id = config.map_or("", |config| text(config, "clientId"));
        let refused = if config.is_none_or(|config| !config.contains_key("clientId")) {
            Some("The OID4VCTargetRoleMapper requires a clientId to be present.".to_owned())
        } else if call.realm.client(client_id).await?.is_none() {
            Some(format!("ClientId {client_id} does not exist in the realm."))
        } else {
            None
        };
        if let Some(text) = refused {
            return Err(Problem::described(StatusCode::BAD_REQUEST, &text, &text));
        }
    }
    if text(mapper, "protocolMapper") == rules::PAIRWISE
        && let Owner::Client(client) = owner
    {
        let sector = config.map_or("", |config| text(config, "sectorIdentifierUri"));
        let root = client.settings.root_url.as_deref().unwrap_or_default();
        rules::check_pairwise(&call.app, root, &client.settings.redirect_uris, sector)
            .await
            .map_err(|text| Problem::described(StatusCode::BAD_REQUEST, text, text))?;
    }
    Ok(())
}

/// A new mapper as it is kept: with an id, and without empty settings.
pub(crate) fn kept(random: &Random, given: &Json) -> Json {
    let mut mapper = view::mapper(given);
    if text(&mapper, "id").is_empty() {
        let rest = std::mem::take(&mut mapper);
        mapper.insert("id".to_owned(), json!(random.uuid()));
        mapper.extend(rest.into_iter().filter(|(name, _)| name != "id"));
    }
    if let Some(Value::Object(config)) = mapper.get_mut("config") {
        config.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        if text(given, "protocolMapper") == rules::PAIRWISE
            && !config.contains_key(rules::PAIRWISE_SALT)
        {
            config.insert(rules::PAIRWISE_SALT.to_owned(), json!(random.uuid()));
        }
    }
    mapper
}

/// A mapper as it was sent, as events tell it.
fn told(given: &Json) -> Value {
    let mut told = view::mapper(given);
    if let Some(Value::Object(config)) = told.get_mut("config") {
        config.retain(|_, value| !value.is_null());
    }
    Value::Object(told)
}

/// Tells the mappers within a representation whole.
pub(super) fn tell_whole(owner: &mut Json) {
    let Some(Value::Array(mappers)) = owner.get_mut("protocolMappers") else {
        return;
    };
    for mapper in mappers {
        if let Value::Object(body) = mapper {
            *mapper = told(body);
        }
    }
}

fn same_name(one: &Json, other: &Json) -> bool {
    ["name", "protocol"]
        .iter()
        .all(|member| text(one, member) == text(other, member))
}

fn is_whole(mapper: &Json) -> bool {
    ["name", "protocol"]
        .iter()
        .all(|member| !text(mapper, member).is_empty())
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::to_change(&call).await?;
    let given = without_nulls(call.json(CLASS)?);
    check(&call, &owner, &given).await?;
    if mappers(&owner).any(|known| same_name(known, &given)) {
        return Err(Problem::conflict("Protocol mapper exists with same name"));
    }
    let mapper = kept(&call.app.random, &given);
    let id = text(&mapper, "id").to_owned();
    if !is_whole(&given) || mappers(&owner).any(|known| text(known, "id") == id) {
        return Err(duplicate("Duplicate resource error"));
    }
    let mut all: Vec<Value> = mappers(&owner).cloned().map(Value::Object).collect();
    all.push(Value::Object(mapper));
    let path = format!("{}/{id}", call.resource_path());
    let resource = Resource {
        operation: "CREATE",
        kind: MAPPER,
        path: Some(&path),
    };
    save(&call, &owner, all, resource, Some(&told(&given))).await?;
    Ok(call.created(&id).no_cache())
}

/// Adds several mappers, all or none.
async fn create_all(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::to_change(&call).await?;
    let given: Vec<Json> = call
        .json_list(CLASS)?
        .into_iter()
        .map(without_nulls)
        .collect();
    let mut all: Vec<Value> = mappers(&owner).cloned().map(Value::Object).collect();
    for mapper in &given {
        check(&call, &owner, mapper).await?;
        let taken = |known: &Value| {
            known
                .as_object()
                .is_some_and(|known| same_name(known, mapper))
        };
        if all.iter().any(taken) {
            return Err(duplicate(
                "Protocol mapper name must be unique per protocol",
            ));
        }
        if !is_whole(mapper) {
            return Err(duplicate("Duplicate resource error"));
        }
        all.push(Value::Object(kept(&call.app.random, mapper)));
    }
    let path = call.resource_path();
    let resource = Resource {
        operation: "CREATE",
        kind: MAPPER,
        path: Some(&path),
    };
    let told = Value::Array(given.iter().map(told).collect());
    save(&call, &owner, all, resource, Some(&told)).await?;
    Ok(no_content().no_cache())
}

/// Changes which mapper it is and its settings; name and protocol stay.
async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::to_change(&call).await?;
    let old = found(&owner, &call)?;
    let given = without_nulls(call.json(CLASS)?);
    check(&call, &owner, &given).await?;
    let mut changed = kept(&call.app.random, &given);
    for member in ["id", "name", "protocol"] {
        if let Some(value) = old.get(member) {
            changed.insert(member.to_owned(), value.clone());
        }
    }
    let id = text(old, "id");
    let all = mappers(&owner).map(|mapper| {
        let mapper = if text(mapper, "id") == id {
            &changed
        } else {
            mapper
        };
        Value::Object(mapper.clone())
    });
    let path = call.resource_path();
    let resource = Resource {
        operation: "UPDATE",
        kind: MAPPER,
        path: Some(&path),
    };
    save(&call, &owner, all.collect(), resource, Some(&told(&given))).await?;
    Ok(no_content().no_cache())
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let owner = Owner::to_change(&call).await?;
    let id = text(found(&owner, &call)?, "id");
    let left = mappers(&owner).filter(|mapper| text(mapper, "id") != id);
    let left = left.cloned().map(Value::Object).collect();
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: MAPPER,
        path: Some(&path),
    };
    save(&call, &owner, left, resource, None).await?;
    Ok(no_content().no_cache())
}
