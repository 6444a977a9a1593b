//! Lines as text, in the patterns of JBoss's log manager: `%d{HH:mm:ss} %-5p [%c] (%t) %s%e%n`.

use jiff::tz::TimeZone;
use tracing::Level;

use super::date::DatePattern;
use super::line::{Facts, Line, escape};

/// The pattern if the operator gives none.
pub const DEFAULT: &str = "%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p [%c] (%t) %s%e%n";
/// The date if a pattern names none.
const DATE: &str = "yyyy-MM-dd HH:mm:ss,SSS";
/// The longest pattern, in bytes.
const LONGEST: usize = 1024;
/// The widest column.
const WIDEST: usize = 256;

/// A pattern that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pieces: Vec<Piece>,
    /// Whether levels have colours.
    pub colours: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Zone(TimeZone),
    Column(Column, Width),
}

/// How wide something is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Width {
    least: usize,
    most: Option<usize>,
    left: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    Date(DatePattern),
    Level,
    /// So many segments from its end; all if none is named.
    Category(Option<usize>),
    Thread,
    Message,
    LineBreak,
    /// One value of the context, or all.
    Context(Option<String>),
    Host,
    Process,
    Pid,
    Elapsed,
    File,
    LineNumber,
    Place,
    /// What Java has and we have not: methods, exceptions, nested contexts, resource keys.
    Nothing,
}

impl Pattern {
    /// Reads a pattern. What is refused is named.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("more than {LONGEST} bytes"));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let (piece, after) = piece(after)?;
            pieces.push(piece);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self {
            pieces,
            colours: false,
        })
    }

    /// The line in this form. Nothing of what the line was told can end it.
    pub fn format(&self, line: &Line<'_>, facts: &Facts) -> String {
        let mut out = String::with_capacity(256);
        let mut at = line.at.clone();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Zone(zone) => at = at.with_time_zone(zone.clone()),
                Piece::Column(Column::LineBreak, _) => out.push('\n'),
                Piece::Column(Column::Date(date), width) => width.put(&date.format(&at), &mut out),
                Piece::Column(Column::Level, width) if self.colours => {
                    out.push_str(colour(line.level));
                    width.put(line.level.as_str(), &mut out);
                    out.push_str("\u{1b}[0m");
                }
                Piece::Column(column, width) => {
                    let mut shown = String::new();
                    escape(&column.text(line, facts), &mut shown);
                    width.put(&shown, &mut out);
                }
            }
        }
        out
    }
}

impl Column {
    fn text(&self, line: &Line<'_>, facts: &Facts) -> String {
        let place = |(file, number): (&str, u32)| format!("{file}:{number}");
        match self {
            // Put by whoever knows what surrounds them.
            Self::Date(_) | Self::LineBreak | Self::Nothing => String::new(),
            Self::Level => line.level.as_str().to_owned(),
            Self::Category(None) => line.category.to_owned(),
            Self::Category(Some(count)) => {
                let mut segments: Vec<&str> = line.category.rsplit('.').take(*count).collect();
                segments.reverse();
                segments.join(".")
            }
            Self::Thread => line.thread.to_owned(),
            Self::Message => line.message.to_owned(),
            Self::Context(Some(name)) => {
                let found = line.context.get(name.as_str());
                found.cloned().unwrap_or_default()
            }
            Self::Context(None) => {
                let pairs = line.context.iter();
                let pairs: Vec<String> = pairs
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Self::Host => facts.host.clone(),
            Self::Process => "claviger".to_owned(),
            Self::Pid => facts.pid.to_string(),
            Self::Elapsed => {
                let since = line.at.timestamp().duration_since(facts.started);
                since.as_millis().to_string()
            }
            Self::File => line
                .place
                .map_or(String::new(), |(file, _)| file.to_owned()),
            Self::LineNumber => line
                .place
                .map_or(String::new(), |(_, line)| line.to_string()),
            Self::Place => line.place.map_or(String::new(), place),
        }
    }
}

impl Width {
    fn put(self, text: &str, out: &mut String) {
        let length = text.chars().count();
        let cut = self.most.map_or(0, |most| length.saturating_sub(most));
        let pad = self.least.saturating_sub(length - cut);
        if !self.left {
            out.extend(std::iter::repeat_n(' ', pad));
        }
        // As in JBoss's log manager, the end is kept.
        out.extend(text.chars().skip(cut));
        if self.left {
            out.extend(std::iter::repeat_n(' ', pad));
        }
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[90m",
    }
}

/// What follows a percent sign, and what comes after it.
fn piece(text: &str) -> Result<(Piece, &str), String> {
    if let Some(after) = text.strip_prefix('%') {
        return Ok((Piece::Text("%".to_owned()), after));
    }
    let (width, text) = width(text)?;
    let mut letters = text.chars();
    let Some(letter) = letters.next() else {
        return Err("a % with nothing behind it".to_owned());
    };
    let (argument, after) = match letters.as_str().strip_prefix('{') {
        Some(inside) => {
            let (argument, after) = inside
                .split_once('}')
                .ok_or_else(|| format!("%{letter}{{ does not end"))?;
            (Some(argument), after)
        }
        None => (None, letters.as_str()),
    };
    if letter == 'z' {
        let name = argument.unwrap_or_default();
        let zone = TimeZone::get(name).map_err(|_| format!("the time zone '{name}'"))?;
        return Ok((Piece::Zone(zone), after));
    }
    Ok((Piece::Column(column(letter, argument)?, width), after))
}

fn column(letter: char, argument: Option<&str>) -> Result<Column, String> {
    Ok(match letter {
        'd' => Column::Date(DatePattern::parse(argument.unwrap_or(DATE))?),
        'p' | 'P' => Column::Level,
        'c' | 'C' => {
            let count = argument.map(str::parse).transpose();
            Column::Category(count.map_err(|_| format!("%{letter} takes a number"))?)
        }
        't' => Column::Thread,
        's' | 'm' => Column::Message,
        'n' => Column::LineBreak,
        'X' => Column::Context(argument.map(str::to_owned)),
        'h' | 'H' => Column::Host,
        'N' => Column::Process,
        'i' => Column::Pid,
        'r' => Column::Elapsed,
        'F' => Column::File,
        'L' => Column::LineNumber,
        'l' => Column::Place,
        'e' | 'E' | 'x' | 'M' | 'k' | 'K' | 'D' => Column::Nothing,
        other => return Err(format!("%{other}")),
    })
}

/// `-5.10`: at least five columns, at most ten, from the left.
fn width(text: &str) -> Result<(Width, &str), String> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '-' || c == '.'));
    let (shape, after) = text.split_at(end.unwrap_or(text.len()));
    let (left, numbers) = match shape.strip_prefix('-') {
        Some(numbers) => (true, numbers),
        None => (false, shape),
    };
    let (least, most) = match numbers.split_once('.') {
        Some((least, most)) => (least, Some(most)),
        None => (numbers, None),
    };
    let number = |text: &str| match text.parse() {
        Ok(number) if number <= WIDEST => Ok(number),
        Ok(_) | Err(_) => Err(format!("the width '{shape}'")),
    };
    Ok((
        Width {
            least: if least.is_empty() { 0 } else { number(least)? },
            most: most.map(number).transpose()?,
            left,
        },
        after,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::testing::{facts, line};

    fn shown(pattern: &str, message: &str) -> String {
        Pattern::parse(pattern)
            .unwrap()
            .format(&line(message), &facts())
    }

    #[test]
    fn the_usual_line_looks_like_keycloaks() {
        assert_eq!(
            shown(DEFAULT, r#"type="LOGIN_ERROR""#),
            "2026-11-23 01:07:31,066 WARN  [org.keycloak.events] (executor-thread-3) \
             type=\"LOGIN_ERROR\"\n"
        );
    }

    #[test]
    fn the_fields_of_jboss_are_known() {
        for (pattern, expected) in [
            ("%d{HH:mm:ss} %m", "01:07:31 hi"),
            ("%z{Asia/Tokyo}%d{HH:mm}", "10:07"),
            (
                "%c{1}|%c{2}|%c",
                "events|keycloak.events|org.keycloak.events",
            ),
            ("[%5.3s][%-5s][%5s][%.1s]", "[   hi][hi   ][   hi][i]"),
            (
                "%X{kc.realmName} %X{nothing} %X",
                "shop  {kc.realmName=shop}",
            ),
            ("%h %N %i %r", "h claviger 42 1000"),
            ("%F:%L %l", "src/a.rs:9 src/a.rs:9"),
            ("100%% %e%x%K{level}", "100% "),
            ("plain", "plain"),
        ] {
            assert_eq!(shown(pattern, "hi"), expected, "{pattern}");
        }
    }

    #[test]
    fn nothing_that_is_told_ends_a_line() {
        let text = shown(DEFAULT, "ann\n2026-11-23 01:07:31,066 WARN  [a] (b) forged");
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
    }

    #[test]
    fn levels_have_colours_where_they_are_wanted() {
        let mut pattern = Pattern::parse("%-5p %s").unwrap();
        pattern.colours = true;
        let text = pattern.format(&line("\u{1b}[31m"), &facts());
        assert_eq!(text, "\u{1b}[33mWARN \u{1b}[0m \\u{1b}[31m");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pattern in [
            "%",
            "%q",
            "%d{QQ}",
            "%X{open",
            "%c{x}",
            "%999s",
            "%z{Nowhere}",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
