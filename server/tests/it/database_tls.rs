//! Encrypted connections to a database, which is played by the test up to the handshake.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use crate::program::{Home, command, run};

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// An authority, and what it issues.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: pem("CERTIFICATE", certificate.der()),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// Greets one caller as PostgreSQL does, asks for a certificate, and tells what it was shown.
fn database(authority: &Authority, name: &str) -> (u16, Receiver<Result<Vec<u8>, String>>) {
    let (certificate, key) = authority.issue(name);
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, shown) = channel();
    std::thread::spawn(move || {
        for caller in listener.incoming() {
            let mut stream = caller.unwrap();
            stream
                .set_read_timeout(Some(Duration::from_mins(1)))
                .unwrap();
            // SSLRequest: its length, and 1234 5679.
            let mut greeting = [0; 8];
            stream.read_exact(&mut greeting).unwrap();
            assert_eq!(greeting, [0, 0, 0, 8, 4, 210, 22, 47]);
            stream.write_all(b"S").unwrap();
            let mut tls = ServerConnection::new(Arc::new(config.clone())).unwrap();
            let mut outcome = Ok(());
            while outcome.is_ok() && tls.is_handshaking() {
                outcome = tls.complete_io(&mut stream).map(|_| ());
            }
            let seen = tls.peer_certificates().and_then(<[_]>::first);
            let seen = seen.map(|one| one.to_vec()).unwrap_or_default();
            let _ = told.send(outcome.map(|()| seen).map_err(|error| error.to_string()));
        }
    });
    (port, shown)
}

/// Starts a command against the played database, and tells what that saw first.
fn seen(
    home: &Home,
    authority: &Authority,
    name: &str,
    options: &[&str],
) -> Result<Vec<u8>, String> {
    let (port, shown) = database(authority, name);
    let port = format!("--db-url-port={port}");
    let ca = home.write("ca.pem", &authority.pem);
    let ca = format!("--db-tls-trust-store-file={}", ca.display());
    let mut all = vec![
        "export",
        "--file=x.json",
        "--db=postgres",
        "--db-tls-mode=verify-server",
    ];
    all.extend(["--db-url-host=localhost", "--db-connect-timeout=10s", &port]);
    if !options.contains(&"--truststore-paths=ca.pem") {
        all.push(&ca);
    }
    all.extend(options);
    let ended = run(command(home, &all).current_dir(home.path()));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    shown.recv_timeout(Duration::from_mins(1)).unwrap()
}

#[test]
fn the_database_is_shown_a_certificate_of_ours() {
    let (home, authority) = (Home::new(), Authority::new());
    assert_eq!(seen(&home, &authority, "localhost", &[]), Ok(Vec::new()));
    let (certificate, key) = authority.issue("claviger");
    home.write(
        "own.pem",
        &(pem("CERTIFICATE", certificate.der()) + &pem("PRIVATE KEY", &key.serialize_der())),
    );
    let own = [
        "--db-mtls-key-store-file=own.pem",
        "--db-mtls-key-store-type=PEM",
    ];
    let shown = seen(&home, &authority, "localhost", &own);
    assert_eq!(shown, Ok(certificate.der().to_vec()));
}

#[test]
fn a_database_is_believed_by_its_name_and_authority_only() {
    let (home, authority) = (Home::new(), Authority::new());
    assert!(seen(&home, &authority, "other.example", &[]).is_err());
    // Without a trust store of its own, those that are believed anyhow.
    let anyhow = ["--truststore-paths=ca.pem"];
    assert_eq!(
        seen(&home, &authority, "localhost", &anyhow),
        Ok(Vec::new())
    );
    home.write("stranger.pem", &Authority::new().pem);
    let stranger = ["--db-tls-trust-store-file=stranger.pem"];
    assert!(seen(&home, &authority, "localhost", &stranger).is_err());
}

#[test]
fn a_certificate_is_not_shown_to_a_stranger() {
    let options = [
        "export",
        "--file=x",
        "--db=postgres",
        "--db-mtls-key-store-file=own.p12",
    ];
    let ended = run(&mut command(&Home::new(), &options));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.err.contains("needs db-tls-mode=verify-server"),
        "{ended:?}"
    );
}
