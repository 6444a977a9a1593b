//! Client scopes: what a word in `scope` brings along.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use claviger_model::{RoleId, ScopeId};
use claviger_wire::document::{Document, Json};
use claviger_wire::scope::ClientScopeSettings;

use crate::mapper::Mapper;

/// A client scope: claims and roles that come with a word in `scope`.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Its id.
    pub id: ScopeId,
    /// Its name: the word in `scope`.
    pub name: String,
    /// `openid-connect` or `saml`.
    pub protocol: String,
    /// Whether the word is shown in a token's `scope` claim.
    pub in_token_scope: bool,
    /// Whether a consent screen mentions it.
    pub on_consent_screen: bool,
    /// What it puts into tokens.
    pub mappers: Vec<Arc<Mapper>>,
    /// Roles that it may carry; a user without any of them does not get the scope.
    pub roles: Vec<RoleId>,
    /// The whole representation.
    pub body: Json,
}

/// All client scopes of a realm.
#[derive(Debug, Default)]
pub struct Scopes {
    by_id: HashMap<ScopeId, Arc<Scope>>,
    by_name: HashMap<String, ScopeId>,
}

impl Scopes {
    /// Puts scopes and their role mappings, by scope id, together.
    pub fn new(documents: Vec<Document>, mut mappings: HashMap<String, Vec<RoleId>>) -> Self {
        let mut scopes = Self::default();
        for document in documents {
            let mut view = ClientScopeSettings::from_body(&document.body);
            let mappers = std::mem::take(&mut view.protocol_mappers).into_iter();
            let id = ScopeId::new(document.id.clone());
            scopes
                .by_name
                .insert(document.unique_name.clone(), id.clone());
            let scope = Scope {
                id: id.clone(),
                name: document.unique_name,
                in_token_scope: view.include_in_token_scope(),
                on_consent_screen: view.display_on_consent_screen(),
                protocol: view.protocol,
                mappers: mappers.map(Mapper::new).map(Arc::new).collect(),
                roles: mappings.remove(&document.id).unwrap_or_default(),
                body: document.body,
            };
            scopes.by_id.insert(id, Arc::new(scope));
        }
        scopes
    }

    /// A scope by id.
    pub fn get(&self, id: &ScopeId) -> Option<&Arc<Scope>> {
        self.by_id.get(id)
    }

    /// A scope by name.
    pub fn named(&self, name: &str) -> Option<&Arc<Scope>> {
        self.by_id.get(self.by_name.get(name)?)
    }

    /// The names of all scopes, sorted.
    pub fn names(&self) -> BTreeSet<&str> {
        self.by_name.keys().map(String::as_str).collect()
    }
}
