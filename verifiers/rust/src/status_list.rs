//! Token Status Lists (draft-ietf-oauth-status-list): the place that a token names, in a list that is fetched now and then.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::read::ZlibDecoder;
use http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::keys::Keys;
use crate::{Refusal, WhenBlind};

/// Bytes of a list at most, unpacked.
const LONGEST: u64 = 16 << 20;
/// Lists that are kept at most.
const MOST: usize = 64;
/// How long a list may be kept whose token does not say so, and however long it says.
const TTL: Duration = Duration::from_mins(1);
const LONGEST_TTL: Duration = Duration::from_hours(1);
/// How soon a list is asked for again that could not be had.
const AGAIN: Duration = Duration::from_millis(500);
/// How often it is looked which lists will soon be too old.
const LOOK: Duration = Duration::from_millis(200);
/// A list that no token has named for so long is not kept fresh any more.
const UNUSED: Duration = Duration::from_mins(1);
const KIND: &str = "application/statuslist+jwt";

/// What `status.status_list` of a token says.
#[derive(Deserialize)]
struct Place {
    idx: u64,
    uri: String,
}

/// A list as it was fetched.
struct Copy {
    bits: u8,
    bytes: Vec<u8>,
    etag: Option<String>,
    /// `exp`, in seconds.
    end: Option<i64>,
    ttl: Duration,
    /// When the server has said last that it is so.
    confirmed: Instant,
}

#[derive(Default)]
struct Kept {
    copy: Option<Arc<Copy>>,
    tried: Option<Instant>,
    used: Option<Instant>,
}

/// A list that tokens name.
struct List {
    uri: String,
    kept: Mutex<Kept>,
    /// One asks, the others wait.
    asking: tokio::sync::Mutex<()>,
}

pub struct Lists {
    prefix: String,
    http: reqwest::Client,
    max_stale: Duration,
    when_blind: WhenBlind,
    named: Mutex<HashMap<String, Arc<List>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Copy {
    /// The value at a place; none beyond the end.
    fn value(&self, place: u64) -> Option<u8> {
        let per_byte = u64::from(8 / self.bits);
        let byte = self.bytes.get(usize::try_from(place / per_byte).ok()?)?;
        let shift = u8::try_from(place % per_byte).ok()? * self.bits;
        let mask = u8::MAX >> (8 - self.bits);
        Some(byte >> shift & mask)
    }

    fn is_fresh(&self, share: f64) -> bool {
        self.confirmed.elapsed() < self.ttl.mul_f64(share)
            && self.end.is_none_or(|end| crate::now() < end)
    }
}

impl List {
    fn copy(&self) -> Option<Arc<Copy>> {
        locked(&self.kept).copy.clone()
    }
}

impl Lists {
    pub fn new(
        issuer: &str,
        http: reqwest::Client,
        max_stale: Duration,
        when_blind: WhenBlind,
    ) -> Self {
        Self {
            prefix: format!("{issuer}/status-lists/"),
            http,
            max_stale,
            when_blind,
            named: Mutex::new(HashMap::new()),
        }
    }

    /// Whether every list that is in use was confirmed lately.
    pub fn is_current(&self) -> bool {
        let lists = locked(&self.named);
        lists.values().all(|list| {
            let kept = locked(&list.kept);
            let is_idle = kept.used.is_none_or(|used| used.elapsed() > UNUSED);
            is_idle
                || kept
                    .copy
                    .as_ref()
                    .is_some_and(|copy| copy.confirmed.elapsed() < self.max_stale)
        })
    }

    /// Whether a token's bit is 0.
    pub async fn check(&self, keys: &Keys, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let named = claims
            .get("status")
            .and_then(|status| status.get("status_list"));
        let place = named.and_then(|named| Place::deserialize(named).ok());
        let place = place.ok_or(Refusal::Invalid)?;
        // Nothing is fetched but what is the realm's own, whatever a token names.
        let name = place.uri.strip_prefix(&self.prefix).unwrap_or_default();
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if name.is_empty() || name.len() > 32 || !is_plain {
            return Err(Refusal::Invalid);
        }
        let list = self.list(place.uri);
        let mut copy = list.copy();
        if !copy.as_ref().is_some_and(|copy| copy.is_fresh(1.0)) {
            self.refresh(keys, &list, 1.0).await;
            copy = list.copy();
        }
        let value = match &copy {
            Some(copy) => Some(copy.value(place.idx).ok_or(Refusal::Invalid)?),
            None => None,
        };
        if value.is_some_and(|value| value != 0) {
            return Err(Refusal::Revoked);
        }
        let is_current = copy.is_some_and(|copy| copy.confirmed.elapsed() < self.max_stale);
        match self.when_blind {
            WhenBlind::Refuse if !is_current => Err(Refusal::Unknown),
            WhenBlind::Refuse | WhenBlind::Accept => Ok(()),
        }
    }

    fn list(&self, uri: String) -> Arc<List> {
        let mut lists = locked(&self.named);
        if lists.len() >= MOST && !lists.contains_key(&uri) {
            let oldest = lists.values().min_by_key(|list| locked(&list.kept).used);
            let oldest = oldest.map(|list| list.uri.clone());
            oldest.and_then(|oldest| lists.remove(&oldest));
        }
        let list = lists.entry(uri).or_insert_with_key(|uri| {
            Arc::new(List {
                uri: uri.clone(),
                kept: Mutex::default(),
                asking: tokio::sync::Mutex::new(()),
            })
        });
        locked(&list.kept).used = Some(Instant::now());
        Arc::clone(list)
    }

    /// Keeps those fresh that are in use, for ever, so that no request has to wait.
    pub async fn keep_fresh(&self, keys: &Keys) {
        keys.refresh().await;
        loop {
            tokio::time::sleep(LOOK).await;
            let lists: Vec<Arc<List>> = locked(&self.named).values().cloned().collect();
            for list in lists {
                let used = locked(&list.kept).used;
                if used.is_some_and(|used| used.elapsed() < UNUSED) {
                    self.refresh(keys, &list, 0.5).await;
                }
            }
        }
    }

    /// Asks for a list, unless what is kept has been confirmed within that share of its life.
    async fn refresh(&self, keys: &Keys, list: &List, share: f64) {
        let _one = list.asking.lock().await;
        let copy = list.copy();
        let is_fresh = copy.as_ref().is_some_and(|copy| copy.is_fresh(share));
        {
            let mut kept = locked(&list.kept);
            if is_fresh || kept.tried.is_some_and(|tried| tried.elapsed() < AGAIN) {
                return;
            }
            kept.tried = Some(Instant::now());
        }
        match self.fetch(keys, &list.uri, copy).await {
            Ok(copy) => {
                let mut kept = locked(&list.kept);
                kept.copy = Some(Arc::new(copy));
                kept.tried = None;
            }
            Err(problem) => tracing::warn!(uri = list.uri, "no status list: {problem}"),
        }
    }

    async fn fetch(
        &self,
        keys: &Keys,
        uri: &str,
        known: Option<Arc<Copy>>,
    ) -> Result<Copy, String> {
        // Before the question, or the answer would seem to be younger than it is.
        let confirmed = Instant::now();
        let mut request = self.http.get(uri).header(ACCEPT, KIND);
        // What has run out is asked for as a whole.
        let known = known.filter(|known| known.end.is_none_or(|end| crate::now() < end));
        if let Some(etag) = known.as_ref().and_then(|known| known.etag.as_ref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let (headers, body) = keys.get(request).await?;
        if body.is_empty() {
            let known = known.ok_or("304 without a question")?;
            return Ok(Copy {
                bytes: known.bytes.clone(),
                etag: known.etag.clone(),
                confirmed,
                ..*known
            });
        }
        let token = String::from_utf8(body).map_err(|_| "no text")?;
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        let list = read(keys, uri, token.trim()).await?;
        Ok(Copy {
            etag: etag.map(str::to_owned),
            confirmed,
            ..list
        })
    }
}

/// A list out of its token, whose signature and claims are checked.
async fn read(keys: &Keys, uri: &str, token: &str) -> Result<Copy, String> {
    let rules = |validation: &mut jsonwebtoken::Validation| {
        validation.required_spec_claims.clear();
        validation.required_spec_claims.insert("sub".to_owned());
        validation.sub = Some(uri.to_owned());
    };
    let verified = keys.signed(token, rules).await;
    let (header, claims) =
        verified.map_err(|_| "its signature, its subject or its time is wrong")?;
    if header.typ.as_deref() != Some("statuslist+jwt") {
        return Err("it is of another type".to_owned());
    }
    let list = claims.get("status_list").ok_or("it has no list")?;
    let bits = list.get("bits").and_then(Value::as_u64);
    let bits = bits
        .filter(|bits| [1, 2, 4, 8].contains(bits))
        .and_then(|bits| u8::try_from(bits).ok());
    let packed = list
        .get("lst")
        .and_then(Value::as_str)
        .ok_or("it has no bits")?;
    let packed = URL_SAFE_NO_PAD
        .decode(packed)
        .map_err(|problem| problem.to_string())?;
    let ttl = claims
        .get("ttl")
        .and_then(Value::as_u64)
        .map(Duration::from_secs);
    Ok(Copy {
        bits: bits.ok_or("its bits are not 1, 2, 4 or 8")?,
        bytes: unpacked(&packed, LONGEST)?,
        etag: None,
        end: claims.get("exp").and_then(Value::as_i64),
        ttl: ttl.unwrap_or(TTL).min(LONGEST_TTL),
        confirmed: Instant::now(),
    })
}

/// A few bytes may stand for very many.
fn unpacked(packed: &[u8], longest: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut reader = ZlibDecoder::new(packed).take(longest + 1);
    reader
        .read_to_end(&mut bytes)
        .map_err(|problem| problem.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > longest) {
        return Err("it is too long".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_as_the_draft_has_them() {
        // The examples of the draft, §4.1.
        let copy = |bits, bytes: &[u8]| Copy {
            bits,
            bytes: bytes.to_vec(),
            etag: None,
            end: None,
            ttl: TTL,
            confirmed: Instant::now(),
        };
        let one = copy(1, &[0xb9, 0xa3]);
        let values: Vec<u8> = (0..16).filter_map(|place| one.value(place)).collect();
        assert_eq!(values, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
        let two = copy(2, &[0xc9, 0x44, 0xf9]);
        let values: Vec<u8> = (0..12).filter_map(|place| two.value(place)).collect();
        assert_eq!(values, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
        assert_eq!(one.value(16), None);
        assert_eq!(one.value(u64::MAX), None);
        assert_eq!(copy(8, &[7]).value(0), Some(7));
    }

    #[test]
    fn a_list_that_unpacks_to_very_much_is_refused() {
        // The first example, packed.
        let packed = URL_SAFE_NO_PAD.decode("eNrbuRgAAhcBXQ").unwrap_or_default();
        assert_eq!(unpacked(&packed, 2), Ok(vec![0xb9, 0xa3]));
        assert_eq!(unpacked(&packed, 1), Err("it is too long".to_owned()));
        assert!(unpacked(b"no zlib", 100).is_err());
    }
}
