//! Tokens, and what is kept of passwords and one-time codes.

use std::sync::LazyLock;

use claviger_crypto::jwe::{DecryptionKey, Encrypted, KeyManagement};
use claviger_crypto::jws::Unverified;
use claviger_crypto::otp::OtpCredential;
use claviger_crypto::password::StoredPassword;
use claviger_crypto::{Algorithm, Curve, PrivateKey, SigningKey, VerifyingKey};
use claviger_model::Millis;

use super::{first_line, text};

/// Keys of this run: nothing in a corpus is signed by them.
static VERIFYING: LazyLock<Vec<VerifyingKey>> = LazyLock::new(|| {
    let ec = PrivateKey::generate_ec(Curve::P256).expect("a key");
    let ed = PrivateKey::generate_ed25519().expect("a key");
    let secret = ec.to_pkcs8().expect("bytes");
    [
        SigningKey::new("k", Algorithm::Es256, ec),
        SigningKey::new("k", Algorithm::EdDsa, ed),
        SigningKey::hmac("k", Algorithm::Hs256, &secret),
        SigningKey::hmac("k", Algorithm::Hs512, &secret),
    ]
    .into_iter()
    .map(|key| key.expect("it fits").verifying_key().expect("it verifies"))
    .collect()
});

static EC: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::generate_ec(Curve::P256).expect("a key"));
static RSA: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate_rsa(2048).expect("a key"));

/// Signed tokens: none is by a key that has never signed.
pub fn jws(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(token) = Unverified::parse(text) else {
        return;
    };
    let _ = (
        token.header().kid(),
        token.header().typ(),
        token.unverified_claims(),
    );
    for key in VERIFYING.iter() {
        assert!(token.clone().verify(key).is_err());
    }
}

/// Encrypted tokens: the first line is one. Only `dir` and the wraps have a key that is known here.
pub fn jwe(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(token) = Encrypted::parse(text) else {
        return;
    };
    for management in KeyManagement::ALL {
        for key in [
            DecryptionKey::Secret(&[7; 16]),
            DecryptionKey::Secret(&[7; 32]),
            DecryptionKey::Private(&EC),
            DecryptionKey::Private(&RSA),
        ] {
            let _ = token.decrypt(management, key);
        }
    }
}

/// Stored passwords and one-time secrets: `secretData`, a line break, `credentialData`. What is
/// read and written again is read as the same.
pub fn credentials(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (secret, rest) = first_line(text);
    if let Ok(password) = StoredPassword::parse(secret, rest) {
        let again = StoredPassword::parse(&password.secret_data(), &password.credential_data());
        assert!(again.is_ok_and(|again| again == password));
    }
    if let Ok(object) = serde_json::from_str(secret) {
        let _ = StoredPassword::from_flat(&object);
    }
    if let Ok(otp) = OtpCredential::parse(secret, rest) {
        let now = Millis(1_795_392_000_000);
        let _ = (otp.verify("123456", now, 2), otp.code(now));
        assert!(OtpCredential::parse(&otp.secret_data(), &otp.credential_data()).is_ok());
    }
}
