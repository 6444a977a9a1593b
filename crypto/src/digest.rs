//! Digests, message authentication, and comparison in constant time.

use aws_lc_rs::{constant_time, digest, hmac};

use crate::algorithm::{Algorithm, Hash};
use crate::encoding::base64url;

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// SHA-384 (FIPS 180-4).
pub fn sha384(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA384, bytes).as_ref().to_vec()
}

/// SHA-512 (FIPS 180-4).
pub fn sha512(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA512, bytes).as_ref().to_vec()
}

/// SHA-1, for `x5t` (RFC 7515 §4.1.7) alone: nothing may rest on it.
pub fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
        .as_ref()
        .to_vec()
}

/// `at_hash`, `c_hash` and `s_hash` (OpenID Connect Core §3.1.3.6): the left half of the hash that
/// belongs to the ID token's `algorithm`, as base64url. Ed25519 counts as SHA-512.
pub fn left_half(algorithm: Algorithm, value: &str) -> String {
    let hash = match algorithm.hash() {
        Hash::Sha256 => sha256(value.as_bytes()),
        Hash::Sha384 => sha384(value.as_bytes()),
        Hash::Sha512 => sha512(value.as_bytes()),
    };
    base64url(hash.get(..hash.len() / 2).unwrap_or_default())
}

/// HMAC (RFC 2104) of `message`.
pub fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac_key(hash, key), message).as_ref().to_vec()
}

/// Whether `tag` is the HMAC of `message`, in constant time. An empty key never verifies: it is
/// the sign of a secret that was never set.
pub fn hmac_verifies(hash: Hash, key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    !key.is_empty() && hmac::verify(&hmac_key(hash, key), message, tag).is_ok()
}

/// Whether both are equal; the time tells at most their lengths.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

pub(crate) fn hmac_key(hash: Hash, key: &[u8]) -> hmac::Key {
    let algorithm = match hash {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::Key::new(algorithm, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    #[test]
    fn digests_of_abc() {
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            hex(&sha1(b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert!(hex(&sha384(b"abc")).starts_with("cb00753f45a35e8bb5a03d699ac65007"));
        assert!(hex(&sha512(b"abc")).starts_with("ddaf35a193617abacc417349ae204131"));
    }

    #[test]
    fn at_hash_of_the_standard() {
        // OpenID Connect Core, appendix A.3 (access token of the examples, RS256).
        assert_eq!(
            left_half(
                Algorithm::Rs256,
                "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
            ),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        assert_eq!(left_half(Algorithm::EdDsa, "x").len(), 43);
    }

    #[test]
    fn hmac_refuses_what_it_must() {
        let tag = hmac(Hash::Sha512, b"key", b"message");
        assert!(hmac_verifies(Hash::Sha512, b"key", b"message", &tag));
        assert!(!hmac_verifies(Hash::Sha512, b"key", b"massage", &tag));
        assert!(!hmac_verifies(Hash::Sha512, b"kez", b"message", &tag));
        assert!(!hmac_verifies(Hash::Sha512, b"key", b"message", &tag[..32]));
        assert!(!hmac_verifies(Hash::Sha512, b"key", b"message", b""));
        let of_empty_key = hmac(Hash::Sha256, b"", b"message");
        assert!(!hmac_verifies(Hash::Sha256, b"", b"message", &of_empty_key));
    }

    #[test]
    fn equality() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
        assert!(equal(b"", b""));
    }
}
