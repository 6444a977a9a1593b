//! Users, if a file names any: their passwords are set when they have none, and never touched again.

use serde_json::{Value, json};

use super::compare::{Difference, differences, over};
use super::pass::{Fate, Json, Mode, Pass, absent, listed, texts, without};
use super::{groups, roles};
use crate::Failure;
use crate::json::text;
use crate::site::segment;

/// Members that are told elsewhere, or that only the server sets.
const INNER: [&str; 16] = [
    "credentials",
    "groups",
    "realmRoles",
    "clientRoles",
    "applicationRoles",
    "federatedIdentities",
    "clientConsents",
    "createdTimestamp",
    "disableableCredentialTypes",
    "notBefore",
    "origin",
    "self",
    "serviceAccountClientId",
    "socialLinks",
    "totp",
    "userProfileMetadata",
];

/// The users that a document names. Others are never looked at, and never go.
pub fn run(pass: &mut Pass<'_>, document: &Json) -> Result<(), Failure> {
    for item in listed(document, "users")?.unwrap_or_default() {
        let name = Pass::name("user", &item, "username")?.to_lowercase();
        for member in ["federatedIdentities", "clientConsents", "federationLink"] {
            if item.contains_key(member) {
                pass.notes
                    .push(format!("user '{name}': {member} are not compared"));
            }
        }
        one(pass, &name, &item)?;
    }
    Ok(())
}

fn find(pass: &Pass<'_>, name: &str) -> Result<Option<Json>, Failure> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("username", name)
        .append_pair("exact", "true")
        .append_pair("briefRepresentation", "false")
        .finish();
    let found = pass.all(&format!("users?{query}"))?;
    Ok(found
        .into_iter()
        .find(|user| text(user, "username") == Some(name)))
}

fn one(pass: &mut Pass<'_>, name: &str, item: &Json) -> Result<(), Failure> {
    let subject = ("user", name);
    let mut fields = without(item, &INNER);
    fields.insert("username".into(), name.into());
    let found = find(pass, name)?;
    let id = match &found {
        Some(found) if absent(item) => {
            pass.tell(Fate::Gone, "user", name, Vec::new());
            let place = format!("users/{}", segment(text(found, "id").unwrap_or_default()));
            return pass.send(subject, "DELETE", &place, &Value::Null);
        }
        None if absent(item) => return Ok(()),
        Some(found) => {
            let id = text(found, "id").unwrap_or_default().to_owned();
            let place = format!("users/{}", segment(&id));
            let lines = differences("", &fields, found);
            if !lines.is_empty() {
                pass.tell(Fate::Changed, "user", name, lines);
                pass.send(subject, "PUT", &place, &Value::Object(over(found, &fields)))?;
            }
            password(pass, name, &place, item)?;
            Some(id)
        }
        None => {
            let mut whole = fields.clone();
            let credentials = item.get("credentials");
            whole.extend(credentials.map(|all| ("credentials".to_owned(), all.clone())));
            let lines = differences("", &without(&whole, &["username"]), &Json::new());
            pass.tell(Fate::Made, "user", name, lines);
            pass.send(subject, "POST", "users", &Value::Object(whole))?;
            let made = match pass.mode {
                Mode::Write => find(pass, name)?,
                Mode::Look => None,
            };
            made.and_then(|user| text(&user, "id").map(str::to_owned))
        }
    };
    let place = format!("users/{}", segment(id.as_deref().unwrap_or("new")));
    roles::held(pass, subject, item, &place)?;
    memberships(pass, name, item, &place)
}

/// The password of somebody who has none.
fn password(pass: &mut Pass<'_>, name: &str, place: &str, item: &Json) -> Result<(), Failure> {
    let credentials = listed(item, "credentials")?.unwrap_or_default();
    let kind = |one: &&Json| text(one, "type") == Some("password");
    let Some(wanted) = credentials.iter().find(kind) else {
        return Ok(());
    };
    let Some(value) = text(wanted, "value") else {
        pass.notes.push(format!(
            "user '{name}': a hashed password is only set when the user is made"
        ));
        return Ok(());
    };
    if pass
        .all(&format!("{place}/credentials"))?
        .iter()
        .any(|one| kind(&one))
    {
        return Ok(());
    }
    let line = Difference {
        path: "credentials".into(),
        before: None,
        after: Some(Value::String("a password".into())),
    };
    pass.tell(Fate::Changed, "user", name, vec![line]);
    let temporary = wanted
        .get("temporary")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let body = json!({"type": "password", "value": value, "temporary": temporary});
    pass.send(
        ("user", name),
        "PUT",
        &format!("{place}/reset-password"),
        &body,
    )
}

fn memberships(pass: &mut Pass<'_>, name: &str, item: &Json, place: &str) -> Result<(), Failure> {
    let Some(wanted) = texts(item, "groups")? else {
        return Ok(());
    };
    let wanted: Vec<String> = wanted
        .into_iter()
        .map(|path| format!("/{}", path.trim_start_matches('/')))
        .collect();
    let found: Vec<String> = pass
        .all(&format!("{place}/groups"))?
        .iter()
        .filter_map(|group| text(group, "path").map(str::to_owned))
        .collect();
    let (add, remove) = pass.references(("user", name), "groups", &wanted, &found);
    for (method, paths) in [("PUT", add), ("DELETE", remove)] {
        for path in paths {
            if pass.mode == Mode::Write {
                let group = groups::id(pass, &path)?;
                let place = format!("{place}/groups/{}", segment(&group));
                pass.send(("user", name), method, &place, &Value::Null)?;
            }
        }
    }
    Ok(())
}
