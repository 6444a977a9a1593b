//! Streams are made, changed and ended (SSF §8.1.1).

use claviger_store::{StoreError, Tx};
use claviger_wire::signal::{Delivery, Status, StreamBody, StreamInput};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Stream, target};
use crate::app::App;
use crate::client::Client;
use crate::outbox::ledger::KEPT;
use crate::realm::Realm;

/// How many streams a client has at most.
pub const STREAMS_MAX: usize = 16;
/// How many events are asked for at most, and how long the name of each may be.
const EVENTS_MAX: (usize, usize) = (32, 256);
/// The longest description.
const DESCRIPTION_MAX: usize = 255;
/// The longest `authorization_header`.
const HEADER_MAX: usize = 1_024;
/// How many additional parameters there are at most, and how long they may be in all.
const PARAMETERS_MAX: (usize, usize) = (8, 2_560);

/// Why there is no such stream.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// What was sent is not right; the text says what.
    #[error("{0}")]
    Invalid(String),
    /// The client has as many as it may.
    #[error("Only {STREAMS_MAX} streams per receiver are allowed")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn invalid(text: impl Into<String>) -> StreamError {
    StreamError::Invalid(text.into())
}

/// Who makes a stream, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// The issuer under which the receiver knows the realm.
    pub issuer: &'a str,
    /// Whether it is an administrator.
    pub is_admin: bool,
}

/// Makes a stream.
///
/// # Errors
///
/// What is wrong with what was sent, or the store's.
pub async fn create(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &Client,
    (maker, input): (Maker<'_>, StreamInput),
) -> Result<Stream, StreamError> {
    let given = [
        ("iss", input.iss.is_some()),
        ("aud", input.aud.is_some()),
        ("format", input.format.is_some()),
    ];
    if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
        let text = format!("Invalid stream configuration: {name} is the transmitter's to supply");
        return Err(invalid(text));
    }
    if realm.streams_of(&client.uuid).await?.len() >= STREAMS_MAX {
        return Err(StreamError::TooMany);
    }
    let id = app.random.uuid();
    let now = app.now().seconds().0;
    let delivery = input
        .delivery
        .ok_or_else(|| invalid("Invalid stream configuration: missing delivery configuration"))?;
    let mut stream = Stream {
        client: client.uuid.clone(),
        body: StreamBody {
            stream_id: id.clone(),
            iss: maker.issuer.to_owned(),
            aud: vec![audience(client, &id)],
            events_requested: events(input.events_requested.unwrap_or_default())?,
            description: description(input.description)?,
            status: Status::Enabled,
            created_at: now,
            updated_at: now,
            made_by_admin: maker.is_admin,
            ..StreamBody::default()
        },
        id,
    };
    stream.body.delivery = delivered(realm, client, &stream, delivery)?;
    tx.insert_document(&realm.id, &stream.document());
    Ok(stream)
}

/// Changes a stream: what is not sent stays (`PATCH`), or is as it was never said (`PUT`).
///
/// # Errors
///
/// What is wrong with what was sent.
pub fn update(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (stream, client): (&Stream, &Client),
    (input, is_whole): (StreamInput, bool),
) -> Result<Stream, StreamError> {
    refuse_foreign(stream, client, &input)?;
    let mut after = stream.clone();
    let body = &mut after.body;
    if is_whole && input.delivery.is_none() {
        return Err(invalid("Invalid stream replace: delivery is required"));
    }
    if is_whole || input.events_requested.is_some() {
        body.events_requested = events(input.events_requested.unwrap_or_default())?;
    }
    if is_whole || input.description.is_some() {
        body.description = description(input.description)?;
    }
    body.updated_at = app.now().seconds().0;
    if let Some(delivery) = input.delivery {
        after.body.delivery = delivered(realm, client, &after, delivery)?;
    }
    tx.update_document(&realm.id, &after.document());
    if after.lane() != stream.lane() {
        tx.shift_signals(&realm.id, &after.id, after.lane());
    }
    Ok(after)
}

/// Ends a stream, with all that waits for it.
pub fn delete(app: &App, realm: &Realm, tx: &mut Tx, stream: &Stream) {
    let document = stream.document();
    tx.delete_document(&realm.id, document.kind, &document.id);
    tx.end_signals(&realm.id, &stream.id);
    let (now, why) = (app.now(), "the stream was deleted");
    tx.end_signal_deliveries(&realm.id, &stream.id, why, (now, now + KEPT));
}

/// What only the transmitter may say may be sent, but only as it is (SSF §8.1.1.3).
fn refuse_foreign(
    stream: &Stream,
    client: &Client,
    input: &StreamInput,
) -> Result<(), StreamError> {
    let is = stream.shown(client);
    let one_or_many = |value: &Value| {
        if value.is_string() {
            json!([value])
        } else {
            value.clone()
        }
    };
    let sent = [
        ("iss", &input.iss),
        ("aud", &input.aud),
        ("events_supported", &input.events_supported),
        ("events_delivered", &input.events_delivered),
        (
            "min_verification_interval",
            &input.min_verification_interval,
        ),
    ];
    for (name, value) in sent {
        let Some(value) = value else { continue };
        let known = is.get(name).map(one_or_many).unwrap_or_default();
        if sorted(one_or_many(value)) != sorted(known) {
            let text = format!("Invalid stream configuration: {name} cannot be changed");
            return Err(invalid(text));
        }
    }
    Ok(())
}

fn sorted(value: Value) -> Value {
    let Value::Array(mut items) = value else {
        return value;
    };
    items.sort_by_key(ToString::to_string);
    Value::Array(items)
}

fn audience(client: &Client, id: &str) -> String {
    let set = client.settings.attribute("ssf.streamAudience");
    set.map_or_else(|| format!("{}/{id}", client.client_id), str::to_owned)
}

fn events(asked: Vec<String>) -> Result<Vec<String>, StreamError> {
    if asked.len() > EVENTS_MAX.0 || asked.iter().any(|name| name.len() > EVENTS_MAX.1) {
        return Err(invalid(
            "Invalid stream configuration: events_requested is too long",
        ));
    }
    Ok(asked)
}

fn description(text: Option<String>) -> Result<Option<String>, StreamError> {
    match text {
        Some(text) if text.chars().count() > DESCRIPTION_MAX => Err(invalid(
            "Invalid stream configuration: description is too long",
        )),
        other => Ok(other),
    }
}

/// The delivery that was sent, if it can be; where a receiver polls is the transmitter's to say
/// (SSF §6.1.2).
fn delivered(
    realm: &Realm,
    client: &Client,
    stream: &Stream,
    mut delivery: Delivery,
) -> Result<Delivery, StreamError> {
    let what = |text: &str| invalid(format!("Invalid stream configuration: {text}"));
    if let Some(parameters) = &delivery.additional_parameters
        && (parameters.len() > PARAMETERS_MAX.0
            || json!(parameters).to_string().len() > PARAMETERS_MAX.1)
    {
        return Err(what("too many additional parameters"));
    }
    if delivery.is_poll() {
        let client_id = utf8_percent_encode(&client.client_id, NON_ALPHANUMERIC);
        delivery.endpoint_url = Some(format!(
            "{}/ssf/transmitter/receivers/{client_id}/streams/{}/poll",
            stream.body.iss, stream.id
        ));
        delivery.authorization_header = None;
        return Ok(delivery);
    }
    if !delivery.is_push() {
        return Err(what("unsupported delivery method"));
    }
    let Some(url) = delivery
        .endpoint_url
        .as_deref()
        .filter(|url| !url.is_empty())
    else {
        return Err(what("missing delivery endpoint push URL"));
    };
    target::check(realm, client, url).map_err(invalid)?;
    if let Some(header) = &delivery.authorization_header {
        let fits = |byte: u8| (b' '..=b'~').contains(&byte);
        if header.len() > HEADER_MAX || !header.bytes().all(fits) {
            return Err(what("authorization_header cannot be sent"));
        }
    }
    Ok(delivery)
}
