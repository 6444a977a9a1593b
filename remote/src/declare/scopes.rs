//! Client scopes, their mappers, who has which, and which roles they bring.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pass::{Json, Kind, Met, Mode, Pass, absent, listed, texts};
use super::roles;
use crate::json::text;
use crate::site::segment;
use crate::{Failure, failed};

/// Scopes of every new realm: they never go unless a file says it of them by name.
const BUILT_IN: [&str; 15] = [
    "acr",
    "address",
    "basic",
    "email",
    "microprofile-jwt",
    "offline_access",
    "organization",
    "phone",
    "profile",
    "role_list",
    "roles",
    "saml_organization",
    "service_account",
    "user_impersonation",
    "web-origins",
];

/// The realm's client scopes with their mappers.
pub fn client_scopes(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let Some(wanted) = listed(document, "clientScopes")? else {
        return Ok(());
    };
    let kind = Kind::new("client scope", "client-scopes", "name", "id");
    let built_in = |found: &Json| text(found, "name").is_some_and(|name| BUILT_IN.contains(&name));
    let met = pass.list(&kind, "", &wanted, &["protocolMappers"], &built_in)?;
    for (item, met) in met {
        let name = text(&item, "name").unwrap_or_default();
        mappers(pass, "client-scopes", name, &item, &met)?;
    }
    Ok(())
}

/// The protocol mappers of a client or a client scope. Those of a new one came with it.
pub fn mappers(
    pass: &mut Pass<'_>,
    place: &str,
    owner: &str,
    item: &Json,
    met: &Met,
) -> Result<(), Failure> {
    let (Some(wanted), Some(id)) = (listed(item, "protocolMappers")?, met.text("id")) else {
        return Ok(());
    };
    let place = format!("{place}/{}/protocol-mappers/models", segment(id));
    let kind = Kind::new("protocol mapper", &place, "name", "id");
    pass.list(&kind, &format!("{owner}/"), &wanted, &[], &|_| false)?;
    Ok(())
}

/// Ids of the realm's client scopes by name.
fn ids(pass: &Pass<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let all = pass.all("client-scopes")?;
    let pairs = all.iter().filter_map(|scope| {
        Some((
            text(scope, "name")?.to_owned(),
            text(scope, "id")?.to_owned(),
        ))
    });
    Ok(pairs.collect())
}

fn id<'b>(ids: &'b BTreeMap<String, String>, name: &str) -> Result<&'b str, Failure> {
    match ids.get(name) {
        Some(id) => Ok(id),
        None => failed(format!("client scope '{name}' is not there")),
    }
}

fn names(found: &[Json]) -> Vec<String> {
    let names = found.iter().filter_map(|scope| text(scope, "name"));
    names.map(str::to_owned).collect()
}

/// Two lists that a scope is in at most one of: default and optional ones.
fn both(
    pass: &mut Pass<'_>,
    subject: (&str, &str),
    wanted: [(&str, Option<Vec<String>>); 2],
    places: &[String; 2],
) -> Result<(), Failure> {
    let mut found = Vec::new();
    for place in places {
        found.push(names(&pass.all(place)?));
    }
    for (index, (path, wanted)) in wanted.into_iter().enumerate() {
        let (Some(wanted), Some(there), Some(place)) =
            (wanted, found.get(index), places.get(index))
        else {
            continue;
        };
        let (add, remove) = pass.references(subject, path, &wanted, there);
        if pass.mode == Mode::Look || (add.is_empty() && remove.is_empty()) {
            continue;
        }
        let ids = ids(pass)?;
        let other = places.iter().zip(&found).find(|(other, _)| *other != place);
        for name in &add {
            let id = segment(id(&ids, name)?);
            if let Some((other, there)) = other
                && there.contains(name)
            {
                pass.send(subject, "DELETE", &format!("{other}/{id}"), &Value::Null)?;
            }
            pass.send(subject, "PUT", &format!("{place}/{id}"), &Value::Null)?;
        }
        for name in &remove {
            let place = format!("{place}/{}", segment(id(&ids, name)?));
            pass.send(subject, "DELETE", &place, &Value::Null)?;
        }
    }
    Ok(())
}

/// The scopes of a client. Those of a new one came with it.
pub fn of_client(pass: &mut Pass<'_>, item: &Json, met: &Met) -> Result<(), Failure> {
    let Some(id) = met.text("id").map(segment) else {
        return Ok(());
    };
    let wanted = [
        ("defaultClientScopes", texts(item, "defaultClientScopes")?),
        ("optionalClientScopes", texts(item, "optionalClientScopes")?),
    ];
    if wanted.iter().all(|(_, wanted)| wanted.is_none()) {
        return Ok(());
    }
    let places = ["default", "optional"].map(|which| format!("clients/{id}/{which}-client-scopes"));
    let name = text(item, "clientId").unwrap_or_default().to_owned();
    both(pass, ("client", &name), wanted, &places)
}

/// The scopes that new clients get.
pub fn defaults(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    let names = ["defaultDefaultClientScopes", "defaultOptionalClientScopes"];
    let [first, second] = names;
    let wanted = [
        (first, texts(document, first)?),
        (second, texts(document, second)?),
    ];
    if wanted.iter().all(|(_, wanted)| wanted.is_none()) {
        return Ok(());
    }
    let places = ["default", "optional"].map(|which| format!("default-{which}-client-scopes"));
    both(pass, ("realm", "scopes of new clients"), wanted, &places)
}

/// Which roles clients and scopes bring, of the realm and of clients.
pub fn mappings(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    for item in listed(document, "scopeMappings")?.unwrap_or_default() {
        mapping(pass, &item, None)?;
    }
    let Some(Value::Object(by_client)) = document.get("clientScopeMappings") else {
        return Ok(());
    };
    for (client, items) in by_client {
        let mut one = Json::new();
        one.insert(client.clone(), items.clone());
        for item in listed(&one, client)?.unwrap_or_default() {
            mapping(pass, &item, Some(client))?;
        }
    }
    Ok(())
}

fn mapping(pass: &mut Pass<'_>, item: &Json, client: Option<&str>) -> Result<(), Failure> {
    if absent(item) {
        return failed("scopeMappings: name the roles that shall be there, and use --prune");
    }
    let holder = match (text(item, "client"), text(item, "clientScope")) {
        (Some(name), _) => {
            roles::client_id(pass, name)?.map(|id| (name, format!("clients/{}", segment(&id))))
        }
        (None, Some(name)) => ids(pass)?
            .get(name)
            .map(|id| (name, format!("client-scopes/{}", segment(id)))),
        (None, None) => return failed("scopeMappings: one names neither client nor clientScope"),
    };
    let wanted = texts(item, "roles")?.unwrap_or_default();
    let Some((name, place)) = holder else {
        let name = text(item, "client")
            .or(text(item, "clientScope"))
            .unwrap_or_default();
        let name = name.to_owned();
        if pass.mode == Mode::Write {
            return failed(format!("scopeMappings: '{name}' is not there"));
        }
        pass.references(("scope mappings", &name), "roles", &wanted, &[]);
        return Ok(());
    };
    roles::assign(
        pass,
        ("scope mappings", name),
        "roles",
        &format!("{place}/scope-mappings"),
        client,
        &wanted,
    )
}
