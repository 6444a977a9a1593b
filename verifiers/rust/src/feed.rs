//! The live feed, folded: which tokens are revoked, and whether all is known.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use http::StatusCode;
use http::header::ACCEPT;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::events::{Event, Events};
use crate::keys::Keys;
use crate::now;

/// The first pause before it is tried again, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a record is kept beyond its end: as far as clocks may differ.
const SKEW: i64 = 60;
/// How often those that are over are looked for.
const SWEEP: Duration = Duration::from_mins(1);

/// `sid`, `sub`, `azp` and `jti`, as far as a record names them.
type Names = [Option<Box<str>>; 4];
const CLAIMS: [&str; 4] = ["sid", "sub", "azp", "jti"];

/// A record as it comes. What it has besides is passed over.
#[derive(Deserialize)]
struct Record {
    sid: Option<Box<str>>,
    sub: Option<Box<str>>,
    client_id: Option<Box<str>>,
    jti: Option<Box<str>>,
    before_ms: i64,
    until: i64,
}

/// Until when tokens are dead, in milliseconds, and how long it matters, in seconds.
#[derive(Clone, Copy)]
struct End {
    before_ms: i64,
    until: i64,
}

/// Why a connection is over.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    /// It was lost, or could not be made: what is known grows old.
    Lost(String),
    /// The server says no: nothing is known from now on.
    Forbidden(StatusCode),
    /// 404.
    RealmGone,
    /// 410.
    NeverGiven,
    /// `max_records` are kept.
    Full,
}

/// What is known.
struct Known {
    records: HashMap<Names, End>,
    /// How many records name which claims: bit 0 for the first of [`CLAIMS`], and so on.
    shapes: [usize; 16],
    /// The id of the last event.
    since: Option<i64>,
    /// When an event came last, as long as all before it is known.
    current: Option<Instant>,
    is_realm_gone: bool,
    swept: Instant,
}

pub struct Feed {
    known: RwLock<Known>,
    max_stale: Duration,
    max_records: usize,
}

impl Known {
    fn shape(names: &Names) -> usize {
        let bits = names.iter().enumerate();
        bits.map(|(place, name)| usize::from(name.is_some()) << place)
            .sum()
    }

    fn count(&mut self, names: &Names, change: isize) {
        if let Some(count) = self.shapes.get_mut(Self::shape(names)) {
            *count = count.saturating_add_signed(change);
        }
    }

    fn sweep(&mut self) {
        self.swept = Instant::now();
        let now = now();
        self.records
            .retain(|_, end| end.until.saturating_add(SKEW) >= now);
        self.shapes = [0; 16];
        for names in self.records.keys() {
            if let Some(count) = self.shapes.get_mut(Self::shape(names)) {
                *count += 1;
            }
        }
    }

    /// Keeps a record, if there is room.
    fn keep(&mut self, record: Record, room: usize) -> bool {
        let names = [record.sid, record.sub, record.client_id, record.jti];
        let (before_ms, until) = (record.before_ms, record.until);
        if self.records.len() >= room && !self.records.contains_key(&names) {
            self.sweep();
            if self.records.len() >= room {
                return false;
            }
        }
        if !self.records.contains_key(&names) {
            self.count(&names, 1);
        }
        match self.records.entry(names) {
            Entry::Vacant(place) => {
                place.insert(End { before_ms, until });
            }
            Entry::Occupied(mut place) => {
                let end = place.get_mut();
                end.before_ms = end.before_ms.max(before_ms);
                end.until = end.until.max(until);
            }
        }
        true
    }

    fn forget(&mut self) {
        self.records.clear();
        self.shapes = [0; 16];
        self.since = None;
        self.current = None;
    }

    fn is_revoked(&self, claims: &Map<String, Value>) -> bool {
        if self.is_realm_gone {
            return true;
        }
        let claim = |name: &str| claims.get(name).and_then(Value::as_str);
        // A token that does not say when it was made is as old as can be.
        let made = claims.get("iat").and_then(seconds).unwrap_or(i64::MIN);
        let made_ms = made.saturating_mul(1_000);
        let shapes = self.shapes.iter().enumerate();
        let mut present = shapes.filter(|(_, count)| **count > 0);
        present.any(|(shape, _)| {
            let mut names = Names::default();
            for (place, (name, slot)) in CLAIMS.iter().zip(&mut names).enumerate() {
                if shape >> place & 1 == 1 {
                    match claim(name) {
                        Some(value) => *slot = Some(value.into()),
                        None => return false,
                    }
                }
            }
            let end = self.records.get(&names);
            end.is_some_and(|end| made_ms <= end.before_ms)
        })
    }
}

/// A `NumericDate` (RFC 7519 §2), rounded down.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of this kind stops at the ends of the range"
    )]
    let whole = |seconds: f64| seconds.floor() as i64;
    value.as_i64().or_else(|| value.as_f64().map(whole))
}

impl Feed {
    pub fn new(max_stale: Duration, max_records: usize) -> Self {
        let known = Known {
            records: HashMap::new(),
            shapes: [0; 16],
            since: None,
            current: None,
            is_realm_gone: false,
            swept: Instant::now(),
        };
        Self {
            known: RwLock::new(known),
            max_stale,
            max_records,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_current(&self) -> bool {
        let last = self.read().current;
        last.is_some_and(|last| last.elapsed() < self.max_stale)
    }

    pub fn is_revoked(&self, claims: &Map<String, Value>) -> bool {
        self.read().is_revoked(claims)
    }

    /// Follows the feed for ever.
    pub async fn follow(
        &self,
        keys: &Keys,
        address: &str,
        request: impl Fn(Option<i64>) -> reqwest::RequestBuilder,
    ) {
        let mut pause = PAUSE;
        loop {
            // Those who come first shall not have to wait for them.
            if !keys.are_known() {
                keys.refresh().await;
            }
            let since = self.read().since;
            let over = self.listen(request(since), &mut pause).await;
            match &over {
                Over::Lost(why) => tracing::info!(address, "the feed is interrupted: {why}"),
                Over::Forbidden(status) => {
                    tracing::error!(address, %status, "the feed is refused: blind");
                }
                Over::RealmGone => {
                    tracing::error!(address, "there is no such realm: every token is refused");
                }
                Over::NeverGiven => {
                    tracing::warn!(address, "the feed was set back: everything anew");
                }
                Over::Full => tracing::error!(address, "more is revoked than can be kept: blind"),
            }
            self.end(&over);
            tokio::time::sleep(by_chance(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn end(&self, over: &Over) {
        let mut known = self.write();
        known.is_realm_gone =
            *over == Over::RealmGone || known.is_realm_gone && matches!(over, Over::Lost(_));
        match over {
            Over::Lost(_) => {}
            Over::Forbidden(_) | Over::RealmGone | Over::Full => known.current = None,
            Over::NeverGiven => known.forget(),
        }
    }

    async fn listen(&self, request: reqwest::RequestBuilder, pause: &mut Duration) -> Over {
        let lost = |problem: reqwest::Error| Over::Lost(problem.without_url().to_string());
        let mut answer = match request.header(ACCEPT, "text/event-stream").send().await {
            Ok(answer) => answer,
            Err(problem) => return lost(problem),
        };
        match answer.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Over::Forbidden(status);
            }
            StatusCode::NOT_FOUND => return Over::RealmGone,
            StatusCode::GONE => return Over::NeverGiven,
            other => return Over::Lost(other.to_string()),
        }
        self.write().is_realm_gone = false;
        let (mut events, mut is_complete) = (Events::default(), false);
        loop {
            let part = match answer.chunk().await {
                Ok(Some(part)) => part,
                Ok(None) => return Over::Lost("it has ended".to_owned()),
                Err(problem) => return lost(problem),
            };
            let Some(found) = events.read(&part) else {
                return Over::Lost("an event is too long".to_owned());
            };
            for event in found {
                if let Err(over) = self.fold(event, &mut is_complete) {
                    return over;
                }
            }
            if is_complete {
                *pause = PAUSE;
            }
        }
    }

    /// Takes an event in. What a connection brings before its first `head` is what was missed: only then is all known.
    fn fold(&self, event: Event, is_complete: &mut bool) -> Result<(), Over> {
        let mut known = self.write();
        match event.kind.as_str() {
            "revocation" => {
                let record = serde_json::from_str(&event.data);
                let record = record.map_err(|problem| {
                    Over::Lost(format!("a record that cannot be read: {problem}"))
                })?;
                if !known.keep(record, self.max_records) {
                    return Err(Over::Full);
                }
            }
            "head" => *is_complete = true,
            "end" => {
                return Err(Over::Lost(format!(
                    "the server has ended it: {}",
                    event.data
                )));
            }
            _ => return Ok(()),
        }
        let number = event.id.and_then(|id| id.parse().ok());
        known.since = number.or(known.since);
        if *is_complete {
            known.current = Some(Instant::now());
            if known.swept.elapsed() > SWEEP {
                known.sweep();
            }
        }
        Ok(())
    }
}

/// By chance between the half and the whole, so that not all come back at the same moment.
fn by_chance(pause: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0) >> 40;
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
    let part = chance as f64 / f64::from(1 << 24);
    pause.mul_f64(0.5 + part / 2.0)
}

#[cfg(test)]
mod tests;
