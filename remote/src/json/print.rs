//! How values are written: indented as Jackson does it, which is what scripts of others know, or as
//! comma-separated values.

use std::fmt::Write as _;

use serde_json::Value;

/// A value over several lines: lists stay on the line of what holds them.
pub fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out
}

fn write(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Array(items) if items.is_empty() => out.push_str("[ ]"),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "[ " } else { ", " });
                write(out, item, depth);
            }
            out.push_str(" ]");
        }
        Value::Object(members) if members.is_empty() => out.push_str("{ }"),
        Value::Object(members) => {
            for (index, (name, value)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "{" } else { "," });
                indent(out, depth + 1);
                let _ = write!(out, "{} : ", Value::String(name.clone()));
                write(out, value, depth + 1);
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

/// How texts stand in comma-separated values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// As in JSON.
    Json,
    /// Not at all.
    None,
}

/// A line for each item of a list, or one for anything else; what is nested is written flat.
pub fn csv(value: &Value, quotes: Quotes) -> String {
    let line = |value: &Value| {
        let mut cells = Vec::new();
        flatten(value, quotes, &mut cells);
        cells.join(",")
    };
    match value {
        Value::Array(items) => items.iter().map(line).collect::<Vec<_>>().join("\n"),
        other => line(other),
    }
}

fn flatten(value: &Value, quotes: Quotes, cells: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, quotes, cells)),
        Value::Object(members) => members
            .values()
            .for_each(|member| flatten(member, quotes, cells)),
        Value::String(text) if quotes == Quotes::None => cells.push(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            cells.push(value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_indented_and_lists_are_not() {
        let value = json!([{"a": 1, "b": {"c": [{"d": []}, {}], "e": ["x\"", null]}}]);
        let expected = "[ {\n  \"a\" : 1,\n  \"b\" : {\n    \"c\" : [ {\n      \"d\" : [ ]\n    }, { } ],\n    \
                        \"e\" : [ \"x\\\"\", null ]\n  }\n} ]";
        assert_eq!(pretty(&value), expected);
        assert_eq!(pretty(&json!([])), "[ ]");
        assert_eq!(pretty(&json!(5)), "5");
    }

    #[test]
    fn rows_are_flat() {
        let value =
            json!([{"id": "1", "list": ["a", "b"], "flag": true}, {"id": "q\"", "n": null}]);
        assert_eq!(
            csv(&value, Quotes::Json),
            "\"1\",\"a\",\"b\",true\n\"q\\\"\",null"
        );
        assert_eq!(csv(&value, Quotes::None), "1,a,b,true\nq\",null");
    }
}
