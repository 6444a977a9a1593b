//! What is published, watched at every node: the live feed as it comes, the status list as it changes.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::read::ZlibDecoder;
use serde_json::Value;

use super::caller::Caller;
use super::carrier::Carrier;
use super::realm::{Session, World, basic, claims};
use crate::now;

/// Between two questions for a status list, and between two looks whether all is seen.
const PAUSE: Duration = Duration::from_millis(5);
/// Until the feed has begun everywhere.
const BEGIN: Duration = Duration::from_secs(30);
/// The longest list, unpacked, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// A claim's value, by which a record names a token: `sid`, `jti` or `sub`.
type Key = (&'static str, String);
/// When a record came first, and up to when the tokens were issued that it means.
type Arrivals = HashMap<Key, (Instant, i64)>;
/// The lists, each with the places of sessions in it: number of the session, index.
type Places = HashMap<String, Vec<(usize, usize)>>;

/// When the place of the session of that number was first set.
type Set = HashMap<usize, Instant>;

/// Watchers of one round, one for each node.
pub struct Watch {
    seen: Seen,
    is_over: Arc<AtomicBool>,
}

enum Seen {
    Feed(Vec<Arc<Mutex<Arrivals>>>),
    List(Vec<Arc<Mutex<Set>>>),
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Begins, if the carrier is one that is watched.
    pub fn start(
        world: &World,
        carrier: Carrier<'_>,
        sessions: &[Session],
    ) -> Result<Option<Self>> {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = match carrier {
            Carrier::Feed => Seen::Feed(listen(world, &is_over)?),
            Carrier::StatusList => Seen::List(poll(world, sessions, &is_over)?),
            Carrier::Introspection | Carrier::UserInfo | Carrier::Gate | Carrier::Api(_) => {
                return Ok(None);
            }
        };
        Ok(Some(Self { seen, is_over }))
    }

    /// For each session that is told of, and each node, how long after its door's answer it was; none
    /// where it was not seen in time.
    pub fn times(
        &self,
        ended: &[Instant],
        sessions: &[Session],
        patience: Duration,
    ) -> Vec<Option<Duration>> {
        let since = now();
        loop {
            let times = self.look(ended, sessions);
            if since.elapsed() > patience || times.iter().all(Option::is_some) {
                return times;
            }
            thread::sleep(PAUSE);
        }
    }

    fn look(&self, ended: &[Instant], sessions: &[Session]) -> Vec<Option<Duration>> {
        let ended = || sessions.iter().zip(ended);
        match &self.seen {
            Seen::Feed(nodes) => {
                let nodes = nodes.iter().map(|node| locked(node));
                let times = nodes.flat_map(|arrivals| {
                    let times = ended().map(|(session, ended)| {
                        let came = arrival(&arrivals, session)?;
                        Some(came.saturating_duration_since(*ended))
                    });
                    times.collect::<Vec<_>>()
                });
                times.collect()
            }
            Seen::List(nodes) => {
                let told = |(session, _): &(&Session, &Instant)| {
                    Carrier::StatusList.tells_of(session.door(nodes.len()))
                };
                let seen = nodes.iter().map(|node| locked(node));
                let times = seen.flat_map(|seen| {
                    let times = ended().filter(told).map(|(session, ended)| {
                        let came = seen.get(&session.number)?;
                        Some(came.saturating_duration_since(*ended))
                    });
                    times.collect::<Vec<_>>()
                });
                times.collect()
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

/// When the first record came that means the session's token.
fn arrival(arrivals: &Arrivals, session: &Session) -> Option<Instant> {
    let keys = [
        ("sid", &session.sid),
        ("jti", &session.jti),
        ("sub", &session.user),
    ];
    let found = keys.into_iter().filter_map(|(name, value)| {
        let (came, before) = arrivals.get(&(name, value.clone()))?;
        (session.issued_ms <= *before).then_some(*came)
    });
    found.min()
}

/// Follows the feed at every node, and waits until each is up to date.
fn listen(world: &World, is_over: &Arc<AtomicBool>) -> Result<Vec<Arc<Mutex<Arrivals>>>> {
    let mut nodes = Vec::new();
    let mut begun: Vec<Receiver<()>> = Vec::new();
    for node in 0..world.nodes.len() {
        let arrivals = Arc::new(Mutex::new(Arrivals::new()));
        let (sender, receiver) = channel();
        let url = world.url(node, "/revocations");
        let (kept, is_over) = (Arc::clone(&arrivals), Arc::clone(is_over));
        // Ends with the node, or with the first word after the round.
        thread::spawn(move || {
            let told = follow(&url, &kept, &is_over, || {
                let _ = sender.send(());
            });
            if let Err(error) = told {
                eprintln!("{url}: {error:#}");
            }
        });
        nodes.push(arrivals);
        begun.push(receiver);
    }
    for receiver in begun {
        let told = receiver.recv_timeout(BEGIN);
        told.context("the live feed does not begin")?;
    }
    Ok(nodes)
}

fn follow(
    url: &str,
    arrivals: &Mutex<Arrivals>,
    is_over: &AtomicBool,
    mut is_current: impl FnMut(),
) -> Result<()> {
    let headers = [("accept", "text/event-stream"), ("authorization", &basic())];
    let mut answer = Caller::listener().get(url, &headers)?;
    if answer.status().as_u16() != 200 {
        bail!("the live feed answers {}", answer.status());
    }
    let mut event = String::new();
    for line in BufReader::new(answer.body_mut().as_reader()).lines() {
        let line = line?;
        if is_over.load(Ordering::SeqCst) {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut event);
        } else if let Some(data) = line.strip_prefix("data: ") {
            let came = now();
            match event.as_str() {
                "head" => is_current(),
                "revocation" => keep(&mut locked(arrivals), &serde_json::from_str(data)?, came),
                _ => {}
            }
        }
    }
    Ok(())
}

fn keep(arrivals: &mut Arrivals, record: &Value, came: Instant) {
    let before = record.get("before_ms").and_then(Value::as_i64);
    let key = ["sid", "jti", "sub"].into_iter().find_map(|name| {
        let value = record.get(name)?.as_str()?;
        Some((name, value.to_owned()))
    });
    if let Some((key, before)) = key.zip(before) {
        arrivals.entry(key).or_insert((came, before));
    }
}

/// Fetches the lists at every node, again and again.
fn poll(
    world: &World,
    sessions: &[Session],
    is_over: &Arc<AtomicBool>,
) -> Result<Vec<Arc<Mutex<Set>>>> {
    let places = places(world, sessions)?;
    let mut nodes = Vec::new();
    for node in 0..world.nodes.len() {
        let seen = Arc::new(Mutex::new(Set::new()));
        let (kept, is_over) = (Arc::clone(&seen), Arc::clone(is_over));
        let lists: Vec<(String, Vec<(usize, usize)>)> = places
            .iter()
            .map(|(path, places)| (world.url(node, path), places.clone()))
            .collect();
        thread::spawn(move || {
            if let Err(error) = fetch(&lists, &kept, &is_over) {
                eprintln!("{error:#}");
            }
        });
        nodes.push(seen);
    }
    Ok(nodes)
}

/// Where the sessions are that lists tell of, by the list's path below the realm.
fn places(world: &World, sessions: &[Session]) -> Result<Places> {
    let mut places = Places::new();
    for session in sessions {
        if !Carrier::StatusList.tells_of(session.door(world.nodes.len())) {
            continue;
        }
        let (uri, index) = session.place.as_ref().context("a token without a place")?;
        let path = uri.strip_prefix(&world.issuer);
        let path = path.context("a list that is not the issuer's")?;
        let list = places.entry(path.to_owned()).or_default();
        list.push((session.number, *index));
    }
    Ok(places)
}

fn fetch(
    lists: &[(String, Vec<(usize, usize)>)],
    seen: &Mutex<Set>,
    is_over: &AtomicBool,
) -> Result<()> {
    let caller = Caller::new();
    let mut tags: HashMap<&str, String> = HashMap::new();
    while !is_over.load(Ordering::SeqCst) {
        for (url, places) in lists {
            let mut headers = vec![("accept", "application/statuslist+jwt")];
            if let Some(tag) = tags.get(url.as_str()) {
                headers.push(("if-none-match", tag));
            }
            let mut answer = caller.get(url, &headers)?;
            let tag = answer.headers().get("etag");
            let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
            let text = answer.body_mut().read_to_string()?;
            match answer.status().as_u16() {
                304 => continue,
                200 => {}
                status => bail!("{url} answers {status}"),
            }
            if let Some(tag) = tag {
                tags.insert(url, tag);
            }
            let bits = bits(&text)?;
            let came = now();
            let mut seen = locked(seen);
            for (number, index) in places {
                if is_set(&bits, *index) {
                    seen.entry(*number).or_insert(came);
                }
            }
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// The bits of a list. That it is signed is for verifiers to find; here the time is measured.
fn bits(token: &str) -> Result<Vec<u8>> {
    let claims = claims(token.trim())?;
    let list = claims.get("status_list").and_then(|list| list.get("lst"));
    let packed = list.and_then(Value::as_str).context("no status list")?;
    let packed = BASE64_URL_SAFE_NO_PAD.decode(packed)?;
    let mut bits = Vec::new();
    ZlibDecoder::new(packed.as_slice())
        .take(LONGEST)
        .read_to_end(&mut bits)?;
    Ok(bits)
}

fn is_set(bits: &[u8], index: usize) -> bool {
    bits.get(index / 8)
        .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// Whether the places are still set, at every node: how many were looked at, and how many are not.
pub fn places_again(world: &World, sessions: &[Session]) -> Result<(usize, usize)> {
    let (caller, mut looked, mut unset) = (Caller::new(), 0, 0);
    let accept = [("accept", "application/statuslist+jwt")];
    let all = places(world, sessions)?;
    let distinct: HashSet<&String> = all.keys().collect();
    for (node, path) in
        (0..world.nodes.len()).flat_map(|node| distinct.iter().map(move |path| (node, *path)))
    {
        let mut answer = caller.get(&world.url(node, path), &accept)?;
        let bits = bits(&answer.body_mut().read_to_string()?)?;
        for (_, index) in all.get(path).into_iter().flatten() {
            looked += 1;
            unset += usize::from(!is_set(&bits, *index));
        }
    }
    Ok((looked, unset))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_record_counts_that_means_a_token_of_that_age() {
        let session = Session::of(
            0,
            &json!({
                "access_token": format!("x.{}.x", BASE64_URL_SAFE_NO_PAD.encode(
                    r#"{"sid": "s", "sub": "u", "jti": "t", "iat": 10}"#,
                )),
                "refresh_token": "r",
            }),
        );
        let session = session.unwrap();
        let mut arrivals = Arrivals::new();
        let first = now();
        let later = first + Duration::from_secs(1);
        assert_eq!(arrival(&arrivals, &session), None);
        keep(
            &mut arrivals,
            &json!({"sub": "u", "before_ms": 9_000}),
            first,
        );
        keep(
            &mut arrivals,
            &json!({"sid": "other", "before_ms": 10_000}),
            first,
        );
        assert_eq!(arrival(&arrivals, &session), None);
        keep(
            &mut arrivals,
            &json!({"sid": "s", "sub": "u", "before_ms": 10_000}),
            later,
        );
        keep(
            &mut arrivals,
            &json!({"jti": "t", "before_ms": 10_000}),
            later + Duration::from_secs(1),
        );
        assert_eq!(arrival(&arrivals, &session), Some(later));
    }
}
