//! Whether somebody else has the name or the address that a user is to have.

use claviger_engine::profile::{self, Taken, taken};
use claviger_model::User;
use claviger_store::Tx;

use crate::call::AdminCall;
use crate::problem::Problem;

/// What is told of a mail address that somebody else has.
pub(super) const EMAIL_TAKEN: &str = "User exists with same email";

/// Refuses a name or an address that another user has.
pub(super) async fn check(
    call: &AdminCall,
    existing: Option<&User>,
    username: Option<&str>,
    email: Option<&str>,
) -> Result<(), Problem> {
    let found = taken(&call.app, &call.realm, existing, username, email).await?;
    match found.first() {
        None => Ok(()),
        Some(Taken::Email) => Err(Problem::conflict(EMAIL_TAKEN)),
        Some(Taken::Username) => Err(Problem::conflict("User exists with same username")),
    }
}

/// Lets the store refuse the address that a user got, should somebody else get it at the same moment.
pub(super) fn hold_email(call: &AdminCall, tx: &mut Tx, before: Option<&User>, after: &User) {
    profile::hold_email(&call.realm, tx, before, after);
}
