//! Java's `MessageFormat`, as the message files are written in it: `{0}`, `{1,choice,…}` and quotes.
//!
//! Arguments are texts. A number is shown as it came: how a language groups its digits is decided by
//! whoever made the text of it.

use std::fmt::Write as _;

/// How deep a choice may hold another text with arguments.
const DEPTH_MAX: usize = 4;
/// How long a formatted text may become, in bytes. Files are trusted less than that: a realm's
/// administrators write texts too.
const TEXT_MAX: usize = 64 * 1024;

/// A piece of a pattern.
enum Piece {
    Text(String),
    Argument {
        index: usize,
        kind: String,
        style: String,
    },
}

/// Puts the arguments into a pattern. A pattern that Java would refuse (unmatched braces, no number
/// in them) is shown as it is; an argument that is missing stays `{n}`.
pub fn format(pattern: &str, args: &[String]) -> String {
    format_at(pattern, args, 0)
}

fn format_at(pattern: &str, args: &[String], depth: usize) -> String {
    let Some(pieces) = parse(pattern) else {
        return pattern.to_owned();
    };
    let mut text = String::with_capacity(pattern.len());
    for piece in &pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Argument { index, kind, style } => match args.get(*index) {
                None => {
                    let _ = write!(text, "{{{index}}}");
                }
                Some(arg) if kind == "choice" => match choose(style, arg) {
                    Some(chosen) if chosen.contains('{') && depth < DEPTH_MAX => {
                        text.push_str(&format_at(&chosen, args, depth + 1));
                    }
                    Some(chosen) => text.push_str(&chosen),
                    // There is nothing to choose from. (What is put in is no pattern itself.)
                    None => text.push_str(arg),
                },
                Some(arg) => text.push_str(arg),
            },
        }
        if text.len() > TEXT_MAX {
            return pattern.to_owned();
        }
    }
    text
}

/// The pieces of a pattern: outside of braces two quotes are one, and what stands between single
/// ones is text, to the end if there is no second; within braces quotes are left to the argument's
/// own format.
fn parse(pattern: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut quoted = false;
    let mut rest = pattern.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '\'' if rest.peek() == Some(&'\'') => {
                rest.next();
                plain.push('\'');
            }
            '\'' => quoted = !quoted,
            '{' if !quoted => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(argument(&mut rest)?);
            }
            other => plain.push(other),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Some(pieces)
}

/// What stands in braces, the first one read already.
fn argument(rest: &mut impl Iterator<Item = char>) -> Option<Piece> {
    let mut inner = String::new();
    let mut open = 1_usize;
    let mut quoted = false;
    for letter in rest {
        match letter {
            '\'' => quoted = !quoted,
            '{' if !quoted => open += 1,
            '}' if !quoted => open -= 1,
            _ => {}
        }
        if open == 0 {
            let mut parts = inner.splitn(3, ',');
            let index = parts.next()?.trim().parse().ok()?;
            let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let style = parts.next().unwrap_or_default().to_owned();
            return Some(Piece::Argument { index, kind, style });
        }
        inner.push(letter);
    }
    None
}

/// Java's `ChoiceFormat`: `0#none|1#one|1<many`. The last limit that the number has reached, in the
/// order they are written; below all of them, and for what is no number, the first.
fn choose(style: &str, arg: &str) -> Option<String> {
    let number: f64 = arg.trim().parse().unwrap_or(f64::NAN);
    let mut chosen: Option<String> = None;
    for (limit, exclusive, text) in choices(style) {
        let reached = if exclusive {
            number > limit
        } else {
            number >= limit
        };
        if chosen.is_some() && !reached {
            break;
        }
        chosen = Some(text);
        if !reached {
            break;
        }
    }
    chosen
}

fn choices(style: &str) -> Vec<(f64, bool, String)> {
    let mut list = Vec::new();
    let mut limit = String::new();
    let mut sign = None;
    let mut text = String::new();
    let mut quoted = false;
    let mut rest = style.chars().peekable();
    loop {
        let letter = rest.next();
        match letter {
            Some('\'') if rest.peek() == Some(&'\'') => {
                rest.next();
                text.push('\'');
            }
            Some('\'') => quoted = !quoted,
            Some(mark @ ('#' | '<' | '\u{2264}')) if !quoted && sign.is_none() => {
                limit = std::mem::take(&mut text);
                sign = Some(mark == '<');
            }
            Some('|') | None if !quoted || letter.is_none() => {
                let read = match limit.trim() {
                    "\u{221e}" => Some(f64::INFINITY),
                    "-\u{221e}" => Some(f64::NEG_INFINITY),
                    plain => plain.parse().ok(),
                };
                if let (Some(exclusive), Some(limit)) = (sign.take(), read) {
                    list.push((limit, exclusive, std::mem::take(&mut text)));
                }
                text.clear();
                limit.clear();
                if letter.is_none() {
                    return list;
                }
            }
            Some(other) => text.push(other),
            None => return list,
        }
    }
}

/// Puts texts in place of `${key}`, as Keycloak does in texts and in arguments of texts; a key that
/// there is no text for stays as it is, without the braces.
pub fn resolve(text: &str, look_up: impl Fn(&str) -> Option<String>) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((key, behind)) = after.split_once('}') else {
            break;
        };
        done.push_str(before);
        done.push_str(&look_up(key).unwrap_or_else(|| key.to_owned()));
        rest = behind;
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(pattern: &str, args: &[&str]) -> String {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        format(pattern, &args)
    }

    #[test]
    fn patterns_mean_what_they_mean_in_java() {
        let cases: [(&str, &[&str], &str); 19] = [
            ("plain", &[], "plain"),
            ("Sign in to {0}", &["Shop"], "Sign in to Shop"),
            ("{1} before {0}", &["a", "b"], "b before a"),
            ("{0} {0}", &["a"], "a a"),
            ("{0}", &[], "{0}"),
            ("{ 0 }", &["a"], "a"),
            ("don''t", &[], "don't"),
            ("don't {0}", &["a"], "dont {0}"),
            ("'{0}' is {0}", &["a"], "{0} is a"),
            ("''{0}''", &["a"], "'a'"),
            ("'it''s'", &[], "it's"),
            ("'", &[], ""),
            ("{0", &["a"], "{0"),
            ("{x}", &["a"], "{x}"),
            ("a } b", &[], "a } b"),
            ("{0}{1}{2}", &["{1}", "<b>", "${x}"], "{1}<b>${x}"),
            ("{0,number}", &["7"], "7"),
            ("{0,unknown,style}", &["7"], "7"),
            ("{0,choice,}", &["{1}", "b"], "{1}"),
        ];
        for (pattern, args, expected) in cases {
            assert_eq!(with(pattern, args), expected, "{pattern}");
        }
    }

    #[test]
    fn a_choice_is_the_last_limit_that_was_reached() {
        let czech = "{0,choice,0#minut|1#minuta|2#minuty|2<minut}";
        let cases = [
            (czech, "0", "minut"),
            (czech, "1", "minuta"),
            (czech, "2", "minuty"),
            (czech, "5", "minut"),
            (czech, "-3", "minut"),
            (czech, "nonsense", "minut"),
            ("{0,choice,0#a|1#b|1<c}", "1.5", "c"),
            ("{0,choice,0\u{2264}a|1\u{2264}b}", "1", "b"),
            ("{0,choice,-\u{221e}<few|0#none}", "-9", "few"),
            ("{0,choice,0#none|1#'#'{0}|1<{0} of them}", "1", "#1"),
            ("{0,choice,0#none|1#one|1<{0} of them}", "9", "9 of them"),
            ("{0,choice,}", "9", "9"),
        ];
        for (pattern, arg, expected) in cases {
            assert_eq!(with(pattern, &[arg]), expected, "{pattern} of {arg}");
        }
    }

    #[test]
    fn a_text_may_refer_to_others() {
        let look_up = |key: &str| (key == "username").then(|| "Username".to_owned());
        assert_eq!(resolve("${username}", look_up), "Username");
        assert_eq!(resolve("a ${username}, b", look_up), "a Username, b");
        assert_eq!(resolve("${unknown}", look_up), "unknown");
        assert_eq!(resolve("${username", look_up), "${username");
    }

    proptest! {
        #[test]
        fn no_pattern_fails(pattern in ".{0,80}", args in proptest::collection::vec(".{0,9}", 0..4)) {
            format(&pattern, &args);
            choose(&pattern, args.first().map_or("1", String::as_str));
            resolve(&pattern, |_| None);
        }

        #[test]
        fn a_quoted_text_comes_out_as_it_went_in(text in "[^']{0,60}", args in proptest::collection::vec(".{0,9}", 0..3)) {
            prop_assume!(!text.is_empty());
            prop_assert_eq!(format(&format!("'{text}'"), &args), text);
        }

        #[test]
        fn an_argument_is_never_read_as_a_pattern(arg in ".{0,60}") {
            prop_assert_eq!(format("<{0}>", std::slice::from_ref(&arg)), format!("<{arg}>"));
        }
    }
}
