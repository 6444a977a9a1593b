//! Which actions are due, and what becomes of the one that an application asked for.

use std::collections::BTreeMap;

use claviger_model::{Millis, Seconds};
use claviger_store::{StoreError, Tx};
use claviger_wire::flow::RequiredActionView;

use super::{KC_ACTION, KC_ACTION_STATUS, Visit};
use crate::password_policy::PasswordPolicy;
use crate::realm::Realm;

/// The client note with what stands behind the colon of `kc_action`.
pub(super) const PARAMETER: &str = "kc_action_parameter";
/// The client note with the action that an application asked for and whose page was shown.
const EXECUTING: &str = "kc_action_executing";
/// The client note that says that the action is due anyway, so that nobody may leave it.
const ENFORCED: &str = "kc_action_enforced";
/// How old a sign-in may be by which credentials and profiles are changed, unless the realm says
/// otherwise.
const MAX_AUTH_AGE: Seconds = Seconds(300);

/// What came of an action that an application asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was done.
    Success,
    /// The person left it.
    Cancelled,
    /// It cannot be done here.
    Error,
}

impl Status {
    /// The value of `kc_action_status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
        }
    }
}

/// Notes that an application asks for an action: the value of its parameter `kc_action`, which is
/// the action's name, perhaps with a colon and what it is about.
pub fn ask(client_notes: &mut BTreeMap<String, String>, kc_action: &str) {
    let mut parts = kc_action.split(':');
    let action = parts.next().unwrap_or_default();
    if action.is_empty() {
        return;
    }
    client_notes.insert(KC_ACTION.to_owned(), action.to_owned());
    if let Some(about) = parts.next().filter(|about| !about.is_empty()) {
        client_notes.insert(PARAMETER.to_owned(), about.to_owned());
    }
}

/// Whether a session is too old for what the application asks for: then the person signs in once
/// more (CVE-2021-20262: whoever finds a browser unattended changes no password).
pub async fn needs_fresh_login(
    realm: &Realm,
    client_notes: &BTreeMap<String, String>,
    signed_in_at: Seconds,
    now: Millis,
) -> Result<bool, StoreError> {
    let Some(asked) = client_notes.get(KC_ACTION) else {
        return Ok(false);
    };
    let actions = realm.required_actions().await?;
    let known = actions.iter().find(|action| action.provider_id == *asked);
    let Some(action) = known else {
        return Ok(false);
    };
    let age = max_auth_age(realm, action);
    Ok(signed_in_at.0.saturating_add(age.0) < now.seconds().0)
}

fn max_auth_age(realm: &Realm, action: &RequiredActionView) -> Seconds {
    if action.provider_id.eq_ignore_ascii_case("delete_account") {
        return Seconds(0);
    }
    if action.provider_id == "UPDATE_PASSWORD" {
        let policy = PasswordPolicy::parse(realm.settings.password_policy.as_deref());
        if let Some(age) = policy.max_auth_age().filter(|age| age.0 >= 0) {
            return age;
        }
    }
    let own = action.config.get("max_auth_age");
    own.and_then(|text| text.trim().parse().ok())
        .filter(|age| *age >= 0)
        .map_or(MAX_AUTH_AGE, Seconds)
}

/// The action that is next: those of the user and of the tab by the realm's order, then the one that
/// the application asks for. Actions that the realm has switched off, or does not know, are none.
pub(super) async fn first(
    realm: &Realm,
    visit: &mut Visit<'_>,
    ignored: &[String],
) -> Result<Option<RequiredActionView>, StoreError> {
    let actions = realm.required_actions().await?;
    let enabled = |alias: &str| {
        actions
            .iter()
            .find(|action| action.alias == alias && action.enabled)
    };
    let mut own: Vec<&RequiredActionView> = visit
        .user
        .required_actions
        .iter()
        .chain(&visit.tab.required_actions)
        .filter_map(|alias| enabled(alias))
        .filter(|action| !ignored.contains(&action.provider_id))
        .collect();
    own.sort_by_key(|action| action.priority);
    let mut next = own.first().copied();
    if let Some(asked) = visit.tab.client_notes.get(KC_ACTION).cloned() {
        match enabled(&asked) {
            None => settle(visit, &asked, Status::Error),
            Some(action) if own.iter().any(|own| own.alias == action.alias) => {
                let notes = &mut visit.tab.client_notes;
                notes.insert(ENFORCED.to_owned(), "true".to_owned());
            }
            Some(action) if !ignored.contains(&action.provider_id) => {
                next = next.or(Some(action));
            }
            Some(_) => {}
        }
    }
    Ok(next.cloned())
}

/// Whether the application asks for this action.
pub(super) fn is_asked_for(visit: &Visit<'_>, provider: &str) -> bool {
    visit.tab.client_notes.get(KC_ACTION).map(String::as_str) == Some(provider)
}

/// Notes that the page of what the application asked for is shown.
pub(super) fn begin(visit: &mut Visit<'_>, provider: &str) {
    let notes = &mut visit.tab.client_notes;
    notes.insert(EXECUTING.to_owned(), provider.to_owned());
}

/// Whether what the application asks for is due anyway.
pub(super) fn is_enforced(visit: &Visit<'_>) -> bool {
    let notes = &visit.tab.client_notes;
    notes.get(ENFORCED).map(String::as_str) == Some("true")
}

/// Whether the person may leave the action.
pub(super) fn is_cancellable(visit: &Visit<'_>, provider: &str) -> bool {
    let note = |name: &str| visit.tab.client_notes.get(name).map(String::as_str);
    note(EXECUTING) == Some(provider) && !is_enforced(visit)
}

/// Notes what came of an action, if the application asked for it.
pub(super) fn settle(visit: &mut Visit<'_>, provider: &str, status: Status) {
    if !is_asked_for(visit, provider) {
        return;
    }
    let notes = &mut visit.tab.client_notes;
    notes.remove(KC_ACTION);
    notes.remove(EXECUTING);
    notes.insert(KC_ACTION_STATUS.to_owned(), status.as_str().to_owned());
}

/// An action is done: neither the user nor the tab has it any more.
pub(super) fn finish(
    realm: &Realm,
    visit: &mut Visit<'_>,
    action: &RequiredActionView,
    tx: &mut Tx,
) {
    let is_this = |known: &String| *known == action.alias || *known == action.provider_id;
    visit.tab.required_actions.retain(|known| !is_this(known));
    if visit.user.required_actions.iter().any(is_this) {
        visit.user.required_actions.retain(|known| !is_this(known));
        tx.update_user(&realm.id, visit.user);
    }
    settle(visit, &action.provider_id, Status::Success);
}
