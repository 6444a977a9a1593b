//! Encrypted tokens that cost much, tell something, or are opened in another way than meant.

use serde_json::json;

use crate::algorithm::Curve;
use crate::content_encryption::ContentEncryption;
use crate::encoding::{base64url, decode_base64url};
use crate::jwe::JweError::{Algorithm as Alg, Decrypt, Extension, Form, Header, TooLong};
use crate::jwe::{self, DecryptionKey, Encrypted, EncryptionKey, KeyManagement};
use crate::private_key::PrivateKey;
use crate::random::Random;

/// RFC 8725 §2.3, §2.5, §3.2; RFC 7518 §4.8.1.2; CVE-2022-36083, CVE-2023-50966: what the sender of
/// an encrypted token could make us do.
#[test]
fn an_encrypted_token_costs_and_tells_nothing() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    let ec = PrivateKey::generate_ec(Curve::P256).unwrap();
    let huge = "1".repeat(60_000);
    let wrapped = base64url(&[7; 256]);
    for (attack, header, key, answer) in [
        (
            "RSA1_5",
            r#"{"alg":"RSA1_5","enc":"A128GCM"}"#,
            wrapped.as_str(),
            Alg,
        ),
        (
            "no algorithm",
            r#"{"alg":"none","enc":"A128GCM"}"#,
            &wrapped,
            Alg,
        ),
        (
            "a password for a key",
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}"#,
            &wrapped,
            Alg,
        ),
        (
            "a password, few rounds",
            r#"{"alg":"PBES2-HS512+A256KW","enc":"A128GCM","p2c":1,"p2s":"AAAA"}"#,
            &wrapped,
            Alg,
        ),
        (
            "a secret that is public",
            r#"{"alg":"dir","enc":"A128GCM"}"#,
            "",
            Alg,
        ),
        (
            "a cipher without a tag",
            r#"{"alg":"RSA-OAEP","enc":"A128CTR"}"#,
            &wrapped,
            Alg,
        ),
        (
            "no cipher",
            r#"{"alg":"RSA-OAEP","enc":"none"}"#,
            &wrapped,
            Alg,
        ),
        (
            "a bomb",
            r#"{"alg":"RSA-OAEP","enc":"A128GCM","zip":"DEF"}"#,
            &wrapped,
            Extension,
        ),
        (
            "crit",
            r#"{"alg":"RSA-OAEP","enc":"A128GCM","crit":["x"]}"#,
            &wrapped,
            Extension,
        ),
        (
            "alg twice",
            r#"{"alg":"RSA-OAEP","alg":"RSA1_5","enc":"A128GCM"}"#,
            &wrapped,
            Header,
        ),
        ("no enc", r#"{"alg":"RSA-OAEP"}"#, &wrapped, Header),
        (
            "not by this key",
            r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
            &wrapped,
            Decrypt,
        ),
        (
            "a key of zeros",
            r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
            "AAAA",
            Decrypt,
        ),
        (
            "no key",
            r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
            "",
            Decrypt,
        ),
        (
            "a key that is huge",
            r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
            &"A".repeat(40_000),
            Decrypt,
        ),
        (
            "a header that is huge",
            &format!(r#"{{"alg":"RSA-OAEP","enc":"A128GCM","x":"{huge}{huge}"}}"#),
            &wrapped,
            TooLong,
        ),
        (
            "a part more",
            r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
            &format!("{wrapped}.{wrapped}"),
            Form,
        ),
        ("JSON serialization", "", "", Form),
    ] {
        let vector = base64url(&[0; 12]);
        let tag = base64url(&[0; 16]);
        let token = match attack {
            "JSON serialization" => json!({"protected": "e30", "ciphertext": "AA"}).to_string(),
            _ => format!("{}.{key}.{vector}.AAAA.{tag}", base64url(header.as_bytes())),
        };
        let opened = Encrypted::parse(&token)
            .and_then(|token| token.decrypt(KeyManagement::RsaOaep, DecryptionKey::Private(&rsa)));
        assert_eq!(opened, Err(answer), "{attack}");
    }
    // A good token, and a bit that is wrong in any of its parts: one answer for all of them.
    for (management, private) in [
        (KeyManagement::RsaOaep, &rsa),
        (KeyManagement::EcdhEsA128Kw, &ec),
        (KeyManagement::EcdhEs, &ec),
    ] {
        let public = private.public_key().unwrap();
        let recipient = jwe::Recipient {
            kid: None,
            management,
            encryption: ContentEncryption::A128CbcHs256,
            key: EncryptionKey::Public(&public),
        };
        let good = jwe::encrypt(&recipient, None, &[7; 40], &Random::system()).unwrap();
        let parts: Vec<Vec<u8>> = good
            .split('.')
            .map(|part| decode_base64url(part).unwrap())
            .collect();
        for (part, bytes) in parts.iter().enumerate().skip(1) {
            for at in [0, bytes.len() / 2, bytes.len().saturating_sub(1)] {
                let mut parts = parts.clone();
                let Some(byte) = parts[part].get_mut(at) else {
                    continue;
                };
                *byte ^= 0x40;
                let text: Vec<String> = parts.iter().map(|part| base64url(part)).collect();
                let opened = Encrypted::parse(&text.join("."))
                    .unwrap()
                    .decrypt(management, DecryptionKey::Private(private));
                assert_eq!(
                    opened,
                    Err(Decrypt),
                    "{management:?}, part {part}, byte {at}"
                );
            }
        }
    }
}
