//! Checks of single values that need nothing but the value.

use std::sync::LazyLock;

use serde_json::Value;

use super::java;
use super::pattern::Pattern;
use super::uri;
use super::validator::{Bounds, ValueCheck};
use super::{date, email};

/// A message's key, and its parameters after the attribute's name.
pub(super) type Fault = (String, Vec<Value>);

/// Checks one value. Nothing is wrong with an empty one: that is `required`'s business.
pub(super) fn fault(check: &ValueCheck, value: &str, language: &str) -> Option<Fault> {
    if value.is_empty() {
        return None;
    }
    match check {
        ValueCheck::Integer(bounds) => number(
            value,
            bounds,
            |text| text.parse().ok(),
            |bound| Value::from(*bound),
        ),
        ValueCheck::Double(bounds) => number(value, bounds, double, |bound| Value::from(*bound)),
        ValueCheck::Length { bounds, trim } => length(value, *bounds, *trim),
        ValueCheck::Pattern {
            pattern,
            source,
            message,
        } => {
            let fits = pattern
                .as_ref()
                .is_some_and(|pattern| pattern.matches(value));
            (!fits).then(|| (message.to_string(), vec![source.clone()]))
        }
        ValueCheck::Email { local_part_max } => (!email::is_valid(value, *local_part_max))
            .then(|| ("error-invalid-email".to_owned(), vec![Value::from(value)])),
        ValueCheck::Options(options) => simple(
            options.iter().any(|option| option == value),
            "error-invalid-value",
        ),
        ValueCheck::LocalDate => simple(date::is_local_date(value, language), "error-invalid-date"),
        ValueCheck::IsoDate => (!date::is_iso_date(value))
            .then(|| ("error-invalid-date".to_owned(), vec![Value::from(value)])),
        ValueCheck::PersonName { message } => {
            simple(value.chars().all(|c| !is_odd_in_names(c)), message)
        }
        ValueCheck::UsernameCharacters { message } => {
            simple(value.chars().all(|c| !is_odd_in_usernames(c)), message)
        }
    }
}

/// Checks a URI, which may have several faults at once.
pub(super) fn uri_faults(
    value: &str,
    schemes: &[String],
    fragment: bool,
    valid_url: bool,
) -> Vec<Fault> {
    if value.is_empty() {
        return Vec::new();
    }
    let invalid = |reason: String| {
        (
            "error-invalid-uri".to_owned(),
            vec![Value::from(value), Value::from(reason)],
        )
    };
    let parsed = match uri::parse(value) {
        Ok(parsed) => parsed,
        Err(reason) => return vec![invalid(reason)],
    };
    let mut faults = Vec::new();
    if let Some(scheme) = parsed.scheme
        && !schemes.iter().any(|allowed| allowed == scheme)
    {
        let params = vec![Value::from(value), Value::from(scheme)];
        faults.push(("error-invalid-uri-scheme".to_owned(), params));
    }
    if let Some(text) = parsed.fragment
        && !fragment
    {
        let params = vec![Value::from(value), Value::from(text)];
        faults.push(("error-invalid-uri-fragment".to_owned(), params));
    }
    if valid_url && faults.is_empty() {
        faults.extend(parsed.not_a_url().map(invalid));
    }
    faults
}

fn simple(good: bool, message: &str) -> Option<Fault> {
    (!good).then(|| (message.to_owned(), Vec::new()))
}

fn length(value: &str, bounds: Bounds<i64>, trim: bool) -> Option<Fault> {
    let text = if trim { java::trim(value) } else { value };
    let length = i64::try_from(java::length(text)).unwrap_or(i64::MAX);
    if bounds.holds(&length) {
        return None;
    }
    let key = match (bounds.names_min, bounds.names_max) {
        (_, false) => "error-invalid-length-too-short",
        (false, true) => "error-invalid-length-too-long",
        (true, true) => "error-invalid-length",
    };
    Some((key.to_owned(), bounds.params(|bound| Value::from(*bound))))
}

fn number<T: PartialOrd>(
    value: &str,
    bounds: &Bounds<T>,
    read: impl Fn(&str) -> Option<T>,
    show: impl Fn(&T) -> Value,
) -> Option<Fault> {
    if java::is_blank(value) {
        return None;
    }
    let Some(number) = read(value) else {
        return Some(("error-invalid-number".to_owned(), Vec::new()));
    };
    if bounds.holds(&number) {
        return None;
    }
    let key = match (bounds.names_min, bounds.names_max) {
        (_, false) => "error-number-out-of-range-too-small",
        (false, true) => "error-number-out-of-range-too-big",
        (true, true) => "error-number-out-of-range",
    };
    Some((key.to_owned(), bounds.params(show)))
}

impl<T: PartialOrd> Bounds<T> {
    pub(super) fn holds(&self, value: &T) -> bool {
        // NaN is neither below nor above, as in Java.
        let below = self.min.as_ref().is_some_and(|min| min > value);
        let above = self.max.as_ref().is_some_and(|max| value > max);
        !below && !above
    }

    fn params(&self, show: impl Fn(&T) -> Value) -> Vec<Value> {
        [&self.min, &self.max]
            .map(|bound| bound.as_ref().map_or(Value::Null, &show))
            .into()
    }
}

/// A number as `Double.valueOf` reads it, but for hexadecimal ones.
pub(super) fn double(text: &str) -> Option<f64> {
    let text = java::trim(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return text.parse().ok();
    }
    let text = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if plain { text.parse().ok() } else { None }
}

/// Scripts in which names may be written: a Cyrillic `а` looks like a Latin one (IDN homographs).
pub(super) fn is_latin_or_common(value: &str) -> bool {
    static ALLOWED: LazyLock<Option<Pattern>> =
        LazyLock::new(|| Pattern::compile(r"[\p{IsLatin}|\p{IsCommon}]+").ok());
    ALLOWED
        .as_ref()
        .is_some_and(|pattern| pattern.matches(value))
}

fn is_odd_in_names(c: char) -> bool {
    c.is_ascii_control()
        || matches!(
            c,
            '<' | '>'
                | '&'
                | '"'
                | '$'
                | '%'
                | '!'
                | '#'
                | '?'
                | '§'
                | ';'
                | '*'
                | '~'
                | '/'
                | '\\'
                | '|'
                | '^'
                | '='
                | '['
                | ']'
                | '{'
                | '}'
                | '('
                | ')'
                | '\u{85}'
                | '\u{2028}'
                | '\u{2029}'
        )
}

fn is_odd_in_usernames(c: char) -> bool {
    is_odd_in_names(c)
        || matches!(
            c,
            '\'' | ' ' | ',' | ':' | '`' | '\u{a0}' | '\u{1680}' | '\u{180e}' | '\u{2000}'
                ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_javas() {
        for (text, number) in [
            ("1", Some(1.0)),
            (" 1.5e3 ", Some(1500.0)),
            ("-.5", Some(-0.5)),
            ("1d", Some(1.0)),
            ("1.f", Some(1.0)),
            ("inf", None),
            ("nan", None),
            ("", None),
            ("1,5", None),
            ("d", None),
            ("-Infinity", Some(f64::NEG_INFINITY)),
        ] {
            assert_eq!(double(text), number, "{text}");
        }
        assert!(double("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn odd_characters_are_known() {
        assert!(
            "Müller-O'Neil, Jr. @:`"
                .chars()
                .all(|c| !is_odd_in_names(c))
        );
        assert!("a\u{b}\n\u{2028}§(".chars().any(is_odd_in_names));
        assert!("jürgen.o_b-1@x+y".chars().all(|c| !is_odd_in_usernames(c)));
        for c in " \t\u{a0}\u{3000}':,`<".chars() {
            assert!(is_odd_in_usernames(c), "{c:?}");
        }
        assert!(is_latin_or_common("jürgen|1 \u{1F600}"));
        assert!(!is_latin_or_common("p\u{430}ypal"));
    }
}
