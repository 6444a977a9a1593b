//! YAML as JSON: its core schema, without tags of others, with limits on everything that repeats.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// How deep lists and mappings may lie in each other.
const DEEPEST: usize = 100;
/// Most values in a file, those that aliases repeat included.
const MOST: usize = 2_000_000;

/// Reads all documents of a text. JSON is YAML as well. An error names the line.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(vec![value]);
    }
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        reader
            .take(event)
            .map_err(|told| format!("line {}: {told}", span.start.line()))?;
    }
    Ok(reader.done)
}

/// A list or a mapping that is not closed yet.
enum Open {
    List(Vec<Value>),
    /// With the name whose value comes next.
    Mapping(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Reader {
    open: Vec<(Open, usize)>,
    done: Vec<Value>,
    anchors: Vec<(usize, Value, usize)>,
    count: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = match tag {
                    Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                        Value::String(text.into_owned())
                    }
                    Some(tag) if !tag.is_yaml_core_schema() => {
                        return Err(format!("the tag {}{} is not known", tag.handle, tag.suffix));
                    }
                    Some(_) | None if style == ScalarStyle::Plain => plain(&text),
                    Some(_) | None => Value::String(text.into_owned()),
                };
                self.value(value, anchor, 1)
            }
            Event::Alias(anchor) => {
                let known = self
                    .anchors
                    .iter()
                    .rev()
                    .find(|(known, _, _)| *known == anchor);
                let (_, value, size) = known.ok_or("an alias of nothing")?;
                let (value, size) = (value.clone(), *size);
                self.value(value, 0, size)
            }
            Event::SequenceStart(anchor, _) => self.begin(Open::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.begin(Open::Mapping(Map::new(), None), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((Open::List(items), anchor)) => self.value(Value::Array(items), anchor, 1),
                Some((Open::Mapping(members, None), anchor)) => {
                    self.value(joined(members)?, anchor, 1)
                }
                Some((Open::Mapping(_, Some(_)), _)) | None => {
                    Err("an end without a beginning".into())
                }
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, anchor: usize) -> Result<(), String> {
        if self.open.len() >= DEEPEST {
            return Err("too deep".into());
        }
        self.open.push((open, anchor));
        Ok(())
    }

    fn value(&mut self, value: Value, anchor: usize, size: usize) -> Result<(), String> {
        self.count += size;
        if self.count > MOST {
            return Err("too many values".into());
        }
        if anchor > 0 {
            let size = weight(&value);
            self.anchors.push((anchor, value.clone(), size));
        }
        match self.open.last_mut() {
            None => self.done.push(value),
            Some((Open::List(items), _)) => items.push(value),
            Some((Open::Mapping(members, name @ None), _)) => {
                let new = key(value)?;
                if members.contains_key(&new) {
                    return Err(format!("'{new}' stands there twice"));
                }
                *name = Some(new);
            }
            Some((Open::Mapping(members, name), _)) => {
                if let Some(name) = name.take() {
                    members.insert(name, value);
                }
            }
        }
        Ok(())
    }
}

/// `<<` brings the members of other mappings that are not there.
fn joined(mut members: Map<String, Value>) -> Result<Value, String> {
    let others = match members.shift_remove("<<") {
        None => return Ok(Value::Object(members)),
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
    };
    for other in others {
        let Value::Object(other) = other else {
            return Err("'<<' wants a mapping".into());
        };
        for (name, value) in other {
            members.entry(name).or_insert(value);
        }
    }
    Ok(Value::Object(members))
}

fn key(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok("null".into()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err("a name is a text".into()),
    }
}

/// How many values there are in a value.
fn weight(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members.values().map(weight).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// What stands there without quotes (YAML 1.2.2 §10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Phone numbers and codes keep their leading zeros.
    if digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") {
        return Value::String(text.into());
    }
    serde_json::from_str::<Number>(text).map_or_else(|_| Value::String(text.into()), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_is_read_as_json_would_be() {
        let text = "realm: shop\nenabled: true\nttl: 300\nphone: 0049\nversion: '1'\nnone: ~\nroles:\n  realm:\n  - name: a\n    \
                    description: |\n      two\n      lines\n  - {name: b, composite: no}\nbase: &base {x: 1, y: [2]}\n\
                    more:\n  <<: *base\n  x: 3\n";
        let expected = json!([{
            "realm": "shop", "enabled": true, "ttl": 300, "phone": "0049", "version": "1", "none": null,
            "roles": {"realm": [
                {"name": "a", "description": "two\nlines\n"}, {"name": "b", "composite": "no"},
            ]},
            "base": {"x": 1, "y": [2]}, "more": {"x": 3, "y": [2]},
        }]);
        assert_eq!(Value::Array(documents(text).unwrap()), expected);
        assert_eq!(documents("a: 1\n---\nb: 2\n").unwrap().len(), 2);
        assert_eq!(
            documents("{\"a\": [1, {}]}").unwrap(),
            [json!({"a": [1, {}]})]
        );
    }

    #[test]
    fn what_is_broken_or_too_much_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let inner = format!("*a{}, ", level - 1).repeat(10);
            bomb.extend([format!("a{level}: &a{level} [{inner}]\n")]);
        }
        for text in [
            "a: [1",
            "a: 1\na: 2\n",
            "a: !secret x\n",
            "a: *nothing\n",
            "? [a]\n: 1\n",
            "a: b: c",
            &"[".repeat(5000),
            &bomb,
        ] {
            assert!(
                documents(text).is_err(),
                "{}",
                text.chars().take(40).collect::<String>()
            );
        }
    }
}
