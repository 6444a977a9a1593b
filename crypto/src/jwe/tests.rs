use super::*;
use crate::algorithm::Curve;
use crate::encoding::decode_tolerant;

const TEXT: &[u8] = b"The true sign of intelligence is not knowledge but imagination.";

/// Keys and tokens made by another implementation (jwcrypto).
fn vectors() -> Json {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

enum OwnedKey {
    Private(PrivateKey),
    Secret(Vec<u8>),
}

impl OwnedKey {
    fn read(vectors: &Json, name: &str) -> Self {
        let text = vectors["keys"][name].as_str().unwrap();
        if name.starts_with("oct") {
            Self::Secret(decode_tolerant(text).unwrap())
        } else {
            Self::Private(PrivateKey::from_text(text).unwrap())
        }
    }

    fn borrow(&self) -> DecryptionKey<'_> {
        match self {
            Self::Private(key) => DecryptionKey::Private(key),
            Self::Secret(secret) => DecryptionKey::Secret(secret),
        }
    }
}

/// A pair of keys for each way to manage keys, to encrypt and to decrypt.
fn pair(management: KeyManagement, encryption: ContentEncryption) -> (Option<PublicKey>, OwnedKey) {
    let private = match management {
        KeyManagement::RsaOaep | KeyManagement::RsaOaep256 | KeyManagement::Rsa15 => {
            PrivateKey::from_text(vectors()["keys"]["rsa"].as_str().unwrap()).unwrap()
        }
        KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw => {
            PrivateKey::generate_ec(Curve::P256).unwrap()
        }
        KeyManagement::EcdhEsA192Kw => PrivateKey::generate_ec(Curve::P384).unwrap(),
        KeyManagement::EcdhEsA256Kw => PrivateKey::generate_ec(Curve::P521).unwrap(),
        KeyManagement::Dir => return (None, OwnedKey::Secret(vec![7; encryption.key_bytes()])),
        KeyManagement::A128Kw => return (None, OwnedKey::Secret(vec![7; 16])),
        KeyManagement::A256Kw => return (None, OwnedKey::Secret(vec![7; 32])),
    };
    (
        Some(private.public_key().unwrap()),
        OwnedKey::Private(private),
    )
}

fn sealed(
    management: KeyManagement,
    encryption: ContentEncryption,
    public: Option<&PublicKey>,
    own: &OwnedKey,
    text: &[u8],
) -> Result<String, JweError> {
    let key = match (public, own) {
        (Some(key), _) => EncryptionKey::Public(key),
        (None, OwnedKey::Secret(secret)) => EncryptionKey::Secret(secret),
        (None, OwnedKey::Private(_)) => panic!("no key"),
    };
    let recipient = Recipient {
        kid: Some("k"),
        management,
        encryption,
        key,
    };
    encrypt(&recipient, Some("JWT"), text, &Random::system())
}

#[test]
fn tokens_of_another_implementation() {
    let vectors = vectors();
    let tokens = vectors["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 61);
    for row in tokens {
        let key = OwnedKey::read(&vectors, row["key"].as_str().unwrap());
        let management = KeyManagement::from_name(row["alg"].as_str().unwrap()).unwrap();
        let token = row["token"].as_str().unwrap();
        let plain = Encrypted::parse(token)
            .unwrap()
            .decrypt(management, key.borrow());
        assert_eq!(plain.as_deref(), Ok(TEXT), "{} {}", row["alg"], row["enc"]);
    }
}

#[test]
fn every_combination_there_and_back() {
    for management in KeyManagement::ALL {
        for encryption in ContentEncryption::ALL {
            let (public, own) = pair(management, encryption);
            for text in [&b""[..], b"x", &[0; 16], TEXT] {
                let token = sealed(management, encryption, public.as_ref(), &own, text).unwrap();
                let read = Encrypted::parse(&token).unwrap();
                assert_eq!((read.kid(), read.cty()), (Some("k"), Some("JWT")));
                assert_eq!(read.alg(), management.name());
                let plain = read.decrypt(management, own.borrow());
                assert_eq!(plain.as_deref(), Ok(text), "{management:?} {encryption:?}");
            }
        }
    }
}

#[test]
fn any_change_is_noticed() {
    for management in KeyManagement::ALL {
        for encryption in ContentEncryption::ALL {
            let (public, own) = pair(management, encryption);
            let token = sealed(management, encryption, public.as_ref(), &own, TEXT).unwrap();
            let parts: Vec<&str> = token.split('.').collect();
            // Header (by a member more), key, vector, ciphertext, tag: one bit each.
            for index in 0..5 {
                let mut bytes = decode_base64url(parts[index]).unwrap();
                if index == 0 {
                    bytes.truncate(bytes.len() - 1);
                    bytes.extend(b",\"x\":1}");
                } else if let Some(byte) = bytes.last_mut() {
                    *byte ^= 1;
                } else {
                    bytes.push(1); // an empty key part must stay empty
                }
                let changed = base64url(&bytes);
                let mut parts = parts.clone();
                parts[index] = &changed;
                let token = parts.join(".");
                let plain = Encrypted::parse(&token)
                    .unwrap()
                    .decrypt(management, own.borrow());
                assert_eq!(
                    plain,
                    Err(JweError::Decrypt),
                    "{management:?} {encryption:?} {index}"
                );
            }
            // A tag cut short.
            let short = base64url(&decode_base64url(parts[4]).unwrap()[..8]);
            let token = [parts[0], parts[1], parts[2], parts[3], &short].join(".");
            let plain = Encrypted::parse(&token)
                .unwrap()
                .decrypt(management, own.borrow());
            assert_eq!(plain, Err(JweError::Decrypt));
        }
    }
}

#[test]
fn the_header_does_not_choose() {
    let encryption = ContentEncryption::A256Gcm;
    for management in KeyManagement::ALL {
        let (public, own) = pair(management, encryption);
        let token = sealed(management, encryption, public.as_ref(), &own, TEXT).unwrap();
        for other in KeyManagement::ALL {
            let plain = Encrypted::parse(&token)
                .unwrap()
                .decrypt(other, own.borrow());
            let expected = if other == management {
                Ok(TEXT.to_vec())
            } else {
                Err(JweError::Algorithm)
            };
            assert_eq!(plain, expected, "{management:?} {other:?}");
        }
    }
}

#[test]
fn another_key_does_not_open() {
    for management in KeyManagement::ALL {
        let encryption = ContentEncryption::A128CbcHs256;
        let (public, own) = pair(management, encryption);
        let token = sealed(management, encryption, public.as_ref(), &own, TEXT).unwrap();
        let other = match &own {
            OwnedKey::Secret(secret) => OwnedKey::Secret(vec![8; secret.len()]),
            OwnedKey::Private(PrivateKey::Ec(curve, _)) => {
                OwnedKey::Private(PrivateKey::generate_ec(*curve).unwrap())
            }
            OwnedKey::Private(_) => OwnedKey::Private(PrivateKey::generate_rsa(2048).unwrap()),
        };
        let read = Encrypted::parse(&token).unwrap();
        assert_eq!(
            read.decrypt(management, other.borrow()),
            Err(JweError::Decrypt)
        );
        // A key of another kind or size is an error of its own.
        let wrong = if matches!(own, OwnedKey::Secret(_)) {
            OwnedKey::Private(PrivateKey::generate_ec(Curve::P256).unwrap())
        } else {
            OwnedKey::Secret(vec![7; 32])
        };
        assert_eq!(read.decrypt(management, wrong.borrow()), Err(JweError::Key));
        assert!(
            read.decrypt(management, DecryptionKey::Secret(&[7; 5]))
                .is_err()
        );
    }
}

/// What RSA1_5 has wrapped is opened here by the crypto library itself, for the product never does.
#[test]
fn rsa1_5_is_written_and_never_read() {
    use aws_lc_rs::rsa::Pkcs1PrivateDecryptingKey;
    let (management, encryption) = (KeyManagement::Rsa15, ContentEncryption::A256Gcm);
    let (public, own) = pair(management, encryption);
    let token = sealed(management, encryption, public.as_ref(), &own, TEXT).unwrap();
    let read = Encrypted::parse(&token).unwrap();
    assert_eq!(read.alg(), "RSA1_5");
    assert_eq!(read.decrypt(management, own.borrow()), Err(JweError::Key));
    let OwnedKey::Private(private) = &own else {
        panic!("a private key")
    };
    let key = PrivateDecryptingKey::from_pkcs8(&private.to_pkcs8().unwrap()).unwrap();
    let key = Pkcs1PrivateDecryptingKey::new(key).unwrap();
    let mut content_key = vec![0; key.min_output_size()];
    let content_key = key.decrypt(&read.wrapped, &mut content_key).unwrap();
    let plain = encryption.open(content_key, read.protected.as_bytes(), &read.sealed);
    assert_eq!(plain.as_deref(), Ok(TEXT));
}

#[test]
fn what_is_written_for_public_keys_suits_their_kind() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap().public_key();
    let ec = PrivateKey::generate_ec(Curve::P521).unwrap().public_key();
    let ed = PrivateKey::generate_ed25519().unwrap().public_key();
    for management in KeyManagement::FOR_PUBLIC_KEYS {
        let name = management.name();
        assert_eq!(KeyManagement::for_public_keys(name), Some(management));
        let suits = |key: &Result<PublicKey, _>| management.suits(key.as_ref().unwrap());
        let expected = (name.starts_with("RSA"), name.starts_with("ECDH"), false);
        assert_eq!((suits(&rsa), suits(&ec), suits(&ed)), expected, "{name}");
    }
    for name in ["dir", "A128KW", "A256KW", "none", ""] {
        assert_eq!(KeyManagement::for_public_keys(name), None);
    }
}

/// An ephemeral key off the curve would give away the private key bit by bit (RFC 8725 §2.5).
#[test]
fn an_ephemeral_point_off_the_curve() {
    let private = PrivateKey::generate_ec(Curve::P256).unwrap();
    for epk in [
        serde_json::json!({"kty": "EC", "crv": "P-256",
            "x": base64url(&[1; 32]), "y": base64url(&[2; 32])}),
        serde_json::json!({"kty": "EC", "crv": "P-256",
            "x": base64url(&[0; 32]), "y": base64url(&[0; 32])}),
        serde_json::json!({"kty": "EC", "crv": "P-384",
            "x": base64url(&[1; 48]), "y": base64url(&[2; 48])}),
        serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&[1; 32])}),
        serde_json::json!("text"),
        Value::Null,
    ] {
        let header = serde_json::json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": epk});
        let token = format!(
            "{}..{}.{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(&[0; 12]),
            base64url(b"x"),
            base64url(&[0; 16])
        );
        let plain = Encrypted::parse(&token)
            .unwrap()
            .decrypt(KeyManagement::EcdhEs, DecryptionKey::Private(&private));
        assert!(plain.is_err(), "{header}");
    }
}

#[test]
fn forms_that_are_refused() {
    let header = |json: &str| format!("{}.AA.AA.AA.AA", base64url(json.as_bytes()));
    for (token, error) in [
        (String::new(), JweError::Form),
        ("a.b.c".to_owned(), JweError::Form),
        ("....".to_owned(), JweError::Header),
        (format!("{}.AA", header("{}")), JweError::Form),
        (header("{}"), JweError::Header),
        (header(r#"{"alg":"dir"}"#), JweError::Header),
        (header(r#"{"alg":"dir","enc":1}"#), JweError::Header),
        (
            header(r#"{"alg":"dir","alg":"dir","enc":"A128GCM"}"#),
            JweError::Header,
        ),
        (
            header(r#"{"alg":"dir","enc":"A128GCM","zip":"DEF"}"#),
            JweError::Extension,
        ),
        (
            header(r#"{"alg":"dir","enc":"A128GCM","crit":["x"]}"#),
            JweError::Extension,
        ),
        ("a".repeat(TOKEN_BYTES_MAX + 1), JweError::TooLong),
    ] {
        assert_eq!(Encrypted::parse(&token).unwrap_err(), error, "{token:.60}");
    }
    for alg in [
        "RSA1_5",
        "none",
        "PBES2-HS256+A128KW",
        "A192KW",
        "A128GCMKW",
        "",
    ] {
        assert_eq!(KeyManagement::from_name(alg), None);
    }
    let token = header(r#"{"alg":"dir","enc":"A128CTR"}"#);
    let key = DecryptionKey::Secret(&[7; 16]);
    let plain = Encrypted::parse(&token)
        .unwrap()
        .decrypt(KeyManagement::Dir, key);
    assert_eq!(plain, Err(JweError::Algorithm));
}

#[test]
fn keys_that_do_not_fit_do_not_encrypt() {
    let rsa = PrivateKey::generate_rsa(2048)
        .unwrap()
        .public_key()
        .unwrap();
    let ed = PrivateKey::generate_ed25519()
        .unwrap()
        .public_key()
        .unwrap();
    for (management, key) in [
        (KeyManagement::RsaOaep, EncryptionKey::Public(&ed)),
        (KeyManagement::RsaOaep, EncryptionKey::Secret(&[7; 32])),
        (KeyManagement::EcdhEs, EncryptionKey::Public(&rsa)),
        (KeyManagement::EcdhEsA128Kw, EncryptionKey::Secret(&[7; 16])),
        (KeyManagement::A128Kw, EncryptionKey::Secret(&[7; 32])),
        (KeyManagement::A256Kw, EncryptionKey::Public(&rsa)),
        (KeyManagement::Dir, EncryptionKey::Secret(&[7; 31])),
        (KeyManagement::Dir, EncryptionKey::Public(&rsa)),
    ] {
        let encryption = ContentEncryption::A256Gcm;
        let recipient = Recipient {
            kid: None,
            management,
            encryption,
            key,
        };
        let token = encrypt(&recipient, None, b"x", &Random::system());
        assert_eq!(token, Err(JweError::Key), "{management:?}");
    }
}
