//! One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238), in Keycloak's credential form.

use std::fmt;

use aws_lc_rs::hmac;
use claviger_model::Millis;
use serde_json::{Value, json};

use crate::digest::equal;
use crate::encoding::decode_base32;
use crate::jws::Json;
use crate::random::Random;

/// Most steps looked at on each side: a realm's look-around window beyond it is cut.
pub const WINDOW_MAX: u32 = 100;
/// Longest secret taken, in characters.
const SECRET_MAX: usize = 1024;

/// What is wrong with a stored one-time password credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed otp credential: {0}")]
pub struct OtpError(&'static str);

/// The hash of a one-time password algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtpHash {
    /// `HmacSHA1`, which every authenticator knows.
    #[default]
    Sha1,
    /// `HmacSHA256`.
    Sha256,
    /// `HmacSHA512`.
    Sha512,
}

impl OtpHash {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Keycloak's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "HmacSHA1",
            Self::Sha256 => "HmacSHA256",
            Self::Sha512 => "HmacSHA512",
        }
    }

    /// The name in `otpauth:` addresses.
    pub const fn uri_name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The hash of that Keycloak name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    fn key(self, secret: &[u8]) -> hmac::Key {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::Key::new(algorithm, secret)
    }
}

/// By time or by counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpKind {
    /// `totp`: a new code each period.
    Totp {
        /// Seconds.
        period: u32,
    },
    /// `hotp`: a new code at each use.
    Hotp {
        /// The counter of the next code.
        counter: u32,
    },
}

/// A code that was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpMatch {
    /// The time step of the code. A code is for one use (RFC 6238 §5.2): remember the step.
    Totp {
        /// Periods since 1970.
        step: u64,
    },
    /// The counter to store, so that this code and those before it are over (RFC 4226 §7.2).
    Hotp {
        /// The counter after the code's.
        next_counter: u32,
    },
}

/// An enrolled authenticator.
#[derive(Clone, PartialEq, Eq)]
pub struct OtpCredential {
    kind: OtpKind,
    digits: u32,
    hash: OtpHash,
    /// The text as it is stored.
    value: String,
    base32: bool,
    secret: Vec<u8>,
}

impl fmt::Debug for OtpCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "OtpCredential({:?}, {} digits, {:?})",
            self.kind, self.digits, self.hash
        )
    }
}

impl OtpCredential {
    /// A secret for enrolling: 20 characters, whose bytes are the key.
    pub fn new_secret(random: &Random) -> String {
        random.alphanumeric(20)
    }

    /// A credential whose key is the UTF-8 bytes of `secret`, as Keycloak enrols them. `digits` is
    /// 6 to 8.
    pub fn new(kind: OtpKind, digits: u32, hash: OtpHash, secret: &str) -> Result<Self, OtpError> {
        let credential = Self {
            kind,
            digits,
            hash,
            value: secret.to_owned(),
            base32: false,
            secret: secret.as_bytes().to_vec(),
        };
        credential.checked()
    }

    /// Reads a credential's two texts.
    pub fn parse(secret_data: &str, credential_data: &str) -> Result<Self, OtpError> {
        let object = |text| serde_json::from_str::<Json>(text).map_err(|_| OtpError("JSON"));
        let (secret, data) = (object(secret_data)?, object(credential_data)?);
        let text = |name: &str| data.get(name).and_then(Value::as_str);
        let number = |name: &'static str, default: u32| match data.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_u64()
                .and_then(|value| u32::try_from(value).ok())
                .ok_or(OtpError(name)),
        };
        let value = secret
            .get("value")
            .and_then(Value::as_str)
            .ok_or(OtpError("value"))?;
        let (base32, secret) = match text("secretEncoding") {
            None => (false, value.as_bytes().to_vec()),
            Some(name) if name.eq_ignore_ascii_case("BASE32") => {
                (true, decode_base32(value).map_err(|_| OtpError("value"))?)
            }
            Some(_) => return Err(OtpError("secretEncoding")),
        };
        let kind = match text("subType") {
            Some("totp") | None => OtpKind::Totp {
                period: number("period", 30)?,
            },
            Some("hotp") => OtpKind::Hotp {
                counter: number("counter", 0)?,
            },
            Some(_) => return Err(OtpError("subType")),
        };
        let hash = match text("algorithm") {
            None => OtpHash::default(),
            Some(name) => OtpHash::from_name(name).ok_or(OtpError("algorithm"))?,
        };
        let digits = number("digits", 6)?;
        Self {
            kind,
            digits,
            hash,
            value: value.to_owned(),
            base32,
            secret,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, OtpError> {
        // Fewer digits are guessed too soon; more the truncation of RFC 4226 §5.3 cannot fill.
        if !(6..=8).contains(&self.digits) {
            return Err(OtpError("digits"));
        }
        if self.secret.is_empty() || self.value.len() > SECRET_MAX {
            return Err(OtpError("value"));
        }
        match self.kind {
            OtpKind::Totp { period: 0 } => Err(OtpError("period")),
            OtpKind::Totp { .. } | OtpKind::Hotp { .. } => Ok(self),
        }
    }

    /// By time or by counter.
    pub const fn kind(&self) -> OtpKind {
        self.kind
    }

    /// Digits of a code.
    pub const fn digits(&self) -> u32 {
        self.digits
    }

    /// Checks a code: TOTP looks `window` steps to both sides of `now` for clocks that differ,
    /// HOTP `window` counters ahead for codes that were never sent. Every candidate is computed,
    /// so that the time does not tell which one fitted.
    pub fn verify(&self, code: &str, now: Millis, window: u32) -> Option<OtpMatch> {
        let window = u64::from(window.min(WINDOW_MAX));
        let (first, last) = match self.kind {
            OtpKind::Totp { period } => {
                let step = u64::try_from(now.seconds().0).ok()? / u64::from(period);
                (step.saturating_sub(window), step.saturating_add(window))
            }
            OtpKind::Hotp { counter } => (u64::from(counter), u64::from(counter) + window),
        };
        let key = self.hash.key(&self.secret);
        let mut found = None;
        for counter in first..=last {
            let fits = equal(
                code_of(&key, counter, self.digits).as_bytes(),
                code.as_bytes(),
            );
            if fits && found.is_none() {
                found = Some(counter);
            }
        }
        match self.kind {
            OtpKind::Totp { .. } => found.map(|step| OtpMatch::Totp { step }),
            OtpKind::Hotp { .. } => {
                let next_counter = u32::try_from(found?.checked_add(1)?).ok()?;
                Some(OtpMatch::Hotp { next_counter })
            }
        }
    }

    /// The code at an instant (TOTP) or of the next counter (HOTP): what an authenticator shows.
    pub fn code(&self, now: Millis) -> String {
        let counter = match self.kind {
            OtpKind::Totp { period } => {
                u64::try_from(now.seconds().0).unwrap_or(0) / u64::from(period)
            }
            OtpKind::Hotp { counter } => u64::from(counter),
        };
        code_of(&self.hash.key(&self.secret), counter, self.digits)
    }

    /// The same authenticator at another counter.
    #[must_use]
    pub fn with_counter(mut self, next_counter: u32) -> Self {
        if let OtpKind::Hotp { counter } = &mut self.kind {
            *counter = next_counter;
        }
        self
    }

    /// The secret text for the store.
    pub fn secret_data(&self) -> String {
        json!({ "value": self.value }).to_string()
    }

    /// The other text for the store.
    pub fn credential_data(&self) -> String {
        let (sub_type, counter, period) = match self.kind {
            OtpKind::Totp { period } => ("totp", 0, period),
            OtpKind::Hotp { counter } => ("hotp", counter, 0),
        };
        let mut data = json!({
            "subType": sub_type,
            "digits": self.digits,
            "counter": counter,
            "period": period,
            "algorithm": self.hash.name(),
        });
        if let (true, Some(members)) = (self.base32, data.as_object_mut()) {
            members.insert("secretEncoding".to_owned(), "BASE32".into());
        }
        data.to_string()
    }
}

/// RFC 4226 §5.3: dynamic truncation.
fn code_of(key: &hmac::Key, counter: u64, digits: u32) -> String {
    let tag = hmac::sign(key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    let word = tag
        .get(offset..offset + 4)
        .and_then(|word| word.try_into().ok());
    let number = u32::from_be_bytes(word.unwrap_or_default()) & 0x7fff_ffff;
    let width = usize::try_from(digits).unwrap_or_default();
    format!("{:0width$}", number % 10_u32.pow(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totp(hash: OtpHash, secret: &str, digits: u32) -> OtpCredential {
        OtpCredential::new(OtpKind::Totp { period: 30 }, digits, hash, secret).unwrap()
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            let kind = OtpKind::Hotp { counter };
            let credential =
                OtpCredential::new(kind, 6, OtpHash::Sha1, "12345678901234567890").unwrap();
            assert_eq!(credential.code(Millis(0)), code);
            assert_eq!(
                credential.verify(code, Millis(0), 0),
                Some(OtpMatch::Hotp {
                    next_counter: counter + 1
                })
            );
        }
    }

    #[test]
    fn rfc_6238_appendix_b() {
        let secrets = [
            (OtpHash::Sha1, "12345678901234567890"),
            (OtpHash::Sha256, "12345678901234567890123456789012"),
            (
                OtpHash::Sha512,
                "1234567890123456789012345678901234567890123456789012345678901234",
            ),
        ];
        let rows = [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ];
        for (seconds, codes) in rows {
            for ((hash, secret), code) in secrets.into_iter().zip(codes) {
                let credential = totp(hash, secret, 8);
                let now = Millis(seconds * 1000);
                assert_eq!(credential.code(now), code, "{hash:?} at {seconds}");
                assert!(credential.verify(code, now, 0).is_some());
            }
        }
    }

    #[test]
    fn the_window_of_totp_has_two_sides() {
        let credential = totp(OtpHash::Sha1, "secret", 6);
        let at = |step: i64| Millis(step * 30_000);
        let code = credential.code(at(1000));
        for (step, window, ok) in [
            (1000, 0, true),
            (999, 0, false),
            (1001, 0, false),
            (999, 1, true),
            (1001, 1, true),
            (998, 1, false),
            (1002, 1, false),
        ] {
            let expected = ok.then_some(OtpMatch::Totp { step: 1000 });
            assert_eq!(
                credential.verify(&code, at(step), window),
                expected,
                "{step} {window}"
            );
        }
        assert_eq!(credential.verify("", at(1000), 1), None);
        assert_eq!(credential.verify(&code[..5], at(1000), 1), None);
        assert_eq!(credential.verify(&format!("{code}0"), at(1000), 1), None);
        assert_eq!(credential.verify(&code, Millis(-1), 1), None);
    }

    #[test]
    fn hotp_looks_ahead_only() {
        let at = |counter| {
            OtpCredential::new(OtpKind::Hotp { counter }, 6, OtpHash::Sha1, "secret").unwrap()
        };
        let code = at(5).code(Millis(0));
        assert_eq!(
            at(3).verify(&code, Millis(0), 2),
            Some(OtpMatch::Hotp { next_counter: 6 })
        );
        assert_eq!(at(3).verify(&code, Millis(0), 1), None);
        assert_eq!(
            at(6).verify(&code, Millis(0), 5),
            None,
            "a used code is over"
        );
        assert_eq!(at(u32::MAX).verify("000000", Millis(0), 200), None);
        assert_eq!(at(3).with_counter(6), at(6));
    }

    #[test]
    fn stored_form() {
        let data =
            r#"{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}"#;
        let secret = r#"{"value":"TEbeyLgTeAaHLTwSWm9U"}"#;
        let credential = OtpCredential::parse(secret, data).unwrap();
        assert_eq!(credential, totp(OtpHash::Sha1, "TEbeyLgTeAaHLTwSWm9U", 6));
        assert_eq!(credential.secret_data(), secret);
        assert_eq!(credential.credential_data(), data);

        let encoded = r#"{"subType":"hotp","digits":8,"counter":7,"period":0,"algorithm":"HmacSHA256","secretEncoding":"BASE32"}"#;
        let credential = OtpCredential::parse(r#"{"value":"MZXW6YTBOI"}"#, encoded).unwrap();
        assert_eq!(credential.secret, b"foobar");
        assert_eq!(credential.credential_data(), encoded);
        assert_eq!(credential.secret_data(), r#"{"value":"MZXW6YTBOI"}"#);
        assert!(!format!("{credential:?}").contains("MZXW"));
    }

    #[test]
    fn what_is_refused() {
        let good = json!({"subType":"totp","digits":6,"period":30,"algorithm":"HmacSHA1"});
        let parse = |data: &Value| OtpCredential::parse(r#"{"value":"x"}"#, &data.to_string());
        assert!(parse(&good).is_ok());
        for (name, value) in [
            ("digits", json!(0)),
            ("digits", json!(9)),
            ("digits", json!(-6)),
            ("period", json!(0)),
            ("period", json!("30")),
            ("algorithm", json!("HmacMD5")),
            ("subType", json!("sms")),
            ("secretEncoding", json!("BASE64")),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(parse(&bad).is_err(), "{bad}");
        }
        assert!(OtpCredential::parse(r#"{"value":""}"#, &good.to_string()).is_err());
        assert!(OtpCredential::parse("{}", &good.to_string()).is_err());
        assert!(OtpCredential::parse("", "").is_err());
    }
}
