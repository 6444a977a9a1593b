//! The real program pushes to a real receiver.

use serde_json::{Value, json};

use crate::http;
use crate::outbox::Application;
use crate::program::{Home, Server};

fn claims(request: &str) -> Value {
    use base64::Engine as _;
    let (head, token) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /out http/1.1"), "{head}");
    assert!(
        head.contains("content-type: application/secevent+jwt"),
        "{head}"
    );
    assert!(head.contains("accept: application/json"), "{head}");
    assert!(head.contains("authorization: bearer hub-knows"), "{head}");
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn token(server: &Server, form: &[(&str, &str)]) -> Value {
    let answer = server.post("/realms/shop/protocol/openid-connect/token", form);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn a_logout_is_pushed_at_once() {
    let home = Home::new();
    let application = Application::new(vec![Some("202 Accepted")]);
    let mut realm = super::realm("shop");
    realm["clients"][0]["attributes"]["ssf.validPushUrls"] = json!(application.url);
    home.write("data/import/shop-realm.json", &realm.to_string());
    let server = Server::start(&home, &["--import-realm"]);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "hub"),
        ("client_secret", "s"),
        ("scope", "ssf.manage"),
    ];
    let manager = token(&server, &form);
    let body = json!({
        "delivery": {
            "method": "urn:ietf:rfc:8935", "endpoint_url": application.url,
            "authorization_header": "Bearer hub-knows",
        },
        "events_requested": [format!("{}session-revoked", super::CAEP)],
    });
    let more = format!(
        "Content-Type: application/json\r\nAuthorization: Bearer {}\r\n",
        manager["access_token"].as_str().unwrap()
    );
    let (address, path) = (&server.address, super::STREAMS);
    let made = http::request(address, "POST", path, &more, &body.to_string());
    assert_eq!(made.status, 201, "{made:?}");
    let form = [
        ("grant_type", "password"),
        ("client_id", "web"),
        ("client_secret", "s"),
        ("username", "alice"),
        ("password", "wonderland"),
    ];
    let tokens = token(&server, &form);
    let form = [
        ("client_id", "web"),
        ("client_secret", "s"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let out = server.post("/realms/shop/protocol/openid-connect/logout", &form);
    assert_eq!(out.status, 204);
    let heard = claims(&application.hears());
    assert_eq!(heard["sub_id"]["session"]["id"], tokens["session_state"]);
    assert_eq!(heard["aud"], made.json()["aud"][0]);
    server.stop();
}
