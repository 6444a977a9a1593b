//! Who is asked to join an organization.
//!
//! What would be refused in any case is refused as Keycloak does; mails themselves are not sent by
//! this server yet, so that no invitation comes to be, and none that is there is lost.

use axum::http::{Method, StatusCode};
use claviger_engine::organization::is_address;
use claviger_model::{Millis, UserId};
use claviger_store::{Invitation, InvitationQuery, Tx};
use claviger_surface::{Answer, Form};
use claviger_wire::Organization;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::members::QUERY_USERS;
use super::{MANAGE, missing, organization};
use crate::admin::paging::Page;
use crate::admin::users::mails::unsent;
use crate::call::{AdminCall, Resource, json as shown, no_content};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

const INVITE: &str = "/admin/realms/{realm}/organizations/{organization}/members/invite-user";
const INVITE_EXISTING: &str =
    "/admin/realms/{realm}/organizations/{organization}/members/invite-existing-user";
const ALL: &str = "/admin/realms/{realm}/organizations/{organization}/invitations";
const ONE: &str = "/admin/realms/{realm}/organizations/{organization}/invitations/{invitation}";
const RESEND: &str =
    "/admin/realms/{realm}/organizations/{organization}/invitations/{invitation}/resend";

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    vec![
        route(M::POST, INVITE, MANAGE, invite),
        route(M::POST, INVITE_EXISTING, MANAGE, invite_existing),
        route(M::GET, ALL, MANAGE, list),
        route(M::GET, ONE, MANAGE, get),
        route(M::DELETE, ONE, MANAGE, delete),
        route(M::POST, RESEND, MANAGE, resend),
    ]
}

/// The organization that the path names, to which people may be invited.
async fn open(call: &AdminCall) -> Result<Organization, Problem> {
    let organization = organization(call).await?;
    if organization.enabled {
        Ok(organization)
    } else {
        Err(Problem::bad_request("Organization is disabled"))
    }
}

async fn invite(call: AdminCall) -> Result<Answer, Problem> {
    let organization = open(&call).await?;
    let form = Form::parse(call.body());
    let email = form.get("email").unwrap_or_default();
    Err(refused(&call, &organization, (email, None)).await?)
}

/// Why an address is not invited: at least, because no mail goes out. An invitation that is to be
/// sent again does not count.
async fn refused(
    call: &AdminCall,
    organization: &Organization,
    (email, again): (&str, Option<&str>),
) -> Result<Problem, Problem> {
    let email = email.trim().to_lowercase();
    if email.is_empty() {
        let text = "Email is required to invite a member";
        return Ok(Problem::bad_request(text));
    }
    if !is_address(&email) {
        return Ok(Problem::bad_request("Invalid email format"));
    }
    let (store, realm) = (&call.app.store, &call.realm.id);
    let pending = InvitationQuery {
        email: Some(email.clone()),
        pending: Some((true, call.app.now())),
        max: -1,
        ..InvitationQuery::default()
    };
    let pending = store.invitations(realm, &organization.id, &pending).await?;
    if pending.iter().any(|known| Some(known.id.as_str()) != again) {
        return Ok(Problem::conflict("User already has a pending invitation"));
    }
    if let Some(user) = store.user_by_email(realm, &email).await? {
        let membership = store.organization_membership(realm, &organization.id, &user.id);
        if membership.await?.is_some() {
            let text = "User already a member of the organization";
            return Ok(Problem::conflict(text));
        }
    }
    Ok(unsent(call, "Failed to send invite email"))
}

async fn invite_existing(call: AdminCall) -> Result<Answer, Problem> {
    open(&call).await?;
    let form = Form::parse(call.body());
    let id = form.get("id").unwrap_or_default().trim();
    if id.is_empty() {
        let status = StatusCode::BAD_REQUEST;
        let text = "To invite a member you need to provide the user id";
        return Err(Problem::error(status, text));
    }
    let user = call
        .app
        .store
        .user(&call.realm.id, &UserId::new(id))
        .await?;
    let Some(user) = user else {
        return Err(if call.admin.may(&call.realm, QUERY_USERS).await? {
            Problem::bad_request("User does not exist")
        } else {
            Problem::lacks(QUERY_USERS)
        });
    };
    if user.email.is_none_or(|email| email.trim().is_empty()) {
        let text = "User does not have an email address";
        return Err(Problem::bad_request(text));
    }
    Err(unsent(&call, "Failed to send invite email"))
}

/// What the query of a list asks for.
fn wanted(call: &AdminCall) -> Result<InvitationQuery, Problem> {
    let page = Page::of(call, -1)?;
    let now = call.app.now();
    let text = |name: &str| call.query.get(name).map(str::to_owned);
    let pending = match call.query.get("status") {
        None => None,
        Some("PENDING") => Some((true, now)),
        Some("EXPIRED") => Some((false, now)),
        // Keycloak fails with 500 here.
        Some(_) => return Err(Problem::bad_request("status is PENDING or EXPIRED")),
    };
    Ok(InvitationQuery {
        search: text("search"),
        email: text("email"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        pending,
        first: page.first,
        max: page.max,
    })
}

/// An invitation without its link, which is for whoever was invited (CVE-2026-16072).
fn show(invitation: &Invitation, now: Millis) -> Json {
    let mut body = told(invitation);
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    put("firstName", json!(invitation.first_name));
    put("lastName", json!(invitation.last_name));
    put("sentDate", json!(invitation.created_at.0 / 1000));
    put("expiresAt", json!(invitation.expires_at.0 / 1000));
    let pending = invitation.expires_at >= now;
    put("status", json!(if pending { "PENDING" } else { "EXPIRED" }));
    body
}

/// The least of it, for events.
fn told(invitation: &Invitation) -> Json {
    let members = [
        ("id", json!(invitation.id)),
        ("organizationId", json!(invitation.organization.as_str())),
        ("email", json!(invitation.email)),
    ];
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    let query = wanted(&call)?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let found = store.invitations(realm, &organization.id, &query).await?;
    let now = call.app.now();
    let all: Vec<Json> = found.iter().map(|one| show(one, now)).collect();
    Ok(shown(&all))
}

/// The invitation that the path names.
async fn invitation(call: &AdminCall, organization: &Organization) -> Result<Invitation, Problem> {
    let (store, id) = (&call.app.store, call.param("invitation"));
    let found = store.invitation(&call.realm.id, id).await?;
    let own = found.filter(|found| found.organization == organization.id);
    own.ok_or_else(|| missing("Invitation not found"))
}

async fn get(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    let found = invitation(&call, &organization).await?;
    Ok(shown(&show(&found, call.app.now())))
}

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    let organization = organization(&call).await?;
    let found = invitation(&call, &organization).await?;
    let mut tx = Tx::new();
    tx.delete_invitation(&call.realm.id, &found.id);
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: "ORGANIZATION_MEMBERSHIP",
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(&Value::Object(told(&found))));
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn resend(call: AdminCall) -> Result<Answer, Problem> {
    let organization = open(&call).await?;
    let found = invitation(&call, &organization).await?;
    let address = (found.email.as_str(), Some(found.id.as_str()));
    Err(refused(&call, &organization, address).await?)
}
