//! A signed receipt of a logout: what ended, who was told, and when they confirmed it. Whoever has
//! the realm's public keys can check it, without asking this server.

use std::collections::BTreeSet;

use claviger_crypto::algorithm::Algorithm;
use claviger_model::session::SessionKind;
use claviger_model::{Millis, SessionId};
use claviger_store::{Delivery, DeliveryQuery, Ending};
use claviger_wire::document::Json;
use serde_json::{Value, json};

use crate::app::App;
use crate::realm::Realm;
use crate::token::MintError;
use crate::token::sign::signed;

/// `typ` in the header. No token has it, and nothing that takes tokens takes it.
pub const TYP: &str = "logout-receipt+jwt";
/// The claim that says everything. What tokens say it with (`sub`, `sid`, `aud`, `exp`, …) is not
/// there: a receipt says that something is over, and entitles to nothing.
pub const CLAIM: &str = "logout_receipt";
/// How many ends, and how many deliveries, one receipt speaks of.
const MOST: i64 = 1_000;

/// The receipt of a session, signed now, or none if nothing is known of its end: it has not ended,
/// or so long ago that it is forgotten. `issuer` is the realm's.
pub async fn receipt(
    app: &App,
    realm: &Realm,
    issuer: &str,
    session: &SessionId,
) -> Result<Option<String>, MintError> {
    let store = &app.store;
    let endings = store.logout_endings(&realm.id, session, MOST).await?;
    let Some(last) = endings.last() else {
        return Ok(None);
    };
    let query = DeliveryQuery {
        session: Some(session.as_str().to_owned()),
        max: MOST,
        ..DeliveryQuery::default()
    };
    let mut deliveries = store.logout_deliveries(&realm.id, &query).await?;
    deliveries.reverse();
    let mut said = Json::new();
    said.insert("session".into(), json!(session.as_str()));
    said.insert("user".into(), json!(last.user.as_str()));
    let ended: Vec<Value> = endings.iter().map(end).collect();
    said.insert("ended".into(), Value::Array(ended));
    let told: Vec<Value> = deliveries.iter().map(told).collect();
    said.insert("told".into(), Value::Array(told));
    let untold = json!(untold(&endings, &deliveries));
    said.insert("untold".into(), untold);
    let revocations = store
        .revocations_of_session(&realm.id, session, MOST)
        .await?;
    said.insert("revocations".into(), json!(revocations));
    let mut claims = Json::new();
    claims.insert("iss".into(), json!(issuer));
    claims.insert("iat".into(), json!(app.now().seconds().0));
    claims.insert("jti".into(), json!(app.random.uuid()));
    claims.insert(CLAIM.into(), Value::Object(said));
    signed(app, realm, algorithm(realm), TYP, &claims)
        .await
        .map(Some)
}

/// The realm's algorithm, but for those that only the realm itself could check.
pub(super) fn algorithm(realm: &Realm) -> &str {
    let own = realm.settings.default_signature_algorithm.as_str();
    let is_public = Algorithm::from_name(own).is_some_and(|own| !own.is_symmetric());
    if is_public {
        own
    } else {
        Algorithm::Rs256.name()
    }
}

fn end(ending: &Ending) -> Value {
    let clients: BTreeSet<&str> = ending.clients.iter().map(|one| &*one.client).collect();
    json!({
        "what": if ending.whole { "session" } else { "clients" },
        "offline": ending.kind == SessionKind::Offline,
        "reason": ending.reason,
        "at_ms": ending.ended_at.0,
        "clients": clients,
    })
}

fn told(delivery: &Delivery) -> Value {
    let at = |instant: Option<Millis>| instant.map(|instant| instant.0);
    let mut line = json!({
        "delivery": delivery.id,
        "client": delivery.client_id,
        "channel": delivery.channel,
        "address": delivery.address,
        "state": delivery.state.as_str(),
        "attempts": delivery.attempts,
        "written_at_ms": delivery.created_at.0,
        "status": delivery.status,
        "last_error": delivery.last_error,
        "next_attempt_at_ms": at(delivery.next_at),
        "ended_at_ms": at(delivery.ended_at),
    });
    if let Value::Object(line) = &mut line {
        line.retain(|_, value| !value.is_null());
    }
    line
}

/// Clients that had a part in what ended and are told nothing by the server: they have no address
/// for it, or hear of it through the browser alone, or ended it themselves.
fn untold<'a>(endings: &'a [Ending], deliveries: &[Delivery]) -> BTreeSet<&'a str> {
    let known: BTreeSet<&str> = deliveries.iter().map(|one| &*one.id).collect();
    let concerned = endings.iter().flat_map(|ending| &ending.clients);
    let untold = concerned.filter(|one| {
        let delivery = one.delivery.as_deref();
        delivery.is_none_or(|delivery| !known.contains(delivery))
    });
    untold.map(|one| &*one.client).collect()
}
