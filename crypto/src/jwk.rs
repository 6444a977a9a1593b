//! JSON Web Keys (RFC 7517): reading the public keys of others, writing ours.

use serde_json::Value;

use crate::algorithm::{Algorithm, Curve, KeyUse};
use crate::certificate::Certificate;
use crate::digest::sha256;
use crate::encoding::{base64url, decode_base64url};
use crate::jws::{Json, parse_object};
use crate::key::{KeyError, VerifyingKey};
use crate::public_key::PublicKey;

/// Longest JWK Set read, in bytes.
pub const SET_BYTES_MAX: usize = 512 * 1024;
/// Most keys of a set that are looked at; more are refused.
pub const SET_KEYS_MAX: usize = 200;

/// What a JWK says about a key besides the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naming<'a> {
    /// `kid`.
    pub kid: Option<&'a str>,
    /// `alg`.
    pub algorithm: Option<&'a str>,
    /// `use`.
    pub key_use: Option<KeyUse>,
}

/// Writes a public key: `kid kty alg use x5c x5t x5t#S256`, then `n e` or `crv x y`, in Keycloak's
/// order. Private members cannot be written, for there are none in `key`.
pub fn public_jwk(key: &PublicKey, naming: &Naming<'_>, certificate: Option<&Certificate>) -> Json {
    let mut jwk = Json::new();
    let mut put = |name: &str, value: Value| jwk.insert(name.to_owned(), value);
    if let Some(kid) = naming.kid {
        put("kid", kid.into());
    }
    put("kty", key.key_type().as_str().into());
    if let Some(algorithm) = naming.algorithm {
        put("alg", algorithm.into());
    }
    if let Some(key_use) = naming.key_use {
        put("use", key_use.as_str().into());
    }
    if let Some(certificate) = certificate {
        put("x5c", vec![certificate.to_base64()].into());
        put("x5t", certificate.x5t().into());
        put("x5t#S256", certificate.x5t_s256().into());
    }
    for (name, value) in key_members(key) {
        put(name, value.into());
    }
    jwk
}

/// The members that make the key, in the order in which JWKs are usually written.
fn key_members(key: &PublicKey) -> Vec<(&'static str, String)> {
    match key {
        PublicKey::Rsa { modulus, exponent } => {
            vec![("n", base64url(modulus)), ("e", base64url(exponent))]
        }
        PublicKey::Ec { curve, point } => {
            let half = curve.field_bytes();
            let x = point.get(1..1 + half).unwrap_or_default();
            let y = point.get(1 + half..).unwrap_or_default();
            vec![
                ("crv", curve.name().to_owned()),
                ("x", base64url(x)),
                ("y", base64url(y)),
            ]
        }
        PublicKey::Ed25519(bytes) => {
            vec![("crv", "Ed25519".to_owned()), ("x", base64url(bytes))]
        }
    }
}

/// The JWK thumbprint (RFC 7638; RFC 8037 §2 for Ed25519): `jkt` of DPoP (RFC 9449 §6.1).
pub fn thumbprint(key: &PublicKey) -> String {
    let mut members = key_members(key);
    members.push(("kty", key.key_type().as_str().to_owned()));
    members.sort_unstable();
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":\"{value}\""))
        .collect();
    base64url(&sha256(format!("{{{}}}", members.join(",")).as_bytes()))
}

/// A public key that somebody else published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// `kid`, if given.
    pub kid: Option<String>,
    /// `alg`, if given: any text.
    pub algorithm: Option<String>,
    /// `use`, if given and known.
    pub key_use: Option<KeyUse>,
    /// The key.
    pub key: PublicKey,
}

impl Jwk {
    /// Reads one JWK. Secret (`oct`) keys are refused, and so are objects with private members:
    /// whoever publishes those has lost the key.
    pub fn from_json(jwk: &Json) -> Result<Self, KeyError> {
        const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
        if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
            return Err(KeyError::Unsupported("a JWK with private members"));
        }
        let key = match text(jwk, "kty")? {
            "RSA" => PublicKey::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?)?,
            "EC" => {
                let curve =
                    Curve::from_name(text(jwk, "crv")?).ok_or(KeyError::Unsupported("EC curve"))?;
                PublicKey::ec(curve, &bytes(jwk, "x")?, &bytes(jwk, "y")?)?
            }
            "OKP" => match text(jwk, "crv")? {
                "Ed25519" => PublicKey::ed25519(&bytes(jwk, "x")?)?,
                _ => return Err(KeyError::Unsupported("OKP curve")),
            },
            _ => return Err(KeyError::Unsupported("kty")),
        };
        let optional = |name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
        let key_use = match jwk.get("use").and_then(Value::as_str) {
            Some("sig") => Some(KeyUse::Sig),
            Some("enc") => Some(KeyUse::Enc),
            Some(_) => return Err(KeyError::Unsupported("use")),
            None => None,
        };
        Ok(Self {
            kid: optional("kid"),
            algorithm: optional("alg"),
            key_use,
            key,
        })
    }

    /// Makes the key ready to verify by `algorithm`. Refused if the JWK is for encryption or names
    /// another algorithm.
    pub fn verifying_key(&self, algorithm: Algorithm) -> Result<VerifyingKey, KeyError> {
        let named_otherwise = self
            .algorithm
            .as_deref()
            .is_some_and(|name| name != algorithm.name());
        if self.key_use == Some(KeyUse::Enc) || named_otherwise {
            return Err(KeyError::Mismatch(algorithm));
        }
        VerifyingKey::new(self.kid.clone().unwrap_or_default(), algorithm, &self.key)
    }
}

fn text<'a>(jwk: &'a Json, name: &str) -> Result<&'a str, KeyError> {
    jwk.get(name)
        .and_then(Value::as_str)
        .ok_or(KeyError::Malformed("JWK"))
}

fn bytes(jwk: &Json, name: &str) -> Result<Vec<u8>, KeyError> {
    // Some publishers pad, against RFC 7515 §2; a key is not a token, so that does no harm.
    decode_base64url(text(jwk, name)?.trim_end_matches('=')).map_err(|_| KeyError::Malformed("JWK"))
}

/// Keys that somebody else published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwkSet(Vec<Jwk>);

impl JwkSet {
    /// Reads a set of at most [`SET_BYTES_MAX`] and [`SET_KEYS_MAX`]. Keys of unknown kinds are
    /// left out (RFC 7517 §5).
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        if json.len() > SET_BYTES_MAX {
            return Err(KeyError::Malformed("JWK Set: too long"));
        }
        Self::from_json(&parse_object(json).ok_or(KeyError::Malformed("JWK Set"))?)
    }

    /// The same from an object.
    pub fn from_json(set: &Json) -> Result<Self, KeyError> {
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeyError::Malformed("JWK Set"))?;
        if keys.len() > SET_KEYS_MAX {
            return Err(KeyError::Malformed("JWK Set: too many keys"));
        }
        let known = keys.iter().filter_map(Value::as_object);
        Ok(Self(
            known.filter_map(|jwk| Jwk::from_json(jwk).ok()).collect(),
        ))
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &Jwk> {
        self.0.iter()
    }

    /// The key for a token that claims `kid` and `algorithm`. Without a `kid` the only fitting key
    /// is taken; among several, none.
    pub fn verifying(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<VerifyingKey> {
        let mut fitting = self
            .0
            .iter()
            .filter(|jwk| kid.is_none() || jwk.kid.as_deref() == kid)
            .filter_map(|jwk| jwk.verifying_key(algorithm).ok());
        let found = fitting.next()?;
        (kid.is_some() || fitting.next().is_none()).then_some(found)
    }
}
