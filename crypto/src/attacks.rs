//! Attacks on signed and encrypted tokens that have worked somewhere, each with what it meets here.
//!
//! They read as lists: add a line when a new one becomes known.

#![expect(clippy::too_many_lines, reason = "a table is as long as its cases")]

mod encrypted;
mod form;
mod signature;

use serde_json::{Value, json};

use crate::algorithm::Algorithm;
use crate::certificate::Certificate;
use crate::encoding::{base64, base64url, decode_base64url};
use crate::jwk::{Naming, public_jwk};
use crate::jws::{JwsError, Unverified, sign};
use crate::key::{SigningKey, VerifyingKey};
use crate::key_provider::Config;
use crate::key_ring::{KeyProviderConfig, KeyRing};
use crate::private_key::PrivateKey;

const CLAIMS: &str = r#"{"sub":"alice"}"#;

/// What a token meets at a key.
fn verdict(token: &str, key: &VerifyingKey) -> Result<(), JwsError> {
    Unverified::parse(token)?.verify(key)?.claims().map(drop)
}

/// A token of this header and these claims, with what `sign` makes of it.
fn token(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let signature = base64url(&sign(input.as_bytes()));
    format!("{input}.{signature}")
}

fn unsigned(header: &str) -> String {
    token(header, CLAIMS, |_| Vec::new())
}

/// The server's RSA key, as everybody knows it.
struct Victim {
    signing: SigningKey,
    verifying: VerifyingKey,
    /// Its public half in every form in which it is published.
    published: Vec<(&'static str, Vec<u8>)>,
}

impl Victim {
    fn new() -> Self {
        let private = PrivateKey::generate_rsa(2048).unwrap();
        let public = private.public_key().unwrap();
        let now = claviger_model::Millis(1_795_404_990_000);
        let certificate = Certificate::self_signed(&private, "shop", now).unwrap();
        let naming = Naming {
            kid: Some("k"),
            ..Naming::default()
        };
        let jwk = Value::Object(public_jwk(&public, &naming, Some(&certificate)));
        let pem = |label: &str, der: &[u8], end: &str| {
            let body = base64(der);
            format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----{end}").into_bytes()
        };
        let spki = public.spki();
        let modulus = decode_base64url(jwk["n"].as_str().unwrap()).unwrap();
        let published = vec![
            ("DER", spki.clone()),
            ("PEM", pem("PUBLIC KEY", &spki, "\n")),
            (
                "PEM without a line break at its end",
                pem("PUBLIC KEY", &spki, ""),
            ),
            ("base64, as the realm shows it", base64(&spki).into_bytes()),
            ("JWK", jwk.to_string().into_bytes()),
            ("JWK Set", json!({"keys": [jwk]}).to_string().into_bytes()),
            ("certificate in DER", certificate.der().to_vec()),
            (
                "certificate in PEM",
                pem("CERTIFICATE", certificate.der(), "\n"),
            ),
            ("x5c", certificate.to_base64().into_bytes()),
            ("modulus", modulus),
            (
                "n of the JWK",
                jwk["n"].as_str().unwrap().as_bytes().to_vec(),
            ),
            ("kid", b"k".to_vec()),
        ];
        let signing = SigningKey::new("k", Algorithm::Rs256, private).unwrap();
        let verifying = signing.verifying_key().unwrap();
        Self {
            signing,
            verifying,
            published,
        }
    }
}

/// RFC 8725 §2.1, CVE-2015-9235, CVE-2022-23540: `alg` is the sender's, the key is ours.
#[test]
fn the_algorithm_is_not_the_senders_to_choose() {
    let victim = Victim::new();
    let mut attacks: Vec<(String, String, JwsError)> = Vec::new();
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        " none",
        "none ",
        "none\\u0000",
        "n\\u043ene",
        "ｎｏｎｅ",
        "",
        " ",
        "null",
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\\u0000",
        "RS256\\n",
        "RS256\\u200b",
        "ＲＳ２５６",
        "R\\u0405256",
        "RS-256",
        "RS2560",
        "RS25",
        "RSA",
        "RS256,none",
        "SHA256withRSA",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "RS512",
        "ES256K",
    ] {
        let header = format!("{{\"alg\":\"{alg}\",\"kid\":\"k\"}}");
        attacks.push((
            format!("alg {alg:?}, not signed"),
            unsigned(&header),
            JwsError::Algorithm,
        ));
        let signed = token(&header, CLAIMS, |input| victim.signing.sign(input).unwrap());
        attacks.push((
            format!("alg {alg:?}, well signed"),
            signed,
            JwsError::Algorithm,
        ));
    }
    for alg in [
        "null",
        "0",
        "256",
        "true",
        "[]",
        "[\"RS256\"]",
        "{\"RS256\":1}",
    ] {
        let header = format!("{{\"alg\":{alg}}}");
        attacks.push((format!("alg {alg}"), unsigned(&header), JwsError::Header));
    }
    attacks.push((
        "no alg".to_owned(),
        unsigned("{\"kid\":\"k\"}"),
        JwsError::Header,
    ));
    for (form, secret) in &victim.published {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let forger = SigningKey::hmac("k", algorithm, secret).unwrap();
            let mac = sign(&forger, None, CLAIMS.as_bytes()).unwrap();
            attacks.push((
                format!("{algorithm} by the {form}"),
                mac,
                JwsError::Algorithm,
            ));
            let posing = token(r#"{"alg":"RS256","kid":"k"}"#, CLAIMS, |input| {
                forger.sign(input).unwrap()
            });
            attacks.push((
                format!("{algorithm} by the {form}, as RS256"),
                posing,
                JwsError::Signature,
            ));
        }
    }
    for (attack, token, answer) in attacks {
        assert_eq!(verdict(&token, &victim.verifying), Err(answer), "{attack}");
    }
    // A spelling with escapes is the same name for every reader of JSON (RFC 8259 §7).
    let escaped = token(r#"{"alg":"\u0052S256"}"#, CLAIMS, |input| {
        victim.signing.sign(input).unwrap()
    });
    assert_eq!(verdict(&escaped, &victim.verifying), Ok(()));
}

/// RFC 7515 §4.1.2–4.1.6, CVE-2018-0114: what a header says of keys is never followed.
#[test]
fn a_token_does_not_bring_its_key() {
    let victim = Victim::new();
    let attacker = PrivateKey::generate_rsa(2048).unwrap();
    let public = attacker.public_key().unwrap();
    let now = claviger_model::Millis(1_795_404_990_000);
    let certificate = Certificate::self_signed(&attacker, "shop", now).unwrap();
    let jwk = Value::Object(public_jwk(&public, &Naming::default(), None));
    let own = SigningKey::new("k", Algorithm::Rs256, attacker).unwrap();
    let url = "https://attacker.example/keys";
    for (attack, member) in [
        ("jwk", json!({"jwk": jwk})),
        ("jwk in a list", json!({"jwk": [jwk]})),
        ("jku", json!({"jku": url})),
        (
            "jku of ours with a jump",
            json!({"jku": "https://id.example/redirect?to=https://x"}),
        ),
        ("x5u", json!({"x5u": url})),
        ("x5c", json!({"x5c": [certificate.to_base64()]})),
        (
            "x5t",
            json!({"x5t": certificate.x5t(), "x5t#S256": certificate.x5t_s256()}),
        ),
        ("issuer in the header", json!({"iss": url, "sub": "alice"})),
        ("kid that is a path", json!({"kid": "../../../../dev/null"})),
        (
            "kid that is SQL",
            json!({"kid": "k' UNION SELECT 'secret' --"}),
        ),
        ("kid that is a URL", json!({"kid": url})),
        ("kid that is a command", json!({"kid": "| id"})),
        ("kid that is no text", json!({"kid": {"$ne": null}})),
        ("kid that is long", json!({"kid": "k".repeat(40_000)})),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "k"});
        header
            .as_object_mut()
            .unwrap()
            .extend(member.as_object().unwrap().clone());
        let forged = token(&header.to_string(), CLAIMS, |input| {
            own.sign(input).unwrap()
        });
        assert_eq!(
            verdict(&forged, &victim.verifying),
            Err(JwsError::Signature),
            "{attack}"
        );
    }
}

/// Whatever a `kid` says, it finds a key of this realm, of this algorithm, for signatures, or none.
#[test]
fn a_kid_finds_a_key_of_its_realm_and_algorithm_only() {
    let provider = |id: &str, kid: &str, provider_id: &str, algorithm: &str| KeyProviderConfig {
        id: id.to_owned(),
        provider_id: provider_id.to_owned(),
        config: Config::from([
            (
                "secret".to_owned(),
                vec!["c2VjcmV0LXNlY3JldC1zZWNyZXQ".to_owned()],
            ),
            ("kid".to_owned(), vec![kid.to_owned()]),
            ("algorithm".to_owned(), vec![algorithm.to_owned()]),
        ]),
    };
    let ring = KeyRing::new(&[
        provider("1", "mac", "hmac-generated", "HS512"),
        provider("2", "cookies", "aes-generated", "HS512"),
    ]);
    let other = KeyRing::new(&[provider("3", "neighbour", "hmac-generated", "HS512")]);
    assert!(ring.verifying("mac", Algorithm::Hs512).is_some());
    assert!(other.verifying("neighbour", Algorithm::Hs512).is_some());
    for (attack, kid, algorithm) in [
        ("another realm's key", "neighbour", Algorithm::Hs512),
        ("the key for cookies", "cookies", Algorithm::Hs512),
        ("another algorithm", "mac", Algorithm::Hs256),
        ("an algorithm of public keys", "mac", Algorithm::Rs256),
        ("another case", "MAC", Algorithm::Hs512),
        ("a component's id", "1", Algorithm::Hs512),
        ("nothing", "", Algorithm::Hs512),
        ("a pattern", "%", Algorithm::Hs512),
        ("a path", "../mac", Algorithm::Hs512),
        ("a zero byte", "mac\0", Algorithm::Hs512),
    ] {
        assert!(ring.verifying(kid, algorithm).is_none(), "{attack}");
    }
}
