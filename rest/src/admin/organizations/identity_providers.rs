//! Identity providers of an organization: linked, listed, let go.

use axum::http::Method;
use claviger_engine::broker::shown;
use claviger_engine::organization::{PROVIDER_OF, freed, owner, providers};
use claviger_model::OrganizationId;
use claviger_store::{Commit, Tx};
use claviger_surface::Answer;
use claviger_wire::Organization;
use claviger_wire::document::{Document, Json, Kind};
use serde_json::json;

use super::groups::of_provider;
use super::members::sent_id;
use super::{MANAGE, VIEW, missing, organization, require};
use crate::call::{AdminCall, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Route, route};

const ALL: &str = "/admin/realms/{realm}/organizations/{organization}/identity-providers";
const ONE: &str = "/admin/realms/{realm}/organizations/{organization}/identity-providers/{alias}";
const GROUPS: &str =
    "/admin/realms/{realm}/organizations/{organization}/identity-providers/{alias}/groups";
const VIEW_PROVIDERS: &[Right] = &[Right::ViewIdentityProviders, Right::ManageIdentityProviders];
const MANAGE_PROVIDERS: &[Right] = &[Right::ManageIdentityProviders];
/// How often a change is tried again when somebody else changes the realm meanwhile.
const TRIES: usize = 8;
const UNKNOWN: &str = "Identity provider not found with the given alias";

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    vec![
        route(M::GET, ALL, VIEW, list),
        route(M::POST, ALL, MANAGE, add),
        route(M::GET, ONE, VIEW, get),
        route(M::DELETE, ONE, MANAGE, remove),
        route(M::GET, GROUPS, VIEW, groups),
    ]
}

async fn by_alias(call: &AdminCall, alias: &str) -> Result<Option<Document>, Problem> {
    let (store, kind) = (&call.app.store, Kind::IdentityProvider);
    Ok(store
        .document_by_name(&call.realm.id, kind, "", alias)
        .await?)
}

async fn by_id_or_alias(call: &AdminCall, name: &str) -> Result<Option<Document>, Problem> {
    let (store, kind) = (&call.app.store, Kind::IdentityProvider);
    match store.document(&call.realm.id, kind, name).await? {
        Some(found) => Ok(Some(found)),
        None => by_alias(call, name).await,
    }
}

/// The provider of the organization that the path names.
async fn linked(
    call: &AdminCall,
    organization: &Organization,
    otherwise: &str,
) -> Result<Document, Problem> {
    let found = by_alias(call, call.param("alias")).await?;
    let own = found.filter(|found| owner(&found.body) == Some(organization.id.as_str()));
    own.ok_or_else(|| missing(otherwise))
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, VIEW_PROVIDERS).await?;
    let all = providers(&call.app, &call.realm, &organization).await?;
    let all: Vec<Json> = all.iter().map(shown).collect();
    Ok(read_out(&all))
}

async fn get(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, VIEW_PROVIDERS).await?;
    let otherwise = "Identity provider not associated with the organization";
    Ok(read_out(&shown(
        &linked(&call, &organization, otherwise).await?,
    )))
}

async fn groups(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, VIEW_PROVIDERS).await?;
    let otherwise = "Identity provider not associated with the organization";
    linked(&call, &organization, otherwise).await?;
    Ok(read_out(&of_provider(&call, organization).await?))
}

/// Whether a provider may become an organization's: it belongs to nobody, or to one that is gone.
async fn refuse_owned(
    call: &AdminCall,
    provider: &Document,
    organization: &Organization,
) -> Result<(), Problem> {
    let Some(other) = owner(&provider.body) else {
        return Ok(());
    };
    if other == organization.id.as_str() {
        let text = "Identity provider already associated to the organization";
        return Err(Problem::conflict(text));
    }
    let (store, other) = (&call.app.store, OrganizationId::new(other));
    if store.organization(&call.realm.id, &other).await?.is_some() {
        let text = "Identity provider already associated with a different organization";
        return Err(Problem::bad_request(text));
    }
    Ok(())
}

/// Links a provider, which is sent as an id or an alias, with quotes around it or without.
async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, MANAGE_PROVIDERS).await?;
    call.consumes("application/json")?;
    let name = sent_id(&call)?;
    change(call, &organization, Some(&name)).await
}

async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    require(&call, MANAGE_PROVIDERS).await?;
    change(call, &organization, None).await
}

/// What the provider becomes that is to be linked, or the one that the path names is let go.
async fn changed(
    call: &AdminCall,
    organization: &Organization,
    linking: Option<&str>,
) -> Result<Document, Problem> {
    let Some(name) = linking else {
        return Ok(freed(linked(call, organization, UNKNOWN).await?));
    };
    let found = by_id_or_alias(call, name).await?;
    let mut provider = found.ok_or_else(|| Problem::bad_request(UNKNOWN))?;
    refuse_owned(call, &provider, organization).await?;
    let id = json!(organization.id.as_str());
    provider.body.insert(PROVIDER_OF.to_owned(), id);
    Ok(provider)
}

/// Writes what a provider becomes by what it is at that very moment: of two organizations that link
/// one provider at once, one is told.
async fn change(
    mut call: AdminCall,
    organization: &Organization,
    linking: Option<&str>,
) -> Result<Answer, Problem> {
    let mut tries = 0;
    loop {
        tries += 1;
        let provider = changed(&call, organization, linking).await?;
        let mut tx = Tx::new();
        tx.expect_version(&call.realm.id, call.realm.version);
        tx.update_document(&call.realm.id, &provider);
        match call.app.commit(tx).await? {
            Commit::Missed(_) if tries < TRIES => {
                let realm = call.app.realm(&call.realm.name).await?;
                call.realm = realm.ok_or_else(Problem::no_realm)?;
            }
            other @ (Commit::Done | Commit::Missed(_) | Commit::Conflict(_)) => {
                return done(other).map(|()| no_content());
            }
        }
    }
}
