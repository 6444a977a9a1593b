//! What files may be and say.

use std::fs;
use std::path::Path;

use crate::workspace::{root, tracked_files};

/// Lines a source file may have: what one can hold in mind.
const LINES: usize = 500;

/// Longer files, how long, and why they are better whole. The reason is part of the rule.
const LONGER: [(&str, usize, &str); 0] = [];

/// Texts that others wrote, or that machines keep.
const NOT_OURS: [&str; 4] = [
    "Cargo.lock",
    "LICENSE",
    "oracle/goldens/",
    "oracle/scenarios/",
];
/// This file shows what must not be written.
const THIS_FILE: &str = "xtask/src/rules/files.rs";

/// Path and text of each source.
pub(super) fn sources() -> Vec<(String, String)> {
    let files = tracked_files().unwrap();
    let sources: Vec<_> = files
        .into_iter()
        .filter(|path| Path::new(path).extension().is_some_and(|end| end == "rs"))
        .map(with_text)
        .collect();
    assert!(sources.len() > 20, "git names too few files to check");
    sources
}

fn with_text(path: String) -> (String, String) {
    let bytes = fs::read(root().join(&path)).unwrap();
    // A picture has no text, and its bytes look like anything.
    (path, String::from_utf8(bytes).unwrap_or_default())
}

/// Fails with all problems at once, one a line.
#[track_caller]
pub(super) fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn files_are_short() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        let longer = LONGER.iter().find(|(longer, _, _)| *longer == path);
        let limit = longer.map_or(LINES, |(_, limit, _)| *limit);
        if lines > limit {
            problems.push(format!(
                "{path} has {lines} lines, {limit} are allowed: split it by noun or verb"
            ));
        }
        if longer.is_some() && lines <= LINES {
            problems.push(format!("{path} is short again: take it off the list"));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_file_says_what_it_is() {
    let begins_with_words = |text: &str| text.lines().any(|line| line.starts_with("//!"));
    // The tests of a file say what they are by their place.
    let is_tests = |path: &str| path.ends_with("/tests.rs");
    let silent = sources()
        .into_iter()
        .filter(|(path, text)| !is_tests(path) && !begins_with_words(text));
    let problems: Vec<String> = silent
        .map(|(path, _)| format!("{path} does not begin with `//!`"))
        .collect();
    assert_none(&problems);
}

#[test]
fn paths_named_in_the_pages_exist() {
    let mut problems = Vec::new();
    for page in [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "README.md",
        "docs/adding-an-endpoint.md",
    ] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let paths = named_paths(&text);
        assert!(!paths.is_empty(), "{page} names no path");
        let gone = paths.into_iter().filter(|path| !root().join(path).exists());
        problems.extend(gone.map(|path| format!("{page} names {path}, which does not exist")));
    }
    assert_none(&problems);
}

/// Each deviation from Keycloak is held by a test, named in the last column: a function, or a file of tests.
#[test]
fn every_deviation_has_its_test() {
    let text = fs::read_to_string(root().join("docs/deviations.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    let sources = sources();
    let exists = |name: &str| {
        let function = format!("fn {name}(");
        sources
            .iter()
            .any(|(path, text)| path.ends_with(&format!("/{name}")) || text.contains(&function))
    };
    let mut problems = Vec::new();
    for row in rows {
        let named: Vec<&str> = row
            .rsplit('|')
            .nth(1)
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        if named.is_empty() {
            problems.push(format!("no test is named: {row}"));
        }
        problems.extend(
            named
                .iter()
                .filter(|name| !exists(name))
                .map(|name| format!("there is no test {name}")),
        );
    }
    assert_none(&problems);
}

/// The paths between backticks: what has a slash inside and a first part that looks like one of our folders, or an
/// ending that only files have. A function after `::` is cut off.
fn named_paths(text: &str) -> Vec<&str> {
    let mut outside_fences = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            outside_fences.extend(line.split('`').skip(1).step_by(2));
        }
    }
    outside_fences
        .into_iter()
        .map(|quoted| quoted.split("::").next().unwrap_or(quoted))
        .filter(|quoted| !quoted.contains(|c: char| c.is_whitespace() || "{}*…<>:=?".contains(c)))
        .filter(|quoted| !quoted.starts_with(['/', '.']) && !quoted.starts_with("target/"))
        .filter(|quoted| {
            let is_file = [".rs", ".md", ".toml", ".sql", ".yaml", ".txt"]
                .iter()
                .any(|end| quoted.ends_with(end));
            is_file || quoted.contains('/')
        })
        .collect()
}

#[test]
fn paths_are_found_between_backticks() {
    let text = "see `engine/src/logout.rs::end_session` and `docs/`,\n`/realms/x`, `a b/c`, `word`, `x/{id}`\n\
                ```\n`no/path.rs`\n```\n`README.md`";
    assert_eq!(
        named_paths(text),
        ["engine/src/logout.rs", "docs/", "README.md"]
    );
}

/// The folders of this machine: a reader elsewhere could do nothing with them.
fn folders_of_this_machine() -> Vec<String> {
    let root = root();
    let around = root.parent().map(|folder| folder.display().to_string());
    let home = std::env::var("HOME").ok();
    let folders = around
        .into_iter()
        .chain(home)
        .map(|folder| format!("{}/", folder.trim_end_matches('/')));
    // A checkout at the root of the file system, or below the folder for temporary files, tells nothing.
    folders
        .filter(|folder| folder.len() > 1 && folder != "/tmp/")
        .collect()
}

/// First parts of the host names from which packages are downloaded. Which registry somebody uses is their own business.
const REGISTRIES: [&str; 8] = [
    "crates", "deb", "files", "index", "proxy", "pypi", "registry", "static",
];

/// Whether a line has the address of a registry.
fn names_registry(line: &str) -> bool {
    let hosts = line
        .split("://")
        .skip(1)
        .filter_map(|rest| rest.split('.').next());
    hosts.into_iter().any(|host| REGISTRIES.contains(&host))
}

/// The lines that we wrote and that offend, with where they are.
fn offending(offends: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for path in tracked_files().unwrap() {
        if path == THIS_FILE || NOT_OURS.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        let (path, text) = with_text(path);
        let lines = text.lines().enumerate().filter(|(_, line)| offends(line));
        problems.extend(lines.map(|(number, line)| format!("{path}:{}: {line}", number + 1)));
    }
    problems
}

#[test]
fn texts_name_no_machine_and_no_registry() {
    let folders = folders_of_this_machine();
    let names_folder = |line: &str| folders.iter().any(|folder| names(line, folder));
    assert_none(&offending(|line| {
        names_folder(line) || names_registry(line)
    }));
}

#[test]
fn foreign_names_are_recognized() {
    assert!(names("see /ours/file", "/ours/") && names("\"/ours/x\"", "/ours/"));
    assert!(!names("a/ours/file", "/ours/") && !names("/oursnot/", "/ours/"));
    assert!(
        names_registry("get https://registry.example.org/x")
            && names_registry("(http://index.example/)")
    );
    assert!(
        !names_registry("https://docs.rs/registry.x") && !names_registry("registry.example.org")
    );
}

/// Whether a line has those words, and not as the end of a longer name.
fn names(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.}".contains(c))
    })
}

#[test]
fn texts_name_no_ticket() {
    assert_none(&offending(names_ticket));
}

/// `issue 12`, `issue #12`, `issues/12`, `(#12)`, `fixes #12`: a number of somebody's list.
fn names_ticket(line: &str) -> bool {
    let lower = line.to_lowercase();
    let starts_with_number = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let after = |word: &str| {
        lower
            .match_indices(word)
            .any(|(at, _)| lower.get(at + word.len()..).is_some_and(starts_with_number))
    };
    [
        "issue ",
        "issue #",
        "issues ",
        "issues/",
        "ticket ",
        "ticket #",
        "(#",
        "fixes #",
        "closes #",
        "pull request #",
    ]
    .iter()
    .any(|word| after(word))
}

#[test]
fn tickets_are_recognized() {
    for line in ["see Issue 12", "x/issues/4", "Do it (#7)", "fixes #1"] {
        assert!(names_ticket(line), "{line}");
    }
    for line in [
        "issues tokens",
        "issued 12 tokens",
        "colour #123456",
        "r#\"text\"#",
        "issue: the",
    ] {
        assert!(!names_ticket(line), "{line}");
    }
}
