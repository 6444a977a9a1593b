//! Parts of a realm as a file, out and in.

use axum::http::{Method, StatusCode};
use claviger_engine::export::{self, ExportError, Options, Secrets};
use claviger_surface::Answer;

use crate::call::AdminCall;
use crate::guard::Right;
use crate::problem::Problem;
use crate::route::{Rights, Route, route};

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const MANAGE: Rights = Rights::Any(&[Right::ManageRealm]);
    vec![
        route(
            Method::POST,
            "/admin/realms/{realm}/partial-export",
            MANAGE,
            export,
        ),
        route(
            Method::POST,
            "/admin/realms/{realm}/partialImport",
            MANAGE,
            import,
        ),
    ]
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::NoSuchRealm(_) => Self::no_realm(),
            ExportError::Write { .. } => {
                tracing::error!("an export failed: {error}");
                Self::unknown()
            }
        }
    }
}

async fn require(call: &AdminCall, rights: &[Right]) -> Result<(), Problem> {
    if call.admin.may(&call.realm, rights).await? {
        Ok(())
    } else {
        Err(Problem::lacks(rights))
    }
}

/// A realm without its users, but with the service accounts of its clients; secrets are masked.
async fn export(call: AdminCall) -> Result<Answer, Problem> {
    let options = Options {
        clients: call.flag("exportClients").unwrap_or(false),
        groups_and_roles: call.flag("exportGroupsAndRoles").unwrap_or(false),
        secrets: Secrets::Masked,
    };
    if options.groups_and_roles {
        require(
            &call,
            &[Right::QueryGroups, Right::ViewUsers, Right::ManageUsers],
        )
        .await?;
    }
    if options.clients {
        require(&call, &[Right::ViewClients, Right::ManageClients]).await?;
    }
    let mut parts = export::read(&call.app.store, &call.realm.id).await?;
    if options.clients {
        parts.users = export::service_accounts(&call.app.store, &parts).await?;
    }
    Ok(Answer::json(
        StatusCode::OK,
        &export::assemble(&parts, options),
    ))
}

/// Only whole realms are imported so far; nothing is written.
async fn import(_: AdminCall) -> Result<Answer, Problem> {
    let text = "Partial import is not available on this server. Import a whole realm, or make \
                clients, users, roles and groups one by one.";
    Err(Problem::message(StatusCode::NOT_IMPLEMENTED, text))
}
