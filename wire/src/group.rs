//! Groups: users in them have the group's roles and attributes.

use std::collections::BTreeMap;

use claviger_model::GroupId;

use crate::document::Document;
use crate::fields::Fields;

/// What the server reads of a `GroupRepresentation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// UUID text.
    pub id: GroupId,
    /// Unique among the groups beside it.
    pub name: String,
    /// The group above; none at the top.
    pub parent: Option<GroupId>,
    /// Attributes that members inherit.
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl GroupSettings {
    /// Reads a group's document.
    pub fn from_document(document: &Document) -> Self {
        Self {
            id: GroupId::new(document.id.clone()),
            name: document.unique_name.clone(),
            parent: (!document.parent.is_empty()).then(|| GroupId::new(document.parent.clone())),
            attributes: Fields::of(&document.body).texts_map("attributes"),
        }
    }
}
