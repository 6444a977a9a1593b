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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::private_key::PrivateKey;

    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    fn read(jwk: Value) -> Result<Jwk, KeyError> {
        let Value::Object(jwk) = jwk else {
            panic!("an object")
        };
        Jwk::from_json(&jwk)
    }

    #[test]
    fn thumbprints_of_the_standards() {
        let rsa = read(json!({"kty": "RSA", "n": N, "e": "AQAB", "kid": "2011-04-29"})).unwrap();
        assert_eq!(
            thumbprint(&rsa.key),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        let ed = read(json!({"kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}))
        .unwrap();
        assert_eq!(
            thumbprint(&ed.key),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut keys = vec![
            PrivateKey::generate_rsa(2048).unwrap(),
            PrivateKey::generate_ed25519().unwrap(),
        ];
        keys.extend(Curve::ALL.map(|curve| PrivateKey::generate_ec(curve).unwrap()));
        for key in keys {
            let public = key.public_key().unwrap();
            let naming = Naming {
                kid: Some("k"),
                algorithm: Some("X"),
                key_use: Some(KeyUse::Enc),
            };
            let jwk = public_jwk(&public, &naming, None);
            let read = Jwk::from_json(&jwk).unwrap();
            assert_eq!(read.key, public);
            assert_eq!(read.kid.as_deref(), Some("k"));
            assert_eq!(read.key_use, Some(KeyUse::Enc));
            assert_eq!(PublicKey::from_spki(&public.spki()).as_ref(), Ok(&public));
        }
    }

    #[test]
    fn coordinates_that_lost_a_zero_are_the_same_point() {
        // P-521 needs 66 bytes, of which the first is often zero and dropped by some writers.
        let key = PrivateKey::generate_ec(Curve::P521)
            .unwrap()
            .public_key()
            .unwrap();
        let mut jwk = public_jwk(&key, &Naming::default(), None);
        for name in ["x", "y"] {
            let bytes = decode_base64url(jwk[name].as_str().unwrap()).unwrap();
            let stripped: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
            jwk.insert(name.to_owned(), base64url(&stripped).into());
        }
        assert_eq!(Jwk::from_json(&jwk).unwrap().key, key);
    }

    #[test]
    fn refused() {
        for jwk in [
            json!({}),
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "oct"}),
            json!({"kty": "RSA", "n": N, "e": "AQAB", "d": "AQAB"}),
            json!({"kty": "RSA", "n": N}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "RSA", "n": N, "e": ""}),
            json!({"kty": "RSA", "n": N, "e": "AQ"}),
            json!({"kty": "RSA", "n": N, "e": "Ag"}),
            json!({"kty": "RSA", "n": N, "e": "AQABAQABAQABAQAB"}),
            json!({"kty": "RSA", "n": N, "e": 65537}),
            json!({"kty": "RSA", "n": base64url(&vec![0xff; 1025]), "e": "AQAB"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "EC", "crv": "P-256", "x": base64url(&[1; 33]), "y": "AA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
            json!({"kty": "OKP", "crv": "Ed448", "x": base64url(&[1; 57])}),
            json!({"kty": "RSA", "n": N, "e": "AQAB", "use": "other"}),
        ] {
            assert!(read(jwk.clone()).is_err(), "{jwk}");
        }
    }

    /// A point beside the curve leaks a private key in ECDH; in ECDSA it is nonsense (RFC 8725
    /// §2.5).
    #[test]
    fn a_point_off_the_curve_never_verifies() {
        let off = read(json!({"kty": "EC", "crv": "P-256",
            "x": base64url(&[1; 32]), "y": base64url(&[2; 32])}))
        .unwrap();
        assert!(off.verifying_key(Algorithm::Es256).is_err());
    }

    #[test]
    fn a_key_serves_only_what_it_is_for() {
        let jwk = json!({"kty": "RSA", "n": N, "e": "AQAB"});
        let with = |name: &str, value: &str| {
            let mut jwk = jwk.clone();
            jwk[name] = value.into();
            read(jwk).unwrap()
        };
        assert!(with("alg", "RS256").verifying_key(Algorithm::Rs256).is_ok());
        assert!(
            with("alg", "RS256")
                .verifying_key(Algorithm::Rs512)
                .is_err()
        );
        assert!(
            with("alg", "RSA-OAEP")
                .verifying_key(Algorithm::Rs256)
                .is_err()
        );
        assert!(with("use", "sig").verifying_key(Algorithm::Ps256).is_ok());
        assert!(with("use", "enc").verifying_key(Algorithm::Rs256).is_err());
        assert!(with("kid", "x").verifying_key(Algorithm::Es256).is_err());
        assert!(with("kid", "x").verifying_key(Algorithm::Hs256).is_err());
    }

    #[test]
    fn a_set_finds_by_id() {
        let rsa = |kid: &str| json!({"kty": "RSA", "n": N, "e": "AQAB", "kid": kid});
        let set = |keys: Vec<Value>| JwkSet::parse(json!({"keys": keys}).to_string().as_bytes());
        let odd = json!({"kty": "future", "kid": "a"});
        let two = set(vec![odd.clone(), rsa("a"), rsa("b"), 7.into()]).unwrap();
        assert_eq!(two.iter().count(), 2);
        assert_eq!(
            two.verifying(Some("b"), Algorithm::Rs256).unwrap().kid(),
            "b"
        );
        assert!(two.verifying(Some("c"), Algorithm::Rs256).is_none());
        assert!(
            two.verifying(None, Algorithm::Rs256).is_none(),
            "which of the two?"
        );
        assert!(
            set(vec![odd, rsa("a")])
                .unwrap()
                .verifying(None, Algorithm::Rs256)
                .is_some()
        );
        assert!(set(vec![rsa("a"); SET_KEYS_MAX]).is_ok());
        assert!(set(vec![rsa("a"); SET_KEYS_MAX + 1]).is_err());
        assert!(JwkSet::parse(b"{}").is_err());
        assert!(JwkSet::parse(b"[]").is_err());
        assert!(JwkSet::parse(br#"{"keys":[],"keys":[]}"#).is_err());
        assert!(JwkSet::parse(&vec![b' '; SET_BYTES_MAX + 1]).is_err());
    }
}
