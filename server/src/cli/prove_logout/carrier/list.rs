//! A place in a status list, as an API reads it: Token Status List, §5 to §8.

use std::io::Read as _;

use anyhow::{Context as _, bail, ensure};
use claviger_crypto::algorithm::Algorithm;
use claviger_crypto::encoding::decode_base64url;
use claviger_crypto::jwk::JwkSet;
use claviger_engine::clock::Clock;
use claviger_wire::document::Json;
use flate2::read::ZlibDecoder;
use serde_json::Value;

use crate::cli::prove_logout::site::Session;

const TYP: &str = "statuslist+jwt";
/// The longest list that is unpacked, in bytes: eight million places.
const UNPACKED_MAX: u64 = 1024 * 1024;

/// What the claim `status` of a token says.
pub struct Place {
    uri: String,
    index: usize,
    /// The list's number below the issuer's address.
    pub number: u32,
}

impl Place {
    /// Reads the claim. A list that is not its issuer's own is never fetched.
    pub fn of(session: &Session) -> anyhow::Result<Self> {
        let claim = session.claims.get("status");
        let claim = claim.and_then(|status| status.get("status_list"));
        let claim = claim.context("the token names no status list")?;
        let uri = claim.get("uri").and_then(Value::as_str);
        let index = claim.get("idx").and_then(Value::as_u64);
        let (uri, index) = uri.zip(index).context("the claim status has no place")?;
        let own = format!("{}/status-lists/", session.claim("iss"));
        let number = uri.strip_prefix(&own).and_then(|rest| rest.parse().ok());
        Ok(Self {
            uri: uri.to_owned(),
            index: usize::try_from(index)?,
            number: number.with_context(|| format!("{uri} is not a list of the issuer's"))?,
        })
    }

    /// Whether a list, signed by one of the keys, has the place set.
    pub fn is_set(&self, list: &[u8], keys: &JwkSet) -> anyhow::Result<bool> {
        let text = std::str::from_utf8(list).context("the status list is no text")?;
        let claims = verified(text.trim(), TYP, keys)?;
        let has = |name: &str| claims.get(name);
        ensure!(
            has("sub").and_then(Value::as_str) == Some(&self.uri),
            "the status list is another one"
        );
        let now = Clock::system().now().seconds().0;
        let is_over = |end: i64| end <= now;
        if has("exp").and_then(Value::as_i64).is_some_and(is_over) {
            bail!("the status list is too old");
        }
        let list = has("status_list").context("there is no status list")?;
        ensure!(
            list.get("bits").and_then(Value::as_u64) == Some(1),
            "the status list has more than one bit a place"
        );
        let packed = list.get("lst").and_then(Value::as_str);
        let packed = decode_base64url(packed.context("the status list is empty")?)?;
        let mut bits = Vec::new();
        let unpacked = ZlibDecoder::new(packed.as_slice()).take(UNPACKED_MAX);
        { unpacked }
            .read_to_end(&mut bits)
            .context("the status list cannot be unpacked")?;
        let byte = bits.get(self.index / 8);
        let byte = byte.context("the status list has no such place")?;
        Ok(byte >> (self.index % 8) & 1 == 1)
    }
}

/// The claims of a token of a type that one of the keys has signed. It may be longer than what is taken
/// from those who ask for something: a list is.
pub fn verified(text: &str, typ: &str, keys: &JwkSet) -> anyhow::Result<Json> {
    let (input, signature) = text.rsplit_once('.').context("it is no JWT")?;
    let (header, payload) = input.split_once('.').context("it is no JWT")?;
    let header: Json = serde_json::from_slice(&decode_base64url(header)?)?;
    let named = |name: &str| header.get(name).and_then(Value::as_str);
    ensure!(named("typ") == Some(typ), "it is no {typ}");
    let algorithm = named("alg").and_then(Algorithm::from_name);
    let algorithm = algorithm.context("an unknown algorithm")?;
    let key = keys.verifying(named("kid"), algorithm);
    let is_signed = key.is_some_and(|key| {
        let signature = decode_base64url(signature);
        signature.is_ok_and(|signature| key.verifies(input.as_bytes(), &signature))
    });
    ensure!(is_signed, "none of the realm's keys has signed it");
    Ok(serde_json::from_slice(&decode_base64url(payload)?)?)
}
