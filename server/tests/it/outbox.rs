//! The outbox of the real program: who wants to know hears of a logout at once, and however the
//! process ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Home, Server};

/// How long a machine that tests may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// An application that hears of logouts. Its first answers are given; then it answers `200`.
pub struct Application {
    pub url: String,
    heard: Receiver<String>,
}

impl Application {
    pub fn new(first: Vec<Option<&'static str>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/out", listener.local_addr().unwrap());
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            let mut first = first.into_iter();
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = request(&mut stream);
                let answer = first.next().unwrap_or(Some("200 OK"));
                if let Some(status) = answer {
                    let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    let _ = stream.write_all(text.as_bytes());
                } else {
                    silent.push(stream);
                }
                if tell.send(request).is_err() {
                    return;
                }
            }
        });
        Self { url, heard }
    }

    pub fn hears(&self) -> String {
        self.heard.recv_timeout(PATIENCE).unwrap()
    }
}

fn request(stream: &mut TcpStream) -> String {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
        let length = text.to_ascii_lowercase();
        let length = length.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if read == 0 || body.is_some_and(|body| body >= length.unwrap_or(0)) {
            return text;
        }
    }
}

fn start(home: &Home, application: &Application) -> Server {
    let realm = json!({
        "realm": "shop", "enabled": true,
        "clients": [{
            "clientId": "web", "secret": "web-secret", "directAccessGrantsEnabled": true,
            "attributes": {
                "backchannel.logout.url": application.url,
                "backchannel.logout.session.required": "true",
            },
        }],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    });
    home.write("data/import/shop-realm.json", &realm.to_string());
    // The issuer stays the same though every start has another port.
    let options = ["--import-realm", "--hostname=http://id.example"];
    Server::start(home, &options)
}

fn sign_in(server: &Server) -> Value {
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("username", "alice"),
        ("password", "wonderland"),
        ("scope", "openid"),
    ];
    let answer = server.post("/realms/shop/protocol/openid-connect/token", &form);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn log_out(server: &Server, tokens: &Value) {
    let form = [
        ("client_id", "web"),
        ("client_secret", "web-secret"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let answer = server.post("/realms/shop/protocol/openid-connect/logout", &form);
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// The session that a request speaks of.
fn session(request: &str) -> String {
    use base64::Engine as _;
    assert!(request.starts_with("POST /out HTTP/1.1\r\n"), "{request}");
    let (_, token) = request.split_once("logout_token=").unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["iss"], "http://id.example/realms/shop");
    claims["sid"].as_str().unwrap().to_owned()
}

#[test]
fn who_wants_to_know_hears_of_a_logout_at_once() {
    let (home, application) = (Home::new(), Application::new(Vec::new()));
    let mut server = start(&home, &application);
    for _ in 0..3 {
        let tokens = sign_in(&server);
        log_out(&server, &tokens);
        let heard = session(&application.hears());
        assert_eq!(heard, tokens["session_state"].as_str().unwrap());
    }
    // The ledger says so, without the token.
    let line = server.wait_for("[claviger.outbox]");
    assert!(
        line.contains("client=\"web\"") && line.contains("told after"),
        "{line}"
    );
    assert!(!line.contains("eyJ"), "{line}");
    server.stop();
}

/// Killed while it was telling: nobody knows whether that was heard, so it is told again.
#[test]
fn a_logout_is_told_though_the_process_is_killed() {
    let (home, application) = (Home::new(), Application::new(vec![None]));
    let server = start(&home, &application);
    let tokens = sign_in(&server);
    log_out(&server, &tokens);
    let first = session(&application.hears());
    server.signal("KILL");
    assert!(!server.ended().success());
    let server = start(&home, &application);
    assert_eq!(session(&application.hears()), first);
    server.stop();
}
