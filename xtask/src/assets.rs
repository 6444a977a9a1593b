//! `cargo xtask assets`: what the pages speak besides our own English, fetched before a build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::children;
use crate::packages::{Need, find};
use crate::report::Counts;
use crate::scratch::Scratch;
use crate::workspace::root;

pub const HELP: &str = "
usage: cargo xtask assets

Fetches the message files of Keycloak 26.7.4 with Maven (2.3 MB: the artifact org.keycloak:keycloak-themes, Apache
License 2.0), checks its SHA-256, and puts it into pages/fetched/, where the build takes the texts of the pages from, in
41 languages. What is there already is not fetched again. `cargo xtask start` and `cargo xtask test` do this by
themselves; a server built without speaks English of our own.";

/// What fetches the artifact.
pub const MAVEN: Need = Need {
    name: "Maven",
    packages: &["maven"],
    present: || find("mvn").is_some(),
};

const ARTIFACT: &str = "org.keycloak:keycloak-themes:26.7.4";
const FILE: &str = "keycloak-themes-26.7.4.jar";
/// The build checks it once more.
const SHA_256: &str = "c46ec4ed451bfecbf6428f7f8656768dabd9cd93f30dd3783781fa4cc18b670f";
/// The goal that copies an artifact into a folder.
const GOAL: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// The task.
pub fn run(arguments: &[String]) -> Result<bool> {
    if !arguments.is_empty() {
        bail!("assets takes no arguments");
    }
    if !is_there() {
        fetch()?;
    }
    println!("{}", file().display());
    Ok(true)
}

/// The step of `cargo xtask test`.
pub fn step() -> Result<Counts> {
    fetch()?;
    Ok(Counts::of(true))
}

/// Before a build of the server: fetches what is missing, and says what the server will lack where
/// that cannot be.
pub fn want() {
    if is_there() {
        return;
    }
    println!("fetching the texts of the pages, once");
    if let Err(error) = fetch() {
        println!("the pages will speak English of our own alone: {error:#}");
    }
}

fn file() -> PathBuf {
    root().join("pages/fetched").join(FILE)
}

/// Whether the right file is there.
pub fn is_there() -> bool {
    fs::read(file()).is_ok_and(|bytes| is_right(&bytes))
}

fn is_right(bytes: &[u8]) -> bool {
    let digest = Sha256::digest(bytes);
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.concat() == SHA_256
}

fn fetch() -> Result<()> {
    let Some(maven) = find("mvn") else {
        bail!("Maven (mvn) is not installed");
    };
    let scratch = Scratch::new("assets")?;
    let mut command = Command::new(maven);
    command
        .args(["--batch-mode", "--quiet", GOAL])
        .arg(format!("-Dartifact={ARTIFACT}"))
        .arg(format!("-DoutputDirectory={}", scratch.path().display()))
        .current_dir(scratch.path());
    let status = children::run(&mut command)?;
    if !status.success() {
        bail!("mvn {GOAL}: {}", children::describe(status));
    }
    put(&scratch.path().join(FILE), &file())
}

/// Takes a file over if it is the right one, all or nothing.
fn put(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if !is_right(&bytes) {
        bail!("{ARTIFACT} is not what it was: its SHA-256 is not {SHA_256}");
    }
    let half = to.with_extension("half");
    fs::write(&half, bytes).with_context(|| format!("cannot write {}", half.display()))?;
    fs::rename(&half, to).with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_file_is_taken_over() {
        let scratch = Scratch::new("assets-test").unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::write(&from, "something else").unwrap();
        assert!(put(&from, &to).is_err());
        assert!(!to.exists());
        let build = fs::read_to_string(root().join("pages/build.rs")).unwrap();
        assert!(build.contains(SHA_256) && build.contains(FILE));
    }
}
