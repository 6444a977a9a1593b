//! Reading members of a representation without failing.
//!
//! Documents were checked when they came in; what is read here may still be old or hand-made, so
//! a member that has the wrong type counts as absent. Text is taken for numbers and flags as
//! Keycloak's own JSON reader does (`"true"`, `"300"`).

use std::collections::BTreeMap;

use claviger_model::Seconds;
use serde_json::Value;

use crate::document::Json;

/// The members of one JSON object.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a Json);

impl<'a> Fields<'a> {
    /// Looks into an object.
    pub const fn of(object: &'a Json) -> Self {
        Self(object)
    }

    /// The member as text, if it is there; numbers and flags are spelled out.
    pub fn text(self, name: &str) -> Option<String> {
        self.0.get(name).and_then(scalar_text)
    }

    /// The member as borrowed text; only if it is a JSON string.
    pub fn str(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// The member as text, where empty text means that nothing was set.
    pub fn filled_text(self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The member as a flag, if it is there.
    pub fn maybe_flag(self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The member as a flag, or what holds without it.
    pub fn flag(self, name: &str, otherwise: bool) -> bool {
        self.maybe_flag(name).unwrap_or(otherwise)
    }

    /// The member as a whole number.
    pub fn integer(self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The member as seconds, or what holds without it.
    pub fn seconds(self, name: &str, otherwise: i64) -> Seconds {
        Seconds(self.integer(name).unwrap_or(otherwise))
    }

    /// The member as a list of texts; empty if it is absent.
    pub fn texts(self, name: &str) -> Vec<String> {
        self.maybe_texts(name).unwrap_or_default()
    }

    /// The member as a list of texts, if it is there.
    pub fn maybe_texts(self, name: &str) -> Option<Vec<String>> {
        let list = self.0.get(name)?.as_array()?;
        Some(list.iter().filter_map(scalar_text).collect())
    }

    /// The member as names with text; nulls in it are left out.
    pub fn text_map(self, name: &str) -> BTreeMap<String, String> {
        let Some(object) = self.object(name) else {
            return BTreeMap::new();
        };
        object
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), scalar_text(value)?)))
            .collect()
    }

    /// The member as names with lists of texts; a single text counts as a list of one.
    pub fn texts_map(self, name: &str) -> BTreeMap<String, Vec<String>> {
        let Some(object) = self.object(name) else {
            return BTreeMap::new();
        };
        object
            .iter()
            .filter_map(|(key, value)| {
                let texts = match value.as_array() {
                    Some(list) => list.iter().filter_map(scalar_text).collect(),
                    None => vec![scalar_text(value)?],
                };
                Some((key.clone(), texts))
            })
            .collect()
    }

    /// The member as an object.
    pub fn object(self, name: &str) -> Option<&'a Json> {
        self.0.get(name)?.as_object()
    }

    /// The objects in a list; other elements are passed over.
    pub fn objects(self, name: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
        let list = self
            .0
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(Value::as_object)
    }
}

/// Text of a scalar; none of nulls, lists and objects.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_are_read_in_either_spelling_and_wrong_types_count_as_absent() {
        let body = json!({
            "a": "true", "b": true, "c": "300", "d": 300, "e": null, "f": [1, "x", null],
            "g": {"k": "v", "n": 5, "z": null}, "h": {"k": ["a", "b"], "s": "one"}, "i": "",
        });
        let fields = Fields::of(body.as_object().unwrap());
        assert!(fields.flag("a", false) && fields.flag("b", false) && fields.flag("absent", true));
        assert_eq!(fields.maybe_flag("e"), None);
        assert_eq!(fields.seconds("c", 1), Seconds(300));
        assert_eq!(fields.seconds("d", 1), Seconds(300));
        assert_eq!(fields.seconds("e", 1), Seconds(1));
        assert_eq!(fields.text("d").as_deref(), Some("300"));
        assert_eq!(fields.texts("f"), ["1", "x"]);
        assert_eq!(fields.texts("a"), Vec::<String>::new());
        assert_eq!(fields.text_map("g").len(), 2);
        assert_eq!(fields.texts_map("h")["s"], ["one"]);
        assert_eq!(fields.filled_text("i"), None);
        assert_eq!(fields.objects("f").count(), 0);
    }
}
