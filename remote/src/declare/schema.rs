//! A JSON Schema of what files may say, for editors: out of the tables that the server reads bodies by.

use claviger_wire::schema::class_schema;
use serde_json::{Map, Value, json};

/// Where schemas of classes hang in descriptions of the API, and where they hang here.
const PLACES: [&str; 2] = ["#/components/schemas/", "#/$defs/"];

/// The schema (draft 2020-12).
pub fn schema() -> Value {
    let mut known = Map::new();
    let mut open = vec!["RealmRepresentation".to_owned()];
    while let Some(name) = open.pop() {
        if known.contains_key(&name) {
            continue;
        }
        let Some(mut schema) = class_schema(&name) else {
            continue;
        };
        prepare(&mut schema, &mut open);
        // Every object of a list may say that it shall not be there.
        if let Some(Value::Object(members)) = schema.get_mut("properties") {
            members.insert("$state".into(), json!({"enum": ["absent", "present"]}));
        }
        known.insert(name, schema);
    }
    if let Some(Value::Object(members)) = known
        .get_mut("RealmRepresentation")
        .and_then(|realm| realm.get_mut("properties"))
    {
        members.insert("userProfile".into(), json!({"type": "object"}));
        members.shift_remove("$state");
    }
    known.sort_keys();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What a realm shall be, for claviger plan and apply",
        "$ref": "#/$defs/RealmRepresentation",
        "$defs": known,
    })
}

/// Turns references to this document, and notes what they lead to; numbers and flags may come out of
/// variables.
fn prepare(schema: &mut Value, open: &mut Vec<String>) {
    let [there, here] = PLACES;
    let kind = schema.get("type").and_then(Value::as_str);
    if matches!(kind, Some("boolean" | "integer" | "number")) {
        let variable = json!({"type": "string", "pattern": r"\$[{(]"});
        *schema = json!({"anyOf": [schema.take(), variable]});
        return;
    }
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => {
                        if let Some(class) = text.strip_prefix(there) {
                            open.push(class.to_owned());
                            *text = format!("{here}{class}");
                        }
                    }
                    member => prepare(member, open),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| prepare(item, open)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let schema = schema();
        let text = schema.to_string();
        let mut count = 0;
        for part in text.split("\"$ref\":\"").skip(1) {
            let target = part.split('"').next().unwrap();
            let name = target.strip_prefix("#/$defs/").unwrap();
            assert!(schema["$defs"].get(name).is_some(), "{target}");
            count += 1;
        }
        assert!(count > 20);
        let realm = &schema["$defs"]["RealmRepresentation"]["properties"];
        assert_eq!(
            realm["clients"]["items"]["$ref"],
            "#/$defs/ClientRepresentation"
        );
        assert_eq!(realm["enabled"]["anyOf"][0]["type"], "boolean");
    }
}
