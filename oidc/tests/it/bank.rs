//! The bank: a realm with one client for each way to prove oneself.

use serde_json::{Value, json};

/// Where the client `url` publishes its keys.
pub const KEYS_URL: &str = "https://url.example/jwks";
/// What the client `hmac` shares with the server.
pub const SECRET: &str = "a-shared-secret-of-at-least-32-bytes";

/// The bank's realm file; two of its clients sign with the same keys.
pub fn realm(jwks: &str) -> Value {
    let client = |id: &str, kind: &str, rest: Value| {
        let mut client = json!({"clientId": id, "clientAuthenticatorType": kind,
            "serviceAccountsEnabled": true, "webOrigins": ["http://app.example"]});
        for (name, value) in rest.as_object().unwrap() {
            client[name] = value.clone();
        }
        client
    };
    let set = json!({"use.jwks.string": "true", "jwks.string": jwks});
    json!({"realm": "bank", "enabled": true, "eventsEnabled": true, "clients": [
        client("web", "client-secret", json!({"secret": "web-secret"})),
        client("odd", "client-secret", json!({"secret": "100% +x"})),
        client("off", "client-secret", json!({"secret": "s", "enabled": false})),
        client("saml", "client-secret", json!({"secret": "s", "protocol": "saml"})),
        client("mtls", "client-x509", json!({})),
        client("signer", "client-jwt", json!({"secret": "x", "attributes": set})),
        client("other", "client-jwt", json!({"attributes": set})),
        client("nokeys", "client-jwt", json!({})),
        client("url", "client-jwt",
            json!({"attributes": {"use.jwks.url": "true", "jwks.url": KEYS_URL}})),
        client("hmac", "client-secret-jwt", json!({"secret": SECRET})),
    ]})
}
