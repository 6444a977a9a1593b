//! A realm's documents, found by what they mean, and their form in a realm file.

use std::collections::{BTreeMap, HashMap};

use claviger_wire::document::{Document, Json, Kind, Link, LinkKind};
use serde_json::{Value, json};

use super::RealmParts;
use crate::defaults::ADMIN_PERMISSIONS;
use crate::import::NewUser;

/// The documents of a realm and the ways between them.
pub(crate) struct Configuration<'a> {
    pub(crate) realm_id: String,
    realm: &'a Json,
    documents: &'a [Document],
    by_id: HashMap<(Kind, &'a str), &'a Document>,
    linked: HashMap<LinkKind, HashMap<&'a str, Vec<&'a str>>>,
}

/// The two lists in which a realm file says which roles tokens may carry.
pub(crate) struct ScopeMappings {
    pub(crate) realm: Option<Value>,
    pub(crate) clients: Option<Value>,
}

impl<'a> Configuration<'a> {
    pub(crate) fn new(parts: &'a RealmParts) -> Self {
        let by_id = parts
            .documents
            .iter()
            .map(|document| ((document.kind, document.id.as_str()), document))
            .collect();
        let mut linked: HashMap<_, HashMap<&str, Vec<&str>>> = HashMap::new();
        for Link { kind, from, to } in &parts.links {
            linked
                .entry(*kind)
                .or_default()
                .entry(from)
                .or_default()
                .push(to);
        }
        let realm_id = parts
            .realm
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Self {
            realm_id: realm_id.to_owned(),
            realm: &parts.realm,
            documents: &parts.documents,
            by_id,
            linked,
        }
    }

    pub(super) fn of_kind(&self, kind: Kind) -> Vec<&'a Document> {
        let mut found: Vec<&Document> = self
            .documents
            .iter()
            .filter(|document| document.kind == kind)
            .collect();
        found.sort_by(|one, two| one.unique_name.cmp(&two.unique_name));
        found
    }

    fn get(&self, kind: Kind, id: &str) -> Option<&'a Document> {
        self.by_id.get(&(kind, id)).copied()
    }

    fn linked_to(&self, kind: LinkKind, from: &str) -> &[&'a str] {
        let linked = self.linked.get(&kind).and_then(|linked| linked.get(from));
        linked.map_or(&[], Vec::as_slice)
    }

    /// The documents of a kind as they are.
    pub(crate) fn bodies(&self, kind: Kind) -> Value {
        self.of_kind(kind)
            .into_iter()
            .map(|document| Value::Object(document.body.clone()))
            .collect()
    }

    /// Names of the client scopes that something is linked to.
    pub(crate) fn scope_names(&self, kind: LinkKind, from: &str) -> Value {
        let scopes = self.linked_to(kind, from).iter();
        let mut names: Vec<&str> = scopes
            .filter_map(|id| self.get(Kind::ClientScope, id))
            .map(|scope| scope.unique_name.as_str())
            .collect();
        names.sort_unstable();
        json!(names)
    }

    pub(crate) fn required_actions(&self) -> Value {
        let mut actions = self.of_kind(Kind::RequiredAction);
        actions.sort_by_key(|action| {
            claviger_wire::flow::RequiredActionView::from_body(&action.body).priority
        });
        actions
            .into_iter()
            .map(|action| Value::Object(action.body.clone()))
            .collect()
    }

    /// Flows; their executions have no ids in a file.
    pub(crate) fn flows(&self) -> Value {
        let flows = self.of_kind(Kind::Flow).into_iter().map(|flow| {
            let mut body = flow.body.clone();
            if let Some(Value::Array(executions)) = body.get_mut("authenticationExecutions") {
                for execution in executions.iter_mut().filter_map(Value::as_object_mut) {
                    execution.shift_remove("id");
                }
            }
            Value::Object(body)
        });
        flows.collect()
    }

    pub(crate) fn clients(&self) -> Value {
        let clients = self.of_kind(Kind::Client).into_iter().map(|client| {
            let mut body = client.body.clone();
            for (member, kind) in [
                ("defaultClientScopes", LinkKind::DefaultScope),
                ("optionalClientScopes", LinkKind::OptionalScope),
            ] {
                body.insert(member.to_owned(), self.scope_names(kind, &client.id));
            }
            Value::Object(body)
        });
        clients.collect()
    }

    /// The default role in short.
    pub(crate) fn default_role(&self) -> Value {
        let id = self
            .realm
            .get("defaultRole")
            .and_then(|role| role.get("id"));
        let Some(id) = id.and_then(Value::as_str) else {
            return Value::Null;
        };
        let Some(role) = self.get(Kind::Role, id) else {
            return json!({"id": id});
        };
        let mut short = self.role(role);
        for long in ["composites", "attributes"] {
            short.shift_remove(long);
        }
        Value::Object(short)
    }

    fn role(&self, role: &Document) -> Json {
        let mut body = role.body.clone();
        let composites = self.composites(&role.id);
        body.insert("composite".to_owned(), json!(composites.is_some()));
        if let Some(composites) = composites {
            body.insert("composites".to_owned(), composites);
        }
        let container = if role.parent.is_empty() {
            &self.realm_id
        } else {
            &role.parent
        };
        body.insert("clientRole".to_owned(), json!(!role.parent.is_empty()));
        body.insert("containerId".to_owned(), json!(container));
        body.entry("attributes").or_insert(json!({}));
        body
    }

    fn composites(&self, role: &str) -> Option<Value> {
        let parts = self.role_names(self.linked_to(LinkKind::Composite, role).iter().copied());
        if parts.realm.is_empty() && parts.clients.is_empty() {
            return None;
        }
        let mut composites = Json::new();
        if !parts.realm.is_empty() {
            composites.insert("realm".to_owned(), json!(parts.realm));
        }
        if !parts.clients.is_empty() {
            composites.insert("client".to_owned(), json!(parts.clients));
        }
        Some(Value::Object(composites))
    }

    /// Names of roles, those of clients by `clientId`.
    pub(crate) fn role_names<'i>(&self, ids: impl Iterator<Item = &'i str>) -> RoleNames<'a> {
        let mut names = RoleNames::default();
        for role in ids.filter_map(|id| self.get(Kind::Role, id)) {
            if role.parent.is_empty() {
                names.realm.push(&role.unique_name);
            } else if let Some(client) = self.get(Kind::Client, &role.parent) {
                let roles: &mut Vec<&str> = names.clients.entry(&client.unique_name).or_default();
                roles.push(&role.unique_name);
            }
        }
        names.realm.sort_unstable();
        names
            .clients
            .values_mut()
            .for_each(|roles| roles.sort_unstable());
        names
    }

    pub(crate) fn roles(&self, with_clients: bool) -> Value {
        let mut realm = Vec::new();
        let mut clients: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for client in self.of_kind(Kind::Client) {
            clients.insert(&client.unique_name, Vec::new());
        }
        for role in self.of_kind(Kind::Role) {
            let body = Value::Object(self.role(role));
            if role.parent.is_empty() {
                realm.push(body);
            } else if let Some(client) = self.get(Kind::Client, &role.parent) {
                clients.entry(&client.unique_name).or_default().push(body);
            }
        }
        let mut roles = Json::from_iter([("realm".to_owned(), Value::Array(realm))]);
        if with_clients {
            roles.insert("client".to_owned(), json!(clients));
        }
        Value::Object(roles)
    }

    pub(crate) fn groups(&self) -> Value {
        self.groups_below("", "", &self.by_parent(Kind::Group), 0)
    }

    pub(super) fn by_parent(&self, kind: Kind) -> HashMap<&'a str, Vec<&'a Document>> {
        let mut below: HashMap<&str, Vec<&Document>> = HashMap::new();
        for group in self.of_kind(kind) {
            below.entry(group.parent.as_str()).or_default().push(group);
        }
        below
    }

    pub(super) fn groups_below(
        &self,
        parent: &str,
        path: &str,
        below: &HashMap<&str, Vec<&Document>>,
        depth: usize,
    ) -> Value {
        // Deeper than an import builds; a loop in hand-made data must not end the process.
        const MAX_DEPTH: usize = 256;
        if depth > MAX_DEPTH {
            return json!([]);
        }
        let groups = below.get(parent).into_iter().flatten().map(|group| {
            let path = format!("{path}/{}", group.unique_name);
            let roles = self.role_names(
                self.linked_to(LinkKind::GroupRole, &group.id)
                    .iter()
                    .copied(),
            );
            let mut body = group.body.clone();
            body.insert("path".to_owned(), json!(path));
            if !group.parent.is_empty() {
                body.insert("parentId".to_owned(), json!(group.parent));
            }
            body.entry("attributes").or_insert(json!({}));
            body.insert("realmRoles".to_owned(), json!(roles.realm));
            body.insert("clientRoles".to_owned(), json!(roles.clients));
            let children = self.groups_below(&group.id, &path, below, depth + 1);
            body.insert("subGroups".to_owned(), children);
            Value::Object(body)
        });
        groups.collect()
    }

    /// `/staff/night shift`; a slash within a name stays as it is, as in Keycloak.
    pub(crate) fn group_path(&self, id: &str) -> Option<String> {
        let mut group = self.get(Kind::Group, id)?;
        let mut path = String::new();
        for _ in 0..=self.documents.len() {
            path = format!("/{}{path}", group.unique_name);
            if group.parent.is_empty() {
                return Some(path);
            }
            group = self.get(Kind::Group, &group.parent)?;
        }
        None
    }

    pub(crate) fn default_groups(&self) -> Vec<String> {
        let groups = self
            .linked_to(LinkKind::DefaultGroup, &self.realm_id)
            .iter();
        let mut paths: Vec<String> = groups.filter_map(|id| self.group_path(id)).collect();
        paths.sort_unstable();
        paths
    }

    pub(crate) fn scope_mappings(&self, with_clients: bool) -> ScopeMappings {
        let mut realm = Vec::new();
        let mut clients: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        let mut holders = Vec::new();
        if with_clients {
            holders.extend(
                self.of_kind(Kind::Client)
                    .into_iter()
                    .map(|one| ("client", one)),
            );
        }
        let scopes = self.of_kind(Kind::ClientScope).into_iter();
        holders.extend(scopes.map(|one| ("clientScope", one)));
        for (member, holder) in holders {
            let roles = self
                .linked_to(LinkKind::ScopeMapping, &holder.id)
                .iter()
                .copied();
            let names = self.role_names(roles);
            let mapping = |roles: &[&str]| json!({member: holder.unique_name, "roles": roles});
            if !names.realm.is_empty() {
                realm.push(mapping(&names.realm));
            }
            for (client, roles) in names.clients {
                clients.entry(client).or_default().push(mapping(&roles));
            }
        }
        ScopeMappings {
            realm: (!realm.is_empty()).then_some(Value::Array(realm)),
            clients: (!clients.is_empty()).then(|| json!(clients)),
        }
    }

    pub(crate) fn components(&self) -> Value {
        self.components_below(&self.realm_id, 0)
    }

    fn components_below(&self, parent: &str, depth: usize) -> Value {
        const MAX_DEPTH: usize = 32;
        let mut types: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        if depth > MAX_DEPTH {
            return json!(types);
        }
        let components = self.of_kind(Kind::Component);
        for component in components
            .into_iter()
            .filter(|component| component.parent == parent)
        {
            let mut body = component.body.clone();
            for inner in ["providerType", "parentId"] {
                body.shift_remove(inner);
            }
            body.insert(
                "subComponents".to_owned(),
                self.components_below(&component.id, depth + 1),
            );
            body.entry("config").or_insert(json!({}));
            let kind = component.body.get("providerType").and_then(Value::as_str);
            types
                .entry(kind.unwrap_or_default())
                .or_default()
                .push(Value::Object(body));
        }
        json!(types)
    }

    /// The client whose permissions decide about administrators, in short, if the realm uses it.
    pub(crate) fn admin_permissions_client(&self) -> Option<Value> {
        let enabled = self.realm.get("adminPermissionsEnabled");
        enabled
            .and_then(Value::as_bool)
            .filter(|enabled| *enabled)?;
        let mut clients = self.of_kind(Kind::Client).into_iter();
        let client = clients.find(|client| client.unique_name == ADMIN_PERMISSIONS)?;
        Some(json!({"id": client.id, "clientId": client.unique_name}))
    }

    pub(crate) fn client_id(&self, id: &str) -> Option<&'a str> {
        self.get(Kind::Client, id)
            .map(|client| client.unique_name.as_str())
    }

    pub(crate) fn scope_name(&self, id: &str) -> Option<&'a str> {
        self.get(Kind::ClientScope, id)
            .map(|scope| scope.unique_name.as_str())
    }

    pub(crate) fn user(&self, user: &NewUser, with_roles: bool) -> Json {
        super::user::representation(self, user, with_roles)
    }
}

/// Names of roles, sorted.
#[derive(Default)]
pub(crate) struct RoleNames<'a> {
    pub(crate) realm: Vec<&'a str>,
    pub(crate) clients: BTreeMap<&'a str, Vec<&'a str>>,
}
