//! Request bodies, read token by token against the schema.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::coerce::{Scalar, coerce};
use super::{Class, JsonProblem, MAX_BODY_BYTES, MAX_VALUES, SCHEMA, Type};
use crate::document::Json;
use crate::tokens::{Next, NotJson, Start, Tokens};

impl From<NotJson> for JsonProblem {
    fn from(_: NotJson) -> Self {
        Self::Broken
    }
}

impl JsonProblem {
    /// The same problem within a value that had begun.
    fn within(self) -> Self {
        match self {
            Self::Broken => Self::BrokenWithin,
            other @ (Self::BrokenWithin
            | Self::WrongType
            | Self::Unrecognized { .. }
            | Self::Empty
            | Self::TooLarge) => other,
        }
    }
}

pub(super) fn object(class: &str, body: &[u8]) -> Result<Json, JsonProblem> {
    let mut reader = Reader::new(body)?;
    match reader.tokens.start()? {
        Start::Object => reader.class(class),
        Start::Null => Err(JsonProblem::Empty),
        Start::Array | Start::Text | Start::Number(_) | Start::Flag(_) => {
            Err(JsonProblem::WrongType)
        }
    }
}

pub(super) fn objects(class: &str, body: &[u8]) -> Result<Vec<Json>, JsonProblem> {
    let kind = Type::Class(class.to_owned());
    let list = list(&kind, body)?;
    let objects = list.into_iter().filter_map(|value| match value {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    });
    Ok(objects.collect())
}

pub(super) fn texts(body: &[u8]) -> Result<Vec<String>, JsonProblem> {
    let list = list(&Type::Text, body)?;
    Ok(list
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect())
}

pub(super) fn any_object(body: &[u8]) -> Result<Json, JsonProblem> {
    let mut reader = Reader::new(body)?;
    match reader.tokens.start()? {
        Start::Object => reader.members(&Type::Any).map_err(JsonProblem::within),
        Start::Null => Err(JsonProblem::Empty),
        Start::Array | Start::Text | Start::Number(_) | Start::Flag(_) => {
            Err(JsonProblem::WrongType)
        }
    }
}

fn list(element: &Type, body: &[u8]) -> Result<Vec<Value>, JsonProblem> {
    let mut reader = Reader::new(body)?;
    match reader.tokens.start()? {
        Start::Array => reader.elements(element).map_err(JsonProblem::within),
        Start::Null => Err(JsonProblem::Empty),
        Start::Object | Start::Text | Start::Number(_) | Start::Flag(_) => {
            Err(JsonProblem::WrongType)
        }
    }
}

struct Reader<'a> {
    tokens: Tokens<'a>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn new(body: &'a [u8]) -> Result<Self, JsonProblem> {
        if body.len() > MAX_BODY_BYTES {
            return Err(JsonProblem::TooLarge);
        }
        let text = std::str::from_utf8(body).map_err(|_| JsonProblem::Broken)?;
        let mut tokens = Tokens::new(text);
        if tokens.is_blank() {
            return Err(JsonProblem::Empty);
        }
        Ok(Self { tokens, values: 0 })
    }

    /// An object whose bracket was read, with the members of a representation.
    fn class(&mut self, name: &str) -> Result<Json, JsonProblem> {
        let Some(class) = SCHEMA.get(name) else {
            return self.members(&Type::Any);
        };
        let mut object = Json::new();
        let mut first = true;
        while self.tokens.next(b'}', first)? == Next::Element {
            first = false;
            let field = self.tokens.name()?;
            let start = self.tokens.start()?;
            match class.fields.get(field.as_ref()) {
                Some(kind) => {
                    let value = self.value(kind, start).map_err(JsonProblem::within)?;
                    put(&mut object, field, value);
                }
                None if class.ignores_others => {
                    self.value(&Type::Any, start).map_err(JsonProblem::within)?;
                }
                None => return Err(self.unknown(class, field)),
            }
        }
        Ok(object)
    }

    fn unknown(&self, class: &Class, field: Cow<'_, str>) -> JsonProblem {
        let (line, column) = self.tokens.place();
        let class = class.short_name.clone();
        JsonProblem::Unrecognized {
            class,
            field: field.into_owned(),
            line,
            column,
        }
    }

    /// A value whose first token was read; none if it counts as `null`.
    fn value(&mut self, kind: &Type, start: Start<'_>) -> Result<Option<Value>, JsonProblem> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(JsonProblem::TooLarge);
        }
        match start {
            Start::Object => self.object_as(kind).map(Some),
            Start::Array => self.array_as(kind).map(Some),
            Start::Text => {
                // What cannot be text is refused before the text is read.
                if matches!(kind, Type::List(_) | Type::Map(_) | Type::Class(_)) {
                    return Err(JsonProblem::WrongType);
                }
                let text = self.tokens.rest_of_text()?;
                coerce(kind, Scalar::Text(&text))
            }
            Start::Number(text) => coerce(kind, Scalar::Number(text)),
            Start::Flag(flag) => coerce(kind, Scalar::Flag(flag)),
            Start::Null => coerce(kind, Scalar::Null),
        }
    }

    fn object_as(&mut self, kind: &Type) -> Result<Value, JsonProblem> {
        let object = match kind {
            Type::Any => self.members(&Type::Any)?,
            Type::Map(value) => self.members(value)?,
            Type::Attributes => attributes(self.members(&Type::Any)?),
            Type::Class(name) => self.class(name)?,
            Type::Text | Type::Flag | Type::Int | Type::Long | Type::List(_) | Type::Enum(_) => {
                return Err(JsonProblem::WrongType);
            }
        };
        Ok(Value::Object(object))
    }

    fn array_as(&mut self, kind: &Type) -> Result<Value, JsonProblem> {
        match kind {
            Type::Any => self.elements(&Type::Any).map(Value::Array),
            Type::List(element) => self.elements(element).map(Value::Array),
            Type::Attributes => {
                self.elements(&Type::Any)?;
                Ok(json!({}))
            }
            Type::Text
            | Type::Flag
            | Type::Int
            | Type::Long
            | Type::Map(_)
            | Type::Enum(_)
            | Type::Class(_) => Err(JsonProblem::WrongType),
        }
    }

    /// An object whose bracket was read, with any members of one type. `null` is kept: it takes
    /// an entry out of a map.
    fn members(&mut self, kind: &Type) -> Result<Json, JsonProblem> {
        let mut object = Json::new();
        let mut first = true;
        while self.tokens.next(b'}', first)? == Next::Element {
            first = false;
            let name = self.tokens.name()?;
            let start = self.tokens.start()?;
            let value = self.value(kind, start)?.unwrap_or(Value::Null);
            object.insert(name.into_owned(), value);
        }
        Ok(object)
    }

    /// A list whose bracket was read. `null` is left out of lists of one type.
    fn elements(&mut self, kind: &Type) -> Result<Vec<Value>, JsonProblem> {
        let mut list = Vec::new();
        let mut first = true;
        while self.tokens.next(b']', first)? == Next::Element {
            first = false;
            let start = self.tokens.start()?;
            list.extend(self.value(kind, start)?);
        }
        Ok(list)
    }
}

/// Sets a member; the last of several with one name counts, `null` takes it out.
fn put(object: &mut Json, field: Cow<'_, str>, value: Option<Value>) {
    match value {
        Some(value) => {
            object.insert(field.into_owned(), value);
        }
        None => {
            object.shift_remove(field.as_ref());
        }
    }
}

/// Attributes of users: texts by name, each a list.
pub(super) fn attributes(members: Json) -> Json {
    let lists = members.into_iter().map(|(name, value)| {
        let texts = match &value {
            Value::Array(values) => values.iter().filter_map(text).collect(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => text(&value).into_iter().collect(),
        };
        (name, Value::Array(texts))
    });
    lists.collect()
}

/// A scalar as text; nothing of `null`, and empty text of lists and objects.
fn text(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(_) => Some(value.clone()),
        Value::Bool(flag) => Some(json!(flag.to_string())),
        Value::Number(number) => Some(json!(number.to_string())),
        Value::Array(_) | Value::Object(_) => Some(json!("")),
    }
}
