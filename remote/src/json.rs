//! JSON as administrators' scripts know it: as Jackson prints it, in parts, and with single values set.

pub mod edit;
pub mod fields;
pub mod print;

use serde_json::{Map, Value};

/// Puts one object over another, member by member; everything that is no object replaces what was there.
pub fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                merge(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// A member that is a text.
pub fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}
