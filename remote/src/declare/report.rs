//! What differs, as people read it.

use std::fmt::Write as _;

use super::compare::{Difference, Hidden};
use super::pass::{Change, Fate};

/// Whether it is told what would be done, or what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    /// What would be done.
    Would,
    /// What is otherwise.
    Is,
}

/// All that differs: a line for each object, and one for each of its values.
pub fn changes(all: &[Change], tense: Tense, hidden: &Hidden) -> String {
    let mut text = String::new();
    for change in all {
        let (sign, told) = match (change.fate, tense) {
            (Fate::Made, Tense::Would) => ('+', ""),
            (Fate::Made, Tense::Is) => ('+', " is missing"),
            (Fate::Changed, Tense::Would) => ('~', ""),
            (Fate::Changed, Tense::Is) => ('~', " differs"),
            (Fate::Gone, Tense::Would) => ('-', ""),
            (Fate::Gone, Tense::Is) => ('-', " is there"),
        };
        let _ = writeln!(text, "  {sign} {} '{}'{told}", change.kind, change.name);
        for line in &change.lines {
            let _ = writeln!(text, "      {}", difference(line, change.fate, hidden));
        }
    }
    text.trim_end().to_owned()
}

fn difference(line: &Difference, fate: Fate, hidden: &Hidden) -> String {
    let path = &line.path;
    let show = |value| hidden.show(path, value);
    match (&line.before, &line.after) {
        (Some(before), Some(after)) => format!("~ {path}: {} -> {}", show(before), show(after)),
        (None, Some(after)) if fate == Fate::Made => format!("{path}: {}", show(after)),
        (None, Some(after)) => format!("+ {path}: {}", show(after)),
        (Some(before), None) => format!("- {path}: {}", show(before)),
        (None, None) => format!("~ {path}"),
    }
}

/// How much it is, in one line.
pub fn sum(all: &[Change], tense: Tense) -> String {
    let count = |fate| all.iter().filter(|change| change.fate == fate).count();
    let (made, changed, gone) = (count(Fate::Made), count(Fate::Changed), count(Fate::Gone));
    match (all.is_empty(), tense) {
        (true, _) => "No changes: the server is as the files say.".to_owned(),
        (false, Tense::Would) => format!("{made} to make, {changed} to change, {gone} to remove."),
        (false, Tense::Is) => format!("{made} missing, {changed} different, {gone} too many."),
    }
}
