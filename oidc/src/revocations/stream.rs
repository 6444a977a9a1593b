//! The records as Server-Sent Events (HTML §9.2), for as long as somebody listens who may.
//!
//! `revocation` is a record, with its number as the event's id. `head` promises that everything up
//! to its number has been sent: it comes when that is so for the first time, and then every ten
//! seconds. While the database does not answer it does not come, and whoever listens knows that they
//! know nothing new. `end` says why nothing more comes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use claviger_engine::App;
use claviger_engine::revocation::follow::{Follow, FollowError, Place, follow};
use claviger_model::{ClientUuid, Millis, Numbered, RealmId};
use claviger_wire::revocation::{Beat, Record};
use futures_util::stream::unfold;
use tokio::time::Instant;

use super::{Reader, gone, may_read, never_given, place};
use crate::answer::Answer;
use crate::call::Call;
use crate::problem::Problem;

/// How often a listener hears that nothing is new; also how often it is looked whether it may listen.
const BEAT: Duration = Duration::from_secs(10);
/// How often it is tried again to promise completeness, while that cannot be.
const SOON: Duration = Duration::from_millis(50);
/// How many records are told at most before an end.
const LAST_MAX: i64 = 1_000;

/// A listener, and what it has been told.
struct Listener {
    app: App,
    realm: String,
    realm_id: RealmId,
    client: ClientUuid,
    follow: Follow,
    /// When the token runs out that it came with.
    end: Option<Millis>,
    next_beat: Instant,
    is_over: bool,
    _place: Place,
}

/// Begins a stream behind `Last-Event-ID`, or `since`; without either, with everything that matters.
pub async fn answer(call: Call, reader: Reader) -> Response {
    let listener = match begin(&call, reader).await {
        Ok(listener) => listener,
        Err(problem) => return call.respond(Err(problem)),
    };
    let answer = Answer::empty(StatusCode::OK)
        .no_store()
        .with(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        )
        // Or a proxy would keep events until it has a buffer full of them.
        .with(
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        );
    let mut response = call.respond(Ok(answer));
    let events = unfold(listener, |mut listener| async move {
        let text = listener.next().await?;
        Some((Ok::<_, std::convert::Infallible>(text), listener))
    });
    *response.body_mut() = Body::from_stream(events);
    response
}

async fn begin(call: &Call, reader: Reader) -> Result<Listener, Problem> {
    let mut since = super::Wanted::of(call)?.since;
    let resumed = call.header(HeaderName::from_static("last-event-id"));
    if let Some(resumed) = resumed.and_then(|id| id.trim().parse::<i64>().ok()) {
        since = Some(resumed);
    }
    let place = place(call, &reader)?;
    let since = since.unwrap_or(0).max(0);
    let follow = match follow(&call.app, &call.realm.id, since).await {
        Ok(follow) => follow,
        Err(FollowError::Gone) => return Err(gone()),
        Err(FollowError::Stopping) => return Err(Problem::busy()),
        Err(FollowError::Store(error)) => return Err(error.into()),
    };
    let head = call.app.store.revocation_head(&call.realm.id).await?;
    if head.is_some_and(|head| since > head.last) {
        return Err(never_given());
    }
    Ok(Listener {
        app: call.app.clone(),
        realm: call.realm.name.clone(),
        realm_id: call.realm.id.clone(),
        client: reader.client.uuid.clone(),
        follow,
        end: reader.end,
        next_beat: Instant::now(),
        is_over: false,
        _place: place,
    })
}

/// Records as events, and whether one of them concerns a whole client or realm.
fn told(records: &[impl AsRef<Numbered>]) -> (String, bool) {
    let mut text = String::new();
    let mut is_wide = false;
    for numbered in records {
        let numbered = numbered.as_ref();
        let data = serde_json::to_string(&Record::from(numbered)).unwrap_or_default();
        let _ = write!(
            text,
            "id: {}\nevent: revocation\ndata: {data}\n\n",
            numbered.seq
        );
        let record = &numbered.revocation;
        is_wide |= record.session.is_none() && record.user.is_none() && record.jti.is_none();
    }
    (text, is_wide)
}

impl Listener {
    /// The next text to be sent, or the end.
    async fn next(&mut self) -> Option<String> {
        while !self.is_over {
            tokio::select! {
                biased;
                records = self.follow.next() => match records {
                    Ok(records) => return Some(self.told(&records).await),
                    Err(FollowError::Gone) => return Some(self.over("gone")),
                    Err(FollowError::Stopping) => return Some(self.over("stopping")),
                    Err(FollowError::Store(_)) => {
                        // Nothing is promised meanwhile.
                        tokio::time::sleep(SOON * 10).await;
                    }
                },
                () = tokio::time::sleep_until(self.next_beat) => {
                    if let Some(text) = self.beat().await {
                        return Some(text);
                    }
                }
            }
        }
        None
    }

    /// Records as events. Behind one that concerns this listener's own realm or client, it is looked
    /// whether it may go on.
    async fn told(&mut self, records: &[impl AsRef<Numbered>]) -> String {
        let (mut text, is_wide) = told(records);
        if is_wide && let Some(why) = self.refusal().await {
            text.push_str(&self.over(why));
        }
        text
    }

    /// The promise that all has been sent, if it can be made.
    async fn beat(&mut self) -> Option<String> {
        if let Some(why) = self.refusal().await {
            return Some(self.last(why).await);
        }
        if !self.follow.is_fresh() {
            self.next_beat = Instant::now() + SOON;
            return None;
        }
        self.next_beat = Instant::now() + BEAT;
        let head = self.follow.position();
        let time_ms = self.app.now().0;
        let data = serde_json::to_string(&Beat { head, time_ms }).unwrap_or_default();
        Some(format!("id: {head}\nevent: head\ndata: {data}\n\n"))
    }

    /// Why it may not listen any more.
    async fn refusal(&self) -> Option<&'static str> {
        if self.end.is_some_and(|end| end <= self.app.now()) {
            return Some("token_expired");
        }
        // Without the database nobody is thrown out: nothing is promised, either.
        let Ok(realm) = self.app.realm(&self.realm).await else {
            return None;
        };
        let Some(realm) = realm else {
            return Some("gone");
        };
        if !realm.enabled {
            return Some("realm_disabled");
        }
        match realm.client_by_uuid(&self.client).await {
            Err(_) => None,
            Ok(client) => {
                let may = client.is_some_and(|client| may_read(&client));
                (!may).then_some("access_denied")
            }
        }
    }

    /// What was written before the end, so that nobody misses the record of what cut them off, and the
    /// end.
    async fn last(&mut self, why: &str) -> String {
        let (seen, now) = (self.follow.position(), self.app.now());
        let store = &self.app.store;
        let rest = store.revocations_since(&self.realm_id, seen, now, LAST_MAX);
        let rest: Vec<Arc<Numbered>> = rest
            .await
            .unwrap_or_default()
            .into_iter()
            .map(Arc::new)
            .collect();
        let mut text = told(&rest).0;
        text.push_str(&self.over(why));
        text
    }

    fn over(&mut self, why: &str) -> String {
        self.is_over = true;
        format!("event: end\ndata: {{\"reason\":\"{why}\"}}\n\n")
    }
}
