//! Organizations: found, made, changed and ended with all that belongs to them.

mod groups;
mod identity_providers;
mod invitations;
mod members;
mod view;

use axum::http::{Method, StatusCode};
use claviger_engine::organization::{alias_fault, fault, put_domains, put_end, url_fault};
use claviger_engine::signal::set::Initiator;
use claviger_model::OrganizationId;
use claviger_store::{Commit, OrganizationQuery, Tx};
use claviger_surface::Answer;
use claviger_wire::Organization;
use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::Value;

pub(super) use self::groups::named as named_group;
use self::view::{show_all, told};
use super::paging::Page;
use super::users::query::attributes;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// Who may know that there are organizations.
const QUERY: Rights = Rights::Any(&[
    Right::QueryOrganizations,
    Right::ViewOrganizations,
    Right::ManageOrganizations,
    Right::ManageRealm,
]);
/// Who sees them.
const SEE: &[Right] = &[
    Right::ViewOrganizations,
    Right::ManageOrganizations,
    Right::ManageRealm,
];
pub(super) const VIEW: Rights = Rights::Any(SEE);
/// Who changes them.
pub(super) const MANAGE: Rights = Rights::Any(&[Right::ManageOrganizations, Right::ManageRealm]);
/// How many a list shows if nobody says.
const PAGE: i64 = 10;
const NAME_TAKEN: &str = "A organization with the same name already exists.";
const ALIAS_TAKEN: &str = "A organization with the same alias already exists";

/// The rows of this file and of those below it.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const ALL: &str = "/admin/realms/{realm}/organizations";
    const ONE: &str = "/admin/realms/{realm}/organizations/{organization}";
    const COUNT: &str = "/admin/realms/{realm}/organizations/count";
    let own = vec![
        route(M::GET, ALL, QUERY, list),
        route(M::POST, ALL, MANAGE, create),
        route(M::GET, COUNT, QUERY, count),
        route(M::GET, ONE, VIEW, get),
        route(M::PUT, ONE, MANAGE, update),
        route(M::DELETE, ONE, MANAGE, delete),
    ];
    let below = [
        members::routes(),
        identity_providers::routes(),
        invitations::routes(),
        groups::routes(),
    ];
    [own, below.concat()].concat()
}

/// `{"errorMessage": text}` with `404`.
fn missing(text: &str) -> Problem {
    Problem::message(StatusCode::NOT_FOUND, text)
}

/// Refuses everything while the realm has no organizations.
fn refuse_off(call: &AdminCall) -> Result<(), Problem> {
    if call.realm.settings.organizations_enabled {
        Ok(())
    } else {
        Err(missing("Organizations not enabled for this realm."))
    }
}

/// The organization that the path names.
async fn organization(call: &AdminCall) -> Result<Organization, Problem> {
    refuse_off(call)?;
    let id = OrganizationId::new(call.param("organization"));
    let found = call.app.store.organization(&call.realm.id, &id).await?;
    found.ok_or_else(|| missing("Organization not found."))
}

/// Refuses whoever has none of these rights besides those of the row.
async fn require(call: &AdminCall, rights: &[Right]) -> Result<(), Problem> {
    if call.admin.may(&call.realm, rights).await? {
        Ok(())
    } else {
        Err(Problem::lacks(rights))
    }
}

/// What the query of a list or a count asks for. `q` counts more than `search`; a name without a
/// value is no condition.
fn wanted(call: &AdminCall, page: Page) -> OrganizationQuery {
    let filled = |name: &str| call.query.get(name).filter(|text| !text.trim().is_empty());
    let mut query = OrganizationQuery {
        first: page.first,
        max: page.max,
        ..OrganizationQuery::default()
    };
    if let Some(conditions) = filled("q") {
        for (name, value) in attributes(conditions) {
            match name.as_str() {
                "" => {}
                "alias" => query.alias = Some(value),
                _ => query.attributes.push((name, value)),
            }
        }
    } else {
        query.search = filled("search").map(str::to_owned);
        query.exact = call.flag("exact").unwrap_or(false);
    }
    query
}

async fn sees_them(call: &AdminCall) -> Result<bool, Problem> {
    Ok(call.admin.may(&call.realm, SEE).await?)
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    refuse_off(&call)?;
    let query = wanted(&call, Page::of(&call, PAGE)?);
    if !sees_them(&call).await? {
        return Ok(read_out(&Vec::<Json>::new()));
    }
    let found = call.app.store.organizations(&call.realm.id, &query).await?;
    Ok(read_out(&show_all(&call, &found)))
}

async fn count(call: AdminCall) -> Result<Answer, Problem> {
    refuse_off(&call)?;
    let query = wanted(&call, Page { first: 0, max: -1 });
    if !sees_them(&call).await? {
        return Ok(read_out(&0));
    }
    let store = &call.app.store;
    Ok(read_out(
        &store.count_organizations(&call.realm.id, &query).await?,
    ))
}

async fn get(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&organization(&call).await?.to_body(false)))
}

/// Refuses domains that another organization has.
async fn refuse_foreign_domains(
    call: &AdminCall,
    organization: &Organization,
) -> Result<(), Problem> {
    let (store, realm) = (&call.app.store, &call.realm);
    for domain in &organization.domains {
        let owner = store
            .organization_of_domain(&realm.id, &domain.name)
            .await?;
        let foreign = owner.filter(|owner| owner.id != organization.id);
        if let Some(owner) = foreign {
            return Err(Problem::bad_request(&format!(
                "Domain {} is already linked to organization {} in realm {}",
                domain.name, owner.name, realm.name
            )));
        }
    }
    Ok(())
}

async fn has_name(call: &AdminCall, name: &str) -> Result<bool, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    Ok(store.organization_by_name(realm, name).await?.is_some())
}

async fn has_alias(call: &AdminCall, alias: &str) -> Result<bool, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    Ok(store.organization_by_alias(realm, alias).await?.is_some())
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    refuse_off(&call)?;
    if call.is_nothing() {
        return Err(Problem::bad_request("Organization cannot be null."));
    }
    let sent = call.json("OrganizationRepresentation")?;
    let alias = Fields::of(&sent).text("alias");
    if let Some(text) = alias.as_deref().and_then(alias_fault) {
        return Err(Problem::error(StatusCode::BAD_REQUEST, &text));
    }
    let mut new = Organization::from_body(&sent);
    new.id = OrganizationId::new(call.app.random.uuid());
    let wrong = url_fault(new.redirect_url.as_deref());
    if let Some(text) = wrong.or_else(|| fault(&new, alias.as_deref())) {
        return Err(Problem::bad_request(&text));
    }
    if has_name(&call, &new.name).await? {
        return Err(Problem::conflict(NAME_TAKEN));
    }
    if has_alias(&call, &new.alias).await? {
        return Err(Problem::conflict(ALIAS_TAKEN));
    }
    refuse_foreign_domains(&call, &new).await?;
    let mut tx = Tx::new();
    tx.insert_organization(&call.realm.id, &new);
    let path = format!("organizations/{}", new.id);
    let mut event = told(&sent);
    event.insert("id".to_owned(), new.id.as_str().into());
    record(&call, &mut tx, ("CREATE", &path), Some(event));
    write(&call, tx, &new).await?;
    Ok(call.created(new.id.as_str()))
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let before = organization(&call).await?;
    // Keycloak fails with 500 here.
    if call.is_nothing() {
        return Err(Problem::bad_request("Organization cannot be null."));
    }
    let sent = call.json("OrganizationRepresentation")?;
    let mut after = Organization::from_body(&sent);
    let is_named = !after.name.trim().is_empty();
    if after.name != before.name && (!is_named || has_name(&call, &after.name).await?) {
        return Err(Problem::conflict(NAME_TAKEN));
    }
    if let Some(text) = url_fault(after.redirect_url.as_deref()) {
        return Err(Problem::bad_request(&text));
    }
    if after.alias != before.alias {
        return Err(Problem::bad_request("Cannot change the alias"));
    }
    after.id = before.id.clone();
    after.more.clone_from(&before.more);
    if !sent.get("attributes").is_some_and(Value::is_object) {
        after.attributes.clone_from(&before.attributes);
    }
    if let Some(text) = fault(&after, Some(&before.alias)) {
        return Err(Problem::bad_request(&text));
    }
    refuse_foreign_domains(&call, &after).await?;
    let mut tx = Tx::new();
    tx.update_organization(&call.realm.id, &after);
    put_domains(&call.app, &call.realm, &mut tx, (&before, &after)).await?;
    let path = call.resource_path();
    record(&call, &mut tx, ("UPDATE", &path), Some(told(&sent)));
    write(&call, tx, &after).await?;
    Ok(no_content())
}

/// Writes an organization. Of two with one name, alias or domain, who comes second is told as if
/// the first had been there before.
async fn write(call: &AdminCall, tx: Tx, organization: &Organization) -> Result<(), Problem> {
    let commit = call.app.commit(tx).await?;
    if commit.is_domain_taken() {
        refuse_foreign_domains(call, organization).await?;
    }
    if matches!(commit, Commit::Conflict(_)) && has_alias(call, &organization.alias).await? {
        let (store, realm) = (&call.app.store, &call.realm.id);
        let named = store
            .organization_by_name(realm, &organization.name)
            .await?;
        let is_name = named.is_some_and(|other| other.id != organization.id);
        let text = if is_name { NAME_TAKEN } else { ALIAS_TAKEN };
        return Err(Problem::conflict(text));
    }
    if matches!(commit, Commit::Conflict(_)) {
        return Err(Problem::conflict(NAME_TAKEN));
    }
    done(commit)
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    let mut tx = Tx::new();
    let by = Initiator::Admin;
    put_end(&call.app, &call.realm, &mut tx, &organization, by).await?;
    record(&call, &mut tx, ("DELETE", &call.resource_path()), None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

fn record(
    call: &AdminCall,
    tx: &mut Tx,
    (operation, path): (&'static str, &str),
    representation: Option<Json>,
) {
    let resource = Resource {
        operation,
        kind: "ORGANIZATION",
        path: Some(path),
    };
    let representation = representation.map(Value::Object);
    call.record(tx, resource, representation.as_ref());
}
