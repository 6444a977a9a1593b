//! `auth-cookie`: who is signed in already need not sign in again, unless the client wants it so, or
//! wants more.

use super::super::drive::{Login, known};
use super::super::tab::note;
use super::super::{Identity, LoginError, identity, level};
use super::{Came, note_completed};
use crate::flow::{Flow, Step, Verdict};
use crate::mapper::amr::COMPLETED_NOTE;
use crate::required_action::needs_fresh_login;
use claviger_model::{Seconds, UserSession};

/// The note of a session with the second at which its user signed in.
pub const AUTH_TIME: &str = "AUTH_TIME";

/// Asks.
pub async fn ask(login: &mut Login<'_>, flow: &Flow, step: &Step) -> Result<Came, LoginError> {
    let scene = login.scene;
    let found = identity(scene.app, scene.realm, scene.context, scene.browser).await?;
    let Some(Identity { user, session, .. }) = found else {
        return Ok(Verdict::Passed(None).into());
    };
    let known = Some(known(&scene, &user).await?);
    let is_other = login.user.as_ref().is_some_and(|other| other.id != user.id);
    if is_other {
        // Somebody else has begun to sign in here: that goes on.
        return Ok(Verdict::Passed(None).into());
    }
    login.user = Some(user);
    level::resume(&mut login.tab, &session);
    if must_sign_in_again(login, &session).await? {
        level::reach(&mut login.tab, level::NONE);
        login.tab.set(note::REAUTHENTICATION, "true");
        login.tab.set(note::INFO, "reauthenticate");
        return Ok(Verdict::Passed(known).into());
    }
    let reached = level::still_reached(login, flow);
    let completed = session.notes.get(COMPLETED_NOTE).cloned();
    note_completed(login, &step.id, completed.as_deref());
    level::reach(&mut login.tab, reached);
    if level::wanted(login, flow) > reached {
        if login.tab.asks().action.is_some() {
            login.tab.set(note::INFO, "authenticateStrong");
        }
        return Ok(Verdict::Passed(known).into());
    }
    login.tab.set(note::SESSION, "true");
    login.sso = Some(session);
    Ok(Verdict::Proven(known).into())
}

/// Whether the client wants the person to prove anew who they are: by `prompt=login`, by `max_age`, or
/// for what it asks them to do.
async fn must_sign_in_again(login: &Login<'_>, session: &UserSession) -> Result<bool, LoginError> {
    let asks = login.tab.asks();
    if asks.prompts("login") {
        return Ok(true);
    }
    let now = login.scene.app.now();
    let signed_in_at = session.notes.get(AUTH_TIME);
    let signed_in_at = signed_in_at
        .and_then(|text| text.parse().ok())
        .map_or(Seconds(0), Seconds);
    if asks
        .max_age
        .is_some_and(|age| (signed_in_at + age) < now.seconds())
    {
        return Ok(true);
    }
    let notes = &login.tab.session.client_notes;
    Ok(needs_fresh_login(login.scene.realm, notes, signed_in_at, now).await?)
}
