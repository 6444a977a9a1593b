//! Telling it again because somebody asks for it: what waits is due at once, what was given up goes
//! into the outbox anew.

use claviger_model::ClientUuid;
use claviger_store::{Delivery, DeliveryState, OutboxRow, StoreError, Tx};
use claviger_wire::document::Json;

use super::ledger::{last_day, place};
use crate::app::App;
use crate::logout::notice::{Channel, Notice};
use crate::logout::{backchannel, global};
use crate::realm::Realm;

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It is told again as soon as the job is committed.
    Due,
    /// There is nothing to tell: the receiver has confirmed it.
    Confirmed,
    /// It cannot be told any more: its message could not be read, or is not kept.
    Unreadable,
}

/// Puts into the job that a delivery is told again now. If the client has another back channel
/// address by now, it is told there: a wrong address is the usual reason why nobody answers.
pub async fn retry(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    delivery: &Delivery,
) -> Result<Retry, StoreError> {
    let (at, id) = (&realm.id, delivery.id.as_str());
    let now = app.now();
    match delivery.state {
        DeliveryState::Confirmed => return Ok(Retry::Confirmed),
        DeliveryState::Pending | DeliveryState::Failing => {
            let Some(row) = app.store.outbox_message(at, id).await? else {
                // It was told, or given up, since it was read.
                return Ok(Retry::Due);
            };
            if let Some((channel, mut notice)) = Notice::read(&row) {
                readdress((app, realm), delivery, channel, &mut notice).await?;
                tx.rewrite_outbox(at, id, &notice.payload());
                tx.hasten_logout_delivery(at, id, now, &shown(delivery, channel, &notice));
            }
            tx.hasten_outbox(at, id, now);
        }
        DeliveryState::GivenUp => {
            let payload = app.store.logout_delivery_payload(at, id).await?;
            let kept = payload.map(|payload| message(delivery, payload, now));
            let read = kept.and_then(|row| Notice::read(&row).map(|read| (row, read)));
            let Some((mut row, (channel, mut notice))) = read else {
                return Ok(Retry::Unreadable);
            };
            readdress((app, realm), delivery, channel, &mut notice).await?;
            row.payload = notice.payload();
            let until = (now, last_day(now));
            tx.revive_logout_delivery((at, id), &shown(delivery, channel, &notice), until);
            tx.insert_outbox(&row);
        }
    }
    app.nudges.add(&delivery.target);
    Ok(Retry::Due)
}

/// The address that the line shows; a stream says when it is told where that is.
fn shown(delivery: &Delivery, channel: Channel, notice: &Notice) -> String {
    if channel == Channel::SecurityEvent {
        return delivery.address.clone();
    }
    place(&notice.url)
}

/// The message of a delivery that was given up, as new: its time to be told begins again.
fn message(delivery: &Delivery, payload: Json, now: claviger_model::Millis) -> OutboxRow {
    OutboxRow {
        id: delivery.id.clone(),
        realm: delivery.realm.clone(),
        kind: delivery.channel.clone(),
        target: delivery.target.clone(),
        payload,
        created_at: now,
        next_at: now,
        attempts: 0,
    }
}

/// Gives a message the address that its client has today, if it has one that is the same for all
/// sessions.
async fn readdress(
    (app, realm): (&App, &Realm),
    delivery: &Delivery,
    channel: Channel,
    notice: &mut Notice,
) -> Result<(), StoreError> {
    if !matches!(channel, Channel::BackChannel | Channel::GlobalRevocation) {
        return Ok(());
    }
    let uuid = ClientUuid::new(delivery.target.as_str());
    let Some(client) = realm.client_by_uuid(&uuid).await? else {
        return Ok(());
    };
    if channel == Channel::GlobalRevocation {
        global::readdress(app, realm, &client, notice);
        return Ok(());
    }
    let issuer = notice.claims.get("iss").and_then(|iss| iss.as_str());
    if let Some(url) = issuer.and_then(|issuer| backchannel::address(&client, issuer)) {
        notice.url = url;
    }
    Ok(())
}
