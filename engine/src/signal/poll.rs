//! A receiver fetches what its stream has to tell (RFC 8936).

use std::time::Duration;

use claviger_store::{Lane, OutboxRow, StoreError, Tx};
use claviger_wire::document::Json;
use claviger_wire::signal::PollRequest;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Stream;
use crate::app::App;
use crate::logout::notice::Notice;
use crate::outbox::ledger::KEPT;
use crate::realm::Realm;
use crate::token::MintError;

/// How many tokens are answered at a time unless the receiver says otherwise, and at most.
const EVENTS: (i64, i64) = (100, 1_000);
/// How many tokens may be acknowledged at a time.
pub const ACKS_MAX: usize = 1_000;
/// How long a poll waits for something to tell.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a waiting poll looks for what other nodes have written.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many polls wait at a time in one process; more are answered at once.
pub const WAITING_MAX: usize = 1_000;

/// Category of what is told of messages.
const LEDGER: &str = "claviger.outbox";

/// Takes what was acknowledged, and answers with what waits. A token is told again and again until
/// it is acknowledged.
///
/// # Errors
///
/// The store's, or a realm without keys.
pub async fn poll(
    app: &App,
    realm: &Realm,
    stream: &Stream,
    asked: &PollRequest,
) -> Result<Json, MintError> {
    take(app, realm, stream, asked).await?;
    // Nothing but to acknowledge (RFC 8936 §2.4).
    let most = asked.max_events.unwrap_or(EVENTS.0).clamp(0, EVENTS.1);
    let mut rows = waiting(app, realm, stream, most).await?;
    if rows.is_empty() && most > 0 && !asked.return_immediately {
        rows = wait(app, realm, stream, most).await?;
    }
    let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > most;
    rows.truncate(usize::try_from(most).unwrap_or(0));
    let mut sets = Json::new();
    for row in &rows {
        if let Some((channel, notice)) = Notice::read(row) {
            let token = notice.signed(app, realm, channel, None).await?;
            sets.insert(row.id.clone(), Value::String(token));
        }
    }
    let mut answer = Json::new();
    answer.insert("sets".into(), Value::Object(sets));
    answer.insert("moreAvailable".into(), json!(more));
    Ok(answer)
}

async fn take(
    app: &App,
    realm: &Realm,
    stream: &Stream,
    asked: &PollRequest,
) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    let (now, place) = (app.now(), (&realm.id, stream.id.as_str()));
    let acknowledged = asked.ack.iter().map(|id| (id, None));
    let refused = asked.set_errs.keys();
    let refused = refused.map(|id| (id, Some("the receiver cannot use the token")));
    for (id, error) in acknowledged.chain(refused) {
        // What cannot be an id of ours is nobody's.
        if id.len() <= 36 && !id.contains('\0') {
            tx.take_signal(&realm.id, &stream.id, id);
            tx.end_signal_delivery(place, id, error, (now, now + KEPT));
        }
    }
    for error in asked.set_errs.values() {
        let text = |name: &str| {
            let text = error.get(name).and_then(Value::as_str).unwrap_or_default();
            text.chars().take(200).collect::<String>()
        };
        tracing::warn!(
            target: LEDGER,
            "stream {} of realm {} cannot use a token: {:?} {:?}",
            stream.id, realm.name, text("err"), text("description")
        );
    }
    let _done = app.commit(tx).await?;
    Ok(())
}

/// What waits, and one more to see whether there is more.
async fn waiting(
    app: &App,
    realm: &Realm,
    stream: &Stream,
    most: i64,
) -> Result<Vec<OutboxRow>, StoreError> {
    let (realm, id, lane) = (&realm.id, &stream.id, Lane::Poll);
    app.store
        .signals(realm, id, lane, most.saturating_add(1))
        .await
}

async fn wait(
    app: &App,
    realm: &Realm,
    stream: &Stream,
    most: i64,
) -> Result<Vec<OutboxRow>, StoreError> {
    let Ok(_place) = app.polls.try_acquire() else {
        return Ok(Vec::new());
    };
    let until = Instant::now() + PATIENCE;
    loop {
        let told = app.told.notified();
        tokio::pin!(told);
        // Whatever is written from here on rings.
        told.as_mut().enable();
        let rows = waiting(app, realm, stream, most).await?;
        let now = Instant::now();
        if !rows.is_empty() || now >= until {
            return Ok(rows);
        }
        let _rung = tokio::time::timeout(LOOK_EVERY.min(until - now), told).await;
    }
}
