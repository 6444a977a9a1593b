//! The roles of users and groups: given, taken, and what could be given.

pub(super) mod limits;
pub(super) mod representation;

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::Method;
use claviger_engine::person::Person;
use claviger_engine::realm::{Group, Role, Roles};
use claviger_engine::signal::people::roles_changed;
use claviger_engine::signal::set::Initiator;
use claviger_model::{ClientUuid, GroupId, RoleId, User};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use self::limits::Mapper;
use self::representation::{brief, full};
use super::sessions::user;
use super::{groups, organizations};
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const VIEW: Rights = Rights::Any(&[Right::ViewUsers, Right::ManageUsers]);
const MANAGE: Rights = Rights::Any(&[Right::ManageUsers]);
/// How many roles one request may give or take.
const ROLES_MAX: usize = 2_000;

/// The paths below one holder's role mappings.
struct Paths {
    all: &'static str,
    realm: [&'static str; 3],
    client: [&'static str; 3],
}

const OF_USER: Paths = Paths {
    all: "/admin/realms/{realm}/users/{user}/role-mappings",
    realm: [
        "/admin/realms/{realm}/users/{user}/role-mappings/realm",
        "/admin/realms/{realm}/users/{user}/role-mappings/realm/available",
        "/admin/realms/{realm}/users/{user}/role-mappings/realm/composite",
    ],
    client: [
        "/admin/realms/{realm}/users/{user}/role-mappings/clients/{client}",
        "/admin/realms/{realm}/users/{user}/role-mappings/clients/{client}/available",
        "/admin/realms/{realm}/users/{user}/role-mappings/clients/{client}/composite",
    ],
};
const OF_GROUP: Paths = Paths {
    all: "/admin/realms/{realm}/groups/{group}/role-mappings",
    realm: [
        "/admin/realms/{realm}/groups/{group}/role-mappings/realm",
        "/admin/realms/{realm}/groups/{group}/role-mappings/realm/available",
        "/admin/realms/{realm}/groups/{group}/role-mappings/realm/composite",
    ],
    client: [
        "/admin/realms/{realm}/groups/{group}/role-mappings/clients/{client}",
        "/admin/realms/{realm}/groups/{group}/role-mappings/clients/{client}/available",
        "/admin/realms/{realm}/groups/{group}/role-mappings/clients/{client}/composite",
    ],
};

/// The same path below a group within an organization.
macro_rules! below_group {
    ($rest:literal) => {
        concat!(
            "/admin/realms/{realm}/organizations/{organization}/groups/{group}/",
            $rest
        )
    };
}
const OF_ORGANIZATION_GROUP: Paths = Paths {
    all: below_group!("role-mappings"),
    realm: [
        below_group!("role-mappings/realm"),
        below_group!("role-mappings/realm/available"),
        below_group!("role-mappings/realm/composite"),
    ],
    client: [
        below_group!("role-mappings/clients/{client}"),
        below_group!("role-mappings/clients/{client}/available"),
        below_group!("role-mappings/clients/{client}/composite"),
    ],
};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    let within = (organizations::VIEW, organizations::MANAGE);
    [
        (OF_USER, (VIEW, MANAGE)),
        (OF_GROUP, (VIEW, MANAGE)),
        (OF_ORGANIZATION_GROUP, within),
    ]
    .iter()
    .flat_map(|(paths, rights)| of_holder(paths, *rights))
    .collect()
}

fn of_holder(paths: &Paths, (view, manage): (Rights, Rights)) -> Vec<Route> {
    let mut rows = vec![route(Method::GET, paths.all, view, all)];
    for [direct, available, composite] in [paths.realm, paths.client] {
        rows.extend([
            route(Method::GET, direct, view, list_direct),
            route(Method::POST, direct, manage, add),
            route(Method::DELETE, direct, manage, remove),
            route(Method::GET, available, view, list_available),
            route(Method::GET, composite, view, list_effective),
        ]);
    }
    rows
}

/// Who has roles.
enum Holder {
    User(Box<User>),
    /// A group, and those above it, nearest first.
    Group(Arc<Group>, Vec<Arc<Group>>),
}

impl Holder {
    /// The user or group that the path names.
    async fn named(call: &AdminCall) -> Result<Self, Problem> {
        let group = call.param("group");
        if group.is_empty() {
            return Ok(Self::User(Box::new(user(call).await?)));
        }
        let line = if call.param("organization").is_empty() {
            call.realm.group_line(&GroupId::new(group)).await?
        } else {
            organizations::named_group(call).await?
        };
        let mut line = line.into_iter();
        match line.next() {
            Some(first) => Ok(Self::Group(first, line.collect())),
            None => Err(groups::unknown(call, group).await?),
        }
    }

    async fn direct(&self, call: &AdminCall) -> Result<Vec<RoleId>, Problem> {
        Ok(match self {
            Self::User(user) => call.app.store.user_roles(&call.realm.id, &user.id).await?,
            Self::Group(group, _) => group.roles.clone(),
        })
    }

    /// All roles, with those that they contain. A group has its parents' realm roles, too; its
    /// client roles are shown without them, as Keycloak does.
    async fn effective(
        &self,
        call: &AdminCall,
        of_client: bool,
    ) -> Result<HashSet<RoleId>, Problem> {
        let realm = &call.realm;
        match self {
            Self::User(user) => {
                let person = Person::load(&call.app.store, realm, (**user).clone()).await?;
                Ok((*person.roles).clone())
            }
            Self::Group(group, _) if of_client => Ok(realm.roles().await?.expand(&group.roles)),
            Self::Group(group, above) => {
                let line = std::iter::once(group).chain(above);
                let direct: Vec<&RoleId> = line.flat_map(|group| &group.roles).collect();
                Ok(realm.roles().await?.expand(direct))
            }
        }
    }

    /// Tells whoever wants to know which roles a user has now. What becomes of a group's members is
    /// seen in their next tokens.
    async fn tell(
        &self,
        call: &AdminCall,
        tx: &mut Tx,
        container: Option<&ClientUuid>,
        after: &[RoleId],
    ) -> Result<(), Problem> {
        let Self::User(user) = self else {
            return Ok(());
        };
        let whose = (&user.id, Initiator::Admin);
        Ok(roles_changed(&call.app, &call.realm, tx, whose, (container, after)).await?)
    }

    fn give(&self, call: &AdminCall, tx: &mut Tx, role: &RoleId) {
        match self {
            Self::User(user) => tx.grant_role(&call.realm.id, &user.id, role),
            Self::Group(group, _) => tx.insert_link(&call.realm.id, &link(group, role)),
        }
    }

    fn take(&self, call: &AdminCall, tx: &mut Tx, role: &RoleId) {
        match self {
            Self::User(user) => tx.withdraw_role(&call.realm.id, &user.id, role),
            Self::Group(group, _) => tx.delete_link(&call.realm.id, &link(group, role)),
        }
    }
}

fn link(group: &Group, role: &RoleId) -> Link {
    let (from, to) = (group.id.as_str().to_owned(), role.as_str().to_owned());
    Link {
        kind: LinkKind::GroupRole,
        from,
        to,
    }
}

/// The client that the path names; none for the realm's own roles.
async fn container(call: &AdminCall) -> Result<Option<ClientUuid>, Problem> {
    let uuid = call.param("client");
    if uuid.is_empty() {
        return Ok(None);
    }
    let found = call.realm.client_by_uuid(&ClientUuid::new(uuid)).await?;
    let client = found.ok_or_else(|| Problem::not_found("Client not found"))?;
    Ok(Some(client.uuid.clone()))
}

/// Roles of clients are shown to those who may see clients.
async fn may_view_roles(call: &AdminCall, container: Option<&ClientUuid>) -> Result<bool, Problem> {
    let rights: &[Right] = match container {
        Some(_) => &[Right::ViewClients, Right::ManageClients],
        None => &[Right::ViewRealm, Right::ManageRealm],
    };
    Ok(call.admin.may(&call.realm, rights).await?)
}

/// The roles of one container that pass, in the order of their names.
async fn shown(
    call: &AdminCall,
    container: Option<&ClientUuid>,
    roles: &Roles,
    show: impl Fn(&claviger_wire::Document, &Roles, &str) -> Json,
    passes: impl Fn(&RoleId) -> bool,
) -> Result<Vec<Json>, Problem> {
    let parent = container.map_or("", ClientUuid::as_str);
    let owner = container.map_or(call.realm.id.as_str(), ClientUuid::as_str);
    let documents = call
        .app
        .store
        .children(&call.realm.id, Kind::Role, parent)
        .await?;
    let passing = documents
        .iter()
        .filter(|role| passes(&RoleId::new(role.id.as_str())));
    Ok(passing.map(|role| show(role, roles, owner)).collect())
}

async fn list_direct(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let container = container(&call).await?;
    if container.is_some() && !may_view_roles(&call, container.as_ref()).await? {
        return Err(Problem::forbidden());
    }
    let roles = call.realm.roles().await?;
    let direct = holder.direct(&call).await?;
    let passes = |role: &RoleId| direct.contains(role);
    Ok(read_out(
        &shown(&call, container.as_ref(), &roles, brief, passes).await?,
    ))
}

async fn list_effective(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let container = container(&call).await?;
    if container.is_some() && !may_view_roles(&call, container.as_ref()).await? {
        return Err(Problem::forbidden());
    }
    let roles = call.realm.roles().await?;
    let effective = holder.effective(&call, container.is_some()).await?;
    let show = if call.flag("briefRepresentation").unwrap_or(true) {
        brief
    } else {
        full
    };
    let passes = |role: &RoleId| effective.contains(role);
    Ok(read_out(
        &shown(&call, container.as_ref(), &roles, show, passes).await?,
    ))
}

async fn list_available(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let container = container(&call).await?;
    let roles = call.realm.roles().await?;
    let direct = holder.direct(&call).await?;
    let mapper = Mapper::of(&call).await?;
    let parent = container.as_ref().map_or("", ClientUuid::as_str);
    let mut available = HashSet::new();
    for document in call
        .app
        .store
        .children(&call.realm.id, Kind::Role, parent)
        .await?
    {
        let Some(role) = roles.get(&RoleId::new(document.id)) else {
            continue;
        };
        if !direct.contains(&role.id) && mapper.may_map(role).await? {
            available.insert(role.id.clone());
        }
    }
    let passes = |role: &RoleId| available.contains(role);
    Ok(read_out(
        &shown(&call, container.as_ref(), &roles, brief, passes).await?,
    ))
}

/// `MappingsRepresentation`: what the administrator may see of all direct roles.
async fn all(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let roles = call.realm.roles().await?;
    let direct = holder.direct(&call).await?;
    let passes = |role: &RoleId| direct.contains(role);
    let mut body = Json::new();
    if may_view_roles(&call, None).await? {
        let of_realm = shown(&call, None, &roles, brief, passes).await?;
        if !of_realm.is_empty() {
            body.insert("realmMappings".to_owned(), json!(of_realm));
        }
    }
    let mut clients: Vec<&ClientUuid> = direct
        .iter()
        .filter_map(|role| roles.get(role)?.client.as_ref())
        .collect();
    clients.sort_unstable();
    clients.dedup();
    let mut of_clients = Json::new();
    for uuid in clients {
        let Some(client) = call.realm.client_by_uuid(uuid).await? else {
            continue;
        };
        if may_view_roles(&call, Some(uuid)).await? {
            let mappings = shown(&call, Some(uuid), &roles, brief, passes).await?;
            let told = json!({
                "id": uuid.as_str(), "client": client.client_id, "mappings": mappings,
            });
            of_clients.insert(client.client_id.clone(), told);
        }
    }
    if !of_clients.is_empty() {
        body.insert("clientMappings".to_owned(), Value::Object(of_clients));
    }
    Ok(read_out(&body))
}

/// The roles that were sent, each checked to be what it says, and to be the administrator's to map.
async fn sent(
    call: &AdminCall,
    container: Option<&ClientUuid>,
    sent: &[Json],
) -> Result<Vec<RoleId>, Problem> {
    if sent.len() > ROLES_MAX {
        let text = format!("At most {ROLES_MAX} roles may be mapped at once");
        return Err(Problem::bad_request(&text));
    }
    let roles = call.realm.roles().await?;
    let mapper = Mapper::of(call).await?;
    let mut found = Vec::new();
    for body in sent {
        let fields = Fields::of(body);
        let role = roles.named(container, &fields.text("name").unwrap_or_default());
        let role = role.filter(|role| fields.str("id") == Some(role.id.as_str()));
        let role = role.ok_or_else(|| Problem::not_found("Role not found"))?;
        check(&mapper, role).await?;
        found.push(role.id.clone());
    }
    Ok(found)
}

async fn check(mapper: &Mapper<'_>, role: &Role) -> Result<(), Problem> {
    if mapper.may_map(role).await? {
        Ok(())
    } else {
        Err(Problem::forbidden())
    }
}

async fn add(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let container = container(&call).await?;
    let bodies = call.json_list("RoleRepresentation")?;
    let roles = sent(&call, container.as_ref(), &bodies).await?;
    if !roles.is_empty() {
        let mut tx = Tx::new();
        for role in &roles {
            holder.give(&call, &mut tx, role);
        }
        let mut after = holder.direct(&call).await?;
        after.extend(roles);
        holder
            .tell(&call, &mut tx, container.as_ref(), &after)
            .await?;
        record(&call, &mut tx, "CREATE", container.is_some(), bodies);
        done(call.app.commit(tx).await?)?;
    }
    Ok(no_content())
}

/// Takes the roles that were sent, or all of the container if nothing was sent.
async fn remove(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let container = container(&call).await?;
    let (roles, told) = if call.is_nothing() {
        everything(&call, &holder, container.as_ref()).await?
    } else {
        let bodies = call.json_list("RoleRepresentation")?;
        (sent(&call, container.as_ref(), &bodies).await?, bodies)
    };
    let mut tx = Tx::new();
    for role in &roles {
        holder.take(&call, &mut tx, role);
    }
    let mut after = holder.direct(&call).await?;
    after.retain(|role| !roles.contains(role));
    holder
        .tell(&call, &mut tx, container.as_ref(), &after)
        .await?;
    record(&call, &mut tx, "DELETE", container.is_some(), told);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}

async fn everything(
    call: &AdminCall,
    holder: &Holder,
    container: Option<&ClientUuid>,
) -> Result<(Vec<RoleId>, Vec<Json>), Problem> {
    let all = call.realm.roles().await?;
    let mapper = Mapper::of(call).await?;
    let mut found = Vec::new();
    for id in holder.direct(call).await? {
        let Some(role) = all
            .get(&id)
            .filter(|role| role.client.as_ref() == container)
        else {
            continue;
        };
        check(&mapper, role).await?;
        found.push(id);
    }
    let told = shown(call, container, &all, brief, |role| found.contains(role)).await?;
    Ok((found, told))
}

fn record(
    call: &AdminCall,
    tx: &mut Tx,
    operation: &'static str,
    of_client: bool,
    mut roles: Vec<Json>,
) {
    for role in &mut roles {
        // Keycloak's class always has this flag.
        role.entry("composite").or_insert_with(|| json!(false));
    }
    let path = call.resource_path();
    let kind = if of_client {
        "CLIENT_ROLE_MAPPING"
    } else {
        "REALM_ROLE_MAPPING"
    };
    call.record(
        tx,
        Resource {
            operation,
            kind,
            path: Some(&path),
        },
        Some(&json!(roles)),
    );
}
