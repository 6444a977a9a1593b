//! What an assertion says, and the rules for it that need no key.

use std::sync::Arc;

use claviger_crypto::jws::Json;
use claviger_engine::client::Client;
use claviger_engine::events::EventBuilder;
use claviger_model::Seconds;
use serde_json::Value;

use super::broken;
use crate::Help;
use crate::call::Call;
use crate::client_auth::{Failure, Refusal};

/// How much the client's clock may be ahead.
pub const SKEW: Seconds = Seconds(15);

/// The claims of RFC 7523 §3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    pub issuer: Option<String>,
    pub subject: Option<String>,
    pub audience: Vec<String>,
    pub id: Option<String>,
    pub expires_at: Option<Seconds>,
    pub not_before: Option<Seconds>,
    pub issued_at: Option<Seconds>,
}

/// A claim is not of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl Claims {
    /// Reads an assertion's payload.
    pub fn of(payload: &Json) -> Result<Self, WrongType> {
        Ok(Self {
            issuer: optional(payload.get("iss"), text)?,
            subject: optional(payload.get("sub"), text)?,
            audience: optional(payload.get("aud"), texts)?.unwrap_or_default(),
            id: optional(payload.get("jti"), text)?,
            expires_at: optional(payload.get("exp"), instant)?,
            not_before: optional(payload.get("nbf"), instant)?,
            issued_at: optional(payload.get("iat"), instant)?,
        })
    }

    /// Tells the event which assertion it was, be it good or bad.
    pub fn tell(&self, event: &mut EventBuilder) {
        for (name, value) in [
            ("client_assertion_id", &self.id),
            ("client_assertion_issuer", &self.issuer),
            ("client_assertion_sub", &self.subject),
        ] {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                event.detail(name, value);
            }
        }
    }

    /// The client that the assertion is about, if it is there and switched on.
    pub async fn client(
        &self,
        call: &Call,
        event: &mut EventBuilder,
        known: &mut Option<Arc<Client>>,
    ) -> Result<Arc<Client>, Failure> {
        let id = self
            .subject
            .as_deref()
            .ok_or_else(|| broken(Help::AssertionClaims, "Token sub claim is required"))?;
        let client = call
            .realm
            .client(id)
            .await?
            .ok_or_else(|| Refusal::not_found(Help::ClientNotAccepted))?;
        // Two different names in one request are two answers to one question.
        if call
            .form
            .get("client_id")
            .is_some_and(|named| named != client.client_id)
        {
            let text = "client_id parameter does not match authenticated client";
            return Err(broken(Help::AssertionClaims, text).into());
        }
        event.client(&client.client_id);
        *known = Some(Arc::clone(&client));
        if client.settings.enabled {
            Ok(client)
        } else {
            Err(Refusal::disabled().into())
        }
    }

    /// The assertion must be meant for this server, and for nobody else besides: others could come
    /// in with it here.
    pub fn check_audience(&self, accepted: &[String]) -> Result<(), &'static str> {
        if !self
            .audience
            .iter()
            .any(|audience| accepted.contains(audience))
        {
            return Err("Invalid token audience");
        }
        if self.audience.len() > 1 {
            return Err("Multiple audiences not allowed");
        }
        Ok(())
    }

    /// The assertion must be young and not have run out. Gives the last second in which it is good.
    pub fn check_times(&self, now: Seconds, age_max: Seconds) -> Result<Seconds, &'static str> {
        let end = self.expires_at.ok_or("Token exp claim is required")?;
        let begun = self.not_before.is_none_or(|begin| now + SKEW >= begin);
        if now > end || !begun {
            return Err("Token is not active");
        }
        let Some(issued_at) = self.issued_at else {
            if end > now + age_max {
                return Err(
                    "Token expiration is too far in the future and iat claim not present in token",
                );
            }
            return Ok(end);
        };
        if issued_at > now + SKEW {
            return Err("Token was issued in the future");
        }
        if now >= end {
            return Err("Token is not active");
        }
        let oldest = issued_at + age_max;
        if now > oldest {
            return Err("Token was issued too far in the past to be used now");
        }
        Ok(end.min(oldest))
    }
}

/// A claim that may be absent, read by `read`, which gives none for what is not of its type.
fn optional<T>(
    value: Option<&Value>,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, WrongType> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or(WrongType),
    }
}

/// Text; numbers and flags are spelled out, as lenient JSON readers do.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One text or several (RFC 7519 §4.1.3).
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(list) => list
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Some(vec![text(value)?])
        }
    }
}

/// Seconds since 1970 (RFC 7519 §2), with or without a fraction, or as text.
fn instant(value: &Value) -> Option<Seconds> {
    let number = match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(whole),
            None => number.as_f64().and_then(whole),
        },
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.map(Seconds)
}

fn whole(number: f64) -> Option<i64> {
    // Beyond this a float cannot tell one second from the next.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the exact range; the rest is cut"
    )]
    (number.abs() <= EXACT_MAX).then(|| number.trunc() as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Seconds = Seconds(1_000_000);
    const AGE_MAX: Seconds = Seconds(60);

    fn claims(payload: &Value) -> Result<Claims, WrongType> {
        Claims::of(payload.as_object().unwrap())
    }

    #[test]
    fn claims_are_read_by_their_types() {
        let read = claims(
            &json!({"iss": "a", "sub": 7, "aud": "x", "jti": null, "exp": 1.9,
            "iat": "5"}),
        )
        .unwrap();
        assert_eq!(read.issuer.as_deref(), Some("a"));
        assert_eq!(read.subject.as_deref(), Some("7"));
        assert_eq!(read.audience, ["x"]);
        assert_eq!(read.id, None);
        assert_eq!(read.expires_at, Some(Seconds(1)));
        assert_eq!(read.issued_at, Some(Seconds(5)));
        assert_eq!(
            claims(&json!({"aud": ["x", "y"]})).unwrap().audience,
            ["x", "y"]
        );
        for wrong in [
            json!({"iss": {}}),
            json!({"sub": ["a"]}),
            json!({"aud": ["a", 1]}),
            json!({"aud": {"a": 1}}),
            json!({"exp": "soon"}),
            json!({"exp": true}),
            json!({"exp": 1e300}),
            json!({"iat": []}),
        ] {
            assert_eq!(claims(&wrong), Err(WrongType), "{wrong}");
        }
    }

    #[test]
    fn an_assertion_is_meant_for_one_server() {
        let check = |audience: &[&str]| {
            let audience = audience.iter().map(|name| (*name).to_owned()).collect();
            let claims = Claims {
                audience,
                ..Claims::default()
            };
            claims.check_audience(&["http://id/realms/shop".to_owned()])
        };
        assert_eq!(check(&["http://id/realms/shop"]), Ok(()));
        assert_eq!(check(&[]), Err("Invalid token audience"));
        assert_eq!(check(&["http://elsewhere"]), Err("Invalid token audience"));
        assert_eq!(
            check(&["http://id/realms/shop/"]),
            Err("Invalid token audience")
        );
        let two = ["http://id/realms/shop", "http://elsewhere"];
        assert_eq!(check(&two), Err("Multiple audiences not allowed"));
    }

    fn times(exp: Option<i64>, iat: Option<i64>, nbf: Option<i64>) -> Claims {
        let at = |offset: Option<i64>| offset.map(|offset| Seconds(NOW.0 + offset));
        Claims {
            expires_at: at(exp),
            issued_at: at(iat),
            not_before: at(nbf),
            ..Claims::default()
        }
    }

    #[test]
    fn an_assertion_is_good_for_a_short_time() {
        const FAR: &str =
            "Token expiration is too far in the future and iat claim not present in token";
        const OLD: &str = "Token was issued too far in the past to be used now";
        let good = |offset: i64| Ok(Seconds(NOW.0 + offset));
        let cases = [
            (
                times(None, Some(0), None),
                Err("Token exp claim is required"),
            ),
            (times(Some(-1), None, None), Err("Token is not active")),
            (times(Some(0), None, None), good(0)),
            (times(Some(60), None, None), good(60)),
            (times(Some(61), None, None), Err(FAR)),
            (times(Some(60), None, Some(15)), good(60)),
            (times(Some(60), None, Some(16)), Err("Token is not active")),
            (times(Some(3600), Some(0), None), good(60)),
            (times(Some(3600), Some(15), None), good(75)),
            (
                times(Some(3600), Some(16), None),
                Err("Token was issued in the future"),
            ),
            (times(Some(3600), Some(-60), None), good(0)),
            (times(Some(3600), Some(-61), None), Err(OLD)),
            (times(Some(0), Some(-1), None), Err("Token is not active")),
            (times(Some(1), Some(-1), None), good(1)),
        ];
        for (claims, expected) in cases {
            assert_eq!(claims.check_times(NOW, AGE_MAX), expected, "{claims:?}");
        }
        let never = Claims {
            expires_at: Some(Seconds(0)),
            ..Claims::default()
        };
        assert_eq!(never.check_times(NOW, AGE_MAX), Err("Token is not active"));
    }

    proptest! {
        /// What is remembered must outlast what is accepted, or an assertion could be used again.
        #[test]
        fn no_assertion_outlives_its_end(
            exp in -200_i64..4_000,
            iat in proptest::option::of(-200_i64..200),
            later in 0_i64..5_000,
        ) {
            let claims = times(Some(exp), iat, None);
            if let Ok(end) = claims.check_times(NOW, AGE_MAX) {
                let then = NOW + Seconds(later);
                if claims.check_times(then, AGE_MAX).is_ok() {
                    prop_assert!(then <= end);
                }
            }
        }

        #[test]
        fn extreme_instants_do_no_harm(exp: i64, iat: i64, nbf: i64, now: i64, age in 1_i64..) {
            let claims = Claims {
                expires_at: Some(Seconds(exp)),
                issued_at: Some(Seconds(iat)),
                not_before: Some(Seconds(nbf)),
                ..Claims::default()
            };
            let _ = claims.check_times(Seconds(now), Seconds(age));
        }
    }
}
