//! From text to values, in the forms and with the messages that Keycloak's users know.

use std::time::Duration;

use claviger_model::Secret;

use super::UsageError;
use super::known::{Known, Table, Type};
use super::raw::RawOptions;

/// The longest span that may be asked for.
const LONGEST: Duration = Duration::from_hours(24);

/// Looks options up by name; what nobody gave has the default of the table.
pub struct Values<'a> {
    raw: &'a RawOptions,
    table: &'a Table,
}

impl<'a> Values<'a> {
    /// Over what was given.
    pub fn new(raw: &'a RawOptions, table: &'a Table) -> Self {
        Self { raw, table }
    }

    /// The value of an option; none if nobody gave it and it has no default, or if it is empty.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let text = match self.raw.get(name) {
            Some(given) => given.value.reveal(),
            None => self.table.find(name).map_or("", |known| known.default),
        };
        (!text.is_empty()).then_some(text)
    }

    /// A value that must not be shown; empty ones included.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.raw.get(name).map(|given| given.value.clone())
    }

    /// Whether somebody gave the option, be it with its default.
    pub fn is_given(&self, name: &str) -> bool {
        self.raw.get(name).is_some()
    }

    /// The elements of a list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'a str> {
        split(self.text(name).unwrap_or_default())
    }

    /// `true` or `false`; false if there is nothing.
    pub fn flag(&self, name: &str) -> Result<bool, UsageError> {
        match self.text(name) {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(text) => Err(unexpected(name, text, "true, false")),
        }
    }

    /// A port; 0 if there is nothing.
    pub fn port(&self, name: &str) -> Result<u16, UsageError> {
        let Some(text) = self.text(name) else {
            return Ok(0);
        };
        text.parse().map_err(|_| not_a_port(name, text))
    }

    /// A number above zero.
    pub fn count(&self, name: &str) -> Result<Option<usize>, UsageError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(not_a_count(name, text)),
        }
    }

    /// A whole number, zero included; zero if there is nothing.
    pub fn number(&self, name: &str) -> Result<u64, UsageError> {
        let text = self.text(name).unwrap_or("0");
        text.parse().map_err(|_| {
            UsageError(format!(
                "Invalid value for option '--{name}': Expected a whole number, got \"{text}\""
            ))
        })
    }

    /// A span of time; nothing if there is nothing.
    pub fn duration(&self, name: &str) -> Result<Duration, UsageError> {
        let text = self.text(name).unwrap_or("0");
        duration(text).ok_or_else(|| not_a_duration(name, text))
    }

    /// Whether this is a container of the usual image, where every address is listened on.
    pub fn environment_says_container(&self) -> bool {
        self.raw.runs_in_container()
    }
}

/// Checks a value against its row in the table, whatever becomes of it.
pub fn check(known: &Known, name: &str, text: &str) -> Result<(), UsageError> {
    match known.kind {
        Type::Text | Type::Path => Ok(()),
        Type::Bool if matches!(text, "true" | "false") => Ok(()),
        Type::Bool => Err(unexpected(name, text, "true, false")),
        Type::Int if text.parse::<i64>().is_ok() => Ok(()),
        Type::Int => Err(UsageError(format!(
            "Invalid value for option '--{name}': Expected an integer value, got \"{text}\""
        ))),
        Type::Count if text.parse::<usize>().is_ok_and(|number| number > 0) => Ok(()),
        Type::Count => Err(not_a_count(name, text)),
        Type::Port if text.parse::<u16>().is_ok() => Ok(()),
        Type::Port => Err(not_a_port(name, text)),
        Type::Duration if duration(text).is_some() => Ok(()),
        Type::Duration => Err(not_a_duration(name, text)),
        Type::Enum => one_of(known, name, text),
        Type::List if known.values.is_empty() => Ok(()),
        Type::List => split(text).try_for_each(|item| one_of(known, name, item)),
    }
}

fn one_of(known: &Known, name: &str, text: &str) -> Result<(), UsageError> {
    if known.allowed().any(|value| value == text) {
        return Ok(());
    }
    Err(unexpected(name, text, &known.values.replace(',', ", ")))
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn unexpected(name: &str, text: &str, values: &str) -> UsageError {
    UsageError(format!(
        "Invalid value for option '--{name}': {text}. Expected values are: {values}"
    ))
}

fn not_a_port(name: &str, text: &str) -> UsageError {
    UsageError(format!(
        "Invalid value for option '--{name}': Expected a port (0 to 65535), got \"{text}\""
    ))
}

fn not_a_count(name: &str, text: &str) -> UsageError {
    UsageError(format!(
        "Invalid value for option '--{name}': Expected a whole number above zero, got \"{text}\""
    ))
}

fn not_a_duration(name: &str, text: &str) -> UsageError {
    UsageError(format!(
        "Invalid duration format '{text}' of option '--{name}'. May be an ISO 8601 duration value, \
         an integer number of seconds, or an integer followed by one of [ms, h, m, s, d]; at most \
         one day."
    ))
}

/// `10`, `10s`, `500ms`, `2m`, `1h`, `1d`, `PT1M30.5S`; at most [`LONGEST`].
pub fn duration(text: &str) -> Option<Duration> {
    duration_up_to(text, LONGEST)
}

/// As [`duration`], with another limit.
pub fn duration_up_to(text: &str, longest: Duration) -> Option<Duration> {
    let text = text.trim();
    let span = if text.to_ascii_uppercase().starts_with('P') {
        iso_duration(&text.to_ascii_uppercase())?
    } else {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        match unit.to_ascii_lowercase().as_str() {
            "" | "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3_600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            _ => return None,
        }
    };
    (span <= longest).then_some(span)
}

/// `PnDTnHnMn.nS` (ISO 8601), without sign, years and months.
fn iso_duration(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (rest, ""),
    };
    let mut seconds = 0_f64;
    let mut parts = 0;
    for (part, units) in [(days, [('D', 86_400_f64)].as_slice()), (time, TIME_UNITS)] {
        let mut part = part;
        for (unit, length) in units {
            if let Some((number, after)) = part.split_once(*unit) {
                let whole = *unit != 'S';
                let plain = |c: char| c.is_ascii_digit() || (!whole && c == '.');
                if number.is_empty() || !number.chars().all(plain) {
                    return None;
                }
                seconds += number.parse::<f64>().ok()? * length;
                part = after;
                parts += 1;
            }
        }
        if !part.is_empty() {
            return None;
        }
    }
    (parts > 0)
        .then(|| Duration::try_from_secs_f64(seconds).ok())
        .flatten()
}

/// What may follow the `T` of a duration, in order, in seconds.
const TIME_UNITS: &[(char, f64)] = &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let cases = [
            ("10", 10_000),
            ("10s", 10_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("PT1M", 60_000),
            ("PT1M30.5S", 90_500),
            ("pt2s", 2_000),
            ("P1D", 86_400_000),
            ("P0DT1H", 3_600_000),
            ("0", 0),
        ];
        for (text, millis) in cases {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let cases = [
            "",
            "foo",
            "s",
            "-1",
            "1.5",
            "1w",
            "2d",
            "P",
            "PT",
            "PTS",
            "P1Y",
            "PT-1S",
            "PT1S1M",
            "PT1.5M",
            "99999999999999999999",
            "18446744073709551615d",
        ];
        for text in cases {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
