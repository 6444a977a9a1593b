//! A login goes on: what `/login-actions/authenticate`, `/required-action`, `/consent` and `/restart` do.

use std::sync::Arc;

use claviger_model::AuthenticationAction;
use claviger_store::Tx;

use super::begin::{event, flow_at, not_allowed};
use super::checks::{Checked, Turn, expired, find, turn};
use super::complete::{CONSENT, Tried};
use super::drive::{Drove, Entrance, Login};
use super::identity::identity;
use super::restart::restart;
use super::scene::Scene;
use super::tab::{login_time, note};
use super::{FlowPath, LoginError, Submission};
use crate::app::App;
use crate::authorize::{self, Refusal};
use crate::browser::{Browser, CookieChange, CookieName, Outcome};
use crate::consent::{self, Need};
use crate::events::EventBuilder;
use crate::flow::Flow;
use crate::locale;
use crate::page::{Fault, Message, Page, Severity};
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::required_action::{self, Answered, Due, Visit};

/// Goes on with a login by what a page sent.
///
/// # Errors
///
/// A store that failed, a realm without keys, or passwords that wait for too long.
pub async fn resume(
    app: &App,
    realm: &Arc<Realm>,
    context: &RequestContext,
    browser: &Browser,
    sent: &Submission,
) -> Result<Outcome, LoginError> {
    let scene = Scene {
        app,
        realm,
        context,
        browser,
        form: &sent.form,
        mode: sent.mode.as_deref(),
    };
    // Who was outrun looks again: the code that was sent is used up by then.
    for _ in 0..super::ATTEMPTS {
        match Box::pin(attempt(scene, sent)).await? {
            Tried::Done(outcome) => return Ok(*outcome),
            Tried::Raced => {}
        }
    }
    Err(LoginError::Busy)
}

async fn attempt(scene: Scene<'_>, sent: &Submission) -> Result<Tried, LoginError> {
    let kind = match sent.path {
        "required-action" => "CUSTOM_REQUIRED_ACTION",
        "restart" => "RESTART_AUTHENTICATION",
        path => FlowPath::of(path).event(),
    };
    let mut own = EventBuilder::new(kind, &scene.context.ip_address);
    let tab = match find(scene, sent, &mut own).await? {
        Checked::Tab(tab) => tab,
        Checked::Answer(outcome) => return Ok(Tried::Done(outcome)),
    };
    if sent.path == "restart" {
        return restart(scene, *tab, sent).await;
    }
    let (mut tab, is_act) = match turn(scene, sent, tab, &mut own).await? {
        Turn::Show(tab) => (*tab, false),
        Turn::Act(tab) => (*tab, true),
        Turn::Answer(outcome) => return Ok(Tried::Done(outcome)),
        Turn::Raced => return Ok(Tried::Raced),
    };
    let mut cookies = Vec::new();
    let chosen = sent.locale.as_deref();
    if let Some(tag) = chosen.and_then(|tag| locale::supported(scene.realm, tag)) {
        tab.set(note::LOCALE, tag);
        cookies.push(CookieChange::set(CookieName::Locale, tag));
    }
    let login = Login {
        event: event(scene, kind, &tab),
        scene,
        tab,
        user: None,
        sso: None,
        tx: Tx::new(),
        cookies,
    };
    match sent.path {
        "required-action" | "consent" => Box::pin(after(login, sent, is_act)).await,
        _ => Box::pin(authenticate(login, sent, is_act)).await,
    }
}

/// `/login-actions/authenticate`, `/login-actions/registration`, `/login-actions/reset-credentials`.
async fn authenticate(
    mut login: Login<'_>,
    sent: &Submission,
    is_act: bool,
) -> Result<Tried, LoginError> {
    let scene = login.scene;
    let (app, realm) = (scene.app, scene.realm);
    let path = FlowPath::of(sent.path);
    if let Some(told) = not_allowed(realm, path) {
        let mut own = EventBuilder::new(path.event(), &scene.context.ip_address);
        own.client(&login.tab.client.client_id);
        own.detail("code_id", login.tab.session.root.as_str());
        return Ok(Tried::done(scene.fail(None, &own, told).await?));
    }
    if login.tab.is_idle(app.now(), login_time(realm)) {
        return timed_out(login).await;
    }
    match login.tab.session.action {
        AuthenticationAction::Authenticate => {}
        AuthenticationAction::RequiredActions | AuthenticationAction::Consent => {
            return Ok(Tried::done(expired(scene, &login.tab)));
        }
        AuthenticationAction::LoggingOut => {
            let message = Message::new("expiredCodeMessage");
            let page = scene.error(Some(&login.tab.client), Fault::BadRequest, message);
            return Ok(Tried::done(page));
        }
    }
    let Ok(flow) = flow_at(realm, &login.tab.client, path).await else {
        let message = Message::new("unexpectedErrorHandlingRequestMessage");
        let page = scene.error(Some(&login.tab.client), Fault::Internal, message);
        return Ok(Tried::done(page));
    };
    login.tab.enter(realm, path, &flow, app.now());
    login.know().await?;
    if let Some(user) = login.user.as_ref().filter(|user| !user.enabled) {
        let name = login.tab.note(note::ATTEMPTED).unwrap_or(&user.username);
        let name = name.to_owned();
        for detail in ["auth_method", "auth_type", "redirect_uri"] {
            login.event.forget(detail);
        }
        login.event.detail("username", name);
        let outcome = login.refused(&[crate::flow::Refusal::UserDisabled]);
        return login.wait(outcome).await;
    }
    let Some(entrance) = entrance(&login, sent, is_act) else {
        return Ok(Tried::done(expired(scene, &login.tab)));
    };
    let entrance = match entrance {
        Way::Walk(entrance) => entrance,
        Way::Select(execution) => {
            let outcome = login.select(&flow, &execution).await?;
            return login.wait(outcome).await;
        }
    };
    // A large state: kept in one place, for the layers outside move the caller's about.
    Box::pin(go_on(login, &flow, entrance)).await
}

/// How a submission comes to the flow.
enum Way<'a> {
    Walk(Entrance<'a>),
    Select(String),
}

fn entrance<'a>(login: &Login<'_>, sent: &'a Submission, is_act: bool) -> Option<Way<'a>> {
    let current = login.tab.note(note::EXECUTION);
    if !is_act {
        let standing = login.tab.note(note::SELECTOR);
        return Some(match standing {
            Some(standing) if Some(standing) == current => Way::Select(standing.to_owned()),
            Some(_) | None => Way::Walk(Entrance::Top),
        });
    }
    let execution = sent.execution.as_deref()?;
    if Some(execution) != current {
        return None;
    }
    if sent.form.contains_key("tryAnotherWay") {
        return Some(Way::Select(execution.to_owned()));
    }
    let wanted = sent.form.get("authenticationExecution");
    let wanted = wanted.and_then(|values| values.first());
    Some(Way::Walk(
        match wanted.filter(|wanted| !wanted.is_empty()) {
            Some(wanted) => Entrance::Choice(execution, wanted),
            None => Entrance::Answer(execution),
        },
    ))
}

async fn go_on(
    mut login: Login<'_>,
    flow: &Flow,
    entrance: Entrance<'_>,
) -> Result<Tried, LoginError> {
    login.tab.forget(note::SELECTOR);
    match login.drive(flow, entrance).await? {
        Some(Drove::Shown(outcome) | Drove::Ended(outcome)) => login.wait(outcome).await,
        Some(Drove::Cancelled) => login.cancelled().await,
        Some(Drove::Anew(notice)) => Box::pin(login.anew(notice)).await,
        Some(Drove::Done) => Box::pin(login.through(flow, false)).await,
        None => Ok(Tried::done(expired(login.scene, &login.tab))),
    }
}

impl Login<'_> {
    /// A flow is passed, and whoever passed it signs in by it.
    pub async fn through(mut self, flow: &Flow, is_passive: bool) -> Result<Tried, LoginError> {
        match self.tab.flow_path() {
            FlowPath::Authenticate => {}
            // The account has to be there before anything is looked up about its owner.
            FlowPath::Registration => {
                if !self.settle().await? {
                    return Ok(Tried::Raced);
                }
            }
            FlowPath::ResetCredentials => {
                // A name proves nothing, however the realm has arranged its flow.
                if self.tab.credentials_used().is_empty() {
                    tracing::error!("a flow for forgotten credentials asks for no proof");
                    let outcome = self.refused(&[crate::flow::Refusal::InvalidCredentials]);
                    return self.wait(outcome).await;
                }
            }
        }
        self.passed(flow, is_passive).await
    }
}

/// The person took too long: the login begins anew, and says why.
async fn timed_out(mut login: Login<'_>) -> Result<Tried, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    login.event.error(app, realm, "expired_code", &mut login.tx);
    login.tab.reset(realm, app.now());
    login.tab.set(note::MESSAGE, "loginTimeout");
    let address = login.scene.address_of(&login.tab, "authenticate", None);
    login.wait(Outcome::go(address)).await
}

/// `/login-actions/required-action` and `/login-actions/consent`.
async fn after(mut login: Login<'_>, sent: &Submission, is_act: bool) -> Result<Tried, LoginError> {
    let scene = login.scene;
    let (app, realm) = (scene.app, scene.realm);
    if login.tab.session.action != AuthenticationAction::RequiredActions {
        login.event.error(app, realm, "invalid_code", &mut login.tx);
        let page = expired(scene, &login.tab);
        let _ = app.commit(std::mem::take(&mut login.tx)).await?;
        return Ok(Tried::done(page));
    }
    let allowed = realm.settings.lifespans.access_code_lifespan_user_action;
    if login.tab.is_idle(app.now(), allowed) {
        return timed_out(login).await;
    }
    login.know().await?;
    let Some(user) = &login.user else {
        // Who was to do something is gone.
        return timed_out(login).await;
    };
    if !user.enabled {
        let user = user.clone();
        return login.disabled(&user).await;
    }
    login.event.forget("auth_type");
    let remember = login.tab.note(note::REMEMBER_ME) == Some("true");
    login
        .event
        .detail("remember_me", if remember { "true" } else { "false" });
    authorize::tell(&login.tab.session, &mut login.event);
    login.tell_user();
    if !is_act {
        return next(login).await;
    }
    let current = login.tab.note(note::EXECUTION).map(str::to_owned);
    let sent_for = match sent.path {
        "consent" => Some(CONSENT.to_owned()),
        _ => sent.execution.clone(),
    };
    if sent_for != current {
        let address = scene.address_of(&login.tab, "required-action", current.as_deref());
        return login.wait(Outcome::go(address)).await;
    }
    match current.as_deref() {
        Some(CONSENT) => Box::pin(decide(login)).await,
        Some(action) => Box::pin(do_action(login, sent, action)).await,
        None => next(login).await,
    }
}

/// The person's decision on what the client may have.
async fn decide(mut login: Login<'_>) -> Result<Tried, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    login.event.kind("LOGIN");
    if login.scene.form.contains_key("cancel") {
        login
            .event
            .error(app, realm, "rejected_by_user", &mut login.tx);
        return login.tell(Refusal::ConsentDenied).await;
    }
    // What an administrator asked for while the question stood there goes before the answer.
    if let Some(action) = login.pending().await? {
        return login.send_to(&action).await;
    }
    let shown = login.tab.forget(note::CONSENT);
    let Some(user) = login.user.clone() else {
        return Err(LoginError::Busy);
    };
    match login.consent().await? {
        Need::Ask(question) if shown.as_ref() == Some(&question.mark) => {
            let whom = (&*login.tab.client, &login.tab.session);
            consent::accept(app, realm, whom, &user.id, &mut login.tx).await?;
            login.event.detail("consent", "consent_granted");
            login.finish().await
        }
        // The client has come to want something else, or to look different, since the page was shown:
        // nobody has said yes to that.
        Need::Ask(_) => next(login).await,
        Need::Settled(why) => {
            login.event.detail("consent", why);
            login.finish().await
        }
    }
}

/// The form of a required action.
async fn do_action(
    mut login: Login<'_>,
    sent: &Submission,
    action: &str,
) -> Result<Tried, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let Some(mut user) = login.user.take() else {
        return Err(LoginError::Busy);
    };
    let mut visit = Visit {
        tab: &mut login.tab.session,
        user: &mut user,
        event: &mut login.event,
        locale: login.scene.browser.locale.as_deref(),
        mode: login.scene.mode,
        cookies: Vec::new(),
    };
    let form = (action, &sent.form);
    let answered = required_action::answer(app, realm, &mut visit, form, &mut login.tx).await?;
    let changed = std::mem::take(&mut visit.cookies);
    login.cookies.extend(changed);
    login.user = Some(user);
    match answered {
        Answered::Done => {
            login.tab.forget(note::EXECUTION);
            next(login).await
        }
        Answered::Again(due) => show(login, due).await,
        Answered::Refused(text) => login.tell(Refusal::AccessDenied(text)).await,
        Answered::Gone(page, message) => {
            let view = login.scene.bare(Some(&login.tab.client), page);
            let outcome = Outcome::page(view.saying(Severity::Success, message));
            login.over(outcome).await
        }
    }
}

/// What is next: an action, the question for a consent, or the end.
async fn next(mut login: Login<'_>) -> Result<Tried, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let Some(mut user) = login.user.take() else {
        return Err(LoginError::Busy);
    };
    let mut visit = Visit {
        tab: &mut login.tab.session,
        user: &mut user,
        event: &mut login.event,
        locale: login.scene.browser.locale.as_deref(),
        mode: login.scene.mode,
        cookies: Vec::new(),
    };
    let due = required_action::next(app, realm, &mut visit, &mut login.tx).await?;
    let changed = std::mem::take(&mut visit.cookies);
    login.cookies.extend(changed);
    if let Some(due) = due {
        login.user = Some(user);
        return show(login, due).await;
    }
    login.user = Some(user);
    match login.consent().await? {
        Need::Ask(question) => {
            login.stand_at(CONSENT);
            if login.tab.note(note::CONSENT) != Some(&question.mark) {
                // A page that said something else, in another window, is over.
                login.tab.forget(note::CODE);
            }
            login.tab.set(note::CONSENT, question.mark);
            let code = login.tab.code(app);
            let page = consent::page(&login.tab.client, question.grants, code);
            let outcome = framed(&mut login, CONSENT, page);
            login.wait(outcome).await
        }
        Need::Settled(why) => {
            login.event.detail("consent", why);
            login.finish().await
        }
    }
}

/// The page of a required action.
async fn show(mut login: Login<'_>, due: Due) -> Result<Tried, LoginError> {
    login.stand_at(&due.action);
    let mut view = login.scene.view(
        &mut login.tab,
        login.user.as_ref(),
        ("required-action", &due.action),
        due.page,
    );
    view.message = due.message;
    view.field_messages = due.field_messages;
    view.cancellable = due.cancellable;
    login.wait(Outcome::page(view)).await
}

fn framed(login: &mut Login<'_>, execution: &str, page: Page) -> Outcome {
    let mut view = login.scene.view(
        &mut login.tab,
        login.user.as_ref(),
        ("required-action", execution),
        page,
    );
    if execution == CONSENT {
        view.action = login.scene.address_of(&login.tab, "consent", None);
    }
    Outcome::page(view)
}

impl Login<'_> {
    /// Reads the user whom the tab is about. One who is gone has never been here.
    async fn know(&mut self) -> Result<(), LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let Some(id) = self.tab.session.user.clone() else {
            return Ok(());
        };
        self.user = app.store.user(&realm.id, &id).await?;
        if self.user.is_some() && self.tab.flag(note::SESSION) {
            self.know_session().await?;
        }
        if self.user.is_none() {
            self.tab.reset(realm, app.now());
        }
        Ok(())
    }

    /// Who was let on by the cookie of a session goes on by it: it is no new sign-in, and nobody goes on
    /// by a session that has ended since.
    async fn know_session(&mut self) -> Result<(), LoginError> {
        let scene = self.scene;
        let found = identity(scene.app, scene.realm, scene.context, scene.browser).await?;
        let known = found.filter(|found| Some(&found.user.id) == self.tab.session.user.as_ref());
        match known {
            Some(known) => self.sso = Some(known.session),
            None => self.user = None,
        }
        Ok(())
    }

    /// Tells in the event who it is.
    fn tell_user(&mut self) {
        let Some(user) = &self.user else {
            return;
        };
        self.event.user(user.id.as_str());
        let name = self.tab.note(note::ATTEMPTED).unwrap_or(&user.username);
        self.event.detail("username", name);
    }
}
