//! `user-session-limits` in a flow with pages.

use super::super::drive::Login;
use super::super::{LoginError, identity};
use super::Came;
use crate::flow::{Step, Verdict};
use crate::page::Fault;
use crate::session_limits::{self, Limited};

/// Asks.
pub async fn ask(login: &mut Login<'_>, step: &Step) -> Result<Came, LoginError> {
    let scene = login.scene;
    let (app, realm) = (scene.app, scene.realm);
    let Some(user) = login.user.clone() else {
        return Ok(Verdict::Proven(None).into());
    };
    let signed_in = identity(app, realm, scene.context, scene.browser).await?;
    let signed_in = signed_in.map(|identity| identity.session.id);
    let whose = (&user, &login.tab.client.uuid);
    // A session of this browser's login goes on, even if the browser has lost its cookie.
    let root = &login.tab.session.root;
    let limited = session_limits::look(app, realm, step, whose, |all| {
        let kept = || all.iter().find(|session| session.id == *root);
        signed_in
            .clone()
            .or_else(|| kept().map(|session| session.id.clone()))
    });
    match limited.await? {
        Limited::Fits => {}
        Limited::Denied => return Ok(deny(login, step)),
        Limited::Ends(sessions) => {
            for session in &sessions {
                session_limits::end(app, realm, &login.event, session, &mut login.tx).await?;
            }
        }
        Limited::Broken(refusal) => return Ok(Verdict::Refused(refusal).into()),
    }
    Ok(Verdict::Proven(None).into())
}

fn deny(login: &mut Login<'_>, step: &Step) -> Came {
    let message = step
        .setting("errorMessage")
        .unwrap_or("sessionLimitExceeded");
    let (app, realm) = (login.scene.app, login.scene.realm);
    login
        .event
        .error(app, realm, "generic_authentication_error", &mut login.tx);
    Came::ends(Fault::Forbidden, message)
}
