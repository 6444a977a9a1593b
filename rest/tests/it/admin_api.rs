//! The whole Admin API, endpoint by endpoint: the table beside this file lists what Keycloak has, and
//! `docs/admin-api.md` is written from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const KEYCLOAK: &str = include_str!("admin_api/keycloak.tsv");
const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admin-api.md");

/// Endpoints below `/admin` that answer browsers before anybody has signed in, or by other rules than
/// those of the table of endpoints; their own tests are in `whoami.rs`, and in the tests of the pages.
const ELSEWHERE: [&str; 7] = [
    "/admin",
    "/admin/index.{html}",
    "/admin/{realm}/console",
    "/admin/{realm}/console/{indexhtml}",
    "/admin/{realm}/console/logout",
    "/admin/{realm}/console/messages.json",
    "/admin/{realm}/console/whoami",
];

/// Features that are off, as a server tells that does not have them: by which feature, and what is
/// answered.
const OFF: [(&str, &str); 5] = [
    ("client-admin-api-v2", "404, as at Keycloak by default"),
    ("client-types", "501, as at Keycloak by default"),
    ("oid4vc-vci", "400, as at Keycloak by default"),
    (
        "ssf",
        "404, as at Keycloak by default; streams are configured by attributes of clients (`docs/logout.md`)",
    ),
    ("workflows", "501: Keycloak has them on by default"),
];

/// What is not served yet, by the beginnings of paths below a realm.
const NOT_YET: &[(&str, &str)] = &[
    ("clients/{}/authz", "authorization services"),
    ("testSMTPConnection", "mails"),
];

struct Row {
    method: &'static str,
    path: &'static str,
    feature: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = KEYCLOAK.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut cells = line.split('\t');
        let mut next = || cells.next().unwrap_or_default();
        Row {
            method: next(),
            path: next(),
            feature: next(),
        }
    })
}

/// A path with braces that hold nothing: what varies has other names at others.
fn bare(path: &str) -> String {
    let mut bare = String::new();
    let mut within = false;
    for letter in path.trim_end_matches('/').chars() {
        if letter == '}' {
            within = false;
        }
        if !within {
            bare.push(letter);
        }
        within |= letter == '{';
    }
    bare
}

/// What is served, with bare paths.
fn served() -> BTreeSet<(String, String)> {
    let endpoints = claviger_rest::endpoints().into_iter();
    endpoints
        .map(|(method, path)| (method.to_string(), bare(path)))
        .collect()
}

fn is_off(row: &Row) -> bool {
    OFF.iter().any(|(feature, _)| *feature == row.feature)
}

/// Every endpoint that Keycloak has by default is served; what is not is named, and nothing else.
#[test]
fn every_endpoint_of_keycloak_is_served() {
    let served = served();
    let mut missing = Vec::new();
    let mut count = 0;
    for row in rows() {
        count += 1;
        let path = bare(row.path);
        let is_served = served.contains(&(row.method.to_owned(), path.clone()));
        let below = path.strip_prefix("/admin/realms/{}/").unwrap_or_default();
        let named = NOT_YET.iter().any(|(begin, _)| below.starts_with(begin));
        if !is_served && !named && !is_off(&row) && !ELSEWHERE.contains(&row.path) {
            missing.push(format!("{} {}", row.method, row.path));
        }
    }
    assert!(count > 500, "{count} endpoints are listed");
    assert!(missing.is_empty(), "not served:\n{}", missing.join("\n"));
}

#[test]
fn what_varies_has_no_name_in_bare_paths() {
    assert_eq!(
        bare("/admin/realms/{realm}/users/{*rest}/"),
        "/admin/realms/{}/users/{}"
    );
}

/// The noun that an endpoint is about.
fn noun(path: &str) -> &str {
    let below = path.strip_prefix("/admin/realms/{realm}/");
    let noun = below.and_then(|below| below.split('/').next());
    noun.filter(|noun| !noun.starts_with('{'))
        .unwrap_or(match path {
            _ if path.starts_with("/admin/realms") => "realms",
            _ if path.contains("/console") || path.starts_with("/admin/index") => "console",
            _ if path.starts_with("/admin/api") => "api (version 2)",
            _ => "admin",
        })
}

/// `CLAVIGER_WRITE_BOOKS=1` writes it.
#[test]
fn the_book_of_the_api_is_true() {
    let mut nouns: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for row in rows() {
        let (count, off) = nouns.entry(noun(row.path)).or_default();
        *count += 1;
        if is_off(&row) {
            off.insert(row.feature);
        }
    }
    let mut book = "# The Admin API: what is there\n\n\
        The endpoints of Keycloak's Admin API are served here under the same paths: a test walks a list of all of them\n\
        (`rest/tests/it/admin_api/keycloak.tsv`). Who may call what is in [Who may call what](admin-rights.md), what each asks,\n\
        takes and gives in the [description for programs](admin-api-description.md). This page is written by\n\
        `CLAVIGER_WRITE_BOOKS=1 cargo test -p claviger-rest the_book_of_the_api`.\n\n\
        ## Features that are off\n\n\
        | feature | what its endpoints answer |\n|---|---|\n"
        .to_owned();
    for (feature, answer) in OFF {
        let _ = writeln!(book, "| `{feature}` | {answer} |");
    }
    book.push_str("\n## What is not served yet\n\n");
    if NOT_YET.is_empty() {
        book.push_str("Nothing: every other endpoint is there.\n");
    } else {
        book.push_str("| paths below a realm | what for |\n|---|---|\n");
    }
    for (path, what) in NOT_YET {
        let _ = writeln!(book, "| `{path}` | {what} |");
    }
    book.push_str("\n## How many there are\n\n| about | endpoints | of features that are off |\n|---|---|---|\n");
    for (noun, (count, off)) in nouns {
        let off: Vec<&str> = off.into_iter().collect();
        let _ = writeln!(book, "| {noun} | {count} | {} |", off.join(", "));
    }
    if std::env::var_os("CLAVIGER_WRITE_BOOKS").is_some() {
        std::fs::write(BOOK, &book).unwrap();
    }
    assert_eq!(std::fs::read_to_string(BOOK).unwrap_or_default(), book);
}
