//! The realm's keys, and what they say of a token: everything that can be told without knowing what is revoked.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Refusal;

/// All that a realm may sign with. `HS…` is not among them: a public key is no shared secret.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Between two times that the keys are fetched because somebody names one that is not known.
const AGAIN: Duration = Duration::from_secs(10);
/// The same while there are none at all.
const FIRST: Duration = Duration::from_secs(1);
/// How often they are fetched in any case: what the realm has given up is to be given up here.
pub const ANYWAY: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a document, of a list of keys, of a status list's token.
pub const DOCUMENT: usize = 4 << 20;
/// Bytes of a token.
const TOKEN: usize = 64 << 10;

struct Key {
    decoding: DecodingKey,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<Algorithm>,
}

type Known = HashMap<String, Arc<Key>>;

/// Why something cannot be verified.
pub enum Unverified {
    /// It is not good.
    Bad,
    /// No key could be fetched yet.
    NoKeys,
}

impl From<Unverified> for Refusal {
    fn from(unverified: Unverified) -> Self {
        match unverified {
            Unverified::Bad => Self::Invalid,
            Unverified::NoKeys => Self::Unknown,
        }
    }
}

pub struct Keys {
    issuer: String,
    audience: Option<String>,
    http: reqwest::Client,
    known: RwLock<Option<Arc<Known>>>,
    /// When they were fetched last, or not.
    tried: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Keys {
    pub fn new(issuer: String, audience: Option<String>, http: reqwest::Client) -> Self {
        Self {
            issuer,
            audience,
            http,
            known: RwLock::new(None),
            tried: Mutex::new(None),
        }
    }

    fn known(&self) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    pub fn are_known(&self) -> bool {
        self.known().is_some()
    }

    /// Fetches them, unless they were fetched just now.
    pub async fn refresh(&self) {
        let had = self.known();
        let mut tried = self.tried.lock().await;
        let pause = if had.is_some() { AGAIN } else { FIRST };
        if tried.is_none_or(|tried| tried.elapsed() >= pause) {
            *tried = Some(Instant::now());
            self.replace().await;
        }
    }

    /// Fetches them again and again, for ever.
    pub async fn keep_fresh(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let mut tried = self.tried.lock().await;
            *tried = Some(Instant::now());
            self.replace().await;
        }
    }

    async fn replace(&self) {
        match self.fetch().await {
            Ok(keys) => {
                let keys = Some(Arc::new(keys));
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys;
            }
            Err(problem) => tracing::warn!(issuer = self.issuer, "no keys: {problem}"),
        }
    }

    async fn fetch(&self) -> Result<Known, String> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer);
        let discovery: Discovery = self.document(&address).await?;
        if discovery.issuer != self.issuer {
            return Err(format!("the issuer calls itself {}", discovery.issuer));
        }
        let set: KeySet = self.document(&discovery.jwks_uri).await?;
        // A key of a kind that is not known here is no reason to do without the others.
        let keys = set.keys.into_iter().filter_map(usable).collect();
        Ok(keys)
    }

    async fn document<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<T, String> {
        let (_, body) = self.get(self.http.get(address)).await?;
        serde_json::from_slice(&body).map_err(|problem| format!("{address}: {problem}"))
    }

    /// Asks for something of bounded size. 304 is a success without a body.
    pub async fn get(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(http::HeaderMap, Vec<u8>), String> {
        let answer = request.timeout(PATIENCE).send().await;
        let mut answer = answer.map_err(|problem| problem.to_string())?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if !status.is_success() && status != http::StatusCode::NOT_MODIFIED {
            return Err(format!("{}: {status}", answer.url()));
        }
        let mut body = Vec::new();
        while let Some(part) = answer
            .chunk()
            .await
            .map_err(|problem| problem.to_string())?
        {
            body.extend_from_slice(&part);
            if body.len() > DOCUMENT {
                return Err(format!("{} is too long", answer.url()));
            }
        }
        Ok((headers, body))
    }

    /// The key that a header names; the realm is asked again when it is not known.
    async fn key(&self, header: &Header) -> Result<Arc<Key>, Unverified> {
        let id = header.kid.as_deref().ok_or(Unverified::Bad)?;
        let find = || self.known().and_then(|known| known.get(id).cloned());
        if let Some(key) = find() {
            return Ok(key);
        }
        self.refresh().await;
        match find() {
            Some(key) => Ok(key),
            None if self.are_known() => Err(Unverified::Bad),
            None => Err(Unverified::NoKeys),
        }
    }

    /// The claims of a token that is signed by the realm, has begun and not ended.
    pub async fn signed(
        &self,
        token: &str,
        rules: impl FnOnce(&mut Validation),
    ) -> Result<(Header, Map<String, Value>), Unverified> {
        if token.len() > DOCUMENT {
            return Err(Unverified::Bad);
        }
        let header = decode_header(token).map_err(|_| Unverified::Bad)?;
        if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
            return Err(Unverified::Bad);
        }
        let key = self.key(&header).await?;
        if key.algorithm.is_some_and(|only| only != header.alg) {
            return Err(Unverified::Bad);
        }
        let mut validation = Validation::new(header.alg);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        rules(&mut validation);
        let data = decode(token, &key.decoding, &validation).map_err(|_| Unverified::Bad)?;
        Ok((header, data.claims))
    }

    /// The claims of an access token for this API.
    pub async fn access_token(&self, token: &str) -> Result<Map<String, Value>, Unverified> {
        if token.len() > TOKEN {
            return Err(Unverified::Bad);
        }
        let rules = |validation: &mut Validation| {
            validation.set_issuer(&[&self.issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
            if let Some(audience) = &self.audience {
                validation.validate_aud = true;
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".to_owned());
            }
        };
        let (_, claims) = self.signed(token, rules).await?;
        // ID, refresh and logout tokens are signed by the same keys. A token that is bound to a key is worth nothing
        // without the proof of having it (RFC 9449 §7.1, RFC 8705 §3), which is not checked here.
        let is_bearer = claims.get("typ").and_then(Value::as_str) == Some("Bearer");
        if !is_bearer || claims.contains_key("cnf") {
            return Err(Unverified::Bad);
        }
        Ok(claims)
    }
}

/// A key for signatures, with its id.
fn usable(value: Value) -> Option<(String, Arc<Key>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let common = &jwk.common;
    let signs = match &common.public_key_use {
        None | Some(PublicKeyUse::Signature) => true,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
    };
    let algorithm = match common.key_algorithm {
        None => None,
        Some(named) => Some(Algorithm::try_from(named).ok()?),
    };
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    let key = Key {
        decoding,
        algorithm,
    };
    let id = common.key_id.clone()?;
    signs.then(|| (id, Arc::new(key)))
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_key_that_the_realm_has_given_up_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let shown = Arc::new(RwLock::new("first"));
        let showing = Arc::clone(&shown);
        let keys = move || {
            let kid = *showing.read().unwrap();
            let key = json!({"kty": "RSA", "kid": kid, "alg": "RS256", "n": "AQAB", "e": "AQAB"});
            async move { Json(json!({"keys": [key, {"kty": "of later times"}]})) }
        };
        let app = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(|| async { Json(discovery) }),
            )
            .route("/keys", get(keys));
        let server = tokio::spawn(async { axum::serve(listener, app).await });

        let keys = Arc::new(Keys::new(issuer, None, reqwest::Client::new()));
        let has = |kid: &str| keys.known().is_some_and(|known| known.contains_key(kid));
        keys.refresh().await;
        assert!(has("first"));
        *shown.write().unwrap() = "second";
        let fresh = Arc::clone(&keys);
        let task = tokio::spawn(async move { fresh.keep_fresh(Duration::from_millis(1)).await });
        let changed = async {
            while !has("second") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), changed).await;
        assert!(waited.is_ok() && !has("first"));
        task.abort();
        server.abort();
    }
}
