//! Accounts elsewhere by which somebody may sign in.

use axum::http::StatusCode;
use claviger_model::user::FederatedIdentity;
use claviger_store::Tx;
use claviger_surface::{Answer, Form};
use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::call::AccountCall;
use crate::call::{json as answer, no_content};
use crate::problem::{Problem, done};

/// Providers that are known by name: their users are those of a social network.
const SOCIAL: [&str; 12] = [
    "bitbucket",
    "facebook",
    "github",
    "gitlab",
    "google",
    "instagram",
    "linkedin-openid-connect",
    "microsoft",
    "openshift-v4",
    "paypal",
    "stackoverflow",
    "twitter",
];
const MANAGE: &[&str] = &["manage-account"];

async fn links(call: &AccountCall) -> Result<Vec<FederatedIdentity>, Problem> {
    let store = &call.app.store;
    let links = store.federated_identities(&call.realm.id, &call.user().id);
    Ok(links.await?)
}

fn config<'a>(provider: &'a Json, name: &str) -> Option<&'a str> {
    let config = provider.get("config")?.as_object()?;
    config.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Whether the provider is shown, given whether the person is linked to it.
fn is_shown(provider: &Json, is_linked: bool) -> bool {
    match config(provider, "showInAccountConsole") {
        Some("NEVER") => false,
        Some("WHEN_LINKED") => is_linked,
        _ => true,
    }
}

/// Providers that are enabled and shown; with `linked`, only those that somebody is, or is not,
/// linked to.
pub(super) async fn list(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(&["manage-account", "view-profile"])?;
    let links = links(call).await?;
    let wanted = call.flag("linked");
    let (store, realm) = (&call.app.store, &call.realm.id);
    let mut shown: Vec<Json> = Vec::new();
    for document in store.documents(realm, Kind::IdentityProvider).await? {
        let provider = &document.body;
        let fields = Fields::of(provider);
        let alias = document.unique_name.as_str();
        let link = links.iter().find(|link| link.provider == alias);
        let of_organization = fields.filled_text("organizationId").is_some();
        let is_meant = match wanted {
            None => link.is_some() || !of_organization,
            Some(true) => link.is_some(),
            Some(false) => link.is_none() && !of_organization,
        };
        let is_on = fields.flag("enabled", true) && !fields.flag("linkOnly", false)
            || link.is_some() && fields.flag("enabled", true);
        let names = [alias.to_owned(), name_of(provider, alias)];
        if is_meant && is_on && is_shown(provider, link.is_some()) && fits(&call.query, &names) {
            shown.push(told(provider, alias, link));
        }
    }
    let place = |one: &Json| {
        one.get("guiOrder")
            .and_then(Value::as_str)?
            .parse::<i64>()
            .ok()
    };
    shown.sort_by_key(|one| place(one).unwrap_or(i64::MAX));
    let number = |name: &str| call.query.get(name)?.parse::<usize>().ok();
    let page = shown
        .into_iter()
        .skip(number("first").unwrap_or(0))
        .take(number("max").unwrap_or(usize::MAX));
    Ok(answer(&page.collect::<Vec<_>>()))
}

/// Whether one of the names is as `search` says: `name*` or `name` for how it begins, `*name*` for a
/// part, `"name"` for the whole.
fn fits(query: &Form, names: &[String]) -> bool {
    let Some(search) = query.get("search") else {
        return true;
    };
    let inner = |mark: char| search.strip_prefix(mark)?.strip_suffix(mark);
    names.iter().any(|name| match (inner('"'), inner('*')) {
        (Some(whole), _) => name == whole,
        (None, Some(part)) => name.contains(part),
        (None, None) => name.starts_with(search.strip_suffix('*').unwrap_or(search)),
    })
}

fn name_of(provider: &Json, alias: &str) -> String {
    let given = Fields::of(provider).filled_text("displayName");
    given.unwrap_or_else(|| alias.to_owned())
}

/// `LinkedAccountRepresentation`.
fn told(provider: &Json, alias: &str, link: Option<&FederatedIdentity>) -> Json {
    let kind = Fields::of(provider).text("providerId").unwrap_or_default();
    let mut body = Json::new();
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    put("connected", json!(link.is_some()));
    put("social", json!(SOCIAL.contains(&kind.as_str())));
    put("providerAlias", json!(alias));
    put("providerName", json!(alias));
    put("displayName", json!(name_of(provider, alias)));
    if let Some(order) = config(provider, "guiOrder") {
        put("guiOrder", json!(order));
    }
    if let Some(name) = link.and_then(|link| link.user_name.as_ref()) {
        put("linkedUsername", json!(name));
    }
    body
}

/// Where linking began in the old way. It is an action of an application now.
pub(super) fn address(call: &AccountCall, _alias: &str) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    let text = "Legacy client-initiated account linking is disabled. Use AIA with kc_action=idp_link instead.";
    Err(Problem::message(StatusCode::NOT_FOUND, text))
}

/// Forgets a link, unless it is the last way in.
pub(super) async fn remove(call: &AccountCall, alias: &str) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    let (store, realm, user) = (&call.app.store, &call.realm.id, call.user());
    let kind = Kind::IdentityProvider;
    let provider = store.document_by_name(realm, kind, "", alias).await?;
    if provider.is_none() {
        return Err(Problem::bad_request("identityProviderNotFoundMessage"));
    }
    let links = links(call).await?;
    let Some(link) = links.iter().find(|link| link.provider == alias) else {
        return Err(Problem::bad_request("This identity is not active anymore."));
    };
    let held = store.credentials(realm, &user.id).await?;
    let has_password = held.iter().any(|one| one.kind.as_str() == "password");
    if links.len() == 1 && !has_password && user.federation_link.is_none() {
        let text = "You can't remove last federated identity as you don't have a password.";
        return Err(Problem::bad_request(text));
    }
    let mut tx = Tx::new();
    tx.delete_federated_identity(realm, &user.id, alias);
    let mut event = call.event("REMOVE_FEDERATED_IDENTITY");
    event.detail("username", user.username.as_str());
    event.detail("identity_provider", alias);
    if let Some(name) = &link.user_name {
        event.detail("identity_provider_identity", name.as_str());
    }
    event.success(&call.app, &call.realm, &mut tx);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::{Form, fits};

    #[test]
    fn providers_are_searched_for_by_how_they_begin_or_as_the_marks_say() {
        let names = ["partner".to_owned(), "Our Partner".to_owned()];
        for (search, expected) in [
            ("part", true),
            ("part*", true),
            ("*tner*", true),
            ("tner", false),
            ("%22partner%22", true),
            ("%22part%22", false),
            ("Our", true),
        ] {
            let query = Form::parse(format!("search={search}").as_bytes());
            assert_eq!(fits(&query, &names), expected, "{search}");
        }
        assert!(fits(&Form::parse(b""), &names));
    }
}
