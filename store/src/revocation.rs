//! What was taken back, in one sequence a realm that readers follow without ever missing a record.
//!
//! Numbers are handed out by the row of the realm's head. Whoever takes some holds that row until the
//! transaction is committed; so they become visible in their order, without a hole, whichever node
//! wrote them. As everybody who ends something waits there for the one before, it is done last: after
//! all other steps of all jobs that share the transaction, realm by realm. Whoever holds a head waits
//! for nothing but the next head, in one order for all: there is no deadlock.

use std::collections::BTreeMap;

use claviger_model::revocation::{Numbered, Revocation};
use claviger_model::session::EndReason;
use claviger_model::{Millis, RealmId, SessionId};
use claviger_wire::document::Json;

use crate::Store;
use crate::built::{Built, page_size};
use crate::error::StoreError;
use crate::row::Row;
use crate::statement::statements;
use crate::tx::{ONE_ROW, Step, Tx};
use crate::value::params;

statements! {
    /// The last number that a realm has given.
    REVOCATION_HEAD = "SELECT last FROM revocation_head WHERE realm_id = $1";
    /// The first number that is still kept.
    REVOCATION_OLDEST = "SELECT seq FROM revocation WHERE realm_id = $1 ORDER BY seq LIMIT 1";
    /// Records behind a number that concern tokens which may still be alive.
    REVOCATIONS = "SELECT realm_id, seq, client_id, user_id, session_id, jti, before_at, until_at, \
        time_at, reason FROM revocation WHERE realm_id = $1 AND seq > $2 AND until_at > $3 \
        ORDER BY seq LIMIT $4";
    /// The numbers of the records that speak of a session.
    REVOCATIONS_OF_SESSION = "SELECT seq FROM revocation WHERE realm_id = $1 AND session_id = $2 \
        ORDER BY seq LIMIT $3";
    /// Clients that say themselves how long their tokens live.
    CLIENTS_WITH_LIFESPAN = "SELECT body FROM document WHERE realm_id = $1 AND kind = 'client' \
        AND body LIKE '%access.token.lifespan%'";
    /// Clients that are asked when everything ends that a user has.
    CLIENTS_WITH_REVOCATION_URL = "SELECT body FROM document WHERE realm_id = $1 AND kind = 'client' \
        AND body LIKE '%global.token.revocation.url%'";
    /// A realm begins to count.
    REVOCATION_HEAD_INSERT = "INSERT INTO revocation_head (realm_id, last, long_until) \
        VALUES ($1, 0, 0)";
    /// A realm counts from a number that no realm of this id has come to.
    REVOCATION_HEAD_BEGIN = "UPDATE revocation_head SET last = $1 WHERE realm_id = $2 AND last = 0";
    /// Tokens of before a change of settings live until then.
    REVOCATION_STRETCH = "UPDATE revocation_head SET long_until = $1 \
        WHERE realm_id = $2 AND long_until < $3";
    /// Numbers are taken.
    REVOCATION_TAKE = "UPDATE revocation_head SET last = last + $1 WHERE realm_id = $2";
    /// A record gets one of the numbers just taken.
    REVOCATION_INSERT = "INSERT INTO revocation (realm_id, seq, client_id, user_id, session_id, jti, \
        before_at, until_at, time_at, reason) \
        SELECT realm_id, last - $1, $2, $3, $4, $5, $6, \
        CASE WHEN long_until > $7 THEN long_until ELSE $8 END, $9, $10 \
        FROM revocation_head WHERE realm_id = $11";
    /// The same for one token, of which the end is known.
    REVOCATION_INSERT_ONE = "INSERT INTO revocation (realm_id, seq, client_id, user_id, session_id, \
        jti, before_at, until_at, time_at, reason) \
        SELECT realm_id, last - $1, $2, $3, $4, $5, $6, $7, $8, $9 \
        FROM revocation_head WHERE realm_id = $10";
}

/// The most realms of which one question asks the heads.
const HEADS: usize = 500;

/// Where a realm's sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last number given, 0 before the first.
    pub last: i64,
    /// The first number still kept, or the next to be given.
    pub oldest: i64,
}

/// What closes a transaction: for each realm the records that get numbers, and until when tokens
/// live that were issued under longer settings.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    records: Vec<Revocation>,
    stretched: BTreeMap<RealmId, Millis>,
}

impl Closing {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.stretched.is_empty()
    }
}

/// The steps that close a transaction of several jobs: each realm's head is taken once.
pub(crate) fn closing_steps<'a>(closings: impl IntoIterator<Item = &'a Closing>) -> Vec<Step> {
    let mut realms: BTreeMap<&RealmId, (Millis, Vec<&Revocation>)> = BTreeMap::new();
    for closing in closings {
        for (realm, until) in &closing.stretched {
            let entry = realms.entry(realm).or_default();
            entry.0 = entry.0.max(*until);
        }
        for record in &closing.records {
            realms.entry(&record.realm).or_default().1.push(record);
        }
    }
    let mut steps = Vec::new();
    for (realm, (until, records)) in realms {
        if until > Millis(0) {
            steps.push(step(&REVOCATION_STRETCH, params![until, realm, until]));
        }
        let Ok(count) = i64::try_from(records.len()) else {
            continue;
        };
        if count > 0 {
            steps.push(step(&REVOCATION_TAKE, params![count, realm]));
        }
        for (record, before_last) in records.into_iter().zip((0..count).rev()) {
            steps.push(insert(record, before_last));
        }
    }
    steps
}

/// A realm that is gone has no head: then nothing is taken and nothing kept.
const fn step(
    statement: &'static crate::statement::Statement,
    args: Vec<crate::value::Value>,
) -> Step {
    Step {
        statement,
        args,
        rows: None,
        patience: ONE_ROW,
    }
}

fn insert(record: &Revocation, before_last: i64) -> Step {
    let mut args = params![
        before_last,
        record.client.as_deref(),
        record.user.as_ref(),
        record.session.as_ref(),
        record.jti.as_deref(),
        record.before,
        record.until,
    ];
    let is_of_one = record.jti.is_some();
    if !is_of_one {
        args.extend(params![record.until]);
    }
    args.extend(params![record.at, record.reason.as_str(), &record.realm]);
    let statement = if is_of_one {
        &REVOCATION_INSERT_ONE
    } else {
        &REVOCATION_INSERT
    };
    step(statement, args)
}

fn numbered(row: &mut Row) -> Result<Numbered, StoreError> {
    Ok(Numbered {
        seq: row.int("seq")?,
        revocation: Revocation {
            realm: row.id("realm_id")?,
            client: row.opt_text("client_id")?,
            user: row.opt_text("user_id")?.map(Into::into),
            session: row.opt_text("session_id")?.map(Into::into),
            jti: row.opt_text("jti")?,
            before: row.millis("before_at")?,
            until: row.millis("until_at")?,
            at: row.millis("time_at")?,
            reason: row.parsed::<EndReason>("reason")?,
        },
    })
}

impl Store {
    /// Where a realm's sequence is; none without the realm. Asked before the records, it promises
    /// none that they lack.
    pub async fn revocation_head(&self, realm: &RealmId) -> Result<Option<Head>, StoreError> {
        let last = self.query(&REVOCATION_HEAD).bind(realm);
        let Some(last) = last.optional(|row| row.int("last")).await? else {
            return Ok(None);
        };
        let oldest = self.query(&REVOCATION_OLDEST).bind(realm);
        let oldest = oldest.optional(|row| row.int("seq")).await?;
        let oldest = oldest.unwrap_or_else(|| last.saturating_add(1));
        Ok(Some(Head { last, oldest }))
    }

    /// The last numbers that some realms have given; those that are gone are left out.
    pub async fn revocation_heads(
        &self,
        realms: &[RealmId],
    ) -> Result<BTreeMap<RealmId, i64>, StoreError> {
        let mut heads = BTreeMap::new();
        if let [realm] = realms {
            let last = self.query(&REVOCATION_HEAD).bind(realm);
            let last = last.optional(|row| row.int("last")).await?;
            heads.extend(last.map(|last| (realm.clone(), last)));
            return Ok(heads);
        }
        for some in realms.chunks(HEADS) {
            let mut built = Built::new("SELECT realm_id, last FROM revocation_head");
            built.one_of(" WHERE realm_id IN (", some.iter().map(Into::into));
            let read = |row: &mut Row| Ok((row.id("realm_id")?, row.int("last")?));
            heads.extend(built.query(self, "REVOCATION_HEADS").all(read).await?);
        }
        Ok(heads)
    }

    /// The clients of a realm that may say themselves how long their tokens live.
    pub async fn clients_with_lifespan(&self, realm: &RealmId) -> Result<Vec<Json>, StoreError> {
        let clients = self.query(&CLIENTS_WITH_LIFESPAN).bind(realm);
        clients.all(|row| row.json("body")).await
    }

    /// The clients of a realm that may want to be asked when everything ends that a user has.
    pub async fn clients_with_revocation_url(
        &self,
        realm: &RealmId,
    ) -> Result<Vec<Json>, StoreError> {
        let clients = self.query(&CLIENTS_WITH_REVOCATION_URL).bind(realm);
        clients.all(|row| row.json("body")).await
    }

    /// The numbers of the records that speak of a session, as far as they are still kept.
    pub async fn revocations_of_session(
        &self,
        realm: &RealmId,
        session: &SessionId,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        self.query(&REVOCATIONS_OF_SESSION)
            .bind(realm)
            .bind(session)
            .bind(page_size(limit))
            .all(|row| row.int("seq"))
            .await
    }

    /// A realm's records behind a number, in order, at most `limit`: those that concern tokens which
    /// may be alive at `now`.
    pub async fn revocations_since(
        &self,
        realm: &RealmId,
        seq: i64,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<Numbered>, StoreError> {
        self.query(&REVOCATIONS)
            .bind(realm)
            .bind(seq)
            .bind(now)
            .bind(page_size(limit))
            .all(numbered)
            .await
    }
}

impl Tx {
    /// Takes something back: the record gets the realm's next number at the end of the transaction,
    /// and places in status lists are set.
    pub fn insert_revocation(&mut self, record: &Revocation) {
        self.set_status_indices(record);
        self.closing.records.push(record.clone());
    }

    /// What this write takes back.
    pub fn revocations(&self) -> &[Revocation] {
        &self.closing.records
    }

    /// Tokens of a realm may live until this instant, whatever its settings say from now on.
    pub fn stretch_revocations(&mut self, realm: &RealmId, until: Millis) {
        let known = self.closing.stretched.entry(realm.clone()).or_default();
        *known = (*known).max(until);
    }

    /// A realm that this write has made counts from a number, not from 0: no reader of a realm that
    /// had its id before has come so far.
    pub fn begin_revocations(&mut self, realm: &RealmId, last: i64) {
        self.push(&REVOCATION_HEAD_BEGIN, params![last, realm])
            .touching(1);
    }

    /// A new realm begins to count.
    pub(crate) fn insert_revocation_head(&mut self, realm: &RealmId) {
        self.push(&REVOCATION_HEAD_INSERT, params![realm])
            .touching(1);
    }
}
