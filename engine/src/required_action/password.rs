//! `UPDATE_PASSWORD`: a new password, twice.

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{Secret, UserId};
use claviger_store::{StoreError, Tx};
use claviger_wire::flow::RequiredActionView;

use super::{ActionError, Answered, Due, Form, PASSWORD_VALIDATED, Visit, first};
use crate::app::App;
use crate::credentials::{PasswordRefused, with_password, write_within};
use crate::events::EventBuilder;
use crate::logout::end_session;
use crate::page::{Message, Page};
use crate::realm::Realm;
use crate::signal::people::credentials_changed;
use crate::signal::set::Initiator;

/// The event's older name, recorded beside the new one.
const FORMER: &str = "UPDATE_PASSWORD";

pub(super) fn page(visit: &Visit<'_>, action: &RequiredActionView) -> Due {
    let asked_by_admin = visit
        .user
        .required_actions
        .iter()
        .any(|known| known == "UPDATE_PASSWORD");
    let reason = if asked_by_admin {
        "updatePasswordMessage"
    } else {
        "resetPasswordMessage"
    };
    plain(visit, action).because(reason)
}

fn plain(visit: &Visit<'_>, action: &RequiredActionView) -> Due {
    let page = Page::UpdatePassword {
        username: visit.user.username.clone(),
        logout_sessions: false,
    };
    Due::new(visit, action, page)
}

pub(super) async fn answer(
    app: &App,
    realm: &Realm,
    visit: &mut Visit<'_>,
    (action, form): (&RequiredActionView, &Form),
    tx: &mut Tx,
) -> Result<Answered, ActionError> {
    visit.event.kind("UPDATE_CREDENTIAL");
    visit.event.detail("credential_type", "password");
    let fail = |visit: &Visit<'_>, error: &str, reason: Option<&str>, tx: &mut Tx| {
        for kind in ["UPDATE_CREDENTIAL", FORMER] {
            let mut event = visit.event.clone();
            event.kind(kind).user(visit.user.id.as_str());
            event.detail("reason", reason.unwrap_or_default());
            event.error(app, realm, error, tx);
        }
    };
    let new = first(form, "password-new").unwrap_or_default();
    if new.trim().is_empty() {
        fail(visit, "password_missing", None, tx);
        let missing = Message::new("missingPasswordMessage");
        let again = plain(visit, action).wrong_at("password", missing);
        return Ok(Answered::Again(again));
    }
    if first(form, "password-confirm") != Some(new) {
        fail(visit, "password_confirm_error", None, tx);
        let differs = Message::new("notMatchPasswordMessage");
        let again = plain(visit, action).wrong_at("password-confirm", differs);
        return Ok(Answered::Again(again));
    }
    let held = app.store.credentials(&realm.id, &visit.user.id).await?;
    let secret = Secret::new(new.to_owned());
    let after = match with_password(app, realm, visit.user, &held, secret).await {
        Ok(after) => after,
        Err(PasswordRefused::Policy(violation)) => {
            fail(visit, "password_rejected", Some(violation.error), tx);
            let message = Message {
                key: violation.error.to_owned(),
                args: violation.params,
            };
            return Ok(Answered::Again(plain(visit, action).wrong(message)));
        }
        Err(PasswordRefused::Hasher(error)) => return Err(error.into()),
    };
    if first(form, "logout-sessions") == Some("on") {
        end_other_sessions(app, realm, visit, &action.provider_id, tx).await?;
    }
    let whose = (&visit.user.id, &*visit.tab);
    write_within(tx, &realm.id, whose, &held, &after);
    // Which password was shown before says nothing of the age of the new one, written by this very job.
    visit.tab.auth_notes.remove(PASSWORD_VALIDATED);
    let whose = (&visit.user.id, Initiator::User);
    credentials_changed(app, realm, tx, whose, (&held, &after)).await?;
    visit.event.clone().kind(FORMER).success(app, realm, tx);
    Ok(Answered::Done)
}

/// Ends what else the user is signed in with, so that whoever knew the old password is out.
pub(super) async fn end_other_sessions(
    app: &App,
    realm: &Realm,
    visit: &Visit<'_>,
    action: &str,
    tx: &mut Tx,
) -> Result<(), StoreError> {
    let user: &UserId = &visit.user.id;
    for kind in SessionKind::ALL {
        for session in app.store.sessions_of_user(&realm.id, kind, user).await? {
            if session.id == visit.tab.root {
                continue;
            }
            end_session(app, realm, tx, &session, EndReason::CredentialChanged).await?;
            let mut event: EventBuilder = visit.event.clone();
            event.kind("LOGOUT").session(Some(session.id.as_str()));
            event.user(user.as_str());
            event.detail("logout_triggered_by_required_action", action);
            event.success(app, realm, tx);
        }
    }
    Ok(())
}
