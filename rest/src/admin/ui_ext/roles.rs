//! Roles of users, groups, clients, client scopes and roles, as the console's tables show them: which of
//! clients could be added, which are there in the end; and several taken away in one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use axum::http::Method;
use claviger_engine::client::Client;
use claviger_engine::person::Person;
use claviger_engine::realm::{Group, Role, Scope};
use claviger_engine::signal::people::roles_changed;
use claviger_engine::signal::set::Initiator;
use claviger_model::{ClientUuid, GroupId, RoleId, User};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::admin::clients;
use crate::admin::owner::scope;
use crate::admin::paging::Page;
use crate::admin::role_mappings::limits::Mapper;
use crate::admin::sessions::user;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// How many roles one request may take away.
const ROLES_MAX: usize = 2_000;
/// How many roles a page shows if nobody says.
const PAGE: i64 = 10;

const VIEW_USERS: &[Right] = &[Right::ViewUsers, Right::ManageUsers];
const VIEW_CLIENTS: &[Right] = &[Right::ViewClients, Right::ManageClients];
const VIEW_REALM: &[Right] = &[Right::ViewRealm, Right::ManageRealm];
/// The console shows default roles at the page of identity providers, too.
const VIEW_ROLE: &[Right] = &[
    Right::ViewRealm,
    Right::ManageRealm,
    Right::ManageIdentityProviders,
];

/// The same path for each that has roles.
macro_rules! each {
    ($what:literal) => {
        [
            concat!("/admin/realms/{realm}/ui-ext/", $what, "/users/{user}"),
            concat!("/admin/realms/{realm}/ui-ext/", $what, "/groups/{group}"),
            concat!("/admin/realms/{realm}/ui-ext/", $what, "/clients/{client}"),
            concat!(
                "/admin/realms/{realm}/ui-ext/",
                $what,
                "/clientScopes/{scope}"
            ),
            concat!("/admin/realms/{realm}/ui-ext/", $what, "/roles/{role-id}"),
        ]
    };
}

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    const ONE_ROLE: &str = "/admin/realms/{realm}/ui-ext/role-mappings/roles/{role-id}";
    let manage: [&[Right]; 5] = [
        &[Right::ManageUsers],
        &[Right::ManageUsers],
        &[Right::ManageClients],
        &[Right::ManageClients],
        &[Right::ManageRealm],
    ];
    let views = [
        VIEW_USERS,
        VIEW_USERS,
        VIEW_CLIENTS,
        VIEW_CLIENTS,
        VIEW_REALM,
    ];
    let mut of_clients = views;
    if let Some(last) = of_clients.last_mut() {
        *last = VIEW_ROLE;
    }
    let mut rows = vec![route(M::GET, ONE_ROLE, Rights::Any(VIEW_REALM), contained)];
    for path in each!("available-roles") {
        rows.push(route(M::GET, path, Rights::Handler, available));
    }
    for (path, rights) in each!("effective-roles").into_iter().zip(of_clients) {
        rows.push(route(
            M::GET,
            path,
            Rights::Any(rights),
            effective_of_clients,
        ));
    }
    for (path, rights) in each!("effective-roles-all").into_iter().zip(views) {
        rows.push(route(M::GET, path, Rights::Any(rights), effective));
    }
    for (path, rights) in each!("role-mapping-delete").into_iter().zip(manage) {
        rows.push(route(M::POST, path, Rights::Any(rights), take));
    }
    rows
}

/// Who, or what, has roles.
enum Holder {
    User(Box<User>),
    Group(Arc<Group>),
    Client(Arc<Client>),
    Scope(Arc<Scope>),
    Role(Role),
}

impl Holder {
    /// The one that the path names.
    async fn named(call: &AdminCall) -> Result<Self, Problem> {
        if !call.param("user").is_empty() {
            return Ok(Self::User(Box::new(user(call).await?)));
        }
        if !call.param("group").is_empty() {
            let found = call.realm.group(&GroupId::new(call.param("group"))).await?;
            let found = found.ok_or_else(|| Problem::not_found("Could not find group"))?;
            return Ok(Self::Group(found));
        }
        if !call.param("client").is_empty() {
            return Ok(Self::Client(clients::client(call).await?));
        }
        if !call.param("scope").is_empty() {
            return Ok(Self::Scope(scope(call).await?));
        }
        let roles = call.realm.roles().await?;
        let found = roles.get(&RoleId::new(call.param("role-id"))).cloned();
        let found = found.ok_or_else(|| Problem::not_found("Could not find role"))?;
        Ok(Self::Role(found))
    }

    /// What it has by itself. A role's own parts may be added to it again, as Keycloak offers them.
    async fn direct(&self, call: &AdminCall) -> Result<Vec<RoleId>, Problem> {
        Ok(match self {
            Self::User(user) => call.app.store.user_roles(&call.realm.id, &user.id).await?,
            Self::Group(group) => group.roles.clone(),
            Self::Client(client) => client.scope_mappings.clone(),
            Self::Scope(scope) => scope.roles.clone(),
            Self::Role(_) => Vec::new(),
        })
    }

    /// What it has in the end: a role has itself, too.
    async fn effective(&self, call: &AdminCall) -> Result<HashSet<RoleId>, Problem> {
        let roles = call.realm.roles().await?;
        Ok(match self {
            Self::User(user) => {
                let person = Person::load(&call.app.store, &call.realm, (**user).clone()).await?;
                (*person.roles).clone()
            }
            Self::Group(group) => {
                let line = call.realm.group_line(&group.id).await?;
                roles.expand(line.iter().flat_map(|group| &group.roles))
            }
            Self::Client(client) => roles.expand(&client.scope_mappings),
            Self::Scope(scope) => roles.expand(&scope.roles),
            Self::Role(role) => roles.expand([&role.id]),
        })
    }

    /// Whether the caller could add a role to it.
    async fn takes(&self, mapper: &Mapper<'_>, role: &Role) -> Result<bool, Problem> {
        Ok(match self {
            Self::User(_) | Self::Group(_) => mapper.may_map(role).await?,
            Self::Client(_) | Self::Scope(_) => true,
            Self::Role(_) => mapper.may_compose(role).await?,
        })
    }

    /// Which right is needed to change what it has.
    const fn right(&self) -> Right {
        match self {
            Self::User(_) | Self::Group(_) => Right::ManageUsers,
            Self::Client(_) | Self::Scope(_) => Right::ManageClients,
            Self::Role(_) => Right::ManageRealm,
        }
    }

    /// How an event calls what is taken away.
    const fn resource(&self) -> &'static str {
        match self {
            Self::User(_) | Self::Group(_) => "REALM_ROLE_MAPPING",
            Self::Client(_) | Self::Scope(_) => "CLIENT_SCOPE_MAPPING",
            Self::Role(_) => "REALM_ROLE",
        }
    }

    fn withdraw(&self, call: &AdminCall, tx: &mut Tx, role: &RoleId) {
        let (kind, from) = match self {
            Self::User(user) => return tx.withdraw_role(&call.realm.id, &user.id, role),
            Self::Group(group) => (LinkKind::GroupRole, group.id.as_str()),
            Self::Client(client) => (LinkKind::ScopeMapping, client.uuid.as_str()),
            Self::Scope(scope) => (LinkKind::ScopeMapping, scope.id.as_str()),
            Self::Role(holder) => (LinkKind::Composite, holder.id.as_str()),
        };
        let (from, to) = (from.to_owned(), role.as_str().to_owned());
        tx.delete_link(&call.realm.id, &Link { kind, from, to });
    }
}

/// The `clientId`s of clients that have some of these roles.
async fn client_ids<'a>(
    call: &AdminCall,
    roles: impl Iterator<Item = &'a Role>,
) -> Result<HashMap<ClientUuid, String>, Problem> {
    let uuids: HashSet<&ClientUuid> = roles.filter_map(|role| role.client.as_ref()).collect();
    let mut names = HashMap::with_capacity(uuids.len());
    for uuid in uuids {
        if let Some(client) = call.realm.client_by_uuid(uuid).await? {
            names.insert(uuid.clone(), client.client_id.clone());
        }
    }
    Ok(names)
}

/// Roles of clients that could be added, a page of them. Who may add none sees none.
async fn available(call: AdminCall) -> Result<Answer, Problem> {
    let rights = match () {
        () if !call.param("user").is_empty() || !call.param("group").is_empty() => VIEW_USERS,
        () if !call.param("role-id").is_empty() => VIEW_REALM,
        () => VIEW_CLIENTS,
    };
    let none = || Ok(read_out(&json!([])));
    if !call.admin.may(&call.realm, rights).await? {
        return none();
    }
    let holder = Holder::named(&call).await?;
    if !call.admin.may(&call.realm, &[holder.right()]).await? {
        return none();
    }
    let search = call
        .query
        .get("search")
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let (roles, direct) = (call.realm.roles().await?, holder.direct(&call).await?);
    let names = client_ids(&call, roles.all()).await?;
    let mut sorted = BTreeMap::new();
    for role in roles.all().filter(|role| !direct.contains(&role.id)) {
        let Some(client) = role.client.as_ref().and_then(|uuid| names.get(uuid)) else {
            continue;
        };
        let has = |text: &str| text.to_lowercase().contains(&search);
        if has(client) || has(&role.name) {
            sorted.insert((client.as_str(), role.name.as_str()), role);
        }
    }
    let mapper = Mapper::of(&call).await?;
    let mut passing = Vec::new();
    for ((client, _), role) in sorted {
        if holder.takes(&mapper, role).await? {
            passing.push((client, role));
        }
    }
    let mut shown = Vec::new();
    for (client, role) in Page::of(&call, PAGE)?.cut(passing) {
        let (store, id) = (&call.app.store, role.id.as_str());
        let document = store.document(&call.realm.id, Kind::Role, id).await?;
        shown.extend(document.map(|document| of_client(&document, client)));
    }
    Ok(read_out(&shown))
}

/// `ClientRole`.
fn of_client(role: &Document, client: &str) -> Json {
    let mut shown = Json::from_iter([
        ("id".to_owned(), json!(role.id)),
        ("role".to_owned(), json!(role.unique_name)),
        ("client".to_owned(), json!(client)),
        ("clientId".to_owned(), json!(role.parent)),
    ]);
    if let Some(description) = Fields::of(&role.body).text("description") {
        shown.insert("description".to_owned(), json!(description));
    }
    shown
}

/// The documents of some roles: those of the realm first, then those of clients, by names. None has
/// the name of a client beside it where it is the realm's.
async fn sorted(
    call: &AdminCall,
    wanted: &HashSet<RoleId>,
) -> Result<Vec<(Option<String>, Document)>, Problem> {
    let roles = call.realm.roles().await?;
    let held = wanted.iter().filter_map(|id| roles.get(id));
    let names = client_ids(call, held).await?;
    let documents = call.app.store.documents(&call.realm.id, Kind::Role).await?;
    let wanted = documents
        .into_iter()
        .filter(|role| wanted.contains(&RoleId::new(role.id.as_str())));
    let mut sorted: Vec<_> = wanted
        .map(|role| {
            let client = names.get(&ClientUuid::new(role.parent.as_str())).cloned();
            (client, role)
        })
        .collect();
    sorted.sort_by(|(one, role), (two, other)| {
        (one, &role.unique_name).cmp(&(two, &other.unique_name))
    });
    Ok(sorted)
}

async fn effective_of_clients(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let effective = holder.effective(&call).await?;
    let sorted = sorted(&call, &effective).await?;
    let shown: Vec<Json> = sorted
        .iter()
        .filter_map(|(client, role)| Some(of_client(role, client.as_deref()?)))
        .collect();
    Ok(read_out(&shown))
}

/// `EffectiveRole`s.
async fn effective(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let effective = holder.effective(&call).await?;
    let sorted = sorted(&call, &effective).await?;
    let shown: Vec<Json> = sorted.iter().map(whole).collect();
    Ok(read_out(&shown))
}

fn whole((client, role): &(Option<String>, Document)) -> Json {
    let mut shown = Json::from_iter([
        ("id".to_owned(), json!(role.id)),
        ("name".to_owned(), json!(role.unique_name)),
        ("clientRole".to_owned(), json!(client.is_some())),
    ]);
    if let Some(description) = Fields::of(&role.body).text("description") {
        shown.insert("description".to_owned(), json!(description));
    }
    if let Some(client) = client {
        shown.insert("client".to_owned(), json!(client));
        shown.insert("clientId".to_owned(), json!(role.parent));
    }
    shown
}

/// What a role contains by itself, the realm's apart from clients'.
async fn contained(call: AdminCall) -> Result<Answer, Problem> {
    let Holder::Role(role) = Holder::named(&call).await? else {
        return Err(Problem::not_found("Could not find role"));
    };
    let roles = call.realm.roles().await?;
    let parts: HashSet<RoleId> = role.composites.iter().cloned().collect();
    let (mut of_realm, mut of_clients) = (Vec::new(), Json::new());
    for (client, document) in sorted(&call, &parts).await? {
        let owner = client.as_deref().unwrap_or(call.realm.id.as_str());
        let shown = crate::admin::role_mappings::representation::brief(&document, &roles, owner);
        let Some(client) = client else {
            of_realm.push(shown);
            continue;
        };
        let mapping = of_clients
            .entry(client.clone())
            .or_insert_with(|| json!({ "id": document.parent, "client": client, "mappings": [] }));
        if let Some(mappings) = mapping.get_mut("mappings").and_then(Value::as_array_mut) {
            mappings.push(Value::Object(shown));
        }
    }
    let body = json!({ "realmMappings": of_realm, "clientMappings": of_clients });
    Ok(read_out(&body))
}

/// Takes roles away, each by its id; those that are not there are passed over.
async fn take(call: AdminCall) -> Result<Answer, Problem> {
    let holder = Holder::named(&call).await?;
    let sent = call.json_list("RoleDeleteRequest")?;
    if sent.len() > ROLES_MAX {
        let text = format!("At most {ROLES_MAX} roles may be sent at once");
        return Err(Problem::bad_request(&text));
    }
    let roles = call.realm.roles().await?;
    let mapper = Mapper::of(&call).await?;
    let mut taken: Vec<&Role> = Vec::new();
    for body in &sent {
        let id = Fields::of(body).filled_text("roleId");
        let id = id.ok_or_else(|| Problem::bad_request("A role is named by its roleId"))?;
        let Some(role) = roles.get(&RoleId::new(id)) else {
            continue;
        };
        if !holder.takes(&mapper, role).await? {
            return Err(Problem::forbidden());
        }
        taken.push(role);
    }
    let mut tx = Tx::new();
    for role in &taken {
        holder.withdraw(&call, &mut tx, &role.id);
    }
    if let Holder::User(user) = &holder {
        let mut after = holder.direct(&call).await?;
        after.retain(|id| !taken.iter().any(|role| role.id == *id));
        let containers: HashSet<_> = taken.iter().map(|role| role.client.as_ref()).collect();
        for container in containers {
            let whose = (&user.id, Initiator::Admin);
            let what = (container, after.as_slice());
            roles_changed(&call.app, &call.realm, &mut tx, whose, what).await?;
        }
    }
    let path = call.resource_path();
    let resource = Resource {
        operation: "DELETE",
        kind: holder.resource(),
        path: Some(&path),
    };
    call.record(&mut tx, resource, None);
    done(call.app.commit(tx).await?)?;
    Ok(no_content())
}
