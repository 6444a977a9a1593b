//! `user-session-limits`: how many sessions somebody may have, in the realm and at the client. Flows with
//! pages and without ask here.

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientUuid, SessionId, User, UserSession};
use claviger_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::events::EventBuilder;
use crate::flow::{Refusal, Step};
use crate::logout::end_session;
use crate::realm::Realm;
use crate::session::is_alive;

/// What happens where there are too many: nobody else gets in, or who came first has to go.
const DENY: &str = "Deny new session";
const END: &str = "Terminate oldest session";

/// What a step's settings come to.
#[derive(Debug)]
pub enum Limited {
    /// One more fits.
    Fits,
    /// Nobody else gets in.
    Denied,
    /// These have to go.
    Ends(Vec<UserSession>),
    /// The settings are no good, and nobody gets in by them.
    Broken(Refusal),
}

/// What a step sets. A login keeps it until its session is made, for pages may lie between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    realm: usize,
    client: usize,
    behavior: Option<String>,
    message: Option<String>,
}

impl Limits {
    /// What the step's settings say; nothing where it has none.
    pub fn of(step: &Step) -> Option<Self> {
        step.config.as_ref()?;
        let limit = |name: &str| -> usize {
            let number = step.setting(name).and_then(|text| text.trim().parse().ok());
            number.unwrap_or(0)
        };
        let text = |name: &str| step.setting(name).map(str::to_owned);
        Some(Self {
            realm: limit("userRealmLimit"),
            client: limit("userClientLimit"),
            behavior: text("behavior"),
            message: text("errorMessage"),
        })
    }

    /// What somebody is told who does not get in.
    pub fn message(&self) -> &str {
        let own = self.message.as_deref();
        own.unwrap_or("sessionLimitExceeded")
    }
}

/// The sessions of a user as they were counted, those whose time is over included.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    all: i64,
    at_client: i64,
}

impl Counted {
    /// Lets the job fail if there are more by the time it is written: of two logins at the same time
    /// one begins anew. It has to come before whatever begins or ends sessions in the job.
    pub fn guard(self, realm: &Realm, (user, client): (&User, &ClientUuid), tx: &mut Tx) {
        let counts = (self.all, self.at_client);
        tx.expect_no_more_sessions(&realm.id, SessionKind::Online, (&user.id, client), counts);
    }
}

/// Counts the sessions of a user. `own` finds, among those that there are, the one that goes on.
pub async fn look(
    app: &App,
    realm: &Realm,
    limits: Option<&Limits>,
    (user, client): (&User, &ClientUuid),
    own: impl Fn(&[UserSession]) -> Option<SessionId>,
) -> Result<(Limited, Counted), StoreError> {
    let mut counted = Counted {
        all: 0,
        at_client: 0,
    };
    let Some(limits) = limits else {
        tracing::error!(
            realm = realm.name,
            "sessions are to be limited, and nothing says how"
        );
        return Ok((Limited::Broken(Refusal::InvalidCredentials), counted));
    };
    let (store, now) = (&app.store, app.now());
    let online = SessionKind::Online;
    let (mut all, mut at_client) = (Vec::new(), Vec::new());
    for session in store.sessions_of_user(&realm.id, online, &user.id).await? {
        let part = store.client_session(&realm.id, online, &session.id, client);
        let takes_part = part.await?.is_some();
        counted.all += 1;
        counted.at_client += i64::from(takes_part);
        if !is_alive(realm, &session, now) {
            continue;
        }
        if takes_part {
            at_client.push(session.clone());
        }
        all.push(session);
    }
    let own = own(&all);
    let Some(excess) = excess_of(limits, own.as_ref(), (&all, &at_client)) else {
        return Ok((Limited::Fits, counted));
    };
    let limited = match limits.behavior.as_deref() {
        Some(DENY) => {
            tracing::info!(
                realm = realm.name,
                user = user.id.as_str(),
                "{} session limit exceeded",
                excess.of
            );
            Limited::Denied
        }
        Some(END) => Limited::Ends(excess.ending),
        // A limit that says nothing of what happens at it must not be none.
        Some(_) | None => Limited::Broken(Refusal::Internal),
    };
    Ok((limited, counted))
}

/// Ends a session that has to go, told by the event of the login that takes its place. Of two logins
/// that would end the same one, one begins anew: each has to make room for itself.
pub async fn end(
    app: &App,
    realm: &Realm,
    event: &EventBuilder,
    session: &UserSession,
    tx: &mut Tx,
) -> Result<(), StoreError> {
    tx.claim_user_session(&realm.id, session);
    end_session(app, realm, tx, session, EndReason::Policy).await?;
    let mut event = event.clone();
    event.kind("LOGOUT");
    // Whoever is to go has agreed to nothing in this login.
    event.forget("consent");
    event.user(session.user.as_str());
    event.session(Some(session.id.as_str()));
    event.success(app, realm, tx);
    Ok(())
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
    limits: &Limits,
    own: Option<&SessionId>,
    (all, at_client): (&[UserSession], &[UserSession]),
) -> Option<Excess> {
    let (realm_limit, client_limit) = (limits.realm, limits.client);
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
