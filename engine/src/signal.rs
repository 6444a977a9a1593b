//! Shared signals: others are told what becomes of people and their sessions, and tell us
//! (OpenID Shared Signals Framework 1.0, CAEP 1.0, RISC 1.0).
//!
//! A receiver is a client; its streams are configuration of the realm, cached with its version, so
//! that a realm without streams pays nothing. What a stream has to tell is written in the job of
//! the change itself, as a row of the outbox: called out ([`push`]) or fetched ([`poll`]).

use claviger_model::{Millis, UserId};
use claviger_store::OutboxRow;
use claviger_wire::document::Json;
use claviger_wire::signal::EventType;

use crate::app::App;
use crate::client::Client;
use crate::logout::notice::{Channel, Notice};
use crate::realm::Realm;

pub mod change;
pub mod emit;
pub mod people;
pub mod poll;
pub(crate) mod push;
pub mod receive;
pub mod scopes;
pub mod set;
pub mod status;
pub mod stream;
pub mod subject;
mod target;

pub use stream::Stream;

/// The realm attribute that switches the transmitter on, as in Keycloak.
pub const TRANSMITTER: &str = "ssf.transmitterEnabled";
/// The client attribute that makes a client a receiver, as in Keycloak.
pub const RECEIVER: &str = "ssf.enabled";
/// How tokens are signed unless the client says otherwise (CAEP interoperability profile §2.6).
const ALGORITHM: &str = "RS256";

/// Whether a realm tells others.
pub fn is_transmitter(realm: &Realm) -> bool {
    let set = realm.settings.attribute(TRANSMITTER);
    set.is_some_and(|set| set.eq_ignore_ascii_case("true"))
}

/// Whether a client may be told.
pub fn is_receiver(client: &Client) -> bool {
    client.settings.enabled && client.settings.flag_attribute(RECEIVER, false)
}

/// What a stream is to tell, about to be put into the outbox.
struct Told<'a> {
    stream: &'a Stream,
    client: &'a Client,
    event: EventType,
    claims: Json,
    sid: Option<String>,
    reason: Option<String>,
}

impl Told<'_> {
    /// The row; its id is the token's, so that whoever has it can be believed by it.
    fn row(self, app: &App, realm: &Realm, now: Millis) -> OutboxRow {
        let id = app.random.uuid();
        let mut claims = self.claims;
        claims.insert("jti".into(), id.clone().into());
        let lane = if self.event.is_chosen() {
            self.stream.lane()
        } else {
            self.stream.lane_of_its_own()
        };
        let algorithm = self.client.settings.attribute("ssf.signatureAlgorithm");
        let notice = Notice {
            url: String::new(),
            realm: realm.name.clone(),
            client: self.client.client_id.clone(),
            sid: self.sid,
            user: None,
            reason: self.reason.or_else(|| Some(self.event.alias().to_owned())),
            algorithm: algorithm.unwrap_or(ALGORITHM).to_owned(),
            claims,
            body: None,
            token: None,
        };
        OutboxRow {
            id,
            realm: realm.id.clone(),
            kind: Channel::SecurityEvent.as_str().to_owned(),
            target: self.stream.id.clone(),
            payload: notice.payload(),
            created_at: now,
            next_at: Millis(now.0.saturating_add(lane.offset())),
            attempts: 0,
        }
    }
}

/// Who is told of, as a key of what was said.
type Subject<'a> = (&'a UserId, Option<&'a claviger_model::User>);
