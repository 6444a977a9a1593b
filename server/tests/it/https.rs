//! HTTPS: keys, certificates, and whoever speaks TLS wrongly.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::http;
use crate::program::{Home, Server, command, run};
use client::{Authority, Client, Identity};

mod client;

const ISSUER: &str = "/realms/master/.well-known/openid-configuration";

/// An option with a path.
fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Starts `start-dev`, also over TLS, with this identity.
fn start(home: &Home, identity: &Identity, options: &[&str]) -> Server {
    let (certificate, key) = identity.write(home, "server");
    let pem = [
        option("https-certificate-file", &certificate),
        option("https-certificate-key-file", &key),
    ];
    let mut all: Vec<&str> = pem.iter().map(String::as_str).collect();
    all.extend(["--db=dev-mem", "--https-port=0"]);
    all.extend(options);
    Server::start(home, &all)
}

#[test]
fn production_serves_https_and_nothing_else() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let (certificate, key) = authority.server().write(&home, "server");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = free.local_addr().unwrap();
    drop(free);
    let options = [
        "start".to_owned(),
        "--db=dev-mem".to_owned(),
        "--hostname-strict=false".to_owned(),
        "--http-host=127.0.0.1".to_owned(),
        format!("--http-port={}", plain.port()),
        "--https-port=0".to_owned(),
        option("https-certificate-file", &certificate),
        option("https-certificate-key-file", &key),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let server = Server::of(&mut command(&home, &options));
    let https = server.https.clone().unwrap();
    assert_eq!(server.address, "", "{:?}", server.seen);
    assert!(TcpStream::connect(plain).is_err());
    let seen = Client::new(&authority.der)
        .ask(&https, None, ISSUER)
        .unwrap();
    let (_, port) = https.rsplit_once(':').unwrap();
    let issuer = format!("https://localhost:{port}/realms/master");
    assert_eq!(seen.answer.json()["issuer"], issuer.as_str());
    assert_eq!(seen.protocol.as_deref(), Some(b"http/1.1".as_slice()));
    server.stop();
}

#[test]
fn development_serves_both_each_under_its_own_address() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let server = start(&home, &authority.server(), &[]);
    let https = server.https.clone().unwrap();
    let plain = server.get(ISSUER);
    let issuer = format!("http://{}/realms/master", server.address);
    assert_eq!(plain.json()["issuer"], issuer.as_str());
    let seen = Client::new(&authority.der)
        .ask(&https, None, ISSUER)
        .unwrap();
    let token = seen.answer.json()["token_endpoint"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(token.starts_with("https://localhost:"), "{token}");
    server.stop();
}

#[test]
fn a_renewed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let (old, new) = (authority.server(), authority.server());
    let mut server = start(&home, &old, &["--https-certificates-reload-period=1s"]);
    let https = server.https.clone().unwrap();
    let client = Client::new(&authority.der);
    let shown = || {
        client
            .ask(&https, None, "/realms/master")
            .unwrap()
            .certificate
    };
    assert_eq!(shown(), old.der);
    home.write("server.pem", "-----BEGIN CERTIFICATE-----\nno\n");
    server.wait_for("changed HTTPS key material cannot be used, the old one stays: ");
    assert_eq!(shown(), old.der);
    new.write(&home, "server");
    server.wait_for("new HTTPS key material is in use");
    assert_eq!(shown(), new.der);
    server.stop();
}

#[test]
fn required_client_certificates_are_checked() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let alone = Identity::alone("client");
    let trusted = home.write("trust.pem", &(authority.pem() + &alone.pem()));
    let trust = option("https-trust-store-file", &trusted);
    let options = ["--https-client-auth=required", &trust];
    let server = start(&home, &authority.server(), &options);
    let https = server.https.clone().unwrap();
    let mut client = Client::new(&authority.der);
    let foreign = Authority::new("authority").client();
    let (right, for_servers) = (authority.client(), authority.server());
    for versions in [&rustls::version::TLS12, &rustls::version::TLS13] {
        client.versions = vec![versions];
        let status = |own: Option<&Identity>| {
            let seen = client.ask(&https, own, "/realms/master");
            seen.ok().map(|seen| seen.answer.status)
        };
        assert_eq!(status(Some(&right)), Some(200));
        assert_eq!(status(Some(&alone)), Some(200));
        assert_eq!(status(None), None);
        assert_eq!(status(Some(&foreign)), None);
        assert_eq!(status(Some(&for_servers)), None);
        assert_eq!(status(Some(&Identity::alone("client"))), None);
    }
    server.stop();
}

#[test]
fn requested_client_certificates_may_be_missing_but_not_wrong() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let trust = home.write("trust.pem", &authority.pem());
    let trust = option("https-trust-store-file", &trust);
    let options = ["--https-client-auth=request", &trust];
    let server = start(&home, &authority.server(), &options);
    let https = server.https.clone().unwrap();
    let client = Client::new(&authority.der);
    let status = |own: Option<&Identity>| {
        let seen = client.ask(&https, own, "/realms/master");
        seen.ok().map(|seen| seen.answer.status)
    };
    assert_eq!(status(None), Some(200));
    assert_eq!(status(Some(&authority.client())), Some(200));
    assert_eq!(status(Some(&Authority::new("other").client())), None);
    server.stop();
}

#[test]
fn versions_and_cipher_suites_are_those_that_were_asked_for() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let suite = "--https-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let options = ["--https-protocols=TLSv1.2", suite];
    let server = start(&home, &authority.server(), &options);
    let https = server.https.clone().unwrap();
    let mut client = Client::new(&authority.der);
    let seen = client.ask(&https, None, "/realms/master").unwrap();
    assert_eq!(seen.suite, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    client.versions = vec![&rustls::version::TLS13];
    assert!(client.ask(&https, None, "/realms/master").is_err());
    server.stop();
}

/// A `ClientHello` without versions in extensions (RFC 5246 §7.4.1.2): minor version 3 is TLS 1.2.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no compression.
    hello.extend([0, 0, 2, 0xC0, 0x2B, 1, 0]);
    // P-256, uncompressed points, ECDSA with SHA-256.
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let points = [0, 11, 0, 2, 1, 0];
    let algorithms = [0, 13, 0, 4, 0, 2, 4, 3];
    hello.extend([0, 22]);
    hello.extend(groups.iter().chain(&points).chain(&algorithms));
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[test]
fn what_is_no_tls_of_today_is_refused() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let server = start(&home, &authority.server(), &[]);
    let https = server.https.clone().unwrap();
    let talk = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&https).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        // A server that refuses may close before it has read everything.
        let _ = stream.read_to_end(&mut answer);
        answer
    };
    for minor in [0, 1, 2] {
        // A fatal alert, protocol_version (RFC 8446 §6.2).
        let answer = talk(&old_hello(minor));
        assert!(answer.starts_with(&[0x15, 3]), "{minor}: {answer:?}");
        assert!(answer.ends_with(&[0, 2, 2, 70]), "{minor}: {answer:?}");
    }
    let mut stream = TcpStream::connect(&https).unwrap();
    stream.write_all(&old_hello(3)).unwrap();
    let mut record = [0; 6];
    stream.read_exact(&mut record).unwrap();
    assert_eq!((record[0], record[5]), (0x16, 2), "a ServerHello");
    drop(stream);
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        &[0; 1000],
        &[0xFF; 10_000],
        b"\x16\x03\x01\xFF\xFFxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    for bytes in garbage {
        let answer = talk(bytes);
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    }
    let client = Client::new(&authority.der);
    assert_eq!(
        client
            .ask(&https, None, "/realms/master")
            .unwrap()
            .answer
            .status,
        200
    );
    server.stop();
}

#[test]
fn the_listener_of_operators_follows() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let on = [
        "--health-enabled=true",
        "--metrics-enabled=true",
        "--http-management-port=0",
    ];
    let server = start(&home, &authority.server(), &on);
    let management = server.management.clone().unwrap();
    let client = Client::new(&authority.der);
    for path in ["/health/ready", "/metrics"] {
        let seen = client.ask(&management, None, path).unwrap();
        assert_eq!(seen.answer.status, 200, "{path}: {seen:?}");
    }
    assert!(
        server
            .seen
            .last()
            .unwrap()
            .contains("listening on https://")
    );
    server.stop();

    let plain = [&on[..], &["--http-management-scheme=http"]].concat();
    let server = start(&home, &authority.server(), &plain);
    let management = server.management.clone().unwrap();
    assert_eq!(http::get(&management, "/health").status, 200);
    server.stop();
}

/// Runs openssl, which `cargo xtask test` installs.
fn openssl(home: &Home, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(home.path());
    let output = command.output().expect("openssl is needed to make keys");
    assert!(output.status.success(), "{arguments}: {output:?}");
}

/// A PKCS#12 file.
fn pkcs12(home: &Home, identity: &Identity) {
    identity.write(home, "made");
    openssl(
        home,
        "pkcs12 -export -in made.pem -inkey made.key -out made.p12 -passout pass:hunter2",
    );
}

#[test]
fn a_key_store_is_read_from_where_keycloak_looks_for_it() {
    let (home, authority) = (Home::new(), Authority::new("authority"));
    let identity = authority.server();
    pkcs12(&home, &identity);
    home.write("conf/keycloak.conf", "https-key-store-password=hunter2\n");
    std::fs::rename(
        home.path().join("made.p12"),
        home.path().join("conf/server.keystore"),
    )
    .unwrap();
    let server = Server::start(&home, &["--db=dev-mem", "--https-port=0"]);
    let https = server.https.clone().unwrap();
    let seen = Client::new(&authority.der)
        .ask(&https, None, "/realms/master")
        .unwrap();
    assert_eq!(seen.certificate, identity.der);
    server.stop();
}

#[test]
fn keys_in_older_forms_are_read() {
    let home = Home::new();
    let self_signed =
        "req -x509 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let rsa = format!("{self_signed} -newkey rsa:2048 -keyout rsa.pk8 -out rsa.pem");
    openssl(&home, &rsa);
    openssl(&home, "ecparam -name prime256v1 -genkey -out ec.key");
    openssl(&home, &format!("{self_signed} -key ec.key -out ec.pem"));
    openssl(&home, "rsa -in rsa.pk8 -traditional -out rsa.key");
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert!(
        read("rsa.key").contains("BEGIN RSA PRIVATE KEY"),
        "PKCS#1 (RFC 8017)"
    );
    assert!(
        read("ec.key").contains("BEGIN EC PRIVATE KEY"),
        "SEC1 (RFC 5915)"
    );
    for name in ["rsa", "ec"] {
        let options = [
            option(
                "https-certificate-file",
                &home.path().join(format!("{name}.pem")),
            ),
            option(
                "https-certificate-key-file",
                &home.path().join(format!("{name}.key")),
            ),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let server = Server::start(
            &home,
            &[&options[..], &["--db=dev-mem", "--https-port=0"]].concat(),
        );
        assert!(server.https.is_some());
        server.stop();
    }
}

#[test]
fn key_material_that_cannot_be_read_is_a_clear_failure() {
    let home = Home::new();
    let (certificate, _) = Identity::alone("localhost").write(&home, "server");
    let options = [
        "start-dev".to_owned(),
        option("https-certificate-file", &certificate),
        "--https-certificate-key-file=/nowhere".to_owned(),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let ended = run(&mut command(&home, &options));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = "ERROR: Failed to load 'https-*' material: cannot read /nowhere: ";
    assert!(ended.err.contains(text), "{ended:?}");
    assert!(!home.path().join("data").exists(), "before the database");
}
