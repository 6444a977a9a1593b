//! Java's `.properties` files, to the letter: messages and settings of themes.
//!
//! The rules are those of `java.util.Properties.load`. (Crates that read such files fail at
//! surrogate pairs in escapes, and trim blanks that Java keeps.)

use std::collections::HashMap;
use std::iter::Peekable;

/// How large a file may be, in bytes.
const FILE_MAX: usize = 1024 * 1024;
/// How many entries a file may have.
const ENTRIES_MAX: usize = 20_000;

/// Reads a file: UTF-8, or ISO-8859-1 where its first line says `# encoding: ISO-8859-1`, as
/// Keycloak does. Of two entries with one name the later counts.
///
/// # Errors
///
/// What is wrong with it, for the log.
pub fn read(file: &[u8]) -> Result<HashMap<String, String>, String> {
    if file.len() > FILE_MAX {
        return Err(format!("it is larger than {FILE_MAX} bytes"));
    }
    let text = if says_latin1(file) {
        file.iter().copied().map(char::from).collect()
    } else {
        let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
        String::from_utf8(file.to_vec()).map_err(|_| "it is not UTF-8".to_owned())?
    };
    let mut entries = HashMap::new();
    let mut rest = text.chars().peekable();
    while let Some((name, value)) = entry(&mut rest)? {
        entries.insert(name, value);
        if entries.len() > ENTRIES_MAX {
            return Err(format!("it has more than {ENTRIES_MAX} entries"));
        }
    }
    Ok(entries)
}

fn says_latin1(file: &[u8]) -> bool {
    let line = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).to_ascii_lowercase();
    let named = line.strip_prefix('#').and_then(|rest| {
        let rest = rest.trim_start().strip_prefix("encoding:")?;
        Some(rest.trim().to_owned())
    });
    named.is_some_and(|name| ["iso-8859-1", "latin1"].contains(&name.as_str()))
}

const fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

const fn is_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r')
}

fn skip(rest: &mut Peekable<impl Iterator<Item = char>>, what: impl Fn(char) -> bool) {
    while rest.next_if(|letter| what(*letter)).is_some() {}
}

/// The next entry, past blank lines and comments.
fn entry(
    rest: &mut Peekable<impl Iterator<Item = char> + Clone>,
) -> Result<Option<(String, String)>, String> {
    loop {
        skip(rest, |letter| is_blank(letter) || is_end(letter));
        match rest.peek() {
            None => return Ok(None),
            Some('#' | '!') => skip(rest, |letter| !is_end(letter)),
            Some(_) => break,
        }
    }
    let name = part(rest, |letter| {
        is_blank(letter) || matches!(letter, '=' | ':')
    })?;
    gap(rest);
    if rest.next_if(|letter| matches!(letter, '=' | ':')).is_some() {
        gap(rest);
    }
    let value = part(rest, |_| false)?;
    Ok(Some((name, value)))
}

/// Blanks between name and value; a line may end there with a backslash, and go on.
fn gap<I: Iterator<Item = char> + Clone>(rest: &mut Peekable<I>) {
    loop {
        skip(rest, is_blank);
        let mut ahead = rest.clone();
        if ahead.next() != Some('\\') || !ahead.peek().is_some_and(|letter| is_end(*letter)) {
            return;
        }
        rest.next();
        line_end(rest);
    }
}

fn line_end(rest: &mut Peekable<impl Iterator<Item = char>>) {
    if rest.next() == Some('\r') {
        rest.next_if_eq(&'\n');
    }
}

/// A name or a value, up to the line's end or to where `stops` says.
fn part<I: Iterator<Item = char>>(
    rest: &mut Peekable<I>,
    stops: impl Fn(char) -> bool,
) -> Result<String, String> {
    let mut units: Vec<u16> = Vec::new();
    let mut buffer = [0; 2];
    while let Some(letter) = rest.next_if(|letter| !is_end(*letter) && !stops(*letter)) {
        let letter = if letter == '\\' {
            match rest.peek().copied() {
                None => break,
                Some(end) if is_end(end) => {
                    line_end(rest);
                    skip(rest, is_blank);
                    continue;
                }
                Some('u') => {
                    rest.next();
                    units.push(unit(rest)?);
                    continue;
                }
                Some(escaped) => {
                    rest.next();
                    match escaped {
                        't' => '\t',
                        'n' => '\n',
                        'r' => '\r',
                        'f' => '\u{c}',
                        other => other,
                    }
                }
            }
        } else {
            letter
        };
        units.extend_from_slice(letter.encode_utf16(&mut buffer));
    }
    // A lone half of a pair, which Java would keep, is no character.
    Ok(String::from_utf16_lossy(&units))
}

/// The four digits of `\u`.
fn unit(rest: &mut impl Iterator<Item = char>) -> Result<u16, String> {
    let mut unit = 0_u16;
    for _ in 0..4 {
        let digit = rest.next().and_then(|letter| letter.to_digit(16));
        let digit = digit.and_then(|digit| u16::try_from(digit).ok());
        let digit = digit.ok_or("it has a \\u without four hexadecimal digits")?;
        unit = (unit << 4) | digit;
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_are_read_as_java_reads_them() {
        let cases: [(&str, &[(&str, &str)]); 22] = [
            ("", &[]),
            ("a=b", &[("a", "b")]),
            ("a = b ", &[("a", "b ")]),
            ("a:b\nc d", &[("a", "b"), ("c", "d")]),
            ("a =: b", &[("a", ": b")]),
            ("a", &[("a", "")]),
            ("=b", &[("", "b")]),
            ("# a=b\n  ! c=d\n\n", &[]),
            ("#a\\\nb=c", &[("b", "c")]),
            ("a=b\\\n   c", &[("a", "bc")]),
            ("a=b\\\r\n\tc", &[("a", "bc")]),
            ("a\\\n  b=c", &[("ab", "c")]),
            ("a=\\\n  b", &[("a", "b")]),
            ("a \\\n = b", &[("a", "b")]),
            ("a=b\\\n#c", &[("a", "b#c")]),
            ("a=b\\", &[("a", "b")]),
            ("a\\=b\\:c\\ d=e", &[("a=b:c d", "e")]),
            ("a=\\t\\n\\r\\f\\x\\\\", &[("a", "\t\n\r\u{c}x\\")]),
            ("a=\\u00e9\\uD83D\\uDE00", &[("a", "é😀")]),
            ("a=\\ud83d!", &[("a", "\u{fffd}!")]),
            ("a=\u{3000}b\\\n\u{a0}c", &[("a", "\u{3000}b\u{a0}c")]),
            ("a=1\na=2", &[("a", "2")]),
        ];
        for (file, expected) in cases {
            let expected: HashMap<String, String> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(read(file.as_bytes()), Ok(expected), "{file:?}");
        }
    }

    #[test]
    fn a_file_says_how_it_is_encoded() {
        let latin = b"# encoding: ISO-8859-1\na=\xe9";
        assert_eq!(read(latin).unwrap().get("a").map(String::as_str), Some("é"));
        assert!(read(b"a=\xe9").is_err());
        assert!(read(b"a=\\u12").is_err());
        assert!(read(b"a=\\u12g4").is_err());
        let marked = "\u{feff}a=b".as_bytes();
        assert!(read(marked).unwrap().contains_key("a"));
    }

    #[test]
    fn a_file_has_bounds() {
        assert!(read(&vec![b'a'; FILE_MAX + 1]).is_err());
        let many: Vec<String> = (0..=ENTRIES_MAX).map(|n| n.to_string()).collect();
        let many = many.join("\n");
        assert!(read(many.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_fail(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&file);
        }

        #[test]
        fn what_is_escaped_comes_back(name in "\\PC{1,20}", value in "\\PC{0,40}") {
            let escape = |text: &str| -> String {
                let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                units.concat()
            };
            let file = format!("{}={}", escape(&name), escape(&value));
            prop_assert_eq!(read(file.as_bytes()).unwrap(), HashMap::from([(name, value)]));
        }
    }
}
