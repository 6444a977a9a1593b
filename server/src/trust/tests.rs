use std::path::PathBuf;

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("claviger-trust-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("some/deeper")).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
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

/// A certificate of an authority, as PEM and DER.
fn authority() -> (String, Vec<u8>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    (
        pem("CERTIFICATE", certificate.der()),
        certificate.der().to_vec(),
    )
}

fn trust(named: &[PathBuf]) -> Trust {
    Trust {
        named: named.to_vec(),
        ..Trust::default()
    }
}

fn read(trust: &Trust) -> Vec<Vec<u8>> {
    let found = authorities(trust).unwrap();
    found.into_iter().map(|one| one.to_vec()).collect()
}

#[test]
fn authorities_are_read_from_files_and_directories() {
    let folder = Folder::new("read");
    let (one, two, three) = (authority(), authority(), authority());
    let mut store = KeyStore::new();
    let entry = Certificate::from_der(&two.1).unwrap();
    store.add_entry("two", KeyStoreEntry::Certificate(entry));
    folder.write("some/b.p12", &store.writer("").write().unwrap());
    folder.write("some/a.pem", format!("{}{}", one.0, three.0).as_bytes());
    folder.write("some/deeper/README", b"no certificate");
    let some = folder.0.join("some");
    assert_eq!(
        read(&trust(std::slice::from_ref(&some))),
        [one.1.clone(), three.1, two.1]
    );
    let alone = folder.write("alone.crt", one.0.as_bytes());
    assert_eq!(read(&trust(&[alone])), [one.1]);
    let usual = Trust {
        usual: vec![folder.0.join("not there"), some],
        ..Trust::default()
    };
    assert_eq!(read(&usual).len(), 3);
}

#[test]
fn what_is_named_must_hold_certificates() {
    let folder = Folder::new("refused");
    let text = folder.write("text", b"no certificate");
    let missing = folder.0.join("missing");
    let broken = folder.write("broken.pem", pem("CERTIFICATE", b"nonsense").as_bytes());
    for path in [text, missing, broken] {
        let refused = authorities(&trust(std::slice::from_ref(&path))).unwrap_err();
        let told = format!("{refused:#}");
        assert!(told.contains("truststore-paths: "), "{told}");
        assert!(told.contains(path.to_str().unwrap()), "{told}");
    }
    folder.write("some/broken.p12", b"nonsense");
    let refused = authorities(&trust(&[folder.0.join("some")])).unwrap_err();
    assert!(format!("{refused:#}").contains("broken.p12"), "{refused:#}");
}
