//! Whether somebody else has the name or the address that a user is to have.

use claviger_model::User;
use claviger_store::{StoreError, Tx};

use crate::app::App;
use crate::realm::Realm;

/// What somebody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The mail address.
    Email,
    /// The name.
    Username,
}

/// What of a name and an address another user has, as one or as the other where addresses are good
/// for signing in; the address first.
pub async fn taken(
    app: &App,
    realm: &Realm,
    existing: Option<&User>,
    username: Option<&str>,
    email: Option<&str>,
) -> Result<Vec<Taken>, StoreError> {
    let login = realm.settings.login;
    let (store, realm) = (&app.store, &realm.id);
    let another = |found: Option<User>| {
        found.is_some_and(|found| existing.is_none_or(|user| user.id != found.id))
    };
    let unchanged = existing.is_some_and(|user| user.email.as_deref() == email);
    let mut taken = Vec::new();
    if let Some(email) = email
        && !login.duplicate_emails_allowed
        && !unchanged
        && (another(store.user_by_email(realm, email).await?)
            || (login.login_with_email_allowed
                && another(store.user_by_username(realm, email).await?)))
    {
        taken.push(Taken::Email);
    }
    if let Some(username) = username
        && (another(store.user_by_username(realm, username).await?)
            || (login.login_with_email_allowed
                && username.contains('@')
                && another(store.user_by_email(realm, username).await?)))
    {
        taken.push(Taken::Username);
    }
    Ok(taken)
}

/// Lets the store refuse the address that a user got, should somebody else get it at the same moment.
pub fn hold_email(realm: &Realm, tx: &mut Tx, before: Option<&User>, after: &User) {
    if before.is_some_and(|before| before.email == after.email) {
        return;
    }
    let may_share = realm.settings.login.duplicate_emails_allowed;
    let held = after.email.as_deref().filter(|_| !may_share);
    tx.hold_email(&realm.id, &after.id, held);
}
