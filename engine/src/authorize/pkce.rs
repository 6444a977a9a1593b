//! Proof Key for Code Exchange (RFC 7636): who began the login is who exchanges its code.

use claviger_crypto::digest::{equal, sha256};
use claviger_crypto::encoding::base64url;

/// How long challenge and verifier are at least, and at most (§4.1).
const LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// What a code is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkce {
    /// `code_challenge`.
    pub challenge: String,
    /// `code_challenge_method`; without one the challenge is the verifier.
    pub method: Option<String>,
}

/// Why a verifier is refused. The text is the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// There is none.
    #[error("PKCE code verifier not specified")]
    Missing,
    /// There is one, and the code is bound to nothing: two clients may have been mixed up (§2.1 of
    /// RFC 9700, the downgrade).
    #[error("PKCE code verifier specified but challenge not present in authorization")]
    Needless,
    /// It has not the form of one.
    #[error("PKCE verification failed: Invalid code verifier")]
    Malformed,
    /// It is another one.
    #[error("PKCE verification failed: Code mismatch")]
    Differs,
}

impl PkceError {
    /// The error of the event.
    pub const fn event_error(self) -> &'static str {
        match self {
            Self::Missing => "code_verifier_missing",
            Self::Needless | Self::Malformed => "invalid_code_verifier",
            Self::Differs => "pkce_verification_failed",
        }
    }

    /// The reason that the event tells.
    pub fn reason(self) -> String {
        let text = self.to_string();
        match text.strip_prefix("PKCE verification failed: ") {
            Some(reason) => reason.to_owned(),
            None => text,
        }
    }
}

/// Checks what an authorization request says of it; `enforced` is the method that the client insists
/// on (`pkce.code.challenge.method`).
///
/// # Errors
///
/// What is wrong, as the client is told.
pub fn check(
    enforced: Option<&str>,
    challenge: Option<&str>,
    method: Option<&str>,
) -> Result<(), String> {
    let missing = |name: &str| Err(format!("Missing parameter: {name}"));
    let invalid = |name: &str| Err(format!("Invalid parameter: {name}"));
    match (enforced, method) {
        (Some(_), None) => return missing("code_challenge_method"),
        (Some(enforced), Some(method)) if enforced != method => {
            return invalid("code challenge method is not matching the configured one");
        }
        (Some(_) | None, _) => {}
    }
    let Some(challenge) = challenge else {
        return if method.is_some() {
            missing("code_challenge")
        } else {
            Ok(())
        };
    };
    if method.is_some_and(|method| enforced.is_none() && !matches!(method, "S256" | "plain")) {
        return invalid("code_challenge_method");
    }
    if is_well_formed(challenge) {
        Ok(())
    } else {
        invalid("code_challenge")
    }
}

/// Checks the verifier that comes with a code (§4.6).
///
/// # Errors
///
/// Why it is not the one.
pub fn verify(bound: Option<&Pkce>, verifier: Option<&str>) -> Result<(), PkceError> {
    let (bound, verifier) = match (bound, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(PkceError::Needless),
        (Some(_), None) => return Err(PkceError::Missing),
        (Some(bound), Some(verifier)) => (bound, verifier),
    };
    if !is_well_formed(verifier) {
        return Err(PkceError::Malformed);
    }
    let is_it = match bound.method.as_deref() {
        Some("S256") => {
            let digest = base64url(&sha256(verifier.as_bytes()));
            equal(digest.as_bytes(), bound.challenge.as_bytes())
        }
        None | Some("plain" | "") => equal(verifier.as_bytes(), bound.challenge.as_bytes()),
        Some(_) => false,
    };
    if is_it {
        Ok(())
    } else {
        Err(PkceError::Differs)
    }
}

/// Unreserved characters, 43 to 128 of them (§4.1).
fn is_well_formed(text: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    LENGTH.contains(&text.len()) && text.bytes().all(is_unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn requests_say_what_the_client_insists_on() {
        let no_method = "Missing parameter: code_challenge_method";
        let no_challenge = "Missing parameter: code_challenge";
        let cases = [
            (None, None, None, Ok(())),
            (None, Some(CHALLENGE), None, Ok(())),
            (None, Some(CHALLENGE), Some("S256"), Ok(())),
            (None, Some(VERIFIER), Some("plain"), Ok(())),
            (None, None, Some("S256"), Err(no_challenge)),
            (
                None,
                Some(CHALLENGE),
                Some("S512"),
                Err("Invalid parameter: code_challenge_method"),
            ),
            (
                None,
                Some("short"),
                Some("S256"),
                Err("Invalid parameter: code_challenge"),
            ),
            (Some("S256"), None, None, Err(no_method)),
            (Some("S256"), Some(CHALLENGE), None, Err(no_method)),
            (
                Some("S256"),
                Some(VERIFIER),
                Some("plain"),
                Err("Invalid parameter: code challenge method is not matching the configured one"),
            ),
            (Some("S256"), None, Some("S256"), Err(no_challenge)),
            (Some("S256"), Some(CHALLENGE), Some("S256"), Ok(())),
        ];
        for (enforced, challenge, method, expected) in cases {
            let found = check(enforced, challenge, method);
            assert_eq!(
                found,
                expected.map_err(str::to_owned),
                "{enforced:?} {challenge:?} {method:?}"
            );
        }
    }

    #[test]
    fn a_verifier_is_the_one_that_the_challenge_was_made_of() {
        let bound = |challenge: &str, method: Option<&str>| Pkce {
            challenge: challenge.to_owned(),
            method: method.map(str::to_owned),
        };
        let s256 = bound(CHALLENGE, Some("S256"));
        let plain = bound(VERIFIER, Some("plain"));
        let silent = bound(VERIFIER, None);
        let other = "a".repeat(43);
        assert_eq!(verify(None, None), Ok(()));
        assert_eq!(verify(None, Some(VERIFIER)), Err(PkceError::Needless));
        assert_eq!(verify(Some(&s256), Some(VERIFIER)), Ok(()));
        assert_eq!(verify(Some(&plain), Some(VERIFIER)), Ok(()));
        assert_eq!(verify(Some(&silent), Some(VERIFIER)), Ok(()));
        assert_eq!(verify(Some(&s256), None), Err(PkceError::Missing));
        assert_eq!(verify(Some(&s256), Some("")), Err(PkceError::Malformed));
        assert_eq!(verify(Some(&s256), Some(&other)), Err(PkceError::Differs));
        assert_eq!(verify(Some(&plain), Some(&other)), Err(PkceError::Differs));
        // The challenge is known to whoever saw the request; it is no verifier.
        assert_eq!(
            verify(Some(&s256), Some(CHALLENGE)),
            Err(PkceError::Differs)
        );
        let unknown = bound(VERIFIER, Some("S512"));
        assert_eq!(
            verify(Some(&unknown), Some(VERIFIER)),
            Err(PkceError::Differs)
        );
    }

    #[test]
    fn lengths_and_letters_are_those_of_the_standard() {
        for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(is_well_formed(&"a".repeat(length)), good, "{length}");
        }
        for letter in ["+", "/", "=", " ", "\u{e4}", "\n"] {
            assert!(
                !is_well_formed(&format!("{}{letter}", "a".repeat(50))),
                "{letter:?}"
            );
        }
    }
}
