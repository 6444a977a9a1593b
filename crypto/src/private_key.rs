//! Private keys, in the encodings that Keycloak keeps in components.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RsaKeyPair,
};

use crate::algorithm::{Curve, KeyType};
use crate::der::{self, oid};
use crate::encoding::decode_tolerant;
use crate::key::KeyError;
use crate::public_key::PublicKey;

/// A private key, parsed once. Cloning shares it; `Debug` tells its kind alone.
#[derive(Clone)]
pub enum PrivateKey {
    /// RSA, 2048 to 8192 bits.
    Rsa(Arc<RsaKeyPair>),
    /// A scalar for a curve of NIST.
    Ec(Curve, Arc<EcdsaKeyPair>),
    /// Ed25519.
    Ed25519(Arc<Ed25519KeyPair>),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.key_type().as_str())
    }
}

impl PrivateKey {
    /// A new RSA key of 2048, 3072, 4096 or 8192 bits. Takes from 50 ms to seconds: hand it to a
    /// blocking thread.
    pub fn generate_rsa(bits: usize) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            _ => return Err(KeyError::RsaSize(bits)),
        };
        let pair = RsaKeyPair::generate(size).map_err(|_| KeyError::Library)?;
        Ok(Self::Rsa(Arc::new(pair)))
    }

    /// A new key for `curve`.
    pub fn generate_ec(curve: Curve) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(signing(curve)).map_err(|_| KeyError::Library)?;
        Ok(Self::Ec(curve, Arc::new(pair)))
    }

    /// A new Ed25519 key.
    pub fn generate_ed25519() -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Library)?;
        Ok(Self::Ed25519(Arc::new(pair)))
    }

    /// From PKCS#8 (RFC 5208), or PKCS#1 (RFC 8017 appendix A.1.2) for RSA.
    pub fn from_der(bytes: &[u8]) -> Result<Self, KeyError> {
        let Some((identifier, parameters, key)) = der::private_key_info(bytes) else {
            return Self::from_rsa(RsaKeyPair::from_der(bytes), bytes);
        };
        match identifier {
            oid::RSA => Self::from_rsa(RsaKeyPair::from_pkcs8(bytes), key),
            oid::EC => {
                let curve = match der::expect(parameters, der::OBJECT_IDENTIFIER) {
                    Some((oid::P256, _)) => Curve::P256,
                    Some((oid::P384, _)) => Curve::P384,
                    Some((oid::P521, _)) => Curve::P521,
                    _ => return Err(KeyError::Unsupported("EC curve")),
                };
                let pair = EcdsaKeyPair::from_pkcs8(signing(curve), bytes)
                    .map_err(|_| KeyError::Malformed("EC private key"))?;
                Ok(Self::Ec(curve, Arc::new(pair)))
            }
            oid::ED25519 => Ed25519KeyPair::from_pkcs8(bytes)
                .map(|pair| Self::Ed25519(Arc::new(pair)))
                .map_err(|_| KeyError::Malformed("Ed25519 private key")),
            oid::ED448 => Err(KeyError::Unsupported("Ed448")),
            _ => Err(KeyError::Unsupported("private key algorithm")),
        }
    }

    fn from_rsa(
        pair: Result<RsaKeyPair, aws_lc_rs::error::KeyRejected>,
        pkcs1: &[u8],
    ) -> Result<Self, KeyError> {
        pair.map(|pair| Self::Rsa(Arc::new(pair)))
            .map_err(|_| match rsa_private_bits(pkcs1) {
                Some(bits) if !(2048..=8192).contains(&bits) => KeyError::RsaSize(bits),
                _ => KeyError::Malformed("RSA private key"),
            })
    }

    /// From PEM or base64 of [`Self::from_der`]'s forms.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = decode_tolerant(text).map_err(|_| KeyError::Malformed("base64"))?;
        Self::from_der(&bytes)
    }

    /// PKCS#8 DER: the form in which Keycloak keeps EC and Ed25519 keys.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::Rsa(pair) => {
                let document: Result<Pkcs8V1Der<'_>, _> = pair.as_der();
                document
                    .map(|document| document.as_ref().to_vec())
                    .map_err(|_| KeyError::Library)
            }
            Self::Ec(_, pair) => pair
                .to_pkcs8v1()
                .map(|document| document.as_ref().to_vec())
                .map_err(|_| KeyError::Library),
            Self::Ed25519(pair) => pair
                .to_pkcs8v1()
                .map(|document| document.as_ref().to_vec())
                .map_err(|_| KeyError::Library),
        }
    }

    /// PKCS#1 DER of an RSA key: the form in which Keycloak keeps it.
    pub fn to_pkcs1(&self) -> Result<Vec<u8>, KeyError> {
        let Self::Rsa(_) = self else {
            return Err(KeyError::Unsupported("PKCS#1 of this key"));
        };
        let pkcs8 = self.to_pkcs8()?;
        der::private_key_info(&pkcs8)
            .map(|(_, _, key)| key.to_vec())
            .ok_or(KeyError::Malformed("RSA private key"))
    }

    /// The public half.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        match self {
            Self::Rsa(pair) => PublicKey::from_pkcs1(pair.public_key().as_ref()),
            Self::Ec(curve, pair) => {
                let point = pair.public_key().as_ref();
                let half = curve.field_bytes();
                let coordinates = point.get(1..1 + half).zip(point.get(1 + half..));
                let (x, y) = coordinates.ok_or(KeyError::Library)?;
                PublicKey::ec(*curve, x, y)
            }
            Self::Ed25519(pair) => PublicKey::ed25519(pair.public_key().as_ref()),
        }
    }

    /// The kind of key.
    pub const fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa(_) => KeyType::Rsa,
            Self::Ec(..) => KeyType::Ec,
            Self::Ed25519(_) => KeyType::Okp,
        }
    }
}

/// Bits of the modulus inside an `RSAPrivateKey`, so that a refusal can name them.
fn rsa_private_bits(pkcs1: &[u8]) -> Option<usize> {
    let (key, _) = der::expect(pkcs1, der::SEQUENCE)?;
    let (_version, rest) = der::expect(key, der::INTEGER)?;
    let (modulus, _) = der::expect(rest, der::INTEGER)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}
