//! Dates as people and as machines write them.

/// The short form of dates by language, as the Unicode CLDR has it; `y` takes any number of digits.
const SHORT_FORMS: &[(&str, &str)] = &[
    ("ar", "d/M/y"),
    ("az", "d.M.y"),
    ("bg", "d.M.y"),
    ("ca", "d/M/y"),
    ("cs", "d.M.y"),
    ("da", "d.M.y"),
    ("de", "d.M.y"),
    ("el", "d/M/y"),
    ("en", "M/d/y"),
    ("en-GB", "d/M/y"),
    ("es", "d/M/y"),
    ("et", "d.M.y"),
    ("fa", "y/M/d"),
    ("fi", "d.M.y"),
    ("fr", "d/M/y"),
    ("he", "d.M.y"),
    ("hr", "d. M. y."),
    ("hu", "y. M. d."),
    ("it", "d/M/y"),
    ("ja", "y/M/d"),
    ("ka", "d.M.y"),
    ("ko", "y. M. d."),
    ("lt", "y-M-d"),
    ("lv", "d.M.y"),
    ("nb", "d.M.y"),
    ("nl", "d-M-y"),
    ("no", "d.M.y"),
    ("pl", "d.M.y"),
    ("pt", "d/M/y"),
    ("ro", "d.M.y"),
    ("ru", "d.M.y"),
    ("sk", "d. M. y"),
    ("sl", "d. M. y"),
    ("sr", "d.M.y."),
    ("sv", "y-M-d"),
    ("th", "d/M/y"),
    ("tr", "d.M.y"),
    ("uk", "d.M.y"),
    ("vi", "d/M/y"),
    ("zh", "y/M/d"),
];

/// Whether the text starts with a date in the language's short form. What follows it does not count,
/// nor do blanks before its numbers.
pub(super) fn is_local_date(text: &str, language: &str) -> bool {
    let form = SHORT_FORMS
        .iter()
        .find(|(tag, _)| *tag == language)
        .or_else(|| {
            let base = language.split(['-', '_']).next().unwrap_or_default();
            SHORT_FORMS.iter().find(|(tag, _)| *tag == base)
        })
        .map_or("M/d/y", |(_, form)| form);
    let (mut year, mut month, mut day) = (0, 0, 0);
    let mut rest = text;
    for part in form.chars() {
        let field = match part {
            'y' => &mut year,
            'M' => &mut month,
            'd' => &mut day,
            literal => {
                let Some(after) = rest.strip_prefix(literal) else {
                    return false;
                };
                rest = after;
                continue;
            }
        };
        rest = rest.trim_start_matches([' ', '\t']);
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let Ok(number) = number.parse::<u32>() else {
            return false;
        };
        // Two digits name a year from 80 years ago to 20 years ahead; only leap years matter here.
        *field = if part == 'y' && digits == 2 {
            number + 2000
        } else {
            number
        };
        rest = after;
    }
    is_day(i64::from(year), month, day)
}

/// Whether this is an ISO 8601 date (`2024-02-29`); longer years have a sign.
pub(super) fn is_iso_date(text: &str) -> bool {
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.chars().next(), rest),
        None => (None, text),
    };
    let mut parts = unsigned.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let all_digits = [year, month, day]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let years = match sign {
        None => year.len() == 4,
        Some('+') => (5..=9).contains(&year.len()),
        Some(_) => (4..=9).contains(&year.len()),
    };
    if !all_digits || !years || month.len() != 2 || day.len() != 2 {
        return false;
    }
    let number = |part: &str| part.parse::<u32>().unwrap_or(0);
    let year = i64::from(number(year));
    let year = if sign == Some('-') { -year } else { year };
    is_day(year, number(month), number(day))
}

/// Whether the proleptic Gregorian calendar has this day.
fn is_day(year: i64, month: u32, day: u32) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_dates_are_strict() {
        for good in [
            "2024-02-29",
            "0000-01-01",
            "1999-12-31",
            "-0001-01-01",
            "+12345-01-01",
        ] {
            assert!(is_iso_date(good), "{good}");
        }
        for bad in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-1-1",
            "24-01-01",
            "2024-01-01 ",
            "2024-01-01T00:00:00Z",
            "20240101",
            "12345-01-01",
            "+2024-01-01",
            "2024-04-31",
        ] {
            assert!(!is_iso_date(bad), "{bad}");
        }
    }

    #[test]
    fn local_dates_follow_the_language() {
        for (language, good, bad) in [
            ("en", "12/31/2024", "31/12/2024"),
            ("en", "2/29/24 and more", "2/30/24"),
            ("de", "31.12.2024", "12/31/2024"),
            ("pt-BR", "31/12/2024", "12/31/2024"),
            ("ja", "2024/12/31", "31/12/2024"),
            ("xx", "1/2/3", "2024-01-02"),
        ] {
            assert!(is_local_date(good, language), "{language} {good}");
            assert!(!is_local_date(bad, language), "{language} {bad}");
        }
    }
}
