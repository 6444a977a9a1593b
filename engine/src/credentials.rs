//! What a user proves themselves with: changed as a whole list, and written as the difference.
//!
//! Whoever sets a password (an administrator, or the user) comes through [`with_password`]: it asks
//! the realm's policy, hashes, and keeps the history that the policy wants. Nothing is written
//! before [`write`] puts it into the caller's job.

use std::collections::BTreeSet;

use claviger_crypto::{HasherError, StoredPassword};
use claviger_model::user::CredentialType;
use claviger_model::{
    AuthenticationSession, Credential, CredentialId, Millis, RealmId, Secret, User, UserId,
};
use claviger_store::{StoreError, Tx};

use crate::app::App;
use crate::password_policy::{PasswordPolicy, PolicyViolation};
use crate::realm::Realm;
use crate::realms::hashed;
use crate::signal::people::credentials_changed;
use crate::signal::set::Initiator;

/// The type of a password that was used before.
pub const PASSWORD_HISTORY: &str = "password-history";
/// Distance between the priorities of two neighbours.
const PRIORITY_STEP: i32 = 10;
/// How many earlier passwords are compared at most, each at the cost of one hash.
const HISTORY_MAX: usize = 100;

/// Why a password was not set.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRefused {
    /// The realm's policy forbids it.
    #[error("{}", .0.message)]
    Policy(PolicyViolation),
    /// It could not be hashed, or the earlier ones not be compared.
    #[error(transparent)]
    Hasher(#[from] HasherError),
}

/// What is kept of earlier passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRule {
    /// How many passwords, the present one included, may not be used again.
    pub count: usize,
    /// Passwords made since then may not be used again, whatever their number.
    pub since: Option<Millis>,
}

impl HistoryRule {
    fn of(policy: &PasswordPolicy, now: Millis) -> Self {
        let since = policy.not_reusable_since(now);
        // An age of no days forbids the present password alone; nothing is kept for it.
        Self {
            count: policy.history().unwrap_or(0),
            since: since.filter(|since| *since < now),
        }
    }

    const fn keeps(self) -> bool {
        self.count > 1 || self.since.is_some()
    }
}

/// The user's credentials with a new password in place of the present one.
pub async fn with_password(
    app: &App,
    realm: &Realm,
    user: &User,
    held: &[Credential],
    password: Secret,
) -> Result<Vec<Credential>, PasswordRefused> {
    let policy = PasswordPolicy::parse(realm.settings.password_policy.as_deref());
    policy
        .check(
            password.reveal(),
            Some(&user.username),
            user.email.as_deref(),
        )
        .map_err(PasswordRefused::Policy)?;
    let now = app.now();
    for earlier in not_to_repeat(&policy, held, now) {
        let parsed = StoredPassword::parse(&earlier.secret_data, &earlier.credential_data);
        // What cannot be read cannot be proven equal either.
        let Ok(parsed) = parsed else { continue };
        match app
            .hasher
            .verify(password.clone(), parsed, policy.hash())
            .await
        {
            Ok(verdict) if verdict.ok => return Err(PasswordRefused::Policy(policy.reused())),
            Ok(_) | Err(HasherError::Password(_)) => {}
            Err(error @ (HasherError::Busy | HasherError::Stopped)) => return Err(error.into()),
        }
    }
    let fresh = hashed(app, password, policy.hash(), 0).await?;
    let history_id = CredentialId::new(app.random.uuid());
    Ok(replaced(
        held,
        fresh,
        history_id,
        HistoryRule::of(&policy, now),
    ))
}

/// The same with a password that was hashed elsewhere, which no policy can look into.
pub fn with_hashed_password(
    app: &App,
    realm: &Realm,
    held: &[Credential],
    fresh: Credential,
) -> Vec<Credential> {
    let policy = PasswordPolicy::parse(realm.settings.password_policy.as_deref());
    let history_id = CredentialId::new(app.random.uuid());
    replaced(held, fresh, history_id, HistoryRule::of(&policy, app.now()))
}

/// The earlier passwords that a new one must differ from.
fn not_to_repeat<'a>(
    policy: &PasswordPolicy,
    held: &'a [Credential],
    now: Millis,
) -> Vec<&'a Credential> {
    let count = policy.history();
    let since = policy.not_reusable_since(now);
    if count.is_none() && since.is_none() {
        return Vec::new();
    }
    let present = held
        .iter()
        .filter(|known| known.kind == CredentialType::Password);
    let earlier = history(held)
        .into_iter()
        .enumerate()
        .filter(|(index, known)| {
            index + 1 < count.unwrap_or(0)
                || since.is_some_and(|since| known.created_at > Some(since))
        });
    present
        .chain(earlier.map(|(_, known)| known))
        .take(HISTORY_MAX)
        .collect()
}

/// Earlier passwords, the newest first.
fn history(held: &[Credential]) -> Vec<&Credential> {
    let mut earlier: Vec<&Credential> = held
        .iter()
        .filter(|known| known.kind.as_str() == PASSWORD_HISTORY)
        .collect();
    earlier.sort_by_key(|known| std::cmp::Reverse(known.created_at));
    earlier
}

/// Puts a password in the place of the present one, which becomes history if the rule keeps any.
fn replaced(
    held: &[Credential],
    mut fresh: Credential,
    history_id: CredentialId,
    rule: HistoryRule,
) -> Vec<Credential> {
    let mut after = held.to_vec();
    let present = after
        .iter_mut()
        .find(|known| known.kind == CredentialType::Password);
    let mut newest = None;
    if let Some(present) = present {
        fresh.id = present.id.clone();
        fresh.priority = present.priority;
        let old = std::mem::replace(present, fresh);
        if rule.keeps() {
            newest = Some(history_id.clone());
            after = with(
                &after,
                Credential {
                    id: history_id,
                    kind: CredentialType::from(PASSWORD_HISTORY),
                    user_label: None,
                    ..old
                },
            );
        }
    } else {
        after = with(&after, fresh);
    }
    let forgotten: Vec<CredentialId> = history(&after)
        .into_iter()
        .skip(rule.count.saturating_sub(1))
        .filter(|known| newest.as_ref() != Some(&known.id))
        .filter(|known| {
            rule.since
                .is_none_or(|since| known.created_at < Some(since))
        })
        .map(|known| known.id.clone())
        .collect();
    after.retain(|known| !forgotten.contains(&known.id));
    after
}

/// The list with one more at its end.
#[must_use]
pub fn with(held: &[Credential], mut more: Credential) -> Vec<Credential> {
    let last = held.iter().map(|known| known.priority).max();
    more.priority = last.unwrap_or(0).saturating_add(PRIORITY_STEP);
    let mut after = held.to_vec();
    after.push(more);
    after
}

/// The list with one credential moved behind another, or to the front. An unknown neighbour leaves
/// everything as it is, and so does a credential that is not there.
#[must_use]
pub fn moved(
    held: &[Credential],
    id: &CredentialId,
    behind: Option<&CredentialId>,
) -> Vec<Credential> {
    let mut after: Vec<Credential> = held
        .iter()
        .filter(|known| known.id != *id)
        .cloned()
        .collect();
    let place = match behind {
        None => Some(0),
        Some(behind) => after
            .iter()
            .position(|known| known.id == *behind)
            .map(|at| at + 1),
    };
    let (Some(place), Some(credential)) = (place, held.iter().find(|known| known.id == *id)) else {
        return held.to_vec();
    };
    after.insert(place, credential.clone());
    let mut priority = 0;
    for credential in &mut after {
        priority += PRIORITY_STEP;
        credential.priority = priority;
    }
    after
}

/// Writes what differs between two lists of a user's credentials. Where one of them proves something else
/// now, or nothing, the user's half-finished logins end: a proof by what is gone counts no more.
pub fn write(
    tx: &mut Tx,
    realm: &RealmId,
    user: &UserId,
    before: &[Credential],
    after: &[Credential],
) {
    if proves_otherwise(before, after) {
        tx.delete_authentication_sessions_of_user(realm, user);
    }
    write_difference(tx, (realm, user), before, after);
}

/// The same from within a login of the user's own, which goes on.
pub fn write_within(
    tx: &mut Tx,
    realm: &RealmId,
    (user, tab): (&UserId, &AuthenticationSession),
    before: &[Credential],
    after: &[Credential],
) {
    if proves_otherwise(before, after) {
        tx.delete_other_authentication_sessions_of_user(realm, user, tab);
    }
    write_difference(tx, (realm, user), before, after);
}

/// Whether a user proves themselves by something else than before. The order of credentials and what
/// they are called prove nothing.
fn proves_otherwise(before: &[Credential], after: &[Credential]) -> bool {
    let secrets = |held: &[Credential]| -> BTreeSet<(CredentialId, String)> {
        let usable = held
            .iter()
            .filter(|known| known.kind.as_str() != PASSWORD_HISTORY);
        usable
            .map(|known| (known.id.clone(), known.secret_data.clone()))
            .collect()
    };
    !before.is_empty() && secrets(before) != secrets(after)
}

fn write_difference(
    tx: &mut Tx,
    (realm, user): (&RealmId, &UserId),
    before: &[Credential],
    after: &[Credential],
) {
    for old in before {
        match after.iter().find(|new| new.id == old.id) {
            None => tx.delete_credential(realm, user, &old.id),
            Some(new) if new != old => tx.update_credential(realm, user, new),
            Some(_) => {}
        }
    }
    for new in after {
        if !before.iter().any(|old| old.id == new.id) {
            tx.insert_credential(realm, user, new);
        }
    }
}

/// The same for somebody who is there: whoever wants to know is told.
///
/// # Errors
///
/// The store's.
pub async fn change(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (user, by): (&UserId, Initiator),
    (before, after): (&[Credential], &[Credential]),
) -> Result<(), StoreError> {
    write(tx, &realm.id, user, before, after);
    credentials_changed(app, realm, tx, (user, by), (before, after)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(id: &str, kind: &str, created: i64, priority: i32) -> Credential {
        Credential {
            id: CredentialId::new(id),
            kind: CredentialType::from(kind),
            user_label: Some(format!("label of {id}")),
            created_at: Some(Millis(created)),
            priority,
            secret_data: format!("secret of {id}"),
            credential_data: "{}".to_owned(),
        }
    }

    fn shown(list: &[Credential]) -> Vec<String> {
        let one = |known: &Credential| {
            format!(
                "{} {} {} {}",
                known.id,
                known.kind.as_str(),
                known.secret_data,
                known.priority
            )
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn a_new_password_takes_the_place_and_the_id_of_the_present_one() {
        let held = [
            credential("otp", "otp", 1, 10),
            credential("old", "password", 2, 20),
        ];
        let fresh = credential("new", "password", 9, 0);
        let none = HistoryRule {
            count: 0,
            since: None,
        };
        let after = replaced(&held, fresh.clone(), CredentialId::new("h"), none);
        assert_eq!(
            shown(&after),
            ["otp otp secret of otp 10", "old password secret of new 20"]
        );
        let two = HistoryRule {
            count: 2,
            since: None,
        };
        let after = replaced(&held, fresh.clone(), CredentialId::new("h"), two);
        let expected = [
            "otp otp secret of otp 10",
            "old password secret of new 20",
            "h password-history secret of old 30",
        ];
        assert_eq!(shown(&after), expected);
        assert_eq!(after[2].user_label, None);
        let first = replaced(&[], fresh, CredentialId::new("h"), two);
        assert_eq!(shown(&first), ["new password secret of new 10"]);
    }

    #[test]
    fn history_is_as_long_as_the_rule_wants() {
        let held = [
            credential("p", "password", 50, 10),
            credential("h1", PASSWORD_HISTORY, 40, 20),
            credential("h2", PASSWORD_HISTORY, 30, 30),
            credential("h3", PASSWORD_HISTORY, 20, 40),
        ];
        let cases: [(usize, Option<i64>, &[&str]); 5] = [
            (0, None, &["p"]),
            (2, None, &["p", "h"]),
            (3, None, &["p", "h1", "h"]),
            (0, Some(25), &["p", "h1", "h2", "h"]),
            (4, Some(100), &["p", "h1", "h2", "h"]),
        ];
        for (count, since, expected) in cases {
            let rule = HistoryRule {
                count,
                since: since.map(Millis),
            };
            let fresh = credential("new", "password", 60, 0);
            let after = replaced(&held, fresh, CredentialId::new("h"), rule);
            let ids: Vec<&str> = after.iter().map(|known| known.id.as_str()).collect();
            assert_eq!(ids, expected, "{rule:?}");
        }
    }

    #[test]
    fn a_new_password_is_compared_with_those_that_the_policy_names() {
        let held = [
            credential("p", "password", 50, 10),
            credential("h1", PASSWORD_HISTORY, 30, 20),
            credential("h2", PASSWORD_HISTORY, 40, 30),
            credential("o", "otp", 40, 40),
        ];
        let cases: [(&str, &[&str]); 5] = [
            ("", &[]),
            ("passwordHistory(0)", &["p"]),
            ("passwordHistory(1)", &["p"]),
            ("passwordHistory(2)", &["p", "h2"]),
            ("passwordAge(1)", &["p", "h2", "h1"]),
        ];
        for (policy, expected) in cases {
            let found = not_to_repeat(&PasswordPolicy::parse(Some(policy)), &held, Millis(60));
            let ids: Vec<&str> = found.iter().map(|known| known.id.as_str()).collect();
            assert_eq!(ids, expected, "{policy}");
        }
    }

    #[test]
    fn moving_keeps_the_others_in_order() {
        let held = ["a", "b", "c"].map(|id| credential(id, "otp", 1, 10));
        let cases = [
            ("c", None, "cab"),
            ("a", Some("b"), "bac"),
            ("a", Some("a"), "abc"),
            ("a", Some("nowhere"), "abc"),
            ("nowhere", None, "abc"),
        ];
        for (id, behind, expected) in cases {
            let behind = behind.map(CredentialId::new);
            let after = moved(&held, &CredentialId::new(id), behind.as_ref());
            let order: String = after.iter().map(|known| known.id.as_str()).collect();
            assert_eq!(order, expected, "{id} behind {behind:?}");
        }
    }
}
