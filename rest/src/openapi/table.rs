//! Tables of what endpoints ask, take and give: a file for each tag, a line for each endpoint.
//!
//! The first line of a file tells, after `#`, what its endpoints are about. The cells of the others are
//! separated by tabs:
//!
//! | cell | |
//! |---|---|
//! | method, path | as in the table of endpoints |
//! | name | of the operation; it stays, as it is what functions of generated clients are called |
//! | asks | parameters of the query, with blanks between: `search`, `first:int`, `exact:flag`, `type:texts` (several times) |
//! | takes | the body: a type, a media type, or `form` with the names of its fields; `-` for none |
//! | gives | statuses with what comes with them, commas between: `200 [UserRepresentation]`, `204`, `200 text/plain`, `400` |
//! | note | what else is to know, and who may where the handler decides; may be missing. A beginning *Deprecated* marks it so |
//!
//! A type is `text`, `flag`, `int`, `long`, `any`, a class of `claviger_wire::schema`, `[element]` or
//! `{value by name}`. Refusals that follow from the rest are not written: see `operation.rs`.

use std::collections::HashMap;

use axum::http::{Method, StatusCode};
use claviger_wire::schema::type_schema;
use serde_json::Value;

macro_rules! tags {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!($name, ".tsv")))),*]
    };
}

/// The tables by the tag of their operations.
pub(super) const TAGS: &[(&str, &str)] = tags![
    "attack-detection",
    "authentication",
    "client-policies",
    "client-registration",
    "client-scopes",
    "clients",
    "components",
    "events",
    "groups",
    "identity-providers",
    "keys",
    "localization",
    "logout",
    "organizations",
    "protocol-mappers",
    "realms",
    "role-mappings",
    "roles",
    "scope-mappings",
    "sessions",
    "ui-ext",
    "user-storage",
    "users",
];

/// A parameter of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) name: &'static str,
    pub(super) kind: AskedKind,
}

/// What a parameter of the query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedKind {
    Text,
    Flag,
    Number,
    /// It may be there several times.
    Texts,
}

/// What a body is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    None,
    /// JSON of a schema.
    Json(Value),
    /// Of a media type.
    Media(&'static str),
    /// A form with fields.
    Form(Vec<&'static str>),
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) tag: &'static str,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) asks: Vec<Asked>,
    pub(super) takes: Body,
    pub(super) gives: Vec<(StatusCode, Body)>,
    pub(super) note: &'static str,
}

/// What the endpoints of a file are about.
pub(super) fn about(text: &'static str) -> &'static str {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix('#').unwrap_or_default().trim()
}

/// All lines by their endpoint.
pub(super) fn lines() -> HashMap<(Method, &'static str), Line> {
    let mut lines = HashMap::new();
    for (tag, text) in TAGS {
        let read = text.lines().filter(|line| !line.starts_with('#'));
        for line in read.filter_map(|line| Line::parse(tag, line)) {
            lines.insert((line.method.clone(), line.path), line);
        }
    }
    lines
}

impl Line {
    /// Reads a line. None if there is anything in it that is not known.
    pub(super) fn parse(tag: &'static str, line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let method = cells.next()?.parse().ok()?;
        let path = cells.next().filter(|path| path.starts_with("/admin/"))?;
        let name = cells.next().filter(|name| !name.is_empty())?;
        let asks = cells.next()?;
        let (takes, gives) = (Body::parse(cells.next()?)?, cells.next()?);
        let note = cells.next().unwrap_or_default();
        let asks = asks
            .split(' ')
            .filter(|name| *name != "-")
            .map(Asked::parse);
        let gives = gives.split(", ").map(|given| {
            let (status, body) = given.split_once(' ').unwrap_or((given, "-"));
            Some((status.parse().ok()?, Body::parse(body)?))
        });
        Some(Self {
            tag,
            method,
            path,
            name,
            asks: asks.collect::<Option<_>>()?,
            takes,
            gives: gives.collect::<Option<_>>()?,
            note,
        })
    }
}

impl Asked {
    fn parse(cell: &'static str) -> Option<Self> {
        let (name, kind) = cell.split_once(':').unwrap_or((cell, "text"));
        let kind = match kind {
            "text" => AskedKind::Text,
            "flag" => AskedKind::Flag,
            "int" => AskedKind::Number,
            "texts" => AskedKind::Texts,
            _ => return None,
        };
        (!name.is_empty()).then_some(Self { name, kind })
    }
}

impl Body {
    fn parse(cell: &'static str) -> Option<Self> {
        if let Some(fields) = cell.strip_prefix("form ") {
            return Some(Self::Form(fields.split(' ').collect()));
        }
        match cell {
            "-" => Some(Self::None),
            media if media.contains('/') => Some(Self::Media(media)),
            kind => type_schema(kind).map(Self::Json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_strictly() {
        let good = "PUT\t/admin/x\tputX\tfirst:int q\t[text]\t200 text/plain, 204, 409\tNote";
        let line = Line::parse("x", good).unwrap();
        assert_eq!(line.asks.len(), 2);
        assert_eq!(line.asks[0].kind, AskedKind::Number);
        assert_eq!(line.gives.len(), 3);
        assert_eq!(line.gives[0].1, Body::Media("text/plain"));
        let wrong = [
            "PUT\t/admin/x\tputX\t-\t-",
            "PUT\t/admin/x\tputX\tq:number\t-\t204",
            "PUT\t/admin/x\tputX\t-\tNobodyRepresentation\t204",
            "PUT\t/admin/x\tputX\t-\t-\tfine",
            "PUT\t/else\tputX\t-\t-\t204",
        ];
        for line in wrong {
            assert!(Line::parse("x", line).is_none(), "{line}");
        }
    }
}
