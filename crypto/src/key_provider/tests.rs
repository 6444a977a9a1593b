use super::*;
use crate::algorithm::{Algorithm, KeyUse};
use crate::key_ring::{KeyProviderConfig, KeyRing};

const NOW: Millis = Millis(1_795_404_990_000);

fn config(settings: &[(&str, &str)]) -> Config {
    let mut config = Config::new();
    for (name, value) in settings {
        config
            .entry((*name).to_owned())
            .or_default()
            .push((*value).to_owned());
    }
    config
}

fn completed(provider: &str, settings: &[(&str, &str)]) -> Result<Config, ConfigProblem> {
    complete(provider, config(settings), "acme", &Random::seeded(5), NOW)
}

fn ring_of(provider: &str, config: Config) -> KeyRing {
    let provider_id = provider.to_owned();
    KeyRing::new(&[KeyProviderConfig {
        id: "component".to_owned(),
        provider_id,
        config,
    }])
}

#[test]
fn every_generated_provider_gets_working_keys() {
    for (provider, key_use, algorithm) in [
        ("rsa-generated", KeyUse::Sig, "RS256"),
        ("rsa-enc-generated", KeyUse::Enc, "RSA-OAEP"),
        ("hmac-generated", KeyUse::Sig, "HS256"),
        ("aes-generated", KeyUse::Enc, "AES"),
        ("ecdsa-generated", KeyUse::Sig, "ES256"),
        ("ecdh-generated", KeyUse::Enc, "ECDH-ES"),
        ("eddsa-generated", KeyUse::Sig, "EdDSA"),
    ] {
        let made = completed(provider, &[]).unwrap();
        // Completing again changes nothing: the keys are there.
        let again = complete(provider, made.clone(), "acme", &Random::system(), NOW);
        assert_eq!(again, Ok(made.clone()), "{provider}");
        let ring = ring_of(provider, made);
        let key = ring.active_key(key_use, algorithm, NOW).unwrap();
        assert_eq!(
            key.signing_key().is_some(),
            key_use == KeyUse::Sig,
            "{provider}"
        );
    }
}

#[test]
fn the_default_hmac_component_of_a_new_realm() {
    let made = completed(
        "hmac-generated",
        &[("algorithm", "HS512"), ("priority", "100")],
    );
    let made = made.unwrap();
    assert_eq!(first(&made, "kid").unwrap().len(), 36);
    assert_eq!(
        decode_tolerant(first(&made, "secret").unwrap())
            .unwrap()
            .len(),
        128
    );
    assert!(!first(&made, "secret").unwrap().contains('='));
    assert!(
        ring_of("hmac-generated", made)
            .active(Algorithm::Hs512, NOW)
            .is_some()
    );
}

#[test]
fn changed_settings_make_new_keys() {
    let rsa = completed("rsa-generated", &[]).unwrap();
    let mut larger = rsa.clone();
    put(&mut larger, "keySize", "3072");
    let larger = complete("rsa-generated", larger, "acme", &Random::system(), NOW).unwrap();
    assert_ne!(larger.get("privateKey"), rsa.get("privateKey"));
    let key = PrivateKey::from_text(first(&larger, "privateKey").unwrap()).unwrap();
    assert_eq!(key.public_key().unwrap().rsa_bits(), Some(3072));

    let aes = completed("aes-generated", &[]).unwrap();
    let mut smaller = aes.clone();
    put(&mut smaller, "secretSize", "16");
    let smaller = complete("aes-generated", smaller, "acme", &Random::seeded(6), NOW).unwrap();
    assert_eq!(
        decode_tolerant(first(&smaller, "secret").unwrap())
            .unwrap()
            .len(),
        16
    );
    assert_ne!(smaller.get("kid"), aes.get("kid"));

    let ec = completed("ecdsa-generated", &[]).unwrap();
    let mut other = ec;
    put(&mut other, ECDSA.curve, "P-384");
    let other = complete("ecdsa-generated", other, "acme", &Random::system(), NOW).unwrap();
    assert!(
        ring_of("ecdsa-generated", other)
            .active(Algorithm::Es384, NOW)
            .is_some()
    );
}

#[test]
fn a_secret_of_another_size_is_kept_and_its_size_noted() {
    let secret = base64url(&[7; 64]);
    let made = completed("hmac-generated", &[("secret", &secret), ("kid", "k")]).unwrap();
    assert_eq!(first(&made, "secret"), Some(secret.as_str()));
    assert_eq!(first(&made, "secretSize"), Some("64"));
    assert_eq!(first(&made, "kid"), Some("k"));
}

#[test]
fn an_imported_key_gets_a_certificate_or_keeps_its_own() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    let text = base64(&rsa.to_pkcs8().unwrap());
    let made = completed("rsa", &[("privateKey", &text)]).unwrap();
    assert_eq!(first(&made, "privateKey"), Some(text.as_str()));
    let certificate = Certificate::from_text(first(&made, "certificate").unwrap()).unwrap();
    assert_eq!(certificate.public_key(), rsa.public_key());
    assert_eq!(
        complete("rsa", made.clone(), "acme", &Random::system(), NOW),
        Ok(made.clone())
    );

    // When the certificate has run out the key rests; it still verifies.
    let ring = ring_of("rsa", made);
    let end = certificate.not_after();
    assert!(ring.active(Algorithm::Rs256, end).is_some());
    let after = Millis(end.0 + 1);
    assert!(ring.active(Algorithm::Rs256, after).is_none());
    let kid = rsa.public_key().unwrap().kid();
    assert!(ring.verifying(&kid, Algorithm::Rs256).is_some());
    let listed = ring.metadata(after);
    assert_eq!(listed["keys"][0]["status"], "PASSIVE");
    assert_eq!(listed["active"], serde_json::json!({}));
}

#[test]
fn a_certificate_for_an_elliptic_curve_key_on_demand() {
    let made = completed("ecdsa-generated", &[("ecGenerateCertificate", "true")]).unwrap();
    let certificate = Certificate::from_text(first(&made, "certificate").unwrap()).unwrap();
    let ring = ring_of("ecdsa-generated", made);
    let jwks = ring.public_jwks();
    assert_eq!(jwks["keys"][0]["x5c"][0], certificate.to_base64());
    assert_eq!(
        first(&completed("ecdsa-generated", &[]).unwrap(), "certificate"),
        None
    );
}

/// The texts that Keycloak 26.7.4 answered to the same settings, but for 1024 bits, which it takes.
#[test]
fn settings_that_are_refused() {
    const KEY_SIZE: &str = "'Key size' should be 1024, 2048, 3072 or 4096";
    const SECRET_SIZE: &str = "'Secret size' should be 16, 24, 32, 64, 128, 256 or 512";
    const CURVE: &str = "'Elliptic Curve' should be P-256, P-384 or P-521";
    for (provider, name, value, text) in [
        ("rsa-generated", "keySize", "512", KEY_SIZE),
        ("rsa-generated", "keySize", "abc", KEY_SIZE),
        (
            "rsa-generated",
            "keySize",
            "1024",
            "Failed to generate keys",
        ),
        (
            "rsa-generated",
            "priority",
            "abc",
            "'Priority' should be a number",
        ),
        (
            "rsa-generated",
            "active",
            "abc",
            "'Active' should be 'true' or 'false'",
        ),
        (
            "eddsa-generated",
            "enabled",
            "TRUE",
            "'Enabled' should be 'true' or 'false'",
        ),
        ("hmac-generated", "secretSize", "17", SECRET_SIZE),
        ("aes-generated", "secretSize", "17", SECRET_SIZE),
        ("ecdsa-generated", "ecdsaEllipticCurveKey", "P-255", CURVE),
        (
            "eddsa-generated",
            "eddsaEllipticCurveKey",
            "X",
            "'Elliptic Curve' should be Ed25519 or Ed448",
        ),
        ("rsa", "priority", "1", "'Private RSA Key' is required"),
        ("rsa", "privateKey", "abc", "Failed to decode private key"),
    ] {
        let problem = completed(provider, &[(name, value)]).unwrap_err();
        assert_eq!(problem, ConfigProblem::invalid(text), "{provider} {name}");
    }
    let twice = completed("rsa-generated", &[("priority", "1"), ("priority", "2")]);
    assert_eq!(
        twice,
        Err(ConfigProblem::invalid(
            "'Priority' should be a single entry"
        ))
    );
    let unknown = completed("nope", &[]).unwrap_err();
    assert_eq!(unknown, ConfigProblem::NoSuchProvider);
    assert_eq!(
        unknown.to_string(),
        "Invalid provider type or no such provider"
    );
}

/// What Keycloak can do and this server cannot says so, after what Keycloak would have said.
#[test]
fn what_cannot_be_done_is_said() {
    let store = [
        ("keystore", "'Keystore' is required"),
        ("keystorePassword", "'Keystore Password' is required"),
        ("keyAlias", "'Key Alias' is required"),
        ("keyPassword", "'Key Password' is required"),
    ];
    for (index, (_, text)) in store.iter().enumerate() {
        let given = store.map(|(name, _)| (name, "x"));
        let problem = completed("java-keystore", &given[..index]).unwrap_err();
        assert_eq!(problem, ConfigProblem::invalid(text));
    }
    let given = store.map(|(name, _)| (name, "x"));
    let problem = completed("java-keystore", &given).unwrap_err().to_string();
    assert!(problem.starts_with("Java keystores cannot be read"));
    let problem = completed("eddsa-generated", &[("eddsaEllipticCurveKey", "Ed448")]).unwrap_err();
    assert!(problem.to_string().contains("Ed448 is not supported"));
}

#[test]
fn a_key_that_is_brought_along_must_be_whole() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    let text = base64(&rsa.to_pkcs1().unwrap());
    let own = Certificate::self_signed(&rsa, "x", NOW)
        .unwrap()
        .to_base64();
    let kept = completed(
        "rsa-generated",
        &[("privateKey", &text), ("certificate", &own)],
    )
    .unwrap();
    assert_eq!(first(&kept, "privateKey"), Some(text.as_str()));
    let other = PrivateKey::generate_rsa(2048).unwrap();
    let foreign = Certificate::self_signed(&other, "x", NOW)
        .unwrap()
        .to_base64();
    let mixed = completed(
        "rsa-generated",
        &[("privateKey", &text), ("certificate", &foreign)],
    );
    assert_eq!(
        mixed,
        Err(ConfigProblem::invalid(
            "Certificate does not match private key"
        ))
    );

    let pair = |key: &PrivateKey| {
        let public = base64(&key.public_key().unwrap().spki());
        (base64(&key.to_pkcs8().unwrap()), public)
    };
    let (ec, ec_public) = pair(&PrivateKey::generate_ec(Curve::P256).unwrap());
    let (_, ec_other) = pair(&PrivateKey::generate_ec(Curve::P256).unwrap());
    let (edwards, edwards_public) = pair(&PrivateKey::generate_ed25519().unwrap());
    let (_, edwards_other) = pair(&PrivateKey::generate_ed25519().unwrap());
    for (provider, names, private, public, fits) in [
        ("ecdsa-generated", &ECDSA, ec.as_str(), &ec_public, true),
        ("ecdsa-generated", &ECDSA, &ec, &ec_other, false),
        ("ecdsa-generated", &ECDSA, "rubbish", &ec_public, false),
        ("ecdh-generated", &ECDH, &ec, &ec_other, false),
        ("eddsa-generated", &EDDSA, &edwards, &edwards_public, true),
        ("eddsa-generated", &EDDSA, &edwards, &edwards_other, false),
    ] {
        let made = completed(
            provider,
            &[(names.private, private), (names.public, public)],
        );
        assert_eq!(made.is_ok(), fits, "{provider}");
        if let Ok(made) = made {
            assert_eq!(first(&made, names.private), Some(private));
        }
    }
    // A secret without a name gets one.
    let made = completed("hmac-generated", &[("secret", "c2VjcmV0LXNlY3JldA")]).unwrap();
    assert_eq!(first(&made, "secret"), Some("c2VjcmV0LXNlY3JldA"));
    assert_eq!(first(&made, "kid").unwrap().len(), 36);
}

#[test]
fn an_algorithm_for_agreement_is_one() {
    for algorithm in ["RSA-OAEP", "ES256", "A192KW", "ecdh-es"] {
        let problem = completed("ecdh-generated", &[("ecdhAlgorithm", algorithm)]).unwrap_err();
        let text = "'Algorithm' should be ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW or \
                    ECDH-ES+A256KW";
        assert_eq!(problem, ConfigProblem::invalid(text), "{algorithm}");
    }
}

/// Keycloak calls such keys RS256, and never finds them again.
#[test]
fn a_key_without_an_algorithm_is_what_it_is_for() {
    for key_use in ["ENC", "enc"] {
        let made = completed("rsa-generated", &[("keyUse", key_use)]).unwrap();
        let ring = ring_of("rsa-generated", made);
        assert!(ring.active_key(KeyUse::Enc, "RSA-OAEP", NOW).is_some());
    }
    let made = completed("ecdh-generated", &[]).unwrap();
    let ring = ring_of("ecdh-generated", made);
    assert!(ring.active_key(KeyUse::Enc, "ECDH-ES", NOW).is_some());
    let mut made = completed("ecdsa-generated", &[(ECDSA.curve, "P-384")]).unwrap();
    made.remove(ECDSA.curve);
    let ring = ring_of("ecdsa-generated", made);
    assert!(ring.active(Algorithm::Es384, NOW).is_some());
}

#[test]
fn imported_keys_that_are_refused() {
    let rsa = PrivateKey::generate_rsa(2048).unwrap();
    let text = base64(&rsa.to_pkcs1().unwrap());
    let ec = base64(
        &PrivateKey::generate_ec(Curve::P256)
            .unwrap()
            .to_pkcs8()
            .unwrap(),
    );
    let other = PrivateKey::generate_rsa(2048).unwrap();
    let foreign = Certificate::self_signed(&other, "x", NOW)
        .unwrap()
        .to_base64();
    let future = Millis(NOW.0 + 1_000_000_000);
    let early = Certificate::self_signed(&rsa, "x", future)
        .unwrap()
        .to_base64();
    for (key, certificate, problem) in [
        (&ec, &foreign, "Failed to decode private key"),
        (&text, &"abc".to_owned(), "Failed to decode certificate"),
        (&text, &foreign, "Certificate does not match private key"),
        (&text, &early, "Certificate is not valid"),
    ] {
        for provider in ["rsa", "rsa-enc"] {
            let made = completed(
                provider,
                &[("privateKey", key), ("certificate", certificate)],
            );
            assert_eq!(made, Err(ConfigProblem::invalid(problem)), "{provider}");
        }
    }
}

#[test]
fn every_algorithm_has_a_fallback_that_serves_it() {
    let signatures = Algorithm::ALL.map(|algorithm| (KeyUse::Sig, algorithm.name()));
    let encryption = [
        "AES",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "ECDH-ES",
        "ECDH-ES+A192KW",
        "ECDH-ES+A256KW",
    ];
    for (key_use, algorithm) in signatures
        .into_iter()
        .chain(encryption.map(|name| (KeyUse::Enc, name)))
    {
        let fallback = fallback_provider(key_use, algorithm).unwrap();
        assert_eq!(fallback.name, format!("fallback-{algorithm}"));
        assert_eq!(first(&fallback.config, "priority"), Some("-100"));
        let provider = fallback.provider.id();
        let made = complete(provider, fallback.config, "acme", &Random::system(), NOW).unwrap();
        let ring = ring_of(provider, made);
        assert!(
            ring.active_key(key_use, algorithm, NOW).is_some(),
            "{algorithm}"
        );
    }
    assert_eq!(fallback_provider(KeyUse::Sig, "none"), None);
    assert_eq!(fallback_provider(KeyUse::Enc, "RS256"), None);
    assert_eq!(fallback_provider(KeyUse::Sig, "AES"), None);
}

#[test]
fn the_first_by_priority_signs_and_broken_ones_are_left_out() {
    let provider = |id: &str, provider_id: &str, settings: &[(&str, &str)]| KeyProviderConfig {
        id: id.to_owned(),
        provider_id: provider_id.to_owned(),
        config: completed(provider_id, settings).unwrap_or_else(|_| config(settings)),
    };
    let hmac = |id: &str, priority: &str| {
        provider(
            id,
            "hmac-generated",
            &[("algorithm", "HS256"), ("priority", priority), ("kid", id)],
        )
    };
    let mut second = hmac("b", "200");
    put(&mut second.config, "kid", "b-kid");
    let mut first_by_id = hmac("a", "200");
    put(&mut first_by_id.config, "kid", "a-kid");
    let ring = KeyRing::new(&[
        hmac("c", "100"),
        second,
        provider("x", "rsa", &[("privateKey", "broken"), ("priority", "999")]),
        provider("y", "nope", &[]),
        first_by_id,
    ]);
    assert_eq!(ring.iter().count(), 3);
    assert_eq!(ring.active(Algorithm::Hs256, NOW).unwrap().kid(), "a-kid");
    assert!(ring.verifying("b-kid", Algorithm::Hs256).is_some());
    assert!(ring.verifying("b-kid", Algorithm::Hs512).is_none());
}

#[test]
fn an_unknown_algorithm_is_listed_and_never_signs() {
    let made = completed("hmac-generated", &[("algorithm", "HS999")]).unwrap();
    let ring = ring_of("hmac-generated", made);
    assert_eq!(ring.metadata(NOW)["keys"][0]["algorithm"], "HS999");
    assert!(
        ring.active_key(KeyUse::Sig, "HS999", NOW)
            .unwrap()
            .signing_key()
            .is_none()
    );
    // An RSA key called HS256 must not become a secret.
    let made = completed("rsa-generated", &[("algorithm", "HS256")]).unwrap();
    assert!(
        ring_of("rsa-generated", made)
            .active(Algorithm::Hs256, NOW)
            .is_none()
    );
}
