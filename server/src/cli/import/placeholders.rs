//! `${NAME}` in realm files: variables of the environment, so that secrets need not be in the file.
//!
//! Realm files are full of names in this form that are no variables (`${role_admin}`,
//! `${vault.key}`): what is not known stays as it is, unless a default stands behind a colon. Within
//! a JSON string the value is escaped, so that no variable can break out of it.

use std::io::{self, Read};

/// How deep values may refer to values.
const DEPTH: usize = 8;
/// The longest name, in bytes, default included.
const LONGEST_NAME: usize = 4096;

/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// Reads a text and replaces what is known on the way, however long the text is.
pub struct Replacing<R, L> {
    inner: R,
    lookup: L,
    /// Read, and not yet looked at.
    raw: Vec<u8>,
    /// Looked at, and not yet handed on, from `handed` on.
    ready: Vec<u8>,
    handed: usize,
    ended: bool,
    in_string: bool,
    escaped: bool,
}

impl<R: Read, L: Fn(&str) -> Option<String>> Replacing<R, L> {
    /// Replaces what `lookup` knows.
    pub const fn new(inner: R, lookup: L) -> Self {
        Self {
            inner,
            lookup,
            raw: Vec::new(),
            ready: Vec::new(),
            handed: 0,
            ended: false,
            in_string: false,
            escaped: false,
        }
    }

    /// Reads more and looks at it. References are looked at only if the longest would be whole.
    fn refill(&mut self) -> io::Result<()> {
        let before = self.raw.len();
        self.raw.resize(before + CHUNK, 0);
        let read = self
            .inner
            .read(self.raw.get_mut(before..).unwrap_or_default());
        self.raw.truncate(before + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        self.ready.clear();
        self.handed = 0;
        let raw = std::mem::take(&mut self.raw);
        let left = self.look_at(&raw);
        self.raw = raw.get(raw.len() - left..).unwrap_or_default().to_vec();
        Ok(())
    }

    /// Looks at bytes; tells how many at the end have to wait for more.
    fn look_at(&mut self, raw: &[u8]) -> usize {
        let mut rest = raw;
        while let Some((&byte, after)) = rest.split_first() {
            if byte == b'$' && !self.escaped {
                if !self.ended && rest.len() < LONGEST_NAME + "${}".len() {
                    return rest.len();
                }
                if let Some(after) = self.replaced(rest) {
                    rest = after;
                    continue;
                }
            }
            match byte {
                _ if self.escaped => self.escaped = false,
                b'"' => self.in_string = !self.in_string,
                // An escaped quotation mark ends no string.
                b'\\' => self.escaped = true,
                _ => {}
            }
            self.ready.push(byte);
            rest = after;
        }
        0
    }

    /// Replaces a reference at the beginning, if it is known; tells what follows.
    fn replaced<'a>(&mut self, from: &'a [u8]) -> Option<&'a [u8]> {
        let head = from.get(..LONGEST_NAME + "${}".len()).unwrap_or(from);
        let head = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        };
        let (reference, after) = reference(head, self.in_string)?;
        let value = value_of(reference, &self.lookup, 0)?;
        if self.in_string {
            self.ready.extend_from_slice(escaped(&value).as_bytes());
        } else {
            self.ready.extend_from_slice(value.as_bytes());
        }
        from.get(head.len() - after.len()..)
    }
}

impl<R: Read, L: Fn(&str) -> Option<String>> Read for Replacing<R, L> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.handed == self.ready.len() && !self.ended {
            self.refill()?;
        }
        let mut ready = self.ready.get(self.handed..).unwrap_or_default();
        let count = ready.read(buffer)?;
        self.handed += count;
        Ok(count)
    }
}

/// What stands between `${` and its `}`, and what follows. Within a string it ends with the string.
fn reference(text: &str, in_string: bool) -> Option<(&str, &str)> {
    let inside = text.strip_prefix("${")?;
    let (mut open, mut escaped) = (0_usize, false);
    for (at, character) in inside
        .char_indices()
        .take_while(|(at, _)| *at < LONGEST_NAME)
    {
        match character {
            _ if in_string && escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' if in_string => return None,
            '{' => open += 1,
            '}' if open == 0 => {
                let (name, after) = inside.split_at(at);
                return Some((name, after.strip_prefix('}')?));
            }
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

fn value_of(
    reference: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Option<String> {
    if depth > DEPTH {
        return None;
    }
    let (names, default) = match reference.split_once(':') {
        Some((names, default)) if !names.is_empty() => (names, Some(default)),
        Some(_) | None => (reference, None),
    };
    // `${FIRST,SECOND:default}`.
    let known = names.split(',').find_map(lookup);
    let value = known.or_else(|| default.map(str::to_owned))?;
    match value.find("${") {
        None => Some(value),
        Some(_) => Some(nested(&value, lookup, depth + 1)),
    }
}

/// Replaces references within a value.
fn nested(value: &str, lookup: &dyn Fn(&str) -> Option<String>, depth: usize) -> String {
    let mut result = String::new();
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        let found = reference(from, false)
            .and_then(|(name, after)| Some((value_of(name, lookup, depth)?, after)));
        if let Some((value, after)) = found {
            result.push_str(&value);
            rest = after;
        } else {
            result.push_str("${");
            rest = from.strip_prefix("${").unwrap_or_default();
        }
    }
    result.push_str(rest);
    result
}

/// The value as it may stand within a JSON string.
fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    let inside = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    fn replace(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
        let (mut at_once, mut slowly) = (String::new(), String::new());
        let mut reader = Replacing::new(text.as_bytes(), lookup);
        reader.read_to_string(&mut at_once).unwrap();
        let mut reader = Replacing::new(Slow(text.as_bytes()), lookup);
        reader.read_to_string(&mut slowly).unwrap();
        assert_eq!(at_once, slowly);
        at_once
    }

    fn lookup(name: &str) -> Option<String> {
        let value = match name {
            "NAME" => "shop",
            "QUOTE" => "a\"b\\c\nd",
            "NESTED" => "<${NAME}>",
            "LOOP" => "${LOOP}${LOOP}",
            "FLAG" => "true",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn what_is_known_is_replaced_and_the_rest_stays() {
        let cases = [
            (r#"{"realm":"${NAME}"}"#, r#"{"realm":"shop"}"#),
            (r#"{"enabled":${FLAG}}"#, r#"{"enabled":true}"#),
            (r#"{"name":"${role_admin}"}"#, r#"{"name":"${role_admin}"}"#),
            (
                r#"{"secret":"${vault.key}"}"#,
                r#"{"secret":"${vault.key}"}"#,
            ),
            (r#"{"a":"${NOBODY:x y}"}"#, r#"{"a":"x y"}"#),
            (r#"{"a":"${NOBODY,NAME:z}"}"#, r#"{"a":"shop"}"#),
            (r#"{"a":"${NESTED}"}"#, r#"{"a":"<shop>"}"#),
            (r#"{"a":"${NOBODY:${NAME}}"}"#, r#"{"a":"shop"}"#),
            (r#"{"a":"$ ${ $NAME"}"#, r#"{"a":"$ ${ $NAME"}"#),
            (r#"{"a":"\"${NAME}"}"#, r#"{"a":"\"shop"}"#),
            // What is not closed within its string is no reference.
            (r#"{"a":"${NAME:x"}"#, r#"{"a":"${NAME:x"}"#),
            (
                r#"{"a":"${NAME:{x}","b":"}"}"#,
                r#"{"a":"${NAME:{x}","b":"}"}"#,
            ),
            (r#"{"a":"${NOBODY:\"}"}"#, r#"{"a":"\\\""}"#),
        ];
        for (text, expected) in cases {
            assert_eq!(replace(text, &lookup), expected, "{text}");
        }
    }

    #[test]
    fn a_value_cannot_break_out_of_its_string() {
        let replaced = replace(r#"{"secret":"${QUOTE}"}"#, &lookup);
        let value: serde_json::Value = serde_json::from_str(&replaced).unwrap();
        assert_eq!(value["secret"], "a\"b\\c\nd");
    }

    #[test]
    fn no_place_in_the_file_is_too_far_or_too_unlucky() {
        for before in [0, CHUNK - 8, CHUNK - 3, CHUNK - 1, CHUNK, 3 * CHUNK - 2] {
            let filler = "ü".repeat(before / 2) + &"x".repeat(before % 2);
            let text = format!("{{\"a\":\"{filler}${{NAME}}ü\"}}");
            let expected = format!("{{\"a\":\"{filler}shopü\"}}");
            assert!(replace(&text, &lookup) == expected, "{before}");
        }
        let long = format!("${{{}}}", "x".repeat(2 * LONGEST_NAME));
        assert!(replace(&long, &lookup) == long);
    }

    #[test]
    fn references_that_go_round_end() {
        let replaced = replace(r#"{"a":"${LOOP}"}"#, &lookup);
        assert!(replaced.len() < 10_000, "{}", replaced.len());
    }
}
