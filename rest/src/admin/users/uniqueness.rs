//! Whether somebody else has the name or the address that a user is to have.

use claviger_model::User;
use claviger_store::Tx;

use crate::call::AdminCall;
use crate::problem::Problem;

/// What is told of a mail address that somebody else has.
pub(super) const EMAIL_TAKEN: &str = "User exists with same email";

/// Refuses a name or an address that another user has, as one or as the other where addresses
/// are good for signing in.
pub(super) async fn check(
    call: &AdminCall,
    existing: Option<&User>,
    username: Option<&str>,
    email: Option<&str>,
) -> Result<(), Problem> {
    let login = call.realm.settings.login;
    let (store, realm) = (&call.app.store, &call.realm.id);
    let another = |found: Option<User>| {
        found.is_some_and(|found| existing.is_none_or(|user| user.id != found.id))
    };
    let unchanged = existing.is_some_and(|user| user.email.as_deref() == email);
    if let Some(email) = email
        && !login.duplicate_emails_allowed
        && !unchanged
        && (another(store.user_by_email(realm, email).await?)
            || (login.login_with_email_allowed
                && another(store.user_by_username(realm, email).await?)))
    {
        return Err(Problem::conflict(EMAIL_TAKEN));
    }
    if let Some(username) = username
        && (another(store.user_by_username(realm, username).await?)
            || (login.login_with_email_allowed
                && username.contains('@')
                && another(store.user_by_email(realm, username).await?)))
    {
        return Err(Problem::conflict("User exists with same username"));
    }
    Ok(())
}

/// Lets the store refuse the address that a user got, should somebody else get it at the same moment.
pub(super) fn hold_email(call: &AdminCall, tx: &mut Tx, before: Option<&User>, after: &User) {
    if before.is_some_and(|before| before.email == after.email) {
        return;
    }
    let may_share = call.realm.settings.login.duplicate_emails_allowed;
    let held = after.email.as_deref().filter(|_| !may_share);
    tx.hold_email(&call.realm.id, &after.id, held);
}
