//! Realms: listed, made of realm files, read, changed and deleted.

use axum::http::{Method, StatusCode, header};
use claviger_engine::import::ImportProblem;
use claviger_engine::import::realm::{Winner, merge};
use claviger_engine::logout::end_sessions_of_realm;
use claviger_engine::password_policy::PasswordPolicy;
use claviger_engine::realm::Realm;
use claviger_engine::realms::{self, CreateError};
use claviger_model::session::{EndReason, SessionKind};
use claviger_store::{RealmRow, Tx};
use claviger_surface::Answer;
use claviger_wire::document::Json;
use claviger_wire::schema::{self, JsonProblem};
use serde_json::{Value, json};

use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::guard::{MASTER, Right};
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

/// Members that anybody may see who administers a realm in any way.
const OUTLINE: [&str; 6] = [
    "realm",
    "displayName",
    "bruteForceProtected",
    "organizationsEnabled",
    "registrationEmailAsUsername",
    "supportedLocales",
];

/// The rows of this file.
pub fn routes() -> Vec<Route> {
    const MANAGE: Rights = Rights::Any(&[Right::ManageRealm]);
    vec![
        route(Method::GET, "/admin/realms", Rights::Handler, list),
        route(Method::POST, "/admin/realms", Rights::Handler, create),
        route(Method::GET, "/admin/realms/{realm}", Rights::AnyAdmin, show),
        route(Method::PUT, "/admin/realms/{realm}", MANAGE, update),
        route(Method::DELETE, "/admin/realms/{realm}", MANAGE, delete),
    ]
}

/// What an administrator may see of a realm.
async fn visible(call: &AdminCall, realm: &Realm) -> Result<Option<Json>, Problem> {
    let see = [Right::ViewRealm, Right::ManageRealm];
    if call.admin.may(realm, &see).await? {
        return Ok(Some(representation(realm)));
    }
    if !call.admin.is_any(realm).await? {
        return Ok(None);
    }
    let all = representation(realm);
    let mut outline: Json = OUTLINE
        .iter()
        .filter_map(|name| all.get(*name).map(|value| ((*name).to_owned(), value.clone())))
        .collect();
    outline.entry("supportedLocales").or_insert_with(|| json!([]));
    Ok(Some(outline))
}

/// The whole representation, secrets masked.
fn representation(realm: &Realm) -> Json {
    let mut body = realm.body.clone();
    if let Some(Value::Object(smtp)) = body.get_mut("smtpServer")
        && smtp.get("password").and_then(Value::as_str).is_some_and(|text| !text.is_empty())
    {
        smtp.insert("password".to_owned(), json!(claviger_wire::MASK));
    }
    for hidden in ["localizationTexts", "clientProfiles", "clientPolicies"] {
        body.remove(hidden);
    }
    body
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let brief = call.flag("briefRepresentation").unwrap_or(false);
    let names: Vec<String> = if call.admin.is_of_master() {
        call.app.store.realms().await?.into_iter().map(|row| row.name).collect()
    } else {
        vec![call.admin.realm.name.clone()]
    };
    let mut shown = Vec::new();
    for name in names {
        let Some(realm) = call.app.realm(&name).await? else { continue };
        let Some(mut seen) = visible(&call, &realm).await? else { continue };
        if brief || !call.admin.may(&realm, &[Right::ViewRealm, Right::ManageRealm]).await? {
            seen.retain(|name, _| matches!(name.as_str(), "id" | "realm" | "displayName" | "enabled"));
            if !brief {
                seen.retain(|name, _| name == "realm");
            }
        }
        shown.push(seen);
    }
    if shown.is_empty() {
        return Err(Problem::forbidden());
    }
    Ok(read_out(&shown))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    let seen = visible(&call, &call.realm).await?.ok_or_else(Problem::forbidden)?;
    Ok(read_out(&seen))
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists(_) => Self::conflict(&error.to_string()),
            // Keycloak's own words where a file has them; else the place and what is wrong there.
            CreateError::Import(problem) => match problem.problem {
                ImportProblem::Invalid => Self::bad_request(&problem.to_string()),
                ImportProblem::Conflict => Self::conflict(&problem.to_string()),
            },
            CreateError::Hasher(_) | CreateError::NoMaster | CreateError::Worker(_) => {
                tracing::error!("a realm was not made: {error}");
                Self::busy()
            }
            CreateError::Store(error) => error.into(),
        }
    }
}

async fn create(call: AdminCall) -> Result<Answer, Problem> {
    if !call.admin.is_of_master() || !call.admin.has_realm_role("create-realm").await? {
        return Err(Problem::forbidden());
    }
    let file = schema::parse("RealmRepresentation", call.body()).map_err(|problem| {
        // Keycloak reads this body by itself, and has one text for all that is wrong with it.
        match problem {
            JsonProblem::TooLarge => Problem::from(problem),
            _ => Problem::bad_request("unable to read contents from stream"),
        }
    })?;
    if file.get("realm").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        return Err(Problem::bad_request("Realm name cannot be empty"));
    }
    check_policy(&file)?;
    let created = realms::create(&call.app, &file).await?;
    for warning in &created.warnings {
        tracing::warn!("realm {}: {warning}", created.name);
    }
    let address = format!("{}/admin/realms/{}", call.context.base_url, created.name);
    Ok(Answer::empty(StatusCode::CREATED).with_text(header::LOCATION, &address))
}

fn check_policy(sent: &Json) -> Result<(), Problem> {
    let text = sent.get("passwordPolicy").and_then(Value::as_str).unwrap_or_default();
    let checked = PasswordPolicy::configure(text, &[]);
    checked.map(|_| ()).map_err(|problem| Problem::bad_request(&problem.to_string()))
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("RealmRepresentation")?;
    check_policy(&sent)?;
    let mut body = call.realm.body.clone();
    let mut settings = sent.clone();
    // Lists of other nouns are not changed by this door.
    for other in OTHERS {
        settings.remove(other);
    }
    if let Some(asked) = settings.get("realm").and_then(Value::as_str)
        && asked != call.realm.name
    {
        return Err(Problem::bad_request("Renaming a realm is not part of this server yet"));
    }
    settings.insert("id".to_owned(), json!(call.realm.id.as_str()));
    merge(&mut body, settings, Winner::Member);
    let enabled = body.get("enabled").and_then(Value::as_bool).unwrap_or(false);
    let mut tx = Tx::new();
    tx.update_realm(&RealmRow {
        id: call.realm.id.clone(),
        name: call.realm.name.clone(),
        enabled,
        version: call.realm.version,
        body,
    });
    let resource = Resource { operation: "UPDATE", kind: "REALM", path: None };
    call.record(&mut tx, resource, Some(&Value::Object(sent)));
    done(call.app.commit(tx).await?)?;
    if call.realm.enabled && !enabled {
        let (app, realm, reason) = (&call.app, &call.realm, EndReason::RealmDisabled);
        end_sessions_of_realm(app, realm, &SessionKind::ALL, reason).await?;
    }
    Ok(no_content())
}

/// Members of a realm file that are nouns of their own.
const OTHERS: [&str; 20] = [
    "clients",
    "clientScopes",
    "roles",
    "groups",
    "users",
    "federatedUsers",
    "components",
    "authenticationFlows",
    "authenticatorConfig",
    "requiredActions",
    "identityProviders",
    "identityProviderMappers",
    "scopeMappings",
    "clientScopeMappings",
    "defaultRole",
    "defaultGroups",
    "defaultDefaultClientScopes",
    "defaultOptionalClientScopes",
    "organizations",
    "protocolMappers",
];

async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    if call.realm.name == MASTER {
        return Err(Problem::bad_request("Can't remove master realm"));
    }
    realms::delete(&call.app, &call.realm).await?;
    Ok(no_content())
}
