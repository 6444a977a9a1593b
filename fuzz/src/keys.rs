//! Keys and certificates as people paste them, publish them and keep them in realms.

use claviger_crypto::encoding::{
    base32, base64url, decode_base32, decode_base64url, decode_tolerant,
};
use claviger_crypto::jwk::{Jwk, JwkSet, Naming, public_jwk, thumbprint};
use claviger_crypto::key_ring::{KeyProviderConfig, KeyRing};
use claviger_crypto::{Algorithm, Certificate, PrivateKey, PublicKey};
use claviger_model::Millis;
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12Archive, Pkcs12ImportPolicy};

use super::text;

/// JSON Web Keys and sets of them. A key that is written again is the same key.
pub fn jwk(data: &[u8]) {
    if let Ok(set) = JwkSet::parse(data) {
        for algorithm in Algorithm::ALL {
            let _ = set.verifying(None, algorithm);
            let _ = set.verifying(Some("k"), algorithm);
        }
    }
    let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(data) else {
        return;
    };
    let Ok(key) = Jwk::from_json(&object) else {
        return;
    };
    for algorithm in Algorithm::ALL {
        let _ = key.verifying_key(algorithm);
    }
    same(&key.key);
}

fn same(key: &PublicKey) {
    let written = public_jwk(key, &Naming::default(), None);
    let again = Jwk::from_json(&written).expect("our own key can be read");
    assert_eq!(&again.key, key);
    assert_eq!(thumbprint(&again.key), thumbprint(key));
    assert_eq!(PublicKey::from_spki(&key.spki()).as_ref(), Ok(key));
}

/// PEM, DER and bare base64 of keys and certificates, and the encodings themselves.
pub fn pasted(data: &[u8]) {
    if let Ok(key) = PublicKey::from_spki(data) {
        same(&key);
    }
    if let Ok(certificate) = Certificate::from_der(data.to_vec()) {
        assert_eq!(certificate.der(), data);
        let _ = (certificate.public_key(), certificate.x5t_s256());
    }
    private(PrivateKey::from_der(data).ok());
    let Some(text) = text(data) else { return };
    private(PrivateKey::from_text(text).ok());
    if let Ok(key) = PublicKey::from_text(text) {
        same(&key);
    }
    if let Ok(certificate) = Certificate::from_text(text) {
        let again = Certificate::from_text(&certificate.to_base64());
        assert_eq!(again.as_ref(), Ok(&certificate));
        let _ = certificate.is_valid_at(Millis(0));
    }
    if let Ok(bytes) = decode_base64url(text) {
        assert_eq!(base64url(&bytes), text, "one value has one text");
        assert_eq!(decode_tolerant(text).as_ref(), Ok(&bytes));
    }
    if let Ok(bytes) = decode_base32(text) {
        assert_eq!(decode_base32(&base32(&bytes)).as_ref(), Ok(&bytes));
    }
}

fn private(key: Option<PrivateKey>) {
    let Some(key) = key else { return };
    let bytes = key.to_pkcs8().expect("what was read can be written");
    let again = PrivateKey::from_der(&bytes).expect("and read again");
    assert_eq!(again.public_key(), key.public_key());
}

/// Key stores, opened as the server opens them: with the operator's password.
pub fn pkcs12(data: &[u8]) {
    let Ok(store) = KeyStore::from_pkcs12(data, "changeit", Pkcs12ImportPolicy::Strict) else {
        let _ = Pkcs12Archive::from_pkcs12(data, "changeit");
        return;
    };
    for (_, entry) in store.entries() {
        if let KeyStoreEntry::PrivateKeyChain(chain) = entry {
            private(PrivateKey::from_der(chain.key().as_der()).ok());
        }
    }
}

/// The keys of a realm's components, as they lie in the store or in a realm file.
pub fn providers(data: &[u8]) {
    let Ok(serde_json::Value::Array(components)) = serde_json::from_slice(data) else {
        return;
    };
    let providers: Vec<KeyProviderConfig> = components
        .iter()
        .filter_map(|component| KeyProviderConfig::from_component(component.as_object()?))
        .collect();
    let ring = KeyRing::new(&providers);
    let now = Millis(1_795_392_000_000);
    let _ = (ring.public_jwks(), ring.metadata(now));
    for algorithm in Algorithm::ALL {
        if let Some(key) = ring.active(algorithm, now) {
            assert_eq!(key.algorithm(), algorithm);
        }
    }
}
