//! The level of authentication that a request wants (`acr_values`, and `acr` in `claims`; OpenID Connect
//! Core §5.5.1.1).

use super::request::AuthorizationRequest;
use crate::client::Client;
use crate::mapper::acr;
use crate::realm::Realm;

/// What a request wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The level, if it names one.
    pub level: Option<i32>,
    /// Whether less is not enough.
    pub is_essential: bool,
}

/// An essential level that nobody can reach, or that is lower than the client's lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid requested essential acr value")]
pub struct Unreachable;

/// The lowest of the levels that a request names; what it does not name follows from the client's
/// settings.
///
/// # Errors
///
/// An essential level that is none.
pub fn wanted(
    realm: &Realm,
    client: &Client,
    request: &AuthorizationRequest,
) -> Result<Wanted, Unreachable> {
    let levels = acr::levels(realm, client).unwrap_or_default();
    let by_claims = request.get("claims").and_then(acr::in_claims);
    let (is_essential, by_claims) = by_claims.unwrap_or_default();
    if is_essential && !by_claims.is_empty() {
        let mut names: Vec<&str> = by_claims.iter().map(String::as_str).collect();
        acr::raise(client, &levels, &mut names);
        if names != by_claims {
            return Err(Unreachable);
        }
        let numbers: Option<Vec<i32>> = names.iter().map(|name| level(name, &levels)).collect();
        return Ok(Wanted {
            level: numbers.ok_or(Unreachable)?.into_iter().min(),
            is_essential,
        });
    }
    let words = request.get("acr_values").unwrap_or_default().split(' ');
    let mut names: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    names.extend(by_claims.iter().map(String::as_str));
    if names.is_empty() {
        names = acr::defaults(client);
    }
    acr::raise(client, &levels, &mut names);
    // A name that nobody knows asks for nothing (Core §3.1.2.1: a voluntary claim).
    let numbers = names.iter().map(|name| level(name, &levels).unwrap_or(0));
    Ok(Wanted {
        level: numbers.min(),
        is_essential: false,
    })
}

fn level(name: &str, levels: &acr::Levels) -> Option<i32> {
    acr::of(name, levels).and_then(|level| i32::try_from(level).ok())
}
