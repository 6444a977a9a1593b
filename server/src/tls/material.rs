//! What a listener that speaks TLS needs, out of its files.

use anyhow::ensure;
use claviger_crypto::digest;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::key_files::{is_pem, key_store, pem_certificates, pem_key, read, trust_store};
use crate::settings::https::{ClientAuth, Keys, Tls};

/// Certificates that are sent to callers at most.
const LONGEST_CHAIN: usize = 16;
/// Authorities that are trusted at most.
const MOST_TRUSTED: usize = 2_000;

/// Whose client certificates are believed.
pub(super) enum Trusted {
    /// Those that the operator named.
    File(Vec<CertificateDer<'static>>),
    /// Those that the system trusts.
    System(Vec<CertificateDer<'static>>),
}

/// The files' contents. Not for printing: there is a private key in it.
pub(super) struct Files {
    /// Certificates, or the key store.
    first: Vec<u8>,
    /// The private key, if it is in a file of its own.
    key: Option<Vec<u8>>,
    trust: Option<Vec<u8>>,
}

impl Files {
    /// Reads what the settings name.
    pub(super) fn read(settings: &Tls) -> anyhow::Result<Self> {
        let (first, key) = match &settings.keys {
            Keys::Pem { certificates, key } => (read(certificates)?, Some(read(key)?)),
            Keys::Store(store) => (read(&store.path)?, None),
        };
        let trust = match (&settings.trust, settings.client_auth) {
            (None, _) | (Some(_), ClientAuth::None) => None,
            (Some(store), ClientAuth::Request | ClientAuth::Required) => Some(read(&store.path)?),
        };
        Ok(Self { first, key, trust })
    }

    /// Changes when a file changes.
    pub(super) fn print(&self) -> Vec<u8> {
        let none = Vec::new();
        [Some(&self.first), self.key.as_ref(), self.trust.as_ref()]
            .into_iter()
            .flat_map(|file| digest::sha256(file.unwrap_or(&none)))
            .collect()
    }

    /// The server's certificates, its own first, and its key.
    pub(super) fn identity(
        &self,
        settings: &Tls,
    ) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let (chain, key) = match &settings.keys {
            Keys::Pem { certificates, key } => {
                let text = self.key.as_deref().unwrap_or_default();
                (
                    pem_certificates(certificates, &self.first)?,
                    pem_key(key, text)?,
                )
            }
            Keys::Store(store) => key_store(store, &self.first)?,
        };
        ensure!(
            chain.len() <= LONGEST_CHAIN,
            "more than {LONGEST_CHAIN} certificates to be sent to callers"
        );
        Ok((chain, key))
    }

    /// Whose client certificates are believed.
    pub(super) fn trusted(&self, settings: &Tls) -> anyhow::Result<Trusted> {
        let (Some(store), Some(bytes)) = (&settings.trust, &self.trust) else {
            // Some files of the system may be unreadable; what is left decides.
            let found = rustls_native_certs::load_native_certs();
            ensure!(
                !found.certs.is_empty(),
                "the system has no trusted authorities: give https-trust-store-file"
            );
            return Ok(Trusted::System(found.certs));
        };
        let certificates = if is_pem(bytes) {
            pem_certificates(&store.path, bytes)?
        } else {
            trust_store(store, bytes)?
        };
        ensure!(
            certificates.len() <= MOST_TRUSTED,
            "{}: more than {MOST_TRUSTED} certificates",
            store.path.display()
        );
        Ok(Trusted::File(certificates))
    }
}
