//! Identity providers: those of a realm, what kinds of them there are, and what they publish.

mod import;
mod mappers;
mod write;

use axum::http::{Method, StatusCode};
use claviger_engine::broker::find::{Search, Wanted, page};
use claviger_engine::broker::{in_brief, shown};
use claviger_surface::Answer;
use claviger_wire::broker::{Usage, mapper_types, provider};
use claviger_wire::document::{Document, Kind};
use claviger_wire::fields::Fields;

use super::features::{not_built, off};
use super::paging::Page;
use crate::call::{AdminCall, no_content, read_out};
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// How many identity providers a list shows if nothing else is asked for.
const PAGE: i64 = 100;
const SEE: Rights = Rights::Any(&[Right::ViewIdentityProviders, Right::ManageIdentityProviders]);
const MANAGE: Rights = Rights::Any(&[Right::ManageIdentityProviders]);

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const KIND: &str = "/admin/realms/{realm}/identity-provider/providers/{kind}";
    const ALL: &str = "/admin/realms/{realm}/identity-provider/instances";
    const ONE: &str = "/admin/realms/{realm}/identity-provider/instances/{alias}";
    const EXPORT: &str = "/admin/realms/{realm}/identity-provider/instances/{alias}/export";
    const KEYS: &str = "/admin/realms/{realm}/identity-provider/instances/{alias}/reload-keys";
    const TYPES: &str = "/admin/realms/{realm}/identity-provider/instances/{alias}/mapper-types";
    const PERMISSIONS: &str =
        "/admin/realms/{realm}/identity-provider/instances/{alias}/management/permissions";
    let mut rows = vec![
        route(M::GET, KIND, SEE, kind),
        route(M::GET, ALL, SEE, list),
        route(M::POST, ALL, MANAGE, write::create),
        route(M::GET, ONE, SEE, show),
        route(M::PUT, ONE, MANAGE, write::update),
        route(M::DELETE, ONE, MANAGE, write::delete),
        route(M::GET, EXPORT, SEE, export),
        route(M::GET, KEYS, MANAGE, reload_keys),
        route(M::GET, TYPES, SEE, types),
        route(M::GET, PERMISSIONS, SEE, off),
        route(M::PUT, PERMISSIONS, SEE, off),
    ];
    rows.extend(mappers::routes());
    rows.extend(import::routes());
    rows
}

/// The identity provider that the path names, by its id or its alias.
async fn named(call: &AdminCall) -> Result<Document, Problem> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    let (kind, name) = (Kind::IdentityProvider, call.param("alias"));
    if let Some(found) = store.document(realm, kind, name).await? {
        return Ok(found);
    }
    let found = store.document_by_name(realm, kind, "", name).await?;
    found.ok_or_else(|| Problem::not_found("HTTP 404 Not Found"))
}

/// The id of its kind.
fn kind_of(provider: &Document) -> &str {
    Fields::of(&provider.body)
        .str("providerId")
        .unwrap_or_default()
}

/// A kind of identity provider.
async fn kind(call: AdminCall) -> Result<Answer, Problem> {
    let id = call.param("kind");
    let found = provider(id);
    let found =
        found.ok_or_else(|| Problem::error(StatusCode::BAD_REQUEST, "HTTP 400 Bad Request"))?;
    Ok(read_out(&found.shown(id)))
}

/// Which usages a list is narrowed to, if it is.
fn usages(call: &AdminCall) -> Result<Option<Vec<Usage>>, Problem> {
    let asked = |name: &str| call.query.get(name).filter(|text| !text.is_empty());
    let unknown = |name: &str, text: &str| Problem::bad_request(&format!("Unknown {name}: {text}"));
    if let Some(text) = asked("type") {
        if text == "ANY" {
            return Ok(None);
        }
        let known = Usage::ALL.into_iter().find(|usage| usage.name() == text);
        let known = known.ok_or_else(|| unknown("type", text))?;
        return Ok(Some(vec![known]));
    }
    match asked("capability") {
        None => Ok(None),
        Some("USER_LINKING") => Ok(Some(Usage::LINKING.to_vec())),
        Some(text) => Err(unknown("capability", text)),
    }
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let wanted = Wanted {
        usages: usages(&call)?,
        search: call.query.get("search").and_then(Search::parse),
        of_the_realm: call.flag("realmOnly").unwrap_or(false),
    };
    let Page { first, max } = Page::of(&call, PAGE)?;
    let found = page(&call.app.store, &call.realm.id, &wanted, first, max).await?;
    let brief = call.flag("briefRepresentation").unwrap_or(false);
    let view = if brief { in_brief } else { shown };
    Ok(read_out(&found.iter().map(view).collect::<Vec<_>>()))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&shown(&named(&call).await?)))
}

/// What the provider has to know of this server. Those of OpenID Connect have nothing to hand over.
async fn export(call: AdminCall) -> Result<Answer, Problem> {
    if kind_of(&named(&call).await?) == "saml" {
        return Err(not_built("SAML"));
    }
    Ok(no_content().no_cache())
}

/// Asks for the keys that the provider publishes; tells whether there are new ones.
async fn reload_keys(call: AdminCall) -> Result<Answer, Problem> {
    let provider = named(&call).await?;
    let setting = |name: &str| {
        let config = provider.body.get("config");
        config.and_then(|config| config.get(name)?.as_str())
    };
    let is_on = |name: &str| setting(name) == Some("true");
    if !provider.enabled {
        return Ok(read_out(&false));
    }
    match kind_of(&provider) {
        "oidc" | "keycloak-oidc" | "gitlab" | "linkedin-openid-connect" | "google"
            if is_on("useJwksUrl") =>
        {
            let Some(url) = setting("jwksUrl") else {
                return Ok(read_out(&false));
            };
            let (app, now) = (&call.app, call.app.now());
            let loaded = app.published_keys.reload(&*app.network, url, now).await;
            Ok(read_out(&loaded))
        }
        "saml" if is_on("useMetadataDescriptorUrl") => Err(not_built("SAML")),
        _ => Ok(read_out(&false)),
    }
}

/// What mappers it can have.
async fn types(call: AdminCall) -> Result<Answer, Problem> {
    let provider = named(&call).await?;
    Ok(read_out(&mapper_types(kind_of(&provider))))
}
