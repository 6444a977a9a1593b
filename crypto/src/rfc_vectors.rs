//! The examples of RFC 7515, 7516 and 7520 as they stand there: what we do must give their texts,
//! what we refuse is refused for its algorithm.

use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::encoding::decode_base64url;
use crate::jwe::{DecryptionKey, Encrypted, JweError, KeyManagement};
use crate::jws::{Json, Unverified};
use crate::key::VerifyingKey;
use crate::private_key::PrivateKey;

/// One example.
struct Example {
    name: String,
    alg: String,
    token: String,
    plain: String,
    key: Key,
}

enum Key {
    Private(PrivateKey),
    Secret(Vec<u8>),
}

fn examples(kind: &str) -> Vec<Example> {
    let all: Vec<Json> = serde_json::from_str(include_str!("rfc_vectors.json")).unwrap();
    let of_kind = all.into_iter().filter(|one| one["kind"] == kind);
    of_kind.map(|one| Example::read(&one)).collect()
}

impl Example {
    fn read(one: &Json) -> Self {
        let text = |name: &str| {
            let value = one.get(name).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let key = match one["key"].get("pkcs8").and_then(Value::as_str) {
            Some(pkcs8) => Key::Private(PrivateKey::from_text(pkcs8).unwrap()),
            None => Key::Secret(decode_base64url(one["key"]["secret"].as_str().unwrap()).unwrap()),
        };
        Self {
            name: format!("RFC {} {}", one["rfc"], text("section")),
            alg: text("alg"),
            token: text("token"),
            plain: text("plain"),
            key,
        }
    }
}

#[test]
fn signed_examples_verify() {
    let examples = examples("JWS");
    assert_eq!(examples.len(), 8);
    for example in examples {
        let algorithm = Algorithm::from_name(&example.alg).unwrap();
        let key = match &example.key {
            Key::Private(key) => VerifyingKey::new("k", algorithm, &key.public_key().unwrap()),
            Key::Secret(secret) => VerifyingKey::hmac("k", algorithm, secret),
        };
        let token = Unverified::parse(&example.token).unwrap();
        let verified = token.verify(&key.unwrap());
        assert!(verified.is_ok(), "{}: {verified:?}", example.name);
    }
}

#[test]
fn encrypted_examples_are_opened_or_refused_for_their_algorithm() {
    // RSA1_5 (RFC 8725 §3.2), passwords as keys (§3.3 of the same) and compression (§3.6) are not
    // for us; AES-GCM key wrap nobody asks for.
    let refused = |example: &Example| {
        matches!(
            example.alg.as_str(),
            "RSA1_5" | "PBES2-HS512+A256KW" | "A256GCMKW"
        )
    };
    let examples = examples("JWE");
    assert_eq!(examples.len(), 12);
    let mut opened = 0;
    for example in examples {
        let token = match Encrypted::parse(&example.token) {
            Err(JweError::Extension) if example.name == "RFC 7520 5.9" => continue,
            token => token.unwrap(),
        };
        let key = match &example.key {
            Key::Private(key) => DecryptionKey::Private(key),
            Key::Secret(secret) => DecryptionKey::Secret(secret),
        };
        if refused(&example) {
            for management in KeyManagement::ALL {
                let plain = token.decrypt(management, key);
                assert!(plain.is_err(), "{} by {management:?}", example.name);
            }
            continue;
        }
        let management = KeyManagement::from_name(&example.alg).unwrap();
        let plain = token.decrypt(management, key);
        assert_eq!(
            plain.as_deref(),
            Ok(example.plain.as_bytes()),
            "{}",
            example.name
        );
        opened += 1;
    }
    assert_eq!(opened, 7);
}
