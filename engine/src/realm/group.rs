//! Groups: roles and attributes for many at once.

use claviger_model::{GroupId, RoleId};
use claviger_wire::document::{Document, Json};

/// A group as the token path needs it.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name among its siblings.
    pub name: String,
    /// The group above it.
    pub parent: Option<GroupId>,
    /// Roles that its members have.
    pub roles: Vec<RoleId>,
    /// The whole representation, with attributes.
    pub body: Json,
}

impl Group {
    /// A group out of its document and the ids of its roles.
    pub fn new(document: Document, roles: Vec<String>) -> Self {
        Self {
            id: GroupId::new(document.id),
            name: document.unique_name,
            parent: (!document.parent.is_empty()).then(|| GroupId::new(document.parent)),
            roles: roles.into_iter().map(RoleId::new).collect(),
            body: document.body,
        }
    }

    /// The values of an attribute of this group alone.
    pub fn attribute(&self, name: &str) -> Vec<String> {
        let values = self.body.get("attributes").and_then(|all| all.get(name));
        let values = values.and_then(serde_json::Value::as_array);
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        values
            .map(|list| list.iter().filter_map(text).collect())
            .unwrap_or_default()
    }
}
