//! What was taken back before its time, in the one form that every carrier tells.

use crate::session::EndReason;
use crate::{Millis, RealmId, SessionId, UserId};

/// Which tokens are dead: those that have all of the keys named here, and were issued in time. A
/// key that is not named fits any token; with no key at all it is the whole realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose tokens.
    pub realm: RealmId,
    /// The `clientId` of the client they were issued to: `azp`.
    pub client: Option<String>,
    /// The user they are about: `sub`, unless the client has pairwise subjects.
    pub user: Option<UserId>,
    /// The session they hang on: `sid`.
    pub session: Option<SessionId>,
    /// The one token: `jti`.
    pub jti: Option<String>,
    /// Tokens issued up to this instant, with it, are dead. Not the time of the end, which is `at`:
    /// for a session's own end it is later, as nothing of it comes back.
    pub before: Millis,
    /// From this instant on no such token is alive by its own end, and the record may be forgotten.
    pub until: Millis,
    /// When it happened.
    pub at: Millis,
    /// Why.
    pub reason: EndReason,
}

/// A record with its number in the realm's sequence. Numbers become visible in order and without a
/// hole: whoever has seen one has seen all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The number, from 1.
    pub seq: i64,
    /// The record.
    pub revocation: Revocation,
}

/// What a record is compared with: the claims of an access token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// `azp`.
    pub client: Option<&'a str>,
    /// `sub`.
    pub user: Option<&'a str>,
    /// `sid`.
    pub session: Option<&'a str>,
    /// `jti`.
    pub jti: Option<&'a str>,
    /// `iat`, in milliseconds.
    pub issued_at: Millis,
}

impl Revocation {
    /// Whether a token is dead by this record.
    pub fn kills(&self, token: &Subject<'_>) -> bool {
        fn fits(named: Option<&str>, has: Option<&str>) -> bool {
            named.is_none_or(|named| has == Some(named))
        }
        fits(self.client.as_deref(), token.client)
            && fits(self.user.as_ref().map(AsRef::as_ref), token.user)
            && fits(self.session.as_ref().map(AsRef::as_ref), token.session)
            && fits(self.jti.as_deref(), token.jti)
            && token.issued_at <= self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Revocation {
        Revocation {
            realm: RealmId::new("r"),
            client: None,
            user: None,
            session: None,
            jti: None,
            before: Millis(10_000),
            until: Millis(400_000),
            at: Millis(10_000),
            reason: EndReason::Logout,
        }
    }

    #[test]
    fn all_keys_that_are_named_must_fit() {
        let token = Subject {
            client: Some("web"),
            user: Some("u"),
            session: Some("s"),
            jti: Some("j"),
            issued_at: Millis(10_000),
        };
        let session = Revocation {
            session: Some("s".into()),
            ..record()
        };
        let part = Revocation {
            client: Some("web".into()),
            ..session.clone()
        };
        let other = Revocation {
            client: Some("api".into()),
            ..session.clone()
        };
        let user = Revocation {
            user: Some("u".into()),
            ..record()
        };
        let one = Revocation {
            jti: Some("k".into()),
            ..record()
        };
        for (record, dead) in [
            (record(), true),
            (session.clone(), true),
            (part, true),
            (other, false),
            (user, true),
            (one, false),
        ] {
            assert_eq!(record.kills(&token), dead, "{record:?}");
        }
        let later = Subject {
            issued_at: Millis(11_000),
            ..token
        };
        assert!(!record().kills(&later));
        let without_session = Subject {
            session: None,
            ..token
        };
        assert!(!session.kills(&without_session));
    }
}
