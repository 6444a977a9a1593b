//! `docs/options.md`, out of the tables that the server reads its options by.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::workspace::root;

pub const HELP: &str = "
usage: cargo xtask options

Writes docs/options.md out of the tables in server/src/settings/.";

/// Where the page is, below the workspace's root.
const PAGE: &str = "docs/options.md";

/// What the page begins with.
const HEAD: &str = "\
# Options

Every option of Keycloak 26.7 is known here, by the same name, and is in one of three states: it **has its effect**; it is
accepted and has **no effect**, because what it is about is not there; or it is **refused**, because to go on without its effect
would be dangerous. The server says so when it starts; `claviger start --help-all` and `claviger show-config all` say it,
too. This page is written by `cargo xtask options`.

An option `http-port` is given as argument `--http-port=8080` or `--http-port 8080`, as variable `KC_HTTP_PORT`, or in
`conf/keycloak.conf` (another file with `--config-file` or `KC_CONFIG_FILE`) as `http-port=8080`. Arguments beat
`-Dkc.http-port=8080`, which beats variables, which beat the file, which beats the key store of `config-keystore`.
`${NAME}` and `${NAME:default}` in a value stand for variables and other options (`${kc.db-url-host}`); `$$` is a dollar sign;
a variable `KCRAW_HTTP_PORT` is taken literally. What must not be shown is marked with *secret*.
";

/// Writes the page.
pub fn run(_: &[String]) -> Result<bool> {
    fs::write(root().join(PAGE), page()?).with_context(|| format!("cannot write {PAGE}"))?;
    println!("{PAGE} is written");
    Ok(true)
}

/// A table beside the server's settings: cells by line, without the heading.
fn table(name: &str) -> Result<Vec<Vec<String>>> {
    let path = root().join("server/src/settings").join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect();
    Ok(text.lines().skip(1).map(cells).collect())
}

fn cell(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", String::as_str)
}

/// The second cell beside the longest pattern that fits.
fn longest<'a>(rows: &'a [Vec<String>], name: &str) -> &'a str {
    let fits = |row: &&Vec<String>| match cell(row, 0).split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => cell(row, 0) == name,
    };
    let longest = rows
        .iter()
        .filter(fits)
        .max_by_key(|row| cell(row, 0).len());
    longest.map_or("", |row| cell(row, 1))
}

/// The whole page.
fn page() -> Result<String> {
    let (options, groups, reasons) = (
        table("options.tsv")?,
        table("groups.tsv")?,
        table("reasons.tsv")?,
    );
    let mut page = HEAD.to_owned();
    let mut headings: Vec<&str> = Vec::new();
    for group in &groups {
        if !headings.contains(&cell(group, 1)) {
            headings.push(cell(group, 1));
        }
    }
    for heading in headings {
        let rows: Vec<&Vec<String>> = options
            .iter()
            .filter(|row| longest(&groups, cell(row, 0)) == heading)
            .collect();
        if rows.is_empty() {
            continue;
        }
        write!(
            page,
            "\n## {heading}\n\n| option | meaning | default | here |\n|---|---|---|---|\n"
        )?;
        for row in rows {
            option(&mut page, row, &reasons)?;
        }
    }
    page.push_str(
        "\n## Variables of older images\n\nThey count where the option itself is not given, and are \
         said to be deprecated.\n\n| variable | meaning | here |\n|---|---|---|\n",
    );
    for row in table("variables.tsv")? {
        let (name, class, option, about) =
            (cell(&row, 0), cell(&row, 1), cell(&row, 2), cell(&row, 3));
        let (about, here) = match (class, option) {
            ("on", "") => (about, "has its effect".to_owned()),
            ("on", option) => (about, format!("is read as `{option}`")),
            (_, _) => ("", format!("no effect: {about}")),
        };
        writeln!(page, "| `{name}` | {} | {} |", plain(about), plain(&here))?;
    }
    Ok(page)
}

fn option(page: &mut String, row: &[String], reasons: &[Vec<String>]) -> Result<()> {
    let (name, class, about) = (cell(row, 0), cell(row, 1), cell(row, 6));
    let (default, values) = (cell(row, 4), cell(row, 5));
    let mut meaning = plain(about);
    if cell(row, 3) == "secret" {
        meaning = format!("{meaning} (*secret*)");
    }
    if !values.is_empty() {
        let values: Vec<String> = values
            .split(',')
            .map(|value| format!("`{value}`"))
            .collect();
        meaning = format!("{meaning}: {}", values.join(", "));
    }
    let default = match default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let here = match class {
        "on" => "has its effect".to_owned(),
        "old" => "deprecated; turned into what replaced it".to_owned(),
        "no" => format!("**refused**: {}", longest(reasons, name)),
        _ => format!("no effect: {}", longest(reasons, name)),
    };
    writeln!(
        page,
        "| `{name}` | {meaning} | {default} | {} |",
        plain(&here)
    )?;
    Ok(())
}

/// Text that stays within its cell.
fn plain(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('*', "\\*")
        .replace("\\*\\*", "**")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_options_is_up_to_date() {
        let kept = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
        assert!(kept == page().unwrap(), "run cargo xtask options");
    }

    #[test]
    fn every_row_of_the_tables_is_used() {
        let options = table("options.tsv").unwrap();
        for name in ["groups.tsv", "reasons.tsv"] {
            let rows = table(name).unwrap();
            for row in &rows {
                let used = options.iter().any(|option| {
                    let due = name == "groups.tsv" || matches!(cell(option, 1), "off" | "no");
                    let one = std::slice::from_ref(row);
                    due && longest(one, cell(option, 0)) == cell(row, 1)
                });
                assert!(used, "{name}: {row:?}");
            }
        }
    }
}
