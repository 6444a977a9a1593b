//! Keys made ready: parsed once, bound to one algorithm, named by their `kid`.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters};

use crate::algorithm::{Algorithm, Curve, KeyType};
use crate::digest::hmac_key;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are not what they should be.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A kind of key that this server does not work with.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// An RSA modulus outside the limits.
    #[error("an RSA key of {0} bits is not supported: 2048 to 8192 are")]
    RsaSize(usize),
    /// The key does not belong to the algorithm.
    #[error("the key does not fit algorithm {0}")]
    Mismatch(Algorithm),
    /// A shared secret without a single byte: anybody could sign with it.
    #[error("the secret is empty")]
    EmptySecret,
    /// The crypto library failed at something that should not fail.
    #[error("the crypto library refused")]
    Library,
}

/// A key that signs, with the algorithm it signs by. Cloning shares it.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    material: Signer,
}

#[derive(Clone)]
enum Signer {
    Asymmetric(PrivateKey),
    Hmac(Arc<hmac::Key>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.algorithm, self.kid)
    }
}

impl SigningKey {
    /// Binds a private key to the one algorithm it will sign by.
    pub fn new(
        kid: impl Into<String>,
        algorithm: Algorithm,
        key: PrivateKey,
    ) -> Result<Self, KeyError> {
        let fits = match &key {
            PrivateKey::Rsa(_) => algorithm.key_type() == KeyType::Rsa,
            PrivateKey::Ec(curve, _) => algorithm == curve.algorithm(),
            PrivateKey::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        if !fits {
            return Err(KeyError::Mismatch(algorithm));
        }
        Ok(Self {
            kid: kid.into(),
            algorithm,
            material: Signer::Asymmetric(key),
        })
    }

    /// Binds a shared secret to one HMAC algorithm.
    pub fn hmac(
        kid: impl Into<String>,
        algorithm: Algorithm,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        let key = hmac_of(algorithm, secret)?;
        Ok(Self {
            kid: kid.into(),
            algorithm,
            material: Signer::Hmac(Arc::new(key)),
        })
    }

    /// The key's id, as it goes into headers.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it signs by.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs. ECDSA gives `r || s` of fixed length (RFC 7518 §3.4). RSA 2048 takes 260 µs.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.material {
            Signer::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Signer::Asymmetric(PrivateKey::Rsa(pair)) => {
                let encoding = rsa_encoding(self.algorithm)?;
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut bytes)
                    .map_err(|_| KeyError::Library)?;
                Ok(bytes)
            }
            Signer::Asymmetric(PrivateKey::Ec(_, pair)) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Library),
            Signer::Asymmetric(PrivateKey::Ed25519(pair)) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Library),
        }
    }

    /// The key that verifies what this one signs.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        let verifier = match &self.material {
            Signer::Hmac(key) => Verifier::Hmac(Arc::clone(key)),
            Signer::Asymmetric(key) => public_verifier(self.algorithm, &key.public_key()?)?,
        };
        Ok(VerifyingKey {
            kid: self.kid.clone(),
            algorithm: self.algorithm,
            verifier,
        })
    }
}

/// A key that verifies, by one algorithm only: what a header claims cannot change it (RFC 8725
/// §3.1). Cloning shares it.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: String,
    algorithm: Algorithm,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Public(Arc<ParsedPublicKey>),
    Hmac(Arc<hmac::Key>),
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, {})", self.algorithm, self.kid)
    }
}

impl VerifyingKey {
    /// Binds a public key to one algorithm.
    pub fn new(
        kid: impl Into<String>,
        algorithm: Algorithm,
        key: &PublicKey,
    ) -> Result<Self, KeyError> {
        let verifier = public_verifier(algorithm, key)?;
        Ok(Self {
            kid: kid.into(),
            algorithm,
            verifier,
        })
    }

    /// Binds a shared secret (a client's, say) to one HMAC algorithm. Never pass it the bytes of a
    /// public key: that is the confusion of RS256 and HS256.
    pub fn hmac(
        kid: impl Into<String>,
        algorithm: Algorithm,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        let key = hmac_of(algorithm, secret)?;
        Ok(Self {
            kid: kid.into(),
            algorithm,
            verifier: Verifier::Hmac(Arc::new(key)),
        })
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm it verifies by.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Verifier::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

fn hmac_of(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, KeyError> {
    if !algorithm.is_symmetric() {
        return Err(KeyError::Mismatch(algorithm));
    }
    if secret.is_empty() {
        return Err(KeyError::EmptySecret);
    }
    Ok(hmac_key(algorithm.hash(), secret))
}

fn public_verifier(algorithm: Algorithm, key: &PublicKey) -> Result<Verifier, KeyError> {
    let parsed = match key {
        PublicKey::Rsa { modulus, exponent } => {
            let parameters = rsa_parameters(algorithm, key.rsa_bits().unwrap_or_default())?;
            let components = PublicKeyComponents {
                n: modulus,
                e: exponent,
            };
            components
                .to_parsed_public_key(parameters)
                .map_err(|_| KeyError::Malformed("RSA public key"))?
        }
        PublicKey::Ec { curve, point } => {
            if algorithm != curve.algorithm() {
                return Err(KeyError::Mismatch(algorithm));
            }
            let parameters = match curve {
                Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
            };
            ParsedPublicKey::new(parameters, point).map_err(|_| KeyError::Malformed("EC point"))?
        }
        PublicKey::Ed25519(bytes) => {
            if algorithm != Algorithm::EdDsa {
                return Err(KeyError::Mismatch(algorithm));
            }
            ParsedPublicKey::new(&signature::ED25519, bytes)
                .map_err(|_| KeyError::Malformed("Ed25519 key"))?
        }
    };
    Ok(Verifier::Public(Arc::new(parsed)))
}

fn rsa_parameters(algorithm: Algorithm, bits: usize) -> Result<&'static RsaParameters, KeyError> {
    match algorithm {
        // Below 2048 bits the library knows these two alone.
        Algorithm::Rs256 if bits < 2048 => {
            Ok(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
        }
        Algorithm::Rs512 if bits < 2048 => {
            Ok(&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
        }
        Algorithm::Rs384 | Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512
            if bits < 2048 =>
        {
            Err(KeyError::RsaSize(bits))
        }
        Algorithm::Rs256 => Ok(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Ok(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Ok(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Ok(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Ok(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Ok(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa
        | Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512 => Err(KeyError::Mismatch(algorithm)),
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Result<&'static dyn signature::RsaEncoding, KeyError> {
    match algorithm {
        Algorithm::Rs256 => Ok(&signature::RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Ok(&signature::RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Ok(&signature::RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Ok(&signature::RSA_PSS_SHA256),
        Algorithm::Ps384 => Ok(&signature::RSA_PSS_SHA384),
        Algorithm::Ps512 => Ok(&signature::RSA_PSS_SHA512),
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa
        | Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512 => Err(KeyError::Mismatch(algorithm)),
    }
}

#[cfg(test)]
mod tests;
