//! Who a user is at identity providers.

use axum::http::Method;
use claviger_model::UserId;
use claviger_model::user::FederatedIdentity;
use claviger_store::{Commit, DocumentFilter, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::{MANAGE, VIEW};
use crate::admin::sessions::user;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

const LIST: &str = "/admin/realms/{realm}/users/{user}/federated-identity";
const ONE: &str = "/admin/realms/{realm}/users/{user}/federated-identity/{provider}";
/// How many links a new user may bring along.
const IDENTITIES_MAX: usize = 100;
/// Longest id or name at a provider, in characters.
const TEXT_MAX: usize = 255;

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    vec![
        route(M::GET, LIST, VIEW, list),
        route(M::POST, ONE, MANAGE, add),
        route(M::DELETE, ONE, MANAGE, remove),
    ]
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    Ok(read_out(&shown(&call, &user.id).await?))
}

/// Links to providers that there are.
async fn shown(call: &AdminCall, user: &UserId) -> Result<Vec<Value>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut shown = Vec::new();
    for link in store.federated_identities(realm, user).await? {
        let kind = Kind::IdentityProvider;
        if store
            .document_by_name(realm, kind, "", &link.provider)
            .await?
            .is_some()
        {
            shown.push(show(&link));
        }
    }
    Ok(shown)
}

fn show(link: &FederatedIdentity) -> Value {
    let mut body = json!({"identityProvider": link.provider, "userId": link.user_id});
    if let (Some(body), Some(name)) = (body.as_object_mut(), &link.user_name) {
        body.insert("userName".to_owned(), json!(name));
    }
    body
}

/// What a representation tells of it; nothing at all in a realm without identity providers.
pub(super) async fn of_one(call: &AdminCall, user: &UserId) -> Result<Option<Vec<Value>>, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let kind = Kind::IdentityProvider;
    if store
        .count_documents(realm, kind, DocumentFilter::default())
        .await?
        == 0
    {
        return Ok(None);
    }
    shown(call, user).await.map(Some)
}

/// Links that a new user brings along.
pub(super) fn of_new_user(body: &Json) -> Result<Vec<FederatedIdentity>, Problem> {
    let mut links: Vec<FederatedIdentity> = Vec::new();
    for link in Fields::of(body).objects("federatedIdentities") {
        let provider = Fields::of(link).filled_text("identityProvider");
        let provider = provider.ok_or_else(|| Problem::bad_request("Could not create user"))?;
        let link = read(&provider, link)?;
        if links.len() >= IDENTITIES_MAX || links.iter().any(|known| known.provider == provider) {
            return Err(Problem::bad_request("Could not create user"));
        }
        links.push(link);
    }
    Ok(links)
}

fn read(provider: &str, body: &Json) -> Result<FederatedIdentity, Problem> {
    let fields = Fields::of(body);
    let (id, name) = (fields.filled_text("userId"), fields.text("userName"));
    let too_long = |text: &str| text.chars().count() > TEXT_MAX;
    let user_id = id.ok_or_else(|| Problem::bad_request("userId is missing"))?;
    if too_long(provider) || too_long(&user_id) || name.as_deref().is_some_and(too_long) {
        let text = format!("An identity has at most {TEXT_MAX} characters");
        return Err(Problem::bad_request(&text));
    }
    Ok(FederatedIdentity {
        provider: provider.to_owned(),
        user_id,
        user_name: name,
    })
}

async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let provider = call.param("provider");
    let body = call.json("FederatedIdentityRepresentation")?;
    let linked = || Problem::conflict("User is already linked with provider");
    let known = call
        .app
        .store
        .federated_identities(&call.realm.id, &user.id)
        .await?;
    if known.iter().any(|link| link.provider == provider) {
        return Err(linked());
    }
    let link = read(provider, &body)?;
    let mut tx = Tx::new();
    tx.insert_federated_identity(&call.realm.id, &user.id, &link);
    record(&call, &mut tx, "CREATE", Some(&Value::Object(body)));
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => return Err(linked()),
        other @ (Commit::Done | Commit::Missed(_)) => done(other)?,
    }
    Ok(no_content().no_cache())
}

async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let provider = call.param("provider");
    let known = call
        .app
        .store
        .federated_identities(&call.realm.id, &user.id)
        .await?;
    if !known.iter().any(|link| link.provider == provider) {
        return Err(Problem::not_found("Link not found"));
    }
    let mut tx = Tx::new();
    tx.delete_federated_identity(&call.realm.id, &user.id, provider);
    record(&call, &mut tx, "DELETE", None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content().no_cache())
}

fn record(call: &AdminCall, tx: &mut Tx, operation: &'static str, body: Option<&Value>) {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: "USER",
        path: Some(&path),
    };
    call.record(tx, resource, body);
}
