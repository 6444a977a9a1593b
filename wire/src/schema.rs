//! What the Admin API accepts: the members of Keycloak's representations and their types.
//!
//! [`parse`] reads a request body as strictly as Keycloak does, coercions and error places
//! included. [`check_lenient`] does the same with a value that was read before, but keeps what
//! nobody knows: realm files come from servers of other versions.

mod coerce;
mod describe;
mod lenient;
mod read;

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::document::Json;

pub use describe::{class_schema, type_schema};
pub use lenient::{Checked, Wrong, check_lenient};

/// Largest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 16 << 20;
/// Most values in one body.
const MAX_VALUES: usize = 1_000_000;

/// Why a body is refused. Keycloak answers 400 to all but the last two.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// Broken JSON: `invalid_request`.
    #[error("Cannot parse the JSON")]
    Broken,
    /// Broken JSON within a value, or a number out of range: `HTTP 400 Bad Request`.
    #[error("Cannot parse the JSON")]
    BrokenWithin,
    /// A member has a value of another type: `unknown_error`.
    #[error("Cannot parse the JSON")]
    WrongType,
    /// A member that the representation does not have.
    #[error(
        "Invalid json representation for {class}. Unrecognized field \"{field}\" at line {line} \
         column {column}."
    )]
    Unrecognized {
        /// The representation, without its package.
        class: String,
        /// The member.
        field: String,
        /// Line of the place behind the first token of its value, from one.
        line: usize,
        /// Column of that place in bytes, from one.
        column: usize,
    },
    /// No body, or `null`. Keycloak's answer depends on the endpoint; most give 500.
    #[error("the body is empty")]
    Empty,
    /// Beyond [`MAX_BODY_BYTES`], or too many values: 413.
    #[error("the body is too large")]
    TooLarge,
}

/// Reads a request body that is one representation, e.g. `parse("UserRepresentation", body)`.
/// Members that are `null` are left out; values have the type that Keycloak would read.
pub fn parse(class: &str, body: &[u8]) -> Result<Json, JsonProblem> {
    read::object(class, body)
}

/// Reads a request body that is a list of representations. `null`s in it are left out.
pub fn parse_list(class: &str, body: &[u8]) -> Result<Vec<Json>, JsonProblem> {
    read::objects(class, body)
}

/// Reads a request body that is a list of texts.
pub fn parse_texts(body: &[u8]) -> Result<Vec<String>, JsonProblem> {
    read::texts(body)
}

/// Reads a request body that is an object with any members.
pub fn parse_any(body: &[u8]) -> Result<Json, JsonProblem> {
    read::any_object(body)
}

/// Whether a representation has a member.
pub fn knows(class: &str, field: &str) -> bool {
    SCHEMA
        .get(class)
        .is_some_and(|class| class.fields.contains_key(field))
}

/// The type of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Flag,
    Int,
    Long,
    /// Anything, kept as it is.
    Any,
    /// Texts by name, each a list; a single text counts as a list of one, and what is no object
    /// as none.
    Attributes,
    List(Box<Type>),
    Map(Box<Type>),
    Enum(Vec<String>),
    Class(String),
}

#[derive(Debug, Default)]
struct Class {
    /// Without its package and the class around it.
    short_name: String,
    fields: HashMap<String, Type>,
    /// Whether Keycloak passes over members that it does not have.
    ignores_others: bool,
}

#[derive(Deserialize)]
struct Data {
    ignoring: Vec<String>,
    enums: HashMap<String, Vec<String>>,
    classes: HashMap<String, HashMap<String, String>>,
}

static SCHEMA: LazyLock<HashMap<String, Class>> = LazyLock::new(load);

#[expect(
    clippy::expect_used,
    reason = "embedded data, parsed by every test run"
)]
fn load() -> HashMap<String, Class> {
    let data: Data = serde_json::from_str(include_str!("representations.json"))
        .expect("the embedded schema is as its type says");
    let classes = data.classes.iter().map(|(name, fields)| {
        let ignores_others = data.ignoring.contains(name);
        let fields = fields
            .iter()
            .map(|(field, text)| (field.clone(), data.type_of(text)));
        let short_name = name.rsplit('.').next().unwrap_or(name).to_owned();
        (
            name.clone(),
            Class {
                short_name,
                fields: fields.collect(),
                ignores_others,
            },
        )
    });
    classes.collect()
}

impl Data {
    fn type_of(&self, text: &str) -> Type {
        match text {
            "text" => Type::Text,
            "flag" | "flag!" => Type::Flag,
            "int" | "int!" => Type::Int,
            "long" | "long!" => Type::Long,
            "any" => Type::Any,
            "attributes" => Type::Attributes,
            name => self.compound(name),
        }
    }

    fn compound(&self, text: &str) -> Type {
        let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
        if let Some(element) = inside('[', ']') {
            return Type::List(Box::new(self.type_of(element)));
        }
        if let Some(value) = inside('{', '}') {
            return Type::Map(Box::new(self.type_of(value)));
        }
        if let Some(name) = text.strip_prefix('#') {
            return Type::Enum(self.enums.get(name).cloned().unwrap_or_default());
        }
        Type::Class(text.to_owned())
    }
}

#[cfg(test)]
mod tests;
