//! AES key wrap (RFC 3394). The crypto library has it for 128 and 256 bits only.

use aes_kw::{KeyInit as _, KwAes192};
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap as _};

use crate::jwe::JweError;

/// Longest key wrapped: the 64 bytes of `A256CBC-HS512`.
const KEY_BYTES_MAX: usize = 64;

fn key_encryption_key(secret: &[u8]) -> Result<AesKek, JweError> {
    let cipher = match secret.len() {
        16 => &AES_128,
        32 => &AES_256,
        _ => return Err(JweError::Key),
    };
    AesKek::new(cipher, secret).map_err(|_| JweError::Key)
}

/// Bytes of a key for AES-192.
const MIDDLE_BYTES: usize = 24;

fn middle_key(secret: &[u8]) -> Result<KwAes192, JweError> {
    KwAes192::new_from_slice(secret).map_err(|_| JweError::Key)
}

/// Wraps `content_key` with `secret`, of 16, 24 or 32 bytes.
pub(crate) fn wrap(secret: &[u8], content_key: &[u8]) -> Result<Vec<u8>, JweError> {
    let mut wrapped = vec![0; content_key.len() + 8];
    if secret.len() == MIDDLE_BYTES {
        let key = middle_key(secret)?;
        let written = key.wrap_key(content_key, &mut wrapped);
        written.map_err(|_| JweError::Library)?;
        return Ok(wrapped);
    }
    let written = key_encryption_key(secret)?
        .wrap(content_key, &mut wrapped)
        .map_err(|_| JweError::Library)?
        .len();
    wrapped.truncate(written);
    Ok(wrapped)
}

/// Unwraps what [`wrap`] made; an altered key does not come out.
pub(crate) fn unwrap(secret: &[u8], wrapped: &[u8]) -> Result<Vec<u8>, JweError> {
    if wrapped.len() > KEY_BYTES_MAX + 8 {
        return Err(JweError::Decrypt);
    }
    let mut content_key = vec![0; wrapped.len()];
    if secret.len() == MIDDLE_BYTES {
        let key = middle_key(secret)?;
        let opened = key.unwrap_key(wrapped, &mut content_key);
        let opened = opened.map_err(|_| JweError::Decrypt)?;
        return Ok(opened.to_vec());
    }
    let written = key_encryption_key(secret)?
        .unwrap(wrapped, &mut content_key)
        .map_err(|_| JweError::Decrypt)?
        .len();
    content_key.truncate(written);
    Ok(content_key)
}
