//! The doors by which the probe ends what it began.

use anyhow::{Context as _, bail};
use http::Method;

use super::site::{Administrator, Holder, Session, Site, said, segment};

/// One way to take a token back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The client posts the refresh token to the logout endpoint.
    Logout,
    /// The client revokes the refresh token (RFC 7009), which ends its session.
    RefreshToken,
    /// The client revokes the access token alone (RFC 7009); the session goes on.
    AccessToken,
    /// An administrator deletes the session.
    Administrator,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Logout,
        Self::RefreshToken,
        Self::AccessToken,
        Self::Administrator,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout with the refresh token",
            Self::RefreshToken => "refresh token revoked",
            Self::AccessToken => "access token revoked",
            Self::Administrator => "administrator ends the session",
        }
    }

    /// Whether a session ends by it, and not only a token.
    pub const fn ends_the_session(self) -> bool {
        match self {
            Self::Logout | Self::RefreshToken | Self::Administrator => true,
            Self::AccessToken => false,
        }
    }

    /// Goes through, and comes back with the answer.
    pub async fn open(
        self,
        site: &Site<'_>,
        holder: &Holder,
        session: &Session,
        administrator: Option<&Administrator<'_>>,
    ) -> anyhow::Result<()> {
        let revoke = async |token: &str, hint: &str| {
            let mut form = vec![("token", token), ("token_type_hint", hint)];
            form.extend(holder.own());
            site.post("revoke", &form).await
        };
        let answer = match self {
            Self::Logout => site.log_out(holder, session).await?,
            Self::RefreshToken => revoke(session.refresh.reveal(), "refresh_token").await?,
            Self::AccessToken => revoke(session.access.reveal(), "access_token").await?,
            Self::Administrator => {
                let administrator = administrator.context("no administrator is named")?;
                let path = format!("/sessions/{}", segment(session.claim("sid")));
                administrator.ask(Method::DELETE, &path, None).await?
            }
        };
        if !(200..300).contains(&answer.status) {
            bail!("the server does not open this door: {}", said(&answer));
        }
        Ok(())
    }
}
