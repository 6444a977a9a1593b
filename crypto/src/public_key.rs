//! Public keys as values: from a JWK, a certificate or `SubjectPublicKeyInfo`, and back.

use crate::algorithm::{Curve, KeyType};
use crate::certificate::Certificate;
use crate::der::{self, oid};
use crate::digest::sha256;
use crate::encoding::{base64url, decode_tolerant};
use crate::key::KeyError;

/// Smallest RSA modulus taken, in bits. Keycloak's old example realms have such keys; verifying
/// with one is possible for RS256 and RS512 alone.
const RSA_BITS_MIN: usize = 1024;
/// Largest RSA modulus taken, in bits: a limit of the library, and of the time one check takes.
const RSA_BITS_MAX: usize = 8192;

/// A public key, checked for its form; whether a point lies on its curve is checked when it is
/// made ready to verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA (RFC 8017).
    Rsa {
        /// Modulus, big-endian, no leading zero.
        modulus: Vec<u8>,
        /// Exponent, big-endian, no leading zero.
        exponent: Vec<u8>,
    },
    /// A point on a curve of NIST.
    Ec {
        /// The curve.
        curve: Curve,
        /// `04 || x || y` (SEC 1 §2.3.3).
        point: Vec<u8>,
    },
    /// Ed25519 (RFC 8032).
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// An RSA key from big-endian integers; leading zeros are dropped.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let modulus: Vec<u8> = modulus
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        let exponent: Vec<u8> = exponent
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        let first = modulus.first().ok_or(KeyError::Malformed("RSA modulus"))?;
        let bits = modulus.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or_default();
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(KeyError::RsaSize(bits));
        }
        // An even exponent is none; a huge one only costs time. Eight bytes are the library's bound.
        if exponent.last().is_none_or(|last| last % 2 == 0) || exponent.len() > 8 || exponent == [1]
        {
            return Err(KeyError::Malformed("RSA exponent"));
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    /// A point from its coordinates, which may be shorter than the field (leading zeros lost).
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        let mut point = vec![4];
        for coordinate in [x, y] {
            let missing = curve
                .field_bytes()
                .checked_sub(coordinate.len())
                .ok_or(KeyError::Malformed("EC coordinate"))?;
            point.resize(point.len() + missing, 0);
            point.extend_from_slice(coordinate);
        }
        Ok(Self::Ec { curve, point })
    }

    fn ec_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        if point.first() != Some(&4) || point.len() != 1 + 2 * curve.field_bytes() {
            return Err(KeyError::Malformed("EC point"));
        }
        Ok(Self::Ec {
            curve,
            point: point.to_vec(),
        })
    }

    /// An Ed25519 key from its 32 bytes.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes
            .try_into()
            .map(Self::Ed25519)
            .map_err(|_| KeyError::Malformed("Ed25519 key"))
    }

    /// From `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        const WHAT: KeyError = KeyError::Malformed("public key");
        let (info, rest) = der::expect(spki, der::SEQUENCE).ok_or(WHAT)?;
        if !rest.is_empty() {
            return Err(WHAT);
        }
        let (algorithm, key) = der::expect(info, der::SEQUENCE).ok_or(WHAT)?;
        let (identifier, parameters) =
            der::expect(algorithm, der::OBJECT_IDENTIFIER).ok_or(WHAT)?;
        let (key, _) = der::expect(key, der::BIT_STRING).ok_or(WHAT)?;
        let Some((0, key)) = key.split_first() else {
            return Err(WHAT);
        };
        match identifier {
            oid::RSA => Self::from_pkcs1(key),
            oid::EC => {
                let (curve, _) = der::expect(parameters, der::OBJECT_IDENTIFIER)
                    .ok_or(KeyError::Unsupported("EC parameters"))?;
                Self::ec_point(curve_of(curve)?, key)
            }
            oid::ED25519 => Self::ed25519(key),
            oid::ED448 => Err(KeyError::Unsupported("Ed448")),
            _ => Err(KeyError::Unsupported("public key algorithm")),
        }
    }

    /// From `RSAPublicKey` (RFC 8017 appendix A.1.1).
    pub(crate) fn from_pkcs1(pkcs1: &[u8]) -> Result<Self, KeyError> {
        const WHAT: KeyError = KeyError::Malformed("RSA public key");
        let (key, _) = der::expect(pkcs1, der::SEQUENCE).ok_or(WHAT)?;
        let (modulus, rest) = der::expect(key, der::INTEGER).ok_or(WHAT)?;
        let (exponent, _) = der::expect(rest, der::INTEGER).ok_or(WHAT)?;
        Self::rsa(modulus, exponent)
    }

    /// From the text an administrator pasted: PEM or bare base64 of a certificate or a public key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = decode_tolerant(text).map_err(|_| KeyError::Malformed("base64"))?;
        Self::from_spki(&bytes).or_else(|of_key| {
            Certificate::from_der(bytes)
                .and_then(|certificate| certificate.public_key())
                .map_err(|_| of_key)
        })
    }

    /// `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> Vec<u8> {
        let (algorithm, key) = match self {
            Self::Rsa { modulus, exponent } => (
                der::sequence(&[
                    &der::element(der::OBJECT_IDENTIFIER, oid::RSA),
                    &der::element(der::NULL, &[]),
                ]),
                der::sequence(&[&der::integer(modulus), &der::integer(exponent)]),
            ),
            Self::Ec { curve, point } => (
                der::sequence(&[
                    &der::element(der::OBJECT_IDENTIFIER, oid::EC),
                    &der::element(der::OBJECT_IDENTIFIER, curve_oid(*curve)),
                ]),
                point.clone(),
            ),
            Self::Ed25519(bytes) => (
                der::sequence(&[&der::element(der::OBJECT_IDENTIFIER, oid::ED25519)]),
                bytes.to_vec(),
            ),
        };
        der::sequence(&[&algorithm, &der::bit_string(&key)])
    }

    /// Keycloak's key id: base64url of the SHA-256 of [`Self::spki`]. Not the RFC 7638 thumbprint.
    pub fn kid(&self) -> String {
        base64url(&sha256(&self.spki()))
    }

    /// The kind of key.
    pub const fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::Ec { .. } => KeyType::Ec,
            Self::Ed25519(_) => KeyType::Okp,
        }
    }

    /// Bits of an RSA modulus; `None` for other keys.
    pub fn rsa_bits(&self) -> Option<usize> {
        let Self::Rsa { modulus, .. } = self else {
            return None;
        };
        let unused = modulus.first().map_or(0, |byte| byte.leading_zeros());
        Some(modulus.len() * 8 - usize::try_from(unused).unwrap_or_default())
    }
}

fn curve_of(identifier: &[u8]) -> Result<Curve, KeyError> {
    match identifier {
        oid::P256 => Ok(Curve::P256),
        oid::P384 => Ok(Curve::P384),
        oid::P521 => Ok(Curve::P521),
        _ => Err(KeyError::Unsupported("EC curve")),
    }
}

const fn curve_oid(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P256 => oid::P256,
        Curve::P384 => oid::P384,
        Curve::P521 => oid::P521,
    }
}
