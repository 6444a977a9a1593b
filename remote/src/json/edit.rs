//! Single values that the command line sets and removes: `name=value`, `a.b."c.d"[2]+=value`.

use serde_json::{Map, Value};

use crate::{Failure, usage};

/// The largest index of a list that can be set: the items before it are filled with nothing.
const LARGEST_INDEX: usize = 9_999;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(usize),
}

/// What is to happen with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Set(Value),
    Add(Value),
    Remove,
}

/// One change of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    path: Vec<Step>,
    change: Change,
}

impl Edit {
    /// Reads `name=value` or `name+=value`. A value that reads as JSON is that, none is null, and
    /// everything else is a text.
    pub fn set(text: &str) -> Result<Self, Failure> {
        let invalid = || Failure::Usage(format!("Invalid key=value parameter: [{text}]"));
        let mut quoted = false;
        let equals = text.find(|c: char| {
            quoted ^= c == '"';
            c == '=' && !quoted
        });
        let (name, value) = text.split_at(equals.ok_or_else(invalid)?);
        let value = match value.get(1..).unwrap_or_default() {
            "" => Value::Null,
            value => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into())),
        };
        let (name, change) = match name.strip_suffix('+') {
            Some(name) => (name, Change::Add(value)),
            None => (name, Change::Set(value)),
        };
        let path = path(name)?;
        Ok(Self { path, change })
    }

    /// Reads the name of what goes.
    pub fn remove(name: &str) -> Result<Self, Failure> {
        let path = path(name)?;
        let change = Change::Remove;
        Ok(Self { path, change })
    }

    /// Changes a document.
    pub fn apply(&self, document: &mut Value) {
        let Some((last, before)) = self.path.split_last() else {
            return;
        };
        if self.change == Change::Remove {
            let parent = before.iter().try_fold(document, existing);
            match (parent, last) {
                (Some(Value::Object(members)), Step::Member(name)) => {
                    members.shift_remove(name);
                }
                (Some(Value::Array(items)), Step::Item(index)) if *index < items.len() => {
                    items.remove(*index);
                }
                _ => {}
            }
            return;
        }
        let place = self.path.iter().fold(document, made);
        match &self.change {
            Change::Set(value) => place.clone_from(value),
            Change::Add(value) => match place {
                Value::Array(items) => items.push(value.clone()),
                other => *other = Value::Array(vec![value.clone()]),
            },
            Change::Remove => {}
        }
    }
}

/// One step further, if there is something.
fn existing<'a>(value: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match step {
        Step::Member(name) => value.get_mut(name),
        Step::Item(index) => value.get_mut(index),
    }
}

/// One step further, making room.
fn made<'a>(value: &'a mut Value, step: &Step) -> &'a mut Value {
    match step {
        Step::Member(name) => {
            if !value.is_object() {
                *value = Value::Object(Map::new());
            }
            // Has just been made sure.
            match value {
                Value::Object(members) => members.entry(name.clone()).or_insert(Value::Null),
                other => other,
            }
        }
        Step::Item(index) => {
            let items = match value {
                Value::Array(items) => items,
                other => {
                    *other = Value::Array(Vec::new());
                    match other {
                        Value::Array(items) => items,
                        other => return other,
                    }
                }
            };
            if items.len() <= *index {
                items.resize(index + 1, Value::Null);
            }
            #[expect(
                clippy::indexing_slicing,
                reason = "there is room since the line above"
            )]
            &mut items[*index]
        }
    }
}

/// Reads a path: members apart by dots, in quotes where they hold dots, an index in brackets.
fn path(name: &str) -> Result<Vec<Step>, Failure> {
    let invalid = || Failure::Usage(format!("Invalid attribute name: {name}"));
    let mut steps = Vec::new();
    let mut rest = name;
    loop {
        let (member, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(invalid)?,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        if member.is_empty() {
            return Err(invalid());
        }
        steps.push(Step::Member(member.to_owned()));
        rest = after;
        while let Some(bracket) = rest.strip_prefix('[') {
            let (index, after) = bracket.split_once(']').ok_or_else(invalid)?;
            let index: usize = index.parse().map_err(|_| invalid())?;
            if index > LARGEST_INDEX {
                return usage(format!("Index out of range: {name}"));
            }
            steps.push(Step::Item(index));
            rest = after;
        }
        if rest.is_empty() {
            return Ok(steps);
        }
        rest = rest.strip_prefix('.').ok_or_else(invalid)?;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(mut document: Value, edits: &[&str]) -> Value {
        for text in edits {
            let edit = match text.strip_prefix("-d ") {
                Some(name) => Edit::remove(name).unwrap(),
                None => Edit::set(text).unwrap(),
            };
            edit.apply(&mut document);
        }
        document
    }

    #[test]
    fn values_are_read_as_kcadm_reads_them() {
        let made = after(
            json!({}),
            &[
                "a=true",
                "b=5",
                "c=text",
                "d=null",
                "e=1.5",
                "f=",
                "g=x y",
                "h=-3",
                "i=007",
                r#"j=["x",1,{"k":true}]"#,
                r#"k={"q":{"r":1}}"#,
                r#"l="quoted""#,
                "m=[not json",
                "n=x=y",
            ],
        );
        let expected = json!({
            "a": true, "b": 5, "c": "text", "d": null, "e": 1.5, "f": null, "g": "x y", "h": -3, "i": "007",
            "j": ["x", 1, {"k": true}], "k": {"q": {"r": 1}}, "l": "quoted", "m": "[not json", "n": "x=y",
        });
        assert_eq!(made, expected);
    }

    #[test]
    fn paths_lead_through_objects_and_lists() {
        let made = after(
            json!({}),
            &[
                "a.b.c=1",
                "a.b.d=2",
                r#"attributes."x.y"=["1"]"#,
                "l[0]=x",
                r#"m."a=b"=1"#,
            ],
        );
        let expected = json!({
            "a": {"b": {"c": 1, "d": 2}}, "attributes": {"x.y": ["1"]}, "l": ["x"], "m": {"a=b": 1},
        });
        assert_eq!(made, expected);
        let document = json!({"name": "n", "list": ["f"], "obj": {"x": 9, "n": null}});
        let made = after(
            document,
            &[
                "list[3]=z",
                "name+=d",
                "list+=e",
                "obj.x=10",
                "-d obj.n",
                "-d list[0]",
                "-d nothing",
                "-d list[9]",
            ],
        );
        let expected = json!({"name": ["d"], "list": [null, null, "z", "e"], "obj": {"x": 10}});
        assert_eq!(made, expected);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "novalue",
            "=1",
            "a..b=1",
            "a[x]=1",
            "a[1=1",
            r#"a."b=1"#,
            "a[99999999]=1",
            "a[1]b=1",
        ] {
            assert!(matches!(Edit::set(text), Err(Failure::Usage(_))), "{text}");
        }
    }
}
