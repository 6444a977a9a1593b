//! How answers are shown.

use std::fmt::Write as _;

use serde_json::Value;

use super::Given;
use crate::json::fields::Fields;
use crate::json::print::{Quotes, csv, pretty};
use crate::site::status;
use crate::world::{Answer, World};
use crate::{Failure, usage};

/// What the command line says of it.
pub struct Show {
    fields: Option<Fields>,
    compressed: bool,
    csv: Option<Quotes>,
    headers: bool,
}

impl Show {
    /// Reads the options.
    pub fn of(given: &Given<'_>) -> Result<Self, Failure> {
        let quotes = if given.flag("noquotes") {
            Quotes::None
        } else {
            Quotes::Json
        };
        let csv = match given.last("format") {
            None | Some("json") => None,
            Some("csv") => Some(quotes),
            Some(other) => return usage(format!("Unsupported output format: {other}")),
        };
        Ok(Self {
            fields: given.last("fields").map(Fields::parse).transpose()?,
            compressed: given.flag("compressed"),
            csv,
            headers: given.flag("print-headers"),
        })
    }

    /// Shows status and headers, if they are asked for.
    pub fn headers(&self, answer: &Answer, world: &dyn World) {
        if !self.headers {
            return;
        }
        let mut text = format!("HTTP/1.1 {}\n", status(answer.status));
        for (name, value) in &answer.headers {
            let _ = writeln!(text, "{name}: {value}");
        }
        world.print(&text);
    }

    /// Shows the body, if there is one. What is no JSON is shown as it is.
    pub fn body(&self, answer: &Answer, world: &dyn World) {
        let text = String::from_utf8_lossy(&answer.body);
        match serde_json::from_slice::<Value>(&answer.body) {
            _ if text.trim().is_empty() => {}
            Ok(value) => self.value(&value, Some(text.trim_end()), world),
            Err(_) => world.print(text.trim_end()),
        }
    }

    /// Shows a value, that the server sent in this text.
    pub fn value(&self, value: &Value, sent: Option<&str>, world: &dyn World) {
        let kept = self.fields.as_ref().map(|fields| fields.of(value));
        let shown = kept.as_ref().unwrap_or(value);
        let text = match (self.csv, self.compressed, sent) {
            (Some(quotes), _, _) => csv(shown, quotes),
            (None, true, Some(sent)) if kept.is_none() => sent.to_owned(),
            (None, true, _) => shown.to_string(),
            (None, false, _) => pretty(shown),
        };
        if !text.is_empty() {
            world.print(&text);
        }
    }
}
