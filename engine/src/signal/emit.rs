//! Something has happened to a person: every stream that wants to know is told, in the job of the
//! change itself.

use std::sync::Arc;

use claviger_model::session::EndReason;
use claviger_model::{User, UserId, UserSession};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::Json;
use claviger_wire::signal::{EventType, Status};
use serde_json::{Value, json};

use super::set::{self, Initiator};
use super::{Stream, Told, is_receiver, subject};
use crate::app::App;
use crate::client::Client;
use crate::outbox::ledger;
use crate::realm::Realm;

/// What has happened, to whom.
#[derive(Clone, Debug)]
pub struct Happening<'a> {
    /// To whom.
    pub user: &'a UserId,
    /// Which event it is.
    pub event: EventType,
    /// Who did it.
    pub by: Initiator,
    /// Why, in words for administrators.
    pub reason: Option<&'a str>,
    /// What else the event says.
    pub says: Json,
}

/// The subject that an event has instead of the person alone.
enum About<'a> {
    Person,
    Session(&'a UserSession, EndReason),
    Address(Value),
}

/// A session has ended.
///
/// # Errors
///
/// The store's.
pub(crate) async fn session_revoked(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    session: &UserSession,
    reason: EndReason,
) -> Result<(), StoreError> {
    let (by, words) = set::cause(reason);
    let happening = Happening {
        user: &session.user,
        event: EventType::SessionRevoked,
        by,
        reason: Some(words),
        says: Json::new(),
    };
    let about = About::Session(session, reason);
    put(app, realm, tx, &happening, &about).await
}

/// Something has happened to a person.
///
/// # Errors
///
/// The store's.
pub async fn happened(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    happening: &Happening<'_>,
) -> Result<(), StoreError> {
    put(app, realm, tx, happening, &About::Person).await
}

/// A person's mail address has changed. The former address is what the event is about.
///
/// # Errors
///
/// The store's.
pub async fn address_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (before, after): (&User, &User),
    by: Initiator,
) -> Result<(), StoreError> {
    let Some(former) = set::former_address(before) else {
        return Ok(());
    };
    let mut says = Json::new();
    if let Some(email) = &after.email {
        says.insert("new-value".into(), json!(email));
    }
    let happening = Happening {
        user: &after.id,
        event: EventType::IdentifierChanged,
        by,
        reason: None,
        says,
    };
    put(app, realm, tx, &happening, &About::Address(former)).await
}

async fn put(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    happening: &Happening<'_>,
    about: &About<'_>,
) -> Result<(), StoreError> {
    let streams = realm.streams().await?;
    let wanting = wanting(realm, &streams, happening.event).await?;
    if wanting.is_empty() {
        return Ok(());
    }
    let told = subject::told_of(app, realm, &wanting, happening.user).await?;
    let now = app.now();
    let txn = app.random.uuid();
    for (stream, client) in told.streams {
        let person = set::person(stream, &client, (happening.user, told.user.as_ref()));
        let (subject, sid) = match about {
            About::Person => (person, None),
            About::Session(session, _) => {
                let sid = session.id.as_str();
                (set::session(&person, sid), Some(sid.to_owned()))
            }
            About::Address(former) => (former.clone(), None),
        };
        let mut says = happening.says.clone();
        says.insert("event_timestamp".into(), json!(now.seconds().0));
        says.insert("initiating_entity".into(), json!(happening.by.as_str()));
        if let Some(reason) = happening.reason {
            says.insert("reason_admin".into(), json!({"en": reason}));
        }
        let claims = set::claims(stream, now, &txn, subject, (happening.event, says));
        let told = Told {
            stream,
            client: &client,
            event: happening.event,
            claims,
            sid,
            reason: None,
        };
        let row = told.row(app, realm, now);
        tx.insert_outbox(&row);
        // An end of a session is a line of the ledger, whoever is told of it.
        if let About::Session(session, reason) = about {
            let delivery = &stream.body.delivery;
            let address = delivery.endpoint_url.as_deref();
            let address = address.filter(|_| delivery.is_push());
            let line = ledger::of_signal(&row, &client, session, (address, *reason));
            tx.insert_logout_delivery(&line);
        }
    }
    Ok(())
}

/// The streams that carry an event, with their clients.
async fn wanting<'a>(
    realm: &Realm,
    streams: &'a [Stream],
    event: EventType,
) -> Result<Vec<(&'a Stream, Arc<Client>)>, StoreError> {
    let mut wanting = Vec::new();
    for stream in streams {
        if stream.body.status == Status::Disabled {
            continue;
        }
        let Some(client) = realm.client_by_uuid(&stream.client).await? else {
            continue;
        };
        if is_receiver(&client) && stream.delivered(&client).contains(&event) {
            wanting.push((stream, client));
        }
    }
    Ok(wanting)
}
