use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_model::Secret;
use p12_keystore::{Certificate, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::settings::https::{Keys, StoreFile};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claviger-tls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate that signs itself, and its key.
struct Own {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// The textual form (RFC 7468).
fn armour(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

impl Own {
    fn pem(&self) -> String {
        armour("CERTIFICATE", self.certificate.der())
    }

    fn key_pem(&self) -> String {
        armour("PRIVATE KEY", &self.key.serialize_der())
    }

    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    fn store(&self, password: &str) -> Vec<u8> {
        let certificate = Certificate::from_der(self.certificate.der()).unwrap();
        let key = PrivateKey::from_der(&self.key.serialize_der()).unwrap();
        let chain = PrivateKeyChain::new("server", key, [certificate]);
        let mut store = p12_keystore::KeyStore::new();
        store.add_entry("server", KeyStoreEntry::PrivateKeyChain(chain));
        let writer = store.writer(password).encryption_iterations(1_000);
        writer.mac_iterations(1_000).write().unwrap()
    }
}

/// Something to shake hands with.
pub fn acceptor() -> Acceptor {
    let (folder, own) = (Folder::new(), Own::new("localhost"));
    let certificate = folder.write("c.pem", own.pem());
    let key = folder.write("k.pem", own.key_pem());
    Acceptor::load(&pem(&certificate, &key)).unwrap()
}

fn tls(keys: Keys) -> Tls {
    Tls {
        keys,
        protocols: vec![Protocol::Tls13],
        cipher_suites: None,
        client_auth: ClientAuth::None,
        trust: None,
        reload: None,
    }
}

fn pem(certificates: &Path, key: &Path) -> Tls {
    tls(Keys::Pem {
        certificates: certificates.to_owned(),
        key: key.to_owned(),
    })
}

fn stored(path: &Path, password: &str) -> StoreFile {
    StoreFile {
        path: path.to_owned(),
        password: Secret::new(password),
    }
}

/// Checks that key material is refused with a text that has this in it.
fn refused(settings: &Tls, why: &str) {
    let error = Acceptor::load(settings).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.starts_with("Failed to load 'https-*' material: "),
        "{text}"
    );
    assert!(text.contains(why), "{why}: {text}");
}

#[test]
fn keys_are_read_from_pem_files() {
    let (folder, own) = (Folder::new(), Own::new("localhost"));
    let certificate = folder.write("c.pem", own.pem());
    let key = folder.write("k.pem", own.key_pem());
    Acceptor::load(&pem(&certificate, &key)).unwrap();
    let both = format!("{}{}", own.key_pem(), own.pem());
    let both = folder.write("both.pem", both);
    Acceptor::load(&pem(&both, &both)).unwrap();
}

#[test]
fn broken_pem_files_are_refused_and_say_why() {
    let (folder, own) = (Folder::new(), Own::new("localhost"));
    let certificate = folder.write("c.pem", own.pem());
    let key = folder.write("k.pem", own.key_pem());
    let other = folder.write("other.pem", Own::new("localhost").key_pem());
    let garbage = folder.write("garbage.pem", [0xFF_u8; 100]);
    let empty = folder.write("empty.pem", "");
    let large = folder.write("large.pem", vec![b' '; 5 * 1024 * 1024]);
    let encrypted = own
        .key_pem()
        .replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let encrypted = folder.write("encrypted.pem", encrypted);
    let cut = own.pem().replace("-----END CERTIFICATE-----", "");
    let cut = folder.write("cut.pem", cut);
    refused(
        &pem(&folder.0.join("none.pem"), &key),
        "none.pem: No such file",
    );
    refused(&pem(&garbage, &key), "garbage.pem has no certificate");
    refused(&pem(&empty, &key), "empty.pem has no certificate");
    refused(&pem(&large, &key), "large.pem is too large");
    refused(&pem(&cut, &key), "cut.pem is no PEM file");
    refused(&pem(&certificate, &certificate), "c.pem has no private key");
    refused(
        &pem(&certificate, &encrypted),
        "the private key is encrypted",
    );
    refused(&pem(&certificate, &other), "cannot be used together");
    refused(&pem(&folder.0, &key), "cannot read ");
    let chain = folder.write("chain.pem", own.pem().repeat(17));
    refused(&pem(&chain, &key), "more than 16 certificates");
}

#[test]
fn keys_are_read_from_pkcs12() {
    let (folder, own) = (Folder::new(), Own::new("localhost"));
    let path = folder.write("server.keystore", own.store("hunter2"));
    let keys = |path: &Path, password: &str| tls(Keys::Store(stored(path, password)));
    Acceptor::load(&keys(&path, "hunter2")).unwrap();
    refused(&keys(&path, "wrong"), "the password is wrong");
    let java = folder.write("s.jks", [0xFE_u8, 0xED, 0xFE, 0xED, 0, 0, 0, 2]);
    refused(&keys(&java, "x"), "keytool -importkeystore");
    let garbage = folder.write("g.p12", [0x30_u8, 0x82, 0xFF, 0xFF, 1]);
    refused(&keys(&garbage, "x"), "is no PKCS#12 file");
    let text = folder.write("p.p12", own.pem());
    refused(&keys(&text, "x"), "is a PEM file");
    let acceptor = Acceptor::load(&keys(&path, "hunter2")).unwrap();
    assert!(!format!("{acceptor:?}").contains("hunter2"));
}

#[test]
fn trust_stores_need_authorities() {
    let (folder, own) = (Folder::new(), Own::new("localhost"));
    let certificate = folder.write("c.pem", own.pem());
    let key = folder.write("k.pem", own.key_pem());
    let trusting = |path: &Path, password: &str| Tls {
        client_auth: ClientAuth::Required,
        trust: Some(stored(path, password)),
        ..pem(&certificate, &key)
    };
    Acceptor::load(&trusting(&certificate, "")).unwrap();
    // The certificate of a private key is not thereby trusted.
    let store = folder.write("s.p12", own.store("x"));
    refused(&trusting(&store, "x"), "has no trusted certificate");
    refused(&trusting(&key, ""), "has no certificate");
    let mut trusted = p12_keystore::KeyStore::new();
    let authority = Certificate::from_der(own.certificate.der()).unwrap();
    trusted.add_entry("ca", KeyStoreEntry::Certificate(authority));
    let trusted = folder.write("t.p12", trusted.writer("x").write().unwrap());
    Acceptor::load(&trusting(&trusted, "x")).unwrap();
    refused(&trusting(&trusted, ""), "the password is wrong");
}

#[test]
fn changed_files_are_taken_over_and_broken_ones_are_not() {
    let (folder, own) = (Folder::new(), Own::new("localhost"));
    let certificate = folder.write("c.pem", own.pem());
    let key = folder.write("k.pem", own.key_pem());
    let acceptor = Acceptor::load(&pem(&certificate, &key)).unwrap();
    let first = acceptor.config();
    assert!(!acceptor.reload().unwrap());
    let new = Own::new("localhost");
    folder.write("c.pem", new.pem());
    assert!(acceptor.reload().is_err(), "the key is still the old one");
    assert!(Arc::ptr_eq(&first, &acceptor.config()));
    folder.write("k.pem", new.key_pem());
    assert!(acceptor.reload().unwrap());
    assert!(!Arc::ptr_eq(&first, &acceptor.config()));
    std::fs::remove_file(&key).unwrap();
    assert!(acceptor.reload().is_err());
}
