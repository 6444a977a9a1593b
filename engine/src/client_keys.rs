//! The public keys of a client that signs: a set that it publishes, a set in its settings, or one
//! certificate or key there.

use claviger_crypto::algorithm::{Algorithm, KeyType, KeyUse};
use claviger_crypto::certificate::Certificate;
use claviger_crypto::jwk::{Jwk, JwkSet};
use claviger_crypto::key::KeyError;
use claviger_crypto::public_key::PublicKey;
use claviger_wire::client::ClientSettings;

use crate::app::App;
use crate::published_keys::{PAUSE, PublishedKeysError};

/// Why the keys could not be had. It is for the log: it would tell a stranger about our network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// What the client publishes cannot be had.
    #[error(transparent)]
    Published(#[from] PublishedKeysError),
    /// The set in the client's settings cannot be read.
    #[error("the client's keys cannot be read")]
    Unreadable(#[from] KeyError),
}

/// The key by which the client says it has signed. Relative addresses of a client without a root
/// URL are below `origin`, this server's.
///
/// # Errors
///
/// Keys that cannot be had.
pub async fn find(
    app: &App,
    origin: &str,
    client: &ClientSettings,
    kid: Option<&str>,
    algorithm: Algorithm,
) -> Result<Option<Jwk>, KeysError> {
    match source(client) {
        Source::Published(url) => find_published(app, origin, client, (url, kid), algorithm).await,
        Source::Set(text) => match JwkSet::parse(text.as_bytes()) {
            // A key that does not say what it is for is not taken from here, only from a URL.
            Ok(set) => Ok(choose(&signing(&set, false), kid, algorithm).cloned()),
            Err(error) => Err(error.into()),
        },
        Source::Certificate(text) => {
            let certified = Certificate::from_text(text).and_then(|found| found.public_key());
            Ok(
                one(client, certified.ok())
                    .filter(|key| kid.is_none() || key.kid.as_deref() == kid),
            )
        }
        Source::Key(text) => {
            let key = one(client, PublicKey::from_text(text).ok());
            Ok(choose(&key.iter(), kid, algorithm).cloned())
        }
        Source::None => Ok(None),
    }
}

/// Where a client's keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source<'a> {
    Published(&'a str),
    Set(&'a str),
    Certificate(&'a str),
    Key(&'a str),
    /// Nowhere, or in two places that may contradict each other.
    None,
}

fn source(client: &ClientSettings) -> Source<'_> {
    if client.flag_attribute("use.jwks.url", false) {
        return client
            .attribute("jwks.url")
            .map_or(Source::None, Source::Published);
    }
    if client.flag_attribute("use.jwks.string", false) {
        return client
            .attribute("jwks.string")
            .map_or(Source::None, Source::Set);
    }
    let certificate = client.attribute("jwt.credential.certificate");
    match (certificate, client.attribute("jwt.credential.public.key")) {
        (Some(certificate), None) => Source::Certificate(certificate),
        (None, Some(key)) => Source::Key(key),
        (None, None) | (Some(_), Some(_)) => Source::None,
    }
}

async fn find_published(
    app: &App,
    origin: &str,
    client: &ClientSettings,
    (url, kid): (&str, Option<&str>),
    algorithm: Algorithm,
) -> Result<Option<Jwk>, KeysError> {
    // A path hangs on the client's root URL.
    let url = match (url.starts_with('/'), client.root_url.as_deref()) {
        (false, _) => url.to_owned(),
        (true, Some(root)) => format!("{root}{url}"),
        (true, None) => format!("{origin}{url}"),
    };
    // Without a name one cannot see that the key in memory is no longer the client's.
    let age_max = if kid.is_none() { Some(PAUSE) } else { None };
    let found = app
        .published_keys
        .find(&*app.network, &url, app.now(), age_max, |set| {
            choose(&signing(set, true), kid, algorithm).cloned()
        });
    Ok(found.await?)
}

/// The keys of a set that are for signatures.
fn signing(set: &JwkSet, unless_said_otherwise: bool) -> impl Iterator<Item = &Jwk> + Clone {
    let keys: Vec<&Jwk> = set
        .iter()
        .filter(|key| match key.key_use {
            Some(KeyUse::Sig) => true,
            Some(KeyUse::Enc) => false,
            None => unless_said_otherwise,
        })
        .collect();
    keys.into_iter()
}

/// A key in the client's settings, named there or by its digest.
fn one(client: &ClientSettings, key: Option<PublicKey>) -> Option<Jwk> {
    let Some(key) = key else {
        tracing::warn!(
            client = client.client_id,
            "the client's key or certificate is unreadable"
        );
        return None;
    };
    let kid = client
        .attribute("jwt.credential.kid")
        .map_or_else(|| key.kid(), str::to_owned);
    Some(Jwk {
        kid: Some(kid),
        algorithm: None,
        key_use: Some(KeyUse::Sig),
        key,
    })
}

/// The key of this name, rather for this algorithm than for another. An assertion that names none
/// takes a key without a name, or else one that is for its algorithm.
fn choose<'a>(
    keys: &(impl Iterator<Item = &'a Jwk> + Clone),
    kid: Option<&str>,
    algorithm: Algorithm,
) -> Option<&'a Jwk> {
    let is_named = |key: &&Jwk| key.kid.as_deref() == kid;
    let is_for = |key: &&Jwk| key.algorithm.as_deref() == Some(algorithm.name());
    let mut named = keys.clone().filter(is_named);
    if let Some(exact) = named.clone().find(is_for).or_else(|| named.next()) {
        return Some(exact);
    }
    if kid.is_some() {
        return None;
    }
    keys.clone()
        .find(|key| algorithm_of(key) == Some(algorithm.name()))
}

/// What a key is for, if it does not say: the most usual algorithm of its kind.
fn algorithm_of(key: &Jwk) -> Option<&str> {
    if key.algorithm.is_some() {
        return key.algorithm.as_deref();
    }
    let usual = match (&key.key, key.key.key_type()) {
        (PublicKey::Ec { curve, .. }, _) => curve.algorithm(),
        (_, KeyType::Rsa) => Algorithm::Rs256,
        (_, KeyType::Okp) => Algorithm::EdDsa,
        (_, KeyType::Ec | KeyType::Oct) => return None,
    };
    Some(usual.name())
}

#[cfg(test)]
mod tests {
    use claviger_crypto::algorithm::Curve;
    use serde_json::json;

    use super::*;

    fn rsa() -> PublicKey {
        let mut modulus = vec![0x80; 256];
        modulus[255] = 1;
        PublicKey::rsa(&modulus, &[1, 0, 1]).unwrap()
    }

    fn jwk(kid: Option<&str>, alg: Option<&str>, key: PublicKey) -> Jwk {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Jwk {
            kid: text(kid),
            algorithm: text(alg),
            key_use: Some(KeyUse::Sig),
            key,
        }
    }

    #[test]
    fn a_key_is_chosen_by_name_and_then_by_algorithm() {
        let ec = || PublicKey::ec(Curve::P256, &[1], &[2]).unwrap();
        let keys = [
            jwk(Some("a"), Some("RS256"), rsa()),
            jwk(Some("a"), Some("PS256"), rsa()),
            jwk(Some("b"), None, ec()),
            jwk(Some("c"), None, rsa()),
        ];
        let chosen = |kid, algorithm| {
            let found = choose(&keys.iter(), kid, algorithm)?;
            keys.iter().position(|key| std::ptr::eq(key, found))
        };
        let cases = [
            (Some("a"), Algorithm::Rs256, Some(0)),
            (Some("a"), Algorithm::Ps256, Some(1)),
            (Some("a"), Algorithm::Rs512, Some(0)),
            (Some("b"), Algorithm::Es256, Some(2)),
            (Some("z"), Algorithm::Rs256, None),
            (None, Algorithm::Ps256, Some(1)),
            (None, Algorithm::Es256, Some(2)),
            (None, Algorithm::Rs256, Some(0)),
            (None, Algorithm::EdDsa, None),
            (None, Algorithm::Rs512, None),
        ];
        for (kid, algorithm, expected) in cases {
            assert_eq!(chosen(kid, algorithm), expected, "{kid:?} {algorithm}");
        }
        let nameless = [jwk(Some("a"), None, rsa()), jwk(None, None, rsa())];
        let found = choose(&nameless.iter(), None, Algorithm::Ps512).unwrap();
        assert!(
            std::ptr::eq(found, &raw const nameless[1]),
            "a key without a name comes first"
        );
    }

    #[test]
    fn a_client_keeps_its_keys_in_one_place() {
        let cases = [
            (json!({}), Source::None),
            (json!({"jwks.url": "https://a"}), Source::None),
            (json!({"use.jwks.url": "true"}), Source::None),
            (
                json!({"use.jwks.url": "true", "jwks.url": "https://a", "use.jwks.string": "true",
                    "jwks.string": "{}"}),
                Source::Published("https://a"),
            ),
            (
                json!({"use.jwks.string": "true", "jwks.string": "{}",
                    "jwt.credential.certificate": "c"}),
                Source::Set("{}"),
            ),
            (
                json!({"jwt.credential.certificate": "c"}),
                Source::Certificate("c"),
            ),
            (json!({"jwt.credential.public.key": "k"}), Source::Key("k")),
            (
                json!({"jwt.credential.certificate": "c", "jwt.credential.public.key": "k"}),
                Source::None,
            ),
        ];
        for (attributes, expected) in cases {
            let body = json!({"clientId": "a", "attributes": attributes});
            let client = ClientSettings::from_body(body.as_object().unwrap());
            assert_eq!(source(&client), expected, "{attributes}");
        }
    }

    #[test]
    fn a_key_in_the_settings_is_named_there_or_by_its_digest() {
        let client = |attributes: serde_json::Value| {
            let body = json!({"clientId": "a", "attributes": attributes});
            ClientSettings::from_body(body.as_object().unwrap())
        };
        let digest = rsa().kid();
        let kid = |client: &ClientSettings| one(client, Some(rsa())).unwrap().kid.unwrap();
        assert_eq!(kid(&client(json!({}))), digest);
        assert_eq!(kid(&client(json!({"jwt.credential.kid": "mine"}))), "mine");
    }

    #[test]
    fn keys_for_encryption_verify_nothing() {
        let encoded = "A".repeat(43);
        let key = |name: &str, rest: &str| {
            format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{encoded}","kid":"{name}"{rest}}}"#)
        };
        let set = format!(
            r#"{{"keys":[{},{},{}]}}"#,
            key("enc", r#","use":"enc""#),
            key("sig", r#","use":"sig""#),
            key("any", "")
        );
        let set = JwkSet::parse(set.as_bytes()).unwrap();
        let names = |anything: bool| -> Vec<&str> {
            signing(&set, anything)
                .filter_map(|key| key.kid.as_deref())
                .collect()
        };
        assert_eq!(names(false), ["sig"]);
        assert_eq!(names(true), ["sig", "any"]);
    }
}
