//! `delete_account`: people who may delete their own account, and do.

use claviger_model::session::{EndReason, SessionKind};
use claviger_store::{StoreError, Tx};
use claviger_wire::flow::RequiredActionView;
use claviger_wire::signal::EventType;

use super::{ActionError, Answered, Due, KC_ACTION, Visit};
use crate::app::App;
use crate::logout::end_sessions_of_user;
use crate::page::{Fault, Message, Page};
use crate::person::Person;
use crate::realm::Realm;
use crate::signal::people::of_account;
use crate::signal::set::Initiator;

/// The client with the roles on one's own account.
const ACCOUNT: &str = "account";
/// The role that lets its holder go.
const ROLE: &str = "delete-account";

/// The page: are you sure?
pub(super) async fn page(
    app: &App,
    realm: &Realm,
    visit: &Visit<'_>,
    action: &RequiredActionView,
) -> Result<Due, StoreError> {
    if !may(app, realm, visit).await? {
        return Ok(forbidden(visit, action));
    }
    let asked = visit.tab.client_notes.get(KC_ACTION);
    let page = Page::DeleteAccount {
        triggered_from_aia: asked == Some(&action.provider_id),
    };
    Ok(Due::new(visit, action, page))
}

fn forbidden(visit: &Visit<'_>, action: &RequiredActionView) -> Due {
    let page = Page::Error {
        fault: Fault::Forbidden,
        back: None,
    };
    Due::new(visit, action, page).wrong(Message::new("deletingAccountForbidden"))
}

async fn may(app: &App, realm: &Realm, visit: &Visit<'_>) -> Result<bool, StoreError> {
    let Some(account) = realm.client(ACCOUNT).await? else {
        return Ok(false);
    };
    let roles = realm.roles().await?;
    let role = roles
        .of_client(&account.uuid)
        .find(|role| role.name == ROLE);
    let Some(role) = role else {
        return Ok(false);
    };
    let person = Person::load(&app.store, realm, visit.user.clone()).await?;
    Ok(person.roles.contains(&role.id))
}

/// Deletes the user: the sessions end in the same job, so that no client is left untold.
pub(super) async fn answer(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    action: &RequiredActionView,
    tx: &mut Tx,
) -> Result<Answered, ActionError> {
    visit.event.kind("DELETE_ACCOUNT");
    if !may(app, realm, visit).await? {
        let event = &mut *visit.event;
        event.detail(
            "reason",
            "does not have the required roles for user deletion",
        );
        event.error(app, realm, "user_delete_error", tx);
        return Ok(Answered::Again(forbidden(visit, action)));
    }
    let user = &visit.user.id;
    let (kinds, reason) = (&SessionKind::ALL, EndReason::UserDeleted);
    end_sessions_of_user(app, realm, tx, user, kinds, reason).await?;
    let event = (EventType::AccountPurged, Initiator::User);
    of_account(app, realm, tx, user, event).await?;
    tx.delete_user(&realm.id, user);
    visit.event.detail("username", visit.user.username.clone());
    visit.event.success(app, realm, tx);
    let page = Page::Info {
        header: Some(Message::new("")),
        required_actions: Vec::new(),
        back: None,
        proceed: None,
    };
    Ok(Answered::Gone(
        page,
        Message::new("userDeletedSuccessfully"),
    ))
}
