//! The keys of one realm, given to Keycloak 26.7.4 and to us: what it published and signed, and
//! what we publish and sign, must be the same text. `realm_keys.json` holds the components and its
//! answers; the keys were made for this test.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a failure should stop"
)]

use claviger_crypto::jws::{Json, Unverified, sign};
use claviger_crypto::{Algorithm, KeyProviderConfig, KeyRing, KeyStatus, KeyUse};
use claviger_model::Millis;
use serde_json::Value;

const NOW: Millis = Millis(1_795_405_500_000);

fn fixture() -> Json {
    serde_json::from_str(include_str!("realm_keys.json")).unwrap()
}

fn ring(fixture: &Json) -> KeyRing {
    let providers: Vec<KeyProviderConfig> = fixture["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| {
            let mut component = component.as_object().unwrap().clone();
            component.insert(
                "providerType".to_owned(),
                "org.keycloak.keys.KeyProvider".into(),
            );
            KeyProviderConfig::from_component(&component).unwrap()
        })
        .collect();
    KeyRing::new(&providers)
}

#[test]
fn the_published_set_is_the_same_text() {
    let fixture = fixture();
    let ours = Value::Object(ring(&fixture).public_jwks());
    assert_eq!(ours.to_string(), fixture["jwks"].to_string());
}

#[test]
fn the_administrators_list_is_the_same() {
    let fixture = fixture();
    let ours = ring(&fixture).metadata(NOW);
    assert_eq!(ours["active"], fixture["keys"]["active"]);
    assert_eq!(
        ours["keys"].to_string(),
        fixture["keys"]["keys"].to_string()
    );
}

#[test]
fn its_tokens_verify_and_ours_are_equal_to_the_last_byte() {
    let fixture = fixture();
    let ring = ring(&fixture);
    for (name, algorithm) in [
        ("rs", Algorithm::Rs256),
        ("es", Algorithm::Es256),
        ("ed", Algorithm::EdDsa),
        ("refresh", Algorithm::Hs512),
    ] {
        let token = fixture["tokens"][name].as_str().unwrap();
        let unverified = Unverified::parse(token).unwrap();
        assert_eq!(unverified.header().algorithm(), Some(algorithm), "{name}");
        let kid = unverified.header().kid().unwrap().to_owned();
        let verified = unverified
            .verify(ring.verifying(&kid, algorithm).unwrap())
            .unwrap();

        let key = ring.active(algorithm, NOW).unwrap();
        assert_eq!(key.kid(), kid);
        let ours = sign(key, Some("JWT"), verified.payload()).unwrap();
        if algorithm == Algorithm::Es256 {
            // ECDSA signatures differ each time; all before them does not.
            let before = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
            assert_eq!(before(&ours), before(token));
        } else {
            assert_eq!(ours, token, "{name}");
        }
    }
}

#[test]
fn who_signs_and_who_only_verifies() {
    let fixture = fixture();
    let ring = ring(&fixture);
    let of = |status: KeyStatus| {
        let mut keys = ring.iter().filter(move |key| key.status(NOW) == status);
        (keys.next().unwrap(), keys.next().is_none())
    };
    let (passive, only) = of(KeyStatus::Passive);
    assert!(only && passive.algorithm() == "PS256");
    assert!(ring.active(Algorithm::Ps256, NOW).is_none());
    assert!(ring.verifying(passive.kid(), Algorithm::Ps256).is_some());
    assert!(
        ring.verifying(passive.kid(), Algorithm::Rs256).is_none(),
        "one algorithm per key"
    );

    let (disabled, only) = of(KeyStatus::Disabled);
    assert!(only && disabled.algorithm() == "RS256");
    assert!(ring.verifying(disabled.kid(), Algorithm::Rs256).is_none());
    assert_ne!(
        ring.active(Algorithm::Rs256, NOW).unwrap().kid(),
        disabled.kid()
    );

    assert!(ring.verifying("no such key", Algorithm::Rs256).is_none());
    assert!(ring.active(Algorithm::Hs256, NOW).is_none());
    let encryption = ring.active_key(KeyUse::Enc, "RSA-OAEP", NOW).unwrap();
    assert!(encryption.signing_key().is_none() && encryption.private_key().is_some());
    let cookies = ring.active_key(KeyUse::Enc, "AES", NOW).unwrap();
    assert_eq!(cookies.secret().unwrap().len(), 32);
}
