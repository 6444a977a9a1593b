//! Realm files as Keycloak's export lays them out.

use claviger_model::user::User;
use claviger_model::{ClientUuid, RealmId, UserId};
use claviger_store::{MAX_PAGE, Store, StoreError, UserQuery};
use claviger_wire::document::{Json, Kind, LinkKind};
use claviger_wire::realm::RealmSettings;
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::{Options, RealmParts, assemble};
use crate::import::{NewCredential, NewUser};

/// Most users in one file; zero counts as one.
const MAX_PER_FILE: usize = 100_000;

/// Why a realm was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no realm of this name.
    #[error("there is no realm `{0}`")]
    NoSuchRealm(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever takes the files could not.
    #[error("the file `{name}` could not be written")]
    Write {
        /// The file.
        name: String,
        /// What went wrong.
        source: std::io::Error,
    },
}

/// Where users go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFiles {
    /// Nowhere.
    Skip,
    /// Into the realm file.
    RealmFile,
    /// Into one file of their own, `<realm>-users-0.json`.
    SameFile,
    /// Into files of this many, `<realm>-users-0.json`, `-1`, …
    DifferentFiles {
        /// Users in one file; Keycloak's default is 50.
        per_file: usize,
    },
}

/// One file of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportFile {
    /// Its name, without a folder.
    pub name: String,
    /// What is in it.
    pub content: Json,
}

/// Exports a realm with all its secrets, file by file.
///
/// # Errors
/// If there is no such realm, or the store or `write` fails.
pub async fn export_realm(
    store: &Store,
    name: &str,
    users: UserFiles,
    mut write: impl FnMut(&ExportFile) -> std::io::Result<()>,
) -> Result<(), ExportError> {
    let row = store.realm_by_name(name).await?;
    let row = row.ok_or_else(|| ExportError::NoSuchRealm(name.to_owned()))?;
    let mut put = |file: ExportFile| {
        write(&file).map_err(|source| ExportError::Write {
            name: file.name.clone(),
            source,
        })
    };
    let mut parts = read(store, &row.id).await?;
    if users == UserFiles::RealmFile {
        parts.users = all_users(store, &row.id).await?;
    }
    let content = assemble(&parts, Options::FULL);
    put(ExportFile {
        name: format!("{name}-realm.json"),
        content,
    })?;
    let per_file = match users {
        UserFiles::Skip | UserFiles::RealmFile => return Ok(()),
        UserFiles::SameFile => MAX_PER_FILE,
        UserFiles::DifferentFiles { per_file } => per_file.clamp(1, MAX_PER_FILE),
    };
    let configuration = Configuration::new(&parts);
    let mut pages = Pages::new(store, &row.id);
    let (mut number, mut waiting) = (0, Vec::new());
    while let Some(page) = pages.next().await? {
        for user in page {
            waiting.push(Value::Object(configuration.user(&user, true)));
            if waiting.len() == per_file {
                put(user_file(name, number, std::mem::take(&mut waiting)))?;
                number += 1;
            }
        }
    }
    if !waiting.is_empty() {
        put(user_file(name, number, waiting))?;
    }
    Ok(())
}

fn user_file(realm: &str, number: usize, users: Vec<Value>) -> ExportFile {
    let content = Json::from_iter([
        ("realm".to_owned(), json!(realm)),
        ("users".to_owned(), Value::Array(users)),
    ]);
    ExportFile {
        name: format!("{realm}-users-{number}.json"),
        content,
    }
}

/// Reads a realm's configuration; users are left to the caller.
///
/// # Errors
/// If the store fails or has no such realm.
pub async fn read(store: &Store, realm: &RealmId) -> Result<RealmParts, ExportError> {
    let row = store.realm_by_id(realm).await?;
    let row = row.ok_or_else(|| ExportError::NoSuchRealm(realm.as_str().to_owned()))?;
    let mut documents = Vec::new();
    for kind in Kind::ALL {
        documents.extend(store.documents(realm, *kind).await?);
    }
    let mut links = Vec::new();
    for kind in LinkKind::ALL {
        links.extend(store.links(realm, *kind).await?);
    }
    Ok(RealmParts {
        realm: row.body,
        documents,
        links,
        users: Vec::new(),
    })
}

/// Reads the service accounts of the clients among the parts, to be written with them.
///
/// # Errors
/// If the store fails.
pub async fn service_accounts(
    store: &Store,
    parts: &RealmParts,
) -> Result<Vec<NewUser>, ExportError> {
    let realm = RealmSettings::from_body(&parts.realm).id;
    let mut users = Vec::new();
    for client in parts
        .documents
        .iter()
        .filter(|document| document.kind == Kind::Client)
    {
        let uuid = ClientUuid::new(client.id.as_str());
        if let Some(user) = store.user_of_service_account(&realm, &uuid).await? {
            users.push(with_details(store, &realm, user).await?);
        }
    }
    Ok(users)
}

async fn all_users(store: &Store, realm: &RealmId) -> Result<Vec<NewUser>, ExportError> {
    let mut pages = Pages::new(store, realm);
    let mut users = Vec::new();
    while let Some(page) = pages.next().await? {
        users.extend(page);
    }
    Ok(users)
}

/// Walks through all users of a realm.
struct Pages<'a> {
    store: &'a Store,
    realm: &'a RealmId,
    first: i64,
    done: bool,
}

impl<'a> Pages<'a> {
    const fn new(store: &'a Store, realm: &'a RealmId) -> Self {
        Self {
            store,
            realm,
            first: 0,
            done: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<NewUser>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let max = MAX_PAGE.min(1_000);
        let query = UserQuery {
            include_service_accounts: true,
            first: self.first,
            max,
            ..UserQuery::everybody()
        };
        let page = self.store.users(self.realm, &query).await?;
        let count = i64::try_from(page.len()).unwrap_or(i64::MAX);
        self.first = self.first.saturating_add(count);
        self.done = count < max;
        let mut users = Vec::with_capacity(page.len());
        for user in page {
            users.push(with_details(self.store, self.realm, user).await?);
        }
        Ok(Some(users))
    }
}

/// Reads what hangs on a user.
pub(crate) async fn with_details(
    store: &Store,
    realm: &RealmId,
    user: User,
) -> Result<NewUser, StoreError> {
    let id: &UserId = &user.id;
    let credentials = store.credentials(realm, id).await?;
    Ok(NewUser {
        credentials: credentials.into_iter().map(NewCredential::Stored).collect(),
        roles: store.user_roles(realm, id).await?,
        groups: store.user_groups(realm, id).await?,
        consents: store.consents(realm, id).await?,
        federated_identities: store.federated_identities(realm, id).await?,
        user,
    })
}
