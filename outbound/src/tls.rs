//! How we speak TLS with others: whose certificates are believed, and for which names.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::fetcher::SetupError;

/// For whom a certificate must be issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameCheck {
    /// For the host that is called (RFC 6125).
    #[default]
    Host,
    /// For anybody, as long as an authority that is believed has issued it. Whoever has any such
    /// certificate can then stand between.
    Anybody,
}

/// The rules of TLS for calls: the system's authorities, or those built in of Mozilla where a system
/// (an empty container) has none, and further ones (DER).
pub fn client_config(
    extra_roots: &[Vec<u8>],
    names: NameCheck,
) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's root certificates cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for root in extra_roots {
        roots
            .add(CertificateDer::from(root.clone()))
            .map_err(SetupError::Root)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let usual =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let verifier = Trusting {
        usual: usual.map_err(|error| SetupError::Tls(Error::General(error.to_string())))?,
        known: extra_roots.iter().cloned().map(Into::into).collect(),
        names,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?;
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// The usual checks, of which that of the name comes last and may be left out; and for a certificate that
/// the operator named, byte for byte, those of its own time, use and name. Who makes a certificate for one host by hand gets one that calls itself an authority,
/// which chains of authorities have no place for at their end; others' programs take it, too.
#[derive(Debug)]
struct Trusting {
    usual: Arc<WebPkiServerVerifier>,
    known: Vec<CertificateDer<'static>>,
    names: NameCheck,
}

impl Trusting {
    /// The checks of a certificate that is known by itself.
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (_, parts) =
            X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < parts.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > parts.validity().not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        let purpose = parts.extended_key_usage();
        let purpose = purpose.map_err(|_| CertificateError::BadEncoding)?;
        if purpose.is_some_and(|purpose| !purpose.value.server_auth && !purpose.value.any) {
            return Err(CertificateError::InvalidPurpose.into());
        }
        if self.names == NameCheck::Host {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.known.iter().any(|known| known == end_entity) {
            return self.check(end_entity, server_name, now);
        }
        let usual = self.usual.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match usual {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.names == NameCheck::Anybody => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
