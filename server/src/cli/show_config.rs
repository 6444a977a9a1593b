//! `show-config`: what is configured, and by whom. Secrets are masked.

use crate::settings::known::{Class, Known, Table};
use crate::settings::raw::RawOptions;

/// What stands in place of a secret.
const MASK: &str = "*******";

/// Prints every option that somebody gave; with `all`, those with a default as well.
pub fn run(raw: &RawOptions, table: &Table, all: bool) {
    print!("{}", text(raw, table, all));
}

/// Option by option, in the form of Keycloak; one heading after the other.
fn text(raw: &RawOptions, table: &Table, all: bool) -> String {
    let mut text = String::from("Current Configuration:\n");
    for group in Table::groups() {
        let mut lines = given(raw, table, group);
        if all {
            lines.extend(defaults(raw, table, group));
        }
        lines.sort();
        if !lines.is_empty() {
            text.extend(["  ", group, "\n"]);
        }
        for line in lines {
            text.push_str(&line);
        }
    }
    text
}

fn given(raw: &RawOptions, table: &Table, group: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, given) in raw.iter() {
        let Some(known) = table.find(name).filter(|known| known.group == group) else {
            continue;
        };
        let value = if known.secret {
            MASK
        } else {
            given.value.reveal()
        };
        lines.push(line(name, value, &given.origin.to_string(), known));
    }
    lines
}

/// What holds because nobody says otherwise.
fn defaults(raw: &RawOptions, table: &Table, group: &str) -> Vec<String> {
    let rows = table.rows().iter().filter(|row| row.group == group);
    rows.filter(|row| row.class == Class::Honoured && row.wildcard().is_none())
        .filter(|row| !row.default.is_empty() && raw.get(row.name).is_none())
        .map(|row| {
            let value = if row.secret { MASK } else { row.default };
            line(row.name, value, "default", row)
        })
        .collect()
}

fn line(name: &str, value: &str, origin: &str, known: &Known) -> String {
    let note = match known.class {
        Class::Honoured => "",
        Class::Ignored => " [no effect here]",
        Class::Refused => " [refused]",
        Class::Replaced => " [deprecated]",
    };
    // Whatever was given stays on its line.
    let value = value.replace(char::is_control, "\u{fffd}");
    format!("\tkc.{name} =  {value} ({origin}){note}\n")
}
