//! Tokens: what is read from one that comes in, and what goes into those that are handed out.

pub mod apparent;
pub mod encrypt;
pub mod example;
pub mod mint;
pub mod read;
pub mod sign;

pub use apparent::{Apparent, Expected, apparent, apparent_audience};
pub use mint::{Front, Issue, MintError, Minted, Refresh, RefreshKind, mint};
pub use read::{Presence, TokenClaims};

/// How a token was come by: the two letters in an access token's `jti`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantCode {
    /// Authorization code.
    AuthorizationCode,
    /// Resource owner password credentials.
    Password,
    /// Refresh token.
    RefreshToken,
    /// Client credentials.
    ClientCredentials,
    /// Device code.
    Device,
    /// None: the authorization endpoint hands it out.
    FrontChannel,
    /// None: the token is an example.
    Example,
}

impl GrantCode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "ac",
            Self::Password => "ro",
            Self::RefreshToken => "rt",
            Self::ClientCredentials => "cc",
            Self::Device => "dg",
            Self::FrontChannel | Self::Example => "na",
        }
    }
}
