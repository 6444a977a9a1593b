//! Parts of a realm as a file, out and in.

use axum::http::{Method, StatusCode};
use claviger_engine::export::{self, ExportError, Options, Secrets};
use claviger_engine::import::ImportProblem;
use claviger_engine::import::partial::{
    self, Action, Outcome, Part, PartialError, Policy, Prepared,
};
use claviger_store::Commit;
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::{MASK, schema};
use serde_json::Value;

use crate::admin::role_mappings::limits::Mapper;
use crate::call::{AdminCall, Resource, json};
use crate::guard::Right;
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// What is told of two things that cannot both be there.
const DUPLICATE: &str = "Duplicate resource error";

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

impl From<PartialError> for Problem {
    fn from(error: PartialError) -> Self {
        match error {
            PartialError::Exists(text) => Self::conflict(&text),
            PartialError::NoClient(_) => {
                Self::message(StatusCode::PRECONDITION_FAILED, &error.to_string())
            }
            PartialError::DefaultRole(_) => Self::bad_request(&error.to_string()),
            PartialError::Import(error) => match error.problem {
                ImportProblem::Conflict => Self::conflict(DUPLICATE),
                ImportProblem::Invalid => Self::bad_request(&error.to_string()),
            },
            PartialError::Create(error) => error.into(),
            PartialError::Store(error) => error.into(),
        }
    }
}

/// Imports clients, roles, groups, identity providers and users into a realm, all or nothing.
async fn import(call: AdminCall) -> Result<Answer, Problem> {
    call.consumes("application/json")?;
    let unreadable = || {
        let status = StatusCode::BAD_REQUEST;
        Problem::described(status, "unknown_error", "Cannot parse the JSON")
    };
    let file = schema::check_lenient("PartialImportRepresentation", call.value()?);
    let file = file.map_err(|_| unreadable())?.body;
    let policy = file.get("ifResourceExists").and_then(Value::as_str);
    let policy = Policy::from_name(policy.unwrap_or("FAIL")).ok_or_else(unreadable)?;
    let prepared = partial::prepare(&call.app, &call.realm, &file, policy).await?;
    let Prepared {
        mut tx,
        outcomes,
        given,
    } = prepared;
    // Who may manage the realm, but not its users, must not make a user with all rights.
    let mapper = Mapper::of(&call).await?;
    for role in &given {
        if !mapper.may_import(role).await? {
            return Err(Problem::forbidden());
        }
    }
    for outcome in &outcomes {
        let operation = match outcome.action {
            Action::Added => "CREATE",
            Action::Overwritten => "UPDATE",
            Action::Skipped => continue,
        };
        let path = format!("{}/{}", folder(outcome.part), outcome.id);
        let resource = Resource {
            operation,
            kind: "REALM",
            path: Some(&path),
        };
        let told = Value::Object(without_secrets(outcome));
        call.record(&mut tx, resource, Some(&told));
    }
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => return Err(Problem::conflict(DUPLICATE)),
        other @ (Commit::Done | Commit::Missed(_)) => done(other)?,
    }
    Ok(json(&partial::told(&outcomes)))
}

/// Where an event says that a part is.
const fn folder(part: Part) -> &'static str {
    match part {
        Part::Client | Part::ClientRole => "clients",
        Part::RealmRole => "realms",
        Part::IdentityProvider => "identity-provider-settings",
        Part::Mapper => "mappers",
        Part::Group => "groups",
        Part::User => "users",
    }
}

/// Who reads events does not learn what others sign in with.
fn without_secrets(outcome: &Outcome) -> Json {
    let mut told = outcome.representation.clone();
    told.shift_remove("credentials");
    if told.contains_key("secret") {
        told.insert("secret".to_owned(), MASK.into());
    }
    if let Some(Value::Object(config)) = told.get_mut("config")
        && config.contains_key("clientSecret")
    {
        config.insert("clientSecret".to_owned(), MASK.into());
    }
    told
}
