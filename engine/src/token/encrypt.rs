//! Encrypting what a client gets (OpenID Connect Core §10.2), to a key of the client's: one that it
//! publishes, or one of the set in its settings.

use claviger_crypto::algorithm::KeyUse;
use claviger_crypto::content_encryption::ContentEncryption;
use claviger_crypto::jwe::{self, EncryptionKey, JweError, KeyManagement, Recipient};
use claviger_crypto::jwk::{Jwk, JwkSet};
use claviger_crypto::key::KeyError;

use crate::app::App;
use crate::client::Client;
use crate::mapper::origin::absolute;
use crate::published_keys::{PAUSE, PublishedKeysError};

/// What the content is encrypted with if the client only says how its key is used.
const USUAL: ContentEncryption = ContentEncryption::A128CbcHs256;

/// What can be encrypted: the two attributes that say how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// ID tokens.
    IdToken,
    /// Answers of the userinfo endpoint.
    UserInfo,
    /// Answers of the authorization endpoint (JARM §3).
    AuthorizationResponse,
}

impl Sealed {
    const fn attributes(self) -> (&'static str, &'static str) {
        match self {
            Self::IdToken => (
                "id.token.encrypted.response.alg",
                "id.token.encrypted.response.enc",
            ),
            Self::UserInfo => (
                "user.info.encrypted.response.alg",
                "user.info.encrypted.response.enc",
            ),
            Self::AuthorizationResponse => (
                "authorization.encrypted.response.alg",
                "authorization.encrypted.response.enc",
            ),
        }
    }

    /// Whether the client wants it encrypted.
    pub fn is_wanted(self, client: &Client) -> bool {
        client.settings.attribute(self.attributes().0).is_some()
    }
}

/// Why something is not encrypted. It is not handed out in the clear then.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The client asks for what nobody knows.
    #[error("{0} is no algorithm to encrypt with")]
    Algorithm(String),
    /// The client has no key for the algorithm.
    #[error("the client has no key to encrypt with by {0}")]
    NoKey(&'static str),
    /// What the client publishes cannot be had.
    #[error(transparent)]
    Published(#[from] PublishedKeysError),
    /// The set in the client's settings cannot be read.
    #[error("the client's keys cannot be read")]
    Keys(#[from] KeyError),
    /// Encryption failed.
    #[error(transparent)]
    Jwe(#[from] JweError),
}

/// Encrypts content for a client, as its settings say for that kind. `cty` is `JWT` if the content
/// is a token; `issuer` is below the address that relative ones of the client are relative to.
pub async fn encrypted(
    app: &App,
    client: &Client,
    kind: Sealed,
    issuer: &str,
    (content, cty): (&str, Option<&str>),
) -> Result<String, SealError> {
    let (alg, enc) = kind.attributes();
    let setting = |name: &str| client.settings.attribute(name);
    let unknown = |name: &str| SealError::Algorithm(name.to_owned());
    let alg = setting(alg).unwrap_or_default();
    let management = KeyManagement::for_public_keys(alg).ok_or_else(|| unknown(alg))?;
    let encryption = match setting(enc) {
        Some(enc) => ContentEncryption::from_name(enc).ok_or_else(|| unknown(enc))?,
        None => USUAL,
    };
    let key = find(app, client, management, issuer).await?;
    let recipient = Recipient {
        kid: key.kid.as_deref(),
        management,
        encryption,
        key: EncryptionKey::Public(&key.key),
    };
    Ok(jwe::encrypt(
        &recipient,
        cty,
        content.as_bytes(),
        &app.random,
    )?)
}

async fn find(
    app: &App,
    client: &Client,
    management: KeyManagement,
    issuer: &str,
) -> Result<Jwk, SealError> {
    let settings = &client.settings;
    let found = if settings.flag_attribute("use.jwks.url", false) {
        let url = settings.attribute("jwks.url").unwrap_or_default();
        let url = absolute(client, issuer, url);
        let choose =
            |set: &JwkSet| choose(set, management, |key_use| key_use != Some(KeyUse::Sig)).cloned();
        // Nothing tells that a key in memory is no longer the client's, so it is kept shortly.
        let found = app
            .published_keys
            .find(&*app.network, &url, app.now(), Some(PAUSE), choose);
        found.await?
    } else if settings.flag_attribute("use.jwks.string", false) {
        let text = settings.attribute("jwks.string").unwrap_or_default();
        let set = JwkSet::parse(text.as_bytes())?;
        // A key that does not say what it is for is not taken from here, only from a URL.
        choose(&set, management, |key_use| key_use == Some(KeyUse::Enc)).cloned()
    } else {
        // A certificate in the settings is for signatures.
        None
    };
    found.ok_or(SealError::NoKey(management.name()))
}

/// The key that names the algorithm; or else one without a name, or one that says nothing of
/// algorithms and is of the right kind.
fn choose(
    set: &JwkSet,
    management: KeyManagement,
    is_for_us: impl Fn(Option<KeyUse>) -> bool,
) -> Option<&Jwk> {
    let suitable = || {
        let fitting = set.iter().filter(|key| management.suits(&key.key));
        fitting.filter(|key| is_for_us(key.key_use))
    };
    let named = suitable().find(|key| key.algorithm.as_deref() == Some(management.name()));
    named
        .or_else(|| suitable().find(|key| key.kid.is_none()))
        .or_else(|| suitable().find(|key| key.algorithm.is_none()))
}

#[cfg(test)]
mod tests {
    use claviger_crypto::algorithm::Curve;
    use claviger_crypto::private_key::PrivateKey;
    use claviger_crypto::public_key::PublicKey;
    use serde_json::json;

    use super::*;

    fn ec() -> PublicKey {
        PrivateKey::generate_ec(Curve::P256)
            .unwrap()
            .public_key()
            .unwrap()
    }

    fn set(keys: &[(Option<&str>, Option<&str>, Option<&str>)]) -> JwkSet {
        let key = ec();
        let naming = claviger_crypto::jwk::Naming::default();
        let jwk = claviger_crypto::jwk::public_jwk(&key, &naming, None);
        let keys: Vec<_> = keys
            .iter()
            .map(|(kid, alg, key_use)| {
                let mut jwk = jwk.clone();
                for (name, value) in [("kid", kid), ("alg", alg), ("use", key_use)] {
                    jwk.extend(value.map(|text| (name.to_owned(), json!(text))));
                }
                jwk
            })
            .collect();
        JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_key_is_chosen_by_its_algorithm_first() {
        let wanted = KeyManagement::EcdhEs;
        let enc = Some("enc");
        let cases = [
            (
                vec![(Some("a"), None, enc), (Some("b"), Some("ECDH-ES"), enc)],
                Some(1),
            ),
            (
                vec![(Some("a"), None, enc), (None, Some("x"), enc)],
                Some(1),
            ),
            (
                vec![
                    (Some("a"), Some("ECDH-ES+A128KW"), enc),
                    (Some("b"), None, enc),
                ],
                Some(1),
            ),
            (vec![(Some("a"), Some("ECDH-ES+A128KW"), enc)], None),
            (vec![(Some("a"), Some("ECDH-ES"), Some("sig"))], None),
            (vec![(Some("a"), Some("ECDH-ES"), None)], None),
            (vec![], None),
        ];
        for (keys, expected) in cases {
            let set = set(&keys);
            let found = choose(&set, wanted, |key_use| key_use == Some(KeyUse::Enc));
            let found = found.and_then(|key| set.iter().position(|other| other == key));
            assert_eq!(found, expected, "{keys:?}");
        }
        let silent = set(&[(Some("a"), Some("ECDH-ES"), None)]);
        assert!(choose(&silent, wanted, |key_use| key_use != Some(KeyUse::Sig)).is_some());
        assert!(choose(&silent, KeyManagement::RsaOaep, |_| true).is_none());
    }
}
