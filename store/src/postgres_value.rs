//! Values in PostgreSQL's binary form. The column says how wide a number is.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::error::Plain;
use crate::value::Value;

type Failure = Box<dyn Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, column: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (self, column) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(number), &Type::INT2) => i16::try_from(*number)?.to_sql(column, out),
            (Self::Int(number), &Type::INT4) => i32::try_from(*number)?.to_sql(column, out),
            (Self::Int(number), &Type::INT8) => number.to_sql(column, out),
            (Self::Text(text), &(Type::VARCHAR | Type::TEXT | Type::BPCHAR)) => {
                text.to_sql(column, out)
            }
            (Self::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(column, out),
            (Self::Int(_) | Self::Text(_) | Self::Bytes(_), _) => {
                Err(Box::new(Plain("the value does not fit the column's type")))
            }
        }
    }

    fn accepts(column: &Type) -> bool {
        known(column)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(column: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        match *column {
            Type::INT2 => i16::from_sql(column, raw).map(|number| Self::Int(number.into())),
            Type::INT4 => i32::from_sql(column, raw).map(|number| Self::Int(number.into())),
            Type::INT8 => i64::from_sql(column, raw).map(Self::Int),
            Type::BYTEA => Ok(Self::Bytes(raw.to_vec())),
            _ => String::from_sql(column, raw).map(Self::Text),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self::Null)
    }

    fn accepts(column: &Type) -> bool {
        known(column)
    }
}

/// The types of the schema's columns.
fn known(column: &Type) -> bool {
    matches!(
        *column,
        Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::VARCHAR
            | Type::TEXT
            | Type::BPCHAR
            | Type::BYTEA
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(value: &Value, column: &Type) -> Option<usize> {
        let mut out = BytesMut::new();
        value.to_sql(column, &mut out).ok().map(|_| out.len())
    }

    #[test]
    fn the_column_says_how_wide_a_number_is() {
        let number = Value::Int(-7);
        let widths = [(Type::INT2, 2), (Type::INT4, 4), (Type::INT8, 8)];
        for (column, bytes) in widths {
            assert_eq!(width(&number, &column), Some(bytes));
        }
        assert_eq!(width(&number, &Type::TEXT), None);
        assert_eq!(width(&Value::Int(40_000), &Type::INT2), None);
        assert_eq!(width(&Value::Text("7".to_owned()), &Type::INT4), None);
        assert_eq!(width(&Value::Null, &Type::INT4), Some(0));
    }

    #[test]
    fn values_come_back() {
        let cases = [
            (Value::Int(-7), Type::INT2),
            (Value::Int(1 << 20), Type::INT4),
            (Value::Int(i64::MIN), Type::INT8),
            (Value::Text("ä🦀".to_owned()), Type::VARCHAR),
            (Value::Bytes(vec![0, 255]), Type::BYTEA),
        ];
        for (value, column) in cases {
            let mut out = BytesMut::new();
            value.to_sql(&column, &mut out).unwrap();
            assert_eq!(Value::from_sql(&column, &out).unwrap(), value);
        }
    }
}
