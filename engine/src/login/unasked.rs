//! `GET /login-actions/reset-credentials` without a login: an application, or a mail of the operator's,
//! sends people to the page for forgotten passwords.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::begin::{begin_at, not_allowed};
use super::scene::Scene;
use super::{Asks, Entry, FlowPath, Form, LoginError};
use crate::app::App;
use crate::authorize;
use crate::browser::{Browser, Outcome};
use crate::client::Client;
use crate::events::EventBuilder;
use crate::page::{Fault, Message};
use crate::realm::Realm;
use crate::redirect::redirect_uri;
use crate::request::RequestContext;

/// Whose login it is to be where no client is named.
const ACCOUNT: &str = "account";

/// What such a link may say.
#[derive(Clone, Debug, Default)]
pub struct Unasked {
    /// `client_id`.
    pub client_id: Option<String>,
    /// `redirect_uri`: of the client's.
    pub redirect_uri: Option<String>,
}

/// Begins a login at the page for forgotten credentials.
///
/// # Errors
///
/// As for [`super::begin`].
pub async fn reset_credentials(
    app: &App,
    realm: &Arc<Realm>,
    context: &RequestContext,
    browser: &Browser,
    sent: &Unasked,
) -> Result<Outcome, LoginError> {
    let form = Form::new();
    let scene = Scene {
        app,
        realm,
        context,
        browser,
        form: &form,
        mode: None,
    };
    let path = FlowPath::ResetCredentials;
    let own = EventBuilder::new(path.event(), &context.ip_address);
    if context.lacks_tls(realm.settings.ssl_required) {
        let told = ("ssl_required", "httpsRequiredMessage");
        return scene.fail(None, &own, told).await;
    }
    if !realm.enabled {
        let told = ("realm_disabled", "realmNotEnabledMessage");
        return scene.fail(None, &own, told).await;
    }
    if let Some(told) = not_allowed(realm, path) {
        return scene.fail(None, &own, told).await;
    }
    let (client, to) = match whom(scene, sent).await? {
        Ok(found) => found,
        Err(message) => return Ok(scene.error(None, Fault::BadRequest, message)),
    };
    let notes = [
        ("response_type", "code".to_owned()),
        ("redirect_uri", to.clone()),
        (authorize::ISSUER, context.issuer(&realm.name)),
    ];
    let notes = notes.map(|(name, value)| (name.to_owned(), value));
    let entry = Entry {
        client,
        protocol: "openid-connect",
        redirect_uri: Some(to),
        client_notes: BTreeMap::from(notes),
        asks: Asks::default(),
    };
    begin_at(app, realm, context, browser, (entry, path)).await
}

/// The client, and where its login leads: what is asked for, as far as it is the client's, else its own
/// start page. Without a client it is the account console.
async fn whom(
    scene: Scene<'_>,
    sent: &Unasked,
) -> Result<Result<(Arc<Client>, String), Message>, LoginError> {
    let (realm, base_url) = (scene.realm, &scene.context.base_url);
    let missing = |name: &str| Message::with("missingParameterMessage", &[name]);
    let not_theirs = || Message::with("invalidParameterMessage", &["redirect_uri"]);
    if sent.client_id.is_none() && sent.redirect_uri.is_some() {
        return Ok(Err(missing("client_id")));
    }
    let id = sent.client_id.as_deref().unwrap_or(ACCOUNT);
    let Some(client) = realm.client(id).await? else {
        return Ok(Err(Message::new("clientNotFoundMessage")));
    };
    if !client.settings.enabled {
        return Ok(Err(Message::new("clientDisabledMessage")));
    }
    if sent.client_id.is_none() {
        let to = format!("{}/account/", scene.context.issuer(&realm.name));
        return Ok(Ok((client, to)));
    }
    let asked = match &sent.redirect_uri {
        Some(asked) => Some(asked.clone()),
        None => super::scene::back(&client),
    };
    let Some(asked) = asked else {
        return Ok(Err(missing("redirect_uri")));
    };
    match redirect_uri(&client, base_url, &asked) {
        Some(to) => Ok(Ok((client, to.as_str().to_owned()))),
        None => Ok(Err(not_theirs())),
    }
}
