//! `user-session-limits` in a flow with pages. The step turns away who has too many sessions already. Pages
//! may follow, and other logins at the same time: what counts is how many there are when the session is
//! made, and only then the oldest have to go.

use std::collections::BTreeMap;

use claviger_model::{SessionId, User, UserSession};

use super::super::drive::Login;
use super::super::tab::note;
use super::super::{LoginError, identity};
use super::Came;
use crate::browser::Outcome;
use crate::flow::{Step, Verdict};
use crate::page::{Fault, Message};
use crate::session_limits::{self, Counted, Limited, Limits};

/// Asks.
pub async fn ask(login: &mut Login<'_>, step: &Step) -> Result<Came, LoginError> {
    let Some(user) = login.user.clone() else {
        return Ok(Verdict::Proven(None).into());
    };
    let limits = Limits::of(step);
    let (limited, _) = look(login, &user, limits.as_ref(), None).await?;
    Ok(match (limited, limits) {
        (Limited::Denied, Some(limits)) => {
            tell(login);
            Came::ends(Fault::Forbidden, limits.message())
        }
        (Limited::Broken(refusal), _) => Verdict::Refused(refusal).into(),
        (Limited::Fits | Limited::Ends(_) | Limited::Denied, limits) => {
            let mut kept = kept(login);
            kept.extend(limits.filter(|limits| !kept.contains(limits)));
            let text = serde_json::to_string(&kept).unwrap_or_default();
            login.tab.set(note::LIMITS, text);
            Verdict::Proven(None).into()
        }
    })
}

/// The limits that the login has come by.
fn kept(login: &Login<'_>) -> Vec<Limits> {
    let text = login.tab.note(note::LIMITS);
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

async fn look(
    login: &Login<'_>,
    user: &User,
    limits: Option<&Limits>,
    goes_on: Option<&SessionId>,
) -> Result<(Limited, Counted), LoginError> {
    let scene = login.scene;
    let (app, realm) = (scene.app, scene.realm);
    // The session of the browser's cookie goes on, or gives way to the new one; another's does not.
    let signed_in = identity(app, realm, scene.context, scene.browser).await?;
    let signed_in = signed_in
        .map(|identity| identity.session)
        .filter(|session| session.user == user.id)
        .map(|session| session.id);
    let root = &login.tab.session.root;
    let whose = (user, &login.tab.client.uuid);
    let looked = session_limits::look(app, realm, limits, whose, |all| {
        // That of this browser's login goes on as well, even if the browser has lost its cookie.
        let kept = || all.iter().find(|session| session.id == *root);
        let known = goes_on.or(signed_in.as_ref()).cloned();
        known.or_else(|| kept().map(|session| session.id.clone()))
    });
    Ok(looked.await?)
}

/// Holds the login to the limits that it has come by, now that its session is made: `goes_on` if there is
/// one already. What turns it away is a page.
pub async fn enforce(
    login: &mut Login<'_>,
    user: &User,
    goes_on: Option<&SessionId>,
) -> Result<Option<Outcome>, LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    let client = login.tab.client.uuid.clone();
    let mut ends: BTreeMap<SessionId, UserSession> = BTreeMap::new();
    for limits in kept(login) {
        let (limited, counted) = look(login, user, Some(&limits), goes_on).await?;
        counted.guard(realm, (user, &client), &mut login.tx);
        match limited {
            Limited::Fits => {}
            Limited::Ends(sessions) => {
                ends.extend(
                    sessions
                        .into_iter()
                        .map(|session| (session.id.clone(), session)),
                );
            }
            Limited::Denied | Limited::Broken(_) => {
                tell(login);
                let message = Message::new(limits.message());
                let client = Some(&login.tab.client);
                return Ok(Some(login.scene.error(client, Fault::Forbidden, message)));
            }
        }
    }
    for session in ends.values() {
        session_limits::end(app, realm, &login.event, session, &mut login.tx).await?;
    }
    Ok(None)
}

fn tell(login: &mut Login<'_>) {
    let (app, realm) = (login.scene.app, login.scene.realm);
    login
        .event
        .error(app, realm, "generic_authentication_error", &mut login.tx);
}
