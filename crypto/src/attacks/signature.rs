//! Signatures that are none.

use super::{CLAIMS, token, verdict};
use crate::algorithm::{Algorithm, Curve};
use crate::encoding::{base64url, decode_base64url};
use crate::jws::{JwsError, sign};
use crate::key::SigningKey;
use crate::private_key::PrivateKey;

/// CVE-2022-21449, RFC 8032 §8.4, RFC 8017 §8.2.2: signatures that are no numbers they could be.
#[test]
fn a_signature_is_one_that_the_key_makes() {
    let rsa = SigningKey::new(
        "k",
        Algorithm::Rs256,
        PrivateKey::generate_rsa(2048).unwrap(),
    );
    let ec = SigningKey::new(
        "k",
        Algorithm::Es256,
        PrivateKey::generate_ec(Curve::P256).unwrap(),
    );
    let ed = SigningKey::new(
        "k",
        Algorithm::EdDsa,
        PrivateKey::generate_ed25519().unwrap(),
    );
    let mac = SigningKey::hmac("k", Algorithm::Hs256, b"a shared secret of some length");
    for key in [rsa, ec, ed, mac] {
        let key = key.unwrap();
        let alg = key.algorithm();
        let good = key.sign(&input(alg)).unwrap();
        let length = good.len();
        let mut attacks = vec![
            ("nothing", Vec::new()),
            ("zero", vec![0; length]),
            ("one", [vec![0; length - 1], vec![1]].concat()),
            ("all bits", vec![0xff; length]),
            ("one byte less", good[..length - 1].to_vec()),
            ("its first half", good[..length / 2].to_vec()),
            ("one byte", good[..1].to_vec()),
            ("a zero more", [good.clone(), vec![0]].concat()),
            ("a zero before it", [vec![0], good.clone()].concat()),
            ("twice", good.repeat(2)),
            ("backwards", good.iter().rev().copied().collect()),
            ("the text itself", input(alg)),
            ("an empty sequence in DER", vec![0x30, 0]),
            ("two zeros in DER", vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ];
        let half = length / 2;
        if alg == Algorithm::Es256 {
            let (r, s) = good.split_at(half);
            let integers = [crate::der::integer(r), crate::der::integer(s)].concat();
            attacks.push((
                "DER in place of two numbers",
                crate::der::element(0x30, &integers),
            ));
            attacks.push(("r without s", [r, &vec![0; half]].concat()));
            attacks.push(("s without r", [&vec![0; half], s].concat()));
            attacks.push(("r and s the other way round", [s, r].concat()));
            attacks.push(("the order for s", [r, &P256_ORDER[..]].concat()));
            attacks.push(("the order for both", [P256_ORDER, P256_ORDER].concat()));
        }
        if alg == Algorithm::EdDsa {
            let (r, s) = good.split_at(half);
            attacks.push(("s and the order", [r, &plus_order(s)].concat()));
        }
        for (attack, signature) in attacks {
            let header = format!("{{\"alg\":\"{alg}\"}}");
            let forged = token(&header, CLAIMS, |_| signature);
            let seen = verdict(&forged, &key.verifying_key().unwrap());
            assert_eq!(seen, Err(JwsError::Signature), "{alg}: {attack}");
        }
    }
}

fn input(alg: Algorithm) -> Vec<u8> {
    let header = base64url(format!("{{\"alg\":\"{alg}\"}}").as_bytes());
    format!("{header}.{}", base64url(CLAIMS.as_bytes())).into_bytes()
}

/// The order of P-256 (SEC 2 §2.4.2).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `s` plus the order of Ed25519 (RFC 8032 §5.1), which means the same to whoever does not look.
fn plus_order(s: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    let add = |(own, order): (&u8, u8)| {
        let sum = u16::from(*own) + u16::from(order) + carry;
        carry = sum >> 8;
        u8::try_from(sum & 0xff).unwrap()
    };
    s.iter().zip(ORDER).map(add).collect()
}

/// Whoever knows one signature of ECDSA knows its twin. It signs the same text by the same key:
/// nothing here takes the text of a signature for a name.
#[test]
fn the_twin_of_a_signature_says_the_same() {
    let key = PrivateKey::generate_ec(Curve::P256).unwrap();
    let key = SigningKey::new("k", Algorithm::Es256, key).unwrap();
    let good = sign(&key, None, CLAIMS.as_bytes()).unwrap();
    let (text, signature) = good.rsplit_once('.').unwrap();
    let bytes = decode_base64url(signature).unwrap();
    let (r, s) = bytes.split_at(32);
    let mut borrow = false;
    let mut twin: Vec<u8> = Vec::new();
    for (order, own) in P256_ORDER.iter().zip(s).rev() {
        let (first, one) = order.overflowing_sub(*own);
        let (second, two) = first.overflowing_sub(u8::from(borrow));
        borrow = one || two;
        twin.insert(0, second);
    }
    let twin = format!("{text}.{}", base64url(&[r, &twin].concat()));
    assert_eq!(verdict(&twin, &key.verifying_key().unwrap()), Ok(()));
}
