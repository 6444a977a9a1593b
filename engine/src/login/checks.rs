//! Which tab a form belongs to, and whether it may go on: in Keycloak's order, with its answers for what
//! is missing, over or out of turn.

use std::sync::Arc;

use claviger_model::AuthenticationAction;
use claviger_store::Tx;

use super::begin::event;
use super::scene::Scene;
use super::tab::{Tab, note};
use super::{Asks, Entry, LoginError, Submission, cookies, identity};
use crate::authorize::{self, ClientData, Refusal};
use crate::browser::{CookieChange, CookieName, Outcome};
use crate::client::Client;
use crate::events::EventBuilder;
use crate::page::{Message, Page, Severity};
use crate::redirect::redirect_uri;
use crate::required_action::LAST_PROCESSED;

/// A tab that may go on, or the answer.
pub enum Checked {
    Tab(Box<Tab>),
    Answer(Box<Outcome>),
}

impl From<Outcome> for Checked {
    fn from(outcome: Outcome) -> Self {
        Self::Answer(Box::new(outcome))
    }
}

/// Finds the tab of a submission. Where it is gone, the login begins anew from the browser's own memory of
/// it, or the client is told that somebody is signed in already.
pub async fn find(
    scene: Scene<'_>,
    sent: &Submission,
    event: &mut EventBuilder,
) -> Result<Checked, LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    if scene.context.lacks_tls(realm.settings.ssl_required) {
        let told = ("ssl_required", "httpsRequiredMessage");
        return Ok(scene.fail(None, event, told).await?.into());
    }
    if !realm.enabled {
        let told = ("realm_disabled", "realmNotEnabledMessage");
        return Ok(scene.fail(None, event, told).await?.into());
    }
    let client = match &sent.client_id {
        Some(id) => realm.client(id).await?,
        None => None,
    };
    if let Some(client) = &client {
        event.client(&client.client_id);
    }
    let text = sent.client_data.as_deref();
    let text = text.filter(|text| !text.trim().is_empty());
    let data = text.and_then(ClientData::decode);
    if text.is_some() && data.is_none() {
        event.detail("reason", "Invalid client data");
        let told = ("invalid_request", "invalidRequestMessage");
        return Ok(scene.fail(client.as_ref(), event, told).await?.into());
    }
    let root = cookies::bound(realm, scene.browser).await?;
    if let (Some(root), Some(client), Some(id)) = (&root, &client, &sent.tab_id) {
        let store = &app.store;
        let session = store.authentication_session(&realm.id, root, id).await?;
        let fits = |session: &claviger_model::AuthenticationSession| {
            session.expires_at > app.now()
                && session.client == client.uuid
                // Whoever is asked whether to log out is on no way in.
                && session.action != AuthenticationAction::LoggingOut
        };
        if let Some(session) = session.filter(fits) {
            let tab = Tab {
                session,
                client: Arc::clone(client),
                is_new: false,
            };
            return Ok(Checked::Tab(Box::new(tab)));
        }
    }
    gone(scene, (client, data), event).await
}

/// There is no such tab.
async fn gone(
    scene: Scene<'_>,
    (client, data): (Option<Arc<Client>>, Option<ClientData>),
    event: &mut EventBuilder,
) -> Result<Checked, LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    let kept = cookies::read_restart(realm, scene.browser).await?;
    if let (Some(kept), Some(client)) = (kept, &client)
        && kept.client_id == client.client_id
        && let Some(outcome) = restart(scene, client, kept, event).await?
    {
        return Ok(outcome.into());
    }
    let mut key = "cookieNotFoundMessage";
    if scene.browser.restart.is_some() {
        // That the browser's memory of it is of no use is one thing, and what comes of it another.
        key = "invalidCodeMessage";
        let mut tx = Tx::new();
        event.error(app, realm, "invalid_code", &mut tx);
        let _ = app.commit(tx).await?;
    }
    if identity(app, realm, scene.context, scene.browser)
        .await?
        .is_some()
    {
        return already(scene, (client.as_ref(), data.as_ref()), event).await;
    }
    let told = ("cookie_not_found", key);
    Ok(scene.fail(client.as_ref(), event, told).await?.into())
}

/// Begins the same login anew, from what the browser kept of it.
async fn restart(
    scene: Scene<'_>,
    client: &Arc<Client>,
    kept: cookies::Restart,
    event: &mut EventBuilder,
) -> Result<Option<Outcome>, LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    let checked = |uri: &str| redirect_uri(client, &scene.context.base_url, uri);
    // What was allowed then may not be any more. What the address says may be anybody's: the rest of the
    // request is not sent to where it was not meant to go.
    let Some(to) = kept.redirect_uri.as_deref().and_then(checked) else {
        return Ok(None);
    };
    let bound = cookies::bound(realm, scene.browser).await?;
    let mut others = 0;
    if let Some(root) = &bound {
        let now = app.now();
        others = app
            .store
            .count_authentication_sessions(&realm.id, root, now)
            .await?;
    }
    let root = bound.filter(|_| others > 0);
    let is_bound = root.is_some();
    let root = root.unwrap_or_else(|| claviger_model::SessionId::new(app.random.token(18)));
    let entry = Entry {
        client: Arc::clone(client),
        protocol: "openid-connect",
        redirect_uri: Some(to.as_str().to_owned()),
        asks: Asks::read(&kept.notes),
        client_notes: kept.notes,
    };
    let mut tab = Tab::new(app, realm, scene.context, root, entry);
    tab.set(note::MESSAGE, "loginTimeout");
    event.detail("restart_after_timeout", "true");
    let mut tx = Tx::new();
    event.error(app, realm, "expired_code", &mut tx);
    tab.save(realm, &mut tx);
    let _ = app.commit(tx).await?;
    let mut outcome = Outcome::go(scene.address_of(&tab, "authenticate", None));
    if !is_bound {
        for cookie in cookies::bind(app, realm, &tab.session.root).await? {
            outcome = outcome.with(cookie);
        }
    }
    Ok(Some(outcome))
}

/// Somebody is signed in already, in another tab: the client is told, or the person.
async fn already(
    scene: Scene<'_>,
    (client, data): (Option<&Arc<Client>>, Option<&ClientData>),
    event: &mut EventBuilder,
) -> Result<Checked, LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    let mut answer = None;
    if let (Some(client), Some(data)) = (client, data) {
        let refusal = Refusal::Expired;
        let whom = (client, data);
        answer = authorize::refuse_stale(app, realm, scene.context, whom, &refusal).await?;
    }
    let told = if answer.is_some() { "true" } else { "false" };
    event.detail("redirected_to_client", told);
    let mut tx = Tx::new();
    event.error(app, realm, "already_logged_in", &mut tx);
    let _ = app.commit(tx).await?;
    if let Some(answer) = answer {
        return Ok(Outcome::answer(answer).into());
    }
    let page = Page::Info {
        header: None,
        required_actions: Vec::new(),
        back: client.and_then(|client| super::scene::back(client)),
        proceed: None,
    };
    let view = scene.bare(client, page);
    let message = Message::new("alreadyLoggedIn");
    Ok(Outcome::page(view.saying(Severity::Success, message)).into())
}

/// What a submission may do to its tab.
pub enum Turn {
    /// The page is shown again.
    Show(Box<Tab>),
    /// The form is an answer to what was asked.
    Act(Box<Tab>),
    /// Neither: the answer.
    Answer(Box<Outcome>),
    /// Another request was faster.
    Raced,
}

/// Checks the code of a form against its tab, and whether the client may still have it.
pub async fn turn(
    scene: Scene<'_>,
    sent: &Submission,
    mut tab: Box<Tab>,
    own: &mut EventBuilder,
) -> Result<Turn, LoginError> {
    if !tab.client.settings.enabled {
        let mut tx = Tx::new();
        own.detail("code_id", tab.session.root.as_str());
        own.error(scene.app, scene.realm, "client_disabled", &mut tx);
        tab.end(scene.realm, &mut tx);
        if !scene.commit(tx).await? {
            return Ok(Turn::Raced);
        }
        let message = Message::new("loginRequesterNotEnabledMessage");
        let page = scene.error(None, crate::page::Fault::BadRequest, message);
        let page = page.with(CookieChange::clear(CookieName::Restart));
        return Ok(Turn::Answer(Box::new(page)));
    }
    let told = event(scene, "LOGIN", &tab);
    own.detail("code_id", told.detail_text("code_id").unwrap_or_default());
    let current = tab.note(note::EXECUTION).map(str::to_owned);
    let Some(code) = &sent.session_code else {
        return Ok(shown_again(scene, sent, tab, current));
    };
    if tab.use_code(code.reveal()) {
        // What came last of what was asked is what the application is told of, with what came of it.
        if let Some(execution) = sent
            .execution
            .as_ref()
            .filter(|_| sent.execution == current)
        {
            tab.set(LAST_PROCESSED, execution);
        }
        return Ok(Turn::Act(tab));
    }
    if sent.execution != current {
        return Ok(Turn::Answer(Box::new(expired(scene, &tab))));
    }
    // The same form once more, by the browser's "back": it is shown with its present code.
    tab.set(note::MESSAGE, "expiredActionMessage");
    let mut tx = Tx::new();
    tab.save(scene.realm, &mut tx);
    if !scene.commit(tx).await? {
        return Ok(Turn::Raced);
    }
    Ok(Turn::Answer(Box::new(Outcome::go(scene.last(&tab)))))
}

fn shown_again(
    scene: Scene<'_>,
    sent: &Submission,
    mut tab: Box<Tab>,
    mut current: Option<String>,
) -> Turn {
    let is_elsewhere = tab.note(note::PATH) != Some(sent.path);
    if sent.execution.is_none()
        && is_elsewhere
        && tab.session.action == AuthenticationAction::Authenticate
    {
        tab.set(note::PATH, sent.path);
        tab.forget(note::EXECUTION);
        current = None;
    }
    let was_asked = |execution: &String| {
        let status = tab.session.executions.get(execution);
        status == Some(&claviger_model::ExecutionStatus::Challenged)
    };
    let may = match &sent.execution {
        None => true,
        Some(execution) => sent.execution == current || was_asked(execution),
    };
    if may {
        Turn::Show(tab)
    } else {
        Turn::Answer(Box::new(expired(scene, &tab)))
    }
}

/// The page that says that another is over, with the ways on.
pub fn expired(scene: Scene<'_>, tab: &Tab) -> Outcome {
    let page = Page::Expired {
        restart: scene.restart(tab),
        resume: scene.last(tab),
    };
    Outcome::page(scene.bare(Some(&tab.client), page))
}
