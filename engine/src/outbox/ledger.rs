//! The ledger of logouts: who had to be told, by which channel, and what became of it. Each line is
//! written with the message that it tells of, and changes in the job that postpones the message or
//! takes it out.

use claviger_model::session::EndReason;
use claviger_model::{Millis, RealmId, Seconds, UserSession};
use claviger_store::{Delivery, DeliveryState, OutboxRow, StoreError, Tx};
use claviger_wire::document::Json;
use url::Url;

use super::{GIVE_UP, Verdict};
use crate::app::App;
use crate::client::Client;
use crate::events::EventBuilder;
use crate::logout::notice::{Channel, Notice};
use crate::realm::Realm;

/// How long a line is kept after its end.
pub const KEPT: Seconds = Seconds(7 * 86_400);
/// How many lines a realm keeps at most. Of those that are over the oldest go first; what still
/// waits is never forgotten.
pub const MOST: i64 = 200_000;
/// In place of an address, where the receiver fetches it (RFC 8936).
const FETCHED: &str = "fetched by the receiver";
/// The longest text of a line, in characters.
const TEXT_MAX: usize = 500;
/// The error of the event that is written when a delivery is given up.
pub const NOT_DELIVERED: &str = "logout_not_delivered";

/// Something that a client has to be told.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The receiver.
    pub client: &'a Client,
    /// How it is told.
    pub channel: Channel,
    /// What.
    pub notice: &'a Notice,
}

impl Letter<'_> {
    /// Puts it into the outbox, due at once, and into the ledger; gives the id that both have.
    pub fn post(self, app: &App, realm: &Realm, tx: &mut Tx) -> String {
        let row = self.notice.row(app, realm, self.client, self.channel);
        tx.insert_outbox(&row);
        tx.insert_logout_delivery(&self.line(&row));
        row.id
    }

    /// Puts it into the ledger alone: it was told already, and this was the answer.
    pub fn told(self, app: &App, realm: &Realm, tx: &mut Tx, status: u16) {
        let row = self.notice.row(app, realm, self.client, self.channel);
        let mut line = self.line(&row);
        line.state = DeliveryState::Confirmed;
        line.status = Some(status.into());
        line.attempts = 1;
        line.next_at = None;
        line.ended_at = Some(row.created_at);
        line.expires_at = row.created_at + KEPT;
        tx.insert_logout_delivery(&line);
    }

    fn line(self, row: &OutboxRow) -> Delivery {
        Delivery {
            id: row.id.clone(),
            realm: row.realm.clone(),
            session: self.notice.sid.clone(),
            user: self.notice.user.clone(),
            client_id: self.client.client_id.clone(),
            channel: self.channel.as_str().to_owned(),
            target: row.target.clone(),
            address: place(&self.notice.url),
            reason: self.notice.reason.clone(),
            state: DeliveryState::Pending,
            status: None,
            attempts: 0,
            last_error: None,
            created_at: row.created_at,
            next_at: Some(row.next_at),
            ended_at: None,
            expires_at: last_day(row.created_at),
        }
    }
}

/// The line of an end of a session that a stream of shared signals tells of: the message is the
/// stream's, to be called out or fetched.
pub(crate) fn of_signal(
    row: &OutboxRow,
    client: &Client,
    session: &UserSession,
    (address, reason): (Option<&str>, EndReason),
) -> Delivery {
    Delivery {
        id: row.id.clone(),
        realm: row.realm.clone(),
        session: Some(session.id.as_str().to_owned()),
        user: Some(session.user.as_str().to_owned()),
        client_id: client.client_id.clone(),
        channel: row.kind.clone(),
        target: row.target.clone(),
        address: address.map_or_else(|| FETCHED.to_owned(), place),
        reason: Some(reason.as_str().to_owned()),
        state: DeliveryState::Pending,
        status: None,
        attempts: 0,
        last_error: None,
        created_at: row.created_at,
        // What is fetched is never due.
        next_at: address.map(|_| row.next_at),
        ended_at: None,
        expires_at: last_day(row.created_at),
    }
}

/// Until when the line of a message is kept that waits since `written`.
pub(super) fn last_day(written: Millis) -> Millis {
    written + GIVE_UP + KEPT
}

/// What an address tells without a secret: scheme, host and path. User, query and fragment are left
/// out.
pub(super) fn place(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        return "not an address".to_owned();
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}"));
    let port = port.unwrap_or_default();
    fit(&format!("{}://{host}{port}{}", url.scheme(), url.path()))
}

/// The beginning of a text, without what a line must not have in it.
fn fit(text: &str) -> String {
    let visible = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(TEXT_MAX).map(visible).collect()
}

/// Why an attempt failed, without the address that may have a secret in its query.
fn error(verdict: &Verdict, url: &str) -> String {
    fit(&verdict.why.replace(url, &place(url)))
}

/// An attempt begins, with the claim of its message.
pub(super) fn begin(tx: &mut Tx, row: &OutboxRow, next_at: Millis) {
    // Who was asked before and has not confirmed it did not hear it, or did not live to say so.
    let state = if row.attempts > 0 {
        DeliveryState::Failing
    } else {
        DeliveryState::Pending
    };
    tx.begin_logout_delivery(&row.realm, &row.id, state, next_at);
}

/// It was told.
pub(super) fn confirm(tx: &mut Tx, row: &OutboxRow, status: u16, now: Millis) {
    tx.confirm_logout_delivery(&row.realm, &row.id, status.into(), (now, now + KEPT));
}

/// It was not told, and will be tried again.
pub(super) fn fail(tx: &mut Tx, row: &OutboxRow, url: &str, verdict: &Verdict) {
    let status = verdict.status.map(i32::from);
    let error = error(verdict, url);
    tx.fail_logout_delivery(&row.realm, &row.id, status, &error);
}

/// It is given up. The event tells whoever watches the realm, and the message is kept, so that it
/// can be told all the same once the receiver is mended.
pub(super) async fn give_up(
    app: &App,
    tx: &mut Tx,
    row: &OutboxRow,
    known: Option<(Channel, &Notice)>,
    verdict: &Verdict,
) -> Result<(), StoreError> {
    let now = app.now();
    let status = verdict.status.map(i32::from);
    let url = known.map_or("", |(_, notice)| notice.url.as_str());
    let error = if url.is_empty() {
        fit(&verdict.why)
    } else {
        error(verdict, url)
    };
    let payload: Option<Json> = known.map(|(_, notice)| notice.payload());
    tx.give_up_logout_delivery(
        (&row.realm, &row.id),
        (status, &error),
        payload.as_ref(),
        (now, now + KEPT),
    );
    let Some((channel, notice)) = known else {
        return Ok(());
    };
    app.watch_given_up(&notice.realm, channel);
    if let Some(realm) = app.realm_by_id(&row.realm).await? {
        event(app, &realm, tx, row, (channel, notice), &error);
    }
    Ok(())
}

/// The event is of a kind that Keycloak's clients know; its error is ours.
fn event(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    row: &OutboxRow,
    (channel, notice): (Channel, &Notice),
    error: &str,
) {
    // Nobody's request causes it, so there is no address.
    let mut event = EventBuilder::new("LOGOUT", "");
    event.client(&notice.client).session(notice.sid.as_deref());
    if let Some(user) = &notice.user {
        event.user(user);
    }
    event
        .detail("reason", error)
        .detail("channel", channel.as_str())
        .detail("address", place(&notice.url))
        .detail("attempts", row.attempts.to_string())
        .detail("delivery", row.id.as_str());
    event.error(app, realm, NOT_DELIVERED, tx);
}

/// Forgets what realms have beyond what they keep, at most `limit` lines of each kind, and returns
/// whether there may be more.
pub async fn trim(app: &App, limit: i64) -> Result<bool, StoreError> {
    let mut tx = Tx::new();
    let surplus = |count: i64| (count - MOST).min(limit);
    let mut more = false;
    let mut note = |realm: RealmId, count: i64, forget: fn(&mut Tx, &RealmId, i64)| {
        more |= count - MOST > limit;
        forget(&mut tx, &realm, surplus(count));
    };
    for (realm, count) in app.store.logout_delivery_crowds(MOST).await? {
        note(realm, count, Tx::forget_logout_deliveries);
    }
    for (realm, count) in app.store.logout_ending_crowds(MOST).await? {
        note(realm, count, Tx::forget_logout_endings);
    }
    let _done = app.commit(tx).await?;
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Attempt;

    #[test]
    fn a_place_tells_no_secret() {
        for (url, expected) in [
            ("https://web.example/out", "https://web.example/out"),
            (
                "http://u:p@web.example:8080/a/b?token=x#y",
                "http://web.example:8080/a/b",
            ),
            ("https://[::1]:9/", "https://[::1]:9/"),
            ("/relative", "not an address"),
            ("", "not an address"),
        ] {
            assert_eq!(place(url), expected, "{url}");
        }
        let long = format!("https://web.example/{}", "a".repeat(1_000));
        assert_eq!(place(&long).chars().count(), TEXT_MAX);
    }

    #[test]
    fn an_error_tells_no_secret_and_is_one_short_line() {
        let url = "https://web.example/out?token=hunter2";
        let verdict = |why: String| Verdict {
            attempt: Attempt::Unreachable,
            status: None,
            why,
        };
        let told = error(&verdict(format!("no answer from {url}:\nbroken")), url);
        assert_eq!(told, "no answer from https://web.example/out: broken");
        assert_eq!(error(&verdict("é".repeat(900)), url).chars().count(), 500);
    }
}
