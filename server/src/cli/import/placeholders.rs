//! `${NAME}` in realm files: variables of the environment, so that secrets need not be in the file.
//!
//! Realm files are full of names in this form that are no variables (`${role_admin}`,
//! `${vault.key}`): what is not known stays as it is, unless a default stands behind a colon. Within
//! a JSON string the value is escaped, so that no variable can break out of it.

/// How deep values may refer to values.
const DEPTH: usize = 8;
/// The longest name, in bytes, default included.
const LONGEST_NAME: usize = 4096;

/// Replaces what is known.
pub fn replace(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut in_string = false;
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\', '$']) {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        if let Some((reference, after)) = reference(from)
            && let Some(value) = value_of(reference, lookup, 0)
        {
            if in_string {
                escape_into(&mut result, &value);
            } else {
                result.push_str(&value);
            }
            rest = after;
            continue;
        }
        let mut characters = from.chars();
        match characters.next() {
            Some('"') => {
                in_string = !in_string;
                result.push('"');
            }
            Some('\\') => {
                result.push('\\');
                // An escaped quotation mark ends no string.
                result.extend(characters.next());
            }
            other => result.extend(other),
        }
        rest = characters.as_str();
    }
    result.push_str(rest);
    result
}

/// What stands between `${` and its `}`, and what follows.
fn reference(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix("${")?;
    let mut open = 0_usize;
    for (at, character) in inside
        .char_indices()
        .take_while(|(at, _)| *at < LONGEST_NAME)
    {
        match character {
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
        let found =
            reference(from).and_then(|(name, after)| Some((value_of(name, lookup, depth)?, after)));
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
fn escape_into(result: &mut String, value: &str) {
    let quoted = serde_json::Value::from(value).to_string();
    let inside = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    result.push_str(inside.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn references_that_go_round_end() {
        let replaced = replace(r#"{"a":"${LOOP}"}"#, &lookup);
        assert!(replaced.len() < 10_000, "{}", replaced.len());
    }
}
