//! Regular expressions written for Java, as administrators put them into policies and profiles.
//!
//! The text is rewritten where Java means something else than our engine (`\d` is ASCII, `\h` is a
//! blank, `\p{Punct}`, `\Q…\E`); a match always covers the whole value. Backtracking is bounded, so
//! that no pattern and no value can hold a thread (ReDoS): what exceeds the bound does not match.

use std::fmt::Write as _;

use fancy_regex::{Regex, RegexBuilder};

/// Longest pattern taken, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;
/// Longest value matched, in bytes; a longer one does not match.
pub const SUBJECT_BYTES_MAX: usize = 64 * 1024;
/// Steps back that one match may take.
const BACKTRACKS_MAX: usize = 200_000;
/// Size of one compiled automaton, in bytes.
const AUTOMATON_BYTES_MAX: usize = 1 << 20;

const DIGITS: &str = "0-9";
const WORD: &str = "a-zA-Z0-9_";
const SPACE: &str = r"\t\n\x0B\x0C\r\x20";
const HORIZONTAL: &str = r"\t\x20\xA0\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}";
const VERTICAL: &str = r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}";

/// Why a text is no pattern for us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// More than [`PATTERN_BYTES_MAX`].
    #[error("the pattern is too long")]
    TooLong,
    /// Not a regular expression, or one that uses what we lack.
    #[error("{0}")]
    Syntax(String),
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles what an administrator wrote.
    pub fn compile(source: &str) -> Result<Self, PatternError> {
        if source.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        let inner = Translator::new(source).run()?;
        // Alone first, or `a)(b` would pass as two groups.
        build(&inner)?;
        let regex = build(&format!(r"\A(?:{inner})\z"))?;
        Ok(Self {
            source: source.to_owned(),
            regex,
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole value matches.
    pub fn matches(&self, value: &str) -> bool {
        value.len() <= SUBJECT_BYTES_MAX && self.regex.is_match(value).unwrap_or(false)
    }
}

fn build(text: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(text)
        .backtrack_limit(BACKTRACKS_MAX)
        .delegate_size_limit(AUTOMATON_BYTES_MAX)
        .build()
        .map_err(|error| PatternError::Syntax(error.to_string()))
}

/// Rewrites Java's syntax.
struct Translator {
    rest: std::vec::IntoIter<char>,
    out: String,
    /// How many character classes are open.
    depth: usize,
}

impl Translator {
    fn new(source: &str) -> Self {
        let chars: Vec<char> = source.chars().collect();
        Self {
            rest: chars.into_iter(),
            out: String::with_capacity(source.len() + 16),
            depth: 0,
        }
    }

    fn run(mut self) -> Result<String, PatternError> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => {
                    self.depth += 1;
                    self.out.push('[');
                }
                ']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.out.push(']');
                }
                // Operators of our engine's classes that Java reads as text.
                '~' if self.depth > 0 => self.out.push_str(r"\~"),
                '-' if self.depth > 0 && self.peek() == Some('-') => self.out.push_str(r"\-"),
                other => self.out.push(other),
            }
        }
        Ok(self.out)
    }

    fn peek(&self) -> Option<char> {
        self.rest.as_slice().first().copied()
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let Some(c) = self.rest.next() else {
            return Err(PatternError::Syntax(
                "a backslash ends the pattern".to_owned(),
            ));
        };
        match c {
            'Q' => self.quoted(),
            'd' => self.class(DIGITS, false),
            'D' => self.class(DIGITS, true),
            'w' => self.class(WORD, false),
            'W' => self.class(WORD, true),
            's' => self.class(SPACE, false),
            'S' => self.class(SPACE, true),
            'h' => self.class(HORIZONTAL, false),
            'H' => self.class(HORIZONTAL, true),
            'v' => self.class(VERTICAL, false),
            'V' => self.class(VERTICAL, true),
            'p' | 'P' => return self.property(c == 'P'),
            'R' if self.depth == 0 => {
                self.out.push_str(r"(?:\r\n|[");
                self.out.push_str(VERTICAL);
                self.out.push_str("])");
            }
            'Z' => self.out.push_str(r"(?=\r?\n?\z)"),
            'u' => return self.unicode(),
            '0' => return self.octal(),
            'e' => self.out.push_str(r"\x1B"),
            'a' => self.out.push_str(r"\x07"),
            't' | 'n' | 'r' | 'f' | 'x' | 'b' | 'B' | 'A' | 'z' | 'k' | '1'..='9' => {
                self.out.push('\\');
                self.out.push(c);
            }
            other if other.is_ascii_alphabetic() => {
                return Err(PatternError::Syntax(format!("unknown escape \\{other}")));
            }
            other => self.literal(other),
        }
        Ok(())
    }

    /// `\Q…\E`: everything between is text.
    fn quoted(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.peek() == Some('E') {
                self.rest.next();
                return;
            }
            self.literal(c);
        }
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '_') {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn class(&mut self, members: &str, negated: bool) {
        if self.depth > 0 && !negated {
            self.out.push_str(members);
            return;
        }
        self.out.push_str(if negated { "[^" } else { "[" });
        self.out.push_str(members);
        self.out.push(']');
    }

    /// `\p{…}`: POSIX names are ASCII in Java, `IsX` is a script or a property.
    fn property(&mut self, negated: bool) -> Result<(), PatternError> {
        let broken = || PatternError::Syntax("unfinished \\p".to_owned());
        let first = self.rest.next().ok_or_else(broken)?;
        let mut name = String::new();
        if first == '{' {
            loop {
                match self.rest.next().ok_or_else(broken)? {
                    '}' => break,
                    c => name.push(c),
                }
            }
        } else {
            name.push(first);
        }
        if let Some(members) = posix(&name) {
            self.class(members, negated);
            return Ok(());
        }
        let name = match name.as_str() {
            "javaLowerCase" => "Lowercase",
            "javaUpperCase" => "Uppercase",
            "javaAlphabetic" => "Alphabetic",
            "javaWhitespace" => "White_Space",
            "IsPunctuation" => "P",
            "IsDigit" => "Nd",
            "IsLetter" => "L",
            other => other.strip_prefix("Is").unwrap_or(other),
        };
        self.out.push_str(if negated { r"\P{" } else { r"\p{" });
        self.out.push_str(name);
        self.out.push('}');
        Ok(())
    }

    /// `\uhhhh`.
    fn unicode(&mut self) -> Result<(), PatternError> {
        let digits: String = self.rest.by_ref().take(4).collect();
        if digits.len() != 4 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(PatternError::Syntax("unfinished \\u".to_owned()));
        }
        self.out.push_str(r"\x{");
        self.out.push_str(&digits);
        self.out.push('}');
        Ok(())
    }

    /// `\0n`, `\0nn`, `\0mnn`.
    fn octal(&mut self) -> Result<(), PatternError> {
        let mut value: Option<u32> = None;
        for _ in 0..3 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else {
                break;
            };
            let next = value.unwrap_or(0) * 8 + digit;
            if next > 0o377 {
                break;
            }
            value = Some(next);
            self.rest.next();
        }
        let value = value.ok_or_else(|| PatternError::Syntax("unfinished \\0".to_owned()))?;
        // Writing to a string cannot fail.
        let _ = write!(self.out, r"\x{{{value:x}}}");
        Ok(())
    }
}

fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => DIGITS,
        "Alnum" => "a-zA-Z0-9",
        "Punct" => r"!-/:-@\[-`\{-\~",
        "Graph" => r"!-\~",
        "Print" => r"\x20-\~",
        "Blank" => r"\x20\t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => SPACE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_syntax_means_what_java_means() {
        for (pattern, matching, other) in [
            ("abc", vec!["abc"], vec!["xabc", "abcx", "ABC"]),
            ("a|bc", vec!["a", "bc"], vec!["ac", "ab"]),
            (
                r"^(?=.*[A-Z])(?=.*\d).{4,}$",
                vec!["Abc1"],
                vec!["abc1", "Abcd", "A1"],
            ),
            (r"(?i)abc", vec!["ABC"], vec!["abd"]),
            (r"\d+", vec!["12"], vec!["\u{0661}", ""]),
            (r"[\d.]+", vec!["1.2"], vec!["a"]),
            (r"[^\s]+", vec!["ab"], vec!["a b"]),
            (r"\w+", vec!["a_1"], vec!["ä"]),
            (r"[\W]", vec!["ä", " "], vec!["a"]),
            (r"\p{Punct}+", vec!["!~[{"], vec!["a", " "]),
            (r"\p{IsLatin}+", vec!["aé"], vec!["д"]),
            (r"\p{Lu}\P{Lu}", vec!["Äb"], vec!["AB"]),
            (r"\Qa.b\E+", vec!["a.b", "a.bb"], vec!["axb"]),
            (r"[a-z&&[^m-p]]+", vec!["abc"], vec!["man"]),
            (r"\h\v", vec!["\u{a0}\n"], vec!["aa"]),
            (r"[~a-c--]+", vec!["~a-"], vec!["d"]),
            (r"\<\-\/\@", vec!["<-/@"], vec!["x"]),
            (r"\u0041\x42\0103", vec!["ABC"], vec!["abc"]),
            (r"(a)\1", vec!["aa"], vec!["ab"]),
            (r"a++b", vec!["aab"], vec!["b"]),
        ] {
            let compiled = Pattern::compile(pattern).unwrap();
            for value in matching {
                assert!(compiled.matches(value), "{pattern} should match {value:?}");
            }
            for value in other {
                assert!(
                    !compiled.matches(value),
                    "{pattern} should not match {value:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in [
            "[",
            "(",
            "a)(b",
            r"\",
            r"\y",
            "*",
            r"\p{",
            r"\u12",
            r"\p{IsNoSuchScript}",
        ] {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
        assert_eq!(
            Pattern::compile(&"a".repeat(PATTERN_BYTES_MAX + 1)),
            Err(PatternError::TooLong)
        );
    }

    #[test]
    fn no_pattern_runs_for_ever() {
        let evil = Pattern::compile(r"(?=(a+)+\1b).*").unwrap();
        assert!(!evil.matches(&"a".repeat(60)));
        let plain = Pattern::compile(r"(a+)+b").unwrap();
        assert!(!plain.matches(&"a".repeat(10_000)));
    }
}
