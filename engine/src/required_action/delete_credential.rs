//! `delete_credential`: an application lets its user take a second factor back.

use claviger_model::user::CredentialType;
use claviger_model::{Credential, CredentialId};
use claviger_store::{StoreError, Tx};
use claviger_wire::flow::RequiredActionView;

use super::due::PARAMETER;
use super::{ActionError, Answered, Challenge, Due, Visit};
use crate::app::App;
use crate::client::Client;
use crate::credentials::write_within;
use crate::flow::{self, Condition, ReadError};
use crate::page::{Fault, Message, Page};
use crate::realm::Realm;
use crate::signal::people::credentials_changed;
use crate::signal::set::Initiator;

/// The note of a tab with the level that its login has reached.
const LEVEL_REACHED: &str = "level-of-authentication";
/// The types that people may take back. Nobody is left without a password by this page.
pub const REMOVABLE: [&str; 4] = [
    "otp",
    "webauthn",
    "webauthn-passwordless",
    "recovery-authn-codes",
];

/// The credential that the application means, if it is this user's.
async fn wanted(
    app: &App,
    realm: &Realm,
    visit: &Visit<'_>,
) -> Result<(Vec<Credential>, Option<Credential>), StoreError> {
    let id = visit.tab.client_notes.get(PARAMETER);
    let held = app.store.credentials(&realm.id, &visit.user.id).await?;
    let id = id.map(|id| CredentialId::new(id.clone()));
    let found = held.iter().find(|known| Some(&known.id) == id.as_ref());
    let found = found.cloned();
    Ok((held, found))
}

/// The page; or nothing, where there is no such credential.
pub(super) async fn page(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    action: &RequiredActionView,
    tx: &mut Tx,
) -> Result<Challenge, ActionError> {
    let (_, found) = wanted(app, realm, visit).await?;
    let Some(credential) = found else {
        let error = match visit.tab.client_notes.get(PARAMETER) {
            Some(id) => {
                visit.event.detail("credential_id", id.clone());
                "credential_not_found"
            }
            None => "missing_credential_id",
        };
        visit.event.error(app, realm, error, tx);
        visit.event.flaw(error);
        return Ok(Challenge::Impossible);
    };
    let kind = credential.kind.as_str();
    let label = credential.user_label.as_deref();
    let label = label.filter(|label| !label.trim().is_empty());
    let page = Page::DeleteCredential {
        label: label.unwrap_or(kind).to_owned(),
    };
    Ok(Due::new(visit, action, page).into())
}

/// Takes the credential away, if it is one that people may take back, and if they have just shown
/// as much as it stands for (CVE-2026-3429: a second factor removed with the first alone).
pub(super) async fn answer(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    action: &RequiredActionView,
    tx: &mut Tx,
) -> Result<Answered, ActionError> {
    let (held, found) = wanted(app, realm, visit).await?;
    visit.event.kind("REMOVE_CREDENTIAL");
    let mut former = None;
    if let Some(credential) = &found {
        let event = &mut *visit.event;
        event.detail("credential_type", credential.kind.as_str());
        event.detail("credential_id", credential.id.as_str());
        event.detail(
            "credential_user_label",
            credential.user_label.clone().unwrap_or_default(),
        );
        if credential.kind == CredentialType::Otp {
            former = Some(event.clone().kind("REMOVE_TOTP").clone());
        }
    }
    let reason = match &found {
        None => Some("Credential not found"),
        Some(credential) if !REMOVABLE.contains(&credential.kind.as_str()) => {
            Some("Credential type cannot be removed")
        }
        Some(_) if !has_shown_enough(realm, visit).await? => {
            Some("Insufficient level of authentication for removing this credential.")
        }
        Some(_) => None,
    };
    if let Some(reason) = reason {
        let mut event = visit.event.clone();
        for event in std::iter::once(&mut event).chain(&mut former) {
            event.detail("reason", reason);
            event.error(app, realm, "delete_credential_failed", tx);
        }
        let page = Page::Error {
            fault: Fault::BadRequest,
            back: None,
        };
        let due = Due::new(visit, action, page).wrong(Message::new(reason));
        return Ok(Answered::Again(due));
    }
    let after: Vec<Credential> = held
        .iter()
        .filter(|known| Some(&known.id) != found.as_ref().map(|found| &found.id))
        .cloned()
        .collect();
    let whose = (&visit.user.id, &*visit.tab);
    write_within(tx, &realm.id, whose, &held, &after);
    let whose = (&visit.user.id, Initiator::User);
    credentials_changed(app, realm, tx, whose, (&held, &after)).await?;
    if let Some(former) = former {
        former.success(app, realm, tx);
    }
    Ok(Answered::Done)
}

/// Whether this login has reached what the credential stands for.
async fn has_shown_enough(realm: &Realm, visit: &Visit<'_>) -> Result<bool, StoreError> {
    let client = realm.client_by_uuid(&visit.tab.client).await?;
    let reached = visit.tab.auth_notes.get(LEVEL_REACHED);
    let reached = reached.and_then(|reached| reached.parse::<i32>().ok());
    is_level_enough(realm, client.as_deref(), reached).await
}

/// Whether who signed in at a client has reached the highest level that its flow has, where it has
/// levels. Which of them each credential stands for is not looked at: the strictest is never too little.
///
/// # Errors
///
/// The store's.
pub async fn is_level_enough(
    realm: &Realm,
    client: Option<&Client>,
    reached: Option<i32>,
) -> Result<bool, StoreError> {
    let overrides = client.map(|client| &client.settings.authentication_flow_binding_overrides);
    let own = overrides.and_then(|overrides| overrides.get("browser"));
    let alias = realm.settings.flows.browser.as_deref();
    let flow = if let Some(id) = own.filter(|id| !id.is_empty()) {
        flow::by_id(realm, id).await
    } else {
        flow::by_alias(realm, alias.unwrap_or("browser")).await
    };
    let flow = match flow {
        Ok(flow) => flow,
        Err(ReadError::Store(error)) => return Err(error),
        Err(ReadError::Unreadable(_)) => return Ok(false),
    };
    let levels = flow
        .all_steps()
        .into_iter()
        .filter(|step| step.condition() == Some(Condition::Level))
        .map(|step| {
            let level = step.setting("loa-condition-level");
            level.and_then(|level| level.trim().parse::<i32>().ok())
        })
        .map(|level| level.unwrap_or(0));
    let Some(highest) = levels.max() else {
        return Ok(true);
    };
    Ok(reached.is_some_and(|reached| reached >= highest))
}
