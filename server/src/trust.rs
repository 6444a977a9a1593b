//! The authorities that are believed beside those of the system, out of files of their own; and what
//! of them an encrypted connection to the database needs.

use std::path::Path;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use claviger_model::Secret;
use claviger_outbound::{AddressPolicy, FetcherOptions, NameCheck};
use claviger_store::{Database, Identity, Options, Tls};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::key_files;
use crate::settings::Settings;
use crate::settings::https::StoreFile;
use crate::settings::trust::Trust;

/// Category of what is said about authorities, as in Keycloak's log.
const CATEGORY: &str = "org.keycloak.truststore";
/// How deep directories are looked through.
const DEEPEST: usize = 8;
/// Certificates that are read at most.
const MOST: usize = 10_000;

/// How others are called.
pub fn calls(settings: &Settings) -> anyhow::Result<FetcherOptions> {
    let authorities = authorities(&settings.trust)?;
    Ok(FetcherOptions {
        policy: AddressPolicy {
            deny_private: settings.outgoing.deny_private,
            allow: settings.outgoing.allow.clone(),
        },
        extra_roots: authorities.into_iter().map(|one| one.to_vec()).collect(),
        names: if settings.trust.any_name {
            NameCheck::Anybody
        } else {
            NameCheck::Host
        },
        ..FetcherOptions::default()
    })
}

/// How the database is spoken to: with the authorities and the certificate that are in files.
pub fn database(settings: &Settings) -> anyhow::Result<Options> {
    let mut options = settings.database.clone();
    if let Database::Postgres(server) | Database::Mysql(server) = &mut options.database
        && let Tls::VerifyServer(verification) = &mut server.tls
    {
        let files = &settings.database_files;
        let believed = match (&files.trust, &verification.ca_file) {
            (Some(store), _) => {
                key_files::certificates(store).context("db-tls-trust-store-file")?
            }
            (None, Some(_)) => Vec::new(),
            (None, None) => everybody(&settings.trust)?,
        };
        verification.authorities = believed.into_iter().map(|one| one.to_vec()).collect();
        if let Some(store) = &files.identity {
            verification.identity = Some(identity(store).context("db-mtls-key-store-file")?);
        }
    }
    Ok(options)
}

/// All that the system believes, and all that it does not but we do.
fn everybody(trust: &Trust) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut all = rustls_native_certs::load_native_certs().certs;
    all.extend(authorities(trust)?);
    ensure!(
        !all.is_empty(),
        "nobody's certificate is believed: give db-tls-trust-store-file"
    );
    Ok(all)
}

/// The key and the certificates of a file, as the drivers take them.
fn identity(store: &StoreFile) -> anyhow::Result<Identity> {
    let (certificates, key) = key_files::identity(store)?;
    let chain: String = certificates
        .iter()
        .map(|one| pem("CERTIFICATE", one))
        .collect();
    let key = Secret::new(pem("PRIVATE KEY", key.secret_der()));
    Ok(Identity { chain, key })
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

/// The certificates of all files that the settings name.
fn authorities(trust: &Trust) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    for path in &trust.named {
        let named = || format!("truststore-paths: {}", path.display());
        collect(path, 0, &mut found).with_context(named)?;
    }
    for path in trust.usual.iter().filter(|path| path.exists()) {
        collect(path, 0, &mut found).with_context(|| path.display().to_string())?;
    }
    ensure!(
        found.len() <= MOST,
        "more than {MOST} certificates of authorities"
    );
    Ok(found)
}

/// A file that is named has certificates; in a directory others may lie beside them.
fn collect(
    path: &Path,
    depth: usize,
    found: &mut Vec<CertificateDer<'static>>,
) -> anyhow::Result<()> {
    ensure!(depth <= DEEPEST, "directories lie too deep");
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            collect(&entry.path(), depth + 1, found)?;
        }
        return Ok(());
    }
    let store = StoreFile {
        path: path.to_owned(),
        password: Secret::default(),
    };
    match key_files::certificates(&store).and_then(readable) {
        Ok(certificates) => {
            let count = certificates.len();
            tracing::info!(target: CATEGORY, "{}: {count} authorities", path.display());
            found.extend(certificates);
            Ok(())
        }
        Err(error) if depth > 0 && !is_key_store(path) => {
            tracing::debug!(target: CATEGORY, "{} is passed over: {error:#}", path.display());
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Whether the name says that there are certificates in the file.
fn is_key_store(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["p12", "pfx", "pkcs12"]
        .iter()
        .any(|known| extension == *known)
}

/// Refuses what is no certificate of an authority, while it is known where it came from.
fn readable(
    certificates: Vec<CertificateDer<'static>>,
) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots
            .add(certificate.clone())
            .context("a certificate that cannot be read")?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests;
