//! The groups that a user is in.

use axum::http::Method;
use claviger_engine::newcomer;
use claviger_engine::realm::Realm;
use claviger_engine::signal::people::groups_changed;
use claviger_engine::signal::set::Initiator;
use claviger_model::{GroupId, RoleId, User};
use claviger_store::Tx;
use claviger_surface::Answer;
use claviger_wire::document::{Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use super::{MANAGE, VIEW};
use crate::admin::role_mappings::limits::Mapper;
use crate::admin::sessions::user;
use crate::call::{AdminCall, Resource, no_content, read_out};
use crate::problem::Problem;
use crate::problem::done;
use crate::route::{Route, route};

const LIST: &str = "/admin/realms/{realm}/users/{user}/groups";
const COUNT: &str = "/admin/realms/{realm}/users/{user}/groups/count";
const ONE: &str = "/admin/realms/{realm}/users/{user}/groups/{group}";
/// How many lookups one path may cost: names may have slashes in them.
const LOOKUPS_MAX: usize = 256;
/// How many groups a new user may be put into by one request.
const GROUPS_MAX: usize = 1000;

/// The rows of this file.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    vec![
        route(M::GET, LIST, VIEW, list),
        route(M::GET, COUNT, VIEW, count),
        route(M::PUT, ONE, MANAGE, join),
        route(M::DELETE, ONE, MANAGE, leave),
    ]
}

async fn memberships(call: &AdminCall, user: &User) -> Result<Vec<(String, GroupId)>, Problem> {
    let wanted = call.query.get("search").unwrap_or_default().to_lowercase();
    let mut found = Vec::new();
    for id in call.app.store.user_groups(&call.realm.id, &user.id).await? {
        let Some(group) = call.realm.group(&id).await? else {
            continue;
        };
        if group.name.to_lowercase().contains(&wanted) {
            found.push((group.name.clone(), id));
        }
    }
    found.sort();
    Ok(found)
}

async fn list(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let brief = call.flag("briefRepresentation").unwrap_or(true);
    let first = call
        .number("first")?
        .and_then(|first| usize::try_from(first).ok());
    let max = call
        .number("max")?
        .and_then(|max| usize::try_from(max).ok());
    let found = memberships(&call, &user).await?;
    let mut shown = Vec::new();
    for (_, id) in found
        .into_iter()
        .skip(first.unwrap_or(0))
        .take(max.unwrap_or(usize::MAX))
    {
        shown.extend(show(&call, &id, brief).await?);
    }
    Ok(read_out(&shown))
}

async fn count(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    Ok(read_out(
        &json!({"count": memberships(&call, &user).await?.len()}),
    ))
}

/// `GroupRepresentation` without the groups below; its roles and attributes unless it is brief.
pub(in crate::admin) async fn show(
    call: &AdminCall,
    id: &GroupId,
    brief: bool,
) -> Result<Option<Json>, Problem> {
    show_of(&call.realm, id, brief).await
}

/// The same of a realm, whoever asks.
pub(crate) async fn show_of(
    realm: &Realm,
    id: &GroupId,
    brief: bool,
) -> Result<Option<Json>, Problem> {
    let Some(group) = realm.group(id).await? else {
        return Ok(None);
    };
    let mut body = Json::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("id", json!(group.id.as_str()));
    put("name", json!(group.name));
    if let Some(description) = group.body.get("description").filter(|text| !text.is_null()) {
        put("description", description.clone());
    }
    put("path", json!(realm.group_path(id).await?));
    if let Some(parent) = &group.parent {
        put("parentId", json!(parent.as_str()));
    }
    put("subGroups", json!([]));
    if !brief {
        put_details(realm, &mut body, &group.body, &group.roles).await?;
    }
    Ok(Some(body))
}

/// Adds attributes and names of roles to the representation of a group.
pub(in crate::admin) async fn put_details(
    realm: &Realm,
    body: &mut Json,
    group: &Json,
    given: &[RoleId],
) -> Result<(), Problem> {
    let mut realm_roles = Vec::new();
    let mut client_roles = Json::new();
    let roles = realm.roles().await?;
    for role in given.iter().filter_map(|role| roles.get(role)) {
        let Some(uuid) = &role.client else {
            realm_roles.push(role.name.clone());
            continue;
        };
        let Some(client) = realm.client_by_uuid(uuid).await? else {
            continue;
        };
        let names = client_roles
            .entry(client.client_id.clone())
            .or_insert_with(|| json!([]));
        if let Some(names) = names.as_array_mut() {
            names.push(json!(role.name));
        }
    }
    let attributes = Fields::of(group).texts_map("attributes");
    body.insert("attributes".to_owned(), json!(attributes));
    body.insert("realmRoles".to_owned(), json!(realm_roles));
    body.insert("clientRoles".to_owned(), Value::Object(client_roles));
    Ok(())
}

/// The group that the path names, as events tell it.
async fn named(call: &AdminCall) -> Result<(GroupId, Json), Problem> {
    let id = GroupId::new(call.param("group"));
    if let Some(shown) = show(call, &id, false).await? {
        return Ok((id, shown));
    }
    let text = "Cannot access organization related group via non Organization API.";
    Err(elsewhere(call, id.as_str(), text)
        .await?
        .unwrap_or_else(|| Problem::not_found("Group not found")))
}

/// What is told of a group that is one within an organization.
pub(in crate::admin) async fn elsewhere(
    call: &AdminCall,
    id: &str,
    text: &str,
) -> Result<Option<Problem>, Problem> {
    let (store, kind) = (&call.app.store, Kind::OrganizationGroup);
    let found = store.document(&call.realm.id, kind, id).await?;
    Ok(found.map(|_| Problem::bad_request(text)))
}

async fn join(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let (group, shown) = named(&call).await?;
    if !is_member(&call, &user, &group).await? {
        check_join(&call, &group).await?;
        let mut tx = Tx::new();
        tx.join_group(&call.realm.id, &user.id, &group);
        tell(&call, &mut tx, &user, (&group, true)).await?;
        record(&call, &mut tx, "CREATE", &user, shown);
        done(call.app.commit(tx).await?)?;
    }
    Ok(no_content().no_cache())
}

/// Nobody gives rights by a group that they do not have (CVE-2026-9099).
pub(in crate::admin) async fn check_join(call: &AdminCall, group: &GroupId) -> Result<(), Problem> {
    if Mapper::of(call).await?.may_let_join(group).await? {
        Ok(())
    } else {
        Err(Problem::forbidden())
    }
}

async fn leave(call: AdminCall) -> Result<Answer, Problem> {
    let user = user(&call).await?;
    let (group, shown) = named(&call).await?;
    if is_member(&call, &user, &group).await? {
        let mut tx = Tx::new();
        tx.leave_group(&call.realm.id, &user.id, &group);
        tell(&call, &mut tx, &user, (&group, false)).await?;
        record(&call, &mut tx, "DELETE", &user, shown);
        done(call.app.commit(tx).await?)?;
    }
    Ok(no_content().no_cache())
}

/// Tells whoever wants to know in which groups a user is now.
async fn tell(
    call: &AdminCall,
    tx: &mut Tx,
    user: &User,
    (group, joins): (&GroupId, bool),
) -> Result<(), Problem> {
    let mut after = call.app.store.user_groups(&call.realm.id, &user.id).await?;
    after.retain(|known| known != group);
    if joins {
        after.push(group.clone());
    }
    let whose = (&user.id, Initiator::Admin);
    Ok(groups_changed(&call.app, &call.realm, tx, whose, &after).await?)
}

async fn is_member(call: &AdminCall, user: &User, group: &GroupId) -> Result<bool, Problem> {
    let groups = call.app.store.user_groups(&call.realm.id, &user.id).await?;
    Ok(groups.contains(group))
}

fn record(call: &AdminCall, tx: &mut Tx, operation: &'static str, user: &User, group: Json) {
    let path = call.resource_path();
    let resource = Resource {
        operation,
        kind: "GROUP_MEMBERSHIP",
        path: Some(&path),
    };
    let details = [
        ("username", Some(user.username.as_str())),
        ("email", user.email.as_deref()),
    ];
    call.record_with(tx, resource, Some(&Value::Object(group)), &details);
}

/// The default groups, and those that a representation names by path.
pub(super) async fn of_new_user(call: &AdminCall, body: &Json) -> Result<Vec<GroupId>, Problem> {
    let mut groups = newcomer::default_groups(&call.app, &call.realm).await?;
    for path in Fields::of(body)
        .texts("groups")
        .into_iter()
        .take(GROUPS_MAX)
    {
        match by_path(call, &path).await? {
            Some(group) if !groups.contains(&group) => {
                check_join(call, &group).await?;
                groups.push(group);
            }
            Some(_) => {}
            // Keycloak fails here, and clients know the failure.
            None => {
                tracing::info!("a user was to be put into a group that is not there");
                return Err(Problem::unknown());
            }
        }
    }
    Ok(groups)
}

/// The group at a path such as `/staff/night shift`; the first slash may be missing, and a slash
/// within a name may be written `~/` or as it is.
pub(in crate::admin) async fn by_path(
    call: &AdminCall,
    path: &str,
) -> Result<Option<GroupId>, Problem> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut lookups = 0;
    let mut open = vec![(String::new(), path.to_owned())];
    while let Some((parent, rest)) = open.pop() {
        for (name, below) in splits(&rest).into_iter().rev() {
            lookups += 1;
            if lookups > LOOKUPS_MAX {
                return Ok(None);
            }
            let (store, realm) = (&call.app.store, &call.realm.id);
            let found = store
                .document_by_name(realm, Kind::Group, &parent, &name)
                .await?;
            match (found, below) {
                (Some(found), None) => return Ok(Some(GroupId::new(found.id))),
                (Some(found), Some(below)) => open.push((found.id, below)),
                (None, _) => {}
            }
        }
    }
    Ok(None)
}

/// All ways to take a name from the beginning of a path, the shortest name first.
fn splits(path: &str) -> Vec<(String, Option<String>)> {
    let name = |text: &str| text.replace("~/", "/");
    let slashes = path.match_indices('/').filter(|(at, _)| {
        path.get(..*at)
            .is_some_and(|before| !before.is_empty() && !before.ends_with('~'))
    });
    let cut = slashes.filter_map(|(at, _)| {
        let (before, below) = (path.get(..at)?, path.get(at + 1..)?);
        Some((name(before), Some(below.to_owned())))
    });
    cut.chain([(name(path), None)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, and the path below it.
    type Cut<'a> = (&'a str, Option<&'a str>);

    #[test]
    fn a_path_is_cut_at_every_slash_that_is_not_saved() {
        let cases: [(&str, &[Cut<'_>]); 4] = [
            ("a", &[("a", None)]),
            ("a/b", &[("a", Some("b")), ("a/b", None)]),
            ("a~/b/c", &[("a/b", Some("c")), ("a/b/c", None)]),
            (
                "a/b/c",
                &[("a", Some("b/c")), ("a/b", Some("c")), ("a/b/c", None)],
            ),
        ];
        for (path, expected) in cases {
            let found = splits(path);
            let found: Vec<Cut<'_>> = found
                .iter()
                .map(|(name, below)| (name.as_str(), below.as_deref()))
                .collect();
            assert_eq!(found, expected, "{path}");
        }
    }
}
