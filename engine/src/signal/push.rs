//! A token of a stream is about to be pushed (RFC 8935): where to, as the stream is now.

use claviger_store::{OutboxRow, StoreError, Tx};
use claviger_wire::signal::Status;

use super::{Stream, is_receiver, is_transmitter};
use crate::app::App;
use crate::logout::notice::Notice;

/// Where a token goes.
pub(crate) enum Goes {
    /// There, with this in `Authorization`.
    To {
        url: String,
        authorization: Option<String>,
    },
    /// Nowhere now: the stream pauses, or is fetched from.
    Later,
    /// Nowhere any more.
    Nowhere,
}

/// Where a token goes. What lies in the wrong lane, since it was written while the stream was being
/// changed, is put into the right one.
pub(crate) async fn goes(app: &App, row: &OutboxRow, notice: &Notice) -> Result<Goes, StoreError> {
    let Some(realm) = app.realm_by_id(&row.realm).await? else {
        return Ok(Goes::Nowhere);
    };
    let streams = realm.streams().await?;
    let Some(stream) = streams.iter().find(|stream| stream.id == row.target) else {
        return Ok(Goes::Nowhere);
    };
    let client = realm.client_by_uuid(&stream.client).await?;
    if !is_transmitter(&realm) || !client.is_some_and(|client| is_receiver(&client)) {
        return Ok(Goes::Nowhere);
    }
    let is_own = is_about(stream, notice);
    if stream.body.status == Status::Disabled && !is_own {
        return Ok(Goes::Nowhere);
    }
    let pauses = stream.body.status == Status::Paused && !is_own;
    if pauses || !stream.body.delivery.is_push() {
        let mut tx = Tx::new();
        tx.shift_signals(&realm.id, &stream.id, stream.lane());
        let _done = app.commit(tx).await?;
        return Ok(Goes::Later);
    }
    let delivery = &stream.body.delivery;
    Ok(match &delivery.endpoint_url {
        Some(url) => Goes::To {
            url: url.clone(),
            authorization: delivery.authorization_header.clone(),
        },
        None => Goes::Nowhere,
    })
}

/// Whether a token tells of the stream itself.
fn is_about(stream: &Stream, notice: &Notice) -> bool {
    let subject = notice
        .claims
        .get("sub_id")
        .and_then(|subject| subject.get("id"));
    subject.and_then(serde_json::Value::as_str) == Some(stream.id.as_str())
}
