//! `--fields`: which members of an answer are shown, as in `id,config(*),-secret`.

use serde_json::{Map, Value};

use crate::{Failure, failed, usage};

/// How deep a selection may go.
const DEEPEST: usize = 32;

/// Which members are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    named: Vec<(String, Fields)>,
    all: Option<Box<Fields>>,
    without: Vec<String>,
}

impl Fields {
    /// Reads a selection.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if text.is_empty() {
            return usage("Fields spec is null or empty!");
        }
        let mut reader = Reader { text, at: 0 };
        match reader.fields(0) {
            Some(fields) if reader.at == text.len() => Ok(fields),
            _ => {
                let at = reader.at;
                failed(format!(
                    "Invalid fields specification at position {at}: {text}"
                ))
            }
        }
    }

    /// The part of a value that is kept. Of a list it is that part of each item; what is neither list
    /// nor object is kept whole.
    pub fn of(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.of(item)).collect(),
            Value::Object(members) => {
                let kept = members
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), self.inner(name)?.of(value))));
                Value::Object(kept.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    /// What is kept of a member, if it is kept.
    fn inner(&self, name: &str) -> Option<&Self> {
        if self.without.iter().any(|known| known == name) {
            return None;
        }
        let named = self.named.iter().find(|(known, _)| known == name);
        named.map(|(_, inner)| inner).or(self.all.as_deref())
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn eat(&mut self, wanted: char) -> bool {
        let found = self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(wanted));
        self.at += usize::from(found);
        found
    }

    fn fields(&mut self, depth: usize) -> Option<Fields> {
        let mut fields = Fields::default();
        loop {
            let rest = self.text.get(self.at..)?;
            let name = rest.get(..rest.find([',', '(', ')']).unwrap_or(rest.len()))?;
            if name.is_empty() || depth > DEEPEST {
                return None;
            }
            self.at += name.len();
            let mut inner = Fields::default();
            if self.eat('(') {
                inner = self.fields(depth + 1)?;
                if !self.eat(')') {
                    return None;
                }
            }
            match (name, name.strip_prefix('-')) {
                ("*", _) => fields.all = Some(Box::new(inner)),
                (_, Some(without)) => fields.without.push(without.to_owned()),
                (name, None) => fields.named.push((name.to_owned(), inner)),
            }
            if !self.eat(',') {
                return Some(fields);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selections_keep_what_kcadm_keeps() {
        let document = json!({
            "id": "1", "list": ["a"], "obj": {"x": 1, "y": {"z": 2}}, "objs": [{"id": "o", "k": 1}],
            "attributes": {"a.b": ["1"]},
        });
        for (text, expected) in [
            ("obj,id", json!({"id": "1", "obj": {}})),
            (
                "obj(*),list",
                json!({"list": ["a"], "obj": {"x": 1, "y": {}}}),
            ),
            ("objs(id)", json!({"objs": [{"id": "o"}]})),
            ("obj(*(*))", json!({"obj": {"x": 1, "y": {"z": 2}}})),
            (
                "*,-attributes",
                json!({"id": "1", "list": ["a"], "obj": {}, "objs": [{}]}),
            ),
            ("obj(-x,*)", json!({"obj": {"y": {}}})),
            ("-id", json!({})),
            ("nosuch", json!({})),
            ("attributes(a.b)", json!({"attributes": {"a.b": ["1"]}})),
        ] {
            let fields = Fields::parse(text).unwrap();
            assert_eq!(fields.of(&document), expected, "{text}");
            assert_eq!(fields.of(&json!([document])), json!([expected]), "{text}");
        }
    }

    #[test]
    fn broken_selections_name_the_place() {
        for text in ["obj(x", "name,,id", "name,((", "a)", "a(b))", "a,"] {
            let Err(Failure::Failed(told)) = Fields::parse(text) else {
                panic!("{text}");
            };
            assert!(told.ends_with(text), "{told}");
        }
        assert!(matches!(Fields::parse(""), Err(Failure::Usage(_))));
        assert!(Fields::parse(&"a(".repeat(5000)).is_err());
    }
}
