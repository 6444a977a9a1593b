//! `get-roles`, `add-roles` and `remove-roles`: whose roles, and which.

use serde_json::{Map, Value};

use super::Given;
use super::session::site;
use super::show::Show;
use crate::json::text;
use crate::site::{Call, Site, segment, succeeded};
use crate::world::World;
use crate::{Failure, failed, usage};

/// How deep groups are looked through.
const DEEPEST: usize = 100;

/// Whose roles.
enum Whose<'a> {
    User(&'static str, &'a str),
    Group(&'static str, &'a str),
    Role(&'static str, &'a str),
    Nobody,
}

impl<'a> Whose<'a> {
    fn of(given: &Given<'a>) -> Result<Self, Failure> {
        let one = |names: &[&'static str]| -> Result<Option<(&'static str, &'a str)>, Failure> {
            let mut found = None;
            for name in names {
                if let Some(value) = given.last(name) {
                    if let Some((other, _)) = found {
                        let text = format!(
                            "Incompatible options: --{other} and --{name} are mutually exclusive"
                        );
                        return usage(text);
                    }
                    found = Some((*name, value));
                }
            }
            Ok(found)
        };
        let user = one(&["uid", "uusername"])?;
        let group = one(&["gid", "gname", "gpath"])?;
        let role = one(&["rid", "rname"])?;
        one(&["cid", "cclientid"])?;
        let kinds = [
            (user.is_some(), "--uusername / --uid"),
            (group.is_some(), "--gname / --gid / --gpath"),
            (role.is_some(), "--rname / --rid"),
        ];
        let named: Vec<&str> = kinds
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect();
        if let [first, second, ..] = named.as_slice() {
            return usage(format!(
                "Incompatible options: {first} can't be used at the same time as {second}"
            ));
        }
        Ok(match (user, group, role) {
            (Some((how, what)), _, _) => Self::User(how, what),
            (None, Some((how, what)), _) => Self::Group(how, what),
            (None, None, Some((how, what))) => Self::Role(how, what),
            (None, None, None) => Self::Nobody,
        })
    }

    /// Where their roles are.
    fn place(&self, site: &Site<'_>) -> Result<String, Failure> {
        Ok(match self {
            Self::User("uid", id) => format!("users/{}/role-mappings", segment(id)),
            Self::User(_, name) => format!("users/{}/role-mappings", user(site, name)?),
            Self::Group("gid", id) => format!("groups/{}/role-mappings", segment(id)),
            Self::Group(how, what) => format!("groups/{}/role-mappings", group(site, how, what)?),
            Self::Role("rid", id) => format!("roles-by-id/{}/composites", segment(id)),
            Self::Role(_, name) => {
                let role = role(site, None, ("rolename", name))?;
                let id = text(&role, "id").unwrap_or_default();
                format!("roles-by-id/{}/composites", segment(id))
            }
            Self::Nobody => String::new(),
        })
    }
}

/// The id of a user of this name.
pub fn user(site: &Site<'_>, name: &str) -> Result<String, Failure> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("username", name)
        .append_pair("exact", "true")
        .finish();
    let found = site.list(&format!("users?{query}"))?;
    match found.as_slice() {
        [] => failed(format!("User not found for username: {name}")),
        [one] => Ok(segment(text(one, "id").unwrap_or_default())),
        _ => failed(format!(
            "Multiple users found for username: {name}. Use --uid to specify user"
        )),
    }
}

/// The id of a group, by name or path.
fn group(site: &Site<'_>, how: &str, what: &str) -> Result<String, Failure> {
    if how == "gpath" {
        let parts: Vec<String> = what
            .split('/')
            .filter(|part| !part.is_empty())
            .map(segment)
            .collect();
        let found = site.find(&format!("group-by-path/{}", parts.join("/")))?;
        let id = found.as_ref().and_then(|group| group.get("id")?.as_str());
        return id
            .map(segment)
            .ok_or_else(|| Failure::Failed(format!("Group not found for path: {what}")));
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("search", what)
        .append_pair("exact", "true")
        .finish();
    let mut ids = Vec::new();
    for group in site.list(&format!("groups?{query}"))? {
        named(&group, what, 0, &mut ids);
    }
    match ids.as_slice() {
        [] => failed(format!("Group not found for name: {what}")),
        [one] => Ok(segment(one)),
        _ => failed(format!(
            "Multiple groups found for name: {what}. Use --gid or --gpath to specify group"
        )),
    }
}

/// Ids of a group and those below it that have a name.
fn named(group: &Map<String, Value>, name: &str, depth: usize, ids: &mut Vec<String>) {
    if text(group, "name") == Some(name) {
        ids.extend(text(group, "id").map(str::to_owned));
    }
    let below = group.get("subGroups").and_then(Value::as_array);
    for group in below.into_iter().flatten().filter_map(Value::as_object) {
        if depth < DEEPEST {
            named(group, name, depth + 1, ids);
        }
    }
}

/// The id of the client whose roles are meant, if they are a client's.
fn client(given: &Given<'_>, site: &Site<'_>) -> Result<Option<String>, Failure> {
    if let Some(id) = given.last("cid") {
        return Ok(Some(segment(id)));
    }
    let Some(name) = given.last("cclientid") else {
        return Ok(None);
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("clientId", name)
        .finish();
    let found = site.list(&format!("clients?{query}"))?;
    let id = found
        .iter()
        .find(|client| text(client, "clientId") == Some(name));
    match id.and_then(|client| text(client, "id")) {
        Some(id) => Ok(Some(segment(id))),
        None => failed(format!("Client not found for clientId: {name}")),
    }
}

/// A role, by name or id.
fn role(
    site: &Site<'_>,
    client: Option<&str>,
    (how, what): (&str, &str),
) -> Result<Map<String, Value>, Failure> {
    let place = match (how, client) {
        ("roleid", _) => format!("roles-by-id/{}", segment(what)),
        (_, Some(client)) => format!("clients/{client}/roles/{}", segment(what)),
        (_, None) => format!("roles/{}", segment(what)),
    };
    let kind = if how == "roleid" { "id" } else { "name" };
    let found = site.find(&place)?.and_then(crate::site::object);
    found.ok_or_else(|| Failure::Failed(format!("Role not found for {kind}: {what}")))
}

/// Lists roles.
pub fn list(given: &Given<'_>, world: &dyn World) -> Result<(), Failure> {
    let whose = Whose::of(given)?;
    let show = Show::of(given)?;
    let (available, effective) = (given.flag("available"), given.flag("effective"));
    if let Whose::Role(..) = whose {
        if available {
            return usage(
                "Option --available not supported with composite roles. 'get-roles' alone lists all roles",
            );
        }
        if effective {
            return usage("Option --effective not supported with composite roles.");
        }
    }
    let site = site(given, world)?;
    let client = client(given, &site)?;
    let roles = match &client {
        Some(client) => format!("clients/{client}"),
        None => "realm".to_owned(),
    };
    let which = match (available, effective) {
        (true, _) => "/available",
        (false, true) => "/composite",
        (false, false) => "",
    };
    let base = whose.place(&site)?;
    let place = match (&whose, given.last("rolename"), given.last("roleid")) {
        (Whose::Nobody, Some(name), _) => match &client {
            Some(client) => format!("clients/{client}/roles/{}", segment(name)),
            None => format!("roles/{}", segment(name)),
        },
        (Whose::Nobody, None, Some(id)) => format!("roles-by-id/{}", segment(id)),
        (Whose::Nobody, None, None) => match &client {
            Some(client) => format!("clients/{client}/roles"),
            None => "roles".to_owned(),
        },
        _ if given.flag("all") => base,
        _ => format!("{base}/{roles}{which}"),
    };
    let url = site.url(&place);
    let answer = site.call(&Call {
        method: "GET",
        url: &url,
        headers: &[],
        body: "",
    })?;
    let answer = succeeded(&url, answer)?;
    show.headers(&answer, world);
    show.body(&answer, world);
    Ok(())
}

/// Adds or removes roles.
pub fn change(method: &'static str, given: &Given<'_>, world: &dyn World) -> Result<(), Failure> {
    let whose = Whose::of(given)?;
    if let Whose::Nobody = whose {
        return usage(
            "No user nor group nor composite role specified. Use --uusername / --uid to specify user or \
             --gname / --gid / --gpath to specify group or --rname / --rid to specify a composite role",
        );
    }
    let named = |how: &'static str| given.all(how).into_iter().map(move |what| (how, what));
    let wanted: Vec<(&str, &str)> = named("rolename").chain(named("roleid")).collect();
    if wanted.is_empty() {
        let what = if method == "POST" { "add" } else { "remove" };
        return usage(format!(
            "No role to {what} specified. Use --rolename or --roleid to specify roles to {what}"
        ));
    }
    let site = site(given, world)?;
    let client = client(given, &site)?;
    let found: Result<Vec<_>, _> = wanted
        .into_iter()
        .map(|wanted| role(&site, client.as_deref(), wanted).map(Value::Object))
        .collect();
    let place = whose.place(&site)?;
    let place = match (&whose, client) {
        // Those of a role are one list.
        (Whose::Role(..), _) => place,
        (_, Some(client)) => format!("{place}/clients/{client}"),
        (_, None) => format!("{place}/realm"),
    };
    site.send(method, &place, &Value::Array(found?))?;
    Ok(())
}
