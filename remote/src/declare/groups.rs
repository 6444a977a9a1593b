//! The tree of groups, with attributes and roles.

use serde_json::Value;

use super::compare::{differences, over};
use super::pass::{Fate, Json, Mode, Pass, absent, listed, without};
use super::roles;
use crate::json::text;
use crate::site::{object, segment};
use crate::{Failure, failed};

/// Members that are told elsewhere.
const INNER: [&str; 6] = [
    "subGroups",
    "subGroupCount",
    "realmRoles",
    "clientRoles",
    "path",
    "parentId",
];
/// How deep groups are in each other at most.
const DEEPEST: usize = 50;
/// Most groups below one that are asked for.
const MOST: usize = 100_000;

/// The realm's groups.
pub fn run(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    match listed(document, "groups")? {
        Some(wanted) => level(pass, None, "", &wanted, 0),
        None => Ok(()),
    }
}

/// The group at a path, as a whole.
fn at(pass: &Pass<'_>, path: &str) -> Result<Option<Json>, Failure> {
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(segment)
        .collect();
    let found = pass
        .site
        .find(&format!("group-by-path/{}", parts.join("/")))?;
    let Some(id) = found.as_ref().and_then(|group| group.get("id")?.as_str()) else {
        return Ok(None);
    };
    Ok(pass
        .site
        .find(&format!("groups/{}", segment(id)))?
        .and_then(object))
}

/// The id of the group at a path, which has to be there.
pub fn id(pass: &Pass<'_>, path: &str) -> Result<String, Failure> {
    match at(pass, path)?.as_ref().and_then(|group| text(group, "id")) {
        Some(id) => Ok(id.to_owned()),
        None => failed(format!("group '{path}' is not there")),
    }
}

/// The groups below one, or at the top.
fn level(
    pass: &mut Pass<'_>,
    parent: Option<&str>,
    above: &str,
    wanted: &[Json],
    depth: usize,
) -> Result<(), Failure> {
    if depth > DEEPEST {
        return failed(format!("groups: '{above}' is too deep"));
    }
    for item in wanted {
        let name = Pass::name("group", item, "name")?;
        if name.contains('/') {
            return failed(format!(
                "group '{name}': its name has a slash, so no path leads to it"
            ));
        }
        let path = format!("{above}/{name}");
        // Where a group above is only to be made, there is none below.
        let found = match (parent, depth) {
            (None, 1..) => None,
            _ => at(pass, &path)?,
        };
        let id = one(pass, parent, &path, found, item)?;
        if absent(item) {
            continue;
        }
        let place = format!("groups/{}", segment(id.as_deref().unwrap_or("new")));
        roles::held(pass, ("group", &path), item, &place)?;
        if let Some(below) = listed(item, "subGroups")? {
            level(pass, id.as_deref(), &path, &below, depth + 1)?;
        }
    }
    if pass.prune {
        prune(pass, parent, above, wanted, depth)?;
    }
    Ok(())
}

/// Makes, changes or removes one; gives its id if it is there.
fn one(
    pass: &mut Pass<'_>,
    parent: Option<&str>,
    path: &str,
    found: Option<Json>,
    item: &Json,
) -> Result<Option<String>, Failure> {
    let subject = ("group", path);
    let fields = without(item, &INNER);
    match found {
        Some(found) => {
            let id = text(&found, "id").unwrap_or_default().to_owned();
            let place = format!("groups/{}", segment(&id));
            if absent(item) {
                pass.tell(Fate::Gone, "group", path, Vec::new());
                pass.send(subject, "DELETE", &place, &Value::Null)?;
                return Ok(None);
            }
            let lines = differences("", &fields, &found);
            if !lines.is_empty() {
                pass.tell(Fate::Changed, "group", path, lines);
                let mut body = over(&found, &fields);
                body.retain(|name, _| !INNER.contains(&name.as_str()));
                pass.send(subject, "PUT", &place, &Value::Object(body))?;
            }
            Ok(Some(id))
        }
        None if absent(item) => Ok(None),
        None => {
            let lines = differences("", &without(&fields, &["name"]), &Json::new());
            pass.tell(Fate::Made, "group", path, lines);
            let place = match parent {
                Some(parent) => format!("groups/{}/children", segment(parent)),
                None => "groups".to_owned(),
            };
            pass.send(subject, "POST", &place, &Value::Object(fields))?;
            match pass.mode {
                Mode::Write => id(pass, path).map(Some),
                Mode::Look => Ok(None),
            }
        }
    }
}

/// Removes groups of a level that no file names.
fn prune(
    pass: &mut Pass<'_>,
    parent: Option<&str>,
    above: &str,
    wanted: &[Json],
    depth: usize,
) -> Result<(), Failure> {
    let place = match (parent, depth) {
        (Some(parent), _) => format!("groups/{}/children?max={MOST}", segment(parent)),
        (None, 0) => format!("groups?max={MOST}"),
        (None, _) => return Ok(()),
    };
    for group in pass.all(&place)? {
        let name = text(&group, "name").unwrap_or_default();
        if wanted.iter().any(|item| text(item, "name") == Some(name)) {
            continue;
        }
        let path = format!("{above}/{name}");
        pass.tell(Fate::Gone, "group", &path, Vec::new());
        let place = format!("groups/{}", segment(text(&group, "id").unwrap_or_default()));
        pass.send(("group", &path), "DELETE", &place, &Value::Null)?;
    }
    Ok(())
}
