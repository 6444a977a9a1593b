//! `GET /realms/{realm}/revocations`: the realm's records for whoever checks tokens by themselves
//! (`docs/logout.md`), once, as a long poll, or as a stream of events.

mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::Response;
use claviger_engine::client::Client;
use claviger_engine::revocation::follow::{FollowError, Place, follow};
use claviger_model::{Millis, Numbered};
use claviger_wire::revocation::{Feed, Record};

use crate::Help;
use crate::answer::Answer;
use crate::bearer;
use crate::call::Call;
use crate::client_auth;
use crate::problem::Problem;

/// The client's attribute that switches it on.
pub const ENABLED: &str = "revocation.feed.enabled";
/// The longest wait for something to come.
const LONGEST_WAIT: u64 = 60;
/// Records in one answer, if the caller does not say, and at most.
const LIMIT: i64 = 1_000;
/// See [`LIMIT`].
const LONGEST: i64 = 10_000;

/// Who asks: a client that may, and until when it may.
#[derive(Debug)]
struct Reader {
    client: Arc<Client>,
    /// The end of the token that it came with.
    end: Option<Millis>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    since: Option<i64>,
    wait: Duration,
    limit: i64,
}

/// Answers, once or for as long as somebody listens.
pub async fn show(mut call: Call) -> Response {
    let reader = match Box::pin(reader(&mut call)).await {
        Ok(reader) => reader,
        Err(problem) => return call.respond(Err(problem)),
    };
    if wants_events(&call) {
        return Box::pin(stream::answer(call, reader)).await;
    }
    let outcome = Box::pin(run(&call, &reader)).await;
    call.respond(outcome.map(Answer::no_store))
}

fn wants_events(call: &Call) -> bool {
    let accepted = call.header(header::ACCEPT).unwrap_or_default();
    let mut kinds = accepted.split(',').map(str::trim);
    kinds.any(|kind| kind.split(';').next() == Some("text/event-stream"))
}

/// Finds out who asks, and whether they may: a confidential client with its secret, or with an access
/// token of its own service account.
async fn reader(call: &mut Call) -> Result<Reader, Problem> {
    call.check_ssl()?;
    call.check_realm()?;
    let reader = if call.bearer()?.is_some() {
        let accepted = bearer::accept(call).await?;
        let own = accepted.usable.user().service_account_of.as_ref();
        if own != Some(&accepted.client.uuid) {
            return Err(not_for(Help::RevocationFeedOff));
        }
        let end = accepted.token.expires_at;
        Reader {
            client: accepted.client,
            end: end.map(claviger_model::Seconds::millis),
        }
    } else {
        let mut event = call.event("CLIENT_LOGIN");
        let client = client_auth::identify(call, &mut event).await?;
        Reader { client, end: None }
    };
    if reader.client.settings.public_client || !may_read(&reader.client) {
        return Err(not_for(Help::RevocationFeedOff));
    }
    Ok(reader)
}

fn may_read(client: &Client) -> bool {
    client.settings.enabled && client.settings.flag_attribute(ENABLED, false)
}

fn not_for(help: Help) -> Problem {
    let text = "The client may not read what is revoked";
    Problem::new(help, StatusCode::FORBIDDEN, "access_denied", text)
}

impl Wanted {
    fn of(call: &Call) -> Result<Self, Problem> {
        let number = |name: &str| -> Result<Option<i64>, Problem> {
            let Some(text) = call.query.get(name) else {
                return Ok(None);
            };
            match text.parse::<i64>() {
                Ok(number) if number >= 0 => Ok(Some(number)),
                _ => {
                    let text = format!("{name} is no whole number from 0");
                    let help = Help::RequestMalformed;
                    Err(Problem::bad_request(help, "invalid_request", text))
                }
            }
        };
        if call.query.has_repeated() {
            let (help, text) = (Help::ParameterRepeated, "duplicated parameter");
            return Err(Problem::bad_request(help, "invalid_request", text));
        }
        let wait = number("wait")?.and_then(|wait| u64::try_from(wait).ok());
        Ok(Self {
            since: number("since")?,
            wait: Duration::from_secs(wait.unwrap_or(0).min(LONGEST_WAIT)),
            limit: number("limit")?.unwrap_or(LIMIT).clamp(1, LONGEST),
        })
    }
}

/// A place for a follower, if one is free.
fn place(call: &Call, reader: &Reader) -> Result<Place, Problem> {
    let place = call.app.followers.place(&reader.client.uuid);
    place.ok_or_else(Problem::busy)
}

fn gone() -> Problem {
    let (help, status) = (Help::RealmNotFound, StatusCode::NOT_FOUND);
    Problem::plain(help, status, "Realm does not exist")
}

/// A number that was never given: the database was set back, or the realm is another of its name.
fn never_given() -> Problem {
    let text = "There is no such number: begin anew, without since";
    let (help, status) = (Help::RevocationFeedGone, StatusCode::GONE);
    Problem::new(help, status, "gone", text)
}

async fn run(call: &Call, reader: &Reader) -> Result<Answer, Problem> {
    let wanted = Wanted::of(call)?;
    let (store, realm) = (&call.app.store, &call.realm.id);
    // The head first: it promises nothing that the records lack.
    let head = store.revocation_head(realm).await?.ok_or_else(gone)?;
    let since = wanted.since.unwrap_or(0);
    if since > head.last {
        return Err(never_given());
    }
    let now = call.app.now();
    let limit = wanted.limit;
    let mut records: Vec<Arc<Numbered>> = store
        .revocations_since(realm, since, now, limit)
        .await?
        .into_iter()
        .map(Arc::new)
        .collect();
    let mut last = head.last;
    if records.is_empty() && wanted.since.is_some() && !wanted.wait.is_zero() {
        let _place = place(call, reader)?;
        records = waited(call, last, wanted).await?;
    }
    let is_cut = i64::try_from(records.len()).is_ok_and(|count| count >= limit);
    let told = records.last().map_or(since, |record| record.seq);
    last = last.max(told);
    Ok(Answer::json(
        StatusCode::OK,
        &Feed {
            realm: call.context.issuer(&call.realm.name),
            head: last,
            oldest: head.oldest,
            next: if is_cut { told } else { last },
            horizon: call.realm.horizon().await?.0,
            time_ms: call.app.now().0,
            records: records
                .iter()
                .map(|record| Record::from(&**record))
                .collect(),
        },
    ))
}

/// What comes behind a number within the time that the caller has.
async fn waited(call: &Call, since: i64, wanted: Wanted) -> Result<Vec<Arc<Numbered>>, Problem> {
    let following = async { follow(&call.app, &call.realm.id, since).await?.next().await };
    match tokio::time::timeout(wanted.wait, following).await {
        // Nothing came, or another node has to be asked.
        Err(_) | Ok(Err(FollowError::Stopping)) => Ok(Vec::new()),
        Ok(Err(FollowError::Gone)) => Err(gone()),
        Ok(Err(FollowError::Store(error))) => Err(error.into()),
        Ok(Ok(mut records)) => {
            records.truncate(usize::try_from(wanted.limit).unwrap_or(usize::MAX));
            Ok(records)
        }
    }
}
