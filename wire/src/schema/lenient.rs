//! Values that were read before, against the schema; what nobody knows is kept.

use serde_json::Value;

use super::coerce::{Scalar, coerce};
use super::read::attributes;
use super::{SCHEMA, Type};
use crate::document::Json;

/// Most members that are reported as unknown; more tell nothing more.
const MAX_UNKNOWN: usize = 1_000;

/// A representation with values of the right types.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The representation; it has no `null` but in maps.
    pub body: Json,
    /// Members that nobody knows, as paths such as `clients[3].nope`. They are in the body.
    pub unknown: Vec<String>,
}

/// A value of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Wrong {
    /// Where, e.g. `clients[3].enabled`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Checks a representation and brings its values to the types that the server reads.
///
/// # Errors
/// If a value cannot be read as the type of its member.
pub fn check_lenient(class: &str, value: Value) -> Result<Checked, Wrong> {
    let mut checker = Checker {
        path: String::new(),
        unknown: Vec::new(),
    };
    match value {
        Value::Object(object) => {
            let body = checker.class(class, object)?;
            Ok(Checked {
                body,
                unknown: checker.unknown,
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(checker.wrong(&Type::Class(class.to_owned())))
        }
    }
}

struct Checker {
    path: String,
    unknown: Vec<String>,
}

impl Checker {
    /// Goes down one step and back.
    fn at<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(step);
        let done = work(self);
        self.path.truncate(length);
        done
    }

    fn member<T>(&mut self, name: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        if self.path.is_empty() {
            self.at(name, work)
        } else {
            self.at(&format!(".{name}"), work)
        }
    }

    fn class(&mut self, name: &str, object: Json) -> Result<Json, Wrong> {
        let Some(class) = SCHEMA.get(name) else {
            return Ok(object);
        };
        let mut body = Json::new();
        for (field, value) in object {
            let Some(kind) = class.fields.get(&field) else {
                if self.unknown.len() < MAX_UNKNOWN {
                    let path = self.member(&field, |checker| checker.path.clone());
                    self.unknown.push(path);
                }
                body.insert(field, value);
                continue;
            };
            if let Some(value) = self.member(&field, |checker| checker.value(kind, value))? {
                body.insert(field, value);
            }
        }
        Ok(body)
    }

    fn value(&mut self, kind: &Type, value: Value) -> Result<Option<Value>, Wrong> {
        match value {
            Value::Object(object) => self.object(kind, object).map(Some),
            Value::Array(list) => self.list(kind, list).map(Some),
            Value::String(text) => self.scalar(kind, Scalar::Text(&text)),
            Value::Number(number) => self.scalar(kind, Scalar::Number(&number.to_string())),
            Value::Bool(flag) => self.scalar(kind, Scalar::Flag(flag)),
            Value::Null => self.scalar(kind, Scalar::Null),
        }
    }

    fn scalar(&self, kind: &Type, scalar: Scalar<'_>) -> Result<Option<Value>, Wrong> {
        coerce(kind, scalar).map_err(|_| self.wrong(kind))
    }

    fn object(&mut self, kind: &Type, object: Json) -> Result<Value, Wrong> {
        let object = match kind {
            Type::Any => object,
            Type::Attributes => attributes(object),
            Type::Class(name) => self.class(name, object)?,
            Type::Map(kind) => {
                let mut map = Json::new();
                for (name, value) in object {
                    let value = self.member(&name, |checker| checker.value(kind, value))?;
                    map.insert(name, value.unwrap_or(Value::Null));
                }
                map
            }
            Type::Text | Type::Flag | Type::Int | Type::Long | Type::List(_) | Type::Enum(_) => {
                return Err(self.wrong(kind));
            }
        };
        Ok(Value::Object(object))
    }

    fn list(&mut self, kind: &Type, list: Vec<Value>) -> Result<Value, Wrong> {
        match kind {
            Type::Any => Ok(Value::Array(list)),
            Type::Attributes => Ok(Value::Object(Json::new())),
            Type::List(kind) => {
                let mut checked = Vec::with_capacity(list.len());
                for (index, value) in list.into_iter().enumerate() {
                    let step = format!("[{index}]");
                    checked.extend(self.at(&step, |checker| checker.value(kind, value))?);
                }
                Ok(Value::Array(checked))
            }
            Type::Text
            | Type::Flag
            | Type::Int
            | Type::Long
            | Type::Map(_)
            | Type::Enum(_)
            | Type::Class(_) => Err(self.wrong(kind)),
        }
    }

    fn wrong(&self, kind: &Type) -> Wrong {
        let wanted = match kind {
            Type::Text => "text".to_owned(),
            Type::Flag => "true or false".to_owned(),
            Type::Int => "a number of 32 bits".to_owned(),
            Type::Long => "a number of 64 bits".to_owned(),
            Type::Any => "a value".to_owned(),
            Type::Attributes | Type::Map(_) | Type::Class(_) => "an object".to_owned(),
            Type::List(_) => "a list".to_owned(),
            Type::Enum(names) => format!("one of {}", names.join(", ")),
        };
        Wrong {
            path: self.path.clone(),
            message: format!("must be {wanted}"),
        }
    }
}
