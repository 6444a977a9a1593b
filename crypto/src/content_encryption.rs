//! The ciphers of JWE content (RFC 7518 §5): AES-GCM, and AES-CBC with HMAC.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

use crate::algorithm::Hash;
use crate::digest::{equal, hmac};
use crate::jwe::JweError;
use crate::random::Random;

/// Bytes of an AES-GCM nonce and tag.
const GCM_NONCE_BYTES: usize = 12;
const GCM_TAG_BYTES: usize = 16;
/// Bytes of an AES block, and so of a CBC initialization vector.
const CBC_IV_BYTES: usize = 16;

/// An `enc` algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// `A128GCM`.
    A128Gcm,
    /// `A192GCM`.
    A192Gcm,
    /// `A256GCM`.
    A256Gcm,
    /// `A128CBC-HS256`.
    A128CbcHs256,
    /// `A192CBC-HS384`.
    A192CbcHs384,
    /// `A256CBC-HS512`.
    A256CbcHs512,
}

/// The three last parts of a token.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) iv: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) tag: Vec<u8>,
}

impl ContentEncryption {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::A128Gcm,
        Self::A192Gcm,
        Self::A256Gcm,
        Self::A128CbcHs256,
        Self::A192CbcHs384,
        Self::A256CbcHs512,
    ];

    /// The `enc` value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A192Gcm => "A192GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The one of that exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|encryption| encryption.name() == name)
    }

    /// Bytes of the content key.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A192Gcm => 24,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A192CbcHs384 => 48,
            Self::A256CbcHs512 => 64,
        }
    }

    /// The hash beside CBC.
    const fn hash(self) -> Option<Hash> {
        match self {
            Self::A128CbcHs256 => Some(Hash::Sha256),
            Self::A192CbcHs384 => Some(Hash::Sha384),
            Self::A256CbcHs512 => Some(Hash::Sha512),
            Self::A128Gcm | Self::A192Gcm | Self::A256Gcm => None,
        }
    }

    pub(crate) fn seal(
        self,
        key: &[u8],
        associated: &[u8],
        plaintext: &[u8],
        random: &Random,
    ) -> Result<Sealed, JweError> {
        match self.hash() {
            None => self.seal_gcm(key, associated, plaintext, random),
            Some(hash) => self.seal_cbc(hash, key, associated, plaintext, random),
        }
    }

    pub(crate) fn open(
        self,
        key: &[u8],
        associated: &[u8],
        sealed: &Sealed,
    ) -> Result<Vec<u8>, JweError> {
        match self.hash() {
            None => self.open_gcm(key, associated, sealed),
            Some(hash) => self.open_cbc(hash, key, associated, sealed),
        }
    }

    fn gcm_key(self, key: &[u8]) -> Result<LessSafeKey, JweError> {
        let algorithm = match self.key_bytes() {
            16 => &AES_128_GCM,
            24 => &AES_192_GCM,
            _ => &AES_256_GCM,
        };
        // Refuses a key of another length.
        UnboundKey::new(algorithm, key)
            .map(LessSafeKey::new)
            .map_err(|_| JweError::Key)
    }

    fn seal_gcm(
        self,
        key: &[u8],
        associated: &[u8],
        plaintext: &[u8],
        random: &Random,
    ) -> Result<Sealed, JweError> {
        let iv = random.bytes::<GCM_NONCE_BYTES>();
        let mut ciphertext = plaintext.to_vec();
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = self
            .gcm_key(key)?
            .seal_in_place_separate_tag(nonce, Aad::from(associated), &mut ciphertext)
            .map_err(|_| JweError::Library)?;
        Ok(Sealed {
            iv: iv.to_vec(),
            ciphertext,
            tag: tag.as_ref().to_vec(),
        })
    }

    fn open_gcm(self, key: &[u8], associated: &[u8], sealed: &Sealed) -> Result<Vec<u8>, JweError> {
        // A shorter tag would be easier to guess (RFC 7518 §5.3: 128 bits).
        if sealed.tag.len() != GCM_TAG_BYTES {
            return Err(JweError::Decrypt);
        }
        let nonce = Nonce::try_assume_unique_for_key(&sealed.iv).map_err(|_| JweError::Decrypt)?;
        let mut bytes = [sealed.ciphertext.as_slice(), &sealed.tag].concat();
        let length = self
            .gcm_key(key)?
            .open_in_place(nonce, Aad::from(associated), &mut bytes)
            .map_err(|_| JweError::Decrypt)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The two halves of the content key: for the HMAC, for the cipher (RFC 7518 §5.2.2.1).
    fn cbc_keys(self, key: &[u8]) -> Result<(&[u8], UnboundCipherKey), JweError> {
        if key.len() != self.key_bytes() {
            return Err(JweError::Key);
        }
        let (mac_key, cipher_key) = key.split_at(key.len() / 2);
        let algorithm: &'static cipher::Algorithm = match cipher_key.len() {
            16 => &AES_128,
            24 => &AES_192,
            _ => &AES_256,
        };
        let cipher_key = UnboundCipherKey::new(algorithm, cipher_key).map_err(|_| JweError::Key)?;
        Ok((mac_key, cipher_key))
    }

    fn seal_cbc(
        self,
        hash: Hash,
        key: &[u8],
        associated: &[u8],
        plaintext: &[u8],
        random: &Random,
    ) -> Result<Sealed, JweError> {
        let (mac_key, cipher_key) = self.cbc_keys(key)?;
        let iv = random.bytes::<CBC_IV_BYTES>();
        let mut ciphertext = plaintext.to_vec();
        PaddedBlockEncryptingKey::cbc_pkcs7(cipher_key)
            .and_then(|key| {
                let context = EncryptionContext::Iv128(FixedLength::from(iv));
                key.less_safe_encrypt(&mut ciphertext, context)
            })
            .map_err(|_| JweError::Library)?;
        let tag = cbc_tag(hash, mac_key, associated, &iv, &ciphertext);
        Ok(Sealed {
            iv: iv.to_vec(),
            ciphertext,
            tag,
        })
    }

    /// The tag is checked before anything is decrypted, so that nobody learns about the padding
    /// (Vaudenay's attack).
    fn open_cbc(
        self,
        hash: Hash,
        key: &[u8],
        associated: &[u8],
        sealed: &Sealed,
    ) -> Result<Vec<u8>, JweError> {
        let (mac_key, cipher_key) = self.cbc_keys(key)?;
        let iv: [u8; CBC_IV_BYTES] = sealed
            .iv
            .as_slice()
            .try_into()
            .map_err(|_| JweError::Decrypt)?;
        let tag = cbc_tag(hash, mac_key, associated, &iv, &sealed.ciphertext);
        if !equal(&tag, &sealed.tag) {
            return Err(JweError::Decrypt);
        }
        let mut bytes = sealed.ciphertext.clone();
        let length = PaddedBlockDecryptingKey::cbc_pkcs7(cipher_key)
            .map_err(|_| JweError::Library)?
            .decrypt(&mut bytes, DecryptionContext::Iv128(FixedLength::from(iv)))
            .map_err(|_| JweError::Decrypt)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// HMAC over associated data, vector, ciphertext and the bits of the first; its left half.
fn cbc_tag(hash: Hash, key: &[u8], associated: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let bits = u64::try_from(associated.len()).unwrap_or_default() * 8;
    let message = [associated, iv, ciphertext, &bits.to_be_bytes()].concat();
    let mut tag = hmac(hash, key, &message);
    tag.truncate(tag.len() / 2);
    tag
}
