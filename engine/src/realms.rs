//! Whole realms: made, from defaults or from a file, and deleted.

use std::sync::Arc;

use claviger_crypto::{HashPolicy, HasherError};
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::user::CredentialType;
use claviger_model::{Credential, CredentialId, RealmId, RoleId, Secret, User};
use claviger_store::{Commit, Kept, RealmRow, StoreError, Tx};
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::Value;

use crate::app::App;
use crate::defaults::MASTER;
use crate::import::ImportError;
use crate::import::carry::{Stage, put_kept};
use crate::import::users::{NewCredential, NewUser};
use crate::import::{self, RealmImport, keys};
use crate::logout::end_sessions_of_realm;
use crate::password_policy::PasswordPolicy;
use crate::realm::Realm;
use crate::revocation::record;

/// Why a realm was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The file is not one that a realm can be made of; nothing was written.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// There is a realm of this name or id already.
    #[error("Realm {0} already exists")]
    Exists(String),
    /// Passwords could not be hashed.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// Another import of the same realm, or somebody who made it, came in between.
    #[error("another import of this realm was faster")]
    Overtaken,
    /// The master realm is not there.
    #[error("the master realm is missing: start the server once before importing")]
    NoMaster,
    /// A worker thread ended.
    #[error("a key could not be made: {0}")]
    Worker(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: RealmId,
    /// Its name.
    pub name: String,
    /// What was passed over in the file, each with its place.
    pub warnings: Vec<String>,
}

/// A realm that is ready to be written.
#[derive(Debug)]
pub struct Prepared {
    /// The job that writes it. More may be added to it, an admin event say.
    pub tx: Tx,
    /// Its id.
    pub id: RealmId,
    /// Its name.
    pub name: String,
    /// Ids of the roles of the master realm that are rights over it; none for the master realm.
    pub rights: Vec<RoleId>,
    warnings: Vec<String>,
}

/// Makes a realm of a realm file, all or nothing.
pub async fn create(app: &App, file: &Json) -> Result<Created, CreateError> {
    let context = import::Context {
        random: &app.random,
        now: app.now(),
    };
    let import = import::compile(file, &context)?;
    write(app, import).await
}

/// Makes a realm of a realm file in place of the one of the same name, if there is one: in one
/// job, so that a crash leaves the old realm or the new one and never none.
pub async fn replace(app: &App, file: &Json) -> Result<Created, CreateError> {
    let context = import::Context {
        random: &app.random,
        now: app.now(),
    };
    let import = import::compile(file, &context)?;
    let name = import.realm.get("realm").and_then(Value::as_str);
    let old = app.realm(name.unwrap_or_default()).await?;
    let prepared = prepare_over(app, import, old.as_ref(), None).await?;
    finish(app, prepared).await
}

/// Writes a compiled realm: its keys are completed, its passwords hashed, then all is one job.
pub async fn write(app: &App, import: RealmImport) -> Result<Created, CreateError> {
    finish(app, prepare(app, import).await?).await
}

/// Makes the job that writes a compiled realm: keys are completed and passwords hashed.
pub async fn prepare(app: &App, import: RealmImport) -> Result<Prepared, CreateError> {
    prepare_over(app, import, None, None).await
}

/// The same in place of a realm, and with users that are written already.
pub(crate) async fn prepare_staged(
    app: &App,
    import: RealmImport,
    old: Option<&Arc<Realm>>,
    stage: &Stage,
) -> Result<Prepared, CreateError> {
    prepare_over(app, import, old, Some(stage)).await
}

/// The same in place of a realm, whose end is in the job too.
async fn prepare_over(
    app: &App,
    import: RealmImport,
    old: Option<&Arc<Realm>>,
    stage: Option<&Stage>,
) -> Result<Prepared, CreateError> {
    let text = |name: &str| {
        import
            .realm
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (id, name) = (RealmId::new(text("id")), text("realm"));
    let by_id = app.store.realm_by_id(&id).await?;
    let by_name = app.store.realm_by_name(&name).await?;
    let replaced = |row: &RealmRow| old.is_some_and(|old| old.id == row.id);
    if !by_id.iter().chain(&by_name).all(replaced) {
        return Err(CreateError::Exists(name));
    }
    let documents = complete_keys(app, import.documents, &name).await?;
    let terms = Terms::of(&import.realm);
    let mut tx = Tx::new();
    if let Some(stage) = stage {
        tx.close_ticket(&stage.at, &stage.ticket);
    }
    if let Some(old) = old {
        put_end(app, &mut tx, old).await?;
    }
    match stage {
        Some(stage) if stage.at != id => tx.move_people(&stage.at, &id),
        Some(_) => {}
        // What an import left that was cut off is not to be seen in the new realm.
        None => tx.clear_people(&id),
    }
    tx.insert_realm(&new_row(app, &id, &name, import.realm));
    tx.begin_revocations(&id, app.now().0);
    if let Some(old) = old {
        record::realm_replaced(app, old, &mut tx, &id).await?;
    }
    put(&mut tx, &id, &documents, &import.links);
    for user in &import.users {
        put_user(app, &mut tx, &id, user, &terms).await?;
    }
    for organization in &import.organizations {
        import::organizations::put(&mut tx, &id, organization);
    }
    for part in &import.kept {
        put_kept(&mut tx, &id, part, app.now());
    }
    let mut rights = Vec::new();
    if let Some(part) = &import.master {
        put_rights(app, &mut tx, part).await?;
        rights.extend(part.roles.iter().map(|role| RoleId::new(role.as_str())));
    }
    Ok(Prepared {
        tx,
        id,
        name,
        rights,
        warnings: import.warnings,
    })
}

fn new_row(app: &App, id: &RealmId, name: &str, body: Json) -> RealmRow {
    RealmRow {
        id: id.clone(),
        name: name.to_owned(),
        enabled: body
            .get("enabled")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        // Not 1: a realm deleted and made again must not repeat versions that a cache may hold.
        version: app.now().0,
        body,
    }
}

/// What a realm asks of its users.
pub(crate) struct Terms {
    /// How passwords are hashed.
    hash: HashPolicy,
    /// Whether a mail address is one user's alone.
    emails_alone: bool,
}

impl Terms {
    /// Reads them from the realm's document.
    pub(crate) fn of(realm: &Json) -> Self {
        let policy = realm.get("passwordPolicy").and_then(Value::as_str);
        let shared = realm.get("duplicateEmailsAllowed").and_then(Value::as_bool);
        Self {
            hash: PasswordPolicy::parse(policy).hash(),
            emails_alone: shared != Some(true),
        }
    }
}

/// Writes a prepared realm, all or nothing.
pub async fn finish(app: &App, prepared: Prepared) -> Result<Created, CreateError> {
    let Prepared {
        tx,
        id,
        name,
        warnings,
        ..
    } = prepared;
    match app.commit(tx).await? {
        Commit::Done => Ok(Created { id, name, warnings }),
        missed if missed.is_member_missing() => Err(ImportError::no_such_member().into()),
        Commit::Conflict(_) | Commit::Missed(_) => Err(CreateError::Exists(name)),
    }
}

/// Puts the client whose roles are rights over a realm into the master realm, and its roles into
/// the role `admin`.
async fn put_rights(app: &App, tx: &mut Tx, part: &import::MasterPart) -> Result<(), CreateError> {
    let master = app.realm(MASTER).await?.ok_or(CreateError::NoMaster)?;
    put(tx, &master.id, &part.documents, &part.links);
    let roles = master.roles().await?;
    let admin = roles.named(None, "admin").ok_or(CreateError::NoMaster)?;
    for role in &part.roles {
        let (from, to) = (admin.id.as_str().to_owned(), role.clone());
        tx.insert_link(
            &master.id,
            &Link {
                kind: LinkKind::Composite,
                from,
                to,
            },
        );
    }
    Ok(())
}

/// Completes key providers; RSA keys take a while and are made off the runtime's threads.
async fn complete_keys(
    app: &App,
    mut documents: Vec<Document>,
    name: &str,
) -> Result<Vec<Document>, CreateError> {
    let (random, now, name) = (app.random.clone(), app.now(), name.to_owned());
    let made = tokio::task::spawn_blocking(move || {
        keys::complete(&mut documents, &name, &random, now)?;
        Ok::<_, ImportError>(documents)
    });
    Ok(made
        .await
        .map_err(|error| CreateError::Worker(error.to_string()))??)
}

fn put(tx: &mut Tx, realm: &RealmId, documents: &[Document], links: &[Link]) {
    for document in documents {
        tx.insert_document(realm, document);
    }
    for link in links {
        tx.insert_link(realm, link);
    }
}

/// Writes a user with all that comes along; plain passwords are hashed first.
pub(crate) async fn put_user(
    app: &App,
    tx: &mut Tx,
    realm: &RealmId,
    new: &NewUser,
    terms: &Terms,
) -> Result<(), CreateError> {
    tx.insert_user(realm, &new.user);
    if let Some(email) = new.user.email.as_deref()
        && terms.emails_alone
    {
        tx.hold_email(realm, &new.user.id, Some(email));
    }
    for (position, credential) in new.credentials.iter().enumerate() {
        let credential = match credential {
            NewCredential::Stored(credential) => credential.clone(),
            NewCredential::Password(password) => {
                let priority = i32::try_from(position).unwrap_or(i32::MAX / 20) * 10 + 10;
                hashed(app, password.clone(), terms.hash, priority).await?
            }
        };
        tx.insert_credential(realm, &new.user.id, &credential);
    }
    for role in &new.roles {
        tx.grant_role(realm, &new.user.id, role);
    }
    for group in &new.groups {
        tx.join_group(realm, &new.user.id, group);
    }
    for consent in &new.consents {
        tx.put_consent(realm, &new.user.id, consent);
    }
    for identity in &new.federated_identities {
        tx.insert_federated_identity(realm, &new.user.id, identity);
    }
    if !new.kept.is_empty() {
        let id = new.user.id.as_str();
        tx.keep(realm, Kept::User, id, app.now(), &new.kept);
    }
    Ok(())
}

/// A password as a credential that can be stored.
pub async fn hashed(
    app: &App,
    password: Secret,
    policy: HashPolicy,
    priority: i32,
) -> Result<Credential, HasherError> {
    let stored = app.hasher.hash(password, policy).await?;
    Ok(Credential {
        id: CredentialId::new(app.random.uuid()),
        kind: CredentialType::Password,
        user_label: None,
        created_at: Some(app.now()),
        priority,
        secret_data: stored.secret_data(),
        credential_data: stored.credential_data(),
    })
}

/// Deletes a realm with everything in it. Its sessions end first, so that their clients are told.
pub async fn delete(app: &App, realm: &Arc<Realm>) -> Result<(), StoreError> {
    let mut tx = Tx::new();
    put_end(app, &mut tx, realm).await?;
    // A miss means that somebody else deleted it at the same moment.
    let _deleted = app.commit(tx).await?;
    Ok(())
}

/// Ends a realm's sessions, signs what its clients have to be told, and puts the end of everything in it
/// into a job.
pub async fn put_end(app: &App, tx: &mut Tx, realm: &Arc<Realm>) -> Result<(), StoreError> {
    // Its record goes with it; until then whoever follows is told.
    let mut last = Tx::new();
    record::realm_ended(app, realm, &mut last, EndReason::RealmDeleted).await?;
    let _told = app.commit(last).await?;
    end_sessions_of_realm(app, realm, &SessionKind::ALL, EndReason::RealmDeleted).await?;
    crate::outbox::seal(app, realm).await?;
    tx.delete_realm(&realm.id);
    if realm.name == MASTER {
        return Ok(());
    }
    let Some(master) = app.realm(MASTER).await? else {
        return Ok(());
    };
    let name = import::management::master_client_id(&realm.name);
    if let Some(client) = master.client(&name).await? {
        let parent = client.uuid.as_str();
        for role in app.store.children(&master.id, Kind::Role, parent).await? {
            tx.delete_document(&master.id, Kind::Role, &role.id);
        }
        tx.delete_document(&master.id, Kind::Client, parent);
    }
    Ok(())
}

/// Makes the master realm if there is none; true if it was made.
pub async fn ensure_master(app: &App) -> Result<bool, CreateError> {
    if app.store.realm_by_name(MASTER).await?.is_some() {
        return Ok(false);
    }
    match create(app, &crate::defaults::master_file()).await {
        Ok(_) => Ok(true),
        // Another node was faster.
        Err(CreateError::Exists(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A user without anything but a name.
pub fn plain_user(app: &App, username: &str) -> User {
    User {
        id: claviger_model::UserId::new(app.random.uuid()),
        username: username.to_lowercase(),
        email: None,
        first_name: None,
        last_name: None,
        enabled: true,
        email_verified: false,
        created_at: app.now(),
        not_before: claviger_model::Seconds(0),
        service_account_of: None,
        federation_link: None,
        attributes: std::collections::BTreeMap::new(),
        required_actions: Vec::new(),
    }
}
