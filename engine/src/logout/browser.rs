//! Logging out in a browser (OpenID Connect RP-Initiated Logout 1.0): a client sends somebody here who
//! wants to leave. Where nothing shows that the client really does, the person is asked first: a
//! page of a stranger must not log anybody out (CVE-2020-10734).

use std::sync::Arc;

use claviger_crypto::digest::equal;
use claviger_model::session::SessionKind;
use claviger_model::{AuthenticationSession, Seconds, SessionId, UserId, UserSession};
use claviger_store::Tx;

pub use super::asked::{Asked, Refusal};
use super::asked::{Checked, check};
use super::farewell::{self, Farewell};
use super::question::note;
use super::scope::{self, LogoutScope};
use crate::app::App;
use crate::browser::{Browser, CookieChange, CookieName, Outcome};
use crate::client::Client;
use crate::events::EventBuilder;
use crate::login::{self, Identity, LoginError, cookies};
use crate::mapper::origin::below_root;
use crate::page::{Message, Page, Severity, View};
use crate::realm::Realm;
use crate::request::RequestContext;

/// Keycloak's words for a token that is older than the session; the spelling is theirs.
pub const OLDER: &str = "Toked issued before the user session started";
/// The client that stands in where none sent the browser.
pub(super) const SYSTEM: &str = "account";

/// The parameters of a question's form.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// `session_code`.
    pub code: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `tab_id`.
    pub tab: Option<String>,
    /// `kc_locale`: the language that the person chose.
    pub locale: Option<String>,
}

/// What is shown, and what is known of the language that it should be in.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What the browser is to do next.
    pub outcome: Outcome,
    /// What the person chose on a page.
    pub chosen: Option<String>,
    /// The user's own.
    pub profile: Option<String>,
    /// What the client asked for.
    pub ui_locales: Option<String>,
}

/// What a request came to.
#[derive(Clone, Debug)]
pub enum Reached {
    /// A page, or the way back to the client.
    Shown(Box<Shown>),
    /// A refusal, with the client whose way back may be offered.
    Refused(Refusal, Option<Arc<Client>>),
}

/// The browser at hand.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The server.
    pub app: &'a App,
    /// The realm.
    pub realm: &'a Arc<Realm>,
    /// How the request came in.
    pub context: &'a RequestContext,
    /// What the browser brought.
    pub browser: &'a Browser,
}

/// What somebody who leaves was sent with; between question and answer it lies in the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Leave {
    pub(super) client: Option<Arc<Client>>,
    pub(super) target: Option<String>,
    /// The same with the client's `state`.
    pub(super) address: Option<String>,
    pub(super) hinted: Option<SessionId>,
    pub(super) issued_at: Option<Seconds>,
    pub(super) ui_locales: Option<String>,
    pub(super) chosen: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) scope: LogoutScope,
}

/// A client sent a browser that is to log out.
pub async fn begin(
    scene: Scene<'_>,
    asked: Asked,
    event: &mut EventBuilder,
) -> Result<Reached, LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    let checked = match check(app, realm, scene.context, &asked, event).await? {
        Ok(checked) => checked,
        Err(refusal) => {
            let client = match (&asked.client_id, refusal) {
                (Some(id), Refusal::RedirectUri) => realm.client(id).await?,
                _ => None,
            };
            return Ok(Reached::Refused(refusal, client));
        }
    };
    let identity = login::identity(app, realm, scene.context, scene.browser).await?;
    // Nobody sits there who could say so.
    if checked.scope.is_beyond_the_session()
        && identity.is_none()
        && checked.hint.is_some()
        && !checked
            .client
            .as_ref()
            .is_some_and(|client| scope::may(client, checked.scope))
    {
        return Ok(Reached::Refused(Refusal::Scope, checked.client));
    }
    let asks = must_ask(&asked, &checked, identity.as_ref());
    let Checked {
        client,
        hint,
        target,
        scope,
        ..
    } = checked;
    let profile = match (
        &identity,
        hint.as_ref().and_then(|hint| hint.session.as_ref()),
    ) {
        (Some(identity), _) => locale(&identity.user),
        (None, Some(id)) => scene.locale_of_owner(id).await?,
        (None, None) => None,
    };
    let leave = Leave {
        client,
        address: target
            .as_ref()
            .map(|target| target.with_state(asked.state.as_deref())),
        target: target.map(|target| target.as_str().to_owned()),
        issued_at: hint.as_ref().map(|hint| hint.issued_at),
        hinted: hint.and_then(|hint| hint.session),
        ui_locales: asked.ui_locales,
        chosen: None,
        profile,
        provider: asked.initiating_idp,
        scope,
    };
    let (root, cookie) = scene.root().await?;
    let mut reached = if asks {
        scene.ask(&leave, identity.as_ref(), &root).await?
    } else {
        scene.leave(leave, identity, None, event).await?
    };
    if let (Reached::Shown(shown), Some(cookie)) = (&mut reached, cookie) {
        shown.outcome.cookies.push(cookie);
    }
    Ok(reached)
}

impl Leave {
    /// How far the logout reaches from one of the sessions that it is about. What lies beyond them is
    /// the person's who sits there: whoever holds an old ID token of somebody else has no say in it.
    /// None for what ended with the person's other sessions.
    fn scope_for(
        &self,
        session: &UserSession,
        person: Option<&UserSession>,
    ) -> Option<LogoutScope> {
        let Some(person) = person
            .as_ref()
            .filter(|_| self.scope.is_beyond_the_session())
        else {
            return Some(self.scope);
        };
        if session.id == person.id {
            Some(self.scope)
        } else if session.user == person.user {
            None
        } else {
            Some(LogoutScope::Session)
        }
    }
}

/// Whether the person is asked: unless the client's own token vouches for the wish, and nobody else
/// sits at the browser; or there is nothing to end, and a way back.
fn must_ask(asked: &Asked, checked: &Checked, identity: Option<&Identity>) -> bool {
    // No token vouches for the end of sessions that it is not of.
    if checked.scope.is_beyond_the_session() {
        return true;
    }
    if asked.client_id.is_some() && checked.client.is_none() {
        return true;
    }
    let hinted = checked.hint.as_ref().and_then(|hint| hint.session.as_ref());
    match (identity, hinted) {
        (Some(identity), Some(hinted)) if identity.session.id != *hinted => true,
        (None, _) if checked.hint.is_none() => checked.client.is_none() || checked.target.is_none(),
        (Some(_) | None, _) => !checked.is_vouched_for,
    }
}

/// The person was asked, and says yes.
pub async fn confirmed(
    scene: Scene<'_>,
    reply: Reply,
    event: &mut EventBuilder,
) -> Result<Reached, LoginError> {
    let Some(mut tab) = scene.tab(&reply).await? else {
        event.detail("reason", "Failed verification during logout.");
        let client = match &reply.client_id {
            Some(id) if id != SYSTEM => scene.realm.client(id).await?,
            Some(_) | None => None,
        };
        return Ok(Reached::Refused(Refusal::Over, client));
    };
    let leave = scene.read(&tab).await?;
    let (app, realm) = (scene.app, scene.realm);
    let identity = login::identity(app, realm, scene.context, scene.browser).await?;
    let code = tab.auth_notes.remove(note::CODE).unwrap_or_default();
    let sent = reply.code.unwrap_or_default();
    if code.is_empty() || !equal(code.as_bytes(), sent.as_bytes()) {
        // Another page's form, or one from before: the question stands.
        return scene.ask_again(tab, &leave, identity.as_ref()).await;
    }
    if let Some(client) = &leave.client {
        event.client(&client.client_id);
    }
    scene.leave(leave, identity, Some(&tab), event).await
}

/// Shows the question once more, in another language say; or, where it was answered already, that
/// the person is logged out.
pub async fn question(scene: Scene<'_>, reply: Reply) -> Result<Reached, LoginError> {
    let identity = login::identity(scene.app, scene.realm, scene.context, scene.browser).await?;
    if let Some(mut tab) = scene.tab(&reply).await? {
        if let Some(locale) = reply.locale {
            tab.auth_notes.insert(note::LOCALE.to_owned(), locale);
        }
        let leave = scene.read(&tab).await?;
        return scene.ask_again(tab, &leave, identity.as_ref()).await;
    }
    let client = match &reply.client_id {
        Some(id) if id != SYSTEM => scene.realm.client(id).await?,
        Some(_) | None => None,
    };
    if identity.is_some() {
        return Ok(Reached::Refused(Refusal::Over, client));
    }
    let leave = Leave {
        client,
        chosen: reply.locale,
        ..Leave::default()
    };
    Ok(shown(
        &leave,
        farewell::logged_out(scene, leave.client.as_ref(), None),
    ))
}

fn locale(user: &claviger_model::User) -> Option<String> {
    let values = user.attributes.get("locale")?;
    values.first().cloned()
}

impl Scene<'_> {
    /// The browser's id for what it is about to do, with the cookie if that is new.
    async fn root(&self) -> Result<(SessionId, Option<CookieChange>), LoginError> {
        if let Some(root) = cookies::bound(self.realm, self.browser).await? {
            let store = &self.app.store;
            let tabs = store.authentication_sessions(&self.realm.id, &root).await?;
            if !tabs.is_empty() {
                return Ok((root, None));
            }
        }
        // Never the id of a session: whoever signs in here next would get it (CVE-2025-12390).
        let root = SessionId::new(self.app.random.token(18));
        let [cookie, _] = cookies::bind(self.app, self.realm, &root).await?;
        Ok((root, Some(cookie)))
    }

    async fn locale_of_owner(&self, session: &SessionId) -> Result<Option<String>, LoginError> {
        let (store, realm) = (&self.app.store, &self.realm.id);
        let kind = SessionKind::Online;
        let Some(session) = store.user_session(realm, kind, session).await? else {
            return Ok(None);
        };
        let user: &UserId = &session.user;
        Ok(store.user(realm, user).await?.as_ref().and_then(locale))
    }

    pub(super) fn view(&self, page: Page) -> View {
        View::new(self.realm, &self.context.base_url, "en", page)
    }

    /// Where the client's application begins, if it says so.
    pub(super) fn home(&self, client: &Client) -> Option<String> {
        let start = client.settings.base_url.as_deref()?;
        Some(below_root(client, &self.context.base_url, start).into_owned())
    }

    /// Nothing has to be asked any more: ends the session of the hint, and the browser's own.
    async fn leave(
        &self,
        leave: Leave,
        identity: Option<Identity>,
        tab: Option<&AuthenticationSession>,
        event: &mut EventBuilder,
    ) -> Result<Reached, LoginError> {
        let (app, realm) = (self.app, self.realm);
        let mut tx = Tx::new();
        let hinted = match &leave.hinted {
            None => None,
            Some(id) => {
                let kind = SessionKind::Online;
                let found = app.store.user_session(&realm.id, kind, id).await?;
                if found.is_none() {
                    event.error(app, realm, "session_expired", &mut tx);
                }
                found
            }
        };
        let begun_later = |session: &UserSession| {
            let issued_at = leave.issued_at.unwrap_or(Seconds(i64::MAX));
            issued_at.0.saturating_add(1) < session.started_at.seconds().0
        };
        if hinted.as_ref().is_some_and(begun_later) {
            event.detail("reason", OLDER);
            return Ok(Reached::Refused(Refusal::NotActive, None));
        }
        let own = identity.map(|identity| identity.session);
        let is_browsers = own.is_some();
        // The person at the browser said yes, or is who the hint speaks of.
        let other = own
            .clone()
            .filter(|own| hinted.as_ref().is_some_and(|hinted| hinted.id != own.id));
        let person = own.clone().or_else(|| hinted.clone());
        let session = hinted.or(own);
        let mut farewell = Farewell::new(leave.client.clone(), leave.address.clone());
        let ended = session.iter().chain(&other);
        for session in ended {
            if is_browsers {
                farewell.collect(*self, session).await?;
            }
            let client = leave.client.as_ref().map(|client| &client.uuid);
            let scope = leave.scope_for(session, person.as_ref());
            if let Some(scope) = scope {
                scope::end(app, realm, &mut tx, (session, client), scope).await?;
            }
            let mut event = event.clone();
            if let (Some(target), None) = (&leave.target, event.detail_text("redirect_uri")) {
                event.detail("redirect_uri", &**target);
            }
            if is_browsers && leave.client.is_none() {
                event.client(SYSTEM);
            }
            event
                .user(session.user.as_str())
                .session(Some(session.id.as_str()));
            event.success(app, realm, &mut tx);
        }
        if let Some(tab) = tab {
            tx.delete_authentication_session(&realm.id, tab);
        }
        if !app.commit(tx).await?.is_done() {
            // Another request with the same form was faster.
            return Ok(Reached::Refused(Refusal::Over, leave.client.clone()));
        }
        let mut outcome = farewell.outcome(*self);
        if leave.scope == LogoutScope::Client && leave.client.is_some() {
            // The person stays signed in, elsewhere in this browser.
            return Ok(shown(&leave, outcome));
        }
        outcome.cookies = login::clear_session_cookies(self.browser);
        if self.browser.remembered.is_some() && is_browsers {
            outcome
                .cookies
                .push(CookieChange::clear(CookieName::RememberMe));
        }
        Ok(shown(&leave, outcome))
    }
}

pub(super) fn shown(leave: &Leave, outcome: Outcome) -> Reached {
    Reached::Shown(Box::new(Shown {
        outcome,
        chosen: leave.chosen.clone(),
        profile: leave.profile.clone(),
        ui_locales: leave.ui_locales.clone(),
    }))
}

/// A page that says that the person is logged out.
pub(super) fn success(view: View) -> Outcome {
    Outcome::page(view.saying(Severity::Success, Message::new("successLogout")))
}
