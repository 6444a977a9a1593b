//! Roles of realms and clients.

use std::collections::BTreeMap;

use claviger_model::{ClientUuid, RoleId};

use crate::document::Document;
use crate::fields::Fields;

/// What the server reads of a `RoleRepresentation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSettings {
    /// UUID text.
    pub id: RoleId,
    /// Unique in the realm, or in its client.
    pub name: String,
    /// For administrators.
    pub description: Option<String>,
    /// The client it belongs to; none for a realm role.
    pub client: Option<ClientUuid>,
    /// Further attributes.
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl RoleSettings {
    /// Reads a role's document.
    pub fn from_document(document: &Document) -> Self {
        let fields = Fields::of(&document.body);
        Self {
            id: RoleId::new(document.id.clone()),
            name: document.unique_name.clone(),
            description: fields.text("description"),
            client: (!document.parent.is_empty()).then(|| ClientUuid::new(document.parent.clone())),
            attributes: fields.texts_map("attributes"),
        }
    }
}
