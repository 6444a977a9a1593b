//! What every new user gets, whoever makes the account: the default role, groups and required actions.

use claviger_model::{Credential, GroupId, User};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::LinkKind;

use crate::app::App;
use crate::credentials::write;
use crate::profile::hold_email;
use crate::realm::Realm;

/// Aliases of the required actions that every new user gets.
///
/// # Errors
///
/// The store failed.
pub async fn default_actions(realm: &Realm) -> Result<Vec<String>, StoreError> {
    let actions = realm.required_actions().await?;
    let default = actions
        .iter()
        .filter(|action| action.enabled && action.default_action);
    Ok(default.map(|action| action.alias.clone()).collect())
}

/// Ids of the groups that every new user joins.
///
/// # Errors
///
/// The store failed.
pub async fn default_groups(app: &App, realm: &Realm) -> Result<Vec<GroupId>, StoreError> {
    let (store, id) = (&app.store, &realm.id);
    let links = store.links_from(id, LinkKind::DefaultGroup, id.as_str());
    Ok(links.await?.into_iter().map(GroupId::new).collect())
}

/// Puts a new user into the job, with the credentials, the groups and the default role. The job meets a
/// conflict if somebody else has got the name or the address meanwhile.
pub fn insert(
    realm: &Realm,
    tx: &mut Tx,
    user: &User,
    credentials: &[Credential],
    groups: &[GroupId],
) {
    tx.insert_user(&realm.id, user);
    hold_email(realm, tx, None, user);
    write(tx, &realm.id, &user.id, &[], credentials);
    tx.grant_role(&realm.id, &user.id, &realm.settings.default_role);
    for group in groups {
        tx.join_group(&realm.id, &user.id, group);
    }
}
