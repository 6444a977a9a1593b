//! The file format of `keycloak.conf`: Java's properties.
//!
//! `name=value`, `name: value` or `name value`; `#` and `!` begin a comment; a backslash at the
//! end of a line joins it with the next; `\t`, `\n`, `\u0041` are understood.

/// The pairs of a file, in order. A repeated name stands twice.
pub fn parse(text: &str) -> Vec<(String, String)> {
    logical_lines(text)
        .iter()
        .filter_map(|line| pair(line))
        .collect()
}

/// Lines without comments and blanks, with continuations joined.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let line = line.trim_start_matches([' ', '\t', '\u{c}', '\u{feff}']);
        if open.is_none() && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let mut joined = open.take().unwrap_or_default();
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            joined.push_str(line.strip_suffix('\\').unwrap_or(line));
            open = Some(joined);
        } else {
            joined.push_str(line);
            lines.push(joined);
        }
    }
    lines.extend(open);
    lines
}

fn pair(line: &str) -> Option<(String, String)> {
    let mut escaped = false;
    let mut end = line.len();
    for (at, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '=' | ':' | ' ' | '\t' => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = rest
        .strip_prefix(['=', ':'])
        .unwrap_or(rest)
        .trim_start_matches([' ', '\t']);
    let name = unescape(name);
    (!name.is_empty()).then(|| (name, unescape(rest).trim_end().to_owned()))
}

fn unescape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => result.push('\t'),
            Some('n') => result.push('\n'),
            Some('r') => result.push('\r'),
            Some('u') => {
                let code: String = characters.by_ref().take(4).collect();
                let scalar = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                result.push(scalar.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // `\$` is left for the replacement of references, which comes later.
            Some('$') => result.push_str("\\$"),
            Some(other) => result.push(other),
            None => {}
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("db=postgres", &[("db", "postgres")]),
            ("  db = postgres  ", &[("db", "postgres")]),
            ("db: postgres", &[("db", "postgres")]),
            ("db postgres", &[("db", "postgres")]),
            ("# comment\n! comment\n\ndb=x", &[("db", "x")]),
            ("a=1\r\nb=2\r\n", &[("a", "1"), ("b", "2")]),
            ("a=one,\\\n   two", &[("a", "one,two")]),
            ("a=ends\\\\\nb=2", &[("a", "ends\\"), ("b", "2")]),
            (
                "db-url=jdbc:postgresql://h/d?x=1#y",
                &[("db-url", "jdbc:postgresql://h/d?x=1#y")],
            ),
            ("a=\\u00e9\\t.", &[("a", "é\t.")]),
            ("a=\\${X}", &[("a", "\\${X}")]),
            ("empty=", &[("empty", "")]),
            ("alone", &[("alone", "")]),
            ("=nothing", &[]),
            ("a=\\", &[("a", "")]),
        ];
        for (text, expected) in cases {
            let found = parse(text);
            let found: Vec<(&str, &str)> = found
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, *expected, "{text:?}");
        }
    }
}
