//! Sessions: a user's presence, and each client's part in it.

use std::collections::BTreeMap;

use crate::{ClientUuid, Millis, SessionId, UserId};

/// Whether a session lives with the browser or survives it (OpenID Connect Core §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionKind {
    /// Ends with idle time, maximum lifespan or logout.
    Online,
    /// Made by scope `offline_access`; ends by revocation or its own, longer, idle time.
    Offline,
}

impl SessionKind {
    /// Both kinds, to walk through all sessions of something.
    pub const ALL: [Self; 2] = [Self::Online, Self::Offline];
}

/// One user's presence, perhaps at several clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSession {
    /// `sid`. An offline session keeps the id of the online session that it came from.
    pub id: SessionId,
    /// Online or offline.
    pub kind: SessionKind,
    /// Whose it is.
    pub user: UserId,
    /// When the user signed in.
    pub started_at: Millis,
    /// When a client last used it; idle time counts from here.
    pub last_refresh: Millis,
    /// After this instant it cannot be used whatever the settings say later; the purge key.
    pub expires_at: Millis,
    /// Signed in with "remember me": longer limits.
    pub remember_me: bool,
    /// Address of the client that started it.
    pub ip_address: String,
    /// `openid-connect` or `saml`: the protocol that started it.
    pub auth_method: String,
    /// The base path on which it began, `""` or `"/auth"`: its tokens carry that issuer.
    pub base_path: String,
    /// Keycloak's session notes, by name.
    pub notes: BTreeMap<String, String>,
}

/// One client's part in a user session: what its refresh tokens hang on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSession {
    /// The user session it belongs to.
    pub session: SessionId,
    /// Online or offline, as the user session.
    pub kind: SessionKind,
    /// The client.
    pub client: ClientUuid,
    /// When the client first took part.
    pub started_at: Millis,
    /// When the client last refreshed.
    pub last_refresh: Millis,
    /// `jti` of the refresh token in use, under rotation (`revokeRefreshToken`).
    pub refresh_token_id: Option<String>,
    /// How often that token was used, under rotation.
    pub refresh_token_uses: i32,
    /// Keycloak's client session notes, by name.
    pub notes: BTreeMap<String, String>,
}

/// Why a session, or a client's part in it, ended. Told to whoever has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// The user, through a client's logout request.
    Logout,
    /// An administrator.
    Admin,
    /// Idle for too long, or too old.
    Expired,
    /// The user was deleted.
    UserDeleted,
    /// The user was disabled.
    UserDisabled,
    /// The client was deleted.
    ClientDeleted,
    /// The client was disabled.
    ClientDisabled,
    /// The realm was deleted.
    RealmDeleted,
    /// The realm was disabled.
    RealmDisabled,
    /// A refresh token was used again after its successor (RFC 9700 §4.14).
    RefreshTokenReuse,
    /// An authorization code was used twice (RFC 6749 §4.1.2).
    CodeReplay,
    /// The token, and what hangs on it, was revoked (RFC 7009).
    TokenRevoked,
    /// The user or an administrator withdrew the consent.
    ConsentRevoked,
    /// A password or second factor was changed with "sign out from other devices".
    CredentialChanged,
    /// A not-before cut of the realm, a client or the user.
    NotBefore,
    /// A rule of the realm, such as the number of sessions that a user may have.
    Policy,
    /// Whoever the user signed in at, or another server that we listen to, ended theirs.
    Upstream,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Logout,
        Self::Admin,
        Self::Expired,
        Self::UserDeleted,
        Self::UserDisabled,
        Self::ClientDeleted,
        Self::ClientDisabled,
        Self::RealmDeleted,
        Self::RealmDisabled,
        Self::RefreshTokenReuse,
        Self::CodeReplay,
        Self::TokenRevoked,
        Self::ConsentRevoked,
        Self::CredentialChanged,
        Self::NotBefore,
        Self::Policy,
        Self::Upstream,
    ];

    /// A stable name for rows and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Admin => "admin",
            Self::Expired => "expired",
            Self::UserDeleted => "user_deleted",
            Self::UserDisabled => "user_disabled",
            Self::ClientDeleted => "client_deleted",
            Self::ClientDisabled => "client_disabled",
            Self::RealmDeleted => "realm_deleted",
            Self::RealmDisabled => "realm_disabled",
            Self::RefreshTokenReuse => "refresh_token_reuse",
            Self::CodeReplay => "code_replay",
            Self::TokenRevoked => "token_revoked",
            Self::ConsentRevoked => "consent_revoked",
            Self::CredentialChanged => "credential_changed",
            Self::NotBefore => "not_before",
            Self::Policy => "policy",
            Self::Upstream => "upstream",
        }
    }
}

/// Text that is no reason's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason;

impl std::str::FromStr for EndReason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| reason.as_str() == text)
            .ok_or(UnknownReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_as_they_are_written() {
        for reason in EndReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        assert_eq!("boredom".parse::<EndReason>(), Err(UnknownReason));
    }
}
