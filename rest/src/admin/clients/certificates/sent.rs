//! Keys that an administrator sends in, in the forms in which people have them.

use axum::http::StatusCode;
use claviger_crypto::PublicKey;
use claviger_crypto::certificate::Certificate;
use claviger_crypto::encoding::decode_tolerant;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use super::{NewKeys, of_key_set};
use crate::admin::owner::not_enabled;
use crate::problem::Problem;

/// The formats of Keycloak that only Java's key stores have.
const STORES: [&str; 3] = ["JKS", "PKCS12", "BCFKS"];

/// What was sent, read and found good.
pub(in crate::admin) enum Sent {
    /// Base64 of a certificate's DER.
    Certificate(String),
    /// A public key, as it was written.
    PublicKey(String),
    /// The first key for signatures of a set, with the set.
    KeySet(Json),
}

impl Sent {
    /// Reads the parts `keystoreFormat` and `file` of a form.
    pub(super) fn read(format: Option<&[u8]>, file: Option<&[u8]>) -> Result<Self, Problem> {
        let refused = |text: &str| Problem::error(StatusCode::BAD_REQUEST, text);
        let format = format.ok_or_else(|| refused("keystoreFormat cannot be null"))?;
        let file = file.filter(|file| !file.is_empty());
        let file = file.ok_or_else(|| refused("file cannot be empty"))?;
        let text = std::str::from_utf8(file);
        match std::str::from_utf8(format).unwrap_or_default().trim() {
            "Certificate PEM" => {
                let read = text.ok().and_then(|text| Certificate::from_text(text).ok());
                let certificate = read.ok_or_else(|| refused("The file is no certificate"))?;
                Ok(Self::Certificate(certificate.to_base64()))
            }
            "Public Key PEM" => {
                let is_key = |text: &&str| {
                    let bytes = decode_tolerant(text);
                    bytes.is_ok_and(|bytes| PublicKey::from_spki(&bytes).is_ok())
                };
                let key = text.ok().filter(is_key);
                let key = key.ok_or_else(|| refused("The file is no public key"))?;
                Ok(Self::PublicKey(key.to_owned()))
            }
            "JSON Web Key Set" => {
                let known = text.ok().and_then(of_key_set);
                known.map(Self::KeySet).ok_or_else(not_found)
            }
            name if STORES.contains(&name) => Err(not_enabled()),
            _ => Err(refused("error loading keystore")),
        }
    }

    /// `CertificateRepresentation` of it.
    pub(in crate::admin) fn shown(&self) -> Value {
        match self {
            Self::Certificate(text) => json!({"certificate": text}),
            Self::PublicKey(text) => json!({"publicKey": text}),
            Self::KeySet(known) => Value::Object(known.clone()),
        }
    }

    /// What the client keeps of it. A set is for clients of OpenID Connect; others keep its key.
    pub(super) fn new_keys(&self, is_oidc: bool) -> NewKeys<'_> {
        let none = NewKeys::default();
        match self {
            Self::Certificate(text) => NewKeys {
                certificate: Some(text),
                ..none
            },
            Self::PublicKey(text) => NewKeys {
                public_key: Some(text),
                ..none
            },
            Self::KeySet(known) => {
                let text = |name: &str| known.get(name).and_then(Value::as_str);
                if is_oidc {
                    NewKeys {
                        jwks: text("jwks"),
                        ..none
                    }
                } else {
                    NewKeys {
                        public_key: text("publicKey"),
                        kid: text("kid"),
                        ..none
                    }
                }
            }
        }
    }
}

fn not_found() -> Problem {
    let text = "Certificate or key with given alias not found in the keystore";
    Problem::described(StatusCode::BAD_REQUEST, "certificate-not-found", text)
}
