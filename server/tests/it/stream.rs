//! The live feed as a stream of the real program: over a socket, and through its stop.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Home, Server};

fn realm() -> Value {
    json!({
        "realm": "shop", "enabled": true,
        "clients": [{
            "clientId": "web", "secret": "secret", "directAccessGrantsEnabled": true,
            "attributes": {"revocation.feed.enabled": "true"},
        }],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@shop.example",
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}],
        }],
    })
}

/// A stream that is read line by line.
struct Listening(BufReader<TcpStream>);

impl Listening {
    fn begin(server: &Server) -> Self {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let timeout = Some(Duration::from_mins(1));
        stream.set_read_timeout(timeout).unwrap();
        // web:secret
        let text = format!(
            "GET /realms/shop/revocations HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\
             Authorization: Basic d2ViOnNlY3JldA==\r\n\r\n",
            server.address
        );
        stream.write_all(text.as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    /// The data of the next event of that name.
    fn next(&mut self, name: &str) -> Value {
        let wanted = format!("event: {name}");
        let mut is_it = false;
        let mut line = String::new();
        while self.0.read_line(&mut line).unwrap() > 0 {
            let text = line.trim_end();
            is_it |= text == wanted;
            if let (true, Some(data)) = (is_it, text.strip_prefix("data: ")) {
                return serde_json::from_str(data).unwrap();
            }
            line.clear();
        }
        panic!("the stream ended without {name}");
    }

    /// Whether nothing more comes.
    fn is_over(&mut self) -> bool {
        let mut rest = String::new();
        while self.0.read_line(&mut rest).unwrap() > 0 {}
        !rest.contains("event:")
    }
}

#[test]
fn a_stream_tells_of_each_end_and_is_ended_itself_when_the_server_stops() {
    let home = Home::new();
    home.write("data/import/shop-realm.json", &realm().to_string());
    let server = Server::start(&home, &["--import-realm"]);
    let mut listening = Listening::begin(&server);
    let head = listening.next("head")["head"].as_i64().unwrap();
    for seq in head + 1..=head + 3 {
        let own = [("client_id", "web"), ("client_secret", "secret")];
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "wonderland"),
        ];
        let path = "/realms/shop/protocol/openid-connect";
        let tokens = server.post(&format!("{path}/token"), &[&form[..], &own].concat());
        let tokens = tokens.json();
        let form = [("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let left = server.post(&format!("{path}/logout"), &[&form[..], &own].concat());
        assert_eq!(left.status, 204, "{left:?}");
        let record = listening.next("revocation");
        assert_eq!(record["sid"], tokens["session_state"]);
        assert_eq!(record["seq"], seq);
    }
    // An operator waits for the running requests; a stream is none that is waited for.
    server.stop();
    assert_eq!(listening.next("end"), json!({"reason": "stopping"}));
    assert!(listening.is_over());
}
