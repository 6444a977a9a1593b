//! What a file says of an object, beside what the server has: only what is named counts.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What servers show instead of a secret.
pub const MASK: &str = "**********";

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where it is, with dots between names.
    pub path: String,
    /// What the server has; none if nothing.
    pub before: Option<Value>,
    /// What the file says; none if it is to go.
    pub after: Option<Value>,
}

/// Whether a value stands for none: servers leave out what is empty.
fn nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether two values mean the same: a text may stand for a number or a flag, one text for a list of
/// it, lists are compared without regard to order, and a secret that is not shown is taken for the same.
pub fn same(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (_, Value::String(text)) if text == MASK && !nothing(wanted) => true,
        (Value::Array(wanted), Value::Array(found)) => {
            let mut left: Vec<&Value> = found.iter().collect();
            wanted.len() == found.len()
                && wanted.iter().all(|item| {
                    let place = left.iter().position(|other| same(item, other));
                    place.map(|place| left.swap_remove(place)).is_some()
                })
        }
        (Value::Array(items), one) | (one, Value::Array(items)) if !one.is_object() => {
            matches!(items.as_slice(), [item] if same(item, one))
                || (nothing(one) && items.is_empty())
        }
        (Value::Object(wanted), Value::Object(found)) => differences("", wanted, found).is_empty(),
        (wanted, found) if nothing(wanted) || nothing(found) => nothing(wanted) && nothing(found),
        (wanted, found) => wanted == found || plain(wanted) == plain(found),
    }
}

/// A value that is no list and no object, as a text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// All that the file names and that the server has otherwise.
pub fn differences(
    path: &str,
    wanted: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Vec<Difference> {
    let mut all = Vec::new();
    for (name, wanted) in wanted {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let found = found.get(name);
        match (wanted, found) {
            (Value::Object(wanted), Some(Value::Object(found))) => {
                all.extend(differences(&path, wanted, found));
            }
            (Value::Object(wanted), None) => {
                all.extend(differences(&path, wanted, &Map::new()));
            }
            (wanted, found) if same(wanted, found.unwrap_or(&Value::Null)) => {}
            (wanted, found) => all.push(Difference {
                path,
                before: found.filter(|found| !nothing(found)).cloned(),
                after: Some(wanted.clone()).filter(|wanted| !nothing(wanted)),
            }),
        }
    }
    all
}

/// What the server has with what the file says put over it. What is to go is left empty in maps that
/// servers add to, which is how they are told; a list for a name stays a list.
pub fn over(found: &Map<String, Value>, wanted: &Map<String, Value>) -> Map<String, Value> {
    let mut result = found.clone();
    for (name, wanted) in wanted {
        let value = match (wanted, result.get(name)) {
            (Value::Object(wanted), Some(Value::Object(found))) => {
                Value::Object(over(found, wanted))
            }
            (Value::Null, Some(Value::Array(_))) => Value::Array(Vec::new()),
            (Value::Null, Some(Value::String(_))) => Value::String(String::new()),
            (wanted, Some(Value::Array(_))) if !wanted.is_array() => {
                Value::Array(vec![wanted.clone()])
            }
            (wanted, _) => wanted.clone(),
        };
        result.insert(name.clone(), value);
    }
    result
}

/// What must not be printed: by its name, or since it came out of a variable.
#[derive(Clone, Debug, Default)]
pub struct Hidden(pub BTreeSet<String>);

impl Hidden {
    /// A value as it may be shown at a place.
    pub fn show(&self, path: &str, value: &Value) -> String {
        let lower = path.to_ascii_lowercase();
        let named = [
            "secret",
            "password",
            "privatekey",
            "bindcredential",
            "credentials",
            "registrationaccesstoken",
        ];
        let last = lower.rsplit('.').next().unwrap_or_default();
        // `passwordPolicy` and the like tell no secret; lifespans and flags neither.
        let open = ["passwordpolicy", "resetpasswordallowed", "secretsize"];
        let by_name = named.iter().any(|name| last.contains(name)) && !open.contains(&last);
        if (by_name && !value.is_boolean()) || self.within(value) {
            return "(secret)".to_owned();
        }
        value.to_string()
    }

    fn within(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.within(item)),
            Value::Object(members) => members.iter().any(|(_, member)| self.within(member)),
            other => {
                let text = plain(other);
                // What is very short would be found everywhere.
                let told = |secret: &String| {
                    text == *secret || (secret.len() > 3 && text.contains(secret))
                };
                self.0.iter().any(told)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        crate::site::object(value).unwrap()
    }

    #[test]
    fn only_what_is_named_is_compared() {
        let found = object(json!({
            "a": 1, "b": true, "list": ["x", "y"], "map": {"k": "v", "l": ["1"]}, "secret": "**********", "none": "",
        }));
        for (wanted, paths) in [
            (json!({"a": 1}), vec![]),
            (
                json!({"a": "1", "b": "true", "list": ["y", "x"], "map": {"l": "1"}}),
                vec![],
            ),
            (json!({"secret": "new", "none": null, "other": []}), vec![]),
            (
                json!({"a": 2, "map": {"k": null, "m": "w"}}),
                vec!["a", "map.k", "map.m"],
            ),
            (
                json!({"list": ["x"], "b": false, "new": {"deep": 1}}),
                vec!["list", "b", "new.deep"],
            ),
            (json!({"list": ["x", "x"]}), vec!["list"]),
        ] {
            let told = differences("", &object(wanted.clone()), &found);
            let told: Vec<&str> = told.iter().map(|one| one.path.as_str()).collect();
            assert_eq!(told, paths, "{wanted}");
        }
    }

    #[test]
    fn what_is_written_keeps_the_rest() {
        let found = object(json!({"a": 1, "map": {"k": "v", "l": ["1"], "n": "x"}}));
        let wanted = object(json!({"map": {"l": "2", "n": null}, "b": [1]}));
        let expected = json!({"a": 1, "map": {"k": "v", "l": ["2"], "n": ""}, "b": [1]});
        assert_eq!(Value::Object(over(&found, &wanted)), expected);
    }

    #[test]
    fn secrets_are_not_shown() {
        let hidden = Hidden(BTreeSet::from(["hunter2".to_owned()]));
        for (path, value, shown) in [
            ("secret", json!("x"), "(secret)"),
            ("config.clientSecret", json!("x"), "(secret)"),
            ("smtpServer.password", json!("x"), "(secret)"),
            ("config.bindCredential", json!(["x"]), "(secret)"),
            ("displayName", json!("see hunter2"), "(secret)"),
            ("redirectUris", json!(["a", "hunter2"]), "(secret)"),
            ("passwordPolicy", json!("length(8)"), "\"length(8)\""),
            ("resetPasswordAllowed", json!(true), "true"),
            ("name", json!("x"), "\"x\""),
        ] {
            assert_eq!(hidden.show(path, &value), shown, "{path}");
        }
    }
}
