//! When two realm files say the same.

use serde_json::Value;

/// Members that differ each time; `types` is Keycloak's knowledge of its identity providers.
const PASSING: &[&str] = &[
    "id",
    "internalId",
    "containerId",
    "parentId",
    "createdTimestamp",
    "types",
    "client.secret.creation.time",
];

/// What the elements of lists are known by.
const NAMES: &[&str] = &[
    "clientId",
    "username",
    "alias",
    "name",
    "client",
    "clientScope",
];

/// Leaves out ids and sorts lists and members, so that two files can be compared.
pub(super) fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object
                .iter()
                .filter(|(name, _)| !PASSING.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), comparable(value)))
                .collect();
            members.sort_by(|one, two| one.0.cmp(&two.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(comparable).collect();
            // By name first, or one difference would make everything differ.
            list.sort_by_key(|one| {
                let name = NAMES.iter().find_map(|name| one.get(name));
                (name.map(Value::to_string), one.to_string())
            });
            Value::Array(list)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The places where two comparable values differ.
pub(super) fn differences(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(two)) => {
            for (name, value) in one {
                let path = format!("{path}.{name}");
                match two.get(name) {
                    Some(other) => differences(value, other, &path, found),
                    None => found.push(format!("{path}: ours alone: {value}")),
                }
            }
            for (name, value) in two.iter().filter(|(name, _)| !one.contains_key(*name)) {
                found.push(format!("{path}.{name}: theirs alone: {value}"));
            }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            for (index, (value, other)) in one.iter().zip(two).enumerate() {
                differences(value, other, &format!("{path}[{index}]"), found);
            }
        }
        (one, two) if one == two => {}
        (one, two) => found.push(format!("{path}: {one} instead of {two}")),
    }
}

pub(super) fn assert_same(ours: &Value, theirs: &Value) {
    let mut found = Vec::new();
    differences(&comparable(ours), &comparable(theirs), "", &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Without what an import adds, in Keycloak too: to built-in clients what every client of a file
/// gets, and attributes that show settings a second time.
pub(super) fn without_additions(file: &Value) -> Value {
    let mut file = file.clone();
    file["attributes"]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.starts_with("client"));
    for client in file["clients"].as_array_mut().unwrap() {
        let name = client["clientId"].as_str().unwrap();
        if ["admin-cli", "broker", "realm-management"].contains(&name) {
            let client = client.as_object_mut().unwrap();
            client.shift_remove("secret");
            let attributes = client["attributes"].as_object_mut().unwrap();
            attributes.shift_remove("post.logout.redirect.uris");
        }
    }
    file
}

/// All ids in a file but those of executions, which no file has.
pub(super) fn ids(file: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = vec![file];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    if name == "id" || name == "internalId" {
                        found.push(value.to_string());
                    }
                    rest.push(value);
                }
            }
            Value::Array(list) => rest.extend(list),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found.sort_unstable();
    found
}
