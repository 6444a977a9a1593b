//! Parameters of a request: bounded, in order, and repeated ones told apart from single ones.

/// How many parameters [`Form::parse`] reads.
const PARAMETERS_MAX: usize = 200;
/// How many parameters a form may have; Keycloak's limit.
const FIELDS_MAX: usize = 1_000;
/// How many bytes one parameter of a form may have, name and value together; Keycloak's limit.
const FIELD_BYTES_MAX: usize = 128 * 1024;

/// Why a form is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormError {
    /// More than 1,000 parameters. To read some of them only would hide a repeated one.
    TooMany,
    /// A parameter of more than 128 KiB.
    TooLong,
    /// A `%` without two hexadecimal digits after it: readers disagree about what it means.
    BadEscape,
}

/// How the bytes of a form are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// As UTF-8; what is none becomes U+FFFD.
    #[default]
    Utf8,
    /// As ISO-8859-1: each byte is a character.
    Latin1,
}

/// The parameters of a form or a query.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded` text as it is, control characters included: they
    /// may be part of a password. All or nothing.
    pub fn read(text: &[u8], charset: Charset) -> Result<Self, FormError> {
        let mut pairs = Vec::new();
        for (index, field) in text.split(|byte| *byte == b'&').enumerate() {
            if index >= FIELDS_MAX {
                return Err(FormError::TooMany);
            }
            if field.is_empty() {
                continue;
            }
            if field.len() > FIELD_BYTES_MAX {
                return Err(FormError::TooLong);
            }
            let (name, value) = match field.iter().position(|byte| *byte == b'=') {
                Some(at) => (field.get(..at), field.get(at + 1..)),
                None => (Some(field), None),
            };
            let text = |part: Option<&[u8]>| decode(part.unwrap_or_default(), charset);
            pairs.push((text(name)?, text(value)?));
        }
        Ok(Self(pairs))
    }

    /// Reads `application/x-www-form-urlencoded` text. Control characters are dropped, as they
    /// have no place in any parameter and could forge lines of a log.
    pub fn parse(text: &[u8]) -> Self {
        let clean = |text: &str| text.chars().filter(|letter| !letter.is_control()).collect();
        let pairs = form_urlencoded::parse(text).take(PARAMETERS_MAX);
        Self(
            pairs
                .map(|(name, value)| (clean(&name), clean(&value)))
                .collect(),
        )
    }

    /// A form of these fields.
    pub fn of(fields: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(fields.iter().map(own).collect())
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.iter().filter(move |(known, _)| known == name);
        pairs.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there at all, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether some parameter comes twice (RFC 6749 §3.2 forbids it).
    pub fn has_repeated(&self) -> bool {
        self.has_repeated_but(&[])
    }

    /// Whether some parameter comes twice that is none of these.
    pub fn has_repeated_but(&self, these: &[&str]) -> bool {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = names.filter(|name| !these.contains(name)).collect();
        names.sort_unstable();
        names
            .windows(2)
            .any(|pair| matches!(pair, [one, other] if one == other))
    }

    /// All names and values, in order.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Drops control characters of ASCII from all values but those of the named parameters, which
    /// are compared byte by byte. They could forge lines of a log, and mean nothing elsewhere.
    pub fn clean(&mut self, but: &[&str]) {
        for (name, value) in &mut self.0 {
            let dirty = value.bytes().any(|byte| byte.is_ascii_control());
            if dirty && !but.contains(&name.as_str()) {
                value.retain(|letter| !letter.is_ascii_control());
            }
        }
    }

    /// Drops parameters that a rule does not let pass.
    pub fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }
}

fn decode(text: &[u8], charset: Charset) -> Result<String, FormError> {
    // Tokens, the longest parameters, have nothing to decode.
    let plain = text.iter().take_while(|byte| !matches!(byte, b'+' | b'%'));
    let (plain, rest) = text.split_at(plain.count());
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend_from_slice(plain);
    let mut rest = rest.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = rest.next().and_then(|byte| char::from(*byte).to_digit(16));
                    digit
                        .and_then(|digit| u8::try_from(digit).ok())
                        .ok_or(FormError::BadEscape)
                };
                (digit()? << 4) | digit()?
            }
            plain => *plain,
        });
    }
    Ok(match charset {
        Charset::Utf8 => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        },
        Charset::Latin1 => bytes.into_iter().map(char::from).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(String, String)>, FormError> {
        Form::read(text, Charset::Utf8).map(|form| form.0)
    }

    #[test]
    fn a_form_is_read_as_it_was_sent() {
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let cases: [(&[u8], Pairs<'_>); 8] = [
            (b"", &[]),
            (b"a=1&b=2", &[("a", "1"), ("b", "2")]),
            (b"&&a=1&", &[("a", "1")]),
            (b"a&b=", &[("a", ""), ("b", "")]),
            (b"a=b=c", &[("a", "b=c")]),
            (b"=x", &[("", "x")]),
            (b"a+b=%C3%BC+%2b", &[("a b", "\u{fc} +")]),
            (b"p=a%00%0d%0a%09%ff", &[("p", "a\0\r\n\t\u{fffd}")]),
        ];
        for (text, expected) in cases {
            let found = read(text).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_form_that_can_be_read_in_two_ways_is_not_read() {
        for text in [
            "a=%",
            "a=%4",
            "a=%4g",
            "a=%%41",
            "%zz=1",
            "a=1&b=%+1",
            "a=%\u{e9}1",
        ] {
            assert_eq!(read(text.as_bytes()), Err(FormError::BadEscape), "{text}");
        }
        assert_eq!(read("a=1&".repeat(999).as_bytes()).unwrap().len(), 999);
        assert_eq!(
            read("a=1&".repeat(1_000).as_bytes()),
            Err(FormError::TooMany)
        );
        assert_eq!(read("&".repeat(1_000).as_bytes()), Err(FormError::TooMany));
        let long = format!("a={}", "x".repeat(FIELD_BYTES_MAX - 2));
        assert!(read(long.as_bytes()).is_ok());
        assert_eq!(read(format!("{long}x").as_bytes()), Err(FormError::TooLong));
    }

    #[test]
    fn another_charset_gives_other_letters() {
        let form = Form::read(b"a=%f6", Charset::Latin1).unwrap();
        assert_eq!(form.get("a"), Some("\u{f6}"));
    }

    #[test]
    fn cleaning_spares_what_is_compared_byte_by_byte() {
        let mut form = Form::read(b"scope=a%00%1b&password=a%00", Charset::Utf8).unwrap();
        form.clean(&["password"]);
        assert_eq!(
            (form.get("scope"), form.get("password")),
            (Some("a"), Some("a\0"))
        );
    }

    #[test]
    fn repeated_parameters_are_noticed_and_the_first_counts() {
        let form = Form::parse(b"username=alice&password=x&username=bob");
        assert_eq!(form.get("username"), Some("alice"));
        assert!(form.has_repeated());
        assert!(!Form::parse(b"a=1&b=1").has_repeated());
        assert!(!form.has_repeated_but(&["username"]));
        assert!(form.has_repeated_but(&["password"]));
    }

    #[test]
    fn control_characters_and_broken_text_do_no_harm() {
        let form = Form::parse(b"username=al%0d%0aice&x=%ff%zz&empty=");
        assert_eq!(form.get("username"), Some("alice"));
        assert_eq!(form.get("x"), Some("\u{fffd}%zz"));
        assert!(form.has("empty"));
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let text = "a=1&".repeat(100_000);
        assert_eq!(Form::parse(text.as_bytes()).iter().count(), PARAMETERS_MAX);
    }
}
