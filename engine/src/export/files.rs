//! Realm files as Keycloak's export lays them out, written as a stream: however many users a realm
//! has, one page of them is in memory.

use std::io;

use claviger_model::user::User;
use claviger_model::{ClientUuid, RealmId, UserId};
use claviger_store::{Kept, Person, Store, StoreError};
use claviger_wire::document::{Json, Kind, LinkKind};
use claviger_wire::realm::RealmSettings;
use serde::Serialize;
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::{Options, RealmParts, assemble, organizations};
use crate::import::{NewCredential, NewUser};

/// Users read at a time.
const PAGE: i64 = 500;

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
        source: io::Error,
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
    /// Into files of this many, `<realm>-users-0.json`, `-1`, …; zero counts as one.
    DifferentFiles {
        /// Users in one file; Keycloak's default is 50.
        per_file: usize,
    },
}

/// Takes files one after the other, each in pieces.
pub trait Sink {
    /// A file begins; its name has no folder.
    fn begin(&mut self, name: &str) -> io::Result<()>;
    /// The next piece of it.
    fn write(&mut self, piece: &[u8]) -> io::Result<()>;
    /// The file is complete.
    fn end(&mut self) -> io::Result<()>;
    /// So many users were written, in all.
    fn users(&mut self, _count: u64) {}
}

/// Exports a realm with all its secrets, file by file.
///
/// # Errors
/// If there is no such realm, or the store or the sink fails.
pub async fn export_realm(
    store: &Store,
    name: &str,
    users: UserFiles,
    sink: &mut dyn Sink,
) -> Result<(), ExportError> {
    let row = store.realm_by_name(name).await?;
    let row = row.ok_or_else(|| ExportError::NoSuchRealm(name.to_owned()))?;
    let mut parts = read(store, &row.id).await?;
    parts.organizations = organizations::read(store, &row.id).await?;
    let mut export = Export {
        configuration: Configuration::new(&parts),
        store,
        realm: &row.id,
        name,
        out: Out {
            sink,
            file: String::new(),
        },
        users: 0,
    };
    export.out.begin(format!("{name}-realm.json"))?;
    export.out.object(&assemble(&parts, Options::FULL))?;
    match users {
        UserFiles::Skip => return export.out.end(),
        UserFiles::RealmFile => {
            for list in [List::Users, List::FederatedUsers] {
                export.add_to_realm_file(list).await?;
            }
            return export.out.end();
        }
        UserFiles::SameFile | UserFiles::DifferentFiles { .. } => export.out.end()?,
    }
    let per_file = match users {
        UserFiles::DifferentFiles { per_file } => per_file.max(1),
        UserFiles::Skip | UserFiles::RealmFile | UserFiles::SameFile => usize::MAX,
    };
    for list in [List::Users, List::FederatedUsers] {
        export.write_own_files(list, per_file).await?;
    }
    Ok(())
}

/// A list of users.
#[derive(Clone, Copy)]
enum List {
    Users,
    FederatedUsers,
}

impl List {
    const fn member(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::FederatedUsers => "federatedUsers",
        }
    }

    /// The middle of the names of files.
    const fn files(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::FederatedUsers => "federated-users",
        }
    }
}

/// A realm on its way out.
struct Export<'a> {
    configuration: Configuration<'a>,
    store: &'a Store,
    realm: &'a RealmId,
    name: &'a str,
    out: Out<'a>,
    users: u64,
}

impl Export<'_> {
    /// The next page of a list, behind a name or an id, which is set to the last one's.
    async fn page(&self, list: List, after: &mut String) -> Result<Vec<Value>, StoreError> {
        match list {
            List::Users => {
                let page = self.store.people(self.realm, after, PAGE).await?;
                if let Some(last) = page.last() {
                    after.clone_from(&last.user.username);
                }
                let users = page.into_iter().map(NewUser::from);
                let users = users.map(|user| Value::Object(self.configuration.user(&user, true)));
                Ok(users.collect())
            }
            List::FederatedUsers => {
                let kind = Kept::FederatedUser;
                let page = self.store.kept(self.realm, kind, after, PAGE).await?;
                if let Some((last, _)) = page.last() {
                    after.clone_from(last);
                }
                Ok(page
                    .into_iter()
                    .map(|(_, body)| Value::Object(body))
                    .collect())
            }
        }
    }

    fn written(&mut self) {
        self.users = self.users.saturating_add(1);
        self.out.sink.users(self.users);
    }

    /// Adds a list to the realm, whose object is still open.
    async fn add_to_realm_file(&mut self, list: List) -> Result<(), ExportError> {
        let (mut after, mut any) = (String::new(), false);
        loop {
            let page = self.page(list, &mut after).await?;
            if page.is_empty() {
                break;
            }
            for user in page {
                if !any {
                    self.out.member(list.member())?;
                }
                self.out.element(&user, !any)?;
                any = true;
                self.written();
            }
        }
        if any { self.out.end_list() } else { Ok(()) }
    }

    /// Writes a list into files of its own.
    async fn write_own_files(&mut self, list: List, per_file: usize) -> Result<(), ExportError> {
        let (mut after, mut number, mut in_file) = (String::new(), 0_u64, 0_usize);
        loop {
            let page = self.page(list, &mut after).await?;
            if page.is_empty() {
                break;
            }
            for user in page {
                if in_file == per_file {
                    self.out.end_list()?;
                    self.out.end()?;
                    in_file = 0;
                }
                if in_file == 0 {
                    let (realm, files) = (self.name, list.files());
                    self.out.begin(format!("{realm}-{files}-{number}.json"))?;
                    let head = Json::from_iter([("realm".to_owned(), json!(realm))]);
                    self.out.object(&head)?;
                    self.out.member(list.member())?;
                    number += 1;
                }
                self.out.element(&user, in_file == 0)?;
                in_file += 1;
                self.written();
            }
        }
        if in_file == 0 {
            return Ok(());
        }
        self.out.end_list()?;
        self.out.end()
    }
}

/// Writes JSON with line breaks, piece by piece.
struct Out<'a> {
    sink: &'a mut dyn Sink,
    file: String,
}

impl Out<'_> {
    fn failed(&self, source: io::Error) -> ExportError {
        ExportError::Write {
            name: self.file.clone(),
            source,
        }
    }

    fn begin(&mut self, name: String) -> Result<(), ExportError> {
        self.file = name;
        let begun = self.sink.begin(&self.file);
        begun.map_err(|error| self.failed(error))
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), ExportError> {
        let written = self.sink.write(piece);
        written.map_err(|error| self.failed(error))
    }

    /// An object that is left open: more members may follow. It is not empty.
    fn object(&mut self, object: &Json) -> Result<(), ExportError> {
        let text = self.pretty(object)?;
        let open = text.strip_suffix(b"\n}").unwrap_or(&text);
        self.write(open)
    }

    /// One more member of the open object: a list.
    fn member(&mut self, name: &str) -> Result<(), ExportError> {
        self.write(format!(",\n  \"{name}\": [").as_bytes())
    }

    fn element(&mut self, value: &Value, first: bool) -> Result<(), ExportError> {
        let text = self.pretty(value)?;
        let mut indented = Vec::with_capacity(text.len() * 2);
        indented.extend_from_slice(if first { b"\n    " } else { b",\n    " });
        for byte in text {
            indented.push(byte);
            // Within a text a line break is written `\n`: this one is between values.
            if byte == b'\n' {
                indented.extend_from_slice(b"    ");
            }
        }
        self.write(&indented)
    }

    fn end_list(&mut self) -> Result<(), ExportError> {
        self.write(b"\n  ]")
    }

    /// Closes the open object, and the file.
    fn end(&mut self) -> Result<(), ExportError> {
        self.write(b"\n}\n")?;
        let ended = self.sink.end();
        ended.map_err(|error| self.failed(error))
    }

    fn pretty(&self, value: &impl Serialize) -> Result<Vec<u8>, ExportError> {
        serde_json::to_vec_pretty(value).map_err(|error| self.failed(error.into()))
    }
}

/// Reads a realm's configuration; users and organizations are left to the caller.
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
        federated_users: Vec::new(),
        organizations: Vec::new(),
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

impl From<Person> for NewUser {
    fn from(person: Person) -> Self {
        Self {
            user: person.user,
            credentials: person
                .credentials
                .into_iter()
                .map(NewCredential::Stored)
                .collect(),
            roles: person.roles,
            groups: person.groups,
            consents: person.consents,
            federated_identities: person.federated_identities,
            kept: person.kept,
        }
    }
}

/// Reads what hangs on a user.
async fn with_details(store: &Store, realm: &RealmId, user: User) -> Result<NewUser, StoreError> {
    let id: &UserId = &user.id;
    let credentials = store.credentials(realm, id).await?;
    let (roles, groups) = store.user_roles_and_groups(realm, id).await?;
    Ok(NewUser {
        credentials: credentials.into_iter().map(NewCredential::Stored).collect(),
        roles,
        groups,
        consents: store.consents(realm, id).await?,
        federated_identities: store.federated_identities(realm, id).await?,
        kept: Json::new(),
        user,
    })
}
