//! The groups that somebody is in.

use claviger_surface::Answer;

use super::call::AccountCall;
use crate::admin::users::groups::show_of;
use crate::call::read_out;
use crate::problem::Problem;

/// All of them, by path.
pub(super) async fn list(call: &AccountCall) -> Result<Answer, Problem> {
    call.require(&["manage-account", "view-groups"])?;
    let brief = call.flag("briefRepresentation").unwrap_or(true);
    let (store, realm) = (&call.app.store, &call.realm);
    let mut shown = Vec::new();
    for id in store.user_groups(&realm.id, &call.user().id).await? {
        shown.extend(show_of(realm, &id, brief).await?);
    }
    Ok(read_out(&shown))
}
