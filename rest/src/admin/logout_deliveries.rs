//! Who had to be told of logouts, and what became of it: seen, told again, and proven. Keycloak has
//! nothing of this kind; the endpoints are our own.

use axum::http::{HeaderValue, Method, StatusCode, header};
use claviger_engine::logout::receipt::{self, receipt};
use claviger_engine::outbox::retry::{Retry, retry as again};
use claviger_engine::token::MintError;
use claviger_model::{Millis, SessionId};
use claviger_store::{Delivery, DeliveryQuery, DeliveryState, Tx};
use claviger_surface::Answer;
use serde_json::{Map, Value, json};

use crate::admin::events::instant;
use crate::call::{AdminCall, Resource, json as answer, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// How many deliveries a list shows if nobody says.
const PAGE: i64 = 100;
/// How many deliveries a list shows at most.
const PAGE_MAX: i64 = 10_000;
/// How many deliveries are told again by one request.
const RETRIES: i64 = 1_000;
/// How many of them one job puts into the outbox.
const BATCH: usize = 100;
/// The resource type of admin events about it: one that clients of Keycloak know.
const RESOURCE: &str = "USER_SESSION";

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    use Method as M;
    const SEE: Rights = Rights::Any(&[Right::ViewEvents, Right::ManageEvents]);
    const MANAGE: Rights = Rights::Any(&[Right::ManageEvents]);
    vec![
        route(M::GET, "/admin/realms/{realm}/logout-deliveries", SEE, list),
        route(
            M::GET,
            "/admin/realms/{realm}/logout-deliveries/count",
            SEE,
            count,
        ),
        route(
            M::POST,
            "/admin/realms/{realm}/logout-deliveries/retry",
            MANAGE,
            retry_all,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/logout-deliveries/{delivery}",
            SEE,
            one,
        ),
        route(
            M::POST,
            "/admin/realms/{realm}/logout-deliveries/{delivery}/retry",
            MANAGE,
            retry,
        ),
        route(
            M::GET,
            "/admin/realms/{realm}/logout-receipts/{session}",
            SEE,
            receipt_of,
        ),
    ]
}

fn named(call: &AdminCall, name: &str) -> Option<String> {
    let text = call.query.get(name).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

/// What the query asks for: `state` (several times, or with commas between), `client`, `user`,
/// `session`, `since`, and the page.
fn query(call: &AdminCall) -> Result<DeliveryQuery, Problem> {
    let sent = call.query.iter().filter(|(name, _)| *name == "state");
    let names = sent.flat_map(|(_, value)| value.split(','));
    let states = names
        .filter(|name| !name.is_empty())
        .map(|name| {
            name.parse::<DeliveryState>().map_err(|_| {
                let known = DeliveryState::ALL.map(DeliveryState::as_str).join(", ");
                let text = format!("Invalid value for 'state', expected one of {known}");
                Problem::error(StatusCode::BAD_REQUEST, &text)
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let max = call.number("max")?.filter(|max| *max >= 0).unwrap_or(PAGE);
    Ok(DeliveryQuery {
        states,
        client_id: named(call, "client"),
        user: named(call, "user"),
        session: named(call, "session"),
        since: instant(call, "since", false)?,
        first: call.number("first")?.unwrap_or(0).max(0),
        max: max.min(PAGE_MAX),
    })
}

/// A delivery as it is shown; what is not known is left out.
fn show(delivery: &Delivery) -> Value {
    let at = |instant: Option<Millis>| json!(instant.map(|instant| instant.0));
    let members = [
        ("id", json!(delivery.id)),
        ("sessionId", json!(delivery.session)),
        ("userId", json!(delivery.user)),
        ("clientId", json!(delivery.client_id)),
        ("channel", json!(delivery.channel)),
        ("address", json!(delivery.address)),
        ("reason", json!(delivery.reason)),
        ("state", json!(delivery.state.as_str())),
        ("status", json!(delivery.status)),
        ("attempts", json!(delivery.attempts)),
        ("lastError", json!(delivery.last_error)),
        ("created", json!(delivery.created_at.0)),
        ("nextAttempt", at(delivery.next_at)),
        ("ended", at(delivery.ended_at)),
        ("expires", json!(delivery.expires_at.0)),
    ];
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Value::Object(members.collect())
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let query = query(&call)?;
    let realm = &call.realm.id;
    let found = call.app.store.logout_deliveries(realm, &query).await?;
    Ok(read_out(&found.iter().map(show).collect::<Vec<_>>()))
}

/// How many deliveries the same filters find, by state and together.
async fn count(call: AdminCall) -> Result<Answer, Problem> {
    let query = query(&call)?;
    let realm = &call.realm.id;
    let found = call.app.store.logout_delivery_counts(realm, &query).await?;
    let mut counts: Map<String, Value> = DeliveryState::ALL
        .iter()
        .map(|state| (state.as_str().to_owned(), json!(0)))
        .collect();
    let mut all = 0;
    for (state, count) in found {
        counts.insert(state.as_str().to_owned(), json!(count));
        all += count;
    }
    counts.insert("count".to_owned(), json!(all));
    Ok(read_out(&counts))
}

/// The delivery that the path names.
async fn delivery(call: &AdminCall) -> Result<Delivery, Problem> {
    let id = call.param("delivery");
    let found = call.app.store.logout_delivery(&call.realm.id, id).await?;
    found.ok_or_else(|| Problem::not_found("Logout delivery not found"))
}

async fn one(call: AdminCall) -> Result<Answer, Problem> {
    Ok(read_out(&show(&delivery(&call).await?)))
}

/// Why nothing is told again.
const fn refusal(retry: Retry) -> Option<&'static str> {
    match retry {
        Retry::Due => None,
        Retry::Confirmed => Some("The receiver has confirmed it"),
        Retry::Unreadable => Some("It cannot be told any more: its message is not kept"),
    }
}

async fn retry(call: AdminCall) -> Result<Answer, Problem> {
    let delivery = delivery(&call).await?;
    let mut tx = Tx::new();
    let retried = again(&call.app, &call.realm, &mut tx, &delivery).await?;
    if let Some(text) = refusal(retried) {
        return Err(Problem::conflict(text));
    }
    record(&call, &mut tx);
    done(call.app.commit(tx).await?)?;
    let delivery = self::delivery(&call).await?;
    let shown = Answer::json(StatusCode::ACCEPTED, &show(&delivery));
    Ok(shown.no_cache())
}

fn record(call: &AdminCall, tx: &mut Tx) {
    let path = call.resource_path();
    let resource = Resource {
        operation: "ACTION",
        kind: RESOURCE,
        path: Some(&path),
    };
    let client = named(call, "client");
    call.record_with(tx, resource, None, &[("client_id", client.as_deref())]);
}

/// Tells again what fails or was given up, of one client or of all: as many as one request may.
async fn retry_all(call: AdminCall) -> Result<Answer, Problem> {
    let mut query = query(&call)?;
    if query.states.is_empty() {
        query.states = vec![DeliveryState::Failing, DeliveryState::GivenUp];
    }
    (query.first, query.max) = (0, RETRIES);
    let found = call
        .app
        .store
        .logout_deliveries(&call.realm.id, &query)
        .await?;
    let (mut retried, mut refused) = (0, Vec::new());
    for some in found.chunks(BATCH) {
        let mut tx = Tx::new();
        let mut due = Vec::new();
        for delivery in some {
            match refusal(again(&call.app, &call.realm, &mut tx, delivery).await?) {
                None => due.push(delivery),
                Some(why) => refused.push(json!({"id": delivery.id, "reason": why})),
            }
        }
        retried += due.len();
        if call.app.commit(tx).await?.is_done() {
            continue;
        }
        // Somebody else has just done the same with one of them: the others are done one by one.
        for delivery in due {
            let mut tx = Tx::new();
            again(&call.app, &call.realm, &mut tx, delivery).await?;
            let _done = call.app.commit(tx).await?;
        }
    }
    let mut tx = Tx::new();
    record(&call, &mut tx);
    done(call.app.commit(tx).await?)?;
    let more = i64::try_from(found.len()).unwrap_or(i64::MAX) == RETRIES;
    Ok(answer(
        &json!({"retried": retried, "refused": refused, "more": more}),
    ))
}

/// What ended of a session and who was told, signed by the realm.
async fn receipt_of(call: AdminCall) -> Result<Answer, Problem> {
    let session = SessionId::new(call.param("session"));
    let issuer = call.context.issuer(&call.realm.name);
    let made = receipt(&call.app, &call.realm, &issuer, &session).await;
    let made = made.map_err(|error| match error {
        MintError::Store(error) => error.into(),
        error @ (MintError::NoKey(_) | MintError::Signature(_) | MintError::Sealing(_)) => {
            tracing::error!("a receipt of a logout cannot be signed: {error}");
            Problem::unknown()
        }
    })?;
    let made = made.ok_or_else(|| Problem::not_found("No logout of this session is known"))?;
    let kind = HeaderValue::from_str(&format!("application/{}", receipt::TYP));
    let kind = kind.unwrap_or_else(|_| HeaderValue::from_static("application/jwt"));
    Ok(Answer::text(StatusCode::OK, &made)
        .with(header::CONTENT_TYPE, kind)
        .no_cache())
}
