//! A login begins anew at the wish of the person: what `/login-actions/restart` does.

use claviger_model::SessionId;
use claviger_model::session::EndReason;
use claviger_store::Tx;

use super::complete::Tried;
use super::identity::{identity, live_session};
use super::scene::Scene;
use super::tab::{Tab, note};
use super::{LoginError, Submission, cookies};
use crate::browser::Outcome;
use crate::events::EventBuilder;
use crate::logout::end_session;

/// `/login-actions/restart`: everything that was shown is forgotten. A session that this browser's login
/// led to before ends, unless the address says otherwise.
pub async fn restart(
    scene: Scene<'_>,
    mut tab: Tab,
    sent: &Submission,
) -> Result<Tried, LoginError> {
    let (app, realm) = (scene.app, scene.realm);
    let mut event = EventBuilder::new("RESTART_AUTHENTICATION", &scene.context.ip_address);
    event.client(&tab.client.client_id);
    if let Some(user) = &tab.session.user {
        event.user(user.as_str());
    }
    event.detail("username", tab.note(note::ATTEMPTED).unwrap_or_default());
    event.detail("auth_method", tab.session.protocol.clone());
    let mut tx = Tx::new();
    let mut cookies = Vec::new();
    let session = live_session(app, realm, &tab.session.root).await?;
    if let (false, Some(session)) = (sent.skip_logout, session) {
        let own = identity(app, realm, scene.context, scene.browser).await?;
        // Who knows a tab of a login need not be who has signed in by it: a session is ended by the
        // browser that has its cookie. Any other begins anew without it.
        if own.is_some_and(|own| own.session.id == session.id) {
            end_session(app, realm, &mut tx, &session, EndReason::Logout).await?;
        }
        tab.end(realm, &mut tx);
        tab.session.root = SessionId::new(app.random.token(18));
        tab.session.tab = app.random.token(8);
        tab.is_new = true;
        cookies.extend(cookies::bind(app, realm, &tab.session.root).await?);
    }
    tab.reset(realm, app.now());
    tab.save(realm, &mut tx);
    event.success(app, realm, &mut tx);
    if !scene.commit(tx).await? {
        return Ok(Tried::Raced);
    }
    let mut outcome = Outcome::go(scene.address_of(&tab, "authenticate", None));
    for cookie in cookies {
        outcome = outcome.with(cookie);
    }
    Ok(Tried::done(outcome))
}
