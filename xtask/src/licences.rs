//! What dependencies may be: of a permissive licence, from the one registry, and none of those we do without.
//!
//! The rules stand in `deny.toml`, where `cargo deny` reads them too; this check needs nothing installed. It does not
//! know of advisories.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::product::read;
use crate::report::Counts;
use crate::spdx;
use crate::workspace::metadata;

/// The rules, as far as this check applies them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    /// Licences, as SPDX names.
    licences: Vec<String>,
    /// Licences permitted to single packages.
    exceptions: BTreeMap<String, Vec<String>>,
    /// Packages that must not be there.
    banned: Vec<String>,
}

/// A package of the graph.
struct Package<'a> {
    name: &'a str,
    licence: Option<&'a str>,
    source: Option<&'a str>,
}

/// The step of `cargo xtask test`.
pub fn step() -> Result<Counts> {
    let rules = Rules::read(&read("deny.toml")?)?;
    let metadata = metadata(true)?;
    let packages = metadata
        .get("packages")
        .and_then(Value::as_array)
        .context("no packages")?;
    let text = |package: &'_ Value, name: &str| {
        package.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let mut problems = Vec::new();
    for package in packages {
        let (name, licence) = (
            text(package, "name").unwrap_or_default(),
            text(package, "license"),
        );
        let source = text(package, "source");
        let package = Package {
            name: &name,
            licence: licence.as_deref(),
            source: source.as_deref(),
        };
        problems.extend(rules.problems(&package));
    }
    for problem in &problems {
        println!("{problem}");
    }
    println!("{} packages, {} problems", packages.len(), problems.len());
    Ok(Counts::of(problems.is_empty()))
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

    fn problems(&self, package: &Package<'_>) -> Option<String> {
        let Package {
            name,
            licence,
            source,
        } = package;
        if self.banned.iter().any(|banned| banned == name) {
            return Some(format!("{name}: is banned by deny.toml"));
        }
        if !source.is_none_or(|source| {
            source.starts_with("registry+") && source.ends_with("/crates.io-index")
        }) {
            return Some(format!(
                "{name}: does not come from the registry: {}",
                source.unwrap_or_default()
            ));
        }
        let Some(licence) = licence else {
            return Some(format!("{name}: names no licence"));
        };
        let mut allowed = self.licences.clone();
        allowed.extend(self.exceptions.get(*name).into_iter().flatten().cloned());
        match spdx::permitted(licence, &allowed) {
            Some(true) => None,
            Some(false) => Some(format!("{name}: {licence} is not permitted by deny.toml")),
            None => Some(format!("{name}: {licence:?} cannot be read")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[bans]
multiple-versions = "warn"
deny = [
  { crate = "openssl", reason = "one crypto stack" }, # why
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
        assert_eq!(rules.exceptions["odd"], ["Zlib"]);
        assert!(Rules::read("[licenses]\nallow = []\n").is_err());
        assert!(Rules::read(&read("deny.toml").unwrap()).is_ok());
    }

    #[test]
    fn packages_are_judged() {
        let rules = Rules::read(TEXT).unwrap();
        let registry = Some("registry+https://example.org/crates.io-index");
        for (name, licence, source, expected) in [
            ("fine", Some("MIT"), registry, None),
            ("ours", Some("MIT"), None, None),
            ("odd", Some("Zlib AND MIT"), registry, None),
            (
                "other",
                Some("Zlib"),
                registry,
                Some("other: Zlib is not permitted by deny.toml"),
            ),
            ("none", None, registry, Some("none: names no licence")),
            (
                "openssl",
                Some("MIT"),
                registry,
                Some("openssl: is banned by deny.toml"),
            ),
            (
                "git",
                Some("MIT"),
                Some("git+x"),
                Some("git: does not come from the registry: git+x"),
            ),
            (
                "odd",
                Some("Zlib,MIT"),
                registry,
                Some("odd: \"Zlib,MIT\" cannot be read"),
            ),
        ] {
            let found = rules.problems(&Package {
                name,
                licence,
                source,
            });
            assert_eq!(found.as_deref(), expected);
        }
    }
}
