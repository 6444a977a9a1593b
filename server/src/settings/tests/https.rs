//! HTTPS.

use rustls::{CipherSuite, SupportedCipherSuite};

use super::*;
use crate::settings::https::{ClientAuth, Keys, Protocol, StoreFile, Tls};

const PEM: [(&str, &str); 2] = [
    ("https-certificate-file", "/tls/c.pem"),
    ("https-certificate-key-file", "/tls/k.pem"),
];

/// Options with a certificate and a key.
fn with(options: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    PEM.iter().chain(options).copied().collect()
}

fn store(path: &str, password: &str) -> StoreFile {
    StoreFile {
        path: path.into(),
        password: Secret::new(password),
    }
}

fn public(options: &[(&str, &str)]) -> Tls {
    let http = settings(Mode::Development, options).http;
    http.https.unwrap().1
}

fn management(options: &[(&str, &str)]) -> Option<Tls> {
    let mut options = options.to_vec();
    options.push(("health-enabled", "true"));
    let settings = settings(Mode::Development, &options);
    settings.management.unwrap().tls
}

#[test]
fn key_material_opens_the_listener() {
    let http = settings(Mode::Development, &PEM).http;
    assert_eq!(http.port, Some(8080));
    let usual = Tls {
        keys: Keys::Pem {
            certificates: "/tls/c.pem".into(),
            key: "/tls/k.pem".into(),
        },
        protocols: vec![Protocol::Tls13, Protocol::Tls12],
        cipher_suites: None,
        client_auth: ClientAuth::None,
        trust: None,
        reload: Some(Duration::from_hours(1)),
    };
    assert_eq!(http.https, Some((8443, usual)));

    let options = [
        ("hostname", "id.example"),
        ("db", "dev-mem"),
        ("https-port", "0"),
    ];
    let options = with(&options);
    let (settings, notices) = check(Mode::Production, &options).unwrap();
    assert_eq!(settings.http.port, None);
    assert_eq!(settings.http.https.unwrap().0, 0);
    assert_eq!(notices, Vec::<String>::new());
    let (offline, _) = check(Mode::Offline, &options).unwrap();
    assert_eq!(offline.http.https, None);
}

#[test]
fn all_options_are_read() {
    let tls = public(&[
        ("https-key-store-file", "/tls/s.p12"),
        ("https-key-store-type", "pkcs12"),
        ("https-protocols", "TLSv1.2"),
        (
            "https-cipher-suites",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ),
        ("https-client-auth", "request"),
        ("https-trust-store-file", "/tls/ca.pem"),
        ("https-trust-store-type", "PEM"),
        ("https-certificates-reload-period", "7d"),
    ]);
    assert_eq!(tls.keys, Keys::Store(store("/tls/s.p12", "password")));
    assert_eq!(tls.protocols, [Protocol::Tls12]);
    let suites = tls.cipher_suites.unwrap();
    let suites: Vec<CipherSuite> = suites.iter().map(SupportedCipherSuite::suite).collect();
    let asked = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    assert_eq!(suites, [asked]);
    assert_eq!(tls.client_auth, ClientAuth::Request);
    assert_eq!(tls.trust, Some(store("/tls/ca.pem", "")));
    assert_eq!(tls.reload, Some(Duration::from_hours(24 * 7)));
    let never = with(&[("https-certificates-reload-period", "-1")]);
    assert_eq!(public(&never).reload, None);
}

#[test]
fn the_management_listener_inherits() {
    assert_eq!(management(&PEM), Some(public(&PEM)));
    let plain = with(&[("http-management-scheme", "http")]);
    assert_eq!(management(&plain), None);
    let own = with(&[
        ("https-client-auth", "required"),
        ("https-trust-store-file", "/tls/ca.pem"),
        ("https-management-client-auth", "none"),
        ("https-management-key-store-file", "/tls/m.p12"),
        ("https-management-key-store-password", "m"),
    ]);
    let own = management(&own).unwrap();
    // The certificate of the listener for everybody does not come before this one's own.
    assert_eq!(own.keys, Keys::Store(store("/tls/m.p12", "m")));
    assert_eq!(own.client_auth, ClientAuth::None);
    assert_eq!(own.trust, Some(store("/tls/ca.pem", "")));
    let alone = [
        ("https-management-certificate-file", "/tls/c.pem"),
        ("https-management-certificate-key-file", "/tls/k.pem"),
    ];
    assert!(management(&alone).is_some());
    assert_eq!(settings(Mode::Development, &alone).http.https, None);
}

#[test]
fn what_cannot_be_spoken_is_refused() {
    let cases: &[(Options<'_>, &str)] = &[
        (
            &[("https-cipher-suites", "TLS_RSA_WITH_AES_128_CBC_SHA")],
            "TLS_AES_256_GCM_SHA384",
        ),
        (
            &[("https-cipher-suites", "TLS13_AES_128_GCM_SHA256")],
            "Expected values are",
        ),
        (
            &[
                ("https-cipher-suites", "TLS_AES_128_GCM_SHA256"),
                ("https-protocols", "TLSv1.2"),
            ],
            "has no cipher suite for the versions of https-protocols",
        ),
        (
            &[("https-protocols", "TLSv1.1")],
            "Expected values are: TLSv1.3, TLSv1.2",
        ),
        (
            &[("https-client-auth", "maybe")],
            "Expected values are: none, request, required",
        ),
        (
            &[
                ("https-trust-store-file", "/x"),
                ("https-trust-store-type", "BCFKS"),
            ],
            "Expected values are: PKCS12, JKS, PEM",
        ),
        (
            &[("https-certificates-reload-period", "10ms")],
            "at least one second",
        ),
        (
            &[("https-certificates-reload-period", "-2")],
            "-1 turns reloading off",
        ),
        (&[("https-port", "x")], "Expected a port"),
    ];
    for (options, why) in cases {
        let options: Vec<(&str, &str)> = PEM.iter().chain(*options).copied().collect();
        let text = refusal(Mode::Development, &options);
        assert!(text.contains(why), "{options:?}: {text}");
    }
}

#[test]
fn half_of_a_pair_is_told() {
    let key = [("https-certificate-key-file", "/tls/k.pem")];
    let (settings, notices) = check(Mode::Development, &key).unwrap();
    assert_eq!(settings.http.https, None);
    assert_eq!(
        notices,
        ["option https-certificate-key-file has no effect without https-certificate-file"]
    );
    let everybody = with(&[("https-client-auth", "required")]);
    let (_, notices) = check(Mode::Development, &everybody).unwrap();
    let text = "without https-trust-store-file";
    assert!(notices[0].contains(text), "{notices:?}");
}
