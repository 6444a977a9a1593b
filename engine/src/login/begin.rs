//! A login begins: a tab is made, and the flow walked as far as it goes.

use std::sync::Arc;

use claviger_model::SessionId;
use claviger_store::Tx;

use super::complete::Tried;
use super::drive::{Drove, Entrance, Login};
use super::scene::Scene;
use super::step::Notice;
use super::tab::{Tab, note};
use super::{Entry, FlowPath, Form, LoginError, clear_session_cookies, cookies, identity};
use crate::app::App;
use crate::authorize::{self, Refusal};
use crate::browser::{Browser, Outcome};
use crate::client::Client;
use crate::events::EventBuilder;
use crate::flow::{self, Flow};
use crate::page::{Fault, Message};
use crate::realm::Realm;
use crate::request::RequestContext;

/// How many tabs a browser may have open; the oldest gives way to one more.
const TABS_MAX: i64 = 300;

/// Begins a login for a client's request: a page, or, for who is signed in already, straight to the
/// end.
///
/// # Errors
///
/// A store that failed, a realm without keys, or passwords that wait for too long.
pub async fn begin(
    app: &App,
    realm: &Arc<Realm>,
    context: &RequestContext,
    browser: &Browser,
    entry: Entry,
) -> Result<Outcome, LoginError> {
    let entry = (entry, FlowPath::Authenticate);
    begin_at(app, realm, context, browser, entry).await
}

/// The same at the first page of a flow. Where the realm does not have it, people are told.
///
/// # Errors
///
/// As for [`begin`].
pub async fn begin_at(
    app: &App,
    realm: &Arc<Realm>,
    context: &RequestContext,
    browser: &Browser,
    (entry, path): (Entry, FlowPath),
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
    // A second time only where two requests of one browser end at the same moment.
    for _ in 0..super::ATTEMPTS {
        match Box::pin(attempt(scene, entry.clone(), path)).await? {
            Tried::Done(outcome) => return Ok(*outcome),
            Tried::Raced => {}
        }
    }
    Err(LoginError::Busy)
}

/// The same, but the browser is sent to the login's own address before anything is asked or done: for
/// doors that are not the client's.
///
/// # Errors
///
/// As for [`begin`].
pub async fn open(
    app: &App,
    realm: &Arc<Realm>,
    context: &RequestContext,
    browser: &Browser,
    entry: Entry,
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
    for _ in 0..super::ATTEMPTS {
        let login = fresh(scene, entry.clone(), FlowPath::Authenticate).await?;
        let address = scene.address_of(&login.tab, "authenticate", None);
        match login.wait(Outcome::go(address)).await? {
            Tried::Done(outcome) => return Ok(*outcome),
            Tried::Raced => {}
        }
    }
    Err(LoginError::Busy)
}

async fn attempt(scene: Scene<'_>, entry: Entry, path: FlowPath) -> Result<Tried, LoginError> {
    let realm = scene.realm;
    if let Some((_, key)) = not_allowed(realm, path) {
        let login = fresh(scene, entry, path).await?;
        let message = Message::new(key);
        let page = scene.error(Some(&login.tab.client), Fault::BadRequest, message);
        return login.wait(page).await;
    }
    let is_passive = path == FlowPath::Authenticate && entry.asks.prompts("none");
    let flow = match flow_at(realm, &entry.client, path).await {
        Ok(flow) => flow,
        Err(flow::ReadError::Store(error)) => return Err(error.into()),
        Err(error @ flow::ReadError::Unreadable(_)) => {
            tracing::error!(realm = realm.name, "nobody can sign in: {error}");
            let message = Message::new("unexpectedErrorHandlingRequestMessage");
            let page = scene.error(Some(&entry.client), Fault::Internal, message);
            return Ok(Tried::done(page));
        }
    };
    let mut login = fresh(scene, entry, path).await?;
    login.tab.enter(realm, path, &flow, scene.app.now());
    authorize::tell(&login.tab.session, &mut login.event);
    let notes = &login.tab.session.client_notes;
    if !is_passive && notes.contains_key(authorize::PUSHED) {
        // A pushed request is for one login (RFC 9126 §4): what is loaded anew is that login.
        let address = scene.address_of(&login.tab, "authenticate", None);
        return login.wait(Outcome::go(address)).await;
    }
    let drove = login.drive(&flow, Entrance::Top).await?;
    let (context, browser) = (scene.context, scene.browser);
    if matches!(drove, Some(Drove::Shown(_)))
        && browser.identity.is_some()
        && identity(scene.app, realm, context, browser)
            .await?
            .is_none()
    {
        // Of a session that is over; scripts of clients see that it is.
        login.cookies.extend(clear_session_cookies(browser));
    }
    match drove {
        Some(Drove::Done) => Box::pin(login.through(&flow, is_passive)).await,
        Some(Drove::Cancelled) => login.cancelled().await,
        Some(Drove::Shown(_)) if is_passive => login.tell(Refusal::LoginRequired).await,
        Some(Drove::Shown(outcome) | Drove::Ended(outcome)) => login.wait(outcome).await,
        Some(Drove::Anew(notice)) => Box::pin(login.anew(notice)).await,
        None => Err(LoginError::Busy),
    }
}

/// A tab in which nothing has happened yet, with the cookies that bind the browser to it.
async fn fresh(
    scene: Scene<'_>,
    mut entry: Entry,
    path: FlowPath,
) -> Result<Login<'_>, LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    let signs_in = path == FlowPath::Authenticate;
    let keeps_request = signs_in && !entry.asks.prompts("none");
    if !signs_in {
        entry.asks.auth_type = None;
    }
    let mut tx = Tx::new();
    let (root, is_bound) = root(scene, path, &mut tx).await?;
    let mut tab = Tab::new(app, realm, scene.context, root, entry);
    tab.set(note::PATH, path.segment());
    let mut login = Login {
        event: event(scene, path.event(), &tab),
        scene,
        tab,
        user: None,
        sso: None,
        tx,
        cookies: Vec::new(),
    };
    if !is_bound {
        let bind = cookies::bind(app, realm, &login.tab.session.root).await?;
        login.cookies.extend(bind);
    }
    if keeps_request {
        let (client, session) = (&login.tab.client.client_id, &login.tab.session);
        let restart = cookies::restart(app, realm, client, session).await?;
        login.cookies.push(restart);
    }
    Ok(login)
}

/// The event of a login, as far as its tab tells it.
pub fn event(scene: Scene<'_>, kind: &'static str, tab: &Tab) -> EventBuilder {
    let mut event = EventBuilder::new(kind, &scene.context.ip_address);
    event.client(&tab.client.client_id);
    event.detail("code_id", tab.session.root.as_str());
    event.detail(
        "redirect_uri",
        tab.session.redirect_uri.clone().unwrap_or_default(),
    );
    event.detail("auth_method", tab.session.protocol.clone());
    event.detail("auth_type", tab.note(note::AUTH_TYPE).unwrap_or_default());
    event
}

/// The flow that people sign in by at a client: its own, or the realm's.
pub async fn browser_flow(realm: &Realm, client: &Client) -> Result<Arc<Flow>, flow::ReadError> {
    let overrides = &client.settings.authentication_flow_binding_overrides;
    if let Some(id) = overrides.get("browser").filter(|id| !id.is_empty()) {
        return flow::by_id(realm, id).await;
    }
    let alias = realm.settings.flows.browser.as_deref();
    flow::by_alias(realm, alias.unwrap_or("browser")).await
}

/// The flow of a kind that people walk through at a client.
pub async fn flow_at(
    realm: &Realm,
    client: &Client,
    path: FlowPath,
) -> Result<Arc<Flow>, flow::ReadError> {
    let flows = &realm.settings.flows;
    let (alias, usual) = match path {
        FlowPath::Authenticate => return browser_flow(realm, client).await,
        FlowPath::Registration => (&flows.registration, "registration"),
        FlowPath::ResetCredentials => (&flows.reset_credentials, "reset credentials"),
    };
    flow::by_alias(realm, alias.as_deref().unwrap_or(usual)).await
}

/// Why a realm does not have a flow for people: the event's error, and a key of the message files.
pub fn not_allowed(realm: &Realm, path: FlowPath) -> Option<(&'static str, &'static str)> {
    let login = &realm.settings.login;
    let (is_allowed, told) = match path {
        FlowPath::Authenticate => return None,
        FlowPath::Registration => (
            login.registration_allowed,
            ("registration_disabled", "registrationNotAllowedMessage"),
        ),
        FlowPath::ResetCredentials => (
            login.reset_password_allowed,
            ("not_allowed", "resetCredentialNotAllowedMessage"),
        ),
    };
    (!is_allowed).then_some(told)
}

impl Login<'_> {
    /// The login begins anew, in another tab that nothing is known in, with a word on why.
    pub async fn anew(mut self, notice: Notice) -> Result<Tried, LoginError> {
        let scene = self.scene;
        let (app, realm) = (scene.app, scene.realm);
        let path = FlowPath::Authenticate;
        let Ok(flow) = flow_at(realm, &self.tab.client, path).await else {
            let message = Message::new("unexpectedErrorHandlingRequestMessage");
            let page = scene.error(Some(&self.tab.client), Fault::Internal, message);
            return self.wait(page).await;
        };
        self.leave_behind().await?;
        self.tab.session.tab = app.random.token(8);
        self.tab.is_new = true;
        self.tab.reset(realm, app.now());
        self.tab.forget(note::AUTH_TYPE);
        self.tab.enter(realm, path, &flow, app.now());
        match notice {
            Notice::Info(message) => self.tab.set(note::INFO, message.key),
            Notice::Error(message) => self.tab.set(note::MESSAGE, message.key),
        }
        self.user = None;
        self.event = event(scene, path.event(), &self.tab);
        match self.drive(&flow, Entrance::Top).await? {
            Some(Drove::Shown(outcome) | Drove::Ended(outcome)) => self.wait(outcome).await,
            Some(Drove::Done) => self.passed(&flow, false).await,
            Some(Drove::Cancelled) => self.cancelled().await,
            // A flow for signing in that begins anew without an answer would do so for ever.
            Some(Drove::Anew(_)) | None => Err(LoginError::Busy),
        }
    }
}

impl Login<'_> {
    /// What the browser comes back to when it goes back: the tab as it began, unless there are too many.
    async fn leave_behind(&mut self) -> Result<(), LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        if self.tab.is_new {
            return Ok(());
        }
        let root = &self.tab.session.root;
        let tabs = app
            .store
            .count_authentication_sessions(&realm.id, root, app.now())
            .await?;
        if tabs >= TABS_MAX {
            self.tab.end(realm, &mut self.tx);
            return Ok(());
        }
        let mut left = self.tab.clone();
        left.reset(realm, app.now());
        left.save(realm, &mut self.tx);
        Ok(())
    }
}

/// The id of the browser's login, and whether its cookie has it already: that of its other tabs; of
/// somebody who is signed in, the session's; else a new one. Who makes an account is nobody who is
/// signed in: the login to it has nothing to do with the session that there is.
async fn root(
    scene: Scene<'_>,
    path: FlowPath,
    tx: &mut Tx,
) -> Result<(SessionId, bool), LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    let signed_in = identity(app, realm, scene.context, scene.browser).await?;
    if path == FlowPath::Registration && signed_in.is_some() {
        return Ok((SessionId::new(app.random.token(18)), false));
    }
    if let Some(root) = cookies::bound(realm, scene.browser).await? {
        let now = app.now();
        let store = &app.store;
        let tabs = store
            .count_authentication_sessions(&realm.id, &root, now)
            .await?;
        if tabs >= TABS_MAX
            && let Some(oldest) = store.authentication_sessions(&realm.id, &root).await?.pop()
        {
            tx.delete_authentication_session(&realm.id, &oldest);
        }
        if tabs > 0 {
            return Ok((root, true));
        }
    }
    Ok(match signed_in {
        Some(identity) => (identity.session.id, false),
        None => (SessionId::new(app.random.token(18)), false),
    })
}
