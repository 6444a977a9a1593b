//! `${NAME}` and `${NAME:default}` in values.
//!
//! A name is an option (`kc.db-url-host`), a variable of the environment, or `kc.home.dir`. `$$`
//! and `\$` stand for a dollar sign; a dollar sign before anything else is itself.

/// How deep values may refer to values.
const DEPTH: usize = 8;
/// How long a value may become, in bytes: references can multiply.
const LONGEST: usize = 64 * 1024;

/// Why a value cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// The name is neither an option nor a variable, and no default stands behind it.
    #[error("nothing is known by the name of ${{{0}}}; to mean a dollar sign, write $$")]
    Unknown(String),
    /// An opening brace without its closing one.
    #[error("a ${{ is not closed by }}")]
    Open,
    /// Values refer to each other without end.
    #[error("references go round in circles, or make the value too long")]
    Endless,
}

/// Replaces all references in `text`.
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    within(text, lookup, 0)
}

fn within(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, ExpandError> {
    if depth > DEPTH {
        return Err(ExpandError::Endless);
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        if let Some(after) = from.strip_prefix("$$").or_else(|| from.strip_prefix("\\$")) {
            result.push('$');
            rest = after;
        } else if let Some(inner) = from.strip_prefix("${") {
            let end = closing(inner).ok_or(ExpandError::Open)?;
            let (reference, after) = inner.split_at(end);
            result.push_str(&value_of(reference, lookup, depth)?);
            rest = after.strip_prefix('}').unwrap_or(after);
        } else {
            let mut characters = from.chars();
            result.extend(characters.next());
            rest = characters.as_str();
        }
        if result.len() > LONGEST {
            return Err(ExpandError::Endless);
        }
    }
    result.push_str(rest);
    Ok(result)
}

fn value_of(
    reference: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, ExpandError> {
    let (name, default) = match reference.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    match (lookup(name), default) {
        (Some(value), _) => within(&value, lookup, depth + 1),
        (None, Some(default)) => within(default, lookup, depth + 1),
        (None, None) => Err(ExpandError::Unknown(name.to_owned())),
    }
}

/// Where the brace that was opened before `text` is closed.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db".to_owned()),
            "NESTED" => Some("<${HOST}>".to_owned()),
            "LOOP" => Some("${LOOP}${LOOP}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced() {
        let cases = [
            ("plain", "plain"),
            ("${HOST}", "db"),
            ("a${HOST}b${HOST}", "adbbdb"),
            ("${NESTED}", "<db>"),
            ("${NOBODY:x}", "x"),
            ("${NOBODY:}", ""),
            ("${NOBODY:http://${HOST}:1}", "http://db:1"),
            ("$$", "$"),
            ("$${HOST}", "${HOST}"),
            ("\\${HOST}", "${HOST}"),
            ("pa$word", "pa$word"),
            ("C:\\x", "C:\\x"),
            ("end$", "end$"),
            ("é${HOST}ü", "édbü"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &lookup).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_refused() {
        let unknown = ExpandError::Unknown("NOBODY".to_owned());
        assert_eq!(expand("${NOBODY}", &lookup), Err(unknown));
        assert_eq!(expand("${HOST", &lookup), Err(ExpandError::Open));
        assert_eq!(expand("${LOOP}", &lookup), Err(ExpandError::Endless));
    }
}
