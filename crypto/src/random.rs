//! Randomness, handed in as a value so that a test can repeat itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;

use crate::encoding;

/// Digits and letters, as Keycloak draws client secrets from.
const ALPHANUMERIC: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A source of random bytes. Cloning shares the source.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Seeded>),
}

struct Seeded {
    key: hmac::Key,
    counter: AtomicU64,
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Random::System",
            Source::Seeded(_) => "Random::Seeded",
        })
    }
}

impl Random {
    /// The generator of the crypto library, seeded by the operating system.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// **For tests only**: a stream that depends on `seed` alone (HMAC-SHA-256 over a counter).
    /// Whoever knows the seed knows every value.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Seeded {
            key: hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes()),
            counter: AtomicU64::new(0),
        })))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => fill_from_system(bytes),
            Source::Seeded(seeded) => {
                for chunk in bytes.chunks_mut(32) {
                    let count = seeded.counter.fetch_add(1, Ordering::Relaxed);
                    let block = hmac::sign(&seeded.key, &count.to_be_bytes());
                    for (to, from) in chunk.iter_mut().zip(block.as_ref()) {
                        *to = *from;
                    }
                }
            }
        }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// `length` random bytes.
    pub fn byte_vec(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }

    /// A version 4 UUID (RFC 9562 §5.4) in lower case with hyphens.
    pub fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.bytes())
            .into_uuid()
            .to_string()
    }

    /// `bytes` random bytes as base64url without padding: `token(18)` has 24 characters, the form
    /// of session ids.
    pub fn token(&self, bytes: usize) -> String {
        encoding::base64url(&self.byte_vec(bytes))
    }

    /// `length` characters of `a-z`, `A-Z`, `0-9`: the form of generated client secrets.
    pub fn alphanumeric(&self, length: usize) -> String {
        self.characters(length, ALPHANUMERIC)
    }

    /// `length` characters of an ASCII `alphabet` of at most 256, each equally likely. An empty
    /// alphabet gives an empty text.
    pub fn characters(&self, length: usize, alphabet: &[u8]) -> String {
        let size = alphabet.len().min(256);
        if size == 0 {
            return String::new();
        }
        // Bytes from `limit` on are drawn again: a bare remainder would favour the first letters.
        let limit = 256 - 256 % size;
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.bytes::<32>() {
                let byte = usize::from(byte);
                if byte < limit
                    && text.len() < length
                    && let Some(letter) = alphabet.get(byte % size)
                {
                    text.push(char::from(*letter));
                }
            }
        }
        text
    }
}

#[expect(
    clippy::expect_used,
    reason = "without randomness no answer would be safe to give"
)]
fn fill_from_system(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the random generator of the crypto library works");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_values_again() {
        let (one, two, other) = (Random::seeded(7), Random::seeded(7), Random::seeded(8));
        assert_eq!(one.token(18), two.token(18));
        assert_ne!(one.token(18), other.token(18));
        let clone = one.clone();
        assert_ne!(one.uuid(), clone.uuid(), "a clone shares the counter");
    }

    #[test]
    fn the_system_does_not_repeat() {
        let random = Random::system();
        assert_ne!(random.bytes::<32>(), random.bytes::<32>());
        assert_ne!(random.uuid(), random.uuid());
    }

    #[test]
    fn forms() {
        let random = Random::seeded(1);
        assert_eq!(random.token(18).len(), 24);
        let uuid = random.uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
        let text = random.alphanumeric(1000);
        assert_eq!(text.len(), 1000);
        assert!(text.bytes().all(|byte| ALPHANUMERIC.contains(&byte)));
        assert!(
            ALPHANUMERIC
                .iter()
                .all(|byte| text.bytes().any(|found| found == *byte))
        );
        assert_eq!(random.characters(4, b""), "");
        assert_eq!(random.characters(3, b"x"), "xxx");
    }
}
