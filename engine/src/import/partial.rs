//! Parts of a realm file into a realm that is there: clients, roles, groups, identity providers and
//! users, one job for all of them.
//!
//! The same compilers as for whole realms do the work, over the documents that the realm has. What
//! exists already makes the import fail, is passed over, or gives way, as the file says.

mod existing;
mod given;

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_model::ClientUuid;
use claviger_model::session::{EndReason, SessionKind};
use claviger_model::user::User;
use claviger_store::{StoreError, Tx};
use claviger_wire::document::{Document, Json, Kind, Link};
use serde_json::{Value, json};

use super::assembly::Assembly;
use super::problem::At;
use super::shape::{each, flag, members, text};
use super::users::{Taken, UserRules};
use super::{ImportError, NewUser, clients, groups, identity_providers, roles, users};
use crate::app::App;
use crate::export::{self, ExportError};
use crate::logout::{end_client, end_sessions_of_user};
use crate::realm::{Realm, Role};
use crate::realms::{self, CreateError, Terms};
use crate::revocation::record;
use crate::service_account;
use existing::Existing;

/// Why parts were not imported; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// Something of the file is there already, told in Keycloak's words.
    #[error("{0}")]
    Exists(String),
    /// Roles are to be made for a client that is nowhere.
    #[error("Can not import client roles for nonexistent client named {0}")]
    NoClient(String),
    /// The role that all users have cannot give way.
    #[error("{0} is default role of the realm and cannot be removed.")]
    DefaultRole(String),
    /// Something is wrong in the file.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The realm could not be read, or passwords not be hashed.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ExportError> for PartialError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => Self::Store(error),
            ExportError::NoSuchRealm(_) | ExportError::Write { .. } => {
                Self::Create(CreateError::Worker(error.to_string()))
            }
        }
    }
}

/// What becomes of things that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The import fails.
    Fail,
    /// They stay.
    Skip,
    /// They give way.
    Overwrite,
}

impl Policy {
    /// Reads `ifResourceExists`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "FAIL" => Some(Self::Fail),
            "SKIP" => Some(Self::Skip),
            "OVERWRITE" => Some(Self::Overwrite),
            _ => None,
        }
    }
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Added,
    /// It was there, and stayed.
    Skipped,
    /// It was there, and gave way.
    Overwritten,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A client.
    Client,
    /// A role of the realm.
    RealmRole,
    /// A role of a client.
    ClientRole,
    /// An identity provider.
    IdentityProvider,
    /// A mapper of an identity provider.
    Mapper,
    /// A group.
    Group,
    /// A user.
    User,
}

/// One part, and what became of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What became of it.
    pub action: Action,
    /// What it is.
    pub part: Part,
    /// Its name; of a client's role `client-->role`.
    pub name: String,
    /// Its id; of a client's role the client's.
    pub id: String,
    /// The file's own words, with secrets.
    pub representation: Json,
}

/// An import that is ready to be written.
#[derive(Debug)]
pub struct Prepared {
    /// The job. More may be added to it, admin events say.
    pub tx: Tx,
    /// What became of each part.
    pub outcomes: Vec<Outcome>,
    /// Roles that somebody or something gets: whoever imports must be allowed to give them.
    pub given: Vec<Role>,
}

/// A file cut into what is new, what stays and what gives way.
#[derive(Default)]
struct Sorted {
    /// What is to be made, without what stays.
    make: Json,
    /// What gives way: documents, then users.
    gone: Vec<Document>,
    gone_users: Vec<User>,
    /// What is told of each part; ids of what is made are found later.
    told: Vec<Told>,
}

struct Told {
    action: Action,
    part: Part,
    /// The client of a client's role, the provider of a mapper, the path of a group.
    within: String,
    name: String,
    representation: Json,
}

/// Makes the job that imports parts into a realm. Sessions of clients that give way end at once.
///
/// # Errors
/// If anything of the file is wrong, or in the way; nothing was written then.
pub async fn prepare(
    app: &App,
    realm: &Arc<Realm>,
    file: &Json,
    policy: Policy,
) -> Result<Prepared, PartialError> {
    let parts = export::read(&app.store, &realm.id).await?;
    let existing = Existing::new(&parts.documents, file);
    let mut sorted = Sorted::default();
    existing.sort_clients(policy, &mut sorted)?;
    existing.sort_roles(policy, &mut sorted, realm.settings.default_role.as_str())?;
    existing.sort_providers(policy, &mut sorted)?;
    existing.sort_groups(policy, &mut sorted)?;
    existing.sort_users(app, realm, policy, &mut sorted).await?;
    let (documents, links) = (parts.documents, parts.links);
    let id = realm.id.as_str().to_owned();
    let mut assembly = Assembly::over(&app.random, app.now(), id, documents, &links);
    for document in &sorted.gone {
        assembly.remove(document);
    }
    let kept = assembly.all_links();
    let new = make(&mut assembly, &sorted.make, realm)?;
    let outcomes = outcomes(&assembly, &sorted, &new)?;
    let mut tx = Tx::new();
    end(app, realm, &mut tx, &sorted).await?;
    write(realm, &mut tx, &assembly, &kept);
    let roles = realm.roles().await?;
    let given = given::given(&assembly, &kept, &new, &roles);
    let terms = Terms::of(&realm.body);
    for user in &new {
        realms::put_user(app, &mut tx, &realm.id, user, &terms).await?;
    }
    Ok(Prepared {
        tx,
        outcomes,
        given,
    })
}

/// Compiles everything that is to be made, in Keycloak's order.
fn make(
    assembly: &mut Assembly<'_>,
    file: &Json,
    realm: &Realm,
) -> Result<Vec<NewUser>, ImportError> {
    let default_role = realm.settings.default_role.as_str();
    clients::add_from_file(assembly, file, &realm.name)?;
    roles::add_from_file(assembly, file, default_role, None)?;
    identity_providers::add_from_file(assembly, file)?;
    groups::add_from_file(assembly, file)?;
    let (rules, mut taken) = (UserRules::of(&realm.body), Taken::watching());
    let list_at = At::Root.key("users");
    let mut new = Vec::new();
    for (index, user) in each(file, "users") {
        let at = list_at.index(index);
        new.push(users::read_user(assembly, user, &rules, &mut taken, &at)?);
    }
    for (_, client) in each(file, "clients") {
        let client_id = text(client, "clientId").unwrap_or_default();
        let Some(id) = assembly.find(Kind::Client, "", client_id) else {
            continue;
        };
        if flag(client, "serviceAccountsEnabled") && !taken.has_service_account(&id) {
            let user = users::service_account(assembly, &id, client_id, default_role);
            users::claim_service_account(&user, &mut taken, &list_at)?;
            clients::give_service_account_scope(assembly, &id);
            new.push(user);
        }
    }
    Ok(new)
}

/// Ends what gives way.
async fn end(
    app: &App,
    realm: &Arc<Realm>,
    tx: &mut Tx,
    sorted: &Sorted,
) -> Result<(), StoreError> {
    for document in &sorted.gone {
        if document.kind == Kind::Client {
            let uuid = ClientUuid::new(document.id.as_str());
            if let Some(client) = realm.client_by_uuid(&uuid).await? {
                end_client(app, realm, &client).await?;
                let reason = EndReason::ClientDeleted;
                record::client_ended(app, realm, tx, &client, reason).await?;
            }
            service_account::delete(app, realm, tx, &uuid).await?;
        }
        tx.delete_document(&realm.id, document.kind, &document.id);
    }
    for user in &sorted.gone_users {
        let (kinds, reason) = (&SessionKind::ALL, EndReason::UserDeleted);
        end_sessions_of_user(app, realm, tx, &user.id, kinds, reason).await?;
        tx.delete_user(&realm.id, &user.id);
    }
    Ok(())
}

/// Puts what was made into the job: documents, and the links that were not there before.
fn write(realm: &Arc<Realm>, tx: &mut Tx, assembly: &Assembly<'_>, kept: &BTreeSet<Link>) {
    for document in assembly.new_documents() {
        tx.insert_document(&realm.id, document);
    }
    let links = assembly.all_links();
    for link in kept.difference(&links) {
        tx.delete_link(&realm.id, link);
    }
    for link in links.difference(kept) {
        tx.insert_link(&realm.id, link);
    }
}

/// What is told of each part.
fn outcomes(
    assembly: &Assembly<'_>,
    sorted: &Sorted,
    new: &[NewUser],
) -> Result<Vec<Outcome>, ImportError> {
    let mut outcomes = Vec::new();
    for told in &sorted.told {
        let name = told.name.as_str();
        let id = match told.part {
            Part::Client => assembly.find(Kind::Client, "", name),
            Part::RealmRole => assembly.find(Kind::Role, "", name),
            Part::ClientRole => assembly.find(Kind::Client, "", &told.within),
            Part::IdentityProvider => assembly.find(Kind::IdentityProvider, "", name),
            Part::Mapper => existing::mapper(assembly, &told.within, name),
            Part::Group => match told.within.as_str() {
                "" => assembly.find(Kind::Group, "", name),
                path => groups::by_path(assembly, path),
            },
            Part::User => user_id(told, new),
        };
        let Some(id) = id else {
            let problem = format!("`{name}` is not there after it was imported");
            return Err(At::Root.invalid(problem));
        };
        let name = match told.part {
            Part::ClientRole => format!("{}-->{name}", told.within),
            Part::Client
            | Part::RealmRole
            | Part::IdentityProvider
            | Part::Mapper
            | Part::Group
            | Part::User => name.to_owned(),
        };
        outcomes.push(Outcome {
            action: told.action,
            part: told.part,
            name,
            id,
            representation: told.representation.clone(),
        });
    }
    Ok(outcomes)
}

/// The id of a user that was made, or that stayed: then its place names it.
fn user_id(told: &Told, new: &[NewUser]) -> Option<String> {
    if told.action == Action::Skipped {
        return Some(told.within.clone());
    }
    let name = told.name.to_lowercase();
    let made = new.iter().find(|new| new.user.username == name);
    made.map(|new| new.user.id.as_str().to_owned())
}

/// A list of a file without what stays, and without ids: what is made gets new ones.
fn with_new_ids(list: Vec<Json>, id: &str) -> Value {
    let list = list.into_iter().map(|mut one| {
        one.shift_remove(id);
        if let Some(Value::Array(mappers)) = one.get_mut("protocolMappers") {
            for mapper in mappers.iter_mut().filter_map(Value::as_object_mut) {
                mapper.shift_remove("id");
            }
        }
        Value::Object(one)
    });
    list.collect()
}

/// The roles of clients in a file, client by client.
fn client_roles(file: &Json) -> Vec<(String, Vec<Json>)> {
    let Some(roles) = file.get("roles").and_then(Value::as_object) else {
        return Vec::new();
    };
    let all = members(roles, "client").map(|(client, list)| {
        let wrapped = Json::from_iter([("list".to_owned(), list.clone())]);
        let list = each(&wrapped, "list").map(|(_, role)| role.clone());
        (client.to_owned(), list.collect())
    });
    all.collect()
}

/// Adds a member that is a list, unless it is empty.
fn put_list(file: &mut Json, member: &str, list: Value) {
    if list.as_array().is_some_and(|list| !list.is_empty()) {
        file.insert(member.to_owned(), list);
    }
}

/// The parts as an answer tells them.
pub fn told(outcomes: &[Outcome]) -> Value {
    let count = |action| {
        let of_it = outcomes.iter().filter(|outcome| outcome.action == action);
        of_it.count()
    };
    let results = outcomes.iter().map(|outcome| {
        let action = match outcome.action {
            Action::Added => "ADDED",
            Action::Skipped => "SKIPPED",
            Action::Overwritten => "OVERWRITTEN",
        };
        let part = match outcome.part {
            Part::Client => "CLIENT",
            Part::RealmRole => "REALM_ROLE",
            Part::ClientRole => "CLIENT_ROLE",
            Part::IdentityProvider => "IDP",
            Part::Mapper => "IDP_MAPPER",
            Part::Group => "GROUP",
            Part::User => "USER",
        };
        json!({"action": action, "resourceType": part, "resourceName": outcome.name, "id": outcome.id})
    });
    json!({
        "overwritten": count(Action::Overwritten),
        "added": count(Action::Added),
        "skipped": count(Action::Skipped),
        "results": results.collect::<Vec<_>>(),
    })
}
