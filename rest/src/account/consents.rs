//! What somebody lets an application know of them: seen, given and taken back.

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};
use claviger_engine::client::Client;
use claviger_engine::locale::{Wishes, choose};
use claviger_engine::logout::end_client_sessions_of_user;
use claviger_model::ScopeId;
use claviger_model::session::EndReason;
use claviger_model::user::Consent;
use claviger_store::{StoreError, Tx};
use claviger_surface::{Answer, page_text};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::call::AccountCall;
use crate::call::{json as answer, no_content};
use crate::problem::{Problem, done};

const MANAGE: &[&str] = &["manage-account", "manage-consent"];
/// Scopes of one consent at most.
const SCOPES_MAX: usize = 1_000;

async fn client(call: &AccountCall, client_id: &str) -> Result<Arc<Client>, Problem> {
    let found = call.realm.client(client_id).await?;
    found.ok_or_else(|| no_client(client_id))
}

fn no_client(client_id: &str) -> Problem {
    let text = format!("No client with clientId: {client_id} found.");
    Problem::message(StatusCode::NOT_FOUND, &text)
}

async fn known(call: &AccountCall, client: &Client) -> Result<Option<Consent>, StoreError> {
    let (store, realm) = (&call.app.store, &call.realm.id);
    store.consent(realm, &call.user().id, &client.uuid).await
}

/// The consent; `204` where there is none.
pub(super) async fn show(call: &AccountCall, client_id: &str) -> Result<Answer, Problem> {
    call.require(&["manage-account", "view-consent", "manage-consent"])?;
    let client = client(call, client_id).await?;
    let is_brief = call.flag("briefRepresentation").unwrap_or(true);
    match known(call, &client).await? {
        Some(consent) => Ok(answer(&shown(call, &client, &consent, is_brief).await?)),
        None => Ok(no_content()),
    }
}

/// `ConsentRepresentation`: what is allowed, with the words of the question, in the person's language.
pub(super) async fn shown(
    call: &AccountCall,
    client: &Client,
    consent: &Consent,
    is_brief: bool,
) -> Result<Value, StoreError> {
    let scopes = call.realm.scopes().await?;
    let locale = locale(call);
    let mut granted = Vec::new();
    for id in &consent.scopes {
        let scope = scopes.get(&ScopeId::new(id.clone()));
        let (name, body) = match scope {
            Some(scope) => (&scope.name, &scope.body),
            None if *id == client.uuid.as_str() => (&client.client_id, &client.body),
            None => continue,
        };
        let asked = body
            .get("attributes")
            .and_then(|all| all.get("consent.screen.text"));
        let asked = asked
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        let mut one = json!({"id": id, "name": asked.unwrap_or(name)});
        if let Some(one) = one.as_object_mut() {
            if let Some(asked) = asked {
                let text = page_text(&call.realm, &locale, asked);
                // Spelled wrongly once, and kept for those who read it.
                one.insert("displayTest".to_owned(), json!(text));
                one.insert("displayText".to_owned(), json!(text));
            }
            if !is_brief {
                for member in ["description", "protocol"] {
                    let value = body.get(member).filter(|value| !value.is_null());
                    one.extend(value.map(|value| (member.to_owned(), value.clone())));
                }
            }
        }
        granted.push(one);
    }
    Ok(json!({
        "grantedScopes": granted,
        "createdDate": consent.created_at.0,
        "lastUpdatedDate": consent.updated_at.0,
    }))
}

/// The language that a person reads.
fn locale(call: &AccountCall) -> String {
    let own = call.user().attributes.get("locale");
    let accept = call.headers.get(header::ACCEPT_LANGUAGE);
    let wishes = Wishes {
        profile: own.and_then(|values| values.first()).map(String::as_str),
        accept: accept.and_then(|value| value.to_str().ok()),
        ..Wishes::default()
    };
    choose(&call.realm, wishes)
}

/// Gives a consent in place of the one that is there, if there is one.
pub(super) async fn put(call: &AccountCall, client_id: &str) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    let is_post = call.method == Method::POST;
    let kind = if is_post {
        "GRANT_CONSENT"
    } else {
        "UPDATE_CONSENT"
    };
    let Some(client) = call.realm.client(client_id).await? else {
        let text = format!("No client with clientId: {client_id} found.");
        fail(call, kind, &text, "client_not_found").await?;
        return Err(no_client(client_id));
    };
    let body = call.json("ConsentRepresentation")?;
    let scopes = call.realm.scopes().await?;
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for wanted in Fields::of(&body).objects("grantedScopes").take(SCOPES_MAX) {
        let id = Fields::of(wanted).text("id").unwrap_or_default();
        let is_client = id == client.uuid.as_str() && client.settings.consent_required;
        let name = if is_client {
            Some(client.client_id.clone())
        } else {
            let scope = scopes.get(&ScopeId::new(id.clone()));
            scope.map(|scope| scope.name.clone())
        };
        let Some(name) = name else {
            let of = client.settings.name.as_deref().unwrap_or("null");
            let text = format!("Scope id {id} does not exist for client {of}.");
            fail(call, kind, &text, "invalid_scope").await?;
            return Err(Problem::bad_request(&text));
        };
        if !ids.contains(&id) {
            ids.push(id);
            names.push(name);
        }
    }
    let (now, before) = (call.app.now(), known(call, &client).await?);
    let is_new = before.is_none();
    let consent = Consent {
        client: client.uuid.clone(),
        scopes: ids,
        created_at: before.map_or(now, |before| before.created_at),
        updated_at: now,
    };
    let mut tx = Tx::new();
    tx.put_consent(&call.realm.id, &call.user().id, &consent);
    let kind = if is_new {
        "GRANT_CONSENT"
    } else {
        "UPDATE_CONSENT"
    };
    let mut event = call.event(kind);
    event.detail("granted_client", client.client_id.as_str());
    event.detail("scope", names.join(" "));
    event.success(&call.app, &call.realm, &mut tx);
    done(call.app.commit(tx).await?)?;
    Ok(answer(&shown(call, &client, &consent, true).await?))
}

async fn fail(
    call: &AccountCall,
    kind: &'static str,
    reason: &str,
    error: &str,
) -> Result<(), Problem> {
    let mut event = call.event(kind);
    event.detail("reason", reason);
    let mut tx = Tx::new();
    event.error(&call.app, &call.realm, error, &mut tx);
    done(call.app.commit(tx).await?)
}

/// Takes a consent back, and ends what the application made of it: its part in every session.
pub(super) async fn revoke(call: &AccountCall, client_id: &str) -> Result<Answer, Problem> {
    call.require(MANAGE)?;
    let Some(client) = call.realm.client(client_id).await? else {
        let text = format!("No client with clientId: {client_id} found.");
        fail(call, "REVOKE_GRANT", &text, "client_not_found").await?;
        return Err(no_client(client_id));
    };
    let (app, realm, user) = (&call.app, &call.realm, &call.user().id);
    let mut tx = Tx::new();
    if known(call, &client).await?.is_some() {
        tx.delete_consent(&realm.id, user, &client.uuid);
    }
    let reason = EndReason::ConsentRevoked;
    end_client_sessions_of_user(app, realm, &mut tx, user, &client.uuid, reason).await?;
    let mut event = call.event("REVOKE_GRANT");
    event.detail("revoked_client", client.client_id.as_str());
    event.success(app, realm, &mut tx);
    done(app.commit(tx).await?)?;
    Ok(no_content())
}
