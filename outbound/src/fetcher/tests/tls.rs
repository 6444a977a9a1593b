//! Whose certificates are believed.

use super::*;

/// One TLS connection, served by a thread: `200 OK` under a certificate that signed itself.
fn tls_server() -> (SocketAddr, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["tls.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![CertificateDer::from(certificate.clone())],
        rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    )
    .unwrap();
    let listener = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let config = Arc::new(config);
        while let Ok((stream, _)) = listener.accept() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            // A client that refuses the certificate ends here with an error.
            if stream.read(&mut [0; 4096]).is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx";
                let _ = stream.write_all(answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (address, certificate)
}

#[tokio::test]
async fn certificates_are_checked() {
    let (address, certificate) = tls_server();
    let get = async |name: &str, extra_roots: Vec<Vec<u8>>| {
        let script = Script::new([vec![LOOPBACK]]);
        let options = FetcherOptions {
            extra_roots,
            ..options()
        };
        let fetcher = Fetcher::with_lookup(&options, script).unwrap();
        fetcher
            .get(&format!("https://{name}:{}/", address.port()))
            .await
    };
    let error = get("tls.example", Vec::new()).await.unwrap_err();
    assert!(matches!(error, FetchError::Failed { .. }), "{error}");
    assert_eq!(
        get("tls.example", vec![certificate.clone()]).await.unwrap(),
        b"x"
    );
    let error = get("other.example", vec![certificate]).await.unwrap_err();
    assert!(matches!(error, FetchError::Failed { .. }), "{error}");
    let broken = FetcherOptions {
        extra_roots: vec![b"no certificate".to_vec()],
        ..options()
    };
    assert!(matches!(Fetcher::new(&broken), Err(SetupError::Root(_))));
}

#[tokio::test]
async fn names_count_unless_they_are_asked_not_to_and_authorities_always_do() {
    let (address, certificate) = tls_server();
    let get = async |names: NameCheck, extra_roots: Vec<Vec<u8>>| {
        let script = Script::new([vec![LOOPBACK]]);
        let options = FetcherOptions {
            extra_roots,
            names,
            ..options()
        };
        let fetcher = Fetcher::with_lookup(&options, script).unwrap();
        let url = format!("https://other.example:{}/", address.port());
        fetcher.get(&url).await
    };
    assert!(
        get(NameCheck::Host, vec![certificate.clone()])
            .await
            .is_err()
    );
    assert_eq!(
        get(NameCheck::Anybody, vec![certificate]).await.unwrap(),
        b"x"
    );
    assert!(get(NameCheck::Anybody, Vec::new()).await.is_err());
}
