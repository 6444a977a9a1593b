//! Signs, verifies, encrypts and hashes.

pub mod algorithm;
#[cfg(test)]
mod attacks;
pub mod certificate;
pub mod content_encryption;
mod der;
pub mod digest;
pub mod encoding;
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod key;
mod key_agreement;
pub mod key_provider;
pub mod key_ring;
mod key_wrap;
pub mod otp;
pub mod password;
pub mod password_hasher;
pub mod private_key;
pub mod public_key;
pub mod random;
#[cfg(test)]
mod rfc_vectors;

pub use algorithm::{Algorithm, Curve, Hash, KeyType, KeyUse};
pub use certificate::Certificate;
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use key_provider::{Config, ConfigProblem, Provider};
pub use key_ring::{KeyProviderConfig, KeyRing, KeyStatus, RealmKey};
pub use password::{HashAlgorithm, HashPolicy, PasswordError, StoredPassword, Verdict};
pub use password_hasher::{HasherError, PasswordHasher};
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub use random::Random;
