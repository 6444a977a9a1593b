//! What a role becomes by what was sent.

use axum::http::StatusCode;
use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::admin::described::lay_over;
use crate::problem::Problem;

/// How long a name may be, in characters.
const NAME_MAX: usize = 255;

/// Whether a role's name or description has a text, given in small letters.
pub(super) fn matches(role: &Document, search: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(search);
    has(&role.unique_name) || Fields::of(&role.body).str("description").is_some_and(has)
}

fn name(sent: &Json) -> Result<String, Problem> {
    let name = Fields::of(sent)
        .text("name")
        .filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Problem::error(StatusCode::BAD_REQUEST, "role has no name"))?;
    if name.chars().count() > NAME_MAX {
        let text = format!("A role's name has at most {NAME_MAX} characters");
        return Err(Problem::bad_request(&text));
    }
    Ok(name)
}

/// A new role.
pub(super) fn new(sent: &Json, id: &str, parent: &str) -> Result<Document, Problem> {
    let name = name(sent)?;
    let mut body = Json::new();
    body.insert("id".to_owned(), json!(id));
    body.insert("name".to_owned(), json!(name));
    lay_over(&mut body, sent);
    body.entry("attributes").or_insert_with(|| json!({}));
    Ok(Document {
        kind: Kind::Role,
        id: id.to_owned(),
        parent: parent.to_owned(),
        unique_name: name,
        enabled: true,
        body,
    })
}

/// A changed role: name and description are what was sent, attributes only if they were sent.
pub(super) fn changed(role: &Document, sent: &Json) -> Result<Document, Problem> {
    let name = name(sent)?;
    let mut body = role.body.clone();
    body.insert("name".to_owned(), json!(name));
    lay_over(&mut body, sent);
    Ok(Document {
        unique_name: name,
        body,
        ..role.clone()
    })
}

/// A role as an event tells it; a new one with its id.
pub(super) fn told(sent: &Json, id: Option<&str>) -> Value {
    let mut told = sent.clone();
    told.entry("composite").or_insert_with(|| json!(false));
    if let Some(id) = id {
        told.insert("id".to_owned(), json!(id));
    }
    Value::Object(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Json {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn a_role_needs_a_name() {
        for sent in [json!({}), json!({"name": ""}), json!({"name": " "})] {
            let refused = new(&object(sent.clone()), "1", "").unwrap_err();
            assert_eq!(refused.body()["error"], "role has no name", "{sent}");
        }
        assert!(new(&object(json!({"name": "ä".repeat(255)})), "1", "").is_ok());
        assert!(new(&object(json!({"name": "ä".repeat(256)})), "1", "").is_err());
    }

    #[test]
    fn derived_members_are_not_kept() {
        let sent = object(json!({
            "id": "other", "name": "clerk", "composite": true, "clientRole": true,
            "containerId": "x", "attributes": {"a": ["b"]},
        }));
        let role = new(&sent, "1", "web").unwrap();
        assert_eq!((role.id.as_str(), role.parent.as_str()), ("1", "web"));
        let expected = json!({"id": "1", "name": "clerk", "attributes": {"a": ["b"]}});
        assert_eq!(json!(role.body), expected);
    }

    #[test]
    fn a_change_takes_the_description_and_keeps_attributes_that_are_not_named() {
        let sent = object(json!({"name": "clerk", "description": "d", "attributes": {"a": ["b"]}}));
        let role = new(&sent, "1", "").unwrap();
        let other = changed(&role, &object(json!({"name": "chief"}))).unwrap();
        assert_eq!(other.unique_name, "chief");
        let expected = json!({"id": "1", "name": "chief", "attributes": {"a": ["b"]}});
        assert_eq!(json!(other.body), expected);
        let sent = object(json!({"name": "clerk", "attributes": {"c": ["d"]}}));
        let other = changed(&role, &sent).unwrap();
        assert_eq!(other.body["attributes"], json!({"c": ["d"]}));
    }

    #[test]
    fn a_search_finds_names_and_descriptions() {
        let sent = object(json!({"name": "Clerk", "description": "May Sell"}));
        let role = new(&sent, "1", "").unwrap();
        for (text, found) in [("", true), ("ler", true), ("sell", true), ("buy", false)] {
            assert_eq!(matches(&role, text), found, "{text}");
        }
    }
}
