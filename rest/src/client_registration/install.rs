//! What an application's adapter has to know, for the client itself.

use std::sync::Arc;

use axum::http::header;
use axum::response::Response;
use claviger_crypto::digest::equal;
use claviger_crypto::encoding::decode_tolerant;
use claviger_engine::client::Client;
use claviger_engine::client_registration::{Policies, Standing};
use claviger_engine::client_secrets;
use claviger_model::Secret;
use claviger_store::Tx;
use claviger_surface::Answer;

use super::call::Call;
use super::caller::{Caller, Endpoint, agreed};
use crate::admin::clients::installation::Installed;
use crate::call::json;
use crate::problem::{Problem, done};

/// Answers with the client's settings.
pub(super) async fn show(mut call: Call) -> Response {
    call.event.kind("CLIENT_INFO");
    let outcome = run(&mut call).await;
    call.respond(outcome)
}

async fn run(call: &mut Call) -> Result<Answer, Problem> {
    call.open()?;
    let client = match Caller::of(call).await? {
        Caller::Anonymous => itself(call).await?,
        caller @ (Caller::Bearer(..) | Caller::Initial(..) | Caller::Registration { .. }) => {
            caller.may_see(call, Endpoint::Own).await?
        }
    };
    let roles = call.realm.roles().await?;
    let file = Installed {
        client: &client,
        realm: &call.realm.name,
        server: &call.context.base_url,
        ssl_required: call.realm.settings.ssl_required,
        has_roles: roles.of_client(&client.uuid).next().is_some(),
        is_audience: false,
    };
    let mut file = file.keycloak_json();
    file.shift_remove("verify-token-audience");
    let mut tx = Tx::new();
    call.event.client(&client.client_id);
    call.event.success(&call.app, &call.realm, &mut tx);
    done(call.app.commit(tx).await?)?;
    Ok(json(&file))
}

/// The client that the path names, if it is public, or has proven to be it by its secret: there is
/// no other proof that fits into a `GET`.
async fn itself(call: &mut Call) -> Result<Arc<Client>, Problem> {
    let Some(client) = call.realm.client(&call.client_id).await? else {
        let text = "Not authorized to view client. Not valid token or client credentials provided.";
        return Err(call.unauthorized(text).await);
    };
    if !client.settings.public_client {
        let proven = proven(call).await?;
        call.event.client(&client.client_id);
        let text = match proven {
            None => Some("Failed to authenticate client"),
            Some(name) if name != client.client_id => Some("Different client authenticated"),
            Some(_) => None,
        };
        if let Some(text) = text {
            return Err(call.unauthorized(text).await);
        }
        call.event.detail("client_auth_method", "client-secret");
    }
    let standing = Standing::Authenticated;
    let policies = Policies::of(&call.app, &call.realm, standing).await?;
    let judged = policies.before_use(call.site()).await;
    agreed(call, judged).await?;
    Ok(client)
}

/// The `clientId` of the client that sent its name and its secret by HTTP Basic (RFC 6749 §2.3.1).
async fn proven(call: &Call) -> Result<Option<String>, Problem> {
    let Some((name, given)) = basic(call) else {
        return Ok(None);
    };
    let Some(client) = call.realm.client(&name).await? else {
        return Ok(None);
    };
    let settings = &client.settings;
    let method = settings.attribute("client.secret.authentication.allowed.method");
    let by_header =
        method.is_none_or(|only| only.trim().is_empty() || only == "client_secret_basic");
    if !settings.enabled
        || settings.public_client
        || !by_header
        || settings.client_authenticator_type != "client-secret"
    {
        return Ok(None);
    }
    let known = client_secrets::known(&call.app, &call.realm, settings).await;
    let fits = |known: &Secret| equal(known.reveal().as_bytes(), given.reveal().as_bytes());
    Ok(known.iter().any(fits).then_some(name))
}

fn basic(call: &Call) -> Option<(String, Secret)> {
    let text = call.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, pair) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(decode_tolerant(pair.trim()).ok()?).ok()?;
    let (name, secret) = pair.split_once(':')?;
    let plain = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).ok()
    };
    Some((plain(name)?, Secret::new(plain(secret)?)))
}
