//! Docker clients (`docker login`, `docker pull`): the token with which a registry lets somebody in, as the
//! token authentication of the distribution specification wants it.
//!
//! No session begins: there is nothing to refresh, and the token is good for minutes.

use claviger_crypto::key_ring::RealmKey;
use claviger_crypto::{Algorithm, KeyError, KeyUse, digest, encoding, jws};
use claviger_model::{Seconds, User};
use claviger_store::StoreError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::client::Client;
use crate::keys;
use crate::realm::Realm;

/// The mapper that lets a client's users have whatever they ask for. Without it they get a token for
/// nothing.
pub const ALLOW_ALL: &str = "docker-v2-allow-all-mapper";
/// How many resources one token is for at most.
const ACCESS_MAX: usize = 100;
/// How many bytes of the key's digest its id is made of.
const ID_BYTES: usize = 30;
/// How many letters each group of the id has.
const GROUP: usize = 4;

/// What somebody wants to do with a resource of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// `repository`, `registry`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The resource, `samalba/my-app` say.
    pub name: String,
    /// What: `pull`, `push`, `*`.
    pub actions: Vec<String>,
}

/// It cannot be read what is asked for, or it is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadScope;

/// What a client is given.
#[derive(Clone)]
pub struct Token {
    /// The signed token.
    pub token: String,
    /// How long it is good.
    pub expires_in: Seconds,
    /// Since when: `2026-11-23T13:40:54Z`.
    pub issued_at: String,
}

/// Tokens are not for logs.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// The realm has no key to sign with, or it does not.
    #[error("the realm has no RSA key that signs")]
    NoKey,
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads `scope`, which may be there several times, each with several resources between blanks:
/// `type:name:action,action`. A name may have colons: a registry's port.
///
/// # Errors
///
/// If one of them is none, or there are more than a hundred.
pub fn requested<'a>(scopes: impl Iterator<Item = &'a str>) -> Result<Vec<Access>, BadScope> {
    let mut all = Vec::new();
    for scope in scopes.flat_map(|scopes| scopes.split(' ')) {
        if scope.is_empty() {
            continue;
        }
        let (kind, rest) = scope.split_once(':').ok_or(BadScope)?;
        let (name, actions) = rest.rsplit_once(':').ok_or(BadScope)?;
        if kind.is_empty() || name.is_empty() || all.len() >= ACCESS_MAX {
            return Err(BadScope);
        }
        all.push(Access {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.split(',').map(str::to_owned).collect(),
        });
    }
    Ok(all)
}

/// Makes the token of a user at a client, for what the client's mappers let the user have of what was
/// asked for.
///
/// # Errors
///
/// If nothing signs it.
pub async fn token(
    app: &App,
    realm: &Realm,
    client: &Client,
    (issuer, user, requested): (&str, &User, &[Access]),
) -> Result<Token, DockerError> {
    let now = app.now();
    let lifespan = realm.settings.lifespans.access_token_lifespan;
    let allows_all = client
        .mappers
        .iter()
        .any(|mapper| mapper.protocol_mapper == ALLOW_ALL);
    let access = if allows_all { requested } else { &[] };
    let begin = now.seconds();
    let claims = json!({
        "exp": begin.0.saturating_add(lifespan.0),
        "nbf": begin.0,
        "iat": begin.0,
        "jti": app.random.uuid(),
        "iss": issuer,
        "aud": client.client_id,
        "sub": user.username,
        "typ": "Bearer",
        "azp": client.client_id,
        "access": access,
    });
    let ring = keys::ring_for(app, realm, &[Algorithm::Rs256]).await?;
    let key = ring.active_key(KeyUse::Sig, Algorithm::Rs256.name(), now);
    let (key, kid) = key
        .and_then(|key| Some((key.signing_key()?, key_id(key)?)))
        .ok_or(DockerError::NoKey)?;
    let payload = Value::to_string(&claims);
    let token = jws::sign_as(key, &kid, Some("JWT"), payload.as_bytes())?;
    let at = jiff::Timestamp::from_second(begin.0).unwrap_or_default();
    Ok(Token {
        token,
        expires_in: lifespan,
        issued_at: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

/// The id that registries know a key by, whose certificate they were given: 240 bits of the digest of
/// its public half, in groups of Base32 (libtrust's fingerprint).
fn key_id(key: &RealmKey) -> Option<String> {
    let digest = digest::sha256(&key.public_key()?.spki());
    let letters = encoding::base32(digest.get(..ID_BYTES)?);
    let groups = letters.as_bytes().chunks(GROUP);
    let groups: Vec<&str> = groups
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    Some(groups.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `scope`, and what they ask for.
    type Case<'a> = (&'a [&'a str], Result<Vec<Access>, BadScope>);

    #[test]
    fn what_is_asked_for_is_read_as_the_specification_has_it() {
        let access = |kind: &str, name: &str, actions: &[&str]| Access {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        };
        let pull = || access("repository", "a/b", &["pull"]);
        let cases: [Case<'_>; 8] = [
            (&[], Ok(vec![])),
            (&[""], Ok(vec![])),
            (&["repository:a/b:pull"], Ok(vec![pull()])),
            (
                &["repository:a/b:pull", "repository:c:pull,push"],
                Ok(vec![pull(), access("repository", "c", &["pull", "push"])]),
            ),
            (
                &["repository:a/b:pull  registry:catalog:*"],
                Ok(vec![pull(), access("registry", "catalog", &["*"])]),
            ),
            (
                &["repository:host:5000/a:pull"],
                Ok(vec![access("repository", "host:5000/a", &["pull"])]),
            ),
            (&["nonsense"], Err(BadScope)),
            (&["repository:a/b:pull", "repository:"], Err(BadScope)),
        ];
        for (scopes, expected) in cases {
            assert_eq!(requested(scopes.iter().copied()), expected, "{scopes:?}");
        }
        let many = vec!["a:b:c"; ACCESS_MAX + 1];
        assert_eq!(requested(many.into_iter()), Err(BadScope));
    }
}
