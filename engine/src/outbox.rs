//! The outbox is emptied here: what was written with the change that caused it is told, at least
//! once, by whichever node comes first.
//!
//! [`attempt`] tells one message, [`rounds`] knows who may be called now, and the server's job walks
//! with both.

pub mod ledger;
pub mod retry;
pub mod rounds;

use claviger_model::{Millis, Seconds};
use claviger_store::{OutboxRow, StoreError, Tx};
use serde_json::Value;

use crate::app::App;
use crate::logout::global;
use crate::logout::notice::{Channel, Notice};
use crate::network::{NetworkError, Posted};
use crate::realm::Realm;
use crate::signal::push::{self, Goes};
use crate::token::MintError;

/// How long a message is told again and again. Who could not be told of a logout in a week has no
/// use for it: the tokens it speaks of are over.
pub const GIVE_UP: Seconds = Seconds(7 * 86_400);
/// The same for who answers, and refuses.
const GIVE_UP_REFUSED: Seconds = Seconds(3_600);
/// The pause after the first attempt; each further one doubles it. It is longer than an attempt can
/// take, for until then the message is the node's that claimed it.
const FIRST_PAUSE: i64 = 15_000;
/// The longest pause.
const LONGEST_PAUSE: i64 = 300_000;

/// Why nobody is asked to end what a user has: see `docs/logout.md`.
const NO_ISSUER: &str = "nobody knows under which address the receiver knows this server: \
    set hostname to a URL, or global.token.revocation.issuer at the client";

/// Category of what is told of messages: the ledger.
const LEDGER: &str = "claviger.outbox";

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was taken.
    Told,
    /// The client answered, but did not take it.
    Refused,
    /// Nobody answered, or only that they cannot.
    Unreachable,
    /// Another node has it, or it is gone.
    Elsewhere,
    /// It can never be told.
    Hopeless,
}

impl Attempt {
    /// A stable name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Elsewhere => "elsewhere",
            Self::Hopeless => "hopeless",
        }
    }
}

/// When the next attempt is due if this one, the one after `attempts` others, fails; `chance`
/// spreads it by a fifth to either side, so that what failed together does not come back together.
fn pause(attempts: i32, chance: u8) -> i64 {
    let doubled = u32::try_from(attempts)
        .ok()
        .and_then(|attempts| 1_i64.checked_shl(attempts.min(30)))
        .unwrap_or(1);
    let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    pause * 4 / 5 + pause * 2 / 5 * i64::from(chance) / i64::from(u8::MAX)
}

/// What is thought of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    attempt: Attempt,
    /// The status of the answer, if there was one.
    status: Option<u16>,
    /// Why it was not told.
    why: String,
}

impl Verdict {
    fn hopeless(why: &str) -> Self {
        Self {
            attempt: Attempt::Hopeless,
            status: None,
            why: why.to_owned(),
        }
    }

    /// How long after it was written a message is given up that this is thought of.
    const fn patience(&self) -> Seconds {
        match self.attempt {
            Attempt::Refused => GIVE_UP_REFUSED,
            Attempt::Hopeless => Seconds(0),
            Attempt::Told | Attempt::Unreachable | Attempt::Elsewhere => GIVE_UP,
        }
    }
}

/// Tells one message: claims it, calls, and takes it out if it was told.
pub async fn attempt(app: &App, row: &OutboxRow) -> Result<Attempt, StoreError> {
    let [chance] = app.random.bytes();
    let next_at = Millis(app.now().0.saturating_add(pause(row.attempts, chance)));
    let mut claim = Tx::new();
    claim.postpone_outbox(row, next_at);
    ledger::begin(&mut claim, row, next_at);
    if !app.commit(claim).await?.is_done() {
        return Ok(Attempt::Elsewhere);
    }
    let Some((channel, mut notice)) = Notice::read(row) else {
        tracing::error!(target: LEDGER, "message {} of kind {} cannot be read", row.id, row.kind);
        let verdict = Verdict::hopeless("its message cannot be read");
        return give_up_one(app, row, None, &verdict).await;
    };
    let mut authorization = None;
    if channel == Channel::SecurityEvent {
        match push::goes(app, row, &notice).await? {
            Goes::To {
                url,
                authorization: sent,
            } => {
                notice.url = url;
                authorization = sent;
            }
            Goes::Later => return Ok(Attempt::Elsewhere),
            Goes::Nowhere => return drop_one(app, row).await,
        }
    }
    let verdict = match token(app, row, channel, &notice).await? {
        Ok(token) => {
            let body = body(channel, token, authorization, &notice);
            let verdict = judged(app.network.post(notice.url.clone(), body).await);
            app.watch_message(&notice.realm, channel, verdict.attempt);
            verdict
        }
        Err(why) => Verdict::hopeless(&why),
    };
    let mut tx = Tx::new();
    if let (Attempt::Told, Some(status)) = (verdict.attempt, verdict.status) {
        let took = app.now().0.saturating_sub(row.created_at.0);
        write(&notice, channel, row, &format!("told after {took} ms"));
        tx.delete_outbox(&row.realm, &row.id);
        ledger::confirm(&mut tx, row, status, app.now());
        let _done = app.commit(tx).await?;
        return Ok(verdict.attempt);
    }
    let age = Seconds(app.now().0.saturating_sub(row.created_at.0) / 1_000);
    if age >= verdict.patience() {
        warn(&notice, channel, row, &format!("given up: {}", verdict.why));
        return give_up_one(app, row, Some((channel, &notice)), &verdict).await;
    }
    let what = format!("not told yet: {}", verdict.why);
    if row.attempts == 0 {
        warn(&notice, channel, row, &what);
    } else {
        write(&notice, channel, row, &what);
    }
    ledger::fail(&mut tx, row, &notice.url, &verdict);
    let _done = app.commit(tx).await?;
    Ok(verdict.attempt)
}

/// Takes out a message to a stream that is gone, or wants nothing.
async fn drop_one(app: &App, row: &OutboxRow) -> Result<Attempt, StoreError> {
    let mut tx = Tx::new();
    tx.delete_outbox(&row.realm, &row.id);
    let (now, why) = (app.now(), "its stream is gone, or wants nothing");
    let until = (now, now + ledger::KEPT);
    tx.end_signal_delivery((&row.realm, &row.target), &row.id, Some(why), until);
    let _done = app.commit(tx).await?;
    Ok(Attempt::Hopeless)
}

/// Takes out a message that nobody will tell.
async fn give_up_one(
    app: &App,
    row: &OutboxRow,
    known: Option<(Channel, &Notice)>,
    verdict: &Verdict,
) -> Result<Attempt, StoreError> {
    let mut tx = Tx::new();
    tx.delete_outbox(&row.realm, &row.id);
    ledger::give_up(app, &mut tx, row, known, verdict).await?;
    let _done = app.commit(tx).await?;
    Ok(verdict.attempt)
}

/// The signed token, or why there is none.
async fn token(
    app: &App,
    row: &OutboxRow,
    channel: Channel,
    notice: &Notice,
) -> Result<Result<String, String>, StoreError> {
    if let Some(token) = &notice.token {
        return Ok(Ok(token.clone()));
    }
    if channel == Channel::GlobalRevocation && !global::is_complete(notice) {
        return Ok(Err(NO_ISSUER.to_owned()));
    }
    let Some(realm) = app.realm_by_id(&row.realm).await? else {
        return Ok(Err("its realm is gone, with its keys".to_owned()));
    };
    match notice.signed(app, &realm, channel, None).await {
        Ok(token) => Ok(Ok(token)),
        Err(MintError::Store(error)) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn body(channel: Channel, token: String, authorization: Option<String>, notice: &Notice) -> Posted {
    match channel {
        Channel::BackChannel => Posted::Form(vec![("logout_token".to_owned(), token)]),
        Channel::AdapterLogout | Channel::AdapterNotBefore | Channel::AdapterTest => {
            Posted::Text(token)
        }
        Channel::SecurityEvent => Posted::SecurityEvent {
            token,
            authorization,
        },
        Channel::GlobalRevocation => Posted::Revocation {
            token,
            body: Value::Object(notice.body.clone().unwrap_or_default()).to_string(),
        },
    }
}

/// What an answer means (Back-Channel Logout 1.0 §2.8): any success is one; who is out of order, or
/// too busy, may take it later; who refuses will hardly change their mind.
fn judged(answer: Result<u16, NetworkError>) -> Verdict {
    let status = answer.as_ref().ok().copied();
    let (attempt, why) = match answer {
        Ok(200..=299) => (Attempt::Told, String::new()),
        Ok(status @ (408 | 425 | 429 | 500..)) => {
            (Attempt::Unreachable, format!("it answered {status}"))
        }
        Ok(status) => (Attempt::Refused, format!("it answered {status}")),
        Err(error @ NetworkError::Refused { .. }) => (Attempt::Refused, error.to_string()),
        Err(error @ NetworkError::Failed { .. }) => (Attempt::Unreachable, error.to_string()),
    };
    Verdict {
        attempt,
        status,
        why,
    }
}

fn warn(notice: &Notice, channel: Channel, row: &OutboxRow, what: &str) {
    tracing::warn!(target: LEDGER, "{} {what}", entry(notice, channel, row));
}

fn write(notice: &Notice, channel: Channel, row: &OutboxRow, what: &str) {
    tracing::info!(target: LEDGER, "{} {what}", entry(notice, channel, row));
}

/// Whom the ledger speaks of.
fn entry(notice: &Notice, channel: Channel, row: &OutboxRow) -> String {
    format!(
        "message=\"{}\", kind=\"{}\", realm=\"{}\", client=\"{}\", session=\"{}\", reason=\"{}\", \
         attempt={}:",
        row.id,
        channel.as_str(),
        notice.realm,
        notice.client,
        notice.sid.as_deref().unwrap_or_default(),
        notice.reason.as_deref().unwrap_or_default(),
        row.attempts.saturating_add(1),
    )
}

/// Drops what has waited for too long, at most `limit` messages, and returns how many there were.
pub async fn give_up(app: &App, now: Millis, limit: i64) -> Result<usize, StoreError> {
    let stale = app.store.outbox_stale(now - GIVE_UP, limit).await?;
    let verdict = Verdict::hopeless("nobody could be reached for a week");
    let mut tx = Tx::new();
    for row in &stale {
        let read = Notice::read(row);
        let known = read.as_ref().map(|(channel, notice)| (*channel, notice));
        if let Some((channel, notice)) = known {
            warn(notice, channel, row, &format!("given up: {}", verdict.why));
        }
        tx.delete_outbox(&row.realm, &row.id);
        ledger::give_up(app, &mut tx, row, known, &verdict).await?;
    }
    let _done = app.commit(tx).await?;
    Ok(stale.len())
}

/// Messages read at a time.
const PAGE: i64 = 200;

/// Signs what a realm has still to say, before it goes with its keys. Such tokens are good as long
/// as they may be told.
pub async fn seal(app: &App, realm: &Realm) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows = app.store.outbox_page(&realm.id, &after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after.clone_from(&last.id);
        let mut tx = Tx::new();
        for row in &rows {
            let Some((channel, mut notice)) = Notice::read(row) else {
                continue;
            };
            // A stream goes with its realm.
            let is_incomplete =
                channel == Channel::GlobalRevocation && !global::is_complete(&notice);
            if notice.token.is_some() || channel == Channel::SecurityEvent || is_incomplete {
                continue;
            }
            let end = Some(row.created_at + GIVE_UP);
            match notice.signed(app, realm, channel, end).await {
                Ok(token) => {
                    notice.token = Some(token);
                    tx.rewrite_outbox(&row.realm, &row.id, &notice.payload());
                }
                Err(MintError::Store(error)) => return Err(error),
                Err(error) => warn(&notice, channel, row, &format!("cannot be signed: {error}")),
            }
        }
        let _done = app.commit(tx).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_longer_than_an_attempt() {
        let shortest = |attempts| pause(attempts, 0);
        let longest = |attempts| pause(attempts, u8::MAX);
        assert_eq!((shortest(0), longest(0)), (12_000, 18_000));
        assert_eq!((shortest(1), longest(1)), (24_000, 36_000));
        assert_eq!((shortest(4), longest(4)), (192_000, 288_000));
        for attempts in [5, 6, 31, 32, 63, 64, i32::MAX] {
            assert_eq!((shortest(attempts), longest(attempts)), (240_000, 360_000));
        }
        // A row from nowhere.
        assert_eq!(shortest(-1), 12_000);
    }

    #[test]
    fn answers_and_what_they_mean() {
        let failed = || NetworkError::Failed {
            url: "http://a.example".into(),
            reason: "x".into(),
        };
        let refused = || NetworkError::Refused {
            url: "http://a.example".into(),
            reason: "x".into(),
        };
        for (answer, expected) in [
            (Ok(200), Attempt::Told),
            (Ok(204), Attempt::Told),
            (Ok(400), Attempt::Refused),
            (Ok(404), Attempt::Refused),
            (Ok(408), Attempt::Unreachable),
            (Ok(429), Attempt::Unreachable),
            (Ok(500), Attempt::Unreachable),
            (Ok(503), Attempt::Unreachable),
            (Ok(302), Attempt::Refused),
            (Err(failed()), Attempt::Unreachable),
            (Err(refused()), Attempt::Refused),
        ] {
            assert_eq!(judged(answer.clone()).attempt, expected, "{answer:?}");
        }
    }
}
