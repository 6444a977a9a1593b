//! A stream's status (SSF §8.1.2), and the question whether it works (SSF §8.1.4).

use claviger_model::{Millis, Seconds};
use claviger_store::{Commit, StoreError, Tx};
use claviger_wire::document::Json;
use claviger_wire::signal::{EventType, Status};
use serde_json::json;

use super::stream::verification_interval;
use super::{Stream, Told, set};
use crate::app::App;
use crate::client::Client;
use crate::outbox::ledger::KEPT;
use crate::realm::Realm;

/// Gives a stream another status, with what waits for it: what is paused is held, what is disabled
/// is thrown away. The receiver is told in any case (SSF §8.1.5).
pub fn put(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (stream, client): (&Stream, &Client),
    (status, reason): (Status, Option<String>),
) -> Stream {
    let mut after = stream.clone();
    let now = app.now();
    after.body.status = status;
    after.body.status_reason = reason;
    after.body.updated_at = now.seconds().0;
    tx.update_document(&realm.id, &after.document());
    match status {
        Status::Enabled | Status::Paused => tx.shift_signals(&realm.id, &after.id, after.lane()),
        Status::Disabled => {
            let why = "the stream was disabled";
            tx.drop_signals(&realm.id, &after.id);
            tx.end_signal_deliveries(&realm.id, &after.id, why, (now, now + KEPT));
        }
    }
    let mut says = Json::new();
    says.insert("status".into(), json!(status.as_str()));
    if let Some(reason) = &after.body.status_reason {
        says.insert("reason".into(), json!(reason));
    }
    let event = EventType::StreamUpdated;
    tell(app, realm, tx, (&after, client), (event, says));
    after
}

/// What became of the wish to verify a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The event is on its way.
    Begun,
    /// The last one is not long enough ago; so many seconds are left.
    TooEarly(Seconds),
    /// The stream is disabled: nothing is told over it.
    Disabled,
}

/// Sends a verification event, with what the receiver wants to read in it.
///
/// # Errors
///
/// The store's.
pub async fn verify(
    app: &App,
    realm: &Realm,
    (stream, client): (&Stream, &Client),
    state: Option<&str>,
) -> Result<Verification, StoreError> {
    if stream.body.status == Status::Disabled {
        return Ok(Verification::Disabled);
    }
    let interval = Seconds(verification_interval(client));
    let mut tx = Tx::new();
    if interval.0 > 0 {
        let now = app.now();
        let key = format!("signal-verification/{}", stream.id);
        if let Some(last) = app.store.single_use(&realm.id, &key).await? {
            if last.expires_at > now {
                return Ok(Verification::TooEarly(left(last.expires_at, now)));
            }
            tx.take_once(&realm.id, &key);
        }
        tx.use_once(&realm.id, &key, "", now + interval);
    }
    let mut says = Json::new();
    if let Some(state) = state {
        says.insert("state".into(), json!(state));
    }
    let event = EventType::Verification;
    tell(app, realm, &mut tx, (stream, client), (event, says));
    match app.commit(tx).await? {
        Commit::Done => Ok(Verification::Begun),
        // Somebody asked at the same moment.
        Commit::Missed(_) | Commit::Conflict(_) => Ok(Verification::TooEarly(interval)),
    }
}

fn left(until: Millis, now: Millis) -> Seconds {
    Seconds((until.0 - now.0 + 999) / 1_000)
}

/// Tells a receiver of its stream.
fn tell(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (stream, client): (&Stream, &Client),
    event: (EventType, Json),
) {
    let now = app.now();
    let subject = set::opaque(&stream.id);
    let kind = event.0;
    let claims = set::claims(stream, now, &app.random.uuid(), subject, event);
    let told = Told {
        stream,
        client,
        event: kind,
        claims,
        sid: None,
        reason: None,
    };
    tx.insert_outbox(&told.row(app, realm, now));
}
