//! The same question to a Keycloak: how long an API that checks tokens by itself takes one after its logout.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::caller::Caller;
use super::figures::percentile;
use super::realm::claims;
use crate::client::{Client, text};
use crate::now;

const REALM: &str = "bench-denial";
/// Sessions that are ended.
const SESSIONS: usize = 20;
/// Between two looks at a token.
const PAUSE: Duration = Duration::from_millis(20);

/// Measures and prints.
pub fn run(url: &str, lifespan: u64) -> Result<()> {
    let client = Client::new(url.to_owned());
    client.create_realm(&realm(lifespan))?;
    let told = measure(url);
    client.delete_realm(REALM)?;
    println!("{}", told?);
    Ok(())
}

fn measure(url: &str) -> Result<String> {
    let caller = Caller::new();
    let oidc = |path: &str| format!("{url}/realms/{REALM}/protocol/openid-connect/{path}");
    let mut keys = caller.get(&oidc("certs"), &[])?;
    let keys: Value = serde_json::from_str(&keys.body_mut().read_to_string()?)?;
    let (mut offline, mut lifespans, mut still_active) = (Vec::new(), Vec::new(), 0);
    let mut ended = Vec::new();
    for _ in 0..SESSIONS {
        let form = "grant_type=password&client_id=app&client_secret=app-secret&username=alice&password=wonderland";
        let (status, tokens) = caller.form(&oidc("token"), form)?;
        if status != 200 {
            bail!("nobody is signed in: {status} {tokens}");
        }
        let (access, refresh) = (
            text(&tokens, "access_token")?,
            text(&tokens, "refresh_token")?,
        );
        if !is_taken(access, &keys)? {
            bail!("a good token is refused");
        }
        let own = "client_id=app&client_secret=app-secret";
        let (status, _) =
            caller.form(&oidc("logout"), &format!("{own}&refresh_token={refresh}"))?;
        if status != 204 {
            bail!("logout answers {status}");
        }
        ended.push((access.to_owned(), now()));
        let (_, told) = caller.form(&oidc("token/introspect"), &format!("{own}&token={access}"))?;
        still_active += usize::from(told.get("active").and_then(Value::as_bool) != Some(false));
        let claims = claims(access)?;
        let number = |name: &str| claims.get(name).and_then(Value::as_u64).context("no time");
        lifespans.push(number("exp")?.saturating_sub(number("iat")?));
    }
    for (token, answered) in ended {
        while is_taken(&token, &keys)? {
            thread::sleep(PAUSE);
        }
        offline.push(answered.elapsed());
    }
    let shown =
        |percent| percentile(&offline, percent).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    Ok(format!(
        "{url}: access tokens live {} to {} s there; an API that checks them by itself takes one after its logout \
         for p50 {:.0} ms, max {:.0} ms: until it runs out; introspection called {still_active} of {SESSIONS} \
         still active",
        lifespans.iter().min().unwrap_or(&0),
        lifespans.iter().max().unwrap_or(&0),
        shown(50),
        shown(100),
    ))
}

/// A check without asking anybody: the signature by the realm's keys, and the time.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn is_taken(token: &str, keys: &Value) -> Result<bool> {
    let (input, signature) = token.rsplit_once('.').context("no JWT")?;
    let header = input.split('.').next().unwrap_or_default();
    let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header)?)?;
    let keys = keys.get("keys").and_then(Value::as_array);
    let mut keys = keys.into_iter().flatten();
    let key = keys.find(|key| key.get("kid") == header.get("kid"));
    let key = key.context("a token of an unknown key")?;
    let member =
        |name: &str| -> Result<Vec<u8>> { Ok(BASE64_URL_SAFE_NO_PAD.decode(text(key, name)?)?) };
    let key = RsaPublicKeyComponents {
        n: member("n")?,
        e: member("e")?,
    };
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature)?;
    let is_signed = key
        .verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature)
        .is_ok();
    let end = claims(token)?.get("exp").and_then(Value::as_u64);
    let present = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(is_signed && end.is_some_and(|end| present < end))
}

fn realm(lifespan: u64) -> Value {
    json!({
        "realm": REALM,
        "enabled": true,
        "accessTokenLifespan": lifespan,
        "clients": [{"clientId": "app", "secret": "app-secret", "directAccessGrantsEnabled": true}],
        "users": [{
            "username": "alice", "enabled": true, "email": "alice@example.com", "emailVerified": true,
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": "wonderland"}]
        }]
    })
}
