//! Following a realm's records as they come, on this node: whoever verifies tokens elsewhere, and the
//! carriers that are told on by this node.
//!
//! One task a node looks at the heads of all realms that somebody follows: at once when this process
//! has committed something, else every [`EVERY`] for what other nodes wrote. A follower has a
//! position of its own and reads from it, out of the latest records kept here or, further back, from
//! the database: one that is slow holds up nobody, and nothing is kept for it. Nobody follows, nobody
//! looks.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claviger_model::{ClientUuid, Numbered, RealmId};
use claviger_store::{Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::app::App;
use crate::clock::Clock;

/// How often it is looked for what other nodes wrote.
const EVERY: Duration = Duration::from_millis(20);
/// The longest pause while the database fails.
const LONGEST: Duration = Duration::from_secs(1);
/// Records of a realm that are kept for its followers; who is further behind reads the database.
const RECENT: usize = 4_096;
/// Records that a follower is handed at a time.
const PAGE: i64 = 500;
/// How old what was last read may be for a follower to be up to date.
const FRESH: Duration = Duration::from_secs(2);
/// Followers from outside that this node serves at most, and that one client may have of them.
pub const PLACES: usize = 4_096;
/// See [`PLACES`].
pub const PLACES_OF_CLIENT: usize = 256;

/// Why following ends.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// There is no such realm any more: no token of it is good.
    #[error("the realm is gone")]
    Gone,
    /// This node stops: another goes on from the same position.
    #[error("the server stops")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a realm's sequence is, as last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    At(i64),
    Gone,
    Stopping,
}

/// One realm that somebody follows.
#[derive(Debug)]
struct Line {
    tail: watch::Sender<Tail>,
    recent: Mutex<Recent>,
    /// When the head was read last, in milliseconds since the node's beginning.
    read_at: AtomicU64,
}

/// The latest records: all behind `after`.
#[derive(Debug, Default)]
struct Recent {
    after: i64,
    records: VecDeque<Arc<Numbered>>,
}

impl Recent {
    /// The records behind a position, if they are all here.
    fn since(&self, position: i64) -> Option<Vec<Arc<Numbered>>> {
        if position < self.after {
            return None;
        }
        let first = self
            .records
            .partition_point(|record| record.seq <= position);
        let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
        Some(
            self.records
                .iter()
                .skip(first)
                .take(page)
                .cloned()
                .collect(),
        )
    }

    /// Keeps one more; one that came with those before, as it was younger than their head, is here.
    fn push(&mut self, record: Numbered) {
        if self
            .records
            .back()
            .is_some_and(|last| last.seq >= record.seq)
        {
            return;
        }
        if self.records.len() == RECENT
            && let Some(oldest) = self.records.pop_front()
        {
            self.after = oldest.seq;
        }
        self.records.push_back(Arc::new(record));
    }
}

/// Everybody who follows something on this node.
#[derive(Clone, Debug)]
pub struct Followers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    rung: Notify,
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    lines: HashMap<RealmId, Arc<Line>>,
    is_looking: bool,
    is_closed: bool,
    places: HashMap<ClientUuid, usize>,
    taken: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Followers {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            rung: Notify::new(),
            since: Instant::now(),
        }))
    }
}

impl Followers {
    /// This process has committed records: they are looked for at once.
    pub(crate) fn ring(&self) {
        self.0.rung.notify_one();
    }

    /// Nobody follows any more: whoever does is told that the node stops.
    pub fn close(&self) {
        let mut state = locked(&self.0.state);
        state.is_closed = true;
        for line in state.lines.values() {
            line.tail.send_replace(Tail::Stopping);
        }
        state.lines.clear();
        drop(state);
        self.ring();
    }

    /// A place for a follower from outside, on behalf of a client; none if all are taken.
    pub fn place(&self, client: &ClientUuid) -> Option<Place> {
        let mut state = locked(&self.0.state);
        let own = state.places.get(client).copied().unwrap_or(0);
        if state.taken >= PLACES || own >= PLACES_OF_CLIENT {
            return None;
        }
        state.taken += 1;
        state.places.insert(client.clone(), own + 1);
        Some(Place {
            shared: Arc::clone(&self.0),
            client: client.clone(),
        })
    }

    /// How many realms are followed.
    pub fn realms(&self) -> usize {
        locked(&self.0.state).lines.len()
    }
}

/// A place for a follower from outside, free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    client: ClientUuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = locked(&self.shared.state);
        state.taken = state.taken.saturating_sub(1);
        if let Some(own) = state.places.get_mut(&self.client) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                state.places.remove(&self.client);
            }
        }
    }
}

/// One who follows a realm, and how far they have come.
pub struct Follow {
    store: Store,
    clock: Clock,
    realm: RealmId,
    position: i64,
    line: Arc<Line>,
    tail: watch::Receiver<Tail>,
    since: Instant,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow")
            .field("realm", &self.realm)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Begins to follow a realm behind a number: 0 for all records that matter, the realm's head for
/// those to come.
///
/// # Errors
///
/// [`FollowError::Gone`] where there is no such realm.
pub async fn follow(app: &App, realm: &RealmId, since: i64) -> Result<Follow, FollowError> {
    let heads = app.store.revocation_heads(std::slice::from_ref(realm));
    let head = heads.await?.get(realm).copied().ok_or(FollowError::Gone)?;
    let shared = &app.followers.0;
    let mut state = locked(&shared.state);
    if state.is_closed {
        return Err(FollowError::Stopping);
    }
    let line = state.lines.entry(realm.clone()).or_insert_with(|| {
        let recent = Recent {
            after: head,
            records: VecDeque::new(),
        };
        Arc::new(Line {
            tail: watch::Sender::new(Tail::At(head)),
            recent: Mutex::new(recent),
            read_at: AtomicU64::new(millis(shared.since.elapsed())),
        })
    });
    let line = Arc::clone(line);
    let tail = line.tail.subscribe();
    if !state.is_looking {
        state.is_looking = true;
        let looking = look(app.store.clone(), app.clock.clone(), Arc::clone(shared));
        tokio::spawn(looking);
    }
    drop(state);
    Ok(Follow {
        store: app.store.clone(),
        clock: app.clock.clone(),
        realm: realm.clone(),
        position: since,
        line,
        tail,
        since: shared.since,
    })
}

impl Follow {
    /// How far it has come: records up to this number were handed out.
    pub const fn position(&self) -> i64 {
        self.position
    }

    /// Whether what was handed out is all there is, as of at most two seconds ago. It is not while
    /// the database does not answer.
    pub fn is_fresh(&self) -> bool {
        let read_at = Duration::from_millis(self.line.read_at.load(Ordering::Relaxed));
        let is_all = matches!(*self.tail.borrow(), Tail::At(head) if head <= self.position);
        is_all && self.since.elapsed().saturating_sub(read_at) < FRESH
    }

    /// The next records, at least one, in order; waits until there are some. Dropped while it waits,
    /// nothing is lost.
    ///
    /// # Errors
    ///
    /// When there is nothing more to come, or the store failed.
    pub async fn next(&mut self) -> Result<Vec<Arc<Numbered>>, FollowError> {
        loop {
            let tail = *self.tail.borrow_and_update();
            match tail {
                Tail::Gone => return Err(FollowError::Gone),
                Tail::Stopping => return Err(FollowError::Stopping),
                Tail::At(head) if head > self.position => {
                    let records = self.page(head).await?;
                    if !records.is_empty() {
                        return Ok(records);
                    }
                }
                Tail::At(_) => {
                    if self.tail.changed().await.is_err() {
                        return Err(FollowError::Stopping);
                    }
                }
            }
        }
    }

    /// A page behind the position, which moves on. What concerns nobody any more is left out, so that
    /// a page may be empty.
    async fn page(&mut self, head: i64) -> Result<Vec<Arc<Numbered>>, StoreError> {
        let kept = locked(&self.line.recent).since(self.position);
        let records = if let Some(records) = kept {
            records
        } else {
            let (now, position) = (self.clock.now(), self.position);
            let read = self
                .store
                .revocations_since(&self.realm, position, now, PAGE);
            read.await?.into_iter().map(Arc::new).collect()
        };
        let last = records.last().map_or(self.position, |record| record.seq);
        let is_cut = i64::try_from(records.len()).is_ok_and(|count| count >= PAGE);
        self.position = if is_cut { last } else { last.max(head) };
        Ok(records)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Looks at the heads of what is followed until nothing is.
async fn look(store: Store, clock: Clock, shared: Arc<Shared>) {
    let mut failures: u32 = 0;
    loop {
        let pause = EVERY.saturating_mul(1 << failures.min(6)).min(LONGEST);
        tokio::select! {
            () = shared.rung.notified(), if failures == 0 => {}
            () = tokio::time::sleep(pause) => {}
        }
        let Some(lines) = followed(&shared) else {
            return;
        };
        match see(&store, &clock, &shared, &lines).await {
            Ok(()) => {
                if failures > 0 {
                    tracing::info!("records of what was taken back can be read again");
                }
                failures = 0;
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!("records of what was taken back cannot be read: {error}");
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// What is followed; none if nothing is, and then nobody looks any more.
fn followed(shared: &Shared) -> Option<HashMap<RealmId, Arc<Line>>> {
    let mut state = locked(&shared.state);
    state.lines.retain(|_, line| line.tail.receiver_count() > 0);
    if state.lines.is_empty() {
        state.is_looking = false;
        return None;
    }
    Some(state.lines.clone())
}

/// Reads the heads, and what is new.
async fn see(
    store: &Store,
    clock: &Clock,
    shared: &Shared,
    lines: &HashMap<RealmId, Arc<Line>>,
) -> Result<(), StoreError> {
    let realms: Vec<RealmId> = lines.keys().cloned().collect();
    let read_at = millis(shared.since.elapsed());
    let heads = store.revocation_heads(&realms).await?;
    for (realm, line) in lines {
        let before = *line.tail.borrow();
        match (heads.get(realm), before) {
            (None, _) => {
                line.tail.send_replace(Tail::Gone);
                locked(&shared.state).lines.remove(realm);
            }
            // The database went back, or the realm is another: who follows begins anew.
            (Some(head), Tail::At(seen)) if *head < seen => {
                line.tail.send_replace(Tail::Stopping);
                locked(&shared.state).lines.remove(realm);
            }
            (Some(head), Tail::At(seen)) if *head > seen => {
                keep(store, clock, realm, line, (seen, *head)).await?;
                line.read_at.store(read_at, Ordering::Relaxed);
                line.tail.send_replace(Tail::At(*head));
            }
            (Some(_), Tail::At(_)) => line.read_at.store(read_at, Ordering::Relaxed),
            (Some(_), Tail::Gone | Tail::Stopping) => {}
        }
    }
    Ok(())
}

/// Keeps the records behind `seen` for followers, or none if there are too many.
async fn keep(
    store: &Store,
    clock: &Clock,
    realm: &RealmId,
    line: &Line,
    (seen, head): (i64, i64),
) -> Result<(), StoreError> {
    let most = i64::try_from(RECENT).unwrap_or(i64::MAX);
    let records = if head.saturating_sub(seen) > most {
        None
    } else {
        Some(
            store
                .revocations_since(realm, seen, clock.now(), most)
                .await?,
        )
    };
    let mut recent = locked(&line.recent);
    if let Some(records) = records {
        for record in records {
            recent.push(record);
        }
    } else {
        recent.records.clear();
        recent.after = head;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
