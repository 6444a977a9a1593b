//! The keys by which a client signs: what is known of them, and new ones.

mod sent;

use axum::http::{Method, StatusCode, header};
use claviger_crypto::KeyUse;
use claviger_crypto::certificate::Certificate;
use claviger_crypto::encoding::base64;
use claviger_crypto::jwk::Jwk;
use claviger_crypto::private_key::PrivateKey;
use claviger_engine::App;
use claviger_engine::client::Client;
use claviger_engine::import::MASK;
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use serde_json::{Value, json};

use self::sent::Sent;
use super::body::{attribute, set_attribute};
use super::{CLIENT, MANAGE, SEE, client, document, manageable};
use crate::admin::multipart;
use crate::admin::owner::not_enabled;
use crate::call::{AdminCall, Resource, json as answer, read_out};
use crate::problem::{Problem, done};
use crate::route::{Route, route};

/// Bits of a new RSA key.
const KEY_BITS: usize = 4_096;

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const KEY: &str = "/admin/realms/{realm}/clients/{client}/certificates/{attribute}";
    const GENERATE: &str =
        "/admin/realms/{realm}/clients/{client}/certificates/{attribute}/generate";
    const UPLOADS: [&str; 2] = [
        "/admin/realms/{realm}/clients/{client}/certificates/{attribute}/upload",
        "/admin/realms/{realm}/clients/{client}/certificates/{attribute}/upload-certificate",
    ];
    const STORES: [&str; 2] = [
        "/admin/realms/{realm}/clients/{client}/certificates/{attribute}/download",
        "/admin/realms/{realm}/clients/{client}/certificates/{attribute}/generate-and-download",
    ];
    let mut routes = vec![
        route(M::GET, KEY, SEE, read),
        route(M::POST, GENERATE, MANAGE, generate),
    ];
    routes.extend(UPLOADS.map(|path| route(M::POST, path, MANAGE, upload)));
    // Java's key stores are not read or written here.
    routes
        .extend(STORES.map(|path| route(M::POST, path, MANAGE, |_| async { Err(not_enabled()) })));
    routes
}

/// A new key with a certificate that it has signed itself.
#[derive(Clone)]
pub struct KeyPair {
    /// Base64 of the PKCS#1 DER.
    pub private_key: String,
    /// Base64 of the certificate's DER.
    pub certificate: String,
}

/// Makes a key pair for a client. It takes about a second and is made off the runtime's threads.
pub async fn key_pair(app: &App, client_id: &str) -> Result<KeyPair, Problem> {
    let (name, now) = (client_id.to_owned(), app.now());
    let made = tokio::task::spawn_blocking(move || {
        let key = PrivateKey::generate_rsa(KEY_BITS)?;
        let certificate = Certificate::self_signed(&key, &name, now)?.to_base64();
        key.to_pkcs1().map(|der| KeyPair {
            private_key: base64(&der),
            certificate,
        })
    });
    let text = match made.await {
        Ok(Ok(pair)) => return Ok(pair),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!("no key pair: {text}");
    let text = "For more on this error consult the server log.";
    Err(Problem::described(
        StatusCode::INTERNAL_SERVER_ERROR,
        "unknown_error",
        text,
    ))
}

/// `CertificateRepresentation` of the keys that a client's attributes hold.
fn known(body: &Json, prefix: &str) -> Result<Json, Problem> {
    if attribute(body, "use.jwks.string").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        let jwks = attribute(body, "jwks.string").unwrap_or_default();
        return of_key_set(jwks)
            .ok_or_else(|| Problem::bad_request("The client's key set has no key for signatures"));
    }
    let mut shown = Json::new();
    for (member, name) in [
        ("privateKey", "private.key"),
        ("publicKey", "public.key"),
        ("certificate", "certificate"),
        ("kid", "kid"),
    ] {
        if let Some(value) = attribute(body, &format!("{prefix}.{name}")) {
            shown.insert(member.to_owned(), json!(value));
        }
    }
    Ok(shown)
}

/// The first key for signatures in a set (RFC 7517 §5).
fn of_key_set(jwks: &str) -> Option<Json> {
    let set: Json = serde_json::from_str(jwks).ok()?;
    let keys = set
        .get("keys")?
        .as_array()?
        .iter()
        .filter_map(Value::as_object);
    let mut known = keys.filter_map(|key| Jwk::from_json(key).ok());
    let key = known.find(|key| key.key_use == Some(KeyUse::Sig))?;
    let spki = base64(&key.key.spki());
    let mut shown = Json::from_iter([("publicKey".to_owned(), json!(spki))]);
    if let Some(kid) = key.kid {
        shown.insert("kid".to_owned(), json!(kid));
    }
    shown.insert("jwks".to_owned(), json!(jwks));
    Some(shown)
}

async fn read(call: AdminCall) -> Result<Answer, Problem> {
    let client = client(&call).await?;
    Ok(read_out(&known(&client.body, call.param("attribute"))?))
}

/// Puts a new key pair into the client's attributes, in place of whatever was there.
async fn generate(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let pair = key_pair(&call.app, &client.client_id).await?;
    let new = NewKeys {
        private_key: Some(&pair.private_key),
        certificate: Some(&pair.certificate),
        ..NewKeys::default()
    };
    let told = json!({"privateKey": MASK, "certificate": pair.certificate});
    keep(&call, &client, &new, &told).await?;
    let made = json!({"privateKey": pair.private_key, "certificate": pair.certificate});
    Ok(answer(&made).no_cache())
}

/// Puts a key that somebody else has made into the client's attributes, likewise.
async fn upload(call: AdminCall) -> Result<Answer, Problem> {
    let client = manageable(&call).await?;
    let sent = sent(&call)?;
    let shown = sent.shown();
    let is_oidc = protocol(&client.body).is_none_or(|name| name == "openid-connect");
    keep(&call, &client, &sent.new_keys(is_oidc), &shown).await?;
    Ok(answer(&shown))
}

/// The key that a form with a file in it brings.
pub(in crate::admin) fn sent(call: &AdminCall) -> Result<Sent, Problem> {
    let kind = call.headers.get(header::CONTENT_TYPE);
    let boundary = kind
        .and_then(|kind| kind.to_str().ok())
        .and_then(multipart::boundary);
    let boundary = boundary.unwrap_or_default();
    let part = |name: &str| multipart::part(call.body(), &boundary, name);
    Sent::read(part("keystoreFormat"), part("file"))
}

fn protocol(body: &Json) -> Option<&str> {
    body.get("protocol").and_then(Value::as_str)
}

/// What a client's attributes are to hold; what is missing is removed.
#[derive(Clone, Copy, Default)]
pub(super) struct NewKeys<'a> {
    private_key: Option<&'a str>,
    public_key: Option<&'a str>,
    certificate: Option<&'a str>,
    kid: Option<&'a str>,
    jwks: Option<&'a str>,
}

/// Keeps a client's new keys; `told` is what the admin event says of them.
async fn keep(
    call: &AdminCall,
    client: &Client,
    new: &NewKeys<'_>,
    told: &Value,
) -> Result<(), Problem> {
    let prefix = call.param("attribute");
    let mut body = client.body.clone();
    for (name, value) in [
        ("private.key", new.private_key),
        ("public.key", new.public_key),
        ("certificate", new.certificate),
        ("kid", new.kid),
    ] {
        set_attribute(&mut body, &format!("{prefix}.{name}"), value);
    }
    set_attribute(&mut body, "use.jwks.string", new.jwks.map(|_| "true"));
    set_attribute(&mut body, "jwks.string", new.jwks);
    let mut tx = Tx::new();
    tx.update_document(&call.realm.id, &document(client, body));
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: CLIENT,
        path: Some(&path),
    };
    call.record(&mut tx, resource, Some(told));
    done(call.app.commit(tx).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = r#"{"keys":[{"kty":"oct","use":"sig","k":"AA"},{"kty":"EC","crv":"P-256",
        "use":"sig","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvR\
        VEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==";

    #[test]
    fn keys_are_told_from_attributes_or_from_a_set() {
        for (attributes, expected) in [
            (json!({}), json!({})),
            (
                json!({"x.certificate": "c", "x.private.key": "p", "y.certificate": "d"}),
                json!({"certificate": "c", "privateKey": "p"}),
            ),
            (
                json!({"use.jwks.string": "true", "jwks.string": SET, "x.certificate": "c"}),
                json!({"publicKey": KEY, "kid": "k1", "jwks": SET}),
            ),
        ] {
            let body = json!({"attributes": attributes});
            let shown = known(body.as_object().unwrap(), "x").unwrap();
            assert_eq!(Value::Object(shown), expected);
        }
        for set in ["", "nonsense", r#"{"keys":[]}"#] {
            assert!(of_key_set(set).is_none(), "{set}");
        }
    }
}
