//! The one gate: a session, and what hangs on it, can be used only through [`usable`].
//!
//! The order is realm, client, user, session, as the recorded refusals show. Disabled and deleted
//! things stop here for every grant and every token check alike, so that no door can forget one
//! (the family of CVE-2025-14559: tokens that outlive the disabling of their user).

use claviger_model::session::SessionKind;
use claviger_model::{ClientSession, Millis, Seconds, SessionId, User, UserId, UserSession};
use claviger_store::StoreError;

use crate::app::App;
use crate::client::Client;
use crate::realm::Realm;
use crate::revocation::revoked_before;
use crate::session::{is_alive, is_client_alive};

/// What a token says about the session that it hangs on.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `sub`: the user's id, unless the client has pairwise subjects.
    pub subject: Option<UserId>,
    /// `sid`.
    pub session: Option<SessionId>,
    /// The kinds of session that the token may hang on, in the order of looking.
    pub kinds: &'static [SessionKind],
    /// `iat`.
    pub issued_at: Seconds,
    /// Whether it hangs on the client's part in the session too.
    pub part: Part,
}

/// Whether a token hangs on its client's part in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It does: with the part, the token ends.
    Needed,
    /// It hangs on the session alone: it was exchanged for another client's token (RFC 8693), by a
    /// client that did not take part in the session.
    Spared,
}

/// A user, its session and a client's part in it, all of which may be used now.
#[derive(Clone, Debug)]
pub struct Usable {
    user: User,
    session: UserSession,
    part: ClientSession,
    is_part_kept: bool,
}

impl Usable {
    /// The enabled user.
    pub const fn user(&self) -> &User {
        &self.user
    }

    /// The live session.
    pub const fn session(&self) -> &UserSession {
        &self.session
    }

    /// The client's live part in the session.
    pub const fn part(&self) -> &ClientSession {
        &self.part
    }

    /// Whether the client's part is, or will be, in the store. If not, tokens hang on the session
    /// alone.
    pub const fn is_part_kept(&self) -> bool {
        self.is_part_kept
    }

    /// A session that this very request begins for a user who has just proved who they are.
    pub(crate) const fn fresh(user: User, session: UserSession, part: ClientSession) -> Self {
        Self {
            user,
            session,
            part,
            is_part_kept: true,
        }
    }

    /// The same user and session with another client's part, one that is or will be in the store.
    pub(crate) fn with_part(&self, part: ClientSession) -> Self {
        Self {
            part,
            is_part_kept: true,
            ..self.clone()
        }
    }

    /// The same user and session with a part of this client's that nobody keeps.
    pub(crate) fn without_part(&self, client: &Client) -> Self {
        Self {
            part: passing_part(&self.session, client),
            is_part_kept: false,
            ..self.clone()
        }
    }

    /// Changes the copies in hand, on the way to the store.
    pub(crate) const fn parts_mut(&mut self) -> (&mut UserSession, &mut ClientSession) {
        (&mut self.session, &mut self.part)
    }
}

/// The first thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The realm is disabled.
    RealmDisabled,
    /// The client is disabled.
    ClientDisabled,
    /// The user is disabled.
    UserDisabled,
    /// There is no such user any more.
    UserNotFound,
    /// There is no such session, or it is another user's.
    SessionNotFound,
    /// The session has outlived its limits; it waits to be ended.
    SessionExpired(Box<UserSession>),
    /// The client has no part in the session.
    PartNotFound,
    /// The client's part has outlived its limits.
    PartExpired(Box<UserSession>),
    /// The token is older than the session.
    OlderThanSession,
    /// The token is older than the client's part in the session.
    OlderThanPart,
    /// The token is older than a cut of realm, client or user.
    Stale,
}

/// Why there is nothing usable: a refusal, or a failing store, which is never taken for one.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// Something stands in the way.
    #[error("not usable: {0:?}")]
    Unusable(Unusable),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unusable> for GateError {
    fn from(reason: Unusable) -> Self {
        Self::Unusable(reason)
    }
}

/// What was read in one question, as a rule all there is to read. What is taken out of it is looked at
/// as if it had been read alone; what is not there is read alone, to tell what is missing.
#[derive(Default)]
struct Read {
    user: Option<User>,
    session: Option<UserSession>,
    part: Option<ClientSession>,
}

impl Read {
    async fn together(
        app: &App,
        realm: &Realm,
        client: &Client,
        claim: &Claim,
    ) -> Result<Self, StoreError> {
        let (Some(id), Some(kind), Part::Needed) =
            (&claim.session, claim.kinds.first(), claim.part)
        else {
            return Ok(Self::default());
        };
        let standing = app.store.standing(&realm.id, *kind, id, &client.uuid);
        Ok(standing.await?.map_or_else(Self::default, |found| Self {
            user: Some(found.user),
            session: Some(found.session),
            part: Some(found.part),
        }))
    }
}

/// Finds the session that a token hangs on and lets it pass if everything about it may be used.
pub async fn usable(
    app: &App,
    realm: &Realm,
    client: &Client,
    claim: &Claim,
) -> Result<Usable, GateError> {
    open(realm, client)?;
    let mut read = Read::together(app, realm, client, claim).await?;
    // A pairwise subject finds nobody here; then the session tells whose it is.
    let subject = match &claim.subject {
        Some(subject) => match read.user.take_if(|user| user.id == *subject) {
            None => app.store.user(&realm.id, subject).await?,
            read => read,
        },
        None => None,
    };
    if subject.as_ref().is_some_and(|user| !user.enabled) {
        return Err(Unusable::UserDisabled.into());
    }
    let Some(id) = &claim.session else {
        return Err(Unusable::SessionNotFound.into());
    };
    let session = find(app, realm, claim, id, &mut read).await?;
    let user = match subject {
        Some(user) if user.id == session.user => user,
        // Its id may be that of a session before it, of somebody else (CVE-2025-12390).
        Some(_) => return Err(Unusable::SessionNotFound.into()),
        None => owner(app, realm, &session, &mut read).await?,
    };
    let part = match claim.part {
        Part::Needed => live_part(app, realm, client, (&session, claim), &mut read).await?,
        Part::Spared => passing_part(&session, client),
    };
    if claim.issued_at < revoked_before(realm, Some(client), Some(&user)) {
        return Err(Unusable::Stale.into());
    }
    Ok(Usable {
        user,
        session,
        part,
        is_part_kept: claim.part == Part::Needed,
    })
}

async fn live_part(
    app: &App,
    realm: &Realm,
    client: &Client,
    (session, claim): (&UserSession, &Claim),
    read: &mut Read,
) -> Result<ClientSession, GateError> {
    let part = match read.part.take_if(|part| part.kind == session.kind) {
        None => {
            let (kind, id) = (session.kind, &session.id);
            let part = app.store.client_session(&realm.id, kind, id, &client.uuid);
            part.await?
        }
        read => read,
    };
    let Some(part) = part else {
        return Err(Unusable::PartNotFound.into());
    };
    if !is_client_alive(realm, client, session, &part, app.now()) {
        return Err(Unusable::PartExpired(Box::new(session.clone())).into());
    }
    if is_older(claim.issued_at, part.started_at) {
        return Err(Unusable::OlderThanPart.into());
    }
    Ok(part)
}

/// A part in a session that nobody keeps, as old as the session.
fn passing_part(session: &UserSession, client: &Client) -> ClientSession {
    ClientSession {
        session: session.id.clone(),
        kind: session.kind,
        client: client.uuid.clone(),
        started_at: session.started_at,
        last_refresh: session.last_refresh,
        refresh_token_id: None,
        refresh_token_uses: 0,
        notes: std::collections::BTreeMap::new(),
    }
}

/// Lets a user pass for whom there is no session: the subject of a stateless token.
pub async fn usable_user(
    app: &App,
    realm: &Realm,
    client: &Client,
    claim: &Claim,
) -> Result<User, GateError> {
    open(realm, client)?;
    let user = match &claim.subject {
        Some(subject) => app.store.user(&realm.id, subject).await?,
        None => None,
    };
    let user = user.ok_or(Unusable::UserNotFound)?;
    if !user.enabled {
        return Err(Unusable::UserDisabled.into());
    }
    if claim.issued_at < revoked_before(realm, Some(client), Some(&user)) {
        return Err(Unusable::Stale.into());
    }
    Ok(user)
}

fn open(realm: &Realm, client: &Client) -> Result<(), Unusable> {
    if !realm.enabled {
        return Err(Unusable::RealmDisabled);
    }
    if !client.settings.enabled {
        return Err(Unusable::ClientDisabled);
    }
    Ok(())
}

async fn find(
    app: &App,
    realm: &Realm,
    claim: &Claim,
    id: &SessionId,
    read: &mut Read,
) -> Result<UserSession, GateError> {
    let now = app.now();
    let mut expired = None;
    for kind in claim.kinds {
        let session = match read.session.take_if(|session| session.kind == *kind) {
            None => app.store.user_session(&realm.id, *kind, id).await?,
            read => read,
        };
        let Some(session) = session else {
            continue;
        };
        if !is_alive(realm, &session, now) {
            expired = Some(session);
            continue;
        }
        if is_older(claim.issued_at, session.started_at) {
            return Err(Unusable::OlderThanSession.into());
        }
        return Ok(session);
    }
    Err(match expired {
        Some(session) => Unusable::SessionExpired(Box::new(session)).into(),
        None => Unusable::SessionNotFound.into(),
    })
}

async fn owner(
    app: &App,
    realm: &Realm,
    session: &UserSession,
    read: &mut Read,
) -> Result<User, GateError> {
    let user = match read.user.take_if(|user| user.id == session.user) {
        None => app.store.user(&realm.id, &session.user).await?,
        read => read,
    };
    let user = user.ok_or(Unusable::UserNotFound)?;
    if user.enabled {
        Ok(user)
    } else {
        Err(Unusable::UserDisabled.into())
    }
}

/// Whether a token is older than what it hangs on, with one second of grace for rounding.
fn is_older(issued_at: Seconds, started: Millis) -> bool {
    issued_at + Seconds(1) < started.seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_the_second_before_the_session_passes_and_no_older_one() {
        assert!(!is_older(Seconds(9), Millis(10_999)));
        assert!(is_older(Seconds(8), Millis(10_000)));
    }
}
