//! What dependencies may be: of a permissive licence, from the one registry, and none of those we do without.
//!
//! The rules stand in `deny.toml`, where `cargo deny` reads them too; this check needs nothing installed. It does not
//! know of advisories.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};

use crate::product::read;
use crate::rules::spdx;
use crate::workspace::{ask_cargo, root};

/// The rules, as far as this check applies them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    /// Licences, as SPDX names.
    licences: Vec<String>,
    /// Licences permitted to single packages.
    exceptions: BTreeMap<String, Vec<String>>,
    /// Packages that must not be there.
    banned: Vec<String>,
    /// Packages of which there must not be two: two stacks for TLS, two copies of SQLite.
    single: Vec<String>,
}

/// What matters of a package that is built on Linux, be it for a test only.
#[derive(Clone, Copy)]
struct Package<'a> {
    name: &'a str,
    /// Empty if it names none.
    licence: &'a str,
    /// Where it comes from, if not from the registry: a folder or an address.
    origin: Option<&'a str>,
}

impl<'a> Package<'a> {
    /// Reads a line `name version (proc-macro) (origin)|licence (*)`, of which all in parentheses may be missing.
    fn read(line: &'a str) -> Option<Self> {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        let origins = package
            .split('(')
            .skip(1)
            .map(|part| part.trim_end().trim_end_matches(')'));
        Some(Self {
            name: package.split(' ').next()?,
            licence,
            origin: origins.filter(|origin| *origin != "proc-macro").last(),
        })
    }
}

impl Rules {
    /// Reads the few arrays that matter here; every other line is `cargo deny`'s own.
    fn read(text: &str) -> Result<Self> {
        let mut rules = Self::default();
        let (mut section, mut array) = ("", "");
        for line in text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
        {
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                && array.is_empty()
            {
                section = name;
                continue;
            }
            let mut values = line;
            if array.is_empty()
                && let Some((name, rest)) = line.split_once('=')
                && rest.trim().starts_with('[')
            {
                array = name.trim();
                values = rest;
            }
            let strings: Vec<String> = values
                .split('"')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            match (section, array) {
                ("licenses", "allow") => rules.licences.extend(strings),
                ("licenses", "exceptions") => {
                    if let [name, allowed @ ..] = strings.as_slice() {
                        rules.exceptions.insert(name.clone(), allowed.to_vec());
                    }
                }
                ("bans", "deny") if values.contains("deny-multiple-versions = true") => {
                    rules.single.extend(strings.into_iter().next());
                }
                ("bans", "deny") => rules.banned.extend(strings.into_iter().next()),
                _ => {}
            }
            if values.ends_with(']') {
                array = "";
            }
        }
        if rules.licences.is_empty() || rules.banned.is_empty() {
            bail!("deny.toml permits no licence or bans no package: it is read wrongly");
        }
        Ok(rules)
    }

    /// What there is twice of what there must be one of; `packages` begin with name and version.
    fn doubles<'a>(&self, packages: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for package in packages {
            let mut words = package.split([' ', '|']);
            if let (Some(name), Some(version)) = (words.next(), words.next()) {
                versions.entry(name).or_default().insert(version);
            }
        }
        let several = versions.into_iter().filter(|(_, found)| found.len() > 1);
        several
            .filter(|(name, _)| self.single.iter().any(|single| single == name))
            .map(|(name, found)| {
                let found: Vec<&str> = found.into_iter().collect();
                format!("{name}: {} at once", found.join(" and "))
            })
            .collect()
    }

    fn problem(&self, package: &Package<'_>) -> Option<String> {
        let Package {
            name,
            licence,
            origin,
        } = *package;
        if self.banned.iter().any(|banned| banned == name) {
            return Some(format!("{name}: is banned by deny.toml"));
        }
        if let Some(origin) = origin.filter(|origin| !Path::new(origin).starts_with(root())) {
            return Some(format!("{name}: does not come from the registry: {origin}"));
        }
        if licence.is_empty() {
            return Some(format!("{name}: names no licence"));
        }
        let mut allowed = self.licences.clone();
        allowed.extend(self.exceptions.get(name).into_iter().flatten().cloned());
        match spdx::permitted(licence, &allowed) {
            Some(true) => None,
            Some(false) => Some(format!("{name}: {licence} is not permitted by deny.toml")),
            None => Some(format!("{name}: {licence:?} cannot be read")),
        }
    }
}

#[test]
fn dependencies_are_permitted() {
    let rules = Rules::read(&read("deny.toml").unwrap()).unwrap();
    let question = [
        "tree",
        "--workspace",
        "--locked",
        "--edges=normal,build,dev",
        "--prefix=none",
        "--format={p}|{l}",
        "--target=x86_64-unknown-linux-gnu",
    ];
    let mut problems = Vec::new();
    // What we give away to be built into others' programs is held to the same.
    for manifest in ["Cargo.toml", "verifiers/rust/Cargo.toml"] {
        let named = ["--manifest-path", manifest];
        let tree = ask_cargo(&[&question[..], &named].concat()).unwrap();
        let packages: BTreeSet<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
        assert!(packages.len() > 50, "cargo names too few packages to check");
        problems.extend(rules.doubles(packages.iter().copied()));
        let judged = packages
            .into_iter()
            .filter_map(|line| rules.problem(&Package::read(line).unwrap()));
        problems.extend(judged);
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

const TEXT: &str = r#"
[bans]
multiple-versions = "warn"
deny = [
  { crate = "openssl", reason = "one crypto stack" }, # why
  { crate = "rustls", deny-multiple-versions = true, reason = "one TLS" },
]
[licenses]
allow = ["MIT",
  "ISC", # short
]
exceptions = [{ crate = "odd", allow = ["Zlib"] }]
[sources]
unknown-git = "deny"
"#;

#[test]
fn the_rules_are_read() {
    let rules = Rules::read(TEXT).unwrap();
    assert_eq!(rules.licences, ["MIT", "ISC"]);
    assert_eq!(rules.banned, ["openssl"]);
    assert_eq!(rules.single, ["rustls"]);
    let tree = [
        "rustls v0.23.1|MIT",
        "rustls v0.22.0 (*)|MIT",
        "a v1.0.0|MIT",
        "a v2.0.0|MIT",
    ];
    assert_eq!(
        rules.doubles(tree.into_iter()),
        ["rustls: v0.22.0 and v0.23.1 at once"]
    );
    assert!(rules.doubles(tree.into_iter().skip(1)).is_empty());
    assert_eq!(rules.exceptions["odd"], ["Zlib"]);
    assert!(Rules::read("[licenses]\nallow = []\n").is_err());
    assert!(Rules::read(&read("deny.toml").unwrap()).is_ok());
}

#[test]
fn packages_are_judged() {
    let rules = Rules::read(TEXT).unwrap();
    let ours = format!("ours v0.1.0 ({})|MIT", root().join("model").display());
    for (line, expected) in [
        ("fine v1.0.0|MIT", None),
        ("macros v1.0.0 (proc-macro)|MIT (*)", None),
        (&ours, None),
        ("odd v1.0.0|Zlib AND MIT", None),
        (
            "other v1.0.0|Zlib",
            Some("other: Zlib is not permitted by deny.toml"),
        ),
        ("none v1.0.0|", Some("none: names no licence")),
        (
            "openssl v1.0.0|MIT",
            Some("openssl: is banned by deny.toml"),
        ),
        (
            "git v1.0.0 (https://x)|MIT",
            Some("git: does not come from the registry: https://x"),
        ),
        (
            "near v1.0.0 (/elsewhere)|MIT",
            Some("near: does not come from the registry: /elsewhere"),
        ),
        (
            "odd v1.0.0|Zlib,MIT",
            Some("odd: \"Zlib,MIT\" cannot be read"),
        ),
    ] {
        assert_eq!(
            rules.problem(&Package::read(line).unwrap()).as_deref(),
            expected,
            "{line}"
        );
    }
}
