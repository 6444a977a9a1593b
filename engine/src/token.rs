//! Tokens: what is read from one that comes in, and what goes into those that are handed out.

pub mod apparent;
pub mod encrypt;
pub mod example;
mod lifespan;
pub mod mint;
pub mod read;
pub mod sign;

pub use apparent::{Apparent, Expected, apparent, apparent_audience};
pub use mint::{Company, Front, Issue, MintError, Minted, Refresh, RefreshKind, mint, mint_with};
pub use read::{Presence, TokenClaims};

/// The claim by which a refresh token remembers the clients that its access tokens are narrowed to.
pub const REQUESTED_AUDIENCE: &str = "req-aud";

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
    /// Token exchange.
    TokenExchange,
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
            Self::TokenExchange => "te",
            Self::FrontChannel | Self::Example => "na",
        }
    }
}
