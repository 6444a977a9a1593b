//! Service accounts: the users as whom clients act on their own behalf.

use claviger_model::session::{EndReason, SessionKind};
use claviger_model::{ClientUuid, GroupId, RoleId, User, UserId};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::{Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::Value;

use crate::app::App;
use crate::logout::end_sessions_of_user;
use crate::realm::Realm;
use crate::realms::plain_user;

/// The scope whose mappers tell which client a token of a service account is for.
const SCOPE: &str = "service_account";

/// The name of a client's service account.
pub fn username(client_id: &str) -> String {
    format!("service-account-{}", client_id.to_lowercase())
}

/// Gives a client its service account, unless it has one, and the scope that goes with it.
pub async fn enable(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &ClientUuid,
    client_id: &str,
) -> Result<(), StoreError> {
    if app
        .store
        .user_of_service_account(&realm.id, client)
        .await?
        .is_none()
    {
        insert(app, realm, tx, client, client_id).await?;
    }
    if let Some(scope) = realm.scopes().await?.named(SCOPE) {
        let link = |kind| Link {
            kind,
            from: client.as_str().to_owned(),
            to: scope.id.as_str().to_owned(),
        };
        tx.delete_link(&realm.id, &link(LinkKind::OptionalScope));
        tx.insert_link(&realm.id, &link(LinkKind::DefaultScope));
    }
    Ok(())
}

/// Ends a client's service account with its sessions, and takes the scope away.
pub async fn disable(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &ClientUuid,
) -> Result<(), StoreError> {
    let user = app.store.user_of_service_account(&realm.id, client).await?;
    if let Some(scope) = realm.scopes().await?.named(SCOPE) {
        let id = scope.id.as_str();
        let default = app
            .store
            .links_from(&realm.id, LinkKind::DefaultScope, client.as_str());
        if user.is_none() && !default.await?.iter().any(|scope| scope == id) {
            return Ok(());
        }
        for kind in [LinkKind::OptionalScope, LinkKind::DefaultScope] {
            let (from, to) = (client.as_str().to_owned(), scope.id.as_str().to_owned());
            tx.delete_link(&realm.id, &Link { kind, from, to });
        }
    }
    delete(app, realm, tx, client).await
}

/// Deletes a client's service account, if it has one. Its sessions end.
pub async fn delete(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &ClientUuid,
) -> Result<(), StoreError> {
    if let Some(user) = app.store.user_of_service_account(&realm.id, client).await? {
        let reason = EndReason::UserDeleted;
        end_sessions_of_user(app, realm, tx, &user.id, &SessionKind::ALL, reason).await?;
        tx.delete_user(&realm.id, &user.id);
    }
    Ok(())
}

/// Names a client's service account after the client's new id.
pub async fn rename(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &ClientUuid,
    client_id: &str,
) -> Result<(), StoreError> {
    if let Some(mut user) = app.store.user_of_service_account(&realm.id, client).await? {
        user.username = username(client_id);
        tx.update_user(&realm.id, &user);
    }
    Ok(())
}

/// A service account is a new user like any other: with the realm's default role, groups and
/// actions.
async fn insert(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    client: &ClientUuid,
    client_id: &str,
) -> Result<UserId, StoreError> {
    let actions = app.store.documents(&realm.id, Kind::RequiredAction).await?;
    let default = actions.iter().filter(|action| {
        let fields = Fields::of(&action.body);
        fields.flag("enabled", false) && fields.flag("defaultAction", false)
    });
    let user = User {
        service_account_of: Some(client.clone()),
        required_actions: default.map(|action| action.unique_name.clone()).collect(),
        ..plain_user(app, &username(client_id))
    };
    tx.insert_user(&realm.id, &user);
    let role = realm
        .body
        .get("defaultRole")
        .and_then(|role| role.get("id"));
    if let Some(role) = role.and_then(Value::as_str) {
        tx.grant_role(&realm.id, &user.id, &RoleId::new(role));
    }
    let groups = app
        .store
        .links_from(&realm.id, LinkKind::DefaultGroup, realm.id.as_str())
        .await?;
    for group in groups {
        tx.join_group(&realm.id, &user.id, &GroupId::new(group));
    }
    Ok(user.id)
}
