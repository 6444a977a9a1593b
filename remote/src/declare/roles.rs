//! Roles of the realm and of clients, what is within them, and who has them.

use serde_json::Value;

use super::pass::{Json, Kind, Mode, Pass, absent, listed, texts, without};
use super::realm::inner;
use crate::json::text;
use crate::site::segment;
use crate::{Failure, failed};

/// Roles that every realm has.
const BUILT_IN: [&str; 2] = ["offline_access", "uma_authorization"];

/// The realm's roles.
pub fn realm(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(wanted) = inner(document, "roles", "realm")? else {
        return Ok(());
    };
    let kind =
        Kind::new("realm role", "roles", "name", "name").listed("roles?briefRepresentation=false");
    let built_in = |found: &Json| {
        let name = text(found, "name").unwrap_or_default();
        BUILT_IN.contains(&name) || name.starts_with("default-roles-")
    };
    pass.list(&kind, "", &simple(&wanted), &[], &built_in)?;
    Ok(())
}

/// Roles without what is within them, which is told later: all have to be there first.
fn simple(wanted: &[Json]) -> Vec<Json> {
    let inner = [
        "composites",
        "composite",
        "clientRole",
        "scopeParamRequired",
    ];
    let one = |item: &Json| {
        let mut kept = without(item, &inner);
        kept.extend(
            item.get("$state")
                .map(|state| ("$state".to_owned(), state.clone())),
        );
        kept
    };
    wanted.iter().map(one).collect()
}

/// Client roles of a document: client, and roles.
fn of_clients(document: &Json) -> Result<Vec<(String, Vec<Json>)>, Failure> {
    let Some(Value::Object(by_client)) =
        document.get("roles").and_then(|roles| roles.get("client"))
    else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for client in by_client.keys() {
        all.push((
            client.clone(),
            listed(by_client, client)?.unwrap_or_default(),
        ));
    }
    Ok(all)
}

/// The id of a client; none if it is not there.
pub fn client_id(pass: &Pass<'_>, client: &str) -> Result<Option<String>, Failure> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("clientId", client)
        .finish();
    let found = pass.all(&format!("clients?{query}"))?;
    let one = found
        .iter()
        .find(|one| text(one, "clientId") == Some(client));
    Ok(one.and_then(|one| text(one, "id")).map(str::to_owned))
}

/// Roles of clients.
pub fn clients(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    for (client, wanted) in of_clients(document)? {
        let id = client_id(pass, &client)?;
        if id.is_none() && pass.mode == Mode::Write {
            return failed(format!("roles: client '{client}' is not there"));
        }
        let place = format!("clients/{}/roles", segment(id.as_deref().unwrap_or("new")));
        let kind = Kind::new("client role", &place, "name", "name");
        let kind = kind.listed(&format!("{place}?briefRepresentation=false"));
        let built_in = [
            "account",
            "broker",
            "realm-management",
            "security-admin-console",
            "admin-cli",
        ];
        let protected = built_in.contains(&client.as_str()) || client.ends_with("-realm");
        pass.list(&kind, &format!("{client}/"), &simple(&wanted), &[], &|_| {
            protected
        })?;
    }
    Ok(())
}

/// What is within composite roles.
pub fn composites(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    for role in inner(document, "roles", "realm")?.unwrap_or_default() {
        composite(pass, None, &role)?;
    }
    for (client, roles) in of_clients(document)? {
        for role in roles {
            composite(pass, Some(&client), &role)?;
        }
    }
    if let Some(Value::Object(role)) = document.get("defaultRole")
        && role.contains_key("composites")
    {
        composite(pass, None, role)?;
    }
    Ok(())
}

fn composite(pass: &mut Pass<'_>, client: Option<&str>, role: &Json) -> Result<(), Failure> {
    let Some(Value::Object(composites)) = role.get("composites") else {
        return Ok(());
    };
    if absent(role) {
        return Ok(());
    }
    let name = Pass::name("role", role, "name")?;
    let place = match client {
        None => format!("roles/{}", segment(name)),
        Some(client) => {
            let id = client_id(pass, client)?;
            format!(
                "clients/{}/roles/{}",
                segment(id.as_deref().unwrap_or("new")),
                segment(name)
            )
        }
    };
    let found = pass.site.find(&place)?;
    let id = found.as_ref().and_then(|role| role.get("id")?.as_str());
    if id.is_none() && pass.mode == Mode::Write {
        return failed(format!("role '{name}' is not there"));
    }
    let shown = client.map_or_else(|| name.to_owned(), |client| format!("{client}/{name}"));
    let kind = if client.is_some() {
        "client role"
    } else {
        "realm role"
    };
    let base = format!("roles-by-id/{}/composites", segment(id.unwrap_or("new")));
    if let Some(wanted) = texts(composites, "realm")? {
        assign(
            pass,
            (kind, &shown),
            "composites.realm",
            &base,
            None,
            &wanted,
        )?;
    }
    if let Some(Value::Object(by_client)) = composites.get("client") {
        for client in by_client.keys() {
            let wanted = texts(by_client, client)?.unwrap_or_default();
            let path = format!("composites.client.{client}");
            assign(pass, (kind, &shown), &path, &base, Some(client), &wanted)?;
        }
    }
    Ok(())
}

/// Roles that a user, a group, a role or a scope has, of the realm or of a client: `place` is where
/// all of them are.
pub fn assign(
    pass: &mut Pass<'_>,
    subject: (&str, &str),
    path: &str,
    place: &str,
    client: Option<&str>,
    wanted: &[String],
) -> Result<(), Failure> {
    let id = match client {
        Some(client) => client_id(pass, client)?,
        None => None,
    };
    if let (Some(client), None, Mode::Write) = (client, &id, pass.mode) {
        return failed(format!(
            "{} '{}': client '{client}' is not there",
            subject.0, subject.1
        ));
    }
    let mapped = match (client, &id) {
        (None, _) => format!("{place}/realm"),
        (Some(_), id) => format!(
            "{place}/clients/{}",
            segment(id.as_deref().unwrap_or("new"))
        ),
    };
    let found = pass.all(&mapped)?;
    let names: Vec<String> = found
        .iter()
        .filter_map(|role| text(role, "name").map(str::to_owned))
        .collect();
    let (add, remove) = pass.references(subject, path, wanted, &names);
    if pass.mode == Mode::Look {
        return Ok(());
    }
    // Those within a role are one list.
    let target = if place.ends_with("/composites") {
        place
    } else {
        &mapped
    };
    let mut added = Vec::new();
    for name in &add {
        let role = match &id {
            Some(id) => format!("clients/{}/roles/{}", segment(id), segment(name)),
            None => format!("roles/{}", segment(name)),
        };
        let role = pass.site.find(&role)?;
        added.push(role.ok_or_else(|| {
            Failure::Failed(format!(
                "{} '{}': role '{name}' is not there",
                subject.0, subject.1
            ))
        })?);
    }
    let gone =
        |role: &&Json| text(role, "name").is_some_and(|name| remove.iter().any(|one| one == name));
    let removed: Vec<Value> = found
        .iter()
        .filter(gone)
        .cloned()
        .map(Value::Object)
        .collect();
    if !added.is_empty() {
        pass.send(subject, "POST", target, &Value::Array(added))?;
    }
    if !removed.is_empty() {
        pass.send(subject, "DELETE", target, &Value::Array(removed))?;
    }
    Ok(())
}

/// The roles that an object says somebody has: `realmRoles`, `clientRoles`.
pub fn held(
    pass: &mut Pass<'_>,
    subject: (&str, &str),
    item: &Json,
    place: &str,
) -> Result<(), Failure> {
    let place = format!("{place}/role-mappings");
    if let Some(wanted) = texts(item, "realmRoles")? {
        assign(pass, subject, "realmRoles", &place, None, &wanted)?;
    }
    if let Some(Value::Object(by_client)) = item.get("clientRoles") {
        for client in by_client.keys() {
            let wanted = texts(by_client, client)?.unwrap_or_default();
            let path = format!("clientRoles.{client}");
            assign(pass, subject, &path, &place, Some(client), &wanted)?;
        }
    }
    Ok(())
}
