//! Whether a component's settings can be used; key providers get the keys that they lack.

use axum::http::StatusCode;
use claviger_crypto::key_provider::{self, ConfigProblem};
use claviger_crypto::key_ring::{config_from_json, config_to_json};
use claviger_engine::profile::UserProfile;
use claviger_wire::component::{
    CLIENT_REGISTRATION_POLICY, ComponentView, KEY_PROVIDER, LDAP_MAPPER, USER_PROFILE_PROVIDER,
    USER_STORAGE_PROVIDER, settings,
};
use claviger_wire::document::Document;
use serde_json::Value;

use super::{ldap, ldap_mapper};
use crate::call::AdminCall;
use crate::problem::Problem;

/// The setting that holds a user profile as JSON text.
const PROFILE_CONFIG: &str = "kc.user.profile.config";

/// Nobody provides what was sent.
pub(super) fn no_provider() -> Problem {
    let text = "Invalid provider type or no such provider";
    Problem::error(StatusCode::BAD_REQUEST, text)
}

/// Checks a component before it is kept, and completes it.
pub(super) async fn complete(call: &AdminCall, component: Document) -> Result<Document, Problem> {
    let view = ComponentView::from_body(&component.body);
    if settings(&view.provider_type, &view.provider_id).is_none() {
        return Err(no_provider());
    }
    match view.provider_type.as_str() {
        KEY_PROVIDER => return with_keys(call, component).await,
        USER_PROFILE_PROVIDER => profile(call, &view).await?,
        USER_STORAGE_PROVIDER => ldap::check(&view)?,
        LDAP_MAPPER => ldap_mapper::check(call, &view).await?,
        CLIENT_REGISTRATION_POLICY => {
            let names = call.realm.scopes().await?;
            policy(&view, |scope| names.named(scope).is_some())?;
        }
        _ => {}
    }
    Ok(component)
}

/// Generates missing keys. RSA takes a while and is done off the runtime's threads.
async fn with_keys(call: &AdminCall, mut component: Document) -> Result<Document, Problem> {
    let view = ComponentView::from_body(&component.body);
    let config = component
        .body
        .get("config")
        .map(config_from_json)
        .unwrap_or_default();
    let (random, now) = (call.app.random.clone(), call.app.now());
    let realm = call.realm.name.clone();
    let made = tokio::task::spawn_blocking(move || {
        key_provider::complete(&view.provider_id, config, &realm, &random, now)
    });
    let config = match made.await {
        Ok(Ok(config)) => config,
        Ok(Err(ConfigProblem::NoSuchProvider)) => return Err(no_provider()),
        Ok(Err(ConfigProblem::Invalid(text))) => return Err(Problem::bad_request(&text)),
        Err(error) => {
            tracing::error!("a key could not be made: {error}");
            return Err(Problem::unknown());
        }
    };
    component
        .body
        .insert("config".to_owned(), config_to_json(&config));
    Ok(component)
}

async fn profile(call: &AdminCall, view: &ComponentView) -> Result<(), Problem> {
    let Some(text) = view.config(PROFILE_CONFIG) else {
        return Ok(());
    };
    let body: Value = serde_json::from_str(text)
        .map_err(|_| Problem::bad_request("The user profile is not JSON"))?;
    let scopes = call.realm.scopes().await?;
    let names: Vec<&str> = scopes.names().into_iter().collect();
    let read = UserProfile::configure(&body, &names);
    read.map(|_| ())
        .map_err(|error| Problem::bad_request(&error.to_string()))
}

/// Checks a policy for dynamic client registration.
fn policy(view: &ComponentView, is_scope: impl Fn(&str) -> bool) -> Result<(), Problem> {
    match view.provider_id.as_str() {
        "max-clients" => {
            required(view, "max-clients", "Max Clients Per Realm")?;
            if view.integer("max-clients").is_none() {
                return Err(Problem::bad_request(
                    "'Max Clients Per Realm' should be a number",
                ));
            }
        }
        "trusted-hosts" => {
            let host = "host-sending-registration-request-must-match";
            flag(
                view,
                host,
                "Host Sending Client Registration Request Must Match",
            )?;
            flag(view, "client-uris-must-match", "Client URIs Must Match")?;
            if !view.flag(host, true) && !view.flag("client-uris-must-match", true) {
                return Err(Problem::bad_request(
                    "At least one of hosts verification or client URIs validation must be enabled",
                ));
            }
        }
        "allowed-client-templates" => {
            let scopes = view.config_list("allowed-client-scopes");
            if scopes
                .iter()
                .any(|scope| scope != "openid" && !is_scope(scope))
            {
                let list = scopes.join(", ");
                let text = format!("Client scopes not allowed: [{list}]");
                return Err(Problem::bad_request(&text));
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn required(view: &ComponentView, name: &str, label: &str) -> Result<(), Problem> {
    if view.config(name).is_some() {
        return Ok(());
    }
    Err(Problem::bad_request(&format!("'{label}' is required")))
}

fn flag(view: &ComponentView, name: &str, label: &str) -> Result<(), Problem> {
    required(view, name, label)?;
    if matches!(view.config(name), Some("true" | "false")) {
        return Ok(());
    }
    Err(Problem::bad_request(&format!(
        "'{label}' should be 'true' or 'false'"
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_are_refused_in_keycloaks_words() {
        let none: Option<&str> = None;
        for (provider, config, expected) in [
            (
                "max-clients",
                json!({}),
                Some("'Max Clients Per Realm' is required"),
            ),
            (
                "max-clients",
                json!({"max-clients": ["x"]}),
                Some("'Max Clients Per Realm' should be a number"),
            ),
            ("max-clients", json!({"max-clients": ["7"]}), none),
            ("consent-required", json!({}), none),
            (
                "trusted-hosts",
                json!({"host-sending-registration-request-must-match": ["false"],
                       "client-uris-must-match": ["false"]}),
                Some(
                    "At least one of hosts verification or client URIs validation must be enabled",
                ),
            ),
            (
                "allowed-client-templates",
                json!({"allowed-client-scopes": ["email", "magic"]}),
                Some("Client scopes not allowed: [email, magic]"),
            ),
            (
                "allowed-client-templates",
                json!({"allowed-client-scopes": ["email"]}),
                none,
            ),
        ] {
            let body = json!({"providerId": provider, "config": config});
            let view = ComponentView::from_body(body.as_object().unwrap());
            let refused = policy(&view, |scope| scope == "email").err();
            let text = refused.map(|problem| problem.body()["errorMessage"].clone());
            assert_eq!(text, expected.map(|text| json!(text)), "{body}");
        }
    }
}
