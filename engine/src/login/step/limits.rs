//! `user-session-limits`: how many sessions somebody may have, in the realm and at the client.

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{SessionId, UserSession};

use super::super::drive::Login;
use super::super::{LoginError, identity};
use super::Came;
use crate::flow::{Refusal, Step, Verdict};
use crate::logout::end_session;
use crate::page::Fault;
use crate::session::is_alive;

/// What happens where there are too many: nobody else gets in, or who came first has to go.
const DENY: &str = "Deny new session";
const END: &str = "Terminate oldest session";

/// Asks.
pub async fn ask(login: &mut Login<'_>, step: &Step) -> Result<Came, LoginError> {
    let scene = login.scene;
    if step.config.is_none() {
        tracing::error!(
            realm = scene.realm.name,
            "sessions are to be limited, and nothing says how"
        );
        return Ok(Verdict::Refused(Refusal::InvalidCredentials).into());
    }
    let Some(user) = login.user.clone() else {
        return Ok(Verdict::Proven(None).into());
    };
    let own = identity(scene.app, scene.realm, scene.context, scene.browser).await?;
    let own = own.map(|identity| identity.session.id);
    // A session of this browser's login goes on, even if the browser has lost its cookie.
    let root = &login.tab.session.root;
    let now = scene.app.now();
    let all = scene
        .app
        .store
        .sessions_of_user(&scene.realm.id, SessionKind::Online, &user.id)
        .await?;
    let all: Vec<UserSession> = all
        .into_iter()
        .filter(|session| is_alive(scene.realm, session, now))
        .collect();
    let own = own.or_else(|| {
        let kept = all.iter().find(|session| session.id == *root);
        kept.map(|session| session.id.clone())
    });
    let at_client = at_client(login, &all).await?;
    let Some(excess) = excess_of(step, own.as_ref(), (&all, &at_client)) else {
        return Ok(Verdict::Proven(None).into());
    };
    match step.setting("behavior") {
        Some(DENY) => {
            tracing::info!(
                realm = scene.realm.name,
                user = user.id.as_str(),
                "{} session limit exceeded",
                excess.of
            );
            Ok(deny(login, step))
        }
        Some(END) => {
            for session in &excess.ending {
                end(login, session).await?;
            }
            Ok(Verdict::Proven(None).into())
        }
        // A limit that says nothing of what happens at it must not be none.
        Some(_) | None => Ok(Verdict::Refused(Refusal::Internal).into()),
    }
}

/// Too many sessions.
struct Excess {
    /// Of what there are too many.
    of: &'static str,
    /// Those that have to go so that one more fits.
    ending: Vec<UserSession>,
}

/// Whether one more session, or one more at the client, is too many. A session that goes on is not one
/// more, and a client that takes part in it is not either.
fn excess_of(
    step: &Step,
    own: Option<&SessionId>,
    (all, at_client): (&[UserSession], &[UserSession]),
) -> Option<Excess> {
    let limit = |name: &str| -> usize {
        let number = step.setting(name).and_then(|text| text.trim().parse().ok());
        number.unwrap_or(0)
    };
    let (realm_limit, client_limit) = (limit("userRealmLimit"), limit("userClientLimit"));
    let takes_part = own.is_some_and(|own| at_client.iter().any(|known| known.id == *own));
    let mut ending = oldest(at_client, excess(at_client.len(), client_limit));
    if own.is_none() && excess(all.len(), realm_limit) > 0 {
        let left: Vec<UserSession> = all
            .iter()
            .filter(|session| !ending.iter().any(|gone| gone.id == session.id))
            .cloned()
            .collect();
        ending.extend(oldest(&left, excess(left.len(), realm_limit)));
        return Some(Excess {
            of: "Realm",
            ending,
        });
    }
    (!takes_part && !ending.is_empty()).then_some(Excess {
        of: "Client",
        ending,
    })
}

/// Those of a user's sessions in which the tab's client takes part.
async fn at_client(login: &Login<'_>, all: &[UserSession]) -> Result<Vec<UserSession>, LoginError> {
    let (store, realm) = (&login.scene.app.store, &login.scene.realm.id);
    let mut found = Vec::new();
    for session in all {
        let client = &login.tab.client.uuid;
        let part = store.client_session(realm, SessionKind::Online, &session.id, client);
        if part.await?.is_some() {
            found.push(session.clone());
        }
    }
    Ok(found)
}

/// How many sessions have to go so that one more fits under a limit; none where there is no limit.
fn excess(count: usize, limit: usize) -> usize {
    limit
        .checked_sub(1)
        .map_or(0, |others| count.saturating_sub(others))
}

/// The sessions that were not used for longest.
fn oldest(sessions: &[UserSession], count: usize) -> Vec<UserSession> {
    let mut sorted: Vec<&UserSession> = sessions.iter().collect();
    sorted.sort_by_key(|session| session.last_refresh);
    sorted.into_iter().take(count).cloned().collect()
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

async fn end(login: &mut Login<'_>, session: &UserSession) -> Result<(), LoginError> {
    let (app, realm) = (login.scene.app, login.scene.realm);
    end_session(app, realm, &mut login.tx, session, EndReason::Policy).await?;
    let mut event = login.event.clone();
    event.kind("LOGOUT");
    event.user(session.user.as_str());
    let id: &SessionId = &session.id;
    event.session(Some(id.as_str()));
    event.success(app, realm, &mut login.tx);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::excess;

    #[test]
    fn one_more_has_to_fit_under_the_limit() {
        for (count, limit, gone) in [(0, 1, 0), (1, 1, 1), (3, 2, 2), (1, 2, 0), (9, 0, 0)] {
            assert_eq!(excess(count, limit), gone, "{count} of {limit}");
        }
    }
}
