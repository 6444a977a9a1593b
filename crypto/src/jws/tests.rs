use serde_json::json;

use super::*;
use crate::algorithm::{Curve, KeyType};
use crate::encoding::base64url;
use crate::jwk::Jwk;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;

const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn public(jwk: Value) -> PublicKey {
    let Value::Object(jwk) = jwk else {
        panic!("an object")
    };
    Jwk::from_json(&jwk).unwrap().key
}

fn verify(token: &str, key: &VerifyingKey) -> Result<Verified, JwsError> {
    Unverified::parse(token)?.verify(key)
}

/// A token with any header, signed by `key` as its own algorithm.
fn forge(header: &Value, payload: &[u8], key: &SigningKey) -> String {
    let input = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(payload)
    );
    format!(
        "{input}.{}",
        base64url(&key.sign(input.as_bytes()).unwrap())
    )
}

fn every_kind_of_key() -> Vec<SigningKey> {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    Algorithm::ALL
        .into_iter()
        .map(
            |algorithm| match (algorithm.key_type(), algorithm.curve()) {
                (_, Some(curve)) => {
                    SigningKey::new("ec", algorithm, PrivateKey::generate_ec(curve).unwrap())
                }
                (KeyType::Oct, None) => SigningKey::hmac("hs", algorithm, b"a shared secret"),
                (KeyType::Rsa, None) => SigningKey::new("rsa", algorithm, rsa.clone()),
                (KeyType::Okp | KeyType::Ec, None) => {
                    SigningKey::new("ed", algorithm, PrivateKey::generate_ed25519().unwrap())
                }
            },
        )
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn examples_of_rfc_7515_and_rfc_8037() {
    let secret = decode_base64url(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    )
    .unwrap();
    let rsa = public(
        json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}),
    );
    let ec = public(json!({"kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}));
    let ed = public(json!({"kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}));
    let keys = [
        (
            // RFC 7515 appendix A.1
            VerifyingKey::hmac("", Algorithm::Hs256, &secret).unwrap(),
            format!(
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
            ),
        ),
        (
            // A.2
            VerifyingKey::new("", Algorithm::Rs256, &rsa).unwrap(),
            format!(
                "eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
            ),
        ),
        (
            // A.3
            VerifyingKey::new("", Algorithm::Es256, &ec).unwrap(),
            format!(
                "eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            ),
        ),
        (
            // RFC 8037 appendix A.4
            VerifyingKey::new("", Algorithm::EdDsa, &ed).unwrap(),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg".to_owned(),
        ),
    ];
    for (key, token) in keys {
        verify(&token, &key).unwrap_or_else(|error| panic!("{key:?}: {error}"));
        let (rest, last) = token.split_at(token.len() - 2);
        let other = if last == "AA" { "BA" } else { "AA" };
        assert!(verify(&format!("{rest}{other}"), &key).is_err(), "{key:?}");
    }
}

#[test]
fn every_algorithm_signs_and_verifies() {
    for key in every_kind_of_key() {
        let token = sign(&key, Some("JWT"), br#"{"sub":"x"}"#).unwrap();
        let unverified = Unverified::parse(&token).unwrap();
        assert_eq!(unverified.header().algorithm(), Some(key.algorithm()));
        assert_eq!(unverified.header().kid(), Some(key.kid()));
        assert_eq!(unverified.header().typ(), Some("JWT"));
        let verified = unverified.verify(&key.verifying_key().unwrap()).unwrap();
        assert_eq!(verified.claims().unwrap()["sub"], "x");
        let length = key.sign(b"x").unwrap().len();
        let expected = match key.algorithm().curve() {
            Some(curve) => 2 * curve.field_bytes(),
            None if key.algorithm() == Algorithm::EdDsa => 64,
            None if key.algorithm().is_symmetric() => match key.algorithm().hash() {
                crate::Hash::Sha256 => 32,
                crate::Hash::Sha384 => 48,
                crate::Hash::Sha512 => 64,
            },
            None => 256,
        };
        assert_eq!(length, expected, "{key:?}");
    }
}

#[test]
fn no_key_verifies_what_another_signed() {
    let keys = every_kind_of_key();
    let others = every_kind_of_key();
    for (index, key) in keys.iter().enumerate() {
        let token = sign(key, None, b"{}").unwrap();
        for (other_index, other) in others.iter().enumerate() {
            let other = other.verifying_key().unwrap();
            let same_secret = index == other_index && key.algorithm().is_symmetric();
            assert_eq!(
                verify(&token, &other).is_ok(),
                same_secret,
                "{key:?} by {other:?}"
            );
        }
    }
}

#[test]
fn the_header_is_written_as_keycloak_writes_it() {
    let key = SigningKey::hmac("6fd45ea5", Algorithm::Hs512, b"x").unwrap();
    let header = |token: String| {
        let bytes = decode_base64url(token.split('.').next().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        header(sign(&key, Some("JWT"), b"{}").unwrap()),
        r#"{"alg":"HS512","typ" : "JWT","kid" : "6fd45ea5"}"#
    );
    assert_eq!(
        header(sign(&key, None, b"{}").unwrap()),
        r#"{"alg":"HS512","kid" : "6fd45ea5"}"#
    );
    let odd = SigningKey::hmac("a\"b\\", Algorithm::Hs512, b"x").unwrap();
    let token = sign(&odd, None, b"{}").unwrap();
    assert_eq!(
        Unverified::parse(&token).unwrap().header().kid(),
        Some("a\"b\\")
    );
}

/// `alg` in the header never chooses how the key is used (RFC 8725 §2.1, CVE-2015-9235).
#[test]
fn algorithm_confusion() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    let spki = rsa.public_key().unwrap().spki();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        crate::encoding::base64(&spki)
    );
    let key = VerifyingKey::new("k", Algorithm::Rs256, &rsa.public_key().unwrap()).unwrap();
    for secret in [spki.as_slice(), pem.as_bytes()] {
        for claimed in ["HS256", "RS256", "none", "hs256", ""] {
            let forger = SigningKey::hmac("k", Algorithm::Hs256, secret).unwrap();
            let token = forge(&json!({"alg": claimed, "kid": "k"}), b"{}", &forger);
            assert!(verify(&token, &key).is_err(), "{claimed}");
        }
    }
    // Another algorithm of the same key is another algorithm.
    for algorithm in [Algorithm::Rs512, Algorithm::Ps256] {
        let token = sign(
            &SigningKey::new("k", algorithm, rsa.clone()).unwrap(),
            None,
            b"{}",
        );
        assert_eq!(verify(&token.unwrap(), &key), Err(JwsError::Algorithm));
    }
}

#[test]
fn none_and_missing_signatures() {
    let keys = every_kind_of_key();
    for key in &keys {
        let key = key.verifying_key().unwrap();
        for alg in ["none", "None", "NONE", "nOnE", key.algorithm().name()] {
            let header = base64url(json!({"alg": alg}).to_string().as_bytes());
            let input = format!("{header}.{}", base64url(b"{}"));
            for token in [format!("{input}."), input.clone(), format!("{input}.AA")] {
                assert!(verify(&token, &key).is_err(), "{alg} {token} by {key:?}");
            }
        }
    }
}

/// r = s = 0 verifies where nobody looks (CVE-2022-21449), and so may other edges.
#[test]
fn psychic_signatures() {
    for curve in Curve::ALL {
        let private = PrivateKey::generate_ec(curve).unwrap();
        let signing = SigningKey::new("k", curve.algorithm(), private).unwrap();
        let key = signing.verifying_key().unwrap();
        let header = base64url(
            json!({"alg": curve.algorithm().name()})
                .to_string()
                .as_bytes(),
        );
        let input = format!("{header}.{}", base64url(b"{}"));
        let good = signing.sign(input.as_bytes()).unwrap();
        let half = curve.field_bytes();
        let mut cases = vec![
            vec![0; 2 * half],
            vec![0xff; 2 * half],
            Vec::new(),
            vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
        ];
        for zeroed in [0..half, half..2 * half] {
            let mut signature = good.clone();
            signature[zeroed].fill(0);
            cases.push(signature);
        }
        cases.push(good[..good.len() - 1].to_vec());
        cases.push([good.as_slice(), &[0]].concat());
        cases.push([&[0], good.as_slice()].concat());
        for signature in cases {
            let token = format!("{input}.{}", base64url(&signature));
            assert!(
                verify(&token, &key).is_err(),
                "{curve:?} {}",
                signature.len()
            );
        }
        assert!(verify(&format!("{input}.{}", base64url(&good)), &key).is_ok());
    }
}

/// A key that the token brings along proves nothing (CVE-2018-0114).
#[test]
fn keys_in_headers_are_ignored() {
    let trusted = SigningKey::new(
        "k",
        Algorithm::Es256,
        PrivateKey::generate_ec(Curve::P256).unwrap(),
    );
    let trusted = trusted.unwrap();
    let attacker = PrivateKey::generate_ec(Curve::P256).unwrap();
    let jwk = crate::jwk::public_jwk(
        &attacker.public_key().unwrap(),
        &crate::jwk::Naming::default(),
        None,
    );
    let attacker = SigningKey::new("k", Algorithm::Es256, attacker).unwrap();
    for extra in [
        json!({"jwk": jwk}),
        json!({"jku": "https://attacker.example/jwks"}),
        json!({"x5u": "https://attacker.example/cert"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        let mut header = json!({"alg": "ES256", "kid": "k"});
        header
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let token = forge(&header, b"{}", &attacker);
        let key = trusted.verifying_key().unwrap();
        assert_eq!(verify(&token, &key), Err(JwsError::Signature));
        // The same header under the right signature is merely odd.
        assert!(verify(&forge(&header, b"{}", &trusted), &key).is_ok());
    }
}

#[test]
fn forms_that_are_refused() {
    let key = SigningKey::hmac("k", Algorithm::Hs256, b"secret").unwrap();
    let token = sign(&key, Some("JWT"), b"{}").unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("three parts")
    };
    let cases = [
        (String::new(), JwsError::Form),
        (".".to_owned(), JwsError::Form),
        ("..".to_owned(), JwsError::Header),
        (format!("{header}.{payload}"), JwsError::Form),
        (format!("{token}."), JwsError::Form),
        (format!("{token}.{signature}"), JwsError::Form),
        (format!(".{token}"), JwsError::Form),
        (format!("{token}\n"), JwsError::Form),
        (format!(" {token}"), JwsError::Form),
        (format!("{header}.{payload} .{signature}"), JwsError::Form),
        (format!("{header}.{payload}.{signature}="), JwsError::Form),
        (
            format!("{header}.{payload}.{}+", &signature[1..]),
            JwsError::Form,
        ),
        ("a".repeat(TOKEN_BYTES_MAX + 1), JwsError::TooLong),
        (format!("é.{payload}.{signature}"), JwsError::Form),
    ];
    for (token, error) in cases {
        assert_eq!(Unverified::parse(&token), Err(error), "{token:.60}");
    }
    assert_eq!(
        verify(
            &format!("{header}.{payload}.{}", &signature[..40]),
            &key.verifying_key().unwrap()
        ),
        Err(JwsError::Signature)
    );
}

#[test]
fn headers_that_are_refused() {
    let cases = [
        (r#"{"alg":"HS256","alg":"none"}"#, JwsError::Header),
        (r#"{"alg":"HS256","kid":"a","kid":"b"}"#, JwsError::Header),
        (r#"{"alg":"HS256"} "#, JwsError::Form), // stands for: whitespace is fine, see below
        (r#"{"alg":"HS256"}x"#, JwsError::Header),
        (r#"{"alg":1}"#, JwsError::Header),
        (r"{}", JwsError::Header),
        (r"[]", JwsError::Header),
        (r"null", JwsError::Header),
        (r#""alg""#, JwsError::Header),
        ("", JwsError::Header),
        ("\u{feff}{\"alg\":\"HS256\"}", JwsError::Header),
        (r#"{"alg":"HS256","crit":["exp"]}"#, JwsError::Extension),
        (r#"{"alg":"HS256","crit":[]}"#, JwsError::Extension),
        (r#"{"alg":"HS256","b64":false}"#, JwsError::Extension),
        (r#"{"alg":"HS256","zip":"DEF"}"#, JwsError::Extension),
    ];
    for (header, error) in cases {
        let token = format!("{}.e30.AA", base64url(header.as_bytes()));
        let parsed = Unverified::parse(&token);
        if error == JwsError::Form {
            assert!(parsed.is_ok(), "{header}");
        } else {
            assert_eq!(parsed, Err(error), "{header}");
        }
    }
    let deep = format!(
        r#"{{"alg":"HS256","x":{}{}}}"#,
        "[".repeat(4000),
        "]".repeat(4000)
    );
    let token = format!("{}.e30.AA", base64url(deep.as_bytes()));
    assert_eq!(Unverified::parse(&token), Err(JwsError::Header));
}

#[test]
fn payloads_with_duplicates_are_no_claims() {
    let key = SigningKey::hmac("k", Algorithm::Hs256, b"secret").unwrap();
    for payload in [
        r#"{"sub":"a","sub":"b"}"#,
        "[]",
        "",
        "{",
        r#"{"sub":"a"}{}"#,
    ] {
        let token = sign(&key, None, payload.as_bytes()).unwrap();
        let verified = verify(&token, &key.verifying_key().unwrap()).unwrap();
        assert_eq!(verified.claims(), Err(JwsError::Payload), "{payload}");
        assert_eq!(verified.payload(), payload.as_bytes());
    }
}

#[test]
fn an_empty_secret_is_no_key() {
    assert_eq!(
        VerifyingKey::hmac("k", Algorithm::Hs256, b"").unwrap_err(),
        KeyError::EmptySecret
    );
    assert_eq!(
        SigningKey::hmac("k", Algorithm::Hs256, b"").unwrap_err(),
        KeyError::EmptySecret
    );
    assert!(VerifyingKey::hmac("k", Algorithm::Rs256, b"secret").is_err());
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics(text in ".{0,200}") {
        drop(Unverified::parse(&text));
    }

    #[test]
    fn a_changed_byte_never_verifies(position in 0_usize..200, letter in "[A-Za-z0-9_.-]") {
        let key = SigningKey::hmac("k", Algorithm::Hs256, b"secret").unwrap();
        let mut token = sign(&key, Some("JWT"), br#"{"sub":"x","exp":1}"#).unwrap();
        let position = position % token.len();
        if token.get(position..=position) != Some(letter.as_str()) {
            token.replace_range(position..=position, &letter);
            proptest::prop_assert!(verify(&token, &key.verifying_key().unwrap()).is_err());
        }
    }
}
