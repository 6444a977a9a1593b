//! Whether the certificate that a caller shows is believed.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use super::material::Trusted;
use crate::settings::https::ClientAuth;

/// What checks certificates for a listener that asks for them.
pub(super) fn verifier(
    asked: ClientAuth,
    trusted: Trusted,
    provider: Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let (certificates, complete) = match trusted {
        Trusted::File(certificates) => (certificates, true),
        Trusted::System(certificates) => (certificates, false),
    };
    let mut roots = RootCertStore::empty();
    let mut known = HashSet::new();
    for certificate in certificates {
        let added = roots.add(certificate.clone());
        if complete {
            added.context("a certificate of the trust store cannot be used")?;
            known.insert(certificate.to_vec());
        }
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match asked {
        ClientAuth::Required => builder,
        ClientAuth::None | ClientAuth::Request => builder.allow_unauthenticated(),
    };
    let chains = builder.build().context("the trust store cannot be used")?;
    Ok(Arc::new(Verifier { chains, known }))
}

/// Believes chains that lead to an authority of the trust store, and, as Java does, certificates
/// that are in the trust store themselves: self-signed ones of single clients.
#[derive(Debug)]
struct Verifier {
    chains: Arc<dyn ClientCertVerifier>,
    known: HashSet<Vec<u8>>,
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.chains.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chains.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let checked = self.chains.verify_client_cert(shown, intermediates, now);
        match checked {
            Err(_) if self.known.contains(shown.as_ref()) && is_valid_at(shown, now) => {
                Ok(ClientCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let now = i64::try_from(now.as_secs())
        .ok()
        .and_then(|now| ASN1Time::from_timestamp(now).ok());
    now.is_some_and(|now| certificate.validity().is_valid_at(now))
}
