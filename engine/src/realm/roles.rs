//! Roles of a realm and of its clients, and how they contain each other.

use std::collections::{HashMap, HashSet};

use claviger_model::{ClientUuid, RoleId};
use claviger_wire::document::Document;

/// A role as the token path needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name, unique among the realm's or its client's roles.
    pub name: String,
    /// The client that it belongs to; none for realm roles.
    pub client: Option<ClientUuid>,
    /// Roles that it contains.
    pub composites: Vec<RoleId>,
}

/// All roles of a realm.
#[derive(Debug, Default)]
pub struct Roles {
    by_id: HashMap<RoleId, Role>,
    by_name: HashMap<(Option<ClientUuid>, String), RoleId>,
}

impl Roles {
    /// Puts roles and their containment (from, to) together.
    pub fn new(
        documents: Vec<Document>,
        composites: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut roles = Self::default();
        for document in documents {
            let client = (!document.parent.is_empty()).then(|| ClientUuid::new(document.parent));
            let id = RoleId::new(document.id);
            roles
                .by_name
                .insert((client.clone(), document.unique_name.clone()), id.clone());
            let role = Role {
                id: id.clone(),
                name: document.unique_name,
                client,
                composites: Vec::new(),
            };
            roles.by_id.insert(id, role);
        }
        for (from, to) in composites {
            if let Some(role) = roles.by_id.get_mut(from.as_str()) {
                role.composites.push(RoleId::new(to));
            }
        }
        roles
    }

    /// A role by id.
    pub fn get(&self, id: &RoleId) -> Option<&Role> {
        self.by_id.get(id)
    }

    /// A role by name, of the realm (`None`) or of a client.
    pub fn named(&self, client: Option<&ClientUuid>, name: &str) -> Option<&Role> {
        let id = self.by_name.get(&(client.cloned(), name.to_owned()))?;
        self.by_id.get(id)
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Role> {
        self.by_id.values()
    }

    /// The roles of one client.
    pub fn of_client<'a>(&'a self, client: &'a ClientUuid) -> impl Iterator<Item = &'a Role> {
        self.by_id
            .values()
            .filter(move |role| role.client.as_ref() == Some(client))
    }

    /// These roles and all that they contain, each once; loops end.
    pub fn expand<'a>(&self, roots: impl IntoIterator<Item = &'a RoleId>) -> HashSet<RoleId> {
        let mut open: Vec<&RoleId> = Vec::new();
        let mut found = HashSet::new();
        for root in roots {
            if self.by_id.contains_key(root) && found.insert(root.clone()) {
                open.push(root);
            }
        }
        let mut index = 0;
        while let Some(id) = open.get(index).copied() {
            index += 1;
            let Some(role) = self.by_id.get(id) else {
                continue;
            };
            for inner in &role.composites {
                if self.by_id.contains_key(inner) && found.insert(inner.clone()) {
                    open.push(inner);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use claviger_wire::document::{Json, Kind};

    use super::*;

    fn role(id: &str, parent: &str) -> Document {
        Document {
            kind: Kind::Role,
            id: id.into(),
            parent: parent.into(),
            unique_name: format!("name of {id}"),
            enabled: true,
            body: Json::new(),
        }
    }

    #[test]
    fn composites_expand_through_loops_and_past_missing_roles() {
        let links = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "gone")];
        let links = links.map(|(from, to)| (from.to_owned(), to.to_owned()));
        let roles = Roles::new(vec![role("a", ""), role("b", "web"), role("c", "")], links);
        let expanded = roles.expand([&RoleId::new("a"), &RoleId::new("nowhere")]);
        let expected = ["a", "b", "c"].map(RoleId::new);
        assert_eq!(expanded, HashSet::from(expected));
    }

    #[test]
    fn roles_of_a_client_do_not_shadow_those_of_the_realm() {
        let roles = Roles::new(vec![role("a", ""), role("b", "web")], []);
        assert!(roles.named(None, "name of b").is_none());
        assert!(
            roles
                .named(Some(&ClientUuid::new("web")), "name of b")
                .is_some()
        );
    }
}
