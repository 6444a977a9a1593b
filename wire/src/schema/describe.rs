//! The same types as JSON Schema (draft 2020-12), for whoever tells others what the Admin API takes and
//! gives. Classes that only answers have are in `answers.json`.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Data, Type};

/// Where the schemas of classes hang in a description of an API (OpenAPI 3.1 §4.8.7).
const PLACE: &str = "#/components/schemas/";

/// The schema of a type as it is written in tables of endpoints: `text`, `flag`, `int`, `long`, `any`, a
/// class, `[element]`, `{value by name}`. None if a class in it is not known.
pub fn type_schema(text: &str) -> Option<Value> {
    let kind = CLASSES.data.type_of(text);
    is_known(&kind).then(|| schema(&kind))
}

/// The schema of a class. Members may all be missing, and there may be others in an answer of a later
/// version.
pub fn class_schema(name: &str) -> Option<Value> {
    let members = CLASSES.members.get(name)?;
    let properties: BTreeMap<&str, Value> = members
        .iter()
        .map(|(name, kind)| (*name, schema(kind)))
        .collect();
    Some(json!({"type": "object", "properties": properties}))
}

struct Classes {
    data: &'static Data,
    members: HashMap<&'static str, HashMap<&'static str, Type>>,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(|| {
    let data = &*DATA;
    let members = data.classes.iter().map(|(name, fields)| {
        let fields = fields
            .iter()
            .map(|(field, text)| (field.as_str(), data.type_of(text)));
        (name.as_str(), fields.collect())
    });
    Classes {
        data,
        members: members.collect(),
    }
});

#[expect(
    clippy::expect_used,
    reason = "embedded data, parsed by every test run"
)]
static DATA: LazyLock<Data> = LazyLock::new(|| {
    let read =
        |text| serde_json::from_str::<Data>(text).expect("embedded data is as its type says");
    let mut all = read(include_str!("../representations.json"));
    let answers = read(include_str!("../answers.json"));
    all.enums.extend(answers.enums);
    all.classes.extend(answers.classes);
    all
});

fn is_known(kind: &Type) -> bool {
    match kind {
        Type::Text | Type::Flag | Type::Int | Type::Long | Type::Any | Type::Attributes => true,
        Type::List(inner) | Type::Map(inner) => is_known(inner),
        Type::Enum(names) => !names.is_empty(),
        Type::Class(name) => CLASSES.members.contains_key(name.as_str()),
    }
}

fn schema(kind: &Type) -> Value {
    match kind {
        Type::Text => json!({"type": "string"}),
        Type::Flag => json!({"type": "boolean"}),
        Type::Int => json!({"type": "integer", "format": "int32"}),
        Type::Long => json!({"type": "integer", "format": "int64"}),
        Type::Any => json!({}),
        Type::Attributes => schema(&Type::Map(Box::new(Type::List(Box::new(Type::Text))))),
        Type::List(element) => json!({"type": "array", "items": schema(element)}),
        Type::Map(value) => json!({"type": "object", "additionalProperties": schema(value)}),
        Type::Enum(names) => json!({"type": "string", "enum": names}),
        Type::Class(name) => json!({"$ref": format!("{PLACE}{name}")}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_schemas() {
        let cases = [
            ("text", json!({"type": "string"})),
            (
                "[int]",
                json!({"type": "array", "items": {"type": "integer", "format": "int32"}}),
            ),
            (
                "{any}",
                json!({"type": "object", "additionalProperties": {}}),
            ),
            (
                "[RoleRepresentation]",
                json!({"type": "array", "items": {"$ref": "#/components/schemas/RoleRepresentation"}}),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(type_schema(text), Some(expected), "{text}");
        }
        assert_eq!(type_schema("[NobodyRepresentation]"), None);
    }

    #[test]
    fn every_class_refers_to_known_ones() {
        for (class, members) in &CLASSES.members {
            for (member, kind) in members {
                assert!(is_known(kind), "{class}.{member}");
            }
            assert!(class_schema(class).is_some());
        }
        let user = class_schema("UserRepresentation").unwrap();
        let attributes = &user["properties"]["attributes"];
        assert_eq!(attributes["additionalProperties"]["type"], "array");
    }
}
