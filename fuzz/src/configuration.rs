//! The operator's files: `keycloak.conf`, its references, and variables in realm files.

use std::io::Read;

use super::{first_line, text};

#[path = "../../server/src/settings/expand.rs"]
#[allow(dead_code)]
mod expand;
#[path = "../../server/src/cli/import/placeholders.rs"]
#[allow(dead_code)]
mod placeholder;
#[path = "../../server/src/settings/properties.rs"]
#[allow(dead_code)]
mod property;

/// What variables stand for here: one that holds a quotation mark, one that refers to itself, two
/// that refer to each other.
fn variable(name: &str) -> Option<String> {
    match name {
        "A" => Some("a\"},\n\\".to_owned()),
        "SELF" => Some("${SELF}${SELF}".to_owned()),
        "ONE" => Some("${OTHER}".to_owned()),
        "OTHER" => Some("${ONE:x}".to_owned()),
        _ => None,
    }
}

/// Java's properties.
pub fn properties(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for (name, value) in property::parse(text) {
        assert!(!name.is_empty());
        assert!(name.len() + value.len() <= text.len() * 3);
    }
}

/// References in values.
pub fn expanded(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(value) = expand::expand(text, &variable) {
        assert!(value.len() <= 64 * 1024 || value.len() <= text.len());
    }
}

/// References in realm files. In whichever pieces a file comes, it reads the same, and a value
/// never ends the string that it stands in: JSON with one member stays JSON with one.
pub fn placeholders(data: &[u8]) {
    let whole = replaced(data);
    assert_eq!(replaced(Pieces(data)), whole);
    let Some(text) = text(data) else { return };
    let (inside, _) = first_line(text);
    let Ok(string) = serde_json::to_string(inside) else {
        return;
    };
    let file = replaced(format!("{{\"a\":{string}}}").as_bytes());
    let read: serde_json::Value = serde_json::from_slice(&file).expect("still JSON");
    assert_eq!(read.as_object().map(serde_json::Map::len), Some(1));
}

fn replaced(file: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = placeholder::Replacing::new(file, variable).read_to_end(&mut bytes);
    assert!(read.is_ok());
    bytes
}

/// A file that comes in small pieces.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(3);
        self.0.read(&mut buffer[..length])
    }
}
