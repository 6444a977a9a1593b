//! A login comes to its end: what is still to be done, what the client may have, the session, and the
//! answer.

use std::collections::BTreeMap;

use claviger_model::session::SessionKind;
use claviger_model::{AuthenticationAction, ClientSession, SessionId, User, UserSession};

use super::drive::Login;
use super::identity::live_session;
use super::step::{AUTH_TIME, limits};
use super::tab::note;
use super::{LoginError, cookies, identity, level};
use crate::authorize::{self, Finishing, Refusal};
use crate::browser::{CookieChange, CookieName, Outcome};
use crate::brute_force::{Proof, Standing};
use crate::consent::{self, Need};
use crate::device;
use crate::flow::Flow;
use crate::gate::Usable;
use crate::logout::end_session;
use crate::page::{Fault, Message};
use crate::required_action::{self, Visit};
use crate::session::{self, is_alive};
use claviger_model::session::EndReason;

/// `execution` of the page that asks for a consent.
pub const CONSENT: &str = "OAUTH_GRANT";
/// The note of a client's part that the user was signed in already.
const SSO_NOTE: &str = "SSO_AUTH";

/// Why a login leads to no session.
enum Barred {
    /// The browser has the cookie of this one, which is another user's.
    ByOther(Box<UserSession>),
    /// There are too many, as this page tells.
    ByLimit(Box<Outcome>),
}

/// What an attempt came to.
pub enum Tried {
    /// It is answered, and what had to be written is written.
    Done(Box<Outcome>),
    /// Another request was faster: nothing is written.
    Raced,
}

impl Tried {
    /// It is answered.
    pub fn done(outcome: Outcome) -> Self {
        Self::Done(Box::new(outcome))
    }
}

impl Login<'_> {
    /// Writes the job, and answers.
    async fn commit(mut self, outcome: Outcome) -> Result<Tried, LoginError> {
        let tx = std::mem::take(&mut self.tx);
        if !self.scene.commit(tx).await? {
            return Ok(Tried::Raced);
        }
        let mut outcome = outcome;
        for cookie in std::mem::take(&mut self.cookies) {
            outcome = outcome.with(cookie);
        }
        Ok(Tried::done(outcome))
    }

    /// Writes what there is so far with the tab, which goes on from there, whatever happens next. False
    /// if another request was faster.
    pub async fn settle(&mut self) -> Result<bool, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        self.tab.touch(realm, app.now());
        self.tab.save(realm, &mut self.tx);
        if !self.scene.commit(std::mem::take(&mut self.tx)).await? {
            return Ok(false);
        }
        let (root, tab) = (&self.tab.session.root, &self.tab.session.tab);
        let store = &app.store;
        let saved = store.authentication_session(&realm.id, root, tab).await?;
        let Some(saved) = saved else {
            return Ok(false);
        };
        self.tab.session = saved;
        Ok(true)
    }

    /// The person has something to answer: the tab stays.
    pub async fn wait(mut self, outcome: Outcome) -> Result<Tried, LoginError> {
        let (realm, now) = (self.scene.realm, self.scene.app.now());
        self.tab.touch(realm, now);
        self.tab.save(realm, &mut self.tx);
        self.commit(outcome).await
    }

    /// The login comes to nothing, and the client is told why.
    pub async fn tell(mut self, refusal: Refusal) -> Result<Tried, LoginError> {
        let scene = self.scene;
        if device::is_verification(&self.tab.session) {
            let outcome = self.leave_device(&refusal).await?;
            self.tab.end(scene.realm, &mut self.tx);
            return self.commit(outcome).await;
        }
        let whom = (&self.tab.client, &self.tab.session);
        let answer =
            authorize::refuse(scene.app, scene.realm, scene.context, whom, &refusal).await?;
        self.end().await?;
        self.commit(Outcome::answer(answer)).await
    }

    /// The person said no to a device, or did not get so far as to answer for it (RFC 8628 §3.3).
    async fn leave_device(&mut self, refusal: &Refusal) -> Result<Outcome, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let error = match refusal {
            Refusal::ConsentDenied | Refusal::AccessDenied(_) => {
                let tab = &self.tab.session;
                if device::deny(app, realm, tab, &mut self.tx).await? {
                    "access_denied"
                } else {
                    "expired_token"
                }
            }
            Refusal::LoginRequired
            | Refusal::InteractionRequired
            | Refusal::ActionCancelled
            | Refusal::Expired
            | Refusal::Failed => "server_error",
        };
        let base = &self.scene.context.base_url;
        let address = device::status_address(base, realm, Some(error));
        Ok(Outcome::go(address))
    }

    /// The person said yes to a device, which may use their session.
    async fn join_device(&mut self, session: &UserSession) -> Result<Outcome, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let tab = &self.tab.session;
        let is_in_time = device::approve(app, realm, tab, &session.id, &mut self.tx).await?;
        let error = (!is_in_time).then_some("expired_token");
        let base = &self.scene.context.base_url;
        Ok(Outcome::go(device::status_address(base, realm, error)))
    }

    /// The person does not want to sign in.
    pub async fn cancelled(mut self) -> Result<Tried, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        self.event
            .error(app, realm, "rejected_by_user", &mut self.tx);
        self.tell(Refusal::AccessDenied(None)).await
    }

    /// The page is the last: the tab is over.
    pub async fn over(mut self, outcome: Outcome) -> Result<Tried, LoginError> {
        self.end().await?;
        self.commit(outcome).await
    }

    /// Ends the tab, with the browser's way back to it if it was the only one.
    async fn end(&mut self) -> Result<(), LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let root = &self.tab.session.root;
        let others = app
            .store
            .count_authentication_sessions(&realm.id, root, app.now())
            .await?
            - i64::from(!self.tab.is_new);
        self.tab.end(realm, &mut self.tx);
        if others > 0 {
            // Whoever signs in here is signed in in the other tabs as well: they end by themselves.
            let until = app.now() + realm.settings.lifespans.access_code_lifespan;
            self.tx
                .shorten_authentication_sessions(&realm.id, root, until);
            return Ok(());
        }
        let is_set = |cookie: &CookieChange| cookie.name == CookieName::Restart;
        if self.scene.browser.restart.is_some() && !self.cookies.iter().any(is_set) {
            self.cookies.push(CookieChange::clear(CookieName::Restart));
        }
        Ok(())
    }

    /// Enough is proven: the levels, then what the person has to do, then the end.
    pub async fn passed(mut self, flow: &Flow, is_passive: bool) -> Result<Tried, LoginError> {
        if let Err(refusal) = level::finish(&mut self, flow) {
            let outcome = self.refused(&[refusal]);
            return self.wait(outcome).await;
        }
        let pending = match self.pending().await? {
            Some(action) => Some(action),
            None => match self.consent().await? {
                Need::Ask(_) => Some(CONSENT.to_owned()),
                Need::Settled(why) => {
                    self.event.detail("consent", why);
                    None
                }
            },
        };
        match pending {
            Some(_) if is_passive => self.tell(Refusal::InteractionRequired).await,
            Some(action) => self.send_to(&action).await,
            None => self.finish().await,
        }
    }

    /// The action that the person has to do next, if there is one.
    pub async fn pending(&mut self) -> Result<Option<String>, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let Some(mut user) = self.user.take() else {
            return Err(LoginError::Busy);
        };
        let mut visit = Visit {
            tab: &mut self.tab.session,
            user: &mut user,
            event: &mut self.event,
            locale: self.scene.browser.locale.as_deref(),
            mode: self.scene.mode,
            cookies: Vec::new(),
        };
        let pending = required_action::pending(app, realm, &mut visit, &mut self.tx).await?;
        let changed = std::mem::take(&mut visit.cookies);
        self.cookies.extend(changed);
        self.user = Some(user);
        Ok(pending)
    }

    /// What the client needs a consent for.
    pub async fn consent(&self) -> Result<Need, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let Some(user) = &self.user else {
            return Err(LoginError::Busy);
        };
        let (client, tab) = (&self.tab.client, &self.tab.session);
        Ok(consent::needed(app, realm, client, tab, &user.id).await?)
    }

    /// Sends the browser to what the person has to do: to an address that can be loaded anew.
    pub async fn send_to(mut self, action: &str) -> Result<Tried, LoginError> {
        self.stand_at(action);
        let address = self
            .scene
            .address_of(&self.tab, "required-action", Some(action));
        self.wait(Outcome::go(address)).await
    }

    /// The person stands at a required action, or at the question for a consent.
    pub fn stand_at(&mut self, action: &str) {
        self.tab.session.action = AuthenticationAction::RequiredActions;
        self.tab.set(note::PATH, "required-action");
        self.tab.set(note::EXECUTION, action);
    }

    /// The end: a session, and the answer to the client.
    pub async fn finish(mut self) -> Result<Tried, LoginError> {
        let scene = self.scene;
        let (app, realm, context) = (scene.app, scene.realm, scene.context);
        let Some(user) = self.user.clone() else {
            return Err(LoginError::Busy);
        };
        if !user.enabled {
            return self.disabled(&user).await;
        }
        self.event.kind("LOGIN");
        let session = match self.session(&user).await? {
            Ok(session) => session,
            Err(Barred::ByOther(other)) => return self.taken(&other).await,
            Err(Barred::ByLimit(page)) => return self.wait(*page).await,
        };
        let part = self.part(&session).await?;
        let name = self
            .tab
            .note(note::ATTEMPTED)
            .unwrap_or(&user.username)
            .to_owned();
        if self.tab.flag(note::REMEMBER_ME) {
            self.event.detail("remember_me", "true");
        }
        self.event.user(user.id.as_str());
        self.event.detail("username", name.clone());
        self.event.session(Some(session.id.as_str()));
        self.event.detail("code_id", self.tab.session.root.as_str());
        authorize::tell(&self.tab.session, &mut self.event);
        self.forgive(&user).await?;
        self.leave_old_session(&session).await?;
        let usable = Usable::fresh(user, session, part);
        let finishing = Finishing {
            client: &self.tab.client,
            tab: &self.tab.session,
            usable: &usable,
        };
        let outcome = if device::is_verification(&self.tab.session) {
            self.join_device(usable.session()).await?
        } else {
            let record = (&mut self.event, &mut self.tx);
            let answer = authorize::finish(app, realm, context, &finishing, record).await?;
            Outcome::answer(answer)
        };
        let issuer = context.issuer_at(&usable.session().base_path, &realm.name);
        let changed = cookies::session(app, realm, &issuer, usable.session(), &name).await?;
        let forgets = |cookie: &CookieChange| {
            cookie.name == CookieName::RememberMe
                && cookie.value.is_none()
                && scene.browser.remembered.is_none()
        };
        let changed = changed.into_iter().filter(|cookie| !forgets(cookie));
        self.cookies.extend(changed);
        self.event.success(app, realm, &mut self.tx);
        self.end().await?;
        self.commit(outcome).await
    }

    /// The account was disabled while its owner was on the way in: the way ends.
    pub async fn disabled(mut self, user: &User) -> Result<Tried, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        self.event.user(user.id.as_str());
        self.event.detail("username", user.username.clone());
        self.event.error(app, realm, "user_disabled", &mut self.tx);
        let message = Message::new("accountDisabledMessage");
        let page = self.scene.error(None, Fault::BadRequest, message);
        self.over(page).await
    }

    /// Somebody else is signed in in this browser.
    async fn taken(mut self, other: &UserSession) -> Result<Tried, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let name = app.store.user(&realm.id, &other.user).await?;
        let name = name.map_or_else(String::new, |user| user.username);
        self.event.detail("existing_user", other.user.as_str());
        self.event
            .error(app, realm, "different_user_authenticated", &mut self.tx);
        let message = Message::with("differentUserAuthenticated", &[&name]);
        let client = Some(&self.tab.client);
        let page = self.scene.error(client, Fault::BadRequest, message);
        self.wait(page).await
    }

    /// The session that the login leads to, put into the job: the one whose cookie was enough, the one that
    /// the browser's login led to before, or a new one; or what stands in its way.
    async fn session(&mut self, user: &User) -> Result<Result<UserSession, Barred>, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let now = app.now();
        let root = self.tab.session.root.clone();
        let known = match &self.sso {
            Some(session) => Some(session.clone()),
            None => live_session(app, realm, &root).await?,
        };
        let known = match known {
            Some(session) if session.user != user.id => {
                // Who has its cookie is told whose it is. To anybody else with a tab of the same login,
                // who had it from somewhere or saw to it that others have it, it is none.
                if self.has_cookie_of(&session).await? {
                    return Ok(Err(Barred::ByOther(Box::new(session))));
                }
                None
            }
            known => known,
        };
        let goes_on = known.as_ref().map(|session| &session.id);
        if let Some(page) = limits::enforce(self, user, goes_on).await? {
            return Ok(Err(Barred::ByLimit(Box::new(page))));
        }
        let is_known = known.is_some();
        let mut session = if let Some(session) = known {
            session
        } else {
            let id = self.free_id(root).await?;
            UserSession {
                id,
                kind: SessionKind::Online,
                user: user.id.clone(),
                started_at: now,
                last_refresh: now,
                expires_at: now,
                remember_me: self.tab.flag(note::REMEMBER_ME),
                ip_address: self.scene.context.ip_address.clone(),
                auth_method: self.tab.session.protocol.clone(),
                base_path: self.tab.session.base_path.clone(),
                notes: session::user_agent_note(self.scene.browser.user_agent.as_deref())
                    .into_iter()
                    .map(|(name, said)| (name.to_owned(), said))
                    .collect(),
            }
        };
        session.notes.extend(self.tab.session.session_notes.clone());
        if self.sso.is_none() {
            let second = now.seconds().0.to_string();
            session.notes.insert(AUTH_TIME.to_owned(), second);
        }
        session.last_refresh = now;
        session.expires_at = session::end(&realm.settings.lifespans, &session);
        if is_known {
            self.tx.update_user_session(&realm.id, &session);
        } else {
            self.tx.insert_user_session(&realm.id, &session);
        }
        Ok(Ok(session))
    }

    /// Whether the browser is signed in by this session.
    async fn has_cookie_of(&self, session: &UserSession) -> Result<bool, LoginError> {
        let scene = self.scene;
        let own = identity(scene.app, scene.realm, scene.context, scene.browser).await?;
        Ok(own.is_some_and(|own| own.session.id == session.id))
    }

    /// The id of a new session: that of the browser's login, unless a session had it before. Tokens of
    /// one session are never those of another.
    async fn free_id(&mut self, root: SessionId) -> Result<SessionId, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let kind = SessionKind::Online;
        let Some(before) = app.store.user_session(&realm.id, kind, &root).await? else {
            return Ok(root);
        };
        if !is_alive(realm, &before, app.now()) {
            end_session(app, realm, &mut self.tx, &before, EndReason::Expired).await?;
        }
        let id = SessionId::new(app.random.token(18));
        self.cookies.extend(cookies::bind(app, realm, &id).await?);
        Ok(id)
    }

    /// The client's part in the session, put into the job.
    async fn part(&mut self, session: &UserSession) -> Result<ClientSession, LoginError> {
        let (app, realm) = (self.scene.app, self.scene.realm);
        let (store, client) = (&app.store, &self.tab.client);
        let now = app.now();
        let parts = store
            .client_sessions(&realm.id, session.kind, &session.id)
            .await?;
        let known = parts.iter().find(|part| part.client == client.uuid);
        let alive =
            known.filter(|part| session::is_client_alive(realm, client, session, part, now));
        let mut part = alive.cloned().unwrap_or_else(|| ClientSession {
            session: session.id.clone(),
            kind: session.kind,
            client: client.uuid.clone(),
            started_at: now,
            last_refresh: now,
            refresh_token_id: None,
            refresh_token_uses: 0,
            notes: BTreeMap::default(),
        });
        let tab = &self.tab.session;
        let notes = authorize::part_notes(self.scene.context, realm, tab, parts.is_empty());
        part.notes.extend(notes);
        let reached = level::reached(&self.tab).to_string();
        part.notes.insert(level::REACHED.to_owned(), reached);
        if self.sso.is_some() {
            part.notes.insert(SSO_NOTE.to_owned(), "true".to_owned());
        } else {
            part.notes.remove(SSO_NOTE);
        }
        if known.is_some() {
            self.tx.refresh_client_session(&realm.id, &part, None);
        } else {
            self.tx.insert_client_session(&realm.id, &part);
        }
        Ok(part)
    }

    /// Who has proven who they are is forgiven earlier failures.
    async fn forgive(&mut self, user: &User) -> Result<(), LoginError> {
        let proofs = self.tab.credentials_used();
        if proofs.is_empty() {
            return Ok(());
        }
        let strongest = if proofs.iter().any(|kind| kind == "otp") {
            Proof::Second
        } else {
            Proof::First
        };
        let (app, realm) = (self.scene.app, self.scene.realm);
        if let Some(standing) = Standing::of(app, realm, &user.id).await? {
            standing.success(realm, strongest, &mut self.tx);
        }
        Ok(())
    }

    /// A session that the browser loses the cookie of is over: nobody could end it any more.
    async fn leave_old_session(&mut self, session: &UserSession) -> Result<(), LoginError> {
        let scene = self.scene;
        let old = identity(scene.app, scene.realm, scene.context, scene.browser).await?;
        if let Some(old) = old.filter(|old| old.session.id != session.id) {
            let reason = EndReason::Logout;
            end_session(scene.app, scene.realm, &mut self.tx, &old.session, reason).await?;
        }
        Ok(())
    }
}
