//! The first administrators of a server: a person, or a service for automation.

use claviger_model::{ClientUuid, Secret, UserId};
use claviger_store::{Commit, StoreError, Tx};
use claviger_wire::document::{Document, Kind, Link, LinkKind};
use serde_json::json;

use crate::app::App;
use crate::defaults::MASTER;
use crate::import::clients;
use crate::password_policy::PasswordPolicy;
use crate::realms::{CreateError, hashed, plain_user};

/// Why there is no new administrator.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The name is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// The name or the password is empty, or too long.
    #[error("{0}")]
    Invalid(&'static str),
    /// The master realm could not be made or read.
    #[error(transparent)]
    Create(#[from] CreateError),
}

impl From<StoreError> for BootstrapError {
    fn from(error: StoreError) -> Self {
        Self::Create(error.into())
    }
}

fn check(name: &str, secret: &Secret) -> Result<(), BootstrapError> {
    if name.trim().is_empty() || name.len() > 255 {
        return Err(BootstrapError::Invalid("a name has 1 to 255 characters"));
    }
    if secret.is_empty() {
        return Err(BootstrapError::Invalid("the password or secret is empty"));
    }
    Ok(())
}

/// Makes a user of the master realm with its role `admin`. Whoever logs in with it should make a
/// lasting administrator and delete it: the attribute `is_temporary_admin` says so.
pub async fn admin_user(app: &App, name: &str, password: Secret) -> Result<(), BootstrapError> {
    let mut tx = Tx::new();
    add_user(app, &mut tx, name, password).await?;
    made(app.commit(tx).await?, name)
}

/// Makes a confidential client of the master realm whose service account has the role `admin`.
pub async fn admin_service(
    app: &App,
    client_id: &str,
    secret: Secret,
) -> Result<(), BootstrapError> {
    let mut tx = Tx::new();
    add_service(app, &mut tx, client_id, secret).await?;
    made(app.commit(tx).await?, client_id)
}

/// Makes the administrators of a fresh server, all of them or none: as soon as there is one, no
/// start makes another, so one that was cut off between two would leave the second out for good.
pub async fn first_admins(
    app: &App,
    user: Option<(&str, Secret)>,
    service: Option<(&str, Secret)>,
) -> Result<(), BootstrapError> {
    let mut tx = Tx::new();
    let mut names = Vec::new();
    if let Some((name, password)) = user {
        add_user(app, &mut tx, name, password).await?;
        names.push(name);
    }
    if let Some((client_id, secret)) = service {
        add_service(app, &mut tx, client_id, secret).await?;
        names.push(client_id);
    }
    made(app.commit(tx).await?, &names.join(" or "))
}

async fn add_user(
    app: &App,
    tx: &mut Tx,
    name: &str,
    password: Secret,
) -> Result<(), BootstrapError> {
    check(name, &password)?;
    let master = app.realm(MASTER).await?.ok_or(CreateError::NoMaster)?;
    let roles = master.roles().await?;
    let admin = roles.named(None, "admin").ok_or(CreateError::NoMaster)?;
    let mut user = plain_user(app, name);
    user.attributes
        .insert("is_temporary_admin".to_owned(), vec!["true".to_owned()]);
    let policy = PasswordPolicy::parse(master.settings.password_policy.as_deref());
    let credential = hashed(app, password, policy.hash(), 10)
        .await
        .map_err(CreateError::from)?;
    tx.insert_user(&master.id, &user);
    tx.insert_credential(&master.id, &user.id, &credential);
    tx.grant_role(&master.id, &user.id, &admin.id);
    tx.grant_role(&master.id, &user.id, &master.settings.default_role);
    Ok(())
}

async fn add_service(
    app: &App,
    tx: &mut Tx,
    client_id: &str,
    secret: Secret,
) -> Result<(), BootstrapError> {
    check(client_id, &secret)?;
    let master = app.realm(MASTER).await?.ok_or(CreateError::NoMaster)?;
    let roles = master.roles().await?;
    let admin = roles.named(None, "admin").ok_or(CreateError::NoMaster)?;
    let uuid = ClientUuid::new(app.random.uuid());
    let mut body = json!({
        "id": uuid.as_str(),
        "clientId": client_id,
        "enabled": true,
        "protocol": "openid-connect",
        "publicClient": false,
        "standardFlowEnabled": false,
        "directAccessGrantsEnabled": false,
        "serviceAccountsEnabled": true,
        "fullScopeAllowed": true,
        "secret": secret.reveal(),
        "attributes": {"is_temporary_admin": "true"},
    });
    let body = body.as_object_mut().map(std::mem::take).unwrap_or_default();
    let mut body = body;
    clients::complete(&mut body, &app.random, app.now());
    tx.insert_document(
        &master.id,
        &Document {
            kind: Kind::Client,
            id: uuid.as_str().to_owned(),
            parent: String::new(),
            unique_name: client_id.to_owned(),
            enabled: true,
            body,
        },
    );
    for (from, to) in [
        (LinkKind::RealmDefaultScope, LinkKind::DefaultScope),
        (LinkKind::RealmOptionalScope, LinkKind::OptionalScope),
    ] {
        for scope in app
            .store
            .links_from(&master.id, from, master.id.as_str())
            .await?
        {
            let from = uuid.as_str().to_owned();
            tx.insert_link(
                &master.id,
                &Link {
                    kind: to,
                    from,
                    to: scope,
                },
            );
        }
    }
    let mut user = plain_user(app, &format!("service-account-{client_id}"));
    user.id = UserId::new(app.random.uuid());
    user.service_account_of = Some(uuid);
    tx.insert_user(&master.id, &user);
    tx.grant_role(&master.id, &user.id, &admin.id);
    tx.grant_role(&master.id, &user.id, &master.settings.default_role);
    Ok(())
}

fn made(commit: Commit, name: &str) -> Result<(), BootstrapError> {
    match commit {
        Commit::Done => Ok(()),
        Commit::Conflict(_) | Commit::Missed(_) => Err(BootstrapError::Exists(name.to_owned())),
    }
}
