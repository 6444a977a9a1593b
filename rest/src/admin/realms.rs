//! Realms: listed, made of realm files, read, changed and deleted.

pub(super) mod change;
mod rename;
mod view;

use axum::http::{Method, StatusCode};
use claviger_engine::import::flows::BINDINGS;
use claviger_engine::import::{self, ImportError, ImportProblem};
use claviger_engine::logout::end_sessions_of_realm;
use claviger_engine::realm::Realm;
use claviger_engine::realms::{self, CreateError, Prepared};
use claviger_engine::revocation::record;
use claviger_engine::signal::scopes;
use claviger_model::session::{EndReason, SessionKind};
use claviger_store::{Commit, RealmRow, Tx};
use claviger_surface::Answer;
use claviger_wire::document::{Json, Kind, Link, LinkKind};
use claviger_wire::fields::Fields;
use claviger_wire::realm::RealmSettings;
use claviger_wire::schema::{self, JsonProblem};
use serde_json::{Value, json};

use self::view::SeesUsers;
use super::client_policies::check_within;
use super::role_mappings::representation::brief as brief_role;
use super::users::groups::by_path;
use crate::call::{AdminCall, Journal, Resource, no_content, read_out};
use crate::guard::{MASTER, Right};
use crate::problem::{Problem, done};
use crate::route::{Rights, Route, route};

const SEE: &[Right] = &[Right::ViewRealm, Right::ManageRealm];
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

/// Everything of a realm that its representation shows.
async fn whole(call: &AdminCall, realm: &Realm) -> Result<Json, Problem> {
    let store = &call.app.store;
    let id = realm.settings.default_role.as_str();
    let role = store.document(&realm.id, Kind::Role, id).await?;
    let default_role = match role {
        Some(role) => Some(brief_role(&role, &*realm.roles().await?, realm.id.as_str())),
        None => None,
    };
    let see_groups = [Right::ViewUsers, Right::ManageUsers];
    let linked = if call.admin.may(realm, &see_groups).await? {
        store
            .links_from(&realm.id, LinkKind::DefaultGroup, realm.id.as_str())
            .await?
    } else {
        Vec::new()
    };
    let mut groups = Vec::with_capacity(linked.len());
    for group in linked {
        groups.push(realm.group_path(&group.into()).await?);
    }
    groups.sort_unstable();
    Ok(view::whole(
        &realm.body,
        &realm.settings,
        default_role,
        &groups,
    ))
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let brief = call.flag("briefRepresentation").unwrap_or(false);
    let names: Vec<String> = if call.admin.is_of_master() {
        call.app
            .store
            .realms()
            .await?
            .into_iter()
            .map(|row| row.name)
            .collect()
    } else {
        vec![call.admin.realm.name.clone()]
    };
    let mut shown = Vec::new();
    for name in names {
        let Some(realm) = call.app.realm(&name).await? else {
            continue;
        };
        if !call.admin.may(&realm, SEE).await? {
            if call.admin.is_any(&realm).await? {
                shown.push(Json::from_iter([("realm".to_owned(), json!(realm.name))]));
            }
        } else if brief {
            shown.push(view::brief(&realm.settings));
        } else {
            shown.push(whole(&call, &realm).await?);
        }
    }
    if shown.is_empty() {
        return Err(Problem::forbidden());
    }
    Ok(read_out(&shown))
}

async fn show(call: AdminCall) -> Result<Answer, Problem> {
    if call.admin.may(&call.realm, SEE).await? {
        return Ok(read_out(&whole(&call, &call.realm).await?));
    }
    let see_users = [Right::ViewUsers, Right::ManageUsers];
    let users = if call.admin.may(&call.realm, &see_users).await? {
        SeesUsers::Yes
    } else {
        SeesUsers::No
    };
    Ok(read_out(&view::outline(&call.realm.settings, users)))
}

/// Keycloak's own words where a setting of the realm itself is wrong; else the place, too.
fn refused(error: &ImportError) -> Problem {
    let in_depth = error.path.contains(['.', '[']) || error.path.is_empty();
    let text = if in_depth {
        error.to_string()
    } else {
        error.message.clone()
    };
    match error.problem {
        ImportProblem::Conflict => Problem::conflict(&text),
        ImportProblem::Invalid if text.starts_with("Character '") => {
            Problem::error(StatusCode::BAD_REQUEST, &text)
        }
        ImportProblem::Invalid => Problem::bad_request(&text),
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists(_) | CreateError::Overtaken => Self::conflict(&error.to_string()),
            CreateError::Import(error) => refused(&error),
            CreateError::Hasher(_) | CreateError::NoMaster | CreateError::Worker(_) => {
                tracing::error!("a realm was not made: {error}");
                Self::busy()
            }
            CreateError::Store(error) => error.into(),
        }
    }
}

/// Makes a realm of a realm file. Whoever makes it may administer it.
async fn create(call: AdminCall) -> Result<Answer, Problem> {
    if !call.admin.is_of_master() || !call.admin.has_realm_role("create-realm").await? {
        return Err(Problem::lacks_role(Some("create-realm")));
    }
    call.consumes("application/json")?;
    let file = schema::parse("RealmRepresentation", call.body()).map_err(|problem| {
        // Keycloak reads this body by itself, and has one text for all that is wrong with it.
        if problem == JsonProblem::TooLarge {
            Problem::from(problem)
        } else {
            Problem::bad_request("unable to read contents from stream")
        }
    })?;
    let context = import::Context {
        random: &call.app.random,
        now: call.app.now(),
    };
    let import = import::compile(&file, &context).map_err(|error| refused(&error))?;
    let told = told(&import);
    let mut prepared = realms::prepare(&call.app, import).await?;
    if !call.admin.has_realm_role("admin").await? {
        let Prepared { tx, rights, .. } = &mut prepared;
        for role in rights {
            tx.grant_role(&call.admin.realm.id, &call.admin.person.user.id, role);
        }
    }
    // The realm is too young to have kept anything: the event is told where its maker belongs.
    let Prepared { tx, name, .. } = &mut prepared;
    let resource = Resource {
        operation: "CREATE",
        kind: "REALM",
        path: Some(name),
    };
    call.record(tx, resource, Some(&told));
    let created = realms::finish(&call.app, prepared).await?;
    for warning in &created.warnings {
        tracing::warn!("realm {}: {warning}", created.name);
    }
    Ok(call.created(&created.name))
}

/// What the event of a new realm tells of it.
fn told(import: &import::RealmImport) -> Value {
    let settings = RealmSettings::from_body(&import.realm);
    let id = settings.default_role.as_str();
    let role = import.documents.iter().find(|document| document.id == id);
    let mut of_role = role.map(|role| role.body.clone()).unwrap_or_default();
    of_role.shift_remove("attributes");
    of_role.insert("composite".to_owned(), json!(true));
    of_role.insert("clientRole".to_owned(), json!(false));
    of_role.insert("containerId".to_owned(), json!(settings.id.as_str()));
    Value::Object(view::whole(&import.realm, &settings, Some(of_role), &[]))
}

/// The realm as it is to be kept.
pub(super) fn row(realm: &Realm, body: Json) -> RealmRow {
    let fields = Fields::of(&body);
    RealmRow {
        id: realm.id.clone(),
        name: fields.text("realm").unwrap_or_else(|| realm.name.clone()),
        enabled: fields.flag("enabled", false),
        version: realm.version,
        body,
    }
}

async fn update(call: AdminCall) -> Result<Answer, Problem> {
    let sent = call.json("RealmRepresentation")?;
    change_realm(&call, sent, Tx::new()).await
}

/// Changes the realm as it was sent, in one write with what stands in the job already.
pub(super) async fn change_realm(
    call: &AdminCall,
    mut sent: Json,
    mut tx: Tx,
) -> Result<Answer, Problem> {
    change::refuse(&sent, &call.realm.name)?;
    refuse_flows(call, &sent).await?;
    let mut settings = sent.clone();
    check_within(&mut settings, &call.realm.body)?;
    let body = change::changed(&call.realm.body, &settings);
    change::refuse_lifespans(&RealmSettings::from_body(&body))?;
    let row = row(&call.realm, body);
    if row.name != call.realm.name {
        if call.app.store.realm_by_name(&row.name).await?.is_some() {
            return Err(Problem::conflict("Realm with same name exists"));
        }
        rename::put(call, &mut tx, &call.realm, &row.name).await?;
    }
    put_default_groups(call, &mut tx, &sent).await?;
    scopes::complete(&call.app, &call.realm, &mut tx, &row.body).await?;
    if !call.realm.enabled {
        // Whoever disabled it may have been cut short: nothing of before comes back.
        end_sessions(call).await?;
    }
    record::realm_changed(&call.app, &call.realm, &mut tx, &row.body).await?;
    tx.update_realm(&row);
    view::mask_mail_secrets(&mut sent);
    let resource = Resource {
        operation: "UPDATE",
        kind: "REALM",
        path: None,
    };
    call.record(&mut tx, resource, Some(&Value::Object(sent)));
    match call.app.commit(tx).await? {
        Commit::Conflict(_) => return Err(Problem::conflict("Realm with same name exists")),
        other @ (Commit::Done | Commit::Missed(_)) => done(other)?,
    }
    if call.realm.enabled && !row.enabled {
        end_sessions(call).await?;
    }
    Ok(no_content())
}

/// A disabled realm has no sessions.
async fn end_sessions(call: &AdminCall) -> Result<(), Problem> {
    let (app, realm, reason) = (&call.app, &call.realm, EndReason::RealmDisabled);
    end_sessions_of_realm(app, realm, &SessionKind::ALL, reason).await?;
    Ok(())
}

/// Refuses to bind a flow that is not there: nobody could sign in any more.
async fn refuse_flows(call: &AdminCall, sent: &Json) -> Result<(), Problem> {
    for (binding, _) in BINDINGS {
        let Some(alias) = Fields::of(sent).text(binding) else {
            continue;
        };
        if call.realm.flow(&alias).await?.is_none() {
            return Err(Problem::bad_request(&format!(
                "{binding}: there is no flow '{alias}'"
            )));
        }
    }
    Ok(())
}

/// Links the groups that new users join, if the change names them.
async fn put_default_groups(call: &AdminCall, tx: &mut Tx, sent: &Json) -> Result<(), Problem> {
    let Some(paths) = Fields::of(sent).maybe_texts("defaultGroups") else {
        return Ok(());
    };
    let realm = &call.realm.id;
    tx.delete_links_from(realm, LinkKind::DefaultGroup, realm.as_str());
    for path in paths {
        let Some(group) = by_path(call, &path).await? else {
            return Err(Problem::bad_request(&format!("Group '{path}' not found")));
        };
        let (from, to) = (realm.as_str().to_owned(), group.as_str().to_owned());
        tx.insert_link(
            realm,
            &Link {
                kind: LinkKind::DefaultGroup,
                from,
                to,
            },
        );
    }
    Ok(())
}

/// Deletes a realm; the event is told where its administrator belongs.
async fn delete(call: AdminCall) -> Result<Answer, Problem> {
    if call.realm.name == MASTER {
        return Err(Problem::bad_request("Can't remove master realm"));
    }
    let mut tx = Tx::new();
    realms::put_end(&call.app, &mut tx, &call.realm).await?;
    let home = &call.admin.realm;
    if home.id != call.realm.id {
        let journal = Journal {
            realm: &home.id,
            settings: &home.settings.events,
        };
        let name = &call.realm.name;
        let resource = Resource {
            operation: "DELETE",
            kind: "REALM",
            path: Some(name),
        };
        call.record_in(&mut tx, journal, resource, None, &[]);
    }
    match call.app.commit(tx).await? {
        Commit::Done => Ok(no_content()),
        Commit::Missed(_) | Commit::Conflict(_) => Err(Problem::not_found("Realm doesn't exist")),
    }
}
