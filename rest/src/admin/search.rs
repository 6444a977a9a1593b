//! The `q` of lists: `name:value "other name":"other value"`.

/// Reads the pairs of a query. What has no colon is passed over.
pub fn fields(query: &str) -> Vec<(String, String)> {
    let mut chars = query.trim().chars().peekable();
    let mut pairs = Vec::new();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return pairs;
        }
        let name = word(&mut chars, |c| c == ':');
        if chars.next().is_none() {
            return pairs;
        }
        let value = word(&mut chars, char::is_whitespace);
        if !name.is_empty() {
            pairs.push((name, value));
        }
    }
}

/// A word up to a delimiter, which is left; quotes hold delimiters, backslashes hold quotes.
fn word(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    ends: impl Fn(char) -> bool,
) -> String {
    let mut word = String::new();
    let mut quoted = false;
    while let Some(c) = chars.next_if(|c| quoted || !ends(*c)) {
        match c {
            '"' => quoted = !quoted,
            '\\' => {
                let escaped = chars.next_if(|c| *c == '"' || *c == '\\');
                word.push(escaped.unwrap_or('\\'));
            }
            other => word.push(other),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn pairs_are_read_with_quotes_and_escapes() {
        for (query, expected) in [
            ("", vec![]),
            ("a:b", vec![("a", "b")]),
            (" a:b  c:d ", vec![("a", "b"), ("c", "d")]),
            (r#""a b":"c d""#, vec![("a b", "c d")]),
            (r#"a:"x:y" b:z"#, vec![("a", "x:y"), ("b", "z")]),
            (r#"a:\"q\""#, vec![("a", "\"q\"")]),
            (r"a:b\\c", vec![("a", r"b\c")]),
            ("lonely", vec![]),
            ("a:", vec![("a", "")]),
            (
                "post.logout.redirect.uris:+",
                vec![("post.logout.redirect.uris", "+")],
            ),
        ] {
            let read = fields(query);
            let read: Vec<(&str, &str)> = read
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(read, expected, "{query}");
        }
    }
}
