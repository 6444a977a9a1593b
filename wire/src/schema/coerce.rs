//! Scalars of one JSON type where another is asked for, by Jackson's rules.

use serde_json::{Number, Value, json};

use super::{JsonProblem, Type};

/// A scalar as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Number(&'a str),
    Flag(bool),
    Null,
}

/// The value that a member of this type takes; none if it counts as `null`.
pub(super) fn coerce(kind: &Type, scalar: Scalar<'_>) -> Result<Option<Value>, JsonProblem> {
    match (kind, scalar) {
        (Type::Any, _) => any(scalar).map(Some),
        (_, Scalar::Null) => Ok(None),
        (Type::Text, Scalar::Text(text) | Scalar::Number(text)) => Ok(Some(json!(text))),
        (Type::Text, Scalar::Flag(flag)) => Ok(Some(json!(flag.to_string()))),
        (Type::Flag, _) => flag(scalar),
        (Type::Int, _) => integer(scalar, i64::from(i32::MIN)..=i64::from(i32::MAX)),
        (Type::Long, _) => integer(scalar, i64::MIN..=i64::MAX),
        (Type::Enum(names), _) => one_of(names, scalar).map(Some),
        (Type::Attributes, _) => Ok(Some(json!({}))),
        (Type::List(_) | Type::Map(_) | Type::Class(_), _) => Err(JsonProblem::WrongType),
    }
}

/// A scalar of its own type.
pub(super) fn any(scalar: Scalar<'_>) -> Result<Value, JsonProblem> {
    Ok(match scalar {
        Scalar::Text(text) => json!(text),
        Scalar::Number(text) => Value::Number(
            text.parse::<Number>()
                .map_err(|_| JsonProblem::BrokenWithin)?,
        ),
        Scalar::Flag(flag) => json!(flag),
        Scalar::Null => Value::Null,
    })
}

/// Text in the place of a number or flag: empty text and the word `null` mean that there is none.
fn meaning(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text != "null").then_some(text)
}

fn flag(scalar: Scalar<'_>) -> Result<Option<Value>, JsonProblem> {
    match scalar {
        Scalar::Flag(flag) => Ok(Some(json!(flag))),
        Scalar::Number(text) if !text.contains(['.', 'e', 'E']) => Ok(Some(json!(
            text.trim_start_matches('-')
                .bytes()
                .any(|digit| digit != b'0')
        ))),
        Scalar::Text(text) => match meaning(text) {
            None => Ok(None),
            Some("true" | "True" | "TRUE") => Ok(Some(json!(true))),
            Some("false" | "False" | "FALSE") => Ok(Some(json!(false))),
            Some(_) => Err(JsonProblem::WrongType),
        },
        Scalar::Number(_) | Scalar::Null => Err(JsonProblem::WrongType),
    }
}

fn integer(
    scalar: Scalar<'_>,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Option<Value>, JsonProblem> {
    let (number, out_of_range) = match scalar {
        Scalar::Number(text) => (whole(text), JsonProblem::BrokenWithin),
        Scalar::Text(text) => match meaning(text) {
            None => return Ok(None),
            Some(text) => (text.parse().ok(), JsonProblem::WrongType),
        },
        Scalar::Flag(_) | Scalar::Null => return Err(JsonProblem::WrongType),
    };
    match number.filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(json!(number))),
        None => Err(out_of_range),
    }
}

/// The whole part of a JSON number, if it can be kept.
fn whole(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    let number = number.trunc();
    // 2^63 is the first that does not fit.
    #[expect(clippy::cast_possible_truncation, reason = "checked to lie within i64")]
    (number.abs() < 9_223_372_036_854_775_808.0).then_some(number as i64)
}

/// The name of an enum's value, or its position.
fn one_of(names: &[String], scalar: Scalar<'_>) -> Result<Value, JsonProblem> {
    let found = match scalar {
        Scalar::Text(text) => names.iter().find(|name| *name == text),
        Scalar::Number(text) => text.parse().ok().and_then(|index: usize| names.get(index)),
        Scalar::Flag(_) | Scalar::Null => None,
    };
    found.map(|name| json!(name)).ok_or(JsonProblem::WrongType)
}
