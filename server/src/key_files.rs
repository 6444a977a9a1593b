//! Keys, certificates and secrets out of files: PEM (RFC 7468) and PKCS#12 (RFC 7292).

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use claviger_model::Secret;
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12Archive, Pkcs12ImportPolicy};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::settings::https::StoreFile;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// How a file of type JKS and its newer kin begin.
const JAVA_STORES: [[u8; 4]; 2] = [[0xFE, 0xED, 0xFE, 0xED], [0xCE, 0xCE, 0xCE, 0xCE]];

/// The bytes of a file of at most 4 MiB.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let failed = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(failed)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(failed)?;
    ensure!(
        bytes.len() as u64 <= LARGEST,
        "{} is too large",
        path.display()
    );
    Ok(bytes)
}

/// Whether there is anything in PEM format in a file.
pub fn is_pem(bytes: &[u8]) -> bool {
    let marker = b"-----BEGIN ";
    bytes.windows(marker.len()).any(|window| window == marker)
}

/// All certificates of a PEM file; at least one.
pub fn pem_certificates(path: &Path, bytes: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is no PEM file", path.display()))?;
    ensure!(
        !certificates.is_empty(),
        "{} has no certificate in PEM format",
        path.display()
    );
    Ok(certificates)
}

/// The first private key of a PEM file.
pub fn pem_key(path: &Path, bytes: &[u8]) -> anyhow::Result<PrivateKeyDer<'static>> {
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    let old = b"Proc-Type: 4,ENCRYPTED";
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    if has(encrypted) || has(old) {
        bail!(
            "{}: the private key is encrypted; decrypt it (openssl pkey -in key.pem -out \
             plain.pem), or put key and certificates into a PKCS#12 file and name it in \
             https-key-store-file",
            path.display()
        );
    }
    // The reason may quote the file: it is not told.
    PrivateKeyDer::from_pem_slice(bytes).ok().with_context(|| {
        format!(
            "{} has no private key in PEM format (PKCS#8, PKCS#1 or SEC1)",
            path.display()
        )
    })
}

/// Says why a file that is no PKCS#12 is none that we read.
fn check_store(store: &StoreFile, bytes: &[u8]) -> anyhow::Result<()> {
    let path = store.path.display();
    if JAVA_STORES.iter().any(|magic| bytes.starts_with(magic)) {
        bail!(
            "{path} is a Java key store (JKS), a format that only Java reads; convert it: keytool \
             -importkeystore -srckeystore {path} -destkeystore {path}.p12 -deststoretype PKCS12"
        );
    }
    if is_pem(bytes) {
        bail!(
            "{path} is a PEM file: name it in https-certificate-file and https-certificate-key-file"
        );
    }
    Ok(())
}

/// What goes wrong with a PKCS#12 file is mostly its password.
fn no_store(store: &StoreFile, error: &p12_keystore::error::Error) -> anyhow::Error {
    let path = store.path.display();
    if matches!(error, p12_keystore::error::Error::MacError(_)) {
        return anyhow::anyhow!("{path}: the password is wrong, or the file is damaged");
    }
    anyhow::anyhow!("{path} is no PKCS#12 file that can be read: {error}")
}

/// The first private key of a PKCS#12 file and its certificates, its own first.
pub fn key_store(
    store: &StoreFile,
    bytes: &[u8],
) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    check_store(store, bytes)?;
    let password = store.password.reveal();
    let keys = KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Strict)
        .map_err(|error| no_store(store, &error))?;
    let (_, chain) = keys
        .private_key_chain()
        .with_context(|| format!("{} has no private key", store.path.display()))?;
    let certificates = chain.certs().iter();
    let certificates = certificates.map(|one| CertificateDer::from(one.as_der().to_vec()));
    let key = PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec());
    Ok((certificates.collect(), key.into()))
}

/// The certificates that are marked as trusted, as Java marks them. Other programs mark none: then
/// all, if there is no private key, for with one they are its chain.
pub fn trust_store(
    store: &StoreFile,
    bytes: &[u8],
) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    check_store(store, bytes)?;
    let archive = Pkcs12Archive::from_pkcs12(bytes, store.password.reveal())
        .map_err(|error| no_store(store, &error))?;
    let marked = archive.certs.iter().any(|bag| bag.trusted);
    let all = !marked && archive.keys.is_empty();
    let trusted = archive.certs.iter().filter(|bag| all || bag.trusted);
    let certificates: Vec<CertificateDer<'static>> = trusted
        .map(|bag| CertificateDer::from(bag.cert.as_der().to_vec()))
        .collect();
    ensure!(
        !certificates.is_empty(),
        "{} has no trusted certificate",
        store.path.display()
    );
    Ok(certificates)
}

/// The certificates to be trusted of a file of either format; at least one.
pub fn certificates(store: &StoreFile) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let bytes = read(&store.path)?;
    if is_pem(&bytes) {
        pem_certificates(&store.path, &bytes)
    } else {
        trust_store(store, &bytes)
    }
}

/// The private key of a file of either format and its certificates, its own first.
pub fn identity(
    store: &StoreFile,
) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let bytes = read(&store.path)?;
    if is_pem(&bytes) {
        let chain = pem_certificates(&store.path, &bytes)?;
        return Ok((chain, pem_key(&store.path, &bytes)?));
    }
    key_store(store, &bytes)
}

/// The secrets of a PKCS#12 file by their names, which Java writes in lower case, as `keytool
/// -importpass` puts them there.
pub fn secrets(store: &StoreFile) -> anyhow::Result<HashMap<String, Secret>> {
    let bytes = read(&store.path)?;
    check_store(store, &bytes)?;
    let password = store.password.reveal();
    let keys = KeyStore::from_pkcs12(&bytes, password, Pkcs12ImportPolicy::Relaxed)
        .map_err(|error| no_store(store, &error))?;
    let mut secrets = HashMap::new();
    for (alias, entry) in keys.entries() {
        let KeyStoreEntry::Secret(secret) = entry else {
            continue;
        };
        // Its name is no secret, its value is not shown.
        let text = std::str::from_utf8(secret.key())
            .with_context(|| format!("{}: {alias} is no text", store.path.display()))?;
        secrets.insert(alias.to_lowercase(), Secret::new(text));
    }
    Ok(secrets)
}
