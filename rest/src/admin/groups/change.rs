//! What a group becomes by what was sent, and which groups a search means.

use claviger_wire::document::{Document, Json, Kind};
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

use crate::admin::described::lay_over;
use crate::problem::Problem;

/// How long a name may be, in characters.
const NAME_MAX: usize = 255;

/// The name that was sent: every group needs one.
pub(in crate::admin) fn name(sent: &Json) -> Result<String, Problem> {
    let name = Fields::of(sent)
        .text("name")
        .filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Problem::bad_request("Group name is missing"))?;
    if name.chars().count() > NAME_MAX {
        let text = format!("A group's name has at most {NAME_MAX} characters");
        return Err(Problem::bad_request(&text));
    }
    Ok(name)
}

/// A new group.
pub(in crate::admin) fn new(sent: &Json, id: &str, parent: &str) -> Result<Document, Problem> {
    let name = name(sent)?;
    let mut body = Json::new();
    body.insert("id".to_owned(), json!(id));
    body.insert("name".to_owned(), json!(name));
    lay_over(&mut body, sent);
    body.entry("attributes").or_insert_with(|| json!({}));
    Ok(Document {
        kind: Kind::Group,
        id: id.to_owned(),
        parent: parent.to_owned(),
        unique_name: name,
        enabled: true,
        body,
    })
}

/// A changed group: name and description are what was sent, attributes only if they were sent.
pub(in crate::admin) fn changed(group: &Document, sent: &Json) -> Result<Document, Problem> {
    let name = name(sent)?;
    if Fields::of(sent).str("id").is_some_and(|id| id != group.id) {
        return Err(Problem::bad_request("Invalid group id"));
    }
    let mut body = group.body.clone();
    body.insert("name".to_owned(), json!(name));
    lay_over(&mut body, sent);
    Ok(Document {
        unique_name: name,
        body,
        ..group.clone()
    })
}

/// A group as an event tells it; a new one with its id.
pub(in crate::admin) fn told(sent: &Json, id: Option<&str>) -> Value {
    let mut told = sent.clone();
    told.entry("subGroups").or_insert_with(|| json!([]));
    if let Some(id) = id {
        told.insert("id".to_owned(), json!(id));
    }
    Value::Object(told)
}

/// Whether a name has a text in it; `*` stands for anything.
pub(in crate::admin) fn name_matches(name: &str, search: &str) -> bool {
    let (name, search) = (name.to_lowercase(), search.to_lowercase());
    let mut rest = name.as_str();
    for part in search.split('*') {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// Whether a group has all of some attributes with these values.
pub(super) fn has_attributes(group: &Document, wanted: &[(String, String)]) -> bool {
    let attributes = Fields::of(&group.body).texts_map("attributes");
    wanted.iter().all(|(name, value)| {
        attributes
            .get(name)
            .is_some_and(|values| values.contains(value))
    })
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
    fn a_group_needs_a_name() {
        for sent in [json!({}), json!({"name": ""}), json!({"name": " "})] {
            let refused = new(&object(sent.clone()), "1", "").unwrap_err();
            assert_eq!(
                refused.body()["errorMessage"],
                "Group name is missing",
                "{sent}"
            );
        }
        assert!(new(&object(json!({"name": "x".repeat(256)})), "1", "").is_err());
    }

    #[test]
    fn a_change_keeps_attributes_that_are_not_named() {
        let sent = object(
            json!({"name": "crew", "attributes": {"a": ["1"]}, "path": "/x",
                                 "subGroups": [{"name": "y"}], "realmRoles": ["z"]}),
        );
        let group = new(&sent, "1", "").unwrap();
        let expected = json!({"id": "1", "name": "crew", "attributes": {"a": ["1"]}});
        assert_eq!(json!(group.body), expected);
        let other = changed(&group, &object(json!({"name": "crew2", "id": "1"}))).unwrap();
        assert_eq!(
            (other.unique_name.as_str(), &other.body["attributes"]),
            ("crew2", &json!({"a": ["1"]}))
        );
        let refused = changed(&group, &object(json!({"name": "crew2", "id": "2"}))).unwrap_err();
        assert_eq!(refused.body()["errorMessage"], "Invalid group id");
    }

    #[test]
    fn stars_stand_for_anything() {
        for (name, search, expected) in [
            ("Night Shift", "", true),
            ("Night Shift", "SHIFT", true),
            ("Night Shift", "n*t*f", true),
            ("Night Shift", "f*n", false),
            ("Night Shift", "*", true),
            ("Night Shift", "day", false),
            ("aa", "a*a", true),
            ("a", "a*a", false),
        ] {
            assert_eq!(name_matches(name, search), expected, "{name}: {search}");
        }
    }

    #[test]
    fn all_attributes_are_asked_for() {
        let sent = object(json!({"name": "crew", "attributes": {"a": ["1", "2"], "b": ["3"]}}));
        let group = new(&sent, "1", "").unwrap();
        let pairs = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect::<Vec<_>>()
        };
        assert!(has_attributes(&group, &pairs(&[("a", "2"), ("b", "3")])));
        assert!(!has_attributes(&group, &pairs(&[("a", "2"), ("b", "2")])));
        assert!(!has_attributes(&group, &pairs(&[("A", "2")])));
        assert!(has_attributes(&group, &[]));
    }
}
