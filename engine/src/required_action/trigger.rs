//! What makes an action due without anybody asking for it.

use claviger_model::user::CredentialType;
use claviger_store::Tx;

use super::{ActionError, LOCALE_REQUESTED, PASSWORD_VALIDATED, Visit, profile};
use crate::app::App;
use crate::browser::{CookieChange, CookieName};
use crate::events::EventBuilder;
use crate::password_policy::PasswordPolicy;
use crate::realm::Realm;

/// Looks at everything that may have become due. What hangs on the user is written to the user.
pub(super) async fn evaluate(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    tx: &mut Tx,
) -> Result<(), ActionError> {
    let before = visit.user.clone();
    for action in realm.required_actions().await?.iter() {
        if !action.enabled {
            continue;
        }
        match action.provider_id.as_str() {
            "VERIFY_EMAIL" => verify_email(realm, visit),
            "UPDATE_EMAIL" => update_email(visit),
            "UPDATE_PASSWORD" => expired_password(app, realm, visit).await?,
            "VERIFY_PROFILE" => verify_profile(realm, visit).await?,
            "update_user_locale" => update_locale(app, realm, visit, tx).await?,
            _ => {}
        }
    }
    if *visit.user != before {
        tx.update_user(&realm.id, visit.user);
    }
    Ok(())
}

fn has(visit: &Visit<'_>, alias: &str) -> bool {
    visit
        .user
        .required_actions
        .iter()
        .any(|known| known == alias)
}

fn add(visit: &mut Visit<'_>, alias: &str) {
    if !has(visit, alias) {
        visit.user.required_actions.push(alias.to_owned());
    }
}

/// Where the realm wants addresses to be verified, this one is. Whoever is to change the address
/// verifies it by that.
fn verify_email(realm: &Realm, visit: &mut Visit<'_>) {
    let address = visit.user.email.as_deref().unwrap_or_default();
    if realm.settings.login.verify_email
        && !visit.user.email_verified
        && !address.trim().is_empty()
        && !has(visit, "UPDATE_EMAIL")
    {
        add(visit, "VERIFY_EMAIL");
    }
}

/// An address that waits to be verified.
fn update_email(visit: &mut Visit<'_>) {
    if visit.user.attributes.contains_key("kc.email.pending") {
        add(visit, "UPDATE_EMAIL");
    } else if has(visit, "UPDATE_EMAIL") {
        let actions = &mut visit.user.required_actions;
        actions.retain(|known| known != "VERIFY_EMAIL");
    }
}

/// A password that was good, and is older than the policy allows.
async fn expired_password(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
) -> Result<(), ActionError> {
    let shown = visit.tab.auth_notes.get(PASSWORD_VALIDATED);
    if shown.map(String::as_str) != Some("true") || has(visit, "UPDATE_PASSWORD") {
        return Ok(());
    }
    let policy = PasswordPolicy::parse(realm.settings.password_policy.as_deref());
    if !policy.expires() {
        return Ok(());
    }
    let held = app.store.credentials(&realm.id, &visit.user.id).await?;
    let password = held
        .iter()
        .find(|known| known.kind == CredentialType::Password);
    let is_due = password.is_some_and(|known| {
        known
            .created_at
            .is_none_or(|made| policy.is_expired(made, app.now()))
    });
    if is_due {
        add(visit, "UPDATE_PASSWORD");
    }
    Ok(())
}

/// A profile that lacks something is asked for by this login, not by the user: what is complete for
/// one client may not be so for another.
async fn verify_profile(realm: &Realm, visit: &mut Visit<'_>) -> Result<(), ActionError> {
    const ALIAS: &str = "VERIFY_PROFILE";
    if profile::is_complete(realm, visit).await? {
        visit.tab.required_actions.remove(ALIAS);
        visit.user.required_actions.retain(|known| known != ALIAS);
    } else {
        visit.tab.required_actions.insert(ALIAS.to_owned());
    }
    Ok(())
}

/// The language that was chosen on the way in becomes the user's; the one that the user has becomes
/// the browser's.
async fn update_locale(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    tx: &mut Tx,
) -> Result<(), ActionError> {
    let own = visit.user.attributes.get("locale");
    let own = own.and_then(|values| values.first()).cloned();
    let chosen = visit.tab.auth_notes.get(LOCALE_REQUESTED).cloned();
    let cookie = match (chosen, own) {
        (Some(chosen), own) if own.as_ref() != Some(&chosen) => {
            let mut event = EventBuilder::new("UPDATE_PROFILE", visit.event.ip_address());
            event.user(visit.user.id.as_str());
            if let Some(client) = realm.client_by_uuid(&visit.tab.client).await? {
                event.client(&client.client_id);
            }
            event.detail("previous_locale", own.unwrap_or_default());
            event.detail("updated_locale", chosen.clone());
            event.success(app, realm, tx);
            let attributes = &mut visit.user.attributes;
            attributes.insert("locale".to_owned(), vec![chosen.clone()]);
            Some(CookieChange::set(CookieName::Locale, chosen))
        }
        (Some(_), _) => None,
        (None, Some(own)) => Some(CookieChange::set(CookieName::Locale, own)),
        (None, None) => visit
            .locale
            .map(|_| CookieChange::clear(CookieName::Locale)),
    };
    visit
        .cookies
        .retain(|known| known.name != CookieName::Locale);
    visit.cookies.extend(cookie);
    Ok(())
}
