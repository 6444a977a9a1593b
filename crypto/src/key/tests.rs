use super::*;
use crate::encoding::base64;

/// An RSA key of 1024 bits from an old example realm's generation: too small to sign with here.
const RSA_1024: &str = include_str!("rsa_1024.pem");

#[test]
fn private_keys_survive_every_encoding() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    let (pkcs1, pkcs8) = (rsa.to_pkcs1().unwrap(), rsa.to_pkcs8().unwrap());
    for bytes in [&pkcs1, &pkcs8] {
        let text = base64(bytes);
        let folded: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|at| &text[at..text.len().min(at + 64)])
            .collect();
        let pem = format!(
            "-----BEGIN RSA PRIVATE KEY-----\r\n{}\r\n-----END RSA PRIVATE KEY-----",
            folded.join("\r\n")
        );
        for text in [text.clone(), pem, folded.join("\n")] {
            let read = PrivateKey::from_text(&text).unwrap();
            assert_eq!(read.public_key(), rsa.public_key());
            assert_eq!(read.to_pkcs1().unwrap(), pkcs1);
        }
    }
    for key in [
        PrivateKey::generate_ec(Curve::P256).unwrap(),
        PrivateKey::generate_ec(Curve::P384).unwrap(),
        PrivateKey::generate_ec(Curve::P521).unwrap(),
        PrivateKey::generate_ed25519().unwrap(),
    ] {
        let read = PrivateKey::from_der(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        assert!(key.to_pkcs1().is_err());
    }
}

#[test]
fn refused_private_keys_say_why() {
    assert_eq!(
        PrivateKey::from_text(RSA_1024).unwrap_err(),
        KeyError::RsaSize(1024)
    );
    assert_eq!(
        PrivateKey::generate_rsa(1024).unwrap_err(),
        KeyError::RsaSize(1024)
    );
    assert_eq!(
        PrivateKey::generate_rsa(2047).unwrap_err(),
        KeyError::RsaSize(2047)
    );
    let pkcs1 = PrivateKey::generate_rsa(2048).unwrap().to_pkcs1().unwrap();
    for bytes in [&pkcs1[..pkcs1.len() - 1], &pkcs1[1..], b"", b"rubbish"] {
        let error = PrivateKey::from_der(bytes).unwrap_err();
        assert_eq!(error, KeyError::Malformed("RSA private key"));
    }
    assert_eq!(
        PrivateKey::from_text("???").unwrap_err(),
        KeyError::Malformed("base64")
    );
}

#[test]
fn a_key_signs_by_its_own_algorithms_only() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    let ec = PrivateKey::generate_ec(Curve::P384).unwrap();
    let ed = PrivateKey::generate_ed25519().unwrap();
    for algorithm in Algorithm::ALL {
        let fits = |key: &PrivateKey| SigningKey::new("k", algorithm, key.clone()).is_ok();
        assert_eq!(
            fits(&rsa),
            algorithm.key_type() == KeyType::Rsa,
            "{algorithm}"
        );
        assert_eq!(fits(&ec), algorithm == Algorithm::Es384, "{algorithm}");
        assert_eq!(fits(&ed), algorithm == Algorithm::EdDsa, "{algorithm}");
        for key in [&rsa, &ec, &ed] {
            let verifies = VerifyingKey::new("k", algorithm, &key.public_key().unwrap()).is_ok();
            assert_eq!(verifies, fits(key), "{algorithm}");
        }
        assert_eq!(
            SigningKey::hmac("k", algorithm, b"x").is_ok(),
            algorithm.is_symmetric()
        );
    }
}

#[test]
fn small_public_keys_verify_where_the_library_can() {
    let modulus = [0xff; 128];
    let key = PublicKey::rsa(&modulus, &[1, 0, 1]).unwrap();
    assert_eq!(key.rsa_bits(), Some(1024));
    for (algorithm, works) in [
        (Algorithm::Rs256, true),
        (Algorithm::Rs512, true),
        (Algorithm::Rs384, false),
        (Algorithm::Ps256, false),
        (Algorithm::Ps512, false),
    ] {
        assert_eq!(
            VerifyingKey::new("k", algorithm, &key).is_ok(),
            works,
            "{algorithm}"
        );
    }
    assert_eq!(
        PublicKey::rsa(&[0xff; 127], &[1, 0, 1]),
        Err(KeyError::RsaSize(1016))
    );
    assert_eq!(
        PublicKey::rsa(&[0xff; 1025], &[1, 0, 1]),
        Err(KeyError::RsaSize(8200))
    );
}

#[test]
fn public_keys_from_pasted_text() {
    let private = PrivateKey::generate_rsa(2048).unwrap();
    let public = private.public_key().unwrap();
    let now = claviger_model::Millis(1_795_404_990_000);
    let certificate = crate::Certificate::self_signed(&private, "x", now).unwrap();
    let pem = |label: &str, text: String| {
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    for text in [
        base64(&public.spki()),
        pem("PUBLIC KEY", base64(&public.spki())),
        certificate.to_base64(),
        pem("CERTIFICATE", certificate.to_base64()),
    ] {
        assert_eq!(PublicKey::from_text(&text), Ok(public.clone()));
    }
    for text in ["", "AAAA", "-----BEGIN PUBLIC KEY-----"] {
        assert!(PublicKey::from_text(text).is_err(), "{text}");
    }
    let mut longer = public.spki();
    longer.push(0);
    assert!(PublicKey::from_spki(&longer).is_err());
}

#[test]
fn nothing_secret_in_debug() {
    let key = SigningKey::hmac("kid-1", Algorithm::Hs256, b"hunter2").unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(HS256, kid-1)");
    assert_eq!(
        format!("{:?}", key.verifying_key().unwrap()),
        "VerifyingKey(HS256, kid-1)"
    );
    let private = PrivateKey::generate_ed25519().unwrap();
    assert_eq!(format!("{private:?}"), "PrivateKey(OKP)");
}

proptest::proptest! {
    #[test]
    fn der_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        drop(PrivateKey::from_der(&bytes));
        drop(PublicKey::from_spki(&bytes));
        drop(crate::Certificate::from_der(bytes));
    }
}
