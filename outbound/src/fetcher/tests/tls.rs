//! Whose certificates are believed.

use super::*;

/// What makes a certificate another one.
type Change = fn(&mut rcgen::CertificateParams);

/// TLS connections, served by a thread: `200 OK` under a certificate that signed itself.
fn tls_server() -> (SocketAddr, Vec<u8>) {
    tls_server_of(|_| {})
}

/// The same under a certificate that is made in another way.
fn tls_server_of(change: Change) -> (SocketAddr, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["tls.example".to_owned()]).unwrap();
    change(&mut params);
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

/// What `openssl req -x509` makes calls itself an authority.
fn by_hand(params: &mut rcgen::CertificateParams) {
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
}

#[tokio::test]
async fn a_certificate_that_is_trusted_by_itself_may_call_itself_an_authority() {
    use rcgen::ExtendedKeyUsagePurpose as Purpose;

    let get = async |(address, trusted): (SocketAddr, Vec<u8>), name: &str, names: NameCheck| {
        let script = Script::new([vec![LOOPBACK]]);
        let options = FetcherOptions {
            extra_roots: vec![trusted],
            names,
            ..options()
        };
        let fetcher = Fetcher::with_lookup(&options, script).unwrap();
        let url = format!("https://{name}:{}/", address.port());
        fetcher.get(&url).await.is_ok()
    };
    let (right, wrong) = ("tls.example", "other.example");
    for (name, names, taken) in [
        (right, NameCheck::Host, true),
        (wrong, NameCheck::Host, false),
        (wrong, NameCheck::Anybody, true),
    ] {
        assert_eq!(
            get(tls_server_of(by_hand), name, names).await,
            taken,
            "{name}"
        );
    }
    let outside: [(Change, bool); 4] = [
        (
            |params| {
                by_hand(params);
                params.not_after = rcgen::date_time_ymd(2020, 1, 1);
            },
            false,
        ),
        (
            |params| {
                by_hand(params);
                params.not_before = rcgen::date_time_ymd(4000, 1, 1);
            },
            false,
        ),
        (
            |params| {
                by_hand(params);
                params.extended_key_usages = vec![Purpose::ClientAuth];
            },
            false,
        ),
        (
            |params| {
                by_hand(params);
                params.extended_key_usages = vec![Purpose::ServerAuth];
            },
            true,
        ),
    ];
    for (number, (change, taken)) in outside.into_iter().enumerate() {
        let server = tls_server_of(change);
        assert_eq!(get(server, right, NameCheck::Host).await, taken, "{number}");
        // Whom nobody asks for a name is no older or newer for it.
        let server = tls_server_of(change);
        assert_eq!(
            get(server, wrong, NameCheck::Anybody).await,
            taken,
            "{number}"
        );
    }
    // Another one of the same names is not the one that is trusted.
    let (address, _) = tls_server_of(by_hand);
    let (_, other) = tls_server_of(by_hand);
    assert!(!get((address, other), right, NameCheck::Host).await);
}
