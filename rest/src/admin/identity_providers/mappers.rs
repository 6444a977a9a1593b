//! Mappers of identity providers: what becomes of what a provider tells about a user.

use axum::http::Method;
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::{MANAGE, SEE, kind_of, named};
use crate::admin::authentication::{TRIES, overtaken, version};
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::Problem;
use crate::route::{Route, route};

/// The class of the bodies.
const CLASS: &str = "IdentityProviderMapperRepresentation";
/// How an event calls a mapper.
const RESOURCE: &str = "IDENTITY_PROVIDER_MAPPER";
const KIND: Kind = Kind::IdentityProviderMapper;
/// Members that have to be there, and how many characters each has room for.
const NEEDED: [(&str, usize); 3] = [
    ("name", 255),
    ("identityProviderAlias", 255),
    ("identityProviderMapper", 255),
];
/// Longest id, in characters.
const ID_MAX: usize = 36;

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: &str = "/admin/realms/{realm}/identity-provider/instances/{alias}/mappers";
    const ONE: &str = "/admin/realms/{realm}/identity-provider/instances/{alias}/mappers/{mapper}";
    vec![
        route(M::GET, ALL, SEE, list),
        route(M::POST, ALL, MANAGE, add),
        route(M::GET, ONE, SEE, show),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
    ]
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let provider = named(&call).await?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut all = store.children(realm, KIND, &provider.id).await?;
    all.sort_by(|one, other| one.id.cmp(&other.id));
    let bodies: Vec<Json> = all.into_iter().map(|mapper| mapper.body).collect();
    Ok(read_out(&bodies))
}

/// The mapper that the path names. It may be another provider's: its id alone says which is meant.
async fn mapper(call: &AdminCall) -> Result<Document, Problem> {
    named(call).await?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let found = store.document(realm, KIND, call.param("mapper")).await?;
    found.ok_or_else(|| Problem::not_found("Model not found"))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&mapper(&call).await?.body))
}

/// The body that is kept.
fn laid_out(sent: &Json, id: &str) -> Json {
    let fields = Fields::of(sent);
    let mut body = Json::from_iter([("id".to_owned(), json!(id))]);
    for (name, _) in NEEDED {
        if let Some(text) = fields.text(name) {
            body.insert(name.to_owned(), json!(text));
        }
    }
    let mut config = fields.object("config").cloned().unwrap_or_default();
    config.retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
    body.insert("config".to_owned(), Value::Object(config));
    body
}

fn refuse_long(sent: &Json) -> Result<(), Problem> {
    let fields = Fields::of(sent);
    for (name, max) in NEEDED.into_iter().chain([("id", ID_MAX)]) {
        let text = fields.str(name);
        if text.is_some_and(|text| text.chars().count() > max) {
            let text = format!("'{name}' has at most {max} characters");
            return Err(Problem::bad_request(&text));
        }
    }
    Ok(())
}

/// Where a mapper belongs, and whether another one there has its name.
struct Place {
    provider: Document,
    taken: bool,
}

/// Looks at the provider that a mapper names itself.
async fn place(call: &AdminCall, body: &Json, id: &str) -> Result<Option<Place>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let alias = Fields::of(body)
        .str("identityProviderAlias")
        .unwrap_or_default();
    let kind = Kind::IdentityProvider;
    let Some(provider) = store.document_by_name(realm, kind, "", alias).await? else {
        return Ok(None);
    };
    let name = Fields::of(body).str("name");
    let others = store.children(realm, KIND, &provider.id).await?;
    let taken = others
        .iter()
        .any(|other| other.id != id && Fields::of(&other.body).str("name") == name);
    Ok(Some(Place { provider, taken }))
}

fn document(body: Json, id: &str, provider: &Document) -> Document {
    Document {
        kind: KIND,
        id: id.to_owned(),
        parent: provider.id.clone(),
        unique_name: id.to_owned(),
        enabled: true,
        body,
    }
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
        kind: RESOURCE,
        path: Some(path),
    };
    call.record(tx, resource, told);
}

async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json(CLASS)?;
    refuse_long(&sent)?;
    let id = Fields::of(&sent).filled_text("id");
    let id = id.unwrap_or_else(|| call.app.random.uuid());
    let body = laid_out(&sent, &id);
    let path = format!("{}/{id}", call.resource_path());
    let told = Value::Object(sent);
    for _ in 0..TRIES {
        let version = version(&call).await?;
        let here = named(&call).await?;
        if NEEDED.iter().any(|(name, _)| !body.contains_key(*name)) {
            return Err(Problem::duplicate());
        }
        let place = place(&call, &body, &id).await?;
        let Some(place) = place.filter(|place| !place.taken) else {
            let name = Fields::of(&body).str("name").unwrap_or_default();
            let kind = kind_of(&here);
            let text = format!("Failed to add mapper '{name}' to identity provider [{kind}].");
            return Err(Problem::bad_request(&text));
        };
        let mut tx = Tx::new();
        tx.insert_document(
            &call.realm.id,
            &document(body.clone(), &id, &place.provider),
        );
        tx.expect_version(&call.realm.id, version);
        record(&call, &mut tx, "CREATE", &path, Some(&told));
        match call.app.commit(tx).await? {
            Commit::Done => return Ok(call.created(&id)),
            Commit::Conflict(_) => return Err(Problem::duplicate()),
            Commit::Missed(_) => {}
        }
    }
    Err(overtaken())
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json(CLASS)?;
    refuse_long(&sent)?;
    let told = Value::Object(sent.clone());
    for _ in 0..TRIES {
        let version = version(&call).await?;
        let before = mapper(&call).await?;
        let id = Fields::of(&sent).str("id");
        if id.is_some_and(|id| id != before.id) {
            let text = "The id of an identity provider mapper cannot be changed";
            return Err(Problem::bad_request(text));
        }
        let body = laid_out(&sent, &before.id);
        if !body.contains_key("name") {
            return Err(Problem::bad_request(
                "An identity provider mapper needs a name",
            ));
        }
        if NEEDED.iter().any(|(name, _)| !body.contains_key(*name)) {
            return Err(Problem::duplicate());
        }
        let Some(place) = place(&call, &body, &before.id).await? else {
            let text = "There is no such identity provider";
            return Err(Problem::bad_request(text));
        };
        if place.taken {
            let text = "Identity provider mapper name must be unique per identity provider";
            return Err(Problem::conflict(text));
        }
        let mut tx = Tx::new();
        let after = document(body, &before.id, &place.provider);
        tx.update_document(&call.realm.id, &after);
        tx.expect_version(&call.realm.id, version);
        record(&call, &mut tx, "UPDATE", &call.resource_path(), Some(&told));
        if matches!(call.app.commit(tx).await?, Commit::Done) {
            return Ok(no_content().no_cache());
        }
    }
    Err(overtaken())
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    for _ in 0..TRIES {
        let found = mapper(&call).await?;
        let mut tx = Tx::new();
        tx.delete_document(&call.realm.id, KIND, &found.id);
        record(&call, &mut tx, "DELETE", &call.resource_path(), None);
        if matches!(call.app.commit(tx).await?, Commit::Done) {
            return Ok(no_content().no_cache());
        }
    }
    Err(overtaken())
}
