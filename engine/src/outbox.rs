//! The outbox is emptied here: what was written with the change that caused it is told, at least
//! once, by whichever node comes first.
//!
//! [`attempt`] tells one message, [`rounds`] knows who may be called now, and the server's job walks
//! with both.

pub mod rounds;

use claviger_model::{Millis, Seconds};
use claviger_store::{OutboxRow, StoreError, Tx};

use crate::app::App;
use crate::logout::notice::{Channel, Notice};
use crate::network::{NetworkError, Posted};
use crate::realm::Realm;
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

/// Tells one message: claims it, calls, and takes it out if it was told.
pub async fn attempt(app: &App, row: &OutboxRow) -> Result<Attempt, StoreError> {
    let [chance] = app.random.bytes();
    let now = app.now();
    let mut claim = Tx::new();
    claim.postpone_outbox(
        row,
        Millis(now.0.saturating_add(pause(row.attempts, chance))),
    );
    if !app.commit(claim).await?.is_done() {
        return Ok(Attempt::Elsewhere);
    }
    let Some((channel, notice)) = Notice::read(row) else {
        tracing::error!(target: LEDGER, "message {} of kind {} cannot be read", row.id, row.kind);
        return forget(app, row, Attempt::Hopeless).await;
    };
    let token = match token(app, row, channel, &notice).await? {
        Ok(token) => token,
        Err(why) => {
            write(&notice, channel, row, &format!("given up: {why}"));
            return forget(app, row, Attempt::Hopeless).await;
        }
    };
    let told = app.network.post(notice.url.clone(), body(channel, token));
    let (attempt, why) = judged(told.await);
    app.watch_message(&notice.realm, channel, attempt);
    if attempt == Attempt::Told {
        let took = app.now().0.saturating_sub(row.created_at.0);
        write(&notice, channel, row, &format!("told after {took} ms"));
        return forget(app, row, attempt).await;
    }
    let age = Seconds(app.now().0.saturating_sub(row.created_at.0) / 1_000);
    let patience = match attempt {
        Attempt::Refused => GIVE_UP_REFUSED,
        Attempt::Told | Attempt::Unreachable | Attempt::Elsewhere | Attempt::Hopeless => GIVE_UP,
    };
    if age >= patience {
        warn(&notice, channel, row, &format!("given up: {why}"));
        return forget(app, row, attempt).await;
    }
    if row.attempts == 0 {
        warn(&notice, channel, row, &format!("not told yet: {why}"));
    } else {
        write(&notice, channel, row, &format!("not told yet: {why}"));
    }
    Ok(attempt)
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
    let Some(realm) = app.realm_by_id(&row.realm).await? else {
        return Ok(Err("its realm is gone, with its keys".to_owned()));
    };
    match notice.signed(app, &realm, channel, None).await {
        Ok(token) => Ok(Ok(token)),
        Err(MintError::Store(error)) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn body(channel: Channel, token: String) -> Posted {
    match channel {
        Channel::BackChannel => Posted::Form(vec![("logout_token".to_owned(), token)]),
        Channel::AdapterLogout | Channel::AdapterNotBefore | Channel::AdapterTest => {
            Posted::Text(token)
        }
    }
}

/// What an answer means (Back-Channel Logout 1.0 §2.8): any success is one; who is out of order, or
/// too busy, may take it later; who refuses will hardly change their mind.
fn judged(answer: Result<u16, NetworkError>) -> (Attempt, String) {
    match answer {
        Ok(200..=299) => (Attempt::Told, String::new()),
        Ok(status @ (408 | 425 | 429 | 500..)) => {
            (Attempt::Unreachable, format!("it answered {status}"))
        }
        Ok(status) => (Attempt::Refused, format!("it answered {status}")),
        Err(error @ NetworkError::Refused { .. }) => (Attempt::Refused, error.to_string()),
        Err(error @ NetworkError::Failed { .. }) => (Attempt::Unreachable, error.to_string()),
    }
}

async fn forget(app: &App, row: &OutboxRow, became: Attempt) -> Result<Attempt, StoreError> {
    let mut tx = Tx::new();
    tx.delete_outbox(&row.realm, &row.id);
    let _done = app.commit(tx).await?;
    Ok(became)
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
    let mut tx = Tx::new();
    for row in &stale {
        if let Some((channel, notice)) = Notice::read(row) {
            warn(
                &notice,
                channel,
                row,
                "given up: nobody could be reached for a week",
            );
        }
        tx.delete_outbox(&row.realm, &row.id);
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
            if notice.token.is_some() {
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
            assert_eq!(judged(answer.clone()).0, expected, "{answer:?}");
        }
    }
}
