//! Whether somebody else has the name or the address that a user is to have.

use claviger_model::User;

use crate::call::AdminCall;
use crate::problem::Problem;

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
        return Err(Problem::conflict("User exists with same email"));
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
