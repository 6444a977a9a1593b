//! What the Admin API accepts: the known fields of each representation and their types, read as
//! strictly, and as leniently, as Keycloak reads them.
//!
//! Strict in names: an unknown field is refused, with the place at which Keycloak would notice it.
//! Lenient in scalars: `"300"` is a number where one is asked for, `5` is a text.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Number, Value};

use crate::document::Json;

/// How deep values may be nested.
const DEPTH_MAX: usize = 64;

/// Why a body is no representation of a class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// The class has no such field.
    #[error(
        "Invalid json representation for {class}. Unrecognized field \"{field}\" at line {line} \
         column {column}."
    )]
    Unrecognized {
        /// The class, without its package or the class it is within.
        class: String,
        /// The field.
        field: String,
        /// Line of the field's value, from 1.
        line: usize,
        /// Column after the beginning of the field's value, from 1.
        column: usize,
    },
    /// The body is no JSON.
    #[error("Cannot parse the JSON")]
    Broken,
    /// A value is of the wrong type.
    #[error("Cannot parse the JSON")]
    WrongType,
    /// There is no body, or it is `null`.
    #[error("the body is empty")]
    Empty,
}

/// The classes, by name.
static CLASSES: LazyLock<HashMap<String, Class>> = LazyLock::new(|| {
    let read: Result<HashMap<String, RawClass>, _> =
        serde_json::from_str(include_str!("representations.json"));
    let raw = read.unwrap_or_default();
    raw.into_iter().map(|(name, class)| (name, Class::from(class))).collect()
});

#[derive(Deserialize)]
struct RawClass {
    #[serde(default)]
    fields: HashMap<String, String>,
    #[serde(default, rename = "enum")]
    members: Option<Vec<String>>,
    #[serde(default)]
    any: bool,
}

/// A representation: its fields, or the members of an enumeration.
#[derive(Debug)]
struct Class {
    fields: HashMap<String, Type>,
    members: Option<Vec<String>>,
    any: bool,
}

impl From<RawClass> for Class {
    fn from(raw: RawClass) -> Self {
        let fields = raw.fields.into_iter().map(|(name, kind)| (name, Type::read(&kind)));
        Self { fields: fields.collect(), members: raw.members, any: raw.any }
    }
}

/// What a field may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Whole,
    Flag,
    List(Box<Type>),
    Map(Box<Type>),
    Class(String),
    Any,
}

impl Type {
    /// Reads a type as the table writes it: `List<String>`, `Map<String,Boolean>`, ….
    fn read(text: &str) -> Self {
        if let Some((outer, inner)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) {
            return match outer {
                "List" | "Set" | "Collection" => Self::List(Box::new(Self::read(inner))),
                "Map" => match inner.split_once(',') {
                    Some((_, value)) => Self::Map(Box::new(Self::read(value))),
                    None => Self::Any,
                },
                "MultivaluedHashMap" => match inner.split_once(',') {
                    Some((_, value)) => Self::Map(Box::new(Self::read(value))),
                    None => Self::Any,
                },
                _ => Self::Any,
            };
        }
        match text {
            "String" | "URI" => Self::Text,
            "Integer" | "int" | "Long" | "long" => Self::Whole,
            "Boolean" | "boolean" => Self::Flag,
            "[LString;" => Self::List(Box::new(Self::Text)),
            "Object" | "JsonNode" | "[LObject;" => Self::Any,
            other => Self::Class(other.to_owned()),
        }
    }
}

/// Reads a body as a representation of a class.
///
/// # Errors
/// The first thing that Keycloak would stumble over.
pub fn parse(class: &str, body: &[u8]) -> Result<Json, JsonProblem> {
    match value(&Type::Class(class.to_owned()), body)? {
        Value::Object(object) => Ok(object),
        Value::Null => Err(JsonProblem::Empty),
        _ => Err(JsonProblem::WrongType),
    }
}

/// Reads a body as a list of representations of a class.
///
/// # Errors
/// The first thing that Keycloak would stumble over.
pub fn parse_list(class: &str, body: &[u8]) -> Result<Vec<Json>, JsonProblem> {
    match value(&Type::List(Box::new(Type::Class(class.to_owned()))), body)? {
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::Object(object) => Ok(object),
                _ => Err(JsonProblem::WrongType),
            })
            .collect(),
        Value::Null => Err(JsonProblem::Empty),
        _ => Err(JsonProblem::WrongType),
    }
}

fn value(expected: &Type, body: &[u8]) -> Result<Value, JsonProblem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(JsonProblem::Empty);
    }
    // What follows the first value is not read.
    let mut stream = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let mut value = match stream.next() {
        Some(Ok(value)) => value,
        Some(Err(_)) | None => return Err(JsonProblem::Broken),
    };
    let mut walk = Walk { text: body, at: 0, depth: 0 };
    walk.value(expected, &mut value)?;
    Ok(value)
}

/// Walks through the text beside the parsed value, so that a problem has a place.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over a string and returns its text between the quotes.
    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
    }

    fn scalar(&mut self) {
        while self.peek().is_some_and(|byte| !b",]} \t\r\n".contains(&byte)) {
            self.at += 1;
        }
    }

    /// Where Keycloak stands when it has seen that a value begins: behind a bracket or a quote,
    /// behind the whole of a number or a word.
    fn seen(&self) -> (usize, usize) {
        let mut here = Walk { text: self.text, at: self.at, depth: 0 };
        match here.peek() {
            Some(b'{' | b'[' | b'"') => here.at += 1,
            _ => here.scalar(),
        }
        let before = self.text.get(..here.at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        (line, here.at - start + 1)
    }

    fn value(&mut self, expected: &Type, value: &mut Value) -> Result<(), JsonProblem> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(JsonProblem::WrongType);
        }
        self.space();
        let result = match self.peek() {
            Some(b'{') => self.object(expected, value),
            Some(b'[') => self.array(expected, value),
            Some(b'"') => {
                self.string();
                scalar(expected, value)
            }
            _ => {
                self.scalar();
                scalar(expected, value)
            }
        };
        self.depth -= 1;
        result
    }

    fn object(&mut self, expected: &Type, value: &mut Value) -> Result<(), JsonProblem> {
        let class = match expected {
            Type::Any => None,
            Type::Map(_) => None,
            Type::Class(name) => match CLASSES.get(name) {
                Some(class) if class.members.is_some() => return Err(JsonProblem::WrongType),
                found => found.map(|class| (name.as_str(), class)),
            },
            Type::Text | Type::Whole | Type::Flag | Type::List(_) => {
                return Err(JsonProblem::WrongType);
            }
        };
        let Value::Object(members) = value else { return Err(JsonProblem::Broken) };
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    continue;
                }
                Some(b'"') => {}
                _ => {
                    self.at += 1;
                    return Ok(());
                }
            }
            let start = self.at;
            self.string();
            let name: String =
                serde_json::from_slice(self.text.get(start..self.at).unwrap_or_default())
                    .map_err(|_| JsonProblem::Broken)?;
            self.space();
            self.at += 1;
            self.space();
            let kind = match (&class, expected) {
                (Some((class_name, class)), _) => match class.fields.get(&name) {
                    Some(kind) => kind,
                    None if class.any => &Type::Any,
                    None => {
                        let (line, column) = self.seen();
                        let class = class_name.rsplit('.').next().unwrap_or_default().to_owned();
                        let field = name;
                        return Err(JsonProblem::Unrecognized { class, field, line, column });
                    }
                },
                (None, Type::Map(kind)) => kind,
                (None, _) => &Type::Any,
            };
            match members.get_mut(&name) {
                Some(member) => self.value(kind, member)?,
                None => self.value(&Type::Any, &mut Value::Null)?,
            }
        }
    }

    fn array(&mut self, expected: &Type, value: &mut Value) -> Result<(), JsonProblem> {
        let kind = match expected {
            Type::List(kind) => kind.as_ref(),
            Type::Any => &Type::Any,
            // An empty list stands for an empty map, as some clients of PHP send it.
            Type::Map(_) if matches!(value, Value::Array(items) if items.is_empty()) => {
                *value = Value::Object(Json::new());
                self.skip_empty();
                return Ok(());
            }
            Type::Class(name) if !CLASSES.contains_key(name) => &Type::Any,
            Type::Text | Type::Whole | Type::Flag | Type::Map(_) | Type::Class(_) => {
                return Err(JsonProblem::WrongType);
            }
        };
        let Value::Array(items) = value else { return Err(JsonProblem::Broken) };
        self.at += 1;
        for item in items {
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
            }
            self.value(kind, item)?;
        }
        self.skip_to_bracket();
        Ok(())
    }

    fn skip_empty(&mut self) {
        self.at += 1;
        self.skip_to_bracket();
    }

    fn skip_to_bracket(&mut self) {
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
        }
    }
}

/// Brings a scalar to the type that is expected, as far as Keycloak would.
fn scalar(expected: &Type, value: &mut Value) -> Result<(), JsonProblem> {
    if value.is_null() {
        return Ok(());
    }
    match expected {
        Type::Any => Ok(()),
        Type::Text => match value {
            Value::String(_) => Ok(()),
            other => {
                *other = Value::String(other.to_string());
                Ok(())
            }
        },
        Type::Flag => flag(value),
        Type::Whole => whole(value),
        Type::Map(kind) | Type::List(kind) => {
            // A multivalued setting may come as its single value.
            if matches!(value, Value::String(text) if text.is_empty()) {
                *value = Value::Null;
                return Ok(());
            }
            let _ = kind;
            Err(JsonProblem::WrongType)
        }
        Type::Class(name) => match CLASSES.get(name) {
            None => Ok(()),
            Some(class) => match (&class.members, &value) {
                (Some(members), Value::String(text)) if members.contains(text) => Ok(()),
                _ => Err(JsonProblem::WrongType),
            },
        },
    }
}

fn flag(value: &mut Value) -> Result<(), JsonProblem> {
    let read = match value {
        Value::Bool(_) => return Ok(()),
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        Value::String(text) => match text.trim() {
            "" => {
                *value = Value::Null;
                return Ok(());
            }
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    *value = Value::Bool(read.ok_or(JsonProblem::WrongType)?);
    Ok(())
}

fn whole(value: &mut Value) -> Result<(), JsonProblem> {
    let read = match value {
        Value::Number(number) if number.is_i64() => return Ok(()),
        // Fractions are cut off; what no 64 bits hold is refused.
        Value::Number(number) => number.to_string().split('.').next().and_then(parsed),
        Value::String(text) if text.trim().is_empty() => {
            *value = Value::Null;
            return Ok(());
        }
        Value::String(text) => parsed(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    *value = Value::Number(Number::from(read.ok_or(JsonProblem::WrongType)?));
    Ok(())
}

fn parsed(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The fields of a document that its class does not know, each as a path: what a realm file brings
/// along from elsewhere, and what is kept but not acted upon.
pub fn unknown_fields(class: &str, document: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let kind = Type::Class(class.to_owned());
    collect_unknown(&kind, &Value::Object(document.clone()), "$", 0, &mut found);
    found
}

/// How many unknown fields are named at most.
const NAMED_MAX: usize = 100;

fn collect_unknown(
    kind: &Type,
    value: &Value,
    path: &str,
    depth: usize,
    found: &mut Vec<String>,
) {
    if depth > DEPTH_MAX || found.len() >= NAMED_MAX {
        return;
    }
    match (kind, value) {
        (Type::List(kind), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                collect_unknown(kind, item, &format!("{path}[{index}]"), depth + 1, found);
            }
        }
        (Type::Map(kind), Value::Object(members)) => {
            for (name, member) in members {
                collect_unknown(kind, member, &format!("{path}.{name}"), depth + 1, found);
            }
        }
        (Type::Class(name), Value::Object(members)) => {
            let Some(class) = CLASSES.get(name).filter(|class| !class.any) else { return };
            for (name, member) in members {
                let path = format!("{path}.{name}");
                match class.fields.get(name) {
                    Some(kind) => collect_unknown(kind, member, &path, depth + 1, found),
                    None => found.push(path),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(class: &str, body: &str) -> String {
        match parse(class, body.as_bytes()) {
            Ok(read) => format!("{}", Value::Object(read)),
            Err(JsonProblem::Broken) => "broken".into(),
            Err(JsonProblem::WrongType) => "wrong type".into(),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn unknown_fields_are_refused_where_keycloak_notices_them() {
        let cases = [
            (r#"{"username":"x","nope":1}"#, "UserRepresentation", "nope", 1, 25),
            (r#"{"nope":1}"#, "UserRepresentation", "nope", 1, 10),
            (r#"{"nope":"300"}"#, "UserRepresentation", "nope", 1, 10),
            (r#"{"username":"u1","nope":{"a":1}}"#, "UserRepresentation", "nope", 1, 26),
            ("{\"username\":\"u1\",\n \"nope\" : 1}", "UserRepresentation", "nope", 2, 12),
            (
                r#"{"username":"u1","credentials":[{"type":"password","bad":1}]}"#,
                "CredentialRepresentation",
                "bad",
                1,
                59,
            ),
            (r#"{"Username":"case"}"#, "UserRepresentation", "Username", 1, 14),
        ];
        for (body, class, field, line, column) in cases {
            let expected = format!(
                "Invalid json representation for {class}. Unrecognized field \"{field}\" at line \
                 {line} column {column}."
            );
            assert_eq!(problem("UserRepresentation", body), expected, "{body}");
        }
        let role = r#"{"name":"r1","composites":{"realm":["x"],"oops":1}}"#;
        assert!(problem("RoleRepresentation", role).contains("for Composites."));
    }

    #[test]
    fn scalars_are_brought_to_their_types() {
        let cases = [
            (r#"{"username":5}"#, r#"{"username":"5"}"#),
            (r#"{"username":true}"#, r#"{"username":"true"}"#),
            (r#"{"enabled":"true"}"#, r#"{"enabled":true}"#),
            (r#"{"enabled":1}"#, r#"{"enabled":true}"#),
            (r#"{"enabled":null}"#, r#"{"enabled":null}"#),
            (r#"{"createdTimestamp":"123"}"#, r#"{"createdTimestamp":123}"#),
            (r#"{"notBefore":1.5}"#, r#"{"notBefore":1}"#),
            (r#"{"attributes":[]}"#, r#"{"attributes":{}}"#),
            (r#"{"username":"a"} trailing"#, r#"{"username":"a"}"#),
            (r#"{"username":"a","username":"b"}"#, r#"{"username":"b"}"#),
        ];
        for (body, expected) in cases {
            assert_eq!(problem("UserRepresentation", body), expected, "{body}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_apart_from_what_is_no_json() {
        for body in [
            r#"{"enabled":"yes"}"#,
            r#"{"username":["a"]}"#,
            r#"{"username":{"a":1}}"#,
            r#"{"createdTimestamp":"abc"}"#,
            r#"{"requiredActions":"X"}"#,
            "[]",
            "\"x\"",
        ] {
            assert_eq!(problem("UserRepresentation", body), "wrong type", "{body}");
        }
        for body in [r#"{"username":"u9""#, "{username:1}", "{'a':1}", "nonsense"] {
            assert_eq!(problem("UserRepresentation", body), "broken", "{body}");
        }
        assert_eq!(parse("UserRepresentation", b" "), Err(JsonProblem::Empty));
        assert_eq!(parse("UserRepresentation", b"null"), Err(JsonProblem::Empty));
    }

    #[test]
    fn unknown_fields_of_a_realm_file_are_named_by_path() {
        let file = json!({"realm": "x", "mine": 1, "clients": [{"clientId": "a", "yours": 2}]});
        let found = unknown_fields("RealmRepresentation", file.as_object().unwrap());
        assert_eq!(found, ["$.mine", "$.clients[0].yours"]);
    }

    #[test]
    fn depth_is_bounded() {
        let body = format!("{{\"attributes\":{}{}}}", "[".repeat(100), "]".repeat(100));
        assert!(parse("UserRepresentation", body.as_bytes()).is_err());
    }
}
