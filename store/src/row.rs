//! One row of an answer. Cells are taken by name, each once, so that text is moved, not copied.

use claviger_model::{Id, Millis, Seconds};
use claviger_wire::document::Json;

use crate::error::StoreError;
use crate::statement::StatementRef;
use crate::value::Value;

/// One row of an answer.
#[derive(Debug)]
pub(crate) struct Row {
    statement: StatementRef,
    values: Vec<Value>,
    /// The place after the one that was read last: cells are read in order, as a rule.
    next: usize,
}

impl Row {
    /// A row as the driver read it, in the order of the statement's columns.
    pub(crate) const fn new(statement: StatementRef, values: Vec<Value>) -> Self {
        Self {
            statement,
            values,
            next: 0,
        }
    }

    /// Text that is there.
    pub(crate) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        match self.take(column)? {
            Value::Text(text) => Ok(text),
            Value::Bytes(bytes) => {
                String::from_utf8(bytes).map_err(|_| self.corrupt(column, "not UTF-8"))
            }
            Value::Null | Value::Int(_) => Err(self.corrupt(column, "no text")),
        }
    }

    /// Text or nothing.
    pub(crate) fn opt_text(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        if self.is_null(column)? {
            Ok(None)
        } else {
            self.text(column).map(Some)
        }
    }

    /// An id that is there.
    pub(crate) fn id<T>(&mut self, column: &'static str) -> Result<Id<T>, StoreError> {
        self.text(column).map(Id::new)
    }

    /// A whole number that is there.
    pub(crate) fn int(&mut self, column: &'static str) -> Result<i64, StoreError> {
        match self.take(column)? {
            Value::Int(number) => Ok(number),
            Value::Null | Value::Text(_) | Value::Bytes(_) => {
                Err(self.corrupt(column, "no whole number"))
            }
        }
    }

    /// A whole number of 32 bits that is there.
    pub(crate) fn int32(&mut self, column: &'static str) -> Result<i32, StoreError> {
        let number = self.int(column)?;
        i32::try_from(number).map_err(|_| self.corrupt(column, "out of range"))
    }

    /// A whole number of 32 bits or nothing.
    pub(crate) fn opt_int32(&mut self, column: &'static str) -> Result<Option<i32>, StoreError> {
        if self.is_null(column)? {
            Ok(None)
        } else {
            self.int32(column).map(Some)
        }
    }

    /// A flag: 0 or 1.
    pub(crate) fn flag(&mut self, column: &'static str) -> Result<bool, StoreError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt(column, "neither 0 nor 1")),
        }
    }

    /// An instant.
    pub(crate) fn millis(&mut self, column: &'static str) -> Result<Millis, StoreError> {
        self.int(column).map(Millis)
    }

    /// An instant or nothing.
    pub(crate) fn opt_millis(
        &mut self,
        column: &'static str,
    ) -> Result<Option<Millis>, StoreError> {
        if self.is_null(column)? {
            Ok(None)
        } else {
            self.millis(column).map(Some)
        }
    }

    /// An instant or a duration in seconds.
    pub(crate) fn seconds(&mut self, column: &'static str) -> Result<Seconds, StoreError> {
        self.int(column).map(Seconds)
    }

    /// A JSON object.
    pub(crate) fn json(&mut self, column: &'static str) -> Result<Json, StoreError> {
        self.decoded(column)
    }

    /// JSON text of any form.
    pub(crate) fn decoded<T: serde::de::DeserializeOwned>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|_| self.corrupt(column, "not the JSON expected"))
    }

    /// Text that names something of a closed set.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &mut self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text = self.text(column)?;
        text.parse()
            .map_err(|_| self.corrupt(column, "not one of the known names"))
    }

    fn place(&mut self, column: &'static str) -> Result<usize, StoreError> {
        let place = self
            .statement
            .column(column, self.next)
            .ok_or_else(|| self.corrupt(column, "not in the answer"))?;
        self.next = place + 1;
        Ok(place)
    }

    fn is_null(&mut self, column: &'static str) -> Result<bool, StoreError> {
        let place = self.place(column)?;
        let is_null = matches!(self.values.get(place), None | Some(Value::Null));
        if !is_null {
            // It is read next.
            self.next = place;
        }
        Ok(is_null)
    }

    fn take(&mut self, column: &'static str) -> Result<Value, StoreError> {
        let place = self.place(column)?;
        match self.values.get_mut(place) {
            Some(value) => Ok(std::mem::replace(value, Value::Null)),
            None => Err(self.corrupt(column, "not in the row")),
        }
    }

    fn corrupt(&self, column: &'static str, reason: &'static str) -> StoreError {
        StoreError::Corrupt {
            statement: self.statement.name,
            column: column.to_owned(),
            reason,
        }
    }
}
