//! A client as the token path needs it: settings, scopes and the rules that hang on them.

use std::sync::Arc;

use claviger_model::{ClientUuid, RoleId, ScopeId, Seconds};
use claviger_wire::client::ClientSettings;
use claviger_wire::document::{Document, Json};

use crate::mapper::Mapper;

/// One client at one version of its realm.
#[derive(Debug)]
pub struct Client {
    /// Its internal id.
    pub uuid: ClientUuid,
    /// The id that applications send.
    pub client_id: String,
    /// What the server acts upon.
    pub settings: ClientSettings,
    /// The whole representation, without the lists of scopes.
    pub body: Json,
    /// What the client itself puts into tokens.
    pub mappers: Vec<Arc<Mapper>>,
    /// Client scopes that every token of this client has.
    pub default_scopes: Vec<ScopeId>,
    /// Client scopes that a token has if `scope` asks for them.
    pub optional_scopes: Vec<ScopeId>,
    /// Roles that tokens may carry when the full scope is not allowed.
    pub scope_mappings: Vec<RoleId>,
}

impl Client {
    /// Puts a client together from its document and links.
    pub fn new(
        document: Document,
        default_scopes: Vec<String>,
        optional_scopes: Vec<String>,
        scope_mappings: Vec<String>,
    ) -> Self {
        let mut settings = ClientSettings::from_body(&document.body);
        let mappers = std::mem::take(&mut settings.protocol_mappers);
        Self {
            settings,
            mappers: mappers.into_iter().map(Mapper::new).map(Arc::new).collect(),
            uuid: ClientUuid::new(document.id),
            client_id: document.unique_name,
            body: document.body,
            default_scopes: default_scopes.into_iter().map(ScopeId::new).collect(),
            optional_scopes: optional_scopes.into_iter().map(ScopeId::new).collect(),
            scope_mappings: scope_mappings.into_iter().map(RoleId::new).collect(),
        }
    }

    /// Whether token answers to this client hold a refresh token (`use.refresh.tokens`).
    pub fn uses_refresh_tokens(&self) -> bool {
        self.settings.flag_attribute("use.refresh.tokens", true)
    }

    /// Tokens of this client issued before this instant are refused.
    pub const fn not_before(&self) -> Seconds {
        self.settings.not_before
    }
}
