//! What roles and groups have in common: a description and attributes.

use claviger_wire::document::Json;
use claviger_wire::fields::Fields;
use serde_json::{Value, json};

/// Lays what was sent over a role or a group: a description that was left out goes, attributes that
/// were left out stay.
pub(super) fn lay_over(body: &mut Json, sent: &Json) {
    match sent.get("description").filter(|text| !text.is_null()) {
        Some(description) => body.insert("description".to_owned(), description.clone()),
        None => body.shift_remove("description"),
    };
    if sent.get("attributes").is_some_and(Value::is_object) {
        let attributes = Fields::of(sent).texts_map("attributes");
        body.insert("attributes".to_owned(), json!(attributes));
    }
}
