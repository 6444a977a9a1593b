//! What becomes of people, as receivers are told: credentials, accounts, and what tokens say.

use claviger_model::user::CredentialType;
use claviger_model::{ClientUuid, Credential, GroupId, RoleId, User, UserId};
use claviger_store::{StoreError, Tx};
use claviger_wire::document::Json;
use claviger_wire::signal::EventType;
use serde_json::{Value, json};

use super::emit::{Happening, address_changed, happened};
use super::set::{Initiator, credential_type};
use crate::app::App;
use crate::credentials::PASSWORD_HISTORY;
use crate::realm::Realm;

/// How many credentials of one change are told of.
const CREDENTIALS_MAX: usize = 32;

/// Somebody's credentials are others now.
///
/// # Errors
///
/// The store's.
pub async fn credentials_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (user, by): (&UserId, Initiator),
    (before, after): (&[Credential], &[Credential]),
) -> Result<(), StoreError> {
    for (credential, change) in differences(before, after).into_iter().take(CREDENTIALS_MAX) {
        let kind = credential.kind.as_str();
        let mut says = Json::new();
        says.insert("credential_type".into(), json!(credential_type(kind)));
        says.insert("change_type".into(), json!(change));
        if let Some(label) = &credential.user_label {
            says.insert("friendly_name".into(), json!(label));
        }
        let happening = Happening {
            user,
            event: EventType::CredentialChange,
            by,
            reason: None,
            says,
        };
        happened(app, realm, tx, &happening).await?;
    }
    Ok(())
}

/// What was made, changed or taken away. Neither an order nor a label is a change, and former
/// passwords are nobody's business.
fn differences<'a>(
    before: &'a [Credential],
    after: &'a [Credential],
) -> Vec<(&'a Credential, &'static str)> {
    let counts = |known: &&Credential| known.kind != CredentialType::from(PASSWORD_HISTORY);
    let mut found = Vec::new();
    for old in before.iter().filter(counts) {
        match after.iter().find(|new| new.id == old.id) {
            None => found.push((old, "delete")),
            Some(new) if new.secret_data != old.secret_data => found.push((new, "update")),
            Some(_) => {}
        }
    }
    for new in after.iter().filter(counts) {
        if !before.iter().any(|old| old.id == new.id) {
            found.push((new, "create"));
        }
    }
    found
}

/// An account is another now: enabled or disabled, with another address, with other names.
///
/// # Errors
///
/// The store's.
pub async fn account_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (before, after): (&User, &User),
    by: Initiator,
) -> Result<(), StoreError> {
    if before.enabled != after.enabled {
        let event = if after.enabled {
            EventType::AccountEnabled
        } else {
            EventType::AccountDisabled
        };
        of_account(app, realm, tx, &after.id, (event, by)).await?;
    }
    if before.email != after.email {
        address_changed(app, realm, tx, (before, after), by).await?;
    }
    let claims = changed_claims(before, after);
    if claims.is_empty() {
        return Ok(());
    }
    claims_changed(app, realm, tx, &after.id, (claims, by)).await
}

/// An account was disabled, enabled or deleted.
///
/// # Errors
///
/// The store's.
pub async fn of_account(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
    (event, by): (EventType, Initiator),
) -> Result<(), StoreError> {
    let happening = Happening {
        user,
        event,
        by,
        reason: None,
        says: Json::new(),
    };
    happened(app, realm, tx, &happening).await
}

/// What tokens say of somebody is another now (CAEP §3.2): the claims, with what they are now.
///
/// # Errors
///
/// The store's.
pub async fn claims_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    user: &UserId,
    (claims, by): (Json, Initiator),
) -> Result<(), StoreError> {
    let mut says = Json::new();
    says.insert("claims".into(), Value::Object(claims));
    let happening = Happening {
        user,
        event: EventType::TokenClaimsChange,
        by,
        reason: None,
        says,
    };
    happened(app, realm, tx, &happening).await
}

/// Somebody has other roles now, of the realm or of one client: those given to the person, with what
/// they contain, where tokens of this server have them.
///
/// # Errors
///
/// The store's.
pub async fn roles_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (user, by): (&UserId, Initiator),
    (container, direct): (Option<&ClientUuid>, &[RoleId]),
) -> Result<(), StoreError> {
    if realm.streams().await?.is_empty() {
        return Ok(());
    }
    let roles = realm.roles().await?;
    let held = roles.expand(direct);
    let held = held.iter().filter_map(|id| roles.get(id));
    let held = held.filter(|role| role.client.as_ref() == container);
    let mut names: Vec<&str> = held.map(|role| role.name.as_str()).collect();
    names.sort_unstable();
    let value = json!({"roles": names});
    let mut claims = Json::new();
    match container {
        None => claims.insert("realm_access".into(), value),
        Some(uuid) => {
            let Some(client) = realm.client_by_uuid(uuid).await? else {
                return Ok(());
            };
            let name = client.client_id.clone();
            claims.insert("resource_access".into(), json!({name: value}))
        }
    };
    claims_changed(app, realm, tx, user, (claims, by)).await
}

/// Somebody is in other groups now.
///
/// # Errors
///
/// The store's.
pub async fn groups_changed(
    app: &App,
    realm: &Realm,
    tx: &mut Tx,
    (user, by): (&UserId, Initiator),
    groups: &[GroupId],
) -> Result<(), StoreError> {
    if realm.streams().await?.is_empty() {
        return Ok(());
    }
    let mut paths = Vec::new();
    for group in groups {
        paths.push(realm.group_path(group).await?);
    }
    paths.sort_unstable();
    let mut claims = Json::new();
    claims.insert("groups".into(), json!(paths));
    claims_changed(app, realm, tx, user, (claims, by)).await
}

/// The claims of the scopes `profile` and `email` that differ (OpenID Connect Core §5.1). Attributes
/// of the realm's own are not told: who may read them is up to mappers.
fn changed_claims(before: &User, after: &User) -> Json {
    let of = |user: &User| {
        [
            ("preferred_username", json!(user.username)),
            ("given_name", json!(user.first_name)),
            ("family_name", json!(user.last_name)),
            ("email", json!(user.email)),
            ("email_verified", json!(user.email_verified)),
        ]
    };
    let pairs = of(before).into_iter().zip(of(after));
    let changed = pairs.filter(|((_, old), (_, new))| old != new);
    changed
        .map(|(_, (name, new))| (name.to_owned(), new))
        .collect()
}

#[cfg(test)]
mod tests {
    use claviger_model::CredentialId;

    use super::*;

    fn credential(id: &str, kind: &str, secret: &str, priority: i32) -> Credential {
        Credential {
            id: CredentialId::new(id),
            kind: CredentialType::from(kind),
            user_label: None,
            created_at: None,
            priority,
            secret_data: secret.to_owned(),
            credential_data: "{}".to_owned(),
        }
    }

    #[test]
    fn credentials_are_made_changed_and_taken_away() {
        let before = [
            credential("p", "password", "a", 10),
            credential("o", "otp", "b", 20),
            credential("gone", "webauthn", "c", 30),
        ];
        let after = [
            credential("p", "password", "new", 10),
            credential("o", "otp", "b", 90),
            credential("h", PASSWORD_HISTORY, "a", 40),
            credential("r", "recovery-authn-codes", "d", 50),
        ];
        let found: Vec<_> = differences(&before, &after)
            .iter()
            .map(|(known, change)| (known.kind.as_str().to_owned(), *change))
            .collect();
        let expected = [
            ("password".to_owned(), "update"),
            ("webauthn".to_owned(), "delete"),
            ("recovery-authn-codes".to_owned(), "create"),
        ];
        assert_eq!(found, expected);
    }
}
