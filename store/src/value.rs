//! What a statement is given: text, whole numbers, bytes or nothing.

use claviger_model::{Id, Millis, Seconds};

/// One argument of a statement, or one cell of a row.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// `NULL`.
    Null,
    /// `SMALLINT`, `INTEGER` or `BIGINT`.
    Int(i64),
    /// `VARCHAR` or `TEXT`.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Tells the form only: values are passwords, tokens and people's data.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Int(_) => f.write_str("Int(…)"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl<T> From<&Id<T>> for Value {
    fn from(id: &Id<T>) -> Self {
        Self::Text(id.as_str().to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<Millis> for Value {
    fn from(time: Millis) -> Self {
        Self::Int(time.0)
    }
}

impl From<Seconds> for Value {
    fn from(time: Seconds) -> Self {
        Self::Int(time.0)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The arguments of a statement, in the order of its placeholders.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::value::Value::from($value)),*]
    };
}
pub(crate) use params;

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_not_printed() {
        let text = format!(
            "{:?}",
            params!["hunter2", 17_i64, None::<&str>, &b"\x01"[..]]
        );
        assert_eq!(text, "[Text(7 bytes), Int(…), Null, Bytes(1)]");
    }
}
