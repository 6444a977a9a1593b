//! Certificates, and somebody who speaks TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::http;
use crate::program::Home;

/// The textual form (RFC 7468).
fn armour(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// A certificate and its key.
pub struct Identity {
    pub der: CertificateDer<'static>,
    /// PKCS#8.
    key: Vec<u8>,
}

impl Identity {
    pub fn pem(&self) -> String {
        armour("CERTIFICATE", &self.der)
    }

    pub fn key_pem(&self) -> String {
        armour("PRIVATE KEY", &self.key)
    }

    /// Writes both into a folder: `<name>.pem` and `<name>.key`.
    pub fn write(&self, home: &Home, name: &str) -> (PathBuf, PathBuf) {
        let certificate = home.write(&format!("{name}.pem"), &self.pem());
        let key = home.write(&format!("{name}.key"), &self.key_pem());
        (certificate, key)
    }

    /// One that vouches for itself.
    pub fn alone(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let der = params.self_signed(&key).unwrap().der().clone();
        Self {
            der,
            key: key.serialize_der(),
        }
    }
}

/// Somebody who vouches for others.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub der: CertificateDer<'static>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let der = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self { issuer, der }
    }

    pub fn pem(&self) -> String {
        armour("CERTIFICATE", &self.der)
    }

    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Identity {
            der,
            key: key.serialize_der(),
        }
    }

    /// A server called `localhost`.
    pub fn server(&self) -> Identity {
        self.sign("localhost", ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub fn client(&self) -> Identity {
        self.sign("client", ExtendedKeyUsagePurpose::ClientAuth)
    }
}

/// Somebody who speaks TLS and trusts one authority.
pub struct Client {
    trusted: CertificateDer<'static>,
    pub versions: Vec<&'static SupportedProtocolVersion>,
}

/// What came over TLS.
#[derive(Debug)]
pub struct Seen {
    pub answer: http::Answer,
    /// The server's certificate.
    pub certificate: CertificateDer<'static>,
    pub suite: String,
    pub protocol: Option<Vec<u8>>,
}

impl Client {
    pub fn new(trusted: &CertificateDer<'static>) -> Self {
        Self {
            trusted: trusted.clone(),
            versions: rustls::ALL_VERSIONS.to_vec(),
        }
    }

    fn config(&self, own: Option<&Identity>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivatePkcs8KeyDer::from(own.key.clone());
                let chain = vec![own.der.clone()];
                builder.with_client_auth_cert(chain, key.into()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    /// One GET on a connection of its own, to the server by its name `localhost`.
    pub fn ask(
        &self,
        address: &str,
        own: Option<&Identity>,
        target: &str,
    ) -> std::io::Result<Seen> {
        let (_, port) = address.rsplit_once(':').unwrap();
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(Arc::new(self.config(own)), name).unwrap();
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut stream = StreamOwned::new(session, stream);
        let text = http::written(&format!("localhost:{port}"), "GET", target, "", "");
        stream.write_all(text.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let session = &stream.conn;
        Ok(Seen {
            answer: http::read(&answer),
            certificate: session.peer_certificates().unwrap()[0].clone().into_owned(),
            suite: format!("{:?}", session.negotiated_cipher_suite().unwrap().suite()),
            protocol: session.alpn_protocol().map(<[u8]>::to_vec),
        })
    }
}
