//! A JSON reader (RFC 8259) that says where it stands, token by token.
//!
//! The Admin API answers unknown members with the line and column at which Keycloak's reader stood
//! when it met them: behind the first token of the member's value, in bytes. No library tells that
//! place, and clients compare the text. Besides, the first error in the order of the text counts,
//! so that nothing may be read ahead.

use std::borrow::Cow;

/// Deepest nesting of objects and lists.
pub(crate) const MAX_DEPTH: usize = 100;

/// The text is not JSON, or is nested too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

/// The first token of a value. What follows a start is read by the caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start<'a> {
    Object,
    Array,
    /// Behind the opening quote.
    Text,
    Number(&'a str),
    Flag(bool),
    Null,
}

/// What comes between the elements of an object or list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Element,
    End,
}

pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            at: 0,
            depth: 0,
        }
    }

    /// Line and column of the next byte, from one.
    pub(crate) fn place(&self) -> (usize, usize) {
        let read = self.text.get(..self.at).unwrap_or_default();
        let line = read.matches('\n').count() + 1;
        let column = read.len() - read.rfind('\n').map_or(0, |newline| newline + 1) + 1;
        (line, column)
    }

    /// Whether nothing but white space is left.
    pub(crate) fn is_blank(&mut self) -> bool {
        self.skip_white();
        self.at == self.text.len()
    }

    /// Reads the first token of a value.
    pub(crate) fn start(&mut self) -> Result<Start<'a>, NotJson> {
        self.skip_white();
        match self.peek().ok_or(NotJson)? {
            b'{' => self.enter(Start::Object),
            b'[' => self.enter(Start::Array),
            b'"' => {
                self.at += 1;
                Ok(Start::Text)
            }
            b't' => self.word("true", Start::Flag(true)),
            b'f' => self.word("false", Start::Flag(false)),
            b'n' => self.word("null", Start::Null),
            _ => self.number().map(Start::Number),
        }
    }

    /// Before an element: `first` says whether it is the first of its object or list.
    pub(crate) fn next(&mut self, close: u8, first: bool) -> Result<Next, NotJson> {
        self.skip_white();
        let byte = self.peek().ok_or(NotJson)?;
        if byte == close {
            self.at += 1;
            self.depth -= 1;
            return Ok(Next::End);
        }
        if !first {
            self.take(b',')?;
        }
        Ok(Next::Element)
    }

    /// A member's name and the colon behind it.
    pub(crate) fn name(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.skip_white();
        self.take(b'"')?;
        let name = self.rest_of_text()?;
        self.skip_white();
        self.take(b':')?;
        Ok(name)
    }

    /// A text whose opening quote was read.
    pub(crate) fn rest_of_text(&mut self) -> Result<Cow<'a, str>, NotJson> {
        let begin = self.at;
        let mut decoded: Option<String> = None;
        loop {
            match self.peek().ok_or(NotJson)? {
                b'"' => {
                    let raw = self.text.get(begin..self.at).ok_or(NotJson)?;
                    self.at += 1;
                    return Ok(decoded.map_or(Cow::Borrowed(raw), Cow::Owned));
                }
                b'\\' => {
                    let plain = self.text.get(begin..self.at).ok_or(NotJson)?;
                    let text = decoded.get_or_insert_with(|| plain.to_owned());
                    self.at += 1;
                    text.push(self.escaped()?);
                }
                0..=0x1f => return Err(NotJson),
                _ => {
                    let char = self
                        .text
                        .get(self.at..)
                        .and_then(|rest| rest.chars().next());
                    let char = char.ok_or(NotJson)?;
                    self.at += char.len_utf8();
                    if let Some(text) = &mut decoded {
                        text.push(char);
                    }
                }
            }
        }
    }

    fn escaped(&mut self) -> Result<char, NotJson> {
        let byte = self.peek().ok_or(NotJson)?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(NotJson),
        })
    }

    /// `\uXXXX`, or a pair of surrogates; half a pair is refused (RFC 8259 §8.2).
    fn code_point(&mut self) -> Result<char, NotJson> {
        let high = self.hex()?;
        if !(0xd800..0xe000).contains(&high) {
            return char::from_u32(high).ok_or(NotJson);
        }
        self.take(b'\\')?;
        self.take(b'u')?;
        let low = self.hex()?;
        if high >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
            return Err(NotJson);
        }
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(NotJson)
    }

    fn hex(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NotJson)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotJson);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| NotJson)
    }

    fn number(&mut self) -> Result<&'a str, NotJson> {
        let begin = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(begin..self.at).ok_or(NotJson)
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == begin {
            Err(NotJson)
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &str, start: Start<'a>) -> Result<Start<'a>, NotJson> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(NotJson);
        }
        self.at += word.len();
        Ok(start)
    }

    fn enter(&mut self, start: Start<'a>) -> Result<Start<'a>, NotJson> {
        if self.depth == MAX_DEPTH {
            return Err(NotJson);
        }
        self.depth += 1;
        self.at += 1;
        Ok(start)
    }

    fn take(&mut self, wanted: u8) -> Result<(), NotJson> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(NotJson)
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
