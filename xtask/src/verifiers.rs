//! What builds the sample programs of `verifiers/`, for `cargo xtask clients`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::python;
use crate::workspace::{cargo, root, target};

/// What Maven builds, as `clients/pom.xml` calls it.
pub const MAVEN_PROJECT: &str = "../verifiers/java";

/// Whether a name is that of a verifier: its folder's.
pub fn is_one(name: &str) -> bool {
    root().join("verifiers").join(name).is_dir()
}

/// The commands that build them below a folder, with the name of each. They may run at once.
pub fn programs(output: &Path) -> Vec<(&'static str, Command)> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--silent", "--ignore-scripts"])
        .current_dir(root().join("verifiers/node"));
    let mut build_go = go(&["build", "-o"]);
    build_go.arg(output.join("verifiers/go")).arg("./api");
    vec![
        ("node", npm),
        ("go", build_go),
        (
            "rust",
            rust(&["build", "--quiet", "--locked", "--example", "api"]),
        ),
    ]
}

/// The same, and what looks at them in their languages' ways.
pub fn builds(output: &Path) -> Vec<Command> {
    let programs = programs(output).into_iter();
    let looks = [go(&["vet", "./..."]), go(&["test", "./..."])];
    programs.map(|(_, command)| command).chain(looks).collect()
}

fn go(arguments: &[&str]) -> Command {
    let mut command = Command::new("go");
    let folder = root().join("verifiers/go");
    command.args(arguments).current_dir(folder);
    command
}

/// Cargo at the Rust verifier, which is a workspace of its own, and shares with the product what it depends on.
pub fn rust(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command
        .current_dir(root().join("verifiers/rust"))
        .env("CARGO_TARGET_DIR", target());
    command
}

/// Makes the environment of the one in Python.
pub fn python() -> Result<()> {
    let requirements = "verifiers/python/requirements.txt";
    python::environment("clients/verifiers/python", requirements).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::product::read;

    /// One that is not tried is not to be trusted, and one that no page tells of is of no use to anybody.
    #[test]
    fn every_verifier_is_tried_and_has_its_recipe() {
        let expected = [
            ("clients/walk/verifiers.mjs", "{ name: '", "'"),
            ("verifiers/README.md", "(", "/README.md)"),
            ("docs/logout.md", "(../verifiers/", "/README.md)"),
        ];
        for entry in fs::read_dir(root().join("verifiers")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !is_one(&name) {
                continue;
            }
            for (page, before, after) in expected {
                let link = format!("{before}{name}{after}");
                assert!(read(page).unwrap().contains(&link), "{page}: {link}");
            }
        }
    }
}
