//! Guessing at passwords: failed logins are counted per user, and an account that is guessed at is
//! locked, for a time or until an administrator frees it.
//!
//! Every door that checks a password, a one-time password or a recovery code does the same: it
//! checks the proof first, then asks [`Standing::of`], and tells nobody what the check gave before
//! [`Standing::failure`] or [`Standing::lock`] has answered. So it does not matter how many guesses
//! come at once (CVE-2024-4629): those that would have been told after the lock are not told at all,
//! right or wrong. The answer to somebody who is locked out is that to a wrong password
//! (CVE-2021-3513), and takes as long.

use claviger_model::{LoginFailures, Millis, Seconds, User, UserId};
use claviger_store::{Commit, Store, StoreError, Tx};
use claviger_wire::realm::{BruteForce, BruteForceStrategy};
use claviger_wire::signal::EventType;

use crate::app::App;
use crate::events::EventBuilder;
use crate::realm::Realm;
use crate::revocation::record;
use crate::signal::people::of_account;
use crate::signal::set::Initiator;

/// The attribute that tells why a user is disabled.
pub const DISABLED_REASON: &str = "disabledReason";
/// Its value when the lock is for good.
const PERMANENT_LOCKOUT: &str = "permanentLockout";
/// How often a failure is counted anew because others were counted at the same moment.
const ATTEMPTS_MAX: usize = 500;

/// Why nobody gets in as a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// For a time.
    Temporary,
    /// Until an administrator enables the user.
    Permanent,
}

impl Lock {
    /// The error code of the event.
    pub const fn event_error(self) -> &'static str {
        match self {
            Self::Temporary => "user_temporarily_disabled",
            Self::Permanent => "user_disabled",
        }
    }
}

/// What somebody tried to prove who they are with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A password, or a recovery code.
    First,
    /// A one-time password: these failures are counted by themselves as well.
    Second,
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Counted,
    LockedFor { until: Millis },
}

/// How the account of one user stands, read after the proof was checked.
#[derive(Clone, Debug)]
pub struct Standing {
    user: User,
    failures: Option<LoginFailures>,
}

impl Standing {
    /// Reads it. None where the realm counts no failures, or the user is gone.
    pub async fn of(app: &App, realm: &Realm, user: &UserId) -> Result<Option<Self>, StoreError> {
        if !realm.settings.brute_force.enabled {
            return Ok(None);
        }
        // The counts first: a lock for good is written with them, so that who sees the counts of
        // the last guess sees the user that it disabled.
        let failures = app.store.login_failures(&realm.id, user).await?;
        let user = app.store.user(&realm.id, user).await?;
        Ok(user.map(|user| Self { user, failures }))
    }

    /// Whether nobody gets in.
    pub fn lock(&self, realm: &Realm, now: Millis) -> Option<Lock> {
        let settings = &realm.settings.brute_force;
        if is_locked_out(&self.user) || is_over(settings, self.failures.as_ref()) {
            return Some(Lock::Permanent);
        }
        is_waiting(self.failures.as_ref(), now).then_some(Lock::Temporary)
    }

    /// Forgets the failures, with the job in which the user signs in. Those of a second factor are
    /// forgotten only if there was one.
    pub fn success(&self, realm: &Realm, proof: Proof, tx: &mut Tx) {
        let Some(read) = &self.failures else {
            return;
        };
        if proof == Proof::Second || read.secondary_failures == 0 {
            tx.settle_login_failures(&realm.id, &self.user.id, read);
        }
    }

    /// Counts a failure and records `event` as one, in one job. With a lock, others were faster and
    /// the account is locked: the caller tells that, and nothing of this guess.
    pub async fn failure(
        mut self,
        app: &App,
        realm: &Realm,
        proof: Proof,
        (event, error): (&EventBuilder, &str),
    ) -> Result<Option<Lock>, StoreError> {
        let id = self.user.id.clone();
        for _ in 0..ATTEMPTS_MAX {
            let now = app.now();
            if let Some(lock) = self.lock(realm, now) {
                return Ok(Some(lock));
            }
            let mut tx = Tx::new();
            event.error(app, realm, error, &mut tx);
            self.count(app, realm, (proof, event.ip_address()), &mut tx)
                .await?;
            if app.commit(tx).await? == Commit::Done {
                return Ok(None);
            }
            match Self::of(app, realm, &id).await? {
                Some(fresh) => self = fresh,
                None => return Ok(None),
            }
        }
        // A crowd of guessers: whoever cannot be counted is not told either.
        Ok(Some(Lock::Temporary))
    }

    /// Puts one more failure, and what it leads to, into a job.
    async fn count(
        &self,
        app: &App,
        realm: &Realm,
        (proof, ip): (Proof, &str),
        tx: &mut Tx,
    ) -> Result<(), StoreError> {
        let settings = &realm.settings.brute_force;
        let before = self.failures.as_ref();
        let (after, verdict) = counted(settings, before, (proof, ip), app.now());
        tx.put_login_failures(&realm.id, &self.user.id, before, &after);
        let told = |kind| {
            let mut event = EventBuilder::new(kind, ip);
            event
                .user(self.user.id.as_str())
                .detail("reason", "brute_force_attack detected")
                .detail("num_failures", after.failures.to_string());
            event
        };
        if let Verdict::LockedFor { until } = verdict {
            let mut event = told("USER_DISABLED_BY_TEMPORARY_LOCKOUT");
            event.detail("not_before", local_time(until));
            event.success(app, realm, tx);
        }
        if is_over(settings, Some(&after)) || is_over_at_once(settings, proof, &after) {
            let reason = (DISABLED_REASON, PERMANENT_LOCKOUT);
            tx.lock_out_user(&realm.id, &self.user, reason);
            told("USER_DISABLED_BY_PERMANENT_LOCKOUT").success(app, realm, tx);
            Box::pin(record::user_locked(app, realm, tx, &self.user.id)).await?;
            let event = (EventType::AccountDisabled, Initiator::Policy);
            of_account(app, realm, tx, &self.user.id, event).await?;
        }
        Ok(())
    }
}

/// What administrators see of a user's failed logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The counts.
    pub failures: LoginFailures,
    /// Whether nobody gets in, and why.
    pub lock: Option<Lock>,
}

/// A user's failed logins; none if there were none, or the realm counts none. Of a user who is gone
/// the counts may be left.
pub async fn report(app: &App, realm: &Realm, id: &UserId) -> Result<Option<Report>, StoreError> {
    if !realm.settings.brute_force.enabled {
        return Ok(None);
    }
    let Some(failures) = app.store.login_failures(&realm.id, id).await? else {
        return Ok(None);
    };
    if is_forgotten(&realm.settings.brute_force, &failures, app.now()) {
        return Ok(None);
    }
    let lock = match Standing::of(app, realm, id).await? {
        Some(standing) => standing.lock(realm, app.now()),
        None => is_waiting(Some(&failures), app.now()).then_some(Lock::Temporary),
    };
    Ok(Some(Report { failures, lock }))
}

/// Frees a user whom an administrator enables: the reason of a lock goes, and so do the counts if
/// they kept the user out. Whether any counts went.
pub async fn free(
    store: &Store,
    realm: &Realm,
    (before, after): (&User, &mut User),
    now: Millis,
    tx: &mut Tx,
) -> Result<bool, StoreError> {
    let failures = store.login_failures(&realm.id, &before.id).await?;
    let locked = is_locked_out(before) || is_over(&realm.settings.brute_force, failures.as_ref());
    if locked {
        after.attributes.remove(DISABLED_REASON);
    }
    let counts = failures.is_some() && (!before.enabled || is_waiting(failures.as_ref(), now));
    if counts || (locked && failures.is_some()) {
        tx.forget_login_failures(&realm.id, &before.id);
    }
    Ok(counts)
}

/// Whether a user was disabled for good by too many failures.
pub fn is_locked_out(user: &User) -> bool {
    let reason = user.attributes.get(DISABLED_REASON);
    let reason = reason.and_then(|values| values.first());
    !user.enabled && reason.is_some_and(|reason| reason == PERMANENT_LOCKOUT)
}

fn is_waiting(failures: Option<&LoginFailures>, now: Millis) -> bool {
    // Whole seconds, as administrators are told them.
    failures.is_some_and(|failures| now.seconds() < failures.locked_until.seconds())
}

/// Whether there were more temporary locks than the realm allows before the one for good.
fn is_over(settings: &BruteForce, failures: Option<&LoginFailures>) -> bool {
    let locks = failures.map_or(0, |failures| failures.temporary_lockouts);
    settings.permanent_lockout && locks > settings.max_temporary_lockouts
}

/// Whether the failures alone lock the account for good: where there are no temporary locks, or too
/// many second factors were wrong.
fn is_over_at_once(settings: &BruteForce, proof: Proof, failures: &LoginFailures) -> bool {
    let second = settings.max_secondary_auth_failures;
    let no_temporary = settings.permanent_lockout && settings.max_temporary_lockouts == 0;
    (proof == Proof::Second && second > 0 && failures.secondary_failures > second)
        || (no_temporary && failures.failures >= settings.failure_factor)
}

/// Whether it is so long ago that the next failure is the first.
fn is_forgotten(settings: &BruteForce, failures: &LoginFailures, now: Millis) -> bool {
    let forgives = !(settings.permanent_lockout && settings.max_temporary_lockouts == 0);
    let since = now.0.saturating_sub(failures.last_failure.0);
    forgives
        && failures.last_failure.0 > 0
        && since > settings.max_delta_time.millis().0
        && !is_waiting(Some(failures), now)
}

/// What the counts are after one more failure.
fn counted(
    settings: &BruteForce,
    before: Option<&LoginFailures>,
    (proof, ip): (Proof, &str),
    now: Millis,
) -> (LoginFailures, Verdict) {
    let mut counts = before.cloned().unwrap_or_default();
    let last = counts.last_failure;
    let since_last = (last.0 > 0).then(|| now.0.saturating_sub(last.0));
    let forgives = !(settings.permanent_lockout && settings.max_temporary_lockouts == 0);
    if forgives && since_last.is_some_and(|span| span > settings.max_delta_time.millis().0) {
        let secondary_failures = counts.secondary_failures;
        counts = LoginFailures {
            secondary_failures,
            ..LoginFailures::default()
        };
    }
    ip.clone_into(&mut counts.last_ip_address);
    counts.last_failure = now;
    counts.failures = counts.failures.saturating_add(1);
    if proof == Proof::Second {
        counts.secondary_failures = counts.secondary_failures.saturating_add(1);
    }
    let mut wait = if forgives {
        grown(settings, counts.failures)
    } else {
        0
    };
    let in_haste =
        wait <= 0 && since_last.is_some_and(|span| span < settings.quick_login_check_millis);
    if in_haste {
        wait = settings.minimum_quick_login_wait.0;
    }
    if wait <= 0 {
        return (counts, Verdict::Counted);
    }
    if forgives {
        wait = wait.min(settings.max_failure_wait.0);
    }
    if !in_haste {
        counts.temporary_lockouts = counts.temporary_lockouts.saturating_add(1);
    }
    if !in_haste && is_over(settings, Some(&counts)) {
        return (counts, Verdict::Counted);
    }
    let until = (now.seconds() + Seconds(wait)).millis();
    counts.locked_until = until.max(counts.locked_until);
    (counts, Verdict::LockedFor { until })
}

/// How long to wait after so many failures, in seconds.
fn grown(settings: &BruteForce, failures: i64) -> i64 {
    // A factor that is none locks with the first failure.
    let factor = settings.failure_factor.max(1);
    let times = match settings.strategy {
        BruteForceStrategy::Multiple => failures / factor,
        BruteForceStrategy::Linear => failures.saturating_add(1).saturating_sub(factor),
    };
    settings.wait_increment.0.saturating_mul(times)
}

/// An instant as events tell it: date and time without a zone, in UTC, seconds only if there are any.
fn local_time(at: Millis) -> String {
    let format = if at.seconds().0 % 60 == 0 {
        "%Y-%m-%dT%H:%M"
    } else {
        "%Y-%m-%dT%H:%M:%S"
    };
    // An instant beyond the calendar has no text.
    jiff::Timestamp::from_millisecond(at.0)
        .map(|instant| instant.strftime(format).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
