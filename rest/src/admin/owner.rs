//! What clients and client scopes have in common: both own mappers and may carry roles.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use claviger_engine::client::Client;
use claviger_engine::realm::Scope;
use claviger_model::{RoleId, ScopeId};
use claviger_surface::Answer;
use claviger_wire::document::{Document, Json, Kind};

use super::clients;
use crate::call::AdminCall;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// The same path below a client, a client scope, and the old name of client scopes.
macro_rules! below_owners {
    ($rest:literal) => {
        [
            concat!("/admin/realms/{realm}/clients/{client}/", $rest),
            concat!("/admin/realms/{realm}/client-scopes/{scope}/", $rest),
            concat!("/admin/realms/{realm}/client-templates/{scope}/", $rest),
        ]
    };
}
pub(super) use below_owners;

/// Rows for the same endpoint below several paths.
pub fn rows<F, A>(method: &Method, paths: &[&'static str], rights: Rights, handler: F) -> Vec<Route>
where
    F: Fn(AdminCall) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    paths
        .iter()
        .map(|path| route(method.clone(), path, rights, handler.clone()))
        .collect()
}

/// A client or a client scope.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A client.
    Client(Arc<Client>),
    /// A client scope.
    Scope(Arc<Scope>),
}

impl Owner {
    /// The one that the path names.
    pub async fn of(call: &AdminCall) -> Result<Self, Problem> {
        if call.param("scope").is_empty() {
            return Ok(Self::Client(clients::client(call).await?));
        }
        Ok(Self::Scope(scope(call).await?))
    }

    /// The one that the path names, to be changed.
    pub async fn to_change(call: &AdminCall) -> Result<Self, Problem> {
        if call.param("scope").is_empty() {
            return Ok(Self::Client(clients::manageable(call).await?));
        }
        Self::of(call).await
    }

    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Client(client) => client.uuid.as_str(),
            Self::Scope(scope) => scope.id.as_str(),
        }
    }

    /// Its representation.
    pub fn body(&self) -> &Json {
        match self {
            Self::Client(client) => &client.body,
            Self::Scope(scope) => &scope.body,
        }
    }

    /// Its document, with another representation.
    pub fn document(&self, body: Json) -> Document {
        match self {
            Self::Client(client) => clients::document(client, body),
            Self::Scope(scope) => Document {
                kind: Kind::ClientScope,
                id: scope.id.as_str().to_owned(),
                parent: String::new(),
                unique_name: scope.name.clone(),
                enabled: true,
                body,
            },
        }
    }

    /// Roles that it carries by itself.
    pub fn roles(&self) -> &[RoleId] {
        match self {
            Self::Client(client) => &client.scope_mappings,
            Self::Scope(scope) => &scope.roles,
        }
    }
}

/// The client scope that the path names.
pub async fn scope(call: &AdminCall) -> Result<Arc<Scope>, Problem> {
    let scopes = call.realm.scopes().await?;
    let found = scopes.get(&ScopeId::new(call.param("scope"))).cloned();
    found.ok_or_else(|| Problem::not_found("Could not find client scope"))
}

/// `409`, as Keycloak tells of rows that exist already.
pub fn duplicate(text: &str) -> Problem {
    Problem::described(StatusCode::CONFLICT, "conflict", text)
}

/// `501`: something that this server does not have, as Keycloak tells of features that are off.
pub fn not_enabled() -> Problem {
    let text = "For more on this error consult the server log.";
    Problem::described(StatusCode::NOT_IMPLEMENTED, "Feature not enabled", text)
}
