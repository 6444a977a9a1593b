//! Metrics as text: in the form of OpenMetrics 1.0, and in the older one of Prometheus, 0.0.4.

use std::fmt::Write as _;

use http::HeaderValue;

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus 0.0.4.
    Prometheus,
}

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; samples end in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// `_count` and `_sum`.
    Summary,
    /// The same, with buckets.
    Histogram,
}

impl Format {
    /// The one that a scraper likes best (RFC 9110 §12.5.1); none of ours: nothing.
    pub fn accepted<'a>(accept: impl Iterator<Item = &'a HeaderValue>) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        let mut asked = false;
        let lines = accept.filter_map(|value| value.to_str().ok());
        for range in lines.flat_map(|line| line.split(',')) {
            asked = true;
            let mut parts = range.split(';').map(str::trim);
            let format = match parts
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
                .as_str()
            {
                "application/openmetrics-text" | "application/*" | "*/*" => Self::OpenMetrics,
                "text/plain" | "text/*" => Self::Prometheus,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality = quality.map_or(1.0, |text| text.parse().unwrap_or(0.0));
            if quality > 0.0 && best.is_none_or(|(known, _)| quality > known) {
                best = Some((quality, format));
            }
        }
        match best {
            Some((_, format)) => Some(format),
            None if asked => None,
            None => Some(Self::OpenMetrics),
        }
    }

    /// The header that names it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A text in the making.
pub struct Text {
    format: Format,
    out: String,
}

impl Text {
    /// Nothing yet.
    pub const fn new(format: Format) -> Self {
        let out = String::new();
        Self { format, out }
    }

    /// Begins a family.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = match self.format {
            Format::OpenMetrics => write!(self.out, "# TYPE {name} {word}\n# HELP {name} {help}\n"),
            Format::Prometheus => {
                let suffix = if kind == Kind::Counter { "_total" } else { "" };
                write!(
                    self.out,
                    "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {word}\n"
                )
            }
        };
    }

    /// Adds a sample.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.out.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.out, "{before}{label}=\"{}\"", Escaped(value));
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value:?}");
    }

    /// Adds a family of one sample without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help);
        match kind {
            Kind::Counter => self.sample(&format!("{name}_total"), &[], value),
            Kind::Gauge | Kind::Summary | Kind::Histogram => self.sample(name, &[], value),
        }
    }

    /// The whole.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

/// The value of a label, which nothing in it can end.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                other if other.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> Option<Format> {
        let value = HeaderValue::from_str(text).unwrap();
        Format::accepted([&value].into_iter())
    }

    #[test]
    fn scrapers_get_the_form_that_they_like_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        for (accept, expected) in [
            (prometheus, Some(Format::OpenMetrics)),
            (
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Some(Format::Prometheus),
            ),
            ("text/plain", Some(Format::Prometheus)),
            ("*/*", Some(Format::OpenMetrics)),
            ("text/html, */*;q=0.8", Some(Format::OpenMetrics)),
            ("application/json", None),
            ("text/plain;q=0", None),
        ] {
            assert_eq!(accepted(accept), expected, "{accept}");
        }
        assert_eq!(
            Format::accepted(std::iter::empty()),
            Some(Format::OpenMetrics)
        );
    }

    #[test]
    fn both_forms_are_written() {
        let write = |format| {
            let mut text = Text::new(format);
            text.single("a_seconds", Kind::Counter, "Of a.", 1.0);
            text.family("b", Kind::Gauge, "Of b.");
            text.sample("b", &[("x", "1\"\\\n\u{1b}"), ("y", "")], 0.5);
            text.finish()
        };
        let samples = "a_seconds_total 1.0\n";
        let gauge = "b{x=\"1\\\"\\\\\\n\u{fffd}\",y=\"\"} 0.5\n";
        assert_eq!(
            write(Format::OpenMetrics),
            format!(
                "# TYPE a_seconds counter\n# HELP a_seconds Of a.\n{samples}\
                 # TYPE b gauge\n# HELP b Of b.\n{gauge}# EOF\n"
            )
        );
        assert_eq!(
            write(Format::Prometheus),
            format!(
                "# HELP a_seconds_total Of a.\n# TYPE a_seconds_total counter\n{samples}\
                 # HELP b Of b.\n# TYPE b gauge\n{gauge}"
            )
        );
    }
}
