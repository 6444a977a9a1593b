//! URIs as Java's `URI` takes them apart (RFC 2396), with its words for what is wrong.

/// Schemes for which Java knows how to open a URL.
const URL_SCHEMES: &[&str] = &[
    "http", "https", "file", "ftp", "jar", "mailto", "jrt", "jmod",
];

/// The parts of a URI that validators ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// What stands before the first colon.
    pub scheme: Option<&'a str>,
    authority: Option<&'a str>,
    /// What stands behind the first `#`.
    pub fragment: Option<&'a str>,
}

impl Uri<'_> {
    /// Why this is not a URL, if it is none.
    pub fn not_a_url(self) -> Option<String> {
        match self.scheme {
            None => Some("URI is not absolute".to_owned()),
            Some(scheme)
                if URL_SCHEMES
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(scheme)) =>
            {
                self.bad_port()
            }
            Some(scheme) => Some(format!("unknown protocol: {}", scheme.to_ascii_lowercase())),
        }
    }

    fn bad_port(self) -> Option<String> {
        let host_and_port = self.authority?.rsplit('@').next()?;
        let (_, port) = host_and_port
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'))?;
        let at = port.chars().position(|c| !c.is_ascii_digit())?;
        Some(format!("Error at index {at} in: \"{port}\""))
    }
}

/// Takes a URI apart.
///
/// # Errors
/// What Java says is wrong with it.
pub fn parse(text: &str) -> Result<Uri<'_>, String> {
    let parser = Parser { text };
    let end = text.find(['/', '?', '#', ':']).unwrap_or(text.len());
    let (scheme, start) = if text.get(end..).is_some_and(|rest| rest.starts_with(':')) {
        parser.scheme(end)?;
        (text.get(..end), end + 1)
    } else {
        (None, 0)
    };
    let fragment_at = text.find('#');
    let body_end = fragment_at.unwrap_or(text.len());
    if scheme.is_some() && start >= body_end {
        return Err(parser.error("Expected scheme-specific part", start));
    }
    let authority = if scheme.is_some() && !parser.slice(start, body_end).starts_with('/') {
        parser.check(start, body_end, "opaque part", is_uric)?;
        None
    } else {
        parser.hierarchical(start, body_end)?
    };
    let fragment = match fragment_at {
        None => None,
        Some(at) => {
            parser.check(at + 1, text.len(), "fragment", is_uric)?;
            text.get(at + 1..)
        }
    };
    Ok(Uri {
        scheme,
        authority,
        fragment,
    })
}

struct Parser<'a> {
    text: &'a str,
}

impl<'a> Parser<'a> {
    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn error(&self, reason: &str, at: usize) -> String {
        let index = super::java::length(self.slice(0, at));
        format!("{reason} at index {index}: {}", self.text)
    }

    fn scheme(&self, end: usize) -> Result<(), String> {
        if end == 0 {
            return Err(self.error("Expected scheme name", 0));
        }
        for (at, c) in self.slice(0, end).char_indices() {
            let good = c.is_ascii_alphabetic()
                || (at > 0 && (c.is_ascii_digit() || matches!(c, '+' | '-' | '.')));
            if !good {
                return Err(self.error("Illegal character in scheme name", at));
            }
        }
        Ok(())
    }

    /// Gives the authority back.
    fn hierarchical(&self, start: usize, end: usize) -> Result<Option<&'a str>, String> {
        let body = self.slice(start, end);
        let mut path_at = start;
        let mut found = None;
        if let Some(rest) = body.strip_prefix("//") {
            let from = start + 2;
            let length = rest.find(['/', '?']).unwrap_or(rest.len());
            if length == 0 && rest.is_empty() {
                return Err(self.error("Expected authority", from));
            }
            path_at = from + length;
            let authority = self.slice(from, path_at);
            found = Some(authority);
            let bracketed = authority.contains('[');
            let good = |c| {
                is_unreserved(c)
                    || "$,;:@&=+".contains(c)
                    || (bracketed && "[]%".contains(c))
                    || is_other(c)
            };
            if !authority.chars().all(good) && self.check(from, path_at, "", good).is_err() {
                // Java names the start of the authority, not the place.
                return Err(self.error("Illegal character in authority", from));
            }
        }
        let query_at = self
            .slice(path_at, end)
            .find('?')
            .map_or(end, |at| path_at + at);
        self.check(path_at, query_at, "path", |c| {
            is_unreserved(c) || ":@&=+$,;/".contains(c)
        })?;
        if query_at < end {
            self.check(query_at + 1, end, "query", is_uric)?;
        }
        Ok(found)
    }

    fn check(
        &self,
        start: usize,
        end: usize,
        part: &str,
        good: impl Fn(char) -> bool,
    ) -> Result<(), String> {
        let text = self.slice(start, end);
        for (at, c) in text.char_indices() {
            if c == '%' {
                let digits = text.as_bytes().get(at + 1..at + 3);
                if !digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.error("Malformed escape pair", start + at));
                }
            } else if !good(c) && !is_other(c) {
                return Err(self.error(&format!("Illegal character in {part}"), start + at));
            }
        }
        Ok(())
    }
}

fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.!~*'()".contains(c)
}

fn is_uric(c: char) -> bool {
    is_unreserved(c) || ";/?:@&=+$,[]".contains(c)
}

/// Java takes characters beyond ASCII unless they are blanks or controls.
fn is_other(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_taken_apart() {
        for (text, scheme, fragment) in [
            ("https://example.org/a?b=c#d", Some("https"), Some("d")),
            ("/a/b", None, None),
            ("mailto:a@b", Some("mailto"), None),
            ("http://[::1]:80/%20é", Some("http"), None),
            ("a/b:c", None, None),
            ("", None, None),
        ] {
            let uri = parse(text).unwrap();
            assert_eq!((uri.scheme, uri.fragment), (scheme, fragment), "{text}");
        }
    }

    #[test]
    fn faults_are_named_in_javas_words() {
        for (text, reason) in [
            ("a b", "Illegal character in path at index 1: a b"),
            (
                "http://a b",
                "Illegal character in authority at index 7: http://a b",
            ),
            (
                "http://a/?<",
                "Illegal character in query at index 10: http://a/?<",
            ),
            (
                "http://a/#^",
                "Illegal character in fragment at index 10: http://a/#^",
            ),
            (
                "x:a b",
                "Illegal character in opaque part at index 3: x:a b",
            ),
            (":a", "Expected scheme name at index 0: :a"),
            ("1a:b", "Illegal character in scheme name at index 0: 1a:b"),
            ("a%2", "Malformed escape pair at index 1: a%2"),
            ("http:", "Expected scheme-specific part at index 5: http:"),
            ("http://", "Expected authority at index 7: http://"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()));
        }
    }

    #[test]
    fn urls_need_a_known_scheme() {
        assert_eq!(
            parse("/a").unwrap().not_a_url().unwrap(),
            "URI is not absolute"
        );
        assert_eq!(
            parse("foo://a").unwrap().not_a_url().unwrap(),
            "unknown protocol: foo"
        );
        assert_eq!(parse("HTTPS://u:p@a:1/:b").unwrap().not_a_url(), None);
        assert_eq!(parse("http://[::1]").unwrap().not_a_url(), None);
        assert_eq!(
            parse("http://a:8b/").unwrap().not_a_url().unwrap(),
            "Error at index 1 in: \"8b\""
        );
    }
}
