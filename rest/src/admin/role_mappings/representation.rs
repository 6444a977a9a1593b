//! `RoleRepresentation` as lists of roles show it.

use claviger_engine::realm::Roles;
use claviger_model::RoleId;
use claviger_wire::document::{Document, Json};
use claviger_wire::fields::Fields;
use serde_json::json;

/// A role without its attributes; `owner` is the realm's or the client's id.
pub(in crate::admin) fn brief(document: &Document, roles: &Roles, owner: &str) -> Json {
    let role = roles.get(&RoleId::new(document.id.as_str()));
    let composite = role.is_some_and(|role| !role.composites.is_empty());
    let mut body = Json::new();
    body.insert("id".to_owned(), json!(document.id));
    body.insert("name".to_owned(), json!(document.unique_name));
    if let Some(description) = Fields::of(&document.body).text("description") {
        body.insert("description".to_owned(), json!(description));
    }
    body.insert("composite".to_owned(), json!(composite));
    body.insert("clientRole".to_owned(), json!(!document.parent.is_empty()));
    body.insert("containerId".to_owned(), json!(owner));
    body
}

/// A role with its attributes.
pub(in crate::admin) fn full(document: &Document, roles: &Roles, owner: &str) -> Json {
    let mut body = brief(document, roles, owner);
    let attributes = Fields::of(&document.body).texts_map("attributes");
    body.insert("attributes".to_owned(), json!(attributes));
    body
}

#[cfg(test)]
mod tests {
    use claviger_wire::document::Kind;

    use super::*;

    fn document(id: &str, parent: &str, description: Option<&str>) -> Document {
        let body = json!({"description": description, "attributes": {"a": ["1"]}});
        Document {
            kind: Kind::Role,
            id: id.to_owned(),
            parent: parent.to_owned(),
            unique_name: format!("name of {id}"),
            enabled: true,
            body: body.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_role_says_whose_it_is_and_whether_it_contains_others() {
        let all = [document("a", "", Some("text")), document("b", "web", None)];
        let roles = Roles::new(all.to_vec(), [("a".to_owned(), "b".to_owned())]);
        let of_realm = json!({
            "id": "a", "name": "name of a", "description": "text", "composite": true,
            "clientRole": false, "containerId": "realm",
        });
        assert_eq!(json!(brief(&all[0], &roles, "realm")), of_realm);
        let of_client = json!({
            "id": "b", "name": "name of b", "composite": false, "clientRole": true,
            "containerId": "web", "attributes": {"a": ["1"]},
        });
        assert_eq!(json!(full(&all[1], &roles, "web")), of_client);
    }
}
