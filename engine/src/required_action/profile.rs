//! `UPDATE_PROFILE`, and `VERIFY_PROFILE`: what the realm's profile asks of its users.

use claviger_model::User;
use claviger_store::{StoreError, Tx};
use claviger_wire::flow::RequiredActionView;

use super::{ActionError, Answered, Challenge, Due, Form, Visit};
use crate::app::App;
use crate::page::Page;
use crate::profile::{Context, Missing, ProfileInput, Scene, Violation, hold_email};
use crate::realm::Realm;
use crate::scope;
use crate::signal::people::account_changed;
use crate::signal::set::Initiator;

/// The names of the client scopes that this login asks for: attributes may be for some of them only.
async fn scopes(realm: &Realm, visit: &Visit<'_>) -> Result<Vec<String>, StoreError> {
    let Some(client) = realm.client_by_uuid(&visit.tab.client).await? else {
        return Ok(Vec::new());
    };
    let parameter = visit.tab.client_notes.get("scope").map(String::as_str);
    let scopes = scope::requested(realm, &client, parameter).await?;
    Ok(scopes.iter().map(|scope| scope.name.clone()).collect())
}

/// Whether there is nothing to ask.
pub(super) async fn is_complete(realm: &Realm, visit: &Visit<'_>) -> Result<bool, StoreError> {
    let scopes = scopes(realm, visit).await?;
    let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let profile = realm.profile().await?;
    Ok(profile.is_complete_for(visit.user, &realm.settings, &names))
}

/// The page, with what is in the user's profile.
pub(super) async fn page(
    realm: &Realm,
    visit: &Visit<'_>,
    action: &RequiredActionView,
) -> Result<Due, StoreError> {
    let due = filled(realm, visit, action, (&Form::new(), &[])).await?;
    Ok(due.because("updateProfileMessage"))
}

/// The page of a profile that lacks something, saying what; or that there is nothing to ask.
pub(super) async fn verify(
    app: &App,
    realm: &Realm,
    visit: &Visit<'_>,
    action: &RequiredActionView,
    tx: &mut Tx,
) -> Result<Challenge, ActionError> {
    let scopes = scopes(realm, visit).await?;
    let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let profile = realm.profile().await?;
    let wrong = profile.of_user(scene(realm, visit.user, &names), visit.user);
    let wrong = wrong.violations();
    if wrong.is_empty() {
        return Ok(Challenge::Nothing);
    }
    let mut event = visit.event.clone();
    event.kind("VERIFY_PROFILE");
    event.detail("fields_to_update", fields_of(&wrong));
    event.success(app, realm, tx);
    let due = filled(realm, visit, action, (&Form::new(), &wrong)).await?;
    Ok(due.into())
}

/// The names of what is wrong, each once.
fn fields_of(wrong: &[Violation]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for violation in wrong {
        if !names.contains(&violation.attribute.as_str()) {
            names.push(&violation.attribute);
        }
    }
    names.join(",")
}

const fn scene<'a>(realm: &'a Realm, user: &'a User, scopes: &'a [&'a str]) -> Scene<'a> {
    Scene {
        realm: &realm.settings,
        context: Context::UpdateProfile,
        existing: Some(user),
        scopes,
    }
}

/// The page with what was sent, and what is wrong with it at each field. What is wrong with something
/// that the page does not show stands above.
async fn filled(
    realm: &Realm,
    visit: &Visit<'_>,
    action: &RequiredActionView,
    (sent, wrong): (&Form, &[Violation]),
) -> Result<Due, StoreError> {
    let scopes = scopes(realm, visit).await?;
    let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let profile = realm.profile().await?;
    let fields = profile
        .of_user(scene(realm, visit.user, &names), visit.user)
        .fields(sent);
    let mut due = Due::new(visit, action, Page::UpdateProfile { fields: Vec::new() });
    for violation in wrong {
        let field = fields
            .iter()
            .find(|field| field.name == violation.attribute);
        let message = violation.message(field.map(|field| field.display_name.as_str()));
        due = match field {
            Some(field) => due.wrong_at(&field.name, message),
            None => due.wrong(message),
        };
    }
    due.page = Page::UpdateProfile { fields };
    Ok(due)
}

/// Takes the form.
pub(super) async fn answer(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    (action, form): (&RequiredActionView, &Form),
    tx: &mut Tx,
) -> Result<Answered, ActionError> {
    visit.event.kind("UPDATE_PROFILE");
    visit.event.detail("context", "UPDATE_PROFILE");
    let scopes = scopes(realm, visit).await?;
    let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let profile = realm.profile().await?;
    let before = visit.user.clone();
    let input = ProfileInput::of_form(form);
    let candidate = profile.candidate(scene(realm, &before, &names), &input);
    let wrong = candidate.violations_and_taken(app, realm).await?;
    if !wrong.is_empty() {
        let again = filled(realm, visit, action, (form, &wrong)).await?;
        return Ok(Answered::Again(again));
    }
    let changes = candidate.apply_to(visit.user, Missing::Keep);
    // A new address is proved where the realm wants it, in whichever way it goes about that.
    let address_changed = changes.iter().any(|change| change.name == "email");
    let actions = realm.required_actions().await?;
    let by_mail = actions
        .iter()
        .any(|known| known.enabled && known.provider_id == "UPDATE_EMAIL");
    let pending = &mut visit.user.required_actions;
    if address_changed
        && by_mail
        && realm.settings.login.verify_email
        && !pending.iter().any(|known| known == "UPDATE_EMAIL")
    {
        pending.push("UPDATE_EMAIL".to_owned());
    }
    tx.update_user(&realm.id, visit.user);
    hold_email(realm, tx, Some(&before), visit.user);
    let users = (&before, &*visit.user);
    account_changed(app, realm, tx, users, Initiator::User).await?;
    for change in &changes {
        change.tell(visit.event);
    }
    Ok(Answered::Done)
}
