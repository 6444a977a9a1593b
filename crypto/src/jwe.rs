//! JSON Web Encryption, compact serialization (RFC 7516).
//!
//! The way a key is managed is a property of the key, never of the header. `RSA1_5` is written for
//! clients that want it and never read: only whoever decrypts it is open to Bleichenbacher's attack
//! (RFC 8725 §3.2). Compression and `crit` are refused. All failures of decryption look alike.

use std::fmt;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use serde_json::Value;

use crate::content_encryption::{ContentEncryption, Sealed};
use crate::encoding::{base64url, decode_base64url};
use crate::jws::{Json, parse_object};
use crate::key_agreement::{self, Agreement};
use crate::key_wrap;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;
use crate::random::Random;

/// Longest token read, in bytes: an encrypted token holds a signed one, a third longer.
pub const TOKEN_BYTES_MAX: usize = 128 * 1024;

/// Why a token is not encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// More than [`TOKEN_BYTES_MAX`].
    #[error("the encrypted token is too long")]
    TooLong,
    /// Not five parts of strict base64url.
    #[error("the encrypted token does not have five parts of base64url")]
    Form,
    /// The header is not an object with unique members and `alg` and `enc`.
    #[error("the encrypted token's header is not valid")]
    Header,
    /// `crit` or `zip`.
    #[error("the encrypted token's header asks for an extension that is not supported")]
    Extension,
    /// `alg` or `enc` is not one of ours, or not the one that the key is for.
    #[error("the encrypted token's algorithm is not the key's")]
    Algorithm,
    /// The key does not fit the algorithm.
    #[error("the key does not fit the algorithm")]
    Key,
    /// Wrong key, or altered on the way.
    #[error("the token cannot be decrypted")]
    Decrypt,
    /// The crypto library failed at something that should not fail.
    #[error("the crypto library refused")]
    Library,
}

/// How the content key reaches the recipient (RFC 7518 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// `RSA-OAEP`, with SHA-1 inside, which does not weaken it (RFC 8017 §7.1).
    RsaOaep,
    /// `RSA-OAEP-256`.
    RsaOaep256,
    /// `RSA1_5`: to encrypt with, and not among [`KeyManagement::ALL`].
    Rsa15,
    /// `dir`: both sides hold the content key.
    Dir,
    /// `A128KW`.
    A128Kw,
    /// `A256KW`.
    A256Kw,
    /// `ECDH-ES`: the agreed key is the content key.
    EcdhEs,
    /// `ECDH-ES+A128KW`.
    EcdhEsA128Kw,
    /// `ECDH-ES+A192KW`.
    EcdhEsA192Kw,
    /// `ECDH-ES+A256KW`.
    EcdhEsA256Kw,
}

impl KeyManagement {
    /// All that are read. Nobody needs `A192KW` on its own.
    pub const ALL: [Self; 9] = [
        Self::RsaOaep,
        Self::RsaOaep256,
        Self::Dir,
        Self::A128Kw,
        Self::A256Kw,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA192Kw,
        Self::EcdhEsA256Kw,
    ];

    /// All that are written for holders of a public key: what clients may ask for.
    pub const FOR_PUBLIC_KEYS: [Self; 7] = [
        Self::RsaOaep,
        Self::RsaOaep256,
        Self::Rsa15,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA192Kw,
        Self::EcdhEsA256Kw,
    ];

    /// The `alg` value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::Rsa15 => "RSA1_5",
            Self::Dir => "dir",
            Self::A128Kw => "A128KW",
            Self::A256Kw => "A256KW",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA192Kw => "ECDH-ES+A192KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// The one of that exact name, to read what somebody has written.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|management| management.name() == name)
    }

    /// The one of that exact name, to write for the holder of a public key.
    pub fn for_public_keys(name: &str) -> Option<Self> {
        Self::FOR_PUBLIC_KEYS
            .into_iter()
            .find(|management| management.name() == name)
    }

    /// Whether keys of that type are good for it.
    pub fn suits(self, key: &PublicKey) -> bool {
        match key {
            PublicKey::Rsa { .. } => self.oaep().is_some() || self == Self::Rsa15,
            PublicKey::Ec { .. } => is_agreement(self),
            PublicKey::Ed25519(_) => false,
        }
    }

    const fn oaep(self) -> Option<&'static OaepAlgorithm> {
        match self {
            Self::RsaOaep => Some(&OAEP_SHA1_MGF1SHA1),
            Self::RsaOaep256 => Some(&OAEP_SHA256_MGF1SHA256),
            Self::Rsa15
            | Self::Dir
            | Self::A128Kw
            | Self::A256Kw
            | Self::EcdhEs
            | Self::EcdhEsA128Kw
            | Self::EcdhEsA192Kw
            | Self::EcdhEsA256Kw => None,
        }
    }

    /// Bytes of the key that wraps, if one does.
    const fn wrapping_bytes(self) -> Option<usize> {
        match self {
            Self::A128Kw | Self::EcdhEsA128Kw => Some(16),
            Self::EcdhEsA192Kw => Some(24),
            Self::A256Kw | Self::EcdhEsA256Kw => Some(32),
            Self::RsaOaep | Self::RsaOaep256 | Self::Rsa15 | Self::Dir | Self::EcdhEs => None,
        }
    }
}

/// To whom a token is encrypted.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    /// `kid` for the header.
    pub kid: Option<&'a str>,
    /// How.
    pub management: KeyManagement,
    /// The cipher of the content.
    pub encryption: ContentEncryption,
    /// The recipient's public key, or the shared secret.
    pub key: EncryptionKey<'a>,
}

/// A key to encrypt with.
#[derive(Clone, Copy)]
pub enum EncryptionKey<'a> {
    /// For RSA-OAEP and ECDH-ES.
    Public(&'a PublicKey),
    /// For `dir` and the key wraps.
    Secret(&'a [u8]),
}

/// A key to decrypt with.
#[derive(Clone, Copy)]
pub enum DecryptionKey<'a> {
    /// For RSA-OAEP and ECDH-ES.
    Private(&'a PrivateKey),
    /// For `dir` and the key wraps.
    Secret(&'a [u8]),
}

impl fmt::Debug for Recipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Recipient({}, {})",
            self.management.name(),
            self.encryption.name()
        )
    }
}

/// Encrypts `plaintext`. `cty` is `JWT` for a nested token (RFC 7519 §5.2).
pub fn encrypt(
    recipient: &Recipient<'_>,
    cty: Option<&str>,
    plaintext: &[u8],
    random: &Random,
) -> Result<String, JweError> {
    let (management, encryption) = (recipient.management, recipient.encryption);
    let mut header = Json::new();
    let mut put = |name: &str, value: Value| header.insert(name.to_owned(), value);
    put("alg", management.name().into());
    put("enc", encryption.name().into());
    if let Some(cty) = cty {
        put("cty", cty.into());
    }
    if let Some(kid) = recipient.kid {
        put("kid", kid.into());
    }
    let mut content_key = random.byte_vec(encryption.key_bytes());
    let mut wrapped = Vec::new();
    match (
        recipient.key,
        management.oaep(),
        management.wrapping_bytes(),
    ) {
        (EncryptionKey::Public(key), Some(oaep), _) => {
            wrapped = oaep_encrypt(key, oaep, &content_key)?;
        }
        (EncryptionKey::Public(key), None, None) if management == KeyManagement::Rsa15 => {
            wrapped = pkcs1_encrypt(key, &content_key)?;
        }
        (EncryptionKey::Public(PublicKey::Ec { curve, point }), None, wrapping)
            if is_agreement(management) =>
        {
            let agreement = agreement_of(management, encryption, None, None);
            let (agreed, ephemeral) = key_agreement::send(*curve, point, &agreement)?;
            put("epk", Value::Object(ephemeral));
            if wrapping.is_some() {
                wrapped = key_wrap::wrap(&agreed, &content_key)?;
            } else {
                content_key = agreed;
            }
        }
        (EncryptionKey::Secret(secret), None, None) if management == KeyManagement::Dir => {
            content_key = secret.to_vec();
        }
        (EncryptionKey::Secret(secret), None, Some(bytes))
            if !is_agreement(management) && secret.len() == bytes =>
        {
            wrapped = key_wrap::wrap(secret, &content_key)?;
        }
        (EncryptionKey::Public(_) | EncryptionKey::Secret(_), _, _) => return Err(JweError::Key),
    }
    let header = base64url(Value::Object(header).to_string().as_bytes());
    let sealed = encryption.seal(&content_key, header.as_bytes(), plaintext, random)?;
    let parts = [
        header,
        base64url(&wrapped),
        base64url(&sealed.iv),
        base64url(&sealed.ciphertext),
        base64url(&sealed.tag),
    ];
    Ok(parts.join("."))
}

/// An encrypted token of the right form.
#[derive(Clone)]
pub struct Encrypted<'a> {
    protected: &'a str,
    header: Json,
    wrapped: Vec<u8>,
    sealed: Sealed,
}

impl fmt::Debug for Encrypted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encrypted({:?})", self.header)
    }
}

impl<'a> Encrypted<'a> {
    /// Reads the form: at most [`TOKEN_BYTES_MAX`], exactly five parts, strict base64url, a header
    /// without duplicate members.
    pub fn parse(token: &'a str) -> Result<Self, JweError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JweError::TooLong);
        }
        let parts: Vec<&str> = token.splitn(6, '.').collect();
        let [protected, wrapped, iv, ciphertext, tag] = parts[..] else {
            return Err(JweError::Form);
        };
        let bytes = |text| decode_base64url(text).map_err(|_| JweError::Form);
        let header = parse_object(&bytes(protected)?).ok_or(JweError::Header)?;
        if ["alg", "enc"]
            .iter()
            .any(|name| header.get(*name).is_none_or(|text| !text.is_string()))
        {
            return Err(JweError::Header);
        }
        if ["crit", "zip"]
            .iter()
            .any(|name| header.contains_key(*name))
        {
            return Err(JweError::Extension);
        }
        let sealed = Sealed {
            iv: bytes(iv)?,
            ciphertext: bytes(ciphertext)?,
            tag: bytes(tag)?,
        };
        Ok(Self {
            protected,
            header,
            wrapped: bytes(wrapped)?,
            sealed,
        })
    }

    /// `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.text("kid")
    }

    /// `alg` as written.
    pub fn alg(&self) -> &str {
        self.text("alg").unwrap_or_default()
    }

    /// `cty`.
    pub fn cty(&self) -> Option<&str> {
        self.text("cty")
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// Decrypts with `key`, which is for `management` alone.
    pub fn decrypt(
        &self,
        management: KeyManagement,
        key: DecryptionKey<'_>,
    ) -> Result<Vec<u8>, JweError> {
        if self.alg() != management.name() {
            return Err(JweError::Algorithm);
        }
        let encryption = self
            .text("enc")
            .and_then(ContentEncryption::from_name)
            .ok_or(JweError::Algorithm)?;
        let content_key = self.content_key(management, encryption, key)?;
        encryption.open(&content_key, self.protected.as_bytes(), &self.sealed)
    }

    fn content_key(
        &self,
        management: KeyManagement,
        encryption: ContentEncryption,
        key: DecryptionKey<'_>,
    ) -> Result<Vec<u8>, JweError> {
        // Where the content key is not sent, the part for it is empty (RFC 7516 §5.2, step 10).
        let direct = matches!(management, KeyManagement::Dir | KeyManagement::EcdhEs);
        if direct != self.wrapped.is_empty() {
            return Err(JweError::Decrypt);
        }
        let content_key = match (key, management.oaep(), management.wrapping_bytes()) {
            (DecryptionKey::Private(key @ PrivateKey::Rsa(_)), Some(oaep), _) => {
                oaep_decrypt(key, oaep, &self.wrapped)?
            }
            (DecryptionKey::Private(key @ PrivateKey::Ec(curve, _)), None, wrapping)
                if is_agreement(management) =>
            {
                let (apu, apv) = (self.text("apu"), self.text("apv"));
                let agreement = agreement_of(management, encryption, apu, apv);
                let ephemeral = self
                    .header
                    .get("epk")
                    .and_then(Value::as_object)
                    .ok_or(JweError::Header)?;
                let agreed = key_agreement::receive(*curve, key, ephemeral, &agreement)?;
                if wrapping.is_some() {
                    key_wrap::unwrap(&agreed, &self.wrapped)?
                } else {
                    agreed
                }
            }
            (DecryptionKey::Secret(secret), None, None) if management == KeyManagement::Dir => {
                secret.to_vec()
            }
            (DecryptionKey::Secret(secret), None, Some(bytes))
                if !is_agreement(management) && secret.len() == bytes =>
            {
                key_wrap::unwrap(secret, &self.wrapped)?
            }
            (DecryptionKey::Private(_) | DecryptionKey::Secret(_), _, _) => {
                return Err(JweError::Key);
            }
        };
        Ok(content_key)
    }
}

const fn is_agreement(management: KeyManagement) -> bool {
    matches!(
        management,
        KeyManagement::EcdhEs
            | KeyManagement::EcdhEsA128Kw
            | KeyManagement::EcdhEsA192Kw
            | KeyManagement::EcdhEsA256Kw
    )
}

/// What the derived key is for: named and measured by `enc` if it is the content key itself, by
/// `alg` if it wraps (RFC 7518 §4.6.2).
fn agreement_of<'a>(
    management: KeyManagement,
    encryption: ContentEncryption,
    apu: Option<&'a str>,
    apv: Option<&'a str>,
) -> Agreement<'a> {
    let (name, bytes) = match management.wrapping_bytes() {
        Some(bytes) => (management.name(), bytes),
        None => (encryption.name(), encryption.key_bytes()),
    };
    Agreement {
        name,
        bytes,
        apu: apu.unwrap_or_default(),
        apv: apv.unwrap_or_default(),
    }
}

fn rsa_key(key: &PublicKey) -> Result<PublicEncryptingKey, JweError> {
    let PublicKey::Rsa { .. } = key else {
        return Err(JweError::Key);
    };
    PublicEncryptingKey::from_der(&key.spki()).map_err(|_| JweError::Key)
}

fn pkcs1_encrypt(key: &PublicKey, content_key: &[u8]) -> Result<Vec<u8>, JweError> {
    let key = Pkcs1PublicEncryptingKey::new(rsa_key(key)?).map_err(|_| JweError::Key)?;
    let mut wrapped = vec![0; key.ciphertext_size()];
    let written = key
        .encrypt(content_key, &mut wrapped)
        .map_err(|_| JweError::Library)?
        .len();
    wrapped.truncate(written);
    Ok(wrapped)
}

fn oaep_encrypt(
    key: &PublicKey,
    oaep: &'static OaepAlgorithm,
    content_key: &[u8],
) -> Result<Vec<u8>, JweError> {
    let key = OaepPublicEncryptingKey::new(rsa_key(key)?).map_err(|_| JweError::Key)?;
    let mut wrapped = vec![0; key.ciphertext_size()];
    let written = key
        .encrypt(oaep, content_key, &mut wrapped, None)
        .map_err(|_| JweError::Library)?
        .len();
    wrapped.truncate(written);
    Ok(wrapped)
}

fn oaep_decrypt(
    key: &PrivateKey,
    oaep: &'static OaepAlgorithm,
    wrapped: &[u8],
) -> Result<Vec<u8>, JweError> {
    let pkcs8 = key.to_pkcs8().map_err(|_| JweError::Key)?;
    let key = PrivateDecryptingKey::from_pkcs8(&pkcs8).map_err(|_| JweError::Key)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(|_| JweError::Key)?;
    let mut content_key = vec![0; key.min_output_size()];
    let written = key
        .decrypt(oaep, wrapped, &mut content_key, None)
        .map_err(|_| JweError::Decrypt)?
        .len();
    content_key.truncate(written);
    Ok(content_key)
}

#[cfg(test)]
mod tests;
