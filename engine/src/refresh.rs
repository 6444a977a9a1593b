//! Refresh: a refresh token for new tokens, once, twice or as often as the realm allows.
//!
//! Rotation and reuse detection (RFC 9700 §4.14.2): under `revokeRefreshToken` the client's part of
//! the session remembers which token was used last and how often. Two requests that use the same
//! token at the same moment meet in the write: its precondition is the state that was read, so one
//! of them misses, reads again and finds itself a reuse.

use claviger_model::session::EndReason;
use claviger_model::{ClientSession, Millis, Seconds};
use claviger_store::{Commit, StoreError, Tx};

use crate::app::App;
use crate::client::Client;
use crate::gate::{GateError, Unusable, Usable, usable};
use crate::logout::{end_client_session, end_session};
use crate::realm::Realm;
use crate::request::RequestContext;
use crate::revocation::revoked_before;
use crate::token::TokenClaims;

/// Why a refresh token gets nothing.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is not one of this realm's refresh tokens.
    #[error("Invalid refresh token")]
    Invalid,
    /// It is of another issuer.
    #[error("Invalid token issuer. Expected '{expected}'")]
    Issuer {
        /// The issuer of the realm at this request's address.
        expected: String,
    },
    /// It is from before a not-before cut.
    #[error("Stale token")]
    Stale,
    /// It is too old.
    #[error("Token is not active")]
    NotActive,
    /// It is bound to a key whose possession the request does not prove (RFC 9449 §5).
    #[error("DPoP proof is missing")]
    Unproven,
    /// It was issued to another client.
    #[error("Invalid refresh token. Token client and authorized client don't match")]
    OtherClient,
    /// It was used too often, or after its successor.
    #[error("Maximum allowed refresh token reuse exceeded")]
    Reused,
    /// Too many requests use the session at the same moment.
    #[error("too many requests use one session at once")]
    Crowded,
    /// What it hangs on cannot be used.
    #[error("not usable: {0:?}")]
    Unusable(Unusable),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GateError> for RefreshError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Unusable(reason) => Self::Unusable(reason),
            GateError::Store(error) => Self::Store(error),
        }
    }
}

/// Whether the age of a token counts. For logout it does not: to end a session with a token that
/// is over is what a user expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// The token must be active and newer than the cuts of realm and client.
    Counts,
    /// The token may be over.
    Ignored,
}

/// Reads a refresh token that a client presents as its own.
pub async fn verify(
    realm: &Realm,
    client: &Client,
    request: &RequestContext,
    text: &str,
    age: Age,
    now: Millis,
) -> Result<TokenClaims, RefreshError> {
    let ring = realm.keys().await?;
    let token = TokenClaims::verify(&ring, text).ok_or(RefreshError::Invalid)?;
    if !token.is_refresh() {
        return Err(RefreshError::Invalid);
    }
    if !request.is_issuer(&token.issuer, &realm.name) {
        return Err(RefreshError::Issuer {
            expected: request.issuer(&realm.name),
        });
    }
    if age == Age::Counts {
        if token.issued_at < revoked_before(realm, Some(client), None) {
            return Err(RefreshError::Stale);
        }
        if !token.is_active(now) {
            return Err(RefreshError::NotActive);
        }
    }
    if token.issued_for.as_deref() != Some(client.client_id.as_str()) {
        return Err(RefreshError::OtherClient);
    }
    // Proofs are not read yet, and so no bound token is good.
    if token.is_bound_to_a_key() {
        return Err(RefreshError::Unproven);
    }
    Ok(token)
}

/// Finds what a verified refresh token hangs on. A session that has outlived its limits is ended
/// on the way, like by any other door.
pub async fn find(
    app: &App,
    realm: &Realm,
    client: &Client,
    token: &TokenClaims,
) -> Result<Usable, RefreshError> {
    match usable(app, realm, client, &token.claim()).await {
        Ok(found) => Ok(found),
        Err(error) => {
            let mut tx = Tx::new();
            let expired = EndReason::Expired;
            match &error {
                GateError::Unusable(Unusable::SessionExpired(session)) => {
                    end_session(app, realm, &mut tx, session, expired).await?;
                }
                GateError::Unusable(Unusable::PartExpired(session)) => {
                    end_client_session(app, realm, &mut tx, session, &client.uuid, expired).await?;
                }
                GateError::Unusable(_) | GateError::Store(_) => {}
            }
            let _ended = app.commit(tx).await?;
            Err(error.into())
        }
    }
}

/// How often two requests of one session may meet before one gives up.
const TRIES: usize = 8;
/// How many families of refresh tokens (browser tabs, mostly) one client's part remembers.
const FAMILIES: usize = 64;
/// Begins the name of the note that remembers a family's last use.
const FAMILY: &str = "refresh:";

/// The last use in a family of refresh tokens: the token, how often, and when it was followed.
#[derive(Debug, PartialEq, Eq)]
struct LastUse {
    token: String,
    uses: i64,
    at: Seconds,
}

impl LastUse {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let token = parts.next()?.to_owned();
        let uses = parts.next()?.parse().ok()?;
        let at = Seconds(parts.next()?.parse().ok()?);
        Some(Self { token, uses, at })
    }

    fn text(&self) -> String {
        format!("{} {} {}", self.token, self.uses, self.at.0)
    }
}

/// Counts the use of a token in its family; false if it is used too often, or after its successor.
fn rotate(part: &mut ClientSession, token: &TokenClaims, max_reuse: i64, now: Millis) -> bool {
    let name = format!("{FAMILY}{}", token.text("reuse_id").unwrap_or_default());
    let last = part.notes.get(&name).and_then(|text| LastUse::read(text));
    let uses = match last {
        Some(last) if last.token == token.id => last.uses,
        Some(last) if token.issued_at < last.at => return false,
        Some(_) | None => 0,
    };
    if uses > max_reuse {
        return false;
    }
    let fresh = LastUse {
        token: token.id.clone(),
        uses: uses + 1,
        at: now.seconds(),
    };
    part.notes.insert(name, fresh.text());
    forget_oldest(part);
    part.refresh_token_id = Some(token.id.clone());
    part.refresh_token_uses = part.refresh_token_uses.wrapping_add(1);
    true
}

fn forget_oldest(part: &mut ClientSession) {
    let families = || {
        part.notes
            .iter()
            .filter(|(name, _)| name.starts_with(FAMILY))
    };
    if families().count() <= FAMILIES {
        return;
    }
    let at = |text: &str| LastUse::read(text).map_or(Seconds(0), |last| last.at);
    let oldest = families()
        .min_by_key(|(_, text)| at(text))
        .map(|(name, _)| name.clone());
    if let Some(name) = oldest {
        part.notes.remove(&name);
    }
}

/// Prolongs a session and a client's part by their use now. Only the copies in hand change.
pub fn prolong(realm: &Realm, usable: &mut Usable, now: Millis) {
    let settings = &realm.settings.lifespans;
    let (session, part) = usable.parts_mut();
    session.last_refresh = now;
    session.expires_at = crate::session::end(settings, session);
    part.last_refresh = now;
}

/// One use of a refresh token.
#[derive(Debug)]
pub struct Use<'a> {
    /// The token.
    pub token: &'a TokenClaims,
    /// What it hangs on, as [`find`] found it.
    pub found: Usable,
    /// A moment before the successor was minted: a later one could be of the next second, and the
    /// successor would be taken for a token from before this use.
    pub now: Millis,
}

/// Stores the use of a refresh token: sessions are prolonged and, under rotation, the use is
/// counted. What `also` adds, to the client's part too, is written in the same job. A reuse ends
/// the client's part in the session (both the thief and the user then have to begin anew).
///
/// That session and part are still there is a precondition of the write: if they are not, all is
/// looked at again.
pub async fn renew(
    app: &App,
    realm: &Realm,
    client: &Client,
    use_of: Use<'_>,
    also: &(dyn Fn(&mut ClientSession, &mut Tx) + Sync),
) -> Result<(), RefreshError> {
    let Use { token, found, now } = use_of;
    let settings = &realm.settings.lifespans;
    let mut found = Some(found);
    for _ in 0..TRIES {
        let mut usable = match found.take() {
            Some(found) => found,
            None => find(app, realm, client, token).await?,
        };
        let before = usable.part().clone();
        prolong(realm, &mut usable, now);
        let (session, part) = usable.parts_mut();
        if settings.revoke_refresh_token
            && !rotate(part, token, settings.refresh_token_max_reuse, now)
        {
            return Err(reused(app, realm, client, &usable).await?);
        }
        let mut tx = Tx::new();
        also(part, &mut tx);
        tx.refresh_user_session(
            &realm.id,
            session.kind,
            &session.id,
            now,
            session.expires_at,
        );
        tx.refresh_client_session(&realm.id, part, Some((&before).into()));
        match app.commit(tx).await? {
            Commit::Done => return Ok(()),
            // Ended, or used by somebody else, since it was read: see what is there now.
            Commit::Missed(_) | Commit::Conflict(_) => {}
        }
    }
    Err(RefreshError::Crowded)
}

async fn reused(
    app: &App,
    realm: &Realm,
    client: &Client,
    usable: &Usable,
) -> Result<RefreshError, StoreError> {
    let mut tx = Tx::new();
    let reason = EndReason::RefreshTokenReuse;
    end_client_session(app, realm, &mut tx, usable.session(), &client.uuid, reason).await?;
    let _ended = app.commit(tx).await?;
    Ok(RefreshError::Reused)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use claviger_model::session::SessionKind;
    use claviger_model::{ClientUuid, SessionId};
    use serde_json::json;

    use super::*;

    fn part() -> ClientSession {
        ClientSession {
            session: SessionId::new("s"),
            kind: SessionKind::Online,
            client: ClientUuid::new("c"),
            started_at: Millis(0),
            last_refresh: Millis(0),
            refresh_token_id: None,
            refresh_token_uses: 0,
            notes: BTreeMap::new(),
        }
    }

    fn token(id: &str, family: &str, issued_at: i64) -> TokenClaims {
        let claims = json!({"jti": id, "typ": "Refresh", "iat": issued_at, "reuse_id": family});
        TokenClaims::from_json(claims.as_object().unwrap().clone())
    }

    #[test]
    fn a_token_is_used_once_and_its_successor_after_it() {
        let mut part = part();
        assert!(rotate(&mut part, &token("1", "f", 10), 0, Millis(20_000)));
        assert!(!rotate(&mut part, &token("1", "f", 10), 0, Millis(21_000)));
        assert!(rotate(&mut part, &token("2", "f", 20), 0, Millis(22_000)));
        assert!(
            !rotate(&mut part, &token("1", "f", 10), 0, Millis(23_000)),
            "stale"
        );
    }

    #[test]
    fn tolerated_reuses_are_counted() {
        let mut part = part();
        for allowed in [true, true, false] {
            assert_eq!(
                rotate(&mut part, &token("1", "f", 10), 1, Millis(20_000)),
                allowed
            );
        }
    }

    #[test]
    fn another_tab_of_the_same_session_is_another_family() {
        let mut part = part();
        assert!(rotate(&mut part, &token("1", "one", 10), 0, Millis(20_000)));
        assert!(rotate(&mut part, &token("9", "two", 10), 0, Millis(21_000)));
        assert!(rotate(&mut part, &token("2", "one", 20), 0, Millis(22_000)));
    }

    #[test]
    fn families_do_not_grow_without_end() {
        let mut part = part();
        for number in 0..200 {
            let token = token("1", &format!("family {number}"), number);
            assert!(rotate(&mut part, &token, 0, Millis(number * 1000)));
        }
        assert_eq!(part.notes.len(), FAMILIES);
        assert!(part.notes.contains_key("refresh:family 199"));
    }
}
