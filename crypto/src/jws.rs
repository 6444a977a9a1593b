//! JSON Web Signature, compact serialization (RFC 7515), with the rules of RFC 8725.
//!
//! The algorithm is a property of the key, never of the header; keys inside headers (`jwk`, `jku`,
//! `x5c`, `x5u`) are never used to verify.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::encoding::{decode_base64url, push_base64url};
use crate::key::{KeyError, SigningKey, VerifyingKey};

/// A JSON object.
pub type Json = Map<String, Value>;

/// Longest token read, in bytes.
pub const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// How many bytes a header that we write has, as a rule.
const HEADER_BYTES: usize = 128;

/// Why a token is refused. What the client reads is for the caller to say; this is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// More than [`TOKEN_BYTES_MAX`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of strict base64url.
    #[error("the token does not have three parts of base64url")]
    Form,
    /// The header is not a JSON object with unique members, or `alg` is missing.
    #[error("the token's header is not a valid JSON object")]
    Header,
    /// `crit` or `b64` (RFC 7797) asks for what we do not do, or `zip` is set.
    #[error("the token's header asks for an extension that is not supported")]
    Extension,
    /// The header names another algorithm than the key is for.
    #[error("the token's algorithm is not the key's")]
    Algorithm,
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// The payload is not a JSON object with unique members.
    #[error("the token's payload is not a valid JSON object")]
    Payload,
}

/// A token's header. What it says is the sender's claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Header(Json);

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, JwsError> {
        let header = Self(parse_object(bytes).ok_or(JwsError::Header)?);
        if header.text("alg").is_none() {
            return Err(JwsError::Header);
        }
        if ["crit", "b64", "zip"]
            .iter()
            .any(|name| header.0.contains_key(*name))
        {
            return Err(JwsError::Extension);
        }
        Ok(header)
    }

    /// `alg` as written; `none` and unknown names are possible here, and never verify.
    pub fn alg(&self) -> &str {
        self.text("alg").unwrap_or_default()
    }

    /// `alg` if it is one of ours.
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_name(self.alg())
    }

    /// `kid`: which key the sender says it used.
    pub fn kid(&self) -> Option<&str> {
        self.text("kid")
    }

    /// `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.text("typ")
    }

    /// `cty`.
    pub fn cty(&self) -> Option<&str> {
        self.text("cty")
    }

    /// Any other member, for protocols that define one (DPoP's `jwk`, RFC 9449 §4.2).
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

/// A token of the right form about which nothing is proven yet.
#[derive(Clone, PartialEq)]
pub struct Unverified<'a> {
    input: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({:?})", self.header)
    }
}

impl<'a> Unverified<'a> {
    /// Reads the form: at most [`TOKEN_BYTES_MAX`], exactly three parts, strict base64url, a
    /// header that is an object without duplicate members (RFC 7515 §5.2).
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwsError::TooLong);
        }
        let (input, signature) = token.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = input.split_once('.').ok_or(JwsError::Form)?;
        // A further dot is not base64url, so a fourth part fails here.
        let header = decode_base64url(header).map_err(|_| JwsError::Form)?;
        let payload = decode_base64url(payload).map_err(|_| JwsError::Form)?;
        let signature = decode_base64url(signature).map_err(|_| JwsError::Form)?;
        Ok(Self {
            input,
            header: Header::parse(&header)?,
            payload,
            signature,
        })
    }

    /// The header: enough to look for a key.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload as the sender wrote it: good for finding the issuer or client whose key will
    /// verify, for nothing else.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload's JSON object, under the same reservation.
    pub fn unverified_claims(&self) -> Result<Json, JwsError> {
        parse_object(&self.payload).ok_or(JwsError::Payload)
    }

    /// Checks the signature by `key` and the key's own algorithm.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified, JwsError> {
        if self.header.alg() != key.algorithm().name() {
            return Err(JwsError::Algorithm);
        }
        if !key.verifies(self.input.as_bytes(), &self.signature) {
            return Err(JwsError::Signature);
        }
        Ok(Verified {
            header: self.header,
            payload: self.payload,
        })
    }
}

/// A token whose signature was checked. Exists only through [`Unverified::verify`].
#[derive(Clone, PartialEq)]
pub struct Verified {
    header: Header,
    payload: Vec<u8>,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({:?})", self.header)
    }
}

impl Verified {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as an object with unique members.
    pub fn claims(&self) -> Result<Json, JwsError> {
        parse_object(&self.payload).ok_or(JwsError::Payload)
    }
}

/// Signs `payload` and writes the token. The header is `alg`, `typ`, `kid` with Keycloak's own
/// spaces, so that not even a careless reader sees a difference.
pub fn sign(key: &SigningKey, typ: Option<&str>, payload: &[u8]) -> Result<String, KeyError> {
    sign_as(key, key.kid(), typ, payload)
}

/// The same for readers who know the key by another id.
pub fn sign_as(
    key: &SigningKey,
    kid: &str,
    typ: Option<&str>,
    payload: &[u8],
) -> Result<String, KeyError> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(b"{\"alg\":\"");
    header.extend_from_slice(key.algorithm().name().as_bytes());
    header.push(b'"');
    for (name, value) in [("typ", typ), ("kid", Some(kid))] {
        if let Some(value) = value {
            header.extend_from_slice(b",\"");
            header.extend_from_slice(name.as_bytes());
            header.extend_from_slice(b"\" : ");
            // Text can always be written, into memory.
            let _ = serde_json::to_writer(&mut header, value);
        }
    }
    header.push(b'}');
    // Four characters for three bytes; the longest signature has 512.
    let length = (header.len() + payload.len() + 512) * 4 / 3 + 8;
    let mut token = String::with_capacity(length);
    push_base64url(&header, &mut token);
    token.push('.');
    push_base64url(payload, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    push_base64url(&signature, &mut token);
    Ok(token)
}

/// An object without duplicate members at the top: two readers that pick different duplicates
/// would see two different tokens (RFC 7515 §4, RFC 8725 §2.4).
pub(crate) fn parse_object(bytes: &[u8]) -> Option<Json> {
    serde_json::from_slice::<UniqueObject>(bytes)
        .ok()
        .map(|object| object.0)
}

struct UniqueObject(Json);

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = UniqueObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with unique members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueObject, A::Error> {
                let mut object = Json::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if object.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("duplicate member"));
                    }
                }
                Ok(UniqueObject(object))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests;
