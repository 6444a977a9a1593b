//! Who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::workspace::ask_cargo;

/// Crates of the workspace, and those of it that each may use in its product code. Arrows go down only.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("model", &[]),
    ("wire", &["model"]),
    ("crypto", &["model"]),
    ("store", &["model", "wire"]),
    ("engine", &["model", "wire", "crypto", "store"]),
    ("outbound", &["model", "wire", "crypto", "store", "engine"]),
    ("pages", &["model", "wire", "engine"]),
    ("surface", &["model", "wire", "engine", "pages"]),
    (
        "oidc",
        &["model", "wire", "crypto", "store", "engine", "surface"],
    ),
    (
        "rest",
        &["model", "wire", "crypto", "store", "engine", "surface"],
    ),
    (
        "web",
        &[
            "model", "wire", "crypto", "store", "engine", "surface", "pages",
        ],
    ),
    ("remote", &["model", "wire"]),
    (
        "server",
        &[
            "model", "wire", "crypto", "store", "engine", "outbound", "pages", "surface", "oidc",
            "rest", "web", "remote",
        ],
    ),
    ("testkit", &["model", "wire", "crypto", "store", "engine"]),
    ("bench", &[]),
    ("xtask", &[]),
];

/// Libraries, and the only crates that may use them.
const ONLY: [(&[&str], &[&str]); 7] = [
    (
        &[
            "rusqlite",
            "libsqlite3-sys",
            "tokio-postgres",
            "tokio-postgres-rustls",
            "deadpool-postgres",
            "mysql_async",
            "sqlx",
        ],
        &["store"],
    ),
    (
        &["axum", "axum-extra", "tower-http"],
        &["surface", "oidc", "rest", "web", "server", "testkit"],
    ),
    (
        &["reqwest", "ldap3", "lettre", "hickory-resolver"],
        &["outbound"],
    ),
    (&["ureq"], &["bench"]),
    (
        &["aws-lc-rs", "argon2", "pbkdf2", "rcgen"],
        &["crypto", "bench"],
    ),
    // The few traits box their futures by hand.
    (&["async-trait"], &[]),
    (&["anyhow"], &["server", "bench", "xtask"]),
];

/// Crates with cargo features, and which. An optional part is a decision (docs/decisions).
const FEATURES: [(&str, &[&str]); 2] = [("engine", &["scripts"]), ("server", &["scripts"])];

struct Crate {
    uses: BTreeSet<String>,
    uses_in_tests: BTreeSet<String>,
    features: BTreeSet<String>,
}

fn crates() -> BTreeMap<String, Crate> {
    let metadata = ask_cargo(&["metadata", "--format-version=1", "--locked", "--no-deps"]).unwrap();
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let of_kind = |in_tests: bool| {
                let chosen = dependencies
                    .iter()
                    .filter(|found| (found["kind"] == "dev") == in_tests);
                chosen.map(|found| short(&name(found))).collect()
            };
            let features = package["features"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect();
            let found = Crate {
                uses: of_kind(false),
                uses_in_tests: of_kind(true),
                features,
            };
            (short(&name(package)), found)
        })
        .collect()
}

fn short(name: &str) -> String {
    name.strip_prefix("claviger-").unwrap_or(name).to_owned()
}

#[test]
fn every_crate_is_in_the_table() {
    let known: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    for name in crates().keys() {
        assert!(
            known.contains(&name.as_str()),
            "{name} is new: a decision page, and a line in MAY_USE"
        );
    }
}

#[test]
fn arrows_go_down_only() {
    let crates = crates();
    for (name, allowed) in MAY_USE {
        let Some(found) = crates.get(name) else {
            continue;
        };
        for used in found.uses.iter().filter(|used| crates.contains_key(*used)) {
            assert!(
                allowed.contains(&used.as_str()),
                "{name} must not depend on {used}"
            );
        }
    }
}

#[test]
fn tests_reach_no_further_than_the_testkit() {
    let crates = crates();
    for (name, allowed) in MAY_USE {
        let Some(found) = crates.get(name) else {
            continue;
        };
        for used in found
            .uses_in_tests
            .iter()
            .filter(|used| crates.contains_key(*used))
        {
            let fine = used == "testkit" || allowed.contains(&used.as_str());
            // An administrator's token comes from the token endpoint; whole flows need both surfaces.
            let whole = matches!(
                (name, used.as_str()),
                ("rest", "oidc") | ("testkit", "oidc" | "rest")
            );
            assert!(
                fine || whole,
                "the tests of {name} must not depend on {used}"
            );
        }
    }
}

#[test]
fn the_model_stands_alone() {
    let crates = crates();
    let model = &crates["model"];
    assert!(model.uses.is_empty(), "model depends on {:?}", model.uses);
}

#[test]
fn libraries_stay_where_they_belong() {
    for (name, found) in crates() {
        for (libraries, owners) in ONLY {
            for library in libraries
                .iter()
                .filter(|library| found.uses.contains(**library))
            {
                assert!(
                    owners.contains(&name.as_str()),
                    "{name} must not depend on {library}: only {owners:?}"
                );
            }
        }
    }
}

#[test]
fn features_are_the_named_ones() {
    for (name, found) in crates() {
        let allowed = FEATURES
            .iter()
            .find(|(of, _)| *of == name)
            .map_or(&[][..], |(_, features)| features);
        for feature in &found.features {
            assert!(
                allowed.contains(&feature.as_str()),
                "{name} has the feature {feature}"
            );
        }
    }
}

#[test]
fn nothing_depends_on_the_program() {
    for (name, found) in crates() {
        for program in ["server", "xtask", "bench"] {
            let uses = found.uses.contains(program) || found.uses_in_tests.contains(program);
            assert!(!uses, "{name} depends on {program}");
        }
    }
}
