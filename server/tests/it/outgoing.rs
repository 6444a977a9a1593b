//! Whom the server calls on behalf of those who configure realms.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::program::{Home, Server};

/// Somebody on this machine who counts who comes, and has no keys.
fn neighbour() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let visits = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&visits);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, visits)
}

/// A client asks for a token with an assertion, whose keys are at the neighbour's.
fn asked_for_keys(server: &Server) -> u16 {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let discovery = server.get("/realms/shop/.well-known/openid-configuration");
    let address = discovery.json()["issuer"].clone();
    let assertion = [
        part(json!({"alg": "RS256", "kid": "theirs"})),
        part(
            json!({"iss": "till", "sub": "till", "aud": address, "jti": "1", "exp": 4_000_000_000_u32}),
        ),
        BASE64_URL_SAFE_NO_PAD.encode([1; 256]),
    ];
    let form = [
        ("grant_type", "client_credentials"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &assertion.join(".")),
    ];
    server
        .post("/realms/shop/protocol/openid-connect/token", &form)
        .status
}

fn visits_with(options: &[&str]) -> u32 {
    let (url, visits) = neighbour();
    let home = Home::new();
    let realm = json!({"realm": "shop", "enabled": true, "clients": [{
        "clientId": "till", "clientAuthenticatorType": "client-jwt", "serviceAccountsEnabled": true,
        "attributes": {"use.jwks.url": "true", "jwks.url": url, "token.endpoint.auth.signing.max.exp": "999999999"}}]});
    home.write("data/import/shop-realm.json", &realm.to_string());
    let server = Server::start(
        &home,
        &[&["--db=dev-mem", "--import-realm"], options].concat(),
    );
    let status = asked_for_keys(&server);
    assert!(
        (400..=401).contains(&status),
        "nobody's signature is good: {status}"
    );
    visits.load(Ordering::SeqCst)
}

#[test]
fn private_addresses_are_called_unless_the_operator_says_no() {
    assert_eq!(visits_with(&[]), 1);
    assert_eq!(visits_with(&["--outgoing-deny-private=true"]), 0);
    let allowed = [
        "--outgoing-deny-private=true",
        "--outgoing-allow=10.0.0.0/8,127.0.0.1",
    ];
    assert_eq!(visits_with(&allowed), 1);
}
